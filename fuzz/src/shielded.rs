//! Shielded bundles, damaged in every way, and bytes that may or may not be one.

use std::sync::LazyLock;

use codec::Encode;
use io_shielded::{
	sample::{Sample, Shape},
	Bundle, RingSize, Target, Window,
};

use crate::{damage::damaged, decode};

/// Valid bundles with rings of 16, each in a pool of its own: it would be valid in no other.
static VALID: LazyLock<[(Sample, Vec<u8>); 3]> = LazyLock::new(|| {
	let one = Shape::new(RingSize::N16, 1, 2);
	let windows = [Window { index: 0, len: 16 }, Window { index: 1, len: 9 }];
	let target = Target::Account { id: [4; 32], amount: 1_000 };
	let fee_to = Some([5; 32]);
	let two = Shape { inputs: 2, windows, ..one };
	let four = Shape { outputs: 4, target, fee_to, ..one };
	[(one, 1), (two, 2), (four, 3)].map(|(shape, seed)| {
		let sample = Sample::new(&shape, [seed; 32]).expect("the shape is valid");
		let bytes = sample.bundle.encode();
		(sample, bytes)
	})
});

/// A valid bundle with damage, and the input itself as a bundle.
///
/// Input: a byte that chooses the bundle, and one by how much it is too long or short; then three bytes for each change:
/// where (16 bits, little-endian), and what to XOR there. Only a bundle without damage may pass, and there is one
/// encoding for each bundle.
pub fn shielded(bytes: &[u8]) {
	let Some(([which, resize], changes)) = bytes.split_first_chunk() else {
		return;
	};
	let (sample, valid) = &VALID[usize::from(which % 3)];
	let damaged = damaged(valid, *resize, changes);
	assert_eq!(sample.verify_bytes(&damaged).is_ok(), damaged == *valid);
	decode::<Bundle>(&damaged);
	decode::<Bundle>(changes);
	assert!(changes == valid || sample.verify_bytes(changes).is_err());
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn should_tell_valid_bundles_from_others_when_they_are_damaged() {
		for which in 0..3 {
			shielded(&[which, 0]);
			shielded(&[which, 1]);
			shielded(&[which, 255]);
			for low in (0..=u8::MAX).step_by(5) {
				shielded(&[which, 0, low, low % 10, 1]);
			}
			// Two changes that undo each other.
			shielded(&[which, 0, 7, 0, 1, 7, 0, 1]);
			shielded(&[&[which, 0], &VALID[0].1[..]].concat());
		}
	}
}
