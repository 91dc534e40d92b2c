use std::time::Duration;

use io_mesh::{
	Error,
	blob::{CHUNK, Content, FetchConfig, FetchReport, fetch},
	error::Refusal,
	metrics::Metrics,
};

use crate::support::*;

fn patient() -> FetchConfig {
	FetchConfig { patience: Duration::from_secs(30) }
}

fn hasty() -> FetchConfig {
	FetchConfig { patience: Duration::from_millis(800) }
}

/// Every byte came once, or was there before.
fn assert_exact(report: &FetchReport, content: Content) {
	let came: u64 = report.by_lane.iter().flatten().sum();
	assert_eq!(came + report.resumed, content.size, "{report:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn should_share_the_work_when_both_lanes_are_well() {
	let transfer = Transfer::new(2, 24);
	for lane in &transfer.world.lanes {
		lane.set_rate(24 << 20);
	}
	let session = session(&transfer.client, &transfer.worker).await;
	let to = transfer.world.path("copy");
	let sources = [&session];
	let fetched = fetch(&sources, transfer.content, &to, patient());
	let report = tokio::time::timeout(LIMIT, fetched).await.unwrap().unwrap();
	assert!(std::fs::read(&to).unwrap() == transfer.bytes);
	assert_exact(&report, transfer.content);
	assert!(report.by_lane[0].iter().all(|bytes| *bytes >= 4 * CHUNK), "{report:?}");
	assert_eq!(report.corrupt, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn should_fetch_small_contents_when_they_have_no_or_one_byte() {
	let transfer = Transfer::new(1, 1);
	let session = session(&transfer.client, &transfer.worker).await;
	for length in [0, 1, 1025] {
		let bytes = bytes(length, 9);
		let content = transfer.files.add(&transfer.world.path("small"), &bytes);
		let to = transfer.world.path("copy");
		let report = fetch(&[&session], content, &to, patient()).await.unwrap();
		assert_eq!(std::fs::read(&to).unwrap(), bytes);
		assert_exact(&report, content);
	}
}

#[tokio::test(flavor = "multi_thread")]
async fn should_lose_and_double_nothing_when_a_lane_falls_silent() {
	let transfer = Transfer::new(2, 32);
	for lane in &transfer.world.lanes {
		lane.set_rate(16 << 20);
	}
	let session = session(&transfer.client, &transfer.worker).await;
	let to = transfer.world.path("copy");
	let sources = [&session];
	let fetched = fetch(&sources, transfer.content, &to, patient());
	let fault = async {
		transfer.wait_for(8 * CHUNK).await;
		transfer.world.lanes[0].set_up(false);
	};
	let both = async { tokio::join!(fetched, fault).0 };
	let report = tokio::time::timeout(LIMIT, both).await.unwrap().unwrap();
	assert!(std::fs::read(&to).unwrap() == transfer.bytes);
	assert_exact(&report, transfer.content);
	assert!(report.by_lane[0][1] > 16 * CHUNK, "{report:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn should_go_on_when_every_link_was_lost_and_came_back() {
	let transfer = Transfer::new(2, 24);
	for lane in &transfer.world.lanes {
		lane.set_rate(16 << 20);
	}
	let session = session(&transfer.client, &transfer.worker).await;
	let to = transfer.world.path("copy");
	let sources = [&session];
	let fetched = fetch(&sources, transfer.content, &to, patient());
	let fault = async {
		transfer.wait_for(6 * CHUNK).await;
		for lane in &transfer.world.lanes {
			lane.set_up(false);
			lane.kill();
		}
		tokio::time::sleep(Duration::from_secs(1)).await;
		for lane in &transfer.world.lanes {
			lane.set_up(true);
		}
	};
	let both = async { tokio::join!(fetched, fault).0 };
	let report = tokio::time::timeout(LIMIT, both).await.unwrap().unwrap();
	assert!(std::fs::read(&to).unwrap() == transfer.bytes);
	assert_exact(&report, transfer.content);
}

#[tokio::test(flavor = "multi_thread")]
async fn should_go_on_from_the_disk_when_a_download_failed() {
	let transfer = Transfer::new(2, 16);
	for lane in &transfer.world.lanes {
		lane.set_rate(16 << 20);
	}
	let to = transfer.world.path("copy");
	{
		let session = session(&transfer.client, &transfer.worker).await;
		let sources = [&session];
		let fetched = fetch(&sources, transfer.content, &to, hasty());
		let fault = async {
			transfer.wait_for(5 * CHUNK).await;
			transfer.world.lanes.iter().for_each(|lane| lane.set_up(false));
		};
		let both = async { tokio::join!(fetched, fault).0 };
		let error = tokio::time::timeout(LIMIT, both).await.unwrap().unwrap_err();
		assert!(matches!(error, Error::Stalled(_)), "{error}");
	}
	for lane in &transfer.world.lanes {
		lane.kill();
		lane.set_up(true);
	}
	let session = session(&transfer.client, &transfer.worker).await;
	let report = fetch(&[&session], transfer.content, &to, patient()).await.unwrap();
	assert!(report.resumed >= 5 * CHUNK, "{report:?}");
	assert_exact(&report, transfer.content);
	assert!(std::fs::read(&to).unwrap() == transfer.bytes);
}

#[tokio::test(flavor = "multi_thread")]
async fn should_name_the_chunk_when_the_only_source_has_it_wrong() {
	let transfer = Transfer::new(1, 8);
	let session = session(&transfer.client, &transfer.worker).await;
	let to = transfer.world.path("copy");
	// The worker knows the right hash list; then its disk goes bad in one byte.
	let complete = transfer.world.path("complete");
	fetch(&[&session], transfer.content, &complete, patient()).await.unwrap();
	let mut wrong = transfer.bytes.clone();
	wrong[5 * CHUNK as usize + 77] ^= 1;
	transfer.files.lie(&transfer.world.path("content"), transfer.content, &wrong);
	let error = fetch(&[&session], transfer.content, &to, patient()).await.unwrap_err();
	assert!(matches!(error, Error::Corrupt(5)), "{error}");
	assert!(transfer.client.metrics().corrupt.get() >= 1);

	// What was right is kept; the wrong chunk never reached the disk.
	transfer.files.lie(&transfer.world.path("content"), transfer.content, &transfer.bytes);
	let report = fetch(&[&session], transfer.content, &to, patient()).await.unwrap();
	assert!(report.resumed > 0, "{report:?}");
	assert!(std::fs::read(&to).unwrap() == transfer.bytes);
}

#[tokio::test(flavor = "multi_thread")]
async fn should_take_chunks_from_a_mirror_when_a_source_lies() {
	let transfer = Transfer::new(1, 8);
	let liar_files = std::sync::Arc::new(Files::default());
	let wrong = bytes(transfer.content.size, 2);
	liar_files.lie(&transfer.world.path("wrong"), transfer.content, &wrong);
	let metrics = Metrics::default();
	let server = io_mesh::blob::BlobServer::new(liar_files, metrics.clone());
	let liar = transfer.world.node(io_mesh::Peer([7; 32]), vec![server], &metrics);
	let (good, bad) =
		(session(&transfer.client, &transfer.worker).await, session(&transfer.client, &liar).await);
	let to = transfer.world.path("copy");
	let sources = [&bad, &good];
	let fetched = fetch(&sources, transfer.content, &to, patient());
	let report = tokio::time::timeout(LIMIT, fetched).await.unwrap().unwrap();
	assert!(std::fs::read(&to).unwrap() == transfer.bytes);
	assert!(report.corrupt >= 1, "{report:?}");
	assert_eq!(report.by_lane[0], [0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn should_not_wait_for_the_slow_lane_when_the_fast_one_has_done_the_rest() {
	// The slow lane would need more than the test's limit for a single chunk; or it is never silent, so that only the speeds
	// of both tell that it would need longer.
	for (fast, slow) in [(32 << 20, 4 << 10), (32 << 20, 128 << 10)] {
		let transfer = Transfer::new(2, 16);
		transfer.world.lanes[0].set_rate(fast);
		transfer.world.lanes[1].set_rate(slow);
		let session = session(&transfer.client, &transfer.worker).await;
		let to = transfer.world.path("copy");
		let sources = [&session];
		let fetched = fetch(&sources, transfer.content, &to, patient());
		let report = tokio::time::timeout(LIMIT, fetched).await.unwrap().unwrap();
		assert_eq!(report.by_lane[0][1], 0, "{report:?}");
		assert_exact(&report, transfer.content);
		assert!(std::fs::read(&to).unwrap() == transfer.bytes);
	}
}

#[tokio::test(flavor = "multi_thread")]
async fn should_be_refused_when_the_content_is_not_for_this_peer() {
	let transfer = Transfer::new(1, 2);
	let other = transfer.world.node(OTHER, vec![], &Metrics::default());
	let session = session(&other, &transfer.worker).await;
	let to = transfer.world.path("copy");
	let error = fetch(&[&session], transfer.content, &to, patient()).await.unwrap_err();
	assert!(matches!(error, Error::Refused(Refusal::NotFound)), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn should_fail_when_the_size_is_not_what_was_said() {
	let transfer = Transfer::new(1, 3);
	let session = session(&transfer.client, &transfer.worker).await;
	let to = transfer.world.path("copy");
	let content = Content { size: transfer.content.size + 1, ..transfer.content };
	let error = fetch(&[&session], content, &to, patient()).await.unwrap_err();
	assert!(matches!(error, Error::Protocol(_)), "{error}");
	let huge = Content { size: u64::MAX, ..content };
	assert!(fetch(&[&session], huge, &to, patient()).await.is_err());
	assert!(!to.exists());
}
