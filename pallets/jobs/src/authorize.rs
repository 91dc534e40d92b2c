//! Which calls of workers are valid. The pool, the off-chain worker and the dispatch ask the same questions.

use frame_support::{ensure, traits::Get, weights::Weight};
use io_primitives::{
	call::refusal,
	digest::{commitment, Opening},
	BlockNumber, JobId, JobState, ReplicaState, SignedWorkerCall, WorkerCall, WorkerKey,
};
use sp_core::sr25519;
use sp_runtime::transaction_validity::{
	InvalidTransaction, TransactionValidity, TransactionValidityWithRefund, ValidTransaction,
};

use crate::{types::Job, Call, Config, Error, Heartbeats, Jobs, Pallet, Workers};

/// How far ahead `valid_until` of a worker's call may lie, in blocks; of a heartbeat, no more than `HeartbeatTtl`.
pub const MAX_CALL_VALIDITY: BlockNumber = 14_400;
/// A worker may show a sign of life this many times within the time in which it counts as online.
pub const HEARTBEATS_PER_TTL: BlockNumber = 5;

impl<T: Config> Pallet<T> {
	/// Whether a signed call of a worker would be accepted into the next block, and with what place in the pool. The
	/// cheapest checks come first, the signature last.
	pub fn check_worker_call(signed: &SignedWorkerCall) -> TransactionValidity {
		let SignedWorkerCall { worker, call, valid_until, signature } = signed;
		let now = Self::now();
		ensure!(now <= *valid_until, InvalidTransaction::Stale);
		let validity = valid_until.saturating_sub(now);
		let longest = match call.target() {
			// A worker that is retired and registered anew forgets which heartbeats it has sent.
			None => T::HeartbeatTtl::get().min(MAX_CALL_VALIDITY),
			Some(_) => MAX_CALL_VALIDITY,
		};
		ensure!(validity <= longest, refusal(&Error::<T>::ValidityTooLong));
		let deadline = match call.target() {
			None => Self::check_heartbeat(worker, call, now),
			Some((id, _)) => Jobs::<T>::get(id)
				.ok_or(Error::<T>::UnknownJob)
				.and_then(|job| Self::check_step(id, &job, worker, call, now)),
		}
		.map_err(|error| refusal(&error))?;
		let payload = call.payload(Self::genesis(), *valid_until);
		ensure!(
			sp_io::crypto::sr25519_verify(signature, &payload, worker),
			InvalidTransaction::BadProof
		);
		let (priority, step) = match call {
			WorkerCall::Heartbeat { .. } => (0, 0u8),
			WorkerCall::Accept { .. } => (1, 1),
			WorkerCall::Decline { .. } => (1, 2),
			WorkerCall::Commit { .. } => (1, 3),
			WorkerCall::Reveal { .. } => (1, 4),
		};
		ValidTransaction::with_tag_prefix("IoJobs")
			.priority(T::UnsignedPriority::get().saturating_add(priority))
			.and_provides((worker, call.target(), step))
			.longevity(validity.min(deadline.saturating_sub(now)).max(1).into())
			.propagate(true)
			.build()
	}

	/// Checks a heartbeat. Returns the block until which it is of use.
	pub(crate) fn check_heartbeat(
		worker: &WorkerKey,
		call: &WorkerCall,
		now: BlockNumber,
	) -> Result<BlockNumber, Error<T>> {
		let WorkerCall::Heartbeat { seq, .. } = call else {
			return Err(Error::<T>::WrongState);
		};
		ensure!(Workers::<T>::contains_key(worker), Error::<T>::UnknownWorker);
		let ttl = T::HeartbeatTtl::get();
		if let Some(last) = Heartbeats::<T>::get(worker) {
			ensure!(*seq > last.seq, Error::<T>::StaleHeartbeat);
			let next = last.at.saturating_add(ttl / HEARTBEATS_PER_TTL);
			ensure!(now >= next, Error::<T>::TooEarly);
		}
		Ok(now.saturating_add(ttl))
	}

	/// Checks whether a step fits the state of its replica. Returns the block at which it comes too late.
	pub(crate) fn check_step(
		id: JobId,
		job: &Job<T::AccountId>,
		worker: &WorkerKey,
		call: &WorkerCall,
		now: BlockNumber,
	) -> Result<BlockNumber, Error<T>> {
		let replica = call
			.target()
			.and_then(|(_, replica)| job.replica_of(replica, worker))
			.ok_or(Error::<T>::NotAssigned)?;
		match (call, replica.state) {
			(WorkerCall::Accept { .. } | WorkerCall::Decline { .. }, ReplicaState::Assigned)
			| (WorkerCall::Commit { .. }, ReplicaState::Accepted) => {},
			(
				WorkerCall::Commit { .. },
				ReplicaState::Committed { .. } | ReplicaState::Revealed { .. },
			) => return Err(Error::<T>::AlreadyCommitted),
			(
				WorkerCall::Reveal { replica: index, digest, units, exit_code, salt, .. },
				ReplicaState::Committed { commitment: committed },
			) => {
				ensure!(job.state == JobState::Revealing, Error::<T>::TooEarly);
				ensure!(now < replica.deadline, Error::<T>::TooLate);
				ensure!(*units <= job.max_units, Error::<T>::UnitsAboveMax);
				let opening =
					Opening { digest: *digest, units: *units, exit_code: *exit_code, salt: *salt };
				let expected = commitment(worker, id, *index, replica.attempt, &opening);
				ensure!(expected == committed, Error::<T>::CommitmentMismatch);
			},
			_ => return Err(Error::<T>::WrongState),
		}
		ensure!(now < replica.deadline, Error::<T>::TooLate);
		Ok(replica.deadline)
	}

	/// [`Self::check_worker_call`] for the `authorize` attribute. The whole weight is spent.
	pub(crate) fn authorize_worker_call(
		worker: &WorkerKey,
		call: WorkerCall,
		valid_until: BlockNumber,
		signature: &sr25519::Signature,
	) -> TransactionValidityWithRefund {
		let signed = SignedWorkerCall { worker: *worker, call, valid_until, signature: *signature };
		Self::check_worker_call(&signed).map(|valid| (valid, Weight::zero()))
	}

	/// The call of this pallet that carries a worker's signed call.
	pub fn worker_call(signed: SignedWorkerCall) -> Call<T> {
		let SignedWorkerCall { worker, call, valid_until, signature } = signed;
		match call {
			WorkerCall::Heartbeat { seq, load } => {
				Call::heartbeat { worker, seq, load, valid_until, signature }
			},
			WorkerCall::Accept { job, replica } => {
				Call::accept { worker, job, replica, valid_until, signature }
			},
			WorkerCall::Decline { job, replica } => {
				Call::decline { worker, job, replica, valid_until, signature }
			},
			WorkerCall::Commit { job, replica, commitment } => {
				Call::commit { worker, job, replica, commitment, valid_until, signature }
			},
			WorkerCall::Reveal { job, replica, digest, units, exit_code, salt, output_at } => {
				Call::reveal {
					worker,
					job,
					replica,
					digest,
					units,
					exit_code,
					salt,
					output_at,
					valid_until,
					signature,
				}
			},
		}
	}
}
