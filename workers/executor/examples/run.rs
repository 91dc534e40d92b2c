//! Runs a program as a worker would, to try it out before it is submitted.
//!
//! `cargo run -p io-executor --example run -- program.wasm [--input FILE] [--units N] [--memory MIB] [--output BYTES]
//! [--cache DIR] [--save ARCHIVE] [-- ARGUMENTS]`

use std::{
	fs::File,
	io::{self, Write},
	path::PathBuf,
	time::{Duration, Instant},
};

use io_executor::{Config, Control, Executor, Limits, Task, exit_code};

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
	let mut words = std::env::args().skip(1);
	let usage = "usage: run PROGRAM [--input FILE] [--units N] [--memory MIB] [--output BYTES] \
		[--cache DIR] [--save ARCHIVE] [-- ARGUMENTS]";
	let program = PathBuf::from(words.next().ok_or(usage)?);
	let (mut input, mut save) = (None, None);
	let mut config = Config::default();
	let mut limits = Limits {
		max_units: 1_000,
		max_memory_mib: 1_024,
		max_output: 1 << 30,
		wall_clock: Duration::from_secs(3_600),
	};
	let mut args = Vec::new();
	while let Some(word) = words.next() {
		if word == "--" {
			args.extend(words.by_ref().map(String::into_bytes));
			break;
		}
		let value = words.next().ok_or(usage)?;
		match &word[..] {
			"--input" => input = Some(PathBuf::from(value)),
			"--units" => limits.max_units = value.parse()?,
			"--memory" => limits.max_memory_mib = value.parse()?,
			"--output" => limits.max_output = value.parse()?,
			"--cache" => config.compile_cache = Some(value.into()),
			"--save" => save = Some(PathBuf::from(value)),
			_ => return Err(usage.into()),
		}
	}

	let scratch = tempfile::tempdir()?;
	let executor = Executor::new(config)?;
	let started = Instant::now();
	let task =
		Task { program: &program, input: input.as_deref(), args, limits, scratch: scratch.path() };
	let done = executor.execute(&task, &Control::new())?;
	let seconds = started.elapsed().as_secs_f64();

	for entry in tar::Archive::new(File::open(&done.output)?).entries()? {
		let mut entry = entry?;
		let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
		match &name[..] {
			"stdout" => drop(io::copy(&mut entry, &mut io::stdout())?),
			"stderr" => drop(io::copy(&mut entry, &mut io::stderr())?),
			_ => eprintln!("{:>10}  {name}", io::copy(&mut entry, &mut io::sink())?),
		}
	}
	io::stdout().flush()?;
	if let Some(save) = save {
		std::fs::copy(&done.output, save)?;
	}
	let meaning = exit_code::describe(done.exit_code).unwrap_or_default();
	eprintln!("exit code  {} {meaning} {}", done.exit_code, done.detail.unwrap_or_default());
	eprintln!("fuel       {} ({} units) in {seconds:.2} s", done.fuel, done.units);
	eprintln!("output     {} bytes, blake3 {}", done.output_len, hash(&done.output_hash));
	Ok(())
}

fn hash(bytes: &[u8]) -> String {
	bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
