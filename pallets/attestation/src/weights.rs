//! Weights of the pallet's calls, of their authorisation, and of its work in `on_poll`.
//!
//! A runtime uses benchmarked weights. Those of `()` are for tests: they count database accesses, and the time of proofs as
//! it was estimated before there were benchmarks.

use frame_support::weights::{
	constants::{ParityDbWeight, WEIGHT_REF_TIME_PER_MICROS},
	Weight,
};

/// What the pallet's work weighs.
pub trait WeightInfo {
	/// A relay parent whose lot opens a window.
	fn note_relay() -> Weight;
	/// `enrol` of a device that is enrolled already, with a certificate.
	fn enrol() -> Weight;
	/// `leave` of a device with a certificate.
	fn leave() -> Weight;
	/// `release` of a device with a certificate.
	fn release() -> Weight;
	/// `commit`.
	fn commit() -> Weight;
	/// `reveal` of `r` rounds with `o` openings that is right, in a class with the deepest tree and the shortest rows.
	fn reveal(r: u32, o: u32) -> Weight;
	/// The computation of `e` entries of the longest rows, 65,536 columns.
	fn reveal_entries(e: u32) -> Weight;
	/// The slash of a device with a certificate.
	fn punish() -> Weight;
	/// `settle_product` with `l` points in its lists and `k` columns of the left matrix, with the dearer verdict.
	fn settle_product(l: u32, k: u32) -> Weight;
	/// `dispute` with a proof of `p` bytes that succeeds.
	fn dispute(p: u32) -> Weight;
	/// `set_class`.
	fn set_class() -> Weight;
	/// Checks of an enrolment, or a departure.
	fn authorize_change() -> Weight;
	/// Checks of a commitment.
	fn authorize_commit() -> Weight;
	/// Checks of a reveal of `p` bytes.
	fn authorize_reveal(p: u32) -> Weight;
	/// Checks of a product's proof of `p` bytes.
	fn authorize_settle_product(p: u32) -> Weight;
	/// The frame of `on_poll`.
	fn poll_base() -> Weight;
	/// The lot of one commitment.
	fn poll_draw() -> Weight;
	/// A look at one ticket.
	fn poll_skip() -> Weight;
}

fn accesses(reads: u32, writes: u32) -> Weight {
	ParityDbWeight::get().reads_writes(reads.into(), writes.into())
}

fn micros(micros: u32) -> Weight {
	Weight::from_parts(WEIGHT_REF_TIME_PER_MICROS.saturating_mul(micros.into()), 0)
}

impl WeightInfo for () {
	fn note_relay() -> Weight {
		accesses(5, 4)
	}
	fn enrol() -> Weight {
		accesses(6, 4)
	}
	fn leave() -> Weight {
		accesses(4, 3)
	}
	fn release() -> Weight {
		accesses(4, 3)
	}
	fn commit() -> Weight {
		accesses(6, 3)
	}
	fn reveal(r: u32, o: u32) -> Weight {
		accesses(5, 3).saturating_add(micros(r.saturating_add(o.saturating_mul(10))))
	}
	fn reveal_entries(e: u32) -> Weight {
		micros(e.saturating_mul(181))
	}
	fn punish() -> Weight {
		accesses(4, 6)
	}
	fn settle_product(l: u32, k: u32) -> Weight {
		accesses(3, 3).saturating_add(micros(l.saturating_add(k).saturating_mul(60)))
	}
	fn dispute(p: u32) -> Weight {
		accesses(3, 3).saturating_add(micros(p / 100))
	}
	fn set_class() -> Weight {
		accesses(1, 1)
	}
	fn authorize_change() -> Weight {
		accesses(6, 0).saturating_add(micros(100))
	}
	fn authorize_commit() -> Weight {
		accesses(6, 0).saturating_add(micros(100))
	}
	fn authorize_reveal(p: u32) -> Weight {
		accesses(3, 0).saturating_add(micros(100 + p / 100))
	}
	fn authorize_settle_product(p: u32) -> Weight {
		accesses(3, 0).saturating_add(micros(100 + p / 100))
	}
	fn poll_base() -> Weight {
		accesses(5, 2)
	}
	fn poll_draw() -> Weight {
		accesses(7, 5)
	}
	fn poll_skip() -> Weight {
		accesses(1, 0)
	}
}
