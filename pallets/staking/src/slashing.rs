//! From an offence to a burnt or returned slash.

use alloc::vec::Vec;
use frame_support::{
	defensive,
	storage::with_storage_layer,
	traits::{fungible::Mutate, Get},
	weights::WeightMeter,
	BoundedVec,
};
use io_primitives::{Balance, BlockNumber, Offence};
use sp_core::ConstU32;
use sp_runtime::{traits::SaturatedConversion, DispatchError, DispatchResult};

use crate::{
	pool::Division, Bucket, Config, Era, EraIndex, EraStarts, Error, Event, Ledger, Ledgers,
	Offences, Pallet, PendingSlash, PositionOf, Positions, Queue, SlashId, SlashPart, Slashes,
	Unbonding, WeightInfo, MAX_SLASH_PARTS,
};

/// What a slash took.
#[derive(Default)]
struct Taken {
	amount: Balance,
	/// What of it the operator lost alone.
	own: Balance,
	/// What of it had left the active stake.
	parts: BoundedVec<SlashPart, ConstU32<MAX_SLASH_PARTS>>,
}

impl<T: Config> Pallet<T> {
	pub(crate) fn current_era() -> EraIndex {
		Era::<T>::get().index
	}

	/// Era in which the block was; the oldest that is remembered, if it was before.
	pub(crate) fn era_of(block: BlockNumber) -> EraIndex {
		let starts = EraStarts::<T>::get();
		let later = starts.iter().rev().take_while(|start| **start > block).count();
		Self::current_era().saturating_sub(later.saturated_into())
	}

	/// Takes the offence's amount, or what is left, out of the operator's pool and queues it. Changes nothing and
	/// returns 0 if nothing can be taken.
	///
	/// The operator pays `FirstLoss` of it alone, as far as its own stake goes. For the rest all who are in the pool pay
	/// in proportion, the operator and those included who began to leave it, or moved stake to another one, in the era in
	/// which the duty began or later. What is due for withdrawal is safe.
	pub(crate) fn defer_slash(offence: Offence<T::AccountId>) -> Result<Balance, DispatchError> {
		let Offence { id: offence, operator, since, amount, reason, harmed } = offence;
		frame_support::ensure!(!Offences::<T>::contains_key(offence), Error::<T>::DuplicateOffence);
		let mut ledger = Ledgers::<T>::get(&operator).ok_or(Error::<T>::NotOperator)?;
		let mut position = Positions::<T>::get(&operator, &operator);
		let chunks = position.as_ref().map_or(0, |position| position.unbonding.len());
		let Taken { amount, own, parts } =
			Self::take(&operator, &mut ledger, position.as_mut(), since, amount);
		if amount == 0 {
			return Ok(0);
		}
		// Bringing the operator's hold in line looks at all that it unbonds, of which it has nothing in benchmarks.
		Self::add_weight(T::WeightInfo::poll_skip().saturating_mul(chunks.saturated_into()));

		let mut queue = Queue::<T>::get();
		let due = Self::now().saturating_add(T::SlashDefer::get());
		let id = queue.next;
		queue.next = queue.next.saturating_add(1);
		// Nobody gets the own slash back as a damage.
		let harmed = harmed.filter(|(who, _)| *who != operator);

		Queue::<T>::put(queue);
		match position {
			Some(position) => Self::put_own(&operator, ledger, position),
			None => Ledgers::<T>::insert(&operator, ledger),
		}
		Offences::<T>::insert(offence, id);
		Self::deposit_event(Event::SlashReported {
			id,
			operator: operator.clone(),
			amount,
			reason,
			due,
		});
		let slash = PendingSlash { operator, amount, own, parts, harmed, reason, due, offence };
		Slashes::<T>::insert(id, slash);
		Ok(amount)
	}

	/// Moves up to `amount` from the pool to `pending`, to the unit. Bonds that are no longer covered shrink with it.
	fn take(
		operator: &T::AccountId,
		ledger: &mut Ledger,
		position: Option<&mut PositionOf<T>>,
		since: BlockNumber,
		amount: Balance,
	) -> Taken {
		let now = Self::current_era();
		let first =
			Self::era_of(since).max(now.saturating_add(1).saturating_sub(T::UnbondingEras::get()));
		// Callers are benchmarked with a duty of this era. An older one costs a look at each era since, like at a slash.
		Self::add_weight(
			T::WeightInfo::poll_skip().saturating_mul(now.saturating_sub(first).into()),
		);
		let liable = || -> Vec<_> {
			(first..=now)
				.filter_map(|era| Some((era, Unbonding::<T>::get(operator, era)?)))
				.filter(|(_, bucket)| bucket.leaving.value > 0 || bucket.moved.value > 0)
				.collect()
		};
		let sum = |ledger: &Ledger, buckets: &[(EraIndex, Bucket)]| {
			buckets.iter().fold(ledger.active.value, |sum, (_, bucket)| {
				sum.saturating_add(bucket.leaving.value).saturating_add(bucket.moved.value)
			})
		};
		let amount = amount.min(sum(ledger, &liable()));
		if amount == 0 {
			return Taken::default();
		}
		let own = position.map_or(0, |position| {
			Self::sell_any(operator, ledger, position, T::FirstLoss::get() * amount, first)
		});

		let buckets = liable();
		let mut division = Division::new(amount.saturating_sub(own), sum(ledger, &buckets));
		let from_active = division.next(ledger.active.value);
		ledger.active.value = ledger.active.value.saturating_sub(from_active);
		let (mut from_leaving, mut from_moved): (Balance, Balance) = (0, 0);
		let mut parts = BoundedVec::new();
		for (era, mut bucket) in buckets {
			let leaving = division.next(bucket.leaving.value);
			bucket.leaving.value = bucket.leaving.value.saturating_sub(leaving);
			from_leaving = from_leaving.saturating_add(leaving);
			let moved = division.next(bucket.moved.value);
			bucket.moved.value = bucket.moved.value.saturating_sub(moved);
			from_moved = from_moved.saturating_add(moved);
			Unbonding::<T>::insert(operator, era, bucket);
			// Older eras first: if there are too many, the last ones are given back to those who stay.
			let _ = parts.try_push(SlashPart { era, leaving, moved });
		}
		ledger.leaving = ledger.leaving.saturating_sub(from_leaving);
		ledger.pending = ledger.pending.saturating_add(amount);
		ledger.locked = ledger.locked.min(ledger.cover());
		Self::with_totals(|totals| {
			totals.active = totals.active.saturating_sub(from_active);
			totals.value = totals.value.saturating_sub(from_active.saturating_add(from_leaving));
			totals.moved = totals.moved.saturating_sub(from_moved);
			totals.pending = totals.pending.saturating_add(amount);
		});
		Taken { amount, own, parts }
	}

	/// Stores the operator's position after a slash, whose own part leaves the hold at once.
	fn put_own(operator: &T::AccountId, mut ledger: Ledger, mut position: PositionOf<T>) {
		let synced = with_storage_layer(|| {
			Self::sync(operator, operator, &mut ledger, &mut position).map(|_| position.clone())
		});
		match synced {
			Ok(position) => Self::put_position(operator, operator, position, ledger),
			Err(error) => {
				// The hold stays as it is until the next time.
				log::warn!(target: crate::LOG_TARGET, "a hold is not in line: {error:?}");
				ledger.own = position.shares;
				Positions::<T>::insert(operator, operator, position);
				Ledgers::<T>::insert(operator, ledger);
			},
		}
	}

	/// Applies slashes that are due, as many as the weight and `MaxSlashesPerBlock` allow. The rest keeps its place.
	pub(crate) fn apply_due_slashes(meter: &mut WeightMeter) {
		if meter.try_consume(T::WeightInfo::poll_base()).is_err() {
			return;
		}
		let mut queue = Queue::<T>::get();
		let before = queue;
		for _ in 0..T::MaxSlashesPerBlock::get() {
			// The dearer of the two outcomes must be affordable before the item is looked at.
			if queue.first >= queue.next || !meter.can_consume(T::WeightInfo::poll_apply()) {
				break;
			}
			match Slashes::<T>::get(queue.first) {
				Some(slash) if slash.due > Self::now() => {
					meter.consume(T::WeightInfo::poll_skip());
					break;
				},
				Some(slash) => {
					meter.consume(T::WeightInfo::poll_apply());
					Self::settle_slash(queue.first, slash);
				},
				None => meter.consume(T::WeightInfo::poll_skip()),
			}
			queue.first = queue.first.saturating_add(1);
		}
		if queue != before {
			Queue::<T>::put(queue);
		}
	}

	/// Pays the harmed party, at most half of the slash and no more than the operator lost alone, and burns the rest. The
	/// money is still in many holds, from which it is burnt when they are brought in line; so what the harmed party gets is
	/// minted.
	pub(crate) fn settle_slash(id: SlashId, slash: PendingSlash<T::AccountId>) {
		let PendingSlash { operator, amount, own, harmed, offence, .. } = slash;
		let paid = harmed.map_or(0, |(who, most)| {
			// No more than the operator lost alone: who is harmed by arrangement must not be paid by delegators.
			let part = most.min(amount / 2).min(own);
			if part == 0 {
				return 0;
			}
			// An account that cannot take the money, for instance because it would stay below the existential deposit,
			// must not keep the slash from being applied: then all of it is burnt.
			with_storage_layer(|| T::Currency::mint_into(&who, part)).unwrap_or(0)
		});
		let burnt = amount.saturating_sub(paid);
		Self::forget_slash(id, offence, amount);
		match Ledgers::<T>::get(&operator) {
			Some(mut ledger) => {
				ledger.pending = ledger.pending.saturating_sub(amount);
				Self::put_ledger(&operator, ledger);
			},
			None => {
				defensive!("a ledger outlives its pending slashes");
			},
		}
		Self::deposit_event(Event::SlashApplied { id, operator, paid, burnt });
	}

	/// Gives a pending slash back: to the operator what it lost alone, to what leaves or has moved its part, to the active
	/// stake the rest and what nobody waits for any more. If nobody is in the pool either, the operator gets that.
	pub(crate) fn return_slash(id: SlashId) -> DispatchResult {
		let PendingSlash { operator, amount, own, parts, offence, .. } =
			Slashes::<T>::get(id).ok_or(Error::<T>::UnknownSlash)?;
		let Some(mut ledger) = Ledgers::<T>::get(&operator) else {
			defensive!("a ledger outlives its pending slashes");
			return Err(Error::<T>::NotOperator.into());
		};
		ledger.pending = ledger.pending.saturating_sub(amount);
		let (mut to_leaving, mut to_moved): (Balance, Balance) = (0, 0);
		for SlashPart { era, leaving, moved } in parts {
			let Some(mut bucket) = Unbonding::<T>::get(&operator, era) else { continue };
			let rest = bucket.leaving.give(leaving);
			to_leaving = to_leaving.saturating_add(leaving.saturating_sub(rest));
			let rest = bucket.moved.give(moved);
			to_moved = to_moved.saturating_add(moved.saturating_sub(rest));
			Unbonding::<T>::insert(&operator, era, bucket);
		}
		ledger.leaving = ledger.leaving.saturating_add(to_leaving);
		let to_pool = amount.saturating_sub(to_leaving).saturating_sub(to_moved);
		let alone = own.saturating_add(ledger.active.give(to_pool.saturating_sub(own)));
		match ledger.active.buy(alone) {
			Some(shares) => {
				let mut position = match Positions::<T>::get(&operator, &operator) {
					Some(position) => position,
					None => {
						Self::count_holder(&operator, &operator, &mut ledger)?;
						PositionOf::<T>::default()
					},
				};
				position.shares = position.shares.saturating_add(shares);
				ledger.own = position.shares;
				Positions::<T>::insert(&operator, &operator, position);
			},
			// Too little for a share: the pool keeps it.
			None => ledger.active.value = ledger.active.value.saturating_add(alone),
		}
		Self::forget_slash(id, offence, amount);
		Self::with_totals(|totals| {
			totals.active = totals.active.saturating_add(to_pool);
			totals.value = totals.value.saturating_add(to_pool).saturating_add(to_leaving);
			totals.moved = totals.moved.saturating_add(to_moved);
		});
		Ledgers::<T>::insert(&operator, ledger);
		Self::deposit_event(Event::SlashCancelled { id, operator, amount });
		Ok(())
	}

	fn forget_slash(id: SlashId, offence: sp_core::H256, amount: Balance) {
		Slashes::<T>::remove(id);
		Offences::<T>::remove(offence);
		Self::with_totals(|totals| totals.pending = totals.pending.saturating_sub(amount));
	}
}
