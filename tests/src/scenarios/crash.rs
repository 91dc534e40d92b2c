//! SIGKILL in each state of the journal.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use io_primitives::JobId;

use crate::{
	programs,
	worker::{Options, RealWorker},
	world::{World, locators},
};

/// States of the journal in which a kill is tried. The first is left within microseconds; whatever is seen first counts.
const STAGES: [&[&str]; 6] = [
	&["assigned", "fetching"],
	&["accepted"],
	&["running"],
	&["produced"],
	&["committed"],
	&["revealed"],
];

pub(super) async fn run(world: &mut World) -> Result<()> {
	let market = world.market("crash", 1).await?;
	let operator = &market.operators[0];
	let mut worker = world.real_worker("crash", operator, market.class, Options::default()).await?;
	world.wait_online(&[worker.key()]).await?;
	for stages in STAGES {
		let name = format!("crash-{}.wasm", stages[0]);
		// Different programs, so that none is in the cache already.
		let mut program = programs::work(2)?;
		program.extend(custom_section(stages[0]));
		let mut spec = world.spec(market.class, &name, program)?;
		spec.program_at = locators(&[&world.files.slow(&name)])?;
		(spec.replicas, spec.quorum, spec.run_blocks) = (1, 1, 60);
		let job = world.submit(&spec, &market.requester).await?;
		let (stage, digest) = wait_stage(world, &mut worker, job, stages).await?;
		worker.process()?.kill().await?;
		world.step(format!("killed in state `{stage}`"));
		// The chain must have moved on meanwhile, so that the worker comes back to something else.
		world.chain.pass_blocks(2).await?;
		world.start_worker(&mut worker).await?;
		let outcome = world.wait_end(job, world.job_limit(60)).await?;
		world.check_settled(&spec, &outcome, 0)?;
		if let Some(digest) = digest {
			let settled = format!("0x{}", hex::encode(outcome.digest));
			ensure!(
				settled == digest,
				"{digest} was produced before the kill, but {settled} revealed"
			);
		}
		for event in ["ReplicaAccepted", "ReplicaCommitted", "ReplicaRevealed"] {
			let count = world.job_events(job).filter(|e| e.name == event).count();
			ensure!(count == 1, "{count} times {event} instead of once");
		}
	}
	ensure!(world.slashes_of(&operator.account)?.is_empty(), "the operator was slashed");
	world.step("six kills, six settled jobs, no slash, never two results");
	Ok(())
}

async fn wait_stage(
	world: &World,
	worker: &mut RealWorker,
	job: JobId,
	stages: &[&str],
) -> Result<(String, Option<String>)> {
	let until = Instant::now() + world.job_limit(40);
	let mut seen = Vec::new();
	loop {
		worker.process()?.ensure_running()?;
		if let Ok(status) = worker.status().await {
			let jobs = status["jobs"].as_array().context("a status without jobs")?;
			if let Some(found) = jobs.iter().find(|j| j["job"].as_u64() == Some(job)) {
				let stage = found["stage"].as_str().context("a job without a stage")?.to_owned();
				if stages.contains(&stage.as_str()) {
					return Ok((stage, found["digest"].as_str().map(str::to_owned)));
				}
				if seen.last() != Some(&stage) {
					seen.push(stage);
				}
			}
		}
		if Instant::now() > until {
			bail!("job {job} was never in {stages:?}, only in {seen:?}");
		}
		tokio::time::sleep(Duration::from_millis(15)).await;
	}
}

/// A custom section changes a module's hash and nothing else.
fn custom_section(text: &str) -> Vec<u8> {
	let name = text.as_bytes();
	let mut section = vec![0, name.len() as u8 + 1, name.len() as u8];
	section.extend(name);
	section
}
