//! The binary as a user runs it.
#![allow(clippy::unwrap_used)]

use std::{
	io::{BufRead, BufReader},
	path::PathBuf,
	process::{Child, Command, Output, Stdio},
	sync::mpsc,
	thread,
	time::{Duration, Instant},
};

fn node() -> Command {
	Command::new(env!("CARGO_BIN_EXE_io-node"))
}

fn run(arguments: &[&str]) -> Output {
	node().args(arguments).output().unwrap()
}

/// Whether the binary has a runtime inside: it was built without SKIP_WASM_BUILD.
fn has_runtime() -> bool {
	io_runtime::WASM_BINARY.is_some()
}

/// A node that ends with the test, and its data with it.
struct Running {
	child: Child,
	base: PathBuf,
}

impl Running {
	fn start(name: &str, arguments: &[&str]) -> (Self, mpsc::Receiver<String>) {
		let base = std::env::temp_dir().join(format!("io-node-test-{name}-{}", std::process::id()));
		let mut child = node()
			.args(arguments)
			.args(["--base-path".as_ref(), base.as_os_str()])
			.args(["--rpc-port", "0", "--port", "0", "--no-prometheus", "--no-telemetry"])
			.stderr(Stdio::piped())
			.stdout(Stdio::null())
			.spawn()
			.unwrap();
		let lines = BufReader::new(child.stderr.take().unwrap()).lines();
		let (sender, receiver) = mpsc::channel();
		thread::spawn(move || {
			for line in lines.map_while(Result::ok) {
				if sender.send(line).is_err() {
					break;
				}
			}
		});
		(Self { child, base }, receiver)
	}
}

impl Drop for Running {
	fn drop(&mut self) {
		let _ = self.child.kill();
		let _ = self.child.wait();
		let _ = std::fs::remove_dir_all(&self.base);
	}
}

#[test]
fn should_say_what_to_do_when_no_chain_is_named() {
	let output = run(&["--no-telemetry"]);
	assert!(!output.status.success());
	let said = String::from_utf8_lossy(&output.stderr);
	assert!(said.contains("--dev") && said.contains("--chain local"), "{said}");
}

#[test]
fn should_export_a_spec_when_chain_is_local() {
	let output = run(&["export-chain-spec", "--chain", "local"]);
	if !has_runtime() {
		assert!(String::from_utf8_lossy(&output.stderr).contains("SKIP_WASM_BUILD"));
		return;
	}
	let spec: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
	assert_eq!(spec["id"], "io-local");
	assert_eq!(spec["properties"]["tokenSymbol"], "IO");
	assert_eq!(spec["para_id"], 2000);
}

#[test]
fn should_build_blocks_in_parity_db_when_started_with_dev_alone() {
	if !has_runtime() {
		return;
	}
	let (node, lines) = Running::start("dev", &["--dev", "--dev-block-time", "500"]);
	let end = Instant::now() + Duration::from_secs(120);
	let mut log = Vec::new();
	loop {
		match lines.recv_timeout(end.saturating_duration_since(Instant::now())) {
			Ok(line) => {
				let done = line.contains("Imported #3");
				log.push(line);
				if done {
					break;
				}
			},
			Err(e) => panic!("no third block ({e}):\n{}", log.join("\n")),
		}
	}
	let database = node.base.join("chains/io-dev/paritydb/full");
	assert!(database.is_dir(), "{} is missing", database.display());
}
