//! The runtime API that off-chain workers, workers without a node of their own, and tools call.

use alloc::vec::Vec;
use codec::Codec;

use crate::{
	attestation::{AttestationView, SignedAttestation},
	call::SignedWorkerCall,
	job::{Assignment, JobId, JobSpec},
	mesh::{Budget, EndpointKey, EndpointView, Party, RelayMap, RelayView, SignedReport},
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

	/// What daemons of the mesh need of a node. They ask at the finalised block, so that nobody is let in, or trusted with
	/// traffic, for what a re-organisation undoes.
	pub trait IoMeshApi<AccountId> where AccountId: Codec {
		/// The present epoch and the relays that can be used.
		fn relay_map() -> RelayMap<AccountId>;
		/// A relay, live or not; `None`: nobody has bonded for it.
		fn relay(relay: EndpointKey) -> Option<RelayView<AccountId>>;
		/// Whom an endpoint stands for; `None`: it is not registered.
		fn endpoint(endpoint: EndpointKey) -> Option<EndpointView<AccountId>>;
		/// All endpoints in a fixed order, those after `after`, at most 512 at once.
		fn endpoints(after: Option<EndpointKey>, count: u32) -> Vec<EndpointView<AccountId>>;
		/// The endpoints of a worker or an account.
		fn endpoints_of(party: Party<AccountId>) -> Vec<EndpointKey>;
		/// What there is to pay the worker's receipts with.
		fn budget(worker: WorkerKey) -> Option<Budget<AccountId>>;
		/// The extrinsic that carries the report, ready to be submitted.
		fn report_transaction(report: SignedReport) -> Block::Extrinsic;
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
