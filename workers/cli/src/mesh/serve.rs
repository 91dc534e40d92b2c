//! Gives the files of a job to the workers that the chain drew for it, and to nobody else.

use std::{
	collections::{BTreeMap, HashMap, HashSet},
	path::PathBuf,
	sync::{Arc, Mutex, PoisonError},
	time::Duration,
};

use async_trait::async_trait;
use io_client::Client;
use io_mesh::{
	ContentAt, EndpointId, Peer, PeerAddress,
	blob::{BlobServer, BlobStore},
	error::Refusal,
	job::{self, Body, JobServer, Jobs, Message},
	metrics::Metrics,
	node::{Admission, Protocol},
	seal::{ContentKey, Purpose as KeyPurpose, Sealed, SealedKey},
};
use io_primitives::{AccountId, JobId, JobView, ReplicaId};
use tokio::task::JoinSet;

use super::{MeshArgs, Node, Purpose};
use crate::{error::Result, serve::Content};

/// Pause before a key is offered again to a worker that does not take it yet.
const RETRY: Duration = Duration::from_secs(1);

/// The files, and who may have them.
#[derive(Default, Debug)]
struct Hall {
	contents: HashMap<[u8; 32], PathBuf>,
	drawn: Mutex<HashMap<EndpointId, Peer>>,
	/// Who has which replica, and the fuel that its program has used.
	progress: Mutex<BTreeMap<(JobId, ReplicaId), (Peer, u64)>>,
}

impl Admission for Hall {
	fn admit(&self, endpoint: EndpointId) -> Option<Peer> {
		lock(&self.drawn).get(&endpoint).copied()
	}
}

#[async_trait]
impl BlobStore for Hall {
	async fn find(&self, _: Peer, hash: [u8; 32]) -> Option<PathBuf> {
		// Only workers of the job are let in at all.
		self.contents.get(&hash).cloned()
	}
}

#[async_trait]
impl Jobs for Hall {
	async fn handle(&self, from: Peer, message: Message) -> std::result::Result<(), Refusal> {
		let Body::Progress { fuel } = message.body else { return Err(Refusal::Request) };
		match lock(&self.progress).get_mut(&(message.job, message.replica)) {
			Some((worker, used)) if *worker == from => {
				*used = fuel;
				Ok(())
			},
			_ => Err(Refusal::NotFound),
		}
	}
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
	// What is behind our mutexes is valid at any moment.
	mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Files of a job in the mesh, served until this is dropped.
pub(crate) struct Serving {
	node: Arc<Node>,
	hall: Arc<Hall>,
	/// Where workers find this machine, and the endpoints of its tunnels.
	addresses: [PeerAddress; 2],
	/// Key of the sealed input.
	input_key: Option<ContentKey>,
	/// Draws that were seen.
	seen: Mutex<HashSet<(ReplicaId, u8)>>,
	handouts: Mutex<JoinSet<()>>,
}

impl Serving {
	/// Begins to serve these contents; `input_key` opens the sealed one among them.
	pub(crate) async fn start(
		args: &MeshArgs,
		client: &Client,
		contents: impl IntoIterator<Item = Content>,
		input_key: Option<ContentKey>,
	) -> Result<Serving> {
		let contents = contents.into_iter().map(|content| (content.hash.0, content.path));
		let hall = Arc::new(Hall { contents: contents.collect(), ..Hall::default() });
		let metrics = Metrics::default();
		let blobs = BlobServer::new(hall.clone(), metrics.clone());
		let files = Purpose::Files;
		let protocols: Vec<Arc<dyn Protocol>> = vec![blobs, JobServer::new(hall.clone())];
		let node = Node::join(args, client, files, Some(hall.clone()), protocols, metrics);
		let node = node.await?;
		Ok(Serving {
			hall,
			addresses: node.addresses()?,
			node,
			input_key,
			seen: Mutex::default(),
			handouts: Mutex::default(),
		})
	}

	/// How a job names this machine: where the files are, and which endpoints belong to its requester besides.
	pub(crate) fn locators(&self) -> Vec<String> {
		self.addresses
			.iter()
			.filter_map(|peer| ContentAt { peer: peer.clone(), hash: None }.fitting(256))
			.collect()
	}

	/// The node.
	pub(crate) fn node(&self) -> Arc<Node> {
		self.node.clone()
	}

	/// Bytes that were sent so far.
	pub(crate) fn sent(&self) -> u64 {
		self.node.metrics().served.get()
	}

	/// Fuel that the program has used at the worker of each replica, as far as that was heard.
	pub(crate) fn progress(&self, job: JobId) -> BTreeMap<ReplicaId, u64> {
		let all = lock(&self.hall.progress);
		all.iter()
			.filter(|((of, _), _)| *of == job)
			.map(|((_, replica), (_, fuel))| (*replica, *fuel))
			.collect()
	}

	/// Lets in the workers that were drawn, and hands out the key of the input to each. `say` tells people.
	pub(crate) async fn look(
		&self,
		client: &Client,
		view: &JobView<AccountId>,
		say: &(dyn Fn(&str) + Sync),
	) -> Result<()> {
		for (replica, state) in (0..).zip(&view.replicas) {
			let Some(seat) = &state.seat else { continue };
			let draw = (replica, state.attempt);
			if lock(&self.seen).contains(&draw) {
				continue;
			}
			let Some(worker) = client.worker(&seat.worker).await? else { continue };
			lock(&self.seen).insert(draw);
			let address =
				worker.profile.endpoints.iter().find_map(|endpoint| {
					std::str::from_utf8(endpoint).ok()?.parse::<ContentAt>().ok()
				});
			let Some(ContentAt { peer: address, .. }) = address else {
				say(&format!(
					"the worker of replica {replica} is not in the mesh: it cannot fetch the files"
				));
				continue;
			};
			let peer = Peer(seat.worker.0);
			{
				let mut drawn = lock(&self.hall.drawn);
				drawn.extend(address.lanes().iter().map(|lane| (lane.endpoint, peer)));
			}
			lock(&self.hall.progress).insert((view.id, replica), (peer, 0));
			if let Some(key) = &self.input_key {
				let purpose = KeyPurpose {
					genesis: client.genesis().0,
					job: view.id,
					content: Sealed::Input,
				};
				match key.seal(&worker.profile.x25519, &purpose) {
					Ok(sealed) => self.hand_out(address, view.id, replica, sealed),
					Err(error) => say(&format!(
						"the input cannot be sealed to the worker of replica {replica}: {error}"
					)),
				}
			}
		}
		Ok(())
	}

	/// Offers the key until the worker takes it.
	fn hand_out(&self, to: PeerAddress, job: JobId, replica: ReplicaId, key: SealedKey) {
		let node = self.node.clone();
		lock(&self.handouts).spawn(async move {
			let Ok(session) = node.session(&to) else { return };
			loop {
				match job::say(&session, job, replica, Body::Key(key)).await {
					Ok(()) => return,
					// It does not open for this worker: it never will.
					Err(io_mesh::Error::Refused(Refusal::Request)) => return,
					Err(_) => tokio::time::sleep(RETRY).await,
				}
			}
		});
	}
}
