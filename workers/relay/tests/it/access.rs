use std::{
	num::NonZeroU32,
	sync::Arc,
	time::{Duration, Instant},
};

use io_mesh::{
	Mesh,
	blob::{FetchConfig, describe, fetch},
	session::SessionConfig,
	transport::{
		Transport,
		quic::{LaneConfig, QuicTransport},
	},
};
use io_relay::{
	access::GateLimits,
	server::{Config, Relay},
};

use crate::support::*;

const STRANGER: u8 = 9;

async fn offline(peer: u8, relay: &str) -> Arc<QuicTransport> {
	let config =
		LaneConfig { direct: false, ..LaneConfig::new(secret(peer, 0), Some(relay.to_owned())) };
	QuicTransport::bind(config).await.unwrap()
}

async fn online(peer: u8, relay: &str) -> Result<Arc<QuicTransport>, io_mesh::Error> {
	let transport = offline(peer, relay).await;
	transport.online(Duration::from_secs(30)).await?;
	Ok(transport)
}

#[tokio::test(flavor = "multi_thread")]
async fn should_refuse_when_an_endpoint_is_not_registered() {
	let relay = relay(0, anywhere()).await;
	let begin = Instant::now();
	let error = online(STRANGER, relay.url()).await.unwrap_err();
	// It is not tried for as long as a relay that is only full.
	assert!(begin.elapsed() < Duration::from_secs(15));
	assert!(error.to_string().contains("not registered"), "{error}");
	online(CLIENT, relay.url()).await.unwrap();
	relay.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn should_get_in_when_the_relay_has_room_again() {
	let limits = GateLimits { per_endpoint: 1, ..GateLimits::default() };
	let small = Config { limits, ..config(0, anywhere()) };
	let relay = Relay::start_with(small, Arc::new(registered()), || false).await.unwrap();
	let first = online(CLIENT, relay.url()).await.unwrap();
	let second = offline(CLIENT, relay.url()).await;
	let error = second.online(Duration::from_secs(2)).await.unwrap_err();
	assert!(error.to_string().contains("too many connections"), "{error}");
	let waiting = second.online(Duration::from_secs(60));
	let leaving = async {
		tokio::time::sleep(Duration::from_millis(500)).await;
		first.close().await;
	};
	tokio::join!(waiting, leaving).0.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn should_say_why_when_a_peer_lets_nobody_in() {
	let [worker, stranger] = [lane(WORKER, 0, None).await, lane(STRANGER, 0, None).await]
		.map(|lane| Mesh::builder().lane(lane).start().unwrap());
	let config = SessionConfig { patience: Duration::from_secs(3) };
	let session = stranger.session(&worker.address().unwrap(), config);
	let error = describe(&session, [0; 32], 1).await.unwrap_err().to_string();
	assert!(error.contains("not admitted"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn should_disconnect_when_an_endpoint_is_taken_off_the_list() {
	let folder = tempfile::tempdir().unwrap();
	let allow = folder.path().join("allow");
	std::fs::write(&allow, format!("{}\n", endpoint(CLIENT, 0))).unwrap();
	let listed = Config { allow: Some(allow.clone()), ..config(0, anywhere()) };
	let relay = Relay::start(listed).await.unwrap();
	let client = online(CLIENT, relay.url()).await.unwrap();
	let back = {
		let restored = client.restored();
		std::fs::write(&allow, "# nobody\n").unwrap();
		// It loses the relay and does not get it back until it is on the list again.
		tokio::pin!(restored);
		assert!(tokio::time::timeout(Duration::from_secs(8), &mut restored).await.is_err());
		std::fs::write(&allow, format!("{} \n", endpoint(CLIENT, 0))).unwrap();
		tokio::time::timeout(LIMIT, restored).await
	};
	back.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn should_end_in_order_when_it_is_shut_down() {
	let relay = relay(0, anywhere()).await;
	let address = relay.listening().unwrap();
	let _client = online(CLIENT, relay.url()).await.unwrap();
	tokio::time::timeout(Duration::from_secs(20), relay.shutdown()).await.unwrap();
	// The port is free again at once.
	std::net::TcpListener::bind(address).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn should_hold_a_client_back_when_it_sends_faster_than_allowed() {
	let served = serve(random(4 << 20));
	let rate = NonZeroU32::new(2 << 20).unwrap();
	let limited = Config {
		rate: Some((rate, None)),
		metrics_listen: Some(anywhere()),
		..config(0, anywhere())
	};
	let relay =
		Relay::start_with(limited, std::sync::Arc::new(registered()), || false).await.unwrap();
	let worker = node(WORKER, &[relay.url()], vec![served.server.clone()]).await;
	let client = node(CLIENT, &[relay.url()], vec![]).await;
	let session = session(&client, &worker).await;
	let to = served.folder.path().join("copy");
	fetch(&[&session], served.content, &to, FetchConfig::default()).await.unwrap();
	let text = metrics(&relay).await;
	let value = |name: &str| -> f64 {
		let line = text.lines().find(|line| line.starts_with(name)).expect(name);
		line.rsplit(' ').next().unwrap().parse().unwrap()
	};
	assert!(value("io_relay_limited_bytes_total") > 0.0);
	assert!(value("io_relay_sent_bytes_total") > served.content.size as f64);
	assert!(value("io_relay_connections ") >= 2.0 && value("io_relay_admitted_total") >= 2.0);
}

/// What Prometheus would read.
async fn metrics(relay: &Relay) -> String {
	use tokio::io::{AsyncReadExt, AsyncWriteExt};
	let mut socket =
		tokio::net::TcpStream::connect(relay.metrics_address().unwrap()).await.unwrap();
	let request = "GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
	socket.write_all(request.as_bytes()).await.unwrap();
	let mut text = String::new();
	socket.read_to_string(&mut text).await.unwrap();
	assert!(text.starts_with("HTTP/1.1 200"), "{text}");
	text
}
