//! What goes wrong around the programs. Each must say what is wrong and end in good order, or go on.

use std::time::Duration;

use anyhow::{Result, ensure};
use io_primitives::{JobState, Program};
use sp_core::H256;

use crate::{
	process::{free_ports, run as run_program},
	programs,
	worker::{Options, RealWorker},
	world::{Market, Party, World, locators, private_file},
};

pub(super) async fn run(world: &mut World) -> Result<()> {
	let market = world.market("faults", 1).await?;
	let mut worker =
		world.real_worker("faults", &market.operators[0], market.class, Options::default()).await?;
	world.wait_online(&[worker.key()]).await?;

	command_line(world).await?;
	second_worker(world, &worker).await?;
	garbage(world, &mut worker).await?;
	bad_sources(world, &market, &mut worker).await?;
	worker.process()?.ensure_running()?;
	ensure!(!worker.process()?.output().contains("panicked at"), "the worker panicked");
	ensure!(
		!std::fs::read_to_string(world.node.log())?.contains("panicked at"),
		"the node panicked"
	);
	Ok(())
}

async fn command_line(world: &World) -> Result<()> {
	let cli = &world.binaries.cli;
	let [port] = free_ports()?;
	let limit = Duration::from_secs(60);
	let dead = [format!("--node=ws://127.0.0.1:{port}"), "chain".into(), "info".into()];
	run_program(cli, &dead, limit).await?.refused("io with a dead node", &["connect", "node"])?;
	let wrong = ["--node=ftp://nowhere".to_owned(), "chain".into(), "info".into()];
	run_program(cli, &wrong, limit).await?.refused("io with a wrong URL", &["ws://", "url"])?;
	world
		.io(None, &["job", "show", "999999999"])
		.await?
		.refused("io job show of an unknown job", &["999999999"])?;
	let missing = world.dir.join("missing.wasm").display().to_string();
	let alice = Party::new("//Alice")?;
	let price = ["--price=0.1", "--max-units=1", "--class=0", "--yes"];
	let args: Vec<&str> = ["job", "submit", missing.as_str()].into_iter().chain(price).collect();
	world.io(Some(&alice), &args).await?.refused("io job submit of no file", &["missing.wasm"])?;
	world.step(
		"the CLI refuses a dead node, a wrong URL, an unknown job and a missing file in words",
	);
	Ok(())
}

/// A second process on the worker's folder and ports, with other settings.
async fn second_worker(world: &World, worker: &RealWorker) -> Result<()> {
	let binary = &world.binaries.worker;
	let config = worker.dir().join("config.toml");
	let text = std::fs::read_to_string(&config)?;
	let limit = Duration::from_secs(60);
	let passphrase = worker.dir().join("passphrase");

	let wrong = private_file(&world.dir.join("wrong-passphrase"), "incorrect horse")?;
	let args = |config: &std::path::Path, passphrase: &std::path::Path| {
		vec![
			format!("--config={}", config.display()),
			"run".to_owned(),
			format!("--passphrase-file={}", passphrase.display()),
		]
	};
	run_program(binary, &args(&config, &wrong), limit)
		.await?
		.refused("io-worker with a wrong passphrase", &["passphrase"])?;

	// Another folder with the same key, but the first worker's ports.
	let other = world.dir.join("faults-other");
	std::fs::create_dir_all(&other)?;
	std::fs::copy(worker.dir().join("keystore.json"), other.join("keystore.json"))?;
	let taken = other.join("config.toml");
	let here = worker.dir().display().to_string();
	let moved = text
		.replace(&format!("data_dir = \"{here}\""), &format!("data_dir = \"{}\"", other.display()));
	ensure!(moved != text, "the settings name no data_dir");
	std::fs::write(&taken, &moved)?;
	run_program(binary, &args(&taken, &passphrase), limit)
		.await?
		.refused("io-worker on a taken port", &["in use", "port", "address"])?;

	// Its own ports, but pinned to another chain than the node's, in direct mode.
	let [gateway, content] = free_ports()?;
	let genesis = format!("{:?}", world.chain.genesis());
	let lines = moved
		.replace(&genesis, &format!("{:?}", H256::repeat_byte(7)))
		.replace(
			"[chain]\n",
			&format!("[chain]\nrpc = \"{}\"\nrpc_after_seconds = 0\n", world.node.url()),
		)
		.replace(worker.gateway().trim_start_matches("http://"), &format!("127.0.0.1:{gateway}"));
	let content_line = lines
		.lines()
		.skip_while(|line| *line != "[content]")
		.find(|line| line.starts_with("listen"))
		.unwrap_or_default()
		.to_owned();
	let lines = lines.replace(&content_line, &format!("listen = \"127.0.0.1:{content}\""));
	let stranger = other.join("other-chain.toml");
	std::fs::write(&stranger, lines)?;
	let log = other.join("log");
	let mut process = crate::process::Process::start(
		"io-worker on another chain",
		binary,
		&args(&stranger, &passphrase),
		&log,
	)?;
	// It may end with an error or stay and complain; it must not act, and must say why.
	for _ in 0..100 {
		let text = process.output().to_lowercase();
		if text.contains("genesis") && (text.contains("error") || text.contains("warn")) {
			break;
		}
		if process.ended()?.is_some() {
			break;
		}
		tokio::time::sleep(Duration::from_millis(100)).await;
	}
	let text = process.output();
	ensure!(text.to_lowercase().contains("genesis"), "no word about the wrong chain:\n{text}");
	ensure!(!text.contains("panicked at"), "panicked:\n{text}");
	process.kill().await?;
	world.step("io-worker refuses a wrong passphrase, a taken port and another chain in words");
	Ok(())
}

/// Random bytes to the gateway.
async fn garbage(world: &World, worker: &mut RealWorker) -> Result<()> {
	let client = reqwest::Client::new();
	let mut seed = blake3::hash(b"garbage");
	for size in [0_usize, 1, 31, 1_000, 100_000] {
		let mut body = vec![0; size];
		blake3::Hasher::new().update(seed.as_bytes()).finalize_xof().fill(&mut body);
		seed = blake3::hash(&body);
		let answer = client
			.post(format!("{}/v1/sync", worker.gateway()))
			.body(body)
			.timeout(Duration::from_secs(5))
			.send()
			.await?;
		ensure!(
			answer.status().is_client_error(),
			"{size} random bytes were answered with {}",
			answer.status()
		);
	}
	let huge = vec![0; io_primitives::gateway::MAX_REQUEST_BYTES + 1];
	// The connection may be cut while the body is still on its way: also an answer.
	if let Ok(answer) = client.post(format!("{}/v1/sync", worker.gateway())).body(huge).send().await
	{
		ensure!(answer.status().is_client_error(), "too many bytes: {}", answer.status());
	}
	worker.process()?.ensure_running()?;
	ensure!(worker.status().await.is_ok(), "the gateway does not answer any more");
	world.step("the gateway refuses random and oversized bodies and goes on");
	Ok(())
}

/// A source that stalls, and one that gives other bytes than promised: declined, nobody is slashed.
async fn bad_sources(world: &mut World, market: &Market, worker: &mut RealWorker) -> Result<()> {
	let mut stalling = world.spec(market.class, "stalls.wasm", programs::work(5)?)?;
	stalling.program_at = locators(&[&world.files.stalling("stalls.wasm")])?;
	let mut wrong = world.spec(market.class, "wrong.wasm", programs::hello()?)?;
	wrong.program = Program::Wasm { hash: H256::repeat_byte(9) };
	for (what, mut spec) in [("stalls", stalling), ("has the wrong hash", wrong)] {
		(spec.replicas, spec.quorum) = (1, 1);
		let job = world.submit(&spec, &market.requester).await?;
		world
			.wait_event("the decline", world.job_limit(20), |e| e.of_job("ReplicaDeclined", job))
			.await?;
		// The same operator is not drawn again, so the job waits for somebody else.
		world
			.io(Some(&market.requester), &["job", "cancel", &job.to_string(), "--yes"])
			.await?
			.ok("io job cancel")?;
		let outcome = world.wait_end(job, world.job_limit(10)).await?;
		ensure!(outcome.state == JobState::Cancelled, "the job is {:?}", outcome.state);
		world.step(format!("a program whose source {what} is declined"));
	}
	ensure!(
		world.slashes_of(&market.operators[0].account)?.is_empty(),
		"the worker's owner was slashed for the requester's fault"
	);
	worker.process()?.ensure_running()
}
