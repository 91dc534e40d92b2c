//! Tells requesters how much work their programs have done.

use std::{collections::HashMap, sync::Arc, time::Duration};

use io_mesh::{
	MeshSession, PeerAddress,
	job::{Body, say},
};

use super::Node;
use crate::{agent::Agent, journal::Execution};

/// How often it is told.
const EVERY: Duration = Duration::from_secs(5);
/// Time in which a requester must have heard it.
const PATIENCE: Duration = Duration::from_secs(4);
/// Requesters that could not be told so often in a row are told no more.
const FAILURES: u32 = 12;

/// A program that runs.
#[derive(Clone, Debug)]
pub(crate) struct Running {
	pub(crate) execution: Execution,
	/// Where its requester is.
	pub(crate) requester: PeerAddress,
	/// Fuel used so far.
	pub(crate) fuel: u64,
}

/// A requester.
struct Listener {
	session: MeshSession,
	failures: u32,
}

/// Tells it, again and again.
pub(crate) async fn tell(node: Arc<Node>, agent: Agent) {
	let mut listeners: HashMap<Execution, Option<Listener>> = HashMap::new();
	loop {
		tokio::time::sleep(EVERY).await;
		let running = agent.running_for_peers();
		listeners.retain(|execution, _| running.iter().any(|r| r.execution == *execution));
		for Running { execution, requester, .. } in &running {
			listeners.entry(*execution).or_insert_with(|| {
				let session = node.session(requester, PATIENCE)?;
				Some(Listener { session, failures: 0 })
			});
		}
		let tell = listeners.iter_mut().filter_map(|(execution, listener)| {
			let told = listener.as_mut()?;
			let fuel = running.iter().find(|r| r.execution == *execution)?.fuel;
			Some(async move {
				let (job, replica) = (execution.job, execution.replica);
				match say(&told.session, job, replica, Body::Progress { fuel }).await {
					Ok(()) => told.failures = 0,
					Err(error) => {
						tracing::debug!(%execution, %error, "the requester does not listen");
						told.failures += 1;
					},
				}
			})
		});
		futures::future::join_all(tell).await;
		for listener in listeners.values_mut() {
			listener.take_if(|told| told.failures >= FAILURES);
		}
	}
}
