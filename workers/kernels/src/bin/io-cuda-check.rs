//! Says which GPUs there are, and whether they compute what the CPU does: `io-cuda-check [--patience <seconds>] [--speed]`.
//!
//! Exits with 1 if there is no driver or no GPU, with 2 if a GPU fails, with 3 if it is called wrongly.

use std::{
	env,
	process::ExitCode,
	time::{Duration, Instant},
};

use io_kernels::{
	cuda::{devices, driver_status, CudaGpu, CudaMatMul, Facts, Gemm, GpuError, Watch},
	Cancel,
};
use io_tflops::{
	params::ARITH_INT8,
	prover::{Chain, ChainError},
	transcript::{device_seed, window_seed},
	Params,
};

struct Options {
	patience: Duration,
	speed: bool,
}

fn options() -> Option<Options> {
	let mut options = Options { patience: Watch::default().patience, speed: false };
	let mut words = env::args().skip(1);
	while let Some(word) = words.next() {
		match word.as_str() {
			"--speed" => options.speed = true,
			"--patience" => {
				let seconds = words.next()?.parse().ok()?;
				options.patience = Duration::try_from_secs_f64(seconds).ok()?;
			},
			_ => return None,
		}
	}
	Some(options)
}

fn main() -> ExitCode {
	let Some(options) = options() else {
		eprintln!("usage: io-cuda-check [--patience <seconds>] [--speed]");
		return ExitCode::from(3);
	};
	let (driver, gpus) = match driver_status().and_then(|driver| Ok((driver, devices()?))) {
		Ok(found) => found,
		Err(error) => {
			println!("no GPU: {error}");
			return ExitCode::from(1);
		},
	};
	println!("driver: CUDA {}", driver.version);
	let mut all_well = true;
	for (index, facts) in (0..).zip(&gpus) {
		println!(
			"GPU {index}: {}, sm_{}{}, {} multiprocessors, {} MiB",
			facts.name,
			facts.compute.0,
			facts.compute.1,
			facts.multiprocessors,
			facts.memory >> 20
		);
		for gemm in [Gemm::Dp4a, Gemm::Mma] {
			match try_out(index, facts, gemm, &options) {
				Ok(said) => println!("  {}: {said}", gemm.name()),
				Err(error) => {
					println!("  {}: {error}", gemm.name());
					all_well = false;
				},
			}
		}
	}
	ExitCode::from(if all_well { 0 } else { 2 })
}

fn chain(params: Params) -> Chain {
	let window = window_seed(&[0x11; 32], 2000, 7, &[0x22; 32], 1000);
	Chain::new(params, device_seed(&window, &[0x33; 32], 0, 0, &params))
}

fn try_out(
	index: u32,
	facts: &Facts,
	gemm: Gemm,
	options: &Options,
) -> Result<String, ChainError<GpuError>> {
	if facts.compute < gemm.needs() {
		return Ok("not on this GPU".into());
	}
	let watch = Watch { cancel: Cancel::new(), patience: options.patience };
	let open = || CudaMatMul::with_gemm(CudaGpu::open(index)?, gemm, watch);
	let mut device = open().map_err(ChainError::Device)?;

	// The dimensions of the test vector of the protocol.
	let small = Params::new(ARITH_INT8, 128, 128, 256, 1);
	let mut small = chain(small.map_err(|_| ChainError::WrongAnswer)?);
	small.round(&mut device)?;
	small.round(&mut device)?;
	let commitment: String = small.commitment().iter().map(|byte| format!("{byte:02x}")).collect();
	let mut said = format!("computes as the CPU does, commitment of the test vector {commitment}");

	for (class, side, k, lanes) in [(1, 4096, 16_384, 64), (2, 16_384, 16_384, 8)] {
		if !options.speed {
			break;
		}
		let params = Params::new(ARITH_INT8, side, side, k, lanes);
		let mut chain = chain(params.map_err(|_| ChainError::WrongAnswer)?);
		// The first round takes memory.
		chain.round(&mut device)?;
		let start = Instant::now();
		chain.round(&mut device)?;
		let tops = chain.params().ops_per_round() as f64 / start.elapsed().as_secs_f64() / 1e12;
		said += &format!("\n    class {class}: {tops:.1} int8 TOP/s with streams and hashes");
	}
	Ok(said)
}
