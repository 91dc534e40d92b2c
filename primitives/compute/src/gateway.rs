//! What a node's off-chain worker and a worker's gateway say to each other: `POST /v1/sync`, SCALE both ways.
//!
//! The off-chain worker tells what the chain sees for the keys that the gateway announced before; the gateway
//! answers with its keys and with signed calls to send. Either side treats the other as hostile: lengths are
//! limited before anything is decoded, and nothing may be left over.

pub mod client;

use alloc::vec::Vec;
use codec::{Decode, DecodeWithMemTracking, Encode};
use scale_info::TypeInfo;
use sp_core::{ConstU32, H256};
use sp_runtime::BoundedVec;

use crate::{
	call::SignedWorkerCall, job::Assignment, worker::WorkerKey, worker::WorkerView, BlockNumber,
};

/// Path of the request.
pub const SYNC_PATH: &str = "/v1/sync";
/// Key of node-local off-chain storage that holds the gateways' base URLs, as SCALE `Vec<Vec<u8>>`.
pub const GATEWAYS_KEY: &[u8] = b"io/gateways";
/// The gateway that is asked when no list is stored.
pub const DEFAULT_GATEWAY: &str = "http://127.0.0.1:9650";
/// Most gateways of one node.
pub const MAX_GATEWAYS: u32 = 16;
/// Most worker keys of one gateway.
pub const MAX_KEYS: u32 = 16;
/// Most calls in one answer.
pub const MAX_CALLS: u32 = 64;
/// Most bytes of a request.
pub const MAX_REQUEST_BYTES: usize = 8 * 1024 * 1024;
/// Most bytes of an answer: what `MAX_KEYS` and `MAX_CALLS` can take at most, rounded up.
pub const MAX_RESPONSE_BYTES: usize = 64 * 1024;
/// Content type of both bodies.
pub const CONTENT_TYPE: &str = "application/octet-stream";

/// What the chain sees at one block for the keys of one gateway.
#[derive(Encode, Decode, DecodeWithMemTracking, TypeInfo, Clone, PartialEq, Eq, Debug)]
pub struct SyncRequest<AccountId> {
	/// Which chain this is.
	pub genesis: H256,
	/// The best block's number.
	pub best: BlockNumber,
	/// One entry for each key that the gateway announced.
	pub workers: Vec<WorkerSync<AccountId>>,
}

/// What the chain sees for one worker.
#[derive(Encode, Decode, DecodeWithMemTracking, TypeInfo, Clone, PartialEq, Eq, Debug)]
pub struct WorkerSync<AccountId> {
	/// Its hot key.
	pub worker: WorkerKey,
	/// Its registration; `None` if it is not registered.
	pub view: Option<WorkerView<AccountId>>,
	/// What it has to do.
	pub assignments: Vec<Assignment<AccountId>>,
}

/// What a gateway answers.
#[derive(Encode, Decode, DecodeWithMemTracking, TypeInfo, Clone, PartialEq, Eq, Debug, Default)]
pub struct SyncResponse {
	/// Keys of the workers behind this gateway.
	pub keys: client::Keys,
	/// Calls to send.
	pub calls: BoundedVec<SignedWorkerCall, ConstU32<MAX_CALLS>>,
}

impl client::Answer for SyncResponse {
	fn keys(&self) -> &client::Keys {
		&self.keys
	}
}
