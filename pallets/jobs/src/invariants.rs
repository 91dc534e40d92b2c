//! What must hold after every block and every call: section 9 of the design, as far as a state shows it.

use alloc::collections::{BTreeMap, BTreeSet};
use frame_support::{
	ensure,
	traits::{fungible::InspectHold, Get},
};
use io_primitives::{Balance, Bonding, JobState, ReplicaState};
use sp_runtime::TryRuntimeError;

use crate::{
	types::{is_committed, is_running, Next},
	Agenda, AgendaCursor, ClassCount, ClassSlot, Config, Heartbeats, HoldReason, Jobs, NextJobId,
	Outcomes, Outputs, Pallet, Profiles, Specs, Workers, WorkersOf,
};

impl<T: Config> Pallet<T> {
	/// Checks all invariants.
	pub(crate) fn do_try_state() -> Result<(), TryRuntimeError> {
		Self::check_money()?;
		Self::check_agenda()?;
		Self::check_jobs()?;
		Self::check_workers()?;
		Self::check_outcomes()
	}

	fn check_money() -> Result<(), TryRuntimeError> {
		let mut sums: BTreeMap<T::AccountId, (Balance, Balance, Balance)> = BTreeMap::new();
		for (_, job) in Jobs::<T>::iter() {
			let sum = sums.entry(job.requester).or_default();
			sum.0 += job.escrow;
			sum.1 += job.deposit;
		}
		for (_, info) in Workers::<T>::iter() {
			sums.entry(info.operator).or_default().2 += info.deposit;
		}
		// Accounts without jobs must hold nothing either; those that had some are found through the system's accounts.
		for who in frame_system::Account::<T>::iter_keys() {
			let (escrow, deposit, worker) = sums.remove(&who).unwrap_or_default();
			let held = |reason: HoldReason| T::Currency::balance_on_hold(&reason.into(), &who);
			ensure!(held(HoldReason::JobEscrow) == escrow, "escrow on hold is not the jobs' sum");
			ensure!(held(HoldReason::JobDeposit) == deposit, "deposits are not the jobs' sum");
			ensure!(held(HoldReason::WorkerDeposit) == worker, "deposits are not the workers' sum");
		}
		ensure!(sums.is_empty(), "an account with jobs or workers does not exist");
		Ok(())
	}

	fn check_agenda() -> Result<(), TryRuntimeError> {
		let cursor = AgendaCursor::<T>::get();
		let mut filed = BTreeSet::new();
		for (slot, jobs) in Agenda::<T>::iter() {
			ensure!(!jobs.is_empty(), "an empty list of the agenda is stored");
			ensure!(slot >= cursor, "a list of the agenda lies in the past");
			for id in jobs {
				ensure!(filed.insert(id), "a job stands in the agenda twice");
				let job = Jobs::<T>::get(id).ok_or("a job in the agenda has ended")?;
				ensure!(job.slot == slot, "a job stands in another list than it believes");
			}
		}
		for (id, job) in Jobs::<T>::iter() {
			ensure!(Agenda::<T>::get(job.slot).contains(&id), "a job is not in its list");
		}
		ensure!(Jobs::<T>::iter_keys().count() == filed.len(), "a job is not in the agenda");
		Ok(())
	}

	fn check_jobs() -> Result<(), TryRuntimeError> {
		let now = Self::now();
		let mut bonds: BTreeMap<T::AccountId, Balance> = BTreeMap::new();
		for (id, job) in Jobs::<T>::iter() {
			ensure!(id < NextJobId::<T>::get(), "a job has a number from the future");
			ensure!(Specs::<T>::contains_key(id), "a job has no specification");
			ensure!(!job.state.is_terminal(), "a terminal job is stored");
			let mut refreshed = job.clone();
			refreshed.refresh(now);
			ensure!(refreshed.state == job.state, "a job's state is not its replicas'");
			ensure!(
				refreshed.vacant_since.is_some() == job.vacant_since.is_some(),
				"the vacancy clock is wrong"
			);
			ensure!(job.replicas.len() >= usize::from(job.n), "a job lacks replicas");
			ensure!(
				job.trial.is_none() || (job.n, job.quorum) == (1, 1),
				"a trial is for jobs with one worker"
			);
			ensure!(
				job.state != JobState::Verifying
					|| job.trial.is_some()
						&& job.on_trial().is_some_and(|(result, _, _)| result.exit_code == 0),
				"a job waits for a verdict, and nothing is on trial"
			);
			let mut operators = BTreeSet::new();
			for (index, replica) in (0u8..).zip(&job.replicas) {
				let seated = matches!(replica.state, ReplicaState::Revealed { .. })
					|| is_running(&replica.state)
					|| is_committed(&replica.state);
				ensure!(seated == replica.seat.is_some(), "a seat does not fit its replica");
				ensure!(
					replica.attempt <= job.max_attempts(usize::from(index)),
					"a replica was drawn too often"
				);
				let Some(seat) = &replica.seat else { continue };
				ensure!(replica.attempt > 0, "a seat was never drawn");
				ensure!(seat.operator != job.requester, "an operator has its own job");
				ensure!(operators.insert(seat.operator.clone()), "an operator has two seats");
				ensure!(
					!job.former.contains(&crate::types::fingerprint(&seat.operator)),
					"an operator came back to a job"
				);
				ensure!(seat.ask <= job.price, "a seat costs more than the job pays");
				*bonds.entry(seat.operator.clone()).or_default() += seat.bond;
				let info = Workers::<T>::get(seat.worker).ok_or("a seat's worker is gone")?;
				ensure!(info.operator == seat.operator, "a seat names another operator");
				ensure!(info.live.contains(&(id, index)), "a worker does not know of its replica");
			}
			let late = matches!(job.next(), Next::Wait(timer) if timer < job.slot);
			ensure!(
				!late || Agenda::<T>::iter().any(|(_, list)| list.is_full()),
				"a job's timer fires late although the agenda has room"
			);
		}
		for (operator, sum) in bonds {
			ensure!(T::Bonding::locked(&operator) >= sum, "a bond is not locked");
		}
		Ok(())
	}

	fn check_workers() -> Result<(), TryRuntimeError> {
		let mut workers = 0;
		let mut operators: BTreeMap<T::AccountId, u32> = BTreeMap::new();
		for (worker, info) in Workers::<T>::iter() {
			workers += 1;
			*operators.entry(info.operator).or_default() += 1;
			ensure!(
				ClassSlot::<T>::get(info.class, info.index) == Some(worker),
				"a worker does not stand at its place in the class index"
			);
			ensure!(Profiles::<T>::contains_key(worker), "a worker has no profile");
			for (id, index) in &info.live {
				let job = Jobs::<T>::get(id).ok_or("a worker holds a replica of an ended job")?;
				ensure!(
					job.replica_of(*index, &worker).is_some(),
					"a worker holds a replica that is not its own"
				);
			}
		}
		ensure!(ClassSlot::<T>::iter().count() == workers, "the class index names strangers");
		ensure!(
			WorkersOf::<T>::iter().collect::<BTreeMap<_, _>>() == operators,
			"the operators' workers are counted wrongly"
		);
		ensure!(Profiles::<T>::iter_keys().count() == workers, "a profile has no worker");
		let counted: u32 = ClassCount::<T>::iter_values().sum();
		ensure!(counted as usize == workers, "the class counts are wrong");
		ensure!(
			ClassSlot::<T>::iter().all(|(class, index, _)| index < ClassCount::<T>::get(class)),
			"the class index is not dense"
		);
		ensure!(
			Heartbeats::<T>::iter_keys().all(Workers::<T>::contains_key),
			"a heartbeat has no worker"
		);
		Ok(())
	}

	fn check_outcomes() -> Result<(), TryRuntimeError> {
		for (slot, outcome) in Outcomes::<T>::iter() {
			ensure!(slot < T::MaxOutcomes::get(), "an outcome lies outside of the ring");
			ensure!(slot == Self::outcome_slot(outcome.id), "an outcome lies in the wrong slot");
			ensure!(!Jobs::<T>::contains_key(outcome.id), "a job has ended and goes on");
			ensure!(outcome.state.is_terminal(), "an outcome is none");
			let paid: Balance = outcome.payees.iter().map(|payee| payee.amount).sum();
			ensure!(paid == outcome.paid, "the payees' sum is not what was paid");
		}
		for (id, replica, _) in Outputs::<T>::iter() {
			let revealed = Jobs::<T>::get(id).is_some_and(|job| {
				job.replicas
					.get(usize::from(replica))
					.is_some_and(|r| matches!(r.state, ReplicaState::Revealed { .. }))
			});
			let kept = Outcomes::<T>::get(Self::outcome_slot(id)).is_some_and(|outcome| {
				outcome.id == id && outcome.payees.iter().any(|payee| payee.replica == replica)
			});
			ensure!(revealed || kept, "an output outlived its job");
		}
		ensure!(
			Specs::<T>::iter_keys().all(Jobs::<T>::contains_key),
			"a specification outlived its job"
		);
		Ok(())
	}
}
