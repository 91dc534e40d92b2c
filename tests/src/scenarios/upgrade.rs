//! A new runtime comes to the running chain while a job runs.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use codec::Encode;
use sp_core::H256;
use sp_crypto_hashing::blake2_256;
use subxt::{dynamic::Value, rpcs::rpc_params};

use super::outage::{in_flight, settles};
use crate::{
	chain::{Chain, call, call_value, encoded_call},
	worker::Options,
	world::World,
};

pub(super) async fn run(world: &mut World) -> Result<()> {
	let wasm = io_next_runtime::WASM.context(
		"built without the runtime to upgrade to: build the workspace with --features io-next-runtime/wasm",
	)?;
	let limit = wasm.len() + 1;
	let code =
		sp_maybe_compressed_blob::compress_strongly(wasm, limit).context("cannot be compressed")?;
	let old = spec_version(&world.chain).await?;
	let market = world.market("upgrade", 3).await?;
	let _workers = world.workers("upgrade", &market, Options::default()).await?;
	let (job, spec) = in_flight(world, &market, "upgrade-1").await?;
	world.step(format!("spec_version {old}; job {job} runs on three workers"));

	// As governance would: the hash is authorised, then anybody may bring the code.
	let hash = blake2_256(&code);
	let authorise =
		call_value("System", "authorize_upgrade", vec![("code_hash", Value::from_bytes(hash))]);
	let sudo = call("Sudo", "sudo", vec![("call", authorise)]);
	let done = world.chain.submit(&sudo, &subxt_signer::sr25519::dev::alice()).await?;
	done.event("System", "UpgradeAuthorized")?;
	let apply = encoded_call("System", "apply_authorized_upgrade", code.encode());
	let done = world.chain.submit(&apply, &market.requester.key).await?;
	done.event("ParachainSystem", "ValidationFunctionStored")?;
	let begun = Instant::now();
	let stored = world.chain.height_of(Some(done.block)).await?.context("a block has gone")?;
	world.step(format!(
		"the new runtime ({} bytes, hash {:?}) is authorised, and stored in block {stored}; validators look at it now",
		code.len(),
		H256(hash)
	));
	while spec_version(&world.chain).await? == old {
		ensure!(begun.elapsed() < Duration::from_secs(300), "the relay chain gave no go-ahead");
		tokio::time::sleep(Duration::from_millis(500)).await;
	}
	let new = spec_version(&world.chain).await?;
	ensure!(new == old + 1, "spec_version {new} after {old}");
	world.step(format!("spec_version {new}, {:.0} s later", begun.elapsed().as_secs_f32()));
	// Metadata may have changed.
	world.reconnect().await?;
	let applied = world
		.wait_event("the change of runtime", Duration::from_secs(120), |e| {
			e.is("ParachainSystem", "ValidationFunctionApplied")
		})
		.await?;
	world.step(format!("block {} was the first with the new runtime", applied.block + 1));
	settles(world, job, &spec).await?;

	let (job, spec) = in_flight(world, &market, "upgrade-2").await?;
	settles(world, job, &spec).await?;
	world.nobody_was_slashed(&market)
}

async fn spec_version(chain: &Chain) -> Result<u64> {
	let version: serde_json::Value = chain.rpc("state_getRuntimeVersion", rpc_params![]).await?;
	version["specVersion"].as_u64().context("a runtime without spec_version")
}
