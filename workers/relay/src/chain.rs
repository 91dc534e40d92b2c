//! What the chain says at its finalised blocks: who may use the relay, whether it is on the map, which epoch it is.
//!
//! Finalised, because nobody should be let in for what a re-organisation undoes. While no node answers, the last known state stays
//! in force: a relay must not go down with a node.

use std::{
	collections::HashMap,
	fmt,
	sync::{
		Arc, Mutex,
		atomic::{AtomicBool, Ordering},
	},
	time::Duration,
};

use futures::{FutureExt, StreamExt};
use io_client::{BlockInfo, Client};
use io_mesh::{
	EndpointId,
	node::{Admission, Peer},
};
use io_primitives::{
	Balance,
	mesh::{EndpointKey, EpochIndex, RelayState},
};

use crate::lock;

/// A chain that finalises faster is read no more often than so.
const PAUSE: Duration = Duration::from_secs(1);

/// The relay's own entry on chain.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
	/// Whether workers find it on the map.
	pub state: RelayState,
	/// What a GiB costs in the present epoch.
	pub price_per_gib: Balance,
}

/// The chain as the relay needs it.
pub struct Chain {
	client: Client,
	relay: EndpointKey,
	state: Mutex<State>,
	/// Whether somebody was taken off since it was asked last.
	changed: AtomicBool,
}

#[derive(Clone)]
struct State {
	block: u32,
	epoch: EpochIndex,
	endpoints: HashMap<EndpointId, Peer>,
	entry: Option<Entry>,
}

impl fmt::Debug for Chain {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		f.debug_struct("Chain")
			.field("node", &self.client.url())
			.field("relay", &self.relay)
			.finish()
	}
}

impl Chain {
	/// Reads the finalised state of the chain behind a node, for the relay with this endpoint.
	pub async fn connect(url: &str, relay: EndpointId) -> io_client::Result<Arc<Chain>> {
		let client = Client::connect(url).await?;
		let relay = EndpointKey::from_raw(relay.0);
		let state = read(&client, relay, client.finalized_block().await?).await?;
		tell(state.entry.as_ref());
		let (state, changed) = (Mutex::new(state), AtomicBool::new(false));
		Ok(Arc::new(Chain { client, relay, state, changed }))
	}

	/// The connection.
	pub fn client(&self) -> &Client {
		&self.client
	}

	/// Follows the finalised blocks; never ends.
	pub async fn follow(&self) {
		let mut blocks = self.client.finalized_blocks();
		while let Some(mut block) = blocks.next().await {
			// Only the newest counts: a chain that is quicker than the pause must not leave us behind.
			while let Some(Some(newer)) = blocks.next().now_or_never() {
				block = newer;
			}
			let state = match block {
				Ok(block) => read(&self.client, self.relay, block).await,
				Err(error) => Err(error),
			};
			match state {
				Ok(state) => {
					let old = std::mem::replace(&mut *lock(&self.state), state.clone());
					let how = |state: &State| state.entry.as_ref().map(|entry| entry.state);
					if how(&old) != how(&state) {
						tell(state.entry.as_ref());
					}
					if old.endpoints != state.endpoints {
						self.changed.store(true, Ordering::Relaxed);
					}
				},
				Err(error) => {
					tracing::warn!(%error, "the last known state of the chain stays in force")
				},
			}
			tokio::time::sleep(PAUSE).await;
		}
	}

	/// Whether the endpoints have changed since this was asked last.
	pub fn has_changed(&self) -> bool {
		self.changed.swap(false, Ordering::Relaxed)
	}

	/// Number of the finalised block that is in force.
	pub fn block(&self) -> u32 {
		lock(&self.state).block
	}

	/// The present epoch.
	pub fn epoch(&self) -> EpochIndex {
		lock(&self.state).epoch
	}

	/// The relay's entry; `None`: nobody has bonded for it.
	pub fn entry(&self) -> Option<Entry> {
		lock(&self.state).entry.clone()
	}
}

impl Admission for Chain {
	fn admit(&self, endpoint: EndpointId) -> Option<Peer> {
		lock(&self.state).endpoints.get(&endpoint).copied()
	}
}

async fn read(client: &Client, relay: EndpointKey, block: BlockInfo) -> io_client::Result<State> {
	let at = Some(block.hash);
	let endpoints = client.mesh_endpoints(block.hash).await?;
	let endpoints = endpoints.iter().filter(|view| view.active);
	let entry = client.relay(&relay, at).await?;
	Ok(State {
		block: block.number,
		epoch: client.relay_map(at).await?.epoch,
		endpoints: endpoints.map(|view| (EndpointId(view.endpoint.0), Peer::from(view))).collect(),
		entry: entry
			.map(|view| Entry { state: view.state, price_per_gib: view.profile.price_per_gib }),
	})
}

/// Tells the operator how the relay stands.
fn tell(entry: Option<&Entry>) {
	match entry.map(|entry| entry.state) {
		Some(RelayState::Live) => tracing::info!("the relay is on the map"),
		Some(RelayState::Chilled { .. }) => tracing::warn!(
			"the relay is not on the map: workers have reported it dead, or it was slashed. See `io-relay wake`"
		),
		Some(RelayState::Leaving { until }) => {
			tracing::warn!(
				until,
				"the relay is leaving; its bond can be released from that epoch on"
			);
		},
		None => tracing::warn!(
			"nobody has bonded for this relay, so nobody will use it. See `io-relay register`"
		),
	}
}
