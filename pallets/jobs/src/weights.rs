//! Weights of the pallet's calls, of their authorisation, and of its work in `on_poll`.
//!
//! A runtime uses benchmarked weights. Those of `()` count only database accesses and are for tests.

use frame_support::weights::{constants::ParityDbWeight, Weight};

/// What the pallet's work weighs.
pub trait WeightInfo {
	/// `submit` of a specification of `b` bytes.
	fn submit(b: u32) -> Weight;
	/// `cancel` of a job whose replicas are all assigned.
	fn cancel() -> Weight;
	/// `register_worker`.
	fn register_worker() -> Weight;
	/// `update_worker` into another class.
	fn update_worker() -> Weight;
	/// `retire_worker` that is not the last of its class.
	fn retire_worker() -> Weight;
	/// `heartbeat`.
	fn heartbeat() -> Weight;
	/// `accept`.
	fn accept() -> Weight;
	/// `decline`.
	fn decline() -> Weight;
	/// `commit` that starts the reveal.
	fn commit() -> Weight;
	/// `reveal` that is the last one.
	fn reveal() -> Weight;
	/// `poke`, besides what it serves.
	fn poke() -> Weight;
	/// `set_class`.
	fn set_class() -> Weight;
	/// Checks of a heartbeat.
	fn authorize_heartbeat() -> Weight;
	/// Checks of a call about a replica.
	fn authorize_step() -> Weight;
	/// The frame of `on_poll`.
	fn poll_base() -> Weight;
	/// Taking one list of the agenda and putting the rest of it back.
	fn poll_slot() -> Weight;
	/// Serving a job of which nothing is due: it is filed again.
	fn service_idle() -> Weight;
	/// Drawing workers for `r` replicas, each among the full number of fitting ones, of a job that asks for proven
	/// performance.
	fn service_draw(r: u32) -> Weight;
	/// `r` replicas that missed a deadline, each slashed.
	fn service_missed(r: u32) -> Weight;
	/// Settling a job of `r` replicas.
	fn service_settle(r: u32) -> Weight;
	/// Ending a job of `r` replicas without a result.
	fn service_end(r: u32) -> Weight;
}

fn accesses(reads: u32, writes: u32) -> Weight {
	ParityDbWeight::get().reads_writes(reads.into(), writes.into())
}

impl WeightInfo for () {
	fn submit(_: u32) -> Weight {
		accesses(5, 6)
	}
	fn cancel() -> Weight {
		accesses(22, 24)
	}
	fn register_worker() -> Weight {
		accesses(8, 7)
	}
	fn update_worker() -> Weight {
		accesses(8, 8)
	}
	fn retire_worker() -> Weight {
		accesses(7, 10)
	}
	fn heartbeat() -> Weight {
		accesses(2, 1)
	}
	fn accept() -> Weight {
		accesses(1, 1)
	}
	fn decline() -> Weight {
		accesses(5, 5)
	}
	fn commit() -> Weight {
		accesses(3, 3)
	}
	fn reveal() -> Weight {
		accesses(3, 4)
	}
	fn poke() -> Weight {
		accesses(2, 2)
	}
	fn set_class() -> Weight {
		accesses(2, 1)
	}
	fn authorize_heartbeat() -> Weight {
		accesses(3, 0)
	}
	fn authorize_step() -> Weight {
		accesses(2, 0)
	}
	fn poll_base() -> Weight {
		accesses(1, 1)
	}
	fn poll_slot() -> Weight {
		accesses(1, 1)
	}
	fn service_idle() -> Weight {
		accesses(2, 2)
	}
	fn service_draw(r: u32) -> Weight {
		accesses(3, 0).saturating_add(accesses(49, 2).saturating_mul(r.into()))
	}
	fn service_missed(r: u32) -> Weight {
		accesses(4, 6).saturating_mul(r.into())
	}
	fn service_settle(r: u32) -> Weight {
		accesses(8, 10).saturating_add(accesses(6, 6).saturating_mul(r.into()))
	}
	fn service_end(r: u32) -> Weight {
		accesses(4, 6).saturating_add(accesses(2, 3).saturating_mul(r.into()))
	}
}
