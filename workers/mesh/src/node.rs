//! A node of the mesh: its lanes, whom it lets in, and what it serves.

use std::{
	collections::{HashMap, VecDeque},
	fmt,
	sync::{Arc, Mutex, Weak},
	time::{Duration, Instant},
};

use async_trait::async_trait;
use io_primitives::{AccountId, mesh::EndpointView};
use tokio::sync::Semaphore;
use tokio_util::{
	sync::{CancellationToken, DropGuard},
	task::TaskTracker,
};

use crate::{
	EndpointId, Error, MeshSession, PeerAddress, RelayList,
	error::Refusal,
	frame, lock,
	metrics::Metrics,
	session::SessionConfig,
	transport::{Link, Stream, Transport},
};

/// Time that what is being served gets to end when the node ends.
const FAREWELL: Duration = Duration::from_secs(10);

/// Who a peer is to us: in practice an account or a worker's key, whichever of its endpoints it comes from, or an endpoint itself.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Peer(pub [u8; 32]);

impl fmt::Debug for Peer {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		f.write_str(&hex::encode(&self.0[..5]))
	}
}

/// Whom an endpoint on chain stands for: a worker, or an account.
impl From<&EndpointView<AccountId>> for Peer {
	fn from(view: &EndpointView<AccountId>) -> Peer {
		Peer(view.worker.map_or_else(|| view.account.clone().into(), |worker| worker.0))
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
	/// Links that it may open in a minute. One that opens more is cut off.
	pub links_per_minute: u32,
	/// Streams that it may open in a second, on average over ten. One that opens more is cut off.
	pub streams_per_second: u32,
	/// Time in which a stream must say what it is for. A link on which one does not is ended.
	pub greeting: Duration,
	/// How long a peer that broke the protocol is kept out.
	pub penalty: Duration,
}

impl Default for Limits {
	fn default() -> Limits {
		Limits {
			links: 8,
			streams: 64,
			links_per_minute: 240,
			// A chunk of 1 MiB is one stream: far above what any network carries.
			streams_per_second: 5000,
			greeting: Duration::from_secs(10),
			penalty: Duration::from_secs(30),
		}
	}
}

/// A node: dials peers and serves those that it admits, on all its lanes.
#[derive(Debug)]
pub struct Mesh {
	lanes: Vec<Arc<dyn Transport>>,
	metrics: Metrics,
	relays: Option<RelayList>,
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
	relays: Option<RelayList>,
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

	/// The only relays through which this node dials peers. Without it, any that a peer names.
	pub fn relays(mut self, relays: RelayList) -> Self {
		self.relays = Some(relays);
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
			relays: self.relays,
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
		MeshSession::new(pairs, config, self.metrics.clone(), self.relays.clone())
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
		if tokio::time::timeout(FAREWELL, self.tasks.wait()).await.is_err() {
			tracing::warn!("something is still being served after the end of all links");
		}
	}
}

/// What is known of a peer that is or was linked.
#[derive(Debug)]
struct PeerState {
	links: VecDeque<Weak<dyn Link>>,
	streams: Arc<Semaphore>,
	/// What it has left of links and streams to open.
	allowance: Arc<Allowance>,
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
		let (streams, allowance) = {
			let mut peers = lock(&self.peers);
			// What is empty tells nothing that a new entry would not.
			peers.retain(|_, state| {
				state.links.retain(|link| link.strong_count() > 0);
				!state.links.is_empty()
					|| state.penalty.is_some_and(|until| until > Instant::now())
					|| !state.allowance.links.is_full()
			});
			let state = peers.entry(peer).or_insert_with(|| PeerState {
				links: VecDeque::new(),
				streams: Arc::new(Semaphore::new(self.limits.streams)),
				allowance: Arc::new(Allowance::new(&self.limits)),
				penalty: None,
			});
			if state.penalty.is_some_and(|until| until > Instant::now()) {
				self.metrics.refused.inc();
				return link.close("kept out for a breach of protocol");
			}
			if !state.allowance.links.take() {
				self.metrics.breaches.inc();
				state.cut_off(self.limits.penalty);
				return link.close("too many links in a short time");
			}
			// The oldest is the likeliest to be dead: a peer that dials anew has lost it.
			while state.links.len() >= self.limits.links {
				if let Some(old) = state.links.pop_front().and_then(|link| link.upgrade()) {
					old.close("replaced by a newer link");
				}
			}
			state.links.push_back(Arc::downgrade(&link));
			(state.streams.clone(), state.allowance.clone())
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
				if !allowance.streams.take() {
					tracing::warn!(?peer, "cut off: it floods");
					return self.punish(peer, &link);
				}
				let (server, link) = (self.clone(), Arc::downgrade(&link));
				self.tasks.spawn(async move {
					if let Err(error) = server.serve(peer, stream).await {
						tracing::debug!(?peer, %error, "a stream ended early");
						if let Some(link) = link.upgrade() {
							match error {
								Error::Protocol(_) => server.punish(peer, &link),
								// A peer that lives dials again.
								Error::Stalled(_) => link.close("a stream has stalled"),
								_ => {},
							}
						}
					}
					drop(permit);
				});
			}
		});
	}

	async fn serve(&self, peer: Peer, mut stream: Stream) -> Result<(), Error> {
		let patience = self.limits.greeting;
		let greeting = tokio::time::timeout(patience, frame::read_greeting(&mut stream.recv));
		let name = greeting.await.map_err(|_| Error::Stalled(patience.as_secs()))??;
		let Some(protocol) = self.protocols.get(name.as_str()) else {
			return frame::refuse(&mut stream.send, Refusal::Protocol).await;
		};
		protocol.serve(peer, stream).await
	}

	fn punish(&self, peer: Peer, link: &Arc<dyn Link>) {
		self.metrics.breaches.inc();
		if let Some(state) = lock(&self.peers).get_mut(&peer) {
			state.cut_off(self.limits.penalty);
		}
		// It may have been replaced by newer ones.
		link.close(BREACH);
	}
}

impl PeerState {
	/// Ends all links and keeps the peer out for a while.
	fn cut_off(&mut self, penalty: Duration) {
		self.penalty = Some(Instant::now() + penalty);
		for link in self.links.iter().filter_map(Weak::upgrade) {
			link.close(BREACH);
		}
	}
}

/// What a peer whose link is cut for misbehaviour is told.
const BREACH: &str = "breach of protocol";

/// What one peer may still open.
#[derive(Debug)]
struct Allowance {
	links: Bucket,
	streams: Bucket,
}

impl Allowance {
	fn new(limits: &Limits) -> Allowance {
		let per_second = f64::from(limits.streams_per_second);
		let per_minute = f64::from(limits.links_per_minute);
		Allowance {
			links: Bucket::new(per_minute, per_minute / 60.0),
			streams: Bucket::new(10.0 * per_second, per_second),
		}
	}
}

/// A token bucket.
#[derive(Debug)]
struct Bucket {
	size: f64,
	per_second: f64,
	/// Tokens, and when there were so many.
	level: Mutex<(f64, Instant)>,
}

impl Bucket {
	/// A full one.
	fn new(size: f64, per_second: f64) -> Bucket {
		Bucket { size, per_second, level: Mutex::new((size, Instant::now())) }
	}

	fn refilled(&self, (level, since): (f64, Instant)) -> f64 {
		(level + since.elapsed().as_secs_f64() * self.per_second).min(self.size)
	}

	fn is_full(&self) -> bool {
		self.refilled(*lock(&self.level)) >= self.size
	}

	/// Takes a token, if there is one.
	fn take(&self) -> bool {
		let mut level = lock(&self.level);
		let now = self.refilled(*level);
		let enough = now >= 1.0;
		*level = (if enough { now - 1.0 } else { now }, Instant::now());
		enough
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn should_be_empty_when_all_tokens_are_taken_and_fill_again() {
		let bucket = Bucket::new(3.0, 50.0);
		assert!(bucket.is_full());
		assert_eq!([(); 4].map(|()| bucket.take()), [true, true, true, false]);
		std::thread::sleep(Duration::from_millis(30));
		assert!(bucket.take() && !bucket.is_full());
	}
}
