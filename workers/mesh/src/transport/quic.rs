//! The real network: one iroh endpoint, pinned to one relay.
//!
//! An iroh endpoint holds on to one home relay and needs most of a minute to accept that it is dead. A lane therefore never
//! changes its relay; what survives a relay is the session above, which has another lane.
//!
//! No server of anybody else is used: no address look-up, no relays but the one given.

use std::{
	fmt, io,
	net::SocketAddr,
	pin::Pin,
	sync::Arc,
	task::{Context, Poll},
	time::Duration,
};

use async_trait::async_trait;
use iroh::{
	Endpoint, NetReportConfig, RelayConfig, RelayMap, RelayMode, RelayUrl, SecretKey,
	TransportAddr, Watcher,
	endpoint::{
		Connection, ControllerFactory, IdleTimeout, PortmapperConfig, QuicTransportConfig,
		RelayStatus, VarInt, presets,
	},
};
use noq_proto::congestion::{Bbr3Config, CubicConfig};
use tokio::{
	io::AsyncWrite,
	sync::{Mutex as AsyncMutex, Semaphore, mpsc},
	task::JoinSet,
	time::Instant,
};
use tokio_util::task::AbortOnDropHandle;

use super::{Link, LinkStatus, RawSend, RelayTrust, SendHalf, Stream, Transport};
use crate::{ALPN, EndpointId, Error, LaneAddress, relays::NOT_REGISTERED};

/// A handshake that takes longer is given up.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// Handshakes at one time with strangers.
const HANDSHAKES: usize = 64;
/// Silence after which a link counts as dead. The session above does not wait for it.
const IDLE: Duration = Duration::from_secs(12);
/// Interval of signs of life on an idle link.
const KEEP_ALIVE: Duration = Duration::from_secs(4);
/// How long a relay may take to hear of an endpoint that is new on chain.
const NEWCOMER: Duration = Duration::from_secs(3);
/// Streams that a peer may have open in one link.
const STREAMS: u32 = 128;
/// Bytes that a peer may have in flight to us in one stream, and in all streams of a link.
const STREAM_WINDOW: u32 = 2 * 1024 * 1024;
const LINK_WINDOW: u32 = 16 * 1024 * 1024;

/// How much a lane sends at once.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Congestion {
	/// RFC 9438. Fair, slow on lossy paths.
	#[default]
	Cubic,
	/// BBR version 3.
	Bbr,
}

/// Settings of a lane.
#[derive(Clone, Debug)]
pub struct LaneConfig {
	/// Secret key of the endpoint (ed25519 seed).
	pub secret: [u8; 32],
	/// URL of the relay; none: direct links only.
	pub relay: Option<String>,
	/// UDP port at which the relay tells endpoints their public address; without it few NATs are punched.
	pub relay_quic_port: Option<u16>,
	/// Which certificates of the relay are believed.
	pub trust: RelayTrust,
	/// Whether links may leave the relay and go straight from machine to machine.
	pub direct: bool,
	/// Local UDP address; none: any.
	pub bind: Option<SocketAddr>,
	/// HTTP proxy through which the relay is reached.
	pub proxy: Option<String>,
	/// Congestion control.
	pub congestion: Congestion,
}

impl LaneConfig {
	/// A lane with this key at this relay, direct links allowed, public certificates.
	pub fn new(secret: [u8; 32], relay: Option<String>) -> LaneConfig {
		LaneConfig {
			secret,
			relay,
			relay_quic_port: None,
			trust: RelayTrust::Public,
			direct: true,
			bind: None,
			proxy: None,
			congestion: Congestion::Cubic,
		}
	}
}

/// One lane over the internet.
#[derive(Debug)]
pub struct QuicTransport {
	local: Local,
	direct: bool,
	incoming: AsyncMutex<mpsc::Receiver<Arc<dyn Link>>>,
	_acceptor: AbortOnDropHandle<()>,
}

fn parse_url(url: &str) -> Result<RelayUrl, Error> {
	url.parse().map_err(|_| Error::Address("the URL of the relay is wrong"))
}

impl QuicTransport {
	/// Opens the endpoint. It reaches its relay in the background: see [`QuicTransport::online`].
	pub async fn bind(config: LaneConfig) -> Result<Arc<QuicTransport>, Error> {
		let relay = config.relay.as_deref().map(parse_url).transpose()?;
		let mut builder = Endpoint::builder(presets::Minimal)
			.secret_key(SecretKey::from_bytes(&config.secret))
			.alpns(vec![ALPN.to_vec()])
			.transport_config(transport(config.congestion)?)
			.portmapper_config(PortmapperConfig::Disabled)
			.ca_tls_config(config.trust.config())
			.net_report_config({
				let mut report = NetReportConfig::minimal();
				report.https_probes = true;
				report
			})
			.relay_mode(match &relay {
				None => RelayMode::Disabled,
				Some(url) => {
					let quic = config.relay_quic_port.map(iroh_relay::RelayQuicConfig::new);
					let map = RelayMap::empty();
					map.insert(url.clone(), Arc::new(RelayConfig::new(url.clone(), quic)));
					RelayMode::Custom(map)
				},
			});
		if !config.direct || config.bind.is_some() {
			builder = builder.clear_ip_transports();
		}
		if let (true, Some(address)) = (config.direct, config.bind) {
			builder = builder.bind_addr(address).map_err(|e| Error::Endpoint(e.to_string()))?;
		}
		if let Some(proxy) = &config.proxy {
			let proxy =
				proxy.parse().map_err(|_| Error::Address("the URL of the proxy is wrong"))?;
			builder = builder.proxy_url(proxy);
		}
		let endpoint = builder.bind().await.map_err(|e| Error::Endpoint(format!("{e:#}")))?;
		let (links, incoming) = mpsc::channel(16);
		let local = Local { endpoint: endpoint.clone(), relay };
		let acceptor = tokio::spawn(accept_links(local.clone(), links));
		Ok(Arc::new(QuicTransport {
			local,
			direct: config.direct,
			incoming: AsyncMutex::new(incoming),
			_acceptor: AbortOnDropHandle::new(acceptor),
		}))
	}

	/// Whether the relay is connected now. Without a relay, always.
	pub fn is_online(&self) -> bool {
		self.local.relay.is_none() || self.local.is_connected()
	}

	/// Returns when the relay has let this endpoint in. Without a relay, at once.
	///
	/// A relay that is full or wants a pause is asked again. One that does not know this endpoint is so for a few seconds only, in
	/// which it may hear of a registration that is new.
	pub async fn online(&self, patience: Duration) -> Result<(), Error> {
		if self.local.relay.is_none() {
			return Ok(());
		}
		let mut watcher = self.local.endpoint.home_relay_status();
		let (begin, mut refusal) = (Instant::now(), None);
		loop {
			let relays = watcher.get();
			if relays.iter().any(RelayStatus::is_connected) {
				return Ok(());
			}
			// It is none while the endpoint tries again.
			if let Some(reason) = relays.iter().find_map(RelayStatus::auth_denied_reason) {
				refusal = Some(reason.to_owned());
			}
			let most = match refusal.as_deref() {
				Some(NOT_REGISTERED) => patience.min(NEWCOMER),
				_ => patience,
			};
			match tokio::time::timeout_at(begin + most, watcher.updated()).await {
				Ok(Ok(_)) => {},
				Ok(Err(_)) => return Err(Error::Endpoint("the endpoint is closed".into())),
				Err(_) => break,
			}
		}
		Err(Error::Endpoint(match refusal {
			Some(reason) => format!("the relay refuses this endpoint: {reason}"),
			None => "the relay does not answer".into(),
		}))
	}
}

fn transport(congestion: Congestion) -> Result<QuicTransportConfig, Error> {
	let congestion: Arc<dyn ControllerFactory + Send + Sync> = match congestion {
		Congestion::Cubic => Arc::new(CubicConfig::default()),
		Congestion::Bbr => Arc::new(Bbr3Config::default()),
	};
	let idle = IdleTimeout::try_from(IDLE)
		.map_err(|_| Error::Config("the idle time is too long".into()))?;
	Ok(QuicTransportConfig::builder()
		.max_concurrent_bidi_streams(VarInt::from_u32(STREAMS))
		.max_concurrent_uni_streams(VarInt::from_u32(0))
		.stream_receive_window(VarInt::from_u32(STREAM_WINDOW))
		.receive_window(VarInt::from_u32(LINK_WINDOW))
		.send_window(u64::from(LINK_WINDOW))
		.datagram_receive_buffer_size(None)
		.max_idle_timeout(Some(idle))
		.keep_alive_interval(KEEP_ALIVE)
		.default_path_keep_alive_interval(KEEP_ALIVE)
		.congestion_controller_factory(congestion)
		.build())
}

/// Completes handshakes side by side, so that a slow stranger keeps nobody waiting.
async fn accept_links(local: Local, links: mpsc::Sender<Arc<dyn Link>>) {
	let slots = Arc::new(Semaphore::new(HANDSHAKES));
	let mut handshakes = JoinSet::new();
	while let Some(incoming) = local.endpoint.accept().await {
		while handshakes.try_join_next().is_some() {}
		let Ok(slot) = slots.clone().try_acquire_owned() else {
			incoming.refuse();
			continue;
		};
		let (links, local) = (links.clone(), local.clone());
		handshakes.spawn(async move {
			match tokio::time::timeout(HANDSHAKE, incoming).await {
				Ok(Ok(connection)) => {
					drop(slot);
					let _ = links.send(QuicLink::new(connection, local)).await;
				},
				Ok(Err(error)) => tracing::debug!(%error, "a handshake failed"),
				Err(_) => tracing::debug!("a handshake took too long"),
			}
		});
	}
}

#[async_trait]
impl Transport for QuicTransport {
	fn local(&self) -> EndpointId {
		EndpointId(*self.local.endpoint.id().as_bytes())
	}

	fn address(&self) -> LaneAddress {
		let direct = match &self.local.relay {
			// Peers that meet at a relay tell one another their addresses there.
			Some(_) => Vec::new(),
			None => self
				.local
				.endpoint
				.addr()
				.ip_addrs()
				.copied()
				.take(crate::address::MAX_DIRECT)
				.collect(),
		};
		LaneAddress {
			endpoint: self.local(),
			relay: self.local.relay.as_ref().map(ToString::to_string),
			direct,
		}
	}

	async fn connect(&self, to: &LaneAddress) -> Result<Arc<dyn Link>, Error> {
		let id = iroh::EndpointId::from_bytes(&to.endpoint.0)
			.map_err(|_| Error::Address("the endpoint id is no public key"))?;
		let mut address = iroh::EndpointAddr::new(id);
		if let Some(url) = &to.relay {
			address = address.with_relay_url(parse_url(url)?);
		}
		if self.direct {
			address = address.with_addrs(to.direct.iter().copied().map(TransportAddr::Ip));
		}
		let connection = self
			.local
			.endpoint
			.connect(address, ALPN)
			.await
			.map_err(|e| Error::Unreachable(format!("{e:#}")))?;
		Ok(QuicLink::new(connection, self.local.clone()))
	}

	async fn accept(&self) -> Option<Arc<dyn Link>> {
		self.incoming.lock().await.recv().await
	}

	fn relayed(&self) -> u64 {
		let metrics = &self.local.endpoint.metrics().socket;
		metrics.send_relay.get() + metrics.recv_data_relay.get()
	}

	async fn restored(&self) {
		self.local.wait_for_relay(false).await;
		self.local.wait_for_relay(true).await;
	}

	async fn close(&self) {
		self.local.endpoint.close().await;
	}
}

/// This end of all links, which knows whether its relay is there.
#[derive(Clone)]
struct Local {
	endpoint: Endpoint,
	/// The relay of this lane.
	relay: Option<RelayUrl>,
}

impl fmt::Debug for Local {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		let relay = self.relay.as_ref().map(ToString::to_string);
		f.debug_struct("Local")
			.field("endpoint", &self.endpoint.id())
			.field("relay", &relay)
			.finish()
	}
}

impl Local {
	fn relay_up(&self) -> bool {
		// Before the first contact there is no entry; then nothing is known to be wrong.
		self.endpoint.home_relay_status().get().is_empty() || self.is_connected()
	}

	fn is_connected(&self) -> bool {
		self.endpoint.home_relay_status().get().iter().any(RelayStatus::is_connected)
	}

	async fn wait_for_relay(&self, wanted: bool) {
		let mut watcher = self.endpoint.home_relay_status();
		while self.relay_up() != wanted {
			if watcher.updated().await.is_err() {
				std::future::pending::<()>().await;
			}
		}
	}
}

#[derive(Debug)]
struct QuicLink {
	connection: Connection,
	local: Local,
}

impl QuicLink {
	fn new(connection: Connection, local: Local) -> Arc<QuicLink> {
		Arc::new(QuicLink { connection, local })
	}
}

#[async_trait]
impl Link for QuicLink {
	fn remote(&self) -> EndpointId {
		EndpointId(*self.connection.remote_id().as_bytes())
	}

	async fn open(&self) -> Result<Stream, Error> {
		let (send, recv) =
			self.connection.open_bi().await.map_err(|e| Error::Lost(e.to_string()))?;
		Ok(Stream { send: SendHalf::new(Box::new(QuicSend(send))), recv: Box::pin(recv) })
	}

	async fn accept(&self) -> Result<Stream, Error> {
		let (send, recv) =
			self.connection.accept_bi().await.map_err(|e| Error::Lost(e.to_string()))?;
		Ok(Stream { send: SendHalf::new(Box::new(QuicSend(send))), recv: Box::pin(recv) })
	}

	fn status(&self) -> LinkStatus {
		let paths = self.connection.paths();
		let selected = paths.iter().find(|path| path.is_selected());
		let direct = selected.as_ref().is_some_and(|path| path.is_ip());
		// Of a relay that is not ours nothing is known.
		let ours = selected.as_ref().is_none_or(|path| match path.remote_addr() {
			TransportAddr::Relay(url) => Some(url) == self.local.relay.as_ref(),
			_ => false,
		});
		LinkStatus {
			up: self.connection.close_reason().is_none() && (!ours || self.local.relay_up()),
			direct,
			rtt: selected.map_or(Duration::from_millis(333), |path| path.rtt()),
		}
	}

	async fn closed(&self) {
		self.connection.closed().await;
	}

	fn ended(&self) -> Option<String> {
		self.connection.close_reason().map(|reason| reason.to_string())
	}

	fn close(&self, reason: &'static str) {
		self.connection.close(VarInt::from_u32(0), reason.as_bytes());
	}
}

struct QuicSend(iroh::endpoint::SendStream);

impl RawSend for QuicSend {
	fn reset(&mut self) {
		let _ = self.0.reset(VarInt::from_u32(0));
	}
}

impl AsyncWrite for QuicSend {
	fn poll_write(
		mut self: Pin<&mut Self>,
		cx: &mut Context<'_>,
		buf: &[u8],
	) -> Poll<io::Result<usize>> {
		AsyncWrite::poll_write(Pin::new(&mut self.0), cx, buf)
	}

	fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
		Pin::new(&mut self.0).poll_flush(cx)
	}

	fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
		Pin::new(&mut self.0).poll_shutdown(cx)
	}
}
