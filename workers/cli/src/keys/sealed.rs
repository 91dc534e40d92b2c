//! Key files that are encrypted with a passphrase.

use io_client::sealed::{Cost, PassphraseKey, SealError};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::error::{Error, Result};

/// Version of the form.
const VERSION: u32 = 1;
/// Binds the ciphertext to its use.
const TAG: &[u8] = b"io key file v1";
/// Shortest passphrase for a new file.
const MIN_PASSPHRASE: usize = 8;

/// An encrypted secret as it stands in a file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Sealed {
	version: u32,
	/// Address of the account, so that a file can be told from another.
	address: String,
	argon2id: Cost,
	/// 16 bytes in hex.
	salt: String,
	/// 24 bytes in hex.
	nonce: String,
	/// XChaCha20-Poly1305 of the secret, in hex.
	ciphertext: String,
}

impl Sealed {
	/// Encrypts a secret.
	pub(super) fn new(secret: &str, address: &str, passphrase: &str) -> Result<Self> {
		if passphrase.len() < MIN_PASSPHRASE {
			return Err(Error::Usage(format!(
				"the passphrase is too short: at least {MIN_PASSPHRASE} characters"
			)));
		}
		let key = PassphraseKey::new(passphrase.as_bytes()).map_err(unusable)?;
		let (nonce, ciphertext) = key.seal(secret.as_bytes(), &bound(address)).map_err(unusable)?;
		Ok(Self {
			version: VERSION,
			address: address.to_owned(),
			argon2id: key.cost(),
			salt: hex::encode(key.salt()),
			nonce: hex::encode(nonce),
			ciphertext: hex::encode(ciphertext),
		})
	}

	/// Decrypts the secret.
	pub(super) fn open(&self, passphrase: &str) -> Result<Zeroizing<String>> {
		let damaged =
			|what: &str| Error::Local(format!("the key file is damaged: its {what} is wrong"));
		if self.version != VERSION {
			return Err(Error::Local(format!(
				"the key file has the form {}; this program knows form {VERSION}",
				self.version
			)));
		}
		let bytes = |what: &'static str, text: &str| hex::decode(text).map_err(|_| damaged(what));
		let salt = bytes("salt", &self.salt)?;
		let nonce = bytes("nonce", &self.nonce)?;
		let nonce: [u8; 24] = nonce.try_into().map_err(|_| damaged("nonce"))?;
		let ciphertext = bytes("ciphertext", &self.ciphertext)?;
		let secret = PassphraseKey::again(passphrase.as_bytes(), &salt, self.argon2id)
			.and_then(|key| key.open(&nonce, &ciphertext, &bound(&self.address)))
			.map_err(|e| match e {
				SealError::Open => Error::Local(format!(
					"the passphrase does not open the key file of {}",
					self.address
				)),
				e => unusable(e),
			})?;
		String::from_utf8(secret.to_vec()).map(Zeroizing::new).map_err(|_| damaged("secret"))
	}
}

fn unusable(error: SealError) -> Error {
	Error::Local(format!("the key file cannot be used: {error}"))
}

/// What the ciphertext is bound to.
fn bound(address: &str) -> Vec<u8> {
	[TAG, address.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
	use super::*;

	const SECRET: &str = "bottom drive obey lake curtain smoke basket hold race lonely fit walk";

	#[test]
	fn should_open_with_the_passphrase_and_with_no_other() {
		let sealed = Sealed::new(SECRET, "5Grw", "correct horse").unwrap();
		assert_eq!(sealed.open("correct horse").unwrap().as_str(), SECRET);
		assert!(sealed.open("wrong horse").unwrap_err().to_string().contains("passphrase"));
		let text = serde_json::to_string(&sealed).unwrap();
		assert!(!text.contains("bottom") && !text.contains("horse"));
	}

	#[test]
	fn should_refuse_file_when_it_was_changed() {
		let sealed = || Sealed::new(SECRET, "5Grw", "correct horse").unwrap();
		let cases: [fn(&mut Sealed); 7] = [
			|s| s.version = 2,
			|s| s.address = "5FHn".into(),
			|s| s.salt = "00".into(),
			|s| s.nonce = "00".into(),
			|s| s.ciphertext = "zz".into(),
			|s| s.argon2id.memory_kib = u32::MAX,
			|s| s.argon2id.passes = 0,
		];
		for change in cases {
			let mut changed = sealed();
			change(&mut changed);
			assert!(changed.open("correct horse").is_err());
		}
	}

	#[test]
	fn should_refuse_passphrase_when_it_is_short() {
		assert!(matches!(Sealed::new(SECRET, "5Grw", "short"), Err(Error::Usage(_))));
	}
}
