//! Other implementations on the same machine in the same minute.

use std::process::Command;

use anyhow::{anyhow, Result};
use io_kernels::{Cpu, Kernel};
use rten_gemm::{GemmExecutor, GemmInputA, GemmInputB, GemmOptions};
use rten_tensor::NdTensorView;

use crate::{
	entries, product,
	time::{best, Clock},
};

/// Side of the products.
const SIDE: usize = 1024;

/// Prints one thread of each on square products of [`SIDE`].
pub fn compare() -> Result<()> {
	let ours = product(&Cpu::with_kernel(Kernel::detect(), 1)?, SIDE, Clock::Cpu)?;
	println!("| one thread, side {SIDE} | GOP/s | ours is | exact for int8? |");
	println!("|---|---|---|---|");
	println!("| io-kernels, {} | {ours:.1} | 1.00 x | yes |", Kernel::detect().name());
	let row = |name: &str, rate: f64, exact: &str| {
		println!("| {name} | {rate:.1} | {:.2} x | {exact} |", ours / rate);
	};
	let (name, rate, exact) = rten()?;
	row(&name, rate, exact);
	row("gemm 0.19, f32", f32_gemm()?, "while sums stay below 2^24");
	for (kind, exact) in [("float32", "while sums stay below 2^24"), ("int32", "yes")] {
		match numpy(kind) {
			Some(rate) => row(&format!("numpy, {kind}"), rate, exact),
			None => println!("| numpy, {kind} | not installed | | {exact} |"),
		}
	}
	println!();
	Ok(())
}

fn rate(seconds: f64) -> f64 {
	2.0 * (SIDE as f64).powi(3) / seconds * 1e-9
}

/// u8 x i8 -> i32 of `rten-gemm`. It takes the bytes of A as unsigned, with 128 as their zero.
fn rten() -> Result<(String, f64, &'static str)> {
	let gemm = GemmExecutor::<u8, i8, i32>::default();
	let a: Vec<u8> = entries(SIDE * SIDE, 1).iter().map(|byte| *byte as u8 ^ 0x80).collect();
	let b = entries(SIDE * SIDE, 2);
	let a = NdTensorView::from_data([SIDE, SIDE], a.as_slice());
	let b = NdTensorView::from_data([SIDE, SIDE], b.as_slice());
	let mut c = vec![0; SIDE * SIDE];
	let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build()?;
	let seconds = best(Clock::Cpu, || {
		pool.install(|| {
			gemm.gemm(
				&mut c,
				GemmInputA::Unpacked(a.view()),
				GemmInputB::Unpacked(b.view()),
				GemmOptions::default(),
			)
		})
		.map_err(|error| anyhow!("rten-gemm: {error:?}"))
	})?;
	let exact = if gemm.may_saturate() { "no: saturates at 16 bits" } else { "yes" };
	Ok((format!("rten-gemm 0.27, {}", gemm.kernel_name()), rate(seconds), exact))
}

fn f32_gemm() -> Result<f64> {
	let floats = |stream| -> Vec<f32> {
		entries(SIDE * SIDE, stream).iter().map(|byte| f32::from(*byte)).collect()
	};
	let (a, b) = (floats(1), floats(2));
	let mut c = vec![0f32; SIDE * SIDE];
	let row = SIDE as isize;
	let seconds = best(Clock::Cpu, || {
		// SAFETY: all three matrices have `SIDE` rows of `SIDE` entries, at the strides that are given.
		unsafe {
			gemm::gemm(
				SIDE,
				SIDE,
				SIDE,
				c.as_mut_ptr(),
				1,
				row,
				false,
				a.as_ptr(),
				1,
				row,
				b.as_ptr(),
				1,
				row,
				0.0,
				1.0,
				false,
				false,
				false,
				gemm::Parallelism::None,
			)
		}
		Ok(())
	})?;
	Ok(rate(seconds))
}

/// Best of several products in Python, on one thread; `None` if there is no numpy.
fn numpy(kind: &str) -> Option<f64> {
	let program = format!(
		"import time, numpy as n\n\
		 r = n.random.default_rng(1)\n\
		 a, b = (r.integers(-128, 128, ({SIDE}, {SIDE})).astype(n.{kind}) for _ in range(2))\n\
		 def t():\n\
		 \x20 s = time.process_time(); a @ b; return time.process_time() - s\n\
		 print(min(t() for _ in range(4)))"
	);
	let single =
		["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"].map(|name| (name, "1"));
	let output = Command::new("python3").args(["-c", &program]).envs(single).output().ok()?;
	let seconds: f64 = String::from_utf8(output.stdout).ok()?.trim().parse().ok()?;
	Some(rate(seconds))
}
