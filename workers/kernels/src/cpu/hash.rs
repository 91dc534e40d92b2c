//! Keyed BLAKE3 of eight short messages at once: leaves of 256 bytes and nodes of 64.
//!
//! Each message is a single chunk, so its hash is the chain of its blocks' compressions, the last one marked as root.
//! Eight of them fill the lanes of AVX2; the `blake3` crate hashes one message at a time and has no use for its vectors
//! when that is shorter than two chunks.

use io_tflops::{params::LEAF_BYTES, Hash};

use crate::cpu::kernel::Avx2;

/// Hashes each message of `bytes`, `N` bytes long, under `key`.
pub(crate) fn hash_all<const N: usize>(
	avx2: Option<Avx2>,
	key: &Hash,
	messages: &[[u8; N]],
	hashes: &mut [Hash],
) {
	const { assert!(N.is_multiple_of(64) && N > 0 && N <= 1024, "whole blocks of one chunk") };
	debug_assert_eq!(messages.len(), hashes.len());
	let (batches, rest) = messages.as_chunks::<8>();
	let (hashes, hashes_of_rest) = hashes.as_chunks_mut::<8>();
	for (batch, hashes) in batches.iter().zip(hashes) {
		#[cfg(target_arch = "x86_64")]
		if avx2.is_some() {
			// SAFETY: the function needs AVX2, of which there is a proof.
			unsafe { x86::hash_eight(key, batch, hashes) };
			continue;
		}
		hash_one_by_one(key, batch, hashes);
	}
	hash_one_by_one(key, rest, hashes_of_rest);
}

fn hash_one_by_one<const N: usize>(key: &Hash, messages: &[[u8; N]], hashes: &mut [Hash]) {
	for (message, hash) in messages.iter().zip(hashes) {
		*hash = blake3::keyed_hash(key, message).into();
	}
}

/// Hashes of the leaves of C: `entries` are rows of C, each a multiple of 128 long; of each entry the low 16 bits count.
pub(crate) fn hash_leaves(avx2: Option<Avx2>, key: &Hash, entries: &[i32], hashes: &mut [Hash]) {
	let (segments, _) = entries.as_chunks::<{ LEAF_BYTES / 2 }>();
	let mut leaves = [[0; LEAF_BYTES]; 8];
	for (segments, hashes) in segments.chunks(8).zip(hashes.chunks_mut(8)) {
		for (leaf, segment) in leaves.iter_mut().zip(segments) {
			*leaf = leaf_bytes(segment);
		}
		hash_all(avx2, key, &leaves[..segments.len()], hashes);
	}
}

/// The bytes of a leaf.
pub(crate) fn leaf_bytes(segment: &[i32; LEAF_BYTES / 2]) -> [u8; LEAF_BYTES] {
	let mut leaf = [0; LEAF_BYTES];
	for (bytes, entry) in leaf.as_chunks_mut::<2>().0.iter_mut().zip(segment) {
		*bytes = (*entry as u16).to_le_bytes();
	}
	leaf
}

/// Root over the hashes of a level, whose number is a power of two.
pub(crate) fn root(avx2: Option<Avx2>, key: &Hash, mut level: Vec<Hash>) -> Hash {
	while level.len() > 1 {
		let pairs: Vec<[u8; 64]> = level
			.as_chunks::<2>()
			.0
			.iter()
			.map(|pair| {
				let mut message = [0; 64];
				message.copy_from_slice(pair.as_flattened());
				message
			})
			.collect();
		level.truncate(pairs.len());
		hash_all(avx2, key, &pairs, &mut level);
	}
	level.pop().unwrap_or_default()
}

#[cfg(target_arch = "x86_64")]
mod x86 {
	use io_tflops::Hash;
	use std::arch::x86_64::*;

	const IV: [u32; 4] = [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a];
	const CHUNK_START: u32 = 1;
	const CHUNK_END: u32 = 2;
	const ROOT: u32 = 8;
	const KEYED_HASH: u32 = 16;

	/// Words of the message in the order of each round: a permutation applied again and again.
	const SCHEDULE: [[usize; 16]; 7] = [
		[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
		[2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8],
		[3, 4, 10, 12, 13, 2, 7, 14, 6, 5, 9, 0, 11, 15, 8, 1],
		[10, 7, 12, 9, 14, 3, 13, 15, 4, 0, 11, 2, 5, 8, 1, 6],
		[12, 13, 9, 11, 15, 10, 14, 8, 7, 2, 5, 3, 0, 1, 6, 4],
		[9, 14, 11, 5, 8, 12, 15, 1, 13, 3, 0, 10, 2, 6, 4, 7],
		[11, 15, 5, 0, 1, 9, 8, 6, 14, 10, 2, 12, 3, 4, 7, 13],
	];

	#[inline]
	#[target_feature(enable = "avx2")]
	fn load(bytes: &[u8; 32]) -> __m256i {
		// SAFETY: reads the 32 bytes that are borrowed; the instruction asks for no alignment.
		unsafe { _mm256_loadu_si256(bytes.as_ptr().cast()) }
	}

	#[inline]
	#[target_feature(enable = "avx2")]
	fn store(bytes: &mut [u8; 32], vector: __m256i) {
		// SAFETY: writes the 32 bytes that are borrowed; the instruction asks for no alignment.
		unsafe { _mm256_storeu_si256(bytes.as_mut_ptr().cast(), vector) }
	}

	/// Rows become columns: word i of vector j goes to word j of vector i.
	#[inline]
	#[target_feature(enable = "avx2")]
	fn transpose(rows: [__m256i; 8]) -> [__m256i; 8] {
		let [a, b, c, d, e, f, g, h] = rows;
		let (ab0, ab1) = (_mm256_unpacklo_epi32(a, b), _mm256_unpackhi_epi32(a, b));
		let (cd0, cd1) = (_mm256_unpacklo_epi32(c, d), _mm256_unpackhi_epi32(c, d));
		let (ef0, ef1) = (_mm256_unpacklo_epi32(e, f), _mm256_unpackhi_epi32(e, f));
		let (gh0, gh1) = (_mm256_unpacklo_epi32(g, h), _mm256_unpackhi_epi32(g, h));
		let upper = [
			_mm256_unpacklo_epi64(ab0, cd0),
			_mm256_unpackhi_epi64(ab0, cd0),
			_mm256_unpacklo_epi64(ab1, cd1),
			_mm256_unpackhi_epi64(ab1, cd1),
		];
		let lower = [
			_mm256_unpacklo_epi64(ef0, gh0),
			_mm256_unpackhi_epi64(ef0, gh0),
			_mm256_unpacklo_epi64(ef1, gh1),
			_mm256_unpackhi_epi64(ef1, gh1),
		];
		let mut columns = [a; 8];
		for i in 0..4 {
			columns[i] = _mm256_permute2x128_si256::<0x20>(upper[i], lower[i]);
			columns[i + 4] = _mm256_permute2x128_si256::<0x31>(upper[i], lower[i]);
		}
		columns
	}

	#[inline]
	#[target_feature(enable = "avx2")]
	fn rotate<const RIGHT: i32, const LEFT: i32>(x: __m256i) -> __m256i {
		_mm256_or_si256(_mm256_srli_epi32::<RIGHT>(x), _mm256_slli_epi32::<LEFT>(x))
	}

	/// The mixing function G on column or diagonal (a, b, c, d).
	#[inline]
	#[target_feature(enable = "avx2")]
	fn mix(v: &mut [__m256i; 16], [a, b, c, d]: [usize; 4], x: __m256i, y: __m256i) {
		let by_16 = _mm256_set_epi8(
			13, 12, 15, 14, 9, 8, 11, 10, 5, 4, 7, 6, 1, 0, 3, 2, 13, 12, 15, 14, 9, 8, 11, 10, 5,
			4, 7, 6, 1, 0, 3, 2,
		);
		let by_8 = _mm256_set_epi8(
			12, 15, 14, 13, 8, 11, 10, 9, 4, 7, 6, 5, 0, 3, 2, 1, 12, 15, 14, 13, 8, 11, 10, 9, 4,
			7, 6, 5, 0, 3, 2, 1,
		);
		v[a] = _mm256_add_epi32(_mm256_add_epi32(v[a], v[b]), x);
		v[d] = _mm256_shuffle_epi8(_mm256_xor_si256(v[d], v[a]), by_16);
		v[c] = _mm256_add_epi32(v[c], v[d]);
		v[b] = rotate::<12, 20>(_mm256_xor_si256(v[b], v[c]));
		v[a] = _mm256_add_epi32(_mm256_add_epi32(v[a], v[b]), y);
		v[d] = _mm256_shuffle_epi8(_mm256_xor_si256(v[d], v[a]), by_8);
		v[c] = _mm256_add_epi32(v[c], v[d]);
		v[b] = rotate::<7, 25>(_mm256_xor_si256(v[b], v[c]));
	}

	#[target_feature(enable = "avx2")]
	pub(super) fn hash_eight<const N: usize>(
		key: &Hash,
		messages: &[[u8; N]; 8],
		hashes: &mut [Hash; 8],
	) {
		let splat = |word: u32| _mm256_set1_epi32(word as i32);
		let mut chain = [splat(0); 8];
		for (to, word) in chain.iter_mut().zip(key.as_chunks::<4>().0) {
			*to = splat(u32::from_le_bytes(*word));
		}
		for block in 0..N / 64 {
			let mut words = [splat(0); 16];
			for half in 0..2 {
				let mut rows = [splat(0); 8];
				for (row, message) in rows.iter_mut().zip(messages) {
					*row = load(&message.as_chunks::<32>().0[2 * block + half]);
				}
				words[8 * half..8 * half + 8].copy_from_slice(&transpose(rows));
			}
			let mut flags = KEYED_HASH;
			if block == 0 {
				flags |= CHUNK_START;
			}
			if block == N / 64 - 1 {
				flags |= CHUNK_END | ROOT;
			}
			let [c0, c1, c2, c3, c4, c5, c6, c7] = chain;
			let [i0, i1, i2, i3] = IV;
			// The number of the chunk is zero, and each block is full.
			let mut v = [
				c0,
				c1,
				c2,
				c3,
				c4,
				c5,
				c6,
				c7,
				splat(i0),
				splat(i1),
				splat(i2),
				splat(i3),
				splat(0),
				splat(0),
				splat(64),
				splat(flags),
			];
			for s in SCHEDULE {
				mix(&mut v, [0, 4, 8, 12], words[s[0]], words[s[1]]);
				mix(&mut v, [1, 5, 9, 13], words[s[2]], words[s[3]]);
				mix(&mut v, [2, 6, 10, 14], words[s[4]], words[s[5]]);
				mix(&mut v, [3, 7, 11, 15], words[s[6]], words[s[7]]);
				mix(&mut v, [0, 5, 10, 15], words[s[8]], words[s[9]]);
				mix(&mut v, [1, 6, 11, 12], words[s[10]], words[s[11]]);
				mix(&mut v, [2, 7, 8, 13], words[s[12]], words[s[13]]);
				mix(&mut v, [3, 4, 9, 14], words[s[14]], words[s[15]]);
			}
			for i in 0..8 {
				chain[i] = _mm256_xor_si256(v[i], v[i + 8]);
			}
		}
		for (hash, vector) in hashes.iter_mut().zip(transpose(chain)) {
			store(hash, vector);
		}
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use io_tflops::tree::TreeHasher;

	/// Bytes that differ in every message.
	fn message<const N: usize>(index: usize) -> [u8; N] {
		let mut bytes = [0; N];
		blake3::Hasher::new().update(&index.to_le_bytes()).finalize_xof().fill(&mut bytes);
		bytes
	}

	fn agrees_with_the_crate<const N: usize>() {
		let key: Hash = message(1000);
		for count in [0, 1, 7, 8, 9, 27] {
			let messages: Vec<[u8; N]> = (0..count).map(message).collect();
			let mut hashes = vec![[0; 32]; count];
			for avx2 in [None, Avx2::detect()] {
				hashes.fill([0; 32]);
				hash_all(avx2, &key, &messages, &mut hashes);
				for (message, hash) in messages.iter().zip(&hashes) {
					assert_eq!(*hash, *blake3::keyed_hash(&key, message).as_bytes());
				}
			}
		}
	}

	#[test]
	fn should_equal_the_blake3_crate_when_eight_messages_are_hashed_at_once() {
		agrees_with_the_crate::<64>();
		agrees_with_the_crate::<256>();
		agrees_with_the_crate::<1024>();
	}

	#[test]
	fn should_equal_the_reference_tree_when_levels_are_hashed_at_once() {
		let state = message(7);
		let hasher = TreeHasher::new(&state);
		let node_key = io_tflops::transcript::node_key(&state);
		for leaves in [1, 2, 8, 64] {
			let level: Vec<Hash> = (0..leaves).map(message).collect();
			assert_eq!(Some(root(Avx2::detect(), &node_key, level.clone())), hasher.root(level));
		}
	}

	#[test]
	fn should_take_the_low_16_bits_when_entries_become_leaves() {
		let state = message(8);
		let hasher = TreeHasher::new(&state);
		let leaf_key = io_tflops::transcript::leaf_key(&state);
		let entries: Vec<i32> = (0..128 * 11).map(|i| (i * 40_503) ^ (i << 20)).collect();
		let mut hashes = [[0; 32]; 11];
		hash_leaves(Avx2::detect(), &leaf_key, &entries, &mut hashes);
		for (segment, hash) in entries.chunks(128).zip(hashes) {
			let low: Vec<u16> = segment.iter().map(|entry| (entry & 0xffff) as u16).collect();
			let bytes = io_tflops::tree::leaf_bytes(low.as_slice().try_into().unwrap());
			assert_eq!(hash, hasher.leaf(&bytes));
		}
	}
}
