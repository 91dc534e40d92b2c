//! Jobs through the mesh: two relays, workers without an open port, and a record of all that the relays could see.

use std::{
	path::{Path, PathBuf},
	time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use io_primitives::{JobId, JobState};

use super::happy::find;
use crate::{
	money::io,
	process::{Finished, Process},
	programs,
	relays::{Relay, contains, endpoints_of_cli},
	worker::{Options, RealWorker},
	world::{Market, PRICE, World},
};

/// Begins every line of the input.
const MARK: &[u8] = b"a secret line of the input, and so of the output: ";
/// Lines of the input: more than one chunk of 1 MiB.
const LINES: usize = 25_000;

/// Blocks that a job may take.
pub(super) const RUN_BLOCKS: u32 = 160;

/// Two relays, workers at them, and what the command line needs to reach them.
pub(super) struct Place {
	pub(super) market: Market,
	pub(super) relays: Vec<Relay>,
	pub(super) workers: Vec<RealWorker>,
	/// The command line's key in the mesh.
	pub(super) key: PathBuf,
}

impl Place {
	/// Sets everything up. `options` are those of the workers, without relays.
	pub(super) async fn new(
		world: &mut World,
		name: &str,
		operators: usize,
		options: Options,
	) -> Result<Place> {
		let market = world.market(name, operators).await?;
		let key = world.dir.join(format!("{name}-mesh.key"));
		let mut relays = Vec::new();
		for number in 0..2 {
			let dir = world.dir.join(format!("{name}-relay-{number}"));
			let relay = Relay::start(&world.binaries.relay, &dir).await?;
			world.watch_log(&format!("{name}-relay-{number}"), relay.log());
			relays.push(relay);
		}
		let urls = relays.iter().map(|relay| relay.url().to_owned()).collect();
		let options = Options { relays: urls, ..options };
		let mut allowed = endpoints_of_cli(&world.binaries.cli, &key).await?;
		let mut workers = Vec::new();
		for (number, operator) in market.operators.iter().enumerate() {
			let (name, options) = (format!("{name}-{number}"), options.clone());
			let worker = RealWorker::prepare(world, &name, operator, market.class, options).await?;
			allowed.extend(worker.endpoints(&world.binaries.worker).await?);
			workers.push(worker);
		}
		for relay in &relays {
			relay.admit(&allowed).await?;
		}
		for worker in &mut workers {
			world.start_worker(worker).await?;
		}
		let keys: Vec<_> = workers.iter().map(RealWorker::key).collect();
		world.wait_online(&keys).await?;
		world.step(format!("two relays run, and {operators} workers wait there"));
		Ok(Place { market, relays, workers, key })
	}

	/// Options by which commands reach the mesh.
	pub(super) fn options(&self) -> Vec<String> {
		let mut all = vec![format!("--mesh-key={}", self.key.display()), "--relay-only".into()];
		all.extend(self.relays.iter().map(|relay| format!("--relay={}", relay.url())));
		all
	}

	/// Arguments of `io job submit` for a program with an input.
	pub(super) fn submit(
		&self,
		program: &Path,
		input: Option<&Path>,
		more: &[&str],
	) -> Vec<String> {
		[submit(&self.market, program, input, more), self.options()].concat()
	}
}

/// Arguments of `io job submit` through the mesh, but for those by which it is reached.
pub(super) fn submit(
	market: &Market,
	program: &Path,
	input: Option<&Path>,
	more: &[&str],
) -> Vec<String> {
	let mut all: Vec<String> = ["--json", "job", "submit"].map(str::to_owned).into();
	all.push(program.display().to_string());
	all.extend(input.map(|input| format!("--input={}", input.display())));
	all.push(format!("--class={}", market.class));
	all.push(format!("--price={}", io(PRICE)));
	all.push(format!("--run-blocks={RUN_BLOCKS}"));
	let terms = ["--max-units=120", "--max-memory=64", "--max-output=4194304"];
	all.extend(terms.iter().chain(more).map(|arg| (*arg).to_owned()));
	all.extend(["--serve", "--mesh", "--yes"].map(str::to_owned));
	all
}

fn input() -> Vec<u8> {
	(0..LINES).flat_map(|line| [MARK, format!("{line}\n").as_bytes()].concat()).collect()
}

pub(super) fn files(world: &World, name: &str) -> Result<(PathBuf, PathBuf)> {
	let (program, input) =
		(world.dir.join(format!("{name}.wasm")), world.dir.join(format!("{name}.input")));
	std::fs::write(&program, programs::copies()?)?;
	std::fs::write(&input, self::input())?;
	Ok((program, input))
}

pub(super) async fn run_io(world: &World, market: &Market, args: &[String]) -> Result<Finished> {
	let args: Vec<_> = args.iter().map(String::as_str).collect();
	world.io(Some(&market.requester), &args).await
}

/// Submits a job in the background, and waits until its workers have accepted it.
pub(super) async fn begin(
	world: &mut World,
	market: &Market,
	mut args: Vec<String>,
) -> Result<(Process, JobId)> {
	args.insert(0, format!("--node={}", world.node.url()));
	args.push(format!("--key-file={}", world.key_file(&market.requester)?.display()));
	let (name, log) = ("io job submit", world.dir.join(format!("submit-{}.log", market.class)));
	world.watch_log(name, &log);
	let mut submitting = Process::start(name, &world.binaries.cli, &args, &log)?;
	let until = Instant::now() + world.job_limit(20);
	while !submitting.output().contains("\"submitted\"") {
		submitting.ensure_running()?;
		ensure!(Instant::now() < until, "the job was not submitted in time");
		tokio::time::sleep(Duration::from_millis(200)).await;
	}
	let job = job_of(&submitting.output())?;
	world.wait_accepted(job).await?;
	Ok((submitting, job))
}

/// Fetches with a key of the mesh; no account is needed.
async fn fetch_as(world: &World, args: &[String]) -> Result<Finished> {
	let args: Vec<_> = args.iter().map(String::as_str).collect();
	world.io(None, &args).await
}

pub(super) fn job_of(stdout: &str) -> Result<JobId> {
	let line = stdout.lines().find(|line| line.contains("\"submitted\"")).context("no job")?;
	let json: serde_json::Value = serde_json::from_str(line)?;
	json["job"].as_u64().context("no number of a job")
}

pub(super) fn check_output(dir: &Path) -> Result<()> {
	let stdout = find(dir, "stdout").context("the output has no stdout")?;
	ensure!(std::fs::read(&stdout)? == input(), "the output is not the input");
	Ok(())
}

pub(super) async fn run(world: &mut World) -> Result<()> {
	let place = Place::new(world, "mesh", 2, Options::default()).await?;
	for worker in &place.workers {
		let port = worker.content_port();
		let refused = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_err();
		ensure!(refused, "{} listens for requesters", worker.name());
	}
	let (program, file) = files(world, "mesh")?;
	let output = world.dir.join("mesh-output");
	let to = format!("--output={}", output.display());
	let args = place.submit(&program, Some(&file), &["--replicas=2", "--quorum=2", &to]);
	let done = run_io(world, &place.market, &args).await?.ok("io job submit --mesh")?;
	let job = job_of(&done.stdout)?;
	check_output(&output)?;
	world.step(format!("job {job}: input and output went through the mesh"));
	world.sync().await?;
	ensure!(world.job(job).await?.state == JobState::Settled, "the job is not settled");

	// Later, and by somebody else.
	let again = world.dir.join("mesh-again");
	let mut fetch = vec!["job".into(), "fetch".into(), job.to_string()];
	fetch.push(format!("--output={}", again.display()));
	let known = [fetch.clone(), place.options()].concat();
	fetch_as(world, &known).await?.ok("io job fetch")?;
	check_output(&again)?;
	let stranger = world.dir.join("mesh-stranger.key");
	let mut strange = place.options();
	strange[0] = format!("--mesh-key={}", stranger.display());
	fetch[3] = format!("--output={}", world.dir.join("mesh-strange").display());
	fetch_as(world, &[fetch, strange].concat())
		.await?
		.refused("io job fetch of a stranger", &["refuses this endpoint", "does not answer"])?;
	world.step("`io job fetch` brings the output to its requester; the relays keep strangers out");

	let mut passed = 0;
	for relay in &place.relays {
		let recorded = relay.recorded();
		passed += recorded.len();
		ensure!(contains(&recorded, b"HTTP/1.1"), "the record is not what passed the relay");
		ensure!(!contains(&recorded, &MARK[..32]), "a relay can read input or output");
		ensure!(!contains(&recorded, b"hello from io"), "a relay can read the program");
	}
	// Twice the input, to two workers; and at least twice the output.
	ensure!(passed > 4 * input().len(), "only {passed} bytes went through the relays");
	world.step(format!("{} MiB went through the relays, nothing of them readable", passed >> 20));
	Ok(())
}

pub(super) async fn sealed(world: &mut World) -> Result<()> {
	let place = Place::new(world, "sealed", 2, Options::default()).await?;
	let (program, file) = files(world, "sealed")?;
	let output = world.dir.join("sealed-output");
	let to = format!("--output={}", output.display());
	let args =
		place.submit(&program, Some(&file), &["--replicas=2", "--quorum=2", "--sealed", &to]);
	let done = run_io(world, &place.market, &args).await?.ok("io job submit --sealed")?;
	let job = job_of(&done.stdout)?;
	check_output(&output)?;
	world.step(format!("job {job}: two workers opened the input, agreed, and sealed the output"));
	world.sync().await?;
	ensure!(world.job(job).await?.state == JobState::Settled, "the job is not settled");

	let mut kept = 0;
	for worker in &place.workers {
		for folder in ["cache", "output", "scratch", "partial"] {
			for entry in std::fs::read_dir(worker.dir().join(folder))? {
				let path = entry?.path();
				if path.is_file() {
					kept += 1;
					let readable = contains(&std::fs::read(&path)?, &MARK[..32]);
					ensure!(!readable, "{} lies there in clear", path.display());
				} else {
					ensure!(
						std::fs::read_dir(&path)?.next().is_none(),
						"{} is left",
						path.display()
					);
				}
			}
		}
	}
	// Program, input and output of each.
	ensure!(kept >= 6, "the workers keep {kept} files only");
	world.step("what the workers keep of it is encrypted");

	let again = world.dir.join("sealed-again");
	let mut fetch = vec!["job".into(), "fetch".into(), job.to_string()];
	fetch.push(format!("--output={}", again.display()));
	let known = [fetch, place.options()].concat();
	fetch_as(world, &known).await?.ok("io job fetch")?;
	check_output(&again)?;
	world.step("`io job fetch` opens it again");
	Ok(())
}
