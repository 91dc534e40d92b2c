//! The runtime API that off-chain workers, workers without a node of their own, and tools call.

use alloc::vec::Vec;
use codec::Codec;

use crate::{
	attestation::{AttestationView, SignedAttestation},
	call::SignedWorkerCall,
	job::{Assignment, JobId},
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
}
