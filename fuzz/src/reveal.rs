//! Reveals of the proof of computing power, damaged in every way that leaves them readable.

use io_tflops::{prover::sparse::sparse_reveal, verify_reveal, Params, Statement};

/// A right reveal of toy dimensions with damage, and the input itself as a reveal.
///
/// Input: six bytes that choose rounds, openings, logarithms of m, k and lanes, and by how much the reveal is too long
/// or short; then three bytes for each change: where (16 bits, little-endian), and what to XOR there. Only a reveal
/// without damage may pass.
pub fn reveal(bytes: &[u8]) {
	let Some(([rounds, openings, m, k, lanes, resize], changes)) = bytes.split_first_chunk() else {
		return;
	};
	let params = Params::new(0, 1 << (m % 4), 128, 1 << (k % 8), 1 << (lanes % 4));
	let params = params.expect("powers of two in range");
	let (statement, right) = sparse_reveal(
		&params,
		&[*rounds; 32],
		u32::from(rounds % 4) + 1,
		u32::from(openings % 8) + 1,
	)
	.expect("rounds and openings in range");

	let mut changed = right.clone();
	changed.resize(right.len().saturating_add_signed(isize::from(*resize as i8)), 0);
	for [low, high, flip] in changes.as_chunks::<3>().0 {
		let at = usize::from(u16::from_le_bytes([*low, *high])) % changed.len().max(1);
		if let Some(byte) = changed.get_mut(at) {
			*byte ^= flip;
		}
	}
	assert_eq!(verify_reveal(&statement, &changed).is_ok(), changed == right);

	let stated =
		Statement { rounds: u32::from(*rounds), openings: u32::from(*openings), ..statement };
	assert!(changes == right || verify_reveal(&stated, changes).is_err());
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn should_tell_right_from_wrong_when_a_reveal_is_damaged() {
		for shape in 0..=u8::MAX {
			reveal(&[shape, shape / 4, shape, shape / 16, shape / 3, 0]);
			reveal(&[shape, shape / 4, shape, shape / 16, shape / 3, shape]);
			reveal(&[shape, shape / 4, shape, shape / 16, shape / 3, 0, shape, 1, 64]);
			// Two changes that undo each other.
			reveal(&[shape, 0, 0, 0, 0, 0, 7, 0, 1, 7, 0, 1]);
		}
	}
}
