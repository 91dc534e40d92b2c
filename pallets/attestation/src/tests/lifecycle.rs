//! From an enrolment to a certificate, or to a slash.

use io_primitives::attestation::AttestationCall;
use io_tflops::prover::Scalar;

use crate::{mock::*, *};

#[test]
#[docify::export]
fn should_certify_a_device_that_passes_its_audit() {
	ExtBuilder::default().build_and_execute(|| {
		// Device 0 of worker 1 is of class 0 and does one product in each round. A bond is locked for it.
		send(1, AttestationCall::Enrol { device: 0, class: 0, lanes: 1 }).unwrap();
		assert_eq!(ledger(1).locked, BOND);

		// Three slots after a window has opened it has done 100 rounds and commits to them.
		let window = next_window();
		run_blocks(3);
		let chain = chain(1, 0, 100, &mut Scalar);
		send(1, commit_call(0, &chain)).unwrap();

		// Four lots later the chain asks for entries that nobody could foresee, and checks them.
		run_blocks(4);
		assert!(pending(1, 0).unwrap().audit.is_some());
		send(1, reveal_call(1, 0, &chain, &mut Scalar)).unwrap();

		let ops = 100 * 2 * 32 * 128 * 64;
		let certificate = Certificate {
			device: 0,
			class: 0,
			window: window.id,
			ops,
			slots: 3,
			mops: (ops / 18 / 1_000_000) as u64,
			audited: true,
			expires: now() + CertificateTtl::get(),
		};
		assert_eq!(IoAttestation::certificates(key(1)), [certificate]);
		assert_eq!(IoAttestation::proven(key(1)), 2);
		assert_eq!(Ledger::get(), [(account(1), ops)]);
		assert_eq!(ledger(1).locked, BOND);
	});
}

#[test]
fn should_tell_each_step_by_one_event() {
	ExtBuilder::default().build_and_execute(|| {
		let chain = audited(1, 4, &mut Scalar);
		let pending = pending(1, 0).unwrap();
		send(1, reveal_call(1, 0, &chain, &mut Scalar)).unwrap();
		let window = IoAttestation::window().unwrap();
		let (worker, device) = (key(1), 0);
		let audit = pending.audit.unwrap();
		assert_eq!(
			events(),
			[
				Event::DeviceEnrolled {
					worker,
					device,
					class: 0,
					lanes: 1,
					operator: account(1),
					bond: BOND
				},
				Event::WindowOpened {
					window: 1,
					seed: window.seed,
					slot: window.slot,
					last_slot: window.last_slot
				},
				Event::Committed { worker, device, window: 1, rounds: 4, slots: 3 },
				Event::AuditDrawn {
					worker,
					device,
					window: 1,
					challenge: audit.challenge,
					deadline: audit.deadline
				},
				Event::Certified { worker, device, window: 1, mops: 0, audited: true },
			]
		);
	});
}

#[test]
fn should_certify_without_a_reveal_when_the_lot_asks_for_none() {
	ExtBuilder::default().build_and_execute(|| {
		AuditRate::set(Permill::zero());
		enrolled(1);
		trust(1, 0);
		run_blocks(3);
		let chain = chain(1, 0, 100, &mut Scalar);
		send(1, commit_call(0, &chain)).unwrap();
		run_blocks(4);
		assert_eq!(pending(1, 0), None);
		assert!(!certificates(1)[0].audited);
		assert_eq!(IoAttestation::proven(key(1)), 2);
	});
}

#[test]
fn should_always_audit_claims_that_nothing_speaks_for() {
	ExtBuilder::default().build_and_execute(|| {
		AuditRate::set(Permill::zero());
		let claim = |rounds, audit| {
			next_window();
			let chain = chain(1, 0, rounds, &mut Scalar);
			send(1, commit_call(0, &chain)).unwrap();
			run_blocks(4);
			assert_eq!(pending(1, 0).is_some(), audit, "{rounds} rounds");
			if audit {
				send(1, reveal_call(1, 0, &chain, &mut Scalar)).unwrap();
			}
			assert_eq!(certificates(1)[0].audited, audit);
		};
		enrol(1);
		// 4 million operations a second, which nobody has seen before; the same, and a quarter more; twice as much.
		claim(50, true);
		claim(50, false);
		claim(61, false);
		claim(122, true);
		// After a while nobody remembers.
		run_blocks(CertificateTtl::get());
		claim(50, true);
	});
}

#[test]
fn should_slash_the_whole_bond_when_a_fifth_of_the_entries_is_wrong() {
	ExtBuilder::default().build_and_execute(|| {
		let mut lazy = Lazy { percent: 20 };
		let chain = audited(1, 8, &mut lazy);
		events();
		send(1, reveal_call(1, 0, &chain, &mut lazy)).unwrap();
		assert_eq!(
			events(),
			[Event::DeviceSlashed {
				worker: key(1),
				device: 0,
				window: 1,
				operator: account(1),
				amount: BOND,
				reason: OffenceReason::FalseCertificate
			}]
		);
		assert_eq!(ledger(1).active.value, STAKE - BOND);
		assert_eq!(ledger(1).locked, 0);
		assert_eq!(pending(1, 0), None);
		assert!(certificates(1).is_empty());
		assert!(!Enrolments::<Runtime>::contains_key(key(1), 0));
	});
}

#[test]
fn should_slash_the_whole_bond_when_an_audited_device_stays_silent() {
	ExtBuilder::default().build_and_execute(|| {
		audited(1, 2, &mut Scalar);
		let deadline = pending(1, 0).unwrap().audit.unwrap().deadline;
		run_blocks(deadline - now() - 1);
		assert!(pending(1, 0).is_some());
		events();
		next_block();
		assert_eq!(
			events(),
			[Event::DeviceSlashed {
				worker: key(1),
				device: 0,
				window: 1,
				operator: account(1),
				amount: BOND,
				reason: OffenceReason::UnrevealedCertificate
			}]
		);
		assert_eq!(ledger(1).active.value, STAKE - BOND);
		assert!(!Enrolments::<Runtime>::contains_key(key(1), 0));
	});
}

#[test]
fn should_take_an_older_certificate_away_with_the_bond() {
	ExtBuilder::default().build_and_execute(|| {
		let chain = audited(1, 100, &mut Scalar);
		send(1, reveal_call(1, 0, &chain, &mut Scalar)).unwrap();
		next_window();
		let mut lazy = Lazy { percent: 50 };
		let chain = self::chain(1, 0, 4, &mut lazy);
		send(1, commit_call(0, &chain)).unwrap();
		run_blocks(4);
		assert_eq!(IoAttestation::proven(key(1)), 2);
		send(1, reveal_call(1, 0, &chain, &mut lazy)).unwrap();
		assert_eq!(IoAttestation::proven(key(1)), 0);
		assert!(!Certificates::<Runtime>::contains_key(key(1)));
	});
}

#[test]
fn should_leave_the_other_devices_of_a_worker_alone_when_one_is_slashed() {
	ExtBuilder::default().build_and_execute(|| {
		send(1, enrol_call(1, 0, 1)).unwrap();
		enrolled(1);
		let honest = chain(1, 1, 100, &mut Scalar);
		let mut lazy = Lazy { percent: 50 };
		let false_one = chain(1, 0, 4, &mut lazy);
		send(1, commit_call(1, &honest)).unwrap();
		send(1, commit_call(0, &false_one)).unwrap();
		run_blocks(4);
		send(1, reveal_call(1, 0, &false_one, &mut lazy)).unwrap();
		send(1, reveal_call(1, 1, &honest, &mut Scalar)).unwrap();
		assert_eq!(ledger(1).locked, BOND);
		assert_eq!(certificates(1).len(), 1);
		assert_eq!(certificates(1)[0].device, 1);
	});
}

#[test]
fn should_go_on_when_the_worker_is_retired_meanwhile() {
	ExtBuilder::default().build_and_execute(|| {
		let chain = audited(1, 4, &mut Scalar);
		Registered::mutate(|workers| workers.remove(&1));
		send(1, reveal_call(1, 0, &chain, &mut Scalar)).unwrap();
		assert_eq!(certificates(1).len(), 1);
		run_blocks(51);
		send(1, AttestationCall::Leave { device: 0 }).unwrap();
		assert_eq!(ledger(1).locked, 0);
	});
}

#[test]
fn should_slash_what_is_left_when_the_stake_is_gone() {
	ExtBuilder::default().build_and_execute(|| {
		audited(1, 2, &mut Scalar);
		let operator = RuntimeOrigin::signed(account(1));
		IoStaking::unbond(operator, account(1), STAKE - BOND).unwrap();
		run_blocks(RevealBlocks::get());
		assert_eq!(ledger(1).cover(), STAKE - BOND);
		assert_eq!(ledger(1).pending, BOND);
	});
}
