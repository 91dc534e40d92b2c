//! `io operator`: stake, and devices.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use codec::{Compact, Decode, Encode};
use io_client::{Client, Keypair, Registration, amount, mesh::MESH};
use io_primitives::{
	AccountId, Balance, BlockNumber, ClassId, OffenceReason, WorkerKey, WorkerView, mesh::Party,
};
use serde_json::{Value, json};
use sp_core::H256;

use crate::{
	App,
	admin::Raw,
	error::{Error, Result},
	keys::{self, KeyArgs},
	output,
};

pub(crate) const STAKING: &str = "IoStaking";
const JOBS: &str = "IoJobs";
/// Most bytes of what an operator says of itself.
const MAX_METADATA: usize = 64;
/// Most bytes of a registration file.
const MAX_FILE: u64 = 64 * 1024;

#[derive(Subcommand, Debug)]
pub(crate) enum OperatorCommand {
	/// Become an operator: put stake on hold
	Register {
		/// How much, in IO
		#[arg(long, value_name = "IO", value_parser = amount::parse)]
		stake: Balance,
		/// What you take of your delegators' rewards, in percent
		#[arg(long, value_name = "PERCENT", default_value = "10", value_parser = parse_percent)]
		commission: u32,
		/// What to show to others, such as a name or a web address; at most 64 bytes
		#[arg(long, default_value = "")]
		metadata: String,
		#[command(flatten)]
		send: SendArgs,
	},
	/// Add stake
	BondExtra {
		/// How much, in IO
		#[arg(value_parser = amount::parse)]
		amount: Balance,
		#[command(flatten)]
		send: SendArgs,
	},
	/// Begin to take stake out; it can be withdrawn, and slashed, until the waiting time is over
	Unbond {
		/// How much, in IO
		#[arg(value_parser = amount::parse)]
		amount: Balance,
		#[command(flatten)]
		send: SendArgs,
	},
	/// Take out the stake whose waiting time is over
	Withdraw {
		#[command(flatten)]
		send: SendArgs,
	},
	/// Stand for election as a collator; needs session keys
	Candidate {
		#[command(flatten)]
		send: SendArgs,
	},
	/// Stand for election no more
	Resign {
		#[command(flatten)]
		send: SendArgs,
	},
	/// Let the work of your devices count for a candidate, or for yourself again
	Back {
		/// The candidate's address; yourself if it is left out
		#[arg(value_parser = keys::parse_account)]
		candidate: Option<AccountId>,
		#[command(flatten)]
		send: SendArgs,
	},
	/// Change what you take of your delegators' rewards; it rises by at most one percent an era
	SetCommission {
		/// In percent
		#[arg(value_parser = parse_percent)]
		commission: u32,
		#[command(flatten)]
		send: SendArgs,
	},
	/// Register a device with the file that `io-worker register` made
	RegisterWorker {
		/// The file
		#[arg(long, value_name = "FILE")]
		file: PathBuf,
		#[command(flatten)]
		send: SendArgs,
	},
	/// Change what a device offers, to what a new file of `io-worker register` says
	UpdateWorker {
		/// The file
		#[arg(long, value_name = "FILE")]
		file: PathBuf,
		#[command(flatten)]
		send: SendArgs,
	},
	/// Take a device off the market
	RetireWorker {
		/// Its key
		#[arg(value_parser = keys::parse_worker)]
		worker: WorkerKey,
		#[command(flatten)]
		send: SendArgs,
	},
	/// Set money aside that pays relays for what they carry for a device; it stays on hold in your account until then
	FundRelays {
		/// The device's key
		#[arg(value_parser = keys::parse_worker)]
		worker: WorkerKey,
		/// How much, in IO
		#[arg(value_parser = amount::parse)]
		amount: Balance,
		#[command(flatten)]
		send: SendArgs,
	},
	/// Ask for the rest of that money. It is free, with `release-relays`, when no relay can claim anything of it any more
	CloseRelays {
		/// The device's key
		#[arg(value_parser = keys::parse_worker)]
		worker: WorkerKey,
		#[command(flatten)]
		send: SendArgs,
	},
	/// Get the rest of that money back
	ReleaseRelays {
		/// The device's key
		#[arg(value_parser = keys::parse_worker)]
		worker: WorkerKey,
		#[command(flatten)]
		send: SendArgs,
	},
	/// Show an operator's stake
	Show {
		/// Its address; the key's own if it is left out
		#[arg(value_parser = keys::parse_account)]
		address: Option<AccountId>,
		#[command(flatten)]
		key: KeyArgs,
	},
	/// Show slashes that wait for the end of their deferral, and can be cancelled until then
	Slashes {
		/// Only this operator's
		#[arg(value_parser = keys::parse_account)]
		address: Option<AccountId>,
	},
	/// Show an operator's devices
	Workers {
		/// Its address; the key's own if it is left out
		#[arg(value_parser = keys::parse_account)]
		address: Option<AccountId>,
		#[command(flatten)]
		key: KeyArgs,
	},
}

#[derive(Args, Debug)]
pub(crate) struct SendArgs {
	/// Do not ask
	#[arg(long, short)]
	yes: bool,
	/// Wait until the block is final
	#[arg(long)]
	finalized: bool,
	#[command(flatten)]
	key: KeyArgs,
}

/// An operator's stake, as pallet-io-staking shows it.
#[derive(Decode)]
struct OperatorView {
	active: Balance,
	own: Balance,
	locked: Balance,
	free: Balance,
	leaving: Balance,
	pending: Balance,
	holders: u64,
	/// Of 10^9.
	commission: u32,
	work: u128,
	candidate: bool,
	metadata: Vec<u8>,
}

/// A slash that is deferred, as pallet-io-staking stores it.
#[derive(Decode)]
struct PendingSlash {
	operator: AccountId,
	#[codec(compact)]
	amount: Balance,
	#[codec(compact)]
	own: Balance,
	/// Era, what was leaving, what had moved.
	_parts: Vec<(Compact<u32>, Compact<Balance>, Compact<Balance>)>,
	harmed: Option<(AccountId, Balance)>,
	reason: OffenceReason,
	due: BlockNumber,
	_offence: H256,
}

/// An operator's devices, as pallet-io-jobs shows them.
#[derive(Decode)]
struct Summary {
	_is_operator: bool,
	_free_bond: Balance,
	_locked_bond: Balance,
	workers: Vec<WorkerSummary>,
}

#[derive(Decode)]
struct WorkerSummary {
	worker: WorkerKey,
	_class: ClassId,
	_online: bool,
	_reputation: u32,
	_live: u32,
}

pub(crate) async fn run(command: OperatorCommand, app: &App) -> Result<()> {
	match command {
		OperatorCommand::Register { stake, commission, metadata, send } => {
			if metadata.len() > MAX_METADATA {
				return Err(Error::Usage(format!(
					"--metadata has {} bytes; at most {MAX_METADATA} are possible",
					metadata.len()
				)));
			}
			let question = format!("put {} on hold as stake?", output::money(stake));
			let arguments = (Compact(stake), commission, metadata.into_bytes()).encode();
			send_call(STAKING, "register_operator", arguments, &question, &send, app).await
		},
		OperatorCommand::BondExtra { amount, send } => {
			let question = format!("add {} to the stake?", output::money(amount));
			send_call(STAKING, "bond_extra", Compact(amount).encode(), &question, &send, app).await
		},
		OperatorCommand::Unbond { amount, send } => {
			let question = format!("begin to take {} out of the stake?", output::money(amount));
			let (client, signer) = send.key.connect(app).await?;
			let arguments = (Client::account_of(&signer), Compact(amount)).encode();
			submit(&client, &signer, STAKING, "unbond", arguments, &question, &send, app).await
		},
		OperatorCommand::Withdraw { send } => {
			let question = "take out the stake whose waiting time is over?";
			let (client, signer) = send.key.connect(app).await?;
			let arguments = Client::account_of(&signer).encode();
			submit(&client, &signer, STAKING, "withdraw", arguments, question, &send, app).await
		},
		OperatorCommand::Candidate { send } => {
			let question = "stand for election as a collator?";
			send_call(STAKING, "candidate", true.encode(), question, &send, app).await
		},
		OperatorCommand::Resign { send } => {
			let question = "stand for election no more?";
			send_call(STAKING, "candidate", false.encode(), question, &send, app).await
		},
		OperatorCommand::Back { candidate, send } => {
			let question = match &candidate {
				Some(who) => format!("let your work count for {}?", output::address(who)),
				None => "let your work count for yourself?".into(),
			};
			send_call(STAKING, "back", candidate.encode(), &question, &send, app).await
		},
		OperatorCommand::SetCommission { commission, send } => {
			let question = format!("take {} of your delegators' rewards?", share(commission));
			send_call(STAKING, "set_commission", commission.encode(), &question, &send, app).await
		},
		OperatorCommand::RegisterWorker { file, send } => {
			let registration = read_registration(&file)?;
			register_worker(&registration, &send, app).await
		},
		OperatorCommand::UpdateWorker { file, send } => {
			let registration = read_registration(&file)?;
			let worker = registration.worker_key()?;
			let arguments = (worker, registration.profile.profile()?).encode();
			let question = format!("change worker {}?", output::key(&worker));
			send_call(JOBS, "update_worker", arguments, &question, &send, app).await
		},
		OperatorCommand::RetireWorker { worker, send } => {
			let question = format!("take worker {} off the market?", output::key(&worker));
			send_call(JOBS, "retire_worker", worker.encode(), &question, &send, app).await
		},
		OperatorCommand::FundRelays { worker, amount, send } => {
			let arguments = (worker, Compact(amount)).encode();
			let (money, worker) = (output::money(amount), output::key(&worker));
			let question = format!("put {money} on hold to pay relays of worker {worker}?");
			send_call(MESH, "fund", arguments, &question, &send, app).await
		},
		OperatorCommand::CloseRelays { worker, send } => {
			let key = output::key(&worker);
			let question = format!("take the rest of what pays relays of worker {key} back?");
			send_call(MESH, "close_budget", worker.encode(), &question, &send, app).await
		},
		OperatorCommand::ReleaseRelays { worker, send } => {
			let key = output::key(&worker);
			let question = format!("get the rest of what pays relays of worker {key}?");
			send_call(MESH, "release_budget", worker.encode(), &question, &send, app).await
		},
		OperatorCommand::Show { address, key } => show(address, &key, app).await,
		OperatorCommand::Slashes { address } => slashes(address, app).await,
		OperatorCommand::Workers { address, key } => workers(address, &key, app).await,
	}
}

/// A part of 10^9 from a number of percent with up to seven digits after the point.
fn parse_percent(text: &str) -> core::result::Result<u32, String> {
	const ONE: u32 = 10_000_000;
	let wrong = || format!("`{text}` is no percentage such as 10 or 2.5");
	let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
	let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
	if whole.is_empty() || !digits(whole) || !digits(fraction) || fraction.len() > 7 {
		return Err(wrong());
	}
	let whole: u32 = whole.parse().map_err(|_| wrong())?;
	let fraction: u32 = format!("{fraction:0<7}").parse().map_err(|_| wrong())?;
	if whole > 100 || (whole == 100 && fraction > 0) {
		return Err("more than 100 % is not possible".into());
	}
	Ok(whole * ONE + fraction)
}

/// A part of 10^9 in percent.
fn share(parts: u32) -> String {
	let text = format!("{}.{:07}", parts / 10_000_000, parts % 10_000_000);
	format!("{} %", text.trim_end_matches('0').trim_end_matches('.'))
}

fn read_registration(path: &Path) -> Result<Registration> {
	let size = std::fs::metadata(path).map_err(Error::file("read", path))?.len();
	if size > MAX_FILE {
		return Err(Error::Local(format!(
			"{} is too large for a registration; it is made by `io-worker register`",
			path.display()
		)));
	}
	let text = std::fs::read_to_string(path).map_err(Error::file("read", path))?;
	serde_json::from_str(&text).map_err(|e| {
		Error::Local(format!(
			"{} is no registration ({e}); it is made by `io-worker register`",
			path.display()
		))
	})
}

async fn register_worker(registration: &Registration, send: &SendArgs, app: &App) -> Result<()> {
	let (client, signer) = send.key.connect(app).await?;
	client.expect_genesis(registration.genesis()?)?;
	let operator = Client::account_of(&signer);
	if registration.operator()? != operator {
		return Err(Error::Usage(format!(
			"the registration is for the operator {}, and the key is {}'s: make it again with `io-worker register`, or use the other key",
			registration.operator,
			output::address(&operator)
		)));
	}
	registration.verify()?;
	let worker = registration.worker_key()?;
	let arguments = (worker, registration.profile.profile()?, registration.proof()?).encode();
	let question = format!(
		"register worker {} in class {} for {} IO per unit?",
		output::key(&worker),
		registration.profile.class,
		registration.profile.ask_per_unit
	);
	submit(&client, &signer, JOBS, "register_worker", arguments, &question, send, app).await?;
	if registration.mesh.is_empty() {
		return Ok(());
	}
	let known = client.mesh_endpoints_of(&Party::Worker(worker), None).await?;
	for file in &registration.mesh {
		let (endpoint, proof) = file.read()?;
		if known.contains(&endpoint) {
			continue;
		}
		let arguments = (endpoint, Some(worker), proof).encode();
		let question = "register its endpoint in the mesh, for a deposit?";
		submit(&client, &signer, MESH, "register_endpoint", arguments, question, send, app).await?;
	}
	Ok(())
}

pub(crate) async fn send_call(
	pallet: &str,
	call: &str,
	arguments: Vec<u8>,
	question: &str,
	send: &SendArgs,
	app: &App,
) -> Result<()> {
	let (client, signer) = send.key.connect(app).await?;
	submit(&client, &signer, pallet, call, arguments, question, send, app).await
}

async fn submit(
	client: &Client,
	signer: &Keypair,
	pallet: &str,
	call: &str,
	arguments: Vec<u8>,
	question: &str,
	send: &SendArgs,
	app: &App,
) -> Result<()> {
	let bytes = client.call(pallet, call, Raw(arguments)).await?;
	app.output.confirm(question, send.yes)?;
	let pending = client.submit(&bytes, signer).await?;
	let included =
		if send.finalized { pending.finalized().await? } else { pending.in_block().await? };
	let json = json!({
		"call": format!("{pallet}.{call}"),
		"operator": output::address(&Client::account_of(signer)),
		"block": included.block.number,
		"block_hash": output::hash(&included.block.hash),
		"extrinsic": output::hash(&included.hash),
	});
	app.output.result(&json, || format!("{pallet}.{call} done in block {}", included.block.number))
}

async fn show(address: Option<AccountId>, key: &KeyArgs, app: &App) -> Result<()> {
	let (client, account) = key.account(address, app).await?;
	let view: Option<OperatorView> = client.view(STAKING, "operator", &account).await?;
	let address = output::address(&account);
	let Some(view) = view else {
		return Err(Error::Chain(format!(
			"{address} is no operator; `io operator register --stake IO` makes it one"
		)));
	};
	let metadata = String::from_utf8_lossy(&view.metadata).into_owned();
	let json = json!({
		"operator": address,
		"active": output::json_amount(view.active),
		"own": output::json_amount(view.own),
		"locked": output::json_amount(view.locked),
		"free": output::json_amount(view.free),
		"pending_slashes": output::json_amount(view.pending),
		"leaving": output::json_amount(view.leaving),
		"holders": view.holders,
		"commission_ppb": view.commission,
		"work": view.work.to_string(),
		"candidate": view.candidate,
		"metadata": metadata,
	});
	app.output.result(&json, || {
		output::list([
			("operator", address.clone()),
			("stake of its pool", output::money(view.active)),
			("its own", output::money(view.own)),
			("holders", view.holders.to_string()),
			("commission", share(view.commission)),
			("locked by jobs and devices", output::money(view.locked)),
			("free for bonds", output::money(view.free)),
			("leaving", output::money(view.leaving)),
			("pending slashes", output::money(view.pending)),
			// It is somebody else's text: no control characters on the terminal.
			("metadata", metadata.escape_debug().to_string()),
			("stands for election", if view.candidate { "yes" } else { "no" }.into()),
		])
	})
}

async fn slashes(address: Option<AccountId>, app: &App) -> Result<()> {
	const ITEM: &str = "Slashes";
	let client = app.connect().await?;
	let mut ids: Vec<u64> = client.storage_keys(STAKING, ITEM, usize::MAX).await?;
	ids.sort_unstable();
	let mut found = Vec::new();
	for id in ids {
		let slash: Option<PendingSlash> =
			client.storage(STAKING, ITEM, &[id.encode()], None).await?;
		let Some(slash) = slash else { continue };
		if address.as_ref().is_none_or(|wanted| *wanted == slash.operator) {
			found.push((id, slash));
		}
	}
	let json = json!({
		"slashes": found
			.iter()
			.map(|(id, slash)| json!({
				"slash": id,
				"operator": output::address(&slash.operator),
				"amount": output::json_amount(slash.amount),
				"operators_alone": output::json_amount(slash.own),
				"reason": format!("{:?}", slash.reason),
				"due": slash.due,
				"harmed": slash.harmed.as_ref().map(|(who, most)| json!({
					"account": output::address(who),
					"at_most": output::json_amount(*most),
				})),
			}))
			.collect::<Vec<_>>(),
	});
	app.output.result(&json, || {
		if found.is_empty() {
			return "no pending slashes".into();
		}
		let mut table = output::table([
			"slash",
			"operator",
			"amount",
			"the operator's alone",
			"reason",
			"due in block",
		]);
		for (id, slash) in &found {
			table.add_row([
				id.to_string(),
				output::address(&slash.operator),
				output::money(slash.amount),
				output::money(slash.own),
				format!("{:?}", slash.reason),
				slash.due.to_string(),
			]);
		}
		table.to_string()
	})
}

async fn workers(address: Option<AccountId>, key: &KeyArgs, app: &App) -> Result<()> {
	let (client, account) = key.account(address, app).await?;
	let summary: Summary = client.view(JOBS, "operator_summary", &account).await?;
	let mut views = Vec::new();
	for found in summary.workers {
		if let Some(view) = client.worker(&found.worker).await? {
			let budget = client.mesh_budget(&found.worker, None).await?;
			views.push((view, budget.map_or(0, |budget| budget.held)));
		}
	}
	let json = json!({
		"operator": output::address(&account),
		"workers": views
			.iter()
			.map(|(view, for_relays)| {
				let mut json = worker_json(view);
				json["for_relays"] = output::json_amount(*for_relays);
				json
			})
			.collect::<Vec<_>>(),
	});
	app.output.result(&json, || {
		if views.is_empty() {
			return "no devices; `io operator register-worker` adds one".into();
		}
		let mut table = output::table([
			"worker",
			"class",
			"asks per unit",
			"online",
			"replicas",
			"capacity",
			"reputation",
			"for relays",
		]);
		for (view, for_relays) in &views {
			table.add_row([
				output::key(&view.worker),
				view.profile.class.to_string(),
				output::money(view.profile.ask_per_unit),
				if view.online { "yes" } else { "no" }.into(),
				view.live.len().to_string(),
				view.profile.capacity.to_string(),
				percent(view.reputation),
				output::money(*for_relays),
			]);
		}
		table.to_string()
	})
}

fn percent(ppm: u32) -> String {
	format!("{}.{} %", ppm / 10_000, ppm / 1_000 % 10)
}

/// A device for programs.
pub(crate) fn worker_json(view: &WorkerView<AccountId>) -> Value {
	json!({
		"worker": output::key(&view.worker),
		"operator": output::address(&view.operator),
		"class": view.profile.class,
		"ask_per_unit": output::json_amount(view.profile.ask_per_unit),
		"capacity": view.profile.capacity,
		"engines": view.profile.engines.0,
		"endpoints": view
			.profile
			.endpoints
			.iter()
			.map(|e| String::from_utf8_lossy(e).into_owned())
			.collect::<Vec<_>>(),
		"online": view.online,
		"last_heartbeat": view.last_heartbeat,
		"live": view
			.live
			.iter()
			.map(|(job, replica)| json!({ "job": job, "replica": replica }))
			.collect::<Vec<_>>(),
		"reputation_ppm": view.reputation,
		"free_bond": output::json_amount(view.free_bond),
	})
}
