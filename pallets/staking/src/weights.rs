//! Weights of the pallet's calls and of its work in hooks.
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
	/// `unbond` into the last free chunk, with all moves in use, which owe something and are due.
	fn unbond() -> Weight;
	/// `withdraw` of all chunks, with all moves in use, which owe something and are due.
	fn withdraw() -> Weight;
	/// `cancel_slash` of the last position in a pool.
	fn cancel_slash() -> Weight;
	/// `apply_slash` with a harmed party.
	fn apply_slash() -> Weight;
	/// `candidate`, into or out of a full list.
	fn candidate() -> Weight;
	/// `back`.
	fn back() -> Weight;
	/// `set_commission`.
	fn set_commission() -> Weight;
	/// `delegate`, with all unbonding chunks and moves in use, which owe something and are due.
	fn delegate() -> Weight;
	/// `redelegate` into a position with a debt and a move that is due, with all chunks and moves in use.
	fn redelegate() -> Weight;
	/// `settle`, with all unbonding chunks and moves in use, which owe something and are due.
	fn settle() -> Weight;
	/// `claim`.
	fn claim() -> Weight;
	/// `set_invulnerables`, as many as there can be.
	fn set_invulnerables() -> Weight;
	/// An election among `c` candidates.
	fn elect(c: u32) -> Weight;
	/// The end of an era in which `a` collators authored.
	fn close_era(a: u32) -> Weight;
	/// Noting the author of a block.
	fn note_author() -> Weight;
	/// Looking at an empty queue in `on_poll`.
	fn poll_base() -> Weight;
	/// One slash applied in `on_poll`, with a harmed party.
	fn poll_apply() -> Weight;
	/// One slash looked at in `on_poll` that is gone or not yet due.
	fn poll_skip() -> Weight;
	/// Looking for work of old eras in `on_poll`, and the end of forgetting one.
	fn forget_base() -> Weight;
	/// Forgetting the work of one operator in one era.
	fn forget_one() -> Weight;
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
		Db::of(6, 8)
	}
	fn bond_extra() -> Weight {
		Db::of(70, 6)
	}
	fn unbond() -> Weight {
		Db::of(70, 7)
	}
	fn withdraw() -> Weight {
		Db::of(70, 74)
	}
	fn cancel_slash() -> Weight {
		Db::of(4, 6)
	}
	fn apply_slash() -> Weight {
		Db::of(5, 7)
	}
	fn candidate() -> Weight {
		Db::of(7, 1)
	}
	fn back() -> Weight {
		Db::of(2, 1)
	}
	fn set_commission() -> Weight {
		Db::of(2, 1)
	}
	fn delegate() -> Weight {
		Db::of(70, 7)
	}
	fn redelegate() -> Weight {
		Db::of(140, 30)
	}
	fn settle() -> Weight {
		Db::of(80, 18)
	}
	fn claim() -> Weight {
		Db::of(4, 2)
	}
	fn set_invulnerables() -> Weight {
		Db::of(0, 1)
	}
	fn elect(c: u32) -> Weight {
		let c = u64::from(c);
		Db::of(4 + 3 * c, 2)
	}
	fn close_era(a: u32) -> Weight {
		let a = u64::from(a);
		Db::of(9 + 3 * a, 8 + 3 * a)
	}
	fn note_author() -> Weight {
		Db::of(1, 1)
	}
	fn poll_base() -> Weight {
		Db::of(1, 0)
	}
	fn poll_apply() -> Weight {
		Db::of(5, 8)
	}
	fn poll_skip() -> Weight {
		Db::of(1, 1)
	}
	fn forget_base() -> Weight {
		Db::of(2, 2)
	}
	fn forget_one() -> Weight {
		Db::of(1, 1)
	}
}
