//! What this machine can compute with.

use crate::{
	cuda::{self, Facts, Gemm},
	Kernel,
};

/// Kind of a device.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DeviceKind {
	/// All cores together are one device.
	Cpu,
	/// An NVIDIA GPU.
	Cuda,
}

/// One device of this machine.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DeviceInfo {
	/// Index among the devices of its kind.
	pub index: usize,
	/// Model, in the maker's words.
	pub name: String,
	/// Kind.
	pub kind: DeviceKind,
	/// Bytes of memory, as far as they are known.
	pub memory: Option<u64>,
	/// Names of the kernels that it can run, slowest first.
	pub kernels: Vec<&'static str>,
}

/// The devices of this machine: the CPU first, then the GPUs in the driver's order.
///
/// A machine without a driver has no GPUs; why the driver cannot be used is what [`cuda::devices`] says.
pub fn devices() -> Vec<DeviceInfo> {
	let gpus = cuda::devices().unwrap_or_default();
	std::iter::once(cpu()).chain(gpus.into_iter().enumerate().map(gpu)).collect()
}

fn gpu((index, facts): (usize, Facts)) -> DeviceInfo {
	let kernels = [Gemm::Dp4a, Gemm::Mma].into_iter();
	DeviceInfo {
		index,
		kind: DeviceKind::Cuda,
		memory: Some(facts.memory),
		kernels: kernels.filter(|gemm| facts.compute >= gemm.needs()).map(Gemm::name).collect(),
		name: facts.name,
	}
}

fn cpu() -> DeviceInfo {
	DeviceInfo {
		index: 0,
		name: cpu_model().unwrap_or_else(|| std::env::consts::ARCH.into()),
		kind: DeviceKind::Cpu,
		memory: memory(),
		kernels: Kernel::available().map(Kernel::name).collect(),
	}
}

/// The value of the first line `key : value` of a file under `/proc`; `None` where there is none.
fn proc_value(file: &str, key: &str) -> Option<String> {
	let text = std::fs::read_to_string(file).ok()?;
	text.lines()
		.filter_map(|line| line.split_once(':'))
		.find_map(|(name, value)| (name.trim() == key).then(|| value.trim().into()))
}

fn cpu_model() -> Option<String> {
	proc_value("/proc/cpuinfo", "model name").filter(|name| !name.is_empty())
}

/// Bytes of main memory.
fn memory() -> Option<u64> {
	let kib: u64 =
		proc_value("/proc/meminfo", "MemTotal")?.strip_suffix("kB")?.trim().parse().ok()?;
	kib.checked_mul(1024)
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn should_list_the_cpu_first_when_asked_for_devices() {
		let devices = devices();
		assert_eq!((devices[0].kind, devices[0].index), (DeviceKind::Cpu, 0));
		assert_eq!(devices[0].kernels[0], "scalar");
		assert_eq!(devices[0].kernels.last(), Some(&Kernel::detect().name()));
		assert!(!devices[0].name.is_empty());
		assert!(devices[1..].iter().all(|device| device.kind == DeviceKind::Cuda));
	}

	#[test]
	fn should_list_the_kernels_that_a_gpu_has_when_it_is_old_or_new() {
		let facts =
			Facts { name: "A GPU".into(), memory: 1 << 33, compute: (7, 5), multiprocessors: 40 };
		let old = gpu((1, facts.clone()));
		assert_eq!((old.index, old.memory, old.kernels), (1, Some(1 << 33), vec!["dp4a"]));
		assert_eq!(gpu((0, Facts { compute: (6, 0), ..facts.clone() })).kernels, [""; 0]);
		assert_eq!(gpu((0, Facts { compute: (9, 0), ..facts })).kernels, ["dp4a", "mma"]);
	}

	#[test]
	#[cfg(target_os = "linux")]
	fn should_know_the_memory_when_the_system_says_it() {
		assert!(memory().unwrap() > 1 << 20);
		assert_eq!(proc_value("/proc/meminfo", "NoSuchLine"), None);
		assert_eq!(proc_value("/proc/no such file", "MemTotal"), None);
	}
}
