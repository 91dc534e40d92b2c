use std::sync::Arc;

use io_mesh::{
	Error, Mesh, Peer,
	blob::{FetchConfig, fetch},
	error::Refusal,
	receipt::{Meter, give},
	session::SessionConfig,
	transport::Transport,
};
use io_relay::{
	book::Book,
	server::{Config, Relay},
};
use sp_core::{H256, Pair, sr25519};

use crate::support::*;

#[tokio::test(flavor = "multi_thread")]
async fn should_keep_what_a_worker_signs_when_the_relay_has_carried_for_it() {
	let served = serve(random(4 << 20));
	let genesis = H256::repeat_byte(5);
	let pair = sr25519::Pair::from_seed(&[7; 32]);
	let path = served.folder.path().join("receipts.redb");
	let mut admitted = registered();
	admitted.insert(endpoint(WORKER, 0), Peer(pair.public().0));
	let keeping =
		Config { receipts: Some(path.clone()), genesis: Some(genesis), ..config(0, anywhere()) };
	let relay = Relay::start_with(keeping, Arc::new(admitted), || false).await.unwrap();

	let at_relay: Arc<dyn Transport> = lane(WORKER, 0, Some(relay.url())).await;
	let mut meter = Meter::new(at_relay.clone(), relay.id().0, 3, 0);
	let worker = Mesh::builder()
		.lane(at_relay)
		.admission(Arc::new(registered()))
		.protocol(served.server.clone())
		.start()
		.unwrap();
	let client = node(CLIENT, &[relay.url()], vec![]).await;
	let link = session(&client, &worker).await;
	let to = served.folder.path().join("copy");
	fetch(&[&link], served.content, &to, FetchConfig::default()).await.unwrap();

	let to_relay = worker.session(&relay.address().unwrap(), SessionConfig::default());
	let sign = |payload: &[u8]| pair.sign(payload);
	let receipt = meter.receipt(genesis, pair.public(), sign);
	assert!(receipt.receipt.bytes > served.content.size);
	give(&to_relay, &receipt).await.unwrap();
	// Giving it again, or an older one, harms nothing.
	give(&to_relay, &receipt).await.unwrap();
	assert!(meter.turn(4) >= receipt.receipt.bytes);

	let forged = meter.receipt(genesis, pair.public(), |payload| {
		sr25519::Pair::from_seed(&[8; 32]).sign(payload)
	});
	let refused = give(&to_relay, &forged).await;
	assert!(matches!(refused, Err(Error::Refused(Refusal::Request))), "{refused:?}");

	let id = relay.id().0;
	drop(to_relay);
	relay.shutdown().await;
	assert_eq!(Book::open(&path, id, genesis).unwrap().all().unwrap(), [receipt]);
}
