//! Weights of `pallet_io_mesh`.
//!
//! **Placeholders, not measured.** Reads and writes are counted, with more bytes of proof for each item than any of them has; a
//! signature counts as 120 microseconds, other work as 30 for a call or an entry. Replace this file by the output of the pallet's
//! benchmarks: "Measure weights" in runtime/README.md.

use core::marker::PhantomData;
use frame_support::{
	traits::Get,
	weights::{constants::WEIGHT_REF_TIME_PER_MICROS, Weight},
};

/// Bytes of proof for an item of a map. The largest, the list of an account's holds, has fewer.
const ITEM: u64 = 4_000;

/// Weight functions for `pallet_io_mesh`.
pub struct WeightInfo<T>(PhantomData<T>);

impl<T: frame_system::Config> WeightInfo<T> {
	fn work(micros: u64, reads: u64, writes: u64) -> Weight {
		let time = WEIGHT_REF_TIME_PER_MICROS.saturating_mul(micros);
		Weight::from_parts(time, reads.saturating_mul(ITEM))
			.saturating_add(T::DbWeight::get().reads_writes(reads, writes))
	}
}

impl<T: frame_system::Config> pallet_io_mesh::WeightInfo for WeightInfo<T> {
	fn register_relay() -> Weight {
		Self::work(150, 8, 4)
	}
	fn update_relay() -> Weight {
		Self::work(30, 2, 1)
	}
	fn unregister_relay() -> Weight {
		Self::work(30, 4, 2)
	}
	fn release_relay() -> Weight {
		Self::work(30, 5, 4)
	}
	fn wake_relay() -> Weight {
		Self::work(30, 5, 3)
	}
	fn register_endpoint() -> Weight {
		Self::work(150, 7, 4)
	}
	fn remove_endpoint() -> Weight {
		Self::work(30, 4, 4)
	}
	fn fund() -> Weight {
		Self::work(30, 4, 3)
	}
	fn close_budget() -> Weight {
		Self::work(30, 2, 1)
	}
	fn release_budget() -> Weight {
		Self::work(30, 4, 3)
	}
	fn claim(n: u32) -> Weight {
		Self::work(30, 2, 0).saturating_add(Self::work(150, 6, 5).saturating_mul(n.into()))
	}
	fn report(n: u32) -> Weight {
		Self::work(30, 4, 1).saturating_add(Self::work(30, 2, 2).saturating_mul(n.into()))
	}
	fn slash_relay() -> Weight {
		Self::work(30, 5, 5)
	}
	fn authorize_report() -> Weight {
		Self::work(150, 4, 0)
	}
	fn forget_base() -> Weight {
		Self::work(30, 2, 1)
	}
	fn forget_epoch() -> Weight {
		Self::work(30, 2, 0)
	}
	fn forget_entry() -> Weight {
		Self::work(30, 1, 1)
	}
}
