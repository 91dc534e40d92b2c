//! Keys, addresses and notes as the specification's second implementation computes them: `vectors/notes.json`.

#![allow(clippy::unwrap_used)]

use io_shielded::{
	address::{Address, Network},
	keys::{Addresses, SpendKey},
	note::{Incoming, NewNote, Origin},
	OutputNote,
};
use serde_json::{json, Value};

const VECTORS: &str = include_str!("vectors/notes.json");
const GENESIS: [u8; 32] = [0x5a; 32];

fn bytes<const N: usize>(value: &Value) -> [u8; N] {
	let bytes = hex::decode(value.as_str().unwrap()).unwrap();
	bytes.try_into().unwrap()
}

fn number(value: &Value) -> u64 {
	value.as_u64().or_else(|| value.as_str()?.parse().ok()).unwrap()
}

fn keys_case(seed: [u8; 32], index: u32, live: bool) -> Value {
	let view = SpendKey::from_seed(&seed).view_key().clone();
	let exported = view.to_bytes();
	let address = view.address(index);
	json!({
		"seed": hex::encode(seed),
		"index": index,
		"live": live,
		"genesis": hex::encode(GENESIS),
		"v": hex::encode(&exported[..32]),
		"S": hex::encode(&exported[32..]),
		"S_i": hex::encode(&address.to_bytes()[..32]),
		"V_i": hex::encode(&address.to_bytes()[32..]),
		"address": address.encode(&Network { live, genesis: GENESIS }),
	})
}

fn origin(minted: bool, from: [u8; 32]) -> Origin {
	if minted {
		Origin::Mint { depositor: from }
	} else {
		Origin::Bundle { tag: from }
	}
}

fn note_case(seed: [u8; 32], index: u32, amount: u64, minted: bool, fill: u8) -> Value {
	let to = SpendKey::from_seed(&seed).view_key().address(index);
	let (anchor, memo, from) = ([fill; 16], [fill.wrapping_add(1); 64], [fill.wrapping_add(2); 32]);
	let OutputNote { key, commitment, ephemeral, view_tag, ciphertext } =
		NewNote::with_anchor(&to, amount, &memo, &origin(minted, from), anchor).note;
	json!({
		"seed": hex::encode(seed),
		"index": index,
		"amount": amount.to_string(),
		"origin": if minted { "mint" } else { "bundle" },
		"from": hex::encode(from),
		"anchor": hex::encode(anchor),
		"memo": hex::encode(memo),
		"P": hex::encode(key),
		"C": hex::encode(commitment),
		"K": hex::encode(ephemeral),
		"vt": hex::encode(view_tag),
		"ct": hex::encode(ciphertext),
	})
}

/// Everything that the file has, computed anew.
fn vectors() -> Value {
	let seeds: [[u8; 32]; 3] = [[0; 32], core::array::from_fn(|i| i as u8), [0xff; 32]];
	let indices = [0, 1, 258, u32::MAX];
	let keys: Vec<_> = seeds
		.iter()
		.flat_map(|seed| indices.map(|index| keys_case(*seed, index, index == 1)))
		.collect();
	let amounts = [0, 1, 1_000_000, u64::MAX];
	let notes: Vec<_> = seeds
		.iter()
		.flat_map(|seed| {
			(0u8..).zip(indices.into_iter().zip(amounts)).flat_map(|(fill, (index, amount))| {
				let bundle = note_case(*seed, index, amount, false, fill);
				let mint = (amount > 0).then(|| note_case(*seed, index, amount, true, fill));
				[Some(bundle), mint].into_iter().flatten()
			})
		})
		.collect();
	json!({ "keys": keys, "notes": notes })
}

#[test]
fn should_compute_what_the_vectors_say() {
	let file: Value = serde_json::from_str(VECTORS).unwrap();
	assert_eq!(file, vectors());
}

#[test]
fn should_read_addresses_and_notes_of_the_vectors() {
	let file: Value = serde_json::from_str(VECTORS).unwrap();
	for case in file["keys"].as_array().unwrap() {
		let network =
			Network { live: case["live"].as_bool().unwrap(), genesis: bytes(&case["genesis"]) };
		let read = Address::decode(case["address"].as_str().unwrap(), &network).unwrap();
		let halves: [[u8; 32]; 2] = [bytes(&case["S_i"]), bytes(&case["V_i"])];
		assert_eq!(read.to_bytes(), *halves.as_flattened());
	}
	let mut received = 0;
	for case in file["notes"].as_array().unwrap() {
		let index = number(&case["index"]);
		let keys = SpendKey::from_seed(&bytes(&case["seed"]));
		let note = OutputNote {
			key: bytes(&case["P"]),
			commitment: bytes(&case["C"]),
			ephemeral: bytes(&case["K"]),
			view_tag: bytes(&case["vt"]),
			ciphertext: bytes(&case["ct"]),
		};
		let from = bytes(&case["from"]);
		let incoming = Incoming::output(&note, from);
		if case["origin"] == "mint" || index > 300 {
			continue;
		}
		let addresses = Addresses::new(keys.view_key(), 300);
		let got = incoming.receive(keys.view_key(), &addresses).unwrap();
		assert_eq!(u64::from(got.address), index);
		assert_eq!(got.content.amount, number(&case["amount"]));
		assert_eq!(got.content.memo, bytes(&case["memo"]));
		received += 1;
	}
	assert_eq!(received, 9);
}

/// `cargo test -p io-shielded --test notes -- --ignored` writes the file anew.
#[test]
#[ignore = "writes the vectors"]
fn write_vectors() {
	let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors/notes.json");
	std::fs::write(path, serde_json::to_string_pretty(&vectors()).unwrap() + "\n").unwrap();
}
