//! Receipts for what a relay of the mesh has carried.
//!
//! A worker signs, for each relay and epoch, how many bytes it has sent and received through the relay since the epoch began. A
//! receipt is cumulative: a later one replaces an earlier one, so only the last has to be kept and a lost one costs nothing.

use alloc::vec::Vec;
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;
use sp_core::{ed25519, sr25519, H256};

use crate::worker::WorkerKey;

/// Domain tag of receipts.
pub const RECEIPT_TAG: &[u8; 13] = b"io/receipt/v1";

/// What a worker owes a relay for.
#[derive(
	Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo, Clone, PartialEq, Eq, Debug,
)]
pub struct Receipt {
	/// The relay: the ed25519 key of its own endpoint.
	pub relay: ed25519::Public,
	/// The epoch.
	pub epoch: u32,
	/// Bytes in both directions since the epoch began.
	pub bytes: u64,
}

impl Receipt {
	/// The bytes to sign: `SCALE(tag, genesis_hash, receipt)`.
	pub fn payload(&self, genesis: H256) -> Vec<u8> {
		(RECEIPT_TAG, genesis, self).encode()
	}
}

/// A receipt with the signature of the worker's hot key.
#[derive(
	Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo, Clone, PartialEq, Eq, Debug,
)]
pub struct SignedReceipt {
	/// Who says it.
	pub worker: WorkerKey,
	/// What it says.
	pub receipt: Receipt,
	/// Signature of [`Receipt::payload`].
	pub signature: sr25519::Signature,
}
