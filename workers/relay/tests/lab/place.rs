//! Where things run.

use std::{
	ffi::OsStr,
	net::SocketAddr,
	path::{Path, PathBuf},
	process::Stdio,
	sync::Arc,
	time::Duration,
};

use io_mesh::{
	EndpointId, LaneAddress, ListedRelay, Mesh, MeshSession, PeerAddress, RelayList,
	node::Protocol,
	session::SessionConfig,
	transport::{
		RelayTrust, Transport,
		quic::{LaneConfig, QuicTransport},
	},
};
use io_relay::tls::{Certificate, generate};
use tokio::{
	io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
	net::TcpStream,
	process::{Child, ChildStdin, ChildStdout, Command},
};

use crate::support::{CLIENT, WORKER, anywhere, endpoint, registered, secret};

/// Port of relays in the lab.
const RELAY_PORT: u16 = 443;
/// Port of their metrics.
const METRICS_PORT: u16 = 9652;
/// Port at which they tell endpoints their address.
const QUIC_PORT: u16 = 7842;
/// Nothing should take so long.
const START: Duration = Duration::from_secs(60);

/// The network that the scenarios run in.
#[derive(Clone)]
pub(crate) enum Lab {
	/// Namespaces with this prefix, laid by this script. This process is at the client's place.
	Namespaces { prefix: String, script: PathBuf },
	/// One machine for all.
	Loopback,
}

impl Lab {
	pub(crate) fn from_environment() -> Lab {
		match (std::env::var("IO_LAB"), std::env::var("IO_LAB_SCRIPT")) {
			(Ok(prefix), Ok(script)) => Lab::Namespaces { prefix, script: script.into() },
			_ => Lab::Loopback,
		}
	}

	pub(crate) fn describe(&self) -> &'static str {
		match self {
			Lab::Namespaces { .. } => {
				"in network namespaces: worker behind NAT, firewall, relays apart"
			},
			Lab::Loopback => {
				"REDUCED FORM on loopback: no NAT, no firewall. `scripts/mesh-lab.sh test` is the whole"
			},
		}
	}

	pub(crate) fn is_whole(&self) -> bool {
		matches!(self, Lab::Namespaces { .. })
	}

	/// A program at a place.
	pub(crate) fn command(&self, place: &str, program: impl AsRef<OsStr>) -> Command {
		match self {
			Lab::Loopback => Command::new(program),
			Lab::Namespaces { prefix, .. } => {
				let mut command = Command::new("ip");
				command.args(["netns", "exec", &format!("{prefix}-{place}")]).arg(program);
				command
			},
		}
	}

	/// What a program at a place prints.
	pub(crate) async fn output(&self, place: &str, words: &[&str]) -> String {
		let output = self.command(place, words[0]).args(&words[1..]).output().await.unwrap();
		assert!(output.status.success(), "{words:?}: {output:?}");
		String::from_utf8(output.stdout).unwrap()
	}

	/// The address of a place, and this port; on loopback a free one.
	pub(crate) fn address(&self, place: &str, port: u16) -> SocketAddr {
		let ip = match (self, place) {
			(Lab::Loopback, _) => {
				return std::net::TcpListener::bind(anywhere()).unwrap().local_addr().unwrap();
			},
			(_, "relay0") => "10.77.0.10",
			(_, "relay1") => "10.77.0.11",
			(_, "node") => "10.77.0.20",
			(_, "nat") => "10.77.0.30",
			_ => panic!("{place} is nowhere"),
		};
		SocketAddr::new(ip.parse().unwrap(), port)
	}

	/// An address with this port that only its own place can reach; on loopback with a free port.
	pub(crate) fn inside(&self, port: u16) -> SocketAddr {
		match self {
			Lab::Loopback => self.address("inside", port),
			Lab::Namespaces { .. } => SocketAddr::new([127, 0, 0, 1].into(), port),
		}
	}

	async fn script(&self, words: &[&str]) {
		let Lab::Namespaces { script, .. } = self else { return };
		let status = Command::new(script).args(words).status().await.unwrap();
		assert!(status.success(), "{words:?}");
	}

	/// Whether the worker's firewall lets UDP through. On loopback nothing changes: endpoints are told to use relays only.
	pub(crate) async fn udp(&self, allowed: bool) {
		self.script(&["udp", if allowed { "allow" } else { "block" }]).await;
	}

	/// Limits what leaves a place.
	pub(crate) async fn rate(&self, place: &str, rate: Option<&str>) {
		self.script(&["rate", place, rate.unwrap_or("off")]).await;
	}
}

/// A relay: the program itself, with a certificate of its own.
pub(crate) struct RelayProcess {
	pub(crate) address: SocketAddr,
	pub(crate) listed: ListedRelay,
	/// Where its metrics and receipts are shown: on loopback of its place.
	pub(crate) metrics: SocketAddr,
	lab: Lab,
	pub(crate) place: String,
	folder: tempfile::TempDir,
	arguments: Vec<String>,
	child: Child,
}

/// Key of a relay.
fn relay_secret(number: u8) -> [u8; 32] {
	[100 + number; 32]
}

impl RelayProcess {
	/// The relay with this number, at its place, which admits [`registered`].
	pub(crate) async fn start(lab: &Lab, number: u8, more: &[&str]) -> RelayProcess {
		let folder = tempfile::tempdir().unwrap();
		let lines: Vec<_> = registered().keys().map(ToString::to_string).collect();
		std::fs::write(folder.path().join("allow"), lines.join("\n")).unwrap();
		let allow: Vec<_> =
			["--allow", "allow"].iter().chain(more).map(ToString::to_string).collect();
		RelayProcess::start_in(lab, number, folder, allow).await
	}

	/// With these arguments, in this folder.
	pub(crate) async fn start_in(
		lab: &Lab,
		number: u8,
		folder: tempfile::TempDir,
		mut arguments: Vec<String>,
	) -> RelayProcess {
		let place = format!("relay{number}");
		let address = lab.address(&place, RELAY_PORT);
		let quic_port = if lab.is_whole() { QUIC_PORT } else { address.port() };
		let path = |name: &str| folder.path().join(name);
		std::fs::write(path("key"), hex::encode(relay_secret(number))).unwrap();
		generate(vec![address.ip().to_string()], &path("cert.pem"), &path("cert.key")).unwrap();
		let certificate = Certificate::Files { chain: path("cert.pem"), key: path("cert.key") };
		let quic = SocketAddr::new(address.ip(), quic_port);
		for (name, value) in [
			("--key", "key".to_owned()),
			("--tls-cert", "cert.pem".into()),
			("--tls-key", "cert.key".into()),
			("--listen", address.to_string()),
			("--quic-listen", quic.to_string()),
			("--max-per-minute", "10000".into()),
		] {
			arguments.extend([name.to_owned(), value]);
		}
		let metrics = lab.inside(METRICS_PORT);
		arguments.extend(["--metrics-listen".into(), metrics.to_string()]);
		let id = *iroh::SecretKey::from_bytes(&relay_secret(number)).public().as_bytes();
		let listed = ListedRelay {
			id: EndpointId(id),
			url: format!("https://{address}/"),
			pin: certificate.pin().unwrap(),
			quic_port: Some(quic_port),
			operator: [number; 32],
			region: if number == 0 { *b"DE" } else { *b"FR" },
		};
		let child = run_relay(lab, &place, folder.path(), &arguments, address).await;
		RelayProcess { address, listed, metrics, lab: lab.clone(), place, folder, arguments, child }
	}

	/// Where its files are.
	pub(crate) fn folder(&self) -> &Path {
		self.folder.path()
	}

	/// SIGKILL.
	pub(crate) async fn kill(&mut self) {
		self.child.kill().await.unwrap();
	}

	/// The same relay at the same port again.
	pub(crate) async fn restart(&mut self) {
		let folder = self.folder.path();
		self.child = run_relay(&self.lab, &self.place, folder, &self.arguments, self.address).await;
	}
}

async fn run_relay(
	lab: &Lab,
	place: &str,
	folder: &Path,
	arguments: &[String],
	address: SocketAddr,
) -> Child {
	let mut child = lab
		.command(place, env!("CARGO_BIN_EXE_io-relay"))
		.current_dir(folder)
		.arg("run")
		.args(arguments)
		.env("RUST_LOG", "warn,iroh=off,iroh_relay=off")
		.kill_on_drop(true)
		.spawn()
		.unwrap();
	let listening = async {
		while TcpStream::connect(address).await.is_err() {
			assert!(child.try_wait().unwrap().is_none(), "the relay has ended");
			tokio::time::sleep(Duration::from_millis(20)).await;
		}
	};
	tokio::time::timeout(START, listening).await.unwrap();
	child
}

/// Both relays.
pub(crate) async fn relays(lab: &Lab) -> [RelayProcess; 2] {
	[RelayProcess::start(lab, 0, &[]).await, RelayProcess::start(lab, 1, &[]).await]
}

pub(crate) fn list<'a>(relays: impl IntoIterator<Item = &'a ListedRelay>) -> RelayList {
	RelayList::new(relays.into_iter().cloned().collect())
}

/// A child with whom one talks line by line.
pub(crate) struct Talking {
	_child: Child,
	to: ChildStdin,
	from: Lines<BufReader<ChildStdout>>,
}

impl Talking {
	/// This program in another role at a place.
	pub(crate) async fn start(lab: &Lab, place: &str, arguments: &[&str]) -> Talking {
		let mut child = lab
			.command(place, std::env::current_exe().unwrap())
			.args(arguments)
			.stdin(Stdio::piped())
			.stdout(Stdio::piped())
			.kill_on_drop(true)
			.spawn()
			.unwrap();
		let (to, from) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
		let mut talking = Talking { _child: child, to, from: BufReader::new(from).lines() };
		talking.expect("ready").await;
		talking
	}

	pub(crate) async fn expect(&mut self, wanted: &str) {
		let line = tokio::time::timeout(START, self.from.next_line()).await.unwrap().unwrap();
		assert_eq!(line.as_deref(), Some(wanted));
	}

	pub(crate) async fn say(&mut self, line: &str) {
		self.to.write_all(format!("{line}\n").as_bytes()).await.unwrap();
	}
}

/// How nodes of a scenario are set up.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Paths {
	/// Directly where it can be.
	Any,
	/// The firewall permits none but relays.
	Relays,
}

impl Paths {
	/// Whether endpoints try to go on directly. Behind the lab's firewall they do, in vain.
	pub(crate) fn direct(self, lab: &Lab) -> bool {
		self == Paths::Any || lab.is_whole()
	}
}

/// A worker with a content of so many bytes at these relays.
pub(crate) async fn worker(lab: &Lab, relays: &[&ListedRelay], paths: Paths, size: u64) -> Talking {
	let size = size.to_string();
	let direct = if paths.direct(lab) { "direct" } else { "relays" };
	let mut arguments = vec![crate::WORKER.to_owned(), size, direct.to_owned()];
	for relay in relays {
		arguments.push(format!(
			"{} {} {}",
			relay.url,
			relay.quic_port.unwrap(),
			hex::encode(relay.pin.unwrap())
		));
	}
	let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
	Talking::start(lab, "worker", &arguments).await
}

/// Where the worker is.
pub(crate) fn worker_address<'a>(relays: impl IntoIterator<Item = &'a ListedRelay>) -> PeerAddress {
	let lanes = (0..).zip(relays).map(|(lane, relay)| LaneAddress {
		endpoint: endpoint(WORKER, lane),
		relay: Some(relay.url.clone()),
		direct: Vec::new(),
	});
	PeerAddress::new(lanes.collect()).unwrap()
}

/// A lane at a relay of the list, once the relay has let it in.
pub(crate) async fn lane(
	secret: [u8; 32],
	relay: &ListedRelay,
	list: &RelayList,
	direct: bool,
) -> Result<Arc<QuicTransport>, io_mesh::Error> {
	let config = LaneConfig {
		direct,
		relay_quic_port: relay.quic_port,
		trust: RelayTrust::Listed(list.clone()),
		..LaneConfig::new(secret, Some(relay.url.clone()))
	};
	let lane = QuicTransport::bind(config).await?;
	lane.online(START).await?;
	Ok(lane)
}

/// A node with a lane at each of these relays.
pub(crate) async fn node(
	peer: u8,
	relays: &[&ListedRelay],
	direct: bool,
	protocols: Vec<Arc<dyn Protocol>>,
) -> Mesh {
	let list = list(relays.iter().copied());
	let mut builder = Mesh::builder().admission(Arc::new(registered())).relays(list.clone());
	for (number, relay) in (0..).zip(relays) {
		let lane = lane(secret(peer, number), relay, &list, direct).await.unwrap();
		builder = builder.lane(lane as Arc<dyn Transport>);
	}
	for protocol in protocols {
		builder = builder.protocol(protocol);
	}
	builder.start().unwrap()
}

/// The client at these relays, and its session with the worker on all lanes.
pub(crate) async fn client(
	lab: &Lab,
	relays: &[&ListedRelay],
	paths: Paths,
) -> (Mesh, Arc<MeshSession>) {
	let node = node(CLIENT, relays, paths.direct(lab), vec![]).await;
	let config = SessionConfig { patience: START };
	let session = node.session(&worker_address(relays.iter().copied()), config);
	for lane in session.lanes() {
		tokio::time::timeout(START, lane.linked()).await.unwrap();
	}
	(node, Arc::new(session))
}
