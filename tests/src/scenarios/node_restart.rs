//! The node goes away in the middle of a job, and a node without off-chain workers.

use anyhow::{Result, ensure};
use io_primitives::ReplicaState;

use crate::{
	programs,
	worker::{Options, RealWorker},
	world::{Market, World},
};

pub(super) async fn run(world: &mut World) -> Result<()> {
	let market = world.market("node-restart", 3).await?;
	let workers = three_workers(world, &market, "node-restart", false).await?;
	for (kill, how) in [(false, "stopped"), (true, "killed")] {
		let mut spec = world.spec(market.class, "node-restart.wasm", programs::work(6)?)?;
		(spec.run_blocks, spec.max_units) = (60, 20);
		let job = world.submit(&spec, &market.requester).await?;
		world
			.wait_job(job, "acceptance by all", world.job_limit(20), |view| {
				view.replicas
					.iter()
					.all(|r| !matches!(r.state, ReplicaState::Vacant | ReplicaState::Assigned))
			})
			.await?;
		world.step(format!("job {job} runs on three workers; the node is {how} now"));
		world.restart_node(kill, "always").await?;
		let outcome = world.wait_end(job, world.job_limit(80)).await?;
		world.check_settled(&spec, &outcome, 0)?;
	}
	for operator in &market.operators {
		ensure!(world.slashes_of(&operator.account)?.is_empty(), "somebody was slashed");
	}
	drop(workers);
	Ok(())
}

pub(super) async fn without_offchain_worker(world: &mut World) -> Result<()> {
	world.restart_node(false, "never").await?;
	let market = world.market("no-ocw", 3).await?;
	let workers = three_workers(world, &market, "no-ocw", true).await?;
	let spec = world.spec(market.class, "no-ocw.wasm", programs::hello()?)?;
	let job = world.submit(&spec, &market.requester).await?;
	let outcome = world.wait_end(job, world.job_limit(60)).await?;
	world.check_settled(&spec, &outcome, 0)?;
	world.step("settled over RPC alone");
	drop(workers);
	world.restart_node(false, "always").await
}

async fn three_workers(
	world: &mut World,
	market: &Market,
	name: &str,
	direct: bool,
) -> Result<Vec<RealWorker>> {
	let mut workers = Vec::new();
	for (i, operator) in market.operators.iter().enumerate() {
		let options = Options { direct, ..Options::default() };
		workers.push(
			world.real_worker(&format!("{name}-{i}"), operator, market.class, options).await?,
		);
	}
	let keys: Vec<_> = workers.iter().map(RealWorker::key).collect();
	world.wait_online(&keys).await?;
	Ok(workers)
}
