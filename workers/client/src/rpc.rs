//! JSON-RPC over a connection that restores itself.

use std::time::Duration;

use serde::de::DeserializeOwned;
use subxt::rpcs::{
	RpcClient,
	client::{
		RpcParams, RpcSubscription,
		reconnecting_rpc_client::{FibonacciBackoff, RpcClient as Reconnecting},
	},
};
use tokio::time::{Instant, sleep, timeout};

use crate::{Error, Options, Result};

/// Pause before a request is sent again on a connection that was lost.
const RETRY_PAUSE: Duration = Duration::from_millis(300);
/// The largest pause between two attempts to connect again.
const MAX_RECONNECT_PAUSE: Duration = Duration::from_secs(5);
/// Most bytes of one message, either way: metadata and blocks are the largest.
const MAX_MESSAGE: u32 = 64 * 1024 * 1024;

/// The connection, with a time limit for everything.
#[derive(Clone)]
pub(crate) struct Rpc {
	client: RpcClient,
	request_timeout: Duration,
}

impl Rpc {
	/// Connects. Fails at once if nobody listens; later losses are repaired behind the scenes.
	pub(crate) async fn connect(url: &str, options: &Options) -> Result<Self> {
		check_url(url)?;
		let unreachable = |reason: String| Error::Unreachable { url: url.to_owned(), reason };
		let too_late =
			|| unreachable(format!("no answer within {} s", options.connect_timeout.as_secs_f32()));
		// The reconnecting client would hide the reason of a failure and try for ever, so that the first contact is a
		// plain one.
		timeout(options.connect_timeout, RpcClient::from_insecure_url(url))
			.await
			.map_err(|_| too_late())?
			.map_err(|e| unreachable(innermost(&e)))?;
		let client = timeout(
			options.connect_timeout,
			Reconnecting::builder()
				.retry_policy(FibonacciBackoff::from_millis(100).max_delay(MAX_RECONNECT_PAUSE))
				.request_timeout(options.request_timeout)
				.connection_timeout(options.connect_timeout)
				.max_request_size(MAX_MESSAGE)
				.max_response_size(MAX_MESSAGE)
				.build(url),
		)
		.await
		.map_err(|_| too_late())?
		.map_err(|e| unreachable(innermost(&e)))?;
		Ok(Self::new(RpcClient::new(client), options))
	}

	pub(crate) fn new(client: RpcClient, options: &Options) -> Self {
		Self { client, request_timeout: options.request_timeout }
	}

	/// One request. It is sent again if the connection is lost, so it must be harmless to send it twice.
	pub(crate) async fn request<R: DeserializeOwned>(
		&self,
		method: &str,
		params: RpcParams,
	) -> Result<R> {
		let end = Instant::now() + self.request_timeout;
		loop {
			let Ok(answer) =
				tokio::time::timeout_at(end, self.client.request::<R>(method, params.clone()))
					.await
			else {
				return Err(self.timed_out(method));
			};
			match answer {
				Ok(answer) => return Ok(answer),
				Err(e) if e.is_disconnected_will_reconnect() => {
					if Instant::now() + RETRY_PAUSE >= end {
						return Err(self.timed_out(method));
					}
					sleep(RETRY_PAUSE).await;
				},
				Err(e) => return Err(from_rpc(method, e)),
			}
		}
	}

	/// One attempt to subscribe.
	pub(crate) async fn subscribe<R: DeserializeOwned>(
		&self,
		method: &str,
		unsubscribe: &str,
	) -> Result<RpcSubscription<R>> {
		timeout(
			self.request_timeout,
			self.client.subscribe::<R>(method, RpcParams::new(), unsubscribe),
		)
		.await
		.map_err(|_| self.timed_out(method))?
		.map_err(|e| from_rpc(method, e))
	}

	fn timed_out(&self, method: &str) -> Error {
		Error::Timeout { method: method.to_owned(), seconds: self.request_timeout.as_secs() }
	}
}

/// Parameters of a request.
pub(crate) fn params<const N: usize>(values: [serde_json::Value; N]) -> RpcParams {
	let mut params = RpcParams::new();
	for value in values {
		// A `Value` always has a JSON form.
		if let Err(e) = params.push(value) {
			tracing::error!("a request's parameter has no JSON form: {e}");
		}
	}
	params
}

fn check_url(url: &str) -> Result<()> {
	let bad = |reason: &str| Error::BadUrl { url: url.to_owned(), reason: reason.to_owned() };
	let rest = url
		.strip_prefix("ws://")
		.or_else(|| url.strip_prefix("wss://"))
		.ok_or_else(|| bad("it must begin with ws:// or wss://"))?;
	if rest.is_empty() || rest.starts_with(['/', ':', '?']) {
		return Err(bad("it names no host"));
	}
	if rest.chars().any(char::is_whitespace) {
		return Err(bad("it has a space in it"));
	}
	Ok(())
}

pub(crate) fn from_rpc(method: &str, error: subxt::rpcs::Error) -> Error {
	use subxt::rpcs::Error as Rpc;
	let method = method.to_owned();
	match error {
		Rpc::User(user) => {
			let data = user.data.map(|d| d.get().trim_matches('"').to_owned());
			let message = match data {
				Some(data) if !data.is_empty() && data != "null" => {
					format!("{}: {data}", user.message)
				},
				_ => user.message,
			};
			Error::Rpc { method, code: user.code, message }
		},
		Rpc::Deserialization(e) => Error::decode(format!("the answer to {method}"), e),
		Rpc::Decode(e) => Error::decode(format!("the answer to {method}"), e),
		Rpc::DisconnectedWillReconnect(_) => {
			Error::Connection { method, reason: "it was lost, and is being restored".into() }
		},
		e => Error::Connection { method, reason: innermost(&e) },
	}
}

/// The cause at the bottom, which says most to a user.
fn innermost(error: &dyn std::error::Error) -> String {
	let mut error = error;
	while let Some(source) = error.source() {
		error = source;
	}
	let text = error.to_string();
	// Some layers print their cause instead of giving it as source.
	text.rsplit("client error: ").next().unwrap_or(&text).to_owned()
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn should_refuse_url_when_it_is_not_a_websocket() {
		for url in ["", "127.0.0.1:9944", "http://127.0.0.1:9944", "ws://", "ws:///x", "ws://a b"] {
			assert!(matches!(check_url(url), Err(Error::BadUrl { .. })), "{url}");
		}
	}

	#[test]
	fn should_take_url_when_it_is_a_websocket() {
		for url in ["ws://127.0.0.1:9944", "wss://node.example/path", "ws://[::1]:9944"] {
			assert!(check_url(url).is_ok(), "{url}");
		}
	}
}
