//! Frozen bundles: this crate still makes the same bytes of the same seeds, and says the same about them.

#![allow(clippy::unwrap_used)]

#[path = "../examples/bundles/cases.rs"]
#[allow(dead_code)]
mod cases;

use std::{fs, path::Path};

use io_shielded::RingSize;
use serde_json::{json, Value};

/// Compares with the file. With `UPDATE_VECTORS` in the environment, writes it.
fn check(file: &str, cases: Vec<Value>) {
	let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors").join(file);
	let now = json!({ "format": 1, "cases": cases });
	if std::env::var_os("UPDATE_VECTORS").is_some() {
		fs::write(&path, serde_json::to_string_pretty(&now).unwrap() + "\n").unwrap();
	}
	let frozen: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
	let (now, frozen) = (now["cases"].as_array().unwrap(), frozen["cases"].as_array().unwrap());
	assert_eq!(now.len(), frozen.len());
	for (now, frozen) in now.iter().zip(frozen) {
		assert_eq!(now, frozen, "{}", frozen["name"]);
	}
}

#[test]
fn should_make_and_judge_small_bundles_as_ever() {
	check("small.json", cases::all(RingSize::N16, "frozen", 24));
}

#[test]
fn should_make_and_judge_large_bundles_as_ever() {
	check("large.json", cases::all(RingSize::N1024, "frozen", 4));
}
