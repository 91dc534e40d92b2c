//! Two jobs at the same time on one worker.

use anyhow::{Result, ensure};
use io_primitives::ReplicaState;

use crate::{programs, worker::Options, world::World};

pub(super) async fn run(world: &mut World) -> Result<()> {
	let market = world.market("parallel", 1).await?;
	let options = Options { capacity: 2, ..Options::default() };
	let worker = world.real_worker("parallel", &market.operators[0], market.class, options).await?;
	world.wait_online(&[worker.key()]).await?;

	let mut spec = world.spec(market.class, "parallel.wasm", programs::work(13)?)?;
	(spec.replicas, spec.quorum, spec.run_blocks, spec.max_units) = (1, 1, 60, 20);
	let first = world.submit(&spec, &market.requester).await?;
	let second = world.submit(&spec, &market.requester).await?;
	for job in [first, second] {
		world
			.wait_job(job, "acceptance", world.job_limit(20), |view| {
				matches!(view.replicas.first().map(|r| r.state), Some(ReplicaState::Accepted))
			})
			.await?;
	}
	let view = world.job(first).await?;
	ensure!(
		matches!(view.replicas.first().map(|r| r.state), Some(ReplicaState::Accepted)),
		"the first job was over before the second was accepted: {:?}",
		view.state
	);
	world.step("the worker has accepted both jobs and runs them");
	for job in [first, second] {
		let outcome = world.wait_end(job, world.job_limit(60)).await?;
		world.check_settled(&spec, &outcome, 0)?;
	}
	Ok(())
}
