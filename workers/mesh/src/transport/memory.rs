//! A network inside the process, with faults on command. For tests: of this crate and of what is built on it.
//!
//! Every lane of the network has [`Conditions`] of its own, as every real lane has its relay.

use std::{
	collections::HashMap,
	io,
	pin::Pin,
	sync::{
		Arc, Mutex,
		atomic::{AtomicBool, AtomicU64, Ordering},
	},
	task::{Context, Poll, ready},
	time::Duration,
};

use async_trait::async_trait;
use bytes::{Buf, Bytes};
use tokio::{
	io::{AsyncRead, AsyncWrite, ReadBuf},
	sync::{Mutex as AsyncMutex, mpsc, watch},
	time::Instant,
};
use tokio_util::sync::{CancellationToken, PollSender};

use super::{Link, LinkStatus, RawSend, SendHalf, Stream, Transport};
use crate::{EndpointId, Error, LaneAddress, lock};

/// Bytes that travel as one.
const PIECE: usize = 16 * 1024;
/// Pieces in flight in a stream.
const WINDOW: usize = 32;

/// How a lane of the network behaves now. Every change acts at once, on open streams too.
#[derive(Debug)]
pub struct Conditions {
	up: watch::Sender<bool>,
	/// Bytes per second; 0 is without limit.
	rate: AtomicU64,
	latency_ms: AtomicU64,
	/// Flips a bit in every piece.
	corrupt: AtomicBool,
	/// When the wire is free for the next piece.
	free: AsyncMutex<Instant>,
	killed: Mutex<CancellationToken>,
	carried: AtomicU64,
}

impl Conditions {
	/// A perfect lane.
	pub fn new() -> Arc<Conditions> {
		Arc::new(Conditions {
			up: watch::Sender::new(true),
			rate: AtomicU64::new(0),
			latency_ms: AtomicU64::new(0),
			corrupt: AtomicBool::new(false),
			free: AsyncMutex::new(Instant::now()),
			killed: Mutex::new(CancellationToken::new()),
			carried: AtomicU64::new(0),
		})
	}

	/// Makes the lane silent (false), or lets it go on (true). Nothing is lost; nobody is told.
	pub fn set_up(&self, up: bool) {
		self.up.send_replace(up);
	}

	/// Bytes per second that all streams of the lane share; 0 is without limit.
	pub fn set_rate(&self, bytes_per_second: u64) {
		self.rate.store(bytes_per_second, Ordering::Relaxed);
	}

	/// Time from end to end.
	pub fn set_latency(&self, latency: Duration) {
		self.latency_ms.store(latency.as_millis() as u64, Ordering::Relaxed);
	}

	/// Damages what passes. Real links are authenticated and would end instead; this plays a lying peer.
	pub fn set_corrupt(&self, corrupt: bool) {
		self.corrupt.store(corrupt, Ordering::Relaxed);
	}

	/// Ends all links of the lane. New ones can be made.
	pub fn kill(&self) {
		let mut killed = lock(&self.killed);
		killed.cancel();
		*killed = CancellationToken::new();
	}

	/// Bytes that the lane has carried.
	pub fn carried(&self) -> u64 {
		self.carried.load(Ordering::Relaxed)
	}

	async fn wait_up(&self) {
		// The sender lives as long as self.
		let _ = self.up.subscribe().wait_for(|up| *up).await;
	}

	/// Takes the wire for a piece, at its rate.
	async fn pass(&self, bytes: usize) {
		let rate = self.rate.load(Ordering::Relaxed);
		self.carried.fetch_add(bytes as u64, Ordering::Relaxed);
		if rate == 0 {
			return;
		}
		let mut free = self.free.lock().await;
		let start = (*free).max(Instant::now());
		*free = start + Duration::from_secs_f64(bytes as f64 / rate as f64);
		let until = *free;
		drop(free);
		tokio::time::sleep_until(until).await;
	}
}

/// All endpoints of one network.
#[derive(Clone, Default, Debug)]
pub struct Network {
	endpoints: Arc<Mutex<HashMap<EndpointId, mpsc::Sender<Arc<dyn Link>>>>>,
}

impl Network {
	/// An empty network.
	pub fn new() -> Network {
		Network::default()
	}

	/// Adds an endpoint on a lane with these conditions.
	pub fn endpoint(&self, id: EndpointId, conditions: &Arc<Conditions>) -> Arc<MemoryTransport> {
		let (sender, receiver) = mpsc::channel(16);
		lock(&self.endpoints).insert(id, sender);
		Arc::new(MemoryTransport {
			id,
			network: self.clone(),
			conditions: conditions.clone(),
			incoming: AsyncMutex::new(receiver),
			open: CancellationToken::new(),
		})
	}
}

/// An endpoint of a [`Network`].
#[derive(Debug)]
pub struct MemoryTransport {
	id: EndpointId,
	network: Network,
	conditions: Arc<Conditions>,
	incoming: AsyncMutex<mpsc::Receiver<Arc<dyn Link>>>,
	open: CancellationToken,
}

#[async_trait]
impl Transport for MemoryTransport {
	fn local(&self) -> EndpointId {
		self.id
	}

	fn address(&self) -> LaneAddress {
		LaneAddress { endpoint: self.id, relay: None, direct: Vec::new() }
	}

	async fn connect(&self, to: &LaneAddress) -> Result<Arc<dyn Link>, Error> {
		self.conditions.wait_up().await;
		let peer = lock(&self.network.endpoints).get(&to.endpoint).cloned();
		let peer = peer.ok_or_else(|| Error::Unreachable("nobody has this id".into()))?;
		let ended = lock(&self.conditions.killed).child_token();
		let ((to_there, from_here), (to_here, from_there)) = (mpsc::channel(8), mpsc::channel(8));
		let end = |remote, opened, incoming| {
			Arc::new(MemoryLink {
				remote,
				conditions: self.conditions.clone(),
				opened,
				incoming: AsyncMutex::new(incoming),
				ended: ended.clone(),
			})
		};
		let here = end(to.endpoint, to_there, from_there);
		let there = end(self.id, to_here, from_here);
		peer.send(there).await.map_err(|_| Error::Unreachable("the endpoint is closed".into()))?;
		Ok(here)
	}

	async fn accept(&self) -> Option<Arc<dyn Link>> {
		let mut incoming = self.incoming.lock().await;
		tokio::select! {
			link = incoming.recv() => link,
			() = self.open.cancelled() => None,
		}
	}

	fn relayed(&self) -> u64 {
		self.conditions.carried()
	}

	async fn restored(&self) {
		let mut up = self.conditions.up.subscribe();
		let _ = up.wait_for(|up| !*up).await;
		let _ = up.wait_for(|up| *up).await;
	}

	async fn close(&self) {
		self.open.cancel();
		lock(&self.network.endpoints).remove(&self.id);
	}
}

#[derive(Debug)]
struct MemoryLink {
	remote: EndpointId,
	conditions: Arc<Conditions>,
	opened: mpsc::Sender<Stream>,
	incoming: AsyncMutex<mpsc::Receiver<Stream>>,
	ended: CancellationToken,
}

fn gone() -> Error {
	Error::Lost("the link is closed".into())
}

#[async_trait]
impl Link for MemoryLink {
	fn remote(&self) -> EndpointId {
		self.remote
	}

	async fn open(&self) -> Result<Stream, Error> {
		let (our_send, their_recv) = self.pipe();
		let (their_send, our_recv) = self.pipe();
		let theirs = Stream { send: their_send, recv: their_recv };
		tokio::select! {
			sent = self.opened.send(theirs) => sent.map_err(|_| gone())?,
			() = self.ended.cancelled() => return Err(gone()),
		}
		Ok(Stream { send: our_send, recv: our_recv })
	}

	async fn accept(&self) -> Result<Stream, Error> {
		let mut incoming = self.incoming.lock().await;
		tokio::select! {
			stream = incoming.recv() => stream.ok_or_else(gone),
			() = self.ended.cancelled() => Err(gone()),
		}
	}

	fn status(&self) -> LinkStatus {
		LinkStatus {
			// The memory network is silent about outages, as a relay that hangs is.
			up: true,
			direct: false,
			rtt: 2 * Duration::from_millis(self.conditions.latency_ms.load(Ordering::Relaxed)),
		}
	}

	async fn closed(&self) {
		self.ended.cancelled().await;
	}

	fn ended(&self) -> Option<String> {
		self.ended.is_cancelled().then(|| "the link is closed".into())
	}

	fn close(&self, _reason: &'static str) {
		self.ended.cancel();
	}
}

/// `None` ends the stream well.
type Piece = Option<Bytes>;

impl MemoryLink {
	/// One direction of a stream.
	fn pipe(&self) -> (SendHalf, Pin<Box<dyn AsyncRead + Send>>) {
		let (to_wire, mut wire) = mpsc::channel::<Piece>(2);
		let (delay_in, mut delay_out) = mpsc::channel::<(Instant, Piece)>(WINDOW);
		let (to_reader, from_wire) = mpsc::channel::<Piece>(2);
		let (conditions, ended) = (self.conditions.clone(), self.ended.clone());
		tokio::spawn(async move {
			let forward = async {
				while let Some(mut piece) = wire.recv().await {
					conditions.wait_up().await;
					if let Some(bytes) = &mut piece {
						conditions.pass(bytes.len()).await;
						if conditions.corrupt.load(Ordering::Relaxed) {
							let mut damaged = bytes.to_vec();
							if let Some(last) = damaged.last_mut() {
								*last ^= 1;
							}
							*bytes = damaged.into();
						}
					}
					let latency = conditions.latency_ms.load(Ordering::Relaxed);
					let due = Instant::now() + Duration::from_millis(latency);
					if delay_in.send((due, piece)).await.is_err() {
						break;
					}
				}
				drop(delay_in);
			};
			let deliver = async {
				while let Some((due, piece)) = delay_out.recv().await {
					tokio::time::sleep_until(due).await;
					conditions.wait_up().await;
					if to_reader.send(piece).await.is_err() {
						break;
					}
				}
				delay_out.close();
			};
			tokio::select! {
				_ = async { tokio::join!(forward, deliver) } => {},
				() = ended.cancelled() => {},
				// The reader went away.
				() = to_reader.closed() => {},
			}
		});
		let send = SendHalf::new(Box::new(MemorySend { wire: PollSender::new(to_wire) }));
		(send, Box::pin(MemoryRecv { wire: from_wire, rest: Bytes::new(), finished: false }))
	}
}

struct MemorySend {
	wire: PollSender<Piece>,
}

impl MemorySend {
	fn poll_send(&mut self, cx: &mut Context<'_>, piece: Piece) -> Poll<io::Result<()>> {
		let broken = || io::Error::from(io::ErrorKind::BrokenPipe);
		ready!(self.wire.poll_reserve(cx)).map_err(|_| broken())?;
		Poll::Ready(self.wire.send_item(piece).map_err(|_| broken()))
	}
}

impl RawSend for MemorySend {
	fn reset(&mut self) {
		self.wire.abort_send();
		self.wire.close();
	}
}

impl AsyncWrite for MemorySend {
	fn poll_write(
		mut self: Pin<&mut Self>,
		cx: &mut Context<'_>,
		buf: &[u8],
	) -> Poll<io::Result<usize>> {
		let length = buf.len().min(PIECE);
		let broken = || io::Error::from(io::ErrorKind::BrokenPipe);
		ready!(self.wire.poll_reserve(cx)).map_err(|_| broken())?;
		let piece = Some(Bytes::copy_from_slice(&buf[..length]));
		self.wire.send_item(piece).map_err(|_| broken())?;
		Poll::Ready(Ok(length))
	}

	fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
		Poll::Ready(Ok(()))
	}

	fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
		self.poll_send(cx, None)
	}
}

struct MemoryRecv {
	wire: mpsc::Receiver<Piece>,
	rest: Bytes,
	finished: bool,
}

impl AsyncRead for MemoryRecv {
	fn poll_read(
		mut self: Pin<&mut Self>,
		cx: &mut Context<'_>,
		buf: &mut ReadBuf<'_>,
	) -> Poll<io::Result<()>> {
		while self.rest.is_empty() {
			if self.finished {
				return Poll::Ready(Ok(()));
			}
			match ready!(self.wire.poll_recv(cx)) {
				Some(Some(bytes)) => self.rest = bytes,
				Some(None) => self.finished = true,
				None => return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
			}
		}
		let length = self.rest.len().min(buf.remaining());
		buf.put_slice(&self.rest[..length]);
		self.rest.advance(length);
		Poll::Ready(Ok(()))
	}
}
