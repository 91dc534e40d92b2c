#![doc = include_str!("../README.md")]
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod account;
mod admin;
mod archive;
mod attest;
mod chain;
mod error;
mod job;
mod keys;
mod mesh;
mod operator;
mod output;
mod relay;
mod serve;
mod stake;
mod tunnel;
mod wallet;

use std::{process::ExitCode, time::Duration};

use anyhow::Context as _;
use clap::{Args, Parser, Subcommand};
use io_client::{Client, Options};

use crate::{
	error::{Error, LOCAL, Result},
	output::Output,
};

/// Submit jobs to IO Network, follow them, fetch their results, run an operator account.
///
/// Exit status: 0 done; 1 the job did not succeed; 2 wrong usage; 3 the node or the chain refused or cannot be reached;
/// 4 something on this machine or a download failed; 130 interrupted.
#[derive(Parser, Debug)]
#[command(name = "io", version, propagate_version = true)]
struct Cli {
	#[command(flatten)]
	global: Global,
	#[command(subcommand)]
	command: Command,
}

/// What all commands understand.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Global options")]
struct Global {
	/// The node's address, ws:// or wss://
	#[arg(
		long,
		global = true,
		env = "IO_NODE",
		value_name = "URL",
		default_value = "ws://127.0.0.1:9944"
	)]
	node: String,
	/// Print JSON for programs; amounts are strings in the smallest unit, 10^-12 IO
	#[arg(long, global = true)]
	json: bool,
	/// Seconds to wait for an answer of the node
	#[arg(long, global = true, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=3600))]
	timeout: u64,
	/// Hash of the genesis block that the node must have
	#[arg(long, global = true, value_name = "HASH", value_parser = job::parse_hash)]
	genesis: Option<sp_core::H256>,
}

#[derive(Subcommand, Debug)]
enum Command {
	/// Submit, follow and fetch jobs
	#[command(subcommand)]
	Job(job::JobCommand),
	/// Stake, and register devices
	#[command(subcommand)]
	Operator(operator::OperatorCommand),
	/// Delegate to operators, see rewards and the election of collators
	#[command(subcommand)]
	Stake(stake::StakeCommand),
	/// Computing power that workers have proven
	#[command(subcommand)]
	Attest(attest::AttestCommand),
	/// Keys, balances, transfers
	#[command(subcommand)]
	Account(account::AccountCommand),
	/// Shielded transfers: who pays, whom, and how much stays hidden (unaudited)
	#[command(subcommand)]
	Wallet(wallet::WalletCommand),
	/// The chain and the node
	#[command(subcommand)]
	Chain(chain::ChainCommand),
	/// Things that only the chain's admin may do
	#[command(subcommand)]
	Admin(admin::AdminCommand),
	/// Relays of the mesh
	#[command(subcommand)]
	Relay(relay::RelayCommand),
	/// This machine in the mesh
	#[command(subcommand)]
	Mesh(mesh::MeshCommand),
	/// Reach services of a worker that executes one of your jobs, through the mesh
	#[command(subcommand)]
	Tunnel(tunnel::TunnelCommand),
	/// Serve files to workers until interrupted, under the hashes that jobs name
	Serve(job::ServeArgs),
}

/// What every command gets.
pub(crate) struct App {
	global: Global,
	/// Where results go.
	pub(crate) output: Output,
}

impl App {
	/// A connection to the node.
	pub(crate) async fn connect(&self) -> Result<Client> {
		let options = Options {
			request_timeout: Duration::from_secs(self.global.timeout),
			..Options::default()
		};
		let client = Client::connect_with(&self.global.node, options).await?;
		if let Some(genesis) = self.global.genesis {
			client.expect_genesis(genesis)?;
		}
		Ok(client)
	}
}

async fn run(cli: Cli, context: &App) -> Result<u8> {
	match cli.command {
		Command::Job(command) => job::run(command, context).await,
		Command::Operator(command) => operator::run(command, context).await.map(|()| 0),
		Command::Stake(command) => stake::run(command, context).await.map(|()| 0),
		Command::Attest(command) => attest::run(command, context).await.map(|()| 0),
		Command::Account(command) => account::run(command, context).await.map(|()| 0),
		Command::Wallet(command) => wallet::run(command, context).await,
		Command::Chain(command) => chain::run(command, context).await.map(|()| 0),
		Command::Admin(command) => admin::run(command, context).await.map(|()| 0),
		Command::Relay(command) => relay::run(command, context).await.map(|()| 0),
		Command::Mesh(command) => mesh::run(command, context).await.map(|()| 0),
		Command::Tunnel(command) => tunnel::run(command, context).await.map(|()| 0),
		Command::Serve(args) => job::serve(args, context).await.map(|()| 0),
	}
}

fn main() -> ExitCode {
	let cli = Cli::parse();
	let output = Output { json: cli.global.json };
	let context = App { global: cli.global.clone(), output };
	let runtime = tokio::runtime::Builder::new_multi_thread()
		.worker_threads(2)
		.enable_all()
		.build()
		.context("cannot start");
	let runtime = match runtime {
		Ok(runtime) => runtime,
		Err(e) => {
			output.failure(&Error::Local(format!("{e:#}")));
			return ExitCode::from(LOCAL);
		},
	};
	let result = runtime.block_on(run(cli, &context));
	// A prompt or a large file may still be read; nobody waits for that.
	runtime.shutdown_timeout(Duration::from_millis(200));
	match result {
		Ok(status) => ExitCode::from(status),
		Err(error) => {
			output.failure(&error);
			error.exit_code()
		},
	}
}
