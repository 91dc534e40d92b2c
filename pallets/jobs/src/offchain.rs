//! The off-chain worker: tells the gateways of this node's workers what the chain sees for them, and puts the calls
//! that they sign into the pool.
//!
//! A gateway is asked only if the node's owner named it, and its answer is treated as hostile all the same: it is read
//! up to a limit and up to a deadline, decoded without rest, and each call is checked as the pool would check it.

use alloc::{string::String, vec::Vec};
use codec::{DecodeAll, Encode};
use frame_system::offchain::SubmitTransaction;
use io_primitives::{
	gateway::{
		SyncRequest, SyncResponse, WorkerSync, CONTENT_TYPE, DEFAULT_GATEWAY, GATEWAYS_KEY,
		MAX_GATEWAYS, MAX_KEYS, MAX_REQUEST_BYTES, MAX_RESPONSE_BYTES, SYNC_PATH,
	},
	BlockNumber, WorkerKey,
};
use sp_runtime::{
	offchain::{
		http::{PendingRequest, Request},
		storage::StorageValueRef,
		storage_lock::{StorageLock, Time},
		Duration, Timestamp,
	},
	BoundedVec,
};

use crate::{Call, Config, Pallet, LOG_TARGET};

/// Key of the lock that keeps two blocks' off-chain workers from talking to the gateways at the same time.
const LOCK_KEY: &[u8] = b"io/gateways/lock";
/// Prefix of the keys under which the announced worker keys of each gateway are remembered.
const KEYS_PREFIX: &[u8] = b"io/gateways/keys/";
/// After this time a lock counts as left behind.
const LOCK_MILLIS: u64 = 2_000;
/// In this time all gateways have to answer.
const ANSWER_MILLIS: u64 = 500;
/// Longest base URL of a gateway.
const MAX_URL_BYTES: usize = 256;
/// Trouble with a gateway is logged as a warning only once in so many blocks.
const WARN_EVERY: BlockNumber = 100;

/// Why a gateway was of no use.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum GatewayError {
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

type Keys = BoundedVec<WorkerKey, sp_core::ConstU32<MAX_KEYS>>;

/// A gateway of this node.
struct Gateway {
	url: String,
	/// Whether the node's owner named it, or it is the default.
	named: bool,
	keys: Keys,
}

impl Gateway {
	fn new(url: &[u8], named: bool) -> Result<Self, GatewayError> {
		let url = core::str::from_utf8(url).map_err(|_| GatewayError::BadUrl)?;
		if url.len() > MAX_URL_BYTES || !url.starts_with("http://") {
			return Err(GatewayError::BadUrl);
		}
		let url = String::from(url.trim_end_matches('/'));
		// What cannot be read was written by another version: the gateway will announce its keys again.
		let keys = StorageValueRef::persistent(&Self::keys_key(&url))
			.get::<Keys>()
			.ok()
			.flatten()
			.unwrap_or_default();
		Ok(Gateway { url, named, keys })
	}

	fn keys_key(url: &str) -> Vec<u8> {
		[KEYS_PREFIX, url.as_bytes()].concat()
	}

	fn remember(&self, keys: &Keys) {
		if self.keys != *keys {
			StorageValueRef::persistent(&Self::keys_key(&self.url)).set(keys);
		}
	}

	fn report(&self, error: GatewayError, now: BlockNumber) {
		// Most nodes have no worker, and so nobody listens at the default address.
		if (self.named || !self.keys.is_empty()) && now.is_multiple_of(WARN_EVERY) {
			log::warn!(
				target: LOG_TARGET,
				"gateway {} is of no use: {error:?}. Is the worker running, and is its address right?",
				self.url,
			);
		} else {
			log::debug!(target: LOG_TARGET, "gateway {}: {error:?}", self.url);
		}
	}
}

impl<T: Config> Pallet<T> {
	/// One round with all gateways.
	pub(crate) fn sync_gateways(now: BlockNumber) {
		let mut lock =
			StorageLock::<Time>::with_deadline(LOCK_KEY, Duration::from_millis(LOCK_MILLIS));
		let Ok(_guard) = lock.try_lock() else {
			log::debug!(target: LOG_TARGET, "the round of an earlier block is still running");
			return;
		};
		let deadline = sp_io::offchain::timestamp().add(Duration::from_millis(ANSWER_MILLIS));
		// All are asked before the first answer is waited for, so that one that stalls does not delay the others.
		let asked: Vec<_> = Self::gateways()
			.into_iter()
			.map(|gateway| {
				let pending = Self::ask(&gateway, now, deadline);
				(gateway, pending)
			})
			.collect();
		for (gateway, pending) in asked {
			match pending.and_then(|pending| read_answer(pending, deadline)) {
				Ok(answer) => {
					gateway.remember(&answer.keys);
					Self::submit_calls(answer);
				},
				Err(error) => gateway.report(error, now),
			}
		}
	}

	fn gateways() -> Vec<Gateway> {
		let named = match StorageValueRef::persistent(GATEWAYS_KEY).get::<Vec<Vec<u8>>>() {
			Ok(list) => list,
			Err(_) => {
				log::warn!(target: LOG_TARGET, "the stored list of gateways cannot be decoded");
				None
			},
		};
		let is_named = named.is_some();
		named
			.unwrap_or_else(|| alloc::vec![DEFAULT_GATEWAY.as_bytes().to_vec()])
			.iter()
			.take(MAX_GATEWAYS as usize)
			.filter_map(|url| {
				Gateway::new(url, is_named)
					.inspect_err(|error| {
						log::debug!(target: LOG_TARGET, "a gateway is left out: {error:?}");
					})
					.ok()
			})
			.collect()
	}

	fn ask(
		gateway: &Gateway,
		now: BlockNumber,
		deadline: Timestamp,
	) -> Result<PendingRequest, GatewayError> {
		let mut request = SyncRequest { genesis: Self::genesis(), best: now, workers: Vec::new() };
		let mut size = request.encoded_size();
		for worker in &gateway.keys {
			let sync = WorkerSync {
				worker: *worker,
				view: Self::worker_view(*worker),
				assignments: Self::assignments(*worker),
			};
			size = size.saturating_add(sync.encoded_size());
			if size >= MAX_REQUEST_BYTES {
				log::warn!(target: LOG_TARGET, "gateway {}: too much for one request", gateway.url);
				break;
			}
			request.workers.push(sync);
		}
		let url = alloc::format!("{}{SYNC_PATH}", gateway.url);
		Request::post(&url, alloc::vec![request.encode()])
			.add_header("Content-Type", CONTENT_TYPE)
			.deadline(deadline)
			.send()
			.map_err(|_| GatewayError::Unreachable)
	}

	fn submit_calls(answer: SyncResponse) {
		for signed in answer.calls {
			if let Err(error) = Self::check_worker_call(&signed) {
				log::debug!(target: LOG_TARGET, "a gateway's call is refused: {error:?}");
				continue;
			}
			let call: Call<T> = Self::worker_call(signed);
			let extrinsic = T::create_authorized_transaction(call.into());
			if SubmitTransaction::<T, Call<T>>::submit_transaction(extrinsic).is_err() {
				log::debug!(target: LOG_TARGET, "the pool has the call already");
			}
		}
	}
}

fn read_answer(pending: PendingRequest, deadline: Timestamp) -> Result<SyncResponse, GatewayError> {
	let response = pending
		.try_wait(deadline)
		.map_err(|_| GatewayError::Stalled)?
		.map_err(|_| GatewayError::Unreachable)?;
	if response.code != 200 {
		return Err(GatewayError::Status(response.code));
	}
	let mut body = response.body();
	body.deadline(deadline);
	let bytes: Vec<u8> = body.by_ref().take(MAX_RESPONSE_BYTES + 1).collect();
	if body.error().is_some() {
		return Err(GatewayError::Stalled);
	}
	if bytes.len() > MAX_RESPONSE_BYTES {
		return Err(GatewayError::TooLong);
	}
	SyncResponse::decode_all(&mut bytes.as_slice()).map_err(|_| GatewayError::Garbage)
}
