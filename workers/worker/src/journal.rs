//! What this worker has done, on disk before anybody hears of it.
//!
//! One record per execution, under the key (genesis, job, replica, attempt). A record holds the result with the salt of its
//! commitment, and the calls that were signed: after a kill at any moment the worker goes on with the same bytes.
//! Each record carries a checksum; one that does not decode is set aside and reported, and the others live on.

pub(crate) mod file;

use std::path::{Path, PathBuf};

use codec::{Decode, DecodeAll, Encode};
use io_mesh::seal::SealedKey;
use io_primitives::{AccountId, BlockNumber, JobId, ReplicaId, SignedWorkerCall, WorkerKey};
use redb::{ReadableDatabase, ReadableTable, ReadableTableMetadata};
use serde::Serialize;
use sp_core::H256;

use file::{DAMAGED, Damage, File, META, RECORDS};

const HEARTBEAT: &str = "heartbeat";

/// Version of a record's encoding.
const VERSION: u8 = 2;
/// The version before, which had no [`Guest`].
const WITHOUT_GUEST: u8 = 1;
/// Most records of finished executions.
const MAX_FINAL: usize = 10_000;

/// What can go wrong with a journal.
#[derive(thiserror::Error, Debug)]
pub enum Error {
	/// Another process has it.
	#[error("{} is in use: another io-worker runs with this data folder", .0.display())]
	InUse(PathBuf),
	/// It belongs to another key.
	#[error(
		"the journal {} belongs to worker 0x{found}, but the keystore holds 0x{expected}. \
		 Use one data folder per worker, or move the journal away if that worker is gone for ever",
		path.display()
	)]
	OtherWorker {
		/// Which file.
		path: PathBuf,
		/// Whose it is.
		found: String,
		/// Who we are.
		expected: String,
	},
	/// It belongs to another chain.
	#[error(
		"the journal belongs to the chain with genesis {found:?}, but the node is on {expected:?}. \
		 Connect to the right node, or use another data folder for the other chain"
	)]
	OtherGenesis {
		/// The journal's chain.
		found: H256,
		/// The node's chain.
		expected: H256,
	},
	/// It cannot be written or read.
	#[error("the journal {} failed: {reason}. Is the disk full or read-only?", path.display())]
	Storage {
		/// Which file.
		path: PathBuf,
		/// Why.
		reason: String,
	},
}

/// Which execution: a draw of a replica of a job.
#[derive(Encode, Decode, Serialize, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Execution {
	/// The job.
	pub job: JobId,
	/// The replica.
	pub replica: ReplicaId,
	/// Which draw of the replica.
	pub attempt: u8,
}

impl Execution {
	/// A name for folders.
	pub(crate) fn label(&self) -> String {
		format!("{}-{}-{}", self.job, self.replica, self.attempt)
	}
}

impl std::fmt::Display for Execution {
	fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
		write!(f, "{}/{}/{}", self.job, self.replica, self.attempt)
	}
}

/// How far an execution has come.
#[derive(Encode, Decode, Serialize, Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
	/// The chain drew us.
	#[codec(index = 0)]
	Assigned,
	/// Program and input are on their way.
	#[codec(index = 1)]
	Fetching,
	/// We told the chain that we take it.
	#[codec(index = 2)]
	Accepted,
	/// The program runs.
	#[codec(index = 3)]
	Running,
	/// There is a result, not yet committed to.
	#[codec(index = 4)]
	Produced,
	/// We sent our commitment.
	#[codec(index = 5)]
	Committed,
	/// We opened our commitment.
	#[codec(index = 6)]
	Revealed,
	/// The chain has nothing more for us here.
	#[codec(index = 7)]
	Final,
	/// We told the chain that we do not take it.
	#[codec(index = 8)]
	Declined,
}

/// A result with what opens the commitment to it.
#[derive(Encode, Decode, Clone, PartialEq, Eq, Debug)]
pub struct Produced {
	/// Digest of the result, as the chain compares it.
	pub digest: H256,
	/// Units used.
	pub units: u64,
	/// Exit code.
	pub exit_code: i32,
	/// BLAKE3 of the output archive.
	pub output: H256,
	/// Bytes of the output archive.
	pub output_len: u64,
	/// The blinding of the commitment.
	pub salt: [u8; 32],
}

/// Who asked for an execution, as the mesh has to know it: for as long as there is an output to fetch.
#[derive(Encode, Decode, Clone, PartialEq, Eq, Debug)]
pub struct Guest {
	/// The requester.
	pub account: AccountId,
	/// Keys of the endpoints at which the job says that program and input are.
	pub endpoints: Vec<[u8; 32]>,
	/// The key of the sealed input, sealed to this worker, once the requester has handed it out.
	pub input_key: Option<SealedKey>,
}

/// All that is remembered of one execution.
#[derive(Encode, Decode, Clone, PartialEq, Eq, Debug)]
pub struct Record {
	/// Which one.
	pub execution: Execution,
	/// Hash of what was asked for: if the chain shows something else under the same number, then the record
	/// is of a chain that was started anew, and does not count.
	pub spec: H256,
	/// How far it has come.
	pub stage: Stage,
	/// The result, once there is one.
	pub produced: Option<Produced>,
	/// The last signed call of each step.
	pub calls: Vec<SignedWorkerCall>,
	/// Last block of the state in which the chain saw it.
	pub deadline: BlockNumber,
	/// Seconds since 1970 at which it was first seen.
	pub since: u64,
	/// Seconds since 1970 of the last change.
	pub changed: u64,
	/// The last trouble, in words.
	pub note: String,
	/// Who asked for it; not known of records that an earlier version wrote.
	pub guest: Option<Guest>,
}

impl Record {
	/// A record of an execution that was just seen.
	pub fn new(execution: Execution, spec: H256, now: u64) -> Record {
		Record {
			execution,
			spec,
			stage: Stage::Assigned,
			produced: None,
			calls: Vec::new(),
			deadline: 0,
			since: now,
			changed: now,
			note: String::new(),
			guest: None,
		}
	}

	fn to_bytes(&self) -> Vec<u8> {
		file::seal(VERSION, &self.encode())
	}

	fn from_bytes(bytes: &[u8]) -> Result<Record, String> {
		let body = match bytes.first() {
			// The guest is the last field: none.
			Some(&WITHOUT_GUEST) => [file::unseal(WITHOUT_GUEST, bytes)?, &[0]].concat(),
			_ => file::unseal(VERSION, bytes)?.to_vec(),
		};
		Record::decode_all(&mut &body[..]).map_err(|e| e.to_string())
	}
}

/// What was found when a journal was opened.
#[derive(Debug, Default)]
pub struct Opened {
	/// Executions that are not finished.
	pub live: Vec<Record>,
	/// Records that were set aside, in words.
	pub damaged: Vec<String>,
	/// Where the old file went, if the whole file was damaged.
	pub moved_to: Option<PathBuf>,
}

/// The journal. All methods are blocking, and what they write is on disk when they return.
pub struct Journal(File);

/// Something to write; see [`Journal::write`].
#[derive(Default)]
pub struct Batch<'a> {
	/// Records to store.
	pub records: Vec<&'a Record>,
	/// The last signed heartbeat.
	pub heartbeat: Option<&'a SignedWorkerCall>,
}

impl Journal {
	/// Opens the journal of `worker`, or makes a new one.
	///
	/// A file that is damaged as a whole is moved aside: salts are derived from the key, so doing an execution again gives the same
	/// commitment.
	pub fn open(
		path: &Path,
		worker: WorkerKey,
		genesis: Option<H256>,
	) -> Result<(Journal, Opened), Error> {
		let (file, damage) = File::open(path, worker, genesis)?;
		let journal = Journal(file);
		let mut opened = Opened::default();
		if let Some(Damage { reason, moved_to }) = damage {
			opened.damaged.push(format!("the whole journal: {reason}"));
			opened.moved_to = Some(moved_to);
		}
		opened.live = journal.sweep(&mut opened.damaged)?;
		Ok((journal, opened))
	}

	/// The chain to which the journal belongs, once that is known.
	pub fn genesis(&self) -> Option<H256> {
		self.0.genesis()
	}

	/// Binds the journal to a chain, for ever; refuses if it is bound to another.
	pub fn bind_genesis(&self, genesis: H256) -> Result<(), Error> {
		self.0.bind_genesis(genesis)
	}

	/// Reads all records, sets damaged ones aside (saying why in `reasons`), and forgets the oldest finished ones.
	/// Returns those that are not finished.
	fn sweep(&self, reasons: &mut Vec<String>) -> Result<Vec<Record>, Error> {
		self.0.with(|db| {
			let mut live = Vec::new();
			let mut finished: Vec<(u64, Vec<u8>)> = Vec::new();
			let mut damaged: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
			for entry in db.begin_read()?.open_table(RECORDS)?.iter()? {
				let (key, value) = entry?;
				match Record::from_bytes(value.value()) {
					Ok(record) if record.stage == Stage::Final => {
						finished.push((record.changed, key.value().to_vec()));
					},
					Ok(record) => live.push(record),
					Err(reason) => {
						reasons.push(format!("record 0x{}: {reason}", hex::encode(key.value())));
						damaged.push((key.value().to_vec(), value.value().to_vec()));
					},
				}
			}
			finished.sort();
			let surplus = finished.len().saturating_sub(MAX_FINAL);
			if damaged.is_empty() && surplus == 0 {
				return Ok(live);
			}
			let txn = db.begin_write()?;
			{
				let mut records = txn.open_table(RECORDS)?;
				let mut aside = txn.open_table(DAMAGED)?;
				for (_, key) in finished.iter().take(surplus) {
					records.remove(&key[..])?;
				}
				for (key, value) in damaged {
					aside.insert(&key[..], &value[..])?;
					records.remove(&key[..])?;
				}
			}
			txn.commit()?;
			Ok(live)
		})
	}

	fn key(&self, execution: Execution) -> Vec<u8> {
		let mut key = self.genesis().unwrap_or_default().as_bytes().to_vec();
		key.extend_from_slice(&execution.job.to_be_bytes());
		key.extend_from_slice(&[execution.replica, execution.attempt]);
		key
	}

	/// One record; `None` if there is none, or none that decodes.
	pub fn get(&self, execution: Execution) -> Result<Option<Record>, Error> {
		let key = self.key(execution);
		self.0.with(|db| {
			let records = db.begin_read()?.open_table(RECORDS)?;
			Ok(records.get(&key[..])?.and_then(|v| Record::from_bytes(v.value()).ok()))
		})
	}

	/// All finished records, for what is still to be had of them.
	pub fn finished(&self) -> Result<Vec<Record>, Error> {
		self.0.with(|db| {
			let mut found = Vec::new();
			for entry in db.begin_read()?.open_table(RECORDS)?.iter()? {
				let (_, value) = entry?;
				match Record::from_bytes(value.value()) {
					Ok(record) if record.stage == Stage::Final => found.push(record),
					_ => {},
				}
			}
			Ok(found)
		})
	}

	/// Stores everything in one durable transaction.
	pub fn write(&self, batch: &Batch<'_>) -> Result<(), Error> {
		if batch.records.is_empty() && batch.heartbeat.is_none() {
			return Ok(());
		}
		self.0.with(|db| {
			let txn = db.begin_write()?;
			{
				let mut records = txn.open_table(RECORDS)?;
				for record in &batch.records {
					let key = self.key(record.execution);
					records.insert(&key[..], &record.to_bytes()[..])?;
				}
				if let Some(heartbeat) = batch.heartbeat {
					txn.open_table(META)?.insert(HEARTBEAT, &heartbeat.encode()[..])?;
				}
			}
			Ok(txn.commit()?)
		})
	}

	/// The last heartbeat that was signed.
	pub fn heartbeat(&self) -> Result<Option<SignedWorkerCall>, Error> {
		let bytes = self.0.meta(HEARTBEAT)?;
		Ok(bytes.and_then(|b| SignedWorkerCall::decode_all(&mut &b[..]).ok()))
	}

	/// Forgets what was finished before `before` (seconds since 1970). Returns how many records that were.
	pub fn prune(&self, before: u64) -> Result<usize, Error> {
		self.0.with(|db| {
			let txn = db.begin_write()?;
			let removed = {
				let mut records = txn.open_table(RECORDS)?;
				let count = records.len()?;
				records.retain(|_, value| {
					!Record::from_bytes(value)
						.is_ok_and(|r| r.stage == Stage::Final && r.changed < before)
				})?;
				count - records.len()?
			};
			txn.commit()?;
			Ok(removed as usize)
		})
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	const WORKER_A: [u8; 32] = [1; 32];

	fn worker(byte: u8) -> WorkerKey {
		WorkerKey::from_raw([byte; 32])
	}

	fn genesis() -> H256 {
		H256::repeat_byte(9)
	}

	fn open(path: &Path) -> (Journal, Opened) {
		Journal::open(path, WorkerKey::from_raw(WORKER_A), Some(genesis())).unwrap()
	}

	fn record(job: u64, stage: Stage) -> Record {
		let mut record =
			Record::new(Execution { job, replica: 1, attempt: 2 }, H256::repeat_byte(4), 1000);
		record.stage = stage;
		record
	}

	fn store(journal: &Journal, record: &Record) {
		journal.write(&Batch { records: vec![record], heartbeat: None }).unwrap();
	}

	#[test]
	fn should_give_back_the_record_when_reopened() {
		let folder = tempfile::tempdir().unwrap();
		let path = folder.path().join("j.redb");
		let mut written = record(7, Stage::Produced);
		written.produced = Some(Produced {
			digest: H256::repeat_byte(1),
			units: 5,
			exit_code: -3,
			output: H256::repeat_byte(2),
			output_len: 10,
			salt: [8; 32],
		});
		{
			let (journal, _) = open(&path);
			store(&journal, &written);
			store(&journal, &record(8, Stage::Final));
		}
		let (journal, opened) = open(&path);
		assert_eq!(opened.live, vec![written.clone()]);
		assert_eq!(journal.get(written.execution).unwrap(), Some(written));
	}

	#[test]
	fn should_read_records_when_an_earlier_version_wrote_them() {
		let mut record = record(7, Stage::Accepted);
		let bytes = record.encode();
		let old = file::seal(WITHOUT_GUEST, &bytes[..bytes.len() - 1]);
		assert_eq!(Record::from_bytes(&old).unwrap(), record);
		record.guest = Some(Guest {
			account: AccountId::from([1; 32]),
			endpoints: vec![[2; 32]],
			input_key: Some([3; 80]),
		});
		assert_eq!(Record::from_bytes(&record.to_bytes()).unwrap(), record);
	}

	#[test]
	fn should_refuse_when_the_journal_is_of_another_worker() {
		let folder = tempfile::tempdir().unwrap();
		let path = folder.path().join("j.redb");
		drop(open(&path));
		let error = Journal::open(&path, worker(2), None).err().unwrap();
		assert!(matches!(error, Error::OtherWorker { .. }), "{error}");
	}

	#[test]
	fn should_refuse_when_the_journal_is_of_another_chain() {
		let folder = tempfile::tempdir().unwrap();
		let path = folder.path().join("j.redb");
		drop(open(&path));
		let (journal, _) = Journal::open(&path, worker(1), None).unwrap();
		assert_eq!(journal.genesis(), Some(genesis()));
		let error = journal.bind_genesis(H256::repeat_byte(1)).unwrap_err();
		assert!(matches!(error, Error::OtherGenesis { .. }), "{error}");
	}

	#[test]
	fn should_refuse_when_another_process_has_it() {
		let folder = tempfile::tempdir().unwrap();
		let path = folder.path().join("j.redb");
		let _first = open(&path);
		let error = Journal::open(&path, worker(1), None).err().unwrap();
		assert!(matches!(error, Error::InUse(_)), "{error}");
	}

	#[test]
	fn should_set_a_record_aside_when_it_is_damaged() {
		let folder = tempfile::tempdir().unwrap();
		let path = folder.path().join("j.redb");
		{
			let (journal, _) = open(&path);
			store(&journal, &record(1, Stage::Running));
			store(&journal, &record(2, Stage::Running));
			let key = journal.key(record(1, Stage::Running).execution);
			let mut bytes = record(1, Stage::Running).to_bytes();
			bytes[20] ^= 1;
			journal
				.0
				.with(|db| {
					let txn = db.begin_write()?;
					txn.open_table(RECORDS)?.insert(&key[..], &bytes[..])?;
					Ok(txn.commit()?)
				})
				.unwrap();
		}
		let (journal, opened) = open(&path);
		assert_eq!(opened.damaged.len(), 1);
		assert!(opened.damaged[0].contains("checksum"), "{:?}", opened.damaged);
		assert_eq!(opened.live, vec![record(2, Stage::Running)]);
		drop(journal);
		let (_, opened) = open(&path);
		assert!(opened.damaged.is_empty());
	}

	#[test]
	fn should_start_anew_when_the_whole_file_is_damaged() {
		let folder = tempfile::tempdir().unwrap();
		for (name, damage) in
			[("head", 0usize..300), ("pages", 4096..40960), ("random", 0..usize::MAX)]
		{
			let path = folder.path().join(format!("{name}.redb"));
			{
				let (journal, _) = open(&path);
				for job in 0..50 {
					store(&journal, &record(job, Stage::Running));
				}
			}
			let mut bytes = std::fs::read(&path).unwrap();
			let end = damage.end.min(bytes.len());
			for (i, byte) in bytes[damage.start..end].iter_mut().enumerate() {
				*byte = (i * 37 % 251) as u8;
			}
			std::fs::write(&path, &bytes).unwrap();
			let (journal, opened) = open(&path);
			assert!(!opened.damaged.is_empty(), "{name}");
			store(&journal, &record(1, Stage::Running));
		}
	}

	#[test]
	fn should_forget_old_final_records_when_pruned() {
		let folder = tempfile::tempdir().unwrap();
		let (journal, _) = open(&folder.path().join("j.redb"));
		store(&journal, &record(1, Stage::Final));
		store(&journal, &record(2, Stage::Running));
		assert_eq!(journal.prune(1000).unwrap(), 0);
		assert_eq!(journal.prune(1001).unwrap(), 1);
		assert!(journal.get(record(2, Stage::Running).execution).unwrap().is_some());
	}

	proptest::proptest! {
		#[test]
		fn should_never_panic_when_a_record_is_random(bytes: Vec<u8>) {
			let _ = Record::from_bytes(&bytes);
		}
	}
}
