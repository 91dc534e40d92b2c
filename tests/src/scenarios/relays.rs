//! Relays that are registered on chain: who finds them, who pays them, and what becomes of a dead one.

use std::{
	collections::{BTreeMap, BTreeSet},
	path::Path,
	time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use io_primitives::{
	Balance, JobState,
	mesh::{EpochIndex, owed},
};

use super::mesh::{check_output, files, job_of, run_io, submit};
use crate::{
	chain::Seen,
	relays::BondedRelay,
	worker::{Options, RealWorker},
	world::{IO, Market, World},
};

/// What a relay takes for a GiB, in IO: so much that some hundred bytes are worth a claim.
const GIB_PRICE: Balance = 10_000;
/// Time for a relay to find that an epoch is over, and to claim.
const CLAIM: Duration = Duration::from_secs(90);
/// Time in which a dead relay is taken off the map: two epochs in which the worker finds it dead, and what is before and after.
const CHILL: Duration = Duration::from_secs(150);

pub(super) async fn run(world: &mut World) -> Result<()> {
	let market = world.market("relays", 1).await?;
	let people = world.people("relays", &["relay-0", "relay-1", "fees"]).await?;
	let mut relays = Vec::new();
	for (number, (operator, region)) in people.iter().zip(["DE", "US"]).enumerate() {
		let name = format!("bonded-relay-{number}");
		let price = GIB_PRICE.to_string();
		let relay = BondedRelay::start(world, &name, operator, &people[2], region, &price).await?;
		relays.push(relay);
	}
	let all = relays.iter().map(|relay| relay.url().to_owned()).collect();
	ensure!(on_map(world).await? == all, "`io relay list` shows others");
	world.step("two relays are registered, and `io relay list` shows them");

	let options = Options { mesh: true, ..Options::default() };
	let operator = &market.operators[0];
	let mut worker =
		RealWorker::prepare(world, "relays-0", operator, market.class, options).await?;
	let key = format!("0x{}", hex::encode(worker.key().0));
	let fund = ["operator", "fund-relays", &key, "500", "--yes"];
	world.io(Some(operator), &fund).await?.ok("io operator fund-relays")?;
	let mesh_key = format!("--mesh-key={}", world.dir.join("relays-mesh.key").display());
	let register = ["mesh", "register", &mesh_key, "--yes"];
	world.io(Some(&market.requester), &register).await?.ok("io mesh register")?;
	world.start_worker(&mut worker).await?;
	world.wait_online(&[worker.key()]).await?;
	job(world, &market, &mesh_key, "relays-first").await?;
	world.step("worker and requester found the relays by themselves: a job went through them");

	// What it signs when it ends counts too.
	worker.process()?.terminate(Duration::from_secs(20)).await?;
	let signed = receipts(&worker.log())?;
	for relay in &relays {
		let of_relay = signed.iter().filter(|((url, _), _)| url == relay.url());
		let due = of_relay.map(|(_, bytes)| owed(*bytes, GIB_PRICE * IO)).sum();
		wait_paid(world, relay, due).await?;
	}
	let bytes: u64 = signed.values().sum();
	ensure!(bytes > 2_000_000, "the worker signed for {bytes} bytes, which is less than a job is");
	world.step(format!("receipts for {bytes} bytes were claimed and paid to the unit"));

	world.start_worker(&mut worker).await?;
	world.wait_online(&[worker.key()]).await?;
	relays[0].kill().await?;
	let dead = relays[0].id();
	let chilled = |event: &Seen| {
		event.is("IoMesh", "RelayChilled")
			&& event.bytes("relay").is_ok_and(|relay| relay == dead.0)
	};
	world.wait_event("taking the dead relay off the map", CHILL, chilled).await?;
	ensure!(on_map(world).await? == [relays[1].url().to_owned()].into(), "the map is wrong");
	job(world, &market, &mesh_key, "relays-second").await?;
	world.step("the worker reported the dead relay, and it is off the map; jobs go on without it");
	Ok(())
}

/// URLs of the relays that the command line shows.
async fn on_map(world: &World) -> Result<BTreeSet<String>> {
	let shown = world.io(None, &["--json", "relay", "list"]).await?.ok("io relay list")?;
	let json: serde_json::Value = serde_json::from_str(&shown.stdout)?;
	let relays = json["relays"].as_array().context("no relays")?;
	let urls = relays.iter().map(|relay| relay["url"].as_str().map(str::to_owned));
	urls.collect::<Option<_>>().context("a relay without a URL")
}

/// A job whose input and output go through the mesh, at the relays of the chain.
async fn job(world: &mut World, market: &Market, mesh_key: &str, name: &str) -> Result<()> {
	let (program, file) = files(world, name)?;
	let output = world.dir.join(format!("{name}-output"));
	let to = format!("--output={}", output.display());
	let more = ["--replicas=1", "--quorum=1", mesh_key, "--relay-only", &to];
	let args = submit(market, &program, Some(&file), &more);
	let done = run_io(world, market, &args).await?.ok("io job submit --mesh")?;
	check_output(&output)?;
	world.sync().await?;
	let state = world.job(job_of(&done.stdout)?).await?.state;
	ensure!(state == JobState::Settled, "the job is {state:?}");
	Ok(())
}

/// The bytes of the last receipt for each relay and epoch, as the worker's log has them.
fn receipts(log: &Path) -> Result<BTreeMap<(String, EpochIndex), u64>> {
	let mut all = BTreeMap::new();
	let log = std::fs::read_to_string(log)?;
	for line in log.lines().filter(|line| line.contains("gave the relay a receipt")) {
		let field = |name: &str| {
			let found = line.split_whitespace().find_map(|word| word.strip_prefix(name));
			found.map(|value| value.trim_matches('"')).with_context(|| format!("no {name} {line}"))
		};
		let (relay, epoch) = (field("relay=")?.to_owned(), field("epoch=")?.parse()?);
		all.insert((relay, epoch), field("bytes=")?.parse()?);
	}
	Ok(all)
}

/// Waits until a relay's operator was paid so much, and no more.
async fn wait_paid(world: &mut World, relay: &BondedRelay, due: Balance) -> Result<()> {
	let until = Instant::now() + CLAIM;
	loop {
		world.sync().await?;
		let id = relay.id();
		let payments = world.events.iter().filter(|event| {
			event.is("IoMesh", "RelayPaid") && event.bytes("relay").is_ok_and(|of| of == id.0)
		});
		let paid: Balance = payments.map(|event| event.number("amount")).sum::<Result<_>>()?;
		if paid == due {
			return Ok(());
		}
		ensure!(paid < due && Instant::now() < until, "{paid} was paid for what is worth {due}");
		tokio::time::sleep(Duration::from_millis(500)).await;
	}
}
