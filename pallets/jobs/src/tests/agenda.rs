//! Timers, the agenda's order and its limits, `poke`.

use frame_support::{
	assert_noop, assert_ok,
	dispatch::Pays,
	weights::{Weight, WeightMeter},
};
use io_primitives::JobState;

use crate::{mock::*, *};

/// A meter with room for `services` services in the agenda's share of it, which is half.
fn meter(services: u64) -> WeightMeter {
	let one = IoJobs::service_weight_limit();
	let frame = <() as WeightInfo>::poll_base()
		.saturating_add(<() as WeightInfo>::poll_slot().saturating_mul(4));
	let limit = frame.saturating_add(one.saturating_mul(services)).saturating_mul(2);
	WeightMeter::with_limit(limit)
}

#[test]
fn should_keep_the_rest_in_order_when_the_weight_does_not_suffice() {
	ExtBuilder::default().workers(0).build_and_execute(|| {
		OpenTtl::set(1);
		let ids: Vec<_> = (0..6).map(|_| submit(spec_of(1, 1))).collect();
		let ended = |id: &JobId| !Jobs::<Runtime>::contains_key(id);
		System::set_block_number(2);
		IoJobs::serve_agenda(2, &mut WeightMeter::with_limit(Weight::zero()));
		assert_eq!(ids.iter().filter(|id| ended(id)).count(), 0);
		let mut blocks = 0;
		while !ids.iter().all(ended) {
			let before = ids.iter().filter(|id| ended(id)).count();
			IoJobs::serve_agenda(now(), &mut meter(1));
			let after = ids.iter().filter(|id| ended(id)).count();
			assert!(after > before, "each block makes some progress");
			assert!(ids[..after].iter().all(ended), "in the order in which they were filed");
			check();
			System::set_block_number(now() + 1);
			blocks += 1;
		}
		assert!(blocks > 1, "the weight did not suffice for all");
	});
}

#[test]
fn should_not_use_more_than_half_of_the_weight_that_is_left() {
	ExtBuilder::default().workers(0).build_and_execute(|| {
		for _ in 0..40 {
			submit(spec());
		}
		System::set_block_number(2);
		let mut meter = meter(3);
		let limit = meter.limit();
		IoJobs::serve_agenda(2, &mut meter);
		assert!(meter.consumed().saturating_mul(2).all_lte(limit));
		assert!(meter.consumed().ref_time() > 0);
	});
}

#[test]
fn should_not_pay_for_a_draw_when_there_is_no_beacon_or_no_worker() {
	let weight = |workers, age| {
		ExtBuilder::default().workers(workers).build().execute_with(|| {
			BeaconAge::set(age);
			let id = submit(spec());
			System::set_block_number(2);
			IoJobs::unfile(id, job(id).slot);
			match IoJobs::serve(id, 2) {
				crate::agenda::Served::Filed(weight) => weight,
				_ => panic!("it waits"),
			}
		})
	};
	let idle = <() as WeightInfo>::service_idle();
	let drawn = idle.saturating_add(<() as WeightInfo>::service_draw(3));
	let vain = idle.saturating_add(<() as WeightInfo>::poll_slot());
	assert_eq!([weight(3, 0), weight(3, 2), weight(0, 0)], [drawn, vain, vain]);
}

#[test]
fn should_fire_timers_late_rather_than_never_when_blocks_have_no_weight_left() {
	ExtBuilder::default().workers(0).build_and_execute(|| {
		let id = submit(spec());
		for _ in 0..100 {
			next_block_with(&mut WeightMeter::with_limit(Weight::zero()));
			check();
		}
		assert_eq!(job(id).state, JobState::Open);
		next_block();
		assert_eq!(outcome(id).state, JobState::Expired);
	});
}

#[test]
fn should_file_in_the_next_block_with_room() {
	ExtBuilder::default().workers(0).build_and_execute(|| {
		MaxAgenda::set(2);
		let ids: Vec<_> = (0..5).map(|_| submit(spec())).collect();
		let slots: Vec<_> = ids.iter().map(|id| job(*id).slot).collect();
		assert_eq!(slots, [2, 2, 3, 3, 4]);
	});
}

#[test]
fn should_serve_every_job_when_the_agenda_is_crowded() {
	ExtBuilder::default().workers(0).build_and_execute(|| {
		// As many jobs in one block as find room within the probes, but for two.
		MaxAgenda::set(8);
		let ids: Vec<_> = (0..8 * AGENDA_PROBES - 2).map(|_| submit(spec())).collect();
		for _ in 0..80 {
			next_block();
			check();
		}
		assert!(ids.iter().all(|id| !Jobs::<Runtime>::contains_key(id)));
	});
}

#[test]
fn should_try_a_job_less_often_the_longer_it_has_waited() {
	ExtBuilder::default().workers(0).build_and_execute(|| {
		OpenTtl::set(600);
		let id = submit(spec());
		let mut tries = Vec::new();
		while let Some(job) = Jobs::<Runtime>::get(id) {
			if tries.last() != Some(&job.slot) {
				tries.push(job.slot);
			}
			next_block();
		}
		assert_eq!(tries[..10], [2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
		assert!(tries.len() < 72, "{} of 600 blocks", tries.len());
		assert_eq!(outcome(id).ended_at, 601, "the end of the wait is not missed");
	});
}

#[test]
fn should_leave_the_agenda_alone_when_a_worker_accepts() {
	ExtBuilder::default().build_and_execute(|| {
		let id = drawn(spec());
		let slot = job(id).slot;
		for replica in 0..3 {
			accept(id, replica);
		}
		assert_eq!(job(id).slot, slot);
		run_to(slot);
		assert_eq!(job(id).slot, slot + 10, "filed again under the deadline of the run");
	});
}

#[test]
fn should_move_the_job_forward_when_a_worker_declines() {
	ExtBuilder::default().build_and_execute(|| {
		let id = drawn(spec());
		decline(id, 0);
		assert_eq!(job(id).slot, now() + 1);
	});
}

#[test]
fn should_be_too_early_to_poke_when_nothing_is_due() {
	ExtBuilder::default().build_and_execute(|| {
		let id = drawn(spec());
		let origin = RuntimeOrigin::signed(account(101));
		assert_noop!(IoJobs::poke(origin.clone(), id), Error::<Runtime>::TooEarly);
		assert_noop!(IoJobs::poke(origin, id + 1), Error::<Runtime>::UnknownJob);
	});
}

#[test]
fn should_fire_due_timers_for_free_when_poked() {
	ExtBuilder::default().build_and_execute(|| {
		let id = drawn(spec());
		for _ in 0..10 {
			next_block_with(&mut WeightMeter::with_limit(Weight::zero()));
		}
		events();
		let result = IoJobs::poke(RuntimeOrigin::signed(account(101)), id).unwrap();
		assert_eq!(result.pays_fee, Pays::No);
		let missed = events().iter().filter(|e| matches!(e, Event::ReplicaMissed { .. })).count();
		assert_eq!(missed, 3);
		assert_eq!(job(id).wanted().count(), 3, "drawing is left to the agenda");
	});
}

#[test]
fn should_end_a_job_when_poked_at_its_end() {
	ExtBuilder::default().build_and_execute(|| {
		let id = revealed(spec(), &[1, 1, 1]);
		assert_ok!(IoJobs::poke(RuntimeOrigin::signed(account(101)), id));
		assert_eq!(outcome(id).state, JobState::Settled);
	});
}

#[test]
#[should_panic(expected = "MaxAgendaPerBlock must be positive")]
fn should_reject_constants_that_cannot_work() {
	use frame_support::traits::Hooks;
	MaxAgenda::set(0);
	<IoJobs as Hooks<BlockNumber>>::integrity_test();
}
