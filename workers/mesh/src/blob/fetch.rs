//! The side that wants the content.

use std::{
	path::Path,
	sync::{
		Arc, Mutex,
		atomic::{AtomicU32, AtomicU64, Ordering},
	},
	time::{Duration, Instant},
};

use futures::{FutureExt, StreamExt, stream::FuturesUnordered};
use tokio::{
	io::{AsyncReadExt, AsyncWriteExt},
	sync::Notify,
};

use super::{
	CHUNK, Content, HashList, Hashes, MAX_CHUNK_ANSWER, MAX_CONTENT, PROTOCOL, Question,
	partial::{self, Partial},
	plan::{Order, Plan},
};
use crate::{Error, MeshSession, error::Refusal, frame, lock, metrics::LaneLabel, session::Lane};

/// Chunks that one lane fetches side by side, at most.
const WINDOW: usize = 8;
/// A lane's speed is measured over so long.
const MEASURE: Duration = Duration::from_millis(250);
/// Wrong answers after which a source is not asked again.
const STRIKES: u32 = 3;
/// Pause of a lane that has nothing to do or was sent away.
const PAUSE: Duration = Duration::from_millis(50);
/// How often it is checked whether a lane still moves.
const WATCH: Duration = Duration::from_millis(25);
/// Bytes read at once.
const PIECE: usize = 64 * 1024;

/// Settings of a download.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FetchConfig {
	/// It fails if not a byte comes for so long. What has come stays on disk for the next attempt.
	pub patience: Duration,
}

impl Default for FetchConfig {
	fn default() -> FetchConfig {
		FetchConfig { patience: Duration::from_secs(120) }
	}
}

/// How a download went.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FetchReport {
	/// Bytes that were on disk before it began.
	pub resumed: u64,
	/// Bytes of content that came and counted, by source and lane.
	pub by_lane: Vec<Vec<u64>>,
	/// Chunks that came a second time and were dropped.
	pub duplicates: u32,
	/// Chunks that did not have their hash.
	pub corrupt: u32,
	/// Longest time in which nothing came on any lane, after the first byte.
	pub worst_gap: Duration,
	/// From the first question to the last byte on disk.
	pub time: Duration,
}

/// Fetches a content from peers that have it, over all their lanes at once, into the file `to`.
///
/// When this returns well, the file has exactly the content and is on disk. If it fails, what has come is kept beside a record
/// `<to>.chunks`, and the next call goes on from there.
pub async fn fetch(
	sources: &[&MeshSession],
	content: Content,
	to: &Path,
	config: FetchConfig,
) -> Result<FetchReport, Error> {
	fetch_watched(sources, content, to, config, &AtomicU64::new(0)).await
}

/// As [`fetch`]; `done` tells how many bytes are on disk.
pub async fn fetch_watched(
	sources: &[&MeshSession],
	content: Content,
	to: &Path,
	config: FetchConfig,
	done: &AtomicU64,
) -> Result<FetchReport, Error> {
	if content.size > MAX_CONTENT {
		return Err(Error::Protocol("the content is larger than 64 GiB"));
	}
	let begun = Instant::now();
	let list = hash_list(sources, content, to).await?;
	let path = to.to_owned();
	let list = Arc::new(list);
	let of_partial = list.clone();
	let partial = blocking(move || Partial::open(&path, &of_partial)).await?;
	let missing = partial.missing();
	let resumed = (0..content.chunks())
		.filter(|index| missing.binary_search(index).is_err())
		.map(|index| content.chunk_len(index))
		.sum();
	done.store(resumed, Ordering::Relaxed);
	let lanes: Vec<_> = sources
		.iter()
		.enumerate()
		.flat_map(|(source, session)| {
			session.lanes().iter().map(move |lane| (source, lane.clone()))
		})
		.enumerate()
		.map(|(number, (source, lane))| Line::new(number, source, lane))
		.collect();
	let download = Download {
		content,
		list,
		done,
		unwritten: AtomicU32::new(missing.len() as u32),
		lanes,
		sessions: sources,
		plan: Mutex::new(Plan::new(missing)),
		partial: Arc::new(Mutex::new(partial)),
		changed: Notify::new(),
		progress: Mutex::new(Progress { last: None, worst: Duration::ZERO }),
		strikes: sources.iter().map(|_| AtomicU32::new(0)).collect(),
		refusal: Mutex::new(None),
		duplicates: AtomicU32::new(0),
		corrupt: AtomicU32::new(0),
	};
	download.run(config.patience).await?;
	let report = download.report(resumed);
	let Download { partial, .. } = download;
	let finish = move || match Arc::try_unwrap(partial) {
		Ok(partial) => partial.into_inner().unwrap_or_else(|e| e.into_inner()).finish(),
		Err(_) => Err(std::io::Error::other("a write is still going on")),
	};
	blocking(finish).await?;
	Ok(FetchReport { time: begun.elapsed(), ..report })
}

async fn blocking<T: Send + 'static>(
	work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> Result<T, Error> {
	Ok(tokio::task::spawn_blocking(work).await.map_err(std::io::Error::other)??)
}

/// Asks a peer how long a content of at most `most` bytes is.
///
/// The answer of a content of one chunk is not proven before its bytes have come; [`fetch`] finds out.
pub async fn describe(session: &MeshSession, hash: [u8; 32], most: u64) -> Result<Content, Error> {
	let chunks = Content { hash, size: most.min(MAX_CONTENT) }.chunks();
	let question = Question::Hashes(hash);
	let hashes: Hashes = session.request(PROTOCOL, &question, 64 + 32 * chunks as usize).await?;
	if hashes.size > most {
		return Err(Error::TooLong(most));
	}
	HashList::new(Content { hash, size: hashes.size }, hashes.values).map(|list| list.content())
}

/// The hash list: what an earlier attempt has left, or from the first source that has a right one.
async fn hash_list(
	sources: &[&MeshSession],
	content: Content,
	to: &Path,
) -> Result<HashList, Error> {
	if content.chunks() == 1 {
		return HashList::new(content, vec![[0; 32]]);
	}
	let path = to.to_owned();
	if let Some(list) = blocking(move || Ok(partial::saved_list(&path, content))).await? {
		return Ok(list);
	}
	let most = 64 + 32 * content.chunks() as usize;
	let asked = sources.iter().map(|session| async move {
		let question = Question::Hashes(content.hash);
		let hashes: Hashes = session.request(PROTOCOL, &question, most).await?;
		if hashes.size != content.size {
			return Err(Error::Protocol("the content has another size than was said"));
		}
		HashList::new(content, hashes.values)
	});
	let mut asked: FuturesUnordered<_> = asked.collect();
	let mut last = Error::Config("a download needs a source".into());
	while let Some(answer) = asked.next().await {
		match answer {
			Ok(list) => return Ok(list),
			Err(error) => last = error,
		}
	}
	Err(last)
}

/// One lane of one source.
#[derive(Debug)]
struct Line {
	number: usize,
	source: usize,
	lane: Arc<Lane>,
	meter: Mutex<Meter>,
}

#[derive(Debug)]
struct Meter {
	/// Streams that are waiting for bytes.
	waiting: usize,
	/// When the last byte came, or waiting began.
	last: Instant,
	/// Beginning and bytes of the present measurement.
	since: Instant,
	bytes: u64,
	/// Bytes that counted.
	total: u64,
}

impl Line {
	fn new(number: usize, source: usize, lane: Arc<Lane>) -> Line {
		let now = Instant::now();
		let meter = Meter { waiting: 0, last: now, since: now, bytes: 0, total: 0 };
		Line { number, source, lane, meter: Mutex::new(meter) }
	}

	/// Chunks to have in flight: what the lane brings in four round trips (at least 100 ms), and one more.
	fn window(&self) -> usize {
		let (Some(rate), Some(link)) = (self.lane.goodput(), self.lane.link()) else { return 2 };
		let time = (4 * link.status().rtt).max(Duration::from_millis(100));
		let chunks = (rate as f64 * time.as_secs_f64() / CHUNK as f64).ceil() as usize;
		(chunks + 1).clamp(2, WINDOW)
	}

	fn begin(&self) {
		let mut meter = lock(&self.meter);
		if meter.waiting == 0 {
			let now = Instant::now();
			(meter.last, meter.since, meter.bytes) = (now, now, 0);
		}
		meter.waiting += 1;
	}

	fn end(&self) {
		lock(&self.meter).waiting -= 1;
	}

	fn came(&self, bytes: usize) {
		let mut meter = lock(&self.meter);
		let now = Instant::now();
		meter.last = now;
		meter.bytes += bytes as u64;
		let time = now - meter.since;
		if time >= MEASURE {
			self.lane.measured(meter.bytes, time);
			(meter.since, meter.bytes) = (now, 0);
		}
	}

	/// Since when nothing came.
	fn silence(&self) -> Duration {
		lock(&self.meter).last.elapsed()
	}
}

#[derive(Debug)]
struct Progress {
	last: Option<Instant>,
	worst: Duration,
}

#[derive(Debug)]
struct Download<'a> {
	content: Content,
	list: Arc<HashList>,
	/// Bytes on disk.
	done: &'a AtomicU64,
	/// Chunks that are not on disk.
	unwritten: AtomicU32,
	lanes: Vec<Line>,
	sessions: &'a [&'a MeshSession],
	plan: Mutex<Plan>,
	partial: Arc<Mutex<Partial>>,
	/// There may be something to take.
	changed: Notify,
	progress: Mutex<Progress>,
	/// Wrong answers of each source; too many or a refusal exclude it.
	strikes: Vec<AtomicU32>,
	/// Why sources were excluded.
	refusal: Mutex<Option<Error>>,
	duplicates: AtomicU32,
	corrupt: AtomicU32,
}

/// How a copy of a chunk ended.
enum Outcome {
	Bytes(Vec<u8>),
	/// Another copy was faster.
	Overtaken,
	Refused(Refusal),
	/// The source does not keep to the protocol.
	Breach(Error),
	Failed,
}

impl Download<'_> {
	async fn run(&self, patience: Duration) -> Result<(), Error> {
		let slots = self.lanes.iter().flat_map(|line| (0..WINDOW).map(move |slot| (line, slot)));
		let mut slots: FuturesUnordered<_> =
			slots.map(|(line, slot)| self.slot(line, slot).boxed()).collect();
		let begun = Instant::now();
		loop {
			if self.unwritten.load(Ordering::Acquire) == 0 {
				return Ok(());
			}
			if self.strikes.iter().all(|strikes| strikes.load(Ordering::Relaxed) >= STRIKES) {
				let reason = lock(&self.refusal).take();
				return Err(
					reason.unwrap_or_else(|| Error::Config("a download needs a source".into()))
				);
			}
			let last = lock(&self.progress).last.unwrap_or(begun);
			let left = patience.saturating_sub(last.elapsed());
			if left.is_zero() {
				return Err(Error::Stalled(patience.as_secs()));
			}
			tokio::select! {
				// A slot ends when all is there, when its source was excluded, or with an error of this machine.
				Some(ended) = slots.next() => ended?,
				() = self.changed.notified() => {},
				() = tokio::time::sleep(left.min(PAUSE)) => {},
			}
		}
	}

	/// Fetches chunk after chunk over one lane. Each lane has as many slots as its window may grow to.
	async fn slot(&self, line: &Line, slot: usize) -> Result<(), Error> {
		while !lock(&self.plan).finished() {
			if self.strikes[line.source].load(Ordering::Relaxed) >= STRIKES {
				return Ok(());
			}
			line.lane.linked().await;
			let idle = !line.lane.healthy() && self.lanes.iter().any(|other| other.lane.healthy());
			let order = if idle || slot >= line.window() {
				None
			} else {
				lock(&self.plan).take(line.number, line.lane.goodput(), CHUNK)
			};
			let Some(order) = order else {
				tokio::time::sleep(PAUSE).await;
				continue;
			};
			if order.again {
				self.sessions[line.source].metrics().hedges.inc();
			}
			let index = order.index;
			line.begin();
			let outcome = self.copy(line, &order).await;
			line.end();
			match outcome {
				Outcome::Bytes(bytes) => self.arrived(line, index, bytes).await?,
				Outcome::Overtaken => {},
				Outcome::Refused(Refusal::Busy) => {
					lock(&self.plan).failed(index, line.number);
					tokio::time::sleep(4 * PAUSE).await;
				},
				Outcome::Refused(refusal) => {
					lock(&self.plan).failed(index, line.number);
					self.strikes[line.source].store(STRIKES, Ordering::Relaxed);
					*lock(&self.refusal) = Some(Error::Refused(refusal));
				},
				Outcome::Breach(error) => self.strike(line, index, error),
				Outcome::Failed => {
					lock(&self.plan).failed(index, line.number);
					tokio::time::sleep(PAUSE).await;
				},
			}
			self.changed.notify_one();
		}
		Ok(())
	}

	/// Fetches one chunk over one lane.
	async fn copy(&self, line: &Line, order: &Order) -> Outcome {
		let length = self.content.chunk_len(order.index) as usize;
		let reading = async {
			let question = frame::encode(&Question::Chunk(self.content.hash, order.index))?;
			let mut stream = line.lane.open(PROTOCOL, &question).await?;
			let _ = stream.send.shutdown().await;
			let answer: Result<u32, Refusal> =
				frame::read(&mut stream.recv, MAX_CHUNK_ANSWER).await?;
			match answer {
				Err(refusal) => return Ok(Outcome::Refused(refusal)),
				Ok(announced) if announced as usize != length => {
					return Err(Error::Protocol("a chunk of a wrong length"));
				},
				Ok(_) => {},
			}
			let mut bytes = vec![0; length];
			let mut at = 0;
			while at < length {
				let end = length.min(at + PIECE);
				let read = stream.recv.read(&mut bytes[at..end]).await?;
				if read == 0 {
					return Err(Error::Protocol("a chunk ended early"));
				}
				at += read;
				order.received.fetch_add(read as u64, Ordering::Relaxed);
				line.came(read);
				self.moved();
			}
			Ok::<_, Error>(Outcome::Bytes(bytes))
		};
		tokio::select! {
			read = reading => read.unwrap_or_else(|error| {
				tracing::debug!(%error, chunk = order.index, "a chunk could not be fetched");
				if let Error::Protocol(_) = error { Outcome::Breach(error) } else { Outcome::Failed }
			}),
			() = order.done.cancelled() => Outcome::Overtaken,
			// Only ends with the others.
			() = self.watch(line, order.index) => Outcome::Failed,
		}
	}

	/// Gives the chunk free for other lanes while this one does not move.
	async fn watch(&self, line: &Line, index: u32) {
		let mut stalled = false;
		loop {
			let down = line.lane.link().is_none_or(|link| !link.status().up);
			let silent = line.silence() >= line.lane.patience();
			if (silent || down) != stalled {
				stalled = !stalled;
				lock(&self.plan).stalled(index, line.number, stalled);
				if silent { line.lane.suspect() } else { line.lane.trust() }
			}
			tokio::time::sleep(WATCH).await;
		}
	}

	/// Checks a chunk and puts it on disk.
	async fn arrived(&self, line: &Line, index: u32, bytes: Vec<u8>) -> Result<(), Error> {
		let metrics = self.sessions[line.source].metrics();
		let length = bytes.len() as u64;
		let list = self.list.clone();
		let check = move || Ok((list.check(index, &bytes), bytes));
		let (right, bytes) = blocking(check).await?;
		if !right {
			tracing::warn!(chunk = index, lane = line.lane.number(), "a corrupt chunk was dropped");
			metrics.corrupt.inc();
			self.corrupt.fetch_add(1, Ordering::Relaxed);
			self.strike(line, index, Error::Corrupt(index));
			return Ok(());
		}
		// Whoever is first here writes; a copy that comes later changes nothing.
		if !lock(&self.plan).arrived(index) {
			metrics.duplicates.inc();
			self.duplicates.fetch_add(1, Ordering::Relaxed);
			return Ok(());
		}
		let partial = self.partial.clone();
		blocking(move || lock(&partial).put(index, &bytes)).await?;
		self.unwritten.fetch_sub(1, Ordering::Release);
		self.done.fetch_add(length, Ordering::Relaxed);
		lock(&line.meter).total += length;
		let label = LaneLabel { lane: line.lane.number() as u32 };
		metrics.received.get_or_create(&label).inc_by(length);
		Ok(())
	}

	/// Something wrong came: the chunk is to be fetched again, and not too often from this source.
	fn strike(&self, line: &Line, index: u32, error: Error) {
		lock(&self.plan).failed(index, line.number);
		self.strikes[line.source].fetch_add(1, Ordering::Relaxed);
		*lock(&self.refusal) = Some(error);
	}

	/// A byte came.
	fn moved(&self) {
		let mut progress = lock(&self.progress);
		let now = Instant::now();
		if let Some(last) = progress.last {
			progress.worst = progress.worst.max(now - last);
		}
		progress.last = Some(now);
	}

	fn report(&self, resumed: u64) -> FetchReport {
		let mut by_lane: Vec<_> = self.sessions.iter().map(|_| Vec::new()).collect();
		for line in &self.lanes {
			by_lane[line.source].push(lock(&line.meter).total);
		}
		FetchReport {
			resumed,
			by_lane,
			duplicates: self.duplicates.load(Ordering::Relaxed),
			corrupt: self.corrupt.load(Ordering::Relaxed),
			worst_gap: lock(&self.progress).worst,
			time: Duration::ZERO,
		}
	}
}
