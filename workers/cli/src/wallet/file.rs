//! The wallet's file: everything in it is encrypted, and it is never half written.
//!
//! Only the chain, and whether the wallet can spend, stand in clear. What it has, had, and whom it paid does not.

use std::{
	fs::{File, OpenOptions, TryLockError},
	io::{self, IsTerminal, Read},
	os::unix::fs::OpenOptionsExt,
	path::{Path, PathBuf},
};

use codec::{Decode, DecodeAll, Encode};
use io_client::{
	Client,
	sealed::{self, Cost, PassphraseKey, SealError},
};
use io_shielded::{
	Target,
	address::Network,
	keys::{SpendKey, VIEW_KEY_LEN, ViewKey},
	wallet::{
		Keys,
		ledger::{Event, Ledger},
	},
};
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::make::owner_secret;
use crate::{
	error::{Error, Result},
	keys::{self, PassphraseArgs},
};

/// Version of the form.
const VERSION: u32 = 1;
/// Most bytes of a file: millions of coins.
const MAX_BYTES: u64 = 1 << 30;
/// How many jobs may have been counted whose bundles never got into a block.
const JOB_GAP: u32 = 20;
/// Shortest passphrase of a new wallet.
const MIN_PASSPHRASE: usize = 8;

/// The file's form. Binary values are hexadecimal.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
	version: u32,
	genesis: String,
	live: bool,
	watch_only: bool,
	argon2id: Cost,
	salt: String,
	nonce: String,
	ciphertext: String,
}

impl Form {
	/// What stands in clear and is authenticated with the rest.
	fn bound(&self) -> Vec<u8> {
		format!(
			"io wallet {} {} {} {} {} {} {}",
			self.version,
			self.genesis,
			self.live,
			self.watch_only,
			self.argon2id.memory_kib,
			self.argon2id.passes,
			self.salt
		)
		.into_bytes()
	}
}

/// What the keys come from.
#[derive(Encode, Decode, Zeroize, ZeroizeOnDrop)]
pub(super) enum Secret {
	/// The seed of the wallet's phrase.
	Seed([u8; 32]),
	/// A view key.
	View([u8; VIEW_KEY_LEN]),
}

impl Secret {
	fn keys(&self) -> Option<Keys> {
		match self {
			Self::Seed(seed) => Some(Keys::Spend(SpendKey::from_seed(seed))),
			Self::View(bytes) => ViewKey::from_bytes(bytes).map(Keys::View),
		}
	}
}

/// What is encrypted.
#[derive(Encode, Decode)]
struct Content {
	secret: Secret,
	ledger: Ledger,
	/// Jobs that the wallet has paid for: each has an owner of its own.
	jobs: u32,
}

/// An open wallet. Nobody else can open it meanwhile.
pub(super) struct Wallet {
	path: PathBuf,
	key: PassphraseKey,
	content: Content,
	/// Its keys.
	pub(super) keys: Keys,
	/// The chain that it is for.
	pub(super) network: Network,
	_lock: File,
}

impl Wallet {
	/// Makes a new one.
	pub(super) fn create(
		path: &Path,
		secret: Secret,
		network: Network,
		ledger: Ledger,
		passphrase: &str,
	) -> Result<Self> {
		if passphrase.len() < MIN_PASSPHRASE {
			return Err(Error::Usage(format!(
				"the passphrase is too short: at least {MIN_PASSPHRASE} characters"
			)));
		}
		let lock = lock(path)?;
		let keys = secret.keys().ok_or_else(|| Error::Local("the view key is none".into()))?;
		let key = PassphraseKey::new(passphrase.as_bytes()).map_err(unusable)?;
		let content = Content { secret, ledger, jobs: 0 };
		let wallet = Self { path: path.into(), key, content, keys, network, _lock: lock };
		let bytes = wallet.sealed()?;
		sealed::write_new(path, &bytes).map_err(|e| match e.kind() {
			io::ErrorKind::AlreadyExists => taken(path),
			_ => Error::file("write the wallet", path)(e),
		})?;
		Ok(wallet)
	}

	/// Opens one.
	pub(super) fn open(path: &Path, passphrase: &PassphraseArgs) -> Result<Self> {
		let mut text = String::new();
		let file = File::open(path).map_err(|e| match e.kind() {
			io::ErrorKind::NotFound => Error::Local(format!(
				"there is no wallet {}: make one with `io wallet create`",
				path.display()
			)),
			_ => Error::file("open the wallet", path)(e),
		})?;
		let lock = lock(path)?;
		file.take(MAX_BYTES)
			.read_to_string(&mut text)
			.map_err(Error::file("read the wallet", path))?;
		let damaged = |what: &dyn std::fmt::Display| {
			Error::Local(format!(
				"{} is no wallet, or is damaged: {what}. Restore the wallet from its phrase",
				path.display()
			))
		};
		let form: Form = serde_json::from_str(&text).map_err(|e| damaged(&e))?;
		if form.version != VERSION {
			return Err(Error::Local(format!(
				"the wallet has the form {}; this program knows form {VERSION}",
				form.version
			)));
		}
		let bytes = |text: &str| hex::decode(text).map_err(|e| damaged(&e));
		let fixed = |e: &[u8]| damaged(&format!("{} bytes", e.len()));
		let genesis = bytes(&form.genesis)?.try_into().map_err(|e: Vec<u8>| fixed(&e))?;
		let nonce: [u8; 24] = bytes(&form.nonce)?.try_into().map_err(|e: Vec<u8>| fixed(&e))?;
		let (salt, ciphertext) = (bytes(&form.salt)?, bytes(&form.ciphertext)?);
		let passphrase = read_passphrase(passphrase)?;
		let key =
			PassphraseKey::again(passphrase.as_bytes(), &salt, form.argon2id).map_err(unusable)?;
		let opened = key.open(&nonce, &ciphertext, &form.bound()).map_err(|e| match e {
			SealError::Open => Error::Local(format!(
				"the passphrase does not open {}, or the file was altered",
				path.display()
			)),
			e => unusable(e),
		})?;
		let content = Content::decode_all(&mut opened.as_slice()).map_err(|e| damaged(&e))?;
		let keys = content.secret.keys().ok_or_else(|| damaged(&"its key"))?;
		let network = Network { live: form.live, genesis };
		Ok(Self { path: path.into(), key, content, keys, network, _lock: lock })
	}

	/// Writes what has changed.
	pub(super) fn save(&self) -> Result<()> {
		let bytes = self.sealed()?;
		sealed::replace(&self.path, &bytes).map_err(Error::file("write the wallet", &self.path))
	}

	fn sealed(&self) -> Result<Vec<u8>> {
		let content = Zeroizing::new(self.content.encode());
		let mut form = Form {
			version: VERSION,
			genesis: hex::encode(self.network.genesis),
			live: self.network.live,
			watch_only: self.keys.spend().is_none(),
			argon2id: self.key.cost(),
			salt: hex::encode(self.key.salt()),
			nonce: String::new(),
			ciphertext: String::new(),
		};
		let (nonce, ciphertext) = self.key.seal(&content, &form.bound()).map_err(unusable)?;
		form.nonce = hex::encode(nonce);
		form.ciphertext = hex::encode(ciphertext);
		let mut text = serde_json::to_vec_pretty(&form)
			.map_err(|e| Error::Local(format!("the wallet cannot be written: {e}")))?;
		text.push(b'\n');
		Ok(text)
	}

	/// What it knows of the pool.
	pub(super) fn ledger(&self) -> &Ledger {
		&self.content.ledger
	}

	/// The same, to be changed, and the keys.
	pub(super) fn ledger_mut(&mut self) -> (&mut Ledger, &Keys) {
		(&mut self.content.ledger, &self.keys)
	}

	/// The key that spends.
	pub(super) fn spend_key(&self) -> Result<&SpendKey> {
		self.keys.spend().ok_or_else(|| {
			Error::Usage(
				"this wallet only watches: use the one that has the phrase for this".into(),
			)
		})
	}

	/// The seed, and the number of jobs that the wallet has paid for.
	pub(super) fn jobs(&self) -> Result<(&[u8; 32], u32)> {
		match &self.content.secret {
			Secret::Seed(seed) => Ok((seed, self.content.jobs)),
			Secret::View(_) => self.spend_key().map(|_| (&[0; 32], 0)),
		}
	}

	/// Finds the jobs in the history that this wallet does not know of, as after a restoration: none of their owners is used
	/// again.
	pub(super) fn find_jobs(&mut self) -> Result<()> {
		let Secret::Seed(seed) = &self.content.secret else { return Ok(()) };
		for entry in self.content.ledger.history() {
			let Event::Sent { target: Target::Job { owner, .. }, .. } = &entry.event else {
				continue;
			};
			for index in self.content.jobs..self.content.jobs.saturating_add(JOB_GAP) {
				let own = keys::parse(&owner_secret(seed, index))?;
				if Client::account_of(&own) == (*owner).into() {
					self.content.jobs = index.saturating_add(1);
				}
			}
		}
		Ok(())
	}

	/// One more job.
	pub(super) fn count_job(&mut self) {
		self.content.jobs = self.content.jobs.saturating_add(1);
	}
}

/// Fails if there is a file already: before anything is asked.
pub(super) fn is_free(path: &Path) -> Result<()> {
	if path.exists() { Err(taken(path)) } else { Ok(()) }
}

fn taken(path: &Path) -> Error {
	Error::Local(format!("there is a file {} already; it is not overwritten", path.display()))
}

fn unusable(error: SealError) -> Error {
	Error::Local(format!("the wallet cannot be used: {error}"))
}

/// Two programs that write the same wallet would undo each other's work, and spend coins twice.
fn lock(path: &Path) -> Result<File> {
	let mut name = path.as_os_str().to_owned();
	name.push(".lock");
	let name = PathBuf::from(name);
	let file = OpenOptions::new()
		.write(true)
		.create(true)
		.truncate(false)
		.mode(0o600)
		.open(&name)
		.map_err(Error::file("make", &name))?;
	match file.try_lock() {
		Ok(()) => Ok(file),
		Err(TryLockError::WouldBlock) => Err(Error::Local(format!(
			"another `io wallet` uses {}: wait for it to end",
			path.display()
		))),
		Err(TryLockError::Error(e)) => Err(Error::file("lock", &name)(e)),
	}
}

/// The passphrase of a wallet, from where the arguments say, or asked for.
pub(super) fn read_passphrase(args: &PassphraseArgs) -> Result<Zeroizing<String>> {
	match args.read()? {
		Some(passphrase) => Ok(passphrase),
		None => prompt("passphrase: "),
	}
}

/// The passphrase of a wallet that does not exist yet: what is typed is asked for twice.
pub(super) fn new_passphrase(args: &PassphraseArgs) -> Result<Zeroizing<String>> {
	if let Some(passphrase) = args.read()? {
		return Ok(passphrase);
	}
	let first = prompt("passphrase for the new wallet: ")?;
	if prompt("the same again: ")? == first {
		Ok(first)
	} else {
		Err(Error::Usage("the two passphrases differ".into()))
	}
}

fn prompt(question: &str) -> Result<Zeroizing<String>> {
	if !io::stdin().is_terminal() {
		return Err(Error::Usage(
			"the wallet is encrypted: add --passphrase-file or --passphrase-fd".into(),
		));
	}
	rpassword::prompt_password(question)
		.map(Zeroizing::new)
		.map_err(Error::file("read from", "the terminal"))
}

#[cfg(test)]
mod tests {
	use std::os::unix::fs::PermissionsExt;

	use io_shielded::wallet::ledger::BlockRef;

	use super::*;

	const NETWORK: Network = Network { live: false, genesis: [7; 32] };
	const SEED: [u8; 32] = [9; 32];

	struct Setup {
		folder: tempfile::TempDir,
		passphrase: PassphraseArgs,
	}

	impl Setup {
		fn new() -> Self {
			let folder = tempfile::tempdir().unwrap();
			let file = folder.path().join("pass");
			std::fs::write(&file, "correct horse\n").unwrap();
			std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
			let passphrase = PassphraseArgs { passphrase_file: Some(file), passphrase_fd: None };
			Self { folder, passphrase }
		}

		fn path(&self) -> PathBuf {
			self.folder.path().join("wallet")
		}

		fn create(&self) -> Result<Wallet> {
			let ledger = Ledger::new(BlockRef { number: 3, hash: [1; 32] }, Some(0));
			Wallet::create(&self.path(), Secret::Seed(SEED), NETWORK, ledger, "correct horse")
		}

		fn open(&self) -> Result<Wallet> {
			Wallet::open(&self.path(), &self.passphrase)
		}
	}

	#[test]
	fn should_read_back_what_was_saved() {
		let setup = Setup::new();
		let mut made = setup.create().unwrap();
		made.ledger_mut().0.use_address(6);
		made.count_job();
		made.save().unwrap();
		drop(made);
		let read = setup.open().unwrap();
		assert_eq!((read.ledger().addresses(), read.network), (7, NETWORK));
		assert_eq!(read.jobs().unwrap(), (&SEED, 1));
		let mode = std::fs::metadata(setup.path()).unwrap().permissions().mode();
		assert_eq!(mode & 0o777, 0o600);
	}

	#[test]
	fn should_show_no_secret_in_the_file() {
		let setup = Setup::new();
		setup.create().unwrap();
		let text = std::fs::read_to_string(setup.path()).unwrap();
		assert!(!text.contains(&hex::encode(SEED)) && !text.contains("horse"));
	}

	#[test]
	fn should_refuse_second_program_while_one_has_the_wallet() {
		let setup = Setup::new();
		let first = setup.create().unwrap();
		let error = setup.open().err().unwrap().to_string();
		assert!(error.contains("another `io wallet`"), "{error}");
		drop(first);
		setup.open().unwrap();
	}

	#[test]
	fn should_not_overwrite_a_wallet_nor_take_a_short_passphrase() {
		let setup = Setup::new();
		setup.create().unwrap();
		assert!(setup.create().err().unwrap().to_string().contains("not overwritten"));
		let ledger = Ledger::new(BlockRef { number: 0, hash: [0; 32] }, None);
		let path = setup.folder.path().join("other");
		let made = Wallet::create(&path, Secret::Seed(SEED), NETWORK, ledger, "short");
		assert!(matches!(made.err(), Some(Error::Usage(_))));
		assert!(!path.exists());
	}

	#[test]
	fn should_refuse_file_when_anything_in_it_was_changed() {
		let setup = Setup::new();
		setup.create().unwrap();
		let text = std::fs::read_to_string(setup.path()).unwrap();
		let genesis = hex::encode(NETWORK.genesis);
		for (from, to) in [
			(genesis.as_str(), "08".repeat(32).as_str()),
			("\"live\": false", "\"live\": true"),
			("\"watch_only\": false", "\"watch_only\": true"),
			("\"version\": 1", "\"version\": 2"),
			("65536", "4000000000"),
			("\"ciphertext\": \"", "\"ciphertext\": \"00"),
			("\"nonce\": \"", "\"nonce\": \"00"),
			("{", "["),
		] {
			assert!(text.contains(from), "{from}");
			std::fs::write(setup.path(), text.replace(from, to)).unwrap();
			assert!(matches!(setup.open().err(), Some(Error::Local(_))), "{from}");
		}
		std::fs::write(setup.path(), text).unwrap();
		setup.open().unwrap();
	}

	#[test]
	fn should_not_spend_when_it_only_watches() {
		let setup = Setup::new();
		let view = *SpendKey::from_seed(&SEED).view_key().to_bytes();
		let ledger = Ledger::new(BlockRef { number: 0, hash: [0; 32] }, Some(0));
		let path = setup.path();
		let wallet =
			Wallet::create(&path, Secret::View(view), NETWORK, ledger, "correct horse").unwrap();
		assert!(matches!(wallet.spend_key().err(), Some(Error::Usage(_))));
		assert!(matches!(wallet.jobs().err(), Some(Error::Usage(_))));
	}
}
