//! Delegators earn with a collator, and share the slash of an operator whose device cheats.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use io_primitives::{AccountId, Balance};
use serde_json::Value;
use sp_core::H256;

use crate::{
	chain::account_of,
	money::{Books, STAKE as HOLD, io},
	programs,
	puppet::{Answer, Conduct, Puppet},
	worker::Options,
	world::{IO, Party, STAKE, World},
};

/// What the delegators put into the cheat's pool, in IO.
const EARLY: Balance = 300;
const LEAVING: Balance = 200;
const MOVED: Balance = 100;

pub(super) async fn run(world: &mut World) -> Result<()> {
	let market = world.market("staking", 3).await?;
	let [early, leaving, moved, later, saver]: [Party; 5] = world
		.people("staking", &["early", "leaving", "moved", "later", "saver"])
		.await?
		.try_into()
		.map_err(|_| anyhow::anyhow!("as many people as names"))?;
	let mut keys = Vec::new();
	let mut honest = Vec::new();
	for i in 0..2 {
		let name = format!("staking-honest-{i}");
		let operator = &market.operators[i];
		let worker = world.real_worker(&name, operator, market.class, Options::default()).await?;
		keys.push(worker.key());
		honest.push(worker);
	}
	let lie = Answer { exit_code: 0, units: 1, output: H256::repeat_byte(0x22) };
	let cheat = Puppet::new(&world.uri("staking/cheat"), Conduct::Follows, lie)?;
	let operator = &market.operators[2];
	world.register_puppet(&cheat, operator, market.class, 1).await?;
	keys.push(cheat.worker());
	let _cheat = cheat.run(world.chain.clone());
	world.wait_online(&keys).await?;
	let pool = operator.account.to_string();
	let other = market.operators[0].account.to_string();
	let alice = account_of(&subxt_signer::sr25519::dev::alice());

	let delegate =
		|amount: Balance| ["stake".into(), "delegate".into(), pool.clone(), amount.to_string()];
	send(world, &early, &delegate(EARLY)).await?;
	send(world, &leaving, &delegate(LEAVING)).await?;
	send(world, &moved, &delegate(MOVED)).await?;
	let saved = 500 * IO;
	send(world, &saver, &["stake".into(), "delegate".into(), alice.to_string(), "500".into()])
		.await?;
	world.step("`io stake delegate`: three in the cheat's pool, one in the collator's");

	// Who left in an era before that of the job would not answer for it: an era is longer than what follows.
	world.sync().await?;
	let now = world.chain.best().await?;
	era_end(world, now).await?;
	send(world, &leaving, &["stake".into(), "unbond".into(), pool.clone(), "all".into()]).await?;
	send(
		world,
		&moved,
		&["stake".into(), "move".into(), pool.clone(), other.clone(), "all".into()],
	)
	.await?;
	let spec = world.spec(market.class, "staking.wasm", programs::hello()?)?;
	let job = world.submit(&spec, &market.requester).await?;
	let outcome = world.wait_end(job, world.job_limit(60)).await?;
	world.check_settled(&spec, &outcome, 0)?;
	let pending = json(world, &["operator", "slashes", &pool]).await?;
	send(world, &later, &delegate(EARLY)).await?;
	let (amount, ..) = world.one_slash(operator, "Disagreed").await?;

	let pending = &pending["slashes"][0];
	ensure!(
		(number(pending, "amount")?, number(pending, "operators_alone")?) == (amount, amount / 2),
		"`io operator slashes` shows something else: {pending}"
	);

	// Half is the operator's alone, the rest everybody's; each part is rounded up, of what is left.
	let own = STAKE - amount / 2;
	let active = own + EARLY * IO;
	let [from_active, from_leaving, from_moved] =
		divide(amount - amount / 2, [active, LEAVING * IO, MOVED * IO]);
	let mut value = active - from_active;
	let mut shares = active;
	let joined = EARLY * IO * shares / value;
	shares += joined;
	value += EARLY * IO;
	let worth = |of: Balance| of * value / shares;
	let positions = [
		(&early, &operator.account, worth(EARLY * IO), 0),
		(&leaving, &operator.account, 0, LEAVING * IO - from_leaving),
		(&moved, &market.operators[0].account, MOVED * IO, 0),
		(&later, &operator.account, worth(joined), 0),
		(operator, &operator.account, worth(own), 0),
	];
	for (who, of, worth, unbonding) in positions {
		let shown = position(world, &who.account, of).await?;
		ensure!(
			(shown.worth, shown.unbonding) == (worth, unbonding),
			"{} has {} and {} that leaves, not {worth} and {unbonding}",
			who.uri,
			shown.worth,
			shown.unbonding
		);
	}
	ensure!(EARLY * IO - worth(joined) <= 1, "who joined later has paid");
	let owed = position(world, &moved.account, &market.operators[0].account).await?.uncollected;
	ensure!(owed == from_moved, "who moved owes {owed} instead of {from_moved}");
	world.step(format!(
		"of {} IO the operator pays half alone; who was there, who leaves and who moved pay their part of the rest, \
		 who joined later pays nothing: to the unit",
		io(amount)
	));

	// The coins leave the accounts when somebody settles.
	for (who, of, left) in [
		(&early, &pool, worth(EARLY * IO)),
		(&leaving, &pool, LEAVING * IO - from_leaving),
		(&moved, &other, MOVED * IO - from_moved),
	] {
		let args = ["stake".into(), "settle".into(), who.account.to_string(), of.clone()];
		send(world, who, &args).await?;
		let held = Books::now(&world.chain).await?.held(&who.account, HOLD);
		ensure!(held == left, "{} has {held} on hold instead of {left}", who.uri);
	}
	world.step("`io stake settle`: holds are what the positions are worth");

	let shown = position(world, &saver.account, &alice).await?;
	ensure!(shown.unminted > 0, "the delegator of the only collator has earned nothing");
	ensure!(shown.worth == saved + shown.unminted, "worth and reward do not add up");
	send(
		world,
		&saver,
		&["stake".into(), "settle".into(), saver.account.to_string(), alice.to_string()],
	)
	.await?;
	let held = Books::now(&world.chain).await?.held(&saver.account, HOLD);
	ensure!(held >= saved + shown.unminted, "the reward is not in the hold");
	world.step(format!("the collator's delegator has earned {} IO", io(held - saved)));

	// The fees of the job that were burnt pay who worked for it, whoever claims.
	let era = era_of_pay(world, &market.operators[0].account).await?;
	let before = Books::now(&world.chain).await?.free(&market.operators[0].account);
	let args = ["stake".into(), "claim".into(), era.to_string(), other.clone()];
	send(world, &later, &args).await?;
	let after = Books::now(&world.chain).await?.free(&market.operators[0].account);
	ensure!(after > before, "an honest operator has claimed nothing for era {era}");
	world.step(format!("`io stake claim`: {} IO for the work of era {era}", io(after - before)));

	let preview = json(world, &["stake", "preview"]).await?;
	let best = &preview["candidates"][0];
	ensure!(
		best["account"] == alice.to_string() && best["elected"] == true,
		"not Alice: {preview}"
	);
	let parts = (number(best, "stake_score")?, number(best, "work_score")?);
	ensure!(parts.0 > 0 && parts.0 + parts.1 <= number(&preview, "score_of_all")?, "{preview}");
	let validators = json(world, &["stake", "validators"]).await?;
	ensure!(validators["validators"][0]["account"] == alice.to_string(), "{validators}");
	let apy = json(world, &["stake", "apy"]).await?;
	ensure!(
		number(&apy, "supply")? > number(&apy, "staked")?,
		"more is staked than there is: {apy}"
	);
	// People get tables.
	for (command, words) in [
		(&["stake", "preview"][..], ["score for stake", "score for work"]),
		(&["stake", "positions", &later.account.to_string()][..], ["worth", &pool]),
		(&["operator", "show", &pool][..], ["stake", "pending"]),
	] {
		let text = world.io(None, command).await?.ok(command[1])?.stdout;
		ensure!(words.iter().all(|word| text.contains(word)), "{words:?} are not in {text}");
	}
	Ok(())
}

/// What `io stake positions` shows of one pool.
struct Position {
	worth: Balance,
	unbonding: Balance,
	unminted: Balance,
	uncollected: Balance,
}

async fn position(world: &World, who: &AccountId, operator: &AccountId) -> Result<Position> {
	let shown = json(world, &["stake", "positions", &who.to_string()]).await?;
	let all = shown["positions"].as_array().context("no list of positions")?;
	let one = all
		.iter()
		.find(|position| position["operator"] == operator.to_string())
		.with_context(|| format!("{who} has nothing in the pool of {operator}: {shown}"))?;
	let unbonding = one["unbonding"].as_array().context("no list of what leaves")?;
	Ok(Position {
		worth: number(one, "worth")?,
		unbonding: unbonding.iter().map(|part| number(part, "amount")).sum::<Result<_>>()?,
		unminted: number(one, "unminted_rewards")?,
		uncollected: number(one, "uncollected_slashes")?,
	})
}

async fn json(world: &World, args: &[&str]) -> Result<Value> {
	let all: Vec<_> = ["--json"].iter().chain(args).copied().collect();
	let text = world.io(None, &all).await?.ok(args[1])?.stdout;
	serde_json::from_str(&text).with_context(|| format!("no JSON: {text}"))
}

/// An amount, which JSON has as text.
fn number(value: &Value, field: &str) -> Result<Balance> {
	let text = value[field].as_str().with_context(|| format!("no {field} in {value}"))?;
	Ok(text.parse()?)
}

async fn send(world: &World, who: &Party, args: &[String]) -> Result<()> {
	let all: Vec<_> = args.iter().map(String::as_str).chain(["--yes", "--finalized"]).collect();
	world.io(Some(who), &all).await?.ok(&args.join(" "))?;
	Ok(())
}

/// Waits for the end of an era after a block, and returns its number.
async fn era_end(world: &mut World, block: u32) -> Result<u32> {
	let limit = world.node.block_time() * 50 + Duration::from_secs(60);
	let event = world
		.wait_event("the end of an era", limit, |event| {
			event.block > block && event.is("IoStaking", "EraEnded")
		})
		.await?;
	Ok(u32::try_from(event.number("era")?)?)
}

/// The era in which an operator was paid for a job, when it is over.
async fn era_of_pay(world: &mut World, operator: &AccountId) -> Result<u32> {
	let mut paid = None;
	for event in world.events.iter().filter(|event| event.is("IoJobs", "ReplicaPaid")) {
		if event.account("operator")? == *operator {
			paid = Some(event.block);
		}
	}
	era_end(world, paid.context("the operator was paid for nothing")?).await
}

/// Divides an amount in proportion, to the unit: each part is rounded up, of what is left.
fn divide<const N: usize>(mut amount: Balance, values: [Balance; N]) -> [Balance; N] {
	let mut whole: Balance = values.iter().sum();
	values.map(|value| {
		let part = (value * amount).div_ceil(whole);
		whole -= value;
		amount -= part;
		part
	})
}
