//! The whole way of a job, with the tools that people use, and where each unit of money went.

use std::{
	path::{Path, PathBuf},
	time::Duration,
};

use anyhow::{Context, Result, ensure};
use io_primitives::{AccountId, Balance, JobId, JobSpec, JobState, Program};
use serde_json::Value;

use crate::{
	chain::{Chain, account_of},
	money::{Books, JOB_DEPOSIT, JOB_ESCROW, fee_split, io, minted},
	process::{describe, free_ports, run as run_program},
	programs,
	worker::Options,
	world::{ASK, PRICE, World, locators},
};

const MAX_UNITS: u64 = 10;

pub(super) async fn run(world: &mut World) -> Result<()> {
	let market = world.market("happy", 3).await?;
	let _workers = world.workers("happy", &market, Options::default()).await?;
	world.step("three workers are registered and online");

	// Submit, watch and fetch in one command, as the README shows it.
	let program = programs::work(3)?;
	let file = world.dir.join("happy.wasm");
	std::fs::write(&file, &program)?;
	let output = world.dir.join("happy-output");
	let before = Books::now(&world.chain).await?;
	let [port] = free_ports()?;
	let args = [
		"--json".to_owned(),
		"job".into(),
		"submit".into(),
		file.display().to_string(),
		format!("--class={}", market.class),
		format!("--max-units={MAX_UNITS}"),
		"--max-memory=64".into(),
		"--max-output=1048576".into(),
		format!("--price={}", io(PRICE)),
		"--replicas=3".into(),
		"--quorum=2".into(),
		"--run-blocks=40".into(),
		"--serve".into(),
		format!("--listen=127.0.0.1:{port}"),
		"--watch".into(),
		format!("--output={}", output.display()),
		"--yes".into(),
	];
	let args: Vec<_> = args.iter().map(String::as_str).collect();
	let done = world.io(Some(&market.requester), &args).await?.ok("io job submit")?;
	world.step(format!("`io job submit --serve --watch` ended: {}", describe(done.status)));
	world.sync().await?;
	let job = submitted_by(world, &market.requester.account)?;

	let view = world.job(job).await?;
	ensure!(view.requester == market.requester.account, "the job is somebody else's");
	let outcome = view.outcome.context("no outcome")?;
	let spec = JobSpec {
		program: Program::Wasm { hash: blake3_of(&program) },
		program_at: locators(&["http://127.0.0.1"])?,
		max_units: MAX_UNITS,
		..world.spec(market.class, "happy.wasm", program)?
	};
	world.check_settled(&spec, &outcome, 0)?;
	ensure!((2..=4).contains(&outcome.units), "2 units of work were counted as {}", outcome.units);
	ensure!(outcome.payees.len() == 3, "not all three workers agreed");
	world.step(format!(
		"job {job}: {} units, each worker paid {} IO, fee {} IO, refund {} IO",
		outcome.units,
		io(outcome.paid / 3),
		io(outcome.fee),
		io(outcome.refunded)
	));

	// Every unit of money, in the block of the settlement: it holds no paid transaction, so nothing else moves.
	let settled = world
		.job_events(job)
		.find(|e| e.name == "JobSettled")
		.context("no JobSettled event")?
		.clone();
	let (b, a) = (
		Books::at(&world.chain, settled.block - 1).await?,
		Books::at(&world.chain, settled.block).await?,
	);
	let who = &market.requester.account;
	let escrow = b.held(who, JOB_ESCROW);
	ensure!(escrow == outcome.paid + outcome.fee + outcome.refunded, "the escrow was {escrow}");
	let deposit = b.held(who, JOB_DEPOSIT);
	ensure!(deposit > 0, "there was no storage deposit");
	ensure!(
		a.held(who, JOB_ESCROW) == 0 && a.held(who, JOB_DEPOSIT) == 0,
		"something is held still"
	);
	ensure!(
		a.free(who) == b.free(who) + outcome.refunded + deposit,
		"the requester did not get back exactly refund and deposit"
	);
	ensure!(
		b.total(who) - a.total(who) == outcome.paid + outcome.fee,
		"the job did not cost exactly what was paid plus the fee"
	);
	for operator in &market.operators {
		let got = a.free(&operator.account) - b.free(&operator.account);
		ensure!(
			got == Balance::from(outcome.units) * ASK,
			"an operator got {got} for {} units",
			outcome.units
		);
	}
	let (burnt, treasury, author) = fee_split(outcome.fee);
	let of_block = world.events_of(settled.block);
	let new = minted(&of_block)?;
	ensure!(b.supply + new - a.supply == burnt, "not exactly 40 % of the fee were burnt");
	// Who may author. Only one of them did, and none of them does anything else meanwhile.
	let dev = [subxt_signer::sr25519::dev::alice(), subxt_signer::sr25519::dev::bob()];
	let got: Balance =
		dev.iter().map(account_of).map(|collator| a.free(&collator) - b.free(&collator)).sum();
	ensure!(got == author, "the author got {got} instead of {author}, 20 % of the fee");
	let pot = treasury_account(&world.chain).await?;
	let mut to_treasury = treasury;
	for event in of_block.iter().filter(|e| e.is("IoStaking", "EraEnded")) {
		to_treasury += event.number("to_treasury")?;
	}
	ensure!(a.free(&pot) - b.free(&pot) == to_treasury, "the treasury did not get exactly 40 %");
	world.step(format!(
		"books of block {}: burnt {} IO, treasury {} IO, author {} IO; all to the unit",
		settled.block,
		io(burnt),
		io(treasury),
		io(author)
	));
	// Before and after the whole story: only transaction fees come on top.
	let after = Books::now(&world.chain).await?;
	let fees = fees_paid_by(world, who, before.block)?;
	ensure!(
		before.total(who) - after.total(who) == outcome.paid + outcome.fee + fees,
		"the requester paid something that nobody can explain"
	);

	// The output is here, and `io job fetch` gets it once more.
	let stdout = find(&output, "stdout").context("the output has no stdout")?;
	ensure!(std::fs::read(&stdout)? == b"hello from io\n", "the program's output is wrong");
	let again = world.dir.join("happy-fetch");
	let fetch = ["job", "fetch", &job.to_string(), &format!("--output={}", again.display())];
	world.io(None, &fetch).await?.ok("io job fetch")?;
	let stdout = find(&again, "stdout").context("the fetched output has no stdout")?;
	ensure!(std::fs::read(&stdout)? == b"hello from io\n", "the fetched output is wrong");
	world.step("`io job fetch` brings the checked output");
	bad_downloads(world, job).await?;

	let shown =
		world.io(None, &["--json", "job", "show", &job.to_string()]).await?.ok("io job show")?;
	serde_json::from_str::<Value>(&shown.stdout).context("`io --json job show` prints no JSON")?;
	ensure!(outcome.state == JobState::Settled, "not settled");
	Ok(())
}

/// Workers that give other bytes or stall, and a full disk: each is said, and nothing is left half done.
async fn bad_downloads(world: &World, job: JobId) -> Result<()> {
	let (job, target) = (job.to_string(), world.dir.join("bad-downloads"));
	let output = format!("--output={}", target.display());
	let wrong = format!("--from={}", world.files.add("wrong.tar", vec![7; 10_000]));
	let stalling = format!("--from={}", world.files.stalling("wrong.tar"));
	world
		.io(None, &["job", "fetch", &job, &output, &wrong, &stalling])
		.await?
		.refused("io job fetch of wrong bytes", &["not the output that the workers agreed on"])?
		.refused("io job fetch from a worker that stalls", &["timed out"])?;
	ensure!(!target.exists(), "something was left of an output that was refused");
	world.step("`io job fetch` refuses wrong bytes and a source that stalls");

	let full = world.dir.join("full-disk");
	std::fs::create_dir(&full)?;
	let node = format!("--node={}", world.node.url());
	let cli = world.binaries.cli.display().to_string();
	let inside = format!("--output={}", full.join("output").display());
	for (what, temporary, output) in [
		("a full disk for the download", &full, &output),
		("a full disk for the output", &world.dir, &inside),
	] {
		let args = [
			"--map-root-user",
			"--mount",
			"sh",
			"-c",
			// A file system without room for one file, seen by this command alone.
			"mount -t tmpfs -o nr_inodes=1 tmpfs \"$0\" && TMPDIR=\"$1\" && export TMPDIR && shift && exec \"$@\"",
			&full.display().to_string(),
			&temporary.display().to_string(),
			&cli,
			&node,
			"job",
			"fetch",
			&job,
			output,
		];
		run_program(Path::new("unshare"), &args.map(str::to_owned), Duration::from_secs(60))
			.await?
			.refused(what, &["no space left"])?;
	}
	ensure!(!target.exists(), "something was left of an output for which there was no room");
	world.step("`io job fetch` says so when the disk is full");
	Ok(())
}

fn blake3_of(bytes: &[u8]) -> sp_core::H256 {
	sp_core::H256(*blake3::hash(bytes).as_bytes())
}

fn submitted_by(world: &World, who: &AccountId) -> Result<JobId> {
	for event in world.events.iter().filter(|e| e.is("IoJobs", "JobSubmitted")) {
		if event.account("requester")? == *who {
			return Ok(JobId::try_from(event.number("job")?)?);
		}
	}
	anyhow::bail!("the requester submitted no job")
}

fn fees_paid_by(world: &World, who: &AccountId, after: u32) -> Result<Balance> {
	let mut sum = 0;
	for event in &world.events {
		if event.block > after
			&& event.is("TransactionPayment", "TransactionFeePaid")
			&& event.account("who")? == *who
		{
			sum += event.number("actual_fee")?;
		}
	}
	Ok(sum)
}

/// The treasury's account, as its pallet tells it.
async fn treasury_account(chain: &Chain) -> Result<AccountId> {
	let value = chain.constant("Treasury", "pot_account").await?;
	let event = crate::chain::Seen {
		block: 0,
		pallet: String::new(),
		name: String::new(),
		fields: subxt::ext::scale_value::Composite::named([("account", value)]),
	};
	event.account("account")
}

/// A file of this name, at any depth.
pub(super) fn find(dir: &Path, name: &str) -> Option<PathBuf> {
	for entry in std::fs::read_dir(dir).ok()?.flatten() {
		let path = entry.path();
		if path.is_dir() {
			if let Some(found) = find(&path, name) {
				return Some(found);
			}
		} else if path.file_name().is_some_and(|n| n == name) {
			return Some(path);
		}
	}
	None
}
