use std::{
	collections::HashMap,
	net::SocketAddr,
	path::{Path, PathBuf},
	sync::{
		Arc, Mutex,
		atomic::{AtomicBool, AtomicU64, Ordering},
	},
	time::Duration,
};

use async_trait::async_trait;
use io_mesh::{
	EndpointId, Mesh, MeshSession, Peer,
	blob::{BlobServer, BlobStore, Content},
	metrics::{LaneLabel, Metrics},
	node::{Admission, Protocol},
	session::SessionConfig,
	transport::{
		Transport,
		quic::{LaneConfig, QuicTransport},
	},
};
use io_relay::{
	access::GateLimits,
	server::{Config, Relay},
	tls::Certificate,
};
use tokio::{
	io::{AsyncReadExt, AsyncWriteExt},
	net::{TcpListener, TcpStream},
	sync::watch,
	task::JoinSet,
};
use tokio_util::task::AbortOnDropHandle;

/// No test should need it; one that hangs shall fail.
pub(crate) const LIMIT: Duration = Duration::from_secs(240);

pub(crate) const WORKER: u8 = 1;
pub(crate) const CLIENT: u8 = 2;

/// The secret of a peer's endpoint on a lane.
pub(crate) fn secret(peer: u8, lane: u8) -> [u8; 32] {
	*blake3::hash(&[peer, lane]).as_bytes()
}

/// The endpoint of a peer on a lane.
pub(crate) fn endpoint(peer: u8, lane: u8) -> EndpointId {
	EndpointId(*iroh::SecretKey::from_bytes(&secret(peer, lane)).public().as_bytes())
}

/// Worker and client, on two lanes each.
pub(crate) fn registered() -> HashMap<EndpointId, Peer> {
	let both = [WORKER, CLIENT].into_iter().flat_map(|peer| [(peer, 0), (peer, 1)]);
	both.map(|(peer, lane)| (endpoint(peer, lane), Peer([peer; 32]))).collect()
}

/// Settings of a relay for tests: plain HTTP, no allow list file.
pub(crate) fn config(number: u8, listen: SocketAddr) -> Config {
	Config {
		secret: [100 + number; 32],
		listen,
		quic_listen: None,
		certificate: Certificate::None,
		url: None,
		node: None,
		allow: None,
		limits: GateLimits { per_minute: 10_000, ..GateLimits::default() },
		rate: None,
		receipts: None,
		genesis: None,
		claim_key: None,
		metrics_listen: None,
	}
}

/// A relay that admits [`registered`].
pub(crate) async fn relay(number: u8, listen: SocketAddr) -> Relay {
	let admission: Arc<dyn Admission> = Arc::new(registered());
	Relay::start_with(config(number, listen), admission, || false).await.unwrap()
}

pub(crate) fn anywhere() -> SocketAddr {
	"127.0.0.1:0".parse().unwrap()
}

/// The program itself, which can be killed as the system kills.
#[derive(Debug)]
pub(crate) struct Process {
	pub(crate) url: String,
	address: SocketAddr,
	folder: tempfile::TempDir,
	child: tokio::process::Child,
}

impl Process {
	/// A relay at a free port, which admits [`registered`].
	pub(crate) async fn start(number: u8) -> Process {
		let folder = tempfile::tempdir().unwrap();
		let lines: Vec<_> = registered().keys().map(ToString::to_string).collect();
		std::fs::write(folder.path().join("allow"), lines.join("\n")).unwrap();
		std::fs::write(folder.path().join("key"), hex::encode([100 + number; 32])).unwrap();
		let address = std::net::TcpListener::bind(anywhere()).unwrap().local_addr().unwrap();
		let child = Process::run(folder.path(), address).await;
		Process { url: format!("http://{address}/"), address, folder, child }
	}

	async fn run(folder: &Path, address: SocketAddr) -> tokio::process::Child {
		let child = tokio::process::Command::new(env!("CARGO_BIN_EXE_io-relay"))
			.current_dir(folder)
			.args(["run", "--key", "key", "--allow", "allow", "--plain-http", "--no-metrics"])
			.args(["--listen", &address.to_string(), "--max-per-minute", "10000"])
			.kill_on_drop(true)
			.spawn()
			.unwrap();
		let listening = async {
			while TcpStream::connect(address).await.is_err() {
				tokio::time::sleep(Duration::from_millis(20)).await;
			}
		};
		tokio::time::timeout(Duration::from_secs(60), listening).await.unwrap();
		child
	}

	/// SIGKILL.
	pub(crate) async fn kill(&mut self) {
		self.child.kill().await.unwrap();
	}

	/// The same relay at the same port again.
	pub(crate) async fn restart(&mut self) {
		self.child = Process::run(self.folder.path(), self.address).await;
	}
}

/// A lane of a peer at a relay, or direct without one.
pub(crate) async fn lane(peer: u8, lane: u8, relay: Option<&str>) -> Arc<QuicTransport> {
	let config = LaneConfig {
		direct: relay.is_none(),
		bind: relay.is_none().then(anywhere),
		..LaneConfig::new(secret(peer, lane), relay.map(str::to_owned))
	};
	let transport = QuicTransport::bind(config).await.unwrap();
	transport.online(Duration::from_secs(30)).await.unwrap();
	transport
}

/// A node of a peer with one lane at each of these relays, which admits [`registered`].
pub(crate) async fn node(peer: u8, relays: &[&str], protocols: Vec<Arc<dyn Protocol>>) -> Mesh {
	let mut builder = Mesh::builder().admission(Arc::new(registered()));
	for (number, relay) in (0..).zip(relays) {
		builder = builder.lane(lane(peer, number, Some(relay)).await as Arc<dyn Transport>);
	}
	for protocol in protocols {
		builder = builder.protocol(protocol);
	}
	builder.start().unwrap()
}

/// A session with all lanes linked.
pub(crate) async fn session(from: &Mesh, to: &Mesh) -> MeshSession {
	let config = SessionConfig { patience: Duration::from_secs(60) };
	let session = from.session(&to.address().unwrap(), config);
	for lane in session.lanes() {
		tokio::time::timeout(Duration::from_secs(60), lane.linked()).await.unwrap();
	}
	session
}

/// One content, for everybody who is admitted.
#[derive(Debug)]
struct One(Content, PathBuf);

#[async_trait]
impl BlobStore for One {
	async fn find(&self, _: Peer, hash: [u8; 32]) -> Option<PathBuf> {
		(hash == self.0.hash).then(|| self.1.clone())
	}
}

/// A content and a protocol that serves it.
pub(crate) struct Served {
	pub(crate) folder: tempfile::TempDir,
	pub(crate) bytes: Vec<u8>,
	pub(crate) content: Content,
	pub(crate) server: Arc<dyn Protocol>,
}

pub(crate) fn serve(bytes: Vec<u8>) -> Served {
	let folder = tempfile::tempdir().unwrap();
	let path = folder.path().join("content");
	std::fs::write(&path, &bytes).unwrap();
	let content = Content { hash: *blake3::hash(&bytes).as_bytes(), size: bytes.len() as u64 };
	let server = BlobServer::new(Arc::new(One(content, path)), Metrics::default());
	Served { folder, bytes, content, server }
}

/// Bytes that look random and differ everywhere.
pub(crate) fn random(length: usize) -> Vec<u8> {
	let mut bytes = vec![0; length];
	blake3::Hasher::new().finalize_xof().fill(&mut bytes);
	bytes
}

/// Bytes of content that a node has received over a lane.
pub(crate) fn of_lane(node: &Mesh, lane: u32) -> u64 {
	node.metrics().received.get_or_create(&LaneLabel { lane }).get()
}

/// Waits until a node has received so many bytes of content.
pub(crate) async fn wait_for(node: &Mesh, bytes: u64) {
	while of_lane(node, 0) + of_lane(node, 1) < bytes {
		tokio::time::sleep(Duration::from_millis(5)).await;
	}
}

/// Something between the clients and a relay that sees, and can spoil, all that passes.
#[derive(Debug)]
pub(crate) struct Wiretap {
	pub(crate) url: String,
	pub(crate) state: Arc<Tapped>,
	_task: AbortOnDropHandle<()>,
}

#[derive(Debug)]
pub(crate) struct Tapped {
	/// Whether anything passes.
	pub(crate) open: watch::Sender<bool>,
	/// Flips a bit now and then.
	pub(crate) tamper: AtomicBool,
	pub(crate) tampered: AtomicU64,
	/// All bytes from the relay to its clients, as far as `keep` says.
	pub(crate) seen: Mutex<Vec<u8>>,
	pub(crate) keep: AtomicBool,
	pub(crate) passed: AtomicU64,
}

impl Wiretap {
	pub(crate) async fn before(relay: SocketAddr) -> Wiretap {
		let listener = TcpListener::bind(anywhere()).await.unwrap();
		let url = format!("http://{}/", listener.local_addr().unwrap());
		let state = Arc::new(Tapped {
			open: watch::Sender::new(true),
			tamper: AtomicBool::new(false),
			tampered: AtomicU64::new(0),
			seen: Mutex::default(),
			keep: AtomicBool::new(false),
			passed: AtomicU64::new(0),
		});
		let tapped = state.clone();
		let task = tokio::spawn(async move {
			let mut connections = JoinSet::new();
			while let Ok((client, _)) = listener.accept().await {
				let tapped = tapped.clone();
				connections.spawn(async move {
					let Ok(server) = TcpStream::connect(relay).await else { return };
					let (from_client, to_client) = client.into_split();
					let (from_server, to_server) = server.into_split();
					tokio::select! {
						() = tapped.pass(from_client, to_server, false) => {},
						() = tapped.pass(from_server, to_client, true) => {},
					}
				});
			}
		});
		Wiretap { url, state, _task: AbortOnDropHandle::new(task) }
	}
}

impl Tapped {
	async fn pass(
		&self,
		mut from: impl AsyncReadExt + Unpin,
		mut to: impl AsyncWriteExt + Unpin,
		to_client: bool,
	) {
		let mut bytes = vec![0; 64 * 1024];
		let mut open = self.open.subscribe();
		let mut count = 0;
		while let Ok(length) = from.read(&mut bytes).await {
			if length == 0 || open.wait_for(|open| *open).await.is_err() {
				return;
			}
			self.passed.fetch_add(length as u64, Ordering::Relaxed);
			// In the middle of what is so long lies a packet, not a header of the relay's protocol.
			if length > 1000 {
				count += 1;
				if self.tamper.load(Ordering::Relaxed) && count % 4 == 0 {
					bytes[length / 2] ^= 0x10;
					self.tampered.fetch_add(1, Ordering::Relaxed);
				}
			}
			if to_client && self.keep.load(Ordering::Relaxed) {
				self.seen.lock().unwrap().extend_from_slice(&bytes[..length]);
			}
			if to.write_all(&bytes[..length]).await.is_err() {
				return;
			}
		}
	}
}
