//! Bytes and statements that have to be refused, see section 8 of the protocol's description.

use crate::support::{self, Case};
use curve25519_dalek::{ristretto::CompressedRistretto, scalar::Scalar};
use io_tflops::product::{output_of, verify, ProductError, Shape, Statement};
use proptest::prelude::*;

/// The order q of the group, little-endian.
fn order() -> [u8; 32] {
	let mut order = (-Scalar::ONE).to_bytes();
	order[0] += 1;
	order
}

/// `a + b` as integers of 32 bytes.
fn add(a: [u8; 32], b: [u8; 32]) -> [u8; 32] {
	let mut carry = 0u16;
	std::array::from_fn(|at| {
		carry = u16::from(a[at]) + u16::from(b[at]) + (carry >> 8);
		carry as u8
	})
}

/// What a part of 32 bytes is.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Part {
	Input,
	Output,
	Point,
	Scalar,
}

/// The parts of a proof in their order.
fn parts(shape: &Shape) -> Vec<Part> {
	let log = |side: u32| side.next_power_of_two().trailing_zeros() as usize;
	let [m, n] = [shape.m(), shape.n()].map(|side| side as usize);
	let rounds = 4 * log(shape.k()) + 2 * log(shape.n());
	[
		vec![Part::Input; m + n],
		vec![Part::Output; m],
		vec![Part::Point; 7],
		vec![Part::Scalar; 7],
		vec![Part::Point; rounds],
		vec![Part::Scalar; 3],
	]
	.concat()
}

/// The proof with one part replaced.
fn replaced(proof: &[u8], at: usize, part: &[u8; 32]) -> Vec<u8> {
	let mut proof = proof.to_vec();
	proof[32 * at..][..32].copy_from_slice(part);
	proof
}

#[test]
fn should_reject_when_any_byte_of_the_proof_is_changed() {
	let case = Case::new(2, 3, 2);
	for (at, part) in parts(&case.statement.shape).into_iter().enumerate() {
		for byte in 32 * at..32 * at + 32 {
			let mut proof = case.proof.clone();
			proof[byte] ^= 1 << (byte % 8);
			let error = verify(&case.statement, &proof).unwrap_err();
			match part {
				// Nor does it help to make the statement fit.
				Part::Input => {
					assert_eq!(error, ProductError::OtherInputs);
					assert!(verify(&case.statement_for(&proof), &proof).is_err());
				},
				Part::Output => {
					assert_eq!(error, ProductError::OtherOutput);
					assert!(verify(&case.statement_for(&proof), &proof).is_err());
				},
				Part::Point => assert!(
					matches!(error, ProductError::BadPoint | ProductError::NotProven),
					"{error}"
				),
				Part::Scalar => assert!(
					matches!(error, ProductError::BadScalar | ProductError::NotProven),
					"{error}"
				),
			}
		}
	}
}

#[test]
fn should_reject_when_any_byte_of_the_statement_is_changed() {
	let case = Case::new(2, 3, 2);
	let statement = case.statement;
	for at in 0..32 {
		let changed = |mut bytes: [u8; 32]| {
			bytes[at] ^= 1;
			bytes
		};
		for (other, error) in [
			(
				Statement { genesis: changed(statement.genesis), ..statement },
				ProductError::NotProven,
			),
			(Statement { worker: changed(statement.worker), ..statement }, ProductError::NotProven),
			(
				Statement { inputs: changed(statement.inputs), ..statement },
				ProductError::OtherInputs,
			),
			(
				Statement { output: changed(statement.output), ..statement },
				ProductError::OtherOutput,
			),
		] {
			assert_eq!(verify(&other, &case.proof), Err(error));
		}
	}
	for bit in 0..64 {
		let other = Statement { job: statement.job ^ 1 << bit, ..statement };
		assert_eq!(verify(&other, &case.proof), Err(ProductError::NotProven));
	}
	for bit in 0..32 {
		let other = Statement { para: statement.para ^ 1 << bit, ..statement };
		assert_eq!(verify(&other, &case.proof), Err(ProductError::NotProven));
	}
}

#[test]
fn should_reject_when_proof_is_replayed() {
	let case = Case::new(4, 4, 4);
	for other in [
		Statement { job: case.statement.job + 1, ..case.statement },
		Statement { worker: [5; 32], ..case.statement },
		Statement { genesis: [2; 32], ..case.statement },
		Statement { para: 2001, ..case.statement },
	] {
		assert_eq!(verify(&other, &case.proof), Err(ProductError::NotProven));
	}
	let (inputs, output) = ([5; 32], [6; 32]);
	let other = Statement { inputs, ..case.statement };
	assert_eq!(verify(&other, &case.proof), Err(ProductError::OtherInputs));
	let other = Statement { output, ..case.statement };
	assert_eq!(verify(&other, &case.proof), Err(ProductError::OtherOutput));
}

#[test]
fn should_reject_when_dimensions_are_others() {
	let case = Case::new(4, 6, 4);
	let original = case.statement.shape;
	let mut same_length = 0;
	for m in 1..10 {
		for k in 1..10 {
			for n in 1..10 {
				let shape = Shape::new(m, k, n).unwrap();
				if shape == original {
					continue;
				}
				let error =
					verify(&Statement { shape, ..case.statement }, &case.proof).unwrap_err();
				if shape.proof_len() != case.proof.len() {
					assert_eq!(error, ProductError::BadLength);
				} else {
					same_length += 1;
					assert_ne!(error, ProductError::BadLength);
				}
			}
		}
	}
	// 5, 7 and 8 columns are continued to 8, as 6 are.
	assert!(same_length >= 3);
}

#[test]
fn should_reject_when_bytes_are_missing_or_trailing() {
	let case = Case::new(3, 4, 5);
	let longer = [&case.proof[..], &[0; 64]].concat();
	for len in (0..longer.len()).filter(|len| *len != case.proof.len()) {
		let bytes = &longer[..len];
		assert_eq!(verify(&case.statement, bytes), Err(ProductError::BadLength));
		assert_eq!(output_of(&case.statement.shape, bytes), Err(ProductError::BadLength));
	}
	let blob = vec![0; 4 << 20];
	assert_eq!(verify(&case.statement, &blob), Err(ProductError::BadLength));
}

#[test]
fn should_reject_when_a_point_is_neutral() {
	let case = Case::new(2, 4, 3);
	for (at, part) in parts(&case.statement.shape).into_iter().enumerate() {
		if part == Part::Scalar {
			continue;
		}
		let proof = replaced(&case.proof, at, &[0; 32]);
		let statement = case.statement_for(&proof);
		assert_eq!(verify(&statement, &proof), Err(ProductError::NeutralPoint), "part {at}");
	}
}

#[test]
fn should_reject_when_a_point_is_not_canonical() {
	// The field's prime is 2^255 - 19, little-endian.
	let mut prime = [0xff; 32];
	(prime[0], prime[31]) = (0xed, 0x7f);
	let number = |low: u8| {
		let mut bytes = [0; 32];
		bytes[0] = low;
		bytes
	};
	let mut high_bit = CompressedRistretto::from_slice(&[0; 32]).unwrap().to_bytes();
	high_bit[31] = 0x80;
	let bad = [
		// The neutral element and others again, beyond the prime.
		prime,
		add(prime, number(2)),
		add(prime, number(18)),
		[0xff; 32],
		// A bit that no field element has.
		high_bit,
		// Negative.
		number(1),
		// No square root.
		number(2),
	];
	let case = Case::new(2, 4, 3);
	for (at, part) in parts(&case.statement.shape).into_iter().enumerate() {
		if part == Part::Scalar {
			continue;
		}
		for bytes in &bad {
			assert_eq!(CompressedRistretto(*bytes).decompress(), None);
			let proof = replaced(&case.proof, at, bytes);
			let statement = case.statement_for(&proof);
			assert_eq!(verify(&statement, &proof), Err(ProductError::BadPoint), "part {at}");
		}
		// The same point with the other sign.
		let original: [u8; 32] = case.proof[32 * at..][..32].try_into().unwrap();
		let mut flipped = original;
		let mut borrow = 0i16;
		for (byte, (prime, original)) in flipped.iter_mut().zip(prime.iter().zip(original)) {
			let difference = i16::from(*prime) - i16::from(original) - borrow;
			borrow = i16::from(difference < 0);
			*byte = difference as u8;
		}
		let proof = replaced(&case.proof, at, &flipped);
		let statement = case.statement_for(&proof);
		assert_eq!(verify(&statement, &proof), Err(ProductError::BadPoint), "part {at}");
	}
}

#[test]
fn should_reject_when_a_scalar_is_not_reduced() {
	let case = Case::new(2, 4, 3);
	let mut scalars = 0;
	for (at, part) in parts(&case.statement.shape).into_iter().enumerate() {
		if part != Part::Scalar {
			continue;
		}
		scalars += 1;
		let original: [u8; 32] = case.proof[32 * at..][..32].try_into().unwrap();
		for bytes in [add(original, order()), order(), [0xff; 32]] {
			let proof = replaced(&case.proof, at, &bytes);
			assert_eq!(verify(&case.statement, &proof), Err(ProductError::BadScalar));
		}
		let proof = replaced(&case.proof, at, &[0; 32]);
		assert_eq!(verify(&case.statement, &proof), Err(ProductError::NotProven));
	}
	assert_eq!(scalars, 10);
}

#[test]
fn should_reject_when_any_two_parts_are_swapped() {
	let case = Case::new(2, 3, 2);
	let parts = parts(&case.statement.shape);
	for first in 0..parts.len() {
		for second in 0..first {
			let mut proof = case.proof.clone();
			for byte in 0..32 {
				proof.swap(32 * first + byte, 32 * second + byte);
			}
			assert!(verify(&case.statement, &proof).is_err());
			let statement = case.statement_for(&proof);
			let error = verify(&statement, &proof).unwrap_err();
			let scalar = |at: usize| parts[at] == Part::Scalar;
			if scalar(first) == scalar(second) {
				assert_eq!(error, ProductError::NotProven, "{second} and {first}");
			}
		}
	}
}

#[test]
fn should_reject_when_parts_of_two_proofs_are_mixed() {
	let case = Case::new(2, 3, 2);
	let mut rng = support::rng(9);
	let second = io_tflops::product::prove(&case.statement, &case.witness(), &mut rng).unwrap();
	assert_eq!(verify(&case.statement, &second), Ok(()));
	for at in 6..case.proof.len() / 32 {
		let mixed = [&case.proof[..32 * at], &second[32 * at..]].concat();
		let expected = match at {
			6 => Ok(()),
			_ => Err(ProductError::NotProven),
		};
		assert_eq!(verify(&case.statement, &mixed), expected);
	}
}

/// The proof of another product, with the lists of this one.
#[test]
fn should_reject_when_proof_is_of_other_matrices() {
	let (case, other) =
		(Case::new(4, 4, 4), Case::with(4, 4, 4, (0..16).collect(), (16..32).collect()));
	let lists = 32 * 12;
	let mixed = [&case.proof[..lists], &other.proof[lists..]].concat();
	assert_eq!(verify(&case.statement, &mixed), Err(ProductError::NotProven));
	assert_eq!(verify(&case.statement, &other.proof), Err(ProductError::OtherInputs));
	// The inputs of one, the output of the other.
	let mixed = [&case.proof[..256], &other.proof[256..]].concat();
	assert_eq!(verify(&case.statement, &mixed), Err(ProductError::OtherOutput));
	let statement = case.statement_for(&mixed);
	assert_eq!(verify(&statement, &mixed), Err(ProductError::NotProven));
}

proptest! {
	#![proptest_config(ProptestConfig::with_cases(64))]

	#[test]
	fn should_reject_any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..2048)) {
		let case = Case::new(1, 1, 1);
		prop_assert!(verify(&case.statement, &bytes).is_err());
		let mut exact = bytes;
		exact.resize(case.proof.len(), 0);
		prop_assert!(verify(&case.statement_for(&exact), &exact).is_err());
	}

	#[test]
	fn should_reject_any_patch(
		patches in proptest::collection::vec((any::<prop::sample::Index>(), 1u8..), 1..8),
	) {
		let case = Case::new(2, 3, 2);
		let mut proof = case.proof.clone();
		for (at, change) in &patches {
			proof[at.index(case.proof.len())] ^= change;
		}
		prop_assume!(proof != case.proof);
		prop_assert!(verify(&case.statement, &proof).is_err());
		prop_assert!(verify(&case.statement_for(&proof), &proof).is_err());
	}
}
