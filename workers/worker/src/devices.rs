//! The devices of this machine: the CPU and the GPUs, and which of them prove their power.

use io_kernels::{Cpu, Kernel};
use io_primitives::attestation::{DeviceIndex, MAX_DEVICES};

use crate::{
	attest::device::{Device, Engine},
	config::{Attestation, DeviceChoice},
};

/// Index of the CPU on chain; GPUs come after it, in the driver's order.
pub const CPU: DeviceIndex = 0;
/// Part of the memory that products of the CPU may take: one of so many.
const MEMORY_PART: u64 = 2;

/// Why a device that the owner named cannot be used.
#[derive(thiserror::Error, Clone, PartialEq, Eq, Debug)]
pub enum Error {
	/// There is no such name.
	#[error("`{0}` is no device: say \"cpu\", or \"cuda:0\" and so on")]
	Name(String),
	/// The machine does not have it.
	#[error("there is no {0} on this machine: see `io-worker bench`")]
	Missing(String),
}

/// A device, as far as it is known without opening it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Found {
	/// The CPU.
	Cpu {
		/// Its model.
		model: String,
		/// Threads that may be used.
		threads: usize,
		/// Its fastest kernel.
		kernel: Kernel,
		/// Bytes of memory of the machine.
		memory: u64,
	},
}

impl Found {
	/// Its index on chain.
	pub fn index(&self) -> DeviceIndex {
		match self {
			Found::Cpu { .. } => CPU,
		}
	}

	/// Its name in the settings.
	pub fn key(&self) -> String {
		match self {
			Found::Cpu { .. } => "cpu".into(),
		}
	}

	/// Its name for people.
	pub fn name(&self) -> String {
		match self {
			Found::Cpu { model, threads, kernel, .. } => {
				format!("{model}, {threads} threads, {}", kernel.name())
			},
		}
	}

	/// As the prover wants it.
	pub fn device(&self) -> Device {
		let (index, name) = (self.index(), self.name());
		match self {
			Found::Cpu { threads, kernel, memory, .. } => {
				let (threads, kernel) = (*threads, *kernel);
				Device {
					index,
					name,
					memory: memory / MEMORY_PART,
					open: Box::new(move |cancel| {
						Ok(Engine::new(Cpu::with_kernel(kernel, threads)?.with_cancel(cancel)))
					}),
				}
			},
		}
	}
}

/// The CPU, with so many threads; 0 means all that this process may use.
pub fn cpu(threads: usize) -> Found {
	let threads = match threads {
		0 => std::thread::available_parallelism().map_or(1, usize::from),
		threads => threads,
	};
	Found::Cpu { model: cpu_model(), threads, kernel: Kernel::detect(), memory: memory() }
}

/// Everything that this machine has.
pub fn all(threads: usize) -> Vec<Found> {
	vec![cpu(threads)]
}

/// The devices that the owner chose.
pub fn chosen(settings: &Attestation) -> Result<Vec<Found>, Error> {
	let all = all(settings.threads);
	let list = match &settings.devices {
		// A CPU that feeds GPUs has no power to spare.
		DeviceChoice::Word(_) => {
			let gpus: Vec<Found> = all.iter().filter(|d| d.index() != CPU).cloned().collect();
			return Ok(if gpus.is_empty() { all } else { gpus });
		},
		DeviceChoice::List(list) => list,
	};
	let mut chosen = Vec::new();
	for name in list {
		check_name(name)?;
		let found = all.iter().find(|device| device.key() == *name);
		chosen.push(found.cloned().ok_or_else(|| Error::Missing(name.clone()))?);
	}
	Ok(chosen)
}

/// Whether a name in the settings could be that of a device.
pub fn check_name(name: &str) -> Result<(), Error> {
	let number = name.strip_prefix("cuda:").map(str::parse::<u16>);
	match number {
		None if name == "cpu" => Ok(()),
		Some(Ok(number)) if number + 1 < MAX_DEVICES => Ok(()),
		_ => Err(Error::Name(name.into())),
	}
}

/// The CPU's model, as the system calls it.
fn cpu_model() -> String {
	let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
	let model = text
		.lines()
		.find_map(|line| line.strip_prefix("model name")?.split_once(':').map(|(_, name)| name));
	model.map_or_else(|| std::env::consts::ARCH.to_owned(), |name| name.trim().to_owned())
}

/// Bytes of memory of the machine; if the system does not tell, enough for the smallest classes.
fn memory() -> u64 {
	let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
	let kib = text.lines().find_map(|line| {
		line.strip_prefix("MemTotal:")?.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()
	});
	kib.map_or(1 << 30, |kib| kib.saturating_mul(1024))
}

#[cfg(test)]
mod tests {
	use super::*;

	fn settings(devices: DeviceChoice) -> Attestation {
		Attestation { devices, threads: 1, ..Attestation::default() }
	}

	#[test]
	fn should_have_a_device_when_it_is_left_to_us() {
		let found = chosen(&settings(DeviceChoice::default())).unwrap();
		assert!(!found.is_empty());
		assert!(!found[0].name().is_empty());
		assert!(found[0].device().memory > 0);
	}

	#[test]
	fn should_find_the_cpu_when_it_is_named() {
		let found = chosen(&settings(DeviceChoice::List(vec!["cpu".into()]))).unwrap();
		assert_eq!(found.iter().map(Found::index).collect::<Vec<_>>(), [CPU]);
	}

	#[test]
	fn should_refuse_when_a_device_is_none_or_not_there() {
		for name in ["gpu", "cuda", "cuda:", "cuda:x", "cuda:15", "cuda:99999"] {
			assert_eq!(check_name(name), Err(Error::Name(name.into())), "{name}");
		}
		let missing = chosen(&settings(DeviceChoice::List(vec!["cuda:14".into()])));
		assert_eq!(missing, Err(Error::Missing("cuda:14".into())));
	}
}
