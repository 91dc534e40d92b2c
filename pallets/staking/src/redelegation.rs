//! Redelegation: stake changes its pool at once, and answers for older offences of the one that it left.
//!
//! The pool keeps what was moved in an era as a tranche of that era's bucket, without any money in it: a slash lowers it
//! like what leaves. A position has noted what its shares of such a tranche were worth; what they are worth less now,
//! it owes, and pays by shares of the pool that it is in; what they are worth more, since a slash was cancelled, buys it
//! shares. Like a slash, this costs the same for any number of delegators.

use frame_support::{
	ensure,
	traits::{fungible::Mutate, Get},
};
use io_primitives::Balance;
use sp_runtime::DispatchResult;

use crate::{
	Config, Delegators, EraIndex, Error, Event, Ledger, Ledgers, Move, Pallet, PositionOf,
	Positions, Unbonding,
};

/// Up to so many units that a tranche of moved stake is worth more are roundings of others, and the pool's: a position that
/// leaves would never be empty otherwise.
const ROUNDING: Balance = 100;

impl<T: Config> Pallet<T> {
	pub(crate) fn do_redelegate(
		who: T::AccountId,
		from: T::AccountId,
		to: T::AccountId,
		value: Balance,
	) -> DispatchResult {
		ensure!(value > 0, Error::<T>::ZeroValue);
		ensure!(who != from && who != to, Error::<T>::OwnPool);
		ensure!(from != to, Error::<T>::SamePool);
		let era = Self::current_era();
		// One more than the era's number, as 0 stands for never.
		let moved = era.saturating_add(1);
		ensure!(Delegators::<T>::get(&who).moved != moved, Error::<T>::MovedThisEra);
		let mut ledger = Ledgers::<T>::get(&from).ok_or(Error::<T>::NotOperator)?;
		let mut position = Positions::<T>::get(&who, &from).ok_or(Error::<T>::NoPosition)?;
		Self::sync(&who, &from, &mut ledger, &mut position)?;
		ensure!(position.moves.is_empty(), Error::<T>::StillLiable);

		let (sold, value) = ledger.active.sell(value, position.shares);
		ensure!(value > 0, Error::<T>::NoPosition);
		position.shares = position.shares.saturating_sub(sold);
		position.held = position.held.saturating_sub(value);
		if position.shares > 0 {
			Self::check_least(&who, &from, ledger.active.worth(position.shares))?;
		}
		ensure!(ledger.locked <= ledger.cover(), Error::<T>::BondsLocked);
		let mut bucket = Unbonding::<T>::get(&from, era).unwrap_or_default();
		let shares = bucket.moved.buy(value).ok_or(Error::<T>::PoolEmptied)?;
		Unbonding::<T>::insert(&from, era, bucket);
		ledger.holders = ledger.holders.saturating_add(1);
		Self::with_totals(|totals| {
			totals.active = totals.active.saturating_sub(value);
			totals.value = totals.value.saturating_sub(value);
			totals.held = totals.held.saturating_sub(value);
			totals.moved = totals.moved.saturating_add(value);
			totals.noted = totals.noted.saturating_add(value);
		});
		// The pool has kept a fraction.
		Self::sync(&who, &from, &mut ledger, &mut position)?;
		Self::put_position(&who, &from, position, ledger);

		let step = Move { from: from.clone(), era, shares, noted: value };
		Self::enter(&who, &to, value, Some(step))?;
		Delegators::<T>::mutate(&who, |delegator| delegator.moved = moved);
		let due = Self::due(era);
		Self::deposit_event(Event::Redelegated { delegator: who, from, to, value, due });
		Ok(())
	}

	/// What the moves of a position were worth when it noted that, and what they are worth now.
	pub(crate) fn noted_and_worth(position: &PositionOf<T>) -> (Balance, Balance) {
		position.moves.iter().fold((0, 0), |(noted, worth), step| {
			(noted.saturating_add(step.noted), worth.saturating_add(Self::move_worth(step)))
		})
	}

	/// With what a move still answers.
	pub(crate) fn move_worth(step: &Move<T::AccountId>) -> Balance {
		Unbonding::<T>::get(&step.from, step.era)
			.map_or(0, |bucket| bucket.moved.worth(step.shares))
	}

	/// Takes shares of the position for what it owes to pools that it left, or gives it some for what they gave back, and
	/// forgets moves that answer for nothing any more. The hold is not changed: `sync` does that.
	pub(crate) fn collect(
		who: &T::AccountId,
		operator: &T::AccountId,
		ledger: &mut Ledger,
		position: &mut PositionOf<T>,
	) {
		if position.moves.is_empty() {
			return;
		}
		let (noted, worth) = Self::noted_and_worth(position);
		for step in &mut position.moves {
			step.noted = Self::move_worth(step);
		}
		let (owed, back) = (noted.saturating_sub(worth), worth.saturating_sub(noted));
		let paid = Self::sell_any(operator, ledger, position, owed, 0);
		Self::give_back(ledger, position, back);
		Self::with_totals(|totals| {
			totals.noted = totals.noted.saturating_add(back).saturating_sub(owed);
		});
		if paid < owed {
			Self::deposit_event(Event::Uncollectable {
				delegator: who.clone(),
				operator: operator.clone(),
				value: owed - paid,
			});
		}
		Self::forget_moves(position);
	}

	/// Buys the position shares for what the tranches of its moves are worth more. Little of that is the pool's, or the
	/// treasury's if nobody is in the pool.
	fn give_back(ledger: &mut Ledger, position: &mut PositionOf<T>, value: Balance) {
		if value == 0 {
			return;
		}
		let shares = if value > ROUNDING { ledger.active.buy(value) } else { None };
		match shares {
			Some(shares) => position.shares = position.shares.saturating_add(shares),
			None if ledger.active.shares > 0 => {
				ledger.active.value = ledger.active.value.saturating_add(value)
			},
			None => {
				let _ = T::Currency::mint_into(&T::Treasury::get(), value);
				return;
			},
		}
		Self::with_totals(|totals| {
			totals.active = totals.active.saturating_add(value);
			totals.value = totals.value.saturating_add(value);
		});
	}

	/// Sells active shares, then shares that began to leave in the era `first` or later, for up to `value`. Returns what they
	/// brought.
	pub(crate) fn sell_any(
		operator: &T::AccountId,
		ledger: &mut Ledger,
		position: &mut PositionOf<T>,
		value: Balance,
		first: EraIndex,
	) -> Balance {
		let mut rest = value;
		if rest > 0 && ledger.active.worth(position.shares) > 0 {
			let (shares, paid) = ledger.active.sell(rest, position.shares);
			position.shares = position.shares.saturating_sub(shares);
			rest = rest.saturating_sub(paid);
			Self::with_totals(|totals| {
				totals.active = totals.active.saturating_sub(paid);
				totals.value = totals.value.saturating_sub(paid);
			});
		}
		for chunk in position.unbonding.iter_mut().filter(|chunk| chunk.era >= first) {
			if rest == 0 {
				break;
			}
			let mut bucket = Unbonding::<T>::get(operator, chunk.era).unwrap_or_default();
			if bucket.leaving.worth(chunk.shares) == 0 {
				continue;
			}
			let (shares, paid) = bucket.leaving.sell(rest, chunk.shares);
			chunk.shares = chunk.shares.saturating_sub(shares);
			rest = rest.saturating_sub(paid);
			ledger.leaving = ledger.leaving.saturating_sub(paid);
			Self::with_totals(|totals| totals.value = totals.value.saturating_sub(paid));
			Self::put_bucket(operator, chunk.era, bucket);
		}
		position.unbonding.retain(|chunk| chunk.shares > 0);
		// As after a slash: bonds that are no longer covered shrink.
		ledger.locked = ledger.locked.min(ledger.cover());
		value.saturating_sub(rest)
	}

	fn forget_moves(position: &mut PositionOf<T>) {
		let now = Self::current_era();
		position.moves.retain(|step| {
			if Self::due(step.era) > now {
				return true;
			}
			let mut bucket = Unbonding::<T>::get(&step.from, step.era).unwrap_or_default();
			let value = bucket.moved.sell_all(step.shares);
			Self::with_totals(|totals| {
				totals.moved = totals.moved.saturating_sub(value);
				totals.noted = totals.noted.saturating_sub(step.noted);
			});
			Self::put_bucket(&step.from, step.era, bucket);
			if let Some(mut ledger) = Ledgers::<T>::get(&step.from) {
				ledger.holders = ledger.holders.saturating_sub(1);
				Self::put_ledger(&step.from, ledger);
			}
			false
		});
	}
}
