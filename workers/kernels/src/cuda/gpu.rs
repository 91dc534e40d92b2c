//! What a GPU does for us, whatever library drives it.

use std::{
	thread,
	time::{Duration, Instant},
};

use io_tflops::{params::LEAF_BYTES, Hash};

use super::{
	kernel::{Argument, Element, Gemm, Kernel, STREAM_BLOCK, THREADS, TILE},
	GpuError,
};
use crate::Cancel;

/// Bytes of a hash.
pub(super) const HASH_BYTES: u64 = 32;

/// What is known of a GPU.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Facts {
	/// As the driver calls it.
	pub name: String,
	/// Bytes of memory, in use or not.
	pub memory: u64,
	/// Compute capability, major and minor: (8, 9) is sm_89.
	pub compute: (u32, u32),
	/// Streaming multiprocessors.
	pub multiprocessors: u32,
}

impl Facts {
	/// The fastest product that it has, if any.
	pub fn gemm(&self) -> Option<Gemm> {
		[Gemm::Mma, Gemm::Dp4a].into_iter().find(|gemm| self.compute >= gemm.needs())
	}
}

/// What is asked of a GPU is done in order within a queue, and at the same time as what is in the other one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Queue {
	/// Products of matrices.
	Products,
	/// Streams and hashes, which go first where both queues want the same multiprocessor.
	Side,
}

/// Both queues.
pub const QUEUES: [Queue; 2] = [Queue::Products, Queue::Side];

/// When to stop waiting for a GPU.
#[derive(Clone, Debug)]
pub struct Watch {
	/// Pulled by who wants the device for something else.
	pub cancel: Cancel,
	/// How long one step may take: a fraction of a second on a device that works.
	pub patience: Duration,
}

impl Default for Watch {
	fn default() -> Self {
		Self { cancel: Cancel::new(), patience: Duration::from_secs(60) }
	}
}

/// A place in a device's memory.
#[derive(Debug)]
pub struct Place<'a, M> {
	/// The memory.
	pub memory: &'a M,
	/// Bytes from its begin.
	pub at: u64,
}

impl<M> Clone for Place<'_, M> {
	fn clone(&self) -> Self {
		*self
	}
}

impl<M> Copy for Place<'_, M> {}

/// Rows of A, or columns of B, as a kernel makes them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rows {
	/// Number of the first one, which is the nonce of its stream.
	pub first: u32,
	/// How many.
	pub count: u32,
	/// How many with those that are zeros, a multiple of [`TILE`].
	pub padded: u32,
	/// Bytes of a row.
	pub bytes: u32,
	/// Bytes of a row with the zeros behind it, a multiple of 64.
	pub pitch: u32,
}

impl Rows {
	/// Of `count` rows of `bytes` bytes from row `first` on, padded as products need it.
	pub fn new(first: u32, count: u32, bytes: u32) -> Self {
		let padded = count.next_multiple_of(TILE);
		Self { first, count, padded, bytes, pitch: bytes.next_multiple_of(STREAM_BLOCK) }
	}

	/// Bytes in memory.
	pub fn size(&self) -> u64 {
		u64::from(self.padded) * u64::from(self.pitch)
	}
}

/// A GPU with its memory and two queues.
///
/// The required methods are what a library for GPUs offers. The provided ones are the operations that products and
/// proofs consist of; they check every place against the size of its memory.
pub trait Gpu {
	/// Memory of the device, freed when dropped.
	type Memory;
	/// A point in a queue.
	type Event;

	/// What is known of it.
	fn facts(&self) -> &Facts;

	/// Bytes that can still be allocated, about.
	///
	/// # Errors
	/// The device is lost.
	fn free_memory(&self) -> Result<u64, GpuError>;

	/// Takes memory of `bytes` bytes, more than none, with anything in it.
	///
	/// # Errors
	/// [`GpuError::OutOfMemory`], or the device is lost.
	fn allocate(&self, bytes: u64) -> Result<Self::Memory, GpuError>;

	/// Bytes of a memory.
	fn size(memory: &Self::Memory) -> u64;

	/// Copies to the device, as the next thing of a queue that should be idle: a library may wait for it, without
	/// watching.
	///
	/// # Errors
	/// [`GpuError::OutOfBounds`], or the device is lost.
	fn upload(
		&self,
		queue: Queue,
		from: &[u8],
		to: Place<'_, Self::Memory>,
	) -> Result<(), GpuError>;

	/// Copies from the device, as the next thing of a queue that should be idle, and waits until it is there.
	///
	/// # Errors
	/// [`GpuError::OutOfBounds`], or the device is lost.
	fn read(
		&self,
		queue: Queue,
		from: Place<'_, Self::Memory>,
		to: &mut [u8],
	) -> Result<(), GpuError>;

	/// Puts a kernel into a queue, with [`Kernel::threads`] threads for each of `blocks` blocks.
	///
	/// # Safety
	/// The arguments are those of the kernel, in its order, and with them it stays inside of their memories, which live
	/// until it has run. All kernels take places that are multiples of 16.
	///
	/// # Errors
	/// The device does not know the kernel, or is lost.
	unsafe fn launch(
		&self,
		queue: Queue,
		kernel: Kernel,
		blocks: u32,
		arguments: &[Argument<'_, Self::Memory>],
	) -> Result<(), GpuError>;

	/// An event that happens when all that is in a queue now is done.
	///
	/// # Errors
	/// The device is lost.
	fn record(&self, queue: Queue) -> Result<Self::Event, GpuError>;

	/// Lets what comes into a queue from now on wait for an event.
	///
	/// # Errors
	/// The device is lost.
	fn wait(&self, queue: Queue, event: Self::Event) -> Result<(), GpuError>;

	/// Whether an event has happened; does not wait for it.
	///
	/// # Errors
	/// What went wrong before the event: a device tells it late.
	fn has_happened(&self, event: &Self::Event) -> Result<bool, GpuError>;

	/// Gives the device up because it does not answer: from now on every call is an error, and nothing is freed, since
	/// that would wait for it.
	fn abandon(&self);

	/// Waits for an event.
	///
	/// # Errors
	/// Cancelled; [`GpuError::Hung`], and the device is given up; or what went wrong on the device.
	fn await_event(&self, event: &Self::Event, watch: &Watch) -> Result<(), GpuError> {
		/// Steps of small products end within this, and sleeping would cost more.
		const SPIN: Duration = Duration::from_micros(200);
		const SLEEP: Duration = Duration::from_micros(50);
		let start = Instant::now();
		while !self.has_happened(event)? {
			watch.cancel.check()?;
			match start.elapsed() {
				elapsed if elapsed < SPIN => thread::yield_now(),
				elapsed if elapsed < watch.patience => thread::sleep(SLEEP),
				elapsed => {
					self.abandon();
					return Err(GpuError::Hung(elapsed));
				},
			}
		}
		Ok(())
	}

	/// Waits until a queue is idle.
	///
	/// # Errors
	/// As [`Self::await_event`].
	fn finish(&self, queue: Queue, watch: &Watch) -> Result<(), GpuError> {
		let event = self.record(queue)?;
		self.await_event(&event, watch)
	}

	/// Waits until what is in a queue is done, then copies from the device.
	///
	/// # Errors
	/// As [`Self::await_event`] and [`Self::read`].
	fn download(
		&self,
		queue: Queue,
		from: Place<'_, Self::Memory>,
		to: &mut [u8],
		watch: &Watch,
	) -> Result<(), GpuError> {
		self.finish(queue, watch)?;
		self.read(queue, from, to)
	}

	/// Makes rows of A, or columns of B, from their streams under `key`.
	///
	/// # Errors
	/// [`GpuError::OutOfBounds`], or the device is lost.
	fn streams(
		&self,
		queue: Queue,
		key: &Hash,
		rows: &Rows,
		to: Place<'_, Self::Memory>,
	) -> Result<(), GpuError> {
		let blocks = u64::from(rows.padded) * u64::from(rows.pitch / STREAM_BLOCK);
		if rows.count > rows.padded
			|| rows.bytes > rows.pitch
			|| rows.pitch == 0
			|| !rows.pitch.is_multiple_of(STREAM_BLOCK)
			|| rows.first.checked_add(rows.count).is_none()
		{
			return Err(GpuError::OutOfBounds);
		}
		self.check(to, rows.size())?;
		let numbers = [rows.first, rows.count, rows.padded, rows.bytes, rows.pitch];
		let mut arguments = vec![Argument::Key(*key)];
		arguments.extend(numbers.map(Argument::Number));
		arguments.push(Argument::Place(to));
		// SAFETY: it writes `padded` rows of `pitch` bytes, checked above.
		unsafe { self.launch(queue, Kernel::ChaCha8Rows, grid(blocks)?, &arguments) }
	}

	/// C = A B in `tile_rows` x `tile_columns` tiles of 128 x 128 entries: row after row of A, column after column of B,
	/// `k` bytes each, a multiple of 64.
	///
	/// # Errors
	/// [`GpuError::OutOfBounds`], or the device is lost.
	#[allow(clippy::too_many_arguments)]
	fn product(
		&self,
		queue: Queue,
		kernel: (Gemm, Element),
		tiles: (u32, u32),
		k: u32,
		a: Place<'_, Self::Memory>,
		b: Place<'_, Self::Memory>,
		c: Place<'_, Self::Memory>,
	) -> Result<(), GpuError> {
		let (tile_rows, tile_columns) = tiles;
		let (gemm, element) = kernel;
		if k == 0 || !k.is_multiple_of(STREAM_BLOCK) {
			return Err(GpuError::OutOfBounds);
		}
		// At most 2^32 * 2^7 * 2^32 and the like.
		let bytes = |sides: [u32; 2], factor: u128| {
			let bytes = u128::from(sides[0]) * u128::from(sides[1]) * factor;
			u64::try_from(bytes).map_err(|_| GpuError::OutOfBounds)
		};
		let tile = u128::from(TILE);
		self.check(a, bytes([tile_rows, k], tile)?)?;
		self.check(b, bytes([tile_columns, k], tile)?)?;
		self.check(c, bytes([tile_rows, tile_columns], tile * tile * element.bytes() as u128)?)?;
		let blocks = tile_rows
			.checked_mul(tile_columns)
			.filter(|blocks| i32::try_from(*blocks).is_ok())
			.ok_or(GpuError::OutOfBounds)?;
		let arguments = [
			Argument::Place(a),
			Argument::Place(b),
			Argument::Place(c),
			Argument::Number(tile_rows),
			Argument::Number(tile_columns),
			Argument::Number(k),
		];
		// SAFETY: it reads and writes whole tiles of the three, checked above.
		unsafe { self.launch(queue, Kernel::Product(gemm, element), blocks, &arguments) }
	}

	/// Hashes a panel of C mod 2^16: `rows` rows of `segments` leaves. Leaf (row, segment) becomes hash number
	/// `row * stride + segment` from `to` on.
	///
	/// # Errors
	/// [`GpuError::OutOfBounds`], or the device is lost.
	fn leaves(
		&self,
		queue: Queue,
		key: &Hash,
		(rows, segments, stride): (u32, u32, u32),
		panel: Place<'_, Self::Memory>,
		to: Place<'_, Self::Memory>,
	) -> Result<(), GpuError> {
		let leaves = u64::from(rows) * u64::from(segments);
		if leaves == 0 || segments > stride {
			return Err(GpuError::OutOfBounds);
		}
		let last = u64::from(rows - 1) * u64::from(stride) + u64::from(segments);
		let bytes = |count: u64, each: u64| count.checked_mul(each).ok_or(GpuError::OutOfBounds);
		self.check(panel, bytes(leaves, LEAF_BYTES as u64)?)?;
		self.check(to, bytes(last, HASH_BYTES)?)?;
		let arguments = [
			Argument::Key(*key),
			Argument::Number(rows),
			Argument::Number(segments),
			Argument::Number(stride),
			Argument::Place(panel),
			Argument::Place(to),
		];
		// SAFETY: it reads all leaves and writes no hash behind the last one, checked above.
		unsafe { self.launch(queue, Kernel::Leaves, grid(leaves)?, &arguments) }
	}

	/// Hashes one level of the tree: `count` nodes of the pairs of hashes at `from`.
	///
	/// # Errors
	/// [`GpuError::OutOfBounds`], or the device is lost.
	fn nodes(
		&self,
		queue: Queue,
		key: &Hash,
		count: u32,
		from: Place<'_, Self::Memory>,
		to: Place<'_, Self::Memory>,
	) -> Result<(), GpuError> {
		self.check(from, u64::from(count) * 2 * HASH_BYTES)?;
		self.check(to, u64::from(count) * HASH_BYTES)?;
		let arguments = [
			Argument::Key(*key),
			Argument::Number(count),
			Argument::Place(from),
			Argument::Place(to),
		];
		// SAFETY: it reads two hashes and writes one for each node, checked above.
		unsafe { self.launch(queue, Kernel::Nodes, grid(count.into())?, &arguments) }
	}

	/// Checks that `bytes` bytes from a place on are there, and that kernels may begin there.
	///
	/// # Errors
	/// [`GpuError::OutOfBounds`].
	fn check(&self, place: Place<'_, Self::Memory>, bytes: u64) -> Result<(), GpuError> {
		let end = place.at.checked_add(bytes).ok_or(GpuError::OutOfBounds)?;
		if bytes == 0 || end > Self::size(place.memory) || !place.at.is_multiple_of(16) {
			return Err(GpuError::OutOfBounds);
		}
		Ok(())
	}
}

/// Blocks for so many threads.
fn grid(threads: u64) -> Result<u32, GpuError> {
	// What CUDA takes.
	let blocks = i32::try_from(threads.div_ceil(THREADS.into()));
	blocks.map(i32::unsigned_abs).map_err(|_| GpuError::OutOfBounds)
}
