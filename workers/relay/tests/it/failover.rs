use std::{collections::HashMap, sync::Arc, time::Duration};

use io_mesh::{
	Peer,
	blob::{FetchConfig, FetchReport, fetch},
	metrics::Metrics,
	tunnel::{TunnelConfig, TunnelServer, connect},
};
use tokio::{
	io::{AsyncReadExt, AsyncWriteExt},
	net::TcpListener,
};

use crate::support::*;

const SIZE: usize = 64 << 20;

fn assert_exact(report: &FetchReport, served: &Served, to: &std::path::Path) {
	assert!(std::fs::read(to).unwrap() == served.bytes);
	let came: u64 = report.by_lane.iter().flatten().sum();
	assert_eq!(came + report.resumed, served.content.size, "{report:?}");
	assert_eq!(report.corrupt, 0);
	println!("worst gap {:?}, {report:?}", report.worst_gap);
}

#[tokio::test(flavor = "multi_thread")]
async fn should_lose_and_double_nothing_when_a_relay_is_killed_during_a_transfer() {
	let served = serve(random(SIZE));
	let mut relays = [Process::start(0).await, Process::start(1).await];
	let urls = relays.each_ref().map(|relay| relay.url.clone());
	let urls = [&urls[0][..], &urls[1]];
	let worker = node(WORKER, &urls, vec![served.server.clone()]).await;
	let client = node(CLIENT, &urls, vec![]).await;
	let session = session(&client, &worker).await;
	let to = served.folder.path().join("copy");
	let fault = async {
		wait_for(&client, served.content.size / 5).await;
		relays[0].kill().await;
		of_lane(&client, 0)
	};
	let sources = [&session];
	let fetched = fetch(&sources, served.content, &to, FetchConfig::default());
	let both = async { tokio::join!(fetched, fault) };
	let (report, before) = tokio::time::timeout(LIMIT, both).await.unwrap();
	let report = report.unwrap();
	assert_exact(&report, &served, &to);
	// What was on the way to the disk, but nothing more, came after the death.
	assert!(report.by_lane[0][0] <= before + (8 << 20), "{before} {report:?}");
	assert!(report.by_lane[0][1] > served.content.size / 2, "{report:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn should_lose_and_double_nothing_when_a_relay_hangs_during_a_transfer() {
	let served = serve(random(SIZE));
	let (first, second) = (relay(0, anywhere()).await, relay(1, anywhere()).await);
	let tap = Wiretap::before(first.listening().unwrap()).await;
	let relays = [&tap.url[..], second.url()];
	let worker = node(WORKER, &relays, vec![served.server.clone()]).await;
	let client = node(CLIENT, &relays, vec![]).await;
	let session = session(&client, &worker).await;
	let to = served.folder.path().join("copy");
	let fault = async {
		while of_lane(&client, 0) < 4 << 20 {
			tokio::time::sleep(Duration::from_millis(5)).await;
		}
		tap.state.open.send_replace(false);
	};
	let sources = [&session];
	let fetched = fetch(&sources, served.content, &to, FetchConfig::default());
	let both = async { tokio::join!(fetched, fault).0 };
	let report = tokio::time::timeout(LIMIT, both).await.unwrap().unwrap();
	assert_exact(&report, &served, &to);
}

#[tokio::test(flavor = "multi_thread")]
async fn should_go_on_when_both_relays_were_killed_and_came_back() {
	let served = serve(random(SIZE / 2));
	let mut relays = [Process::start(0).await, Process::start(1).await];
	let urls = relays.each_ref().map(|relay| relay.url.clone());
	let urls = [&urls[0][..], &urls[1]];
	let worker = node(WORKER, &urls, vec![served.server.clone()]).await;
	let client = node(CLIENT, &urls, vec![]).await;
	let session = session(&client, &worker).await;
	let to = served.folder.path().join("copy");
	let fault = async {
		wait_for(&client, served.content.size / 5).await;
		for relay in &mut relays {
			relay.kill().await;
		}
		tokio::time::sleep(Duration::from_secs(2)).await;
		for relay in &mut relays {
			relay.restart().await;
		}
	};
	let sources = [&session];
	let fetched = fetch(&sources, served.content, &to, FetchConfig::default());
	let both = async { tokio::join!(fetched, fault).0 };
	let report = tokio::time::timeout(LIMIT, both).await.unwrap().unwrap();
	assert_exact(&report, &served, &to);
	// Otherwise the relays were not dead.
	assert!(report.worst_gap > Duration::from_secs(1), "{report:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn should_carry_a_tunnel_on_when_its_relay_is_killed() {
	let listener = TcpListener::bind(anywhere()).await.unwrap();
	let services = HashMap::from([((Peer([CLIENT; 32]), 22), listener.local_addr().unwrap())]);
	tokio::spawn(async move {
		let (mut from, mut to) = listener.accept().await.unwrap().0.into_split();
		tokio::io::copy(&mut from, &mut to).await.unwrap();
	});
	let mut doomed = [Process::start(0).await, Process::start(1).await];
	let urls = doomed.each_ref().map(|relay| relay.url.clone());
	let relays = [&urls[0][..], &urls[1]];
	let server = Arc::new(TunnelServer::new(Arc::new(services), Metrics::default()));
	let worker = node(WORKER, &relays, vec![server]).await;
	let client = node(CLIENT, &relays, vec![]).await;
	let session = session(&client, &worker).await;
	let (local, application) = tokio::io::duplex(64 * 1024);
	let (from, to) = tokio::io::split(local);
	let (mut read, mut write) = tokio::io::split(application);
	let sent = random(16 << 20);
	let talk = async {
		let mut back = Vec::new();
		let send = async {
			for (number, part) in sent.chunks(1 << 20).enumerate() {
				// One of the two carries it.
				match number {
					4 => doomed[0].kill().await,
					8 => doomed[0].restart().await,
					12 => doomed[1].kill().await,
					_ => {},
				}
				write.write_all(part).await.unwrap();
			}
			write.shutdown().await.unwrap();
		};
		tokio::join!(send, read.read_to_end(&mut back)).1.unwrap();
		back
	};
	let tunnel = connect(&session, from, to, 22, TunnelConfig::default());
	let both = async { tokio::join!(tunnel, talk) };
	let (tunnel, back) = tokio::time::timeout(LIMIT, both).await.unwrap();
	tunnel.unwrap();
	assert!(back == sent);
	assert!(client.metrics().tunnel_moves.get() >= 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn should_link_directly_when_there_is_no_relay() {
	let served = serve(random(8 << 20));
	let worker = io_mesh::Mesh::builder()
		.admission(Arc::new(registered()))
		.protocol(served.server.clone())
		.lane(lane(WORKER, 0, None).await)
		.start()
		.unwrap();
	let client = io_mesh::Mesh::builder().lane(lane(CLIENT, 0, None).await).start().unwrap();
	let session = session(&client, &worker).await;
	let to = served.folder.path().join("copy");
	let report = fetch(&[&session], served.content, &to, FetchConfig::default()).await.unwrap();
	assert_exact(&report, &served, &to);
	assert!(session.lanes()[0].link().unwrap().status().direct);
}
