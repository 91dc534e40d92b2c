//! A job's life as it should be.

use std::time::{Duration, Instant};

use io_primitives::{ReplicaState, WorkerCall, digest::result_digest};
use sp_core::H256;

use crate::{
	chain::{Chain, GENESIS, program, spec},
	machine::{Machine, get},
	server::{Manner, Server},
};

fn set_up() -> (Server, Machine, Chain) {
	let (server, mut machine) = (Server::start(), Machine::new());
	machine.start();
	let chain = Chain::new(&machine);
	(server, machine, chain)
}

fn wait_for(what: &str, mut done: impl FnMut() -> bool) {
	let deadline = Instant::now() + Duration::from_secs(30);
	while !done() {
		assert!(Instant::now() < deadline, "not reached: {what}");
		std::thread::sleep(Duration::from_millis(50));
	}
}

#[test]
fn should_reveal_a_result_whose_output_can_be_fetched_when_drawn() {
	let (server, machine, mut chain) = set_up();
	chain.draw_good(&server, 7, 10, 3);
	chain.blocks_until(&machine, "reveal", |chain| chain.revealed.contains_key(&7));

	let revealed = chain.revealed[&7].clone();
	assert_eq!((revealed.exit_code, revealed.units), (3, 1));
	let (code, archive) = get(&revealed.output_at, &[]).unwrap();
	assert_eq!(code, 200);
	let output = H256(*blake3::hash(&archive).as_bytes());
	assert_eq!(revealed.digest, result_digest(GENESIS, 7, 3, 1, output));
	assert!(archive.windows(6).any(|bytes| bytes == b"hello\n"));

	let (code, part) = get(&revealed.output_at, &[("range", "bytes=5-9")]).unwrap();
	assert_eq!((code, &part[..]), (206, &archive[5..10]));
	let head = crate::machine::head(&revealed.output_at);
	assert_eq!(head, (200, Some(archive.len() as u64)));
	assert_eq!(get(&format!("{}x", revealed.output_at), &[]).unwrap().0, 400);
	let other = format!("http://127.0.0.1:{}/v1/content/{}", machine.content, "0".repeat(64));
	assert_eq!(get(&other, &[]).unwrap().0, 404);

	chain.jobs.clear();
	chain.block(&machine);
	assert!(machine.status().jobs.is_empty());
	let metrics = String::from_utf8(get(&machine.url("/metrics"), &[]).unwrap().1).unwrap();
	assert!(metrics.contains("io_worker_results_total 1"), "{metrics}");
}

#[test]
fn should_hand_the_input_over_when_the_job_has_one() {
	let (server, machine, mut chain) = set_up();
	let hash = server.put("p", &program(1, 0), Manner::Good);
	let input = vec![9u8; 100_000];
	let mut spec = spec(hash, &server.url("p"));
	spec.input = server.put("i", &input, Manner::Good);
	spec.input_len = input.len() as u64;
	spec.input_at = vec![server.url("i").into_bytes().try_into().unwrap()].try_into().unwrap();
	chain.draw(1, spec);
	chain.blocks_until(&machine, "reveal", |chain| chain.revealed.contains_key(&1));
	assert_eq!(server.requests(), 2);
}

#[test]
fn should_fetch_a_program_once_when_two_jobs_use_it() {
	let (server, machine, mut chain) = set_up();
	chain.draw_good(&server, 1, 5, 0);
	chain.draw_good(&server, 2, 5, 0);
	chain.blocks_until(&machine, "both reveals", |chain| chain.revealed.len() == 2);
	assert_eq!(server.requests(), 1);
	assert_ne!(chain.revealed[&1].digest, chain.revealed[&2].digest);
}

#[test]
fn should_repeat_the_same_bytes_when_the_chain_does_not_react() {
	let (server, machine, mut chain) = set_up();
	chain.draw_good(&server, 7, 10, 0);
	chain.deaf = true;
	let accepts = |chain: &Chain| {
		chain.last.iter().find(|c| matches!(c.call, WorkerCall::Accept { .. })).cloned()
	};
	chain.blocks_until(&machine, "accept", |chain| accepts(chain).is_some());
	let first = chain.last.clone();
	chain.block(&machine);
	assert_eq!(chain.last, first);
	assert_eq!(first.len(), 2, "a heartbeat and an acceptance: {first:?}");
}

#[test]
fn should_send_heartbeats_when_they_are_due() {
	let (_server, machine, mut chain) = set_up();
	for _ in 0..31 {
		chain.block(&machine);
	}
	assert_eq!(chain.heartbeats.len(), 4, "one in ten blocks");
	assert!(chain.heartbeats.is_sorted());
	// A chain that saw more of us than we remember, as after a restored backup.
	chain.view.heartbeat_seq = 1_000;
	chain.blocks_until(&machine, "heartbeat", |chain| chain.heartbeats.last() == Some(&1_001));
}

#[test]
fn should_wait_when_its_only_place_is_taken() {
	let (server, machine, mut chain) = set_up();
	chain.draw_good(&server, 1, 3_000_000_000, 0);
	chain.blocks_until(&machine, "run", |_| machine.status().jobs[0].stage == "running");
	chain.draw_good(&server, 2, 5, 0);
	chain.block(&machine);
	chain.block(&machine);
	assert_eq!(chain.state(2), Some(ReplicaState::Assigned));
	chain.best += 4;
	chain.block(&machine);
	assert_eq!(chain.declined, vec![2]);
}

#[test]
fn should_run_two_at_once_when_it_has_two_places() {
	let (server, mut machine) = (Server::start(), Machine::new());
	machine.flags = vec!["--capacity".into(), "2".into()];
	machine.start();
	let mut chain = Chain::new(&machine);
	chain.draw_good(&server, 1, 3_000_000_000, 0);
	chain.draw_good(&server, 2, 3_000_000_001, 0);
	chain.blocks_until(&machine, "both run", |_| {
		machine.status().jobs.iter().filter(|job| job.stage == "running").count() == 2
	});
}

#[test]
fn should_stop_a_run_when_the_chain_took_the_job_away() {
	let (server, machine, mut chain) = set_up();
	chain.draw_good(&server, 1, 100_000_000_000, 0);
	chain.blocks_until(&machine, "run", |_| machine.status().jobs[0].stage == "running");
	let taken = chain.jobs.clone();
	chain.jobs.clear();
	chain.block(&machine);
	assert_eq!(machine.status().jobs.len(), 1, "a re-org may bring it back");
	chain.jobs = taken;
	chain.block(&machine);
	assert_eq!(machine.status().jobs[0].stage, "running");
	chain.jobs.clear();
	for _ in 0..5 {
		chain.block(&machine);
	}
	assert!(machine.status().jobs.is_empty());
	wait_for("called off", || {
		machine.log().contains("called off") || machine.log().contains("finished")
	});
}

#[test]
fn should_use_up_all_units_when_a_program_loops_for_ever() {
	let (server, machine, mut chain) = set_up();
	chain.draw_good(&server, 1, u64::MAX, 0);
	if let Some(job) = chain.jobs.get_mut(&1) {
		job.spec.max_units = 1;
	}
	chain.blocks_until(&machine, "reveal", |chain| chain.revealed.contains_key(&1));
	assert_eq!((chain.revealed[&1].exit_code, chain.revealed[&1].units), (-2, 1));
}

#[test]
fn should_start_over_when_the_number_belongs_to_another_job_now() {
	let (server, machine, mut chain) = set_up();
	chain.draw_good(&server, 1, 5, 0);
	chain.blocks_until(&machine, "reveal", |chain| chain.revealed.contains_key(&1));
	let first = chain.revealed.remove(&1).unwrap();
	// The same chain started anew: same genesis, same job number, other job.
	chain.best = 50;
	chain.commitments.clear();
	chain.view.heartbeat_seq = 0;
	chain.draw_good(&server, 1, 5, 9);
	chain.blocks_until(&machine, "reveal", |chain| chain.revealed.contains_key(&1));
	assert_ne!(chain.revealed[&1].digest, first.digest);
	assert_eq!(chain.revealed[&1].exit_code, 9);
}

#[test]
fn should_wait_for_its_reveal_when_told_to_stop() {
	let (server, mut machine, mut chain) = set_up();
	chain.draw_good(&server, 1, 5, 0);
	chain.blocks_until(&machine, "commit", |chain| {
		matches!(chain.state(1), Some(ReplicaState::Committed { .. }))
	});
	chain.deaf = true;
	chain.block(&machine);
	machine.terminate();
	std::thread::sleep(Duration::from_millis(500));
	chain.deaf = false;
	chain.draw_good(&server, 2, 6, 0);
	chain.blocks_until(&machine, "reveal", |chain| chain.revealed.contains_key(&1));
	assert_eq!(chain.declined, vec![2]);
	// The worker learns of its success with the next block, unless it has ended already.
	let _ = crate::machine::post(
		&machine.url("/v1/sync"),
		codec::Encode::encode(&chain.request()),
		&[],
	);
	assert!(machine.wait(Duration::from_secs(5)).success());
}

#[test]
fn should_stop_at_once_when_nothing_is_due() {
	let (server, mut machine, mut chain) = set_up();
	chain.draw_good(&server, 1, 100_000_000_000, 0);
	chain.blocks_until(&machine, "run", |_| machine.status().jobs[0].stage == "running");
	machine.terminate();
	assert!(machine.wait(Duration::from_secs(8)).success());
	assert!(machine.log().contains("stopped"), "{}", machine.log());
}

#[test]
fn should_give_the_same_result_when_a_finished_job_comes_back() {
	let (server, machine, mut chain) = set_up();
	chain.draw_good(&server, 1, 5, 0);
	let drawn = chain.jobs[&1].clone();
	for lose_output in [false, true] {
		chain.blocks_until(&machine, "reveal", |chain| chain.revealed.contains_key(&1));
		let before = chain.revealed.clone();
		chain.jobs.clear();
		chain.block(&machine);
		assert!(machine.status().jobs.is_empty());
		if lose_output {
			std::fs::remove_dir_all(machine.data.join("output")).unwrap();
			std::fs::create_dir(machine.data.join("output")).unwrap();
		}
		chain.revealed.clear();
		let mut again = drawn.clone();
		again.deadline = chain.best + 10;
		chain.jobs.insert(1, again);
		chain.blocks_until(&machine, "reveal", |chain| chain.revealed.contains_key(&1));
		assert_eq!(chain.revealed, before);
		assert_eq!(get(&before[&1].output_at, &[]).unwrap().0, 200);
	}
	assert_eq!(chain.commitments[&1].len(), 1);
}
