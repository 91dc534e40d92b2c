//! Workers that fall silent: before accepting, before committing, before revealing.

use anyhow::{Result, ensure};
use io_primitives::{JobState, ReplicaState};
use sp_core::H256;

use crate::{
	money::io,
	programs,
	puppet::{Answer, Conduct, Puppet},
	worker::Options,
	world::{Market, World},
};

/// Of nobody's interest: these puppets never get as far as to show it, or show it alone.
const ANSWER: Answer = Answer { exit_code: 0, units: 1, output: H256::repeat_byte(0x22) };

pub(super) async fn run(world: &mut World) -> Result<()> {
	let market = world.market("silent", 4).await?;
	let [sleeper, idler, hider, _] = market.operators.as_slice() else {
		anyhow::bail!("four operators were asked for")
	};

	// Only the sleeper is there when the job is drawn.
	let puppet = Puppet::new(&world.uri("silent/sleeper"), Conduct::NeverAccepts, ANSWER)?;
	world.register_puppet(&puppet, sleeper, market.class, 1).await?;
	let key = puppet.worker();
	let _sleeper = puppet.run(world.chain.clone());
	world.wait_online(&[key]).await?;
	let mut spec = world.spec(market.class, "silent.wasm", programs::hello()?)?;
	(spec.replicas, spec.quorum, spec.run_blocks) = (1, 1, 8);
	let job = world.submit(&spec, &market.requester).await?;
	world
		.wait_job(job, "the draw of the sleeper", world.job_limit(5), |view| {
			matches!(view.replicas[0].state, ReplicaState::Assigned)
		})
		.await?;
	world.step("drawn: a worker that never accepts");

	// Then one that accepts and does nothing.
	let puppet = Puppet::new(&world.uri("silent/idler"), Conduct::NeverCommits, ANSWER)?;
	world.register_puppet(&puppet, idler, market.class, 1).await?;
	let key = puppet.worker();
	let _idler = puppet.run(world.chain.clone());
	world
		.wait_job(job, "the draw of the idler", world.job_limit(30), |view| {
			view.replicas[0].seat.as_ref().is_some_and(|s| s.worker == key)
				&& matches!(view.replicas[0].state, ReplicaState::Accepted)
		})
		.await?;
	world.step("it is replaced by a worker that accepts and never commits");

	// At last an honest one.
	let honest = honest_worker(world, &market, 3).await?;
	let outcome = world.wait_end(job, world.job_limit(60)).await?;
	world.check_settled(&spec, &outcome, 0)?;
	ensure!(outcome.payees[0].operator == market.operators[3].account, "the wrong one was paid");
	world.step("the third draw is an honest worker, which settles the job");

	// A worker that commits and does not reveal; the honest one breaks the tie. The honest worker is away while
	// the job is drawn.
	world.retire_worker(honest.key(), &market.operators[3]).await?;
	drop(honest);
	let puppet = Puppet::new(&world.uri("silent/hider"), Conduct::NeverReveals, ANSWER)?;
	world.register_puppet(&puppet, hider, market.class, 1).await?;
	let key = puppet.worker();
	let _hider = puppet.run(world.chain.clone());
	world.wait_online(&[key]).await?;
	for (uri, operator) in [("silent/sleeper", sleeper), ("silent/idler", idler)] {
		let gone = Puppet::new(&world.uri(uri), Conduct::NeverAccepts, ANSWER)?.worker();
		world.retire_worker(gone, operator).await?;
	}
	let second = world.submit(&spec, &market.requester).await?;
	world
		.wait_job(second, "the commitment", world.job_limit(20), |v| v.state == JobState::Revealing)
		.await?;
	world.step("drawn: a worker that commits and never reveals");
	let _honest = honest_worker(world, &market, 3).await?;
	let outcome = world.wait_end(second, world.job_limit(80)).await?;
	world.check_settled(&spec, &outcome, 0)?;
	world.step("a tie-break replica settles the job");

	for (job, operator, reason, percent) in
		[(job, sleeper, "NoShow", 1), (job, idler, "Late", 10), (second, hider, "Unrevealed", 20)]
	{
		let bond = world.bond_of(job, &operator.account)?;
		let (amount, _, _) = world.one_slash(operator, reason).await?;
		ensure!(
			amount == bond * percent / 100,
			"{reason} cost {} IO instead of {percent} % of {} IO",
			io(amount),
			io(bond)
		);
	}
	ensure!(
		world.slashes_of(&market.operators[3].account)?.is_empty(),
		"the honest operator was slashed"
	);
	Ok(())
}

async fn honest_worker(
	world: &mut World,
	market: &Market,
	operator: usize,
) -> Result<crate::worker::RealWorker> {
	// A retired key is gone for good: each gets a folder and a key of its own.
	let name = format!("silent-honest-{}", world.events.len());
	world.real_worker(&name, &market.operators[operator], market.class, Options::default()).await
}
