//! What others read: workers and off-chain workers through the runtime API, dApps through view functions. Nothing here
//! runs in a block.

use alloc::vec::Vec;
use frame_support::traits::Get;
use io_primitives::{
	job::JobView, Assignment, Bonding, ClassId, JobId, JobState, Randomness, Reason, WorkerKey,
	WorkerView,
};

use crate::{
	types::{Job, OperatorSummary, WorkerSummary},
	Config, Heartbeats, Jobs, Outcomes, Pallet, Profiles, Specs, Workers, WorkersOf,
};

/// Jobs on one page of `open_jobs`.
pub const PAGE: u32 = 50;

impl<T: Config> Pallet<T> {
	/// What a worker has to do now, for the runtime API.
	pub fn assignments(worker: WorkerKey) -> Vec<Assignment<T::AccountId>> {
		let Some(info) = Workers::<T>::get(worker) else { return Vec::new() };
		info.live
			.into_iter()
			.filter_map(|(id, index)| {
				let job = Jobs::<T>::get(id)?;
				let spec = Specs::<T>::get(id)?;
				let replica = job.replica_of(index, &worker)?.clone();
				let seat = replica.seat?;
				Some(Assignment {
					job: id,
					replica: index,
					attempt: replica.attempt,
					requester: job.requester,
					job_state: job.state,
					state: replica.state,
					deadline: replica.deadline,
					ask: seat.ask,
					bond: seat.bond,
					spec,
				})
			})
			.collect()
	}

	/// How the chain sees a worker, for the runtime API; `None` if it is not registered.
	pub fn worker_view(worker: WorkerKey) -> Option<WorkerView<T::AccountId>> {
		let info = Workers::<T>::get(worker)?;
		let beat = Heartbeats::<T>::get(worker);
		Some(WorkerView {
			worker,
			profile: Profiles::<T>::get(worker)?,
			online: Self::is_online(&worker, Self::now()),
			heartbeat_seq: beat.map_or(0, |beat| beat.seq),
			last_heartbeat: beat.map(|beat| beat.at),
			heartbeat_ttl: T::HeartbeatTtl::get(),
			live: info.live.into_inner(),
			reputation: info.reputation,
			free_bond: T::Bonding::free(&info.operator),
			operator: info.operator,
		})
	}

	/// Why the job does not go to the worker, for the runtime API; empty if it could be drawn now.
	pub fn why_not(id: JobId, worker: WorkerKey) -> Vec<Reason> {
		let mut reasons = Vec::new();
		let (job, info) = (Jobs::<T>::get(id), Workers::<T>::get(worker));
		// Without a beacon it is as if the last one had come before everything.
		let beacon = T::Randomness::beacon().map_or(0, |beacon| beacon.since);
		match &job {
			None => reasons.push(Reason::UnknownJob),
			Some(job) => {
				if job.wanted().next().is_none() {
					reasons.push(Reason::NoVacancy);
				}
				if beacon <= job.fixed_at {
					reasons.push(Reason::NoRandomness);
				}
			},
		}
		if info.is_none() {
			reasons.push(Reason::UnknownWorker);
		}
		if let (Some(job), Some(info)) = (&job, &info) {
			for reason in Self::refusals(job, &worker, info, beacon, Self::now()) {
				if !reasons.contains(&reason) {
					reasons.push(reason);
				}
			}
			if Self::performance(job, &worker).is_none() {
				reasons.push(Reason::UncertifiedPerf);
			}
		}
		reasons
	}

	pub(crate) fn job_view(id: JobId) -> Option<JobView<T::AccountId>> {
		if let Some(job) = Jobs::<T>::get(id) {
			return Some(Self::view_of(id, job));
		}
		let outcome = Outcomes::<T>::get(Self::outcome_slot(id)).filter(|found| found.id == id)?;
		Some(JobView {
			id,
			requester: outcome.requester.clone(),
			state: outcome.state,
			submitted_at: None,
			next_timer: None,
			escrow: 0,
			deposit: 0,
			spec: None,
			replicas: Vec::new(),
			outcome: Some(outcome),
		})
	}

	fn view_of(id: JobId, job: Job<T::AccountId>) -> JobView<T::AccountId> {
		JobView {
			id,
			state: job.state,
			submitted_at: Some(job.submitted_at),
			next_timer: Some(job.next_timer(Self::now(), T::AcceptBlocks::get())),
			escrow: job.escrow,
			deposit: job.deposit,
			spec: Specs::<T>::get(id),
			replicas: job.replicas.into_inner(),
			requester: job.requester,
			outcome: None,
		}
	}

	/// Looks at all numbers of jobs, but only at as many jobs as the page and those before it need, one after the other.
	pub(crate) fn open_jobs_of(class: ClassId, page: u32) -> Vec<JobView<T::AccountId>> {
		let mut ids: Vec<_> = Jobs::<T>::iter_keys().collect();
		ids.sort_unstable();
		ids.into_iter()
			.filter_map(|id| Some((id, Jobs::<T>::get(id)?)))
			.filter(|(_, job)| job.class == class && job.state == JobState::Open)
			.skip((page as usize).saturating_mul(PAGE as usize))
			.take(PAGE as usize)
			.map(|(id, job)| Self::view_of(id, job))
			.collect()
	}

	/// Looks at workers until all of the operator's are found. How many it can have is bounded by its stake and deposits.
	pub(crate) fn summary_of(operator: &T::AccountId) -> OperatorSummary {
		let now = Self::now();
		let count = WorkersOf::<T>::get(operator) as usize;
		OperatorSummary {
			is_operator: T::Bonding::is_operator(operator),
			free_bond: T::Bonding::free(operator),
			locked_bond: T::Bonding::locked(operator),
			workers: Workers::<T>::iter()
				.filter(|(_, info)| info.operator == *operator)
				.take(count)
				.map(|(worker, info)| WorkerSummary {
					worker,
					class: info.class,
					online: Self::is_online(&worker, now),
					reputation: info.reputation,
					live: info.live.len() as u32,
				})
				.collect(),
		}
	}
}
