//! A GPU without a GPU: its kernels run on this CPU (`cuda/emulator.cpp`), and its queues are as nasty as real ones may
//! be. What is put into a queue runs when somebody waits, in an order of which only the events are sure.

// Each test program has it as a module of its own, and uses a part of it.
#![allow(dead_code, unreachable_pub)]

pub mod build;

use std::{
	cell::{Cell, RefCell},
	collections::VecDeque,
	ffi::{c_void, CString},
	os::raw::{c_char, c_int, c_uint},
	ptr,
	rc::Rc,
};

use io_kernels::{
	cuda::{Argument, Facts, Gpu, GpuError, Kernel, Place, Queue, Slot},
	Cancel,
};
use libloading::Library;

type Launch = unsafe extern "C" fn(*const c_char, c_uint, c_uint, *const *const c_void) -> c_int;

/// Which queue goes first where both could go on.
#[derive(Clone, Copy, Debug)]
pub enum Order {
	/// Products, as far as they can.
	Products,
	/// Streams and hashes, as far as they can.
	Side,
	/// Sometimes one and sometimes the other, from this seed.
	Mixed(u64),
}

pub const ORDERS: [Order; 5] =
	[Order::Products, Order::Side, Order::Mixed(1), Order::Mixed(2), Order::Mixed(3)];

/// Sixteen bytes as kernels load them.
#[derive(Clone, Copy, PartialEq, Debug)]
#[repr(align(16))]
struct Line([u8; 16]);

const GUARD: Line = Line([0xA5; 16]);
const FRESH: Line = Line([0xCD; 16]);
/// Lines before and behind a memory.
const GUARDS: usize = 8;

/// Memory between guards, which it checks in the end.
pub struct Memory {
	lines: *mut [Line],
	size: usize,
	in_use: Rc<Cell<u64>>,
}

impl Memory {
	fn begin(&self) -> *mut u8 {
		self.lines.cast::<Line>().wrapping_add(GUARDS).cast()
	}
}

impl Drop for Memory {
	fn drop(&mut self) {
		self.in_use.set(self.in_use.get() - self.size as u64);
		// SAFETY: made by `Box::into_raw`; whoever writes into it also holds it.
		let lines = unsafe { Box::from_raw(self.lines) };
		let behind = GUARDS + self.size.div_ceil(16);
		let intact = lines[..GUARDS].iter().chain(&lines[behind..]).all(|line| *line == GUARD);
		assert!(intact || std::thread::panicking(), "a kernel wrote outside of its memory");
	}
}

/// Happened or not.
pub type Event = Rc<Cell<bool>>;

enum Work {
	Launch(Kernel, u32, Vec<Slot>, Vec<Rc<Memory>>),
	Upload(Vec<u8>, Rc<Memory>, usize),
	Record(Event),
	Wait(Event),
}

pub struct Emulator {
	facts: Facts,
	library: Library,
	order: Order,
	random: Cell<u64>,
	queues: RefCell<[VecDeque<Work>; 2]>,
	in_use: Rc<Cell<u64>>,
	/// Kernels that run until somebody cancels.
	cancel: RefCell<Option<(u32, Cancel)>>,
}

fn index(queue: Queue) -> usize {
	match queue {
		Queue::Products => 0,
		Queue::Side => 1,
	}
}

impl Emulator {
	/// With as much memory as it is asked for, and `order` between its queues.
	pub fn new(order: Order) -> Self {
		let path = build::library("libio_cuda_emulator.so", |to| {
			build::kernels(&["-shared", "-o", to.to_str().unwrap()]);
		});
		let random = if let Order::Mixed(seed) = order { seed } else { 0 };
		Self {
			facts: Facts {
				name: "Emulator".into(),
				memory: 1 << 30,
				compute: (8, 0),
				multiprocessors: 1,
			},
			// SAFETY: just built; it has no initialisers of its own.
			library: unsafe { Library::new(path) }.unwrap(),
			order,
			random: Cell::new(random),
			queues: RefCell::default(),
			in_use: Rc::default(),
			cancel: RefCell::default(),
		}
	}

	/// Pulls `cancel` when so many more kernels have run.
	pub fn cancel_after(&self, kernels: u32, cancel: Cancel) {
		*self.cancel.borrow_mut() = Some((kernels, cancel));
	}

	/// Whether nothing is left to do.
	pub fn is_idle(&self) -> bool {
		self.queues.borrow().iter().all(VecDeque::is_empty)
	}

	/// Bytes that are allocated. To be kept and asked when the emulator is gone.
	pub fn in_use(&self) -> Rc<Cell<u64>> {
		self.in_use.clone()
	}

	fn can_go_on(&self, queue: usize) -> bool {
		match self.queues.borrow()[queue].front() {
			None => false,
			Some(Work::Wait(event)) => event.get(),
			Some(_) => true,
		}
	}

	/// Does the next thing of some queue; false if no queue can go on.
	fn advance(&self) -> bool {
		let first = match self.order {
			Order::Products => 0,
			Order::Side => 1,
			Order::Mixed(_) => {
				// The generator of Knuth's MMIX.
				let next = self
					.random
					.get()
					.wrapping_mul(6_364_136_223_846_793_005)
					.wrapping_add(1_442_695_040_888_963_407);
				self.random.set(next);
				(next >> 63) as usize
			},
		};
		let Some(queue) = [first, 1 - first].into_iter().find(|queue| self.can_go_on(*queue))
		else {
			return false;
		};
		let work = self.queues.borrow_mut()[queue].pop_front();
		match work {
			Some(Work::Launch(kernel, blocks, slots, _memories)) => {
				self.run(kernel, blocks, &slots);
			},
			Some(Work::Upload(bytes, memory, at)) => {
				// SAFETY: checked by `upload`.
				unsafe {
					ptr::copy_nonoverlapping(bytes.as_ptr(), memory.begin().add(at), bytes.len());
				}
			},
			Some(Work::Record(event)) => event.set(true),
			Some(Work::Wait(_)) | None => {},
		}
		true
	}

	fn run(&self, kernel: Kernel, blocks: u32, slots: &[Slot]) {
		let name = CString::new(kernel.name()).unwrap();
		let arguments: Vec<*const c_void> =
			slots.iter().map(|slot| ptr::from_ref(slot).cast()).collect();
		// SAFETY: the function has this signature; the arguments are the kernel's, by the word of who launched it.
		let result = unsafe {
			let launch = self.library.get::<Launch>(b"emulator_launch\0").unwrap();
			launch(name.as_ptr(), blocks, kernel.threads(), arguments.as_ptr())
		};
		assert_eq!(result, 0, "{kernel:?} does not run to its end");

		let mut cancel = self.cancel.borrow_mut();
		if let Some((kernels, cancel)) = &mut *cancel {
			*kernels = kernels.saturating_sub(1);
			if *kernels == 0 {
				cancel.cancel();
			}
		}
	}

	fn push(&self, queue: Queue, work: Work) {
		self.queues.borrow_mut()[index(queue)].push_back(work);
	}
}

fn inside(place: Place<'_, Rc<Memory>>, bytes: usize) -> Result<usize, GpuError> {
	let at = usize::try_from(place.at).unwrap();
	if at + bytes > place.memory.size {
		return Err(GpuError::OutOfBounds);
	}
	Ok(at)
}

impl Gpu for Emulator {
	type Memory = Rc<Memory>;
	type Event = Event;

	fn facts(&self) -> &Facts {
		&self.facts
	}

	fn free_memory(&self) -> Result<u64, GpuError> {
		Ok(self.facts.memory - self.in_use.get())
	}

	fn allocate(&self, bytes: u64) -> Result<Rc<Memory>, GpuError> {
		let in_use = self.in_use.get() + bytes;
		if in_use > self.facts.memory {
			return Err(GpuError::OutOfMemory(bytes));
		}
		self.in_use.set(in_use);
		let size = bytes as usize;
		let mut lines = vec![GUARD; size.div_ceil(16) + 2 * GUARDS];
		let behind = lines.len() - GUARDS;
		lines[GUARDS..behind].fill(FRESH);
		let lines = Box::into_raw(lines.into_boxed_slice());
		Ok(Rc::new(Memory { lines, size, in_use: self.in_use.clone() }))
	}

	fn size(memory: &Rc<Memory>) -> u64 {
		memory.size as u64
	}

	fn upload(&self, queue: Queue, from: &[u8], to: Place<'_, Rc<Memory>>) -> Result<(), GpuError> {
		let at = inside(to, from.len())?;
		self.push(queue, Work::Upload(from.to_vec(), to.memory.clone(), at));
		Ok(())
	}

	fn read(
		&self,
		queue: Queue,
		from: Place<'_, Rc<Memory>>,
		to: &mut [u8],
	) -> Result<(), GpuError> {
		let at = inside(from, to.len())?;
		let idle = self.queues.borrow()[index(queue)].is_empty();
		assert!(idle, "a read waits for a queue that nobody watches");
		// SAFETY: checked above.
		unsafe { ptr::copy_nonoverlapping(from.memory.begin().add(at), to.as_mut_ptr(), to.len()) }
		Ok(())
	}

	unsafe fn launch(
		&self,
		queue: Queue,
		kernel: Kernel,
		blocks: u32,
		arguments: &[Argument<'_, Rc<Memory>>],
	) -> Result<(), GpuError> {
		let slots = arguments
			.iter()
			.map(|argument| argument.slot(|memory| memory.begin() as u64))
			.collect();
		let memories = arguments.iter().filter_map(|argument| match argument {
			Argument::Place(place) => Some(place.memory.clone()),
			_ => None,
		});
		self.push(queue, Work::Launch(kernel, blocks, slots, memories.collect()));
		Ok(())
	}

	fn record(&self, queue: Queue) -> Result<Event, GpuError> {
		let event = Event::default();
		self.push(queue, Work::Record(event.clone()));
		Ok(event)
	}

	fn wait(&self, queue: Queue, event: Event) -> Result<(), GpuError> {
		self.push(queue, Work::Wait(event));
		Ok(())
	}

	fn has_happened(&self, event: &Event) -> Result<bool, GpuError> {
		if !event.get() {
			assert!(self.advance(), "the queues wait for each other");
		}
		Ok(event.get())
	}

	fn abandon(&self) {}
}
