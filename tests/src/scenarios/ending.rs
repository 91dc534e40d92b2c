//! Jobs that end without a result.

use anyhow::{Context, Result, ensure};
use io_primitives::{Balance, JobState, Outcome};
use subxt::dynamic::Value;

use crate::{
	chain::{call, call_value},
	money::{Books, JOB_ESCROW},
	programs,
	world::{Market, World},
};

pub(super) async fn cancel(world: &mut World) -> Result<()> {
	let market = world.market("cancel", 0).await?;
	let before = Books::now(&world.chain).await?;
	let spec = world.spec(market.class, "cancel.wasm", programs::hello()?)?;
	let job = world.submit(&spec, &market.requester).await?;
	let view = world.job(job).await?;
	ensure!(view.state == JobState::Open, "nobody is there, but the job is {:?}", view.state);
	let books = Books::now(&world.chain).await?;
	let held = books.held(&market.requester.account, JOB_ESCROW);
	ensure!(held == view.escrow, "{held} is on hold for an escrow of {}", view.escrow);

	let stranger = crate::world::Party::new("//Bob")?;
	let other = world.io(Some(&stranger), &["job", "cancel", &job.to_string(), "--yes"]).await?;
	other.refused("io job cancel by a stranger", &["only that account", "NotRequester"])?;
	let done =
		world.io(Some(&market.requester), &["job", "cancel", &job.to_string(), "--yes"]).await?;
	done.ok("io job cancel")?;
	let outcome = world.wait_end(job, world.job_limit(10)).await?;
	ensure!(outcome.state == JobState::Cancelled, "the job is {:?}", outcome.state);
	refunded(world, &market, &before, &outcome).await
}

pub(super) async fn expire(world: &mut World) -> Result<()> {
	let market = world.market("expire", 0).await?;
	let ttl = set_open_ttl(world, Some(6)).await;
	ttl.context("OpenTtl could not be set")?;
	let before = Books::now(&world.chain).await?;
	let spec = world.spec(market.class, "expire.wasm", programs::hello()?)?;
	let job = world.submit(&spec, &market.requester).await?;
	let outcome = world.wait_end(job, world.job_limit(20)).await;
	set_open_ttl(world, None).await?;
	let outcome = outcome?;
	ensure!(outcome.state == JobState::Expired, "the job is {:?}", outcome.state);
	refunded(world, &market, &before, &outcome).await
}

/// All of the requester's money is back, except for transaction fees.
async fn refunded(
	world: &mut World,
	market: &Market,
	before: &Books,
	outcome: &Outcome<io_primitives::AccountId>,
) -> Result<()> {
	world.sync().await?;
	ensure!(outcome.paid == 0 && outcome.fee == 0, "something was paid: {outcome:?}");
	ensure!(outcome.payees.is_empty(), "somebody was paid: {outcome:?}");
	let mut fees: Balance = 0;
	let who = &market.requester.account;
	for event in &world.events {
		if event.block > before.block
			&& event.is("TransactionPayment", "TransactionFeePaid")
			&& event.account("who")? == *who
		{
			fees += event.number("actual_fee")?;
		}
	}
	let after = Books::now(&world.chain).await?;
	ensure!(
		before.free(who) - after.free(who) == fees,
		"the requester lost {} besides the transaction fees of {fees}",
		before.free(who) - after.free(who)
	);
	world.step("everything is refunded but the transaction fees");
	Ok(())
}

/// Sets how long a job waits for workers; `None` brings back the default.
async fn set_open_ttl(world: &World, blocks: Option<u32>) -> Result<()> {
	let value = match blocks {
		Some(blocks) => {
			let timers = [
				("open_ttl", blocks),
				("accept_blocks", 10),
				("reveal_blocks", 20),
				("heartbeat_ttl", 50),
				("max_run_blocks", 14_400),
			];
			let timers = timers.map(|(name, blocks)| (name, Value::u128(blocks.into())));
			Value::unnamed_variant("Some", [Value::named_composite(timers)])
		},
		None => Value::unnamed_variant("None", []),
	};
	let key = Value::unnamed_composite([]);
	let parameter =
		Value::unnamed_variant("Jobs", [Value::unnamed_variant("Timers", [key, value])]);
	let set = call_value("Parameters", "set_parameter", vec![("key_value", parameter)]);
	let sudo = call("Sudo", "sudo", vec![("call", set)]);
	let done = world.chain.submit(&sudo, &subxt_signer::sr25519::dev::alice()).await?;
	let event = done.event("Sudo", "Sudid")?;
	ensure!(event.variant("sudo_result")? == "Ok", "refused: {event:?}");
	Ok(())
}
