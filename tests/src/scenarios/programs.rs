//! Programs that do what they must not, or end as they please: each gives a result that all workers agree on.

use anyhow::{Result, ensure};

use crate::{programs, worker::Options, world::World};

/// Reserved exit codes: trap, out of fuel, memory limit, output limit, no valid module.
const TRAP: i32 = -1;
const OUT_OF_FUEL: i32 = -2;
const MEMORY: i32 = -3;
const OUTPUT: i32 = -4;
const INVALID: i32 = -5;

pub(super) async fn run(world: &mut World) -> Result<()> {
	let market = world.market("programs", 3).await?;
	let mut workers = Vec::new();
	for (i, operator) in market.operators.iter().enumerate() {
		let options = Options { capacity: 8, ..Options::default() };
		let worker =
			world.real_worker(&format!("programs-{i}"), operator, market.class, options).await?;
		workers.push(worker);
	}
	let keys: Vec<_> = workers.iter().map(|w| w.key()).collect();
	world.wait_online(&keys).await?;

	let cases = [
		("loops for ever", programs::endless()?, OUT_OF_FUEL),
		("takes memory until it traps", programs::greedy()?, TRAP),
		("needs 1 GiB at its start", programs::oversized()?, MEMORY),
		("writes without end", programs::talkative()?, OUTPUT),
		("exits with 3", programs::exits(3)?, 3),
		("opens a socket and is refused", programs::socket()?, 7),
		("is no WebAssembly", programs::garbage(), INVALID),
	];
	let mut jobs = Vec::new();
	for (i, (what, program, code)) in cases.into_iter().enumerate() {
		let mut spec = world.spec(market.class, &format!("programs-{i}.wasm"), program)?;
		spec.quorum = 3;
		if code == OUT_OF_FUEL {
			spec.max_units = 2;
		}
		let job = world.submit(&spec, &market.requester).await?;
		jobs.push((what, job, spec, code));
	}
	for (what, job, spec, code) in jobs {
		let outcome = world.wait_end(job, world.job_limit(120)).await?;
		world.check_settled(&spec, &outcome, code)?;
		ensure!(outcome.payees.len() == 3, "not all three agreed");
		ensure!(outcome.units >= 1, "no unit was paid");
		if code == OUT_OF_FUEL {
			ensure!(outcome.units == spec.max_units, "out of fuel after {} units", outcome.units);
		}
		world.step(format!("a program that {what}: exit code {code}, agreed by all three, paid"));
	}
	for worker in &mut workers {
		worker.process()?.ensure_running()?;
		ensure!(!worker.process()?.output().contains("panicked at"), "{} panicked", worker.name());
	}
	Ok(())
}
