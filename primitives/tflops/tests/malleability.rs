//! One proof has one encoding, and every bit of what it is derived from matters.
#![allow(clippy::unwrap_used, missing_docs)]

#[path = "support/toy.rs"]
mod toy;

use std::{collections::HashSet, sync::OnceLock};

use io_tflops::{
	params::LEAF_BYTES,
	prover::sparse::sparse_reveal,
	transcript::{self, *},
	tree::TreeHasher,
	verify_reveal, Hash, Params, RevealError, Statement,
};
use proptest::{collection::vec, prelude::*, sample::Index};
use toy::{acc, params, seed, Forest};

const ROUNDS: usize = 4;
const OPENINGS: usize = 16;
/// Offsets in the reveal.
const LEAVES: usize = 32 * ROUNDS;
const PATHS: usize = LEAVES + LEAF_BYTES * OPENINGS;
const PATH: usize = 32 * 7;

/// A right proof.
fn proof() -> &'static (Statement, Vec<u8>) {
	static PROOF: OnceLock<(Statement, Vec<u8>)> = OnceLock::new();
	PROOF.get_or_init(|| {
		let forest = Forest::grow(params(), seed(), ROUNDS as u32, |_, _, _| ());
		let statement = forest.audit(OPENINGS as u32, &acc(0));
		let reveal = forest.reveal(&statement);
		assert_eq!(reveal.len(), PATHS + PATH * OPENINGS);
		assert_eq!(verify_reveal(&statement, &reveal), Ok(()));
		(statement, reveal)
	})
}

#[test]
fn should_refuse_when_any_byte_of_the_reveal_is_changed() {
	let (statement, reveal) = proof();
	let mut changed = reveal.clone();
	for at in 0..reveal.len() {
		// Each bit position comes up in turn.
		changed[at] ^= 1 << (at % 8);
		let expected = match at {
			..LEAVES => RevealError::Commitment,
			LEAVES..PATHS => RevealError::Path { opening: ((at - LEAVES) / LEAF_BYTES) as u32 },
			_ => RevealError::Path { opening: ((at - PATHS) / PATH) as u32 },
		};
		assert_eq!(verify_reveal(statement, &changed), Err(expected), "byte {at}");
		changed[at] = reveal[at];
	}
}

#[test]
fn should_refuse_when_any_byte_of_the_statement_is_changed() {
	let (statement, reveal) = proof();
	for at in 0..32 {
		for bit in 0..8 {
			let mut other = *statement;
			other.seed[at] ^= 1 << bit;
			assert_eq!(verify_reveal(&other, reveal), Err(RevealError::Commitment));
			let mut other = *statement;
			other.commitment[at] ^= 1 << bit;
			assert_eq!(verify_reveal(&other, reveal), Err(RevealError::Commitment));
			let mut other = *statement;
			other.challenge[at] ^= 1 << bit;
			// Opening 0 passes where its new position happens to be in the same leaf.
			assert!(matches!(verify_reveal(&other, reveal), Err(RevealError::Path { .. })));
		}
	}
}

#[test]
fn should_refuse_when_roots_are_reordered() {
	let (statement, reveal) = proof();
	for left in 0..ROUNDS {
		for right in left + 1..ROUNDS {
			let mut changed = reveal.clone();
			for byte in 0..32 {
				changed.swap(32 * left + byte, 32 * right + byte);
			}
			assert_eq!(verify_reveal(statement, &changed), Err(RevealError::Commitment));
		}
	}
}

#[test]
fn should_refuse_when_siblings_leaves_or_paths_are_swapped() {
	let (statement, reveal) = proof();
	let swap = |from: usize, to: usize, length: usize| {
		let mut changed = reveal.clone();
		for byte in 0..length {
			changed.swap(from + byte, to + byte);
		}
		assert_ne!(&changed, reveal);
		verify_reveal(statement, &changed)
	};
	for opening in 0..OPENINGS {
		let path = PATHS + PATH * opening;
		for level in 0..6 {
			assert_eq!(
				swap(path + 32 * level, path + 32 * (level + 1), 32),
				Err(RevealError::Path { opening: opening as u32 })
			);
		}
	}
	for opening in 1..OPENINGS {
		let first = Err(RevealError::Path { opening: 0 });
		assert_eq!(swap(LEAVES, LEAVES + LEAF_BYTES * opening, LEAF_BYTES), first);
		assert_eq!(swap(PATHS, PATHS + PATH * opening, PATH), first);
	}
}

#[test]
fn should_refuse_when_a_leaf_stands_on_its_siblings_side() {
	let (statement, reveal) = proof();
	// What the parent of the first opening hashes, with both sides exchanged.
	let position = statement.positions().next().unwrap();
	assert_eq!(position.round, 1, "so that its state follows from the first root");
	let state = next_state(&statement.seed, reveal[..32].try_into().unwrap(), 0);
	let hasher = TreeHasher::new(&state);
	let leaf = hasher.leaf(reveal[LEAVES..LEAVES + LEAF_BYTES].try_into().unwrap());
	let path = reveal[PATHS..PATHS + PATH].as_chunks::<32>().0;
	let index = position.leaf(&params());
	let root: Hash = reveal[32..64].try_into().unwrap();
	assert_eq!(hasher.root_of_path(leaf, index, path), root);
	for level in 0..7 {
		assert_ne!(hasher.root_of_path(leaf, index ^ (1 << level), path), root);
	}
}

#[test]
fn should_use_the_frozen_contexts_when_values_are_derived() {
	let contexts =
		[WINDOW, DEVICE, A, B, LEAF, NODE, CHAIN, COMMIT, CHALLENGE, INDEX, BEACON, AUDIT];
	let frozen = [
		"window", "device", "A", "B", "leaf", "node", "chain", "commit", "chal", "index", "acc",
		"audit",
	];
	assert_eq!(contexts.to_vec(), frozen.map(|name| format!("ionet zktf v1 {name}")));
	assert_eq!(HashSet::from(contexts).len(), contexts.len());

	// Functions over the same fields differ by their context alone.
	let (state, root) = ([1; 32], [2; 32]);
	let (key_a, key_b) = lane_keys(&state, 0);
	assert_eq!(HashSet::from([key_a, key_b, leaf_key(&state), node_key(&state)]).len(), 4);
	let mut material = [state, root].concat();
	material.extend([0; 4]);
	assert_eq!(next_state(&state, &root, 0), blake3::derive_key(CHAIN, &material));
	assert_ne!(next_state(&state, &root, 0), blake3::derive_key(COMMIT, &material));
}

/// Every derived value, with its inputs laid out as bytes: hashes first, integers after them.
fn derive_all(input: &[u8; 110]) -> Vec<Hash> {
	let hash = |at: usize| -> &Hash { input[32 * at..32 * (at + 1)].try_into().unwrap() };
	let word = |at: usize| u32::from_le_bytes(input[at..at + 4].try_into().unwrap());
	let wide = u64::from_le_bytes(input[96..104].try_into().unwrap());
	let (first, second, third) = (hash(0), hash(1), hash(2));
	let params =
		|log: u8| Params::new(0, 1 << (log % 8), 128, 1 << (log / 8 % 8), 1 << (log / 64)).unwrap();
	vec![
		window_seed(first, word(104), wide, second, word(96)),
		device_seed(first, second, word(104) as u16, input[108], &params(input[109])),
		transcript::challenge(first, second, wide, third),
		transcript::commitment(first, &[*second, *third]),
		next_state(first, second, word(96)),
		fold(first, word(96), second),
		lane_keys(first, word(96)).0,
		lane_keys(first, word(96)).1,
		leaf_key(first),
		node_key(first),
	]
}

/// Whether the value of that number in [`derive_all`] depends on the input's byte.
fn depends(value: usize, byte: usize) -> bool {
	match value {
		0 => byte < 64 || (96..108).contains(&byte),
		1 => byte < 64 || (104..106).contains(&byte) || byte >= 108,
		2 => byte < 104,
		3 => byte < 96,
		4 | 5 => byte < 64 || (96..100).contains(&byte),
		6 | 7 => byte < 32 || (96..100).contains(&byte),
		_ => byte < 32,
	}
}

proptest! {
	#![proptest_config(ProptestConfig::with_cases(64))]

	#[test]
	fn should_change_exactly_what_depends_on_it_when_a_byte_of_the_input_changes(
		input in any::<[[u8; 11]; 10]>(), flip in 1..=255u8,
	) {
		let input: [u8; 110] = input.as_flattened().try_into().unwrap();
		let before = derive_all(&input);
		for byte in 0..input.len() {
			let mut changed = input;
			changed[byte] ^= flip;
			for (value, (old, new)) in before.iter().zip(derive_all(&changed)).enumerate() {
				prop_assert_eq!(*old != new, depends(value, byte), "value {}, byte {}", value, byte);
			}
		}
	}

	#[test]
	fn should_refuse_when_a_reveal_is_damaged_anywhere(
		damage in vec((any::<Index>(), 1..=255u8), 1..8),
	) {
		let (statement, reveal) = proof();
		let mut changed = reveal.clone();
		for (at, flip) in &damage {
			changed[at.index(reveal.len())] ^= flip;
		}
		prop_assume!(&changed != reveal);
		prop_assert!(verify_reveal(statement, &changed).is_err());
	}

	#[test]
	fn should_refuse_when_bytes_are_random(bytes in vec(any::<u8>(), 0..600), exact in any::<bool>()) {
		let params = Params::new(0, 2, 128, 1, 1).unwrap();
		let (statement, reveal) = sparse_reveal(&params, &[5; 32], 1, 1).unwrap();
		prop_assert_eq!(verify_reveal(&statement, &reveal), Ok(()));
		let mut bytes = bytes;
		if exact {
			bytes.resize(reveal.len(), 0);
		}
		prop_assert!(verify_reveal(&statement, &bytes).is_err());
	}
}
