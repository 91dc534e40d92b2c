//! Recorded bundles, of this crate and of the second verifier's own prover: the verdicts are those of the record.
//! This crate still makes the same bytes of the same seeds.

#![allow(clippy::unwrap_used)]

#[path = "../examples/bundles/cases.rs"]
#[allow(dead_code)]
mod cases;

use std::{collections::BTreeMap, fs, path::PathBuf};

use io_shielded::{
	sample::foreign_coin, verify_bundle, Bundle, Coin, Domain, Error, Ring, RingSize,
	VerifyContext, Window,
};
use serde_json::{json, Value};

fn path(file: &str) -> PathBuf {
	[env!("CARGO_MANIFEST_DIR"), "tests/vectors", file].iter().collect()
}

fn read(file: &str) -> Vec<Value> {
	let all: Value = serde_json::from_str(&fs::read_to_string(path(file)).unwrap()).unwrap();
	assert_eq!(all["format"], 1);
	all["cases"].as_array().unwrap().clone()
}

fn bytes<const N: usize>(value: &Value) -> [u8; N] {
	hex::decode(value.as_str().unwrap()).unwrap().try_into().unwrap()
}

/// A pool as it is on record.
struct Pool {
	domain: Domain,
	matured: u64,
	era_hash: [u8; 32],
	seed: [u8; 32],
	own: BTreeMap<u64, Coin>,
}

impl Pool {
	fn new(case: &Value) -> Self {
		let number = |name: &str| case[name].as_u64().unwrap();
		let domain = Domain {
			genesis: bytes(&case["genesis"]),
			para: number("para").try_into().unwrap(),
			pallet: number("pallet").try_into().unwrap(),
			size: RingSize::new(number("digits").try_into().unwrap()).unwrap(),
		};
		let own = case["own"].as_array().unwrap().iter().map(|own| {
			let (key, commitment) = (bytes(&own["key"]), bytes(&own["commitment"]));
			(own["number"].as_u64().unwrap(), Coin { key, commitment })
		});
		Self {
			domain,
			matured: number("matured"),
			era_hash: bytes(&case["era_hash"]),
			seed: bytes(&case["seed"]),
			own: own.collect(),
		}
	}

	fn coins(&self, window: &Window) -> Vec<Coin> {
		let coin = |number| self.own.get(&number).copied();
		(window.start(self.domain.size)..window.end(self.domain.size))
			.map(|number| coin(number).unwrap_or_else(|| foreign_coin(&self.seed, number)))
			.collect()
	}

	fn verify(&self, bytes: &[u8]) -> Result<(), Error> {
		let bundle = Bundle::from_bytes(bytes)?;
		let permitted = |window: &Window| window.check(self.domain.size, self.matured).is_ok();
		let windows: Vec<Window> = bundle.windows().into_iter().filter(permitted).collect();
		let coins: Vec<Vec<Coin>> = windows.iter().map(|window| self.coins(window)).collect();
		let rings: Vec<Ring<'_>> = windows
			.iter()
			.zip(&coins)
			.map(|(window, coins)| Ring { window: *window, coins })
			.collect();
		let context = VerifyContext { domain: &self.domain, rings: &rings };
		verify_bundle(&context, self.matured, &bundle, &self.era_hash)
	}
}

/// Verdicts are as recorded. Returns how many there are, and how many of them are "Ok".
fn judge(file: &str) -> (usize, usize) {
	let (mut verdicts, mut good) = (0, 0);
	for case in read(file) {
		let pool = Pool::new(&case);
		let bundle = hex::decode(case["bundle"].as_str().unwrap()).unwrap();
		let mut compare = |bytes: &[u8], record: &Value, name: &Value| {
			let verdict = pool.verify(bytes);
			let verdict = verdict.map_or_else(|error| error.name(), |()| "Ok");
			assert_eq!(verdict, record["verdict"], "{file}, {}, {name}", case["name"]);
			verdicts += 1;
			good += usize::from(verdict == "Ok");
		};
		compare(&bundle, &case, &Value::Null);
		if let Ok(read) = Bundle::from_bytes(&bundle) {
			assert_eq!(hex::encode(read.id(&pool.domain)), case["id"], "{}", case["name"]);
		}
		for mutation in case["mutations"].as_array().unwrap() {
			let number = |name: &str| mutation[name].as_u64().unwrap() as usize;
			let mutated = cases::Mutation {
				name: String::new(),
				at: number("at"),
				cut: number("cut"),
				put: hex::decode(mutation["put"].as_str().unwrap()).unwrap(),
			};
			compare(&mutated.apply(&bundle), mutation, &mutation["name"]);
		}
	}
	(verdicts, good)
}

/// Compares with the record. With `UPDATE_VECTORS` in the environment, writes it.
fn compare(file: &str, cases: Vec<Value>) {
	let now = json!({ "format": 1, "cases": cases });
	if std::env::var_os("UPDATE_VECTORS").is_some() {
		fs::write(path(file), serde_json::to_string_pretty(&now).unwrap() + "\n").unwrap();
	}
	let (now, record) = (now["cases"].as_array().unwrap(), read(file));
	assert_eq!(now.len(), record.len());
	for (now, record) in now.iter().zip(&record) {
		assert_eq!(now, record, "{}", record["name"]);
	}
}

#[test]
fn should_make_and_judge_small_bundles_as_ever() {
	compare("small.json", cases::all(RingSize::N16, "frozen", 24));
	let (verdicts, good) = judge("small.json");
	assert!(verdicts > 400 && good >= 20);
}

#[test]
fn should_make_and_judge_large_bundles_as_ever() {
	compare("large.json", cases::all(RingSize::N1024, "frozen", 4));
	let (verdicts, good) = judge("large.json");
	assert!(verdicts > 50 && good >= 12);
}

#[test]
fn should_judge_bundles_of_the_prover_in_python_as_it_does() {
	let (verdicts, good) = judge("from-spec.json");
	assert!(verdicts > good && good > 0);
}
