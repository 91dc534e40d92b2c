//! Reports of dead relays.

use frame_support::{assert_noop, assert_ok};
use io_primitives::mesh::{RelayState, Report};
use sp_core::Pair;
use sp_runtime::{traits::BadOrigin, transaction_validity::InvalidTransaction};

use crate::{mock::*, *};

/// Reports of all of these workers about relay 50.
fn vote(epoch: EpochIndex, votes: &[(u8, bool)]) {
	for (worker, alive) in votes {
		assert_ok!(send(report(*worker, epoch, &[(50, *alive)])));
	}
}

/// Three workers and relay 50.
fn scene() -> EndpointKey {
	(1..=3).for_each(|n| {
		register_worker(n);
	});
	register_relay(50)
}

fn is_live(key: EndpointKey) -> bool {
	IoMesh::relay(key).unwrap().state == RelayState::Live
}

const DEAD: [(u8, bool); 3] = [(1, false), (2, false), (3, false)];
const DISPUTED: [(u8, bool); 3] = [(1, false), (2, false), (3, true)];
const ALIVE: [(u8, bool); 3] = [(1, true), (2, true), (3, false)];

#[test]
fn should_chill_a_relay_when_most_call_it_dead_for_long_enough() {
	execute(|| {
		let relay = scene();
		vote(0, &DISPUTED);
		run_to_epoch(1);
		vote(1, &DEAD);
		assert!(is_live(relay));
		run_to_epoch(2);
		events();
		// Whatever the next report says: the last epoch is over.
		vote(2, &[(1, true)]);
		assert_eq!(
			events(),
			[
				Event::RelayChilled { relay, until: 3 },
				Event::RelaysReported { worker: worker(1), epoch: 2 }
			]
		);
		assert_eq!(IoMesh::relay_map().relays, []);
		assert!(!Reported::<Runtime>::contains_key(relay));
		// Its bond is untouched, and it can come back.
		assert_eq!(held(HoldReason::RelayBond, &RELAYER), BOND);
		run_to_epoch(3);
		assert_ok!(IoMesh::wake_relay(origin(RELAYER), relay));
		assert!(is_live(relay));
	});
}

#[test]
fn should_begin_anew_when_a_relay_was_alive_in_between() {
	execute(|| {
		let relay = scene();
		for (epoch, votes) in [(0, DEAD), (1, ALIVE), (2, DEAD), (3, ALIVE), (4, ALIVE)] {
			run_to_epoch(epoch);
			vote(epoch, &votes);
		}
		assert!(is_live(relay));
		assert_eq!(Reported::<Runtime>::get(relay).dead_epochs, 0);
	});
}

#[test]
fn should_follow_nothing_from_too_few_reports() {
	execute(|| {
		let relay = scene();
		for epoch in 0..5 {
			run_to_epoch(epoch);
			vote(epoch, &[(1, false), (2, false)]);
		}
		assert!(is_live(relay));
		// Nor do they clear it.
		run_to_epoch(5);
		vote(5, &DEAD);
		run_to_epoch(6);
		vote(6, &[(1, true)]);
		run_to_epoch(7);
		vote(7, &DEAD);
		run_to_epoch(8);
		vote(8, &[(1, true)]);
		assert!(!is_live(relay));
	});
}

#[test]
fn should_not_chill_when_as_many_call_it_alive() {
	execute(|| {
		let relay = scene();
		register_worker(4);
		for epoch in 0..4 {
			run_to_epoch(epoch);
			vote(epoch, &[(1, false), (2, false), (3, true), (4, true)]);
		}
		assert!(is_live(relay));
	});
}

#[test]
fn should_pass_over_relays_that_are_unknown_not_live_or_the_operators_own() {
	execute(|| {
		let relay = scene();
		let of = proof(51, &OPERATOR);
		let own = endpoint_key(51);
		assert_ok!(IoMesh::register_relay(origin(OPERATOR), own, profile(), of));
		let gone = register_relay(52);
		assert_ok!(IoMesh::unregister_relay(origin(RELAYER), gone));
		assert_ok!(send(report(1, 0, &[(50, false), (51, true), (52, false), (53, false)])));
		let told: Vec<_> = Reported::<Runtime>::iter_keys().collect();
		assert_eq!(told, [relay]);
	});
}

#[test]
fn should_take_one_report_of_a_worker_in_an_epoch() {
	execute(|| {
		scene();
		assert_ok!(send(report(1, 0, &[(50, true)])));
		let again = report(1, 0, &[(50, false)]);
		assert_eq!(send(again.clone()), Err(refused(Error::AlreadyReported)));
		// Even if it comes into a block past the pool.
		assert_noop!(
			IoMesh::report(
				frame_system::RawOrigin::Authorized.into(),
				again.worker,
				again.report,
				again.signature
			),
			Error::<Runtime>::AlreadyReported
		);
		run_to_epoch(1);
		assert_ok!(send(report(1, 1, &[(50, false)])));
	});
}

#[test]
fn should_refuse_when_the_report_is_about_another_epoch() {
	execute(|| {
		scene();
		run_to_epoch(2);
		for epoch in [1, 3] {
			let signed = report(1, epoch, &[(50, true)]);
			assert_eq!(send(signed), Err(refused(Error::OtherEpoch)));
		}
	});
}

#[test]
fn should_refuse_when_the_worker_is_not_registered() {
	execute(|| {
		scene();
		let signed = report(9, 0, &[(50, true)]);
		assert_eq!(send(signed), Err(refused(Error::UnknownWorker)));
	});
}

#[test]
fn should_refuse_when_relays_are_none_doubled_or_out_of_order() {
	execute(|| {
		scene();
		let ordered = report(1, 0, &[(50, true), (51, true)]).report.relays.into_inner();
		let [first, second] = ordered[..] else { panic!("there are two") };
		for relays in [vec![], vec![second, first], vec![first, first]] {
			let signed = signed_report(1, Report { epoch: 0, relays: relays.try_into().unwrap() });
			assert_eq!(send(signed), Err(refused(Error::Unordered)));
		}
	});
}

#[test]
fn should_refuse_when_somebody_else_signed() {
	execute(|| {
		scene();
		let mut signed = report(1, 0, &[(50, true)]);
		signed.signature = hot_key(2).sign(&signed.report.payload(IoMesh::genesis()));
		let bad = SendError::Invalid(InvalidTransaction::BadProof.into());
		assert_eq!(send(signed), Err(bad));
	});
}

#[test]
fn should_refuse_when_it_does_not_come_as_a_general_transaction() {
	execute(|| {
		scene();
		let signed = report(1, 0, &[(50, true)]);
		assert_noop!(
			IoMesh::report(origin(STRANGER), signed.worker, signed.report, signed.signature),
			BadOrigin
		);
	});
}

#[test]
fn should_wait_in_the_pool_until_the_epoch_ends_and_exclude_others_of_the_worker() {
	execute(|| {
		scene();
		run_to(EPOCH + 3);
		let valid = validate(report(1, 1, &[(50, true)])).unwrap();
		assert_eq!(valid.longevity, u64::from(EPOCH - 3));
		assert_eq!(valid.priority, 7);
		let other = validate(report(1, 1, &[(50, false)])).unwrap();
		assert_eq!(valid.provides, other.provides);
		let others = validate(report(2, 1, &[(50, true)])).unwrap();
		assert_ne!(valid.provides, others.provides);
	});
}
