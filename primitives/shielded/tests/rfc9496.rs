//! The group is that of RFC 9496: its vectors, as the second verifier reads them.

#![allow(clippy::unwrap_used)]

use curve25519_dalek::{
	constants::RISTRETTO_BASEPOINT_POINT,
	ristretto::{CompressedRistretto, RistrettoPoint},
	traits::Identity,
};
use io_shielded::{bundle::proper_point, Error};
use serde_json::Value;

fn vectors(list: &str) -> Vec<Value> {
	let all: Value = serde_json::from_str(include_str!("../spec/rfc9496.json")).unwrap();
	all[list].as_array().unwrap().clone()
}

fn bytes<const N: usize>(value: &Value) -> [u8; N] {
	hex::decode(value.as_str().unwrap()).unwrap().try_into().unwrap()
}

#[test]
fn should_refuse_every_invalid_encoding() {
	let invalid = vectors("invalid");
	assert_eq!(invalid.len(), 29);
	for encoding in &invalid {
		assert_eq!(proper_point(&bytes(encoding)), Err(Error::BadPoint));
	}
}

#[test]
fn should_read_and_write_small_multiples_of_the_base_point() {
	let multiples = vectors("multiples");
	assert_eq!(multiples.len(), 16);
	let mut point = RistrettoPoint::identity();
	for encoding in &multiples {
		let encoding = bytes(encoding);
		assert_eq!(point.compress(), CompressedRistretto(encoding));
		// The identity is the first of them, and no proper point.
		let expected = if encoding == [0; 32] { Err(Error::BadPoint) } else { Ok(point) };
		assert_eq!(proper_point(&encoding), expected);
		point += RISTRETTO_BASEPOINT_POINT;
	}
}

#[test]
fn should_derive_elements_from_uniform_bytes() {
	let derivation = vectors("derivation");
	assert_eq!(derivation.len(), 11);
	for pair in &derivation {
		let point = RistrettoPoint::from_uniform_bytes(&bytes(&pair[0]));
		assert_eq!(point.compress().to_bytes(), bytes(&pair[1]));
	}
}
