//! The runtime API that off-chain workers, workers without a node of their own, and tools call.

use alloc::vec::Vec;
use codec::Codec;

use crate::{
	attestation::{AttestationView, SignedAttestation},
	call::SignedWorkerCall,
	job::{Assignment, JobId, JobSpec},
	shielded::PoolStatus,
	worker::{Reason, WorkerKey, WorkerView},
};

sp_api::decl_runtime_apis! {
	/// What a worker needs of a node.
	pub trait IoWorkerApi<AccountId> where AccountId: Codec {
		/// What the worker has to do now.
		fn assignments(worker: WorkerKey) -> Vec<Assignment<AccountId>>;
		/// How the chain sees the worker; `None` if it is not registered.
		fn worker(worker: WorkerKey) -> Option<WorkerView<AccountId>>;
		/// The extrinsic that carries the call, ready to be submitted. Needs no metadata on the worker's side.
		fn transaction(call: SignedWorkerCall) -> Block::Extrinsic;
		/// Why the job does not go to the worker; empty if it could.
		fn why_not(job: JobId, worker: WorkerKey) -> Vec<Reason>;
	}

	/// What a worker needs of a node to prove its computing power.
	pub trait IoAttestationApi<AccountId> where AccountId: Codec {
		/// What the chain knows of the worker's devices, and what they have to do now.
		fn attestation(worker: WorkerKey) -> AttestationView<AccountId>;
		/// The extrinsic that carries the call, ready to be submitted.
		fn attestation_transaction(call: SignedAttestation) -> Block::Extrinsic;
	}

	/// What a wallet of the shielded pool needs of a node. Nothing here asks for single coins or tags: a node that answers
	/// must not learn which are whose.
	pub trait IoShieldedApi<Bundle, Coin> where Bundle: Codec, Coin: Codec {
		/// How the pool stands.
		fn pool() -> PoolStatus;
		/// At most 4,096 coins, from coin number `start` on.
		fn coins(start: u64, count: u32) -> Vec<Coin>;
		/// The least fee of an unsigned bundle with that many inputs, different windows and outputs, in millionths of a coin.
		fn minimum_fee(inputs: u32, windows: u32, outputs: u32, job: Option<JobSpec>) -> u64;
		/// The extrinsic that carries an unsigned bundle, ready to be submitted.
		fn spend_transaction(bundle: Bundle, job: Option<JobSpec>, stamp: u64) -> Block::Extrinsic;
	}
}
