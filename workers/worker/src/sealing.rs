//! Sealed jobs: a job that names an x25519 key has its input sealed, and its output is sealed to that key.
//!
//! The digest of a result is that of the plain archive, so that workers agree although each seals under a key of its own. The plain
//! input lies in a scratch folder, which only the worker's user can read, for as long as the job needs it.

use std::{
	fs::File,
	io::{BufReader, BufWriter, Write},
	os::unix::fs::OpenOptionsExt,
	path::{Path, PathBuf},
};

use io_mesh::seal::{self, ContentKey, Purpose, Sealed};
use io_primitives::{JobId, JobSpec};
use sp_core::H256;

use crate::{
	content::{self, Store},
	runner::Failure,
};

/// Whether the input of such a job is sealed.
pub(crate) fn is_input_sealed(spec: &JobSpec) -> bool {
	spec.encryption.is_some() && spec.input_len > 0
}

/// Bytes on disk that sealing takes besides input and output.
pub(crate) fn extra_room(spec: &JobSpec) -> u64 {
	match spec.encryption {
		Some(_) => spec.input_len.saturating_add(seal::letter_len(spec.max_output)),
		None => 0,
	}
}

/// What a key of a job is for.
pub(crate) fn purpose(genesis: H256, job: JobId, content: Sealed) -> Purpose {
	Purpose { genesis: genesis.0, job, content }
}

/// An input as the program gets it.
#[derive(Debug)]
pub(crate) enum Opened {
	/// It came like this.
	Plain(PathBuf),
	/// It was sealed; the folder goes when this is dropped.
	Unsealed {
		/// The input.
		path: PathBuf,
		/// The folder in which it lies alone.
		folder: PathBuf,
	},
}

impl Opened {
	/// Where it lies.
	pub(crate) fn path(&self) -> &Path {
		match self {
			Opened::Plain(path) | Opened::Unsealed { path, .. } => path,
		}
	}
}

impl Drop for Opened {
	fn drop(&mut self) {
		if let Opened::Unsealed { folder, .. } = self {
			// What cannot be removed now goes at the next start.
			let _ = std::fs::remove_dir_all(folder);
		}
	}
}

/// Opens a sealed input into `folder`. Blocking.
pub(crate) fn open_input(
	key: &ContentKey,
	sealed: &Path,
	folder: PathBuf,
) -> Result<Opened, Failure> {
	let path = folder.join("input");
	let opened = Opened::Unsealed { path: path.clone(), folder };
	let from = File::open(sealed).map_err(Failure::file(sealed))?;
	let file = File::options().write(true).create_new(true).mode(0o600).open(&path);
	let mut to = BufWriter::new(file.map_err(Failure::file(&path))?);
	seal::open(key, &mut BufReader::new(from), &mut to, u64::MAX)?;
	to.flush().map_err(Failure::file(&path))?;
	Ok(opened)
}

/// An output archive.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Archive {
	/// Where it lies.
	pub(crate) path: PathBuf,
	/// BLAKE3 of it.
	pub(crate) hash: H256,
	/// Its bytes.
	pub(crate) len: u64,
}

impl Archive {
	/// Puts it into the store, sealed if there is a recipient. Returns what is there now. Blocking.
	pub(crate) fn keep(
		self,
		store: &Store,
		genesis: H256,
		job: JobId,
		recipient: Option<[u8; 32]>,
	) -> Result<Archive, Failure> {
		let shown = match recipient {
			Some(recipient) => self.sealed(&recipient, &purpose(genesis, job, Sealed::Output))?,
			None => self,
		};
		let path = store.keep_output(shown.hash, &shown.path)?;
		Ok(Archive { path, ..shown })
	}

	/// Seals it, beside where it lies.
	fn sealed(&self, recipient: &[u8; 32], purpose: &Purpose) -> Result<Archive, Failure> {
		let path = self.path.with_extension("sealed");
		let mut from = BufReader::new(File::open(&self.path).map_err(Failure::file(&self.path))?);
		let file = File::create(&path).map_err(Failure::file(&path))?;
		let mut to = BufWriter::new(file);
		seal::seal_letter(recipient, purpose, &mut from, &mut to)?;
		to.flush().map_err(Failure::file(&path))?;
		let hash = content::hash_file(&path).map_err(Failure::file(&path))?;
		Ok(Archive { path, hash, len: seal::letter_len(self.len) })
	}
}

#[cfg(test)]
mod tests {
	use std::{os::unix::fs::MetadataExt, time::Duration};

	use super::*;
	use crate::content::Bounds;

	const GENESIS: H256 = H256::repeat_byte(4);

	fn store(folder: &Path) -> Store {
		let keep_output = Duration::from_secs(3600);
		let bounds = Bounds { cache: 1 << 20, output: 1 << 20, keep_output, min_free: 0 };
		Store::open(folder, bounds).unwrap()
	}

	fn archive(folder: &Path) -> Archive {
		let path = folder.join("output.tar");
		std::fs::write(&path, b"an archive").unwrap();
		Archive { hash: content::hash_file(&path).unwrap(), len: 10, path }
	}

	#[test]
	fn should_open_for_the_requester_alone_when_an_output_is_sealed() {
		let folder = tempfile::tempdir().unwrap();
		let store = store(&folder.path().join("store"));
		let plain = archive(folder.path());
		let recipient = seal::public_key(&[7; 32]).unwrap();
		let kept = plain.clone().keep(&store, GENESIS, 5, Some(recipient)).unwrap();
		assert_ne!(kept.hash, plain.hash);
		assert_eq!(kept.path, store.output_path(kept.hash));
		let bytes = std::fs::read(&kept.path).unwrap();
		assert_eq!(bytes.len() as u64, kept.len);
		assert_eq!(*blake3::hash(&bytes).as_bytes(), kept.hash.0);
		let open = |secret: u8, job| {
			let mut opened = Vec::new();
			let purpose = purpose(GENESIS, job, Sealed::Output);
			seal::open_letter(&[secret; 32], &purpose, &mut &bytes[..], &mut opened, 10)
				.map(|_| opened)
		};
		assert_eq!(open(7, 5).unwrap(), b"an archive");
		assert!(open(8, 5).is_err() && open(7, 6).is_err());
	}

	#[test]
	fn should_show_the_archive_itself_when_nothing_is_sealed() {
		let folder = tempfile::tempdir().unwrap();
		let store = store(&folder.path().join("store"));
		let plain = archive(folder.path());
		let kept = plain.clone().keep(&store, GENESIS, 5, None).unwrap();
		assert_eq!((kept.hash, kept.len), (plain.hash, plain.len));
	}

	#[test]
	fn should_leave_nothing_behind_when_an_opened_input_is_dropped() {
		let folder = tempfile::tempdir().unwrap();
		let key = ContentKey::generate().unwrap();
		let sealed = folder.path().join("sealed");
		let mut file = File::create(&sealed).unwrap();
		seal::seal(&key, &mut &b"the input"[..], &mut file).unwrap();
		let place = folder.path().join("opened");
		std::fs::create_dir(&place).unwrap();
		let opened = open_input(&key, &sealed, place.clone()).unwrap();
		assert_eq!(std::fs::read(opened.path()).unwrap(), b"the input");
		assert_eq!(std::fs::metadata(opened.path()).unwrap().mode() & 0o777, 0o600);
		drop(opened);
		assert!(!place.exists() && sealed.exists());

		std::fs::create_dir(&place).unwrap();
		let wrong = ContentKey::generate().unwrap();
		assert!(matches!(open_input(&wrong, &sealed, place.clone()), Err(Failure::Sealed(_))));
		assert!(!place.exists());
	}
}
