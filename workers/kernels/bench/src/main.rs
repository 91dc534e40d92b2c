#![doc = include_str!("../README.md")]

mod peers;
mod time;

use anyhow::Result;
use io_kernels::{Cpu, Dims, Kernel, Layout};
use io_tflops::{params::ARITH_INT8, prover::MatMul, Params};

use time::{best, Clock};

/// Sides of the square products.
const SIDES: [usize; 4] = [512, 1024, 2048, 4096];

fn main() -> Result<()> {
	let threads = std::thread::available_parallelism().map_or(1, usize::from);
	println!(
		"int8 GOP/s; a multiplication and an addition are two operations. Best of several runs."
	);
	println!("one thread: per second of CPU time; {threads} threads: per second of the clock\n");
	products(threads)?;
	peers::compare()?;
	lanes()
}

/// Square products on each kernel.
fn products(threads: usize) -> Result<()> {
	println!("| kernel | side | one thread | of the instructions' peak | {threads} threads |");
	println!("|---|---|---|---|---|");
	for kernel in Kernel::available() {
		let one = Cpu::with_kernel(kernel, 1)?;
		let all = Cpu::with_kernel(kernel, threads)?;
		// Plain Rust is as slow at every size; the large ones would take minutes.
		let sides = if kernel == Kernel::Scalar { &SIDES[..2] } else { &SIDES };
		for &side in sides {
			let peak = peak(kernel);
			let on_one = product(&one, side, Clock::Cpu)?;
			let on_all = product(&all, side, Clock::Wall)?;
			println!(
				"| {} | {side} | {on_one:.1} | {:.0} % of {peak:.1} | {on_all:.1} |",
				kernel.name(),
				100.0 * on_one / peak
			);
		}
	}
	println!();
	Ok(())
}

/// GOP/s of a kernel's instructions alone, as long as they have the core to themselves.
fn peak(kernel: Kernel) -> f64 {
	kernel.peak_ops().unwrap_or_default() * 1e-9
}

/// GOP/s of a square product.
fn product(cpu: &Cpu, side: usize, clock: Clock) -> Result<f64> {
	let dims = Dims::new(side, side, side)?;
	let (a, b) = (entries(side * side, 1), entries(side * side, 2));
	let mut c = vec![0; side * side];
	let seconds = best(clock, || {
		cpu.matmul_i8_into(dims, &a, &b, Layout::Rows, &mut c)?;
		Ok(())
	})?;
	Ok(dims.ops() as f64 / seconds * 1e-9)
}

/// Entries of the full range.
fn entries(length: usize, stream: u64) -> Vec<i8> {
	let mut entries = vec![0; length];
	io_tflops::stream::fill(&[7; 32], stream, &mut entries);
	entries
}

/// What a lane (streams, product, leaves, tree) costs beside the product of matrices of the same size that are there
/// already. Those have to be packed, while streams come packed: a lane may well be the quicker one.
fn lanes() -> Result<()> {
	println!(
		"a product of given matrices includes their packing; the streams of a lane come packed\n"
	);
	println!("| lane m = n, K | kernel | product of given matrices | whole lane | overhead |");
	println!("|---|---|---|---|---|");
	let classes = [(1024, 4096), (4096, 16384)];
	for (side, k) in classes {
		for kernel in Kernel::available().filter(|kernel| *kernel != Kernel::Scalar) {
			let params = Params::new(ARITH_INT8, side, side, k, 1).map_err(anyhow::Error::new)?;
			let mut cpu = Cpu::with_kernel(kernel, 1)?;
			let (m, k) = (side as usize, k as usize);
			let dims = Dims::new(m, k, m)?;
			let (a, b) = (entries(m * k, 3), entries(k * m, 4));
			let mut c = vec![0; m * m];
			let bare = best(Clock::Cpu, || {
				cpu.matmul_i8_into(dims, &a, &b, Layout::Columns, &mut c)?;
				Ok(())
			})?;
			let state = [9; 32];
			let whole = best(Clock::Cpu, || {
				cpu.lane_root(&params, &state, 0)?;
				Ok(())
			})?;
			let rate = |seconds: f64| dims.ops() as f64 / seconds * 1e-9;
			println!(
				"| {side}, {k} | {} | {:.1} | {:.1} | {:.1} % |",
				kernel.name(),
				rate(bare),
				rate(whole),
				100.0 * (whole / bare - 1.0)
			);
		}
	}
	Ok(())
}
