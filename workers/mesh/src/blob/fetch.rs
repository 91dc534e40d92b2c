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

/// How fast a lane is while something is asked of it.
#[derive(Debug)]
struct Meter {
	/// Streams that are waiting for bytes.
	waiting: usize,
	/// When the last byte came, or waiting began.
	last: Instant,
	/// From here the present measurement goes on: where it began, or the last wait did.
	since: Instant,
	/// What the measurement has of earlier waits. Pauses in which nothing is asked must not end it: between
	/// chunks they come so often that it would never be complete.
	busy: Duration,
	/// Bytes of the measurement.
	bytes: u64,
	/// Bytes that counted.
	total: u64,
}

impl Meter {
	fn new(now: Instant) -> Meter {
		Meter { waiting: 0, last: now, since: now, busy: Duration::ZERO, bytes: 0, total: 0 }
	}

	fn begin(&mut self, now: Instant) {
		if self.waiting == 0 {
			(self.last, self.since) = (now, now);
		}
		self.waiting += 1;
	}

	fn end(&mut self, now: Instant) {
		self.waiting -= 1;
		if self.waiting == 0 {
			self.busy += now - self.since;
		}
	}

	/// Gives bytes and time once they are a measurement: after [`MEASURE`], for the `first` after a chunk at the latest.
	fn came(&mut self, bytes: usize, first: bool, now: Instant) -> Option<(u64, Duration)> {
		self.last = now;
		self.bytes += bytes as u64;
		let time = self.busy + (now - self.since);
		if time < MEASURE && !(first && self.bytes >= CHUNK) {
			return None;
		}
		(self.since, self.busy) = (now, Duration::ZERO);
		Some((std::mem::take(&mut self.bytes), time))
	}
}

impl Line {
	fn new(number: usize, source: usize, lane: Arc<Lane>) -> Line {
		Line { number, source, lane, meter: Mutex::new(Meter::new(Instant::now())) }
	}

	/// Chunks to have in flight: what the lane brings in four round trips (at least 100 ms), and one more.
	fn window(&self) -> usize {
		let (Some(rate), Some(link)) = (self.lane.goodput(), self.lane.link()) else { return 2 };
		let time = (4 * link.status().rtt).max(Duration::from_millis(100));
		let chunks = (rate as f64 * time.as_secs_f64() / CHUNK as f64).ceil() as usize;
		(chunks + 1).clamp(2, WINDOW)
	}

	fn begin(&self) {
		lock(&self.meter).begin(Instant::now());
	}

	fn end(&self) {
		lock(&self.meter).end(Instant::now());
	}

	fn came(&self, bytes: usize) {
		let first = self.lane.goodput().is_none();
		let measured = lock(&self.meter).came(bytes, first, Instant::now());
		if let Some((bytes, time)) = measured {
			self.lane.measured(bytes, time);
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

#[cfg(test)]
mod tests {
	use super::*;

	const MS: Duration = Duration::from_millis(1);

	#[test]
	fn should_measure_across_pauses_when_each_chunk_takes_less_than_a_measurement() {
		let mut now = Instant::now();
		let mut meter = Meter::new(now);
		for chunk in 1..=5 {
			meter.begin(now);
			now += 50 * MS;
			let measured = meter.came(1000, false, now);
			meter.end(now);
			// Nothing is asked for a long time: that says nothing of the lane.
			now += 1000 * MS;
			let expected = (chunk == 5).then_some((5000, 250 * MS));
			assert_eq!(measured, expected, "{chunk}");
		}
		// The next measurement begins with nothing.
		meter.begin(now);
		assert_eq!(meter.came(7, false, now + 249 * MS), None);
		assert_eq!(meter.came(7, false, now + 250 * MS), Some((14, 250 * MS)));
	}

	#[test]
	fn should_count_time_once_when_two_streams_wait() {
		let now = Instant::now();
		let mut meter = Meter::new(now);
		meter.begin(now);
		meter.begin(now + 100 * MS);
		meter.end(now + 150 * MS);
		meter.end(now + 200 * MS);
		meter.begin(now + 900 * MS);
		assert_eq!(meter.came(1, false, now + 949 * MS), None);
		assert_eq!(meter.came(1, false, now + 950 * MS), Some((2, 250 * MS)));
	}

	#[test]
	fn should_know_a_speed_after_one_chunk_when_none_was_known() {
		let now = Instant::now();
		for (first, expected) in [(true, Some((CHUNK, 20 * MS))), (false, None)] {
			let mut meter = Meter::new(now);
			meter.begin(now);
			assert_eq!(meter.came(CHUNK as usize - 1, first, now + 10 * MS), None);
			assert_eq!(meter.came(1, first, now + 20 * MS), expected);
		}
	}
}
