//! `io wallet`: money that nobody sees.

mod file;
mod make;
mod pay;
mod proof;
mod scan;
mod shield;
mod show;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use io_client::amount;
use io_primitives::{AccountId, Balance};

use self::file::Wallet;
use crate::{
	App,
	error::Result,
	job::RunArgs,
	keys::{self, KeyArgs, PassphraseArgs},
};

#[derive(Subcommand, Debug)]
pub(crate) enum WalletCommand {
	/// Make a new wallet; its phrase is shown this once
	Create {
		/// Write the phrase into this new file instead of showing it
		#[arg(long, value_name = "FILE")]
		phrase_out: Option<PathBuf>,
		#[command(flatten)]
		wallet: WalletArgs,
	},
	/// Make a wallet again from its phrase
	Restore {
		/// File with the phrase
		#[arg(long, value_name = "FILE")]
		phrase_file: Option<PathBuf>,
		/// Number of an open file descriptor to read the phrase from; without either it is asked for
		#[arg(long, value_name = "FD", conflicts_with = "phrase_file")]
		phrase_fd: Option<u32>,
		/// Look for coins from this block on
		#[arg(long, value_name = "BLOCK", default_value_t = 0)]
		from_block: u32,
		#[command(flatten)]
		wallet: WalletArgs,
	},
	/// Make a wallet that sees what another one has, and cannot spend
	Watch {
		/// File with the view key, as `io wallet export-view-key` makes it
		#[arg(long, value_name = "FILE")]
		view_key_file: PathBuf,
		/// Look for coins from this block on
		#[arg(long, value_name = "BLOCK", default_value_t = 0)]
		from_block: u32,
		#[command(flatten)]
		wallet: WalletArgs,
	},
	/// Show an address; each has as many as wanted, and nobody can see that they belong together
	Address {
		/// Number of the address
		#[arg(long, value_name = "N", default_value_t = 0)]
		index: u32,
		#[command(flatten)]
		wallet: WalletArgs,
	},
	/// Look for new coins
	Scan {
		#[command(flatten)]
		wallet: WalletArgs,
	},
	/// Look for new coins and show what the wallet has
	Balance {
		#[command(flatten)]
		wallet: WalletArgs,
	},
	/// Look for new coins and show what happened, with memos
	History {
		#[command(flatten)]
		wallet: WalletArgs,
	},
	/// Put money of an account into the pool: account and amount are public, whom it is for is not
	Shield(ShieldArgs),
	/// Pay a shielded address: nobody sees who, whom, or how much
	Send(SendArgs),
	/// Pay an account out of the pool: account and amount are public, who pays is not
	Unshield(UnshieldArgs),
	/// Submit a job and pay for it out of the pool, in the name of an account that is used for nothing else
	PayJob(Box<PayJobArgs>),
	/// Write the key of the account that owns a job of this wallet: it can cancel the job, and has what was left over
	JobKey {
		/// Number of the wallet's job, from 0 on; `io wallet pay-job` tells it
		index: u32,
		/// The file to make; an existing one is never overwritten
		#[arg(long, value_name = "FILE")]
		key_file: PathBuf,
		#[command(flatten)]
		wallet: WalletArgs,
	},
	/// Write the key with which everything that the wallet receives can be seen, and nothing spent
	ExportViewKey {
		/// The file to make; an existing one is never overwritten
		#[arg(long, value_name = "FILE")]
		output: PathBuf,
		#[command(flatten)]
		wallet: WalletArgs,
	},
	/// Prove to somebody that a payment was made, or received
	ProvePayment {
		/// The payment: 0x and 64 hex digits, as `io wallet history` shows it
		#[arg(value_name = "PAYMENT", value_parser = crate::job::parse_hash)]
		payment: sp_core::H256,
		/// Text that the verifier chose: the proof convinces nobody else
		#[arg(long, value_name = "TEXT")]
		nonce: String,
		/// The file to make; an existing one is never overwritten
		#[arg(long, value_name = "FILE")]
		output: PathBuf,
		#[command(flatten)]
		wallet: WalletArgs,
	},
	/// Check such a proof; this needs no wallet
	VerifyPayment {
		/// The proof
		#[arg(value_name = "FILE")]
		proof: PathBuf,
		/// The text that you chose
		#[arg(long, value_name = "TEXT")]
		nonce: String,
	},
}

/// Which wallet.
#[derive(Args, Debug)]
#[command(
	mut_arg("passphrase_file", |arg| arg.help("File with the wallet's passphrase")),
	mut_arg("passphrase_fd", |arg| arg.help("Number of an open file descriptor to read the wallet's passphrase from")),
)]
pub(crate) struct WalletArgs {
	/// The wallet's file
	#[arg(long, env = "IO_WALLET", value_name = "FILE")]
	wallet: PathBuf,
	#[command(flatten)]
	passphrase: PassphraseArgs,
}

impl WalletArgs {
	fn open(&self) -> Result<Wallet> {
		Wallet::open(&self.wallet, &self.passphrase)
	}
}

#[derive(Args, Debug)]
pub(crate) struct ShieldArgs {
	/// How much, in IO; at most 6 decimals
	#[arg(value_parser = amount::parse)]
	amount: Balance,
	/// A shielded address; without it the money is for this wallet
	#[arg(long, value_name = "ADDRESS")]
	to: Option<String>,
	/// Split the amount into so many coins, at most 100: several payments can be under way then
	#[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=100))]
	coins: u64,
	/// Text for the receiver, at most 64 bytes
	#[arg(long, value_name = "TEXT", default_value = "")]
	memo: String,
	/// Do not ask
	#[arg(long, short)]
	yes: bool,
	/// The wallet's file
	#[arg(long, env = "IO_WALLET", value_name = "FILE")]
	wallet: PathBuf,
	/// File with the wallet's passphrase
	#[arg(long, value_name = "FILE")]
	wallet_passphrase_file: Option<PathBuf>,
	/// Number of an open file descriptor to read the wallet's passphrase from
	#[arg(long, value_name = "FD", conflicts_with = "wallet_passphrase_file")]
	wallet_passphrase_fd: Option<u32>,
	#[command(flatten)]
	key: KeyArgs,
}

#[derive(Args, Debug)]
pub(crate) struct SendArgs {
	/// The shielded address
	to: String,
	/// How much, in IO; at most 6 decimals
	#[arg(value_parser = amount::parse)]
	amount: Balance,
	/// Text that only the receiver can read, at most 64 bytes
	#[arg(long, value_name = "TEXT", default_value = "")]
	memo: String,
	/// Do not ask
	#[arg(long, short)]
	yes: bool,
	#[command(flatten)]
	wallet: WalletArgs,
}

#[derive(Args, Debug)]
pub(crate) struct UnshieldArgs {
	/// The account's address
	#[arg(value_parser = keys::parse_account)]
	to: AccountId,
	/// How much, in IO; at most 6 decimals
	#[arg(value_parser = amount::parse)]
	amount: Balance,
	/// Do not ask
	#[arg(long, short)]
	yes: bool,
	#[command(flatten)]
	wallet: WalletArgs,
}

#[derive(Args, Debug)]
pub(crate) struct PayJobArgs {
	#[command(flatten)]
	run: RunArgs,
	#[command(flatten)]
	wallet: WalletArgs,
}

pub(crate) async fn run(command: WalletCommand, app: &App) -> Result<u8> {
	match command {
		WalletCommand::Create { phrase_out, wallet } => {
			make::create(&wallet, phrase_out.as_deref(), app).await
		},
		WalletCommand::Restore { phrase_file, phrase_fd, from_block, wallet } => {
			let phrase = make::read_phrase(phrase_file.as_deref(), phrase_fd)?;
			make::restore(&wallet, &phrase, from_block, app).await
		},
		WalletCommand::Watch { view_key_file, from_block, wallet } => {
			make::watch(&wallet, &view_key_file, from_block, app).await
		},
		WalletCommand::Address { index, wallet } => show::address(index, &wallet, app),
		WalletCommand::Scan { wallet } => {
			let mut wallet = wallet.open()?;
			let client = app.connect().await?;
			scan::report(&scan::scan(&client, &mut wallet, app).await?, app)
		},
		WalletCommand::Balance { wallet } => show::balance(&wallet, app).await,
		WalletCommand::History { wallet } => show::history(&wallet, app).await,
		WalletCommand::Shield(args) => shield::shield(args, app).await,
		WalletCommand::Send(args) => pay::send(args, app).await,
		WalletCommand::Unshield(args) => pay::unshield(args, app).await,
		WalletCommand::PayJob(args) => return pay::job(args.run, &args.wallet, app).await,
		WalletCommand::JobKey { index, key_file, wallet } => {
			make::job_key(index, &key_file, &wallet, app)
		},
		WalletCommand::ExportViewKey { output, wallet } => {
			make::export_view_key(&output, &wallet, app)
		},
		WalletCommand::ProvePayment { payment, nonce, output, wallet } => {
			proof::prove(&payment.0, &nonce, &output, &wallet, app).await
		},
		WalletCommand::VerifyPayment { proof, nonce } => proof::verify(&proof, &nonce, app).await,
	}
	.map(|()| 0)
}

/// An amount as the pool counts it.
fn micro(amount: Balance) -> Result<u64> {
	io_client::shielded::micro(amount).map_err(|_| {
		crate::error::Error::Usage(format!(
			"{} is no amount of the pool: those have at most 6 decimals, and are at most 18446744073709 IO",
			amount::display(amount)
		))
	})
}

/// An amount of the pool for people.
fn money(micro: u64) -> String {
	crate::output::money(io_client::shielded::base_units(micro))
}

/// An amount of the pool for programs.
fn json_amount(micro: u64) -> serde_json::Value {
	crate::output::json_amount(io_client::shielded::base_units(micro))
}
