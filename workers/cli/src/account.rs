//! `io account`: keys, balances, transfers.

use std::{
	io::Read,
	path::{Path, PathBuf},
};

use clap::{Args, Subcommand};
use codec::Compact;
use io_client::{Client, amount};
use io_primitives::{AccountId, Balance};
use serde_json::json;
use zeroize::Zeroizing;

use crate::{
	App,
	error::{Error, Result},
	keys::{self, KeyArgs, PassphraseArgs},
	output,
};

#[derive(Subcommand, Debug)]
pub(crate) enum AccountCommand {
	/// Make a new account: a mnemonic phrase in a file that only you can read
	New {
		/// The file to make; an existing one is never overwritten
		#[arg(long, value_name = "FILE")]
		key_file: PathBuf,
		/// Encrypts the file
		#[command(flatten)]
		passphrase: PassphraseArgs,
	},
	/// Put a secret that you have into a key file; it is read from standard input
	Import {
		/// The file to make; an existing one is never overwritten
		#[arg(long, value_name = "FILE")]
		key_file: PathBuf,
		/// Encrypts the file
		#[command(flatten)]
		passphrase: PassphraseArgs,
	},
	/// Show the address of a key
	Show {
		#[command(flatten)]
		key: KeyArgs,
	},
	/// Show what an account has
	Balance {
		/// Its address; the key's own if it is left out
		#[arg(value_parser = keys::parse_account)]
		address: Option<AccountId>,
		#[command(flatten)]
		key: KeyArgs,
	},
	/// Send money
	Transfer(TransferArgs),
}

#[derive(Args, Debug)]
pub(crate) struct TransferArgs {
	/// Who gets it
	#[arg(value_parser = keys::parse_account)]
	to: AccountId,
	/// How much, in IO, such as 1.5
	#[arg(value_parser = amount::parse)]
	amount: Balance,
	/// Send it even if nothing is left to keep the account alive
	#[arg(long)]
	all_may_go: bool,
	/// Do not ask
	#[arg(long, short)]
	yes: bool,
	#[command(flatten)]
	key: KeyArgs,
}

pub(crate) async fn run(command: AccountCommand, app: &App) -> Result<()> {
	match command {
		AccountCommand::New { key_file, passphrase } => {
			make(&keys::new_phrase()?, &key_file, &passphrase, app)
		},
		AccountCommand::Import { key_file, passphrase } => {
			app.output.note("type or paste the secret, then press Enter and Ctrl-D");
			let mut secret = Zeroizing::new(String::new());
			std::io::stdin()
				.take(4096)
				.read_to_string(&mut secret)
				.map_err(Error::file("read from", "standard input"))?;
			make(secret.trim(), &key_file, &passphrase, app)
		},
		AccountCommand::Show { key } => show(&key, app).await,
		AccountCommand::Balance { address, key } => balance(address, &key, app).await,
		AccountCommand::Transfer(args) => transfer(args, app).await,
	}
}

fn make(secret: &str, path: &Path, passphrase: &PassphraseArgs, app: &App) -> Result<()> {
	let key = keys::parse(secret)?;
	let address = output::address(&Client::account_of(&key));
	let passphrase = passphrase.read()?;
	keys::write_file(path, secret, &address, passphrase.as_ref().map(|text| text.as_str()))?;
	let json = json!({
		"address": address,
		"key_file": path.display().to_string(),
		"encrypted": passphrase.is_some(),
	});
	app.output.result(&json, || {
		let warning = if passphrase.is_some() {
			"The secret is encrypted in {}. Keep a copy of it and of its passphrase in safe places."
		} else {
			"The secret is in {}. Whoever has it has the account: keep a copy in a safe place."
		};
		format!("{address}\n{}", warning.replace("{}", &path.display().to_string()))
	})
}

async fn show(key: &KeyArgs, app: &App) -> Result<()> {
	let account = match key.offline()? {
		Some(key) => Client::account_of(&key),
		None => key.account(None, app).await?.1,
	};
	let public: &[u8] = account.as_ref();
	let public = format!("0x{}", hex::encode(public));
	let address = output::address(&account);
	let json = json!({ "address": address, "public_key": public });
	app.output.result(&json, || {
		output::list([("address", address.clone()), ("public key", public.clone())])
	})
}

async fn balance(address: Option<AccountId>, key: &KeyArgs, app: &App) -> Result<()> {
	let (client, account) = key.account(address, app).await?;
	let balance = client.balance(&account).await?;
	let holds = client.holds(&account).await?;
	let json = json!({
		"address": output::address(&account),
		"free": output::json_amount(balance.free),
		"held": output::json_amount(balance.held),
		"frozen": output::json_amount(balance.frozen),
		"nonce": balance.nonce,
		"holds": holds
			.iter()
			.map(|(reason, amount)| json!({ "reason": reason, "amount": output::json_amount(*amount) }))
			.collect::<Vec<_>>(),
	});
	app.output.result(&json, || {
		let mut text = output::list([
			("address", output::address(&account)),
			("free", output::money(balance.free)),
			("on hold", output::money(balance.held)),
			("frozen", output::money(balance.frozen)),
			("transactions", balance.nonce.to_string()),
		]);
		for (reason, amount) in &holds {
			text.push_str(&format!("\n hold {reason}: {}", output::money(*amount)));
		}
		text
	})
}

async fn transfer(args: TransferArgs, app: &App) -> Result<()> {
	let (client, signer) = args.key.connect(app).await?;
	let name = if args.all_may_go { "transfer_allow_death" } else { "transfer_keep_alive" };
	// 0 is the variant `Id` of an address.
	let call = client.call("Balances", name, (0u8, &args.to, Compact(args.amount))).await?;
	let fee = client.estimate_fee(&call, &signer).await?;
	let from = Client::account_of(&signer);
	let free = client.balance(&from).await?.free;
	if free < args.amount.saturating_add(fee) {
		return Err(Error::Chain(format!(
			"{} has {} free, which is not enough for {} and the fee of about {}",
			output::address(&from),
			output::money(free),
			output::money(args.amount),
			output::money(fee)
		)));
	}
	app.output.note(&format!(
		"send {} to {}, for a fee of about {}",
		output::money(args.amount),
		output::address(&args.to),
		output::money(fee)
	));
	app.output.confirm("Send it?", args.yes)?;
	let included = client.submit(&call, &signer).await?.in_block().await?;
	let json = json!({
		"from": output::address(&from),
		"to": output::address(&args.to),
		"amount": output::json_amount(args.amount),
		"block": included.block.number,
		"block_hash": output::hash(&included.block.hash),
		"extrinsic": output::hash(&included.hash),
	});
	app.output.result(&json, || {
		format!("sent in block {} ({})", included.block.number, output::hash(&included.hash))
	})
}
