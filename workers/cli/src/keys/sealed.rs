//! Key files that are encrypted with a passphrase.

use argon2::{Algorithm, Argon2, Params, Version};
use chacha20poly1305::{
	XChaCha20Poly1305,
	aead::{Aead, KeyInit, Payload},
};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::error::{Error, Result};

/// Version of the form.
const VERSION: u32 = 1;
/// Binds the ciphertext to its use.
const TAG: &[u8] = b"io key file v1";
/// Cost of a new file: 64 MiB of memory, 3 passes.
const MEMORY_KIB: u32 = 64 * 1024;
const PASSES: u32 = 3;
/// Most that reading a file may cost; more would only serve to annoy.
const MAX_MEMORY_KIB: u32 = 1024 * 1024;
const MAX_PASSES: u32 = 16;
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

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Cost {
	memory_kib: u32,
	passes: u32,
}

impl Sealed {
	/// Encrypts a secret.
	pub(super) fn new(secret: &str, address: &str, passphrase: &str) -> Result<Self> {
		if passphrase.len() < MIN_PASSPHRASE {
			return Err(Error::Usage(format!(
				"the passphrase is too short: at least {MIN_PASSPHRASE} characters"
			)));
		}
		let mut random = [0u8; 40];
		getrandom::fill(&mut random)
			.map_err(|e| Error::Local(format!("the system gives no random numbers: {e}")))?;
		let (salt, nonce) = random.split_at(16);
		let cost = Cost { memory_kib: MEMORY_KIB, passes: PASSES };
		let key = derive(passphrase, salt, &cost)?;
		let payload = Payload { msg: secret.as_bytes(), aad: &aad(address) };
		let ciphertext = XChaCha20Poly1305::new((&*key).into())
			.encrypt(nonce.into(), payload)
			.map_err(|_| Error::Local("the secret cannot be encrypted".into()))?;
		Ok(Self {
			version: VERSION,
			address: address.to_owned(),
			argon2id: cost,
			salt: hex::encode(salt),
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
		if self.argon2id.memory_kib > MAX_MEMORY_KIB || self.argon2id.passes > MAX_PASSES {
			return Err(damaged("cost"));
		}
		let key = derive(passphrase, &salt, &self.argon2id)?;
		let payload = Payload { msg: &ciphertext, aad: &aad(&self.address) };
		let secret = XChaCha20Poly1305::new((&*key).into())
			.decrypt((&nonce).into(), payload)
			.map(Zeroizing::new)
			.map_err(|_| {
				Error::Local(format!(
					"the passphrase does not open the key file of {}",
					self.address
				))
			})?;
		String::from_utf8(secret.to_vec()).map(Zeroizing::new).map_err(|_| damaged("secret"))
	}
}

fn aad(address: &str) -> Vec<u8> {
	[TAG, address.as_bytes()].concat()
}

fn derive(passphrase: &str, salt: &[u8], cost: &Cost) -> Result<Zeroizing<[u8; 32]>> {
	let failed = |e: argon2::Error| Error::Local(format!("the key file cannot be used: {e}"));
	let params = Params::new(cost.memory_kib, cost.passes, 1, Some(32)).map_err(failed)?;
	let mut key = Zeroizing::new([0u8; 32]);
	Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
		.hash_password_into(passphrase.as_bytes(), salt, &mut *key)
		.map_err(failed)?;
	Ok(key)
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
