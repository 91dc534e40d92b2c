//! The side that wants the service.

use std::{sync::Arc, time::Duration};

use tokio::{
	io::{AsyncRead, AsyncWrite},
	net::TcpListener,
	time::Instant,
};

use super::{
	Hello, PROTOCOL, TunnelId,
	pipe::{Carrier, Detached, Pipe},
};
use crate::{
	Error, MeshSession,
	error::Refusal,
	frame,
	session::{self, Lane},
	transport::{Link, Stream},
};

/// Interval of pings. With the patience of the lane it bounds how long a dead relay goes unnoticed.
const PING: Duration = Duration::from_millis(300);
/// How often it is checked whether the link is alive.
const WATCH: Duration = Duration::from_millis(25);
/// Most bytes of the answer to a hello.
const MAX_ANSWER: usize = 16;
/// Pause after a connection could not be taken from the operating system.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);
/// A new tunnel waits for the service to be dialed.
const OPEN: Duration = Duration::from_secs(6);

/// Settings of tunnels.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TunnelConfig {
	/// A tunnel that no lane can carry for so long is given up.
	pub patience: Duration,
}

impl Default for TunnelConfig {
	fn default() -> TunnelConfig {
		TunnelConfig { patience: Duration::from_secs(60) }
	}
}

/// A stream that carries the tunnel, where it goes, and what the server has received.
struct Carried {
	stream: Stream,
	lane: Arc<Lane>,
	link: Arc<dyn Link>,
	received: u64,
}

/// Connects a socket (or any two halves of one) with a port of the peer, until both directions have ended.
///
/// An error before the service has answered leaves the socket untouched. After that it means that what came through is not
/// all: then close the socket with a reset.
pub async fn connect(
	session: &MeshSession,
	from: impl AsyncRead + Unpin,
	to: impl AsyncWrite + Unpin,
	port: u16,
	config: TunnelConfig,
) -> Result<(), Error> {
	let mut id: TunnelId = [0; 16];
	getrandom::fill(&mut id)
		.map_err(|_| Error::Config("no randomness from the operating system".into()))?;
	let first = attach(session, &Hello::Open(id, port), OPEN, config.patience).await?;
	let pipe = Pipe::default();
	let metrics = session.metrics();
	metrics.tunnels.inc();
	let (driven, ()) = tokio::join!(
		async {
			let driven = drive(session, &pipe, id, first, config).await;
			pipe.end();
			driven
		},
		pipe.local(from, to),
	);
	metrics.tunnels.dec();
	driven
}

/// Moves the tunnel from link to link until it is over.
async fn drive(
	session: &MeshSession,
	pipe: &Pipe,
	id: TunnelId,
	first: Carried,
	config: TunnelConfig,
) -> Result<(), Error> {
	let mut carried = first;
	loop {
		let carrier = Carrier::new(Some(PING));
		let Carried { stream, lane, link, received } = carried;
		let dead = async {
			loop {
				tokio::time::sleep(WATCH).await;
				if carrier.silence() > PING + lane.patience() {
					return lane.suspect();
				}
				if !link.status().up {
					return;
				}
			}
		};
		let detached = tokio::select! {
			detached = pipe.carry(stream, received, &carrier) => detached?,
			() = dead => Detached::Lost,
		};
		if detached == Detached::Over {
			return match pipe.is_whole() {
				true => Ok(()),
				false => Err(Error::Lost("the connection was broken off".into())),
			};
		}
		session.metrics().tunnel_moves.inc();
		let hello = Hello::Resume(id, pipe.received());
		carried = match attach(session, &hello, Duration::ZERO, config.patience).await {
			Ok(carried) => carried,
			// The server had nothing more to say, and has gone before we heard it.
			Err(Error::Refused(Refusal::NotFound)) if pipe.nearly_complete() => return Ok(()),
			Err(error) => return Err(error),
		};
	}
}

/// Finds a lane that carries the tunnel.
async fn attach(
	session: &MeshSession,
	hello: &Hello,
	least: Duration,
	patience: Duration,
) -> Result<Carried, Error> {
	let until = Instant::now() + patience;
	let mut factor = 1u32;
	let mut last = Error::Unreachable("no lane is up".into());
	while Instant::now() < until {
		let ranked = session.ranked();
		if ranked.is_empty() {
			tokio::time::sleep(WATCH).await;
			continue;
		}
		for lane in ranked {
			let Some(link) = lane.link() else { continue };
			let wait = (factor * lane.patience())
				.max(least)
				.min(until.saturating_duration_since(Instant::now()));
			let greeted = greet(&*link, hello);
			match tokio::time::timeout(wait, greeted).await {
				Ok(Ok((stream, Ok(received)))) => {
					lane.trust();
					return Ok(Carried { stream, lane, link, received });
				},
				Ok(Ok((_, Err(refusal)))) => return Err(Error::Refused(refusal)),
				Ok(Err(error)) => last = error,
				Err(_) => lane.suspect(),
			}
		}
		// A slow peer gets more time in the next round.
		factor = (2 * factor).min(16);
		tokio::time::sleep(WATCH).await;
	}
	Err(last)
}

async fn greet(link: &dyn Link, hello: &Hello) -> Result<(Stream, Result<u64, Refusal>), Error> {
	let mut stream = session::open(link, PROTOCOL, &frame::encode(hello)?).await?;
	let answer = frame::read(&mut stream.recv, MAX_ANSWER).await?;
	Ok((stream, answer))
}

/// A local port that leads to a port of the peer.
#[derive(Debug)]
pub struct Forward {
	session: Arc<MeshSession>,
	listener: TcpListener,
	port: u16,
	config: TunnelConfig,
}

impl Forward {
	/// Connections to `listener` shall go to this port of the peer.
	pub fn new(
		session: Arc<MeshSession>,
		listener: TcpListener,
		port: u16,
		config: TunnelConfig,
	) -> Forward {
		Forward { session, listener, port, config }
	}

	/// Serves until dropped. Tunnels end with it. `failed` hears of those that ended early.
	pub async fn run(self, failed: impl Fn(&Error) + Clone + Send + 'static) {
		let mut tunnels = tokio::task::JoinSet::new();
		loop {
			let socket = match self.listener.accept().await {
				Ok((socket, _)) => socket,
				// Too many open files, or a connection that has ended already: others shall go on.
				Err(error) => {
					tracing::warn!(%error, "a connection could not be taken");
					tokio::time::sleep(ACCEPT_AGAIN).await;
					continue;
				},
			};
			while tunnels.try_join_next().is_some() {}
			let _ = socket.set_nodelay(true);
			let (session, port, config) = (self.session.clone(), self.port, self.config);
			let failed = failed.clone();
			tunnels.spawn(async move {
				let (mut from, mut to) = socket.into_split();
				if let Err(error) = connect(&session, &mut from, &mut to, port, config).await {
					failed(&error);
					super::break_off(from, to);
				}
			});
		}
	}
}
