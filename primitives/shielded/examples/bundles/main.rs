//! Writes bundles, valid and damaged, with this crate's verdict on each: for other verifiers to agree with.
//!
//! `cargo run --release -p io-shielded --features prover --example bundles -- OUT ROUND SMALL LARGE`: twelve shapes with
//! rings of 16 and `SMALL` kinds of damage to each, and with rings of 1,024 and `LARGE` kinds of damage. `ROUND` is any
//! text; another text gives other bundles.

mod cases;

use std::{env, error::Error, fs};

use io_shielded::RingSize;
use serde_json::json;

fn main() -> Result<(), Box<dyn Error>> {
	let arguments: Vec<String> = env::args().skip(1).collect();
	let [out, round, small, large] = &arguments[..] else {
		return Err("arguments: OUT ROUND SMALL LARGE".into());
	};
	let mut all = cases::all(RingSize::N16, round, small.parse()?);
	let large: usize = large.parse()?;
	if large > 0 {
		all.extend(cases::all(RingSize::N1024, round, large));
	}
	let verdicts: usize =
		all.iter().map(|case| 1 + case["mutations"].as_array().map_or(0, Vec::len)).sum();
	fs::write(out, serde_json::to_string(&json!({ "format": 1, "cases": all }))?)?;
	println!("{verdicts} verdicts in {out}");
	Ok(())
}
