//! The account that signs for the operator.

use std::{
	fs::File,
	io::Read,
	os::unix::fs::PermissionsExt,
	path::{Path, PathBuf},
	str::FromStr,
};

use clap::Args;
use io_client::{Client, Keypair};
use subxt_signer::SecretUri;
use zeroize::Zeroizing;

/// Most bytes of a key file.
const MAX_KEY_BYTES: u64 = 4096;

/// Which account signs.
#[derive(Args, Clone, Debug)]
#[group(required = true, multiple = false)]
pub(crate) struct AccountArgs {
	/// File with the account's secret, as `io account new` makes it without a passphrase: a mnemonic phrase or a seed in hexadecimal
	#[arg(long, value_name = "FILE")]
	key_file: Option<PathBuf>,
	/// One of the well-known accounts (alice, bob, charlie, dave, eve, ferdie); only on development chains
	#[arg(long, value_name = "NAME")]
	dev_account: Option<String>,
}

impl AccountArgs {
	/// The key. A well-known one is refused where money may be real.
	pub(crate) async fn key(&self, client: &Client) -> Result<Keypair, String> {
		if let Some(path) = &self.key_file {
			return read(path);
		}
		let info = client.chain_info().await.map_err(|error| error.to_string())?;
		if !info.is_development() {
			return Err(format!(
				"everybody knows the secret of this account, and {} is no development chain: use --key-file",
				info.chain
			));
		}
		let mut name = self.dev_account.clone().unwrap_or_default();
		if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
			return Err("the name of a well-known account is one such as alice".into());
		}
		name[..1].make_ascii_uppercase();
		parse(&format!("//{name}"))
	}
}

/// The key in a file that only its owner can read.
pub(crate) fn read(path: &Path) -> Result<Keypair, String> {
	let failed = |error: std::io::Error| format!("{}: {error}", path.display());
	let file = File::open(path).map_err(failed)?;
	let metadata = file.metadata().map_err(failed)?;
	if metadata.is_file() && metadata.permissions().mode() & 0o077 != 0 {
		return Err(format!("others can read {0}: run `chmod 600 {0}`", path.display()));
	}
	let mut text = Zeroizing::new(String::new());
	file.take(MAX_KEY_BYTES).read_to_string(&mut text).map_err(failed)?;
	parse(&text).map_err(|error| format!("{}: {error}", path.display()))
}

/// The secret must not get into a message.
fn parse(secret: &str) -> Result<Keypair, String> {
	SecretUri::from_str(secret.trim())
		.ok()
		.and_then(|uri| Keypair::from_uri(&uri).ok())
		.filter(|_| !secret.trim().is_empty())
		.ok_or_else(|| {
			"the secret is neither a mnemonic phrase nor a 32-byte seed in hexadecimal (0x…), or it is encrypted: a relay needs it plain"
				.into()
		})
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn should_read_a_key_file_only_when_others_cannot() {
		let folder = tempfile::tempdir().unwrap();
		let path = folder.path().join("key");
		std::fs::write(&path, "//Alice\n").unwrap();
		let mode = |mode| std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
		mode(0o644);
		assert!(read(&path).unwrap_err().contains("chmod 600"));
		mode(0o600);
		assert_eq!(read(&path).unwrap().public_key().0, parse("//Alice").unwrap().public_key().0);
	}

	#[test]
	fn should_keep_the_secret_out_of_the_message_when_it_is_wrong() {
		for secret in ["", "correct horse battery staple", "0x1234"] {
			let message = parse(secret).unwrap_err();
			assert!(secret.is_empty() || !message.contains(secret), "{message}");
		}
	}
}
