//! Positions in pools: buying, leaving, and bringing holds in line with worth.

use frame_support::{
	ensure,
	storage::with_storage_layer,
	traits::{
		fungible::{Mutate, MutateHold},
		tokens::{Fortitude, Precision, Restriction},
		Get,
	},
};
use io_primitives::Balance;
use sp_runtime::{DispatchError, DispatchResult, Perbill};

use crate::{
	Backing, Bucket, Config, Delegators, EraIndex, Error, Event, HoldReason, Ledger, Ledgers,
	MetadataOf, Move, Pallet, PositionOf, Positions, Total, Totals, Unbonding, UnbondingChunk,
	WorkRings, LEVERAGE,
};

/// What a stranger gets of a slash that it collects.
const BOUNTY: Perbill = Perbill::from_percent(1);

/// How a hold was brought in line.
#[derive(Default)]
pub(crate) struct Synced {
	pub(crate) minted: Balance,
	pub(crate) burnt: Balance,
}

impl<T: Config> Pallet<T> {
	/// Changes the sums over all pools.
	pub(crate) fn with_totals(change: impl FnOnce(&mut Totals)) {
		Total::<T>::mutate(change);
	}

	/// Supply as it is when all holds are in line: what is issued, and rewards not yet minted, without slashes that are
	/// not yet burnt. It changes only by the mint, by burnt fees, by burnt slashes, and by what proves uncollectable of
	/// these.
	pub fn supply() -> Balance {
		use frame_support::traits::fungible::Inspect;
		let totals = Total::<T>::get();
		T::Currency::total_issuance()
			.saturating_add(totals.value)
			.saturating_add(totals.pending)
			.saturating_add(totals.moved)
			.saturating_sub(totals.held)
			.saturating_sub(totals.noted)
	}

	/// What a position is worth, with all that leaves.
	pub(crate) fn worth(
		operator: &T::AccountId,
		ledger: &Ledger,
		position: &PositionOf<T>,
	) -> Balance {
		position
			.unbonding
			.iter()
			.map(|chunk| Self::chunk_worth(operator, chunk))
			.fold(ledger.active.worth(position.shares), Balance::saturating_add)
	}

	pub(crate) fn chunk_worth(operator: &T::AccountId, chunk: &UnbondingChunk) -> Balance {
		Unbonding::<T>::get(operator, chunk.era)
			.map_or(0, |bucket| bucket.leaving.worth(chunk.shares))
	}

	/// Brings the hold of a position in line with its worth, after it has paid what it owes to pools that it left.
	pub(crate) fn sync(
		who: &T::AccountId,
		operator: &T::AccountId,
		ledger: &mut Ledger,
		position: &mut PositionOf<T>,
	) -> Result<Synced, DispatchError> {
		Self::collect(who, operator, ledger, position);
		let reason = HoldReason::Stake.into();
		let worth = Self::worth(operator, ledger, position);
		let minted = worth.saturating_sub(position.held);
		let burnt = position.held.saturating_sub(worth);
		if minted > 0 {
			T::Currency::mint_into(who, minted)?;
			T::Currency::hold(&reason, who, minted)?;
		}
		if burnt > 0 {
			T::Currency::burn_held(&reason, who, burnt, Precision::Exact, Fortitude::Force)?;
		}
		if minted > 0 || burnt > 0 {
			position.held = worth;
			Self::with_totals(|totals| {
				totals.held = totals.held.saturating_add(minted).saturating_sub(burnt);
			});
		}
		Ok(Synced { minted, burnt })
	}

	/// Least active stake of a position that is not empty.
	pub(crate) fn check_least(
		who: &T::AccountId,
		operator: &T::AccountId,
		worth: Balance,
	) -> DispatchResult {
		if who == operator {
			ensure!(worth >= T::MinOperatorStake::get(), Error::<T>::StakeTooLow);
		} else {
			ensure!(worth >= T::MinDelegation::get(), Error::<T>::DelegationTooLow);
		}
		Ok(())
	}

	/// Puts `value` on hold and buys shares for it.
	pub(crate) fn do_buy(
		who: &T::AccountId,
		operator: &T::AccountId,
		value: Balance,
	) -> DispatchResult {
		ensure!(value > 0, Error::<T>::ZeroValue);
		ensure!(Ledgers::<T>::contains_key(operator), Error::<T>::NotOperator);
		T::Currency::hold(&HoldReason::Stake.into(), who, value)?;
		Self::enter(who, operator, value, None)
	}

	/// Buys shares for `value` that is on hold but in no position, perhaps as it came from another pool.
	pub(crate) fn enter(
		who: &T::AccountId,
		operator: &T::AccountId,
		value: Balance,
		moved: Option<Move<T::AccountId>>,
	) -> DispatchResult {
		let mut ledger = Ledgers::<T>::get(operator).ok_or(Error::<T>::NotOperator)?;
		if who != operator {
			let least = T::MinOperatorStake::get();
			ensure!(ledger.own_stake() >= least, Error::<T>::OperatorLeaving);
		}
		let mut position = match Positions::<T>::get(who, operator) {
			Some(mut position) => {
				Self::sync(who, operator, &mut ledger, &mut position)?;
				position
			},
			None => {
				Self::count_holder(who, operator, &mut ledger)?;
				PositionOf::<T>::default()
			},
		};
		let shares = ledger.active.buy(value).ok_or(Error::<T>::PoolEmptied)?;
		position.shares = position.shares.saturating_add(shares);
		// The price that it paid counts, not what rounding has left of it.
		let before = ledger.active.worth(position.shares - shares);
		Self::check_least(who, operator, before.saturating_add(value))?;
		position.held = position.held.saturating_add(value);
		if let Some(moved) = moved {
			position.moves.try_push(moved).map_err(|_| Error::<T>::TooManyMoves)?;
		}
		if who == operator {
			ledger.own = position.shares;
		}
		Self::with_totals(|totals| {
			totals.active = totals.active.saturating_add(value);
			totals.value = totals.value.saturating_add(value);
			totals.held = totals.held.saturating_add(value);
		});
		Ledgers::<T>::insert(operator, ledger);
		Positions::<T>::insert(who, operator, position);
		Ok(())
	}

	/// Notes a new position.
	pub(crate) fn count_holder(
		who: &T::AccountId,
		operator: &T::AccountId,
		ledger: &mut Ledger,
	) -> DispatchResult {
		if who != operator {
			Delegators::<T>::try_mutate(who, |delegator| {
				ensure!(delegator.pools < T::MaxDelegations::get(), Error::<T>::TooManyDelegations);
				delegator.pools = delegator.pools.saturating_add(1);
				Ok::<_, Error<T>>(())
			})?;
		}
		ledger.holders = ledger.holders.saturating_add(1);
		Ok(())
	}

	/// Stores a position and its pool, or forgets them if nothing is in them.
	pub(crate) fn put_position(
		who: &T::AccountId,
		operator: &T::AccountId,
		position: PositionOf<T>,
		mut ledger: Ledger,
	) {
		if who == operator {
			ledger.own = position.shares;
		}
		if position.is_empty() {
			debug_assert_eq!(position.held, 0);
			Positions::<T>::remove(who, operator);
			ledger.holders = ledger.holders.saturating_sub(1);
			if who != operator {
				Delegators::<T>::mutate_exists(who, |delegator| {
					if let Some(known) = delegator {
						known.pools = known.pools.saturating_sub(1);
						if known.pools == 0 {
							*delegator = None;
						}
					}
				});
			}
		} else {
			Positions::<T>::insert(who, operator, position);
		}
		Self::put_ledger(operator, ledger);
	}

	/// Stores a pool, or forgets its operator if nobody has anything in it and no slash is pending.
	pub(crate) fn put_ledger(operator: &T::AccountId, ledger: Ledger) {
		if ledger.holders > 0 || ledger.pending > 0 {
			Ledgers::<T>::insert(operator, ledger);
			return;
		}
		Ledgers::<T>::remove(operator);
		MetadataOf::<T>::remove(operator);
		WorkRings::<T>::remove(operator);
		Backing::<T>::remove(operator);
		Self::deposit_event(Event::OperatorRemoved { operator: operator.clone() });
	}

	/// Stores what left a pool in an era, or forgets it if nobody has anything of it.
	pub(crate) fn put_bucket(operator: &T::AccountId, era: EraIndex, bucket: Bucket) {
		if bucket.is_empty() {
			Unbonding::<T>::remove(operator, era);
		} else {
			Unbonding::<T>::insert(operator, era, bucket);
		}
	}

	/// First era in which what began to leave in `era` can be withdrawn.
	pub(crate) fn due(era: EraIndex) -> EraIndex {
		era.saturating_add(T::UnbondingEras::get())
	}

	/// Moves active shares of the position worth `value`, or all, to the bucket of this era. Returns what they were worth.
	fn start_unbonding(
		operator: &T::AccountId,
		ledger: &mut Ledger,
		position: &mut PositionOf<T>,
		value: Balance,
	) -> Result<Balance, DispatchError> {
		let era = Self::current_era();
		let (shares, value) = ledger.active.sell(value, position.shares);
		position.shares = position.shares.saturating_sub(shares);
		Self::with_totals(|totals| totals.active = totals.active.saturating_sub(value));
		if value == 0 {
			return Ok(0);
		}
		let mut bucket = Unbonding::<T>::get(operator, era).unwrap_or_default();
		let shares = bucket.leaving.buy(value).ok_or(Error::<T>::PoolEmptied)?;
		Unbonding::<T>::insert(operator, era, bucket);
		ledger.leaving = ledger.leaving.saturating_add(value);
		match position.unbonding.last_mut() {
			Some(last) if last.era == era => last.shares = last.shares.saturating_add(shares),
			_ => position
				.unbonding
				.try_push(UnbondingChunk { era, shares })
				.map_err(|_| Error::<T>::TooManyUnbonding)?,
		}
		Ok(value)
	}

	pub(crate) fn do_unbond(
		who: T::AccountId,
		operator: T::AccountId,
		value: Balance,
	) -> DispatchResult {
		ensure!(value > 0, Error::<T>::ZeroValue);
		let mut ledger = Ledgers::<T>::get(&operator).ok_or(Error::<T>::NotOperator)?;
		let mut position = Positions::<T>::get(&who, &operator).ok_or(Error::<T>::NoPosition)?;
		ensure!(position.shares > 0, Error::<T>::NoPosition);
		Self::sync(&who, &operator, &mut ledger, &mut position)?;
		let value = Self::start_unbonding(&operator, &mut ledger, &mut position, value)?;
		if position.shares > 0 {
			Self::check_least(&who, &operator, ledger.active.worth(position.shares))?;
		}
		if who == operator {
			ledger.own = position.shares;
			let most = ledger.own_stake().saturating_mul(LEVERAGE);
			ensure!(ledger.locked <= most, Error::<T>::InsufficientFree);
		}
		// The pool has kept a fraction.
		Self::sync(&who, &operator, &mut ledger, &mut position)?;
		Self::put_position(&who, &operator, position, ledger);
		let due = Self::due(Self::current_era());
		Self::deposit_event(Event::Unbonded { delegator: who, operator, value, due });
		Ok(())
	}

	pub(crate) fn do_withdraw(who: T::AccountId, operator: T::AccountId) -> DispatchResult {
		let mut ledger = Ledgers::<T>::get(&operator).ok_or(Error::<T>::NotOperator)?;
		let mut position = Positions::<T>::get(&who, &operator).ok_or(Error::<T>::NoPosition)?;
		Self::sync(&who, &operator, &mut ledger, &mut position)?;
		let now = Self::current_era();
		let mut value: Balance = 0;
		let mut withdrawn = false;
		position.unbonding.retain(|chunk| {
			if Self::due(chunk.era) > now {
				return true;
			}
			withdrawn = true;
			let mut bucket = Unbonding::<T>::get(&operator, chunk.era).unwrap_or_default();
			value = value.saturating_add(bucket.leaving.sell_all(chunk.shares));
			Self::put_bucket(&operator, chunk.era, bucket);
			false
		});
		// A position of which slashes have left nothing is cleared away.
		let emptied = position.is_empty();
		ensure!(withdrawn || emptied, Error::<T>::NothingToWithdraw);
		if value > 0 {
			ledger.leaving = ledger.leaving.saturating_sub(value);
			ensure!(ledger.locked <= ledger.cover(), Error::<T>::BondsLocked);
			position.held = position.held.saturating_sub(value);
			Self::with_totals(|totals| {
				totals.value = totals.value.saturating_sub(value);
				totals.held = totals.held.saturating_sub(value);
			});
			T::Currency::release(&HoldReason::Stake.into(), &who, value, Precision::Exact)?;
			Self::deposit_event(Event::Withdrawn {
				delegator: who.clone(),
				operator: operator.clone(),
				value,
			});
		}
		Self::put_position(&who, &operator, position, ledger);
		Ok(())
	}

	pub(crate) fn do_settle(
		caller: T::AccountId,
		delegator: T::AccountId,
		operator: T::AccountId,
	) -> DispatchResult {
		let mut ledger = Ledgers::<T>::get(&operator).ok_or(Error::<T>::NotOperator)?;
		let mut position =
			Positions::<T>::get(&delegator, &operator).ok_or(Error::<T>::NoPosition)?;
		let Synced { minted, burnt } =
			Self::sync(&delegator, &operator, &mut ledger, &mut position)?;
		let bounty = if caller == delegator || delegator == operator {
			0
		} else {
			Self::pay_bounty(&caller, &delegator, &mut ledger, &mut position, BOUNTY * burnt)?
		};
		if bounty > 0 {
			Self::sync(&delegator, &operator, &mut ledger, &mut position)?;
		}
		// A pending slash may still be cancelled, and then its shares are worth something again.
		if ledger.active.is_emptied() && ledger.pending == 0 && position.shares > 0 {
			let all = Balance::MAX;
			let value = Self::start_unbonding(&operator, &mut ledger, &mut position, all)?;
			let due = Self::due(Self::current_era());
			Self::deposit_event(Event::Unbonded {
				delegator: delegator.clone(),
				operator: operator.clone(),
				value,
				due,
			});
		}
		Self::deposit_event(Event::Settled {
			delegator: delegator.clone(),
			operator: operator.clone(),
			minted,
			burnt,
			bounty,
		});
		Self::put_position(&delegator, &operator, position, ledger);
		Ok(())
	}

	/// Sells shares of the position and pays who has collected a slash from it. Nothing, if bonds need them, or if the
	/// caller cannot take it.
	fn pay_bounty(
		caller: &T::AccountId,
		delegator: &T::AccountId,
		ledger: &mut Ledger,
		position: &mut PositionOf<T>,
		most: Balance,
	) -> Result<Balance, DispatchError> {
		let spare = ledger.cover().saturating_sub(ledger.locked);
		// Never more than the same part of what the slash has left.
		let most = most.min(spare).min(BOUNTY * ledger.active.worth(position.shares));
		if most == 0 {
			return Ok(0);
		}
		let mut active = ledger.active;
		let (shares, value) = active.sell(most, position.shares);
		let paid = value <= spare
			&& with_storage_layer(|| {
				T::Currency::transfer_on_hold(
					&HoldReason::Stake.into(),
					delegator,
					caller,
					value,
					Precision::Exact,
					Restriction::Free,
					Fortitude::Force,
				)
			})
			.is_ok();
		if !paid {
			return Ok(0);
		}
		ledger.active = active;
		position.shares = position.shares.saturating_sub(shares);
		position.held = position.held.saturating_sub(value);
		Self::with_totals(|totals| {
			totals.active = totals.active.saturating_sub(value);
			totals.value = totals.value.saturating_sub(value);
			totals.held = totals.held.saturating_sub(value);
		});
		Ok(value)
	}
}
