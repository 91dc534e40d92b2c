//! Weights of the pallet's calls and of the authorisation of unsigned bundles.
//!
//! A runtime uses benchmarked weights. Those of `()` are for tests: they count database accesses, and the time of proofs as
//! it was estimated before there were benchmarks.

use frame_support::weights::{
	constants::{ParityDbWeight, WEIGHT_REF_TIME_PER_MILLIS},
	Weight,
};

/// What the pallet's work weighs.
pub trait WeightInfo {
	/// `shield`.
	fn shield() -> Weight;
	/// `spend` of `w` inputs in `s` full windows, with `t` outputs and an account that is paid.
	fn spend(w: u32, s: u32, t: u32) -> Weight;
	/// `relay` of the same.
	fn relay(w: u32, s: u32, t: u32) -> Weight;
	/// `pause`.
	fn pause() -> Weight;
	/// `resume`.
	fn resume() -> Weight;
	/// Checks of an unsigned bundle in a block, where the proofs are left to the dispatch.
	fn authorize_spend(w: u32, t: u32) -> Weight;
	/// The check in `on_idle`.
	fn check_turnstile() -> Weight;
}

fn accesses(reads: u32, writes: u32) -> Weight {
	ParityDbWeight::get().reads_writes(reads.into(), writes.into())
}

fn millis(millis: u32) -> Weight {
	Weight::from_parts(WEIGHT_REF_TIME_PER_MILLIS.saturating_mul(millis.into()), 0)
}

impl WeightInfo for () {
	fn shield() -> Weight {
		accesses(10, 8)
	}
	fn spend(w: u32, s: u32, t: u32) -> Weight {
		let proofs = 6 * w + 40 * s + 4 * t;
		millis(proofs).saturating_add(accesses(12 + w + 17 * s + 2 * t, 10 + w + 2 * t))
	}
	fn relay(w: u32, s: u32, t: u32) -> Weight {
		Self::spend(w, s, t)
	}
	fn pause() -> Weight {
		accesses(0, 1)
	}
	fn resume() -> Weight {
		accesses(1, 1)
	}
	fn authorize_spend(w: u32, t: u32) -> Weight {
		millis(1).saturating_add(accesses(12 + w + t, 0))
	}
	fn check_turnstile() -> Weight {
		accesses(3, 0)
	}
}
