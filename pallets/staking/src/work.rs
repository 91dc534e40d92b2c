//! Work of operators: what it counts in elections, and what it earns.

use frame_support::{
	ensure,
	traits::{fungible::Mutate, Get},
	weights::WeightMeter,
};
use io_primitives::{Balance, ClassId, WorkLedger};
use sp_runtime::{traits::SaturatedConversion, DispatchResult};

use crate::{
	pool::mul_div, Backing, Config, EraIndex, EraRewards, EraWork, Error, Event, Ledgers,
	OldestEra, Pallet, WeightInfo, Work, WorkOf, WorkRings, CLAIM_ERAS,
};

/// Most entries of an old era that are removed in one block.
pub(crate) const FORGET_PER_BLOCK: u32 = 16;

impl Work {
	fn add(&mut self, other: Work) {
		self.ops = self.ops.saturating_add(other.ops);
		self.fees = self.fees.saturating_add(other.fees);
	}

	/// What it counts in elections.
	fn score(&self, work_per_burnt: u128) -> u128 {
		self.ops.saturating_add(self.fees.saturating_mul(work_per_burnt))
	}
}

impl<T: Config> Pallet<T> {
	/// Notes work: for the reward of the era, and for the candidate that the operator backs.
	fn credit(operator: &T::AccountId, work: Work) {
		let era = Self::current_era();
		EraWork::<T>::mutate(|all| all.add(work));
		WorkOf::<T>::mutate(era, operator, |own| own.get_or_insert_default().add(work));
		let score = work.score(T::Election::get().work_per_burnt);
		if score == 0 {
			return;
		}
		let credited = Backing::<T>::get(operator).is_some_and(|backed| {
			WorkRings::<T>::mutate_extant(&backed, |ring| {
				ring.credit(era, score);
				true
			})
		});
		if !credited {
			WorkRings::<T>::mutate_extant(operator, |ring| ring.credit(era, score));
		}
	}

	pub(crate) fn do_back(
		operator: T::AccountId,
		candidate: Option<T::AccountId>,
	) -> DispatchResult {
		ensure!(Ledgers::<T>::contains_key(&operator), Error::<T>::NotOperator);
		let candidate = candidate.filter(|candidate| *candidate != operator);
		match &candidate {
			Some(candidate) => {
				ensure!(Ledgers::<T>::contains_key(candidate), Error::<T>::NotOperator);
				Backing::<T>::insert(&operator, candidate);
			},
			None => Backing::<T>::remove(&operator),
		}
		Self::deposit_event(Event::Backed { operator, candidate });
		Ok(())
	}

	/// What the work of an operator earned in an era.
	pub(crate) fn earned(era: EraIndex, work: Work) -> Balance {
		EraRewards::<T>::get(era).map_or(0, |reward| {
			mul_div(reward.certified, work.ops, reward.work.ops).saturating_add(mul_div(
				reward.settled,
				work.fees,
				reward.work.fees,
			))
		})
	}

	pub(crate) fn do_claim(era: EraIndex, operator: T::AccountId) -> DispatchResult {
		let now = Self::current_era();
		ensure!(era < now, Error::<T>::EraNotOver);
		ensure!(now - era <= CLAIM_ERAS, Error::<T>::EraForgotten);
		let work = WorkOf::<T>::take(era, &operator).ok_or(Error::<T>::NothingToClaim)?;
		let value = Self::earned(era, work);
		ensure!(value > 0, Error::<T>::NothingToClaim);
		T::Currency::mint_into(&operator, value)?;
		Self::deposit_event(Event::Claimed { era, operator, value });
		Ok(())
	}

	/// Removes work that can no longer be claimed, as much as the weight allows.
	pub(crate) fn forget_old_eras(meter: &mut WeightMeter) {
		if meter.try_consume(T::WeightInfo::forget_base()).is_err() {
			return;
		}
		let era = OldestEra::<T>::get();
		if era.saturating_add(CLAIM_ERAS) >= Self::current_era() {
			return;
		}
		let one = T::WeightInfo::forget_one();
		let affordable = meter
			.remaining()
			.checked_div_per_component(&one)
			.unwrap_or_default()
			.min(FORGET_PER_BLOCK.into());
		let most: usize = affordable.saturated_into();
		let old: alloc::vec::Vec<_> = WorkOf::<T>::iter_key_prefix(era).take(most).collect();
		for operator in &old {
			WorkOf::<T>::remove(era, operator);
		}
		meter.consume(one.saturating_mul(old.len() as u64));
		if old.len() < most {
			EraRewards::<T>::remove(era);
			OldestEra::<T>::put(era.saturating_add(1));
		}
	}
}

impl<T: Config> WorkLedger<T::AccountId> for Pallet<T> {
	fn settled(operator: &T::AccountId, _class: ClassId, _units: u64, burnt_fee: Balance) {
		if burnt_fee > 0 {
			Self::credit(operator, Work { ops: 0, fees: burnt_fee });
		}
	}

	fn certified(operator: &T::AccountId, ops: u128) {
		if ops > 0 {
			Self::credit(operator, Work { ops, fees: 0 });
		}
	}
}
