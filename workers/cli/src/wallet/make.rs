//! Making wallets, and giving out keys.

use std::{io::Read, path::Path};

use io_client::{Client, sealed};
use io_shielded::{
	address::Network,
	keys::{self as pool_keys, VIEW_KEY_LEN},
	wallet::ledger::{BlockRef, Ledger},
};
use serde_json::json;
use sp_core::{Pair, sr25519};
use zeroize::Zeroizing;

use super::{
	WalletArgs,
	file::{self, Secret, Wallet},
};
use crate::{
	App,
	error::{Error, Result},
	keys, output,
};

/// What an exported view key begins with.
const VIEW_KEY: &str = "io-view-key-v1";

/// The chain that a node is on.
async fn network(client: &Client) -> Result<Network> {
	let live = client.chain_info().await?.chain_type == "Live";
	Ok(Network { live, genesis: client.genesis().0 })
}

/// The block after which a wallet begins to look, and how many coins the pool had then.
async fn ledger(client: &Client, from: u32) -> Result<Ledger> {
	let before = from.saturating_sub(1);
	let hash = client.block_hash(before).await?.ok_or_else(|| {
		Error::Usage(format!("the chain has no block {before} yet: --from-block is too high"))
	})?;
	let coins = match before {
		// The node may have discarded that state, too.
		0 => 0,
		_ if client.has_state(hash).await? => client.pool_count(hash).await?,
		_ => {
			return Err(Error::Usage(format!(
				"the node has discarded the state of block {before}: leave --from-block out, or name a later block"
			)));
		},
	};
	Ok(Ledger::new(BlockRef { number: before, hash: hash.0 }, Some(coins)))
}

pub(super) async fn create(args: &WalletArgs, phrase_out: Option<&Path>, app: &App) -> Result<()> {
	let client = app.connect().await?;
	let passphrase = file::new_passphrase(&args.passphrase)?;
	let phrase = keys::new_phrase()?;
	let seed = seed(&phrase)?;
	// Nobody can have paid it before.
	let now = client.finalized_block().await?.number;
	let (network, ledger) =
		(network(&client).await?, ledger(&client, now.saturating_add(1)).await?);
	if let Some(path) = phrase_out {
		let line = Zeroizing::new(format!("{}\n", *phrase));
		sealed::write_new(path, line.as_bytes()).map_err(Error::file("make", path))?;
	}
	let wallet = Wallet::create(&args.wallet, Secret::Seed(*seed), network, ledger, &passphrase)?;
	let shown = phrase_out.is_none().then(|| phrase.as_str());
	let mut json = made(&wallet, args);
	if let Some(phrase) = shown {
		json["phrase"] = phrase.into();
	}
	app.output.result(&json, || {
		let address = wallet.keys.view().address(0).encode(&wallet.network);
		let phrase = match shown {
			Some(phrase) => format!(
				"\n\n{phrase}\n\nThese words are the wallet, and are not shown again. Write them down: whoever has them has \
				 the money, and without them it is lost with the file."
			),
			None => String::new(),
		};
		format!("{address}{phrase}\nShielded transfers are unaudited: keep only small amounts in the pool.")
	})
}

fn made(wallet: &Wallet, args: &WalletArgs) -> serde_json::Value {
	json!({
		"wallet": args.wallet.display().to_string(),
		"address": wallet.keys.view().address(0).encode(&wallet.network),
		"watch_only": wallet.keys.spend().is_none(),
		"scan_from": wallet.ledger().last().map(|block| block.number.saturating_add(1)),
	})
}

pub(super) async fn restore(args: &WalletArgs, phrase: &str, from: u32, app: &App) -> Result<()> {
	let seed = seed(phrase)?;
	existing(args, Secret::Seed(*seed), from, app).await
}

pub(super) async fn watch(args: &WalletArgs, path: &Path, from: u32, app: &App) -> Result<()> {
	let text = keys::read_file(path)?;
	let client = app.connect().await?;
	let wrong = || {
		Error::Local(format!(
			"{} is no view key: make one with `io wallet export-view-key`",
			path.display()
		))
	};
	let mut parts = text.split_whitespace();
	if parts.next() != Some(VIEW_KEY) {
		return Err(wrong());
	}
	let genesis = parts.next().ok_or_else(wrong)?;
	if genesis != hex::encode(client.genesis()) {
		return Err(Error::Chain("the view key is of a wallet on another chain".into()));
	}
	let mut bytes = Zeroizing::new([0u8; VIEW_KEY_LEN]);
	hex::decode_to_slice(parts.next().ok_or_else(wrong)?, &mut *bytes).map_err(|_| wrong())?;
	pool_keys::ViewKey::from_bytes(&bytes).ok_or_else(wrong)?;
	existing(args, Secret::View(*bytes), from, app).await
}

async fn existing(args: &WalletArgs, secret: Secret, from: u32, app: &App) -> Result<()> {
	let client = app.connect().await?;
	let (network, ledger) = (network(&client).await?, ledger(&client, from).await?);
	let passphrase = file::new_passphrase(&args.passphrase)?;
	let wallet = Wallet::create(&args.wallet, secret, network, ledger, &passphrase)?;
	app.output.result(&made(&wallet, args), || {
		let address = wallet.keys.view().address(0).encode(&wallet.network);
		format!("{address}\n`io wallet balance` looks for its coins")
	})
}

/// The phrase, from where the arguments say, or typed.
pub(super) fn read_phrase(path: Option<&Path>, fd: Option<u32>) -> Result<Zeroizing<String>> {
	match (path, fd) {
		(Some(path), _) => keys::read_file(path),
		(None, Some(fd)) => keys::read_fd(fd),
		(None, None) if std::io::IsTerminal::is_terminal(&std::io::stdin()) => {
			rpassword::prompt_password("phrase: ")
				.map(Zeroizing::new)
				.map_err(Error::file("read from", "the terminal"))
		},
		(None, None) => {
			let mut text = Zeroizing::new(String::new());
			std::io::stdin()
				.take(4096)
				.read_to_string(&mut text)
				.map_err(Error::file("read from", "standard input"))?;
			Ok(text)
		},
	}
}

/// The seed that a phrase stands for, as for accounts.
fn seed(phrase: &str) -> Result<Zeroizing<[u8; 32]>> {
	let words = Zeroizing::new(phrase.split_whitespace().collect::<Vec<_>>().join(" "));
	// The phrase must not get into a message.
	sr25519::Pair::from_phrase(&words, None).map(|(_, seed)| Zeroizing::new(seed)).map_err(|_| {
		Error::Local("these words are no phrase: a word is missing or mistyped".into())
	})
}

pub(super) fn export_view_key(path: &Path, args: &WalletArgs, app: &App) -> Result<()> {
	let wallet = args.open()?;
	let bytes = wallet.keys.view().to_bytes();
	let line = Zeroizing::new(format!(
		"{VIEW_KEY} {} {}\n",
		hex::encode(wallet.network.genesis),
		*Zeroizing::new(hex::encode(*bytes))
	));
	sealed::write_new(path, line.as_bytes()).map_err(Error::file("make", path))?;
	let json = json!({ "view_key_file": path.display().to_string() });
	app.output.result(&json, || {
		format!(
			"{}: whoever has it sees everything that this wallet receives, for ever",
			path.display()
		)
	})
}

pub(super) fn job_key(index: u32, path: &Path, args: &WalletArgs, app: &App) -> Result<()> {
	let wallet = args.open()?;
	let (seed, jobs) = wallet.jobs()?;
	if index >= jobs {
		return Err(Error::Usage(format!(
			"this wallet has paid for {}",
			output::count(jobs.into(), "job")
		)));
	}
	let secret = owner_secret(seed, index);
	let address = output::address(&Client::account_of(&keys::parse(&secret)?));
	keys::write_file(path, &secret, &address, None)?;
	let json = json!({ "address": address, "key_file": path.display().to_string() });
	app.output.result(&json, || format!("{address}: its secret is in {}", path.display()))
}

/// Secret of the account that owns job number `index` of a wallet, as key files have it.
pub(super) fn owner_secret(seed: &[u8; 32], index: u32) -> Zeroizing<String> {
	let seed = pool_keys::job_owner_seed(seed, index);
	Zeroizing::new(format!("0x{}", *Zeroizing::new(hex::encode(*seed))))
}

#[cfg(test)]
mod tests {
	use super::*;

	const PHRASE: &str = "bottom drive obey lake curtain smoke basket hold race lonely fit walk";

	#[test]
	fn should_take_phrase_however_it_is_spaced() {
		let expected = seed(PHRASE).unwrap();
		assert_eq!(*seed(&format!("  {}\n", PHRASE.replace(' ', " \n\t"))).unwrap(), *expected);
		// As every tool of this ecosystem derives it.
		assert_eq!(
			hex::encode(*expected),
			"fac7959dbfe72f052e5a0c3c8d6530f202b02fd8f9f5ca3580ec8deb7797479e"
		);
	}

	#[test]
	fn should_keep_phrase_out_of_message_when_it_is_wrong() {
		for phrase in ["", "bottom drive", &PHRASE.replace("walk", "wall")] {
			let message = seed(phrase).unwrap_err().to_string();
			assert!(!message.contains("drive"), "{message}");
		}
	}

	#[test]
	fn should_make_owner_s_key_that_the_account_commands_read() {
		let one = keys::parse(&owner_secret(&[1; 32], 0)).unwrap();
		let two = keys::parse(&owner_secret(&[1; 32], 1)).unwrap();
		assert_ne!(Client::account_of(&one), Client::account_of(&two));
	}
}
