//! How long nothing moves when a relay dies (it closes its connections, as a killed process does).

use std::{
	error::Error,
	time::{Duration, Instant},
};

use io_mesh::{
	blob::{FetchConfig, fetch},
	metrics::LaneLabel,
	session::SessionConfig,
};
use iroh::{Endpoint, EndpointAddr};

use crate::{MIB, ours, stock};

type Failed = Box<dyn Error>;

const SIZE: u64 = 200 * MIB;
/// The stock endpoint is watched so long.
const WATCH: Duration = Duration::from_secs(90);

/// The longest time without a byte in a transfer during which a relay is killed.
pub(crate) async fn ours() -> Result<Duration, Failed> {
	let folder = tempfile::tempdir()?;
	let (content, server) = ours::content(folder.path(), SIZE)?;
	let (first, second) = (ours::relay(0, None).await?, ours::relay(1, None).await?);
	let urls = [first.url().to_owned(), second.url().to_owned()];
	let worker = ours::node(ours::WORKER, &urls, vec![server]).await?;
	let client = ours::node(ours::CLIENT, &urls, vec![]).await?;
	let session = client.session(&worker.address()?, SessionConfig::default());
	for lane in session.lanes() {
		lane.linked().await;
	}
	let kill = async {
		let received = &client.metrics().received;
		let of = |lane| received.get_or_create(&LaneLabel { lane }).get();
		while of(0) + of(1) < SIZE / 4 {
			tokio::time::sleep(Duration::from_millis(2)).await;
		}
		first.shutdown().await;
	};
	let to = folder.path().join("copy");
	let sources = [&session];
	let fetched = fetch(&sources, content, &to, FetchConfig::default());
	let (report, ()) = tokio::join!(fetched, kill);
	let report = report?;
	if *blake3::hash(&std::fs::read(&to)?).as_bytes() != content.hash {
		return Err("the copy is not the content".into());
	}
	drop(session);
	client.close().await;
	worker.close().await;
	second.shutdown().await;
	Ok(report.worst_gap)
}

/// One question and its answer over a connection.
async fn ask(connection: &iroh::endpoint::Connection) -> Result<(), Failed> {
	let (mut send, mut recv) = connection.open_bi().await?;
	send.write_all(b"question").await?;
	send.finish()?;
	recv.read_to_end(64).await?;
	Ok(())
}

async fn answer(endpoint: Endpoint) {
	while let Some(incoming) = endpoint.accept().await {
		tokio::spawn(async move {
			let Ok(connection) = incoming.await else { return };
			while let Ok((mut send, mut recv)) = connection.accept_bi().await {
				let _ = recv.read_to_end(64).await;
				let _ = send.write_all(b"answer").await;
				let _ = send.finish();
			}
		});
	}
}

/// One endpoint on each side with both relays, as the library's documentation has it: how long until a question is answered
/// again, over the old connection or a new one, whichever comes first.
pub(crate) async fn stock() -> Result<String, Failed> {
	let ((first, first_url), (second, second_url)) = (stock::relay().await?, stock::relay().await?);
	let urls = [first_url.clone(), second_url.clone()];
	let (server, client) = (stock::endpoint(&urls).await?, stock::endpoint(&urls).await?);
	tokio::spawn(answer(server.clone()));
	let home = server.addr().relay_urls().next().cloned().ok_or("the server has no home relay")?;
	let address = || {
		let address = EndpointAddr::new(server.id());
		address.with_relay_url(first_url.clone()).with_relay_url(second_url.clone())
	};
	let connection = client.connect(address(), stock::ALPN).await?;
	ask(&connection).await?;
	let mut relays = [Some((first, first_url.clone())), Some((second, second_url.clone()))];
	for relay in &mut relays {
		if let Some((server, _)) = relay.take_if(|(_, url)| *url == home) {
			server.shutdown().await?;
		}
	}
	let killed = Instant::now();
	let old = async {
		while ask(&connection).await.is_err() {
			tokio::time::sleep(Duration::from_millis(200)).await;
		}
	};
	let new = async {
		loop {
			if let Ok(connection) = client.connect(address(), stock::ALPN).await
				&& ask(&connection).await.is_ok()
			{
				return;
			}
		}
	};
	let answered = tokio::time::timeout(WATCH, async {
		tokio::select! { () = old => {}, () = new => {} }
	});
	Ok(match answered.await {
		Ok(()) => format!("{:.1} s", killed.elapsed().as_secs_f64()),
		Err(_) => format!("more than {} s", WATCH.as_secs()),
	})
}
