//! `io stake`: delegations, rewards, and the election of collators.

use clap::Subcommand;
use codec::{Compact, Decode, Encode};
use io_client::amount;
use io_primitives::{AccountId, Balance};
use serde_json::json;

use crate::{
	App,
	error::Result,
	keys::{self, KeyArgs},
	operator::{STAKING, SendArgs, send_call},
	output::{self, json_amount, money},
};

/// What all scores of an election add up to.
const SCORES: u128 = 1_000_000_000_000_000_000;
/// Parts of a whole in which the chain counts rates.
const BILLION: u64 = 1_000_000_000;

#[derive(Subcommand, Debug)]
pub(crate) enum StakeCommand {
	/// Put coins on hold in an operator's pool: they share its rewards and its slashes
	Delegate {
		/// The operator's address
		#[arg(value_parser = keys::parse_account)]
		operator: AccountId,
		/// How much, in IO
		#[arg(value_parser = amount::parse)]
		amount: Balance,
		#[command(flatten)]
		send: SendArgs,
	},
	/// Move coins from one pool to another without waiting, once an era; until they could have been withdrawn, they can still
	/// be slashed for what was done before in the first one
	Move {
		/// The address of the operator whose pool they leave
		#[arg(value_parser = keys::parse_account)]
		from: AccountId,
		/// The address of the operator whose pool they join
		#[arg(value_parser = keys::parse_account)]
		to: AccountId,
		/// How much, in IO, or `all`
		#[arg(value_parser = parse_amount_or_all)]
		amount: Balance,
		#[command(flatten)]
		send: SendArgs,
	},
	/// Begin to take coins out of a pool; they can be withdrawn, and slashed for what was done before, until the waiting
	/// time is over
	Unbond {
		/// The operator's address
		#[arg(value_parser = keys::parse_account)]
		operator: AccountId,
		/// How much, in IO, or `all`
		#[arg(value_parser = parse_amount_or_all)]
		amount: Balance,
		#[command(flatten)]
		send: SendArgs,
	},
	/// Take out the coins whose waiting time is over
	Withdraw {
		/// The operator's address
		#[arg(value_parser = keys::parse_account)]
		operator: AccountId,
		#[command(flatten)]
		send: SendArgs,
	},
	/// Bring a delegator's hold in line with its worth; who does it for somebody that was slashed gets a hundredth of the slash
	Settle {
		/// The delegator's address
		#[arg(value_parser = keys::parse_account)]
		delegator: AccountId,
		/// The operator's address
		#[arg(value_parser = keys::parse_account)]
		operator: AccountId,
		#[command(flatten)]
		send: SendArgs,
	},
	/// Have an operator paid for the work of an era; anybody can do it
	Claim {
		/// The era
		era: u32,
		/// The operator's address
		#[arg(value_parser = keys::parse_account)]
		operator: AccountId,
		#[command(flatten)]
		send: SendArgs,
	},
	/// Show what an account has in pools
	Positions {
		/// Its address; the key's own if it is left out
		#[arg(value_parser = keys::parse_account)]
		address: Option<AccountId>,
		#[command(flatten)]
		key: KeyArgs,
	},
	/// Show who authors blocks now
	Validators,
	/// Show the candidates, both halves of their scores, and who would be elected now
	Preview,
	/// Show supply, inflation and yield
	Apy,
}

/// A part of a position that leaves, as pallet-io-staking shows it.
#[derive(Decode)]
struct Leaving {
	value: Balance,
	due: u32,
}

/// A part of a position that came from another pool, as pallet-io-staking shows it.
#[derive(Decode)]
struct Moved {
	from: AccountId,
	value: Balance,
	due: u32,
}

/// What an account has in one pool, as pallet-io-staking shows it.
#[derive(Decode)]
struct Position {
	operator: AccountId,
	worth: Balance,
	unbonding: Vec<Leaving>,
	held: Balance,
	moves: Vec<Moved>,
	uncollected: Balance,
	unminted: Balance,
}

/// A member of the collator set, as pallet-io-staking shows it.
#[derive(Decode)]
struct Validator {
	who: AccountId,
	stake: Balance,
	own: Balance,
	commission: u32,
	points: u32,
	invulnerable: bool,
}

/// A candidate, as pallet-io-staking shows it.
#[derive(Decode)]
struct Score {
	who: AccountId,
	stake: Balance,
	work: u128,
	stake_score: u128,
	work_score: u128,
	elected: bool,
}

/// What staking yields, as pallet-io-staking shows it.
#[derive(Decode)]
struct Apy {
	supply: Balance,
	staked: Balance,
	/// Of 10^18.
	inflation: u64,
	/// Of 10^9.
	apy: u64,
}

fn parse_amount_or_all(text: &str) -> core::result::Result<Balance, String> {
	if text == "all" {
		return Ok(Balance::MAX);
	}
	amount::parse(text).map_err(|error| error.to_string())
}

fn money_or_all(amount: Balance) -> String {
	if amount == Balance::MAX { "all".into() } else { money(amount) }
}

pub(crate) async fn run(command: StakeCommand, app: &App) -> Result<()> {
	match command {
		StakeCommand::Delegate { operator, amount, send } => {
			let question = format!(
				"put {} on hold in the pool of {}?",
				money(amount),
				output::address(&operator)
			);
			let arguments = (operator, Compact(amount)).encode();
			send_call(STAKING, "delegate", arguments, &question, &send, app).await
		},
		StakeCommand::Move { from, to, amount, send } => {
			let what = money_or_all(amount);
			let (old, new) = (output::address(&from), output::address(&to));
			let question = format!("move {what} from the pool of {old} to that of {new}?");
			let arguments = (from, to, Compact(amount)).encode();
			send_call(STAKING, "redelegate", arguments, &question, &send, app).await
		},
		StakeCommand::Unbond { operator, amount, send } => {
			let what = money_or_all(amount);
			let from = output::address(&operator);
			let question = format!("begin to take {what} out of the pool of {from}?");
			let arguments = (operator, Compact(amount)).encode();
			send_call(STAKING, "unbond", arguments, &question, &send, app).await
		},
		StakeCommand::Withdraw { operator, send } => {
			let question = "take out the coins whose waiting time is over?";
			send_call(STAKING, "withdraw", operator.encode(), question, &send, app).await
		},
		StakeCommand::Settle { delegator, operator, send } => {
			let question = "bring the hold in line with its worth?";
			let arguments = (delegator, operator).encode();
			send_call(STAKING, "settle", arguments, question, &send, app).await
		},
		StakeCommand::Claim { era, operator, send } => {
			let to = output::address(&operator);
			let question = format!("have {to} paid for the work of era {era}?");
			let arguments = (Compact(era), operator).encode();
			send_call(STAKING, "claim", arguments, &question, &send, app).await
		},
		StakeCommand::Positions { address, key } => positions(address, &key, app).await,
		StakeCommand::Validators => validators(app).await,
		StakeCommand::Preview => preview(app).await,
		StakeCommand::Apy => apy(app).await,
	}
}

async fn positions(address: Option<AccountId>, key: &KeyArgs, app: &App) -> Result<()> {
	let (client, account) = key.account(address, app).await?;
	let positions: Vec<Position> = client.view(STAKING, "position", &account).await?;
	let json = json!({
		"account": output::address(&account),
		"positions": positions
			.iter()
			.map(|position| json!({
				"operator": output::address(&position.operator),
				"worth": json_amount(position.worth),
				"held": json_amount(position.held),
				"unminted_rewards": json_amount(position.unminted),
				"uncollected_slashes": json_amount(position.uncollected),
				"unbonding": position
					.unbonding
					.iter()
					.map(|part| json!({ "amount": json_amount(part.value), "due_era": part.due }))
					.collect::<Vec<_>>(),
				"moved": position
					.moves
					.iter()
					.map(|part| json!({
						"from": output::address(&part.from),
						"amount": json_amount(part.value),
						"due_era": part.due,
					}))
					.collect::<Vec<_>>(),
			}))
			.collect::<Vec<_>>(),
	});
	app.output.result(&json, || {
		if positions.is_empty() {
			return "nothing is staked; `io stake delegate` puts coins into a pool".into();
		}
		let mut table = output::table([
			"pool of",
			"worth",
			"leaving",
			"answers for",
			"rewards to mint",
			"slashes to collect",
		]);
		for position in &positions {
			let leaving: Vec<_> = position
				.unbonding
				.iter()
				.map(|part| format!("{} in era {}", money(part.value), part.due))
				.collect();
			let moved: Vec<_> = position
				.moves
				.iter()
				.map(|part| {
					let from = output::address(&part.from);
					format!("{} from {from} until era {}", money(part.value), part.due)
				})
				.collect();
			table.add_row([
				output::address(&position.operator),
				money(position.worth),
				leaving.join("\n"),
				moved.join("\n"),
				money(position.unminted),
				money(position.uncollected),
			]);
		}
		table.to_string()
	})
}

async fn validators(app: &App) -> Result<()> {
	let client = app.connect().await?;
	let validators: Vec<Validator> = client.view(STAKING, "validators", ()).await?;
	let json = json!({
		"validators": validators
			.iter()
			.map(|validator| json!({
				"account": output::address(&validator.who),
				"stake": json_amount(validator.stake),
				"own": json_amount(validator.own),
				"commission_ppb": validator.commission,
				"blocks_in_era": validator.points,
				"invulnerable": validator.invulnerable,
			}))
			.collect::<Vec<_>>(),
	});
	app.output.result(&json, || {
		let mut table = output::table([
			"collator",
			"stake",
			"its own",
			"commission",
			"blocks in this era",
			"seat",
		]);
		for validator in &validators {
			table.add_row([
				output::address(&validator.who),
				money(validator.stake),
				money(validator.own),
				percent(validator.commission.into(), BILLION.into()),
				validator.points.to_string(),
				if validator.invulnerable { "by governance" } else { "by election" }.into(),
			]);
		}
		table.to_string()
	})
}

async fn preview(app: &App) -> Result<()> {
	let client = app.connect().await?;
	let scores: Vec<Score> = client.view(STAKING, "election_preview", ()).await?;
	let json = json!({
		"candidates": scores
			.iter()
			.map(|score| json!({
				"account": output::address(&score.who),
				"stake": json_amount(score.stake),
				"work": score.work.to_string(),
				"stake_score": score.stake_score.to_string(),
				"work_score": score.work_score.to_string(),
				"elected": score.elected,
			}))
			.collect::<Vec<_>>(),
		"score_of_all": SCORES.to_string(),
	});
	app.output.result(&json, || {
		if scores.is_empty() {
			return "nobody stands for election; `io operator candidate` does".into();
		}
		let mut table = output::table([
			"candidate",
			"stake",
			"score for stake",
			"score for work",
			"score",
			"seat",
		]);
		for score in &scores {
			let total = score.stake_score.saturating_add(score.work_score);
			table.add_row([
				output::address(&score.who),
				money(score.stake),
				percent(score.stake_score, SCORES),
				percent(score.work_score, SCORES),
				percent(total, SCORES),
				if score.elected { "yes" } else { "no" }.into(),
			]);
		}
		table.to_string()
	})
}

async fn apy(app: &App) -> Result<()> {
	let client = app.connect().await?;
	let view: Apy = client.view(STAKING, "apy", ()).await?;
	let json = json!({
		"supply": json_amount(view.supply),
		"staked": json_amount(view.staked),
		"inflation_ppb": view.inflation / BILLION,
		"apy_ppb": view.apy,
	});
	app.output.result(&json, || {
		output::list([
			("supply", money(view.supply)),
			("staked", money(view.staked)),
			("inflation a year", percent(view.inflation.into(), SCORES)),
			("yield a year, before commission", percent(view.apy.into(), BILLION.into())),
		])
	})
}

/// A part of a whole in percent, with two digits.
fn percent(part: u128, whole: u128) -> String {
	let hundredths = part.saturating_mul(10_000) / whole.max(1);
	format!("{}.{:02} %", hundredths / 100, hundredths % 100)
}
