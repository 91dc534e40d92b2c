//! Secrets in files: XChaCha20-Poly1305 under a key that argon2id makes from a passphrase, and files that are written
//! whole or not at all.
//!
//! The forms of the files (key files, keystores, wallets) are their owners' business; this is what they have in common.

use std::{
	fs::File,
	io::{self, Write},
	path::Path,
};

use argon2::{Algorithm, Argon2, Params, Version};
use chacha20poly1305::{
	KeyInit, XChaCha20Poly1305,
	aead::{Aead, Payload},
};
use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;
use zeroize::Zeroizing;

/// Most that opening a file may cost; a file that asks for more would only exhaust the machine.
const MAX_MEMORY_KIB: u32 = 1024 * 1024;
const MAX_PASSES: u32 = 16;

/// What one guess of the passphrase costs with argon2id.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cost {
	/// Memory in KiB.
	pub memory_kib: u32,
	/// Passes over it.
	pub passes: u32,
}

impl Default for Cost {
	/// 64 MiB and 3 passes: RFC 9106, second recommendation, with one lane.
	fn default() -> Self {
		Self { memory_kib: 64 * 1024, passes: 3 }
	}
}

/// Why a secret could not be sealed or opened.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SealError {
	/// The system gives no random numbers.
	#[error("the system gives no random numbers: {0}")]
	Random(String),
	/// Opening it would cost too much, or argon2id does not know such costs.
	#[error("it asks for {0} KiB of memory and {1} passes, which is not allowed")]
	Cost(u32, u32),
	/// argon2id failed.
	#[error("no key can be made from the passphrase: {0}")]
	Derive(String),
	/// The cipher refused to encrypt.
	#[error("the secret cannot be encrypted")]
	Encrypt,
	/// The passphrase is another one, or the content or what it is bound to was altered.
	#[error("wrong passphrase, or the file was altered")]
	Open,
}

/// A key made from a passphrase. It can seal again and again: each time with a nonce of its own.
pub struct PassphraseKey {
	key: Zeroizing<[u8; 32]>,
	salt: Vec<u8>,
	cost: Cost,
}

impl PassphraseKey {
	/// With a new salt and the usual cost.
	pub fn new(passphrase: &[u8]) -> Result<Self, SealError> {
		let mut salt = [0u8; 16];
		random(&mut salt)?;
		Self::again(passphrase, &salt, Cost::default())
	}

	/// With the salt and the cost of a file.
	pub fn again(passphrase: &[u8], salt: &[u8], cost: Cost) -> Result<Self, SealError> {
		let refused = SealError::Cost(cost.memory_kib, cost.passes);
		if cost.memory_kib > MAX_MEMORY_KIB || cost.passes > MAX_PASSES {
			return Err(refused);
		}
		let params = Params::new(cost.memory_kib, cost.passes, 1, Some(32)).map_err(|_| refused)?;
		let mut key = Zeroizing::new([0u8; 32]);
		Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
			.hash_password_into(passphrase, salt, &mut *key)
			.map_err(|e| SealError::Derive(e.to_string()))?;
		Ok(Self { key, salt: salt.to_vec(), cost })
	}

	/// The salt.
	pub fn salt(&self) -> &[u8] {
		&self.salt
	}

	/// The cost.
	pub fn cost(&self) -> Cost {
		self.cost
	}

	/// Encrypts, and binds the result to `bound`, which is not secret. Returns a fresh nonce and the ciphertext.
	pub fn seal(&self, secret: &[u8], bound: &[u8]) -> Result<([u8; 24], Vec<u8>), SealError> {
		let mut nonce = [0u8; 24];
		random(&mut nonce)?;
		let ciphertext = XChaCha20Poly1305::new((&*self.key).into())
			.encrypt((&nonce).into(), Payload { msg: secret, aad: bound })
			.map_err(|_| SealError::Encrypt)?;
		Ok((nonce, ciphertext))
	}

	/// Decrypts what [`Self::seal`] made.
	pub fn open(
		&self,
		nonce: &[u8; 24],
		ciphertext: &[u8],
		bound: &[u8],
	) -> Result<Zeroizing<Vec<u8>>, SealError> {
		XChaCha20Poly1305::new((&*self.key).into())
			.decrypt(nonce.into(), Payload { msg: ciphertext, aad: bound })
			.map(Zeroizing::new)
			.map_err(|_| SealError::Open)
	}
}

fn random(bytes: &mut [u8]) -> Result<(), SealError> {
	getrandom::fill(bytes).map_err(|e| SealError::Random(e.to_string()))
}

/// Writes a new file that only its owner can read: whole or not at all. An existing one is not touched
/// ([`io::ErrorKind::AlreadyExists`]).
pub fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
	let (file, folder) = temporary(path, bytes)?;
	file.persist_noclobber(path)?;
	File::open(folder)?.sync_all()
}

/// Writes a file that only its owner can read in place of another one: after a crash there is the old one or the new
/// one, whole.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
	let (file, folder) = temporary(path, bytes)?;
	file.persist(path)?;
	File::open(folder)?.sync_all()
}

/// A file of mode 0600 beside `path`, on the disk, and the folder of both.
fn temporary<'a>(path: &'a Path, bytes: &[u8]) -> io::Result<(NamedTempFile, &'a Path)> {
	let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
	let mut file = NamedTempFile::new_in(folder)?;
	file.write_all(bytes)?;
	file.as_file().sync_all()?;
	Ok((file, folder))
}

#[cfg(test)]
mod tests {
	use std::{fs, os::unix::fs::PermissionsExt};

	use super::*;

	const CHEAP: Cost = Cost { memory_kib: 8, passes: 1 };

	fn key(passphrase: &str) -> PassphraseKey {
		PassphraseKey::again(passphrase.as_bytes(), &[7; 16], CHEAP).unwrap()
	}

	#[test]
	fn should_open_when_passphrase_and_context_are_the_same() {
		let (nonce, sealed) = key("correct horse").seal(b"secret", b"wallet").unwrap();
		let opened = key("correct horse").open(&nonce, &sealed, b"wallet").unwrap();
		assert_eq!(opened.as_slice(), b"secret");
	}

	#[test]
	fn should_refuse_when_anything_is_different() {
		let (nonce, sealed) = key("correct horse").seal(b"secret", b"wallet").unwrap();
		let open = |key: PassphraseKey, nonce: &[u8; 24], sealed: &[u8], bound: &[u8]| {
			key.open(nonce, sealed, bound).err()
		};
		let mut flipped = sealed.clone();
		flipped[0] ^= 1;
		for failure in [
			open(key("wrong horse"), &nonce, &sealed, b"wallet"),
			open(key("correct horse"), &[0; 24], &sealed, b"wallet"),
			open(key("correct horse"), &nonce, &flipped, b"wallet"),
			open(key("correct horse"), &nonce, &[], b"wallet"),
			open(key("correct horse"), &nonce, &sealed, b"key file"),
		] {
			assert_eq!(failure, Some(SealError::Open));
		}
	}

	#[test]
	fn should_use_another_nonce_when_it_seals_again() {
		let key = key("correct horse");
		assert_ne!(key.seal(b"secret", b"").unwrap(), key.seal(b"secret", b"").unwrap());
	}

	#[test]
	fn should_refuse_cost_when_it_is_excessive_or_senseless() {
		for (memory_kib, passes) in [(MAX_MEMORY_KIB + 1, 1), (8, MAX_PASSES + 1), (0, 1), (8, 0)] {
			let made = PassphraseKey::again(b"x", &[7; 16], Cost { memory_kib, passes });
			assert!(matches!(made, Err(SealError::Cost(..))), "{memory_kib} {passes}");
		}
	}

	#[test]
	fn should_equal_argon2id_of_rfc_9106_parameters_when_a_key_is_derived() {
		// From the tests of the reference implementation (github.com/P-H-C/phc-winner-argon2, test.c: argon2id, v=0x13).
		let key =
			PassphraseKey::again(b"password", b"somesalt", Cost { memory_kib: 65536, passes: 2 })
				.unwrap();
		assert_eq!(
			hex::encode(*key.key),
			"09316115d5cf24ed5a15a31a3ba326e5cf32edc24702987c02b6566f61913cf7",
		);
	}

	#[test]
	fn should_write_private_file_and_leave_nothing_else() {
		let folder = tempfile::tempdir().unwrap();
		let path = folder.path().join("file.json");
		write_new(&path, b"one").unwrap();
		assert_eq!(write_new(&path, b"two").unwrap_err().kind(), io::ErrorKind::AlreadyExists);
		assert_eq!(fs::read(&path).unwrap(), b"one");
		replace(&path, b"three").unwrap();
		assert_eq!(fs::read(&path).unwrap(), b"three");
		assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
		assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
	}
}
