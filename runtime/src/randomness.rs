//! # Randomness of the relay chain
//!
//! Takes the relay chain's randomness out of the state proof that each block carries, so that neither users nor a
//! single collator choose it, and hands it to whoever draws lots ([`io_primitives::Randomness`]).
//!
//! Two values are read. `CURRENT_BLOCK_RANDOMNESS` changes with most relay chain blocks; its author can withhold a block
//! to avoid a value, at the price of the block's reward. `ONE_EPOCH_AGO_RANDOMNESS` changes once an epoch and is hard to
//! bias. The beacon hashes both with the block number: it is as fresh as the first and needs both to be known in advance.
//!
//! `since` is honest about what people see before us: a block's relay parent lies [`RELAY_PARENT_OFFSET`] blocks behind
//! the relay chain's tip, so the values of a block can be read on the relay chain while its forerunners are still
//! open for transactions. Those forerunners are therefore counted among the blocks that could depend on the value.
//!
//! A block whose proof has neither value has no beacon: nothing is drawn in it, and nothing panics. A development chain
//! has only the second value, and a predictable one: fine for development, worthless as a lottery.

use crate::constants::{BLOCK_PROCESSING_VELOCITY, RELAY_PARENT_OFFSET};
use codec::{Decode, Encode, MaxEncodedLen};
use cumulus_pallet_parachain_system::{relay_state_snapshot::RelayChainStateProof, OnSystemEvent};
use cumulus_primitives_core::{relay_chain::well_known_keys, PersistedValidationData};
use frame_support::{pallet_prelude::*, traits::Get, weights::Weight};
use frame_system::pallet_prelude::BlockNumberFor;
use io_primitives::Beacon;
use scale_info::TypeInfo;
use sp_core::H256;

pub use pallet::*;

/// Blocks before a value's first one that may have been built while it was public: for each relay chain block of the
/// offset, as many parachain blocks as can share a relay parent.
pub const FORESEEN_BLOCKS: u32 = RELAY_PARENT_OFFSET * (BLOCK_PROCESSING_VELOCITY + 1);

/// The relay chain's values as they were last seen.
#[derive(Encode, Decode, MaxEncodedLen, TypeInfo, Clone, Default, PartialEq, Eq, Debug)]
pub struct Entropy {
	/// Randomness of the relay parent's author.
	pub current_block: Option<H256>,
	/// Randomness of the epoch before the present one.
	pub one_epoch_ago: Option<H256>,
	/// Block in which one of the values last changed.
	pub changed_at: u32,
	/// Block in which the relay chain last showed a value.
	pub seen_at: u32,
}

#[frame_support::pallet]
pub mod pallet {
	use super::*;

	const STORAGE_VERSION: StorageVersion = StorageVersion::new(1);

	/// See the module's documentation.
	#[pallet::pallet]
	#[pallet::storage_version(STORAGE_VERSION)]
	pub struct Pallet<T>(_);

	/// What the pallet needs of the runtime: 32-bit block numbers.
	#[pallet::config]
	pub trait Config: frame_system::Config {}

	/// What is known of the relay chain's randomness.
	#[pallet::storage]
	pub type Latest<T: Config> = StorageValue<_, Entropy, ValueQuery>;

	#[pallet::hooks]
	impl<T: Config> Hooks<BlockNumberFor<T>> for Pallet<T>
	where
		BlockNumberFor<T>: Into<u32>,
	{
		#[cfg(feature = "try-runtime")]
		fn try_state(_: BlockNumberFor<T>) -> Result<(), sp_runtime::TryRuntimeError> {
			Self::do_try_state()
		}
	}
}

impl<T: Config> Pallet<T>
where
	BlockNumberFor<T>: Into<u32>,
{
	/// Takes note of what the relay chain shows in this block. A value that it does not show keeps its last one, which
	/// then counts as old: otherwise "no value" would be a value that everybody can predict.
	pub fn note(current_block: Option<H256>, one_epoch_ago: Option<H256>) {
		if current_block.is_none() && one_epoch_ago.is_none() {
			return;
		}
		let now: u32 = frame_system::Pallet::<T>::block_number().into();
		Latest::<T>::mutate(|latest| {
			let old = (latest.current_block, latest.one_epoch_ago);
			latest.current_block = current_block.or(latest.current_block);
			latest.one_epoch_ago = one_epoch_ago.or(latest.one_epoch_ago);
			if old != (latest.current_block, latest.one_epoch_ago) {
				latest.changed_at = now;
			}
			latest.seen_at = now;
		});
	}

	/// The beacon of this block; `None` if the relay chain showed nothing in it.
	pub fn beacon() -> Option<Beacon> {
		let now: u32 = frame_system::Pallet::<T>::block_number().into();
		let latest = Latest::<T>::get();
		(latest.seen_at == now && now > 0).then(|| Beacon {
			value: H256(sp_io::hashing::blake2_256(
				&(b"io/beacon/v1", latest.current_block, latest.one_epoch_ago, now).encode(),
			)),
			since: latest.changed_at.saturating_sub(FORESEEN_BLOCKS),
		})
	}

	/// Values never change after they were last seen, and never in the future.
	#[cfg(any(test, feature = "try-runtime"))]
	pub fn do_try_state() -> Result<(), sp_runtime::TryRuntimeError> {
		let now: u32 = frame_system::Pallet::<T>::block_number().into();
		let latest = Latest::<T>::get();
		ensure!(latest.changed_at <= latest.seen_at, "randomness changed after it was seen");
		ensure!(latest.seen_at <= now, "randomness was seen in the future");
		Ok(())
	}
}

impl<T: Config> io_primitives::Randomness for Pallet<T>
where
	BlockNumberFor<T>: Into<u32>,
{
	fn beacon() -> Option<Beacon> {
		Self::beacon()
	}
}

impl<T: Config> OnSystemEvent for Pallet<T>
where
	BlockNumberFor<T>: Into<u32>,
{
	fn on_validation_data(_: &PersistedValidationData) {}

	fn on_validation_code_applied() {}

	fn on_relay_state_proof(proof: &RelayChainStateProof) -> Weight {
		// A key that is not in the proof, or does not decode, is a missing value.
		let current = proof
			.read_optional_entry::<Option<H256>>(well_known_keys::CURRENT_BLOCK_RANDOMNESS)
			.ok()
			.flatten()
			.flatten();
		let epoch = proof
			.read_optional_entry::<H256>(well_known_keys::ONE_EPOCH_AGO_RANDOMNESS)
			.ok()
			.flatten();
		Self::note(current, epoch);
		// Reads of the proof are part of the inherent's benchmark; this adds our value and two hashes.
		T::DbWeight::get().reads_writes(1, 1)
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::{IoRandomness, Runtime, System};
	use io_primitives::Randomness;

	const A: H256 = H256::repeat_byte(1);
	const B: H256 = H256::repeat_byte(2);

	fn at<R>(block: u32, f: impl FnOnce() -> R) -> R {
		System::set_block_number(block);
		f()
	}

	fn run(f: impl FnOnce()) {
		sp_io::TestExternalities::default().execute_with(|| {
			f();
			IoRandomness::do_try_state().unwrap();
		});
	}

	fn beacon() -> Option<Beacon> {
		<IoRandomness as Randomness>::beacon()
	}

	#[test]
	fn should_have_no_beacon_when_relay_chain_showed_nothing() {
		run(|| {
			assert_eq!(at(0, beacon), None);
			at(5, || IoRandomness::note(None, None));
			assert_eq!(at(5, beacon), None);
		});
	}

	#[test]
	fn should_have_no_beacon_when_value_is_of_an_earlier_block() {
		run(|| {
			at(5, || IoRandomness::note(Some(A), None));
			assert!(at(5, beacon).is_some());
			assert_eq!(at(6, beacon), None);
		});
	}

	#[test]
	fn should_keep_since_but_change_value_when_relay_chain_repeats_itself() {
		run(|| {
			at(10, || IoRandomness::note(Some(A), Some(B)));
			let first = at(10, beacon).unwrap();
			at(11, || IoRandomness::note(Some(A), Some(B)));
			let second = at(11, beacon).unwrap();
			assert_eq!(first.since, 10 - FORESEEN_BLOCKS);
			assert_eq!(second.since, first.since);
			assert_ne!(second.value, first.value);
		});
	}

	#[test]
	fn should_not_count_as_new_when_a_value_is_missing() {
		run(|| {
			at(10, || IoRandomness::note(Some(A), Some(B)));
			at(20, || IoRandomness::note(None, Some(B)));
			assert_eq!(at(20, beacon).unwrap().since, 10 - FORESEEN_BLOCKS);
			at(30, || IoRandomness::note(Some(B), Some(B)));
			assert_eq!(at(30, beacon).unwrap().since, 30 - FORESEEN_BLOCKS);
		});
	}

	#[test]
	fn should_be_before_the_first_block_when_value_changed_in_the_first_blocks() {
		run(|| {
			at(1, || IoRandomness::note(None, Some(A)));
			assert_eq!(at(1, beacon).unwrap().since, 0);
			assert_eq!(Latest::<Runtime>::get().changed_at, 1);
		});
	}
}
