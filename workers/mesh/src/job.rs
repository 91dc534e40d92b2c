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
	blob::Content,
	error::Refusal,
	frame, lock,
	node::{Peer, Protocol},
	seal::SealedKey,
	transport::Stream,
};

/// Name of the protocol.
pub const PROTOCOL: &str = "ionet/job/1";

/// Most bytes of a message.
pub const MAX_MESSAGE: usize = 512;
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

/// What is said.
#[derive(Encode, Decode, Clone, PartialEq, Eq, Debug)]
pub enum Body {
	/// Requester: this is the input (the sealed bytes).
	#[codec(index = 0)]
	Offer(Content),
	/// Worker: I have it and will run it.
	#[codec(index = 1)]
	Accept,
	/// Requester: the key of the input, sealed to the worker.
	#[codec(index = 2)]
	Key(SealedKey),
	/// Worker: how far it is.
	#[codec(index = 3)]
	Progress {
		/// Higher than in the message before.
		seq: u64,
		/// Hundredths of a percent.
		done: u16,
		/// Units of work used.
		units: u64,
		/// The worker's signature of [`progress_payload`].
		signature: sp_core::sr25519::Signature,
	},
	/// Requester: stop.
	#[codec(index = 4)]
	Cancel,
	/// Worker: this is the output (the sealed bytes), and its key, sealed to the requester.
	#[codec(index = 5)]
	Done(Content, SealedKey),
}

/// What a worker signs of its progress: `SCALE("io/progress/v1", genesis, job, replica, seq, done, units)`.
pub fn progress_payload(
	genesis: sp_core::H256,
	job: JobId,
	replica: ReplicaId,
	(seq, done, units): (u64, u16, u64),
) -> Vec<u8> {
	(b"io/progress/v1", genesis, job, replica, seq, done, units).encode()
}

/// Handles messages. Called once for each.
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
