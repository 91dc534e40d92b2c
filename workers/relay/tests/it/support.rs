use std::{
	collections::HashMap,
	net::SocketAddr,
	path::PathBuf,
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
pub const LIMIT: Duration = Duration::from_secs(240);

pub const WORKER: u8 = 1;
pub const CLIENT: u8 = 2;

/// The secret of a peer's endpoint on a lane.
pub fn secret(peer: u8, lane: u8) -> [u8; 32] {
	*blake3::hash(&[peer, lane]).as_bytes()
}

/// The endpoint of a peer on a lane.
pub fn endpoint(peer: u8, lane: u8) -> EndpointId {
	EndpointId(*iroh::SecretKey::from_bytes(&secret(peer, lane)).public().as_bytes())
}

/// Worker and client, on two lanes each.
pub fn registered() -> HashMap<EndpointId, Peer> {
	let both = [WORKER, CLIENT].into_iter().flat_map(|peer| [(peer, 0), (peer, 1)]);
	both.map(|(peer, lane)| (endpoint(peer, lane), Peer([peer; 32]))).collect()
}

/// Settings of a relay for tests: plain HTTP, no allow list file.
pub fn config(number: u8, listen: SocketAddr) -> Config {
	Config {
		secret: [100 + number; 32],
		listen,
		quic_listen: None,
		certificate: Certificate::None,
		url: None,
		allow: PathBuf::new(),
		limits: GateLimits { per_minute: 10_000, ..GateLimits::default() },
		rate: None,
		receipts: None,
		metrics_listen: None,
	}
}

/// A relay that admits [`registered`].
pub async fn relay(number: u8, listen: SocketAddr) -> Relay {
	let admission: Arc<dyn Admission> = Arc::new(registered());
	Relay::start_with(config(number, listen), admission, || false).await.unwrap()
}

pub fn anywhere() -> SocketAddr {
	"127.0.0.1:0".parse().unwrap()
}

/// A lane of a peer at a relay, or direct without one.
pub async fn lane(peer: u8, lane: u8, relay: Option<&str>) -> Arc<QuicTransport> {
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
pub async fn node(peer: u8, relays: &[&str], protocols: Vec<Arc<dyn Protocol>>) -> Mesh {
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
pub async fn session(from: &Mesh, to: &Mesh) -> MeshSession {
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
pub struct Served {
	pub folder: tempfile::TempDir,
	pub bytes: Vec<u8>,
	pub content: Content,
	pub server: Arc<dyn Protocol>,
}

pub fn serve(bytes: Vec<u8>) -> Served {
	let folder = tempfile::tempdir().unwrap();
	let path = folder.path().join("content");
	std::fs::write(&path, &bytes).unwrap();
	let content = Content { hash: *blake3::hash(&bytes).as_bytes(), size: bytes.len() as u64 };
	let server = BlobServer::new(Arc::new(One(content, path)), Metrics::default());
	Served { folder, bytes, content, server }
}

/// Bytes that look random and differ everywhere.
pub fn random(length: usize) -> Vec<u8> {
	let mut bytes = vec![0; length];
	blake3::Hasher::new().finalize_xof().fill(&mut bytes);
	bytes
}

/// Waits until a node has received so many bytes of content.
pub async fn wait_for(node: &Mesh, bytes: u64) {
	let received = || -> u64 {
		let received = &node.metrics().received;
		(0..2).map(|lane| received.get_or_create(&LaneLabel { lane }).get()).sum()
	};
	while received() < bytes {
		tokio::time::sleep(Duration::from_millis(5)).await;
	}
}

/// Something between the clients and a relay that sees, and can spoil, all that passes.
#[derive(Debug)]
pub struct Wiretap {
	pub url: String,
	pub state: Arc<Tapped>,
	_task: AbortOnDropHandle<()>,
}

#[derive(Debug)]
pub struct Tapped {
	/// Whether anything passes.
	pub open: watch::Sender<bool>,
	/// Flips a bit now and then.
	pub tamper: AtomicBool,
	pub tampered: AtomicU64,
	/// All bytes from the relay to its clients, as far as `keep` says.
	pub seen: Mutex<Vec<u8>>,
	pub keep: AtomicBool,
	pub passed: AtomicU64,
}

impl Wiretap {
	pub async fn before(relay: SocketAddr) -> Wiretap {
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
