//! The relay as it runs.

use std::{
	net::{IpAddr, Ipv4Addr, SocketAddr},
	num::NonZeroU32,
	path::PathBuf,
	sync::Arc,
	time::Duration,
};

use axum::{Json, Router, extract::State, http::StatusCode, response::IntoResponse, routing::get};
use codec::Encode;
use io_mesh::{
	EndpointId, Mesh, PeerAddress,
	node::{Admission, Peer},
	receipt::ReceiptServer,
	transport::{
		RelayTrust,
		quic::{LaneConfig, QuicTransport},
	},
};
use iroh_relay::server::{
	ClientRateLimit, QuicConfig, RelayConfig, Server, ServerConfig, TlsConfig,
};
use sp_core::H256;
use tokio_util::task::AbortOnDropHandle;

use crate::{
	access::{AllowList, Gate, GateLimits, ListError},
	account,
	book::{self, Book},
	chain::Chain,
	claim,
	metrics::{self, Metrics},
	tls::{self, Certificate},
};

/// How often the allow list is looked at.
const REFRESH: Duration = Duration::from_secs(2);

/// Settings of a relay.
#[derive(Clone, Debug)]
pub struct Config {
	/// Secret key of the relay's own endpoint (ed25519 seed).
	pub secret: [u8; 32],
	/// Where clients connect: HTTPS, or HTTP without a certificate.
	pub listen: SocketAddr,
	/// UDP port at which endpoints learn their public address. Needs a certificate.
	pub quic_listen: Option<SocketAddr>,
	/// The certificate.
	pub certificate: Certificate,
	/// The URL by which clients know the relay; none: the listening address.
	pub url: Option<String>,
	/// The chain that says who may use it: the URL of a node.
	pub node: Option<String>,
	/// Who may use it besides.
	pub allow: Option<PathBuf>,
	/// Limits on connections.
	pub limits: GateLimits,
	/// Bytes per second that each client may send, and in one burst.
	pub rate: Option<(NonZeroU32, Option<NonZeroU32>)>,
	/// Where receipts are kept.
	pub receipts: Option<PathBuf>,
	/// Genesis hash of the chain that they are for, if no node tells it.
	pub genesis: Option<H256>,
	/// File with the secret of the account that claims payment for them once in each epoch.
	pub claim_key: Option<PathBuf>,
	/// Where metrics are shown.
	pub metrics_listen: Option<SocketAddr>,
}

/// Why a relay cannot run.
#[derive(thiserror::Error, Debug)]
pub enum Error {
	/// The certificate.
	#[error(transparent)]
	Certificate(#[from] tls::Error),
	/// The allow list.
	#[error(transparent)]
	List(#[from] ListError),
	/// The receipts.
	#[error(transparent)]
	Book(#[from] book::Error),
	/// A socket or the server.
	#[error("cannot serve on {address}: {reason}")]
	Listen {
		/// Where.
		address: SocketAddr,
		/// Why not.
		reason: String,
	},
	/// The chain.
	#[error(transparent)]
	Chain(#[from] io_client::Error),
	/// The relay's own endpoint.
	#[error("the relay's own endpoint: {0}")]
	Endpoint(#[from] io_mesh::Error),
	/// A setting makes no sense.
	#[error("{0}")]
	Config(String),
}

/// A running relay.
#[derive(Debug)]
pub struct Relay {
	server: Server,
	mesh: Mesh,
	id: EndpointId,
	url: String,
	pin: Option<[u8; 32]>,
	metrics_address: Option<SocketAddr>,
	_tasks: Vec<AbortOnDropHandle<()>>,
}

impl Relay {
	/// Starts it for those whom the chain and the allow list of its settings admit.
	pub async fn start(config: Config) -> Result<Relay, Error> {
		let list = config.allow.as_deref().map(AllowList::open).transpose()?.map(Arc::new);
		let chain = match &config.node {
			Some(url) => Some(Chain::connect(url, own_id(&config)).await?),
			None => None,
		};
		if list.is_none() && chain.is_none() {
			return Err(Error::Config(
				"a node or an allow list must say who may use the relay".into(),
			));
		}
		let admission = Arc::new(Registered { chain: chain.clone(), list: list.clone() });
		let of_chain = chain.clone();
		let changed = move || {
			let by_list = list.as_ref().is_some_and(|list| {
				list.refresh().unwrap_or_else(|error| {
					tracing::error!(%error, "the old allow list stays in force");
					false
				})
			});
			of_chain.as_ref().is_some_and(|chain| chain.has_changed()) || by_list
		};
		Relay::assemble(config, admission, chain, changed).await
	}

	/// Starts it with any admission. `changed` is asked every other second whether the admission's mind has changed; then those
	/// who are not admitted any more are disconnected.
	pub async fn start_with(
		config: Config,
		admission: Arc<dyn Admission>,
		changed: impl Fn() -> bool + Send + 'static,
	) -> Result<Relay, Error> {
		Relay::assemble(config, admission, None, changed).await
	}

	async fn assemble(
		config: Config,
		admission: Arc<dyn Admission>,
		chain: Option<Arc<Chain>>,
		changed: impl Fn() -> bool + Send + 'static,
	) -> Result<Relay, Error> {
		let id = own_id(&config);
		let book = open_book(&config, id, chain.as_deref())?;
		let counters = Metrics::default();
		let gate = Arc::new(Gate::new(admission.clone(), id, config.limits, counters.clone()));
		let server = serve(&config, gate.clone()).await?;
		let bound = server.https_addr().or(server.http_addr()).unwrap_or(config.listen);
		let scheme = if server.https_addr().is_some() { "https" } else { "http" };
		let url = config.url.clone().unwrap_or_else(|| format!("{scheme}://{bound}/"));
		let pin = config.certificate.pin()?;

		// The relay's own endpoint is a client of the relay like any other, so that receipts reach it encrypted and from a known peer.
		let local = match pin {
			Some(_) => format!("https://{}/", reachable(bound)),
			None if scheme == "http" => format!("http://{}/", reachable(bound)),
			None => url.clone(),
		};
		let trust = pin.map_or(RelayTrust::Public, |pin| RelayTrust::Pinned(vec![pin]));
		let lane =
			LaneConfig { direct: false, trust, ..LaneConfig::new(config.secret, Some(local)) };
		let mut mesh = Mesh::builder().lane(QuicTransport::bind(lane).await?).admission(admission);
		if let Some(book) = &book {
			mesh = mesh.protocol(ReceiptServer::new(Arc::new(book.clone())));
		}
		let mesh = mesh.start()?;

		let mut tasks = Vec::new();
		if let Some(chain) = &chain {
			let chain = chain.clone();
			tasks.push(AbortOnDropHandle::new(tokio::spawn(async move { chain.follow().await })));
		}
		if let (Some(chain), Some(book)) = (chain.clone(), book.clone()) {
			let signer = match &config.claim_key {
				Some(path) => Some(account::read(path).map_err(Error::Config)?),
				None => None,
			};
			tasks.push(AbortOnDropHandle::new(tokio::spawn(async move {
				claim::keep_claiming(&chain, &book, signer.as_ref()).await;
			})));
		}
		if let Some(service) = server.relay_service().cloned() {
			let (gate, counters) = (gate.clone(), counters.clone());
			tasks.push(AbortOnDropHandle::new(tokio::spawn(async move {
				let mut interval = tokio::time::interval(REFRESH);
				loop {
					interval.tick().await;
					if !changed() {
						continue;
					}
					for endpoint in gate.expelled() {
						tracing::info!(%endpoint, "disconnected: it is not admitted any more");
						counters.expelled.inc();
						if let Ok(id) = iroh::EndpointId::from_bytes(&endpoint.0) {
							service.clients().disconnect(id, None);
						}
					}
				}
			})));
		}
		let mut metrics_address = None;
		if let Some(address) = config.metrics_listen {
			let failed =
				|error: std::io::Error| Error::Listen { address, reason: error.to_string() };
			let listener = tokio::net::TcpListener::bind(address).await.map_err(failed)?;
			metrics_address = Some(listener.local_addr().map_err(failed)?);
			let shown = Shown {
				counters,
				mesh: mesh.metrics().clone(),
				gate,
				relay: server.metrics().clone(),
				chain,
				book,
			};
			let router = Router::new()
				.route("/metrics", get(show_metrics))
				.route("/v1/receipts", get(show_receipts))
				.with_state(shown);
			tasks.push(AbortOnDropHandle::new(tokio::spawn(async move {
				if let Err(error) = axum::serve(listener, router).await {
					tracing::error!(%error, "metrics are not shown any more");
				}
			})));
		}
		Ok(Relay { server, mesh, id, url, pin, metrics_address, _tasks: tasks })
	}

	/// The relay's own endpoint, which takes receipts.
	pub fn id(&self) -> EndpointId {
		self.id
	}

	/// Where workers bring receipts.
	pub fn address(&self) -> Result<PeerAddress, Error> {
		Ok(PeerAddress::new(vec![io_mesh::LaneAddress {
			endpoint: self.id,
			relay: Some(self.url.clone()),
			direct: Vec::new(),
		}])?)
	}

	/// The URL by which clients know it.
	pub fn url(&self) -> &str {
		&self.url
	}

	/// The pin of its certificate, if it is from files.
	pub fn pin(&self) -> Option<[u8; 32]> {
		self.pin
	}

	/// Where clients connect.
	pub fn listening(&self) -> Option<SocketAddr> {
		self.server.https_addr().or(self.server.http_addr())
	}

	/// Where metrics are shown.
	pub fn metrics_address(&self) -> Option<SocketAddr> {
		self.metrics_address
	}

	/// Waits until the server ends by itself, which it does only on failure.
	pub async fn failed(&mut self) -> String {
		match self.server.join().await {
			Ok(Ok(())) => "the server ended".into(),
			Ok(Err(error)) => error.to_string(),
			Err(error) => error.to_string(),
		}
	}

	/// Ends all connections in order.
	pub async fn shutdown(self) {
		self.mesh.close().await;
		if let Err(error) = self.server.shutdown().await {
			tracing::warn!(%error, "the server did not end in order");
		}
	}
}

/// Those whom the chain or the list knows.
#[derive(Debug)]
struct Registered {
	chain: Option<Arc<Chain>>,
	list: Option<Arc<AllowList>>,
}

impl Admission for Registered {
	fn admit(&self, endpoint: EndpointId) -> Option<Peer> {
		let by_chain = self.chain.as_ref().and_then(|chain| chain.admit(endpoint));
		by_chain.or_else(|| self.list.as_ref()?.admit(endpoint))
	}
}

fn own_id(config: &Config) -> EndpointId {
	EndpointId(*iroh::SecretKey::from_bytes(&config.secret).public().as_bytes())
}

fn open_book(
	config: &Config,
	id: EndpointId,
	chain: Option<&Chain>,
) -> Result<Option<Book>, Error> {
	let Some(path) = &config.receipts else {
		return match config.claim_key {
			Some(_) => {
				Err(Error::Config("without a file for receipts nothing can be claimed".into()))
			},
			None => Ok(None),
		};
	};
	let genesis = match chain {
		Some(chain) => {
			config.genesis.map_or(Ok(()), |genesis| chain.client().expect_genesis(genesis))?;
			Some(chain.client().genesis())
		},
		None => config.genesis,
	};
	let genesis = genesis.ok_or_else(|| {
		Error::Config("receipts are for one chain: give a node, or the chain's genesis hash".into())
	})?;
	let book = Book::open(path, id.0, genesis)?;
	if let Some(chain) = chain {
		book.set_epoch(chain.epoch())?;
	}
	Ok(Some(book))
}

/// An address of this machine that leads to a listening one.
fn reachable(bound: SocketAddr) -> SocketAddr {
	match bound.ip() {
		IpAddr::V4(ip) if ip.is_unspecified() => {
			SocketAddr::new(Ipv4Addr::LOCALHOST.into(), bound.port())
		},
		IpAddr::V6(ip) if ip.is_unspecified() => {
			SocketAddr::new(std::net::Ipv6Addr::LOCALHOST.into(), bound.port())
		},
		_ => bound,
	}
}

async fn serve(config: &Config, gate: Arc<Gate>) -> Result<Server, Error> {
	let certificate = config.certificate.config().await?;
	if config.quic_listen.is_some() && certificate.is_none() {
		return Err(Error::Config(
			"the QUIC port needs a certificate: give --tls-cert and --tls-key".into(),
		));
	}
	// With TLS, iroh serves its captive portal check in plain HTTP besides; our clients do not use it.
	let plain = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 0);
	let mut relay = RelayConfig::new(if certificate.is_some() { plain } else { config.listen });
	relay.tls = certificate.map(|certificate| TlsConfig::new(config.listen, certificate));
	relay.access = gate;
	relay.limits.client_rx = config.rate.map(|(rate, burst)| {
		let mut limit = ClientRateLimit::new(rate);
		limit.max_burst_bytes = burst;
		limit
	});
	let mut server = ServerConfig::default();
	server.relay = Some(relay);
	server.quic = config.quic_listen.map(QuicConfig::new);
	Server::spawn(server)
		.await
		.map_err(|error| Error::Listen { address: config.listen, reason: format!("{error:#}") })
}

/// What the HTTP server on loopback shows.
#[derive(Clone)]
struct Shown {
	counters: Metrics,
	mesh: io_mesh::metrics::Metrics,
	gate: Arc<Gate>,
	relay: iroh_relay::server::RelayMetrics,
	chain: Option<Arc<Chain>>,
	book: Option<Book>,
}

async fn show_metrics(State(shown): State<Shown>) -> impl IntoResponse {
	let chain = shown.chain.as_deref();
	match metrics::render(&shown.counters, &shown.mesh, &shown.gate, &shown.relay, chain) {
		Ok(text) => {
			let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
			([(axum::http::header::CONTENT_TYPE, kind)], text).into_response()
		},
		Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
	}
}

/// A receipt as it is shown.
#[derive(serde::Serialize)]
struct ShownReceipt {
	worker: String,
	epoch: u32,
	bytes: u64,
	/// The signed receipt in SCALE, as the chain takes it.
	signed: String,
}

async fn show_receipts(State(shown): State<Shown>) -> impl IntoResponse {
	let Some(book) = shown.book else {
		return (StatusCode::NOT_FOUND, "this relay keeps no receipts\n").into_response();
	};
	match tokio::task::spawn_blocking(move || book.all()).await {
		Ok(Ok(receipts)) => {
			let shown: Vec<_> = receipts
				.iter()
				.map(|signed| ShownReceipt {
					worker: hex::encode(signed.worker.0),
					epoch: signed.receipt.epoch,
					bytes: signed.receipt.bytes,
					signed: hex::encode(signed.encode()),
				})
				.collect();
			Json(shown).into_response()
		},
		Ok(Err(error)) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")).into_response(),
		Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
	}
}
