//! `io chain`: the chain and the node.

use clap::Subcommand;
use serde_json::json;

use crate::{App, error::Result, output};

#[derive(Subcommand, Debug)]
pub(crate) enum ChainCommand {
	/// What the node says of itself and its chain
	Info,
}

pub(crate) async fn run(command: ChainCommand, app: &App) -> Result<()> {
	match command {
		ChainCommand::Info => info(app).await,
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
