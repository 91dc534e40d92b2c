//! The direct mode: without an off-chain worker, over a node's WebSocket.
//!
//! For each best block it asks the runtime the same as the off-chain worker does, and submits the same signed calls.
//! It acts only while no off-chain worker calls.

use std::time::{Duration, Instant};

use futures::StreamExt;
use io_client::Client;
use io_primitives::{
	attestation::AttestRequest,
	gateway::{SyncRequest, WorkerSync},
};

use crate::{agent::Agent, attest::Attester};

/// Longest pause between two tries to connect.
const MAX_PAUSE: Duration = Duration::from_secs(30);

/// Follows the chain for ever.
pub async fn run(agent: Agent, attester: Attester, url: String, after: Duration) {
	let mut pause = Duration::from_secs(1);
	let client = loop {
		match Client::connect(&url).await {
			Ok(client) => break client,
			Err(error) => {
				tracing::warn!(%error, "direct mode: no connection; trying again in {} s", pause.as_secs());
				tokio::time::sleep(pause).await;
				pause = (pause * 2).min(MAX_PAUSE);
			},
		}
	};
	tracing::info!(url, genesis = ?client.genesis(), "direct mode: connected");
	if let Some(bound) = agent.genesis()
		&& let Err(error) = client.expect_genesis(bound)
	{
		tracing::error!(%error, "direct mode: wrong node");
	}
	let started = Instant::now();
	let mut active = false;
	let mut said = String::new();
	let mut blocks = client.best_blocks();
	while let Some(block) = blocks.next().await {
		let silent = agent.last_off_chain_worker().unwrap_or_else(|| started.elapsed());
		let act = silent >= after;
		if act != active {
			active = act;
			if act {
				tracing::info!("direct mode: no off-chain worker calls; taking over");
			} else {
				tracing::info!("direct mode: an off-chain worker calls; standing by");
			}
		}
		if !act {
			continue;
		}
		let outcome = match block {
			Ok(block) => match once(&agent, &client, block.number).await {
				Ok(()) => attest(&agent, &attester, &client).await,
				failed => failed,
			},
			Err(error) => Err(error.to_string()),
		};
		match outcome {
			Ok(()) if !said.is_empty() => {
				tracing::info!("direct mode: works again");
				said.clear();
			},
			Ok(()) => {},
			Err(error) if error == said => tracing::debug!(error, "direct mode"),
			Err(error) => {
				tracing::warn!(error, "direct mode");
				said = error;
			},
		}
	}
}

async fn once(agent: &Agent, client: &Client, best: u32) -> Result<(), String> {
	let worker = agent.worker();
	let (view, assignments) = tokio::try_join!(client.worker(&worker), client.assignments(&worker))
		.map_err(|e| e.to_string())?;
	let request = SyncRequest {
		genesis: client.genesis(),
		best,
		workers: vec![WorkerSync { worker, view, assignments }],
	};
	let own = agent.clone();
	let response = tokio::task::spawn_blocking(move || own.sync(&request))
		.await
		.map_err(|e| e.to_string())?
		.map_err(|e| e.to_string())?;
	for call in &response.calls {
		// The pool refuses what it has or what came too late; the next block shows which.
		match client.submit_worker_call(call).await {
			Ok(hash) => tracing::debug!(?hash, call = ?call.call.target(), "submitted"),
			Err(error) if error.is_temporary() => return Err(error.to_string()),
			Err(error) => tracing::debug!(%error, call = ?call.call.target(), "not taken"),
		}
	}
	Ok(())
}

async fn attest(agent: &Agent, attester: &Attester, client: &Client) -> Result<(), String> {
	let worker = attester.worker();
	let view = match client.attestation(&worker).await {
		Ok(view) => view,
		// A chain of an earlier version proves no computing power.
		Err(io_client::Error::Missing { .. }) => return Ok(()),
		Err(error) => return Err(error.to_string()),
	};
	agent.runner().learn_para(view.para);
	let request = AttestRequest { genesis: client.genesis(), workers: vec![(worker, view)] };
	let own = attester.clone();
	let response = tokio::task::spawn_blocking(move || own.sync(&request))
		.await
		.map_err(|e| e.to_string())?
		.map_err(|e| e.to_string())?;
	for call in &response.calls {
		match client.submit_attestation(call).await {
			Ok(hash) => tracing::debug!(?hash, "submitted"),
			Err(error) if error.is_temporary() => return Err(error.to_string()),
			Err(error) => tracing::debug!(%error, "not taken"),
		}
	}
	Ok(())
}
