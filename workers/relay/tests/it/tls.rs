use std::{sync::Arc, time::Duration};

use io_mesh::transport::{
	RelayTrust,
	quic::{LaneConfig, QuicTransport},
};
use io_relay::{
	server::{Config, Relay},
	tls::{Certificate, generate},
};

use crate::support::*;

async fn reach(url: &str, trust: RelayTrust) -> Result<(), io_mesh::Error> {
	let config = LaneConfig {
		direct: false,
		trust,
		..LaneConfig::new(secret(CLIENT, 0), Some(url.to_owned()))
	};
	QuicTransport::bind(config).await?.online(Duration::from_secs(6)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn should_believe_a_relay_only_when_its_key_is_the_pinned_one() {
	let folder = tempfile::tempdir().unwrap();
	let (chain, key) = (folder.path().join("c.pem"), folder.path().join("k.pem"));
	generate(vec!["127.0.0.1".into()], &chain, &key).unwrap();
	let secured =
		Config { certificate: Certificate::Files { chain, key }, ..config(0, anywhere()) };
	let relay = Relay::start_with(secured, Arc::new(registered()), || false).await.unwrap();
	assert!(relay.url().starts_with("https://"), "{}", relay.url());
	let pin = relay.pin().unwrap();
	reach(relay.url(), RelayTrust::Pinned(vec![[0; 32], pin])).await.unwrap();
	assert!(reach(relay.url(), RelayTrust::Pinned(vec![[0; 32]])).await.is_err());
	// No public authority has signed it.
	assert!(reach(relay.url(), RelayTrust::Public).await.is_err());
}
