//! A node made by hand, for tests.

use futures::{StreamExt, stream};
use serde_json::{Value, json, value::to_raw_value};
use sp_core::H256;
use subxt::rpcs::{
	Error, RpcClient,
	client::{RawRpcFuture, RawRpcSubscription, RawValue, RpcClientT},
};

use crate::{Client, Options, client::to_hex, rpc::Rpc};

/// What the node does.
pub(crate) trait Node: Send + Sync + 'static {
	/// The answer to a request.
	fn answer(&self, method: &str, params: &Value) -> Result<Value, Error>;

	/// The heads that a new subscription shows.
	fn heads(&self) -> Vec<Value> {
		Vec::new()
	}

	/// Whether subscriptions end after these heads.
	fn goes_away(&self) -> bool {
		false
	}
}

struct Connection<N>(N);

impl<N: Node> RpcClientT for Connection<N> {
	fn request_raw<'a>(
		&'a self,
		method: &'a str,
		params: Option<Box<RawValue>>,
	) -> RawRpcFuture<'a, Box<RawValue>> {
		let params = params.map(|params| serde_json::from_str(params.get()).unwrap());
		let answer = self.0.answer(method, &params.unwrap_or_default());
		Box::pin(async move { Ok(to_raw_value(&answer?).unwrap()) })
	}

	fn subscribe_raw<'a>(
		&'a self,
		_: &'a str,
		_: Option<Box<RawValue>>,
		_: &'a str,
	) -> RawRpcFuture<'a, RawRpcSubscription> {
		let heads: Vec<_> = self.0.heads().iter().map(|head| to_raw_value(head).unwrap()).collect();
		let heads = stream::iter(heads).map(Ok);
		let stream = match self.0.goes_away() {
			true => heads.boxed(),
			false => heads.chain(stream::pending()).boxed(),
		};
		Box::pin(async { Ok(RawRpcSubscription { stream, id: None }) })
	}
}

/// A client of this node, whose genesis block has the hash 0.
pub(crate) fn client(node: impl Node, options: Options) -> Client {
	let rpc = Rpc::new(RpcClient::new(Connection(node)), &options);
	Client::new(rpc, "ws://fake".into(), options, H256::zero())
}

/// The hash of the block at this height.
pub(crate) fn hash(number: &Value) -> Value {
	json!(H256::from_low_u64_be(number.as_u64().unwrap()))
}

pub(crate) fn header(number: u32) -> Value {
	let zero = H256::zero();
	json!({
		"parentHash": zero,
		"number": format!("{number:#x}"),
		"stateRoot": zero,
		"extrinsicsRoot": zero,
		"digest": { "logs": [] },
	})
}

/// A block with one extrinsic.
pub(crate) fn block(number: u32, extrinsic: &[u8]) -> Value {
	json!({ "block": { "header": header(number), "extrinsics": [to_hex(extrinsic)] } })
}
