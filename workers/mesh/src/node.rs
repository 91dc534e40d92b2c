//! A node of the mesh: its lanes, whom it lets in, and what it serves.

use std::{
	collections::{HashMap, VecDeque},
	fmt,
	sync::{Arc, Mutex, Weak},
	time::{Duration, Instant},
};

use async_trait::async_trait;
use tokio::sync::Semaphore;
use tokio_util::{
	sync::{CancellationToken, DropGuard},
	task::TaskTracker,
};

use crate::{
	EndpointId, Error, MeshSession, PeerAddress,
	error::Refusal,
	frame, lock,
	metrics::Metrics,
	session::SessionConfig,
	transport::{Link, Stream, Transport},
};

/// Time in which a stream must say what it is for.
const GREETING: Duration = Duration::from_secs(10);

/// Who a peer is to us, whichever of its endpoints it comes from: in practice an account or a worker's key.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Peer(pub [u8; 32]);

impl fmt::Debug for Peer {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		f.write_str(&hex::encode(&self.0[..5]))
	}
}

/// Decides who may link to us. Asked at every link, so a change acts at once on new ones.
pub trait Admission: fmt::Debug + Send + Sync + 'static {
	/// The peer that this endpoint belongs to; `None`: keep out.
	fn admit(&self, endpoint: EndpointId) -> Option<Peer>;
}

/// Lets a fixed set in. What is not in it stays out: an empty list admits nobody.
impl Admission for HashMap<EndpointId, Peer> {
	fn admit(&self, endpoint: EndpointId) -> Option<Peer> {
		self.get(&endpoint).copied()
	}
}

/// What can be asked of a node on a stream.
#[async_trait]
pub trait Protocol: fmt::Debug + Send + Sync + 'static {
	/// Its name, at most 32 bytes.
	fn name(&self) -> &'static str;

	/// Serves one stream. [`Error::Protocol`] means that the peer misbehaves: its link is cut and it is kept out for a while.
	async fn serve(&self, peer: Peer, stream: Stream) -> Result<(), Error>;
}

/// What one peer may use.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
	/// Links at one time. A further one replaces the oldest.
	pub links: usize,
	/// Streams at one time over all its links. A further one waits.
	pub streams: usize,
	/// How long a peer that broke the protocol is kept out.
	pub penalty: Duration,
}

impl Default for Limits {
	fn default() -> Limits {
		Limits { links: 8, streams: 64, penalty: Duration::from_secs(30) }
	}
}

/// A node: dials peers and serves those that it admits, on all its lanes.
#[derive(Debug)]
pub struct Mesh {
	lanes: Vec<Arc<dyn Transport>>,
	metrics: Metrics,
	/// All that serves others.
	tasks: TaskTracker,
	/// Ends it.
	stop: CancellationToken,
	_stop_on_drop: DropGuard,
}

/// Puts a [`Mesh`] together.
#[derive(Debug, Default)]
pub struct Builder {
	lanes: Vec<Arc<dyn Transport>>,
	protocols: HashMap<&'static str, Arc<dyn Protocol>>,
	admission: Option<Arc<dyn Admission>>,
	limits: Limits,
	metrics: Metrics,
}

impl Builder {
	/// Adds a lane.
	pub fn lane(mut self, lane: Arc<dyn Transport>) -> Self {
		self.lanes.push(lane);
		self
	}

	/// Serves a protocol.
	pub fn protocol(mut self, protocol: Arc<dyn Protocol>) -> Self {
		self.protocols.insert(protocol.name(), protocol);
		self
	}

	/// Whom to let in. Without it nobody is.
	pub fn admission(mut self, admission: Arc<dyn Admission>) -> Self {
		self.admission = Some(admission);
		self
	}

	/// What one peer may use.
	pub fn limits(mut self, limits: Limits) -> Self {
		self.limits = limits;
		self
	}

	/// Where to count.
	pub fn metrics(mut self, metrics: Metrics) -> Self {
		self.metrics = metrics;
		self
	}

	/// Begins to serve. Needs a tokio runtime.
	pub fn start(self) -> Result<Mesh, Error> {
		if self.lanes.is_empty() {
			return Err(Error::Config("a node of the mesh needs a lane".into()));
		}
		let stop = CancellationToken::new();
		let server = Arc::new(Server {
			stop: stop.clone(),
			tasks: TaskTracker::new(),
			protocols: self.protocols,
			admission: self.admission.unwrap_or_else(|| Arc::new(HashMap::new())),
			limits: self.limits,
			metrics: self.metrics.clone(),
			peers: Mutex::default(),
		});
		let tasks = server.tasks.clone();
		for lane in &self.lanes {
			let (server, lane) = (server.clone(), lane.clone());
			tasks.spawn(async move {
				loop {
					tokio::select! {
						link = lane.accept() => match link {
							Some(link) => server.clone().welcome(link),
							None => return,
						},
						() = server.stop.cancelled() => return,
					}
				}
			});
		}
		Ok(Mesh {
			tasks,
			stop: stop.clone(),
			_stop_on_drop: stop.drop_guard(),
			lanes: self.lanes,
			metrics: self.metrics,
		})
	}
}

impl Mesh {
	/// Begins with nothing.
	pub fn builder() -> Builder {
		Builder::default()
	}

	/// Where others reach this node.
	pub fn address(&self) -> Result<PeerAddress, Error> {
		PeerAddress::new(self.lanes.iter().map(|lane| lane.address()).collect())
	}

	/// Keeps links to a peer, one per lane of it, until the session is dropped.
	pub fn session(&self, to: &PeerAddress, config: SessionConfig) -> MeshSession {
		let mut pairs = Vec::new();
		for (number, remote) in to.lanes().iter().enumerate() {
			// The lane that waits at the same relay, so that no lane depends on two relays.
			let same = self
				.lanes
				.iter()
				.find(|lane| remote.relay.is_some() && lane.address().relay == remote.relay);
			let local = same.unwrap_or(&self.lanes[number % self.lanes.len()]);
			pairs.push((local.clone(), remote.clone()));
		}
		MeshSession::new(pairs, config, self.metrics.clone())
	}

	/// What this node counts.
	pub fn metrics(&self) -> &Metrics {
		&self.metrics
	}

	/// Ends all links, waits until the peers have been told and until nothing is served any more.
	pub async fn close(&self) {
		self.stop.cancel();
		futures::future::join_all(self.lanes.iter().map(|lane| lane.close())).await;
		self.tasks.close();
		if tokio::time::timeout(GREETING, self.tasks.wait()).await.is_err() {
			tracing::warn!("something is still being served after the end of all links");
		}
	}
}

/// What is known of a peer that is or was linked.
#[derive(Debug)]
struct PeerState {
	links: VecDeque<Weak<dyn Link>>,
	streams: Arc<Semaphore>,
	/// Kept out until then.
	penalty: Option<Instant>,
}

#[derive(Debug)]
struct Server {
	stop: CancellationToken,
	tasks: TaskTracker,
	protocols: HashMap<&'static str, Arc<dyn Protocol>>,
	admission: Arc<dyn Admission>,
	limits: Limits,
	metrics: Metrics,
	peers: Mutex<HashMap<Peer, PeerState>>,
}

impl Server {
	fn welcome(self: Arc<Self>, link: Arc<dyn Link>) {
		let endpoint = link.remote();
		let Some(peer) = self.admission.admit(endpoint) else {
			tracing::debug!(?endpoint, "a stranger was kept out");
			self.metrics.refused.inc();
			return link.close("not admitted");
		};
		let streams = {
			let mut peers = lock(&self.peers);
			// What is empty tells nothing that a new entry would not.
			peers.retain(|_, state| {
				state.links.retain(|link| link.strong_count() > 0);
				!state.links.is_empty() || state.penalty.is_some_and(|until| until > Instant::now())
			});
			let state = peers.entry(peer).or_insert_with(|| PeerState {
				links: VecDeque::new(),
				streams: Arc::new(Semaphore::new(self.limits.streams)),
				penalty: None,
			});
			if state.penalty.is_some_and(|until| until > Instant::now()) {
				self.metrics.refused.inc();
				return link.close("kept out for a breach of protocol");
			}
			// The oldest is the likeliest to be dead: a peer that dials anew has lost it.
			while state.links.len() >= self.limits.links {
				if let Some(old) = state.links.pop_front().and_then(|link| link.upgrade()) {
					old.close("replaced by a newer link");
				}
			}
			state.links.push_back(Arc::downgrade(&link));
			state.streams.clone()
		};
		let tasks = self.tasks.clone();
		tasks.spawn(async move {
			loop {
				// Nobody closes the semaphore.
				let Ok(permit) = streams.clone().acquire_owned().await else { return };
				let stream = tokio::select! {
					stream = link.accept() => stream,
					() = self.stop.cancelled() => return link.close("the node ends"),
				};
				let Ok(stream) = stream else { return };
				let (server, link) = (self.clone(), Arc::downgrade(&link));
				self.tasks.spawn(async move {
					if let Err(error) = server.serve(peer, stream).await {
						tracing::debug!(?peer, %error, "a stream ended early");
						if matches!(error, Error::Protocol(_)) {
							server.punish(peer, link);
						}
					}
					drop(permit);
				});
			}
		});
	}

	async fn serve(&self, peer: Peer, mut stream: Stream) -> Result<(), Error> {
		let greeting = tokio::time::timeout(GREETING, frame::read_greeting(&mut stream.recv));
		let name = greeting.await.map_err(|_| Error::Stalled(GREETING.as_secs()))??;
		let Some(protocol) = self.protocols.get(name.as_str()) else {
			let no: Result<(), Refusal> = Err(Refusal::Protocol);
			return frame::write(&mut stream.send, &no).await;
		};
		protocol.serve(peer, stream).await
	}

	fn punish(&self, peer: Peer, link: Weak<dyn Link>) {
		self.metrics.breaches.inc();
		if let Some(state) = lock(&self.peers).get_mut(&peer) {
			state.penalty = Some(Instant::now() + self.limits.penalty);
			for link in &state.links {
				if let Some(link) = link.upgrade() {
					link.close("breach of protocol");
				}
			}
		}
		if let Some(link) = link.upgrade() {
			link.close("breach of protocol");
		}
	}
}
