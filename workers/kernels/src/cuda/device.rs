//! GPUs by the crate `cust`.

use std::{
	fmt,
	mem::ManuallyDrop,
	os::raw::c_void,
	ptr,
	sync::{
		atomic::{AtomicBool, Ordering},
		Arc,
	},
};

use cust::{
	context::{Context, CurrentContext},
	device::{Device, DeviceAttribute},
	error::{CudaError, CudaResult},
	event::{Event, EventFlags, EventStatus},
	memory::{mem_get_info, AsyncCopyDestination, DeviceBuffer},
	module::Module,
	stream::{Stream, StreamFlags, StreamWaitEventFlags},
};

use super::{
	driver_status,
	kernel::{Argument, Gemm, Kernel, Slot, MODULES},
	DriverError, Facts, Gpu, GpuError, Place, Queue,
};

/// The GPUs of this machine, in the driver's order.
///
/// # Errors
/// Why there are none to work with.
pub fn devices() -> Result<Vec<Facts>, DriverError> {
	let driver = driver_status()?;
	let refused = |error: CudaError| DriverError::Refused(format!("{error:?}"));
	(0..driver.devices).map(|index| facts(index).map_err(refused)).collect()
}

fn facts(index: u32) -> CudaResult<Facts> {
	let device = Device::get_device(index)?;
	let attribute = |attribute| device.get_attribute(attribute).map(i32::unsigned_abs);
	Ok(Facts {
		name: device.name()?,
		memory: device.total_memory()? as u64,
		compute: (
			attribute(DeviceAttribute::ComputeCapabilityMajor)?,
			attribute(DeviceAttribute::ComputeCapabilityMinor)?,
		),
		multiprocessors: attribute(DeviceAttribute::MultiprocessorCount)?,
	})
}

/// A GPU that is open.
pub struct CudaGpu {
	facts: Facts,
	modules: ManuallyDrop<Vec<Option<Module>>>,
	products: ManuallyDrop<Stream>,
	side: ManuallyDrop<Stream>,
	context: Arc<Shared>,
}

impl fmt::Debug for CudaGpu {
	fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
		f.debug_struct("CudaGpu").field("facts", &self.facts).finish_non_exhaustive()
	}
}

/// The context of a device, for as long as anything on it lives.
#[derive(Debug)]
struct Shared {
	context: ManuallyDrop<Context>,
	/// The device does not answer.
	hung: AtomicBool,
}

impl Shared {
	/// Makes the context that of this thread, as every call of the driver needs it.
	fn enter(&self) -> Result<(), GpuError> {
		if self.hung.load(Ordering::Relaxed) {
			return Err(GpuError::Lost("it has not answered before".into()));
		}
		CurrentContext::set_current(&*self.context).map_err(|error| failed("its context", error))
	}
}

impl Drop for Shared {
	fn drop(&mut self) {
		if !self.hung.load(Ordering::Relaxed) {
			// SAFETY: dropped once, here.
			unsafe { ManuallyDrop::drop(&mut self.context) }
		}
	}
}

/// Memory of a [`CudaGpu`].
#[derive(Debug)]
pub struct CudaMemory {
	buffer: ManuallyDrop<DeviceBuffer<u8>>,
	context: Arc<Shared>,
}

impl CudaMemory {
	fn address(&self) -> u64 {
		self.buffer.as_device_ptr().as_raw()
	}
}

impl Drop for CudaMemory {
	fn drop(&mut self) {
		// On a device that hangs, freeing would wait for ever.
		if self.context.enter().is_ok() {
			// SAFETY: dropped once, here.
			unsafe { ManuallyDrop::drop(&mut self.buffer) }
		}
	}
}

/// The driver's answer to a call. `CudaError` is never displayed: that asks the driver for words, and panics without one.
fn failed(call: &'static str, error: CudaError) -> GpuError {
	let result = format!("{error:?}");
	match error {
		CudaError::Deinitialized
		| CudaError::ContextIsDestroyed
		| CudaError::InvalidContext
		| CudaError::EccUncorrectable
		| CudaError::NvlinkUncorrectable
		| CudaError::IllegalAddress
		| CudaError::LaunchTimeout
		| CudaError::AssertError
		| CudaError::HardwareStackError
		| CudaError::IllegalInstruction
		| CudaError::MisalignedAddress
		| CudaError::InvalidAddressSpace
		| CudaError::InvalidProgramCounter
		| CudaError::LaunchFailed
		| CudaError::NoDevice
		| CudaError::UnknownError => GpuError::Lost(format!("{result} at {call}")),
		_ => GpuError::Call { call, result },
	}
}

impl CudaGpu {
	/// Opens GPU number `index`, from 0, and compiles the kernels for it. [`super::CudaMatMul`] checks what it computes.
	///
	/// # Errors
	/// No driver or device, a device that is too old, or what the driver refuses.
	pub fn open(index: u32) -> Result<Self, GpuError> {
		let devices = driver_status()?.devices;
		if index >= devices {
			return Err(GpuError::NoSuchDevice { index, devices });
		}
		let facts = facts(index).map_err(|error| failed("its attributes", error))?;
		let needed = Gemm::Dp4a.needs();
		if facts.compute < needed {
			return Err(GpuError::TooOld { name: facts.name, compute: facts.compute, needed });
		}

		let context = Device::get_device(index)
			.and_then(Context::new)
			.map_err(|error| failed("a context", error))?;
		let shared = Shared { context: ManuallyDrop::new(context), hung: AtomicBool::new(false) };
		let priorities = CurrentContext::get_stream_priority_range()
			.map_err(|error| failed("its priorities", error))?;
		let stream = |priority| {
			Stream::new(StreamFlags::DEFAULT, Some(priority))
				.map_err(|error| failed("a stream", error))
		};
		let (products, side) = (stream(priorities.least)?, stream(priorities.greatest)?);
		let compile = |(ptx, needed): (&str, _)| match facts.compute >= needed {
			true => Module::from_ptx(ptx, &[]).map(Some),
			false => Ok(None),
		};
		let modules = MODULES
			.into_iter()
			.map(compile)
			.collect::<CudaResult<Vec<_>>>()
			.map_err(|error| failed("compiling the kernels", error))?;
		for kernel in Kernel::ALL {
			if let Some(module) = &modules[kernel.module()] {
				module.get_function(kernel.name()).map_err(|error| failed(kernel.name(), error))?;
			}
		}
		Ok(Self {
			facts,
			modules: ManuallyDrop::new(modules),
			products: ManuallyDrop::new(products),
			side: ManuallyDrop::new(side),
			context: Arc::new(shared),
		})
	}

	fn stream(&self, queue: Queue) -> &Stream {
		match queue {
			Queue::Products => &self.products,
			Queue::Side => &self.side,
		}
	}
}

impl Drop for CudaGpu {
	fn drop(&mut self) {
		if self.context.enter().is_ok() {
			// SAFETY: each is dropped once, here, before the context.
			unsafe {
				ManuallyDrop::drop(&mut self.modules);
				ManuallyDrop::drop(&mut self.products);
				ManuallyDrop::drop(&mut self.side);
			}
		}
	}
}

/// The bytes of a memory from a place on.
fn range(place: Place<'_, CudaMemory>, bytes: usize) -> Result<core::ops::Range<usize>, GpuError> {
	let start = usize::try_from(place.at).map_err(|_| GpuError::OutOfBounds)?;
	let end = start.checked_add(bytes).ok_or(GpuError::OutOfBounds)?;
	if end > place.memory.buffer.len() {
		return Err(GpuError::OutOfBounds);
	}
	Ok(start..end)
}

impl Gpu for CudaGpu {
	type Memory = CudaMemory;
	type Event = Event;

	fn facts(&self) -> &Facts {
		&self.facts
	}

	fn free_memory(&self) -> Result<u64, GpuError> {
		self.context.enter()?;
		mem_get_info()
			.map(|(free, _)| free as u64)
			.map_err(|error| failed("its free memory", error))
	}

	fn allocate(&self, bytes: u64) -> Result<CudaMemory, GpuError> {
		self.context.enter()?;
		let size = usize::try_from(bytes).map_err(|_| GpuError::OutOfMemory(bytes))?;
		// SAFETY: whoever reads it writes it before, since all reads come back through this type.
		let buffer = unsafe { DeviceBuffer::uninitialized(size) }.map_err(|error| match error {
			CudaError::OutOfMemory => GpuError::OutOfMemory(bytes),
			error => failed("memory", error),
		})?;
		Ok(CudaMemory { buffer: ManuallyDrop::new(buffer), context: self.context.clone() })
	}

	fn size(memory: &CudaMemory) -> u64 {
		memory.buffer.len() as u64
	}

	fn upload(&self, queue: Queue, from: &[u8], to: Place<'_, CudaMemory>) -> Result<(), GpuError> {
		self.context.enter()?;
		let mut slice = to.memory.buffer.index(range(to, from.len())?);
		// SAFETY: `from` lives until the copy is done, which is waited for: the driver only *might* have taken pageable memory
		// when it returns ("API synchronization behavior" of CUDA's driver API).
		unsafe { slice.async_copy_from(from, self.stream(queue)) }
			.and(self.stream(queue).synchronize())
			.map_err(|error| failed("a copy to it", error))
	}

	fn read(
		&self,
		queue: Queue,
		from: Place<'_, CudaMemory>,
		to: &mut [u8],
	) -> Result<(), GpuError> {
		self.context.enter()?;
		let slice = from.memory.buffer.index(range(from, to.len())?);
		// SAFETY: `to` lives until the copy is done, which is waited for, as above.
		unsafe { slice.async_copy_to(to, self.stream(queue)) }
			.and(self.stream(queue).synchronize())
			.map_err(|error| failed("a copy from it", error))
	}

	unsafe fn launch(
		&self,
		queue: Queue,
		kernel: Kernel,
		blocks: u32,
		arguments: &[Argument<'_, CudaMemory>],
	) -> Result<(), GpuError> {
		self.context.enter()?;
		let module = self.modules[kernel.module()].as_ref().ok_or_else(|| GpuError::Call {
			call: kernel.name(),
			result: "not for this GPU".into(),
		})?;
		let function =
			module.get_function(kernel.name()).map_err(|error| failed(kernel.name(), error))?;
		let slots: Vec<Slot> =
			arguments.iter().map(|argument| argument.slot(CudaMemory::address)).collect();
		let mut addresses: Vec<*mut c_void> =
			slots.iter().map(|slot| ptr::from_ref(slot).cast_mut().cast()).collect();
		// SAFETY: the driver copies the arguments, which by the caller's word are the kernel's. `launch!` of `cust` does the
		// same, but counts the arguments at compile time.
		let result = unsafe {
			cust::sys::cuLaunchKernel(
				function.to_raw(),
				blocks,
				1,
				1,
				kernel.threads(),
				1,
				1,
				0,
				self.stream(queue).as_inner(),
				addresses.as_mut_ptr(),
				ptr::null_mut(),
			)
		};
		match result {
			cust::sys::CUresult::CUDA_SUCCESS => Ok(()),
			// A launch is where a broken device is noticed first.
			other => Err(GpuError::Lost(format!("{other:?} at {}", kernel.name()))),
		}
	}

	fn record(&self, queue: Queue) -> Result<Event, GpuError> {
		self.context.enter()?;
		let event =
			Event::new(EventFlags::DISABLE_TIMING).map_err(|error| failed("an event", error))?;
		event.record(self.stream(queue)).map_err(|error| failed("an event", error))?;
		Ok(event)
	}

	fn wait(&self, queue: Queue, event: Event) -> Result<(), GpuError> {
		self.context.enter()?;
		self.stream(queue)
			.wait_event(event, StreamWaitEventFlags::DEFAULT)
			.map_err(|error| failed("waiting", error))
	}

	fn has_happened(&self, event: &Event) -> Result<bool, GpuError> {
		self.context.enter()?;
		match event.query() {
			Ok(status) => Ok(status == EventStatus::Ready),
			Err(error) => Err(failed("a kernel", error)),
		}
	}

	fn abandon(&self) {
		tracing::error!(gpu = %self.facts.name, "does not answer and is given up");
		self.context.hung.store(true, Ordering::Relaxed);
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn should_move_to_another_thread_when_a_worker_does() {
		fn moves<T: Send>() {}
		moves::<super::super::CudaMatMul<CudaGpu>>();
	}

	#[test]
	fn should_tell_a_lost_device_from_a_refused_call_when_the_driver_fails() {
		for error in [CudaError::IllegalAddress, CudaError::EccUncorrectable, CudaError::NoDevice] {
			assert!(failed("a kernel", error).is_fatal(), "{error:?}");
		}
		let refused = failed("a stream", CudaError::InvalidValue);
		assert!(!refused.is_fatal());
		assert_eq!(refused.to_string(), "the CUDA driver refuses a stream: InvalidValue");
	}
}
