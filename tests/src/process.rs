//! Child processes that never outlive the tests.

use std::{
	ffi::OsString,
	fs::File,
	os::unix::process::{CommandExt, ExitStatusExt},
	path::{Path, PathBuf},
	process::{ExitStatus, Stdio},
	time::Duration,
};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process, set_parent_process_death_signal};
use tokio::process::{Child, Command};

/// First argument by which this program is asked to become another one, see [`exec`].
pub const EXEC: &str = "exec-with-parent";

/// Becomes the given program, which the kernel kills when the parent ends, however that ends.
pub fn exec(mut args: impl Iterator<Item = OsString>) -> Result<()> {
	set_parent_process_death_signal(Some(Signal::KILL))
		.context("cannot ask to die with the parent")?;
	let program = args.next().context("no program given")?;
	Err(std::process::Command::new(&program).args(args).exec())
		.with_context(|| format!("cannot start {}", program.display()))
}

/// Where the binaries under test are.
#[derive(Clone, Debug)]
pub struct Binaries {
	/// `io-node`.
	pub node: PathBuf,
	/// `io-worker`.
	pub worker: PathBuf,
	/// `io`.
	pub cli: PathBuf,
	/// `io-relay`.
	pub relay: PathBuf,
}

impl Binaries {
	/// Looks beside this program, or in `IO_BIN_DIR`; the node may lie elsewhere: `IO_NODE_BIN`.
	pub fn find() -> Result<Binaries> {
		let dir = match std::env::var_os("IO_BIN_DIR") {
			Some(dir) => PathBuf::from(dir),
			None => std::env::current_exe()?
				.parent()
				.context("this program lies in no folder")?
				.to_path_buf(),
		};
		let found = Binaries {
			node: std::env::var_os("IO_NODE_BIN").map_or(dir.join("io-node"), PathBuf::from),
			worker: dir.join("io-worker"),
			cli: dir.join("io"),
			relay: dir.join("io-relay"),
		};
		for path in [&found.node, &found.worker, &found.cli, &found.relay] {
			if !path.is_file() {
				bail!(
					"{} is missing: build the workspace first, or name the folder with IO_BIN_DIR \
					 (and the node with IO_NODE_BIN)",
					path.display()
				);
			}
		}
		Ok(found)
	}
}

/// A running program whose output goes to a file. It is killed when this is dropped.
pub struct Process {
	name: String,
	log: PathBuf,
	child: Child,
}

impl Process {
	/// Starts a program. Its output is appended to `log`.
	pub fn start(name: &str, program: &Path, args: &[String], log: &Path) -> Result<Process> {
		let file = File::options().create(true).append(true).open(log)?;
		let child = guarded(program, args)?
			.stdin(Stdio::null())
			.stdout(file.try_clone()?)
			.stderr(file)
			.spawn()
			.with_context(|| format!("cannot start {}", program.display()))?;
		Ok(Process { name: name.into(), log: log.into(), child })
	}

	/// What it wrote so far.
	pub fn output(&self) -> String {
		String::from_utf8_lossy(&std::fs::read(&self.log).unwrap_or_default()).into_owned()
	}

	/// Its exit status, if it has ended.
	pub fn ended(&mut self) -> Result<Option<ExitStatus>> {
		Ok(self.child.try_wait()?)
	}

	/// Fails if it has ended.
	pub fn ensure_running(&mut self) -> Result<()> {
		match self.ended()? {
			None => Ok(()),
			Some(status) => bail!("{} ended by itself: {}", self.name, describe(status)),
		}
	}

	/// Kills it at once, as a power failure would.
	pub async fn kill(&mut self) -> Result<()> {
		if self.ended()?.is_none() {
			self.child.kill().await?;
		}
		Ok(())
	}

	/// Asks it to stop and waits.
	pub async fn terminate(&mut self, limit: Duration) -> Result<ExitStatus> {
		if let Some(status) = self.ended()? {
			return Ok(status);
		}
		let pid =
			self.child.id().and_then(|id| Pid::from_raw(id as i32)).context("no process id")?;
		kill_process(pid, Signal::TERM)?;
		self.wait(limit).await.with_context(|| format!("{} was asked to stop", self.name))
	}

	/// Waits until it ends.
	pub async fn wait(&mut self, limit: Duration) -> Result<ExitStatus> {
		match tokio::time::timeout(limit, self.child.wait()).await {
			Ok(status) => Ok(status?),
			Err(_) => bail!("{} did not end within {limit:?}", self.name),
		}
	}
}

/// The exit status in words; a panic or a signal is never mistaken for an orderly end.
pub fn describe(status: ExitStatus) -> String {
	match (status.code(), status.signal()) {
		(Some(code), _) => format!("exit code {code}"),
		(None, Some(signal)) => format!("killed by signal {signal}"),
		(None, None) => "unknown end".into(),
	}
}

fn guarded(program: &Path, args: &[String]) -> Result<Command> {
	let mut command = Command::new(std::env::current_exe()?);
	command.arg(EXEC).arg(program).args(args).env_remove("RUST_LOG").kill_on_drop(true);
	Ok(command)
}

/// What a program that ran to its end said.
#[derive(Debug)]
pub struct Finished {
	/// Exit status.
	pub status: ExitStatus,
	/// Standard output.
	pub stdout: String,
	/// Standard error.
	pub stderr: String,
}

impl Finished {
	/// Both outputs, for messages.
	pub fn text(&self) -> String {
		format!("{}\n{}", self.stdout.trim(), self.stderr.trim())
	}

	/// Fails unless it ended with 0.
	pub fn ok(self, what: &str) -> Result<Finished> {
		if self.status.success() {
			return Ok(self);
		}
		bail!("{what}: {}\n{}", describe(self.status), self.text())
	}

	/// Fails unless it ended with an ordinary error (no panic, no signal) whose message contains one of `words`.
	pub fn refused(self, what: &str, words: &[&str]) -> Result<Finished> {
		let text = self.text();
		let lower = text.to_lowercase();
		match self.status.code() {
			Some(0) => bail!("{what}: succeeded, but had to fail\n{text}"),
			None | Some(101) | Some(134) => bail!("{what}: {}\n{text}", describe(self.status)),
			Some(_) if text.contains("panicked at") => bail!("{what}: panicked\n{text}"),
			Some(_) if !words.iter().any(|w| lower.contains(&w.to_lowercase())) => {
				bail!("{what}: the message says none of {words:?}\n{text}")
			},
			Some(_) => Ok(self),
		}
	}
}

/// Runs a program to its end.
pub async fn run(program: &Path, args: &[String], limit: Duration) -> Result<Finished> {
	let child = guarded(program, args)?
		.stdin(Stdio::null())
		.stdout(Stdio::piped())
		.stderr(Stdio::piped())
		.spawn()
		.with_context(|| format!("cannot start {}", program.display()))?;
	let output = match tokio::time::timeout(limit, child.wait_with_output()).await {
		Ok(output) => output?,
		Err(_) => bail!("{} {} did not end within {limit:?}", program.display(), args.join(" ")),
	};
	Ok(Finished {
		status: output.status,
		stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
		stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
	})
}

/// Free TCP ports of the loopback interface, below the range from which the kernel takes the ports of outgoing
/// connections: one of those could take a port before the child that it is meant for. No port is given twice.
pub fn free_ports<const N: usize>() -> Result<[u16; N]> {
	const FIRST: u32 = 12_000;
	const COUNT: u32 = 20_000;
	static NEXT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
	let start = std::process::id().wrapping_mul(97);
	let mut ports = [0; N];
	for port in &mut ports {
		let mut tries = 0;
		*port = loop {
			let step = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
			let candidate = (FIRST + start.wrapping_add(step) % COUNT) as u16;
			match std::net::TcpListener::bind(("127.0.0.1", candidate)) {
				Ok(_) => break candidate,
				Err(e) if tries == COUNT => return Err(e.into()),
				Err(_) => tries += 1,
			}
		};
	}
	Ok(ports)
}

/// The last `count` lines of a file.
pub fn tail(path: &Path, count: usize) -> String {
	let text = String::from_utf8_lossy(&std::fs::read(path).unwrap_or_default()).into_owned();
	let lines: Vec<_> = text.lines().collect();
	lines[lines.len().saturating_sub(count)..].join("\n")
}
