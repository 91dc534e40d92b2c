//! The relay chain's clock and lots, and the windows that they open.
//!
//! Lots come from the VRF of the relay chain's block authors, one for each relay parent. A collator can leave a lot out by
//! skipping a relay parent, but it cannot choose one, and it cannot fold the same twice.

use codec::Encode;
use frame_support::{pallet_prelude::Weight, traits::Get};
use io_primitives::attestation::{Window, WindowId};
use io_tflops::transcript;
use sp_core::H256;
use sp_runtime::Permill;

use crate::{
	types::Clock, Config, Event, LastWindow, Pallet, PredictableBeacon, Relay, Ring, WeightInfo,
	RING,
};

impl<T: Config> Pallet<T> {
	/// Takes note of a block's relay parent: its number, its slot, and its author's VRF output. The runtime calls it once
	/// for each block, before transactions, with values out of the relay chain's state proof. Returns the weight of it.
	///
	/// A relay parent counts once, and one without a VRF output moves the clock but folds nothing.
	pub fn note_relay(relay_number: u32, slot: u64, vrf: Option<H256>) -> Weight {
		let mut clock = Relay::<T>::get();
		if relay_number > clock.relay_number {
			clock.relay_number = relay_number;
			clock.slot = clock.slot.max(slot);
			if let Some(lot) = vrf.or_else(|| Self::predictable_lot(relay_number)) {
				Self::fold(&mut clock, lot);
			}
			Relay::<T>::put(clock);
		}
		T::WeightInfo::note_relay()
	}

	/// What stands in for the VRF where the relay chain is a mock without one. Everybody can compute it beforehand, so it
	/// is worthless as a lot: only chains for development have it.
	fn predictable_lot(relay_number: u32) -> Option<H256> {
		PredictableBeacon::<T>::get().then(|| {
			let parent = frame_system::Pallet::<T>::parent_hash();
			(b"io/predictable", relay_number, parent)
				.using_encoded(sp_io::hashing::blake2_256)
				.into()
		})
	}

	fn fold(clock: &mut Clock, lot: H256) {
		clock.acc = transcript::fold(&clock.acc.0, clock.relay_number, &lot.0).into();
		clock.folds = clock.folds.saturating_add(1);
		Ring::<T>::insert(place(clock.folds), (clock.folds, clock.acc));
		let last = LastWindow::<T>::get();
		if Self::may_open(clock, last.as_ref()) && is_drawn(&clock.acc, T::WindowOdds::get()) {
			Self::open_window(clock, last.map_or(1, |window| window.id.saturating_add(1)));
		}
	}

	/// Whether enough blocks have gone by, and the last window is over.
	fn may_open(clock: &Clock, last: Option<&Window>) -> bool {
		last.is_none_or(|window| {
			Self::now() >= window.block.saturating_add(T::MinWindowGap::get())
				&& clock.slot > window.last_slot
		})
	}

	fn open_window(clock: &Clock, id: WindowId) {
		let Clock { relay_number, slot, acc, .. } = *clock;
		let genesis = Self::genesis();
		let seed =
			transcript::window_seed(&genesis.0, T::ParaId::get(), id, &acc.0, relay_number).into();
		let last_slot = slot.saturating_add(T::WindowSlots::get().into());
		LastWindow::<T>::put(Window { id, seed, slot, block: Self::now(), last_slot });
		Self::deposit_event(Event::WindowOpened { window: id, seed, slot, last_slot });
	}

	/// The lots up to this fold; `None` if that is to come, or too long ago for the ring.
	pub(crate) fn acc_at(fold: u64) -> Option<H256> {
		Ring::<T>::get(place(fold)).filter(|(found, _)| *found == fold).map(|(_, acc)| acc)
	}
}

fn place(fold: u64) -> u32 {
	// The remainder is below a `u32`.
	(fold % u64::from(RING)) as u32
}

/// Whether `acc mod 2^64 < odds * 2^64`, integers little-endian.
pub(crate) fn is_drawn(acc: &H256, odds: Permill) -> bool {
	let mut low = [0; 8];
	low.copy_from_slice(&acc.0[..8]);
	u128::from(u64::from_le_bytes(low)) * u128::from(Permill::one().deconstruct())
		< u128::from(odds.deconstruct()) << 64
}
