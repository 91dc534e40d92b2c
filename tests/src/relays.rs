//! Relays of the mesh, real `io-relay` processes: behind a tap that records all bytes which pass, or registered on chain.

use std::{
	net::SocketAddr,
	path::{Path, PathBuf},
	sync::{Arc, Mutex, PoisonError},
	time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use io_primitives::mesh::EndpointKey;
use tokio::{
	io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
	net::{TcpListener, TcpStream},
	task::JoinHandle,
};

use crate::{
	process::{Process, free_ports, run},
	world::{Party, World},
};

type Record = Arc<Mutex<Vec<u8>>>;

/// A relay with its tap. Clients know the tap's URL only.
pub struct Relay {
	process: Process,
	log: PathBuf,
	allow: PathBuf,
	url: String,
	record: Record,
	tap: JoinHandle<()>,
}

impl Drop for Relay {
	fn drop(&mut self) {
		self.tap.abort();
	}
}

impl Relay {
	/// Starts a relay that admits nobody yet.
	pub async fn start(binary: &Path, dir: &Path) -> Result<Relay> {
		std::fs::create_dir_all(dir)?;
		let (key, allow) = (dir.join("key"), dir.join("allow"));
		std::fs::write(&allow, "")?;
		run(binary, &["key".into(), format!("--out={}", key.display())], Duration::from_secs(30))
			.await?
			.ok("io-relay key")?;
		let [port] = free_ports()?;
		let listen = SocketAddr::from(([127, 0, 0, 1], port));
		let args = [
			"run".into(),
			format!("--key={}", key.display()),
			format!("--allow={}", allow.display()),
			format!("--listen={listen}"),
			"--plain-http".into(),
			"--no-metrics".into(),
			"--max-per-minute=10000".into(),
		];
		let log = dir.join("log");
		let process = listening(binary, &args, &log, listen).await?;
		let listener = TcpListener::bind("127.0.0.1:0").await?;
		let url = format!("http://{}/", listener.local_addr()?);
		let record = Record::default();
		let tap = tokio::spawn(tap(listener, listen, record.clone()));
		Ok(Relay { process, log, allow, url, record, tap })
	}

	/// Admits these endpoints, and waits until the relay has read so.
	pub async fn admit(&self, endpoints: &[String]) -> Result<()> {
		std::fs::write(&self.allow, endpoints.join("\n"))?;
		// It looks every other second.
		tokio::time::sleep(Duration::from_secs(4)).await;
		Ok(())
	}

	/// Where clients connect.
	pub fn url(&self) -> &str {
		&self.url
	}

	/// Its log.
	pub fn log(&self) -> &Path {
		&self.log
	}

	/// All bytes that have passed, in the order of their pieces.
	pub fn recorded(&self) -> Vec<u8> {
		self.record.lock().unwrap_or_else(PoisonError::into_inner).clone()
	}

	/// Kills it as the system kills.
	pub async fn kill(&mut self) -> Result<()> {
		self.process.kill().await
	}
}

/// Starts a relay, and waits until it listens.
async fn listening(
	binary: &Path,
	args: &[String],
	log: &Path,
	listen: SocketAddr,
) -> Result<Process> {
	let mut process = Process::start("io-relay", binary, args, log)?;
	let until = Instant::now() + Duration::from_secs(60);
	while TcpStream::connect(listen).await.is_err() {
		process.ensure_running()?;
		ensure!(Instant::now() < until, "the relay does not listen");
		tokio::time::sleep(Duration::from_millis(50)).await;
	}
	Ok(process)
}

/// A relay that its operator has registered. It admits whom the chain knows, and claims what workers owe.
pub struct BondedRelay {
	process: Process,
	id: EndpointKey,
	url: String,
}

impl BondedRelay {
	/// Registers and starts it, as its operator would. `fees` pays for its claims.
	pub async fn start(
		world: &mut World,
		name: &str,
		operator: &Party,
		fees: &Party,
		region: &str,
		price: &str,
	) -> Result<BondedRelay> {
		let (binary, dir) = (world.binaries.relay.clone(), world.dir.join(name));
		std::fs::create_dir_all(&dir)?;
		let [port] = free_ports()?;
		let listen = SocketAddr::from(([127, 0, 0, 1], port));
		let url = format!("https://{listen}/");
		let option = |name: &str, value: &dyn std::fmt::Display| format!("--{name}={value}");
		let file = |name: &str, file: &str| option(name, &dir.join(file).display());
		let limit = Duration::from_secs(60);

		let args = ["key".into(), file("out", "key")];
		let made = run(&binary, &args, limit).await?.ok("io-relay key")?;
		let mut id = [0; 32];
		hex::decode_to_slice(made.stdout.trim(), &mut id)?;
		let args = [
			"cert".into(),
			"--name=127.0.0.1".into(),
			file("cert", "cert.pem"),
			file("key", "cert.key"),
		];
		run(&binary, &args, limit).await?.ok("io-relay cert")?;
		let on_chain = [option("node", &world.node.url()), file("key", "key")];
		let offer = [
			option("key-file", &world.key_file(operator)?.display()),
			option("url", &url),
			file("tls-cert", "cert.pem"),
			option("region", &region),
			option("capacity", &1000),
			option("price", &price),
		];
		let args = [&["register".into()], &on_chain[..], &offer].concat();
		run(&binary, &args, limit).await?.ok("io-relay register")?;

		let service = [
			option("listen", &listen),
			file("tls-cert", "cert.pem"),
			file("tls-key", "cert.key"),
			file("receipts", "receipts.redb"),
			option("claim-key", &world.key_file(fees)?.display()),
			"--no-metrics".into(),
		];
		let args = [&["run".into()], &on_chain[..], &service].concat();
		let log = dir.join("log");
		world.watch_log(name, &log);
		let process = listening(&binary, &args, &log, listen).await?;
		Ok(BondedRelay { process, id: EndpointKey::from_raw(id), url })
	}

	/// Its name on chain.
	pub fn id(&self) -> EndpointKey {
		self.id
	}

	/// Its URL on chain.
	pub fn url(&self) -> &str {
		&self.url
	}

	/// Kills it as the system kills.
	pub async fn kill(&mut self) -> Result<()> {
		self.process.kill().await
	}
}

/// Passes connections on, and records both directions.
async fn tap(listener: TcpListener, to: SocketAddr, record: Record) {
	while let Ok((client, _)) = listener.accept().await {
		let record = record.clone();
		tokio::spawn(async move {
			let Ok(relay) = TcpStream::connect(to).await else { return };
			let (from_client, to_client) = client.into_split();
			let (from_relay, to_relay) = relay.into_split();
			// When one direction ends, both do.
			tokio::select! {
				_ = pass(from_client, to_relay, &record) => {},
				_ = pass(from_relay, to_client, &record) => {},
			}
		});
	}
}

async fn pass(
	mut from: impl AsyncRead + Unpin,
	mut to: impl AsyncWrite + Unpin,
	record: &Record,
) -> std::io::Result<()> {
	let mut piece = vec![0; 64 * 1024];
	loop {
		let read = from.read(&mut piece).await?;
		if read == 0 {
			return Ok(());
		}
		record.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(&piece[..read]);
		to.write_all(&piece[..read]).await?;
	}
}

/// Whether `needle` is anywhere in the bytes.
pub fn contains(bytes: &[u8], needle: &[u8]) -> bool {
	bytes.windows(needle.len()).any(|window| window == needle)
}

/// The endpoints of the command line with this key in the mesh.
pub async fn endpoints_of_cli(binary: &Path, key: &Path) -> Result<Vec<String>> {
	let args =
		["--json".into(), "mesh".into(), "show".into(), format!("--mesh-key={}", key.display())];
	let shown = run(binary, &args, Duration::from_secs(30)).await?.ok("io mesh show")?;
	let json: serde_json::Value = serde_json::from_str(&shown.stdout)?;
	serde_json::from_value(json["endpoints"].clone()).context("no endpoints")
}
