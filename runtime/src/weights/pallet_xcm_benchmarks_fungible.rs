//! Instructions of messages that move coins. Not measured yet: each has the constant that every instruction had before, which is far above what
//! such an instruction takes. To be made by the benchmarks with `runtime/weights-xcm.hbs`.

#![allow(dead_code)]

use core::marker::PhantomData;
use frame_support::weights::Weight;

/// Weight functions.
pub struct WeightInfo<T>(PhantomData<T>);
impl<T: frame_system::Config> WeightInfo<T> {
	pub(crate) fn withdraw_asset() -> Weight {
		Weight::from_parts(1_000_000_000, 64 * 1024)
	}
	pub(crate) fn transfer_asset() -> Weight {
		Weight::from_parts(1_000_000_000, 64 * 1024)
	}
	pub(crate) fn transfer_reserve_asset() -> Weight {
		Weight::from_parts(1_000_000_000, 64 * 1024)
	}
	pub(crate) fn reserve_asset_deposited() -> Weight {
		Weight::from_parts(1_000_000_000, 64 * 1024)
	}
	pub(crate) fn initiate_reserve_withdraw() -> Weight {
		Weight::from_parts(1_000_000_000, 64 * 1024)
	}
	pub(crate) fn receive_teleported_asset() -> Weight {
		Weight::from_parts(1_000_000_000, 64 * 1024)
	}
	pub(crate) fn deposit_asset() -> Weight {
		Weight::from_parts(1_000_000_000, 64 * 1024)
	}
	pub(crate) fn deposit_reserve_asset() -> Weight {
		Weight::from_parts(1_000_000_000, 64 * 1024)
	}
	pub(crate) fn initiate_teleport() -> Weight {
		Weight::from_parts(1_000_000_000, 64 * 1024)
	}
	pub(crate) fn initiate_transfer() -> Weight {
		Weight::from_parts(1_000_000_000, 64 * 1024)
	}
}
