//! What the instructions of a kernel can do at most.

use std::time::{Duration, Instant};

use crate::cpu::{
	micro::{Micro, MAX_TILE},
	Kernel,
};

/// Time of one measurement. The best of several counts, since anything else that runs can only make it longer.
const MEASUREMENT: Duration = Duration::from_micros(500);
const MEASUREMENTS: usize = 20;

impl Kernel {
	/// int8 operations (a multiplication and an addition are two) per second that the kernel's instructions allow on one
	/// core, measured now in about 10 ms; `None` if this CPU cannot run it.
	///
	/// A loop of nothing but the instructions that multiply and add, on registers, with sums enough to hide their
	/// latency: `vpmaddwd` and `vpaddd` for AVX2, `vpdpbusd` for AVX-512 VNNI. Plain Rust has no such instruction; for it
	/// the innermost loop is measured on panels in the first-level cache.
	pub fn peak_ops(self) -> Option<f64> {
		let micro = Micro::new(self)?;
		Some(match self {
			Self::Scalar => {
				let (a, b) = (vec![0x0102_0304; 64 * micro.mr], vec![0x0506_0708; 64 * micro.nr]);
				let mut tile = [0; MAX_TILE];
				rate((2 * 2 * 64 * micro.mr * micro.nr) as f64, || {
					micro.run(&a, &b, &mut tile);
					std::hint::black_box(&mut tile);
				})
			},
			#[cfg(target_arch = "x86_64")]
			// SAFETY: the function needs AVX2, which `Micro::new` has found.
			Self::Avx2 => rate((x86::STEPS * 8 * 32) as f64, || unsafe { x86::avx2() }),
			#[cfg(target_arch = "x86_64")]
			Self::Avx512Vnni => rate((x86::STEPS * 16 * 128) as f64, || {
				// SAFETY: the function needs AVX-512 VNNI, which `Micro::new` has found.
				unsafe { x86::avx512vnni() }
			}),
			#[cfg(not(target_arch = "x86_64"))]
			Self::Avx2 | Self::Avx512Vnni => return None,
		})
	}
}

/// Operations per second of a step that does `ops` of them.
fn rate(ops: f64, mut step: impl FnMut()) -> f64 {
	let mut best = 0f64;
	for _ in 0..MEASUREMENTS {
		let start = Instant::now();
		let mut steps = 0u32;
		while start.elapsed() < MEASUREMENT {
			step();
			steps += 1;
		}
		best = best.max(ops * f64::from(steps) / start.elapsed().as_secs_f64());
	}
	best
}

#[cfg(target_arch = "x86_64")]
mod x86 {
	use std::arch::{asm, x86_64::*};

	/// Steps of one call.
	pub(super) const STEPS: usize = 1000;

	#[target_feature(enable = "avx2")]
	pub(super) fn avx2() {
		let factor = _mm256_set1_epi16(3);
		let mut sums = [_mm256_setzero_si256(); 8];
		for _ in 0..STEPS {
			for sum in &mut sums {
				// SAFETY: works on registers only; AVX2 is enabled. Assembly, as the compiler would see that the product
				// is always the same.
				unsafe {
					asm!(
						"vpmaddwd {product}, {factor}, {factor}",
						"vpaddd {sum}, {sum}, {product}",
						product = out(ymm_reg) _,
						factor = in(ymm_reg) factor,
						sum = inout(ymm_reg) *sum,
						options(pure, nomem, nostack, preserves_flags),
					);
				}
			}
		}
		std::hint::black_box(sums);
	}

	#[target_feature(enable = "avx512f,avx512vnni")]
	pub(super) fn avx512vnni() {
		let factor = _mm512_set1_epi32(0x0303_0303);
		let mut sums = [_mm512_setzero_si512(); 16];
		for _ in 0..STEPS {
			for sum in &mut sums {
				// SAFETY: works on registers only; AVX-512 VNNI is enabled. Assembly as above.
				unsafe {
					asm!(
						"vpdpbusd {sum}, {factor}, {factor}",
						factor = in(zmm_reg) factor,
						sum = inout(zmm_reg) *sum,
						options(pure, nomem, nostack, preserves_flags),
					);
				}
			}
		}
		std::hint::black_box(sums);
	}
}
