//! One end of a tunnel: what is between the application's socket and whatever stream carries the tunnel now.

use std::{
	collections::VecDeque,
	sync::Mutex,
	time::{Duration, Instant},
};

use tokio::{
	io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
	sync::Notify,
};
use tokio_util::sync::CancellationToken;

use super::{Frame, MAX_DATA, MAX_FRAME, WINDOW};
use crate::{Error, frame, lock, transport::Stream};

/// Bytes taken after which the other end is told, if there is nothing else to send.
const REPORT: u64 = (WINDOW / 8) as u64;

/// How long a stream is still read that cannot be written any more. Reading ends earlier if the stream does.
const LAST_WORDS: Duration = Duration::from_millis(100);

/// One end of a tunnel.
#[derive(Debug, Default)]
pub(super) struct Pipe {
	state: Mutex<State>,
	/// There is something for the stream.
	to_stream: Notify,
	/// There is room for bytes of the application.
	room: Notify,
	/// There is something for the application.
	to_local: Notify,
	/// The tunnel is over.
	over: CancellationToken,
}

#[derive(Debug, Default)]
struct State {
	/// Bytes of the application that the other end has not taken.
	out: VecDeque<u8>,
	/// Bytes before them.
	out_base: u64,
	/// The application has sent its last byte.
	out_ended: bool,
	/// The other end has passed that on.
	end_taken: bool,
	/// Bytes received that the application has not taken.
	inbox: VecDeque<u8>,
	/// Bytes received in all.
	received: u64,
	/// Bytes that the application has taken; one more after the end was passed on.
	taken: u64,
	/// Where the other direction ends.
	in_end: Option<u64>,
	/// The application broke off: the other end is to be told.
	aborted: bool,
	/// A ping is to be answered.
	pong: bool,
}

impl State {
	fn out_end(&self) -> u64 {
		self.out_base + self.out.len() as u64
	}

	/// Whether both directions are through, as far as this end is concerned.
	fn complete(&self) -> bool {
		self.end_taken && self.in_end.is_some_and(|end| self.taken > end)
	}
}

/// A part of a queue.
fn slice(queue: &VecDeque<u8>, from: usize, count: usize) -> Vec<u8> {
	let (first, second) = queue.as_slices();
	let mut bytes = Vec::with_capacity(count);
	let of_first = from.min(first.len())..(from + count).min(first.len());
	bytes.extend_from_slice(&first[of_first]);
	let start = from.saturating_sub(first.len());
	bytes.extend_from_slice(&second[start..start + count - bytes.len()]);
	bytes
}

/// How the time with one stream ended.
#[derive(PartialEq, Eq, Debug)]
pub(super) enum Detached {
	/// The tunnel is over.
	Over,
	/// The stream is; the tunnel can go on over another.
	Lost,
}

/// What one end remembers while a stream carries it.
pub(super) struct Carrier {
	heard: Mutex<Instant>,
	/// Ping after so much time; only the client does.
	pub(super) ping: Option<Duration>,
}

impl Carrier {
	pub(super) fn new(ping: Option<Duration>) -> Carrier {
		Carrier { heard: Mutex::new(Instant::now()), ping }
	}

	/// How long nothing came.
	pub(super) fn silence(&self) -> Duration {
		lock(&self.heard).elapsed()
	}
}

impl Pipe {
	/// Bytes received in all.
	pub(super) fn received(&self) -> u64 {
		lock(&self.state).received
	}

	/// Whether the bytes are there that an end wants which has received so many.
	pub(super) fn may_go_on_from(&self, peer_received: u64) -> bool {
		let state = lock(&self.state);
		(state.out_base..=state.out_end()).contains(&peer_received)
	}

	/// Ends when the tunnel is over.
	pub(super) async fn over(&self) {
		self.over.cancelled().await;
	}

	pub(super) fn is_over(&self) -> bool {
		self.over.is_cancelled()
	}

	/// Ends the tunnel.
	pub(super) fn end(&self) {
		self.over.cancel();
	}

	/// Whether both directions went through to their ends.
	pub(super) fn is_whole(&self) -> bool {
		lock(&self.state).complete()
	}

	/// Whether nothing is lost if the other end has gone: all its bytes are here, and it has handed on all of ours.
	pub(super) fn needs_nothing(&self) -> bool {
		let state = lock(&self.state);
		state.out_ended && state.out.is_empty() && state.in_end.is_some()
	}

	/// Returns when the application has all that came, end included; false if it broke off before. For when no stream carries
	/// the tunnel.
	pub(super) async fn drained(&self) -> bool {
		loop {
			{
				let state = lock(&self.state);
				if state.aborted || state.in_end.is_some_and(|end| state.taken > end) {
					return !state.aborted;
				}
			}
			self.to_stream.notified().await;
		}
	}

	/// Serves the application's socket until the tunnel is over.
	pub(super) async fn local(
		&self,
		mut from: impl AsyncRead + Unpin,
		mut to: impl AsyncWrite + Unpin,
	) {
		let reading = async {
			let mut bytes = vec![0; MAX_DATA];
			loop {
				let room = WINDOW.saturating_sub(lock(&self.state).out.len()).min(MAX_DATA);
				if room == 0 {
					self.room.notified().await;
					continue;
				}
				let read = from.read(&mut bytes[..room]).await?;
				{
					let mut state = lock(&self.state);
					state.out.extend(&bytes[..read]);
					state.out_ended = read == 0;
				}
				self.to_stream.notify_one();
				if read == 0 {
					return Ok::<_, std::io::Error>(());
				}
			}
		};
		let writing = async {
			let mut bytes = Vec::with_capacity(MAX_DATA);
			loop {
				let ended = {
					let mut state = lock(&self.state);
					let first = state.inbox.as_slices().0;
					let count = first.len().min(MAX_DATA);
					bytes.clear();
					bytes.extend_from_slice(&first[..count]);
					state.inbox.drain(..count);
					bytes.is_empty() && state.in_end == Some(state.taken)
				};
				if ended {
					to.shutdown().await?;
					lock(&self.state).taken += 1;
					self.to_stream.notify_one();
					return Ok(());
				}
				if bytes.is_empty() {
					self.to_local.notified().await;
					continue;
				}
				to.write_all(&bytes).await?;
				lock(&self.state).taken += bytes.len() as u64;
				self.to_stream.notify_one();
			}
		};
		tokio::select! {
			both = async { tokio::try_join!(reading, writing) } => {
				if both.is_err() {
					lock(&self.state).aborted = true;
					self.to_stream.notify_one();
				}
				self.over().await;
			},
			() = self.over() => {},
		}
	}

	/// Lets a stream carry the tunnel. `peer_received` is what the other end says it has.
	pub(super) async fn carry(
		&self,
		stream: Stream,
		peer_received: u64,
		carrier: &Carrier,
	) -> Result<Detached, Error> {
		if !self.may_go_on_from(peer_received) {
			return Err(Error::Protocol("the other end claims bytes that do not exist"));
		}
		let Stream { mut send, mut recv } = stream;
		let result = tokio::select! {
			result = async {
				let result = self.write(&mut send, peer_received, carrier).await;
				if result.is_err() {
					// The other end may have said its last words before it hung up.
					tokio::time::sleep(LAST_WORDS).await;
				}
				result
			} => result,
			result = self.read(&mut recv, carrier) => result,
			() = self.over() => Ok(Detached::Over),
		};
		if self.is_over() || self.is_whole() {
			self.end();
			return Ok(Detached::Over);
		}
		match result {
			// The peer is to be blamed, not the stream.
			Err(error @ Error::Protocol(_)) => {
				self.end();
				Err(error)
			},
			Err(_) => Ok(Detached::Lost),
			Ok(detached) => Ok(detached),
		}
	}

	async fn write(
		&self,
		to: &mut (impl AsyncWrite + Unpin),
		mut sent: u64,
		carrier: &Carrier,
	) -> Result<Detached, Error> {
		let (mut reported, mut end_sent) = (None, false);
		let mut next_ping = Instant::now();
		loop {
			let frame = {
				let mut state = lock(&self.state);
				let taken = state.taken;
				// Bytes that the other end had from an earlier stream.
				sent = sent.max(state.out_base);
				let unsent = state.out_end().saturating_sub(sent) as usize;
				let due = reported.is_none_or(|reported| taken - reported >= REPORT);
				let ended = state.in_end.is_some_and(|end| taken > end);
				if state.aborted {
					Some(Frame::Abort)
				} else if std::mem::take(&mut state.pong) {
					Some(Frame::Pong)
				} else if due || (reported != Some(taken) && (unsent == 0 || ended)) {
					reported = Some(taken);
					Some(Frame::Taken(taken))
				} else if unsent > 0 {
					let from = (sent - state.out_base) as usize;
					let count = unsent.min(MAX_DATA);
					let frame = Frame::Data(sent, slice(&state.out, from, count));
					sent += count as u64;
					Some(frame)
				} else if state.out_ended && !state.end_taken && !end_sent {
					end_sent = true;
					Some(Frame::End(state.out_end()))
				} else if carrier.ping.is_some() && next_ping <= Instant::now() {
					Some(Frame::Ping)
				} else {
					None
				}
			};
			match frame {
				Some(frame) => {
					frame::write(to, &frame).await?;
					if frame == Frame::Abort {
						let _ = to.shutdown().await;
						self.end();
						return Ok(Detached::Over);
					}
					if frame == Frame::Ping {
						next_ping = Instant::now() + carrier.ping.unwrap_or_default();
					}
				},
				None if lock(&self.state).complete() => {
					// What was said last must still arrive.
					let _ = to.shutdown().await;
					self.end();
					return Ok(Detached::Over);
				},
				None => {
					let wait = match carrier.ping {
						Some(_) => next_ping.saturating_duration_since(Instant::now()),
						None => Duration::from_secs(3600),
					};
					let _ = tokio::time::timeout(wait, self.to_stream.notified()).await;
				},
			}
		}
	}

	async fn read(
		&self,
		from: &mut (impl AsyncRead + Unpin),
		carrier: &Carrier,
	) -> Result<Detached, Error> {
		loop {
			let frame = frame::read(from, MAX_FRAME).await?;
			*lock(&carrier.heard) = Instant::now();
			if self.take(frame)? == Detached::Over {
				self.end();
				return Ok(Detached::Over);
			}
		}
	}

	/// Takes a frame in.
	fn take(&self, frame: Frame) -> Result<Detached, Error> {
		let mut state = lock(&self.state);
		match frame {
			Frame::Data(offset, bytes) => {
				if bytes.is_empty() || bytes.len() > MAX_DATA || offset > state.received {
					return Err(Error::Protocol("bytes of a tunnel are missing"));
				}
				// Sent again after a change of streams.
				let known = (state.received - offset).min(bytes.len() as u64) as usize;
				let fresh = &bytes[known..];
				if state.inbox.len() + fresh.len() > WINDOW {
					return Err(Error::Protocol("more bytes than the window allows"));
				}
				if !fresh.is_empty() && state.in_end.is_some() {
					return Err(Error::Protocol("bytes after the end"));
				}
				state.inbox.extend(fresh);
				state.received += fresh.len() as u64;
				self.to_local.notify_one();
			},
			Frame::Taken(taken) => {
				let end = state.out_end();
				if taken > end + u64::from(state.out_ended) {
					return Err(Error::Protocol("more was taken than sent"));
				}
				let count = taken.min(end).saturating_sub(state.out_base);
				state.out.drain(..count as usize);
				state.out_base += count;
				state.end_taken |= taken > end;
				self.room.notify_one();
				self.to_stream.notify_one();
			},
			Frame::End(end) => {
				if end != state.received || state.in_end.is_some_and(|known| known != end) {
					return Err(Error::Protocol("a tunnel ends where it did not"));
				}
				state.in_end = Some(end);
				self.to_local.notify_one();
			},
			Frame::Abort => return Ok(Detached::Over),
			Frame::Ping => {
				state.pong = true;
				self.to_stream.notify_one();
			},
			Frame::Pong => {},
		}
		Ok(Detached::Lost)
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	fn pipe(sent: &[u8], ended: bool) -> Pipe {
		let pipe = Pipe::default();
		let mut state = lock(&pipe.state);
		state.out.extend(sent);
		state.out_ended = ended;
		drop(state);
		pipe
	}

	#[test]
	fn should_drop_what_it_knows_when_bytes_come_again() {
		let pipe = Pipe::default();
		pipe.take(Frame::Data(0, b"abc".to_vec())).unwrap();
		pipe.take(Frame::Data(1, b"bcde".to_vec())).unwrap();
		pipe.take(Frame::Data(0, b"ab".to_vec())).unwrap();
		assert_eq!(lock(&pipe.state).inbox, *b"abcde");
		assert_eq!(pipe.received(), 5);
	}

	#[test]
	fn should_refuse_when_bytes_are_missing_or_too_many() {
		let pipe = Pipe::default();
		assert!(pipe.take(Frame::Data(1, vec![0])).is_err());
		assert!(pipe.take(Frame::Data(0, vec![0; MAX_DATA + 1])).is_err());
		for part in 0..WINDOW / MAX_DATA {
			pipe.take(Frame::Data((part * MAX_DATA) as u64, vec![0; MAX_DATA])).unwrap();
		}
		assert!(pipe.take(Frame::Data(WINDOW as u64, vec![0])).is_err());
	}

	#[test]
	fn should_refuse_when_more_is_taken_than_sent() {
		let pipe = pipe(b"abc", false);
		assert!(pipe.take(Frame::Taken(4)).is_err());
		pipe.take(Frame::Taken(2)).unwrap();
		assert_eq!(lock(&pipe.state).out, *b"c");
		// An older report that comes late changes nothing.
		pipe.take(Frame::Taken(1)).unwrap();
		assert_eq!(lock(&pipe.state).out, *b"c");
	}

	#[test]
	fn should_not_go_on_from_bytes_that_are_forgotten_or_unknown() {
		let pipe = pipe(b"abc", false);
		pipe.take(Frame::Taken(2)).unwrap();
		let possible: Vec<u64> = (0..6).filter(|&from| pipe.may_go_on_from(from)).collect();
		assert_eq!(possible, [2, 3]);
	}

	#[test]
	fn should_refuse_when_the_end_is_elsewhere_or_moves() {
		let pipe = Pipe::default();
		pipe.take(Frame::Data(0, b"abc".to_vec())).unwrap();
		assert!(pipe.take(Frame::End(2)).is_err() && pipe.take(Frame::End(4)).is_err());
		pipe.take(Frame::End(3)).unwrap();
		pipe.take(Frame::End(3)).unwrap();
		assert!(pipe.take(Frame::Data(3, b"d".to_vec())).is_err());
		pipe.take(Frame::Data(0, b"abc".to_vec())).unwrap();
	}

	#[test]
	fn should_be_complete_when_both_ends_were_passed_on() {
		let pipe = pipe(b"abc", true);
		pipe.take(Frame::Taken(3)).unwrap();
		pipe.take(Frame::End(0)).unwrap();
		lock(&pipe.state).taken = 1;
		assert!(!lock(&pipe.state).complete());
		pipe.take(Frame::Taken(4)).unwrap();
		assert!(lock(&pipe.state).complete());
	}

	#[test]
	fn should_need_the_other_end_when_bytes_are_under_way() {
		let pipe = pipe(b"abc", true);
		assert!(!pipe.needs_nothing());
		pipe.take(Frame::End(0)).unwrap();
		pipe.take(Frame::Taken(2)).unwrap();
		assert!(!pipe.needs_nothing());
		pipe.take(Frame::Taken(3)).unwrap();
		assert!(pipe.needs_nothing());
	}

	#[test]
	fn should_cut_right_when_a_queue_wraps_around() {
		let mut queue: VecDeque<u8> = VecDeque::with_capacity(8);
		queue.extend(0..8);
		queue.drain(..5);
		queue.extend(8..13);
		for from in 0..=8 {
			for count in 0..=8 - from {
				let expected: Vec<u8> = queue.iter().skip(from).take(count).copied().collect();
				assert_eq!(slice(&queue, from, count), expected);
			}
		}
	}

	proptest::proptest! {
		#[test]
		fn should_not_panic_when_frames_are_random(frames: Vec<Vec<u8>>, sent: Vec<u8>) {
			let pipe = pipe(&sent, true);
			for bytes in frames {
				if let Ok(frame) = frame::decode::<Frame>(&bytes) {
					let _ = pipe.take(frame);
				}
			}
		}
	}
}
