//! What a worker says to the chain: calls that its hot key signs and nobody pays for.
//!
//! A worker signs [`WorkerCall::payload`] with sr25519 in the signing context `substrate`. The tag and the genesis
//! hash bind a signature to this use on this chain.

use alloc::vec::Vec;
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;
use sp_core::{sr25519, H256};
use sp_runtime::transaction_validity::{InvalidTransaction, TransactionValidityError};

use crate::{
	job::{JobId, OutputAt, ReplicaId},
	worker::WorkerKey,
	BlockNumber,
};

/// Domain tag of worker calls.
pub const WORKER_CALL_TAG: &[u8; 12] = b"io/worker/v1";
/// Domain tag of the proof that a hot key agrees to be registered by an operator.
pub const REGISTER_TAG: &[u8; 14] = b"io/register/v1";

/// One call of a worker. The index of a variant is the `call_kind` of the signed payload.
#[derive(
	Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo, Clone, PartialEq, Eq, Debug,
)]
pub enum WorkerCall {
	/// I am here, with `load` replicas running.
	#[codec(index = 0)]
	Heartbeat {
		/// Higher than in the heartbeat before.
		seq: u64,
		/// Replicas that run now.
		load: u8,
	},
	/// I will run this replica.
	#[codec(index = 1)]
	Accept {
		/// The job.
		job: JobId,
		/// The replica.
		replica: ReplicaId,
	},
	/// I will not run this replica.
	#[codec(index = 2)]
	Decline {
		/// The job.
		job: JobId,
		/// The replica.
		replica: ReplicaId,
	},
	/// I have a result, and this is my commitment to it.
	#[codec(index = 3)]
	Commit {
		/// The job.
		job: JobId,
		/// The replica.
		replica: ReplicaId,
		/// See [`crate::digest::commitment`].
		commitment: H256,
	},
	/// This opens my commitment.
	#[codec(index = 4)]
	Reveal {
		/// The job.
		job: JobId,
		/// The replica.
		replica: ReplicaId,
		/// See [`crate::digest::result_digest`].
		digest: H256,
		/// Units that the execution used.
		units: u64,
		/// The program's exit code.
		exit_code: i32,
		/// The blinding of the commitment.
		salt: [u8; 32],
		/// Where the output can be fetched.
		output_at: OutputAt,
	},
}

impl WorkerCall {
	/// The bytes to sign: `SCALE(tag, genesis_hash, call_kind, body, valid_until)`.
	pub fn payload(&self, genesis: H256, valid_until: BlockNumber) -> Vec<u8> {
		(WORKER_CALL_TAG, genesis, self, valid_until).encode()
	}

	/// Whether two calls are the same step of the same replica (or are both heartbeats).
	pub fn same_step(&self, other: &WorkerCall) -> bool {
		core::mem::discriminant(self) == core::mem::discriminant(other)
			&& self.target() == other.target()
	}

	/// The replica that the call is about; `None` for heartbeats.
	pub fn target(&self) -> Option<(JobId, ReplicaId)> {
		match *self {
			WorkerCall::Heartbeat { .. } => None,
			WorkerCall::Accept { job, replica }
			| WorkerCall::Decline { job, replica }
			| WorkerCall::Commit { job, replica, .. }
			| WorkerCall::Reveal { job, replica, .. } => Some((job, replica)),
		}
	}
}

/// A worker call with its signature. Its bytes are the same whichever way they travel to the chain.
#[derive(
	Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo, Clone, PartialEq, Eq, Debug,
)]
pub struct SignedWorkerCall {
	/// Who says it.
	pub worker: WorkerKey,
	/// What it says.
	pub call: WorkerCall,
	/// Last block in which it counts.
	pub valid_until: BlockNumber,
	/// Signature of [`WorkerCall::payload`].
	pub signature: sr25519::Signature,
}

/// The bytes that a hot key signs to agree that `operator` registers it: `SCALE(tag, genesis_hash, operator)`.
pub fn registration_payload<AccountId: Encode>(genesis: H256, operator: &AccountId) -> Vec<u8> {
	(REGISTER_TAG, genesis, operator).encode()
}

/// Why a call that nobody pays for is refused before it enters a block: `Custom` with the index of the pallet's `error` in
/// its metadata.
pub fn refusal(error: &impl Encode) -> TransactionValidityError {
	let index = error.using_encoded(|bytes| bytes.first().copied()).unwrap_or_default();
	InvalidTransaction::Custom(index).into()
}
