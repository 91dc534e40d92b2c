//! The devices of this machine: the CPU and the GPUs, and which of them prove their power and multiply for jobs.

use io_kernels::{
	Cpu, DeviceInfo, DeviceKind, Kernel,
	cuda::{CudaGpu, CudaMatMul, Watch},
};
use io_primitives::attestation::{DeviceIndex, MAX_DEVICES};

use crate::{
	attest::device::{Device, Engine},
	config::DeviceChoice,
};

/// Index of the CPU on chain; GPUs come after it, in the driver's order.
pub const CPU: DeviceIndex = 0;
/// Part of the machine's memory that products of the CPU may take: one of so many.
const MEMORY_PART: u64 = 2;
/// What is taken for a device's memory if the system does not tell: enough for the smallest classes.
const UNKNOWN_MEMORY: u64 = 1 << 30;

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
pub struct Found {
	/// What the system says of it.
	pub info: DeviceInfo,
	/// Threads, if it is the CPU.
	pub threads: usize,
}

impl Found {
	/// Its index on chain; `None` if it is one GPU too many.
	pub fn index(&self) -> Option<DeviceIndex> {
		match self.info.kind {
			DeviceKind::Cpu => Some(CPU),
			DeviceKind::Cuda => {
				let index = DeviceIndex::try_from(self.info.index).ok()?.checked_add(CPU + 1)?;
				(index < MAX_DEVICES).then_some(index)
			},
		}
	}

	/// Its name in the settings.
	pub fn key(&self) -> String {
		match self.info.kind {
			DeviceKind::Cpu => "cpu".into(),
			DeviceKind::Cuda => format!("cuda:{}", self.info.index),
		}
	}

	/// Its name for people.
	pub fn name(&self) -> String {
		let kernel = self.info.kernels.last().unwrap_or(&"too old");
		match self.info.kind {
			DeviceKind::Cpu => format!("{}, {} threads, {kernel}", self.info.name, self.threads),
			DeviceKind::Cuda => format!("{}, {kernel}", self.info.name),
		}
	}

	/// Bytes of memory that a product may take.
	pub fn memory(&self) -> u64 {
		let memory = self.info.memory.unwrap_or(UNKNOWN_MEMORY);
		match self.info.kind {
			DeviceKind::Cpu => memory / MEMORY_PART,
			DeviceKind::Cuda => memory,
		}
	}

	/// As the prover wants it; `None` if it is one GPU too many.
	pub fn device(&self) -> Option<Device> {
		let (kind, number, threads) = (self.info.kind, self.info.index, self.threads);
		Some(Device {
			index: self.index()?,
			name: self.name(),
			memory: self.memory(),
			open: Box::new(move |cancel| match kind {
				DeviceKind::Cpu => {
					let cpu = Cpu::with_kernel(Kernel::detect(), threads)?;
					Ok(Engine::new(cpu.with_cancel(cancel)))
				},
				DeviceKind::Cuda => {
					let gpu = CudaGpu::open(u32::try_from(number).unwrap_or(u32::MAX))?;
					let watch = Watch { cancel, ..Watch::default() };
					Ok(Engine::new(CudaMatMul::new(gpu, watch)?))
				},
			}),
		})
	}
}

/// Everything that this machine has. `threads` are those of the CPU; 0 means all that this process may use.
pub fn all(threads: usize) -> Vec<Found> {
	let threads = match threads {
		0 => std::thread::available_parallelism().map_or(1, usize::from),
		threads => threads,
	};
	io_kernels::devices().into_iter().map(|info| Found { info, threads }).collect()
}

/// The devices that the owner chose. `threads` as for [`all`].
pub fn chosen(choice: &DeviceChoice, threads: usize) -> Result<Vec<Found>, Error> {
	choose(all(threads), choice)
}

fn choose(all: Vec<Found>, choice: &DeviceChoice) -> Result<Vec<Found>, Error> {
	let list = match choice {
		DeviceChoice::Word(_) => {
			let is_good =
				|d: &&Found| d.info.kind == DeviceKind::Cuda && !d.info.kernels.is_empty();
			let gpus: Vec<Found> = all.iter().filter(is_good).cloned().collect();
			// A CPU that feeds GPUs has no power to spare.
			return Ok(match gpus.is_empty() {
				true => all.into_iter().filter(|d| d.info.kind == DeviceKind::Cpu).collect(),
				false => gpus,
			});
		},
		DeviceChoice::List(list) => list,
	};
	let mut chosen: Vec<Found> = Vec::new();
	for name in list {
		check_name(name)?;
		let found = all.iter().find(|device| device.key() == *name);
		let found = found.ok_or_else(|| Error::Missing(name.clone()))?;
		if !chosen.contains(found) {
			chosen.push(found.clone());
		}
	}
	Ok(chosen)
}

/// Whether a name in the settings could be that of a device.
pub fn check_name(name: &str) -> Result<(), Error> {
	let number = name.strip_prefix("cuda:").map(str::parse::<u16>);
	match number {
		None if name == "cpu" => Ok(()),
		Some(Ok(number)) if number < MAX_DEVICES - 1 => Ok(()),
		_ => Err(Error::Name(name.into())),
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	fn found(kind: DeviceKind, index: usize, kernels: Vec<&'static str>) -> Found {
		let info = DeviceInfo { index, name: "x".into(), kind, memory: None, kernels };
		Found { info, threads: 2 }
	}

	fn machine() -> Vec<Found> {
		vec![
			found(DeviceKind::Cpu, 0, vec!["scalar"]),
			found(DeviceKind::Cuda, 0, vec![]),
			found(DeviceKind::Cuda, 1, vec!["dp4a"]),
		]
	}

	fn keys(chosen: Result<Vec<Found>, Error>) -> Vec<String> {
		chosen.unwrap().iter().map(Found::key).collect()
	}

	fn list(names: &[&str]) -> DeviceChoice {
		DeviceChoice::List(names.iter().map(|name| (*name).to_owned()).collect())
	}

	#[test]
	fn should_have_a_device_when_it_is_left_to_us() {
		let found = chosen(&DeviceChoice::default(), 0).unwrap();
		let device = found[0].device().unwrap();
		assert!(!device.name.is_empty() && device.memory > 0);
	}

	#[test]
	fn should_take_gpus_that_can_multiply_when_there_are_some() {
		assert_eq!(keys(choose(machine(), &DeviceChoice::default())), ["cuda:1"]);
		let without = machine().into_iter().take(2).collect();
		assert_eq!(keys(choose(without, &DeviceChoice::default())), ["cpu"]);
	}

	#[test]
	fn should_take_each_device_once_when_they_are_named() {
		let chosen = choose(machine(), &list(&["cuda:1", "cpu", "cpu"]));
		assert_eq!(keys(chosen), ["cuda:1", "cpu"]);
		assert!(choose(machine(), &list(&[])).unwrap().is_empty());
	}

	#[test]
	fn should_number_gpus_after_the_cpu_when_they_go_on_chain() {
		let indices: Vec<_> = machine().iter().map(Found::index).collect();
		assert_eq!(indices, [Some(0), Some(1), Some(2)]);
		assert_eq!(found(DeviceKind::Cuda, 14, vec![]).index(), Some(15));
		assert_eq!(found(DeviceKind::Cuda, 15, vec![]).index(), None);
		assert_eq!(found(DeviceKind::Cuda, usize::MAX, vec![]).index(), None);
	}

	#[test]
	fn should_refuse_when_a_device_is_none_or_not_there() {
		for name in ["gpu", "cuda", "cuda:", "cuda:x", "cuda:15", "cuda:65535", "cuda:99999"] {
			assert_eq!(check_name(name), Err(Error::Name(name.into())), "{name}");
		}
		let missing = choose(machine(), &list(&["cuda:14"]));
		assert_eq!(missing, Err(Error::Missing("cuda:14".into())));
	}
}
