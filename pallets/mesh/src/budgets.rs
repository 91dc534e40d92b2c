//! Money that is set aside to pay workers' receipts: what a hot key can cost its operator, and no more.

use frame_support::{
	ensure,
	traits::{fungible::MutateHold, tokens::Precision, Get},
};
use io_primitives::{
	mesh::{Budget, CLAIM_EPOCHS},
	Balance, WorkerKey,
};
use sp_runtime::{ArithmeticError, DispatchResult};

use crate::{Budgets, Config, Error, Event, HoldReason, Pallet};

impl<T: Config> Pallet<T> {
	pub(crate) fn do_fund(
		payer: T::AccountId,
		worker: WorkerKey,
		amount: Balance,
	) -> DispatchResult {
		Self::check_own_worker(&payer, &worker)?;
		ensure!(amount >= T::MinBudget::get(), Error::<T>::BudgetTooSmall);
		let held = match Budgets::<T>::get(worker) {
			Some(budget) => {
				ensure!(budget.payer == payer, Error::<T>::NotYourBudget);
				budget.held
			},
			None => 0,
		};
		let held = held.checked_add(amount).ok_or(ArithmeticError::Overflow)?;
		T::Currency::hold(&HoldReason::RelayBudget.into(), &payer, amount)?;
		Budgets::<T>::insert(worker, Budget { payer: payer.clone(), held, closes: None });
		Self::deposit_event(Event::BudgetFunded { worker, payer, amount });
		Ok(())
	}

	fn own_budget(
		who: &T::AccountId,
		worker: &WorkerKey,
	) -> Result<Budget<T::AccountId>, Error<T>> {
		let budget = Budgets::<T>::get(worker).ok_or(Error::<T>::NoBudget)?;
		ensure!(budget.payer == *who, Error::<T>::NotYourBudget);
		Ok(budget)
	}

	pub(crate) fn do_close_budget(who: T::AccountId, worker: WorkerKey) -> DispatchResult {
		let mut budget = Self::own_budget(&who, &worker)?;
		ensure!(budget.closes.is_none(), Error::<T>::AlreadyClosing);
		// In that epoch no receipt of the present one can be claimed any more.
		let closes = Self::epoch().saturating_add(CLAIM_EPOCHS).saturating_add(1);
		budget.closes = Some(closes);
		Budgets::<T>::insert(worker, budget);
		Self::deposit_event(Event::BudgetClosing { worker, closes });
		Ok(())
	}

	pub(crate) fn do_release_budget(who: T::AccountId, worker: WorkerKey) -> DispatchResult {
		let budget = Self::own_budget(&who, &worker)?;
		let closes = budget.closes.ok_or(Error::<T>::NotClosing)?;
		ensure!(Self::epoch() >= closes, Error::<T>::TooEarly);
		let amount = budget.held;
		T::Currency::release(&HoldReason::RelayBudget.into(), &who, amount, Precision::Exact)?;
		Budgets::<T>::remove(worker);
		Self::deposit_event(Event::BudgetReleased { worker, payer: who, amount });
		Ok(())
	}
}
