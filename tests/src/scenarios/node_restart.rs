//! The node goes away in the middle of a job, and a node without off-chain workers.

use std::time::Duration;

use anyhow::{Result, ensure};
use io_primitives::JobId;

use crate::{
	process::{Process, describe},
	programs,
	worker::Options,
	world::World,
};

pub(super) async fn run(world: &mut World) -> Result<()> {
	let market = world.market("node-restart", 3).await?;
	let mut workers = world.workers("node-restart", &market, Options::default()).await?;
	for (kill, how) in [(false, "stopped"), (true, "killed")] {
		let mut spec = world.spec(market.class, "node-restart.wasm", programs::work(5)?)?;
		(spec.run_blocks, spec.max_units) = (120, 20);
		let job = world.submit(&spec, &market.requester).await?;
		let mut watch = watch(world, job)?;
		world.wait_accepted(job).await?;
		watch.ensure_running()?;
		world.step(format!("job {job} runs on three workers; the node is {how} now"));
		world.restart_node(kill, "always").await?;
		let outcome = world.wait_end(job, world.job_limit(200)).await?;
		world.check_settled(&spec, &outcome, 0)?;
		let status = watch.wait(Duration::from_secs(90)).await?;
		ensure!(
			status.success() && !watch.output().contains("panicked at"),
			"`io job watch` over a restart of the node: {}\n{}",
			describe(status),
			watch.output()
		);
		world.step("`io job watch` outlived the node and saw the job settle");
	}
	world.nobody_was_slashed(&market)?;
	for worker in &mut workers {
		worker.process()?.ensure_running()?;
		ensure!(!worker.process()?.output().contains("panicked at"), "{} panicked", worker.name());
	}
	Ok(())
}

/// `io job watch`, running.
fn watch(world: &World, job: JobId) -> Result<Process> {
	let log = world.dir.join(format!("watch-{job}.log"));
	let args = [
		format!("--node={}", world.node.url()),
		"--json".into(),
		"job".into(),
		"watch".into(),
		job.to_string(),
	];
	Process::start("io job watch", &world.binaries.cli, &args, &log)
}

pub(super) async fn without_offchain_worker(world: &mut World) -> Result<()> {
	world.restart_node(false, "never").await?;
	let market = world.market("no-ocw", 3).await?;
	let direct = Options { direct: true, ..Options::default() };
	let workers = world.workers("no-ocw", &market, direct).await?;
	let spec = world.spec(market.class, "no-ocw.wasm", programs::hello()?)?;
	let job = world.submit(&spec, &market.requester).await?;
	let outcome = world.wait_end(job, world.job_limit(60)).await?;
	world.check_settled(&spec, &outcome, 0)?;
	world.step("settled over RPC alone");
	drop(workers);
	Ok(())
}
