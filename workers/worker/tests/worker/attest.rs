//! Proofs of computing power by the whole program, on this machine's real CPU.

use codec::Encode;
use io_primitives::{
	AccountId,
	attestation::{AttestRequest, ClassParams},
};
use sp_core::H256;

use crate::{
	machine::{Machine, get, post},
	power::{Chain, TOY, Worker},
};

const PATH: &str = "/v1/attest";

impl Worker for Machine {
	fn attest(&self, request: &AttestRequest<AccountId>) -> Vec<u8> {
		let (code, body) = post(&self.url(PATH), request.encode(), &[]).unwrap();
		assert_eq!(code, 200, "{}", String::from_utf8_lossy(&body));
		body
	}
}

/// A class small enough for any machine, whose rounds are not too short for one with 4 lanes.
const CLASS: ClassParams = ClassParams { m: 256, n: 256, k: 1024, ..TOY };

fn set_up() -> (Machine, Chain) {
	let mut machine = Machine::new();
	machine.start();
	let mut chain = Chain::new(machine.key());
	chain.view.classes = vec![(3, CLASS)];
	(machine, chain)
}

fn rounds(machine: &Machine) -> u32 {
	machine.status().attestation.devices[0].rounds
}

/// A window in which the CPU has done some rounds.
fn in_window() -> (Machine, Chain) {
	let (machine, mut chain) = set_up();
	chain.until(&machine, "enrolment", |chain| !chain.view.enrolments.is_empty());
	chain.block(&machine);
	chain.open_window(1);
	chain.block(&machine);
	let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
	while rounds(&machine) < 3 {
		assert!(std::time::Instant::now() < deadline, "{:?}", machine.status());
		std::thread::sleep(std::time::Duration::from_millis(20));
	}
	(machine, chain)
}

fn finish(mut machine: Machine, mut chain: Chain) {
	machine.kill();
	machine.start();
	chain.deaf = false;
	for _ in 0..100 {
		if chain.certified(1) {
			break;
		}
		chain.block(&machine);
		// The deadline of an audit counts blocks, and the machine may be busy with other tests.
		let is_audited = chain.view.commitments.iter().any(|commitment| commitment.audit.is_some());
		let pause = if is_audited { 1_000 } else { 100 };
		std::thread::sleep(std::time::Duration::from_millis(pause));
	}
	assert!(chain.certified(1), "{:?}", chain.refused);
	assert!(chain.view.certificates[0].audited);
	chain.check();
}

#[test]
fn should_show_its_certificate_when_it_has_earned_one() {
	let (machine, mut chain) = in_window();
	chain.until(&machine, "certificate", |chain| chain.certified(1));
	chain.view.mops = chain.view.certificates[0].mops;
	chain.again(&machine);
	let status = machine.status();
	assert_eq!(status.attestation.certificates.len(), 1);
	let text = status.to_text();
	assert!(text.contains("certificate of device 0"), "{text}");
	let metrics = String::from_utf8(get(&machine.url("/metrics"), &[]).unwrap().1).unwrap();
	for name in ["attest_window 1", "attest_enrolled{device=\"0\"} 1", "attest_certificate_mops{"] {
		assert!(metrics.contains(&format!("io_worker_{name}")), "{name}: {metrics}");
	}
}

#[test]
fn should_finish_when_killed_in_a_window() {
	let (machine, mut chain) = in_window();
	// What is lost with the machine is done again in the rest of the window.
	chain.view.window.as_mut().unwrap().last_slot += 20;
	finish(machine, chain);
}

#[test]
fn should_finish_when_killed_after_committing() {
	let (machine, mut chain) = in_window();
	chain.deaf = true;
	chain.until(&machine, "commitment", |chain| !chain.last.is_empty());
	finish(machine, chain);
}

#[test]
fn should_finish_when_killed_after_revealing() {
	let (machine, mut chain) = in_window();
	chain.until(&machine, "audit", |chain| {
		chain.view.commitments.first().is_some_and(|commitment| commitment.audit.is_some())
	});
	chain.deaf = true;
	chain.until(&machine, "reveal", |chain| !chain.last.is_empty());
	finish(machine, chain);
}

#[test]
fn should_answer_400_when_attest_gets_random_bytes() {
	let (machine, mut chain) = set_up();
	let mut state = 1u64;
	for len in [0usize, 1, 31, 32, 33, 40, 100, 1000, 100_000] {
		let body: Vec<u8> = (0..len)
			.map(|_| {
				state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
				(state >> 33) as u8
			})
			.collect();
		assert_eq!(post(&machine.url(PATH), body, &[]).unwrap().0, 400, "{len}");
	}
	let request = chain.request().encode();
	for cut in 0..request.len() {
		assert_eq!(post(&machine.url(PATH), request[..cut].to_vec(), &[]).unwrap().0, 400, "{cut}");
	}
	let longer = [&request[..], &[0]].concat();
	assert_eq!(post(&machine.url(PATH), longer, &[]).unwrap().0, 400);
	assert_eq!(post(&machine.url(PATH), vec![0; 8 * 1024 * 1024 + 1], &[]).unwrap().0, 413);
	assert_eq!(
		post(&machine.url(PATH), request, &[("origin", "http://evil.example")]).unwrap().0,
		403
	);
	chain.block(&machine);
	assert!(!machine.log().contains("panicked"));
}

#[test]
fn should_refuse_to_prove_when_the_node_is_on_another_chain() {
	let (machine, mut chain) = set_up();
	chain.block(&machine);
	let mut request = chain.request();
	request.genesis = H256::repeat_byte(1);
	let (code, body) = post(&machine.url(PATH), request.encode(), &[]).unwrap();
	assert_eq!(code, 409);
	assert!(String::from_utf8_lossy(&body).contains("right node"));
}

#[test]
fn should_measure_the_cpu_when_asked_for_a_bench() {
	let machine = Machine::new();
	let done = machine.run(&["bench", "--seconds", "0", "--json"]);
	assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
	let bench: serde_json::Value = serde_json::from_slice(&done.stdout).unwrap();
	assert_eq!(bench["devices"][0]["key"], "cpu");
	assert!(bench["devices"][0]["kernels"][0]["gops"].as_f64().unwrap() > 0.0);
	let wrong = machine.run(&["bench", "--seconds", "-1"]);
	assert!(!wrong.status.success());
}
