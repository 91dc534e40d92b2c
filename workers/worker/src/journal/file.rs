//! A database file of one worker on one chain: what the journals of jobs and of attestation have in common.

use std::{
	path::{Path, PathBuf},
	sync::Mutex,
};

use codec::DecodeAll;
use io_primitives::WorkerKey;
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};
use sp_core::H256;

use super::Error;

/// Whose file it is, and what there is only one of.
pub(crate) const META: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("meta");
/// Records, each [`seal`]ed.
pub(crate) const RECORDS: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("records");
/// Records that could not be read.
pub(crate) const DAMAGED: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("damaged");

const WORKER: &str = "worker";
const GENESIS: &str = "genesis";
/// Bytes of a record's checksum.
const SUM_BYTES: usize = 8;

/// A record as it is stored: version, checksum, body.
pub(crate) fn seal(version: u8, body: &[u8]) -> Vec<u8> {
	let sum = blake3::hash(body);
	[&[version], &sum.as_bytes()[..SUM_BYTES], body].concat()
}

/// The body of a stored record, or in words why it is none.
pub(crate) fn unseal(version: u8, bytes: &[u8]) -> Result<&[u8], String> {
	let (found, rest) = bytes.split_first().ok_or("it is empty")?;
	if *found != version {
		return Err(format!("its version is {found}, this program knows {version}"));
	}
	let (sum, body) = rest.split_at_checked(SUM_BYTES).ok_or("it is too short")?;
	if blake3::hash(body).as_bytes()[..SUM_BYTES] != *sum {
		return Err("its checksum is wrong".into());
	}
	Ok(body)
}

/// A file that was damaged as a whole.
#[derive(Debug)]
pub(crate) struct Damage {
	/// What is wrong with it.
	pub(crate) reason: String,
	/// Where it lies now.
	pub(crate) moved_to: PathBuf,
}

/// The file. All methods are blocking, and what they write is on disk when they return.
pub(crate) struct File {
	/// `None` after a failure, such as a full disk: the library then wants the file to be opened anew.
	db: Mutex<Option<Database>>,
	path: PathBuf,
	genesis: Mutex<Option<H256>>,
}

impl File {
	/// Opens the file of `worker`, or makes a new one. A file that is damaged as a whole is moved aside.
	pub(crate) fn open(
		path: &Path,
		worker: WorkerKey,
		genesis: Option<H256>,
	) -> Result<(File, Option<Damage>), Error> {
		let storage = |reason| Error::Storage { path: path.into(), reason };
		let mut damage = None;
		let db = match open_database(path) {
			Ok(db) => db,
			Err(Open::InUse) => return Err(Error::InUse(path.into())),
			Err(Open::Failed(reason)) => return Err(storage(reason)),
			Err(Open::Damaged(reason)) => {
				let moved_to = path.with_extension(format!("damaged-{}", crate::unix_seconds()));
				std::fs::rename(path, &moved_to).map_err(|e| {
					storage(format!("it is damaged ({reason}) and cannot be moved aside: {e}"))
				})?;
				damage = Some(Damage { reason, moved_to });
				open_database(path).map_err(|e| match e {
					Open::InUse => storage("it is in use".into()),
					Open::Failed(reason) | Open::Damaged(reason) => storage(reason),
				})?
			},
		};
		let file = File { db: Mutex::new(Some(db)), path: path.into(), genesis: Mutex::new(None) };
		file.bind_worker(worker)?;
		let stored = file.meta(GENESIS)?;
		*crate::lock(&file.genesis) =
			stored.and_then(|bytes| H256::decode_all(&mut &bytes[..]).ok());
		if let Some(genesis) = genesis {
			file.bind_genesis(genesis)?;
		}
		Ok((file, damage))
	}

	/// Does something with the database. After a failure it is opened anew the next time, as of its last commit.
	pub(crate) fn with<T>(
		&self,
		work: impl FnOnce(&Database) -> Result<T, redb::Error>,
	) -> Result<T, Error> {
		let failed =
			|e: redb::Error| Error::Storage { path: self.path.clone(), reason: e.to_string() };
		let mut db = crate::lock(&self.db);
		let open = match db.take() {
			Some(open) => open,
			None => Database::create(&self.path).map_err(|e| failed(e.into()))?,
		};
		let result = work(&open).map_err(failed);
		if result.is_ok() {
			*db = Some(open);
		}
		result
	}

	fn bind_worker(&self, worker: WorkerKey) -> Result<(), Error> {
		let found = self.with(|db| {
			let txn = db.begin_write()?;
			let found = {
				let mut meta = txn.open_table(META)?;
				txn.open_table(RECORDS)?;
				txn.open_table(DAMAGED)?;
				let found = meta.get(WORKER)?.map(|v| v.value().to_vec());
				if found.is_none() {
					meta.insert(WORKER, &worker.0[..])?;
				}
				found
			};
			txn.commit()?;
			Ok(found)
		})?;
		match found {
			Some(found) if found != worker.0 => Err(Error::OtherWorker {
				path: self.path.clone(),
				found: hex::encode(found),
				expected: hex::encode(worker.0),
			}),
			_ => Ok(()),
		}
	}

	/// The chain to which the file belongs, once that is known.
	pub(crate) fn genesis(&self) -> Option<H256> {
		*crate::lock(&self.genesis)
	}

	/// Binds the file to a chain, for ever; refuses if it is bound to another.
	pub(crate) fn bind_genesis(&self, genesis: H256) -> Result<(), Error> {
		let mut bound = crate::lock(&self.genesis);
		match *bound {
			Some(found) if found == genesis => return Ok(()),
			Some(found) => return Err(Error::OtherGenesis { found, expected: genesis }),
			None => {},
		}
		self.with(|db| {
			let txn = db.begin_write()?;
			txn.open_table(META)?.insert(GENESIS, genesis.as_bytes())?;
			Ok(txn.commit()?)
		})?;
		*bound = Some(genesis);
		Ok(())
	}

	/// One of the things of which there is only one.
	pub(crate) fn meta(&self, key: &str) -> Result<Option<Vec<u8>>, Error> {
		self.with(|db| {
			let table = db.begin_read()?.open_table(META)?;
			Ok(table.get(key)?.map(|value| value.value().to_vec()))
		})
	}
}

enum Open {
	InUse,
	Damaged(String),
	Failed(String),
}

impl From<redb::Error> for Open {
	fn from(error: redb::Error) -> Open {
		use std::io::ErrorKind::{InvalidData, UnexpectedEof};
		match &error {
			redb::Error::Io(e) if !matches!(e.kind(), InvalidData | UnexpectedEof) => {
				Open::Failed(error.to_string())
			},
			_ => Open::Damaged(error.to_string()),
		}
	}
}

/// Opens the database and reads it from end to end. The library may panic on a damaged file, which is caught.
fn open_database(path: &Path) -> Result<Database, Open> {
	let attempt = || -> Result<Database, Open> {
		let db = Database::create(path).map_err(|e| match e {
			redb::DatabaseError::DatabaseAlreadyOpen => Open::InUse,
			other => Open::from(redb::Error::from(other)),
		})?;
		read_all(&db)?;
		Ok(db)
	};
	std::panic::catch_unwind(std::panic::AssertUnwindSafe(attempt))
		.unwrap_or_else(|_| Err(Open::Damaged("its structure is broken".into())))
}

fn read_all(db: &Database) -> Result<(), redb::Error> {
	let txn = db.begin_read()?;
	for table in [RECORDS, DAMAGED] {
		match txn.open_table(table) {
			Ok(table) => {
				for entry in table.iter()? {
					entry?;
				}
			},
			Err(redb::TableError::TableDoesNotExist(_)) => {},
			Err(e) => return Err(e.into()),
		}
	}
	match txn.open_table(META) {
		Ok(table) => {
			for entry in table.iter()? {
				entry?;
			}
		},
		Err(redb::TableError::TableDoesNotExist(_)) => {},
		Err(e) => return Err(e.into()),
	}
	Ok(())
}
