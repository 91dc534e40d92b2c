use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use io_mesh::{
	Error, Peer,
	blob::{self, FetchConfig, Question, fetch},
	error::Refusal,
	frame,
	job::{Body, say},
	metrics::Metrics,
	node::{Limits, Protocol},
	session::SessionConfig,
	transport::Stream,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::*;

#[tokio::test(flavor = "multi_thread")]
async fn should_keep_strangers_out() {
	let transfer = Transfer::new(1, 2);
	let stranger = transfer.world.node(Peer([8; 32]), vec![], &Metrics::default());
	let config = SessionConfig { patience: Duration::from_secs(1) };
	let session = stranger.session(&transfer.worker.address().unwrap(), config);
	let question = Question::Hashes(transfer.content.hash);
	let asked = session.request::<_, blob::Hashes>(blob::PROTOCOL, &question, 4096).await;
	assert!(matches!(asked, Err(Error::Unreachable(_))), "{asked:?}");
	assert!(transfer.worker.metrics().refused.get() >= 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn should_dial_less_and_less_often_when_the_peer_ends_every_link_at_once() {
	let transfer = Transfer::new(1, 2);
	let stranger = transfer.world.node(Peer([8; 32]), vec![], &Metrics::default());
	let _session = stranger.session(&transfer.worker.address().unwrap(), SessionConfig::default());
	tokio::time::sleep(Duration::from_secs(2)).await;
	// Pauses of 50 ms, 100 ms and so on, each cut to half of it at most.
	let dialed = transfer.worker.metrics().refused.get();
	assert!((3..=7).contains(&dialed), "{dialed}");
}

/// Never answers.
#[derive(Debug)]
struct Silent;

#[async_trait]
impl Protocol for Silent {
	fn name(&self) -> &'static str {
		io_mesh::job::PROTOCOL
	}

	async fn serve(&self, _: Peer, _stream: Stream) -> Result<(), Error> {
		std::future::pending().await
	}
}

#[tokio::test(flavor = "multi_thread")]
async fn should_say_so_when_a_linked_peer_does_not_answer_in_time() {
	let world = World::new(1);
	let worker = world.node(WORKER, vec![Arc::new(Silent)], &Metrics::default());
	let client = world.node(CLIENT, vec![], &Metrics::default());
	let config = SessionConfig { patience: Duration::from_secs(1) };
	let session = client.session(&worker.address().unwrap(), config);
	let error = say(&session, 1, 0, Body::Progress { fuel: 1 }).await.unwrap_err();
	assert!(error.to_string().contains("lane 0: it did not answer in time"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn should_be_told_when_a_protocol_is_not_served() {
	let transfer = Transfer::new(1, 2);
	let session = session(&transfer.client, &transfer.worker).await;
	let error = say(&session, 1, 0, Body::Progress { fuel: 1 }).await.unwrap_err();
	assert!(matches!(error, Error::Refused(Refusal::Protocol)), "{error}");
}

/// The peer that behaves is served while another misbehaves as `how` says.
async fn assert_served_beside<F: Future<Output = ()>>(
	how: impl FnOnce(Arc<dyn io_mesh::transport::Link>) -> F,
) -> Transfer {
	assert_served_within(Limits::default(), how).await
}

/// The same, with these limits.
async fn assert_served_within<F: Future<Output = ()>>(
	limits: Limits,
	how: impl FnOnce(Arc<dyn io_mesh::transport::Link>) -> F,
) -> Transfer {
	let transfer = Transfer::within(1, 4, limits);
	let other = transfer.world.node(OTHER, vec![], &Metrics::default());
	let bad = session(&other, &transfer.worker).await;
	how(bad.lanes()[0].linked().await).await;
	let good = session(&transfer.client, &transfer.worker).await;
	let to = transfer.world.path("copy");
	let sources = [&good];
	let fetched = fetch(&sources, transfer.content, &to, FetchConfig::default());
	tokio::time::timeout(LIMIT, fetched).await.unwrap().unwrap();
	transfer
}

#[tokio::test(flavor = "multi_thread")]
async fn should_cut_a_peer_off_when_it_sends_an_oversized_frame() {
	let transfer = assert_served_beside(|link| async move {
		let mut stream = link.open().await.unwrap();
		stream.send.write_all(b"\x0cionet/blob/1\xff\xff\xff\x7f").await.unwrap();
		// The link ends; the memory of the machine was not touched.
		tokio::time::timeout(Duration::from_secs(10), link.closed()).await.unwrap();
	})
	.await;
	assert_eq!(transfer.worker.metrics().breaches.get(), 1);

	// It is kept out for a while.
	let other = transfer.world.node(OTHER, vec![], &Metrics::default());
	let config = SessionConfig { patience: Duration::from_secs(1) };
	let again = other.session(&transfer.worker.address().unwrap(), config);
	assert!(matches!(
		say(&again, 1, 0, Body::Progress { fuel: 1 }).await,
		Err(Error::Unreachable(_))
	));
}

#[tokio::test(flavor = "multi_thread")]
async fn should_cut_a_peer_off_when_it_sends_garbage() {
	for garbage in [&b"\xffxxxx"[..], b"\x03\xff\xfe\xfd", b"\x0cionet/blob/1\x01\0\0\0\x09"] {
		let transfer = assert_served_beside(|link| async move {
			let mut stream = link.open().await.unwrap();
			stream.send.write_all(garbage).await.unwrap();
			tokio::time::timeout(Duration::from_secs(10), link.closed()).await.unwrap();
		})
		.await;
		assert_eq!(transfer.worker.metrics().breaches.get(), 1);
	}
}

#[tokio::test(flavor = "multi_thread")]
async fn should_cut_a_peer_off_when_it_floods_with_streams() {
	let limits = Limits { streams_per_second: 20, ..Limits::default() };
	let transfer = assert_served_within(limits, |link| async move {
		let flood = async {
			while let Ok(mut stream) = link.open().await {
				let _ = stream.send.write_all(b"\x01x").await;
			}
		};
		tokio::time::timeout(LIMIT, flood).await.unwrap();
	})
	.await;
	assert_eq!(transfer.worker.metrics().breaches.get(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn should_cut_a_peer_off_when_it_floods_with_links() {
	let limits = Limits { links_per_minute: 10, ..Limits::default() };
	let transfer = Transfer::within(1, 4, limits);
	let lane = &transfer.world.endpoints(OTHER)[0];
	let to = transfer.worker.address().unwrap();
	let mut links = Vec::new();
	for _ in 0..11 {
		links.push(lane.connect(&to.lanes()[0]).await.unwrap());
	}
	for link in &links {
		tokio::time::timeout(LIMIT, link.closed()).await.unwrap();
	}
	assert_eq!(transfer.worker.metrics().breaches.get(), 1);
	// Others are not concerned.
	let good = session(&transfer.client, &transfer.worker).await;
	let to = transfer.world.path("copy");
	fetch(&[&good], transfer.content, &to, FetchConfig::default()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn should_end_the_link_when_a_stream_does_not_say_what_it_is_for() {
	let limits = Limits { greeting: Duration::from_millis(300), ..Limits::default() };
	let transfer = assert_served_within(limits, |link| async move {
		let mut stream = link.open().await.unwrap();
		stream.send.write_all(b"\x0cionet").await.unwrap();
		tokio::time::timeout(LIMIT, link.closed()).await.unwrap();
	})
	.await;
	// It may come again: its line may have been bad.
	assert_eq!(transfer.worker.metrics().breaches.get(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn should_serve_others_when_a_peer_stalls_in_all_its_streams() {
	let mut held = Vec::new();
	let held = &mut held;
	assert_served_beside(|link| async move {
		for _ in 0..64 {
			let mut stream = link.open().await.unwrap();
			stream.send.write_all(b"\x0cionet").await.unwrap();
			held.push(stream);
		}
	})
	.await;
}

#[tokio::test(flavor = "multi_thread")]
async fn should_let_a_peer_wait_when_it_has_all_its_streams_in_use() {
	let transfer = Transfer::new(1, 4);
	let session = session(&transfer.client, &transfer.worker).await;
	let link = session.lanes()[0].linked().await;
	let ask = async |send: &mut io_mesh::transport::SendHalf| {
		let question = Question::Chunk(transfer.content.hash, 0);
		send.write_all(b"\x0cionet/blob/1").await.unwrap();
		frame::write(send, &question).await.unwrap();
	};
	// Chunks that nobody reads: each holds one of the 64 streams.
	let mut held = Vec::new();
	for _ in 0..64 {
		let mut stream = link.open().await.unwrap();
		ask(&mut stream.send).await;
		held.push(stream);
	}
	let mut further = link.open().await.unwrap();
	ask(&mut further.send).await;
	let mut byte = [0];
	let early =
		tokio::time::timeout(Duration::from_millis(500), further.recv.read_exact(&mut byte));
	assert!(early.await.is_err(), "it was served beyond the limit");
	held.clear();
	tokio::time::timeout(LIMIT, further.recv.read_exact(&mut byte)).await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn should_replace_the_oldest_link_when_a_peer_has_too_many() {
	let transfer = Transfer::new(1, 2);
	let lane = &transfer.world.endpoints(CLIENT)[0];
	let to = transfer.worker.address().unwrap();
	let mut links = Vec::new();
	for _ in 0..9 {
		links.push(lane.connect(&to.lanes()[0]).await.unwrap());
	}
	tokio::time::timeout(LIMIT, links[0].closed()).await.unwrap();
	let still = tokio::time::timeout(Duration::from_millis(300), links[8].closed()).await;
	assert!(still.is_err());
}
