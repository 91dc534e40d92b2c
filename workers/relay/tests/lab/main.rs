//! The mesh in a small internet with NAT and firewall: `scripts/mesh-lab.sh test` lays it and runs this at the client's place.
//!
//! Run without the script (`cargo test`), everything is on loopback: the reduced form, which says so. Relays and the worker are
//! processes of their own in both.

#![allow(clippy::unwrap_used)]

mod chain;
mod job;
mod place;
mod proxy;
mod scenarios;
mod worker;

// What the tests inside one process need too.
#[path = "../it/support.rs"]
#[allow(dead_code)]
mod support;

use std::{process::ExitCode, time::Instant};

use place::Lab;

/// The first argument that makes this program the worker.
const WORKER: &str = "as-worker";
/// The first argument that makes this program a service of a worker's owner.
const SERVICE: &str = "as-service";
/// The first argument that makes this program a slow line.
const PROXY: &str = "as-proxy";

fn main() -> ExitCode {
	let mut arguments: Vec<String> = std::env::args().skip(1).collect();
	let runtime = tokio::runtime::Runtime::new().unwrap();
	match arguments.first().map(String::as_str) {
		Some(WORKER) => {
			runtime.block_on(worker::run(&arguments[1..]));
			return ExitCode::SUCCESS;
		},
		Some(SERVICE) => {
			runtime.block_on(job::service(&arguments[1..]));
			return ExitCode::SUCCESS;
		},
		Some(PROXY) => {
			runtime.block_on(proxy::run(&arguments[1..]));
			return ExitCode::SUCCESS;
		},
		_ => arguments.retain(|argument| !argument.starts_with('-')),
	}
	let lab = Lab::from_environment();
	println!("{}", lab.describe());
	let (mut run, mut failed) = (0, Vec::new());
	for (name, scenario) in scenarios::all() {
		if !arguments.is_empty() && !arguments.iter().any(|filter| name.contains(filter.as_str())) {
			continue;
		}
		run += 1;
		let begun = Instant::now();
		let lab = lab.clone();
		// A failed assertion ends the scenario, not the others.
		let ended = runtime.block_on(async { tokio::spawn(scenario(lab)).await });
		let time = begun.elapsed().as_secs_f64();
		match ended {
			Ok(seen) => println!("ok    {name} ({time:.1} s){seen}"),
			Err(_) => {
				println!("FAILED {name} ({time:.1} s)");
				failed.push(name);
			},
		}
	}
	assert!(run > 0, "no scenario has a name like {arguments:?}");
	println!("{} of {run} scenarios passed: {}", run - failed.len(), lab.describe());
	if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
