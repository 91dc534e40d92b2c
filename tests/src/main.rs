//! Runs the whole-system tests one after another, see the crate's README.

use std::{
	path::{Path, PathBuf},
	process::ExitCode,
	time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use clap::Parser;
use io_system_tests::{
	network::{self, Network},
	node::Node,
	process::{self, Binaries},
	scenarios::{self, Scenario},
	world::World,
};

/// Real node, real workers, real CLI, and faults of every kind.
#[derive(Parser)]
#[command(version)]
struct Args {
	/// Only print the names of the scenarios.
	#[arg(long)]
	list: bool,
	/// Keep the folder with logs and data.
	#[arg(long)]
	keep_logs: bool,
	/// Milliseconds between the chain's blocks.
	#[arg(long, default_value_t = 750)]
	block_time: u64,
	/// Use this node, which must run with `--dev` and off-chain workers, instead of starting one.
	#[arg(long, value_name = "URL")]
	attach: Option<String>,
	/// Run the scenarios of a network with a relay chain, in this folder of `scripts/local-network.sh`.
	#[arg(long, value_name = "DIR", conflicts_with_all = ["attach", "block_time"])]
	network: Option<PathBuf>,
	/// With `--network`: all of its scenarios, not only those for every day.
	#[arg(long, requires = "network")]
	full: bool,
	/// Stop at the first failure.
	#[arg(long)]
	fail_fast: bool,
	/// Only scenarios whose name contains one of these.
	filter: Vec<String>,
}

fn main() -> ExitCode {
	let mut args = std::env::args_os().skip(1);
	if args.next().is_some_and(|first| first == process::EXEC) {
		// Only comes back if it fails.
		if let Err(error) = process::exec(args) {
			eprintln!("{error:#}");
		}
		return ExitCode::from(127);
	}
	match start(Args::parse()) {
		Ok(true) => ExitCode::SUCCESS,
		Ok(false) => ExitCode::FAILURE,
		Err(error) => {
			eprintln!("error: {error:#}");
			ExitCode::FAILURE
		},
	}
}

fn start(args: Args) -> Result<bool> {
	let mut chosen = match (&args.network, args.full) {
		(None, _) => scenarios::all(),
		(Some(_), full) => scenarios::of_network(full),
	};
	if !args.filter.is_empty() {
		chosen.retain(|s| args.filter.iter().any(|f| s.name.contains(f.as_str())));
	}
	if args.list {
		for scenario in &chosen {
			println!("{:20} {}", scenario.name, scenario.about);
		}
		return Ok(true);
	}
	if chosen.is_empty() {
		bail!("no scenario is called like that; --list shows all");
	}
	let mut dir = tempfile::Builder::new().prefix("io-system-tests-").tempdir()?;
	dir.disable_cleanup(args.keep_logs);
	println!("logs and data: {}", dir.path().display());
	// Children die with the thread that starts them, so everything that starts some runs on this thread.
	let runtime =
		tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
	runtime.block_on(async {
		tokio::select! {
			result = run(&args, chosen, dir.path()) => result,
			_ = tokio::signal::ctrl_c() => bail!("interrupted; all processes are stopped"),
		}
	})
}

async fn run(args: &Args, chosen: Vec<Scenario>, dir: &Path) -> Result<bool> {
	let started = Instant::now();
	let binaries = Binaries::find()?;
	let mut world = world(args, binaries, dir).await?;
	let mut results = Vec::new();
	for scenario in &chosen {
		println!("\n{}: {}", scenario.name, scenario.about);
		let begun = Instant::now();
		let story = async {
			world.begin().await?;
			(scenario.run)(&mut world).await?;
			world.check().await
		};
		let result = match tokio::time::timeout(scenario.limit, story).await {
			Ok(result) => result,
			Err(_) => bail_with(scenario.limit),
		};
		if let Err(error) = &result {
			eprintln!("  FAILED: {error:#}");
			world.show_logs();
		}
		let failed = result.is_err();
		results.push((scenario.name, result, begun.elapsed()));
		if failed {
			if args.fail_fast {
				break;
			}
			// A scenario that ended early can leave jobs behind, which would fail all that follow. A new chain
			// costs little.
			world.node.stop().await.context("the node could not be stopped")?;
			let fresh = dir.join(format!("after-{}", scenario.name));
			std::fs::create_dir_all(&fresh)?;
			world = self::world(args, world.binaries.clone(), &fresh).await?;
		}
	}
	world.node.stop().await?;

	println!("\nscenario              time   result");
	let mut good = true;
	for (name, result, time) in &results {
		let seconds = time.as_secs_f32();
		match result {
			Ok(()) => println!("{name:20} {seconds:5.1} s  ok"),
			Err(error) => {
				good = false;
				println!("{name:20} {seconds:5.1} s  FAILED: {error:#}");
			},
		}
	}
	println!("{:20} {:5.1} s", "in all", started.elapsed().as_secs_f32());
	Ok(good)
}

async fn world(args: &Args, binaries: Binaries, dir: &Path) -> Result<World> {
	let block_time = Duration::from_millis(args.block_time);
	if let Some(folder) = &args.network {
		let network = Network::open(folder).await?;
		let node = Node::attached(&network.url(network::FIRST)?, dir, network::BLOCK_TIME)?;
		return World::new(binaries, dir, node, Some(network)).await;
	}
	let node = match &args.attach {
		Some(url) => Node::attached(url, dir, block_time)?,
		None => Node::new(&binaries.node, dir, block_time)?,
	};
	World::new(binaries, dir, node, None).await
}

fn bail_with(limit: Duration) -> Result<()> {
	bail!("did not end within {limit:?}")
}
