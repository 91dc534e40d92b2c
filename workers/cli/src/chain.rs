//! `io chain`: the chain and the node.

use clap::Subcommand;
use codec::Encode;
use io_primitives::{ClassId, ClassInfo};
use serde_json::json;

use crate::{App, error::Result, output};

#[derive(Subcommand, Debug)]
pub(crate) enum ChainCommand {
	/// What the node says of itself and its chain
	Info,
	/// The hardware classes, of which a job names one
	Classes,
}

pub(crate) async fn run(command: ChainCommand, app: &App) -> Result<()> {
	match command {
		ChainCommand::Info => info(app).await,
		ChainCommand::Classes => classes(app).await,
	}
}

async fn info(app: &App) -> Result<()> {
	let client = app.connect().await?;
	let info = client.chain_info().await?;
	let (best, finalized) = (client.best_block().await?, client.finalized_block().await?);
	let runtime = client.runtime().await?;
	let genesis = client.genesis();
	let market = runtime.has_pallet("IoJobs");
	let json = json!({
		"chain": info.chain,
		"chain_type": info.chain_type,
		"genesis": output::hash(&genesis),
		"node": info.node,
		"peers": info.peers,
		"syncing": info.syncing,
		"best": { "number": best.number, "hash": output::hash(&best.hash) },
		"finalized": { "number": finalized.number, "hash": output::hash(&finalized.hash) },
		"spec_version": runtime.spec_version(),
		"token": info.token,
		"decimals": info.decimals,
		"job_market": market,
	});
	app.output.result(&json, || {
		output::list([
			("chain", format!("{} ({})", info.chain, info.chain_type)),
			("genesis", output::hash(&genesis)),
			("node", info.node.clone()),
			("peers", info.peers.to_string()),
			("syncing", if info.syncing { "yes" } else { "no" }.into()),
			("best block", format!("{} {}", best.number, output::hash(&best.hash))),
			("finalised", format!("{} {}", finalized.number, output::hash(&finalized.hash))),
			("runtime", format!("version {}", runtime.spec_version())),
			("token", format!("{}, {} decimals", info.token, info.decimals)),
			("job market", if market { "yes" } else { "no: not a chain of IO Network" }.into()),
		])
	})
}

async fn classes(app: &App) -> Result<()> {
	const JOBS: &str = "IoJobs";
	let client = app.connect().await?;
	let mut ids: Vec<ClassId> = client.storage_keys(JOBS, "Classes", usize::MAX).await?;
	ids.sort_unstable();
	let mut classes = Vec::new();
	for id in ids {
		let key = [id.encode()];
		let info: Option<ClassInfo> = client.storage(JOBS, "Classes", &key, None).await?;
		let Some(info) = info else { continue };
		let workers: Option<u32> = client.storage(JOBS, "ClassCount", &key, None).await?;
		classes.push((id, info, workers.unwrap_or(0)));
	}
	let json = json!({
		"classes": classes
			.iter()
			.map(|(id, info, workers)| json!({
				"class": id,
				"engine": format!("{:?}", info.engine),
				"min_memory_mib": info.min_memory,
				"min_vram_mib": info.min_vram,
				"accelerator": format!("{:?}", info.accelerator),
				"workers": workers,
			}))
			.collect::<Vec<_>>(),
	});
	app.output.result(&json, || {
		let mut table =
			output::table(["class", "engine", "memory", "GPU memory", "accelerator", "workers"]);
		for (id, info, workers) in &classes {
			table.add_row([
				id.to_string(),
				format!("{:?}", info.engine),
				format!("{} MiB", info.min_memory),
				format!("{} MiB", info.min_vram),
				format!("{:?}", info.accelerator),
				workers.to_string(),
			]);
		}
		table.to_string()
	})
}
