//! The parts, checked against other ways to say the same.
#![allow(clippy::unwrap_used, missing_docs)]

use io_tflops::{
	prover::{MatMul, Scalar},
	stream::{entry, fill},
	transcript::{audited, challenge, lane_keys, positions, PARTS_PER_MILLION},
	tree::{RootBuilder, TreeHasher},
	Hash, Params,
};
use proptest::{collection::vec, prelude::*};

/// The Mersenne prime 2^61 - 1.
const M61: i128 = (1 << 61) - 1;

/// A vector of numbers modulo M61.
fn random_vector(length: usize, seed: u8) -> Vec<i128> {
	let mut output = blake3::Hasher::new_keyed(&[seed; 32]).finalize_xof();
	let mut bytes = [0; 16];
	(0..length)
		.map(|_| {
			output.fill(&mut bytes);
			i128::from_le_bytes(bytes).rem_euclid(M61)
		})
		.collect()
}

fn times(matrix: &[Vec<i128>], vector: &[i128]) -> Vec<i128> {
	matrix
		.iter()
		.map(|row| row.iter().zip(vector).fold(0, |sum, (a, b)| (sum + a * b).rem_euclid(M61)))
		.collect()
}

fn streams(key: &Hash, count: u32, length: u32) -> Vec<Vec<i128>> {
	(0..u64::from(count))
		.map(|index| {
			let mut row = vec![0; length as usize];
			fill(key, index, &mut row);
			row.into_iter().map(i128::from).collect()
		})
		.collect()
}

fn transposed(matrix: &[Vec<i128>]) -> Vec<Vec<i128>> {
	(0..matrix[0].len()).map(|at| matrix.iter().map(|row| row[at]).collect()).collect()
}

/// Freivalds: C r = A (B r) modulo M61 for a random r holds for a wrong C with probability 2^-61.
#[test]
fn should_be_the_product_of_the_matrices_when_all_of_c_is_checked() {
	let params = Params::new(0, 64, 128, 512, 1).unwrap();
	let (key_a, key_b) = lane_keys(&[9; 32], 0);
	let a = streams(&key_a, 64, 512);
	let b = transposed(&streams(&key_b, 128, 512));
	let mut c: Vec<Vec<i128>> = (0..64)
		.map(|row| {
			(0..128).map(|column| i128::from(entry(&key_a, &key_b, row, column, 512))).collect()
		})
		.collect();

	let r = random_vector(128, 1);
	let expected = times(&a, &times(&b, &r));
	assert_eq!(times(&c, &r), expected);

	let mut low = vec![0; 64 * 128];
	Scalar.product(&params, &key_a, &key_b, &mut low).unwrap();
	assert_eq!(low, c.as_slice().concat().iter().map(|entry| *entry as u16).collect::<Vec<_>>());

	c[63][127] += 1;
	assert_ne!(times(&c, &r), expected);
}

/// The keystream by the book, one block at a time: RFC 8439's quarter round, four double rounds, a 64-bit counter.
fn chacha8(key: &Hash, nonce: u64, counter: u64) -> [u8; 64] {
	let mut start = [0u32; 16];
	start[..4].copy_from_slice(&[0x6170_7865, 0x3320_646e, 0x7962_2d32, 0x6b20_6574]);
	for (word, bytes) in start[4..12].iter_mut().zip(key.chunks(4)) {
		*word = u32::from_le_bytes(bytes.try_into().unwrap());
	}
	start[12] = counter as u32;
	start[13] = (counter >> 32) as u32;
	start[14] = nonce as u32;
	start[15] = (nonce >> 32) as u32;
	let mut state = start;
	let mut quarter = |[a, b, c, d]: [usize; 4]| {
		for (x, y, z, turn) in [(a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)] {
			state[x] = state[x].wrapping_add(state[y]);
			state[z] = (state[z] ^ state[x]).rotate_left(turn);
		}
	};
	for _ in 0..4 {
		(0..4).for_each(|i| quarter([i, 4 + i, 8 + i, 12 + i]));
		(0..4).for_each(|i| quarter([i, 4 + (i + 1) % 4, 8 + (i + 2) % 4, 12 + (i + 3) % 4]));
	}
	let mut block = [0; 64];
	for (bytes, (word, first)) in block.chunks_mut(4).zip(state.iter().zip(start)) {
		bytes.copy_from_slice(&word.wrapping_add(first).to_le_bytes());
	}
	block
}

/// The root by definition: halves, recursively.
fn root(hasher: &TreeHasher, hashes: &[Hash]) -> Hash {
	match hashes {
		[hash] => *hash,
		_ => {
			let (left, right) = hashes.split_at(hashes.len() / 2);
			hasher.node(&root(hasher, left), &root(hasher, right))
		},
	}
}

proptest! {
	#![proptest_config(ProptestConfig::with_cases(64))]

	#[test]
	fn should_be_chacha8_when_any_row_is_generated(
		key: Hash, index: u64, length in 1..2_000usize,
	) {
		let mut row = vec![0; length];
		fill(&key, index, &mut row);
		let expected: Vec<i8> = (0..)
			.flat_map(|counter| chacha8(&key, index, counter))
			.map(|byte| byte as i8)
			.take(length)
			.collect();
		prop_assert_eq!(row, expected);
	}

	#[test]
	fn should_be_the_inner_product_when_any_entry_is_computed(
		key_a: Hash, key_b: Hash, row: u32, column: u32, k in 1..2_000u32,
	) {
		let (mut a, mut b) = (vec![0; k as usize], vec![0; k as usize]);
		fill(&key_a, u64::from(row), &mut a);
		fill(&key_b, u64::from(column), &mut b);
		let sum: i64 = a.iter().zip(&b).map(|(a, b)| i64::from(*a) * i64::from(*b)).sum();
		prop_assert_eq!(i64::from(entry(&key_a, &key_b, row, column, k)), sum);
	}

	#[test]
	fn should_agree_on_root_and_paths_when_a_tree_is_built(
		state: Hash, height in 0..7u32, indices in vec(any::<u64>(), 1..5),
	) {
		let hasher = TreeHasher::new(&state);
		let level: Vec<Hash> = (0..1u64 << height).map(|at| *blake3::hash(&at.to_le_bytes()).as_bytes()).collect();
		let indices: Vec<u64> = indices.iter().map(|index| index % (1 << height)).collect();
		let expected = root(&hasher, &level);
		prop_assert_eq!(hasher.root(level.iter().copied()), Some(expected));
		let paths = hasher.paths(level.clone(), &indices).unwrap();
		for (index, path) in indices.iter().zip(paths) {
			prop_assert_eq!(path.len(), height as usize);
			prop_assert_eq!(hasher.root_of_path(level[*index as usize], *index, &path), expected);
		}
	}

	#[test]
	fn should_have_neither_root_nor_path_when_hashes_are_no_power_of_two(count in 0..70usize) {
		let hasher = TreeHasher::new(&[1; 32]);
		let mut builder = RootBuilder::new(&hasher);
		(0..count).for_each(|_| builder.push([2; 32]));
		prop_assert_eq!(builder.finish().is_some(), count.is_power_of_two());
		prop_assert_eq!(hasher.paths(vec![[2; 32]; count], &[0]).is_some(), count.is_power_of_two());
		prop_assert!(hasher.paths(vec![[2; 32]; count], &[count as u64]).is_none());
	}
}

fn challenge_number(number: u32) -> Hash {
	challenge(&[1; 32], &[2; 32], u64::from(number), &[3; 32])
}

#[test]
fn should_audit_as_often_as_asked_when_challenges_are_drawn() {
	const DRAWS: u32 = 10_000;
	for (rate, expected) in [(0, 0.0), (1_000, 10.0), (150_000, 1_500.0), (500_000, 5_000.0)] {
		let count = (0..DRAWS).filter(|n| audited(&challenge_number(*n), rate)).count() as f64;
		let sigma = (expected * (1.0 - expected / f64::from(DRAWS))).sqrt();
		assert!((count - expected).abs() <= 3.0 * sigma, "{count} of {expected}");
	}
	for number in 0..DRAWS {
		assert!(audited(&challenge_number(number), PARTS_PER_MILLION));
		assert!(audited(&challenge_number(number), u32::MAX));
		// A higher rate audits whoever a lower one does.
		assert!(
			!audited(&challenge_number(number), 150_000)
				|| audited(&challenge_number(number), 150_001)
		);
	}
}

/// Pearson's chi-squared over rounds, lanes, rows and columns; 99.9 % quantiles of 2, 7, 15 and 127 degrees of freedom.
#[test]
fn should_open_every_place_equally_often_when_challenges_are_drawn() {
	let params = Params::new(0, 16, 128, 1, 8).unwrap();
	let mut counts = [vec![0u32; 3], vec![0; 8], vec![0; 16], vec![0; 128]];
	for number in 0..500 {
		for position in positions(&challenge_number(number), &params, 3).take(128) {
			let place = [position.round, position.lane, position.row, position.column];
			counts.iter_mut().zip(place).for_each(|(counts, at)| counts[at as usize] += 1);
		}
	}
	for (counts, quantile) in counts.iter().zip([13.82, 24.32, 37.70, 181.99]) {
		let expected = 64_000.0 / counts.len() as f64;
		let distance: f64 =
			counts.iter().map(|count| (f64::from(*count) - expected).powi(2) / expected).sum();
		assert!(distance < quantile, "{distance} for {} places", counts.len());
	}
}
