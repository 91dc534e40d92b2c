//! The innermost loops: a tile of C from a panel of A and a panel of B, one implementation for each set of
//! instructions.
//!
//! A panel of A has `mr` rows, one of B `nr` columns. Both are cut along k into groups that fit one 32-bit word, and lie
//! group by group: `mr` (`nr`) words for the first group, then for the second, and so on. What a word holds is the
//! kernel's [`Form`].

use crate::cpu::{kernel::Avx2, Kernel};

/// What a word of a panel holds. Panels are filled from quads, four successive bytes along k.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Form {
	/// Two int16: each quad (b0, b1, b2, b3) makes two groups, (b0, b2) and (b1, b3). Any pairing will do as long as A
	/// and B agree on it; for this one the bytes need not cross 16-bit lanes.
	Pairs,
	/// Four bytes: each quad is one group. A has 128 added, because the instruction wants unsigned bytes there, and
	/// 128 times the sum of B's column is taken off the result.
	Quads,
}

impl Form {
	/// Groups that a quad makes.
	pub(crate) const fn groups_per_quad(self) -> usize {
		match self {
			Self::Pairs => 2,
			Self::Quads => 1,
		}
	}
}

/// A quad as the groups of [`Form::Pairs`].
#[inline(always)]
pub(crate) fn pairs(quad: u32) -> [u32; 2] {
	let [b0, b1, b2, b3] = quad.to_le_bytes().map(|byte| u32::from(i16::from(byte as i8) as u16));
	[b0 | b2 << 16, b1 | b3 << 16]
}

/// What is xored to a quad of A in [`Form::Quads`]: adds 128 to each byte.
pub(crate) const BIAS: u32 = 0x8080_8080;

/// Words of the largest tile.
pub(crate) const MAX_TILE: usize = 8 * 32;

/// Loop over the groups of two panels: writes the products' sums into a tile of `mr * nr` words, row by row.
type Run = unsafe fn(a: &[u32], b: &[u32], tile: &mut [i32; MAX_TILE]);

/// One implementation with its measures.
#[derive(Clone, Copy)]
pub(crate) struct Micro {
	/// Rows of a tile, 4 or 8.
	pub(crate) mr: usize,
	/// Columns of a tile, a multiple of 8.
	pub(crate) nr: usize,
	/// Form of the panels' words.
	pub(crate) form: Form,
	/// Whether streams and hashes next to the products take eight lanes at once.
	pub(crate) avx2: Option<Avx2>,
	/// Needs the instructions of the kernel that it is made for.
	run: Run,
}

impl Micro {
	/// The implementation of a kernel, if this CPU can run it.
	pub(crate) fn new(kernel: Kernel) -> Option<Self> {
		kernel.is_available().then_some(match kernel {
			Kernel::Scalar => Self { mr: 4, nr: 16, form: Form::Pairs, avx2: None, run: scalar },
			#[cfg(target_arch = "x86_64")]
			Kernel::Avx2 => Self { mr: 4, nr: 16, form: Form::Pairs, avx2: Avx2::detect(), run: x86::avx2 },
			#[cfg(target_arch = "x86_64")]
			Kernel::Avx512Vnni => Self {
				mr: 8,
				nr: 32,
				form: Form::Quads,
				avx2: Avx2::detect(),
				run: x86::avx512vnni,
			},
			#[cfg(not(target_arch = "x86_64"))]
			Kernel::Avx2 | Kernel::Avx512Vnni => return None,
		})
	}

	/// VNNI's tile with its instruction replaced by arithmetic, so that everything around the instruction (bias, layout,
	/// correction) is tested on every machine.
	#[cfg(test)]
	pub(crate) fn emulated_vnni() -> Self {
		Self { mr: 8, nr: 32, form: Form::Quads, avx2: Avx2::detect(), run: tests::emulated_vnni }
	}

	/// Sums of products over all groups of the two panels, whose numbers of groups must be the same.
	pub(crate) fn run(&self, a: &[u32], b: &[u32], tile: &mut [i32; MAX_TILE]) {
		debug_assert_eq!(a.len() / self.mr, b.len() / self.nr);
		// SAFETY: the functions are unsafe only for the instructions that they need. `new` has seen that the CPU has
		// them; the emulation needs none.
		unsafe { (self.run)(a, b, tile) }
	}
}

/// Asks for the cache line of an entry that is needed soon.
#[inline(always)]
pub(crate) fn prefetch(entry: &i32) {
	#[cfg(target_arch = "x86_64")]
	// SAFETY: a hint, which changes nothing and faults at no address; every x86-64 has it.
	unsafe {
		use std::arch::x86_64::{_mm_prefetch, _MM_HINT_T0};
		_mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(entry).cast());
	}
	#[cfg(not(target_arch = "x86_64"))]
	let _ = entry;
}

/// Makes the loop over groups from five operations on vectors of `$lanes` words: all sums stay in registers.
macro_rules! tile {
	($(#[$attribute:meta])* $visibility:vis fn $name:ident: $mr:literal x $vectors:literal x $lanes:literal,
		$zero:expr, $load:expr, $splat:expr, $dot:expr, $store:expr) => {
		$(#[$attribute])*
		$visibility fn $name(a: &[u32], b: &[u32], tile: &mut [i32; MAX_TILE]) {
			let mut sums = [[$zero; $vectors]; $mr];
			let (groups_a, _) = a.as_chunks::<$mr>();
			let (groups_b, _) = b.as_chunks::<{ $vectors * $lanes }>();
			for (words_a, words_b) in groups_a.iter().zip(groups_b) {
				let (vectors_b, _) = words_b.as_chunks::<$lanes>();
				let mut right = [$zero; $vectors];
				for v in 0..$vectors {
					right[v] = $load(&vectors_b[v]);
				}
				for r in 0..$mr {
					let left = $splat(words_a[r]);
					for v in 0..$vectors {
						sums[r][v] = $dot(sums[r][v], left, right[v]);
					}
				}
			}
			let (vectors_c, _) = tile.as_chunks_mut::<$lanes>();
			for r in 0..$mr {
				for v in 0..$vectors {
					$store(&mut vectors_c[r * $vectors + v], sums[r][v]);
				}
			}
		}
	};
}

/// Adds the products of two pairs of int16 to each sum.
#[inline(always)]
fn dot_pairs(mut sums: [i32; 8], left: [u32; 8], right: [u32; 8]) -> [i32; 8] {
	for ((sum, l), r) in sums.iter_mut().zip(left).zip(right) {
		let low = i32::from(l as i16) * i32::from(r as i16);
		let high = i32::from((l >> 16) as i16) * i32::from((r >> 16) as i16);
		*sum = sum.wrapping_add(low).wrapping_add(high);
	}
	sums
}

tile!(
	fn scalar: 4 x 2 x 8,
	Default::default(),
	|words: &[u32; 8]| *words,
	|word: u32| [word; 8],
	dot_pairs,
	|to: &mut [i32; 8], sums: [i32; 8]| *to = sums
);

#[cfg(target_arch = "x86_64")]
mod x86 {
	use std::arch::x86_64::*;

	use super::MAX_TILE;

	#[inline]
	#[target_feature(enable = "avx2")]
	fn load_256(words: &[u32; 8]) -> __m256i {
		// SAFETY: reads the 32 bytes that are borrowed; the instruction asks for no alignment.
		unsafe { _mm256_loadu_si256(words.as_ptr().cast()) }
	}

	#[inline]
	#[target_feature(enable = "avx2")]
	fn store_256(words: &mut [i32; 8], vector: __m256i) {
		// SAFETY: writes the 32 bytes that are borrowed; the instruction asks for no alignment.
		unsafe { _mm256_storeu_si256(words.as_mut_ptr().cast(), vector) }
	}

	#[inline]
	#[target_feature(enable = "avx512f")]
	fn load_512(words: &[u32; 16]) -> __m512i {
		// SAFETY: reads the 64 bytes that are borrowed; the instruction asks for no alignment.
		unsafe { _mm512_loadu_si512(words.as_ptr().cast()) }
	}

	#[inline]
	#[target_feature(enable = "avx512f")]
	fn store_512(words: &mut [i32; 16], vector: __m512i) {
		// SAFETY: writes the 64 bytes that are borrowed; the instruction asks for no alignment.
		unsafe { _mm512_storeu_si512(words.as_mut_ptr().cast(), vector) }
	}

	tile!(
		/// `vpmaddwd` multiplies int16 and adds neighbours in int32: exact, as |a b| <= 2^14. (`vpmaddubsw`, with bytes
		/// and twice the rate, saturates at 2^15 and is wrong for full-range int8.) Eight sums of two vectors each hide
		/// the instruction's latency and leave registers for the operands.
		#[target_feature(enable = "avx2")]
		pub(super) fn avx2: 4 x 2 x 8,
		_mm256_setzero_si256(),
		load_256,
		|word: u32| _mm256_set1_epi32(word as i32),
		|sum, left, right| _mm256_add_epi32(sum, _mm256_madd_epi16(left, right)),
		store_256
	);

	tile!(
		/// `vpdpbusd` adds four products of unsigned with signed bytes to int32, without saturation (`vpdpbusds` would).
		/// Sixteen sums hide its latency of up to five cycles at two instructions each.
		#[target_feature(enable = "avx512f,avx512vnni")]
		pub(super) fn avx512vnni: 8 x 2 x 16,
		_mm512_setzero_si512(),
		load_512,
		|word: u32| _mm512_set1_epi32(word as i32),
		|sum, left, right| _mm512_dpbusd_epi32(sum, left, right),
		store_512
	);
}

#[cfg(test)]
pub(crate) mod tests {
	use super::*;

	/// What `vpdpbusd` does to each of 16 lanes, from its description.
	fn dpbusd(mut sums: [i32; 16], left: [u32; 16], right: [u32; 16]) -> [i32; 16] {
		for ((sum, l), r) in sums.iter_mut().zip(left).zip(right) {
			for (l, r) in l.to_le_bytes().into_iter().zip(r.to_le_bytes()) {
				*sum = sum.wrapping_add(i32::from(l) * i32::from(r as i8));
			}
		}
		sums
	}

	tile!(
		pub(super) fn emulated_vnni: 8 x 2 x 16,
		Default::default(),
		|words: &[u32; 16]| *words,
		|word: u32| [word; 16],
		dpbusd,
		|to: &mut [i32; 16], sums: [i32; 16]| *to = sums
	);

	#[test]
	fn should_split_quads_into_sign_extended_pairs() {
		let quad = u32::from_le_bytes([0x80, 0x7f, 0xff, 0x01]);
		assert_eq!(pairs(quad), [0xffff_ff80, 0x0001_007f]);
	}
}
