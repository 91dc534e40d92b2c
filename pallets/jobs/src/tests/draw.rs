//! Assignment by lot: who can be drawn, who is, and what it costs.

use codec::Encode;
use frame_support::assert_ok;
use io_primitives::{Beacon, JobState, Reason};
use std::collections::{BTreeMap, BTreeSet};

use crate::{draw::Lot, mock::*, *};

/// Submits a job for one replica and tells who got it in the next block.
fn draw_one(spec: JobSpec) -> Option<u8> {
	let id = submit(spec);
	next_block();
	let job = job(id);
	let seat = job.replicas[0].seat.as_ref()?;
	Some(number(&seat.worker))
}

fn update(w: u8, profile: Profile) {
	assert_ok!(IoJobs::update_worker(RuntimeOrigin::signed(account(w)), key(w), profile));
}

fn reasons_of(w: u8, spec: JobSpec) -> Vec<Reason> {
	let id = submit(spec);
	next_block();
	assert_eq!(job(id).state, JobState::Open);
	IoJobs::why_not(id, key(w))
}

#[test]
fn should_lock_the_bond_and_tell_the_terms_when_a_worker_is_drawn() {
	ExtBuilder::default().workers(1).build_and_execute(|| {
		let id = submit(spec_of(1, 1));
		assert_eq!(job(id).state, JobState::Open);
		next_block();
		assert_eq!(job(id).state, JobState::Running);
		assert_eq!(IoStaking::locked(&account(1)), 3_000);
		assert_eq!(
			events().last(),
			Some(&Event::ReplicaAssigned {
				job: id,
				replica: 0,
				attempt: 1,
				worker: key(1),
				operator: account(1),
				ask: 8,
				bond: 3_000,
				deadline: now() + 10
			})
		);
	});
}

#[test]
fn should_lock_the_bond_of_the_jobs_price_when_a_worker_asks_for_less() {
	ExtBuilder::default().workers(1).build_and_execute(|| {
		update(1, Profile { ask_per_unit: 2, ..profile() });
		let id = drawn(spec_of(1, 1));
		let record = job(id);
		let seat = record.replicas[0].seat.as_ref().unwrap();
		assert_eq!((seat.ask, seat.bond), (2, 3_000));
		assert_eq!(IoStaking::locked(&account(1)), 3_000);
	});
}

#[test]
fn should_not_win_by_an_ask_below_half_of_the_price() {
	ExtBuilder::default().workers(2).build_and_execute(|| {
		update(1, Profile { ask_per_unit: 2, ..profile() });
		update(2, Profile { ask_per_unit: 5, ..profile() });
		Workers::<Runtime>::mutate(key(2), |info| {
			info.as_mut().unwrap().reputation += 1_000;
		});
		assert_eq!(draw_one(spec_of(1, 1)), Some(2));
	});
}

#[test]
fn should_not_draw_a_worker_when_the_operators_stake_is_below_half_of_what_its_workers_need() {
	ExtBuilder::default().workers(1).build_and_execute(|| {
		StakePerWorker::set(2 * STAKE + 2);
		assert_eq!(reasons_of(1, spec_of(1, 1)), [Reason::InsufficientBond]);
		StakePerWorker::set(2 * STAKE);
		next_block();
		assert_eq!(Workers::<Runtime>::get(key(1)).unwrap().live.len(), 1);
	});
}

#[test]
fn should_draw_anew_only_with_a_beacon_that_was_unknown_when_a_worker_declined() {
	ExtBuilder::default().build_and_execute(|| {
		BeaconAge::set(2);
		let id = submit(spec_of(1, 1));
		run_blocks(2);
		assert_eq!(job(id).state, JobState::Open);
		next_block();
		assert_eq!(job(id).state, JobState::Running);
		decline(id, 0);
		run_blocks(2);
		assert!(IoJobs::why_not(id, key(1)).contains(&Reason::NoRandomness));
		assert_eq!(job(id).state, JobState::Open);
		next_block();
		assert_eq!(job(id).state, JobState::Running);
	});
}

#[test]
fn should_draw_anew_only_with_a_beacon_that_was_unknown_when_a_worker_missed_its_deadline() {
	ExtBuilder::default().build_and_execute(|| {
		BeaconAge::set(2);
		let id = submit(spec_of(1, 1));
		run_blocks(3);
		// The block before the deadline was the last in which it could accept.
		run_blocks(10);
		assert_eq!((job(id).state, job(id).fixed_at), (JobState::Open, now() - 1));
		run_blocks(1);
		assert_eq!(job(id).state, JobState::Open);
		next_block();
		assert_eq!(job(id).state, JobState::Running);
	});
}

#[test]
fn should_not_draw_with_the_beacon_of_the_block_in_which_somebody_poked() {
	ExtBuilder::default().build_and_execute(|| {
		let id = drawn(spec());
		for _ in 0..10 {
			next_block_with(&mut WeightMeter::with_limit(Default::default()));
		}
		assert_ok!(IoJobs::poke(RuntimeOrigin::signed(account(101)), id));
		assert_eq!(job(id).fixed_at, now());
		assert_eq!(IoJobs::draw(id, &mut job(id), now()), 0);
	});
}

#[test]
fn should_not_draw_a_worker_that_has_changed_since_the_beacon_was_known() {
	ExtBuilder::default().workers(1).build_and_execute(|| {
		BeaconAge::set(2);
		let id = submit(spec_of(1, 1));
		run_to(3);
		update(1, Profile { ask_per_unit: 9, ..profile() });
		run_to(5);
		assert_eq!(IoJobs::why_not(id, key(1)), [Reason::NoRandomness]);
		assert_eq!(job(id).state, JobState::Open);
		next_block();
		assert_eq!(job(id).state, JobState::Running);
	});
}

#[test]
fn should_draw_different_operators_for_the_replicas_of_a_job() {
	ExtBuilder::default().workers(7).build_and_execute(|| {
		let id = drawn(spec_of(7, 4));
		let workers: BTreeSet<_> = (0..7).map(|replica| seat(id, replica)).collect();
		assert_eq!(workers.len(), 7);
	});
}

#[test]
fn should_not_draw_an_operator_twice_although_it_has_two_workers() {
	ExtBuilder::default().workers(1).build_and_execute(|| {
		let operator = account(1);
		let proof = proof(20, &operator);
		assert_ok!(IoJobs::register_worker(
			RuntimeOrigin::signed(operator),
			key(20),
			profile(),
			proof
		));
		beat();
		let id = submit(spec_of(2, 2));
		next_block();
		assert_eq!(job(id).wanted().count(), 1);
	});
}

#[test]
fn should_draw_nobody_in_the_block_of_submission_or_without_new_randomness() {
	ExtBuilder::default().build_and_execute(|| {
		let id = submit(spec());
		let mut record = job(id);
		assert_eq!(IoJobs::draw(id, &mut record, now()), 0);
		assert!(IoJobs::why_not(id, key(1)).contains(&Reason::NoRandomness));
		HasBeacon::set(false);
		run_blocks(5);
		assert_eq!(job(id).state, JobState::Open);
		HasBeacon::set(true);
		next_block();
		assert_eq!(job(id).state, JobState::Running);
	});
}

#[test]
fn should_expire_when_there_is_never_any_randomness() {
	ExtBuilder::default().build_and_execute(|| {
		HasBeacon::set(false);
		let id = submit(spec());
		run_blocks(60);
		assert_eq!(outcome(id).state, JobState::Expired);
	});
}

#[test]
fn should_not_draw_a_worker_whose_heartbeat_is_old() {
	ExtBuilder::default().workers(1).build_and_execute(|| {
		run_to(51);
		assert_eq!(reasons_of(1, spec_of(1, 1)), [Reason::Offline]);
		beat();
		next_block();
		assert_eq!(Workers::<Runtime>::get(key(1)).unwrap().live.len(), 1);
	});
}

#[test]
fn should_not_draw_a_worker_that_asks_for_more_than_the_job_pays() {
	ExtBuilder::default().workers(1).build_and_execute(|| {
		let cheap = JobSpec { price_per_unit: 7, ..spec_of(1, 1) };
		assert_eq!(reasons_of(1, cheap), [Reason::AskTooHigh]);
	});
}

#[test]
fn should_not_draw_a_worker_that_is_full() {
	ExtBuilder::default().workers(1).build_and_execute(|| {
		drawn(spec_of(1, 1));
		drawn(spec_of(1, 1));
		assert_eq!(reasons_of(1, spec_of(1, 1)), [Reason::NoCapacity]);
	});
}

#[test]
fn should_not_draw_an_operator_for_its_own_job() {
	ExtBuilder::default().workers(1).build_and_execute(|| {
		let id = NextJobId::<Runtime>::get();
		assert_ok!(IoJobs::submit(RuntimeOrigin::signed(account(1)), spec_of(1, 1)));
		next_block();
		assert_eq!(IoJobs::why_not(id, key(1)), [Reason::OwnJob]);
	});
}

#[test]
fn should_not_draw_an_operator_whose_stake_is_too_small_for_the_bond() {
	ExtBuilder::default().workers(1).build_and_execute(|| {
		let large = JobSpec { max_units: 5_000, ..spec_of(1, 1) };
		assert_eq!(reasons_of(1, large), [Reason::InsufficientBond]);
	});
}

#[test]
fn should_not_draw_a_worker_that_has_proven_less_than_the_job_asks_for() {
	ExtBuilder::default().workers(1).build_and_execute(|| {
		let fast = JobSpec { min_perf: 100, ..spec_of(1, 1) };
		assert_eq!(reasons_of(1, fast.clone()), [Reason::UncertifiedPerf]);
		Proven::insert(key(1), 99);
		assert_eq!(reasons_of(1, fast), [Reason::UncertifiedPerf]);
		Proven::insert(key(1), 100);
		next_block();
		assert_eq!(Workers::<Runtime>::get(key(1)).unwrap().live.len(), 2);
	});
}

#[test]
fn should_prefer_proven_performance_up_to_half_more_than_the_job_asks_for() {
	ExtBuilder::default().workers(2).capacity(32).build_and_execute(|| {
		let fast = JobSpec { min_perf: 100, ..spec_of(1, 1) };
		let with = |first, second| {
			Proven::insert(key(1), first);
			Proven::insert(key(2), second);
			let winner = draw_one(fast.clone());
			let id = NextJobId::<Runtime>::get() - 1;
			assert_ok!(IoJobs::cancel(RuntimeOrigin::signed(REQUESTER), id));
			winner
		};
		assert_eq!(with(100, 120), Some(2));
		assert_eq!(with(120, 100), Some(1));
		// Beyond one and a half times as much the rest decides.
		Workers::<Runtime>::mutate(key(1), |info| info.as_mut().unwrap().reputation += 1_000);
		assert_eq!(with(150, u64::MAX), Some(1));
		assert_eq!(with(149, u64::MAX), Some(2));
	});
}

#[test]
fn should_not_ask_what_was_proven_when_the_job_does_not() {
	ExtBuilder::default().workers(2).capacity(32).build_and_execute(|| {
		Workers::<Runtime>::mutate(key(1), |info| info.as_mut().unwrap().reputation += 1_000);
		Proven::insert(key(2), u64::MAX);
		assert_eq!(draw_one(spec_of(1, 1)), Some(1));
	});
}

#[test]
fn should_not_draw_a_worker_of_another_class() {
	ExtBuilder::default().workers(1).build_and_execute(|| {
		let other = JobSpec { class: 1, ..spec_of(1, 1) };
		assert_eq!(reasons_of(1, other), [Reason::OtherClass]);
	});
}

#[test]
fn should_tell_why_a_job_does_not_go_to_a_worker() {
	ExtBuilder::default().build_and_execute(|| {
		let id = drawn(spec());
		assert_eq!(IoJobs::why_not(id + 1, key(1)), [Reason::UnknownJob]);
		assert_eq!(IoJobs::why_not(id, key(20)), [Reason::NoVacancy, Reason::UnknownWorker]);
		let drawn = seat(id, 0);
		assert_eq!(IoJobs::why_not(id, key(drawn)), [Reason::NoVacancy, Reason::OperatorInJob]);
	});
}

#[test]
fn should_prefer_the_better_score_among_those_looked_at() {
	ExtBuilder::default().workers(4).build_and_execute(|| {
		update(3, Profile { ask_per_unit: 7, ..profile() });
		assert_eq!(draw_one(spec_of(1, 1)), Some(3));
		// Half of its capacity is taken now: the others, all equal, score higher.
		let second = draw_one(spec_of(1, 1)).unwrap();
		assert_ne!(second, 3);
		Workers::<Runtime>::mutate(key(4), |info| {
			info.as_mut().unwrap().reputation = 900_000;
		});
		if second != 4 {
			assert_eq!(draw_one(spec_of(1, 1)), Some(4));
		}
	});
}

#[test]
fn should_choose_all_equal_workers_about_equally_often() {
	ExtBuilder::default().workers(20).capacity(1).build_and_execute(|| {
		let mut counts = BTreeMap::<u8, u32>::new();
		for _ in 0..600 {
			beat();
			let id = submit(spec_of(1, 1));
			next_block();
			*counts.entry(seat(id, 0)).or_default() += 1;
			assert_ok!(IoJobs::cancel(RuntimeOrigin::signed(REQUESTER), id));
		}
		// 30 each; the chance that one of 20 lies outside of this is below one in a thousand.
		assert_eq!(counts.len(), 20);
		assert!(counts.values().all(|count| (10..=55).contains(count)), "{counts:?}");
	});
}

#[test]
fn should_sample_different_slots_below_the_count() {
	for count in [0u32, 1, 5, 8, 9, 100, 1_000_000] {
		for attempt in 0..50 {
			let beacon = Beacon { value: H256::repeat_byte(9), since: 1 };
			let sample = Lot::new(&beacon, 7, 0, attempt, 3).sample(count);
			let distinct: BTreeSet<_> = sample.iter().collect();
			assert_eq!(distinct.len() as u32, DRAW_WIDTH.min(count));
			assert!(sample.iter().all(|slot| *slot < count));
		}
	}
}

/// Keys read by the first draw of a job with one replica among so many equal workers, each of which has proven 100.
fn reads_with(workers: u32, min_perf: u64) -> usize {
	let mut ext = ExtBuilder::default().workers(0).build();
	ext.execute_with(|| {
		let active = pallet_io_staking::Tranche { shares: STAKE, value: STAKE };
		let ledger = pallet_io_staking::Ledger { active, own: STAKE, ..Default::default() };
		for index in 0..workers {
			let id = (b"many", index).using_encoded(sp_io::hashing::blake2_256);
			let (worker, operator) = (sr25519::Public::from_raw(id), AccountId::new(id));
			let info = WorkerInfo {
				operator: operator.clone(),
				class: 0,
				index,
				changed_at: 0,
				ask: 8,
				capacity: 2,
				engines: io_primitives::Engines::WASM,
				reputation: 500_000,
				deposit: 0,
				live: Default::default(),
			};
			Workers::<Runtime>::insert(worker, info);
			Proven::insert(worker, 100);
			Heartbeats::<Runtime>::insert(worker, Heartbeat { seq: 1, at: 1, load: 0 });
			ClassSlot::<Runtime>::insert(0, index, worker);
			pallet_io_staking::Ledgers::<Runtime>::insert(operator, ledger);
		}
		ClassCount::<Runtime>::insert(0, workers);
		submit(JobSpec { min_perf, ..spec_of(1, 1) });
	});
	ext.commit_all().unwrap();
	let recorder = Default::default();
	ext.execute_with_recorder(Clone::clone(&recorder), || {
		System::set_block_number(2);
		let mut record = job(0);
		recorder.reset();
		assert_eq!(IoJobs::draw(0, &mut record, 2), 1);
		assert_eq!(record.wanted().count(), 0);
	});
	recorder.recorded_keys().values().map(|keys| keys.len()).sum()
}

#[test]
fn should_read_the_same_number_of_keys_for_10_and_for_100_000_workers() {
	let few = reads_with(10, 0);
	assert_eq!(few, reads_with(100_000, 0));
	// The class count; and of each of 8 workers the slot, the record, the heartbeat, and the operator's ledger and number
	// of workers; and the block number and its like, which every block reads anyhow.
	assert!((41..=44).contains(&few), "{few}");
	// And what each has proven, if the job asks for it.
	assert_eq!(reads_with(10, 100), few + 8);
	assert_eq!(reads_with(100_000, 100), few + 8);
}
