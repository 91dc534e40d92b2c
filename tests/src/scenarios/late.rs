//! A collator that comes late: it syncs, moves, gets keys and a seat, and authors.

use std::{
	path::Path,
	time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use codec::{Decode, Encode};
use subxt::rpcs::rpc_params;

use crate::{
	chain::{Chain, decode, encoded_call},
	network::THIRD,
	world::{Party, World},
};

const LIMIT: Duration = Duration::from_secs(240);

/// Full sync, warp sync, and a database that is copied.
pub(super) async fn sync(world: &mut World) -> Result<()> {
	let network = world.network()?;
	let data = network.dir().join(THIRD);
	for (how, args) in [
		("all blocks from genesis", ""),
		("warp sync", "--sync warp"),
		("all blocks, pruned", "--state-pruning 64 --blocks-pruning 64"),
	] {
		if data.exists() {
			std::fs::remove_dir_all(&data)?;
		}
		let begun = Instant::now();
		network.start_with(&[THIRD], args).await?;
		let late = network.connect(THIRD).await?;
		let at = catches_up(&world.chain, &late).await.with_context(|| how.to_owned())?;
		world.step(format!(
			"{how}: at finalised block {at} after {:.0} s",
			begun.elapsed().as_secs_f32()
		));
		network.stop(&[THIRD]).await?;
	}

	// A snapshot of a node that is not running, restored elsewhere.
	let (copy, height) = (network.dir().join("snapshot"), world.chain.finalised().await?);
	std::fs::rename(&data, &copy)?;
	copy_tree(&copy, &data)?;
	network.start_with(&[THIRD], "--state-pruning 64 --blocks-pruning 64").await?;
	let late = network.connect(THIRD).await?;
	let state: serde_json::Value = late.rpc("system_syncState", rpc_params![]).await?;
	let from = state["startingBlock"].as_u64().context("no startingBlock")?;
	ensure!(from + 20 >= u64::from(height), "the restored node began at block {from} of {height}");
	let at = catches_up(&world.chain, &late).await?;
	world.step(format!(
		"restored from a snapshot: began at block {from}, at finalised block {at} now"
	));
	std::fs::remove_dir_all(&copy)?;
	Ok(())
}

/// Waits until the late node has finalised what the other one has finalised now.
async fn catches_up(chain: &Chain, late: &Chain) -> Result<u32> {
	let (goal, begun) = (chain.finalised().await?, Instant::now());
	while late.finalised().await? < goal {
		ensure!(begun.elapsed() < LIMIT, "it is at {} of {goal}", late.finalised().await?);
		tokio::time::sleep(Duration::from_millis(500)).await;
	}
	ensure!(late.block_hash(goal).await? == chain.block_hash(goal).await?, "another block {goal}");
	Ok(goal)
}

fn copy_tree(from: &Path, to: &Path) -> Result<()> {
	std::fs::create_dir_all(to)?;
	for entry in std::fs::read_dir(from)? {
		let entry = entry?;
		let target = to.join(entry.file_name());
		if entry.file_type()?.is_dir() {
			copy_tree(&entry.path(), &target)?;
		} else {
			std::fs::copy(entry.path(), target)?;
		}
	}
	Ok(())
}

/// Session keys made in the node, with the proof that it has them; then stake, a seat, and blocks.
pub(super) async fn seat(world: &mut World) -> Result<()> {
	let network = world.network()?;
	network.start(&[THIRD]).await?;
	let late = network.connect(THIRD).await?;
	let charlie = Party::new("//Charlie")?;
	let owner = format!("0x{}", hex::encode(&charlie.account));
	let made: serde_json::Value =
		late.rpc("author_rotateKeysWithOwner", rpc_params![owner]).await?;
	let bytes = |name: &str| -> Result<Vec<u8>> {
		let text = made[name].as_str().with_context(|| format!("no {name}: {made}"))?;
		Ok(hex::decode(text.trim_start_matches("0x"))?)
	};
	let (keys, proof) = (bytes("keys")?, bytes("proof")?);
	let set =
		|proof: &[u8]| encoded_call("Session", "set_keys", [keys.clone(), proof.encode()].concat());
	let mut forged = proof.clone();
	if let Some(byte) = forged.last_mut() {
		*byte ^= 1;
	}
	let refused = world.chain.submit(&set(&forged), &charlie.key).await;
	ensure!(refused.is_err(), "keys were accepted with a forged proof");
	world.chain.submit(&set(&proof), &charlie.key).await?;
	world.step("session keys made in the node are set; with a forged proof they were refused");

	for args in [
		&["operator", "register", "--stake=20000", "--yes"][..],
		&["operator", "candidate", "--yes"][..],
	] {
		world.io(Some(&charlie), args).await?.ok(&args.join(" "))?;
	}
	// Two eras and two sessions, each block late.
	let limit = world.node.block_time() * 240;
	let begun = Instant::now();
	let authored = loop {
		ensure!(begun.elapsed() < limit, "{THIRD} has authored nothing in {limit:?}");
		tokio::time::sleep(Duration::from_secs(3)).await;
		let last = world.chain.finalised().await?;
		if author(&world.chain, last).await? == keys {
			break last;
		}
	};
	world.step(format!(
		"{THIRD} is elected and authored the finalised block {authored}, {:.0} s later",
		begun.elapsed().as_secs_f32()
	));
	Ok(())
}

/// Session key of a block's author.
async fn author(chain: &Chain, block: u32) -> Result<Vec<u8>> {
	let hash = chain.block_hash(block).await?.context("a block has gone")?;
	let header: serde_json::Value =
		chain.rpc("chain_getHeader", rpc_params![format!("{hash:?}")]).await?;
	let logs = header["digest"]["logs"].as_array().context("a header without a digest")?;
	let mut slot = None;
	for log in logs.iter().filter_map(|log| log.as_str()) {
		// A pre-runtime digest of Aura: variant 6, the engine, the encoded slot.
		if let Some(value) = log.strip_prefix("0x0661757261") {
			slot = Some(u64::decode(&mut &decode::<Vec<u8>>(&hex::decode(value)?)?[..])?);
		}
	}
	let slot = slot.context("a block without a slot")?;
	// The authorities that were in force for this block stand in the state of its parent.
	let parent = chain.block_hash(block - 1).await?.context("a block has gone")?;
	let authorities = chain
		.storage(&chain.key("Aura", "Authorities")?, parent)
		.await?
		.context("no authorities")?;
	let authorities: Vec<[u8; 32]> = decode(&authorities)?;
	ensure!(!authorities.is_empty(), "no authorities");
	Ok(authorities[(slot % authorities.len() as u64) as usize].to_vec())
}
