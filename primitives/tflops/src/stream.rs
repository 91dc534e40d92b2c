//! The matrices: a ChaCha8 stream for each row of A and for each column of B.
//!
//! Row i of A is the first K bytes of ChaCha8 with the lane's key of A, a 64-bit nonce i and a 64-bit block counter from
//! 0, each byte read as int8. Column j of B likewise, with the key of B and the nonce j. Every row and column has a
//! stream of its own because entries that depend on i + j would give A and B a displacement structure, with which their
//! product is found by fast transforms instead of work.
//!
//! ChaCha8 is used as a pseudo-random function only; nothing is secret.

use chacha20::{
	rand_core::{Rng, SeedableRng},
	ChaCha8Rng,
};

use crate::Hash;

/// Bytes that are generated at once: the four blocks that the generator buffers.
const CHUNK: usize = 256;

fn generator(key: &Hash, index: u64) -> ChaCha8Rng {
	let mut generator = ChaCha8Rng::from_seed(*key);
	generator.set_stream(index);
	generator
}

/// Writes the first `row.len()` entries of row (or column) `index` under `key`.
pub fn fill(key: &Hash, index: u64, row: &mut [i8]) {
	let mut generator = generator(key, index);
	let mut bytes = [0; CHUNK];
	for chunk in row.chunks_mut(CHUNK) {
		generator.fill_bytes(&mut bytes);
		for (entry, byte) in chunk.iter_mut().zip(bytes) {
			*entry = byte as i8;
		}
	}
}

/// `C[row][column]`, the inner product of a row of A and a column of B of length `k`, in constant memory. Exact for
/// `k` up to 131,071, twice the longest of [`crate::Params`]; beyond, it may wrap around.
pub fn entry(key_a: &Hash, key_b: &Hash, row: u32, column: u32, k: u32) -> i32 {
	let mut left = generator(key_a, u64::from(row));
	let mut right = generator(key_b, u64::from(column));
	let (mut a, mut b) = ([0; CHUNK], [0; CHUNK]);
	let mut rest = k as usize;
	let mut sum = 0i32;
	while rest > 0 {
		left.fill_bytes(&mut a);
		right.fill_bytes(&mut b);
		let length = rest.min(CHUNK);
		// 256 products of at most 2^14 each.
		let part: i32 = a
			.iter()
			.zip(&b)
			.take(length)
			.map(|(a, b)| i32::from(*a as i8) * i32::from(*b as i8))
			.sum();
		sum = sum.wrapping_add(part);
		rest -= length;
	}
	sum
}
