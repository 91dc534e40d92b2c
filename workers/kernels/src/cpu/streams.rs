//! Eight ChaCha8 streams at once, written straight into panels.
//!
//! A vector holds the same word of eight streams, rows of A or columns of B. That is just how a panel has its quads, so
//! the streams need no transposition on their way.

use io_tflops::{stream, Hash};

use crate::cpu::{
	micro::{Form, Micro},
	panels::{pack_lines, Side},
};

/// Bytes of a block of ChaCha.
const BLOCK: usize = 64;

/// Writes streams `first..first + 8` of `key`, `k` bytes of each, into panels: `panels` starts with the one that holds
/// line `first`, `panel` is the number of its words. Lines of one panel that come before are left as they are.
pub(crate) fn fill_panels(
	micro: &Micro,
	side: Side,
	key: &Hash,
	first: u32,
	k: usize,
	panels: &mut [u32],
	panel: usize,
) {
	let width = side.width(micro);
	let target = Target {
		width,
		form: micro.form,
		bias: side.bias(micro.form),
		panel,
		line: first as usize % width,
	};
	#[cfg(target_arch = "x86_64")]
	if k.is_multiple_of(BLOCK) && micro.avx2.is_some() {
		// SAFETY: the function needs AVX2, of which there is a proof.
		unsafe { x86::fill(target, key, first, k, panels) };
		return;
	}
	target.fill_one_by_one(micro, side, key, first, k, panels);
}

/// Where eight lines go.
#[derive(Clone, Copy)]
struct Target {
	/// Lines of a panel: 4, or a multiple of 8.
	width: usize,
	form: Form,
	bias: u32,
	/// Words of a panel.
	panel: usize,
	/// The first of the eight lines, inside of the first panel.
	line: usize,
}

impl Target {
	/// Writes group `group` of all eight lines.
	#[inline(always)]
	fn put(&self, panels: &mut [u32], group: usize, words: &[u32; 8]) {
		let at = group * self.width + self.line;
		if self.width == 4 {
			panels[at..at + 4].copy_from_slice(&words[..4]);
			panels[at + self.panel..at + self.panel + 4].copy_from_slice(&words[4..]);
		} else {
			panels[at..at + 8].copy_from_slice(words);
		}
	}

	/// Without vectors: each stream by itself.
	fn fill_one_by_one(
		&self,
		micro: &Micro,
		side: Side,
		key: &Hash,
		first: u32,
		k: usize,
		panels: &mut [u32],
	) {
		let mut line = vec![0; k];
		let mut own = vec![0; self.panel];
		for index in 0..8 {
			stream::fill(key, u64::from(first) + index as u64, &mut line);
			// As the only line of a panel of its own, of which it is then copied.
			pack_lines(micro, side, &line, k, &mut own);
			let at = self.line + index;
			let panel = &mut panels[at / self.width * self.panel..][..self.panel];
			let lines = panel.chunks_exact_mut(self.width).zip(own.chunks_exact(self.width));
			lines.for_each(|(to, from)| to[at % self.width] = from[0]);
		}
	}
}

#[cfg(target_arch = "x86_64")]
mod x86 {
	use super::{Form, Target, BLOCK};
	use io_tflops::Hash;
	use std::arch::x86_64::*;

	/// "expand 32-byte k"
	const CONSTANTS: [u32; 4] = [0x6170_7865, 0x3320_646e, 0x7962_2d32, 0x6b20_6574];

	#[inline]
	#[target_feature(enable = "avx2")]
	fn words(vector: __m256i) -> [u32; 8] {
		let mut words = [0; 8];
		// SAFETY: writes the 32 bytes of the array; the instruction asks for no alignment.
		unsafe { _mm256_storeu_si256(words.as_mut_ptr().cast(), vector) };
		words
	}

	#[inline]
	#[target_feature(enable = "avx2")]
	fn rotate<const LEFT: i32, const RIGHT: i32>(x: __m256i) -> __m256i {
		_mm256_or_si256(_mm256_slli_epi32::<LEFT>(x), _mm256_srli_epi32::<RIGHT>(x))
	}

	#[inline]
	#[target_feature(enable = "avx2")]
	fn quarter_round(x: &mut [__m256i; 16], a: usize, b: usize, c: usize, d: usize) {
		let by_16 = _mm256_set_epi8(
			13, 12, 15, 14, 9, 8, 11, 10, 5, 4, 7, 6, 1, 0, 3, 2, 13, 12, 15, 14, 9, 8, 11, 10, 5,
			4, 7, 6, 1, 0, 3, 2,
		);
		let by_8 = _mm256_set_epi8(
			14, 13, 12, 15, 10, 9, 8, 11, 6, 5, 4, 7, 2, 1, 0, 3, 14, 13, 12, 15, 10, 9, 8, 11, 6,
			5, 4, 7, 2, 1, 0, 3,
		);
		x[a] = _mm256_add_epi32(x[a], x[b]);
		x[d] = _mm256_shuffle_epi8(_mm256_xor_si256(x[d], x[a]), by_16);
		x[c] = _mm256_add_epi32(x[c], x[d]);
		x[b] = rotate::<12, 20>(_mm256_xor_si256(x[b], x[c]));
		x[a] = _mm256_add_epi32(x[a], x[b]);
		x[d] = _mm256_shuffle_epi8(_mm256_xor_si256(x[d], x[a]), by_8);
		x[c] = _mm256_add_epi32(x[c], x[d]);
		x[b] = rotate::<7, 25>(_mm256_xor_si256(x[b], x[c]));
	}

	/// Streams `first..first + 8`: eight blocks at a time, one of each.
	#[target_feature(enable = "avx2")]
	pub(super) fn fill(target: Target, key: &Hash, first: u32, k: usize, panels: &mut [u32]) {
		let splat = |word: u32| _mm256_set1_epi32(word as i32);
		let zero = _mm256_setzero_si256();
		let mut state = [zero; 16];
		for (to, constant) in state.iter_mut().zip(CONSTANTS) {
			*to = splat(constant);
		}
		let (key, _) = key.as_chunks::<4>();
		for (to, word) in state[4..12].iter_mut().zip(key) {
			*to = splat(u32::from_le_bytes(*word));
		}
		// Words 12 and 13 are the counter of blocks, 14 and 15 the number of the stream; both high words stay zero.
		state[14] = _mm256_add_epi32(splat(first), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
		let bias = splat(target.bias);
		for block in 0..k / BLOCK {
			state[12] = splat(block as u32);
			let mut x = state;
			for _ in 0..4 {
				quarter_round(&mut x, 0, 4, 8, 12);
				quarter_round(&mut x, 1, 5, 9, 13);
				quarter_round(&mut x, 2, 6, 10, 14);
				quarter_round(&mut x, 3, 7, 11, 15);
				quarter_round(&mut x, 0, 5, 10, 15);
				quarter_round(&mut x, 1, 6, 11, 12);
				quarter_round(&mut x, 2, 7, 8, 13);
				quarter_round(&mut x, 3, 4, 9, 14);
			}
			for word in 0..16 {
				let quad = _mm256_xor_si256(_mm256_add_epi32(x[word], state[word]), bias);
				let at = 16 * block + word;
				match target.form {
					Form::Quads => target.put(panels, at, &words(quad)),
					Form::Pairs => {
						let even = _mm256_srai_epi16::<8>(_mm256_slli_epi16::<8>(quad));
						let odd = _mm256_srai_epi16::<8>(quad);
						target.put(panels, 2 * at, &words(even));
						target.put(panels, 2 * at + 1, &words(odd));
					},
				}
			}
		}
	}
}
