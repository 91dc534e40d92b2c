//! Epochs, and what is forgotten when they are long over.

use frame_support::weights::WeightMeter;
use io_primitives::mesh::{EpochIndex, CLAIM_EPOCHS};

use crate::{Config, EpochBlocks, OldestEpoch, PaidOut, Pallet, Reporters, WeightInfo};

impl<T: Config> Pallet<T> {
	/// The present epoch.
	pub fn epoch() -> EpochIndex {
		Self::now() / EpochBlocks::<T>::get().max(1)
	}

	/// The oldest epoch whose receipts are paid.
	pub(crate) fn oldest_claimable() -> EpochIndex {
		Self::epoch().saturating_sub(CLAIM_EPOCHS)
	}

	/// Removes what was noted of epochs whose receipts cannot be claimed any more, as far as the weight goes.
	pub(crate) fn forget_old_epochs(meter: &mut WeightMeter) {
		if meter.try_consume(T::WeightInfo::forget_base()).is_err() {
			return;
		}
		let first = OldestEpoch::<T>::get();
		let end = Self::oldest_claimable();
		let mut epoch = first;
		while epoch < end && Self::forget_epoch(epoch, meter) {
			epoch = epoch.saturating_add(1);
		}
		if epoch != first {
			OldestEpoch::<T>::put(epoch);
		}
	}

	/// Removes the notes of one epoch; says whether all are gone.
	fn forget_epoch(epoch: EpochIndex, meter: &mut WeightMeter) -> bool {
		if meter.try_consume(T::WeightInfo::forget_epoch()).is_err() {
			return false;
		}
		let paid = PaidOut::<T>::drain_prefix(epoch).map(drop);
		let mut notes = paid.chain(Reporters::<T>::drain_prefix(epoch).map(drop));
		loop {
			if meter.try_consume(T::WeightInfo::forget_entry()).is_err() {
				return false;
			}
			if notes.next().is_none() {
				return true;
			}
		}
	}
}
