//! Headers of blocks, and streams of them.

use std::time::Duration;

use codec::Encode;
use futures::{StreamExt, stream::BoxStream};
use sp_core::H256;
use subxt::{config::substrate::SubstrateHeader, rpcs::client::RpcSubscription};
use tokio::time::sleep;

use crate::{Client, Error, Result, rpc};

/// Pause before the next attempt to subscribe.
const RESUBSCRIBE_PAUSE: Duration = Duration::from_secs(1);

/// What identifies a block.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct BlockInfo {
	/// Its height.
	pub number: u32,
	/// Its hash.
	pub hash: H256,
	/// The hash of the block before it.
	pub parent: H256,
}

pub(crate) type Header = SubstrateHeader<H256>;

impl From<Header> for BlockInfo {
	fn from(header: Header) -> Self {
		Self {
			number: u32::try_from(header.number).unwrap_or(u32::MAX),
			hash: H256(sp_crypto_hashing::blake2_256(&header.encode())),
			parent: header.parent_hash,
		}
	}
}

/// Which blocks to follow.
#[derive(Clone, Copy)]
pub(crate) enum Heads {
	Best,
	Finalized,
}

impl Heads {
	fn methods(self) -> (&'static str, &'static str) {
		match self {
			Self::Best => ("chain_subscribeNewHeads", "chain_unsubscribeNewHeads"),
			Self::Finalized => ("chain_subscribeFinalizedHeads", "chain_unsubscribeFinalizedHeads"),
		}
	}
}

/// A stream that subscribes again whenever it has to, and never ends.
pub(crate) fn heads(client: Client, heads: Heads) -> BoxStream<'static, Result<BlockInfo>> {
	let state = (client, None::<RpcSubscription<Header>>, false);
	futures::stream::unfold(state, move |(client, subscription, pause)| async move {
		if pause {
			sleep(RESUBSCRIBE_PAUSE).await;
		}
		let (item, subscription) = next(&client, heads, subscription).await;
		let pause = item.is_err();
		Some((item, (client, subscription, pause)))
	})
	.boxed()
}

async fn next(
	client: &Client,
	heads: Heads,
	subscription: Option<RpcSubscription<Header>>,
) -> (Result<BlockInfo>, Option<RpcSubscription<Header>>) {
	let (method, unsubscribe) = heads.methods();
	let mut subscription = match subscription {
		Some(subscription) => subscription,
		None => {
			// Another chain may stand behind the same address after a restart.
			if let Err(e) = client.check_genesis().await {
				return (Err(e), None);
			}
			match client.rpc().subscribe(method, unsubscribe).await {
				Ok(subscription) => subscription,
				Err(e) => return (Err(e), None),
			}
		},
	};
	match subscription.next().await {
		Some(Ok(header)) => (Ok(header.into()), Some(subscription)),
		Some(Err(e)) => (Err(rpc::from_rpc(method, e)), None),
		None => (
			Err(Error::Connection {
				method: method.to_owned(),
				reason: "the node ended the subscription".into(),
			}),
			None,
		),
	}
}
