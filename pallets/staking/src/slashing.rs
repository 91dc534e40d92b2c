//! From an offence to a burnt or returned slash.

use frame_support::{
	defensive,
	storage::with_storage_layer,
	traits::{
		fungible::MutateHold,
		tokens::{Fortitude, Precision, Restriction},
		Get,
	},
	weights::WeightMeter,
};
use io_primitives::{Balance, Offence};
use sp_runtime::{DispatchError, DispatchResult};

use crate::{
	Config, Error, Event, HoldReason, Ledgers, Offences, Pallet, PendingSlash, Queue, SlashId,
	Slashes, WeightInfo,
};

impl<T: Config> Pallet<T> {
	/// Takes the offence's amount, or what is left, out of the operator's ledger and queues it. Changes nothing and
	/// returns 0 if nothing can be taken.
	pub(crate) fn defer_slash(offence: Offence<T::AccountId>) -> Result<Balance, DispatchError> {
		let Offence { id: offence, operator, amount, reason, harmed } = offence;
		frame_support::ensure!(!Offences::<T>::contains_key(offence), Error::<T>::DuplicateOffence);
		let mut ledger = Ledgers::<T>::get(&operator).ok_or(Error::<T>::NotOperator)?;
		let amount = ledger.take_for_slash(amount);
		if amount == 0 {
			return Ok(0);
		}

		let mut queue = Queue::<T>::get();
		let due = Self::now().saturating_add(T::SlashDefer::get());
		let id = queue.next;
		queue.next = queue.next.saturating_add(1);
		// Nobody gets the own slash back as a damage.
		let harmed = harmed.filter(|(who, _)| *who != operator);

		Queue::<T>::put(queue);
		Ledgers::<T>::insert(&operator, ledger);
		Offences::<T>::insert(offence, id);
		Self::deposit_event(Event::SlashReported {
			id,
			operator: operator.clone(),
			amount,
			reason,
			due,
		});
		Slashes::<T>::insert(id, PendingSlash { operator, amount, harmed, reason, due, offence });
		Ok(amount)
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

	/// Pays the harmed party and burns the rest.
	pub(crate) fn settle_slash(id: SlashId, slash: PendingSlash<T::AccountId>) {
		let PendingSlash { operator, amount, harmed, offence, .. } = slash;
		let reason = HoldReason::Stake.into();
		let paid = harmed.map_or(0, |(who, most)| {
			let part = most.min(amount / 2);
			if part == 0 {
				return 0;
			}
			// An account that cannot take the money, for instance because it would stay below the existential deposit,
			// must not keep the slash from being applied: then all of it is burnt.
			with_storage_layer(|| {
				T::Currency::transfer_on_hold(
					&reason,
					&operator,
					&who,
					part,
					Precision::Exact,
					Restriction::Free,
					Fortitude::Force,
				)
			})
			.unwrap_or(0)
		});
		let burnt = with_storage_layer(|| {
			T::Currency::burn_held(
				&reason,
				&operator,
				amount.saturating_sub(paid),
				Precision::BestEffort,
				Fortitude::Force,
			)
		})
		.unwrap_or_else(|error| {
			defensive!("a pending slash is always on hold", error);
			0
		});
		Self::forget_slash(id, offence);
		Ledgers::<T>::mutate(&operator, |ledger| match ledger {
			Some(ledger) => ledger.pending = ledger.pending.saturating_sub(amount),
			None => {
				defensive!("a ledger outlives its pending slashes");
			},
		});
		Self::deposit_event(Event::SlashApplied { id, operator, paid, burnt });
	}

	/// Gives a pending slash back to the operator's active stake.
	pub(crate) fn return_slash(id: SlashId) -> DispatchResult {
		let PendingSlash { operator, amount, offence, .. } =
			Slashes::<T>::get(id).ok_or(Error::<T>::UnknownSlash)?;
		Self::forget_slash(id, offence);
		Ledgers::<T>::mutate(&operator, |ledger| match ledger {
			Some(ledger) => {
				ledger.pending = ledger.pending.saturating_sub(amount);
				ledger.active = ledger.active.saturating_add(amount);
			},
			None => {
				defensive!("a ledger outlives its pending slashes");
			},
		});
		Self::deposit_event(Event::SlashCancelled { id, operator, amount });
		Ok(())
	}

	fn forget_slash(id: SlashId, offence: sp_core::H256) {
		Slashes::<T>::remove(id);
		Offences::<T>::remove(offence);
	}
}
