//! Valid bundles of every shape are accepted.

#![allow(clippy::unwrap_used)]

use codec::{Encode, MaxEncodedLen};
use io_shielded::{
	sample::{Sample, Shape},
	BuildError, Bundle, Error, RingSize, Target, Window,
};

#[test]
fn should_accept_bundles_of_every_shape() {
	let size = RingSize::N16;
	for inputs in [1, 2, 4] {
		for outputs in [2, 4] {
			let sample =
				Sample::new(&Shape::new(size, inputs, outputs), [inputs as u8; 32]).unwrap();
			assert_eq!(sample.verify_bytes(&sample.bundle.encode()), Ok(()));
		}
	}
}

#[test]
fn should_accept_every_target_and_submitter() {
	let shape = Shape::new(RingSize::N16, 2, 2);
	for target in [
		Target::None,
		Target::Account { id: [3; 32], amount: 5 },
		Target::Job { owner: [8; 32], spec: [9; 32], amount: u64::from(u32::MAX) },
	] {
		for fee_to in [None, Some([7; 32])] {
			let sample = Sample::new(&Shape { target, fee_to, ..shape }, [1; 32]).unwrap();
			assert_eq!(sample.verify(&sample.bundle), Ok(()));
		}
	}
}

#[test]
fn should_accept_two_windows_and_partial_ones() {
	let shape = Shape::new(RingSize::N16, 4, 2);
	for windows in [
		[Window { index: 0, len: 16 }, Window { index: 1, len: 16 }],
		[Window { index: 3, len: 16 }, Window { index: 4, len: 9 }],
		[Window { index: 0, len: 4 }; 2],
	] {
		let sample = Sample::new(&Shape { windows, ..shape }, [2; 32]).unwrap();
		assert_eq!(sample.verify(&sample.bundle), Ok(()));
	}
}

#[test]
fn should_say_so_when_a_window_has_too_few_coins() {
	let shape = Shape::new(RingSize::N16, 4, 2);
	let windows = [Window { index: 0, len: 3 }; 2];
	let sample = Sample::new(&Shape { windows, ..shape }, [3; 32]);
	assert_eq!(sample.err(), Some(BuildError::BadSpend));
	// Eighteen coins in a ring of sixteen.
	let batch = Sample::batch(RingSize::N16, 9, [3; 32]);
	assert_eq!(batch.err(), Some(BuildError::BadSpend));
	assert!(Sample::batch(RingSize::N16, 8, [3; 32]).is_ok());
}

#[test]
fn should_accept_rings_of_1024() {
	let sample = Sample::new(&Shape::new(RingSize::N1024, 2, 2), [1; 32]).unwrap();
	assert_eq!(sample.verify(&sample.bundle), Ok(()));
	assert_eq!(sample.bundle.encoded_size(), 3738);
	let mut other = sample.clone();
	other.era_hash = [0; 32];
	assert_eq!(other.verify(&sample.bundle), Err(Error::BadRangeProof));
}

#[test]
fn should_bound_the_encoding() {
	assert_eq!(
		Bundle::max_encoded_len(),
		1 + 4 * (72 + 2 + 1216) + 1 + 4 * 202 + 8 + 33 + 73 + 4 + 2 + 800
	);
}
