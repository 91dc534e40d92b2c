//! What the devices have done and said, on disk before anybody hears of it.
//!
//! One record per device and window holds the roots of its chain (with the seed and the dimensions, all that an audit
//! needs), and the calls that were signed. A commitment is never replaced, so a window has at most one of each device.

use std::{
	collections::{BTreeMap, BTreeSet},
	path::{Path, PathBuf},
	sync::Arc,
};

use codec::{Decode, DecodeAll, Encode};
use io_primitives::{
	BlockNumber, JobId, WorkerKey,
	attestation::{AttestationClass, DeviceIndex, SignedAttestation, WindowId},
};
use io_tflops::prover::Chain;
use redb::{ReadableDatabase, ReadableTable};
use sp_core::H256;

use crate::journal::{
	Error,
	file::{DAMAGED, Damage, File, RECORDS, seal, unseal},
};

/// Version of the encoding of what is stored.
const VERSION: u8 = 1;
/// Most finished records of one device: they keep a window from being committed to twice.
const MAX_FINISHED: usize = 64;

/// How far a device has come in a window.
#[derive(Encode, Decode, Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stage {
	/// Its chain grows.
	#[codec(index = 0)]
	Running,
	/// It is bound to its rounds.
	#[codec(index = 1)]
	Committed,
	/// The chain has nothing more for it here.
	#[codec(index = 2)]
	Finished,
}

/// All that is remembered of one device in one window.
#[derive(Encode, Decode, Clone, PartialEq, Eq, Debug)]
pub struct Record {
	/// The device.
	pub device: DeviceIndex,
	/// The window.
	pub window: WindowId,
	/// Seed of the window. If the chain shows another one under the same number, then it is another window.
	pub seed: H256,
	/// Class of the device.
	pub class: AttestationClass,
	/// Block in which the window opened.
	pub opened: BlockNumber,
	/// How far it has come.
	pub stage: Stage,
	/// Seed, dimensions and roots; without rounds once it is finished.
	pub chain: Arc<Chain>,
	/// The signed commitment. Once it is there, [`Self::chain`] does not grow.
	pub commit: Option<SignedAttestation>,
	/// The challenge of the audit, and the signed answer to it.
	pub reveal: Option<(H256, SignedAttestation)>,
}

/// A call that belongs to no window.
#[derive(Encode, Decode, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Topic {
	/// Enrolment or departure of a device.
	#[codec(index = 0)]
	Device(DeviceIndex),
	/// The proof of a job's product.
	#[codec(index = 1)]
	Product(JobId),
}

/// Key of a record: windows of one device lie together, in their order.
pub type RecordKey = (DeviceIndex, WindowId);

/// Everything that is stored.
#[derive(Clone, Default, PartialEq, Debug)]
pub struct Book {
	/// Devices in windows.
	pub records: BTreeMap<RecordKey, Record>,
	/// The last signed call of each other topic.
	pub calls: BTreeMap<Topic, SignedAttestation>,
}

/// Which parts of a [`Book`] have changed.
#[derive(Default, Debug)]
pub struct Changes {
	/// Records that are new, other or gone.
	pub records: BTreeSet<RecordKey>,
	/// Topics of calls that are new, other or gone.
	pub calls: BTreeSet<Topic>,
}

impl Changes {
	/// Whether nothing has changed.
	pub fn is_empty(&self) -> bool {
		self.records.is_empty() && self.calls.is_empty()
	}
}

impl Book {
	/// Forgets the oldest finished records of each device.
	pub fn forget_old(&mut self, changes: &mut Changes) {
		let mut finished: BTreeMap<DeviceIndex, Vec<RecordKey>> = BTreeMap::new();
		for (key, record) in &self.records {
			if record.stage == Stage::Finished {
				finished.entry(key.0).or_default().push(*key);
			}
		}
		for keys in finished.values() {
			for key in &keys[..keys.len().saturating_sub(MAX_FINISHED)] {
				self.records.remove(key);
				changes.records.insert(*key);
			}
		}
	}
}

/// A stored thing: what lies under a key decides which of the two.
#[derive(Encode, Decode)]
enum Entry {
	#[codec(index = 0)]
	Record(Record),
	#[codec(index = 1)]
	Call(Topic, SignedAttestation),
}

/// What was found when a journal was opened.
#[derive(Debug, Default)]
pub struct Opened {
	/// What it holds.
	pub book: Book,
	/// Entries that were set aside, in words.
	pub damaged: Vec<String>,
	/// Where the old file went, if the whole file was damaged.
	pub moved_to: Option<PathBuf>,
}

/// The journal. All methods are blocking, and what they write is on disk when they return.
pub struct Journal(File);

fn record_key((device, window): RecordKey) -> Vec<u8> {
	[&[0][..], &device.to_be_bytes(), &window.to_be_bytes()].concat()
}

fn call_key(topic: Topic) -> Vec<u8> {
	match topic {
		Topic::Device(device) => [&[1][..], &device.to_be_bytes()].concat(),
		Topic::Product(job) => [&[2][..], &job.to_be_bytes()].concat(),
	}
}

fn decode(bytes: &[u8]) -> Result<Entry, String> {
	let mut body = unseal(VERSION, bytes)?;
	Entry::decode_all(&mut body).map_err(|e| e.to_string())
}

impl Journal {
	/// Opens the journal of `worker`, or makes a new one. A file that is damaged as a whole is moved aside; the chain of
	/// a commitment that it held is then computed anew if an audit asks for it.
	pub fn open(
		path: &Path,
		worker: WorkerKey,
		genesis: Option<H256>,
	) -> Result<(Journal, Opened), Error> {
		let (file, damage) = File::open(path, worker, genesis)?;
		let mut opened = Opened::default();
		if let Some(Damage { reason, moved_to }) = damage {
			opened.damaged.push(format!("the whole journal: {reason}"));
			opened.moved_to = Some(moved_to);
		}
		let journal = Journal(file);
		opened.book = journal.read(&mut opened.damaged)?;
		Ok((journal, opened))
	}

	/// Reads everything, and sets aside what is damaged.
	fn read(&self, reasons: &mut Vec<String>) -> Result<Book, Error> {
		self.0.with(|db| {
			let mut book = Book::default();
			let mut damaged: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
			for entry in db.begin_read()?.open_table(RECORDS)?.iter()? {
				let (key, value) = entry?;
				match decode(value.value()) {
					Ok(Entry::Record(record)) => {
						book.records.insert((record.device, record.window), record);
					},
					Ok(Entry::Call(topic, call)) => {
						book.calls.insert(topic, call);
					},
					Err(reason) => {
						reasons.push(format!("entry 0x{}: {reason}", hex::encode(key.value())));
						damaged.push((key.value().to_vec(), value.value().to_vec()));
					},
				}
			}
			if !damaged.is_empty() {
				let txn = db.begin_write()?;
				{
					let mut records = txn.open_table(RECORDS)?;
					let mut aside = txn.open_table(DAMAGED)?;
					for (key, value) in damaged {
						aside.insert(&key[..], &value[..])?;
						records.remove(&key[..])?;
					}
				}
				txn.commit()?;
			}
			Ok(book)
		})
	}

	/// The chain to which the journal belongs, once that is known.
	pub fn genesis(&self) -> Option<H256> {
		self.0.genesis()
	}

	/// Binds the journal to a chain, for ever; refuses if it is bound to another.
	pub fn bind_genesis(&self, genesis: H256) -> Result<(), Error> {
		self.0.bind_genesis(genesis)
	}

	/// Stores what has changed in `book`, in one durable transaction.
	pub fn write(&self, book: &Book, changes: &Changes) -> Result<(), Error> {
		if changes.is_empty() {
			return Ok(());
		}
		let records = changes.records.iter().map(|key| {
			(record_key(*key), book.records.get(key).map(|r| Entry::Record(r.clone()).encode()))
		});
		let calls = changes.calls.iter().map(|topic| {
			let call = book.calls.get(topic);
			(call_key(*topic), call.map(|call| Entry::Call(*topic, call.clone()).encode()))
		});
		let entries: Vec<_> = records.chain(calls).collect();
		self.0.with(|db| {
			let txn = db.begin_write()?;
			{
				let mut table = txn.open_table(RECORDS)?;
				for (key, entry) in &entries {
					match entry {
						Some(body) => table.insert(&key[..], &seal(VERSION, body)[..])?,
						None => table.remove(&key[..])?,
					};
				}
			}
			Ok(txn.commit()?)
		})
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use io_primitives::attestation::AttestationCall;
	use io_tflops::{
		Params,
		prover::{Chain, Scalar},
	};
	use sp_core::sr25519::Signature;

	fn open(path: &Path) -> (Journal, Opened) {
		Journal::open(path, WorkerKey::from_raw([1; 32]), Some(H256::repeat_byte(9))).unwrap()
	}

	fn signed(call: AttestationCall) -> SignedAttestation {
		SignedAttestation {
			worker: WorkerKey::from_raw([1; 32]),
			call,
			valid_until: 7,
			signature: Signature::from_raw([2; 64]),
		}
	}

	fn record(device: u16, window: u64, stage: Stage) -> Record {
		let mut chain = Chain::new(Params::new(0, 1, 128, 1, 2).unwrap(), [3; 32]);
		chain.round(&mut Scalar).unwrap();
		let leave = signed(AttestationCall::Leave { device });
		Record {
			device,
			window,
			seed: H256::repeat_byte(4),
			class: 0,
			opened: 5,
			stage,
			chain: Arc::new(chain),
			commit: Some(leave.clone()),
			reveal: Some((H256::repeat_byte(6), leave)),
		}
	}

	#[test]
	fn should_give_back_the_book_when_reopened() {
		let folder = tempfile::tempdir().unwrap();
		let path = folder.path().join("a.redb");
		let mut book = Book::default();
		let mut changes = Changes::default();
		for window in [1, 300] {
			book.records.insert((2, window), record(2, window, Stage::Committed));
			changes.records.insert((2, window));
		}
		for topic in [Topic::Device(3), Topic::Product(4)] {
			book.calls.insert(topic, signed(AttestationCall::Leave { device: 3 }));
			changes.calls.insert(topic);
		}
		{
			let (journal, opened) = open(&path);
			assert_eq!(opened.book, Book::default());
			journal.write(&book, &changes).unwrap();
		}
		let (journal, opened) = open(&path);
		assert_eq!(opened.book, book);
		book.records.remove(&(2, 1));
		book.calls.remove(&Topic::Product(4));
		journal.write(&book, &changes).unwrap();
		drop(journal);
		assert_eq!(open(&path).1.book, book);
	}

	#[test]
	fn should_set_an_entry_aside_when_it_is_damaged() {
		let folder = tempfile::tempdir().unwrap();
		let path = folder.path().join("a.redb");
		{
			let (journal, _) = open(&path);
			let mut bytes = seal(VERSION, &Entry::Record(record(1, 1, Stage::Running)).encode());
			bytes[30] ^= 1;
			journal
				.0
				.with(|db| {
					let txn = db.begin_write()?;
					txn.open_table(RECORDS)?.insert(&record_key((1, 1))[..], &bytes[..])?;
					Ok(txn.commit()?)
				})
				.unwrap();
		}
		let (journal, opened) = open(&path);
		assert_eq!(opened.book, Book::default());
		assert!(opened.damaged[0].contains("checksum"), "{:?}", opened.damaged);
		drop(journal);
		assert!(open(&path).1.damaged.is_empty());
	}

	#[test]
	fn should_forget_the_oldest_when_a_device_has_finished_many_windows() {
		let mut book = Book::default();
		for window in 0..100 {
			book.records.insert((1, window), record(1, window, Stage::Finished));
			book.records.insert((2, window), record(2, window, Stage::Committed));
		}
		let mut changes = Changes::default();
		book.forget_old(&mut changes);
		assert_eq!(changes.records.len(), 100 - MAX_FINISHED);
		assert_eq!(book.records.len(), 100 + MAX_FINISHED);
		assert!(!book.records.contains_key(&(1, 35)) && book.records.contains_key(&(1, 36)));
	}

	proptest::proptest! {
		#[test]
		fn should_never_panic_when_an_entry_is_random(bytes: Vec<u8>) {
			let _ = decode(&bytes);
			let _ = decode(&seal(VERSION, &bytes));
		}
	}
}
