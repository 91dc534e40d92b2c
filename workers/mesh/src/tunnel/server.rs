//! The side that has the service.

use std::{
	collections::{HashMap, VecDeque},
	net::SocketAddr,
	sync::{Arc, Mutex},
	time::{Duration, Instant},
};

use async_trait::async_trait;
use tokio::{io::AsyncWriteExt, net::TcpStream, sync::Mutex as AsyncMutex};
use tokio_util::sync::CancellationToken;

use super::{
	Frame, Hello, MAX_HELLO, PROTOCOL, TunnelId,
	pipe::{Carrier, Pipe},
};
use crate::{
	Error,
	error::Refusal,
	frame, lock,
	metrics::Metrics,
	node::{Peer, Protocol},
	transport::Stream,
};

/// Time to say hello.
const HELLO: Duration = Duration::from_secs(10);
/// Time in which the service must accept a connection.
const CONNECT: Duration = Duration::from_secs(5);
/// A tunnel without a stream is kept so long.
const LINGER: Duration = Duration::from_secs(60);
/// How often it is checked whether a tunnel is still wanted and allowed.
const REVIEW: Duration = Duration::from_secs(2);
/// Tunnels of one peer.
const TUNNELS: usize = 16;

/// Tunnels that are remembered after their end.
const FINISHED: usize = 1024;

/// Which services a peer may reach. Made from the job or from the owner's settings, never from what the peer says.
///
/// Asked again every other second while a tunnel is open: it ends when the peer may not reach its port any more.
pub trait Services: std::fmt::Debug + Send + Sync + 'static {
	/// Where the service behind this port is; `None`: not for this peer.
	fn target(&self, peer: Peer, port: u16) -> Option<SocketAddr>;
}

impl Services for HashMap<(Peer, u16), SocketAddr> {
	fn target(&self, peer: Peer, port: u16) -> Option<SocketAddr> {
		self.get(&(peer, port)).copied()
	}
}

#[derive(Debug)]
struct Tunnel {
	pipe: Pipe,
	port: u16,
	/// What was behind the port when the tunnel was opened.
	target: SocketAddr,
	/// Whose stream came last: a client is another peer on each lane if its endpoints are.
	client: Mutex<Peer>,
	/// Sends the stream away that carries the tunnel.
	current: Mutex<CancellationToken>,
	/// Held by the stream that carries the tunnel.
	carrying: AsyncMutex<()>,
	/// Since when no stream carries it.
	detached: Mutex<Instant>,
}

/// Serves tunnels to the services of this machine.
#[derive(Debug)]
pub struct TunnelServer {
	services: Arc<dyn Services>,
	tunnels: Mutex<HashMap<TunnelId, Arc<Tunnel>>>,
	/// Tunnels that went through to their ends, with the bytes received: their clients may not have heard of it.
	finished: Mutex<VecDeque<(TunnelId, u64)>>,
	metrics: Metrics,
}

impl TunnelServer {
	/// Serves these services.
	pub fn new(services: Arc<dyn Services>, metrics: Metrics) -> Arc<TunnelServer> {
		let (tunnels, finished) = Default::default();
		Arc::new(TunnelServer { services, tunnels, finished, metrics })
	}

	/// The tunnel with this name, which nobody but its client knows, for a peer that may reach its port.
	fn find(&self, peer: Peer, id: TunnelId) -> Option<Arc<Tunnel>> {
		let tunnel = lock(&self.tunnels).get(&id).cloned()?;
		self.allows(peer, &tunnel).then(|| {
			*lock(&tunnel.client) = peer;
			tunnel
		})
	}

	/// Bytes that a tunnel has received which went through to its ends.
	fn finished(&self, id: TunnelId) -> Option<u64> {
		let finished = lock(&self.finished);
		finished.iter().find(|(known, _)| *known == id).map(|(_, received)| *received)
	}

	fn finish(&self, id: TunnelId, received: u64) {
		let mut finished = lock(&self.finished);
		finished.truncate(FINISHED - 1);
		finished.push_front((id, received));
	}

	fn allows(&self, peer: Peer, tunnel: &Tunnel) -> bool {
		self.services.target(peer, tunnel.port) == Some(tunnel.target)
	}

	async fn open(
		self: &Arc<Self>,
		peer: Peer,
		id: TunnelId,
		port: u16,
	) -> Result<Arc<Tunnel>, Refusal> {
		if let Some(known) = self.find(peer, id) {
			return Ok(known);
		}
		let target = self.services.target(peer, port).ok_or(Refusal::Port)?;
		let full = |tunnels: &HashMap<TunnelId, Arc<Tunnel>>| {
			tunnels.values().filter(|tunnel| *lock(&tunnel.client) == peer).count() >= TUNNELS
		};
		if full(&lock(&self.tunnels)) {
			return Err(Refusal::Busy);
		}
		let socket = tokio::time::timeout(CONNECT, TcpStream::connect(target)).await;
		let socket = socket.ok().and_then(Result::ok).ok_or(Refusal::Service)?;
		// Interactive programs write single keystrokes.
		let _ = socket.set_nodelay(true);
		let tunnel = Arc::new(Tunnel {
			pipe: Pipe::default(),
			port,
			target,
			client: Mutex::new(peer),
			current: Mutex::default(),
			carrying: AsyncMutex::default(),
			detached: Mutex::new(Instant::now()),
		});
		let known = {
			let mut tunnels = lock(&self.tunnels);
			// The same hello, or others, may have come while the service was dialed.
			let known = tunnels.contains_key(&id);
			if !known {
				if full(&tunnels) {
					return Err(Refusal::Busy);
				}
				tunnels.insert(id, tunnel.clone());
			}
			known
		};
		if known {
			return self.find(peer, id).ok_or(Refusal::Port);
		}
		self.metrics.tunnels.inc();
		let (server, kept) = (self.clone(), tunnel.clone());
		tokio::spawn(async move {
			let (mut from, mut to) = socket.into_split();
			let allowed = || server.allows(*lock(&kept.client), &kept);
			tokio::join!(kept.pipe.local(&mut from, &mut to), kept.review(allowed));
			match kept.pipe.is_whole() {
				true => server.finish(id, kept.pipe.received()),
				false => super::break_off(from, to),
			}
			lock(&server.tunnels).remove(&id);
			server.metrics.tunnels.dec();
		});
		Ok(tunnel)
	}
}

impl Tunnel {
	/// Ends the tunnel when its client has forgotten it or may not use it any more.
	async fn review(&self, allowed: impl Fn() -> bool) {
		while tokio::time::timeout(REVIEW, self.pipe.over()).await.is_err() {
			let forgotten =
				self.carrying.try_lock().is_ok() && lock(&self.detached).elapsed() > LINGER;
			if forgotten || !allowed() {
				self.pipe.end();
			}
		}
	}

	async fn carry(&self, mut stream: Stream, peer_received: u64) -> Result<(), Error> {
		// A hello that was long under way, after a later one: no reason to leave the stream that moves, nor a breach.
		if !self.pipe.may_go_on_from(peer_received) {
			return frame::refuse(&mut stream.send, Refusal::Request).await;
		}
		let mine = CancellationToken::new();
		std::mem::replace(&mut *lock(&self.current), mine.clone()).cancel();
		let _carrying = self.carrying.lock().await;
		let yes: Result<u64, Refusal> = Ok(self.pipe.received());
		let result = tokio::select! {
			result = async {
				frame::write(&mut stream.send, &yes).await?;
				self.pipe.carry(stream, peer_received, &Carrier::new(None)).await
			} => result.map(drop),
			() = mine.cancelled() => Ok(()),
		};
		*lock(&self.detached) = Instant::now();
		result
	}
}

/// Tells a client again that all that it sent was handed on.
async fn farewell(mut stream: Stream, received: u64) -> Result<(), Error> {
	frame::write(&mut stream.send, &Ok::<u64, Refusal>(received)).await?;
	frame::write(&mut stream.send, &Frame::Taken(received + 1)).await?;
	Ok(stream.send.shutdown().await?)
}

#[async_trait]
impl Protocol for Arc<TunnelServer> {
	fn name(&self) -> &'static str {
		PROTOCOL
	}

	async fn serve(&self, peer: Peer, mut stream: Stream) -> Result<(), Error> {
		let hello = tokio::time::timeout(HELLO, frame::read(&mut stream.recv, MAX_HELLO));
		let hello: Hello = hello.await.map_err(|_| Error::Stalled(HELLO.as_secs()))??;
		let (found, peer_received) = match hello {
			Hello::Open(id, port) => (self.open(peer, id, port).await, 0),
			Hello::Resume(id, received) => match self.find(peer, id) {
				Some(tunnel) => (Ok(tunnel), received),
				None => match self.finished(id) {
					Some(all) => return farewell(stream, all).await,
					None => (Err(Refusal::NotFound), received),
				},
			},
		};
		match found {
			Ok(tunnel) => tunnel.carry(stream, peer_received).await,
			Err(refusal) => frame::refuse(&mut stream.send, refusal).await,
		}
	}
}
