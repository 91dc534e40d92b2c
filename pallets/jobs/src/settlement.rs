//! How a job ends: who is paid, what goes back, what is kept.

use frame_support::{
	defensive,
	storage::with_storage_layer,
	traits::{
		fungible::{InspectHold, MutateHold},
		tokens::{Fortitude, Precision, Restriction},
		Get,
	},
	BoundedVec,
};
use io_primitives::{
	job::Payee, Balance, FailReason, JobId, JobState, MissReason, Outcome, ReplicaId, WorkLedger,
};
use sp_core::H256;

use crate::{
	types::{verdict, Job, Verdict},
	Config, Event, HoldReason, Jobs, Outcomes, Outputs, Pallet, Specs,
};

/// How a job ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Ending {
	/// A quorum agreed on this.
	Settled(Verdict),
	/// Nobody fitted in time.
	Expired,
	/// The requester withdrew it.
	Cancelled,
	/// No result could be agreed on, or the product did not stand its trial.
	Failed(FailReason),
}

impl Ending {
	/// What a replica did wrong that revealed a result and is not paid for it.
	fn fault(self) -> Option<MissReason> {
		match self {
			Ending::Settled(_) => Some(MissReason::Disagreed),
			Ending::Failed(FailReason::Refuted) => Some(MissReason::Refuted),
			Ending::Failed(FailReason::Unproven) => Some(MissReason::Unproven),
			_ => None,
		}
	}

	fn state(self) -> JobState {
		match self {
			Ending::Settled(_) => JobState::Settled,
			Ending::Expired => JobState::Expired,
			Ending::Cancelled => JobState::Cancelled,
			Ending::Failed(_) => JobState::Failed,
		}
	}
}

impl<T: Config> Pallet<T> {
	/// Ends a job that stands in no list any more: pays, gives back the rest, frees all bonds, and remembers the outcome.
	pub(crate) fn end(id: JobId, job: Job<T::AccountId>, ending: Ending) {
		let mut payees = BoundedVec::new();
		let mut paid: Balance = 0;
		for (index, replica) in (0u8..).zip(&job.replicas) {
			let result = verdict(&replica.state);
			let earned = match ending {
				Ending::Settled(agreed) => result.filter(|result| *result == agreed),
				_ => None,
			};
			if result.is_some() && earned.is_none() {
				Outputs::<T>::remove(id, index);
			}
			let Some(seat) = &replica.seat else { continue };
			Self::release_seat(id, index, seat);
			if let Some(agreed) = earned {
				let units = job.paid_units(agreed);
				let amount = seat.ask.saturating_mul(Balance::from(units));
				Self::pay(&job.requester, &seat.operator, amount);
				paid = paid.saturating_add(amount);
				Self::with_worker(&seat.worker, |info| {
					if job.evades_trial(agreed) {
						info.declined();
					} else {
						info.praise();
					}
				});
				// What of the fee is burnt for this replica: together they are no more than what is burnt for the job.
				let burnt = T::FeeBurnShare::get().mul_floor(job.fee_rate.mul_floor(amount));
				T::WorkLedger::settled(&seat.operator, job.class, units, burnt);
				let payee = Payee {
					replica: index,
					worker: seat.worker,
					operator: seat.operator.clone(),
					amount,
				};
				if payees.try_push(payee).is_err() {
					defensive!("there are as many payees as replicas at most");
				}
				Self::deposit_event(Event::ReplicaPaid {
					job: id,
					replica: index,
					operator: seat.operator.clone(),
					amount,
				});
			} else if let Some(reason) = result.and_then(|_| ending.fault()) {
				Self::with_worker(&seat.worker, |info| info.blame(reason));
				Self::deposit_event(Event::ReplicaMissed {
					job: id,
					replica: index,
					worker: seat.worker,
					operator: seat.operator.clone(),
					reason,
				});
				let price = job.price.saturating_mul(Balance::from(job.max_units));
				// Who proved nothing did not mislead the requester, who has its money back.
				let harmed =
					(reason != MissReason::Unproven).then(|| (job.requester.clone(), price));
				let since = job.submitted_at;
				Self::slash(id, index, replica.attempt, seat, since, reason, harmed);
			}
		}
		let fee = job.fee_rate.mul_floor(paid);
		Self::pay_fee(&job.requester, fee);
		let refunded = job.escrow.saturating_sub(paid).saturating_sub(fee);
		Self::give_back(HoldReason::JobEscrow, &job.requester, refunded);
		Self::give_back(HoldReason::JobDeposit, &job.requester, job.deposit);
		Jobs::<T>::remove(id);
		Specs::<T>::remove(id);

		let Verdict { digest, units, exit_code } = match ending {
			Ending::Settled(verdict) => verdict,
			_ => Verdict { digest: H256::zero(), units: 0, exit_code: 0 },
		};
		let fail_reason = match ending {
			Ending::Failed(reason) => Some(reason),
			_ => None,
		};
		Self::deposit_event(match ending {
			Ending::Settled(_) => {
				Event::JobSettled { job: id, digest, units, exit_code, paid, refunded, fee }
			},
			Ending::Expired => Event::JobExpired { job: id, refunded },
			Ending::Cancelled => Event::JobCancelled { job: id, refunded },
			Ending::Failed(reason) => Event::JobFailed { job: id, reason, refunded },
		});
		Self::remember(Outcome {
			id,
			requester: job.requester,
			state: ending.state(),
			fail_reason,
			ended_at: Self::now(),
			digest,
			units,
			exit_code,
			paid,
			refunded,
			fee,
			payees,
		});
	}

	/// Puts an outcome into the ring. What stood there before is forgotten, with the places of its outputs.
	fn remember(outcome: Outcome<T::AccountId>) {
		let slot = Self::outcome_slot(outcome.id);
		if let Some(old) = Outcomes::<T>::get(slot) {
			for payee in &old.payees {
				Outputs::<T>::remove(old.id, payee.replica);
			}
		}
		Outcomes::<T>::insert(slot, outcome);
	}

	pub(crate) fn outcome_slot(id: JobId) -> u32 {
		// The remainder is below a `u32`.
		(id % u64::from(T::MaxOutcomes::get().max(1))) as u32
	}

	/// Pays an operator out of the requester's escrow. What it cannot take goes to the treasury, so that an account that
	/// has fallen below the existential deposit does not hold up the others.
	fn pay(requester: &T::AccountId, operator: &T::AccountId, amount: Balance) {
		if !Self::transfer(requester, operator, amount) {
			Self::pay_treasury(requester, amount);
		}
	}

	fn pay_treasury(requester: &T::AccountId, amount: Balance) {
		if !Self::transfer(requester, &T::FeeTreasury::get(), amount) {
			Self::burn(requester, amount);
		}
	}

	/// Burns one part of the fee, gives one to the author of the block, and the rest to the treasury.
	fn pay_fee(requester: &T::AccountId, fee: Balance) {
		let burnt = T::FeeBurnShare::get().mul_floor(fee);
		let authors = T::FeeAuthorShare::get().mul_floor(fee).min(fee - burnt);
		let rest = fee - burnt - authors;
		Self::burn(requester, burnt);
		let author_paid = match T::BlockAuthor::get() {
			Some(author) => Self::transfer(requester, &author, authors),
			None => false,
		};
		Self::pay_treasury(requester, if author_paid { rest } else { fee - burnt });
	}

	/// Moves escrow to another account. False, with nothing changed, if that cannot take it.
	fn transfer(requester: &T::AccountId, to: &T::AccountId, amount: Balance) -> bool {
		if amount == 0 {
			return true;
		}
		with_storage_layer(|| {
			T::Currency::transfer_on_hold(
				&HoldReason::JobEscrow.into(),
				requester,
				to,
				amount,
				Precision::Exact,
				Restriction::Free,
				Fortitude::Force,
			)
		})
		.is_ok()
	}

	fn burn(requester: &T::AccountId, amount: Balance) {
		if amount == 0 {
			return;
		}
		let reason = HoldReason::JobEscrow.into();
		let burnt = with_storage_layer(|| {
			T::Currency::burn_held(&reason, requester, amount, Precision::Exact, Fortitude::Force)
		});
		if let Err(error) = burnt {
			defensive!("the escrow of a job is on hold", error);
		}
	}

	pub(crate) fn give_back(reason: HoldReason, who: &T::AccountId, amount: Balance) {
		if amount == 0 {
			return;
		}
		let reason = reason.into();
		debug_assert!(T::Currency::balance_on_hold(&reason, who) >= amount);
		let released = T::Currency::release(&reason, who, amount, Precision::Exact);
		if let Err(error) = released {
			defensive!("what is given back is on hold", error);
		}
	}

	/// Where the outputs of a job's replicas can be fetched.
	pub(crate) fn outputs_of(
		id: JobId,
	) -> alloc::vec::Vec<(ReplicaId, io_primitives::job::OutputAt)> {
		let mut outputs: alloc::vec::Vec<_> = Outputs::<T>::iter_prefix(id).collect();
		outputs.sort_by_key(|(replica, _)| *replica);
		outputs
	}
}
