//! Nodes that are away, that are none, or that talk nonsense.

#![allow(clippy::unwrap_used)]

use std::time::{Duration, Instant};

use io_client::{Client, Error, Options};
use tokio::{
	io::{AsyncReadExt, AsyncWriteExt},
	net::TcpListener,
};

fn options() -> Options {
	Options {
		connect_timeout: Duration::from_secs(2),
		request_timeout: Duration::from_secs(2),
		block_timeout: Duration::from_secs(2),
	}
}

async fn unreachable(url: &str) -> String {
	match Client::connect_with(url, options()).await {
		Err(e @ Error::Unreachable { .. }) => e.to_string(),
		Err(e) => panic!("another error: {e:?}"),
		Ok(_) => panic!("there is no node"),
	}
}

#[tokio::test]
async fn should_fail_at_once_when_nobody_listens() {
	let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
	let started = Instant::now();
	let error = unreachable(&format!("ws://127.0.0.1:{port}")).await;
	assert!(error.contains("refused"), "{error}");
	assert!(started.elapsed() < Duration::from_secs(2));
}

#[tokio::test]
async fn should_fail_in_time_when_the_server_says_nothing() {
	let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
	let started = Instant::now();
	unreachable(&format!("ws://{}", listener.local_addr().unwrap())).await;
	assert!(started.elapsed() < Duration::from_secs(6));
}

#[tokio::test]
async fn should_fail_when_the_server_talks_nonsense() {
	let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
	let url = format!("ws://{}", listener.local_addr().unwrap());
	tokio::spawn(async move {
		while let Ok((mut stream, _)) = listener.accept().await {
			let mut buffer = [0; 1024];
			let _ = stream.read(&mut buffer).await;
			let _ = stream.write_all(&[0xa5; 2048]).await;
		}
	});
	unreachable(&url).await;
}

#[tokio::test]
async fn should_not_take_a_url_that_is_none() {
	let error = Client::connect("http://127.0.0.1:9944").await.map(|_| ()).unwrap_err();
	assert!(matches!(error, Error::BadUrl { .. }), "{error:?}");
}
