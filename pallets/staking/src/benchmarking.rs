//! Benchmarks of the calls and of the work in hooks, each in its dearest case.

use alloc::{vec, vec::Vec};
use frame_benchmarking::v2::*;
use frame_support::{traits::fungible::Mutate, weights::WeightMeter};
use frame_system::{pallet_prelude::BlockNumberFor, RawOrigin};
use io_primitives::WorkLedger;
use pallet_authorship::EventHandler;
use pallet_session::SessionManager;

use super::*;
use crate::work::FORGET_PER_BLOCK;

const STAKE_FACTOR: Balance = 1_000;

/// An operator with plenty of stake.
fn operator<T: Config>() -> T::AccountId {
	let who: T::AccountId = whitelisted_caller();
	Pallet::<T>::ensure_operator(&who, plenty::<T>());
	who
}

fn plenty<T: Config>() -> Balance {
	let least = T::Election::get().bounded().min_self_stake;
	T::MinOperatorStake::get().max(T::MinDelegation::get()).max(least).saturating_mul(STAKE_FACTOR)
}

fn funded<T: Config>(name: &'static str, seed: u32) -> T::AccountId {
	let who: T::AccountId = account(name, seed, 0);
	T::Currency::mint_into(&who, plenty::<T>().saturating_mul(16)).expect("benchmarks can mint");
	who
}

/// A delegator with plenty of stake in the pool.
fn delegator<T: Config>(operator: &T::AccountId) -> T::AccountId {
	let who = funded::<T>("delegator", 0);
	Pallet::<T>::do_buy(&who, operator, plenty::<T>()).expect("it is funded");
	who
}

fn signed<T: Config>(who: &T::AccountId) -> RawOrigin<T::AccountId> {
	RawOrigin::Signed(who.clone())
}

fn set_block<T: Config>(block: BlockNumber) {
	frame_system::Pallet::<T>::set_block_number(BlockNumberFor::<T>::from(block));
}

fn next_era<T: Config>() {
	Era::<T>::mutate(|era| era.index = era.index.saturating_add(1));
}

/// Fills all but `spare` unbonding chunks of a position.
fn fill_chunks<T: Config>(who: &T::AccountId, operator: &T::AccountId, spare: u32) {
	for _ in 0..T::MaxUnbonding::get().saturating_sub(spare) {
		Pallet::<T>::do_unbond(who.clone(), operator.clone(), 1_000).expect("there is room");
		next_era::<T>();
	}
}

/// Stake of a position that came from as many other pools as there can be, and owes something to each of them.
fn fill_moves<T: Config>(who: &T::AccountId, operator: &T::AccountId, name: &'static str) {
	let others: Vec<_> = (0..MAX_MOVES)
		.map(|seed| {
			let other = funded::<T>(name, seed);
			Pallet::<T>::ensure_operator(&other, plenty::<T>());
			Pallet::<T>::do_buy(who, &other, plenty::<T>()).expect("it is funded");
			let to = operator.clone();
			Pallet::<T>::do_redelegate(who.clone(), other.clone(), to, Balance::MAX)
				.expect("there is room");
			// Here all happens in one era.
			Delegators::<T>::mutate(who, |delegator| delegator.moved = 0);
			other
		})
		.collect();
	for other in others {
		let seed = Queue::<T>::get().next.saturated_into::<u32>().saturating_add(100);
		slash::<T>(&other, seed);
	}
}

/// Goes to the era in which what began to leave in this one is due.
fn make_leaving_due<T: Config>() {
	for _ in 0..T::UnbondingEras::get() {
		next_era::<T>();
	}
}

/// A slash that hits an operator and pays a new account.
fn slash<T: Config>(operator: &T::AccountId, seed: u32) -> SlashId {
	let id = Queue::<T>::get().next;
	let harmed: T::AccountId = account("harmed", seed, 0);
	let amount = T::MinOperatorStake::get().saturating_mul(2);
	Pallet::<T>::report(Offence {
		id: H256::repeat_byte(seed as u8),
		operator: operator.clone(),
		since: 0,
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

/// So many candidates, all fit, each with work in all eras of the window.
fn candidates<T: Config>(count: u32) -> Vec<T::AccountId> {
	let all: Vec<_> = (0..count)
		.map(|seed| {
			let who = funded::<T>("candidate", seed);
			let stake = plenty::<T>().saturating_add(seed.into());
			Pallet::<T>::ensure_operator(&who, stake);
			T::Collators::ensure_keys(&who);
			let era = Pallet::<T>::current_era();
			WorkRings::<T>::mutate_extant(&who, |ring| {
				for age in (0..T::WorkWindow::get()).rev() {
					ring.credit(era.saturating_add(T::WorkWindow::get()) - age, 1_000);
				}
			});
			who
		})
		.collect();
	let list: Vec<_> = all.iter().map(|who| Candidate { who: who.clone(), score: 1 }).collect();
	Candidates::<T>::put(BoundedVec::truncate_from(list));
	all
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
		_(signed::<T>(&who), stake, Perbill::from_percent(5), metadata);

		assert!(Ledgers::<T>::contains_key(who));
	}

	#[benchmark]
	fn bond_extra() {
		let who = operator::<T>();
		fill_chunks::<T>(&who, &who, 0);
		Pallet::<T>::reward_pool(&who, plenty::<T>());
		let value = plenty::<T>();
		T::Currency::mint_into(&who, value).expect("benchmarks can mint");
		let before = Pallet::<T>::stake(&who);

		#[extrinsic_call]
		_(signed::<T>(&who), value);

		assert!(Pallet::<T>::stake(&who) > before);
	}

	#[benchmark]
	fn unbond() {
		let operator = operator::<T>();
		let who = delegator::<T>(&operator);
		fill_chunks::<T>(&who, &operator, 1);
		fill_moves::<T>(&who, &operator, "left");
		make_leaving_due::<T>();
		Pallet::<T>::reward_pool(&operator, plenty::<T>());
		let before = Ledgers::<T>::get(&operator).expect("it is an operator").active.value;

		#[extrinsic_call]
		_(signed::<T>(&who), operator.clone(), 1_000);

		assert!(Ledgers::<T>::get(&operator).expect("it is an operator").active.value < before);
	}

	#[benchmark]
	fn withdraw() {
		let operator = operator::<T>();
		let who = delegator::<T>(&operator);
		fill_chunks::<T>(&who, &operator, 1);
		fill_moves::<T>(&who, &operator, "left");
		for holder in [&who, &operator] {
			Pallet::<T>::do_unbond(holder.clone(), operator.clone(), Balance::MAX)
				.expect("all is free");
		}
		make_leaving_due::<T>();
		Pallet::<T>::do_withdraw(operator.clone(), operator.clone()).expect("it is due");

		// The last one shuts the door.
		#[extrinsic_call]
		_(signed::<T>(&who), operator.clone());

		assert!(!Ledgers::<T>::contains_key(operator));
	}

	#[benchmark]
	fn cancel_slash() -> Result<(), BenchmarkError> {
		let who = operator::<T>();
		let stake = Pallet::<T>::stake(&who);
		Pallet::<T>::report(Offence {
			id: H256::zero(),
			operator: who.clone(),
			since: 0,
			amount: stake,
			reason: OffenceReason::Late,
			harmed: None,
		})?;
		// The pool is empty, so the operator gets a new position.
		Pallet::<T>::do_unbond(who.clone(), who.clone(), 1)?;
		let origin =
			T::AdminOrigin::try_successful_origin().map_err(|_| BenchmarkError::Weightless)?;

		#[extrinsic_call]
		_(origin as T::RuntimeOrigin, 0);

		assert_eq!(Pallet::<T>::stake(&who), stake);
		Ok(())
	}

	#[benchmark]
	fn apply_slash() {
		let who = operator::<T>();
		let id = slash::<T>(&who, 1);
		make_due::<T>();

		#[extrinsic_call]
		_(signed::<T>(&who), id);

		assert!(!Slashes::<T>::contains_key(id));
	}

	#[benchmark]
	fn candidate() {
		let who = operator::<T>();
		T::Collators::ensure_keys(&who);
		candidates::<T>(T::MaxCandidates::get());
		let score = Candidates::<T>::mutate(|list| {
			list.iter_mut().for_each(|listed| listed.score = 0);
			list.len()
		});
		assert_eq!(score as u32, T::MaxCandidates::get());
		LastElection::<T>::put(ElectionTotals { stake: 1, work: 0 });

		#[extrinsic_call]
		_(signed::<T>(&who), true);

		assert_eq!(Candidates::<T>::get().first().map(|first| first.who.clone()), Some(who));
	}

	#[benchmark]
	fn back() {
		let who = operator::<T>();
		let other = funded::<T>("other", 0);
		Pallet::<T>::ensure_operator(&other, plenty::<T>());

		#[extrinsic_call]
		_(signed::<T>(&who), Some(other));

		assert!(Backing::<T>::contains_key(who));
	}

	#[benchmark]
	fn set_commission() {
		let who = operator::<T>();
		let commission = Perbill::from_percent(1);

		#[extrinsic_call]
		_(signed::<T>(&who), commission);

		assert_eq!(Ledgers::<T>::get(who).map(|ledger| ledger.commission), Some(commission));
	}

	#[benchmark]
	fn delegate() {
		let operator = operator::<T>();
		let who = delegator::<T>(&operator);
		fill_chunks::<T>(&who, &operator, 0);
		fill_moves::<T>(&who, &operator, "left");
		make_leaving_due::<T>();
		Pallet::<T>::reward_pool(&operator, plenty::<T>());
		let before = Ledgers::<T>::get(&operator).expect("it is an operator").active.value;

		#[extrinsic_call]
		_(signed::<T>(&who), operator.clone(), plenty::<T>());

		assert!(Ledgers::<T>::get(&operator).expect("it is an operator").active.value > before);
	}

	#[benchmark]
	fn redelegate() {
		let from = operator::<T>();
		let to = funded::<T>("to", 0);
		Pallet::<T>::ensure_operator(&to, plenty::<T>());
		let who = delegator::<T>(&from);
		T::Currency::mint_into(&who, plenty::<T>().saturating_mul(16))
			.expect("benchmarks can mint");
		Pallet::<T>::do_buy(&who, &to, plenty::<T>()).expect("it is funded");
		for (pool, name) in [(&from, "left"), (&to, "left too")] {
			fill_chunks::<T>(&who, pool, 0);
			fill_moves::<T>(&who, pool, name);
		}
		make_leaving_due::<T>();
		Pallet::<T>::reward_pool(&from, plenty::<T>());
		let before = Ledgers::<T>::get(&to).expect("it is an operator").active.value;

		#[extrinsic_call]
		_(signed::<T>(&who), from, to.clone(), plenty::<T>());

		assert!(Ledgers::<T>::get(&to).expect("it is an operator").active.value > before);
		assert_eq!(Positions::<T>::get(&who, &to).expect("it is there").moves.len(), 1);
	}

	#[benchmark]
	fn settle() {
		let operator = operator::<T>();
		let who = delegator::<T>(&operator);
		fill_chunks::<T>(&who, &operator, 0);
		fill_moves::<T>(&who, &operator, "left");
		make_leaving_due::<T>();
		slash::<T>(&operator, 1);
		let caller = funded::<T>("caller", 0);
		let before = Total::<T>::get().held;

		#[extrinsic_call]
		_(signed::<T>(&caller), who, operator);

		assert!(Total::<T>::get().held < before);
	}

	#[benchmark]
	fn claim() {
		let who = operator::<T>();
		Pallet::<T>::certified(&who, 1_000);
		let work = EraWork::<T>::get();
		let era = Pallet::<T>::current_era();
		EraRewards::<T>::insert(era, EraReward { certified: plenty::<T>(), settled: 0, work });
		next_era::<T>();
		let caller = funded::<T>("caller", 0);

		#[extrinsic_call]
		_(signed::<T>(&caller), era, who.clone());

		assert!(!WorkOf::<T>::contains_key(era, who));
	}

	#[benchmark]
	fn set_invulnerables() -> Result<(), BenchmarkError> {
		let accounts: Vec<T::AccountId> =
			(0..T::MaxInvulnerables::get()).map(|seed| account("invulnerable", seed, 0)).collect();
		let origin =
			T::AdminOrigin::try_successful_origin().map_err(|_| BenchmarkError::Weightless)?;

		#[extrinsic_call]
		_(origin as T::RuntimeOrigin, accounts);

		assert_eq!(Invulnerables::<T>::get().len() as u32, T::MaxInvulnerables::get());
		Ok(())
	}

	#[benchmark]
	fn elect(c: Linear<1, { T::MaxCandidates::get() }>) {
		let all = candidates::<T>(c);
		let elected;

		#[block]
		{
			elected = <Pallet<T> as SessionManager<T::AccountId>>::new_session(9);
		}

		assert_eq!(Candidates::<T>::get().len(), all.len());
		assert!(elected.is_some() || !T::Collators::has_keys(&all[0]));
	}

	#[benchmark]
	fn close_era(a: Linear<1, { MAX_COLLATORS }>) {
		let all: Vec<_> = (0..a)
			.map(|seed| {
				let who = funded::<T>("author", seed);
				Pallet::<T>::ensure_operator(&who, plenty::<T>());
				Ledgers::<T>::mutate_extant(&who, |ledger| {
					ledger.commission = Perbill::from_percent(5);
				});
				Pallet::<T>::note_author(who.clone());
				Pallet::<T>::certified(&who, 1_000);
				who
			})
			.collect();
		let before = Pallet::<T>::current_era();
		Era::<T>::mutate(|era| era.sessions = T::SessionsPerEra::get() - 1);

		#[block]
		{
			<Pallet<T> as SessionManager<T::AccountId>>::end_session(9);
		}

		assert_eq!(Pallet::<T>::current_era(), before + 1);
		assert!(all.iter().all(|who| !Points::<T>::contains_key(who)));
	}

	#[benchmark]
	fn note_author() {
		let who = operator::<T>();

		#[block]
		{
			<Pallet<T> as EventHandler<T::AccountId, BlockNumberFor<T>>>::note_author(who.clone());
		}

		assert_eq!(Points::<T>::get(who), 1);
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

	#[benchmark]
	fn forget_base() {
		let old = EraReward { certified: 1, settled: 1, ..Default::default() };
		EraRewards::<T>::insert(0, old);
		Era::<T>::mutate(|era| era.index = CLAIM_ERAS + 1);

		#[block]
		{
			Pallet::<T>::forget_old_eras(&mut WeightMeter::new());
		}

		assert_eq!(OldestEra::<T>::get(), 1);
	}

	#[benchmark]
	fn forget_one() {
		let who = operator::<T>();
		Pallet::<T>::certified(&who, 1);
		Era::<T>::mutate(|era| era.index = CLAIM_ERAS + 1);
		assert!(FORGET_PER_BLOCK > 1);

		#[block]
		{
			Pallet::<T>::forget_old_eras(&mut WeightMeter::new());
		}

		assert!(!WorkOf::<T>::contains_key(0, who));
	}

	impl_benchmark_test_suite!(Pallet, crate::mock::new_test_ext(), crate::mock::Test);
}
