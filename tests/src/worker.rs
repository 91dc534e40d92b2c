//! Real `io-worker` processes.

use std::{
	path::{Path, PathBuf},
	time::Duration,
};

use anyhow::{Context, Result};
use io_primitives::{ClassId, WorkerKey};
use sp_core::sr25519;

use crate::{
	process::{Process, free_ports, run},
	world::{ASK, Party, World, private_file},
};

/// How a worker of the tests differs from the default.
#[derive(Clone, Debug)]
pub struct Options {
	/// Jobs at the same time.
	pub capacity: u8,
	/// Whether it talks to the node's RPC itself instead of waiting for the off-chain worker.
	pub direct: bool,
	/// Whether it proves its computing power.
	pub attestation: bool,
	/// Relays of the mesh at which it waits, and never leaves.
	pub relays: Vec<String>,
	/// Whether it waits at relays that are registered on chain.
	pub mesh: bool,
	/// Services that it exposes, `NAME=PORT`.
	pub expose: Vec<String>,
}

impl Default for Options {
	fn default() -> Self {
		Options {
			capacity: 1,
			direct: false,
			attestation: false,
			relays: Vec::new(),
			mesh: false,
			expose: Vec::new(),
		}
	}
}

/// One worker with its folder. It keeps its folder when it is killed, and can be started again.
pub struct RealWorker {
	name: String,
	dir: PathBuf,
	key: WorkerKey,
	gateway_port: u16,
	content_port: u16,
	client: reqwest::Client,
	process: Option<Process>,
}

impl RealWorker {
	/// Makes its keys and settings and registers it on the chain, as its owner would.
	pub async fn prepare(
		world: &World,
		name: &str,
		operator: &Party,
		class: ClassId,
		options: Options,
	) -> Result<RealWorker> {
		let dir = world.dir.join(name);
		std::fs::create_dir_all(&dir)?;
		let [gateway_port, content_port] = free_ports()?;
		private_file(&dir.join("passphrase"), "correct horse battery staple")?;
		let mut rpc = String::new();
		if options.direct || options.mesh {
			rpc += &format!("rpc = \"{}\"\n", world.node.url());
		}
		if options.direct {
			rpc += "rpc_after_seconds = 1\n";
		}
		let settings = format!(
			"data_dir = \"{dir}\"\ncapacity = {capacity}\ndrain_seconds = 1\n\
			 [chain]\ngenesis = \"{genesis:?}\"\n{rpc}\
			 [gateway]\nlisten = \"127.0.0.1:{gateway_port}\"\n\
			 [content]\nlisten = \"127.0.0.1:{content_port}\"\nmin_free_mib = 64\n\
			 [fetch]\nallow_private_addresses = true\nconnect_seconds = 2\nstall_seconds = 2\nrounds = 1\n\
			 [mesh]\nrelays = {relays:?}\nfrom_chain = {mesh}\nexpose = {expose:?}\ndirect = false\n\
			 [attestation]\nenabled = {attestation}\nthreads = 1\n\
			 [log]\nfilter = \"info,io_worker=debug\"\n",
			dir = dir.display(),
			capacity = options.capacity,
			attestation = options.attestation,
			relays = options.relays,
			mesh = options.mesh,
			expose = options.expose,
			genesis = world.chain.genesis(),
		);
		std::fs::write(dir.join("config.toml"), settings)?;

		let mut worker = RealWorker {
			name: name.into(),
			key: sr25519::Public::from_raw([0; 32]),
			gateway_port,
			content_port,
			client: reqwest::Client::new(),
			process: None,
			dir,
		};
		let binary = &world.binaries.worker;
		worker.command(binary, &["keys", "new"]).await?;
		let registration = worker.dir.join("registration.json");
		let args = [
			"register".to_owned(),
			format!("--operator={}", operator.account),
			format!("--class={class}"),
			format!("--ask={}", crate::money::io(ASK)),
			format!("--output={}", registration.display()),
		];
		let args: Vec<_> = args.iter().map(String::as_str).collect();
		worker.command(binary, &args).await?;
		let text = std::fs::read_to_string(&registration)
			.with_context(|| format!("no registration at {}", registration.display()))?;
		let json: serde_json::Value = serde_json::from_str(&text)?;
		let key = json["worker_key"].as_str().context("no worker_key in the registration")?;
		let bytes: [u8; 32] = hex::decode(key.trim_start_matches("0x"))?
			.try_into()
			.ok()
			.context("the worker's key has not 32 bytes")?;
		worker.key = sr25519::Public::from_raw(bytes);
		let file = format!("--file={}", registration.display());
		world
			.io(Some(operator), &["--json", "operator", "register-worker", &file, "--yes"])
			.await?
			.ok("io operator register-worker")?;
		Ok(worker)
	}

	/// Runs one of its commands to the end.
	pub async fn command(&self, binary: &Path, args: &[&str]) -> Result<crate::process::Finished> {
		run(binary, &self.arguments(args), Duration::from_secs(60))
			.await?
			.ok(&format!("io-worker {}", args.join(" ")))
	}

	fn arguments(&self, command: &[&str]) -> Vec<String> {
		let mut all = vec![format!("--config={}", self.dir.join("config.toml").display())];
		all.extend(command.iter().map(|a| (*a).to_owned()));
		all.push(format!("--passphrase-file={}", self.dir.join("passphrase").display()));
		all
	}

	/// Starts it.
	pub fn start(&mut self, binary: &Path) -> Result<()> {
		let args = self.arguments(&["run"]);
		self.process = Some(Process::start(&self.name, binary, &args, &self.log())?);
		Ok(())
	}

	/// Its name.
	pub fn name(&self) -> &str {
		&self.name
	}

	/// Its folder.
	pub fn dir(&self) -> &Path {
		&self.dir
	}

	/// Its hot key.
	pub fn key(&self) -> WorkerKey {
		self.key
	}

	/// Its log.
	pub fn log(&self) -> PathBuf {
		self.dir.join("log")
	}

	/// URL of its gateway.
	pub fn gateway(&self) -> String {
		format!("http://127.0.0.1:{}", self.gateway_port)
	}

	/// Port of its server of outputs, if it has one.
	pub fn content_port(&self) -> u16 {
		self.content_port
	}

	/// Its endpoints in the mesh.
	pub async fn endpoints(&self, binary: &Path) -> Result<Vec<String>> {
		let shown = self.command(binary, &["keys", "show", "--json"]).await?;
		let json: serde_json::Value = serde_json::from_str(&shown.stdout)?;
		serde_json::from_value(json["endpoints"].clone()).context("no endpoints")
	}

	/// The process, while there is one.
	pub fn process(&mut self) -> Result<&mut Process> {
		self.process.as_mut().with_context(|| format!("{} is not started", self.name))
	}

	/// What it says of itself.
	pub async fn status(&self) -> Result<serde_json::Value> {
		let url = format!("{}/v1/status", self.gateway());
		Ok(self
			.client
			.get(url)
			.timeout(Duration::from_secs(2))
			.send()
			.await?
			.error_for_status()?
			.json()
			.await?)
	}
}
