//! The side that wants the service.

use std::{sync::Arc, time::Duration};

use futures::{StreamExt, stream::FuturesUnordered};
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
			}
		};
		let detached = tokio::select! {
			detached = pipe.carry(stream, received, &carrier) => detached?,
			() = dead => Detached::Lost,
			() = down(&*link) => Detached::Lost,
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
			// The server has gone, but there was nothing more to get from it.
			Err(Error::Refused(Refusal::NotFound)) if pipe.needs_nothing() => {
				return match pipe.drained().await {
					true => Ok(()),
					false => Err(Error::Lost("the application broke off".into())),
				};
			},
			Err(error) => return Err(error),
		};
	}
}

/// Finds a lane that carries the tunnel.
///
/// A lane that does not answer in its patience is not waited for alone: the next is greeted too, and the first answer counts. The
/// server takes the same hello twice for one tunnel, on the stream that came last.
async fn attach(
	session: &MeshSession,
	hello: &Hello,
	least: Duration,
	patience: Duration,
) -> Result<Carried, Error> {
	let until = Instant::now() + patience;
	let mut attempts = vec![Attempts::default(); session.lanes().len()];
	let mut greetings = FuturesUnordered::new();
	let mut last = Error::Unreachable("no lane is up".into());
	while Instant::now() < until {
		let next = session.ranked().into_iter().find_map(|lane| {
			let tried = &attempts[lane.number()];
			(tried.again <= Some(Instant::now()) && !tried.waits).then_some(())?;
			Some((lane.link()?, lane))
		});
		let left = until.saturating_duration_since(Instant::now());
		let pause = match next {
			Some((link, lane)) => {
				let tried = &mut attempts[lane.number()];
				tried.waits = true;
				// A slow peer gets more time in the next round.
				let wait = lane.patience() * (1 << tried.count.min(4));
				tried.count += 1;
				let most = wait.max(least);
				greetings.push(async move {
					let greeted = tokio::select! {
						greeted = tokio::time::timeout(most, greet(&*link, hello)) => greeted,
						() = down(&*link) => Ok(Err(Error::Lost("the relay has gone".into()))),
					};
					(link, lane, greeted)
				});
				wait
			},
			None => WATCH,
		};
		tokio::select! {
			Some((link, lane, greeted)) = greetings.next() => {
				let tried = &mut attempts[lane.number()];
				(tried.waits, tried.again) = (false, Some(Instant::now() + WATCH));
				match greeted {
					Ok(Ok((stream, Ok(received)))) => {
						lane.trust();
						return Ok(Carried { stream, lane, link, received });
					},
					Ok(Ok((_, Err(refusal)))) => return Err(Error::Refused(refusal)),
					Ok(Err(error)) => last = error,
					Err(_) => lane.suspect(),
				}
			},
			() = tokio::time::sleep(pause.min(left)) => {},
		}
	}
	Err(last)
}

/// What was tried on one lane.
#[derive(Clone, Default)]
struct Attempts {
	count: u32,
	/// An answer is waited for.
	waits: bool,
	/// Not before.
	again: Option<Instant>,
}

/// Returns when the link, or the relay that it goes over, is known to have gone.
async fn down(link: &dyn Link) {
	while link.status().up {
		tokio::time::sleep(WATCH).await;
	}
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
