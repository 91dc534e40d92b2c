#![doc = include_str!("../README.md")]

mod chain_spec;
mod cli;
mod runtime;

use polkadot_omni_node_lib::{run_with_custom_cli, RunConfig};

fn main() -> color_eyre::eyre::Result<()> {
	color_eyre::install()?;
	let config = RunConfig::new(Box::new(runtime::Resolver), Box::new(chain_spec::Loader));
	Ok(run_with_custom_cli::<cli::Config, cli::Subcommand>(config)?)
}
