//! This worker's node in the mesh: it waits at relays, shows outputs to those who asked for them, fetches from requesters, takes the
//! keys of sealed inputs, lets requesters of running jobs reach the services that the owner exposes, and gives its relays receipts.

mod dues;
pub mod guests;
pub(crate) mod progress;
pub mod relays;
mod serve;

use std::{
	path::PathBuf,
	sync::{Arc, OnceLock},
	time::Duration,
};

use io_mesh::{
	ListedRelay, Mesh, MeshSession, PeerAddress, RelayList, blob::BlobServer, job::JobServer,
	lanes::LaneOptions, metrics::Metrics, session::SessionConfig, transport::quic::QuicTransport,
	tunnel::TunnelServer,
};
use tokio::sync::Mutex;
use tokio_util::task::AbortOnDropHandle;

use self::{
	dues::Dues,
	guests::Guests,
	relays::Relays,
	serve::{Desk, Exposed, Outputs},
};
use crate::{agent::Agent, config::Config, content::Store, keystore::Keys};

/// Time to tell peers that this worker ends.
const FAREWELL: Duration = Duration::from_secs(2);
/// Time for which a relay may be silent before the owner is told.
const ONLINE: Duration = Duration::from_secs(30);

/// Why there is no node.
#[derive(thiserror::Error, Debug)]
pub enum Error {
	/// Its relays.
	#[error(transparent)]
	Relays(#[from] relays::Error),
	/// The mesh.
	#[error("the mesh: {0}")]
	Mesh(#[from] io_mesh::Error),
	/// What was signed for is not known.
	#[error("{}: {source}", path.display())]
	Receipts {
		/// The file.
		path: PathBuf,
		/// What is wrong with it.
		source: std::io::Error,
	},
}

/// The node.
pub struct Node {
	mesh: Arc<Mesh>,
	address: PeerAddress,
	/// The relays at which peers may be met.
	list: RelayList,
	agent: Arc<OnceLock<Agent>>,
	/// If the relays are the chain's.
	dues: Option<Arc<Mutex<Dues>>>,
	_watches: Vec<AbortOnDropHandle<()>>,
}

impl std::fmt::Debug for Node {
	fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
		f.debug_struct("Node").field("address", &self.address).finish()
	}
}

impl Node {
	/// Opens a lane at each chosen relay; peers are met at those of the list. The relays are reached in the background.
	pub async fn start(
		config: &Config,
		relays: Relays,
		keys: &Keys,
		guests: Guests,
		store: Store,
	) -> Result<Node, Error> {
		let Relays { chosen: relays, list, chain } = relays;
		let (settings, identity) = (&config.mesh, keys.identity());
		let options = LaneOptions { direct: settings.direct, proxy: settings.proxy.clone() };
		let lanes = identity.open(&relays, &list, &options).await?;
		let metrics = Metrics::default();
		let agent = Arc::new(OnceLock::new());
		let services = Exposed { guests: guests.clone(), ports: settings.ports() };
		let outputs = Outputs { guests: guests.clone(), store };
		let desk = Desk { guests: guests.clone(), agent: agent.clone() };
		let mut builder = Mesh::builder()
			.relays(list.clone())
			.admission(Arc::new(guests))
			.protocol(BlobServer::new(Arc::new(outputs), metrics.clone()))
			.protocol(JobServer::new(Arc::new(desk)))
			.metrics(metrics.clone());
		if !settings.expose.is_empty() {
			let tunnels = TunnelServer::new(Arc::new(services), metrics);
			builder = builder.protocol(Arc::new(tunnels));
		}
		for lane in &lanes {
			builder = builder.lane(lane.clone());
		}
		let (mesh, address) = (Arc::new(builder.start()?), identity.address(&relays)?);
		let lanes: Vec<_> = relays.into_iter().zip(lanes).collect();
		let watch = |(relay, lane): &(ListedRelay, Arc<QuicTransport>)| {
			AbortOnDropHandle::new(tokio::spawn(tell(lane.clone(), relay.url.clone())))
		};
		let mut watches: Vec<_> = lanes.iter().map(watch).collect();
		let mut dues = None;
		if let Some((client, epoch)) = chain {
			let path = config.receipts_path();
			let (keys, mesh) = (keys.clone(), mesh.clone());
			let open = Dues::open(client, keys, mesh, list.clone(), lanes, epoch, path.clone());
			let open = open.map_err(|source| Error::Receipts { path, source })?;
			let open = Arc::new(Mutex::new(open));
			watches.push(AbortOnDropHandle::new(tokio::spawn(Dues::keep(open.clone()))));
			dues = Some(open);
		}
		Ok(Node { mesh, address, list, agent, dues, _watches: watches })
	}

	/// Keys of inputs go to this agent from now on.
	pub fn attach(&self, agent: Agent) {
		// There is one agent in a process.
		let _ = self.agent.set(agent);
	}

	/// Where others reach this worker.
	pub fn address(&self) -> &PeerAddress {
		&self.address
	}

	/// A session with a peer, at those of its lanes that wait at relays of the list; `None` if there are none.
	pub fn session(&self, peer: &PeerAddress, patience: Duration) -> Option<MeshSession> {
		let peer = peer.only_at(|url| self.list.find(url).is_some())?;
		Some(self.mesh.session(&peer, SessionConfig { patience }))
	}

	/// What it counts.
	pub fn metrics(&self) -> &Metrics {
		self.mesh.metrics()
	}

	/// Gives the relays the last receipts and ends all links. Who does not answer any more is not waited for.
	pub async fn close(&self) {
		if let Some(dues) = &self.dues {
			let finish = async { dues.lock().await.finish().await };
			let _ = tokio::time::timeout(FAREWELL, finish).await;
		}
		let _ = tokio::time::timeout(FAREWELL, self.mesh.close()).await;
	}
}

/// Tells the owner whether a relay lets us in.
async fn tell(lane: Arc<QuicTransport>, relay: String) {
	let mut told = false;
	loop {
		match lane.online(ONLINE).await {
			Ok(()) => return tracing::info!(relay, "waiting for requesters at this relay"),
			Err(error) if !told => {
				tracing::warn!(relay, %error, "a relay cannot be used; trying on");
				told = true;
			},
			Err(_) => {},
		}
		tokio::time::sleep(ONLINE).await;
	}
}
