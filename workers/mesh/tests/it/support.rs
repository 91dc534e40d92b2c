use std::{
	collections::HashMap,
	path::{Path, PathBuf},
	sync::{Arc, Mutex},
	time::Duration,
};

use async_trait::async_trait;
use io_mesh::{
	EndpointId, Mesh, MeshSession, Peer,
	blob::{BlobServer, BlobStore, CHUNK, Content},
	metrics::Metrics,
	node::{Limits, Protocol},
	session::SessionConfig,
	transport::{
		Transport,
		memory::{Conditions, Network},
	},
};

pub(crate) const WORKER: Peer = Peer([1; 32]);
pub(crate) const CLIENT: Peer = Peer([2; 32]);
pub(crate) const OTHER: Peer = Peer([3; 32]);
/// No test should need it; one that hangs shall fail.
pub(crate) const LIMIT: Duration = Duration::from_secs(120);

/// The endpoint of a peer on a lane.
pub(crate) fn endpoint(peer: Peer, lane: usize) -> EndpointId {
	let mut id = peer.0;
	id[31] = lane as u8;
	EndpointId(id)
}

/// A network with lanes and their conditions.
pub(crate) struct World {
	pub(crate) network: Network,
	pub(crate) lanes: Vec<Arc<Conditions>>,
	pub(crate) folder: tempfile::TempDir,
}

impl World {
	pub(crate) fn new(lanes: usize) -> World {
		World {
			network: Network::new(),
			lanes: (0..lanes).map(|_| Conditions::new()).collect(),
			folder: tempfile::tempdir().unwrap(),
		}
	}

	pub(crate) fn endpoints(&self, peer: Peer) -> Vec<Arc<dyn Transport>> {
		let endpoint = |(lane, conditions)| {
			self.network.endpoint(endpoint(peer, lane), conditions) as Arc<dyn Transport>
		};
		self.lanes.iter().enumerate().map(endpoint).collect()
	}

	/// A node that serves these protocols to [`CLIENT`] and [`OTHER`].
	pub(crate) fn node(
		&self,
		peer: Peer,
		protocols: Vec<Arc<dyn Protocol>>,
		metrics: &Metrics,
	) -> Mesh {
		self.node_within(peer, protocols, metrics, Limits::default())
	}

	/// The same, with these limits for its peers.
	pub(crate) fn node_within(
		&self,
		peer: Peer,
		protocols: Vec<Arc<dyn Protocol>>,
		metrics: &Metrics,
		limits: Limits,
	) -> Mesh {
		let mut admitted = HashMap::new();
		for peer in [CLIENT, OTHER] {
			for lane in 0..self.lanes.len() {
				admitted.insert(endpoint(peer, lane), peer);
			}
		}
		let mut builder =
			Mesh::builder().admission(Arc::new(admitted)).metrics(metrics.clone()).limits(limits);
		for lane in self.endpoints(peer) {
			builder = builder.lane(lane);
		}
		for protocol in protocols {
			builder = builder.protocol(protocol);
		}
		builder.start().unwrap()
	}

	pub(crate) fn path(&self, name: &str) -> PathBuf {
		self.folder.path().join(name)
	}
}

/// A session of `from` to `to`.
pub(crate) async fn session(from: &Mesh, to: &Mesh) -> MeshSession {
	let config = SessionConfig { patience: Duration::from_secs(20) };
	let session = from.session(&to.address().unwrap(), config);
	session.ready(Duration::from_secs(10)).await.unwrap();
	session
}

/// Bytes that look random and differ everywhere.
pub(crate) fn bytes(length: u64, seed: u64) -> Vec<u8> {
	let mut reader = blake3::Hasher::new().update(&seed.to_le_bytes()).finalize_xof();
	let mut bytes = vec![0; length as usize];
	reader.fill(&mut bytes);
	bytes
}

/// Files by hash, shown to [`CLIENT`] only.
#[derive(Default, Debug)]
pub(crate) struct Files(Mutex<HashMap<[u8; 32], PathBuf>>);

impl Files {
	/// Writes a content; returns its name.
	pub(crate) fn add(&self, path: &Path, bytes: &[u8]) -> Content {
		std::fs::write(path, bytes).unwrap();
		let hash = *blake3::hash(bytes).as_bytes();
		self.0.lock().unwrap().insert(hash, path.to_owned());
		Content { hash, size: bytes.len() as u64 }
	}

	/// Claims to have a content, but has these bytes.
	pub(crate) fn lie(&self, path: &Path, content: Content, bytes: &[u8]) {
		std::fs::write(path, bytes).unwrap();
		self.0.lock().unwrap().insert(content.hash, path.to_owned());
	}
}

#[async_trait]
impl BlobStore for Files {
	async fn find(&self, peer: Peer, hash: [u8; 32]) -> Option<PathBuf> {
		(peer == CLIENT).then(|| self.0.lock().unwrap().get(&hash).cloned()).flatten()
	}
}

/// A world with a worker that has a content of so many chunks and a bit, and a client.
pub(crate) struct Transfer {
	pub(crate) world: World,
	pub(crate) files: Arc<Files>,
	pub(crate) worker: Mesh,
	pub(crate) client: Mesh,
	pub(crate) bytes: Vec<u8>,
	pub(crate) content: Content,
}

impl Transfer {
	pub(crate) fn new(lanes: usize, chunks: u64) -> Transfer {
		Transfer::within(lanes, chunks, Limits::default())
	}

	/// The worker's peers have these limits.
	pub(crate) fn within(lanes: usize, chunks: u64, limits: Limits) -> Transfer {
		let world = World::new(lanes);
		let files = Arc::new(Files::default());
		let bytes = bytes(chunks * CHUNK - 1000, 1);
		let content = files.add(&world.path("content"), &bytes);
		let metrics = Metrics::default();
		let server = BlobServer::new(files.clone(), metrics.clone());
		let worker = world.node_within(WORKER, vec![server], &metrics, limits);
		let client = world.node(CLIENT, vec![], &Metrics::default());
		Transfer { world, files, worker, client, bytes, content }
	}

	/// Bytes of content that the client has so far.
	pub(crate) fn received(&self) -> u64 {
		received(self.client.metrics(), self.world.lanes.len())
	}

	/// Waits until the client has so many bytes.
	pub(crate) async fn wait_for(&self, bytes: u64) {
		while self.received() < bytes {
			tokio::time::sleep(Duration::from_millis(5)).await;
		}
	}
}

pub(crate) fn received(metrics: &Metrics, lanes: usize) -> u64 {
	(0..lanes as u32)
		.map(|lane| metrics.received.get_or_create(&io_mesh::metrics::LaneLabel { lane }).get())
		.sum()
}
