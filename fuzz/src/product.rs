//! Proofs of matrix products, damaged in every way that leaves them readable.

use std::sync::LazyLock;

use io_tflops::product::{
	commit_inputs, commit_output, prove, verify, Openings, Shape, Statement, Witness,
};
use rand_chacha::{rand_core::SeedableRng, ChaCha20Rng};

use crate::damage::damaged;

/// Right proofs of toy dimensions, m and n being 2.
static RIGHT: LazyLock<[(Statement, Vec<u8>); 3]> = LazyLock::new(|| [1, 2, 3].map(right));

fn right(k: u32) -> (Statement, Vec<u8>) {
	let shape = Shape::new(2, k, 2).expect("within bounds");
	let (a, b) = (vec![3; 2 * k as usize], vec![-5; 2 * k as usize]);
	let c = [-15 * k as i32; 4];
	let openings = Openings::new(&shape, &a, &b, &[7; 32]).expect("sizes fit");
	let inputs = commit_inputs(&shape, &a, &b, &openings).expect("sizes fit");
	let output = commit_output(&shape, &c, &openings).expect("sizes fit");
	let statement = Statement {
		genesis: [1; 32],
		para: 2000,
		job: 3,
		worker: [4; 32],
		shape,
		inputs: inputs.hash(),
		output: output.hash(),
	};
	let witness =
		Witness { a: &a, b: &b, c: &c, openings: &openings, inputs: &inputs, output: &output };
	let proof = prove(&statement, &witness, &mut ChaCha20Rng::seed_from_u64(k.into()));
	(statement, proof.expect("it is the product"))
}

/// A right proof with damage, and the input itself as a proof.
///
/// Input: a byte that chooses the proof, one by how much it is too long or short, and one whose lowest bit says whether
/// the statement is made to fit the damaged commitments; then three bytes for each change: where (16 bits,
/// little-endian), and what to XOR there. Only a proof without damage may pass.
pub fn product(bytes: &[u8]) {
	let Some(([which, resize, fit], changes)) = bytes.split_first_chunk() else {
		return;
	};
	let (statement, right) = &RIGHT[usize::from(which % 3)];
	let fitting = |proof: &[u8]| {
		let hash = |lists: &[u8]| *blake3::hash(lists).as_bytes();
		match (proof.get(..128), proof.get(128..192), fit & 1) {
			(Some(inputs), Some(output), 1) => {
				Statement { inputs: hash(inputs), output: hash(output), ..*statement }
			},
			_ => *statement,
		}
	};
	let damaged = damaged(right, *resize, changes);
	assert_eq!(verify(&fitting(&damaged), &damaged).is_ok(), damaged == *right);
	assert!(changes == right || verify(&fitting(changes), changes).is_err());
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn should_tell_right_from_wrong_when_a_proof_is_damaged() {
		for which in 0..3 {
			product(&[which, 0, 0]);
			product(&[which, 1, 1]);
			product(&[which, 255, 0]);
			for low in (0..=u8::MAX).step_by(5) {
				product(&[which, 0, 0, low, 1, 1]);
				product(&[which, 0, 1, low, 0, 1]);
			}
			// Two changes that undo each other.
			product(&[which, 0, 1, 7, 0, 1, 7, 0, 1]);
			product(&[&[which, 0, 1], &RIGHT[0].1[..]].concat());
		}
	}
}
