//! `io-worker bench`: what the devices of this machine can do, and as what they would best enrol.
//!
//! Rates are int8 operations per second, a multiplication and an addition counted as two. The peak of a CPU is what its
//! instructions allow, measured in a loop on registers, times its threads; nobody reaches it on all cores at once.

use std::time::{Duration, Instant};

use comfy_table::{ContentArrangement, Table, presets::UTF8_BORDERS_ONLY};
use io_kernels::{
	Cpu, DeviceKind, Dims, Error, Kernel, Layout,
	cuda::{self, CudaGpu, CudaMatMul, Watch},
};
use io_primitives::{
	Balance,
	attestation::{AttestationClass, ClassParams},
};
use serde::Serialize;

use crate::{
	attest::{
		device::{Engine, Fault},
		plan,
		prover::measure,
	},
	devices::{self, Found},
};

/// Columns of a table that is not shown on a terminal.
const WIDTH: u16 = 120;
/// Rows, inner dimension and columns of the bare product: those of class 0.
const BARE: (usize, usize, usize) = (1024, 4096, 1024);
/// The same for kernels without instructions of their own, which would take long.
const BARE_SMALL: (usize, usize, usize) = (256, 4096, 256);

/// What was measured.
#[derive(Serialize, Clone, PartialEq, Debug)]
pub struct Bench {
	/// The CUDA driver, or why there is none.
	pub cuda: String,
	/// Each device.
	pub devices: Vec<DeviceBench>,
}

/// What was measured of one device.
#[derive(Serialize, Clone, PartialEq, Debug)]
pub struct DeviceBench {
	/// Its name in the settings.
	pub key: String,
	/// Its name for people.
	pub name: String,
	/// Bytes of memory.
	pub memory: Option<u64>,
	/// Bare products, by kernel.
	pub kernels: Vec<KernelBench>,
	/// Products that are generated and hashed for a proof, by class.
	pub proofs: Vec<ProofBench>,
	/// As what it would enrol, if its stake were no limit.
	pub suggestion: Option<Suggestion>,
	/// Why something is missing.
	pub problem: Option<String>,
}

/// A kernel.
#[derive(Serialize, Clone, PartialEq, Debug)]
pub struct KernelBench {
	/// Its name.
	pub kernel: &'static str,
	/// Bare products, in 10^9 operations per second.
	pub gops: f64,
	/// What the instructions allow, in 10^9 operations per second.
	pub peak_gops: f64,
	/// The first of both in percent of the second.
	pub percent_of_peak: f64,
}

/// A class.
#[derive(Serialize, Clone, PartialEq, Debug)]
pub struct ProofBench {
	/// Its number.
	pub class: AttestationClass,
	/// Rows, inner dimension and columns.
	pub dims: (u32, u32, u32),
	/// In 10^9 operations per second.
	pub gops: f64,
	/// How much longer than the bare product it takes, in percent; only where the bare product has the same dimensions.
	pub overhead_percent: Option<f64>,
}

/// As what a device had best enrol.
#[derive(Serialize, Clone, PartialEq, Debug)]
pub struct Suggestion {
	/// The class.
	pub class: AttestationClass,
	/// Products of one round.
	pub lanes: u32,
	/// How long a round lasts.
	pub round_seconds: f64,
}

/// The classes with which the network starts. A running worker takes those of its chain.
fn classes() -> Vec<(AttestationClass, ClassParams)> {
	let class = |side, k, max_lanes| ClassParams {
		arith: 0,
		m: side,
		n: side,
		k,
		min_lanes: 1,
		max_lanes,
		openings: 64,
		bond_per_lane: 0,
	};
	vec![
		(0, class(1_024, 4_096, 1_024)),
		(1, class(4_096, 16_384, 1_024)),
		(2, class(16_384, 16_384, 256)),
		(3, class(16_384, 65_536, 64)),
	]
}

/// Measures all devices; bare products of each kernel for `time`.
pub fn run(threads: usize, time: Duration) -> Bench {
	let devices = devices::all(threads).iter().map(|found| one(found, time)).collect();
	let cuda = match cuda::driver_status() {
		Ok(info) => format!("driver for CUDA {}, {} devices", info.version, info.devices),
		Err(error) => error.to_string(),
	};
	Bench { cuda, devices }
}

fn one(found: &Found, time: Duration) -> DeviceBench {
	let mut bench = DeviceBench {
		key: found.key(),
		name: found.name(),
		memory: found.info.memory,
		kernels: Vec::new(),
		proofs: Vec::new(),
		suggestion: None,
		problem: None,
	};
	let done = match found.info.kind {
		DeviceKind::Cpu => cpu(found, time, &mut bench),
		DeviceKind::Cuda => gpu(found, &mut bench),
	};
	bench.problem = done.err().map(|fault| fault.to_string());
	bench
}

fn cpu(found: &Found, time: Duration, bench: &mut DeviceBench) -> Result<(), Fault> {
	let mut bare = None;
	for kernel in Kernel::available() {
		let cpu = Cpu::with_kernel(kernel, found.threads)?;
		let (m, k, n) = if kernel == Kernel::Scalar { BARE_SMALL } else { BARE };
		let gops = product_rate(&cpu, Dims::new(m, k, n)?, time)? / 1e9;
		let peak_gops = cpu.peak_ops() / 1e9;
		let percent_of_peak = 100.0 * gops / peak_gops;
		bench.kernels.push(KernelBench { kernel: kernel.name(), gops, peak_gops, percent_of_peak });
		bare = Some(gops);
	}
	let fastest = Cpu::with_kernel(Kernel::detect(), found.threads)?;
	proofs(&mut Engine::new(fastest), found, bare, bench)
}

fn gpu(found: &Found, bench: &mut DeviceBench) -> Result<(), Fault> {
	let gpu = CudaGpu::open(u32::try_from(found.info.index).unwrap_or(u32::MAX))?;
	let device = CudaMatMul::new(gpu, Watch::default())?;
	proofs(&mut Engine::new(device), found, None, bench)
}

/// Measures proofs, and what follows from that. `bare` is the rate of the bare product of class 0.
fn proofs(
	engine: &mut Engine,
	found: &Found,
	bare: Option<f64>,
	bench: &mut DeviceBench,
) -> Result<(), Fault> {
	let measured = measure(engine, found.memory(), &classes())?;
	for measured in &measured {
		let ClassParams { m, k, n, .. } = measured.params;
		let gops = measured.rate() / 1e9;
		let same = (m as usize, k as usize, n as usize) == BARE;
		let overhead_percent = bare.filter(|_| same).map(|bare| 100.0 * (bare / gops - 1.0));
		let dims = (m, k, n);
		bench.proofs.push(ProofBench { class: measured.class, dims, gops, overhead_percent });
	}
	if let Ok(plan) = plan::choose(&measured, Balance::MAX, plan::LONGEST_ROUND) {
		let of = measured.iter().find(|measured| measured.class == plan.class);
		bench.suggestion = of.map(|of| Suggestion {
			class: plan.class,
			lanes: plan.lanes,
			round_seconds: of.lane_seconds * f64::from(plan.lanes),
		});
	}
	Ok(())
}

/// Operations per second of products one after the other, for `time`, after one to warm up.
fn product_rate(cpu: &Cpu, dims: Dims, time: Duration) -> Result<f64, Error> {
	let bytes = |len: usize| -> Vec<i8> { (0..len).map(|i| (i * 31 % 251) as u8 as i8).collect() };
	let (a, b) = (bytes(dims.m() * dims.k()), bytes(dims.k() * dims.n()));
	let mut c = vec![0; dims.m() * dims.n()];
	cpu.matmul_i8_into(dims, &a, &b, Layout::Columns, &mut c)?;
	let start = Instant::now();
	let mut products = 0;
	while products == 0 || start.elapsed() < time {
		cpu.matmul_i8_into(dims, &a, &b, Layout::Columns, &mut c)?;
		products += 1;
	}
	Ok(dims.ops() as f64 * f64::from(products) / start.elapsed().as_secs_f64())
}

impl Bench {
	/// For people.
	pub fn to_text(&self) -> String {
		let mut parts = Vec::new();
		for device in &self.devices {
			parts.push(format!("{}: {}", device.key, device.name));
			let mut table = Table::new();
			table
				.load_preset(UTF8_BORDERS_ONLY)
				.set_content_arrangement(ContentArrangement::Dynamic);
			if !table.is_tty() {
				table.set_width(WIDTH);
			}
			table.set_header(["what", "int8 GOP/s", "peak", "of peak", "over bare product"]);
			for kernel in &device.kernels {
				table.add_row([
					format!("product, {}", kernel.kernel),
					format!("{:.1}", kernel.gops),
					format!("{:.1}", kernel.peak_gops),
					format!("{:.0} %", kernel.percent_of_peak),
					String::new(),
				]);
			}
			for proof in &device.proofs {
				let (m, k, n) = proof.dims;
				table.add_row([
					format!("proof, class {} ({m} x {k} x {n})", proof.class),
					format!("{:.1}", proof.gops),
					String::new(),
					String::new(),
					proof.overhead_percent.map_or_else(String::new, |p| format!("{p:+.0} %")),
				]);
			}
			if !(device.kernels.is_empty() && device.proofs.is_empty()) {
				parts.push(table.to_string());
			}
			if let Some(Suggestion { class, lanes, round_seconds }) = device.suggestion {
				parts.push(format!(
					"would prove its power in attestation class {class} with {lanes} lanes, a round of {round_seconds:.2} s"
				));
			} else if device.problem.is_none() {
				parts.push("too slow for the classes of the network".into());
			}
			parts.extend(device.problem.clone());
		}
		parts.push(format!("CUDA: {}", self.cuda));
		parts.join("\n")
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn should_show_what_was_measured_when_asked_for_text() {
		let bench = Bench {
			cuda: "no driver".into(),
			devices: vec![DeviceBench {
				key: "cpu".into(),
				name: "A CPU".into(),
				memory: None,
				kernels: vec![KernelBench {
					kernel: "avx2",
					gops: 80.0,
					peak_gops: 100.0,
					percent_of_peak: 80.0,
				}],
				proofs: vec![ProofBench {
					class: 0,
					dims: BARE_U32,
					gops: 70.0,
					overhead_percent: Some(14.2),
				}],
				suggestion: Some(Suggestion { class: 0, lanes: 8, round_seconds: 0.98 }),
				problem: None,
			}],
		};
		let text = bench.to_text();
		for part in
			["A CPU", "avx2", "80 %", "+14 %", "attestation class 0 with 8 lanes", "no driver"]
		{
			assert!(text.contains(part), "{part}: {text}");
		}
	}

	const BARE_U32: (u32, u32, u32) = (1024, 4096, 1024);

	#[test]
	fn should_measure_something_when_a_cpu_multiplies() {
		let cpu = Cpu::with_kernel(Kernel::detect(), 1).unwrap();
		let dims = Dims::new(64, 64, 64).unwrap();
		assert!(product_rate(&cpu, dims, Duration::ZERO).unwrap() > 0.0);
	}
}
