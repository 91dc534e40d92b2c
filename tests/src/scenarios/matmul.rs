//! Products of matrices through the command line: agreed on by a quorum, proven in zero knowledge, and disputed.

use std::{path::Path, time::Duration};

use anyhow::{Context, Result, anyhow, bail, ensure};
use io_primitives::{
	FailReason, JobId, JobState, Kernel, Outcome, Program, ReplicaState, Verification,
};
use io_tflops::fraud::{Shape, root_product};
use sp_core::H256;

use crate::{
	money::{Books, io},
	puppet::{Answer, Conduct, Puppet},
	worker::Options,
	world::{Market, Party, World, locators},
};

/// Rows of A, columns of A, columns of B: no powers of two.
const SIDES: [usize; 3] = [70, 130, 90];

pub(super) async fn run(world: &mut World) -> Result<()> {
	let market = world.market_of("matmul", 4, "Kernel").await?;
	let mut keys = Vec::new();
	let mut workers = Vec::new();
	for i in 0..3 {
		let name = format!("matmul-{i}");
		let operator = &market.operators[i];
		let worker = world.real_worker(&name, operator, market.class, Options::default()).await?;
		keys.push(worker.key());
		workers.push(worker);
	}
	world.wait_online(&keys).await?;

	let dir = world.dir.join("matmul-files");
	std::fs::create_dir_all(&dir)?;
	let [m, k, n] = SIDES;
	let (a, b) = (entries(1, m * k), entries(2, k * n));
	std::fs::write(dir.join("a.npy"), npy("|i1", m, k, &bytes(&a)))?;
	std::fs::write(dir.join("b.npy"), npy("|i1", k, n, &bytes(&b)))?;
	let c = product(&a, &b);

	for (verify, told) in [("quorum", 3), ("product", 1), ("dispute", 1)] {
		let (job, outcome) = settle(world, &market, &dir, verify, &c).await?;
		ensure!(outcome.payees.len() == told, "{} payees for {verify}", outcome.payees.len());
		ensure!((outcome.exit_code, outcome.units) == (0, 1), "an odd result: {outcome:?}");
		let proven = world.events.iter().any(|e| {
			e.is("IoAttestation", "ProductProven")
				&& e.number("job").is_ok_and(|id| id == u128::from(job))
		});
		ensure!(proven == (verify == "product"), "{verify}: proven on chain is {proven}");
		let on_trial = world.job_events(job).any(|e| e.name == "JobVerifying");
		ensure!(on_trial == (verify != "quorum"), "{verify}: on trial is {on_trial}");
		world.step(format!(
			"a product of {m} x {k} and {k} x {n}, checked by {verify}: right, and paid"
		));
	}
	for operator in &market.operators {
		ensure!(world.slashes_of(&operator.account)?.is_empty(), "an honest worker was slashed");
	}

	// Now the only worker is one that falsifies a single entry.
	for (worker, operator) in workers.iter_mut().zip(&market.operators) {
		worker.process()?.terminate(Duration::from_secs(15)).await?;
		world.retire_worker(worker.key(), operator).await?;
	}
	falsify(world, &market, &dir).await
}

/// Lets the command line do a whole job, and compares the product.
async fn settle(
	world: &mut World,
	market: &Market,
	dir: &Path,
	verify: &str,
	expected: &[i32],
) -> Result<(JobId, Outcome<io_primitives::AccountId>)> {
	let result = dir.join(verify);
	matmul(world, &market.requester, market.class, dir, verify, &result)
		.await?
		.ok(&format!("io job matmul --verify {verify}"))?;
	let found = std::fs::read(result.join("product.npy"))?;
	let data: Vec<u8> = expected.iter().flat_map(|entry| entry.to_le_bytes()).collect();
	ensure!(found.ends_with(&data), "the product is not the product");
	ensure!(found.starts_with(b"\x93NUMPY"), "product.npy is no file of NumPy");
	world.sync().await?;
	let job = last_job(world)?;
	let outcome = world.wait_end(job, world.job_limit(5)).await?;
	ensure!(outcome.state == JobState::Settled, "the job did not settle");
	Ok((job, outcome))
}

async fn matmul(
	world: &World,
	requester: &Party,
	class: u16,
	dir: &Path,
	verify: &str,
	result: &Path,
) -> Result<crate::process::Finished> {
	let args = [
		"--json".to_owned(),
		"job".into(),
		"matmul".into(),
		format!("--left={}", dir.join("a.npy").display()),
		format!("--right={}", dir.join("b.npy").display()),
		format!("--verify={verify}"),
		format!("--class={class}"),
		format!("--price={}", io(crate::world::PRICE)),
		format!("--output={}", result.display()),
		"--allow-private".into(),
		"--yes".into(),
	];
	let mut args: Vec<&str> = args.iter().map(String::as_str).collect();
	if verify == "dispute" {
		args.push("--dispute-blocks=20");
	}
	world.io(Some(requester), &args).await
}

fn last_job(world: &World) -> Result<JobId> {
	let event = world.events.iter().rev().find(|e| e.is("IoJobs", "JobSubmitted"));
	Ok(JobId::try_from(event.context("no job was submitted")?.number("job")?)?)
}

async fn falsify(world: &mut World, market: &Market, dir: &Path) -> Result<()> {
	let liar = &market.operators[3];
	let uri = world.uri("matmul/liar");
	let idle = Answer { exit_code: 0, units: 1, output: H256::zero() };
	let waiting = Puppet::new(&uri, Conduct::NeverCommits, idle)?;
	let key = waiting.worker();
	world.register_puppet(&waiting, liar, market.class, 1).await?;
	let waiting = waiting.run(world.chain.clone());
	world.wait_online(&[key]).await?;
	let before = Books::now(&world.chain).await?;

	let result = dir.join("falsified");
	let lie = async {
		// It accepts, and once it has, it reads the input like anybody else.
		let spec = loop {
			let tasks = world.chain.assignments(&key).await?;
			if let Some(task) = tasks.first().filter(|t| t.state == ReplicaState::Accepted) {
				break task.spec.clone();
			}
			tokio::time::sleep(Duration::from_millis(200)).await;
		};
		drop(waiting);
		let (output, archive) = lie_about(&spec).await?;
		let url = world.files.add("falsified.tar", archive);
		let answer = Answer { exit_code: 0, units: 1, output };
		let place = locators(&[&url])?.first().cloned().context("no place")?;
		let puppet = Puppet::new(&uri, Conduct::Follows, answer)?.serving(place);
		anyhow::Ok(puppet.run(world.chain.clone()))
	};
	let (requester, class) = (&market.requester, market.class);
	let command = matmul(world, requester, class, dir, "dispute", &result);
	let (_liar, finished) = tokio::try_join!(lie, command)?;
	finished.refused("io job matmul with a liar", &["refuted", "wrong", "disput"])?;

	world.sync().await?;
	let job = last_job(world)?;
	let outcome = world.wait_end(job, world.job_limit(10)).await?;
	ensure!(
		(outcome.state, outcome.fail_reason) == (JobState::Failed, Some(FailReason::Refuted)),
		"the job ended otherwise: {outcome:?}"
	);
	ensure!(outcome.paid == 0 && outcome.payees.is_empty(), "the liar was paid");
	let disputed = world
		.events
		.iter()
		.find(|e| e.is("IoAttestation", "ProductDisputed"))
		.context("nobody disputed")?;
	ensure!(disputed.account("by")? == market.requester.account, "somebody else disputed");
	world.step(
		"one falsified entry of 6,300 is found, and proven to the chain with a row and a column",
	);

	let bond = world.bond_of(job, &liar.account)?;
	let (amount, paid, burnt) = world.one_slash(liar, "Refuted").await?;
	ensure!(amount == bond / 2, "{} of {} IO were slashed", io(amount), io(bond));
	ensure!(paid > 0 && paid + burnt == amount, "the requester got {} IO", io(paid));
	let after = Books::now(&world.chain).await?;
	ensure!(
		before.total(&liar.account) - after.total(&liar.account) == amount,
		"the liar did not lose exactly the slash"
	);
	Ok(())
}

/// The root over a product of which one entry is wrong, and the archive that holds it.
async fn lie_about(spec: &io_primitives::JobSpec) -> Result<(H256, Vec<u8>)> {
	let Program::Kernel { kind: Kernel::MatMulI8 { m, k, n } } = spec.program else {
		bail!("the job has no kernel");
	};
	let Verification::Dispute { context, .. } = spec.verification else {
		bail!("the job cannot be disputed");
	};
	let url = spec.input_at.first().context("the input is nowhere")?;
	let input = reqwest::get(std::str::from_utf8(url)?).await?.error_for_status()?.bytes().await?;
	ensure!(input.len() as u64 == spec.input_len, "the input has {} bytes", input.len());
	let (a, rest) = input.split_at((m * k) as usize);
	let (b, seed) = rest.split_at((k * n) as usize);
	let signed = |bytes: &[u8]| bytes.iter().map(|byte| *byte as i8).collect::<Vec<_>>();
	let mut c = multiply(&signed(a), &signed(b), [m as usize, k as usize, n as usize]);
	c[(n + 3) as usize] += 1;
	let shape = Shape::new(m, k, n).map_err(|e| anyhow!("{e}"))?;
	let seed: [u8; 32] = seed.try_into()?;
	let root = root_product(&shape, &context.0, &seed, &c).map_err(|e| anyhow!("{e}"))?;
	let data: Vec<u8> = c.iter().flat_map(|entry| entry.to_le_bytes()).collect();
	let mut archive = tar::Builder::new(Vec::new());
	for (name, content) in [
		("out/product.npy", npy("<i4", m as usize, n as usize, &data)),
		("stderr", Vec::new()),
		("stdout", Vec::new()),
	] {
		let mut header = tar::Header::new_ustar();
		header.set_size(content.len() as u64);
		header.set_mode(0o644);
		header.set_cksum();
		archive.append_data(&mut header, name, content.as_slice())?;
	}
	Ok((H256(root), archive.into_inner()?))
}

fn entries(salt: u64, count: usize) -> Vec<i8> {
	(0..count as u64)
		.map(|at| {
			blake3::hash(&[salt.to_le_bytes(), at.to_le_bytes()].concat()).as_bytes()[0] as i8
		})
		.collect()
}

fn bytes(entries: &[i8]) -> Vec<u8> {
	entries.iter().map(|entry| *entry as u8).collect()
}

fn product(a: &[i8], b: &[i8]) -> Vec<i32> {
	multiply(a, b, SIDES)
}

/// The definition of a product.
fn multiply(a: &[i8], b: &[i8], [m, k, n]: [usize; 3]) -> Vec<i32> {
	let mut c = vec![0; m * n];
	for i in 0..m {
		for j in 0..n {
			c[i * n + j] =
				(0..k).map(|at| i32::from(a[i * k + at]) * i32::from(b[at * n + j])).sum();
		}
	}
	c
}

/// A file as `numpy.save` writes it.
fn npy(kind: &str, rows: usize, columns: usize, data: &[u8]) -> Vec<u8> {
	let mut header =
		format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': ({rows}, {columns}), }}");
	while (10 + header.len() + 1) % 64 != 0 {
		header.push(' ');
	}
	header.push('\n');
	let mut file = b"\x93NUMPY\x01\x00".to_vec();
	file.extend_from_slice(&(header.len() as u16).to_le_bytes());
	file.extend_from_slice(header.as_bytes());
	file.extend_from_slice(data);
	file
}
