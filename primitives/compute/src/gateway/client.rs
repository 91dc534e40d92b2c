//! The side of the exchange that an off-chain worker is on: asks every gateway that the node's owner named, reads each
//! answer up to a limit and up to a deadline, and decodes it without rest. What an answer says is for the caller to
//! check.
//!
//! Node-local storage remembers which worker keys each gateway announced, apart for each path. The keys of
//! [`SYNC_PATH`] are older than other paths and do not contain theirs.

use alloc::{string::String, vec::Vec};
use codec::{Decode, DecodeAll, Encode};
use sp_core::ConstU32;
use sp_runtime::{
	offchain::{
		http::{PendingRequest, Request},
		storage::StorageValueRef,
		storage_lock::{StorageLock, Time},
		Duration, Timestamp,
	},
	transaction_validity::TransactionValidity,
	BoundedVec,
};

use super::{CONTENT_TYPE, DEFAULT_GATEWAY, GATEWAYS_KEY, MAX_GATEWAYS, MAX_KEYS, SYNC_PATH};
use crate::{worker::WorkerKey, BlockNumber};

/// After this time a lock counts as left behind.
const LOCK_MILLIS: u64 = 2_000;
/// In this time all gateways have to answer.
const ANSWER_MILLIS: u64 = 500;
/// Longest base URL of a gateway, in bytes.
const MAX_URL_BYTES: usize = 256;
/// Trouble with a gateway is logged as a warning only once in so many blocks.
const WARN_EVERY: BlockNumber = 100;

/// Worker keys that a gateway announces.
pub type Keys = BoundedVec<WorkerKey, ConstU32<MAX_KEYS>>;

/// What a gateway answers.
pub trait Answer: Decode {
	/// Keys of the workers of which the gateway wants to hear in the next request.
	fn keys(&self) -> &Keys;
}

/// One kind of exchange with the gateways of this node.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Exchange {
	/// Path of the request, beginning with a slash.
	pub path: &'static str,
	/// Most bytes of a request. Workers for which there is no room are left out.
	pub max_request: usize,
	/// Most bytes of an answer.
	pub max_response: usize,
	/// Target of log lines.
	pub log_target: &'static str,
}

/// Why a gateway was of no use.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum GatewayError {
	/// Its URL is too long, no UTF-8, or no plain HTTP.
	BadUrl,
	/// It could not be reached.
	Unreachable,
	/// It did not answer in time.
	Stalled,
	/// It answered with this HTTP status.
	Status(u16),
	/// Its answer is longer than allowed.
	TooLong,
	/// Its answer cannot be decoded.
	Garbage,
}

/// A gateway of this node.
struct Gateway {
	url: String,
	/// Whether the node's owner named it, or it is the default.
	named: bool,
	/// Where the keys that it announced are remembered.
	keys_at: Vec<u8>,
	keys: Keys,
}

impl Exchange {
	/// One round with all gateways, in block `now`. `entry` tells what the chain sees for one worker key, `request` makes
	/// a request of the entries for the keys that a gateway announced, and `take` gets each answer that could be decoded.
	/// Does nothing while the round of an earlier block is still running.
	pub fn round<E: Encode, Q: Encode, A: Answer>(
		&self,
		now: BlockNumber,
		entry: impl Fn(WorkerKey) -> E,
		request: impl Fn(Vec<E>) -> Q,
		mut take: impl FnMut(A),
	) {
		let lock_at = self.storage_key("/lock");
		let mut lock =
			StorageLock::<Time>::with_deadline(&lock_at, Duration::from_millis(LOCK_MILLIS));
		let Ok(_guard) = lock.try_lock() else {
			log::debug!(target: self.log_target, "the round of an earlier block is still running");
			return;
		};
		let deadline = sp_io::offchain::timestamp().add(Duration::from_millis(ANSWER_MILLIS));
		// All are asked before the first answer is waited for, so that one that stalls does not delay the others.
		let asked: Vec<_> = self
			.gateways()
			.into_iter()
			.map(|gateway| {
				let body = self.body(&gateway, &entry, &request);
				let pending = self.ask(&gateway, body, deadline);
				(gateway, pending)
			})
			.collect();
		for (gateway, pending) in asked {
			match pending.and_then(|pending| self.read::<A>(pending, deadline)) {
				Ok(answer) => {
					gateway.remember(answer.keys());
					take(answer);
				},
				Err(error) => self.report(&gateway, error, now),
			}
		}
	}

	/// Passes on the calls that a gateway wants to be sent: `submit` puts one into the pool, if `check` says that the chain
	/// would take it now.
	pub fn forward<C>(
		&self,
		calls: impl IntoIterator<Item = C>,
		check: impl Fn(&C) -> TransactionValidity,
		submit: impl Fn(C) -> Result<(), ()>,
	) {
		for call in calls {
			if let Err(error) = check(&call) {
				log::debug!(target: self.log_target, "a gateway's call is refused: {error:?}");
			} else if submit(call).is_err() {
				log::debug!(target: self.log_target, "the pool has the call already");
			}
		}
	}

	/// A key of node-local storage that belongs to this exchange.
	fn storage_key(&self, suffix: &str) -> Vec<u8> {
		let path = if self.path == SYNC_PATH { "" } else { self.path };
		[GATEWAYS_KEY, path.as_bytes(), suffix.as_bytes()].concat()
	}

	fn gateways(&self) -> Vec<Gateway> {
		let named = match StorageValueRef::persistent(GATEWAYS_KEY).get::<Vec<Vec<u8>>>() {
			Ok(list) => list,
			Err(_) => {
				log::warn!(target: self.log_target, "the stored list of gateways cannot be decoded");
				None
			},
		};
		let is_named = named.is_some();
		named
			.unwrap_or_else(|| alloc::vec![DEFAULT_GATEWAY.as_bytes().to_vec()])
			.iter()
			.take(MAX_GATEWAYS as usize)
			.filter_map(|url| {
				self.gateway(url, is_named)
					.inspect_err(|error| {
						log::debug!(target: self.log_target, "a gateway is left out: {error:?}");
					})
					.ok()
			})
			.collect()
	}

	fn gateway(&self, url: &[u8], named: bool) -> Result<Gateway, GatewayError> {
		let url = core::str::from_utf8(url).map_err(|_| GatewayError::BadUrl)?;
		if url.len() > MAX_URL_BYTES || !url.starts_with("http://") {
			return Err(GatewayError::BadUrl);
		}
		let url = String::from(url.trim_end_matches('/'));
		let keys_at = self.storage_key(&alloc::format!("/keys/{url}"));
		// What cannot be read was written by another version: the gateway will announce its keys again.
		let keys = StorageValueRef::persistent(&keys_at).get().ok().flatten().unwrap_or_default();
		Ok(Gateway { url, named, keys_at, keys })
	}

	fn body<E: Encode, Q: Encode>(
		&self,
		gateway: &Gateway,
		entry: impl Fn(WorkerKey) -> E,
		request: impl Fn(Vec<E>) -> Q,
	) -> Vec<u8> {
		let mut entries = Vec::new();
		let mut size = request(Vec::new()).encoded_size();
		for worker in &gateway.keys {
			let entry = entry(*worker);
			size = size.saturating_add(entry.encoded_size());
			if size >= self.max_request {
				log::warn!(
					target: self.log_target,
					"gateway {}: too much for one request",
					gateway.url
				);
				break;
			}
			entries.push(entry);
		}
		request(entries).encode()
	}

	fn ask(
		&self,
		gateway: &Gateway,
		body: Vec<u8>,
		deadline: Timestamp,
	) -> Result<PendingRequest, GatewayError> {
		let url = alloc::format!("{}{}", gateway.url, self.path);
		Request::post(&url, alloc::vec![body])
			.add_header("Content-Type", CONTENT_TYPE)
			.deadline(deadline)
			.send()
			.map_err(|_| GatewayError::Unreachable)
	}

	fn read<A: Answer>(
		&self,
		pending: PendingRequest,
		deadline: Timestamp,
	) -> Result<A, GatewayError> {
		let response = pending
			.try_wait(deadline)
			.map_err(|_| GatewayError::Stalled)?
			.map_err(|_| GatewayError::Unreachable)?;
		if response.code != 200 {
			return Err(GatewayError::Status(response.code));
		}
		let mut body = response.body();
		body.deadline(deadline);
		let bytes: Vec<u8> = body.by_ref().take(self.max_response.saturating_add(1)).collect();
		if body.error().is_some() {
			return Err(GatewayError::Stalled);
		}
		if bytes.len() > self.max_response {
			return Err(GatewayError::TooLong);
		}
		A::decode_all(&mut bytes.as_slice()).map_err(|_| GatewayError::Garbage)
	}

	fn report(&self, gateway: &Gateway, error: GatewayError, now: BlockNumber) {
		let Gateway { url, named, keys, .. } = gateway;
		// Most nodes have no worker, and so nobody listens at the default address.
		if (*named || !keys.is_empty()) && now.is_multiple_of(WARN_EVERY) {
			log::warn!(
				target: self.log_target,
				"gateway {url} is of no use: {error:?}. Is the worker running, and is its address right?",
			);
		} else {
			log::debug!(target: self.log_target, "gateway {url}: {error:?}");
		}
	}
}

impl Gateway {
	fn remember(&self, keys: &Keys) {
		if self.keys != *keys {
			StorageValueRef::persistent(&self.keys_at).set(keys);
		}
	}
}
