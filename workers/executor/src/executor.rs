//! Compiling and running programs.

use std::{
	fs::File,
	io::Read,
	path::{Path, PathBuf},
	sync::{
		Arc,
		atomic::{AtomicBool, AtomicU64, Ordering},
		mpsc,
	},
	thread,
	time::{Duration, Instant},
};

use io_primitives::{FUEL_PER_UNIT, MAX_PROGRAM_BYTES, digest::units_from_fuel};
use wasmtime::{
	Cache, CacheConfig, Collector, Engine, InstancePre, Linker, Module, ModuleExport, OptLevel,
	RegallocAlgorithm, ResourceLimiter, Store, Strategy, Trap, UpdateDeadline,
	WasmBacktraceDetails,
};

use crate::{
	archive::{self, Archive},
	error::{Error, Stop},
	exit_code,
	input::Input,
	module, tariff,
	vfs::Vfs,
	wasi::{self, Host, Seed},
};

/// Native stack that a program may use. Together with the pinned version of wasmtime and the fixed code generation
/// (see [`engine_config`]) it fixes how deep a program can recurse.
const WASM_STACK: usize = 8 * 1024 * 1024;
/// Stack of the thread that runs a program: the program's and the host functions'.
const THREAD_STACK: usize = WASM_STACK + 4 * 1024 * 1024;
/// How often a running program is looked at.
const TICK: Duration = Duration::from_millis(10);
/// Most elements that all tables of a program have in all; 16 bytes each.
const MAX_TABLE_ELEMENTS: usize = 1 << 20;
/// Most tables of a program.
const MAX_TABLES: u32 = 16;

/// Settings of an [`Executor`]. None of them changes a result.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Config {
	/// Directory where compiled programs are kept, so that the next run of the same program starts at once. Nobody
	/// else may write to it: what is found there is executed. `None` compiles every time.
	pub compile_cache: Option<PathBuf>,
}

/// What to execute.
#[derive(Clone, Debug)]
pub struct Task<'a> {
	/// The WASI preview 1 command module.
	pub program: &'a Path,
	/// The input: a tar archive, or anything else, which is one file.
	pub input: Option<&'a Path>,
	/// `argv[1..]`; `argv[0]` is always `program`.
	pub args: Vec<Vec<u8>>,
	/// What the program may use.
	pub limits: Limits,
	/// A directory for this execution alone: files of the program and the output archive. The caller empties it.
	pub scratch: &'a Path,
}

/// What a program may use.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
	/// Units of work; [`FUEL_PER_UNIT`] fuel each.
	pub max_units: u64,
	/// Linear memory, in MiB.
	pub max_memory_mib: u32,
	/// Bytes of the output archive.
	pub max_output: u64,
	/// Guard against a machine that is too slow; ends without a result.
	pub wall_clock: Duration,
}

/// A handle to a running execution. Clones belong to the same execution.
#[derive(Clone, Debug, Default)]
pub struct Control {
	shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
	cancelled: AtomicBool,
	fuel: AtomicU64,
}

impl Control {
	/// A handle for one execution.
	pub fn new() -> Self {
		Self::default()
	}

	/// Ends the execution with [`Error::Cancelled`] within some ten milliseconds.
	pub fn cancel(&self) {
		self.shared.cancelled.store(true, Ordering::Relaxed);
	}

	/// Whether [`Control::cancel`] was called.
	pub fn is_cancelled(&self) -> bool {
		self.shared.cancelled.load(Ordering::Relaxed)
	}

	/// Fuel used so far, about: a program that calls no function for long is behind with its count.
	pub fn fuel_used(&self) -> u64 {
		self.shared.fuel.load(Ordering::Relaxed)
	}

	/// Says how much of the job is done; whoever runs something other than a program counts in its own way.
	pub fn set_fuel_used(&self, fuel: u64) {
		self.shared.fuel.store(fuel, Ordering::Relaxed);
	}
}

/// When an execution has to stop, whatever it does.
#[derive(Clone, Debug)]
pub(crate) struct Watch {
	control: Control,
	deadline: Option<Instant>,
}

impl Watch {
	pub(crate) fn check(&self) -> Result<(), Stop> {
		if self.control.is_cancelled() {
			return Err(Stop::Cancelled);
		}
		match self.deadline {
			Some(deadline) if Instant::now() >= deadline => Err(Stop::WallClock),
			_ => Ok(()),
		}
	}
}

/// A result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Execution {
	/// The program's exit code, or a reserved one, see [`exit_code`](crate::exit_code).
	pub exit_code: i32,
	/// Fuel used.
	pub fuel: u64,
	/// Units to be paid, at most `max_units`.
	pub units: u64,
	/// The output archive, in the scratch directory.
	pub output: PathBuf,
	/// Bytes of the archive.
	pub output_len: u64,
	/// BLAKE3 of the archive.
	pub output_hash: [u8; 32],
	/// What exactly went wrong, for this machine's log only; it is no part of the result.
	pub detail: Option<String>,
}

/// Executes programs. Clones share one engine; executions may run at the same time.
#[derive(Clone)]
pub struct Executor {
	engine: Engine,
	linker: Arc<Linker<Host>>,
}

impl std::fmt::Debug for Executor {
	fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
		f.debug_struct("Executor").finish_non_exhaustive()
	}
}

/// A program that is ready to run, or why it cannot.
type Compiled = Result<Result<(InstancePre<Host>, ModuleExport), String>, Error>;

/// How a program ended, and what it had used.
struct Ended {
	exit_code: i32,
	fuel: u64,
	detail: Option<String>,
}

impl Executor {
	/// Makes an executor. Fails if the cache directory cannot be used or the engine does not work on this machine.
	pub fn new(config: Config) -> Result<Self, Error> {
		let failed = |error: wasmtime::Error| Error::Engine(format!("{error:#}"));
		let mut engine = engine_config().map_err(failed)?;
		if let Some(directory) = config.compile_cache {
			std::fs::create_dir_all(&directory)
				.and_then(|()| std::fs::canonicalize(&directory))
				.map_err(Error::io("use the cache directory", &directory))
				.and_then(|directory| {
					let mut cache = CacheConfig::new();
					cache.with_directory(directory);
					engine.cache(Some(Cache::new(cache).map_err(failed)?));
					Ok(())
				})?;
		}
		let engine = Engine::new(&engine).map_err(failed)?;
		let linker = Arc::new(wasi::linker(&engine).map_err(failed)?);
		Ok(Self { engine, linker })
	}

	/// Runs a program to its end and packs its output. Blocks; `control` can be used from other threads.
	///
	/// Everything that depends on the task alone is a result, also a failure of the program. An [`Error`] is the
	/// fault of this machine or of the caller.
	pub fn execute(&self, task: &Task<'_>, control: &Control) -> Result<Execution, Error> {
		let watch = Watch {
			control: control.clone(),
			deadline: Instant::now().checked_add(task.limits.wall_clock),
		};
		let mut vfs = Vfs::new(task.scratch, task.limits.max_output)?;
		let program = read_program(task.program)?;
		let mut input = None;
		if let Some(path) = task.input {
			let mut opened = Input::open(path)?;
			vfs.mount(&mut opened);
			input = Some(opened);
		}
		let budget = task.limits.max_units.saturating_mul(FUEL_PER_UNIT);

		let (ended, mut vfs) = match program {
			Some(program) => {
				let seed = Seed::new(&program, input, &task.args);
				let host = Host::new(vfs, seed, &task.args, budget, watch.clone(), task.limits);
				self.run(&program, host, budget, &watch)?
			},
			None => {
				let detail = format!("the program is larger than {MAX_PROGRAM_BYTES} bytes");
				(Ended::invalid(0, detail), vfs)
			},
		};
		control.set_fuel_used(ended.fuel);

		let packed = archive::pack(&mut vfs, task.scratch, ended.exit_code, &watch);
		let Archive { exit_code, path, len, hash } =
			packed.map_err(|stop| stop.into_error(task.scratch))?;
		drop(vfs);
		tracing::debug!(exit_code, fuel = ended.fuel, len, detail = ended.detail, "executed");
		Ok(Execution {
			exit_code,
			fuel: ended.fuel,
			units: units_from_fuel(ended.fuel).min(task.limits.max_units),
			output: path,
			output_len: len,
			output_hash: hash,
			detail: ended.detail,
		})
	}

	/// Compiles and runs a program.
	fn run(
		&self,
		program: &[u8],
		host: Host,
		budget: u64,
		watch: &Watch,
	) -> Result<(Ended, Vfs), Error> {
		let fuel = (program.len() as u64).saturating_mul(tariff::PROGRAM_BYTE);
		let validate = |program: &[u8]| {
			Module::validate(&self.engine, program).map_err(|error| format!("{error:#}"))
		};
		let prepared = match module::prepare(program, validate) {
			Ok(prepared) => prepared,
			Err(error) => return Ok((Ended::invalid(fuel.min(budget), error), host.into_vfs())),
		};
		let fuel = fuel.saturating_add(prepared.work.saturating_mul(tariff::CODE_BYTE));
		if fuel > budget {
			let detail = "loading the program needs more fuel than the job has".to_string();
			return Ok((Ended::new(exit_code::OUT_OF_FUEL, budget, Some(detail)), host.into_vfs()));
		}
		watch.check().map_err(|stop| stop.into_error(Path::new("")))?;
		let (instance, start) = match self.compile_watched(prepared.bytes.into_owned(), watch)? {
			Ok(compiled) => compiled,
			Err(error) => return Ok((Ended::invalid(fuel, error), host.into_vfs())),
		};

		let needed = instance.module().resources_required();
		let bytes = host.limits().max_memory_mib as u64 * 1024 * 1024;
		if needed.max_initial_memory_size.is_some_and(|pages| pages.saturating_mul(65_536) > bytes)
			|| needed.max_initial_table_size.is_some_and(|len| len > MAX_TABLE_ELEMENTS as u64)
			|| needed.num_tables > MAX_TABLES
		{
			return Ok((Ended::new(exit_code::MEMORY_LIMIT, fuel, None), host.into_vfs()));
		}

		let engine = &self.engine;
		thread::scope(|scope| {
			// The ticker ends when the runner drops its side of the channel, in whatever way it ends.
			let (alive, ended) = mpsc::channel::<()>();
			let ticker = thread::Builder::new().name("io-exec-ticker".into()).spawn_scoped(
				scope,
				move || {
					while ended.recv_timeout(TICK) == Err(mpsc::RecvTimeoutError::Timeout) {
						engine.increment_epoch();
					}
				},
			);
			let runner = thread::Builder::new()
				.name("io-exec".into())
				.stack_size(THREAD_STACK)
				.spawn_scoped(scope, move || {
					let _alive = alive;
					run_instance(engine, &instance, &start, host, budget, fuel)
				});
			ticker.map_err(|error| Error::Engine(format!("cannot start a thread: {error}")))?;
			runner
				.map_err(|error| Error::Engine(format!("cannot start a thread: {error}")))?
				.join()
				.unwrap_or_else(|_| Err(Error::Engine("the host's side panicked".into())))
		})
	}

	/// Compiles in a thread that is left alone if it takes too long: the compiler cannot be interrupted. It then ends at
	/// some time, and with a cache its work is not lost.
	fn compile_watched(&self, program: Vec<u8>, watch: &Watch) -> Compiled {
		let (result, compiled) = mpsc::channel();
		let executor = self.clone();
		thread::Builder::new()
			.name("io-exec-compile".into())
			.spawn(move || {
				// Nobody listens if the task is over.
				let _ = result.send(executor.compile(&program));
			})
			.map_err(|error| Error::Engine(format!("cannot start a thread: {error}")))?;
		loop {
			watch.check().map_err(|stop| stop.into_error(Path::new("")))?;
			match compiled.recv_timeout(TICK) {
				Ok(compiled) => return compiled,
				Err(mpsc::RecvTimeoutError::Timeout) => {},
				Err(mpsc::RecvTimeoutError::Disconnected) => {
					return Err(Error::Engine("the compiler panicked".into()));
				},
			}
		}
	}

	/// Compiles a program and checks that it is a WASI command; if not, says why.
	fn compile(&self, program: &[u8]) -> Compiled {
		let module = match Module::from_binary(&self.engine, program) {
			Ok(module) => module,
			Err(error) => {
				return match Module::validate(&self.engine, program) {
					Err(invalid) => Ok(Err(format!("{invalid:#}"))),
					// Nothing is wrong with the program, so it is this machine.
					Ok(()) => Err(Error::Engine(format!("cannot compile: {error:#}"))),
				};
			},
		};
		let start = module
			.get_export("_start")
			.as_ref()
			.and_then(|start| start.func())
			.filter(|start| start.params().len() == 0 && start.results().len() == 0)
			.and_then(|_| module.get_export_index("_start"));
		let Some(start) = start else {
			return Ok(Err("`_start` has arguments or results".into()));
		};
		let instance = self.linker.instantiate_pre(&module).map_err(|error| format!("{error:#}"));
		Ok(instance.map(|instance| (instance, start)))
	}
}

impl Ended {
	fn new(exit_code: i32, fuel: u64, detail: Option<String>) -> Self {
		// Messages of the engine can have many lines; this one goes into logs and tables.
		let detail = detail.map(|text| text.split_whitespace().collect::<Vec<_>>().join(" "));
		Self { exit_code, fuel, detail }
	}

	fn invalid(fuel: u64, detail: String) -> Self {
		Self::new(exit_code::INVALID_MODULE, fuel, Some(detail))
	}
}

impl Stop {
	/// For stops that are the machine's fault; the others never get here.
	pub(crate) fn into_error(self, scratch: &Path) -> Error {
		match self {
			Stop::Cancelled => Error::Cancelled,
			Stop::WallClock => Error::WallClock,
			Stop::Machine { what, source } => {
				Error::Io { what, path: scratch.to_path_buf(), source }
			},
			other => Error::Engine(other.to_string()),
		}
	}
}

/// The engine's configuration: everything that could differ between machines or builds is set.
///
/// Code is generated for the architecture's baseline, not for the features of this very processor: then frames on the
/// stack are equally large everywhere, and so is the depth at which a program overflows it.
fn engine_config() -> wasmtime::Result<wasmtime::Config> {
	let mut config = wasmtime::Config::new();
	config
		.target(&format!("{}-unknown-linux-gnu", std::env::consts::ARCH))?
		.strategy(Strategy::Cranelift)
		.cranelift_opt_level(OptLevel::Speed)
		.cranelift_regalloc_algorithm(RegallocAlgorithm::Backtracking)
		.cranelift_nan_canonicalization(true)
		.compiler_inlining(false)
		.parallel_compilation(true)
		.consume_fuel(true)
		.epoch_interruption(true)
		.max_wasm_stack(WASM_STACK)
		.collector(Collector::Null)
		.wasm_backtrace(false)
		.wasm_backtrace_details(WasmBacktraceDetails::Disable)
		.wasm_bulk_memory(true)
		.wasm_multi_value(true)
		.wasm_reference_types(true)
		.wasm_simd(true)
		.wasm_relaxed_simd(true)
		.relaxed_simd_deterministic(true)
		.wasm_tail_call(true)
		.wasm_extended_const(true)
		.wasm_threads(false)
		.wasm_shared_everything_threads(false)
		.wasm_memory64(false)
		.wasm_multi_memory(false)
		.wasm_function_references(false)
		.wasm_gc(false)
		.wasm_wide_arithmetic(false)
		.wasm_custom_page_sizes(false)
		.wasm_exceptions(false)
		.wasm_stack_switching(false);
	Ok(config)
}

/// The program's bytes, or `None` if there are too many of them.
fn read_program(path: &Path) -> Result<Option<Vec<u8>>, Error> {
	let failed = || Error::io("read the program", path);
	let file = File::open(path).map_err(failed())?;
	let len = file.metadata().map_err(failed())?.len();
	if len > MAX_PROGRAM_BYTES {
		return Ok(None);
	}
	let mut program = Vec::with_capacity(len as usize);
	file.take(MAX_PROGRAM_BYTES).read_to_end(&mut program).map_err(failed())?;
	Ok(Some(program))
}

/// Limits the growth of memory and tables.
#[derive(Debug)]
pub(crate) struct Growth {
	/// Bytes.
	pub(crate) max_memory: usize,
	/// Elements that tables have in all.
	pub(crate) elements: usize,
}

impl ResourceLimiter for Growth {
	fn memory_growing(
		&mut self,
		_current: usize,
		desired: usize,
		maximum: Option<usize>,
	) -> wasmtime::Result<bool> {
		Ok(desired <= self.max_memory && maximum.is_none_or(|maximum| desired <= maximum))
	}

	fn memory_grow_failed(&mut self, error: wasmtime::Error) -> wasmtime::Result<()> {
		// The limits were kept, so it is this machine that has no memory: that must not become a result.
		Err(Stop::Engine(format!("cannot get memory: {error:#}")).into())
	}

	fn table_growing(
		&mut self,
		current: usize,
		desired: usize,
		maximum: Option<usize>,
	) -> wasmtime::Result<bool> {
		let elements = self.elements.saturating_add(desired.saturating_sub(current));
		let allowed =
			elements <= MAX_TABLE_ELEMENTS && maximum.is_none_or(|maximum| desired <= maximum);
		if allowed {
			self.elements = elements;
		}
		Ok(allowed)
	}

	fn table_grow_failed(&mut self, error: wasmtime::Error) -> wasmtime::Result<()> {
		Err(Stop::Engine(format!("cannot get memory: {error:#}")).into())
	}

	fn instances(&self) -> usize {
		1
	}

	fn tables(&self) -> usize {
		MAX_TABLES as usize
	}

	fn memories(&self) -> usize {
		1
	}
}

/// Runs a prepared program in this thread.
fn run_instance(
	engine: &Engine,
	instance: &InstancePre<Host>,
	start: &ModuleExport,
	host: Host,
	budget: u64,
	loading: u64,
) -> Result<(Ended, Vfs), Error> {
	let failed = |error: wasmtime::Error| Error::Engine(format!("{error:#}"));
	let mut store = Store::new(engine, host);
	store.limiter(|host| &mut host.growth);
	store.set_fuel(budget - loading).map_err(failed)?;
	store.set_epoch_deadline(1);
	store.epoch_deadline_callback(move |store| {
		store.data().watch.check()?;
		if let Ok(left) = store.get_fuel() {
			store.data().watch.control.set_fuel_used(budget.saturating_sub(left));
		}
		Ok(UpdateDeadline::Continue(1))
	});

	let ran = instance.instantiate(&mut store).and_then(|instance| {
		let start = instance
			.get_module_export(&mut store, start)
			.and_then(|start| start.into_func())
			.ok_or_else(|| Stop::Engine("`_start` is gone".into()))?;
		start.call(&mut store, &[], &mut [])
	});
	let fuel = budget.saturating_sub(store.get_fuel().map_err(failed)?);
	let vfs = store.into_data().into_vfs();
	let (exit_code, detail) = match ran {
		Ok(()) => (0, None),
		Err(error) => match error.downcast::<Stop>() {
			Ok(Stop::Exit(code)) => (exit_code::of_program(code), None),
			Ok(Stop::OutOfFuel) => (exit_code::OUT_OF_FUEL, None),
			Ok(Stop::OutputLimit) => (exit_code::OUTPUT_LIMIT, None),
			Ok(stop) => return Err(stop.into_error(vfs.scratch())),
			Err(error) => match error.downcast_ref::<Trap>() {
				Some(Trap::OutOfFuel) => (exit_code::OUT_OF_FUEL, None),
				Some(trap) => (exit_code::TRAP, Some(trap.to_string())),
				None => return Err(failed(error)),
			},
		},
	};
	// What was left at the end does not matter then; a program cannot use more than it has.
	let fuel = if exit_code == exit_code::OUT_OF_FUEL { budget } else { fuel };
	Ok((Ended::new(exit_code, fuel, detail), vfs))
}
