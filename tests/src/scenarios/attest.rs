//! Devices prove their computing power; a lazy one and a silent one are slashed; jobs go to those who have proven enough.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use codec::Encode;
use io_primitives::{JobId, Reason, WorkerKey};

use crate::{
	chain::{Seen, encoded_call},
	money::io,
	programs,
	prover::Prover,
	puppet::{Answer, Conduct, Puppet},
	worker::Options,
	world::{Party, World},
};

fn of(event: &Seen, worker: &WorkerKey) -> bool {
	event.pallet == "IoAttestation" && event.bytes("worker").is_ok_and(|key| key == worker.0)
}

pub(super) async fn run(world: &mut World) -> Result<()> {
	let market = world.market("attest", 6).await?;
	let mut devices = Vec::new();
	for i in 0..3 {
		let options = Options { attestation: true, ..Options::default() };
		let name = format!("attest-{i}");
		let operator = &market.operators[i];
		devices.push(world.real_worker(&name, operator, market.class, options).await?);
	}
	let keys: Vec<_> = devices.iter().map(|device| device.key()).collect();

	// The lazy one and the silent one are registered workers with devices of their own.
	let idle = Answer { exit_code: 0, units: 1, output: Default::default() };
	let mut provers = Vec::new();
	for (i, name) in ["lazy", "silent"].into_iter().enumerate() {
		let uri = world.uri(&format!("attest/{name}"));
		let puppet = Puppet::new(&uri, Conduct::Declines, idle)?;
		world.register_puppet(&puppet, &market.operators[3 + i], market.class, 1).await?;
		let prover = Prover::new(&uri, world.chain.clone())?;
		prover.enrol().await?;
		provers.push(prover);
	}
	let limit = world.node.block_time() * 60 + Duration::from_secs(60);
	for key in keys.iter().chain(&provers.iter().map(Prover::worker).collect::<Vec<_>>()) {
		world
			.wait_event("an enrolment", limit, |e| e.name == "DeviceEnrolled" && of(e, key))
			.await?;
	}
	world.step(
		"three workers have calibrated and enrolled themselves, a lazy and a silent device too",
	);

	// Both cheat in the next window, while the honest go through it.
	let (cheated, silent) = tokio::join!(provers[0].cheat(), provers[1].commit_and_fall_silent());
	cheated?;
	silent?;
	for key in &keys {
		let event = world
			.wait_event("a certificate", limit, |e| e.name == "Certified" && of(e, key))
			.await?;
		ensure!(event.number("mops")? > 0, "a certificate of nothing: {event:?}");
	}
	let mut proven = Vec::new();
	for key in &keys {
		let view = world.chain.attestation(key).await?;
		ensure!(view.certificates.iter().all(|c| c.audited), "an unaudited certificate: {view:?}");
		ensure!(view.mops > 0, "certified, and yet nothing is proven: {view:?}");
		proven.push(view.mops);
	}
	world.step(format!("three audited certificates: {proven:?} x 10^6 int8 operations per second"));

	for (prover, operator, reason) in [
		(&provers[0], &market.operators[3], "FalseCertificate"),
		(&provers[1], &market.operators[4], "UnrevealedCertificate"),
	] {
		let key = prover.worker();
		let slashed =
			world.wait_event(reason, limit, |e| e.name == "DeviceSlashed" && of(e, &key)).await?;
		ensure!(slashed.variant("reason")? == reason, "slashed for another reason: {slashed:?}");
		let enrolled = world
			.wait_event("the enrolment", limit, |e| e.name == "DeviceEnrolled" && of(e, &key))
			.await?;
		let (bond, amount) = (enrolled.number("bond")?, slashed.number("amount")?);
		ensure!(bond > 0 && amount == bond, "{} of {} IO were taken", io(amount), io(bond));
		let (applied, paid, burnt) = world.one_slash(operator, reason).await?;
		ensure!((applied, paid, burnt) == (bond, 0, bond), "not all of the bond was burnt");
		let view = prover.view().await?;
		ensure!(view.enrolments.is_empty() && view.mops == 0, "it goes on as before: {view:?}");
	}
	for operator in &market.operators[..3] {
		ensure!(world.slashes_of(&operator.account)?.is_empty(), "an honest operator was slashed");
	}
	world.step("who skipped a fifth of its entries lost its bond, who did not reveal lost it too");

	prefer_certified(world, &market.requester, &market.operators[5], market.class, &keys).await?;

	// While nothing is pending, and nothing will be soon, the operators take the bonds back.
	for (device, operator) in devices.iter_mut().zip(&market.operators) {
		let key = device.key();
		let until = Instant::now() + limit;
		loop {
			let view = world.chain.attestation(&key).await?;
			// Workers commit at the end of a window.
			let calm = view.window.is_none_or(|window| {
				view.slot > window.last_slot || view.slot + 4 <= window.last_slot
			});
			if calm && view.commitments.is_empty() {
				device.process()?.kill().await?;
				// The CPU or a GPU, whichever the machine has.
				for enrolment in view.enrolments {
					let release = (key, enrolment.device);
					let release = encoded_call("IoAttestation", "release", release.encode());
					world.chain.submit(&release, &operator.key).await?;
				}
				break;
			}
			ensure!(Instant::now() < until, "a device is never without a commitment");
			tokio::time::sleep(Duration::from_millis(100)).await;
		}
	}
	Ok(())
}

/// Jobs that ask for proven power go only to who has it, though another worker asks for less money.
async fn prefer_certified(
	world: &mut World,
	requester: &Party,
	operator: &Party,
	class: u16,
	certified: &[WorkerKey],
) -> Result<()> {
	let answer = Answer { exit_code: 0, units: 1, output: Default::default() };
	let cheap = Puppet::new(&world.uri("attest/cheap"), Conduct::Follows, answer)?;
	world.register_puppet(&cheap, operator, class, 4).await?;
	let cheap_key = cheap.worker();
	let _cheap = cheap.run(world.chain.clone());
	world.wait_online(&[cheap_key]).await?;
	let mut jobs = Vec::new();
	for _ in 0..3 {
		let mut spec = world.spec(class, "attest.wasm", programs::hello()?)?;
		(spec.replicas, spec.quorum, spec.min_perf) = (1, 1, 1);
		jobs.push(world.submit(&spec, requester).await?);
	}
	for job in jobs {
		let outcome = world.wait_end(job, world.job_limit(60)).await?;
		let payee = outcome.payees.first().context("nobody was paid")?;
		ensure!(certified.contains(&payee.worker), "an uncertified worker got job {job}");
	}
	let mut spec = world.spec(class, "attest.wasm", programs::hello()?)?;
	(spec.replicas, spec.quorum, spec.min_perf) = (1, 1, u64::MAX);
	let job = world.submit(&spec, requester).await?;
	let why = why_not(world, job, &cheap_key).await?;
	ensure!(why.contains(&Reason::UncertifiedPerf), "the reasons are {why:?}");
	let cancel = encoded_call("IoJobs", "cancel", codec::Compact(job).encode());
	world.chain.submit(&cancel, &requester.key).await?;
	world.wait_end(job, world.job_limit(20)).await?;
	world.step(
		"jobs that ask for proven power went to certified devices only; one that asks too much to nobody",
	);
	Ok(())
}

async fn why_not(world: &World, job: JobId, worker: &WorkerKey) -> Result<Vec<Reason>> {
	let answer = world.chain.state_call("IoWorkerApi_why_not", &(job, worker).encode()).await?;
	crate::chain::decode(&answer)
}
