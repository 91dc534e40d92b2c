//! What the tests have in common.
#![allow(dead_code)]

use std::{
	collections::HashMap,
	fs,
	path::PathBuf,
	process::Command,
	sync::{LazyLock, Mutex, PoisonError},
	time::Duration,
};

use io_executor::{Config, Control, Error, Execution, Executor, Limits, Task};
use tempfile::TempDir;

static EXECUTOR: LazyLock<Executor> = LazyLock::new(|| Executor::new(Config::default()).unwrap());

/// A place to run programs in.
pub struct Bench {
	dir: TempDir,
	input: Option<PathBuf>,
	args: Vec<Vec<u8>>,
	pub limits: Limits,
	pub control: Control,
}

/// A finished execution with its unpacked archive.
#[derive(Debug)]
pub struct Done {
	pub execution: Execution,
	pub members: Vec<(String, Vec<u8>)>,
	_scratch: TempDir,
}

impl std::ops::Deref for Done {
	type Target = Execution;
	fn deref(&self) -> &Execution {
		&self.execution
	}
}

impl Done {
	pub fn file(&self, name: &str) -> Option<Vec<u8>> {
		self.members.iter().find(|(found, _)| found == name).map(|(_, data)| data.clone())
	}

	pub fn text(&self, name: &str) -> String {
		String::from_utf8(self.file(name).unwrap()).unwrap()
	}

	pub fn names(&self) -> Vec<&str> {
		self.members.iter().map(|(name, _)| &name[..]).collect()
	}

	/// All that is part of a result.
	pub fn result(&self) -> (i32, u64, u64, [u8; 32]) {
		(self.exit_code, self.fuel, self.output_len, self.output_hash)
	}
}

impl Bench {
	pub fn new() -> Self {
		Self {
			dir: TempDir::new().unwrap(),
			input: None,
			args: vec![],
			limits: Limits {
				max_units: 20,
				max_memory_mib: 64,
				max_output: 16 << 20,
				wall_clock: Duration::from_secs(120),
			},
			control: Control::new(),
		}
	}

	pub fn args(mut self, args: &[&str]) -> Self {
		self.args = args.iter().map(|arg| arg.as_bytes().to_vec()).collect();
		self
	}

	pub fn input(mut self, data: &[u8]) -> Self {
		let path = self.dir.path().join("input");
		fs::write(&path, data).unwrap();
		self.input = Some(path);
		self
	}

	pub fn limits(mut self, change: impl FnOnce(&mut Limits)) -> Self {
		change(&mut self.limits);
		self
	}

	pub fn try_run(&self, program: &[u8]) -> Result<Done, Error> {
		self.try_run_with(&EXECUTOR, program)
	}

	pub fn try_run_with(&self, executor: &Executor, program: &[u8]) -> Result<Done, Error> {
		let scratch = TempDir::new().unwrap();
		let path = scratch.path().join("program.wasm");
		fs::write(&path, program).unwrap();
		let task = Task {
			program: &path,
			input: self.input.as_deref(),
			args: self.args.clone(),
			limits: self.limits,
			scratch: scratch.path(),
		};
		let execution = executor.execute(&task, &self.control)?;
		let archive = fs::read(&execution.output).unwrap();
		assert_eq!(archive.len() as u64, execution.output_len);
		assert_eq!(*blake3::hash(&archive).as_bytes(), execution.output_hash);
		assert!(!scratch.path().join("pages").exists(), "temporary bytes are left");
		let members = tar::Archive::new(&archive[..])
			.entries()
			.unwrap()
			.map(|entry| {
				let mut entry = entry.unwrap();
				let name = String::from_utf8(entry.path_bytes().into_owned()).unwrap();
				let mut data = vec![];
				std::io::Read::read_to_end(&mut entry, &mut data).unwrap();
				(name, data)
			})
			.collect();
		Ok(Done { execution, members, _scratch: scratch })
	}

	pub fn run(&self, program: &[u8]) -> Done {
		self.try_run(program).unwrap()
	}

	pub fn run_wat(&self, text: &str) -> Done {
		self.run(&wat::parse_str(text).unwrap())
	}
}

/// A program that prints a text and returns.
pub fn printing(text: &str) -> String {
	format!(
		r#"(module
			(import "wasi_snapshot_preview1" "fd_write"
				(func $write (param i32 i32 i32 i32) (result i32)))
			(memory (export "memory") 1)
			(data (i32.const 100) {text:?})
			(data (i32.const 0) "\64\00\00\00\{len:02x}\00\00\00")
			(func (export "_start")
				(drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))))"#,
		len = text.len(),
	)
}

/// A program of `tests/it/programs`, compiled with the C or C++ compiler of the system; once per test run.
pub fn compiled(name: &str) -> Vec<u8> {
	static DONE: LazyLock<Mutex<HashMap<String, Vec<u8>>>> = LazyLock::new(Default::default);
	// A program that does not compile must fail its own test only.
	let mut done = DONE.lock().unwrap_or_else(PoisonError::into_inner);
	if let Some(program) = done.get(name) {
		return program.clone();
	}
	let source =
		PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/programs")).join(name);
	let dir = TempDir::new().unwrap();
	let path = dir.path().join("program.wasm");
	let (compiler, flags): (_, &[&str]) = match name.ends_with(".cc") {
		true => ("clang++", &["-std=c++17", "-fno-exceptions"]),
		false => ("clang", &["-std=c11", "-D_GNU_SOURCE"]),
	};
	let output = Command::new(compiler)
		.args(["--target=wasm32-wasi", "--sysroot=/usr", "-O1", "-o"])
		.arg(&path)
		.args(flags)
		.arg(&source)
		.output();
	let output = match output {
		Ok(output) => output,
		Err(error) => panic!("{compiler} is needed for this test ({error}); run scripts/setup.sh"),
	};
	assert!(
		output.status.success(),
		"{compiler} cannot compile {name} for WASI; run scripts/setup.sh\n{}",
		String::from_utf8_lossy(&output.stderr),
	);
	let program = fs::read(&path).unwrap();
	done.insert(name.to_string(), program.clone());
	program
}

/// A text module with functions of WASI imported under their names, and a page of memory.
pub fn module(imports: &str, body: &str) -> String {
	let imports: String = imports
		.split_whitespace()
		.map(|import| {
			let (name, types) = import.split_once(':').unwrap();
			let params: String = types
				.chars()
				.map(|kind| if kind == 'l' { "(param i64)" } else { "(param i32)" })
				.collect();
			let result = if name == "proc_exit" { "" } else { "(result i32)" };
			format!(
				r#"(import "wasi_snapshot_preview1" "{name}" (func ${name} {params} {result}))"#
			)
		})
		.collect();
	format!(r#"(module {imports} (memory (export "memory") 1) {body})"#)
}
