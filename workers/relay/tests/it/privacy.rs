use std::{
	collections::HashMap,
	sync::{Arc, atomic::Ordering},
};

use io_mesh::{
	Peer,
	blob::{FetchConfig, fetch},
	metrics::Metrics,
	tunnel::{TunnelConfig, TunnelServer, connect},
};
use tokio::{
	io::{AsyncReadExt, AsyncWriteExt},
	net::TcpListener,
};

use crate::support::*;

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
	haystack.windows(needle.len()).any(|window| window == needle)
}

#[tokio::test(flavor = "multi_thread")]
async fn should_show_a_relay_nothing_of_the_content() {
	// The same sixteen bytes again and again: a single readable packet would show them.
	let mark = b"IO-NETWORK-MARK!";
	let served = serve(mark.repeat((2 << 20) / mark.len()));
	let relay = relay(0, anywhere()).await;
	let tap = Wiretap::before(relay.listening().unwrap()).await;
	tap.state.keep.store(true, Ordering::Relaxed);
	let worker = node(WORKER, &[&tap.url], vec![served.server.clone()]).await;
	let client = node(CLIENT, &[&tap.url], vec![]).await;
	let session = session(&client, &worker).await;
	let to = served.folder.path().join("copy");
	fetch(&[&session], served.content, &to, FetchConfig::default()).await.unwrap();
	assert!(std::fs::read(&to).unwrap() == served.bytes);

	let seen = tap.state.seen.lock().unwrap();
	assert!(seen.len() > served.bytes.len(), "the content went another way");
	// What the relay is meant to see, the names of the endpoints, is seen here too: the wiretap reads what passes.
	assert!(contains(&seen, &endpoint(WORKER, 0).0));
	// Half a mark, wherever a packet was cut.
	assert!(!contains(&seen, &mark[..8]) && !contains(&seen, &mark[8..]));
	// Not even which content it is.
	assert!(!contains(&seen, &served.content.hash));
}

#[tokio::test(flavor = "multi_thread")]
async fn should_show_a_relay_nothing_of_a_tunnel() {
	let listener = TcpListener::bind(anywhere()).await.unwrap();
	let services = HashMap::from([((Peer([CLIENT; 32]), 22), listener.local_addr().unwrap())]);
	tokio::spawn(async move {
		let (mut from, mut to) = listener.accept().await.unwrap().0.into_split();
		tokio::io::copy(&mut from, &mut to).await.unwrap();
	});
	let relay = relay(0, anywhere()).await;
	let tap = Wiretap::before(relay.listening().unwrap()).await;
	tap.state.keep.store(true, Ordering::Relaxed);
	let server = Arc::new(TunnelServer::new(Arc::new(services), Metrics::default()));
	let worker = node(WORKER, &[&tap.url], vec![server]).await;
	let client = node(CLIENT, &[&tap.url], vec![]).await;
	let session = session(&client, &worker).await;
	let (local, application) = tokio::io::duplex(64 * 1024);
	let (from, to) = tokio::io::split(local);
	let (mut read, mut write) = tokio::io::split(application);
	let mark = b"IO-NETWORK-MARK!";
	let said = mark.repeat((1 << 20) / mark.len());
	let talk = async {
		let mut back = Vec::new();
		let send = async {
			write.write_all(&said).await.unwrap();
			write.shutdown().await.unwrap();
		};
		tokio::join!(send, read.read_to_end(&mut back)).1.unwrap();
		back
	};
	let tunnel = connect(&session, from, to, 22, TunnelConfig::default());
	let (tunnel, back) = tokio::join!(tunnel, talk);
	tunnel.unwrap();
	assert!(back == said);
	let seen = tap.state.seen.lock().unwrap();
	// There and back.
	assert!(seen.len() > 2 * said.len(), "it went another way");
	assert!(!contains(&seen, &mark[..8]) && !contains(&seen, &mark[8..]));
}

#[tokio::test(flavor = "multi_thread")]
async fn should_arrive_unchanged_when_a_relay_tampers() {
	let served = serve(random(24 << 20));
	let (first, second) = (relay(0, anywhere()).await, relay(1, anywhere()).await);
	let tap = Wiretap::before(first.listening().unwrap()).await;
	let relays = [&tap.url[..], second.url()];
	let worker = node(WORKER, &relays, vec![served.server.clone()]).await;
	let client = node(CLIENT, &relays, vec![]).await;
	let session = session(&client, &worker).await;
	tap.state.tamper.store(true, Ordering::Relaxed);
	let to = served.folder.path().join("copy");
	let sources = [&session];
	let fetched = fetch(&sources, served.content, &to, FetchConfig::default());
	let report = tokio::time::timeout(LIMIT, fetched).await.unwrap().unwrap();
	assert!(std::fs::read(&to).unwrap() == served.bytes);
	assert!(tap.state.tampered.load(Ordering::Relaxed) > 0);
	// Damaged packets are dropped by the cipher of the link; none reaches the check of the chunk.
	assert_eq!(report.corrupt, 0);
}
