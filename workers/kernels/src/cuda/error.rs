//! What goes wrong on a GPU.

use std::time::Duration;

use super::DriverError;

/// Why a GPU does not do what it is asked to.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum GpuError {
	/// There is no driver that works.
	#[error(transparent)]
	Driver(#[from] DriverError),
	/// There are fewer devices.
	#[error("GPU {index} is asked for, there are {devices}")]
	NoSuchDevice {
		/// Which one is asked for, from 0.
		index: u32,
		/// How many there are.
		devices: u32,
	},
	/// The GPU is older than the kernels can do with.
	#[error("{name} has compute capability {}.{}, the kernels need {}.{}", compute.0, compute.1, needed.0, needed.1)]
	TooOld {
		/// The GPU.
		name: String,
		/// Its compute capability.
		compute: (u32, u32),
		/// The one that is needed.
		needed: (u32, u32),
	},
	/// An allocation failed.
	#[error("the GPU has no {0} bytes of memory left")]
	OutOfMemory(u64),
	/// Even the smallest panels do not fit.
	#[error("{needed} bytes of the GPU's memory are needed, {available} may be used")]
	TooSmall {
		/// Bytes for the smallest panels.
		needed: u64,
		/// Bytes that are free and allowed.
		available: u64,
	},
	/// The driver refuses a call; the device can still be used.
	#[error("the CUDA driver refuses {call}: {result}")]
	Call {
		/// What was tried.
		call: &'static str,
		/// Its answer.
		result: String,
	},
	/// The device, or this process's access to it, is broken. To be opened again, or the process restarted.
	#[error("the GPU is lost: {0}")]
	Lost(String),
	/// The device does not answer, and is given up.
	#[error("the GPU has not answered for {} s and is given up", .0.as_secs_f32())]
	Hung(Duration),
	/// The device computes something wrong, found by the check when it is opened.
	#[error("the GPU computes wrongly: {0}")]
	Wrong(&'static str),
	/// A kernel would leave its memory: a mistake of this program.
	#[error("a kernel would read or write outside of its memory")]
	OutOfBounds,
	/// Matrices or leaves that are asked for are refused, or the work was cancelled.
	#[error(transparent)]
	Refused(#[from] crate::Error),
}

impl GpuError {
	/// Whether the device has to be opened again before it can work.
	pub fn is_fatal(&self) -> bool {
		matches!(self, Self::Driver(_) | Self::Lost(_) | Self::Hung(_) | Self::Wrong(_))
	}
}
