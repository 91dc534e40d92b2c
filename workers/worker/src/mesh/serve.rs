//! What this worker serves in the mesh, each to those who may have it.

use std::{
	collections::BTreeSet,
	net::{Ipv4Addr, SocketAddr},
	path::PathBuf,
	sync::{Arc, OnceLock},
};

use async_trait::async_trait;
use io_mesh::{
	Peer,
	blob::BlobStore,
	error::Refusal,
	job::{Body, Jobs, Message},
	tunnel::Services,
};
use sp_core::H256;

use super::guests::Guests;
use crate::{agent::Agent, content::Store};

/// Outputs, for those who asked for them.
pub(super) struct Outputs {
	pub(super) guests: Guests,
	pub(super) store: Store,
}

impl std::fmt::Debug for Outputs {
	fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
		f.write_str("Outputs")
	}
}

#[async_trait]
impl BlobStore for Outputs {
	async fn find(&self, peer: Peer, hash: [u8; 32]) -> Option<PathBuf> {
		let hash = H256(hash);
		if !self.guests.asked_for(peer, hash) {
			return None;
		}
		let path = self.store.output_path(hash);
		tokio::fs::try_exists(&path).await.is_ok_and(|there| there).then_some(path)
	}
}

/// Ports of this machine that requesters of running jobs may reach.
#[derive(Debug)]
pub(super) struct Exposed {
	pub(super) guests: Guests,
	pub(super) ports: BTreeSet<u16>,
}

impl Services for Exposed {
	fn target(&self, peer: Peer, port: u16) -> Option<SocketAddr> {
		let open = self.ports.contains(&port) && self.guests.has_running(peer);
		open.then(|| SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
	}
}

/// Takes what requesters say about their jobs.
pub(super) struct Desk {
	pub(super) guests: Guests,
	pub(super) agent: Arc<OnceLock<Agent>>,
}

impl std::fmt::Debug for Desk {
	fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
		f.write_str("Desk")
	}
}

#[async_trait]
impl Jobs for Desk {
	async fn handle(&self, from: Peer, message: Message) -> Result<(), Refusal> {
		let Body::Key(key) = message.body else { return Err(Refusal::Request) };
		// The requester may see the draw before we do: then it asks again.
		let execution =
			self.guests.execution(from, message.job, message.replica).ok_or(Refusal::NotFound)?;
		let agent = self.agent.get().cloned().ok_or(Refusal::Busy)?;
		// Writes to the journal.
		tokio::task::spawn_blocking(move || agent.take_input_key(execution, key))
			.await
			.map_err(|_| Refusal::Busy)?
	}
}
