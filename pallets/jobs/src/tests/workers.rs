//! `register_worker`, `update_worker`, `retire_worker`, and the class index.

use codec::Encode;
use frame_support::{assert_noop, assert_ok, traits::fungible::InspectHold};
use sp_runtime::{BoundedVec, DispatchResult};

use crate::{mock::*, *};

const WORKER: u8 = 1;

fn try_register(w: u8, operator: u8, profile: Profile) -> DispatchResult {
	let operator = account(operator);
	let proof = proof(w, &operator);
	IoJobs::register_worker(RuntimeOrigin::signed(operator), key(w), profile, proof)
}

#[test]
fn should_register_a_worker_when_its_key_agrees() {
	ExtBuilder::default().workers(1).build_and_execute(|| {
		assert_ok!(try_register(20, 1, profile()));
		let info = Workers::<Runtime>::get(key(20)).unwrap();
		assert_eq!((info.operator, info.index, info.reputation), (account(1), 1, 250_000));
		assert_eq!(Profiles::<Runtime>::get(key(20)), Some(profile()));
		let held = Balances::balance_on_hold(&HoldReason::WorkerDeposit.into(), &account(1));
		assert_eq!(held, 2 * WorkerDepositAmount::get());
		assert_eq!(
			events(),
			[Event::WorkerRegistered { worker: key(20), operator: account(1), class: 0 }]
		);
	});
}

#[test]
fn should_refuse_when_the_account_is_no_operator() {
	ExtBuilder::default().workers(1).build_and_execute(|| {
		assert_noop!(try_register(20, 101, profile()), Error::<Runtime>::NotOperator);
	});
}

#[test]
fn should_refuse_another_worker_when_the_stake_does_not_cover_it() {
	ExtBuilder::default().workers(1).build_and_execute(|| {
		StakePerWorker::set(STAKE / 2);
		// Locked stake counts as well.
		drawn(spec_of(1, 1));
		assert_ok!(try_register(20, 1, profile()));
		assert_eq!(WorkersOf::<Runtime>::get(account(1)), 2);
		assert_noop!(try_register(21, 1, profile()), Error::<Runtime>::StakeTooLow);
		assert_ok!(IoJobs::retire_worker(RuntimeOrigin::signed(account(1)), key(20)));
		assert_ok!(try_register(21, 1, profile()));
	});
}

#[test]
fn should_forget_the_count_when_an_operator_has_no_workers_left() {
	ExtBuilder::default().workers(1).build_and_execute(|| {
		assert_ok!(IoJobs::retire_worker(RuntimeOrigin::signed(account(1)), key(1)));
		assert!(!WorkersOf::<Runtime>::contains_key(account(1)));
	});
}

#[test]
fn should_refuse_when_the_key_is_registered() {
	ExtBuilder::default().workers(2).build_and_execute(|| {
		assert_noop!(try_register(WORKER, 2, profile()), Error::<Runtime>::DuplicateWorkerKey);
	});
}

#[test]
fn should_refuse_when_the_proof_is_for_another_operator() {
	ExtBuilder::default().workers(2).build_and_execute(|| {
		let stolen = proof(20, &account(2));
		assert_noop!(
			IoJobs::register_worker(RuntimeOrigin::signed(account(1)), key(20), profile(), stolen),
			Error::<Runtime>::BadProof
		);
	});
}

#[test]
fn should_refuse_profiles_that_cannot_work() {
	ExtBuilder::default().workers(1).build_and_execute(|| {
		let bad = |change: fn(&mut Profile), error: Error<Runtime>| {
			let mut profile = profile();
			change(&mut profile);
			let index = error.encode();
			assert_noop!(try_register(20, 1, profile.clone()), error);
			let update = IoJobs::update_worker(RuntimeOrigin::signed(account(1)), key(1), profile);
			let Err(DispatchError::Module(module)) = update else { panic!("{update:?}") };
			assert_eq!(module.error[..1], index);
		};
		bad(|p| p.class = 7, Error::UnknownClass);
		bad(|p| p.engines = io_primitives::Engines(2), Error::ClassMismatch);
		bad(|p| p.capacity = 0, Error::BadCapacity);
		bad(|p| p.capacity = 33, Error::BadCapacity);
		bad(|p| p.ask_per_unit = 1, Error::PriceTooLow);
		bad(|p| p.ask_per_unit = STAKE / 3 + 1, Error::InsufficientBond);
		bad(
			|p| {
				p.endpoints = BoundedVec::truncate_from(vec![BoundedVec::truncate_from(vec![0xff])])
			},
			Error::BadLocator,
		);
	});
}

#[test]
fn should_move_between_classes_when_the_profile_changes() {
	ExtBuilder::default().workers(3).build_and_execute(|| {
		let changed = Profile { class: 1, ask_per_unit: 9, ..profile() };
		let origin = RuntimeOrigin::signed(account(1));
		assert_ok!(IoJobs::update_worker(origin, key(1), changed.clone()));
		assert_eq!(ClassCount::<Runtime>::get(0), 2);
		assert_eq!(ClassSlot::<Runtime>::get(0, 0), Some(key(3)));
		assert_eq!(ClassSlot::<Runtime>::get(1, 0), Some(key(1)));
		assert_eq!(Workers::<Runtime>::get(key(1)).unwrap().ask, 9);
		assert_eq!(Profiles::<Runtime>::get(key(1)), Some(changed));
		assert_eq!(events(), [Event::WorkerUpdated { worker: key(1) }]);
	});
}

#[test]
fn should_keep_the_terms_of_held_replicas_when_the_profile_changes() {
	ExtBuilder::default().workers(1).build_and_execute(|| {
		let id = drawn(spec_of(1, 1));
		let dearer = Profile { ask_per_unit: 10, class: 1, ..profile() };
		assert_ok!(IoJobs::update_worker(RuntimeOrigin::signed(account(1)), key(1), dearer));
		accept(id, 0);
		commit(id, 0, 1);
		reveal(id, 0, 1);
		next_block();
		assert_eq!(outcome(id).paid, 41 * 8);
	});
}

#[test]
fn should_refuse_to_change_the_worker_of_another_operator() {
	ExtBuilder::default().workers(2).build_and_execute(|| {
		let other = RuntimeOrigin::signed(account(2));
		assert_noop!(
			IoJobs::update_worker(other.clone(), key(1), profile()),
			Error::<Runtime>::NotYourWorker
		);
		assert_noop!(IoJobs::retire_worker(other.clone(), key(1)), Error::<Runtime>::NotYourWorker);
		assert_noop!(
			IoJobs::update_worker(other.clone(), key(20), profile()),
			Error::<Runtime>::UnknownWorker
		);
		assert_noop!(IoJobs::retire_worker(other, key(20)), Error::<Runtime>::UnknownWorker);
	});
}

#[test]
fn should_forget_a_worker_when_it_is_retired() {
	ExtBuilder::default().workers(3).build_and_execute(|| {
		let before = free(2);
		assert_ok!(IoJobs::retire_worker(RuntimeOrigin::signed(account(2)), key(2)));
		assert_eq!(free(2), before + WorkerDepositAmount::get());
		assert_eq!(ClassSlot::<Runtime>::get(0, 1), Some(key(3)));
		assert!(Heartbeats::<Runtime>::get(key(2)).is_none());
		assert_eq!(events(), [Event::WorkerRetired { worker: key(2), operator: account(2) }]);
		for w in [1, 3] {
			assert_ok!(IoJobs::retire_worker(RuntimeOrigin::signed(account(w)), key(w)));
		}
		assert!(!ClassCount::<Runtime>::contains_key(0));
	});
}

#[test]
fn should_not_retire_a_worker_that_holds_a_replica() {
	ExtBuilder::default().workers(1).build_and_execute(|| {
		drawn(spec_of(1, 1));
		assert_noop!(
			IoJobs::retire_worker(RuntimeOrigin::signed(account(1)), key(1)),
			Error::<Runtime>::WorkerBusy
		);
	});
}
