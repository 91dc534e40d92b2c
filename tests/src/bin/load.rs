//! How many jobs per second a running chain settles: many puppets in one process, jobs that need no execution.

use std::{
	collections::{BTreeMap, HashMap},
	process::ExitCode,
	sync::{
		Arc, Mutex,
		atomic::{AtomicU64, Ordering},
	},
	time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow, ensure};
use clap::Parser;
use codec::Encode;
use futures::future::try_join_all;
use io_primitives::{ClassId, JobSpec, Program};
use io_system_tests::{
	chain::{Chain, address, call, call_value, encoded_call},
	puppet::{Answer, Conduct, Puppet, Running},
	weights::{self, JobWeight, Limits},
	world::{PRICE, Party, locators, profile},
};
use sp_core::H256;
use subxt::dynamic::Value;

const IO: u128 = 1_000_000_000_000;
/// First of the class numbers from which a run takes one: workers of an earlier run must not be drawn.
const CLASSES: u16 = 90;
/// How often the agenda comes to a job: to draw workers, once in between because its timer moved, to settle.
const VISITS: u64 = 3;

/// Measures settled jobs per block and per second on a development chain.
#[derive(Parser)]
#[command(version)]
struct Args {
	/// WebSocket URL of a node that was started with `--dev`.
	#[arg(long)]
	node: String,
	/// Jobs to settle.
	#[arg(long, default_value_t = 300)]
	jobs: u32,
	/// Workers, each of an operator of its own.
	#[arg(long, default_value_t = 12)]
	workers: u32,
	/// Jobs that one worker takes at the same time.
	#[arg(long, default_value_t = 32)]
	capacity: u8,
	/// The runtime's generated weights of pallet-io-jobs: also states the jobs per block at full weight.
	#[arg(long)]
	weights: Option<std::path::PathBuf>,
	/// Accounts that submit.
	#[arg(long, default_value_t = 8)]
	requesters: u32,
}

#[tokio::main]
async fn main() -> ExitCode {
	match run(Args::parse()).await {
		Ok(()) => ExitCode::SUCCESS,
		Err(error) => {
			eprintln!("error: {error:#}");
			ExitCode::FAILURE
		},
	}
}

async fn run(args: Args) -> Result<()> {
	ensure!(args.workers >= 3, "a job needs three workers");
	ensure!((1..=args.jobs).contains(&args.requesters), "each requester needs a job");
	let chain = Chain::connect(&args.node).await?;
	// Accounts and a class that no earlier run on the same chain has used.
	let run = chain.best().await?;
	let class = CLASSES + ClassId::try_from(run % 900)?;
	let operators = parties(run, "operator", args.workers)?;
	let requesters = parties(run, "requester", args.requesters)?;
	prepare(&chain, class, &operators, &requesters).await?;

	let calls = Arc::new(AtomicU64::new(0));
	let samples = Arc::new(Mutex::new(HashMap::new()));
	let answer = Answer { exit_code: 0, units: 1, output: H256::zero() };
	let mut keys = Vec::new();
	let mut running: Vec<Running> = Vec::new();
	for (i, operator) in operators.iter().enumerate() {
		let mut puppet =
			Puppet::new(&format!("//load/{run}/worker/{i}"), Conduct::Follows, answer)?;
		puppet.accepted_calls = calls.clone();
		puppet.samples = samples.clone();
		let proof = puppet.proof(chain.genesis(), &operator.account);
		let profile = profile(class, args.capacity);
		let register =
			encoded_call("IoJobs", "register_worker", (puppet.worker(), profile, proof).encode());
		keys.push((puppet, register, operator));
	}
	try_join_all(keys.iter().map(|(_, call, operator)| chain.submit(call, &operator.key))).await?;
	let workers: Vec<_> = keys.iter().map(|(puppet, _, _)| puppet.worker()).collect();
	for (puppet, _, _) in keys {
		// A connection of its own for each: one would be the bottleneck.
		running.push(puppet.run(Chain::connect(&args.node).await?));
	}
	for worker in &workers {
		while !chain.worker(worker).await?.is_some_and(|view| view.online) {
			tokio::time::sleep(Duration::from_millis(200)).await;
		}
	}
	println!("{} workers are online; submitting {} jobs", args.workers, args.jobs);

	let spec = spec(class)?;
	let first_block = chain.best().await?;
	let calls_before = calls.load(Ordering::Relaxed);
	let started = Instant::now();
	let submit = encoded_call("IoJobs", "submit", spec.encode());
	// Each requester sends its own jobs one after another, all requesters at the same time.
	let sent = (0..args.requesters).zip(&requesters).map(|(first, requester)| {
		let (chain, submit) = (&chain, &submit);
		async move {
			let mut last = Vec::new();
			for i in (first..args.jobs).step_by(args.requesters as usize) {
				let nonce = u64::from(i / args.requesters);
				last = chain.submit_with_nonce(submit, &requester.key, nonce).await?;
			}
			anyhow::Ok(last)
		}
	});
	let submission = try_join_all(sent).await?.swap_remove(0);
	let submitted = started.elapsed();

	let mut settled: BTreeMap<u32, u32> = BTreeMap::new();
	let mut next = first_block + 1;
	let mut done = 0;
	let mut last_progress = Instant::now();
	while done < args.jobs {
		let best = chain.best().await?;
		while next <= best {
			let hash = chain.block_hash(next).await?.context("a block has gone")?;
			let events = chain.events(next, hash).await?;
			let here = events.iter().filter(|e| e.is("IoJobs", "JobSettled")).count() as u32;
			let failed = events.iter().filter(|e| e.is("IoJobs", "JobFailed")).count();
			ensure!(failed == 0, "{failed} jobs failed in block {next}");
			if here > 0 {
				settled.insert(next, here);
				done += here;
				last_progress = Instant::now();
				println!("block {next}: {here} jobs settled, {done} in all");
			}
			next += 1;
		}
		ensure!(
			last_progress.elapsed() < Duration::from_secs(180),
			"no job was settled for 180 s; {done} of {} are",
			args.jobs
		);
		tokio::time::sleep(Duration::from_millis(200)).await;
	}
	let time = started.elapsed();
	let taken = calls.load(Ordering::Relaxed) - calls_before;
	drop(running);

	let first = settled.keys().next().copied().unwrap_or(next);
	let last = settled.keys().last().copied().unwrap_or(next);
	let blocks = last - first + 1;
	let best = settled.values().max().copied().unwrap_or(0);
	println!();
	println!("jobs settled               {done} (3 replicas, quorum 2; no execution)");
	println!("submission took            {:.1} s", submitted.as_secs_f32());
	println!("first to last settlement   {blocks} blocks ({first} to {last})");
	println!(
		"settled per block          {:.1} on average, {best} at most",
		f64::from(done) / f64::from(blocks)
	);
	println!(
		"settled per second         {:.2}, from first submission to last settlement ({:.1} s)",
		f64::from(done) / time.as_secs_f64(),
		time.as_secs_f32()
	);
	println!(
		"worker calls in blocks     {taken} (about {:.0} per second)",
		taken as f64 / time.as_secs_f64()
	);

	if let Some(path) = &args.weights {
		let file = std::fs::read_to_string(path)
			.with_context(|| format!("cannot read the weights {}", path.display()))?;
		let samples = samples.lock().map_err(|_| anyhow!("a worker panicked"))?.clone();
		full_weight(&chain, &file, &submission, &samples, spec.encoded_size()).await?;
	}
	Ok(())
}

/// States the jobs per block at full weight.
async fn full_weight(
	chain: &Chain,
	file: &str,
	submission: &[u8],
	samples: &HashMap<u8, Vec<u8>>,
	spec_bytes: usize,
) -> Result<()> {
	let limits = Limits::of(chain).await?;
	let submit = weights::of_transaction(chain, submission).await?;
	let mut transactions = vec![(format!("submit ({spec_bytes} B)"), 1, submit)];
	for (kind, name) in [(1, "accept"), (3, "commit"), (4, "reveal")] {
		let sample = samples.get(&kind).with_context(|| format!("no {name} was sent"))?;
		transactions.push((name.to_owned(), 3, weights::of_transaction(chain, sample).await?));
	}
	let mut services = Vec::new();
	for (name, argument, count) in
		[("service_idle", 0, VISITS), ("service_draw", 3, 1), ("service_settle", 3, 1)]
	{
		let weight = weights::of_function(file, name, argument, &limits)?;
		services.push((name.to_owned(), count, weight));
	}
	let job = JobWeight::new(transactions, services, VISITS, &limits);
	println!();
	println!("weight of one job (3 replicas, quorum 2), benchmarked, before any reclaim:");
	for (name, count, weight) in &job.parts {
		println!("  {count} x {name:20} {weight}");
	}
	println!("  all together             {}", job.all);
	println!(
		"  a block holds            {}, of which {} for transactions",
		limits.block, limits.normal
	);
	let (jobs, scarce) = job.per_block(&limits);
	println!("jobs per block at full weight: {jobs} (limited by the {scarce})");
	Ok(())
}

fn parties(run: u32, name: &str, count: u32) -> Result<Vec<Party>> {
	(0..count).map(|i| Party::new(&format!("//load/{run}/{name}/{i}"))).collect()
}

async fn prepare(
	chain: &Chain,
	class: ClassId,
	operators: &[Party],
	requesters: &[Party],
) -> Result<()> {
	let info = Value::unnamed_variant(
		"Some",
		[Value::named_composite([
			("engine", Value::unnamed_variant("Wasm", [])),
			("min_memory", Value::u128(1_024)),
			("min_vram", Value::u128(0)),
			("accelerator", Value::unnamed_variant("None", [])),
		])],
	);
	let set_class = call_value(
		"IoJobs",
		"set_class",
		vec![("class", Value::u128(class.into())), ("info", info)],
	);
	let mut calls = vec![call_value("Sudo", "sudo", vec![("call", set_class)])];
	for party in operators.iter().chain(requesters) {
		calls.push(call_value(
			"Balances",
			"transfer_keep_alive",
			vec![("dest", address(&party.account)), ("value", Value::u128(4_000 * IO))],
		));
	}
	let batch = call("Utility", "batch_all", vec![("calls", Value::unnamed_composite(calls))]);
	chain.submit(&batch, &subxt_signer::sr25519::dev::alice()).await?;
	let register = call(
		"IoStaking",
		"register_operator",
		vec![
			("stake", Value::u128(3_000 * IO)),
			("commission", Value::u128(0)),
			("metadata", Value::from_bytes(b"load")),
		],
	);
	try_join_all(operators.iter().map(|operator| chain.submit(&register, &operator.key))).await?;
	Ok(())
}

fn spec(class: ClassId) -> Result<JobSpec> {
	Ok(JobSpec {
		program: Program::Wasm { hash: H256::repeat_byte(1) },
		program_at: locators(&["https://example.org/program.wasm"])?,
		input_at: Default::default(),
		input: H256::zero(),
		input_len: 0,
		args: Default::default(),
		class,
		max_units: 1,
		max_memory: 64,
		max_output: 1 << 20,
		price_per_unit: PRICE,
		replicas: 3,
		quorum: 2,
		run_blocks: 100,
		encryption: None,
		min_perf: 0,
		verification: io_primitives::Verification::Quorum,
	})
}
