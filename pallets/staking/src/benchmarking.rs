//! Benchmarks of the calls and of the work in `on_poll`, each in its dearest case.

use alloc::vec;
use frame_benchmarking::v2::*;
use frame_support::{traits::fungible::Mutate, weights::WeightMeter};
use frame_system::{pallet_prelude::BlockNumberFor, RawOrigin};

use super::*;

const STAKE_FACTOR: Balance = 1_000;

/// An operator with plenty of stake.
fn operator<T: Config>() -> T::AccountId {
	let who: T::AccountId = whitelisted_caller();
	Pallet::<T>::ensure_operator(&who, T::MinOperatorStake::get().saturating_mul(STAKE_FACTOR));
	who
}

fn set_block<T: Config>(block: BlockNumber) {
	frame_system::Pallet::<T>::set_block_number(BlockNumberFor::<T>::from(block));
}

/// Fills all but `spare` unbonding chunks.
fn fill_chunks<T: Config>(who: &T::AccountId, spare: u32) {
	for block in 1..=T::MaxUnbonding::get().saturating_sub(spare) {
		set_block::<T>(block);
		Pallet::<T>::unbond(RawOrigin::Signed(who.clone()).into(), 1).expect("there is room");
	}
	set_block::<T>(T::MaxUnbonding::get().saturating_add(1));
}

/// A slash that hits an operator and pays a new account.
fn slash<T: Config>(operator: &T::AccountId, seed: u32) -> SlashId {
	let id = Queue::<T>::get().next;
	let harmed: T::AccountId = account("harmed", seed, 0);
	let amount = T::MinOperatorStake::get().saturating_mul(2);
	Pallet::<T>::report(Offence {
		id: H256::repeat_byte(seed as u8),
		operator: operator.clone(),
		amount,
		reason: OffenceReason::Disagreed,
		harmed: Some((harmed, amount)),
	})
	.expect("it is an operator and the id is new");
	id
}

/// Goes to the block in which a slash of now is due.
fn make_due<T: Config>() {
	set_block::<T>(Pallet::<T>::now().saturating_add(T::SlashDefer::get()));
}

#[benchmarks]
mod benchmarks {
	use super::*;

	#[benchmark]
	fn register_operator() {
		let who: T::AccountId = whitelisted_caller();
		let stake = T::MinOperatorStake::get();
		T::Currency::mint_into(&who, stake.saturating_mul(2)).expect("benchmarks can mint");
		let metadata =
			Metadata::try_from(vec![b'm'; MAX_METADATA as usize]).expect("it is as long as it may");

		#[extrinsic_call]
		_(RawOrigin::Signed(who.clone()), stake, metadata);

		assert!(Ledgers::<T>::contains_key(who));
	}

	#[benchmark]
	fn bond_extra() {
		let who = operator::<T>();
		fill_chunks::<T>(&who, 0);
		let value = T::Currency::minimum_balance().max(1);
		T::Currency::mint_into(&who, value).expect("benchmarks can mint");
		let before = Pallet::<T>::free(&who);

		#[extrinsic_call]
		_(RawOrigin::Signed(who.clone()), value);

		assert_eq!(Pallet::<T>::free(&who), before + value);
	}

	#[benchmark]
	fn unbond() {
		let who = operator::<T>();
		fill_chunks::<T>(&who, 1);
		let before = Pallet::<T>::free(&who);

		#[extrinsic_call]
		_(RawOrigin::Signed(who.clone()), 1);

		assert_eq!(Pallet::<T>::free(&who), before - 1);
	}

	#[benchmark]
	fn withdraw() {
		let who = operator::<T>();
		fill_chunks::<T>(&who, 1);
		let all = Pallet::<T>::free(&who);
		Pallet::<T>::unbond(RawOrigin::Signed(who.clone()).into(), all).expect("all is free");
		set_block::<T>(Pallet::<T>::now().saturating_add(T::UnbondingBlocks::get()));

		#[extrinsic_call]
		_(RawOrigin::Signed(who.clone()));

		assert!(!Ledgers::<T>::contains_key(who));
	}

	#[benchmark]
	fn cancel_slash() -> Result<(), BenchmarkError> {
		let who = operator::<T>();
		fill_chunks::<T>(&who, 0);
		let id = slash::<T>(&who, 1);
		let origin =
			T::AdminOrigin::try_successful_origin().map_err(|_| BenchmarkError::Weightless)?;

		#[extrinsic_call]
		_(origin as T::RuntimeOrigin, id);

		assert!(!Slashes::<T>::contains_key(id));
		Ok(())
	}

	#[benchmark]
	fn apply_slash() {
		let who = operator::<T>();
		fill_chunks::<T>(&who, 0);
		let id = slash::<T>(&who, 1);
		make_due::<T>();

		#[extrinsic_call]
		_(RawOrigin::Signed(who), id);

		assert!(!Slashes::<T>::contains_key(id));
	}

	#[benchmark]
	fn poll_base() {
		#[block]
		{
			Pallet::<T>::apply_due_slashes(&mut WeightMeter::new());
		}

		assert_eq!(Queue::<T>::get(), SlashQueue::default());
	}

	#[benchmark]
	fn poll_apply() {
		let who = operator::<T>();
		fill_chunks::<T>(&who, 0);
		let id = slash::<T>(&who, 1);
		make_due::<T>();

		#[block]
		{
			Pallet::<T>::apply_due_slashes(&mut WeightMeter::new());
		}

		assert!(!Slashes::<T>::contains_key(id));
	}

	#[benchmark]
	fn poll_skip() {
		let who = operator::<T>();
		let id = slash::<T>(&who, 1);
		Pallet::<T>::return_slash(id).expect("it is pending");

		#[block]
		{
			Pallet::<T>::apply_due_slashes(&mut WeightMeter::new());
		}

		assert_eq!(Queue::<T>::get().first, id + 1);
	}

	impl_benchmark_test_suite!(Pallet, crate::mock::new_test_ext(), crate::mock::Test);
}
