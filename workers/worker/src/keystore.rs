//! Keys of a worker: an sr25519 hot key that signs worker calls, and an x25519 key to which inputs are sealed.
//!
//! They lie in one JSON file, encrypted with XChaCha20-Poly1305 under a key that argon2id makes from a passphrase.
//! The public keys stand in clear beside them and are authenticated with the rest.

use std::{
	fs,
	io::Read,
	os::unix::fs::PermissionsExt,
	path::{Path, PathBuf},
};

use io_client::sealed::{self, Cost, PassphraseKey, SealError};
use io_mesh::{
	lanes::Identity,
	seal::{ContentKey, Purpose, SealedKey},
};
use io_primitives::{
	BlockNumber, SignedWorkerCall, WorkerCall, WorkerKey,
	attestation::{AttestationCall, SignedAttestation},
	call,
	mesh::{Report, SignedReport},
};
use serde::{Deserialize, Serialize};
use sp_core::{H256, sr25519};
use zeroize::{Zeroize, Zeroizing};

/// What can go wrong with a keystore.
#[derive(thiserror::Error, Debug)]
pub enum Error {
	/// There is no keystore yet.
	#[error("there is no keystore at {}. Make one with `io-worker keys new`", .0.display())]
	Missing(PathBuf),
	/// There is one already.
	#[error("there is a keystore at {} already; it is not overwritten. Move it away first", .0.display())]
	Exists(PathBuf),
	/// The file system said no.
	#[error("{}: {source}", path.display())]
	Io {
		/// Which file.
		path: PathBuf,
		/// Why.
		source: std::io::Error,
	},
	/// The file is no keystore.
	#[error("{} is not a keystore of this version: {reason}. Restore it from your backup", path.display())]
	Format {
		/// Which file.
		path: PathBuf,
		/// Why.
		reason: String,
	},
	/// Decryption failed.
	#[error(
		"the passphrase does not open {} (wrong passphrase, or the file was altered)",
		.0.display()
	)]
	WrongPassphrase(PathBuf),
	/// No passphrase was given.
	#[error("a passphrase is needed: use --passphrase-file FILE or --passphrase-fd N")]
	NoPassphrase,
	/// The passphrase is unusable.
	#[error("the passphrase {0}")]
	BadPassphrase(&'static str),
	/// The machine has no randomness or memory.
	#[error("cannot derive a key: {0}")]
	Machine(String),
	/// The secrets cannot be encrypted.
	#[error("cannot encrypt the keys: {0}")]
	Seal(#[from] SealError),
}

const VERSION: u32 = 1;
const MAX_FILE: u64 = 64 * 1024;
const MAX_PASSPHRASE: u64 = 4096;
const SECRET_LEN: usize = 64;

/// The file. Binary values are hexadecimal.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
	version: u32,
	sr25519_public: String,
	x25519_public: String,
	kdf: Kdf,
	cipher: String,
	nonce: String,
	ciphertext: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kdf {
	name: String,
	memory_kib: u32,
	passes: u32,
	salt: String,
}

impl File {
	/// What the cipher authenticates besides the secrets.
	fn associated_data(&self) -> Vec<u8> {
		format!(
			"io-worker keystore {} {} {} {} {} {} {} {}",
			self.version,
			self.sr25519_public,
			self.x25519_public,
			self.kdf.name,
			self.kdf.memory_kib,
			self.kdf.passes,
			self.kdf.salt,
			self.cipher
		)
		.into_bytes()
	}
}

/// The public keys of a worker.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PublicKeys {
	/// The hot key, which is the worker's identity on chain.
	pub worker: WorkerKey,
	/// The key to which requesters seal inputs.
	pub x25519: [u8; 32],
}

/// The keys of a worker, opened.
#[derive(Clone)]
pub struct Keys {
	pair: schnorrkel::Keypair,
	/// Secret from which the salts of commitments come.
	salt_key: Zeroizing<[u8; 32]>,
	identity: Identity,
	x25519: x25519_dalek::StaticSecret,
}

impl std::fmt::Debug for Keys {
	fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
		write!(f, "Keys({})", hex::encode(self.worker()))
	}
}

impl Keys {
	/// Makes the keys from their two secrets: an sr25519 mini secret and an x25519 secret.
	pub fn from_secrets(mini: &[u8; 32], x25519: [u8; 32]) -> Result<Keys, Error> {
		let secret = schnorrkel::MiniSecretKey::from_bytes(mini)
			.map_err(|e| Error::Machine(e.to_string()))?;
		Ok(Keys {
			// As sp_core::sr25519 expands seeds, so that the same secret gives the same key in every tool.
			pair: secret.expand_to_keypair(schnorrkel::ExpansionMode::Ed25519),
			salt_key: Zeroizing::new(blake3::derive_key("io-worker commitment salt v1", mini)),
			identity: Identity::new(blake3::derive_key("io-worker mesh identity v1", mini)),
			x25519: x25519_dalek::StaticSecret::from(x25519),
		})
	}

	/// The hot key's public part.
	pub fn worker(&self) -> WorkerKey {
		WorkerKey::from_raw(self.pair.public.to_bytes())
	}

	/// Both public parts.
	pub fn public(&self) -> PublicKeys {
		PublicKeys {
			worker: self.worker(),
			x25519: x25519_dalek::PublicKey::from(&self.x25519).to_bytes(),
		}
	}

	/// The keys of this worker's endpoints in the mesh.
	pub fn identity(&self) -> &Identity {
		&self.identity
	}

	/// Opens the key of a content that was sealed to this worker.
	pub fn open_key(
		&self,
		sealed: &SealedKey,
		purpose: &Purpose,
	) -> Result<ContentKey, io_mesh::seal::Error> {
		ContentKey::open(sealed, self.x25519.as_bytes(), purpose)
	}

	fn sign(&self, message: &[u8]) -> sr25519::Signature {
		let context = schnorrkel::signing_context(b"substrate");
		sr25519::Signature::from_raw(self.pair.sign(context.bytes(message)).to_bytes())
	}

	/// Signs a call that counts up to block `valid_until` of the chain with this genesis.
	pub fn sign_call(
		&self,
		genesis: H256,
		call: WorkerCall,
		valid_until: BlockNumber,
	) -> SignedWorkerCall {
		let signature = self.sign(&call.payload(genesis, valid_until));
		SignedWorkerCall { worker: self.worker(), call, valid_until, signature }
	}

	/// Signs a call about the proof of computing power, under the same rules.
	pub fn sign_attestation(
		&self,
		genesis: H256,
		call: AttestationCall,
		valid_until: BlockNumber,
	) -> SignedAttestation {
		let signature = self.sign(&call.payload(genesis, valid_until));
		SignedAttestation { worker: self.worker(), call, valid_until, signature }
	}

	/// Signs that `operator` may register this worker on the chain with this genesis.
	pub fn sign_registration(
		&self,
		genesis: H256,
		operator: &io_primitives::AccountId,
	) -> sr25519::Signature {
		self.sign(&call::registration_payload(genesis, operator))
	}

	/// Signs a receipt for a relay: its [payload](io_primitives::mesh::Receipt::payload).
	pub fn sign_receipt(&self, payload: &[u8]) -> sr25519::Signature {
		self.sign(payload)
	}

	/// Signs which relays of the mesh are alive.
	pub fn sign_report(&self, genesis: H256, report: Report) -> SignedReport {
		let signature = self.sign(&report.payload(genesis));
		SignedReport { worker: self.worker(), report, signature }
	}

	/// The salt of the commitment for one execution.
	///
	/// It is secret, and always the same for the same execution: should the journal be lost, then doing the work again gives the
	/// same commitment, which can still be opened.
	pub fn salt(&self, execution: &[u8]) -> [u8; 32] {
		*blake3::keyed_hash(&self.salt_key, execution).as_bytes()
	}
}

/// Where a passphrase comes from. Never the command line: others on the machine can read it there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum PassphraseSource {
	/// A file.
	File(PathBuf),
	/// An open file descriptor.
	Fd(u32),
}

impl PassphraseSource {
	/// Reads the passphrase. A line break at its end does not count.
	pub fn read(&self) -> Result<Zeroizing<Vec<u8>>, Error> {
		let path = match self {
			PassphraseSource::File(path) => path.clone(),
			PassphraseSource::Fd(fd) => PathBuf::from(format!("/dev/fd/{fd}")),
		};
		let io = |source| Error::Io { path: path.clone(), source };
		let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_PASSPHRASE as usize + 1));
		let file = fs::File::open(&path).map_err(io)?;
		if let (PassphraseSource::File(_), Ok(meta)) = (self, file.metadata())
			&& meta.permissions().mode() & 0o077 != 0
		{
			tracing::warn!(path = %path.display(), "others can read the passphrase file: chmod 600 it");
		}
		file.take(MAX_PASSPHRASE + 1).read_to_end(&mut bytes).map_err(io)?;
		if bytes.len() as u64 > MAX_PASSPHRASE {
			return Err(Error::BadPassphrase("is longer than 4096 bytes"));
		}
		while matches!(bytes.last(), Some(b'\n' | b'\r')) {
			bytes.pop();
		}
		if bytes.is_empty() {
			return Err(Error::BadPassphrase("is empty"));
		}
		Ok(bytes)
	}
}

fn random<const N: usize>() -> Result<Zeroizing<[u8; N]>, Error> {
	let mut bytes = Zeroizing::new([0u8; N]);
	getrandom::fill(&mut *bytes).map_err(|e| Error::Machine(e.to_string()))?;
	Ok(bytes)
}

/// Makes new keys and writes them to `path`.
pub fn create(path: &Path, passphrase: &[u8]) -> Result<Keys, Error> {
	if path.exists() {
		return Err(Error::Exists(path.into()));
	}
	let mini = random::<32>()?;
	let x25519 = random::<32>()?;
	let keys = Keys::from_secrets(&mini, *x25519)?;
	let public = keys.public();

	let key = PassphraseKey::new(passphrase)?;
	let mut file = File {
		version: VERSION,
		sr25519_public: hex::encode(public.worker.0),
		x25519_public: hex::encode(public.x25519),
		kdf: Kdf {
			name: "argon2id".into(),
			memory_kib: key.cost().memory_kib,
			passes: key.cost().passes,
			salt: hex::encode(key.salt()),
		},
		cipher: "xchacha20poly1305".into(),
		nonce: String::new(),
		ciphertext: String::new(),
	};
	let mut secrets = Zeroizing::new([0u8; SECRET_LEN]);
	secrets[..32].copy_from_slice(&*mini);
	secrets[32..].copy_from_slice(&*x25519);
	let (nonce, ciphertext) = key.seal(&*secrets, &file.associated_data())?;
	file.nonce = hex::encode(nonce);
	file.ciphertext = hex::encode(ciphertext);
	let mut json = serde_json::to_vec_pretty(&file).map_err(|e| Error::Machine(e.to_string()))?;
	json.push(b'\n');
	write_private(path, &json)?;
	Ok(keys)
}

fn write_private(path: &Path, bytes: &[u8]) -> Result<(), Error> {
	let io = |source| Error::Io { path: path.into(), source };
	let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
	fs::create_dir_all(folder).map_err(io)?;
	sealed::write_new(path, bytes).map_err(|e| match e.kind() {
		std::io::ErrorKind::AlreadyExists => Error::Exists(path.into()),
		_ => io(e),
	})
}

fn read(path: &Path) -> Result<(File, PublicKeys), Error> {
	let format = |reason: String| Error::Format { path: path.into(), reason };
	let mut bytes = Vec::new();
	match fs::File::open(path).and_then(|f| f.take(MAX_FILE).read_to_end(&mut bytes)) {
		Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
			return Err(Error::Missing(path.into()));
		},
		Err(source) => return Err(Error::Io { path: path.into(), source }),
		Ok(_) => {},
	}
	let file: File = serde_json::from_slice(&bytes).map_err(|e| format(e.to_string()))?;
	if file.version != VERSION {
		return Err(format(format!("version {} instead of {VERSION}", file.version)));
	}
	if file.kdf.name != "argon2id" || file.cipher != "xchacha20poly1305" {
		return Err(format(format!("unknown algorithms {}, {}", file.kdf.name, file.cipher)));
	}
	let key = |name: &str, text: &str| -> Result<[u8; 32], Error> {
		let mut out = [0u8; 32];
		hex::decode_to_slice(text, &mut out).map_err(|e| format(format!("{name}: {e}")))?;
		Ok(out)
	};
	let public = PublicKeys {
		worker: WorkerKey::from_raw(key("sr25519_public", &file.sr25519_public)?),
		x25519: key("x25519_public", &file.x25519_public)?,
	};
	Ok((file, public))
}

/// Reads the public keys. No passphrase is needed, and so nothing proves that the file was not altered.
pub fn public_keys(path: &Path) -> Result<PublicKeys, Error> {
	read(path).map(|(_, public)| public)
}

/// Opens a keystore.
pub fn open(path: &Path, passphrase: &[u8]) -> Result<Keys, Error> {
	let (file, public) = read(path)?;
	let format = |reason: String| Error::Format { path: path.into(), reason };
	let salt = hex::decode(&file.kdf.salt).map_err(|e| format(format!("salt: {e}")))?;
	let mut nonce = [0u8; 24];
	hex::decode_to_slice(&file.nonce, &mut nonce).map_err(|e| format(format!("nonce: {e}")))?;
	let ciphertext =
		hex::decode(&file.ciphertext).map_err(|e| format(format!("ciphertext: {e}")))?;
	let cost = Cost { memory_kib: file.kdf.memory_kib, passes: file.kdf.passes };
	let secrets = PassphraseKey::again(passphrase, &salt, cost)
		.and_then(|key| key.open(&nonce, &ciphertext, &file.associated_data()))
		.map_err(|e| match e {
			SealError::Open => Error::WrongPassphrase(path.into()),
			e => format(e.to_string()),
		})?;
	if secrets.len() != SECRET_LEN {
		return Err(format("the secrets have the wrong length".into()));
	}
	let mut mini = Zeroizing::new([0u8; 32]);
	let mut x25519 = [0u8; 32];
	mini.copy_from_slice(&secrets[..32]);
	x25519.copy_from_slice(&secrets[32..]);
	let keys = Keys::from_secrets(&mini, x25519);
	x25519.zeroize();
	let keys = keys?;
	if keys.public() != public {
		return Err(format("public and secret keys do not belong together".into()));
	}
	Ok(keys)
}

#[cfg(test)]
mod tests {
	use super::*;
	use sp_core::Pair;

	#[test]
	fn should_open_when_the_passphrase_is_right() {
		let folder = tempfile::tempdir().unwrap();
		let path = folder.path().join("deep/keystore.json");
		let made = create(&path, b"correct horse").unwrap();
		assert_eq!(open(&path, b"correct horse").unwrap().public(), made.public());
		assert_eq!(public_keys(&path).unwrap(), made.public());
		assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
		assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
	}

	#[test]
	fn should_say_so_when_the_passphrase_is_wrong() {
		let folder = tempfile::tempdir().unwrap();
		let path = folder.path().join("keystore.json");
		create(&path, b"right").unwrap();
		let error = open(&path, b"wrong").unwrap_err();
		assert!(matches!(error, Error::WrongPassphrase(_)), "{error}");
	}

	#[test]
	fn should_refuse_when_any_field_was_altered() {
		let folder = tempfile::tempdir().unwrap();
		let path = folder.path().join("keystore.json");
		create(&path, b"right").unwrap();
		let text = fs::read_to_string(&path).unwrap();
		let other = folder.path().join("other.json");
		create(&other, b"right").unwrap();
		let public = hex::encode(public_keys(&path).unwrap().worker.0);
		let foreign = hex::encode(public_keys(&other).unwrap().worker.0);
		fs::write(&path, text.replace(&public, &foreign)).unwrap();
		assert!(matches!(open(&path, b"right").unwrap_err(), Error::WrongPassphrase(_)));
	}

	#[test]
	fn should_not_panic_when_the_file_is_garbage() {
		let folder = tempfile::tempdir().unwrap();
		let path = folder.path().join("keystore.json");
		assert!(matches!(open(&path, b"x").unwrap_err(), Error::Missing(_)));
		fs::write(&path, [0xff; 300]).unwrap();
		assert!(matches!(open(&path, b"x").unwrap_err(), Error::Format { .. }));
	}

	#[test]
	fn should_refuse_when_the_file_asks_for_too_much_memory() {
		let folder = tempfile::tempdir().unwrap();
		let path = folder.path().join("keystore.json");
		create(&path, b"right").unwrap();
		let text = fs::read_to_string(&path).unwrap();
		fs::write(&path, text.replace("65536", "4000000000")).unwrap();
		assert!(matches!(open(&path, b"right").unwrap_err(), Error::Format { .. }));
	}

	#[test]
	fn should_not_overwrite_when_a_keystore_exists() {
		let folder = tempfile::tempdir().unwrap();
		let path = folder.path().join("keystore.json");
		create(&path, b"right").unwrap();
		assert!(matches!(create(&path, b"right").unwrap_err(), Error::Exists(_)));
		assert!(matches!(write_private(&path, b"x").unwrap_err(), Error::Exists(_)));
		open(&path, b"right").unwrap();
	}

	#[test]
	fn should_equal_the_chains_key_when_made_from_the_same_seed() {
		let seed = [7u8; 32];
		let keys = Keys::from_secrets(&seed, [1; 32]).unwrap();
		assert_eq!(keys.worker(), sr25519::Pair::from_seed(&seed).public());
	}

	#[test]
	fn should_verify_on_chain_when_a_call_is_signed() {
		let keys = Keys::from_secrets(&[7u8; 32], [1; 32]).unwrap();
		let genesis = H256::repeat_byte(3);
		let call = WorkerCall::Accept { job: 5, replica: 1 };
		let signed = keys.sign_call(genesis, call.clone(), 77);
		let payload = call.payload(genesis, 77);
		assert!(sr25519::Pair::verify(&signed.signature, &payload, &signed.worker));
	}

	#[test]
	fn should_ignore_line_breaks_when_a_passphrase_is_read() {
		let folder = tempfile::tempdir().unwrap();
		let path = folder.path().join("p");
		fs::write(&path, "secret words\r\n").unwrap();
		assert_eq!(&**PassphraseSource::File(path.clone()).read().unwrap(), b"secret words");
		fs::write(&path, "\n").unwrap();
		assert!(PassphraseSource::File(path).read().is_err());
	}
}
