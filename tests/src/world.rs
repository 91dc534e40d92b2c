//! What a scenario works with: one chain, its accounts, real workers, the command line, and a record of all events.

use std::{
	collections::HashMap,
	path::{Path, PathBuf},
	time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow, bail, ensure};
use codec::Encode;
use futures::future::try_join_all;
use io_primitives::{
	AccountId, Balance, ClassId, Engines, JobId, JobSpec, JobState, JobView, Outcome, Profile,
	Program, ReplicaState, WorkerKey,
};
use sp_core::{H256, sr25519};
use subxt::{dynamic::Value, rpcs::rpc_params};
use subxt_signer::sr25519::Keypair;

use crate::{
	chain::{Chain, Included, Seen, account_of, address, call, call_value, decode, encoded_call},
	files::FileServer,
	money::{Books, JOB_DEPOSIT, JOB_ESCROW, burnt, io, minted},
	network::Network,
	node::Node,
	process::{Binaries, Finished, run, tail},
	puppet::Puppet,
	worker::RealWorker,
};

/// One IO Coin.
pub const IO: Balance = 1_000_000_000_000;
/// Stake of each operator of the tests.
pub const STAKE: Balance = 2_000 * IO;
/// What each account of the tests starts with.
pub const PURSE: Balance = 3_000 * IO;
/// What the workers of the tests ask for one unit.
pub const ASK: Balance = IO / 100;
/// What the jobs of the tests pay for one unit.
pub const PRICE: Balance = IO / 50;

/// An account that the tests made.
pub struct Party {
	/// Its secret URI, as for example `//tests/0/happy/requester`.
	pub uri: String,
	/// Its key pair.
	pub key: Keypair,
	/// Its account.
	pub account: AccountId,
}

impl Party {
	/// The account of a secret URI.
	pub fn new(uri: &str) -> Result<Party> {
		let key = Keypair::from_uri(&uri.parse()?)?;
		Ok(Party { uri: uri.into(), account: account_of(&key), key })
	}
}

/// A hardware class of its own with its people, so that scenarios do not disturb each other.
pub struct Market {
	/// The class.
	pub class: ClassId,
	/// Who pays.
	pub requester: Party,
	/// Who owns workers; all have staked.
	pub operators: Vec<Party>,
}

/// What the scenarios share.
pub struct World {
	/// Where the programs are.
	pub binaries: Binaries,
	/// Folder of this run.
	pub dir: PathBuf,
	/// The node.
	pub node: Node,
	/// The network that the node belongs to, if it has a relay chain.
	pub network: Option<Network>,
	/// The connection to it.
	pub chain: Chain,
	/// Programs and inputs of the tests.
	pub files: FileServer,
	/// All events since block 1.
	pub events: Vec<Seen>,
	recorded: u32,
	first: u32,
	hashes: HashMap<u32, H256>,
	gateways: Vec<String>,
	logs: Vec<(String, PathBuf)>,
	next_class: ClassId,
	supply: Balance,
	started: Instant,
}

impl World {
	/// Starts the node.
	pub async fn new(
		binaries: Binaries,
		dir: &Path,
		mut node: Node,
		network: Option<Network>,
	) -> Result<World> {
		let started = Instant::now();
		let log = node.log().to_path_buf();
		let chain = match node.start("always").await {
			Ok(chain) => chain,
			Err(error) => {
				eprintln!("--- last lines of io-node:\n{}", tail(&log, 40));
				return Err(error);
			},
		};
		println!("io-node answers after {:.1} s", node.start_time.as_secs_f32());
		// What happened before this block is none of ours.
		let first = chain.finalised().await?;
		let genesis = Books::at(&chain, first).await?;
		let files = FileServer::start().await?;
		Ok(World {
			binaries,
			dir: dir.into(),
			node,
			network,
			chain,
			files,
			events: Vec::new(),
			recorded: first,
			first,
			hashes: HashMap::new(),
			gateways: Vec::new(),
			logs: vec![("io-node".into(), log)],
			// A chain that was used before has classes already.
			next_class: 100 + ClassId::try_from(first % 800).unwrap_or(0),
			supply: genesis.supply,
			started,
		})
	}

	/// Says what happens now.
	pub fn step(&self, text: impl AsRef<str>) {
		println!("  {:6.1} s  {}", self.started.elapsed().as_secs_f32(), text.as_ref());
	}

	/// The last lines of the logs of all processes of the running scenario.
	pub fn show_logs(&self) {
		for (name, path) in &self.logs {
			eprintln!("--- last lines of {name} ({}):\n{}", path.display(), tail(path, 40));
		}
	}

	/// Shows this log too if the scenario fails.
	pub fn watch_log(&mut self, name: &str, log: &Path) {
		self.logs.push((name.into(), log.into()));
	}

	/// Prepares for the next scenario.
	pub async fn begin(&mut self) -> Result<()> {
		self.logs.truncate(1);
		self.set_gateways(Vec::new()).await
	}

	/// What must hold after each scenario.
	pub async fn check(&mut self) -> Result<()> {
		self.sync().await?;
		let at = self.recorded;
		let hash = self.chain.block_hash(at).await?.context("a block has gone")?;
		let live = self.chain.entries("IoJobs", "Jobs", hash).await?;
		ensure!(live.is_empty(), "{} jobs are not terminal", live.len());
		let specs = self.chain.entries("IoJobs", "Specs", hash).await?;
		ensure!(specs.is_empty(), "{} specifications were left behind", specs.len());
		for (_, list) in self.chain.entries("IoJobs", "Agenda", hash).await? {
			let list: Vec<JobId> = decode(&list)?;
			ensure!(list.is_empty(), "agenda entries were left behind for jobs {list:?}");
		}
		let books = Books::at(&self.chain, at).await?;
		for (id, name) in [(JOB_ESCROW, "JobEscrow"), (JOB_DEPOSIT, "JobDeposit")] {
			let held = books.held_in_all(id);
			ensure!(held == 0, "{} IO are still on hold for {name}", io(held));
		}
		for ledger in self.chain.decoded_entries("IoStaking", "Ledgers").await? {
			let locked = field(&ledger, "locked")?;
			ensure!(locked == 0, "{} IO of an operator's stake are still locked", io(locked));
		}
		let (gone, new) = (burnt(&self.events)?, minted(&self.events)?);
		ensure!(
			self.supply + new - gone == books.supply,
			"the supply was {}, {new} were minted, fees and slashes burnt {gone}, but now it is {}",
			self.supply,
			books.supply
		);
		self.step(format!(
			"invariants hold at block {at}: no live job, nothing on hold for jobs, no bond locked, \
			 accounts add up, {} IO burnt in all by fees and slashes, {} IO minted",
			io(gone),
			io(new)
		));
		Ok(())
	}

	/// Records the events of all new finalised blocks.
	pub async fn sync(&mut self) -> Result<()> {
		let last = self.chain.finalised().await?;
		while self.recorded < last {
			let number = self.recorded + 1;
			let hash = self.chain.block_hash(number).await?.context("a block has gone")?;
			let events = self.chain.events(number, hash).await?;
			self.events.extend(events);
			self.hashes.insert(number, hash);
			self.recorded = number;
		}
		Ok(())
	}

	/// The network with a relay chain.
	pub fn network(&self) -> Result<&Network> {
		self.network.as_ref().context("this scenario needs a relay chain")
	}

	/// Connects to the node anew, after somebody else has restarted it.
	pub async fn reconnect(&mut self) -> Result<()> {
		self.chain = self.node.start("always").await?;
		self.set_gateways(self.gateways.clone()).await
	}

	/// Stops the node and starts it again.
	pub async fn restart_node(&mut self, kill: bool, offchain_worker: &str) -> Result<()> {
		if kill && let Some(process) = self.node.process() {
			process.kill().await?;
		}
		ensure!(!self.node.is_attached(), "a node that was not started here cannot be restarted");
		self.node.stop().await?;
		self.chain = self.node.start(offchain_worker).await?;
		self.step(format!("io-node is back after {:.1} s", self.node.start_time.as_secs_f32()));
		// Blocks that had not reached the disk are made anew, with other contents.
		let mut last = self.recorded;
		while last > 0 && self.chain.block_hash(last).await? != self.hashes.get(&last).copied() {
			last -= 1;
		}
		self.events.retain(|event| event.block <= last);
		self.recorded = last;
		Ok(())
	}

	/// A secret URI that no earlier run on the same chain has used.
	pub fn uri(&self, name: &str) -> String {
		format!("//tests/{}/{name}", self.first)
	}

	/// Waits for an event.
	pub async fn wait_event(
		&mut self,
		what: &str,
		limit: Duration,
		fits: impl Fn(&Seen) -> bool,
	) -> Result<Seen> {
		let until = Instant::now() + limit;
		loop {
			self.sync().await?;
			if let Some(event) = self.events.iter().find(|e| fits(e)) {
				return Ok(event.clone());
			}
			ensure!(Instant::now() < until, "{what} did not happen within {limit:?}");
			tokio::time::sleep(Duration::from_millis(200)).await;
		}
	}

	/// Events of a job so far.
	pub fn job_events(&self, job: JobId) -> impl Iterator<Item = &Seen> {
		self.events.iter().filter(move |e| {
			e.pallet == "IoJobs" && e.number("job").is_ok_and(|id| id == u128::from(job))
		})
	}

	/// Makes a class and accounts; the operators stake.
	pub async fn market(&mut self, name: &str, operators: usize) -> Result<Market> {
		self.market_of(name, operators, "Wasm").await
	}

	/// [`Self::market`], for jobs of another engine.
	pub async fn market_of(
		&mut self,
		name: &str,
		operators: usize,
		engine: &str,
	) -> Result<Market> {
		let class = self.next_class;
		self.next_class += 1;
		let requester = Party::new(&self.uri(&format!("{name}/requester")))?;
		let operators = (0..operators)
			.map(|i| Party::new(&self.uri(&format!("{name}/operator/{i}"))))
			.collect::<Result<Vec<_>>>()?;

		let info = Value::unnamed_variant(
			"Some",
			[Value::named_composite([
				("engine", Value::unnamed_variant(engine, [])),
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
		calls.extend(operators.iter().chain([&requester]).map(purse_for));
		let batch = call("Utility", "batch_all", vec![("calls", Value::unnamed_composite(calls))]);
		let done = self.chain.submit(&batch, &subxt_signer::sr25519::dev::alice()).await?;
		if let Ok(event) = done.event("Sudo", "Sudid") {
			ensure!(event.variant("sudo_result")? == "Ok", "set_class failed: {event:?}");
		}
		let registrations = operators.iter().map(|operator| self.stake(operator));
		try_join_all(registrations).await?;
		Ok(Market { class, requester, operators })
	}

	/// Accounts with money for people who are in no market.
	pub async fn people(&self, scenario: &str, names: &[&str]) -> Result<Vec<Party>> {
		let people = names
			.iter()
			.map(|name| Party::new(&self.uri(&format!("{scenario}/{name}"))))
			.collect::<Result<Vec<_>>>()?;
		let calls = people.iter().map(purse_for).collect::<Vec<_>>();
		let batch = call("Utility", "batch_all", vec![("calls", Value::unnamed_composite(calls))]);
		self.chain.submit(&batch, &subxt_signer::sr25519::dev::alice()).await?;
		Ok(people)
	}

	/// Makes an account an operator.
	pub async fn stake(&self, operator: &Party) -> Result<Included> {
		let register = call(
			"IoStaking",
			"register_operator",
			vec![
				("stake", Value::u128(STAKE)),
				("commission", Value::u128(0)),
				("metadata", Value::from_bytes(b"tests")),
			],
		);
		self.chain.submit(&register, &operator.key).await
	}

	/// Registers a puppet as a worker of an operator.
	pub async fn register_puppet(
		&self,
		puppet: &Puppet,
		operator: &Party,
		class: ClassId,
		capacity: u8,
	) -> Result<()> {
		let proof = puppet.proof(self.chain.genesis(), &operator.account);
		self.register_worker(puppet.worker(), operator, profile(class, capacity), proof).await
	}

	async fn register_worker(
		&self,
		worker: WorkerKey,
		operator: &Party,
		profile: Profile,
		proof: sr25519::Signature,
	) -> Result<()> {
		let call = encoded_call("IoJobs", "register_worker", (worker, profile, proof).encode());
		self.chain.submit(&call, &operator.key).await?;
		Ok(())
	}

	/// Takes a worker off the chain.
	pub async fn retire_worker(&self, worker: WorkerKey, operator: &Party) -> Result<()> {
		let call = encoded_call("IoJobs", "retire_worker", worker.encode());
		self.chain.submit(&call, &operator.key).await?;
		Ok(())
	}

	/// Waits until all workers can be drawn.
	pub async fn wait_online(&self, workers: &[WorkerKey]) -> Result<()> {
		let limit = self.node.block_time() * 20 + Duration::from_secs(60);
		let until = Instant::now() + limit;
		for worker in workers {
			while !self.chain.worker(worker).await?.is_some_and(|view| view.online) {
				ensure!(
					Instant::now() < until,
					"worker {worker:?} did not come online within {limit:?}"
				);
				tokio::time::sleep(Duration::from_millis(200)).await;
			}
		}
		Ok(())
	}

	/// Sets up and starts a worker for each operator of a market, and waits until all can be drawn.
	pub async fn workers(
		&mut self,
		name: &str,
		market: &Market,
		options: crate::worker::Options,
	) -> Result<Vec<RealWorker>> {
		let world = &*self;
		let prepared = market.operators.iter().enumerate().map(|(i, operator)| {
			let (name, options) = (format!("{name}-{i}"), options.clone());
			async move { RealWorker::prepare(world, &name, operator, market.class, options).await }
		});
		let mut workers = try_join_all(prepared).await?;
		for worker in &mut workers {
			self.start_worker(worker).await?;
		}
		let keys: Vec<_> = workers.iter().map(RealWorker::key).collect();
		self.wait_online(&keys).await?;
		Ok(workers)
	}

	/// Sets up and starts a real worker.
	pub async fn real_worker(
		&mut self,
		name: &str,
		operator: &Party,
		class: ClassId,
		options: crate::worker::Options,
	) -> Result<RealWorker> {
		let mut worker = RealWorker::prepare(self, name, operator, class, options).await?;
		self.start_worker(&mut worker).await?;
		Ok(worker)
	}

	/// Starts (or restarts) a worker that was set up, and tells the node where it is.
	pub async fn start_worker(&mut self, worker: &mut RealWorker) -> Result<()> {
		worker.start(&self.binaries.worker)?;
		if !self.logs.iter().any(|(name, _)| name == worker.name()) {
			self.logs.push((worker.name().into(), worker.log()));
		}
		let url = worker.gateway();
		if !self.gateways.contains(&url) {
			let mut all = self.gateways.clone();
			all.push(url);
			self.set_gateways(all).await?;
		}
		Ok(())
	}

	async fn set_gateways(&mut self, urls: Vec<String>) -> Result<()> {
		let key = format!("0x{}", hex::encode(io_primitives::gateway::GATEWAYS_KEY));
		let list: Vec<Vec<u8>> = urls.iter().map(|url| url.clone().into_bytes()).collect();
		let params = rpc_params!["PERSISTENT", key, format!("0x{}", hex::encode(list.encode()))];
		self.chain.rpc::<serde_json::Value>("offchain_localStorageSet", params).await?;
		self.gateways = urls;
		Ok(())
	}

	/// A job with a program of the tests. Fields can be changed before it is submitted.
	pub fn spec(&self, class: ClassId, name: &str, program: Vec<u8>) -> Result<JobSpec> {
		let hash = H256(*blake3::hash(&program).as_bytes());
		let url = self.files.add(name, program);
		Ok(JobSpec {
			program: Program::Wasm { hash },
			program_at: locators(&[&url])?,
			input_at: Default::default(),
			input: H256::zero(),
			input_len: 0,
			args: Default::default(),
			class,
			max_units: 10,
			max_memory: 64,
			max_output: 1 << 20,
			price_per_unit: PRICE,
			replicas: 3,
			quorum: 2,
			run_blocks: 80,
			encryption: None,
			min_perf: 0,
			verification: io_primitives::Verification::Quorum,
		})
	}

	/// Gives a job an input.
	pub fn with_input(&self, spec: &mut JobSpec, name: &str, input: Vec<u8>) -> Result<()> {
		spec.input = H256(*blake3::hash(&input).as_bytes());
		spec.input_len = input.len() as u64;
		spec.input_at = locators(&[&self.files.add(name, input)])?;
		Ok(())
	}

	/// Submits a job.
	pub async fn submit(&mut self, spec: &JobSpec, requester: &Party) -> Result<JobId> {
		let call = encoded_call("IoJobs", "submit", spec.encode());
		let done = self.chain.submit(&call, &requester.key).await?;
		let job = done.event("IoJobs", "JobSubmitted")?.number("job")?;
		self.step(format!("job {job} is submitted"));
		Ok(JobId::try_from(job)?)
	}

	/// Waits until a job has ended.
	pub async fn wait_end(&mut self, job: JobId, limit: Duration) -> Result<Outcome<AccountId>> {
		const ENDS: [&str; 4] = ["JobSettled", "JobFailed", "JobExpired", "JobCancelled"];
		self.wait_event(&format!("the end of job {job}"), limit, |e| {
			ENDS.iter().any(|name| e.of_job(name, job))
		})
		.await
		.with_context(|| format!("job {job}"))?;
		let view = self.job(job).await?;
		let outcome =
			view.outcome.with_context(|| format!("job {job} has ended, but has no outcome"))?;
		self.step(format!(
			"job {job}: {:?}{}, exit code {}, {} units, paid {} IO, fee {} IO, refunded {} IO",
			outcome.state,
			outcome.fail_reason.map(|r| format!(" ({r:?})")).unwrap_or_default(),
			outcome.exit_code,
			outcome.units,
			io(outcome.paid),
			io(outcome.fee),
			io(outcome.refunded),
		));
		Ok(outcome)
	}

	/// A job that must exist.
	pub async fn job(&self, job: JobId) -> Result<JobView<AccountId>> {
		self.chain.job(job).await?.with_context(|| format!("the chain does not know job {job}"))
	}

	/// Waits until all workers of a job have accepted it.
	pub async fn wait_accepted(&self, job: JobId) -> Result<()> {
		let limit = self.job_limit(20);
		self.wait_job(job, "acceptance by all", limit, |view| {
			view.replicas
				.iter()
				.all(|r| !matches!(r.state, ReplicaState::Vacant | ReplicaState::Assigned))
		})
		.await
		.map(drop)
	}

	/// Waits until a job is as wanted.
	pub async fn wait_job(
		&self,
		job: JobId,
		what: &str,
		limit: Duration,
		fits: impl Fn(&JobView<AccountId>) -> bool,
	) -> Result<JobView<AccountId>> {
		let until = Instant::now() + limit;
		loop {
			let view = self.job(job).await?;
			if fits(&view) {
				return Ok(view);
			}
			ensure!(Instant::now() < until, "job {job}: {what} did not happen within {limit:?}");
			tokio::time::sleep(Duration::from_millis(100)).await;
		}
	}

	/// Checks an outcome against the events and the terms of the job: who was paid, and that the escrow is used up.
	pub fn check_settled(
		&self,
		spec: &JobSpec,
		outcome: &Outcome<AccountId>,
		exit_code: i32,
	) -> Result<()> {
		ensure!(outcome.state == JobState::Settled, "not settled, but {:?}", outcome.state);
		ensure!(
			outcome.exit_code == exit_code,
			"exit code {} instead of {exit_code}",
			outcome.exit_code
		);
		ensure!(outcome.payees.len() >= usize::from(spec.quorum), "fewer payees than the quorum");
		let sum: Balance = outcome.payees.iter().map(|p| p.amount).sum();
		ensure!(sum == outcome.paid, "the payees got {sum}, but {} was paid", outcome.paid);
		for payee in &outcome.payees {
			ensure!(
				payee.amount == Balance::from(outcome.units) * ASK,
				"{} units at {ASK} were paid with {}",
				outcome.units,
				payee.amount
			);
		}
		ensure!(outcome.fee == outcome.paid * 5 / 100, "the fee is not 5 %");
		let work =
			Balance::from(spec.replicas) * Balance::from(spec.max_units) * spec.price_per_unit;
		let escrow = work + work * 5 / 100;
		ensure!(
			outcome.paid + outcome.fee + outcome.refunded == escrow,
			"paid {} + fee {} + refunded {} is not the escrow {escrow}",
			outcome.paid,
			outcome.fee,
			outcome.refunded
		);
		Ok(())
	}

	/// What happened in a block.
	pub fn events_of(&self, block: u32) -> Vec<Seen> {
		self.events.iter().filter(|event| event.block == block).cloned().collect()
	}

	/// Slashes that were reported against an operator.
	pub fn slashes_of(&self, operator: &AccountId) -> Result<Vec<Seen>> {
		let mut found = Vec::new();
		for event in self.events.iter().filter(|e| e.is("IoStaking", "SlashReported")) {
			if event.account("operator")? == *operator {
				found.push(event.clone());
			}
		}
		Ok(found)
	}

	/// No operator of the market was slashed.
	pub fn nobody_was_slashed(&self, market: &Market) -> Result<()> {
		for operator in &market.operators {
			ensure!(self.slashes_of(&operator.account)?.is_empty(), "somebody was slashed");
		}
		Ok(())
	}

	/// Bond that was locked when an operator was drawn for a job.
	pub fn bond_of(&self, job: JobId, operator: &AccountId) -> Result<Balance> {
		for event in self.job_events(job).filter(|e| e.name == "ReplicaAssigned") {
			if event.account("operator")? == *operator {
				return event.number("bond");
			}
		}
		bail!("{operator} was not drawn for job {job}")
	}

	/// Checks that exactly one slash was reported, for this reason, and waits until it is applied. Returns what was
	/// taken, what was paid to the harmed party, what was burnt.
	pub async fn one_slash(
		&mut self,
		operator: &Party,
		reason: &str,
	) -> Result<(Balance, Balance, Balance)> {
		self.sync().await?;
		let slashes = self.slashes_of(&operator.account)?;
		let [slash] = slashes.as_slice() else {
			bail!("{} slashes were reported instead of one: {slashes:?}", slashes.len())
		};
		ensure!(slash.variant("reason")? == reason, "slashed for another reason: {slash:?}");
		let (id, amount, due) =
			(slash.number("id")?, slash.number("amount")?, slash.number("due")?);
		ensure!(due > u128::from(slash.block), "the slash is not deferred: {slash:?}");
		self.step(format!(
			"{} IO are slashed for {reason}, to be applied in block {due}",
			io(amount)
		));
		let limit = self.node.block_time() * 40 + Duration::from_secs(30);
		let applied = self
			.wait_event("the application of the slash", limit, |e| {
				e.is("IoStaking", "SlashApplied") && e.number("id").is_ok_and(|i| i == id)
			})
			.await?;
		ensure!(u128::from(applied.block) >= due, "applied before it was due: {applied:?}");
		let (paid, burnt) = (applied.number("paid")?, applied.number("burnt")?);
		ensure!(paid + burnt == amount, "paid {paid} + burnt {burnt} is not {amount}");
		ensure!(paid <= amount / 2, "more than half went to the harmed party");
		self.step(format!(
			"the slash is applied: {} IO paid out, {} IO burnt",
			io(paid),
			io(burnt)
		));
		Ok((amount, paid, burnt))
	}

	/// Runs the command line against this chain, as an account if one is given.
	pub async fn io(&self, account: Option<&Party>, args: &[&str]) -> Result<Finished> {
		let mut all = vec![format!("--node={}", self.node.url())];
		all.extend(args.iter().map(|a| (*a).to_owned()));
		if let Some(party) = account {
			all.push(format!("--key-file={}", self.key_file(party)?.display()));
		}
		run(&self.binaries.cli, &all, Duration::from_secs(600)).await
	}

	/// A file with the account's secret, as the command line reads it.
	pub fn key_file(&self, party: &Party) -> Result<PathBuf> {
		let name = party.uri.trim_matches('/').replace('/', "-");
		private_file(&self.dir.join(format!("{name}.key")), &party.uri)
	}

	/// Time in which a healthy job of `run_blocks` must end.
	pub fn job_limit(&self, blocks: u32) -> Duration {
		self.node.block_time() * blocks + Duration::from_secs(60)
	}
}

/// The call that gives somebody money.
fn purse_for(party: &Party) -> Value {
	let args = vec![("dest", address(&party.account)), ("value", Value::u128(PURSE))];
	call_value("Balances", "transfer_keep_alive", args)
}

/// Writes a file that only its owner can read.
pub fn private_file(path: &Path, content: &str) -> Result<PathBuf> {
	use std::{fs::Permissions, os::unix::fs::PermissionsExt};
	std::fs::write(path, content)?;
	std::fs::set_permissions(path, Permissions::from_mode(0o600))?;
	Ok(path.into())
}

/// Arguments as a job names them.
pub fn arguments(args: &[&str]) -> Result<io_primitives::job::Args> {
	let list = args
		.iter()
		.map(|arg| arg.as_bytes().to_vec().try_into().map_err(|_| anyhow!("{arg} is too long")))
		.collect::<Result<Vec<_>>>()?;
	list.try_into().map_err(|_| anyhow!("too many arguments"))
}

/// What the tests' workers offer.
pub fn profile(class: ClassId, capacity: u8) -> Profile {
	Profile {
		class,
		ask_per_unit: ASK,
		capacity,
		engines: Engines(Engines::WASM.0 | Engines::KERNEL.0),
		x25519: [0; 32],
		endpoints: Default::default(),
	}
}

/// URLs as a job names them.
pub fn locators(urls: &[&str]) -> Result<io_primitives::Locators> {
	let list = urls
		.iter()
		.map(|url| url.as_bytes().to_vec().try_into().map_err(|_| anyhow!("{url} is too long")))
		.collect::<Result<Vec<_>>>()?;
	list.try_into().map_err(|_| anyhow!("too many URLs"))
}

/// A number in a decoded value; newtypes are looked through.
pub fn field(value: &Value, name: &str) -> Result<u128> {
	use subxt::dynamic::At;
	let found = value.at(name).with_context(|| format!("no field {name} in {value}"))?;
	found.at(0).unwrap_or(found).as_u128().with_context(|| format!("{name} is no number"))
}
