//! Every byte of statement and proof matters.

#![allow(clippy::unwrap_used)]

#[path = "../examples/bundles/cases.rs"]
#[allow(dead_code)]
mod cases;

use codec::Encode;
use io_shielded::{
	sample::{Sample, Shape},
	Bundle, Error, Ring, RingSize, Target, VerifyContext,
};

fn small() -> Sample {
	let target = Target::Job { owner: [12; 32], spec: [9; 32], amount: 1_000_000 };
	let shape = Shape { target, fee_to: Some([6; 32]), ..Shape::new(RingSize::N16, 2, 2) };
	Sample::new(&shape, [1; 32]).unwrap()
}

#[test]
fn should_refuse_a_bundle_when_any_byte_of_it_is_flipped() {
	let sample = small();
	let bytes = sample.bundle.encode();
	for at in 0..bytes.len() {
		let mut wrong = bytes.clone();
		wrong[at] ^= 1 << (at % 8);
		assert!(sample.verify_bytes(&wrong).is_err(), "byte {at}");
	}
}

#[test]
fn should_refuse_a_large_bundle_when_bytes_of_it_are_flipped() {
	let sample = Sample::new(&Shape::new(RingSize::N1024, 2, 2), [1; 32]).unwrap();
	let bytes = sample.bundle.encode();
	for at in (0..bytes.len()).step_by(61) {
		let mut wrong = bytes.clone();
		wrong[at] ^= 1 << (at % 8);
		assert!(sample.verify_bytes(&wrong).is_err(), "byte {at}");
	}
}

#[test]
fn should_refuse_a_bundle_when_any_byte_of_its_context_is_flipped() {
	let sample = small();
	for at in 0..32 {
		let mut other = sample.clone();
		other.domain.genesis[at] ^= 1 << (at % 8);
		assert_eq!(other.verify(&sample.bundle), Err(Error::BadRangeProof));
		let mut other = sample.clone();
		other.era_hash[at] ^= 1 << (at % 8);
		assert_eq!(other.verify(&sample.bundle), Err(Error::BadRangeProof));
		let mut other = sample.clone();
		other.domain.para ^= 1 << at;
		assert_eq!(other.verify(&sample.bundle), Err(Error::BadRangeProof));
	}
	for bit in 0..8 {
		let mut other = sample.clone();
		other.domain.pallet ^= 1 << bit;
		assert_eq!(other.verify(&sample.bundle), Err(Error::BadRangeProof));
	}
}

#[test]
fn should_refuse_a_bundle_when_any_byte_of_its_ring_is_flipped() {
	let sample = small();
	let (window, coins) = sample.windows(&sample.bundle).remove(0);
	for at in 0..64 * coins.len() {
		let mut coins = coins.clone();
		let coin = &mut coins[at / 64];
		let field = if at % 64 < 32 { &mut coin.key } else { &mut coin.commitment };
		field[at % 32] ^= 1 << (at % 8);
		let rings = [Ring { window, coins: &coins }];
		let context = VerifyContext { domain: &sample.domain, rings: &rings };
		let verdict =
			io_shielded::verify_bundle(&context, sample.matured, &sample.bundle, &sample.era_hash);
		assert_eq!(verdict, Err(Error::BadRangeProof), "byte {at}");
	}
}

/// No way to write a bundle in two ways, and nothing that decodes is written in another one.
#[test]
fn should_have_one_encoding() {
	let sample = small();
	let bytes = sample.bundle.encode();
	for at in 0..bytes.len() {
		for bit in 0..8 {
			let mut other = bytes.clone();
			other[at] ^= 1 << bit;
			if let Ok(bundle) = Bundle::from_bytes(&other) {
				assert_eq!(bundle.encode(), other);
				assert_ne!(bundle, sample.bundle);
			}
		}
		assert_eq!(Bundle::from_bytes(&bytes[..at]), Err(Error::BadEncoding));
	}
	let longer = [&bytes[..], &[0]].concat();
	assert_eq!(Bundle::from_bytes(&longer), Err(Error::BadEncoding));
}

#[test]
fn should_refuse_or_agree_when_damage_is_done_to_bundles_of_every_shape() {
	for (name, shape) in cases::shapes(RingSize::N16) {
		let mut rng = cases::rng(&name);
		let sample = Sample::new(&shape, [3; 32]).unwrap();
		let bytes = sample.bundle.encode();
		for mutation in cases::mutations(&sample, &mut rng) {
			let damaged = mutation.apply(&bytes);
			assert!(sample.verify_bytes(&damaged).is_err(), "{name}: {}", mutation.name);
		}
	}
}
