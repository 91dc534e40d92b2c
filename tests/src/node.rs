//! The node under test.

use std::{
	path::{Path, PathBuf},
	time::{Duration, Instant},
};

use anyhow::{Result, bail};

use crate::{
	chain::Chain,
	process::{Process, free_ports},
};

/// `io-node --dev` with a data folder of its own, so that it can be restarted.
pub struct Node {
	binary: PathBuf,
	base: PathBuf,
	log: PathBuf,
	rpc_port: u16,
	p2p_port: u16,
	block_time: Duration,
	process: Option<Process>,
	attached: Option<String>,
	/// How long the last start took until the first answer.
	pub start_time: Duration,
}

impl Node {
	/// A node that is not started yet.
	pub fn new(binary: &Path, dir: &Path, block_time: Duration) -> Result<Node> {
		let [rpc_port, p2p_port] = free_ports()?;
		Ok(Node {
			binary: binary.into(),
			base: dir.join("node"),
			log: dir.join("node.log"),
			rpc_port,
			p2p_port,
			block_time,
			process: None,
			attached: None,
			start_time: Duration::ZERO,
		})
	}

	/// A node that somebody else started. It cannot be restarted.
	pub fn attached(url: &str, dir: &Path, block_time: Duration) -> Result<Node> {
		let mut node = Node::new(Path::new(""), dir, block_time)?;
		node.attached = Some(url.to_owned());
		Ok(node)
	}

	/// Its WebSocket URL.
	pub fn url(&self) -> String {
		match &self.attached {
			Some(url) => url.clone(),
			None => format!("ws://127.0.0.1:{}", self.rpc_port),
		}
	}

	/// Whether somebody else started it.
	pub fn is_attached(&self) -> bool {
		self.attached.is_some()
	}

	/// Time between its blocks.
	pub fn block_time(&self) -> Duration {
		self.block_time
	}

	/// Its log.
	pub fn log(&self) -> &Path {
		&self.log
	}

	/// Its process id, while it runs.
	pub fn process(&mut self) -> Option<&mut Process> {
		self.process.as_mut()
	}

	/// Starts it, unless somebody else does, and waits for its RPC.
	pub async fn start(&mut self, offchain_worker: &str) -> Result<Chain> {
		let started = Instant::now();
		if self.attached.is_none() {
			self.spawn(offchain_worker)?;
		}
		loop {
			if let Some(process) = &mut self.process {
				process.ensure_running()?;
			}
			if let Ok(chain) = Chain::connect(&self.url()).await {
				self.start_time = started.elapsed();
				return Ok(chain);
			}
			if started.elapsed() > Duration::from_secs(180) {
				bail!("io-node does not answer on {} after 180 s", self.url());
			}
			tokio::time::sleep(Duration::from_millis(100)).await;
		}
	}

	fn spawn(&mut self, offchain_worker: &str) -> Result<()> {
		let args = [
			"--dev".to_owned(),
			format!("--base-path={}", self.base.display()),
			format!("--rpc-port={}", self.rpc_port),
			format!("--port={}", self.p2p_port),
			format!("--dev-block-time={}", self.block_time.as_millis()),
			format!("--offchain-worker={offchain_worker}"),
			"--state-pruning=archive".into(),
			"--blocks-pruning=archive".into(),
			"--no-prometheus".into(),
			"--no-telemetry".into(),
			"--no-hardware-benchmarks".into(),
			"--rpc-max-connections=500".into(),
			"--rpc-max-subscriptions-per-connection=4096".into(),
			"--pool-limit=20000".into(),
			"--pool-kbytes=102400".into(),
			"-lio_jobs=debug,io-jobs=debug,runtime::io-jobs=debug".into(),
		];
		self.process = Some(Process::start("io-node", &self.binary, &args, &self.log)?);
		Ok(())
	}

	/// Stops it in good order. What somebody else started goes on.
	pub async fn stop(&mut self) -> Result<()> {
		if let Some(mut process) = self.process.take() {
			process.terminate(Duration::from_secs(60)).await?;
		}
		Ok(())
	}
}
