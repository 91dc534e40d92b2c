use std::sync::atomic::Ordering;

use io_mesh::blob::{FetchConfig, fetch};

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
