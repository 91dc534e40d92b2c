//! This worker's node in the mesh: it waits at relays, shows outputs to those who asked for them, fetches from requesters, takes the
//! keys of sealed inputs, and lets requesters of running jobs reach the services that the owner exposes.

pub mod guests;
pub mod relays;
mod serve;

use std::{
	sync::{Arc, OnceLock},
	time::Duration,
};

use io_mesh::{
	Mesh, MeshSession, PeerAddress, RelayList,
	blob::BlobServer,
	job::JobServer,
	lanes::{Identity, LaneOptions},
	metrics::Metrics,
	session::SessionConfig,
	transport::quic::QuicTransport,
	tunnel::TunnelServer,
};
use tokio_util::task::AbortOnDropHandle;

use self::{
	guests::Guests,
	relays::Relays,
	serve::{Desk, Exposed, Outputs},
};
use crate::{agent::Agent, config, content::Store};

/// Time to tell peers that this worker ends.
const FAREWELL: Duration = Duration::from_secs(2);
/// Time for which a relay may be silent before the owner is told.
const ONLINE: Duration = Duration::from_secs(30);

/// The node.
#[derive(Debug)]
pub struct Node {
	mesh: Mesh,
	address: PeerAddress,
	/// The relays at which peers may be met.
	list: RelayList,
	agent: Arc<OnceLock<Agent>>,
	_watches: Vec<AbortOnDropHandle<()>>,
}

impl Node {
	/// Opens a lane at each chosen relay; peers are met at those of the list. The relays are reached in the background.
	pub async fn start(
		settings: &config::Mesh,
		relays: Relays,
		identity: &Identity,
		guests: Guests,
		store: Store,
	) -> Result<Node, io_mesh::Error> {
		let Relays { chosen: relays, list, chain } = relays;
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
		let watches = lanes.iter().zip(&relays).map(|(lane, relay)| {
			AbortOnDropHandle::new(tokio::spawn(tell(lane.clone(), relay.url.clone())))
		});
		let following = chain.map(|client| {
			AbortOnDropHandle::new(tokio::spawn(relays::follow(client, list.clone())))
		});
		let watches = watches.chain(following).collect();
		for lane in &lanes {
			builder = builder.lane(lane.clone());
		}
		Ok(Node {
			mesh: builder.start()?,
			address: identity.address(&relays)?,
			list,
			agent,
			_watches: watches,
		})
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

	/// Ends all links. Peers that do not answer any more are not waited for.
	pub async fn close(&self) {
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
