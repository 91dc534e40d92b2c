//! The mesh: content by hash, checked and written to disk, as jobs get it.

use std::{
	collections::HashMap,
	error::Error,
	net::SocketAddr,
	num::NonZeroU32,
	path::PathBuf,
	sync::Arc,
	time::{Duration, Instant},
};

use async_trait::async_trait;
use io_mesh::{
	EndpointId, Mesh, Peer,
	blob::{BlobServer, BlobStore, Content, FetchConfig, FetchReport, fetch},
	metrics::Metrics,
	node::Protocol,
	session::SessionConfig,
	transport::{
		Stream,
		quic::{LaneConfig, QuicTransport},
	},
};
use io_relay::{
	access::GateLimits,
	server::{Config, Relay},
	tls::Certificate,
};
use tokio::io::AsyncWriteExt;

use crate::{BULK, Path, ROUNDS, median, rate};

type Failed = Box<dyn Error>;

pub(crate) const WORKER: u8 = 1;
pub(crate) const CLIENT: u8 = 2;

fn secret(peer: u8, lane: u8) -> [u8; 32] {
	*blake3::hash(&[peer, lane]).as_bytes()
}

fn registered() -> HashMap<EndpointId, Peer> {
	let mut registered = HashMap::new();
	for (peer, lane) in [(WORKER, 0), (WORKER, 1), (CLIENT, 0), (CLIENT, 1)] {
		let key = iroh::SecretKey::from_bytes(&secret(peer, lane)).public();
		registered.insert(EndpointId(*key.as_bytes()), Peer([peer; 32]));
	}
	registered
}

pub(crate) async fn relay(number: u8, rate: Option<u32>) -> Result<Relay, Failed> {
	let config = Config {
		secret: [100 + number; 32],
		listen: "127.0.0.1:0".parse()?,
		quic_listen: None,
		certificate: Certificate::None,
		url: None,
		node: None,
		allow: None,
		limits: GateLimits::default(),
		rate: rate.and_then(NonZeroU32::new).map(|rate| (rate, None)),
		receipts: None,
		genesis: None,
		claim_key: None,
		metrics_listen: None,
	};
	Ok(Relay::start_with(config, Arc::new(registered()), || false).await?)
}

/// A node with one lane at each relay, or one direct lane.
pub(crate) async fn node(
	peer: u8,
	relays: &[String],
	protocols: Vec<Arc<dyn Protocol>>,
) -> Result<Mesh, Failed> {
	let mut builder = Mesh::builder().admission(Arc::new(registered()));
	let lanes: Vec<_> =
		if relays.is_empty() { vec![None] } else { relays.iter().cloned().map(Some).collect() };
	for (number, relay) in (0..).zip(lanes) {
		let direct = relay.is_none();
		let bind: SocketAddr = "127.0.0.1:0".parse()?;
		let lane = QuicTransport::bind(LaneConfig {
			direct,
			bind: direct.then_some(bind),
			..LaneConfig::new(secret(peer, number), relay)
		})
		.await?;
		lane.online(Duration::from_secs(10)).await?;
		builder = builder.lane(lane);
	}
	for protocol in protocols {
		builder = builder.protocol(protocol);
	}
	Ok(builder.start()?)
}

#[derive(Debug)]
struct One(Content, PathBuf);

#[async_trait]
impl BlobStore for One {
	async fn find(&self, _: Peer, hash: [u8; 32]) -> Option<PathBuf> {
		(hash == self.0.hash).then(|| self.1.clone())
	}
}

/// A content of so many bytes in a folder, and a protocol that serves it.
pub(crate) fn content(
	folder: &std::path::Path,
	size: u64,
) -> std::io::Result<(Content, Arc<dyn Protocol>)> {
	let mut bytes = vec![0; size as usize];
	blake3::Hasher::new().finalize_xof().fill(&mut bytes);
	let path = folder.join("content");
	std::fs::write(&path, &bytes)?;
	let content = Content { hash: *blake3::hash(&bytes).as_bytes(), size };
	Ok((content, BlobServer::new(Arc::new(One(content, path)), Metrics::default())))
}

/// Sends back what it gets.
#[derive(Debug)]
struct Echo;

#[async_trait]
impl Protocol for Echo {
	fn name(&self) -> &'static str {
		"echo"
	}

	async fn serve(&self, _: Peer, mut stream: Stream) -> Result<(), io_mesh::Error> {
		let question: [u8; 60] = io_mesh::frame::read(&mut stream.recv, 64).await?;
		let answer: Result<[u8; 60], io_mesh::error::Refusal> = Ok(question);
		io_mesh::frame::write(&mut stream.send, &answer).await?;
		Ok(stream.send.shutdown().await?)
	}
}

/// Over so many relays (none: directly), each of which lets a client send so many bytes per second.
pub(crate) async fn measure(relays: u8, limit: Option<u32>) -> Result<(Path, FetchReport), Failed> {
	let folder = tempfile::tempdir()?;
	let size = if limit.is_some() { BULK / 8 } else { BULK };
	let (content, server) = content(folder.path(), size)?;
	let mut running = Vec::new();
	for number in 0..relays {
		running.push(relay(number, limit).await?);
	}
	let urls: Vec<_> = running.iter().map(|relay| relay.url().to_owned()).collect();
	let worker = node(WORKER, &urls, vec![server, Arc::new(Echo)]).await?;
	let client = node(CLIENT, &urls, vec![]).await?;
	let session = client.session(&worker.address()?, SessionConfig::default());
	for lane in session.lanes() {
		lane.linked().await;
	}
	let mut times = Vec::new();
	for _ in 0..ROUNDS {
		let asked = Instant::now();
		let _: [u8; 60] = session.request("echo", &[0u8; 60], 64).await?;
		times.push(asked.elapsed());
	}
	let begun = Instant::now();
	let report =
		fetch(&[&session], content, &folder.path().join("copy"), FetchConfig::default()).await?;
	let path = Path { rate: rate(content.size, begun), latency: median(times) };
	drop(session);
	client.close().await;
	worker.close().await;
	for relay in running {
		relay.shutdown().await;
	}
	Ok((path, report))
}
