//! The pool's money: what comes in, what goes out, and that it is what the coins are worth.
//!
//! It lies on hold in the pool's account, so that what others send to that account is never mistaken for it.

use alloc::boxed::Box;
use frame_support::{
	ensure,
	traits::{
		fungible::{Balanced, Inspect, InspectHold, MutateHold},
		tokens::{Fortitude, Precision, Preservation, Restriction},
		Get, OnUnbalanced,
	},
};
use io_primitives::{Balance, JobSpec, JobSubmission};
use io_shielded::{Bundle, MintNote, Target};
use sp_runtime::{traits::AccountIdConversion, DispatchError, DispatchResult};

use crate::{
	Config, Error, Event, HoldReason, Outflows, Pallet, ShieldedSupply, Tags, Terms, UNIT,
};

/// Who gets what bundles leave as a fee.
pub(crate) enum FeeTo<AccountId> {
	/// The runtime's handler of fees.
	Handler,
	/// Who relayed the bundle.
	Relayer(AccountId),
}

impl<T: Config> Pallet<T> {
	/// The account that holds the pool's money.
	pub fn account() -> T::AccountId {
		T::PalletId::get().into_account_truncating()
	}

	pub(crate) fn held() -> Balance {
		T::Currency::balance_on_hold(&HoldReason::Pool.into(), &Self::account())
	}

	pub(crate) fn do_shield(who: T::AccountId, value: Balance, note: MintNote) -> DispatchResult {
		ensure!(Self::current_pause().is_none(), Error::<T>::Paused);
		let terms = T::Terms::get();
		ensure!(value > 0 && value.is_multiple_of(UNIT), Error::<T>::BadValue);
		ensure!(value <= terms.max_shield, Error::<T>::AboveMaxShield);
		let supply = ShieldedSupply::<T>::get().checked_add(value).ok_or(Error::<T>::PoolFull)?;
		ensure!(supply <= terms.pool_cap, Error::<T>::PoolFull);
		let units = u64::try_from(value / UNIT).map_err(|_| Error::<T>::BadValue)?;
		let coin = note.coin(units).map_err(Error::<T>::from)?;
		T::Currency::transfer_and_hold(
			&HoldReason::Pool.into(),
			&who,
			&Self::account(),
			value,
			Precision::Exact,
			Preservation::Expendable,
			Fortitude::Polite,
		)?;
		ShieldedSupply::<T>::put(supply);
		let coin = Self::append(core::iter::once(coin))?;
		Self::deposit_event(Event::Shielded { who, value, coin, note });
		Ok(())
	}

	/// Carries out a bundle that was admitted and verified. May have changed something if it fails.
	pub(crate) fn settle(
		bundle: Bundle,
		job: Option<Box<JobSpec>>,
		fee_to: FeeTo<T::AccountId>,
	) -> DispatchResult {
		for input in &bundle.inputs {
			Tags::<T>::insert(input.tag, ());
		}
		let first = Self::append(bundle.outputs.iter().map(|output| output.coin()))?;
		Self::pay_out(&bundle, job, fee_to)?;
		Self::deposit_event(Event::Spent {
			tags: bundle.inputs.iter().map(|input| input.tag).collect(),
			first,
			outputs: bundle.outputs.into_inner(),
			fee: Balance::from(bundle.fee).saturating_mul(UNIT),
			target: bundle.target,
		});
		Ok(())
	}

	/// Pays what leaves the pool, within the limits. May have changed something if it fails.
	pub(crate) fn pay_out(
		bundle: &Bundle,
		job: Option<Box<JobSpec>>,
		fee_to: FeeTo<T::AccountId>,
	) -> DispatchResult {
		let units = bundle.outflow().ok_or(Error::<T>::BadAmount)?;
		if units == 0 {
			return Ok(());
		}
		Self::note_outflow(Balance::from(units).saturating_mul(UNIT))?;
		let amount = Balance::from(bundle.target.amount()).saturating_mul(UNIT);
		match bundle.target {
			Target::None => {},
			Target::Account { id, .. } => Self::pay(&T::AccountId::from(id), amount)?,
			Target::Job { owner, .. } => {
				let spec = job.ok_or(Error::<T>::WrongJob)?;
				let needed = T::Jobs::cost(&spec)?.saturating_add(T::Currency::minimum_balance());
				ensure!(amount >= needed, Error::<T>::JobUnderpaid);
				let owner = T::AccountId::from(owner);
				Self::pay(&owner, amount)?;
				T::Jobs::submit(owner, *spec)?;
			},
		}
		let fee = Balance::from(bundle.fee).saturating_mul(UNIT);
		match fee_to {
			_ if fee == 0 => Ok(()),
			FeeTo::Relayer(who) => Self::pay(&who, fee),
			FeeTo::Handler => {
				let pool = Self::account();
				let reason = HoldReason::Pool.into();
				T::Currency::release(&reason, &pool, fee, Precision::Exact)?;
				let credit = T::Currency::withdraw(
					&pool,
					fee,
					Precision::Exact,
					Preservation::Preserve,
					Fortitude::Polite,
				)?;
				T::FeeHandler::on_unbalanceds(core::iter::once(credit));
				Ok(())
			},
		}
	}

	/// The turnstile and the daily limit: nothing leaves that did not come in, and not too much at once.
	fn note_outflow(amount: Balance) -> Result<(), DispatchError> {
		let supply = ShieldedSupply::<T>::get();
		let left = supply.checked_sub(amount).ok_or(Error::<T>::Turnstile)?;
		let Terms { max_outflow_per_day: limit, .. } = T::Terms::get();
		let outflow = Outflows::<T>::get()
			.poured(amount, Self::now(), limit, T::BlocksPerDay::get())
			.ok_or(Error::<T>::OutflowExceeded)?;
		ShieldedSupply::<T>::put(left);
		Outflows::<T>::put(outflow);
		Ok(())
	}

	/// Pays out of the pool to an account, which may be new.
	fn pay(to: &T::AccountId, amount: Balance) -> DispatchResult {
		let pool = Self::account();
		// The money would stay in the account and no longer belong to any coin.
		ensure!(*to != pool, Error::<T>::BadTarget);
		T::Currency::transfer_on_hold(
			&HoldReason::Pool.into(),
			&pool,
			to,
			amount,
			Precision::Exact,
			Restriction::Free,
			Fortitude::Force,
		)?;
		Ok(())
	}
}
