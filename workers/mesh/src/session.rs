//! A lasting relation to a peer over several lanes.
//!
//! Each lane is dialed again whenever its link is lost. What is asked goes out on the lane with the shortest round trip; if
//! no answer comes within [`Lane::patience`], the same goes out on the next lane, and the first answer counts.

use std::{
	sync::{
		Arc, Mutex,
		atomic::{AtomicU64, Ordering},
	},
	time::{Duration, Instant},
};

use codec::{Decode, Encode};
use futures::{StreamExt, stream::FuturesUnordered};
use tokio::{io::AsyncWriteExt, sync::watch};
use tokio_util::task::AbortOnDropHandle;

use crate::{
	Error, LaneAddress, RelayList,
	error::Refusal,
	frame, lock,
	metrics::{LaneLabel, Metrics},
	transport::{Link, Stream, Transport},
};

/// Least time before a request is sent a second time. Below it, the jitter of healthy paths would double the load.
const HEDGE: Duration = Duration::from_millis(300);
/// Round trips of silence before a request is sent a second time.
const HEDGE_ROUND_TRIPS: u32 = 3;
/// A lane that let us wait is used last for so long, unless it moves again.
const SUSPICION: Duration = Duration::from_secs(5);
/// A dial that takes longer is begun anew.
const DIAL: Duration = Duration::from_secs(5);
/// Pause before the first and before later dials of a lost lane.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));
/// A link that lived so long was a success: after its end the first pause is the short one again.
const STEADY: Duration = Duration::from_secs(3);

/// Settings of a session.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SessionConfig {
	/// How long a request may take in all, with every retry.
	pub patience: Duration,
}

impl Default for SessionConfig {
	fn default() -> SessionConfig {
		SessionConfig { patience: Duration::from_secs(60) }
	}
}

/// Links to one peer, kept alive on all lanes.
#[derive(Debug)]
pub struct MeshSession {
	lanes: Vec<Arc<Lane>>,
	config: SessionConfig,
	metrics: Metrics,
	_keepers: Vec<AbortOnDropHandle<()>>,
}

/// One lane of a session.
#[derive(Debug)]
pub struct Lane {
	number: usize,
	transport: Arc<dyn Transport>,
	address: LaneAddress,
	link: watch::Sender<Option<Linked>>,
	/// Not trusted before then.
	suspect: Mutex<Option<Instant>>,
	/// Bytes per second of content, as a moving average; 0 is unknown.
	goodput: AtomicU64,
	last_error: Mutex<String>,
	metrics: Metrics,
	relays: Option<RelayList>,
}

/// A link with a number that no other link of the lane has.
#[derive(Clone, Debug)]
struct Linked {
	link: Arc<dyn Link>,
	generation: u64,
}

impl Lane {
	/// Its place among the peer's lanes.
	pub fn number(&self) -> usize {
		self.number
	}

	/// The link, if there is one now.
	pub fn link(&self) -> Option<Arc<dyn Link>> {
		self.link.borrow().as_ref().map(|linked| linked.link.clone())
	}

	/// Waits for a link.
	pub async fn linked(&self) -> Arc<dyn Link> {
		let mut link = self.link.subscribe();
		loop {
			if let Some(linked) = link.borrow_and_update().as_ref() {
				return linked.link.clone();
			}
			// The sender lives as long as self.
			let _ = link.changed().await;
		}
	}

	/// How long an answer may take before another lane is tried: 300 ms or three round trips.
	pub fn patience(&self) -> Duration {
		let rtt = self.link().map_or(Duration::ZERO, |link| link.status().rtt);
		HEDGE.max(HEDGE_ROUND_TRIPS * rtt)
	}

	/// It did not answer in time.
	pub fn suspect(&self) {
		*lock(&self.suspect) = Some(Instant::now() + SUSPICION);
	}

	/// It moves.
	pub fn trust(&self) {
		*lock(&self.suspect) = None;
	}

	/// Whether it is linked, its relay is there and it has answered in time.
	pub fn healthy(&self) -> bool {
		self.link().is_some_and(|link| link.status().up)
			&& lock(&self.suspect).is_none_or(|until| until < Instant::now())
	}

	/// Bytes of content per second that it brought lately; `None` before the first.
	pub fn goodput(&self) -> Option<u64> {
		Some(self.goodput.load(Ordering::Relaxed)).filter(|&bytes| bytes > 0)
	}

	/// Takes a measurement into the moving average.
	pub fn measured(&self, bytes: u64, time: Duration) {
		let now = (bytes as f64 / time.as_secs_f64().max(1e-6)) as u64;
		let average = self.goodput().map_or(now, |old| (3 * old + now) / 4);
		self.goodput.store(average.max(1), Ordering::Relaxed);
	}

	/// Lower is better: sick lanes last, then by round trip.
	fn rank(&self) -> Option<(bool, Duration)> {
		let link = self.link()?;
		Some((!self.healthy(), link.status().rtt))
	}

	/// Opens a stream for a protocol and says what comes first.
	pub async fn open(&self, protocol: &'static str, first: &[u8]) -> Result<Stream, Error> {
		let link = self.link().ok_or_else(|| Error::Unreachable("the lane is down".into()))?;
		open(&*link, protocol, first).await
	}

	/// Dials, waits for the end of the link, dials again.
	async fn keep(self: Arc<Self>) {
		let label = LaneLabel { lane: self.number as u32 };
		let mut backoff = BACKOFF.0;
		let mut generation = 0;
		loop {
			match tokio::time::timeout(DIAL, self.dial()).await {
				Ok(Ok(link)) => {
					let since = Instant::now();
					generation += 1;
					self.metrics.links.get_or_create(&label).inc();
					let old =
						self.link.send_replace(Some(Linked { link: link.clone(), generation }));
					self.trust();
					if let Some(old) = old {
						old.link.close("replaced by a newer link");
					}
					let stranded = tokio::select! {
						() = link.closed() => false,
						() = self.stranded(&*link) => true,
					};
					// A peer that ends every link at once is not to be dialed all the time.
					if since.elapsed() >= STEADY {
						backoff = BACKOFF.0;
					}
					if stranded {
						// Its congestion control has backed off during the outage: a new link is faster than the old one recovers.
						continue;
					}
					self.link.send_replace(None);
					if let Some(why) = link.ended() {
						*lock(&self.last_error) = why;
					}
				},
				Ok(Err(error)) => *lock(&self.last_error) = error.to_string(),
				Err(_) => *lock(&self.last_error) = "no answer".into(),
			}
			// An old link may still be there after a re-dial failed.
			if self.link().is_some_and(|link| !link.status().up) {
				self.link.send_replace(None);
			}
			tokio::time::sleep(jitter(backoff)).await;
			backoff = (2 * backoff).min(BACKOFF.1);
		}
	}

	async fn dial(&self) -> Result<Arc<dyn Link>, Error> {
		if let (Some(list), Some(url)) = (&self.relays, &self.address.relay)
			&& list.find(url).is_none()
		{
			return Err(Error::Unreachable(format!("the relay {url} is not on the list")));
		}
		self.transport.connect(&self.address).await
	}

	/// Returns when the relay is back after an outage that hit this link.
	async fn stranded(&self, link: &dyn Link) {
		loop {
			self.transport.restored().await;
			if !link.status().direct {
				return;
			}
		}
	}
}

/// Between half of it and all of it.
fn jitter(time: Duration) -> Duration {
	let random = getrandom::u32().unwrap_or(u32::MAX / 2);
	time.mul_f64(0.5 + f64::from(random) / f64::from(u32::MAX) / 2.0)
}

/// Opens a stream: its greeting and what comes first go out as one, so that the answer to the first is never lost over the second.
pub(crate) async fn open(
	link: &dyn Link,
	protocol: &'static str,
	first: &[u8],
) -> Result<Stream, Error> {
	let mut stream = link.open().await?;
	stream.send.write_all(&[&frame::greeting(protocol), first].concat()).await?;
	Ok(stream)
}

impl MeshSession {
	pub(crate) fn new(
		pairs: Vec<(Arc<dyn Transport>, LaneAddress)>,
		config: SessionConfig,
		metrics: Metrics,
		relays: Option<RelayList>,
	) -> MeshSession {
		let lanes: Vec<_> = pairs
			.into_iter()
			.enumerate()
			.map(|(number, (transport, address))| {
				Arc::new(Lane {
					number,
					transport,
					address,
					link: watch::Sender::new(None),
					suspect: Mutex::new(None),
					goodput: AtomicU64::new(0),
					last_error: Mutex::new("not dialed yet".into()),
					metrics: metrics.clone(),
					relays: relays.clone(),
				})
			})
			.collect();
		let keepers = lanes
			.iter()
			.map(|lane| AbortOnDropHandle::new(tokio::spawn(lane.clone().keep())))
			.collect();
		MeshSession { lanes, config, metrics, _keepers: keepers }
	}

	/// The lanes.
	pub fn lanes(&self) -> &[Arc<Lane>] {
		&self.lanes
	}

	/// Settings.
	pub fn config(&self) -> SessionConfig {
		self.config
	}

	/// Where this session counts.
	pub fn metrics(&self) -> &Metrics {
		&self.metrics
	}

	/// Linked lanes, the best first.
	pub fn ranked(&self) -> Vec<Arc<Lane>> {
		let mut ranked: Vec<_> =
			self.lanes.iter().filter_map(|lane| Some((lane.rank()?, lane))).collect();
		ranked.sort_by_key(|(rank, _)| *rank);
		ranked.into_iter().map(|(_, lane)| lane.clone()).collect()
	}

	/// Waits until a lane is linked.
	pub async fn ready(&self, patience: Duration) -> Result<(), Error> {
		let any =
			futures::future::select_all(self.lanes.iter().map(|lane| Box::pin(lane.linked())));
		tokio::time::timeout(patience, any).await.map(drop).map_err(|_| self.unreachable())
	}

	fn unreachable(&self) -> Error {
		let reasons: Vec<_> = self
			.lanes
			.iter()
			.map(|lane| format!("lane {}: {}", lane.number, lock(&lane.last_error)))
			.collect();
		Error::Unreachable(reasons.join("; "))
	}

	/// Asks and waits for the answer, on one lane after the other until one answers.
	///
	/// The peer may get the request more than once, so it must be one that does no harm twice. A refusal is an answer.
	pub async fn request<Q, A>(
		&self,
		protocol: &'static str,
		question: &Q,
		most: usize,
	) -> Result<A, Error>
	where
		Q: Encode,
		A: Decode,
	{
		let bytes = frame::encode(question)?;
		let deadline = tokio::time::Instant::now() + self.config.patience;
		match tokio::time::timeout_at(deadline, self.ask(protocol, &bytes, most)).await {
			Ok(answer) => answer?.map_err(Error::Refused),
			Err(_) => Err(self.unreachable()),
		}
	}

	async fn ask<A: Decode>(
		&self,
		protocol: &'static str,
		question: &[u8],
		most: usize,
	) -> Result<Result<A, Refusal>, Error> {
		let mut attempts = FuturesUnordered::new();
		let mut tried = vec![0; self.lanes.len()];
		loop {
			let next = self.ranked().into_iter().find_map(|lane| {
				let linked = lane.link.borrow().clone()?;
				(linked.generation > tried[lane.number]).then_some((lane, linked))
			});
			let wait = match next {
				Some((lane, linked)) => {
					tried[lane.number] = linked.generation;
					let wait = lane.patience();
					if !attempts.is_empty() {
						self.metrics.hedges.inc();
					}
					attempts.push(async move {
						let mut answer = ask_once(&*linked.link, protocol, question, most).await;
						if answer.is_err() {
							tokio::time::sleep(BACKOFF.0).await;
						}
						// A peer that keeps us out says so as it ends the link; the stream only knows that it broke.
						if let (Err(Error::Io(_)), Some(why)) = (&answer, linked.link.ended()) {
							answer = Err(Error::Lost(why));
						}
						(lane, answer)
					});
					wait
				},
				// All lanes are busy with it or down; look again soon.
				None => Duration::from_millis(50),
			};
			tokio::select! {
				Some((lane, answer)) = attempts.next() => match answer {
					Ok(answer) => {
						lane.trust();
						return Ok(answer);
					},
					Err(error @ Error::Protocol(_)) => return Err(error),
					Err(error) => {
						*lock(&lane.last_error) = error.to_string();
						// It may be asked again, over the same link if that is still there.
						tried[lane.number] = 0;
					},
				},
				() = tokio::time::sleep(wait) => {
					for lane in &self.lanes {
						// Those that are tried and have not answered.
						if tried[lane.number] > 0 && wait >= HEDGE {
							lane.suspect();
							*lock(&lane.last_error) = "it did not answer in time".into();
						}
					}
				},
			}
		}
	}
}

async fn ask_once<A: Decode>(
	link: &dyn Link,
	protocol: &'static str,
	question: &[u8],
	most: usize,
) -> Result<Result<A, Refusal>, Error> {
	let mut stream = open(link, protocol, question).await?;
	// The peer may have answered and gone before this reaches it: that is no failure.
	let _ = stream.send.shutdown().await;
	frame::read(&mut stream.recv, most).await
}
