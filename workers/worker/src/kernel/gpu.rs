//! GPUs that multiply for jobs. Where none of them can, the CPU does: its products are the same.

use std::{
	sync::{Mutex, MutexGuard, TryLockError},
	thread,
	time::{Duration, Instant},
};

use io_executor::Control;
use io_kernels::{
	Cancel, Dims, Layout,
	cuda::{CudaGpu, CudaMatMul, GpuError, Watch},
};

use super::{CpuDevice, Device, Progress, TICK, called_off_with};
use crate::runner::Failure;

/// A GPU that broke is left alone for so long, and then opened again: drivers are restarted.
const AGAIN: Duration = Duration::from_secs(600);

/// Something that multiplies on a GPU, its type forgotten.
pub(crate) trait Multiply: Send {
	/// As [`Device::multiply`]; `done` hears of each part how many operations it took.
	fn multiply(
		&mut self,
		dims: Dims,
		factors: (&[i8], &[i8]),
		product: &mut [i32],
		done: &mut dyn FnMut(u128),
	) -> Result<(), GpuError>;
}

impl Multiply for CudaMatMul<CudaGpu> {
	fn multiply(
		&mut self,
		dims: Dims,
		factors: (&[i8], &[i8]),
		product: &mut [i32],
		done: &mut dyn FnMut(u128),
	) -> Result<(), GpuError> {
		self.matmul_i8_into(dims, factors, Layout::Rows, product, done)
	}
}

/// Opens a GPU. The switch stops what it computes.
type Opener = Box<dyn Fn(Cancel) -> Result<Box<dyn Multiply>, GpuError> + Send + Sync>;

/// One GPU. It is opened by the first product, and then stays open.
pub(crate) struct Gpu {
	name: String,
	open: Opener,
	state: Mutex<State>,
	cancel: Cancel,
}

enum State {
	Closed,
	Open(Box<dyn Multiply>),
	/// It broke; not before then.
	Broken(Instant),
}

impl Gpu {
	/// The GPU with this number, from 0.
	pub(crate) fn cuda(number: u32, name: String) -> Gpu {
		Gpu::new(name, move |cancel| {
			let watch = Watch { cancel, ..Watch::default() };
			Ok(Box::new(CudaMatMul::new(CudaGpu::open(number)?, watch)?))
		})
	}

	fn new(
		name: String,
		open: impl Fn(Cancel) -> Result<Box<dyn Multiply>, GpuError> + Send + Sync + 'static,
	) -> Gpu {
		let (open, state) = (Box::new(open), Mutex::new(State::Closed));
		Gpu { name, open, state, cancel: Cancel::new() }
	}

	/// Multiplies, with the lock on its state.
	fn multiply(
		&self,
		state: &mut State,
		dims: Dims,
		factors: (&[i8], &[i8]),
		product: &mut [i32],
		control: &Control,
	) -> Result<(), GpuError> {
		self.cancel.reset();
		let mut progress = Progress::new(dims, control);
		let result = called_off_with(control, &self.cancel, || {
			if !matches!(state, State::Open(_)) {
				*state = State::Open((self.open)(self.cancel.clone())?);
			}
			let State::Open(gpu) = state else { return Err(GpuError::OutOfBounds) };
			gpu.multiply(dims, factors, product, &mut |ops| progress.done(ops))
		});
		match &result {
			Err(GpuError::Refused(_)) | Ok(()) => {},
			Err(error) if error.is_fatal() || !matches!(state, State::Open(_)) => {
				*state = State::Broken(Instant::now() + AGAIN);
			},
			// Memory that others have now, for instance.
			Err(_) => {},
		}
		result
	}
}

/// GPUs, and the CPU that stands in for them.
pub(crate) struct Gpus {
	gpus: Vec<Gpu>,
	cpu: CpuDevice,
}

impl Gpus {
	pub(crate) fn new(gpus: Vec<Gpu>, cpu: CpuDevice) -> Gpus {
		Gpus { gpus, cpu }
	}

	/// A GPU that is free, by its number; waits while others compute on all that work. `None`: there is none that works.
	fn free(
		&self,
		tried: &[usize],
		control: &Control,
	) -> Result<Option<(usize, MutexGuard<'_, State>)>, Failure> {
		loop {
			let mut waits = false;
			for (number, gpu) in self.gpus.iter().enumerate() {
				if tried.contains(&number) {
					continue;
				}
				let state = match gpu.state.try_lock() {
					Ok(state) => state,
					Err(TryLockError::Poisoned(state)) => state.into_inner(),
					Err(TryLockError::WouldBlock) => {
						waits = true;
						continue;
					},
				};
				if !matches!(*state, State::Broken(until) if Instant::now() < until) {
					return Ok(Some((number, state)));
				}
			}
			if !waits {
				return Ok(None);
			}
			if control.is_cancelled() {
				return Err(Failure::Cancelled);
			}
			thread::sleep(TICK);
		}
	}
}

impl Device for Gpus {
	fn name(&self) -> String {
		let gpus: Vec<_> = self.gpus.iter().map(|gpu| gpu.name.as_str()).collect();
		format!("{}; if that fails {}", gpus.join(", "), self.cpu.name())
	}

	fn multiply(
		&self,
		dims: Dims,
		factors: (&[i8], &[i8]),
		product: &mut [i32],
		control: &Control,
	) -> Result<(), Failure> {
		let mut tried = Vec::new();
		while let Some((number, mut state)) = self.free(&tried, control)? {
			let gpu = &self.gpus[number];
			match gpu.multiply(&mut state, dims, factors, product, control) {
				Ok(()) => {
					tracing::debug!(gpu = gpu.name, "a product was computed");
					return Ok(());
				},
				Err(GpuError::Refused(error)) => return Err(error.into()),
				Err(error) => {
					tracing::warn!(gpu = gpu.name, %error, "a product is computed elsewhere");
					tried.push(number);
				},
			}
		}
		self.cpu.multiply(dims, factors, product, control)
	}

	fn distrust(&self) {
		for gpu in &self.gpus {
			let mut state = crate::lock(&gpu.state);
			if matches!(*state, State::Open(_)) {
				*state = State::Broken(Instant::now() + AGAIN);
			}
		}
	}
}

#[cfg(test)]
mod tests {
	use std::sync::{
		Arc,
		atomic::{AtomicUsize, Ordering},
	};

	use super::*;

	/// What a GPU does, and how often it was opened and asked.
	#[derive(Default)]
	struct Seen {
		opened: AtomicUsize,
		asked: AtomicUsize,
	}

	/// A GPU that computes on the CPU, or fails like this.
	struct Fake {
		seen: Arc<Seen>,
		fails: Option<GpuError>,
		cancel: Cancel,
	}

	impl Multiply for Fake {
		fn multiply(
			&mut self,
			dims: Dims,
			(left, right): (&[i8], &[i8]),
			product: &mut [i32],
			done: &mut dyn FnMut(u128),
		) -> Result<(), GpuError> {
			self.seen.asked.fetch_add(1, Ordering::Relaxed);
			self.cancel.check()?;
			if let Some(error) = &self.fails {
				product.fill(-1);
				return Err(error.clone());
			}
			let found = io_kernels::matmul_i8(left, right, dims.m(), dims.k(), dims.n())?;
			product.copy_from_slice(&found);
			done(dims.ops());
			Ok(())
		}
	}

	fn fake(fails: Option<GpuError>) -> (Gpu, Arc<Seen>) {
		let seen = Arc::new(Seen::default());
		let of_gpu = seen.clone();
		let gpu = Gpu::new("fake".into(), move |cancel| {
			of_gpu.opened.fetch_add(1, Ordering::Relaxed);
			Ok(Box::new(Fake { seen: of_gpu.clone(), fails: fails.clone(), cancel }))
		});
		(gpu, seen)
	}

	fn gpus(gpus: Vec<Gpu>) -> Gpus {
		Gpus::new(gpus, CpuDevice::detect(1))
	}

	const LEFT: [i8; 4] = [1, 2, 3, 4];
	const RIGHT: [i8; 4] = [5, 6, 7, -8];
	const PRODUCT: [i32; 4] = [19, -10, 43, -14];

	fn multiply(device: &Gpus, control: &Control) -> Result<[i32; 4], Failure> {
		let mut product = [0; 4];
		let dims = Dims::new(2, 2, 2)?;
		device.multiply(dims, (&LEFT, &RIGHT), &mut product, control)?;
		Ok(product)
	}

	fn counts(seen: &Seen) -> (usize, usize) {
		(seen.opened.load(Ordering::Relaxed), seen.asked.load(Ordering::Relaxed))
	}

	#[test]
	fn should_open_a_gpu_once_when_it_works() {
		let (gpu, seen) = fake(None);
		let device = gpus(vec![gpu]);
		assert_eq!(counts(&seen), (0, 0));
		for asked in 1..=3 {
			let control = Control::new();
			assert_eq!(multiply(&device, &control).unwrap(), PRODUCT);
			assert_eq!(counts(&seen), (1, asked));
			assert!(control.fuel_used() > 0, "progress is told");
		}
	}

	#[test]
	fn should_compute_on_the_next_device_when_a_gpu_breaks() {
		let ((first, broken), (second, works)) =
			(fake(Some(GpuError::Lost("gone".into()))), fake(None));
		let device = gpus(vec![first, second]);
		for asked in 1..=2 {
			assert_eq!(multiply(&device, &Control::new()).unwrap(), PRODUCT);
			assert_eq!(counts(&works), (1, asked));
			assert_eq!(counts(&broken), (1, 1), "it is left alone after that");
		}
		let (only, _) = fake(Some(GpuError::Wrong("products")));
		assert_eq!(multiply(&gpus(vec![only]), &Control::new()).unwrap(), PRODUCT);
	}

	#[test]
	fn should_ask_a_gpu_again_when_it_only_had_no_memory() {
		let (gpu, seen) = fake(Some(GpuError::OutOfMemory(7)));
		let device = gpus(vec![gpu]);
		for asked in 1..=2 {
			assert_eq!(multiply(&device, &Control::new()).unwrap(), PRODUCT);
			assert_eq!(counts(&seen), (1, asked));
		}
	}

	#[test]
	fn should_leave_a_gpu_alone_when_it_does_not_open() {
		let tries = Arc::new(AtomicUsize::new(0));
		let of_gpu = tries.clone();
		let gpu = Gpu::new("none".into(), move |_| {
			of_gpu.fetch_add(1, Ordering::Relaxed);
			Err(GpuError::OutOfMemory(1))
		});
		let device = gpus(vec![gpu]);
		for _ in 0..2 {
			assert_eq!(multiply(&device, &Control::new()).unwrap(), PRODUCT);
		}
		assert_eq!(tries.load(Ordering::Relaxed), 1);
	}

	#[test]
	fn should_leave_gpus_alone_when_they_are_not_trusted() {
		let (gpu, seen) = fake(None);
		let device = gpus(vec![gpu]);
		multiply(&device, &Control::new()).unwrap();
		device.distrust();
		assert_eq!(multiply(&device, &Control::new()).unwrap(), PRODUCT);
		assert_eq!(counts(&seen), (1, 1));
	}

	#[test]
	fn should_stop_when_it_is_called_off_while_another_product_has_the_gpu() {
		let (gpu, seen) = fake(None);
		let device = gpus(vec![gpu]);
		let _other = device.gpus[0].state.lock().unwrap();
		let control = Control::new();
		control.cancel();
		assert!(matches!(multiply(&device, &control), Err(Failure::Cancelled)));
		assert_eq!(counts(&seen), (0, 0));
	}
}
