//! Collators and validators go away in the middle of jobs. Nobody is slashed for it: deadlines count our own blocks.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use io_primitives::{JobId, JobSpec};

use crate::{
	network::{FIRST, SECOND, VALIDATORS},
	programs,
	worker::Options,
	world::{Market, World},
};

/// How long the chain stands still.
const STALL: Duration = Duration::from_secs(60);

/// Both collators are killed at once, and go on where they were.
pub(super) async fn restart(world: &mut World) -> Result<()> {
	let before = world.chain.finalised().await?;
	let hash = world.chain.block_hash(before).await?;
	world.network()?.kill(&[FIRST, SECOND]).await?;
	world.network()?.start(&[FIRST, SECOND]).await?;
	world.reconnect().await?;
	ensure!(world.chain.block_hash(before).await? == hash, "finalised block {before} has gone");
	let begun = Instant::now();
	while world.chain.finalised().await? < before + 3 {
		ensure!(begun.elapsed() < STALL * 5, "the chain did not go on");
		tokio::time::sleep(Duration::from_millis(500)).await;
	}
	world.step(format!(
		"killed at finalised block {before}; three more are finalised {:.0} s after the collators answered again",
		begun.elapsed().as_secs_f32()
	));
	catches_up(world).await
}

/// One collator is killed, then both, each time with a job in flight.
pub(super) async fn collators(world: &mut World) -> Result<()> {
	let market = world.market("collators", 3).await?;
	let mut workers = world.workers("collators", &market, Options::default()).await?;

	let (job, spec) = in_flight(world, &market, "collators-1").await?;
	world.network()?.kill(&[SECOND]).await?;
	let before = world.chain.finalised().await?;
	world.step(format!(
		"job {job} runs on three workers; {SECOND} is killed at finalised block {before}"
	));
	settles(world, job, &spec).await?;
	let after = world.chain.finalised().await?;
	ensure!(after >= before + 4, "only {} blocks were finalised meanwhile", after - before);
	world.step(format!("the other one went on: {} more finalised blocks", after - before));

	let (job, spec) = in_flight(world, &market, "collators-2").await?;
	world.network()?.kill(&[FIRST]).await?;
	world.step(format!("job {job} runs on three workers; now both collators are dead"));
	let relay = world.network()?.relay.finalised().await?;
	tokio::time::sleep(STALL / 2).await;
	let passed = world.network()?.relay.finalised().await? - relay;
	world.network()?.start(&[FIRST]).await?;
	world.reconnect().await?;
	let back = world.chain.best().await?;
	world.step(format!(
		"{FIRST} is back at block {back}; the relay chain went on for {passed} blocks"
	));
	settles(world, job, &spec).await?;
	world.nobody_was_slashed(&market)?;
	for worker in &mut workers {
		worker.process()?.ensure_running()?;
	}
	world.network()?.start(&[SECOND]).await?;
	catches_up(world).await
}

/// One of two validators is killed: nothing is included and finalised until it is back.
pub(super) async fn validator(world: &mut World) -> Result<()> {
	let market = world.market("validator", 3).await?;
	let _workers = world.workers("validator", &market, Options::default()).await?;
	let (job, spec) = in_flight(world, &market, "validator").await?;
	world.network()?.kill(&[VALIDATORS[1]]).await?;
	world.step(format!("job {job} runs on three workers; {} is killed", VALIDATORS[1]));
	// What is on its way still comes through.
	tokio::time::sleep(STALL / 4).await;
	let before = (world.network()?.relay.finalised().await?, world.chain.finalised().await?);
	tokio::time::sleep(STALL).await;
	let during = (world.network()?.relay.finalised().await?, world.chain.finalised().await?);
	ensure!(
		before == during,
		"with half of the validators finality went on: {before:?}, {during:?}"
	);
	let best = world.chain.best().await?;
	world.step(format!(
		"{} s without finality: relay chain at {}, our chain at {} (best {best})",
		STALL.as_secs(),
		during.0,
		during.1
	));
	world.network()?.start(&[VALIDATORS[1]]).await?;
	let begun = Instant::now();
	while world.chain.finalised().await? <= during.1 {
		ensure!(begun.elapsed() < STALL * 5, "finality did not come back");
		tokio::time::sleep(Duration::from_millis(500)).await;
	}
	world.step(format!(
		"{} is back, our finality {:.0} s later",
		VALIDATORS[1],
		begun.elapsed().as_secs_f32()
	));
	settles(world, job, &spec).await?;
	world.nobody_was_slashed(&market)
}

/// A job that all of its workers have accepted.
pub(super) async fn in_flight(
	world: &mut World,
	market: &Market,
	name: &str,
) -> Result<(JobId, JobSpec)> {
	let mut spec = world.spec(market.class, &format!("{name}.wasm"), programs::work(5)?)?;
	spec.max_units = 20;
	let job = world.submit(&spec, &market.requester).await?;
	world.wait_accepted(job).await?;
	Ok((job, spec))
}

pub(super) async fn settles(world: &mut World, job: JobId, spec: &JobSpec) -> Result<()> {
	let outcome = world.wait_end(job, world.job_limit(100)).await?;
	world.check_settled(spec, &outcome, 0)
}

/// The second collator has the same finalised chain as the first, soon.
async fn catches_up(world: &World) -> Result<()> {
	let second = world.network()?.connect(SECOND).await?;
	let goal = world.chain.finalised().await?;
	let begun = Instant::now();
	while second.finalised().await? < goal {
		ensure!(begun.elapsed() < STALL * 3, "{SECOND} did not catch up");
		tokio::time::sleep(Duration::from_millis(500)).await;
	}
	ensure!(
		second.block_hash(goal).await? == world.chain.block_hash(goal).await?,
		"the collators have finalised different blocks {goal}"
	);
	world.step(format!("{SECOND} is back and has the same finalised block {goal}"));
	Ok(())
}
