//! A machine with the real worker on it.

use std::{
	ffi::OsString,
	fs,
	hash::{BuildHasher, RandomState},
	path::PathBuf,
	process::{Child, Command, ExitStatus, Output, Stdio},
	time::{Duration, Instant},
};

use io_primitives::WorkerKey;
use io_worker::{keystore, status::Status};
use tempfile::TempDir;

const BINARY: &str = env!("CARGO_BIN_EXE_io-worker");

/// A port that is free now, below the range of outgoing connections: one of those could take it before the worker does.
pub(crate) fn free_port() -> u16 {
	let any = || 12_000 + (RandomState::new().hash_one(0) % 20_000) as u16;
	let is_free = |port: &u16| std::net::TcpListener::bind(("127.0.0.1", *port)).is_ok();
	std::iter::repeat_with(any).find(is_free).unwrap()
}

/// A data folder with keys, and perhaps a running worker.
pub(crate) struct Machine {
	pub(crate) folder: TempDir,
	pub(crate) data: PathBuf,
	pub(crate) gateway: u16,
	pub(crate) content: u16,
	pub(crate) flags: Vec<String>,
	/// Variables of the worker's environment.
	pub(crate) environment: Vec<(&'static str, OsString)>,
	child: Option<Child>,
}

impl Machine {
	pub(crate) fn new() -> Machine {
		let folder = tempfile::tempdir().unwrap();
		let data = folder.path().join("data");
		Machine::with_data(folder, data)
	}

	pub(crate) fn with_data(folder: TempDir, data: PathBuf) -> Machine {
		fs::write(folder.path().join("passphrase"), "secret\n").unwrap();
		fs::write(
			folder.path().join("config.toml"),
			"[content]\nmin_free_mib = 1\n[fetch]\nallow_private_addresses = true\nstall_seconds = 1\n\
			 rounds = 2\n[log]\nfilter = \"io_worker=debug,info\"\n",
		)
		.unwrap();
		let machine = Machine {
			data,
			gateway: free_port(),
			content: free_port(),
			flags: Vec::new(),
			environment: Vec::new(),
			child: None,
			folder,
		};
		let made = machine.run(&["keys", "new", "--passphrase-file", &machine.passphrase()]);
		assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
		machine
	}

	pub(crate) fn passphrase(&self) -> String {
		self.folder.path().join("passphrase").display().to_string()
	}

	pub(crate) fn config(&self) -> PathBuf {
		self.folder.path().join("config.toml")
	}

	fn command(&self, arguments: &[&str]) -> Command {
		let mut command = Command::new(BINARY);
		command
			.arg("--config")
			.arg(self.config())
			.arg("--data-dir")
			.arg(&self.data)
			.args(arguments)
			.envs(self.environment.iter().map(|(name, value)| (name, value)))
			.stdin(Stdio::null());
		command
	}

	/// Runs a command to its end.
	pub(crate) fn run(&self, arguments: &[&str]) -> Output {
		self.command(arguments).output().unwrap()
	}

	fn run_arguments(&self) -> Vec<String> {
		let mut arguments = vec![
			"run".into(),
			"--passphrase-file".into(),
			self.passphrase(),
			"--listen".into(),
			format!("127.0.0.1:{}", self.gateway),
			"--content-listen".into(),
			format!("127.0.0.1:{}", self.content),
		];
		arguments.extend(self.flags.clone());
		arguments
	}

	/// Runs the worker, expecting that it refuses to start; gives what it said.
	pub(crate) fn refuse(&self) -> String {
		let arguments = self.run_arguments();
		let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
		let output = self.run(&arguments);
		assert_eq!(output.status.code(), Some(1));
		let said = String::from_utf8_lossy(&output.stderr).into_owned();
		assert!(!said.contains("panicked"), "{said}");
		said
	}

	/// Starts the worker and waits until it listens.
	pub(crate) fn start(&mut self) {
		assert!(self.child.is_none());
		let arguments = self.run_arguments();
		let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
		let log = fs::File::options()
			.create(true)
			.append(true)
			.open(self.folder.path().join("log"))
			.unwrap();
		let child = self.command(&arguments).stdout(Stdio::null()).stderr(log).spawn().unwrap();
		self.child = Some(child);
		let deadline = Instant::now() + Duration::from_secs(30);
		while self.try_status().is_none() {
			let exited = self.child.as_mut().unwrap().try_wait().unwrap();
			assert!(exited.is_none(), "the worker ended: {}", self.log());
			assert!(Instant::now() < deadline, "the worker does not answer: {}", self.log());
			std::thread::sleep(Duration::from_millis(50));
		}
	}

	/// SIGKILL: the worker gets no chance to do anything.
	pub(crate) fn kill(&mut self) {
		let mut child = self.child.take().unwrap();
		child.kill().unwrap();
		child.wait().unwrap();
	}

	/// SIGTERM.
	pub(crate) fn terminate(&self) {
		let pid = self.child.as_ref().unwrap().id();
		let pid = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
		rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
	}

	/// Waits for the end.
	pub(crate) fn wait(&mut self, most: Duration) -> ExitStatus {
		let deadline = Instant::now() + most;
		let mut child = self.child.take().unwrap();
		loop {
			if let Some(status) = child.try_wait().unwrap() {
				return status;
			}
			if Instant::now() >= deadline {
				let _ = child.kill();
				panic!("the worker did not end: {}", self.log());
			}
			std::thread::sleep(Duration::from_millis(20));
		}
	}

	pub(crate) fn log(&self) -> String {
		fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
	}

	pub(crate) fn key(&self) -> WorkerKey {
		keystore::public_keys(&self.data.join("keystore.json")).unwrap().worker
	}

	pub(crate) fn url(&self, path: &str) -> String {
		format!("http://127.0.0.1:{}{path}", self.gateway)
	}

	fn try_status(&self) -> Option<Status> {
		let (code, body) = get(&self.url("/v1/status"), &[]).ok()?;
		(code == 200).then(|| serde_json::from_slice(&body).unwrap())
	}

	/// Whether it answers.
	pub(crate) fn try_alive(&self) -> bool {
		self.try_status().is_some()
	}

	pub(crate) fn status(&self) -> Status {
		self.try_status().unwrap_or_else(|| panic!("no status: {}", self.log()))
	}
}

impl Drop for Machine {
	fn drop(&mut self) {
		if let Some(mut child) = self.child.take() {
			let _ = child.kill();
			let _ = child.wait();
		}
		if std::thread::panicking() {
			eprintln!("--- log of the worker\n{}", self.log());
		}
	}
}

fn client() -> reqwest::Client {
	reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(10)).build().unwrap()
}

fn block_on<F: Future>(future: F) -> F::Output {
	tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

pub(crate) fn get(url: &str, headers: &[(&str, &str)]) -> Result<(u16, Vec<u8>), reqwest::Error> {
	block_on(async {
		let mut request = client().get(url);
		for (name, value) in headers {
			request = request.header(*name, *value);
		}
		let answer = request.send().await?;
		Ok((answer.status().as_u16(), answer.bytes().await?.to_vec()))
	})
}

pub(crate) fn post(
	url: &str,
	body: Vec<u8>,
	headers: &[(&str, &str)],
) -> Result<(u16, Vec<u8>), reqwest::Error> {
	block_on(async {
		let mut request = client().post(url).body(body);
		for (name, value) in headers {
			request = request.header(*name, *value);
		}
		let answer = request.send().await?;
		Ok((answer.status().as_u16(), answer.bytes().await?.to_vec()))
	})
}

/// Status and promised length of a `HEAD` request.
pub(crate) fn head(url: &str) -> (u16, Option<u64>) {
	block_on(async {
		let answer = client().head(url).send().await.unwrap();
		let len = answer.headers().get("content-length").and_then(|len| len.to_str().ok());
		(answer.status().as_u16(), len.and_then(|len| len.parse().ok()))
	})
}
