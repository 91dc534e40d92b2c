//! Secret keys: from files and file descriptors, never from the command line or the environment.

mod sealed;

use std::{
	fs::File,
	io::Read,
	os::unix::fs::PermissionsExt,
	path::{Path, PathBuf},
	str::FromStr,
};

use clap::Args;
use io_client::{Client, Keypair};
use io_primitives::{AccountId, WorkerKey};
use sp_core::crypto::Ss58Codec;
use subxt_signer::{SecretUri, bip39::Mnemonic};
use zeroize::Zeroizing;

use self::sealed::Sealed;

use crate::{
	App,
	error::{Error, Result},
};

/// Most bytes of a key file.
const MAX_KEY_BYTES: u64 = 4096;

/// Which account signs.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct KeyArgs {
	/// File with the account's secret: a mnemonic phrase or a seed in hex, with or without derivation path
	#[arg(long, value_name = "FILE")]
	pub(crate) key_file: Option<PathBuf>,
	/// Number of an open file descriptor to read the secret from
	#[arg(long, value_name = "FD", conflicts_with = "key_file")]
	pub(crate) key_fd: Option<u32>,
	/// One of the well-known accounts (alice, bob, charlie, dave, eve, ferdie); only on development chains
	#[arg(long, value_name = "NAME", value_parser = dev_account, conflicts_with_all = ["key_file", "key_fd"])]
	pub(crate) dev_account: Option<String>,
	#[command(flatten)]
	pub(crate) passphrase: PassphraseArgs,
}

/// The passphrase of an encrypted key file.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct PassphraseArgs {
	/// File with the passphrase of an encrypted key file
	#[arg(long, value_name = "FILE")]
	pub(crate) passphrase_file: Option<PathBuf>,
	/// Number of an open file descriptor to read the passphrase from
	#[arg(long, value_name = "FD", conflicts_with = "passphrase_file")]
	pub(crate) passphrase_fd: Option<u32>,
}

impl PassphraseArgs {
	/// The passphrase, if one is named: without the end of its line.
	pub(crate) fn read(&self) -> Result<Option<Zeroizing<String>>> {
		let text = match (&self.passphrase_file, self.passphrase_fd) {
			(Some(path), _) => read_file(path)?,
			(None, Some(fd)) => read_fd(fd)?,
			(None, None) => return Ok(None),
		};
		Ok(Some(Zeroizing::new(text.trim_end_matches(['\r', '\n']).to_owned())))
	}
}

/// A well-known account's derivation path.
fn dev_account(name: &str) -> Result<String, String> {
	let mut letters = name.chars();
	match letters.next() {
		Some(first)
			if name.chars().all(|c| c.is_ascii_alphanumeric() || c == '/') && first != '/' =>
		{
			Ok(format!("//{}{}", first.to_ascii_uppercase(), letters.as_str()))
		},
		_ => Err("it is a name such as alice".into()),
	}
}

impl KeyArgs {
	/// The key of a file, which needs no node.
	pub(crate) fn offline(&self) -> Result<Option<Keypair>> {
		let secret = if let Some(path) = &self.key_file {
			read_file(path)?
		} else if let Some(fd) = self.key_fd {
			read_fd(fd)?
		} else {
			return Ok(None);
		};
		if !secret.trim_start().starts_with('{') {
			return parse(&secret).map(Some);
		}
		let sealed: Sealed = serde_json::from_str(&secret)
			.map_err(|e| Error::Local(format!("the key file is damaged: {e}")))?;
		let passphrase = self.passphrase.read()?.ok_or_else(|| {
			Error::Usage(
				"the key file is encrypted: add --passphrase-file or --passphrase-fd".into(),
			)
		})?;
		parse(&sealed.open(&passphrase)?).map(Some)
	}

	/// A connection, and the key that signs. Well-known keys are refused on chains where money may be real.
	pub(crate) async fn connect(&self, app: &App) -> Result<(Client, Keypair)> {
		// What needs no node is checked first.
		let key = self.offline()?;
		let (None, Some(path)) = (&key, &self.dev_account) else {
			let key = key.ok_or_else(|| {
				Error::Usage(
					"no account is named: add --key-file FILE, or --dev-account alice on a development chain"
						.into(),
				)
			})?;
			return Ok((app.connect().await?, key));
		};
		let client = app.connect().await?;
		let info = client.chain_info().await?;
		if !info.is_development() {
			return Err(Error::Usage(format!(
				"everybody knows the secret of this account, and {} is no development chain: use --key-file",
				info.chain
			)));
		}
		Ok((client, parse(path)?))
	}

	/// A connection, and the account that is named, or the key's own.
	pub(crate) async fn account(
		&self,
		address: Option<AccountId>,
		app: &App,
	) -> Result<(Client, AccountId)> {
		match address {
			Some(address) => Ok((app.connect().await?, address)),
			None => {
				let (client, key) = self.connect(app).await?;
				Ok((client, Client::account_of(&key)))
			},
		}
	}
}

/// The key in a file that only its owner can read.
pub(crate) fn read_file(path: &Path) -> Result<Zeroizing<String>> {
	let file = File::open(path).map_err(Error::file("open the secret", path))?;
	let metadata = file.metadata().map_err(Error::file("read the secret", path))?;
	if metadata.is_file() && metadata.permissions().mode() & 0o077 != 0 {
		return Err(Error::Local(format!(
			"others can read {0}: run `chmod 600 {0}`",
			path.display()
		)));
	}
	read(file, &path.display().to_string())
}

/// The secret that a file descriptor gives.
pub(crate) fn read_fd(fd: u32) -> Result<Zeroizing<String>> {
	let path = format!("/dev/fd/{fd}");
	read(File::open(&path).map_err(Error::file("open", &path))?, &path)
}

fn read(file: File, name: &str) -> Result<Zeroizing<String>> {
	let mut text = Zeroizing::new(String::new());
	file.take(MAX_KEY_BYTES)
		.read_to_string(&mut text)
		.map_err(Error::file("read the secret in", name))?;
	Ok(text)
}

/// The key that a secret stands for.
pub(crate) fn parse(secret: &str) -> Result<Keypair> {
	// The secret must not get into a message.
	let wrong = || {
		Error::Local(
			"the secret is neither a mnemonic phrase nor a 32-byte seed in hex (0x…); check the key file"
				.into(),
		)
	};
	let secret = secret.trim();
	if secret.is_empty() {
		return Err(wrong());
	}
	let uri = SecretUri::from_str(secret).map_err(|_| wrong())?;
	Keypair::from_uri(&uri).map_err(|_| wrong())
}

/// A new mnemonic phrase of 24 words.
pub(crate) fn new_phrase() -> Result<Zeroizing<String>> {
	let mut entropy = Zeroizing::new([0u8; 32]);
	getrandom::fill(&mut *entropy)
		.map_err(|e| Error::Local(format!("the system gives no random numbers: {e}")))?;
	let phrase = Mnemonic::from_entropy(&*entropy)
		.map_err(|e| Error::Local(format!("cannot make a phrase: {e}")))?;
	Ok(Zeroizing::new(phrase.to_string()))
}

/// Writes a secret to a new file that only its owner can read, encrypted if there is a passphrase.
pub(crate) fn write_file(
	path: &Path,
	secret: &str,
	address: &str,
	passphrase: Option<&str>,
) -> Result<()> {
	let action = "make the key file";
	let sealed = match passphrase {
		Some(passphrase) => {
			let sealed = Sealed::new(secret, address, passphrase)?;
			let text = serde_json::to_string_pretty(&sealed)
				.map_err(|e| Error::Local(format!("cannot write the key file: {e}")))?;
			Some(text)
		},
		None => None,
	};
	let secret = sealed.as_deref().unwrap_or(secret);
	let line = Zeroizing::new(format!("{secret}\n"));
	io_client::sealed::write_new(path, line.as_bytes()).map_err(Error::file(action, path))
}

/// Reads an address, or a public key in hex.
pub(crate) fn parse_account(text: &str) -> Result<AccountId, String> {
	if let Some(bytes) = hex_key(text) {
		return Ok(AccountId::new(bytes));
	}
	AccountId::from_ss58check(text).map_err(|_| {
		"it is no address; one looks like 5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY".into()
	})
}

/// Reads a worker's key.
pub(crate) fn parse_worker(text: &str) -> Result<WorkerKey, String> {
	hex_key(text)
		.map(WorkerKey::from_raw)
		.or_else(|| WorkerKey::from_ss58check(text).ok())
		.ok_or_else(|| {
			"it is no worker's key: 0x and 64 hex digits, see `io-worker keys show`".into()
		})
}

fn hex_key(text: &str) -> Option<[u8; 32]> {
	hex::decode(text.strip_prefix("0x")?).ok()?.try_into().ok()
}

#[cfg(test)]
mod tests {
	use super::*;

	const ALICE: &str = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY";

	#[test]
	fn should_give_alice_when_dev_account_is_named() {
		for name in ["alice", "Alice"] {
			let key = parse(&dev_account(name).unwrap()).unwrap();
			assert_eq!(Client::account_of(&key).to_ss58check(), ALICE);
		}
	}

	#[test]
	fn should_refuse_dev_account_when_it_is_no_name() {
		for name in ["", "/x", "//Alice", "a b", "0x12 34"] {
			assert!(dev_account(name).is_err(), "{name}");
		}
	}

	#[test]
	fn should_keep_secret_out_of_message_when_it_is_wrong() {
		for secret in ["", "correct horse battery staple", "0x1234", "\u{0}"] {
			let message = parse(secret).unwrap_err().to_string();
			assert!(secret.is_empty() || !message.contains(secret), "{message}");
		}
	}

	#[test]
	fn should_read_back_key_file_when_only_owner_can_read_it() {
		let dir = tempfile::tempdir().unwrap();
		let path = dir.path().join("key");
		let phrase = new_phrase().unwrap();
		assert_eq!(phrase.split(' ').count(), 24);
		write_file(&path, &phrase, "", None).unwrap();
		assert_eq!(read_file(&path).unwrap().trim(), phrase.as_str());
		let again = write_file(&path, &phrase, "", None);
		assert!(again.is_err(), "an existing key is never overwritten");
		std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
		assert!(read_file(&path).unwrap_err().to_string().contains("chmod 600"));
	}

	#[test]
	fn should_read_accounts_in_both_forms() {
		let account = parse_account(ALICE).unwrap();
		let hex = format!("0x{}", hex::encode(<AccountId as AsRef<[u8]>>::as_ref(&account)));
		assert_eq!(parse_account(&hex).unwrap(), account);
		for text in ["", "5Grw", "0x12", "alice"] {
			assert!(parse_account(text).is_err(), "{text}");
		}
	}
}
