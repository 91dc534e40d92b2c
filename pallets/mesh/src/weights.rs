//! Weights of the pallet's calls, of the authorisation of reports, and of its work in `on_idle`.
//!
//! A runtime uses benchmarked weights. Those of `()` are for tests: they count database accesses and signatures.

use frame_support::weights::{
	constants::{ParityDbWeight, WEIGHT_REF_TIME_PER_MICROS},
	Weight,
};

/// What the pallet's work weighs.
pub trait WeightInfo {
	/// `register_relay`.
	fn register_relay() -> Weight;
	/// `update_relay` of a relay with as many prices as it can have.
	fn update_relay() -> Weight;
	/// `unregister_relay`.
	fn unregister_relay() -> Weight;
	/// `release_relay`.
	fn release_relay() -> Weight;
	/// `wake_relay` of a relay that was slashed.
	fn wake_relay() -> Weight;
	/// `register_endpoint` of a worker with as many as it can have but one.
	fn register_endpoint() -> Weight;
	/// `remove_endpoint` of a worker with as many as it can have.
	fn remove_endpoint() -> Weight;
	/// `fund` of a budget that is there.
	fn fund() -> Weight;
	/// `close_budget`.
	fn close_budget() -> Weight;
	/// `release_budget`.
	fn release_budget() -> Weight;
	/// `claim` of `n` receipts of different workers and relays that are all paid.
	fn claim(n: u32) -> Weight;
	/// `report` of `n` relays that are all chilled by it.
	fn report(n: u32) -> Weight;
	/// `slash_relay`.
	fn slash_relay() -> Weight;
	/// Checks of a report of as many relays as there can be.
	fn authorize_report() -> Weight;
	/// The frame of `on_idle`.
	fn forget_base() -> Weight;
	/// A look at an epoch.
	fn forget_epoch() -> Weight;
	/// One entry that is forgotten.
	fn forget_entry() -> Weight;
}

fn accesses(reads: u32, writes: u32) -> Weight {
	ParityDbWeight::get().reads_writes(reads.into(), writes.into())
}

/// A signature.
fn signature() -> Weight {
	Weight::from_parts(WEIGHT_REF_TIME_PER_MICROS.saturating_mul(100), 0)
}

impl WeightInfo for () {
	fn register_relay() -> Weight {
		accesses(6, 4).saturating_add(signature())
	}
	fn update_relay() -> Weight {
		accesses(2, 1)
	}
	fn unregister_relay() -> Weight {
		accesses(3, 2)
	}
	fn release_relay() -> Weight {
		accesses(5, 4)
	}
	fn wake_relay() -> Weight {
		accesses(5, 3)
	}
	fn register_endpoint() -> Weight {
		accesses(6, 4).saturating_add(signature())
	}
	fn remove_endpoint() -> Weight {
		accesses(3, 4)
	}
	fn fund() -> Weight {
		accesses(4, 3)
	}
	fn close_budget() -> Weight {
		accesses(2, 1)
	}
	fn release_budget() -> Weight {
		accesses(4, 3)
	}
	fn claim(n: u32) -> Weight {
		accesses(6, 5).saturating_add(signature()).saturating_mul(n.into())
	}
	fn report(n: u32) -> Weight {
		accesses(4, 1).saturating_add(accesses(2, 2).saturating_mul(n.into()))
	}
	fn slash_relay() -> Weight {
		accesses(4, 4)
	}
	fn authorize_report() -> Weight {
		accesses(4, 0).saturating_add(signature())
	}
	fn forget_base() -> Weight {
		accesses(2, 1)
	}
	fn forget_epoch() -> Weight {
		accesses(2, 0)
	}
	fn forget_entry() -> Weight {
		accesses(1, 1)
	}
}
