//! Windows as they should go, and what may come between.

use std::{sync::atomic::Ordering, time::Duration};

use io_primitives::attestation::{AttestationCall, MAX_PROOF_BYTES, SignedAttestation};
use io_worker::{attest::Settings, journal};
use sp_core::H256;

use crate::{
	chain::{Chain, GENESIS, TOY},
	machine::Machine,
};

const ENABLED: Settings = Settings { enabled: true, stake_percent: 50, save_every: Duration::ZERO };

fn set_up() -> (Machine, Chain) {
	let machine = Machine::new();
	let mut chain = Chain::new(machine.attester().worker());
	chain.enrol(0, 4);
	(machine, chain)
}

/// A window in which the device has done some rounds.
fn in_window() -> (Machine, Chain) {
	let (machine, mut chain) = set_up();
	chain.open_window(1);
	chain.block(machine.attester());
	machine.wait_for_rounds(3);
	(machine, chain)
}

/// A window in which the device has committed.
fn committed() -> (Machine, Chain) {
	let (machine, mut chain) = in_window();
	chain.until(machine.attester(), "commitment", |chain| !chain.view.commitments.is_empty());
	(machine, chain)
}

fn commits(calls: &[SignedAttestation]) -> Vec<SignedAttestation> {
	let is_commit =
		|signed: &&SignedAttestation| matches!(signed.call, AttestationCall::Commit { .. });
	calls.iter().filter(is_commit).cloned().collect()
}

#[test]
fn should_earn_a_certificate_when_a_window_opens() {
	let machine = Machine::new();
	let mut chain = Chain::new(machine.attester().worker());
	chain.until(machine.attester(), "enrolment", |chain| !chain.view.enrolments.is_empty());
	assert_eq!(chain.enrolment(0).unwrap().lanes, 4, "a toy's rounds are short");
	chain.block(machine.attester());
	assert!(chain.last.is_empty(), "{:?}", chain.last);
	for window in 1..=3 {
		chain.open_window(1);
		chain.until(machine.attester(), "certificate", |chain| chain.certified(window));
		assert!(chain.view.certificates[0].audited);
		chain.until(machine.attester(), "end", |chain| chain.last.is_empty());
		chain.view.slot += 20;
	}
	assert!(chain.refused.is_empty(), "{:?}", chain.refused);
	chain.check();
	let status = machine.status();
	assert_eq!(status.certificates.len(), 1);
	assert_eq!(status.window.unwrap().id, 3);
}

#[test]
fn should_commit_once_the_window_is_about_to_close() {
	let (machine, mut chain) = in_window();
	let window = chain.view.window.unwrap();
	chain.until(machine.attester(), "commitment", |chain| !chain.view.commitments.is_empty());
	let commitment = chain.view.commitments[0];
	let is_full = commitment.rounds == 128;
	assert!(is_full || chain.view.slot == window.last_slot - 2, "{commitment:?}");
	assert!(commitment.rounds >= 3);
}

#[test]
fn should_need_no_reveal_when_it_is_not_audited() {
	let (machine, mut chain) = in_window();
	chain.audits = false;
	chain.until(machine.attester(), "certificate", |chain| chain.certified(1));
	assert!(!chain.view.certificates[0].audited);
}

#[test]
fn should_say_the_same_bytes_when_the_chain_does_not_react() {
	let (machine, mut chain) = in_window();
	chain.deaf = true;
	chain.until(machine.attester(), "commitment", |chain| !chain.last.is_empty());
	let first = commits(&chain.last);
	assert_eq!(first.len(), 1);
	assert_eq!(commits(&chain.again(machine.attester())), first);
	chain.block(machine.attester());
	assert_eq!(commits(&chain.last), first);
	chain.deaf = false;
	chain.until(machine.attester(), "audit", |chain| {
		chain.view.commitments.first().is_some_and(|c| c.audit.is_some())
	});
	chain.deaf = true;
	chain.until(machine.attester(), "reveal", |chain| !chain.last.is_empty());
	let reveal = chain.last.clone();
	assert_eq!(chain.again(machine.attester()), reveal);
	chain.block(machine.attester());
	assert_eq!(chain.last, reveal);
	chain.check();
}

#[test]
fn should_go_on_with_the_same_bytes_when_restarted_after_every_block() {
	let mut machine = Machine::new();
	let mut chain = Chain::new(machine.attester().worker());
	// Measuring takes longer than a block.
	chain.until(machine.attester(), "enrolment", |chain| !chain.view.enrolments.is_empty());
	machine.restart();
	// Only windows that open later count.
	chain.block(machine.attester());
	chain.open_window(1);
	for _ in 0..60 {
		chain.block(machine.attester());
		if chain.certified(1) {
			break;
		}
		if chain.view.window.unwrap().last_slot > chain.view.slot {
			std::thread::sleep(Duration::from_millis(20));
		}
		let before = chain.again(machine.attester());
		machine.restart();
		let after = chain.again(machine.attester());
		if !commits(&before).is_empty() {
			assert_eq!(commits(&before), commits(&after));
		}
		let waits = chain.view.commitments.iter().any(|c| c.audit.is_some());
		if waits {
			std::thread::sleep(Duration::from_millis(50));
		}
	}
	assert!(chain.certified(1), "{:?} {:?}", chain.view, machine.status());
	chain.check();
}

#[test]
fn should_keep_the_rounds_when_restarted_in_a_window() {
	let (mut machine, mut chain) = in_window();
	// The first rounds are saved with the next block.
	chain.block(machine.attester());
	let rounds = machine.status().devices[0].rounds;
	assert!(rounds >= 3);
	machine.restart();
	chain.again(machine.attester());
	assert!(machine.status().devices[0].rounds >= 3);
}

#[test]
fn should_answer_the_audit_when_the_journal_was_lost() {
	let (mut machine, mut chain) = committed();
	machine.lose_journal();
	// A bond hangs on it, so not even jobs have priority.
	machine.attester().set_busy(true);
	chain.until(machine.attester(), "certificate", |chain| chain.certified(1));
	assert!(chain.view.certificates[0].audited);
	chain.check();
}

#[test]
fn should_answer_the_audit_when_the_device_fails_now_and_then() {
	let (machine, mut chain) = committed();
	machine.manner.faults.store(1, Ordering::Relaxed);
	chain.until(machine.attester(), "audit", |chain| chain.view.commitments[0].audit.is_some());
	chain.block(machine.attester());
	machine.wait("fault", |status| status.devices[0].note.contains("out of order"));
	// The device rests for two seconds, and the chain does not wait so long when blocks come at once.
	machine.wait("answer", |_| !chain.ask(machine.attester(), &chain.request()).is_empty());
	chain.until(machine.attester(), "certificate", |chain| chain.certified(1));
}

#[test]
fn should_pass_over_old_views_when_a_second_node_lags_behind() {
	let (machine, mut chain) = set_up();
	let old = chain.request();
	for _ in 0..20 {
		chain.block(machine.attester());
	}
	chain.open_window(1);
	for _ in 0..20 {
		chain.block(machine.attester());
		assert!(chain.ask(machine.attester(), &old).is_empty());
		if chain.certified(1) {
			break;
		}
		machine.wait("rounds", |status| {
			status.devices[0].rounds > 0 || status.devices[0].stage.as_deref() != Some("running")
		});
	}
	assert!(chain.certified(1) || !chain.view.commitments.is_empty());
	chain.check();
}

#[test]
fn should_commit_once_when_a_small_reorg_hides_the_commitment() {
	let (machine, mut chain) = in_window();
	let mut before = chain.view.clone();
	chain.until(machine.attester(), "commitment", |chain| {
		if chain.view.commitments.is_empty() {
			before = chain.view.clone();
		}
		!chain.view.commitments.is_empty()
	});
	let said = commits(&chain.last);
	chain.view = before;
	chain.block(machine.attester());
	assert_eq!(commits(&chain.last), said);
	chain.check();
}

#[test]
fn should_not_commit_again_when_a_reorg_gives_the_window_another_seed() {
	let (machine, mut chain) = committed();
	let until = chain.last.iter().map(|signed| signed.valid_until).max().unwrap();
	// The window opens again in another fork, with a commitment of ours still on its way.
	chain.view.commitments.clear();
	chain.view.window = None;
	let window = chain.open_window(2);
	while chain.view.now < until && chain.view.slot < window.last_slot {
		chain.block(machine.attester());
		assert!(commits(&chain.last).is_empty());
	}
	assert!(!machine.status().devices[0].note.is_empty());
	chain.check();
}

#[test]
fn should_take_part_when_the_chain_was_started_anew() {
	let (machine, chain) = committed();
	let mut fresh = Chain::new(chain.worker);
	fresh.view.now = 100;
	fresh.view.slot = 100_000;
	fresh.enrol(0, 4);
	for _ in 0..10 {
		fresh.block(machine.attester());
	}
	fresh.open_window(2);
	fresh.until(machine.attester(), "certificate", |chain| chain.certified(1));
	fresh.check();
	chain.check();
}

#[test]
fn should_refuse_when_the_chain_is_another_one() {
	let (machine, chain) = committed();
	let mut request = chain.request();
	request.genesis = H256::repeat_byte(1);
	let error = machine.attester().sync(&request).unwrap_err().to_string();
	let expected = journal::Error::OtherGenesis { found: GENESIS, expected: request.genesis };
	assert_eq!(error, expected.to_string());
}

#[test]
fn should_say_nothing_when_the_view_is_of_another_worker() {
	let (machine, chain) = set_up();
	let mut request = chain.request();
	request.workers[0].0.0[0] ^= 1;
	assert!(chain.ask(machine.attester(), &request).is_empty());
}

#[test]
fn should_leave_a_window_alone_when_it_came_too_late() {
	let (machine, mut chain) = set_up();
	// Enrolled in the block in which the window opened.
	chain.view.enrolments[0].since = chain.view.now;
	chain.open_window(1);
	for _ in 0..12 {
		chain.block(machine.attester());
		assert!(chain.last.is_empty());
	}
	assert_eq!(machine.manner.products.load(Ordering::Relaxed), 0);
	// Over before anything was done.
	chain.view.enrolments[0].since = 0;
	let window = chain.open_window(1);
	chain.view.slot = window.last_slot;
	chain.block(machine.attester());
	assert!(chain.last.is_empty());
	assert_eq!(machine.status().devices[0].doing, "idle");
}

#[test]
fn should_commit_to_nothing_when_no_round_was_done_in_time() {
	let (machine, mut chain) = set_up();
	machine.manner.endless.store(true, Ordering::Relaxed);
	chain.open_window(1);
	for _ in 0..15 {
		chain.block(machine.attester());
		assert!(chain.last.is_empty());
	}
	machine.wait("rest", |status| status.devices[0].doing == "idle");
}

#[test]
fn should_pause_when_a_job_wants_the_machine() {
	let (machine, mut chain) = in_window();
	machine.attester().set_busy(true);
	machine.wait("pause", |status| status.devices[0].doing == "paused");
	chain.block(machine.attester());
	let rounds = machine.status().devices[0].rounds;
	let products = machine.manner.products.load(Ordering::Relaxed);
	std::thread::sleep(Duration::from_millis(50));
	chain.block(machine.attester());
	assert_eq!(machine.status().devices[0].rounds, rounds);
	assert_eq!(machine.manner.products.load(Ordering::Relaxed), products);
	machine.attester().set_busy(false);
	machine.wait_for_rounds(rounds + 1);
	chain.until(machine.attester(), "certificate", |chain| chain.certified(1));
}

#[test]
fn should_stop_what_runs_when_a_job_wants_the_machine() {
	let (machine, mut chain) = set_up();
	machine.manner.endless.store(true, Ordering::Relaxed);
	chain.open_window(1);
	chain.block(machine.attester());
	machine.wait("start", |status| status.devices[0].doing == "proving");
	machine.attester().set_busy(true);
	machine.wait("pause", |status| status.devices[0].doing == "paused");
}

#[test]
fn should_answer_an_audit_although_a_job_wants_the_machine() {
	let (machine, mut chain) = committed();
	machine.attester().set_busy(true);
	chain.until(machine.attester(), "certificate", |chain| chain.certified(1));
}

#[test]
fn should_end_when_stopped_in_a_product() {
	let (machine, mut chain) = set_up();
	machine.manner.endless.store(true, Ordering::Relaxed);
	chain.open_window(1);
	chain.block(machine.attester());
	machine.wait("start", |status| status.devices[0].doing == "proving");
	// Waits for the thread: without the switch it would wait for ever.
	machine.attester().stop();
}

#[test]
fn should_answer_but_not_commit_when_draining() {
	let (machine, mut chain) = in_window();
	machine.attester().drain();
	for _ in 0..12 {
		chain.block(machine.attester());
		assert!(chain.last.is_empty());
	}

	let (machine, mut chain) = committed();
	chain.again(machine.attester());
	machine.attester().drain();
	assert!(!machine.attester().risks().is_empty());
	chain.until(machine.attester(), "audit", |chain| chain.view.commitments[0].audit.is_some());
	chain.again(machine.attester());
	assert!(machine.attester().is_due());
	chain.until(machine.attester(), "certificate", |chain| chain.certified(1));
	chain.again(machine.attester());
	assert!(!machine.attester().is_due());
	assert!(machine.attester().risks().is_empty());
}

#[test]
fn should_never_commit_when_the_device_computes_wrongly() {
	let (machine, mut chain) = set_up();
	machine.manner.wrong.store(true, Ordering::Relaxed);
	chain.open_window(1);
	chain.block(machine.attester());
	machine.wait("discovery", |status| status.devices[0].note.contains("computes wrongly"));
	chain.until(machine.attester(), "departure", |chain| chain.view.enrolments.is_empty());
	assert!(chain.commitments.is_empty());
}

#[test]
fn should_try_again_when_a_round_fails() {
	let (machine, mut chain) = set_up();
	machine.manner.faults.store(1, Ordering::Relaxed);
	chain.open_window(1);
	chain.block(machine.attester());
	machine.wait_for_rounds(1);
}

#[test]
fn should_leave_when_it_is_switched_off() {
	let mut machine = Machine::with(Settings { enabled: false, ..ENABLED }, 1);
	let mut chain = Chain::new(machine.attester().worker());
	chain.block(machine.attester());
	assert!(chain.last.is_empty(), "nothing to leave");
	chain.enrol(0, 2);
	chain.enrol(7, 2);
	chain.open_window(1);
	chain.block(machine.attester());
	assert!(chain.view.enrolments.is_empty(), "{:?}", chain.refused);
	machine.restart();
	chain.block(machine.attester());
	assert!(chain.last.is_empty());
}

#[test]
fn should_let_a_device_leave_when_it_is_gone_from_the_machine() {
	let (machine, mut chain) = set_up();
	chain.enrol(5, 2);
	chain.until(machine.attester(), "departure", |chain| chain.enrolment(5).is_none());
	assert!(chain.enrolment(0).is_some());
}

#[test]
fn should_enrol_as_soon_as_the_stake_allows_it() {
	let machine = Machine::new();
	let mut chain = Chain::new(machine.attester().worker());
	chain.view.free_bond = None;
	chain.block(machine.attester());
	assert!(machine.status().devices[0].note.contains("does not know this worker"));
	// Half of it may be locked, and the fewest lanes cost 20.
	chain.view.free_bond = Some(39);
	for _ in 0..300 {
		chain.again(machine.attester());
		if machine.status().devices[0].note.contains("stake") {
			break;
		}
		std::thread::sleep(Duration::from_millis(20));
	}
	assert!(machine.status().devices[0].note.contains("stake"), "{:?}", machine.status());
	chain.view.free_bond = Some(40);
	chain.block(machine.attester());
	assert_eq!(chain.enrolment(0).unwrap().lanes, 2);
	chain.block(machine.attester());
	assert!(machine.status().devices[0].note.is_empty());
	assert!(chain.refused.is_empty());
}

#[test]
fn should_enrol_each_device_when_there_are_several() {
	let machine = Machine::with(ENABLED, 3);
	let mut chain = Chain::new(machine.attester().worker());
	// Enough for one with 4 lanes, and one with 2.
	chain.view.free_bond = Some(120);
	for _ in 0..300 {
		chain.again(machine.attester());
		if machine.status().devices.iter().all(|device| device.doing == "idle") {
			break;
		}
		std::thread::sleep(Duration::from_millis(20));
	}
	chain.until(machine.attester(), "two", |chain| chain.view.enrolments.len() == 2);
	for _ in 0..5 {
		chain.block(machine.attester());
	}
	assert_eq!(chain.view.enrolments.iter().map(|e| e.bond).sum::<u128>(), 60);
	assert!(chain.refused.is_empty(), "{:?}", chain.refused);
	chain.open_window(1);
	chain.until(machine.attester(), "certificates", |chain| chain.view.certificates.len() == 2);
	chain.check();
}

#[test]
fn should_enrol_again_when_its_enrolment_is_gone_in_a_window() {
	let (machine, mut chain) = in_window();
	chain.view.enrolments.clear();
	for _ in 0..600 {
		chain.again(machine.attester());
		if machine.status().devices[0].doing == "idle" {
			break;
		}
		std::thread::sleep(Duration::from_millis(5));
	}
	chain.until(machine.attester(), "enrolment", |chain| !chain.view.enrolments.is_empty());
	assert!(chain.commitments.is_empty());
}

#[test]
fn should_enrol_anew_when_the_class_has_changed() {
	let (machine, mut chain) = set_up();
	let params = io_primitives::attestation::ClassParams { k: 32, ..TOY };
	chain.view.classes = vec![(3, params)];
	chain.until(machine.attester(), "enrolment", |chain| chain.view.enrolments[0].params == params);
	assert!(chain.refused.is_empty(), "{:?}", chain.refused);
}

#[test]
fn should_enrol_anew_when_other_lanes_would_be_better() {
	let machine = Machine::new();
	machine.manner.quick.store(true, Ordering::Relaxed);
	let mut chain = Chain::new(machine.attester().worker());
	chain.enrol(0, 2);
	chain.open_window(1);
	chain.block(machine.attester());
	machine.wait_for_rounds(3);
	let window = chain.view.window.unwrap();
	while chain.view.slot <= window.last_slot {
		chain.block(machine.attester());
		assert_eq!(chain.enrolment(0).unwrap().lanes, 2, "not in a window");
	}
	chain.until(machine.attester(), "enrolment", |chain| chain.enrolment(0).unwrap().lanes == 4);
	assert!(chain.refused.is_empty(), "{:?}", chain.refused);
}

#[test]
fn should_keep_its_enrolment_when_the_class_is_gone() {
	let (machine, mut chain) = set_up();
	chain.view.classes = vec![(9, TOY)];
	for _ in 0..5 {
		chain.block(machine.attester());
		assert!(chain.last.is_empty());
	}
}

#[test]
fn should_pass_a_window_over_when_its_certificate_would_be_worse() {
	let (machine, mut chain) = in_window();
	chain.until(machine.attester(), "certificate", |chain| chain.certified(1));
	chain.view.certificates[0].mops = 1_000_000;
	chain.view.slot += 20;
	chain.open_window(1);
	for _ in 0..15 {
		chain.block(machine.attester());
		assert!(chain.last.is_empty(), "{:?}", chain.last);
		std::thread::sleep(Duration::from_millis(5));
	}
	assert!(chain.certified(1));
	assert!(machine.status().devices[0].note.contains("passed over"), "{:?}", machine.status());
}

#[test]
fn should_send_the_proof_of_a_product_when_the_chain_waits_for_it() {
	let (mut machine, mut chain) = set_up();
	chain.view.products = vec![(7, chain.view.now + 50), (8, chain.view.now + 50)];
	chain.block(machine.attester());
	assert!(chain.last.is_empty(), "there is no proof yet");
	let folder = machine.folder.path().join("products");
	std::fs::create_dir(&folder).unwrap();
	std::fs::write(folder.join("7"), [1; 1000]).unwrap();
	std::fs::write(folder.join("8"), vec![1; MAX_PROOF_BYTES as usize + 1]).unwrap();
	chain.deaf = true;
	chain.block(machine.attester());
	let said = chain.last.clone();
	assert_eq!(said.len(), 1);
	assert!(machine.attester().is_due());
	machine.restart();
	chain.block(machine.attester());
	assert_eq!(chain.last, said);
	chain.deaf = false;
	chain.block(machine.attester());
	assert_eq!(chain.settled, vec![7]);
	for _ in 0..6 {
		chain.block(machine.attester());
	}
	assert!(!folder.join("7").exists(), "it is of no use any more");
	assert!(folder.join("8").exists());
}

#[test]
fn should_answer_an_audit_first_when_there_are_many_calls() {
	let (machine, mut chain) = committed();
	let folder = machine.folder.path().join("products");
	std::fs::create_dir(&folder).unwrap();
	for job in 0..20 {
		chain.view.products.push((job, chain.view.now + 100));
		std::fs::write(folder.join(job.to_string()), [1; 100]).unwrap();
	}
	chain.until(machine.attester(), "certificate", |chain| chain.certified(1));
	chain.until(machine.attester(), "settlement", |chain| chain.settled.len() == 20);
}
