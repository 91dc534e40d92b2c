//! `ionet/job/1`: what requester and worker say to each other about a job while it runs.
//!
//! Nothing here decides about money: that is the chain's. Every message carries a number that its sender draws at random. A message
//! may arrive twice (over two lanes); it is handled once, and the second gets the answer of the first.

use std::{
	collections::HashMap,
	sync::{Arc, Mutex},
	time::{Duration, Instant},
};

use async_trait::async_trait;
use codec::{Decode, Encode};
use io_primitives::{JobId, ReplicaId};
use tokio::{io::AsyncWriteExt, sync::OnceCell};

use crate::{
	Error, MeshSession,
	error::Refusal,
	frame, lock,
	node::{Peer, Protocol},
	seal::SealedKey,
	transport::Stream,
};

/// Name of the protocol.
pub const PROTOCOL: &str = "ionet/job/1";

/// Most bytes of a message.
pub const MAX_MESSAGE: usize = 256;
/// Most bytes of an answer.
pub const MAX_ANSWER: usize = 256;
/// Answers are remembered so long.
const MEMORY: Duration = Duration::from_secs(120);
/// Answers that are remembered of one peer; more in that time are refused.
const REMEMBERED: usize = 256;
/// Time to say a message.
const PATIENCE: Duration = Duration::from_secs(10);

/// A message.
#[derive(Encode, Decode, Clone, PartialEq, Eq, Debug)]
pub struct Message {
	/// Drawn at random by the sender.
	pub id: [u8; 16],
	/// The job.
	pub job: JobId,
	/// The replica.
	pub replica: ReplicaId,
	/// What is said.
	pub body: Body,
}

/// What is said. Offers, acceptance, cancelling and results are the chain's business, and so not said here.
#[derive(Encode, Decode, Clone, PartialEq, Eq, Debug)]
pub enum Body {
	/// Requester: the key of the input, sealed to the worker.
	#[codec(index = 2)]
	Key(SealedKey),
	/// Worker: the program runs, and has used so much fuel.
	#[codec(index = 3)]
	Progress {
		/// [`FUEL_PER_UNIT`](io_primitives::FUEL_PER_UNIT) of it is one unit of work.
		fuel: u64,
	},
}

/// Handles messages. Called once for each that a peer says; one that comes over two lanes may come from two peers.
#[async_trait]
pub trait Jobs: std::fmt::Debug + Send + Sync + 'static {
	/// Takes a message.
	async fn handle(&self, from: Peer, message: Message) -> Result<(), Refusal>;
}

type Answer = Arc<OnceCell<Result<(), Refusal>>>;

/// Takes messages about jobs.
#[derive(Debug)]
pub struct JobServer {
	jobs: Arc<dyn Jobs>,
	answers: Mutex<HashMap<Peer, HashMap<[u8; 16], (Instant, Answer)>>>,
}

impl JobServer {
	/// Passes messages on to this handler.
	pub fn new(jobs: Arc<dyn Jobs>) -> Arc<JobServer> {
		Arc::new(JobServer { jobs, answers: Mutex::default() })
	}

	/// Where the answer to a message is or will be.
	fn answer(&self, peer: Peer, id: [u8; 16]) -> Option<Answer> {
		let mut answers = lock(&self.answers);
		answers.retain(|_, of_peer| {
			of_peer.retain(|_, (since, _)| since.elapsed() < MEMORY);
			!of_peer.is_empty()
		});
		let of_peer = answers.entry(peer).or_default();
		if of_peer.len() >= REMEMBERED && !of_peer.contains_key(&id) {
			return None;
		}
		Some(of_peer.entry(id).or_insert_with(|| (Instant::now(), Answer::default())).1.clone())
	}
}

#[async_trait]
impl Protocol for JobServer {
	fn name(&self) -> &'static str {
		PROTOCOL
	}

	async fn serve(&self, peer: Peer, mut stream: Stream) -> Result<(), Error> {
		let read = tokio::time::timeout(PATIENCE, frame::read(&mut stream.recv, MAX_MESSAGE));
		let message: Message = read.await.map_err(|_| Error::Stalled(PATIENCE.as_secs()))??;
		let answer = match self.answer(peer, message.id) {
			Some(cell) => *cell.get_or_init(|| self.jobs.handle(peer, message)).await,
			None => Err(Refusal::Busy),
		};
		frame::write(&mut stream.send, &answer).await?;
		Ok(stream.send.shutdown().await?)
	}
}

/// Says something about a job, over whichever lane answers.
pub async fn say(
	session: &MeshSession,
	job: JobId,
	replica: ReplicaId,
	body: Body,
) -> Result<(), Error> {
	let mut id = [0; 16];
	getrandom::fill(&mut id)
		.map_err(|_| Error::Config("no randomness from the operating system".into()))?;
	session.request(PROTOCOL, &Message { id, job, replica, body }, MAX_ANSWER).await
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn should_keep_their_bytes_when_the_code_changes() {
		let message = |body| Message { id: [1; 16], job: 2, replica: 3, body };
		let head = format!("{}020000000000000003", "01".repeat(16));
		for (body, bytes) in [
			(Body::Key([4; 80]), format!("02{}", "04".repeat(80))),
			(Body::Progress { fuel: 5 }, "030500000000000000".into()),
		] {
			let encoded = message(body).encode();
			assert_eq!(hex::encode(&encoded), format!("{head}{bytes}"));
			assert!(encoded.len() + 4 <= MAX_MESSAGE);
		}
		// Bodies of an earlier draft.
		for index in [0, 1, 4, 5, 6] {
			let bytes = [&message(Body::Progress { fuel: 5 }).encode()[..25], &[index]].concat();
			assert!(Message::decode(&mut &bytes[..]).is_err());
		}
	}
}
