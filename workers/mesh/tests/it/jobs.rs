use std::{
	sync::{
		Arc,
		atomic::{AtomicU32, Ordering},
	},
	time::Duration,
};

use async_trait::async_trait;
use io_mesh::{
	Error, Peer,
	error::Refusal,
	job::{Body, JobServer, Jobs, Message, say},
	metrics::Metrics,
};

use crate::support::*;

/// What the handler refuses.
const NONSENSE: Body = Body::Progress { fuel: u64::MAX };

/// Counts what it is told.
#[derive(Default, Debug)]
struct Counting(AtomicU32);

#[async_trait]
impl Jobs for Counting {
	async fn handle(&self, from: Peer, message: Message) -> Result<(), Refusal> {
		assert_eq!(from, CLIENT);
		self.0.fetch_add(1, Ordering::Relaxed);
		if message.body == NONSENSE { Err(Refusal::Request) } else { Ok(()) }
	}
}

#[tokio::test(flavor = "multi_thread")]
async fn should_be_handled_once_when_a_message_goes_over_two_lanes() {
	let world = World::new(2);
	let jobs = Arc::new(Counting::default());
	let worker = world.node(WORKER, vec![JobServer::new(jobs.clone())], &Metrics::default());
	let client = world.node(CLIENT, vec![], &Metrics::default());
	// Slower than the patience of a lane, so that the second is tried before the first answers.
	let session = session(&client, &worker).await;
	session.lanes()[1].linked().await;
	world.lanes.iter().for_each(|lane| lane.set_rate(40));
	say(&session, 1, 0, Body::Progress { fuel: 1 }).await.unwrap();
	// Both copies arrive.
	world.lanes.iter().for_each(|lane| lane.set_rate(0));
	tokio::time::sleep(Duration::from_secs(3)).await;
	assert!(client.metrics().hedges.get() >= 1);
	assert_eq!(jobs.0.load(Ordering::Relaxed), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn should_be_answered_over_the_other_lane_when_one_is_silent() {
	let world = World::new(2);
	let jobs = Arc::new(Counting::default());
	let worker = world.node(WORKER, vec![JobServer::new(jobs.clone())], &Metrics::default());
	let client = world.node(CLIENT, vec![], &Metrics::default());
	let session = session(&client, &worker).await;
	session.lanes()[1].linked().await;
	let best = session.ranked()[0].number();
	world.lanes[best].set_up(false);
	say(&session, 1, 0, Body::Progress { fuel: 1 }).await.unwrap();
	assert_eq!(session.ranked()[0].number(), 1 - best);
	assert_eq!(jobs.0.load(Ordering::Relaxed), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn should_hear_the_refusal_when_the_handler_says_no() {
	let world = World::new(1);
	let worker = world.node(
		WORKER,
		vec![JobServer::new(Arc::new(Counting::default()))],
		&Metrics::default(),
	);
	let client = world.node(CLIENT, vec![], &Metrics::default());
	let session = session(&client, &worker).await;
	let error = say(&session, 1, 0, NONSENSE).await.unwrap_err();
	assert!(matches!(error, Error::Refused(Refusal::Request)), "{error}");
}
