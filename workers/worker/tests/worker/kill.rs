//! Power cuts: SIGKILL in each state of the journal, then a restart. There must be one commitment, and a reveal.

use io_primitives::ReplicaState;

use crate::{
	chain::{Chain, program, spec},
	machine::Machine,
	server::{Manner, Server},
};

fn set_up() -> (Server, Machine, Chain) {
	let (server, mut machine) = (Server::start(), Machine::new());
	machine.start();
	let chain = Chain::new(&machine);
	(server, machine, chain)
}

fn finish(server: &Server, mut machine: Machine, mut chain: Chain) {
	machine.kill();
	machine.start();
	chain.deaf = false;
	chain.blocks_until(&machine, "reveal", |chain| chain.revealed.contains_key(&1));
	assert_eq!(chain.commitments[&1].len(), 1, "one commitment: {:?}", chain.commitments);
	assert_eq!(chain.revealed[&1].exit_code, 4);
	assert!(server.requests() > 0);
}

fn stage(machine: &Machine) -> String {
	machine.status().jobs.first().map(|job| job.stage.clone()).unwrap_or_default()
}

#[test]
fn should_finish_when_killed_while_assigned() {
	let (server, machine, mut chain) = set_up();
	chain.draw_good(&server, 1, 5, 4);
	chain.deaf = true;
	chain.block(&machine);
	finish(&server, machine, chain);
}

#[test]
fn should_finish_when_killed_while_fetching() {
	let (server, machine, mut chain) = set_up();
	let bytes = program(5, 4);
	let hash = server.put("p", &bytes, Manner::Drip);
	chain.draw(1, spec(hash, &server.url("p")));
	chain.blocks_until(&machine, "fetch", |_| {
		stage(&machine) == "fetching" && machine.status().jobs[0].fetched > 0
	});
	server.put("p", &bytes, Manner::Good);
	finish(&server, machine, chain);
}

#[test]
fn should_finish_when_killed_after_accepting() {
	let (server, machine, mut chain) = set_up();
	chain.draw_good(&server, 1, 5, 4);
	chain.deaf = true;
	chain.blocks_until(&machine, "accept", |_| stage(&machine) == "accepted");
	finish(&server, machine, chain);
}

#[test]
fn should_finish_when_killed_while_running() {
	let (server, machine, mut chain) = set_up();
	chain.draw_good(&server, 1, 1_500_000_000, 4);
	chain.blocks_until(&machine, "run", |_| stage(&machine) == "running");
	finish(&server, machine, chain);
}

#[test]
fn should_finish_when_killed_with_a_result() {
	let (server, machine, mut chain) = set_up();
	chain.draw_good(&server, 1, 5, 4);
	chain.blocks_until(&machine, "accept", |chain| chain.state(1) == Some(ReplicaState::Accepted));
	chain.block(&machine);
	let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
	while stage(&machine) != "produced" {
		assert!(std::time::Instant::now() < deadline);
		std::thread::sleep(std::time::Duration::from_millis(20));
	}
	finish(&server, machine, chain);
}

#[test]
fn should_finish_when_killed_after_committing() {
	let (server, machine, mut chain) = set_up();
	chain.draw_good(&server, 1, 5, 4);
	chain.blocks_until(&machine, "accept", |chain| chain.state(1) == Some(ReplicaState::Accepted));
	chain.deaf = true;
	chain.blocks_until(&machine, "commit", |_| stage(&machine) == "committed");
	finish(&server, machine, chain);
}

#[test]
fn should_finish_when_killed_after_revealing() {
	let (server, machine, mut chain) = set_up();
	chain.draw_good(&server, 1, 5, 4);
	chain.blocks_until(&machine, "commit", |chain| {
		matches!(chain.state(1), Some(ReplicaState::Committed { .. }))
	});
	chain.deaf = true;
	chain.blocks_until(&machine, "reveal", |_| stage(&machine) == "revealed");
	let first = chain.last.clone();
	finish_with_same_reveal(&server, machine, chain, &first);
}

fn finish_with_same_reveal(
	server: &Server,
	mut machine: Machine,
	mut chain: Chain,
	first: &[io_primitives::SignedWorkerCall],
) {
	machine.kill();
	machine.start();
	chain.block(&machine);
	assert_eq!(chain.last, first, "the same bytes after the restart");
	finish(server, machine, chain);
}

#[test]
fn should_give_the_same_commitment_when_the_journal_was_lost() {
	let (server, mut machine, mut chain) = set_up();
	chain.draw_good(&server, 1, 5, 4);
	chain.blocks_until(&machine, "commit", |chain| {
		matches!(chain.state(1), Some(ReplicaState::Committed { .. }))
	});
	machine.kill();
	std::fs::remove_file(machine.data.join("journal.redb")).unwrap();
	machine.start();
	finish(&server, machine, chain);
}

#[test]
fn should_go_on_when_the_journal_was_damaged() {
	let (server, mut machine, mut chain) = set_up();
	chain.draw_good(&server, 1, 5, 4);
	chain.blocks_until(&machine, "commit", |chain| {
		matches!(chain.state(1), Some(ReplicaState::Committed { .. }))
	});
	machine.kill();
	let path = machine.data.join("journal.redb");
	let mut bytes = std::fs::read(&path).unwrap();
	let len = bytes.len();
	for (i, byte) in bytes[len / 200..].iter_mut().enumerate() {
		*byte = (i % 251) as u8;
	}
	std::fs::write(&path, bytes).unwrap();
	machine.start();
	assert!(machine.log().contains("the journal was damaged"), "{}", machine.log());
	finish(&server, machine, chain);
}
