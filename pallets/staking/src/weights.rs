//! Weights of the pallet's calls and of its work in `on_poll`.
//!
//! A runtime uses benchmarked weights. Those of `()` count only database accesses and are for tests.

use core::marker::PhantomData;
use frame_support::{traits::Get, weights::Weight};

/// What the pallet's work weighs.
pub trait WeightInfo {
	/// `register_operator`.
	fn register_operator() -> Weight;
	/// `bond_extra`, with all unbonding chunks in use.
	fn bond_extra() -> Weight;
	/// `unbond` into the last free chunk.
	fn unbond() -> Weight;
	/// `withdraw` of all chunks.
	fn withdraw() -> Weight;
	/// `cancel_slash`.
	fn cancel_slash() -> Weight;
	/// `apply_slash` with a harmed party.
	fn apply_slash() -> Weight;
	/// Looking at an empty queue in `on_poll`.
	fn poll_base() -> Weight;
	/// One slash applied in `on_poll`, with a harmed party.
	fn poll_apply() -> Weight;
	/// One slash looked at in `on_poll` that is gone or not yet due.
	fn poll_skip() -> Weight;
}

/// Database accesses of the runtime `T`, and nothing else.
struct Accesses<T>(PhantomData<T>);

impl<T: Get<frame_support::weights::RuntimeDbWeight>> Accesses<T> {
	fn of(reads: u64, writes: u64) -> Weight {
		T::get().reads_writes(reads, writes)
	}
}

type Db = Accesses<frame_support::weights::constants::ParityDbWeight>;

impl WeightInfo for () {
	fn register_operator() -> Weight {
		Db::of(3, 4)
	}
	fn bond_extra() -> Weight {
		Db::of(3, 3)
	}
	fn unbond() -> Weight {
		Db::of(1, 1)
	}
	fn withdraw() -> Weight {
		Db::of(4, 4)
	}
	fn cancel_slash() -> Weight {
		Db::of(2, 3)
	}
	fn apply_slash() -> Weight {
		Db::of(5, 6)
	}
	fn poll_base() -> Weight {
		Db::of(1, 0)
	}
	fn poll_apply() -> Weight {
		Db::of(5, 7)
	}
	fn poll_skip() -> Weight {
		Db::of(1, 1)
	}
}
