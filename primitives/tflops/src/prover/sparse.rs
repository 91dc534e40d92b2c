//! Valid reveals without the work, for benchmarks of the verifier on dimensions that are too large to compute.
//!
//! In a real proof the challenge follows from the commitment, which binds all entries before anybody knows which are
//! opened. Here the challenge is chosen first: only the opened entries are computed, the rest of each tree is zeros, and
//! the commitment comes last. [`crate::verify_reveal`] takes a challenge as given and does the same steps on such a
//! reveal as on a real one. The chain never takes one, since its challenges come from the beacon.

use alloc::{collections::BTreeMap, vec, vec::Vec};

use crate::{
	params::{LEAF_BYTES, SEG},
	reveal::{RevealError, Statement},
	stream,
	transcript::{commitment, lane_keys, next_state},
	tree::TreeHasher,
	Hash, Params,
};

/// What stands for every subtree without an opening.
const UNOPENED: Hash = [0; 32];

/// A statement on a chain from `seed`, and the reveal that proves it. The challenge is the hash of the seed.
///
/// # Errors
/// [`RevealError::Rounds`] or [`RevealError::Openings`] if they are out of range.
pub fn sparse_reveal(
	params: &Params,
	seed: &Hash,
	rounds: u32,
	openings: u32,
) -> Result<(Statement, Vec<u8>), RevealError> {
	let challenge = blake3::hash(seed).into();
	let mut statement = Statement {
		seed: *seed,
		params: *params,
		rounds,
		openings,
		commitment: UNOPENED,
		challenge,
	};
	statement.check()?;

	let mut roots = Vec::with_capacity(rounds as usize);
	let mut leaves = vec![[0; LEAF_BYTES]; openings as usize];
	let mut paths = vec![Vec::new(); openings as usize];
	let mut state = *seed;
	// A state depends on the roots of all earlier rounds, hence round by round.
	for round in 0..rounds {
		let hasher = TreeHasher::new(&state);
		let opened: Vec<_> = statement
			.positions()
			.enumerate()
			.filter(|(_, position)| position.round == round)
			.map(|(opening, position)| (opening, position, position.leaf(params)))
			.collect();

		// Several openings may fall into one leaf.
		let mut bytes = BTreeMap::<u64, [u8; LEAF_BYTES]>::new();
		for (_, position, leaf) in &opened {
			let (key_a, key_b) = lane_keys(&state, position.lane);
			let entry = stream::entry(&key_a, &key_b, position.row, position.column, params.k());
			let at = 2 * (position.column % SEG) as usize;
			bytes.entry(*leaf).or_insert([0; LEAF_BYTES])[at..at + 2]
				.copy_from_slice(&(entry as u16).to_le_bytes());
		}

		let mut level: BTreeMap<u64, Hash> =
			bytes.iter().map(|(leaf, bytes)| (*leaf, hasher.leaf(bytes))).collect();
		for height in 0..params.depth() {
			for (opening, _, leaf) in &opened {
				let sibling = level.get(&((leaf >> height) ^ 1)).copied().unwrap_or(UNOPENED);
				paths[*opening].push(sibling);
			}
			level = level
				.keys()
				.map(|index| {
					let child = |at| level.get(&at).copied().unwrap_or(UNOPENED);
					(index / 2, hasher.node(&child(index & !1), &child(index | 1)))
				})
				.collect();
		}

		for (opening, _, leaf) in &opened {
			if let Some(bytes) = bytes.get(leaf) {
				leaves[*opening] = *bytes;
			}
		}
		let root = level.get(&0).copied().unwrap_or(UNOPENED);
		state = next_state(&state, &root, round);
		roots.push(root);
	}

	statement.commitment = commitment(seed, &roots);
	Ok((statement, super::chain::assemble(&roots, &leaves, &paths)))
}
