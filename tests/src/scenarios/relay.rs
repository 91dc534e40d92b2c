//! What only a real relay chain shows: blocks that are backed, included and finalised, and values from its state.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use codec::Decode;
use sp_core::H256;

use crate::{
	chain::{Chain, decode},
	network::{Inclusion, Shown},
	world::World,
};

/// How far back the relay chain is looked at, in its blocks.
const RELAY_BLOCKS: u32 = 60;
/// Blocks that must be included and finalised one after another.
const BLOCKS: u32 = 8;

/// Blocks are included without a gap, a few relay chain blocks after the one they were built upon, and then final.
pub(super) async fn inclusion(world: &mut World) -> Result<()> {
	let begun = Instant::now();
	let limit = world.node.block_time() * BLOCKS * 4 + Duration::from_secs(60);
	while world.chain.finalised().await? < BLOCKS {
		ensure!(begun.elapsed() < limit, "{BLOCKS} blocks were not finalised within {limit:?}");
		tokio::time::sleep(Duration::from_millis(500)).await;
	}
	let network = world.network()?;
	let to = network.relay.finalised().await?;
	let seen = network.inclusions(to.saturating_sub(RELAY_BLOCKS).max(1), to).await?;
	ensure!(seen.len() >= BLOCKS as usize, "only {} blocks were included", seen.len());
	for pair in seen.windows(2) {
		ensure!(pair[1].block == pair[0].block + 1, "a block is missing between {pair:?}");
	}
	let (first, last) = (seen.first().context("none")?, seen.last().context("none")?);
	let lag = |i: &Inclusion| i.included - i.relay_parent;
	let (least, most) = (seen.iter().map(lag).min(), seen.iter().map(lag).max());
	let (best, finalised) = (world.chain.best().await?, world.chain.finalised().await?);
	world.step(format!(
		"blocks {} to {} are included in relay chain blocks {} to {}, one every {:.2} of those, {} to {} after its relay parent; \
		 the best block {best} is {} ahead of the finalised one",
		first.block,
		last.block,
		first.included,
		last.included,
		f64::from(last.included - first.included) / f64::from(last.block - first.block),
		least.context("none")?,
		most.context("none")?,
		best.saturating_sub(finalised),
	));
	Ok(())
}

/// What the attestation pallet knows of the relay chain.
#[derive(Decode, Debug)]
struct Clock {
	relay_number: u32,
	slot: u64,
	folds: u64,
	acc: H256,
}

/// What the randomness pallet knows of the relay chain.
#[derive(Decode, Debug)]
struct Entropy {
	current_block: Option<H256>,
	one_epoch_ago: Option<H256>,
	_changed_at: u32,
	seen_at: u32,
}

/// The beacon and the slots are those of the relay chain, block by block.
pub(super) async fn beacon(world: &mut World) -> Result<()> {
	let network = world.network()?;
	let last = world.chain.finalised().await?;
	let first = last.saturating_sub(BLOCKS).max(1);
	let mut before: Option<Clock> = None;
	let mut lots = Vec::new();
	for block in first..=last {
		let entropy: Entropy = value(&world.chain, block, "IoRandomness", "Latest").await?;
		let clock: Clock = value(&world.chain, block, "IoAttestation", "Relay").await?;
		let shown = Shown::at(&network.relay, clock.relay_number).await?;
		ensure!(entropy.seen_at == block, "block {block} saw no randomness: {entropy:?}");
		ensure!(
			entropy.one_epoch_ago == shown.epoch && entropy.one_epoch_ago.is_some(),
			"block {block} has the randomness of another epoch: {entropy:?}, the relay chain shows {shown:?}"
		);
		if shown.author.is_some() {
			ensure!(
				entropy.current_block == shown.author,
				"block {block} has another lot: {entropy:?}, the relay chain shows {shown:?}"
			);
		}
		ensure!(
			clock.slot == shown.slot,
			"block {block} is in another slot: {clock:?}, the relay chain shows {shown:?}"
		);
		if let Some(before) = before.filter(|before| before.relay_number < clock.relay_number) {
			let (acc, folds) = match shown.author {
				Some(lot) => {
					let acc =
						io_tflops::transcript::fold(&before.acc.0, clock.relay_number, &lot.0);
					(acc, before.folds + 1)
				},
				None => (before.acc.0, before.folds),
			};
			ensure!(
				clock.acc.0 == acc && clock.folds == folds,
				"block {block} did not fold the relay chain's lot: {clock:?}"
			);
		}
		lots.extend(shown.author);
		before = Some(clock);
	}
	let all = lots.len();
	lots.sort();
	lots.dedup();
	ensure!(
		lots.len() >= 2,
		"the relay chain has shown {} lots in {} blocks",
		lots.len(),
		last - first + 1
	);
	world.step(format!(
		"blocks {first} to {last}: randomness, slot and folded beacon are what the relay chain's state says; {all} lots, {} different",
		lots.len()
	));
	Ok(())
}

async fn value<T: Decode>(chain: &Chain, block: u32, pallet: &str, item: &str) -> Result<T> {
	let hash = chain.block_hash(block).await?.with_context(|| format!("no block {block}"))?;
	let bytes = chain.storage(&chain.key(pallet, item)?, hash).await?;
	decode(&bytes.with_context(|| format!("block {block} has no {pallet}.{item}"))?)
}
