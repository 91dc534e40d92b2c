//! What a worker does. The signature was checked when the call was authorised; the state is checked again, since it is
//! needed anyhow.

use frame_support::{ensure, traits::Get};
use io_primitives::{
	job::OutputAt, BlockNumber, JobId, MissReason, ReplicaId, ReplicaState, WorkerCall, WorkerKey,
};
use sp_runtime::DispatchResult;

use crate::{
	types::{Heartbeat, Job, Next},
	Config, Error, Event, Heartbeats, Jobs, Outputs, Pallet,
};

impl<T: Config> Pallet<T> {
	pub(crate) fn do_heartbeat(worker: WorkerKey, seq: u64, load: u8) -> DispatchResult {
		let now = Self::now();
		Self::check_heartbeat(&worker, &WorkerCall::Heartbeat { seq, load }, now)?;
		Heartbeats::<T>::insert(worker, Heartbeat { seq, at: now, load });
		Ok(())
	}

	/// A job of which the worker may take this step now.
	fn job_for(
		id: JobId,
		worker: &WorkerKey,
		call: &WorkerCall,
		now: BlockNumber,
	) -> Result<Job<T::AccountId>, Error<T>> {
		let job = Jobs::<T>::get(id).ok_or(Error::<T>::UnknownJob)?;
		Self::check_step(id, &job, worker, call, now)?;
		Ok(job)
	}

	fn set_state(
		job: &mut Job<T::AccountId>,
		replica: ReplicaId,
		state: ReplicaState,
		deadline: Option<BlockNumber>,
	) -> DispatchResult {
		let record = job.replicas.get_mut(usize::from(replica)).ok_or(Error::<T>::NotAssigned)?;
		record.state = state;
		record.deadline = deadline.unwrap_or(record.deadline);
		Ok(())
	}

	pub(crate) fn do_accept(worker: WorkerKey, id: JobId, replica: ReplicaId) -> DispatchResult {
		let now = Self::now();
		let mut job = Self::job_for(id, &worker, &WorkerCall::Accept { job: id, replica }, now)?;
		let deadline = now.saturating_add(job.run_blocks);
		Self::set_state(&mut job, replica, ReplicaState::Accepted, Some(deadline))?;
		Self::store(id, job);
		Self::deposit_event(Event::ReplicaAccepted { job: id, replica, worker, deadline });
		Ok(())
	}

	pub(crate) fn do_decline(worker: WorkerKey, id: JobId, replica: ReplicaId) -> DispatchResult {
		let now = Self::now();
		let mut job = Self::job_for(id, &worker, &WorkerCall::Decline { job: id, replica }, now)?;
		let seat = Self::vacate(id, &mut job, replica, MissReason::NoShow, now);
		ensure!(seat.is_some(), Error::<T>::NotAssigned);
		Self::with_worker(&worker, |info| info.declined());
		Self::store(id, job);
		Self::deposit_event(Event::ReplicaDeclined { job: id, replica, worker });
		Ok(())
	}

	pub(crate) fn do_commit(
		worker: WorkerKey,
		id: JobId,
		replica: ReplicaId,
		commitment: sp_core::H256,
	) -> DispatchResult {
		let now = Self::now();
		let call = WorkerCall::Commit { job: id, replica, commitment };
		let mut job = Self::job_for(id, &worker, &call, now)?;
		Self::set_state(&mut job, replica, ReplicaState::Committed { commitment }, None)?;
		Self::deposit_event(Event::ReplicaCommitted { job: id, replica, worker, commitment });
		if job.next() == Next::Reveal {
			let deadline = now.saturating_add(T::RevealBlocks::get());
			job.start_reveal(now, deadline);
			Self::deposit_event(Event::JobRevealing { job: id, deadline });
		}
		Self::store(id, job);
		Ok(())
	}

	/// The parameters are those of [`WorkerCall::Reveal`], which is what `call` must be.
	pub(crate) fn do_reveal(worker: WorkerKey, call: WorkerCall) -> DispatchResult {
		let WorkerCall::Reveal { job: id, replica, digest, units, exit_code, .. } = call else {
			return Err(Error::<T>::WrongState.into());
		};
		let now = Self::now();
		let mut job = Self::job_for(id, &worker, &call, now)?;
		let state = ReplicaState::Revealed { digest, units, exit_code };
		Self::set_state(&mut job, replica, state, None)?;
		// If this was the last one, the agenda settles the job in the next block.
		Self::store(id, job);
		let output_at = Self::note_output(id, replica, call);
		Self::deposit_event(Event::ReplicaRevealed {
			job: id,
			replica,
			worker,
			digest,
			units,
			exit_code,
			output_at,
		});
		Ok(())
	}

	fn note_output(id: JobId, replica: ReplicaId, call: WorkerCall) -> OutputAt {
		match call {
			WorkerCall::Reveal { output_at, .. } => {
				if !output_at.is_empty() {
					Outputs::<T>::insert(id, replica, &output_at);
				}
				output_at
			},
			_ => OutputAt::default(),
		}
	}
}
