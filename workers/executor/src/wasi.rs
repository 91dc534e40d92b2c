//! WASI preview 1, deterministic.
//!
//! Every function charges fuel (see [`tariff`]) before it does its work, checks every pointer against the program's
//! memory, and answers bad ones with `EFAULT`. Time and randomness are functions of the task and of the fuel used.

pub(crate) mod errno;
mod fd;
mod misc;
mod path;

use std::io;

use wasmtime::{AsContextMut, Caller, Engine, Linker, Memory};

use crate::{
	error::Stop,
	executor::{Growth, Limits, Watch},
	input::Input,
	tariff,
	vfs::{Fail, Vfs},
};
use errno::Errno;
use fd::Descriptors;
pub(crate) use fd::MAX_OPEN;

/// The module that programs import from.
pub(crate) const MODULE: &str = "wasi_snapshot_preview1";
/// The environment of every program.
const ENVIRONMENT: [&[u8]; 3] = [b"HOME=/tmp", b"PWD=/", b"TMPDIR=/tmp"];
/// Most buffers of one call.
const MAX_BUFFERS: u32 = 1_024;

/// What the host keeps for a running program.
pub(crate) struct Host {
	pub(crate) watch: Watch,
	pub(crate) growth: Growth,
	limits: Limits,
	vfs: Vfs,
	fds: Descriptors,
	args: Vec<Vec<u8>>,
	/// Where random bytes come from; made when the first one is asked for.
	random: Random,
	budget: u64,
	/// Nanoseconds that the program slept.
	slept: u64,
	memory: Option<Memory>,
}

/// What random bytes depend on.
pub(crate) struct Seed {
	hasher: blake3::Hasher,
	input: Option<Input>,
}

enum Random {
	Seed(Seed),
	Stream(Box<blake3::OutputReader>),
}

impl Seed {
	/// The seed of a task: its program, input and arguments.
	pub(crate) fn new(program: &[u8], input: Option<Input>, args: &[Vec<u8>]) -> Self {
		let mut hasher = blake3::Hasher::new_derive_key("io-network 2026 wasi random_get v1");
		hasher.update(blake3::hash(program).as_bytes());
		hasher.update(&(args.len() as u64).to_le_bytes());
		for arg in args {
			hasher.update(&(arg.len() as u64).to_le_bytes());
			hasher.update(arg);
		}
		Self { hasher, input }
	}

	/// The stream. Reads the whole input, so it is not done before somebody needs it.
	fn stream(&mut self) -> io::Result<blake3::OutputReader> {
		let mut input = blake3::Hasher::new();
		if let Some(source) = &self.input {
			let mut buffer = vec![0; 256 * 1024];
			let mut at = 0;
			while at < source.len() {
				let piece = (source.len() - at).min(buffer.len() as u64) as usize;
				let Some(into) = buffer.get_mut(..piece) else { break };
				source.read_at(at, into)?;
				input.update(into);
				at += piece as u64;
			}
		}
		self.hasher.update(input.finalize().as_bytes());
		Ok(self.hasher.finalize_xof())
	}
}

impl Host {
	pub(crate) fn new(
		vfs: Vfs,
		seed: Seed,
		args: &[Vec<u8>],
		budget: u64,
		watch: Watch,
		limits: Limits,
	) -> Self {
		let args = std::iter::once(b"program".to_vec()).chain(args.iter().cloned()).collect();
		let max_memory = (limits.max_memory_mib as usize).saturating_mul(1024 * 1024);
		Self {
			watch,
			growth: Growth { max_memory, elements: 0 },
			limits,
			vfs,
			fds: Descriptors::new(),
			args,
			random: Random::Seed(seed),
			budget,
			slept: 0,
			memory: None,
		}
	}

	pub(crate) fn limits(&self) -> &Limits {
		&self.limits
	}

	pub(crate) fn into_vfs(self) -> Vfs {
		self.vfs
	}
}

/// What a WASI function works on.
struct Ctx<'a> {
	memory: &'a mut [u8],
	host: &'a mut Host,
	/// Fuel that is left.
	fuel: u64,
}

type Done = Result<(), Fail>;

impl Ctx<'_> {
	/// Takes fuel, or stops the program if there is not enough left.
	fn charge(&mut self, fuel: u64) -> Result<(), Stop> {
		match self.fuel.checked_sub(fuel) {
			Some(left) => {
				self.fuel = left;
				Ok(())
			},
			None => {
				self.fuel = 0;
				Err(Stop::OutOfFuel)
			},
		}
	}

	/// Takes fuel for a number of bytes.
	fn charge_bytes(&mut self, bytes: u64) -> Result<(), Stop> {
		self.charge(bytes.saturating_mul(tariff::BYTE))
	}

	/// Fuel used since the start.
	fn used(&self) -> u64 {
		self.host.budget.saturating_sub(self.fuel)
	}

	fn bytes(&self, pointer: u32, len: u32) -> Result<&[u8], Errno> {
		let start = pointer as usize;
		self.memory.get(start..start + len as usize).ok_or(Errno::Fault)
	}

	fn bytes_mut(&mut self, pointer: u32, len: u32) -> Result<&mut [u8], Errno> {
		let start = pointer as usize;
		self.memory.get_mut(start..start + len as usize).ok_or(Errno::Fault)
	}

	fn array<const N: usize>(&self, pointer: u32) -> Result<[u8; N], Errno> {
		self.bytes(pointer, N as u32)?.try_into().map_err(|_| Errno::Fault)
	}

	fn u16(&self, pointer: u32) -> Result<u16, Errno> {
		Ok(u16::from_le_bytes(self.array(pointer)?))
	}

	fn u32(&self, pointer: u32) -> Result<u32, Errno> {
		Ok(u32::from_le_bytes(self.array(pointer)?))
	}

	fn u64(&self, pointer: u32) -> Result<u64, Errno> {
		Ok(u64::from_le_bytes(self.array(pointer)?))
	}

	fn put(&mut self, pointer: u32, data: &[u8]) -> Result<(), Errno> {
		let len = u32::try_from(data.len()).map_err(|_| Errno::Fault)?;
		self.bytes_mut(pointer, len)?.copy_from_slice(data);
		Ok(())
	}

	fn put_u32(&mut self, pointer: u32, value: u32) -> Result<(), Errno> {
		self.put(pointer, &value.to_le_bytes())
	}

	fn put_u64(&mut self, pointer: u32, value: u64) -> Result<(), Errno> {
		self.put(pointer, &value.to_le_bytes())
	}

	/// The buffers of a read or write: pointers and lengths, all inside of the memory.
	fn buffers(&self, pointer: u32, count: u32) -> Result<(Vec<(u32, u32)>, u64), Errno> {
		if count > MAX_BUFFERS {
			return Err(Errno::Inval);
		}
		let mut buffers = Vec::with_capacity(count as usize);
		let mut total = 0;
		for index in 0..count {
			let at = pointer.checked_add(index * 8).ok_or(Errno::Fault)?;
			let buffer = self.u32(at)?;
			let len = self.u32(at.checked_add(4).ok_or(Errno::Fault)?)?;
			self.bytes(buffer, len)?;
			buffers.push((buffer, len));
			total += len as u64;
		}
		Ok((buffers, total))
	}
}

/// Runs one call: takes its price, finds the memory, and turns the outcome into what the program gets.
fn call(
	caller: &mut Caller<'_, Host>,
	function: impl FnOnce(&mut Ctx<'_>) -> Done,
) -> wasmtime::Result<u32> {
	let memory = match caller.data().memory {
		Some(memory) => Some(memory),
		None => {
			let memory = caller.get_export("memory").and_then(|export| export.into_memory());
			caller.data_mut().memory = memory;
			memory
		},
	};
	let fuel = caller.get_fuel()?;
	let (outcome, left) = {
		let mut store = caller.as_context_mut();
		let (memory, host) = match &memory {
			Some(memory) => memory.data_and_store_mut(&mut store),
			None => (&mut [][..], store.data_mut()),
		};
		host.watch.check()?;
		let mut ctx = Ctx { memory, host, fuel };
		let outcome = ctx.charge(tariff::HOST_CALL).map_err(Fail::from).and_then(|()| {
			let outcome = function(&mut ctx);
			let work = ctx.host.vfs.take_work();
			match outcome {
				Err(Fail::Stop(stop)) => Err(Fail::Stop(stop)),
				outcome => ctx.charge(work).map_err(Fail::from).and(outcome),
			}
		});
		(outcome, ctx.fuel)
	};
	caller.set_fuel(left)?;
	match outcome {
		Ok(()) => Ok(0),
		Err(Fail::Errno(errno)) => Ok(errno as u32),
		Err(Fail::Stop(stop)) => Err(stop.into()),
	}
}

macro_rules! functions {
	($linker:ident; $($name:ident($($arg:ident: $type:ty),*);)*) => {
		$(
			$linker.func_wrap(
				MODULE,
				stringify!($name),
				|mut caller: Caller<'_, Host> $(, $arg: $type)*| -> wasmtime::Result<u32> {
					call(&mut caller, |ctx| ctx.$name($($arg),*))
				},
			)?;
		)*
	};
}

/// A linker with all functions of WASI preview 1.
pub(crate) fn linker(engine: &Engine) -> wasmtime::Result<Linker<Host>> {
	let mut linker = Linker::new(engine);
	functions! { linker;
		args_get(pointers: u32, buffer: u32);
		args_sizes_get(count: u32, size: u32);
		environ_get(pointers: u32, buffer: u32);
		environ_sizes_get(count: u32, size: u32);
		clock_res_get(clock: u32, result: u32);
		clock_time_get(clock: u32, precision: u64, result: u32);
		fd_advise(fd: u32, offset: u64, len: u64, advice: u32);
		fd_allocate(fd: u32, offset: u64, len: u64);
		fd_close(fd: u32);
		fd_datasync(fd: u32);
		fd_fdstat_get(fd: u32, result: u32);
		fd_fdstat_set_flags(fd: u32, flags: u32);
		fd_fdstat_set_rights(fd: u32, base: u64, inheriting: u64);
		fd_filestat_get(fd: u32, result: u32);
		fd_filestat_set_size(fd: u32, size: u64);
		fd_filestat_set_times(fd: u32, accessed: u64, modified: u64, flags: u32);
		fd_pread(fd: u32, buffers: u32, count: u32, offset: u64, result: u32);
		fd_prestat_get(fd: u32, result: u32);
		fd_prestat_dir_name(fd: u32, path: u32, len: u32);
		fd_pwrite(fd: u32, buffers: u32, count: u32, offset: u64, result: u32);
		fd_read(fd: u32, buffers: u32, count: u32, result: u32);
		fd_readdir(fd: u32, buffer: u32, len: u32, cookie: u64, result: u32);
		fd_renumber(from: u32, to: u32);
		fd_seek(fd: u32, offset: i64, whence: u32, result: u32);
		fd_sync(fd: u32);
		fd_tell(fd: u32, result: u32);
		fd_write(fd: u32, buffers: u32, count: u32, result: u32);
		path_create_directory(fd: u32, path: u32, len: u32);
		path_filestat_get(fd: u32, flags: u32, path: u32, len: u32, result: u32);
		path_filestat_set_times(
			fd: u32, flags: u32, path: u32, len: u32, accessed: u64, modified: u64, set: u32
		);
		path_link(
			from_fd: u32, flags: u32, from: u32, from_len: u32, to_fd: u32, to: u32, to_len: u32
		);
		path_open(
			fd: u32, lookup: u32, path: u32, len: u32, open: u32, base: u64, inheriting: u64,
			flags: u32, result: u32
		);
		path_readlink(fd: u32, path: u32, len: u32, buffer: u32, buffer_len: u32, result: u32);
		path_remove_directory(fd: u32, path: u32, len: u32);
		path_rename(fd: u32, from: u32, from_len: u32, to_fd: u32, to: u32, to_len: u32);
		path_symlink(target: u32, target_len: u32, fd: u32, path: u32, len: u32);
		path_unlink_file(fd: u32, path: u32, len: u32);
		poll_oneoff(subscriptions: u32, events: u32, count: u32, result: u32);
		proc_raise(signal: u32);
		random_get(buffer: u32, len: u32);
		sched_yield();
		sock_accept(fd: u32, flags: u32, result: u32);
		sock_recv(fd: u32, buffers: u32, count: u32, flags: u32, size: u32, result: u32);
		sock_send(fd: u32, buffers: u32, count: u32, flags: u32, result: u32);
		sock_shutdown(fd: u32, how: u32);
	}
	linker.func_wrap(
		MODULE,
		"proc_exit",
		|mut caller: Caller<'_, Host>, code: u32| -> wasmtime::Result<()> {
			call(&mut caller, |_| Ok(()))?;
			Err(Stop::Exit(code).into())
		},
	)?;
	Ok(linker)
}

/// A list of texts that a program is given, each with a zero at its end.
type Texts = Vec<Vec<u8>>;

impl Ctx<'_> {
	fn put_texts(&mut self, texts: &Texts, pointers: u32, buffer: u32) -> Done {
		let (mut pointers, mut at) = (pointers as u64, buffer as u64);
		for text in texts {
			self.charge_bytes(text.len() as u64 + 1)?;
			let pointer = u32::try_from(at).map_err(|_| Errno::Fault)?;
			self.put_u32(u32::try_from(pointers).map_err(|_| Errno::Fault)?, pointer)?;
			self.put(pointer, &[&text[..], b"\0"].concat())?;
			pointers += 4;
			at += text.len() as u64 + 1;
		}
		Ok(())
	}

	fn put_sizes(&mut self, texts: &Texts, count: u32, size: u32) -> Done {
		let bytes: usize = texts.iter().map(|text| text.len() + 1).sum();
		self.put_u32(count, texts.len() as u32)?;
		self.put_u32(size, bytes as u32)?;
		Ok(())
	}

	fn args_get(&mut self, pointers: u32, buffer: u32) -> Done {
		let args = self.host.args.clone();
		self.put_texts(&args, pointers, buffer)
	}

	fn args_sizes_get(&mut self, count: u32, size: u32) -> Done {
		let args = self.host.args.clone();
		self.put_sizes(&args, count, size)
	}

	fn environ_get(&mut self, pointers: u32, buffer: u32) -> Done {
		self.put_texts(&environment(), pointers, buffer)
	}

	fn environ_sizes_get(&mut self, count: u32, size: u32) -> Done {
		self.put_sizes(&environment(), count, size)
	}
}

fn environment() -> Texts {
	ENVIRONMENT.iter().map(|text| text.to_vec()).collect()
}
