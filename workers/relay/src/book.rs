//! The receipts that workers gave: the relay's claim to be paid.

use std::{
	path::Path,
	sync::{Arc, Mutex},
};

use async_trait::async_trait;
use codec::{DecodeAll, Encode};
use io_mesh::{
	error::Refusal,
	node::Peer,
	receipt::{ReceiptBook, is_signed},
};
use io_primitives::mesh::{CLAIM_EPOCHS, EpochIndex, SignedReceipt};
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};
use sp_core::H256;

use crate::lock;

/// Key: worker, epoch (big-endian, so that epochs are in order). Value: the signed receipt in SCALE.
const RECEIPTS: TableDefinition<(&[u8; 32], u32), &[u8]> = TableDefinition::new("receipts-v1");
/// Key as above. Value: bytes for which no more will be paid.
const CLAIMED: TableDefinition<(&[u8; 32], u32), u64> = TableDefinition::new("claimed-v1");
/// Epochs of one worker that are kept. They are claimed long before.
const EPOCHS: usize = 64;

/// The book's file cannot be used.
#[derive(thiserror::Error, Debug)]
#[error("the book of receipts: {0}")]
pub struct Error(String);

impl From<tokio::task::JoinError> for Error {
	fn from(error: tokio::task::JoinError) -> Error {
		Error(error.to_string())
	}
}

fn failed(error: impl Into<redb::Error>) -> Error {
	Error(error.into().to_string())
}

/// Receipts on disk: for each worker and epoch the one that says the most.
#[derive(Clone, Debug)]
pub struct Book(Arc<Inner>);

#[derive(Debug)]
struct Inner {
	database: Database,
	relay: [u8; 32],
	genesis: H256,
	/// The present epoch, once it is known.
	epoch: Mutex<Option<EpochIndex>>,
}

/// What became of a receipt.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kept {
	Yes,
	/// The one that is there says as much or more.
	Older,
	Full,
}

impl Book {
	/// Opens the file or makes it. `relay` is the key of the relay's endpoint.
	pub fn open(path: &Path, relay: [u8; 32], genesis: H256) -> Result<Book, Error> {
		let database = Database::create(path).map_err(failed)?;
		let write = database.begin_write().map_err(failed)?;
		write.open_table(RECEIPTS).map_err(failed)?;
		write.open_table(CLAIMED).map_err(failed)?;
		write.commit().map_err(failed)?;
		let epoch = Mutex::default();
		Ok(Book(Arc::new(Inner { database, relay, genesis, epoch })))
	}

	/// Tells the present epoch: what can never be paid is not taken, and what can be paid no more is forgotten. Blocking.
	pub fn set_epoch(&self, epoch: EpochIndex) -> Result<(), Error> {
		if lock(&self.0.epoch).replace(epoch) == Some(epoch) {
			return Ok(());
		}
		let oldest = epoch.saturating_sub(CLAIM_EPOCHS);
		let write = self.0.database.begin_write().map_err(failed)?;
		write
			.open_table(RECEIPTS)
			.map_err(failed)?
			.retain(|(_, of), _| of >= oldest)
			.map_err(failed)?;
		write
			.open_table(CLAIMED)
			.map_err(failed)?
			.retain(|(_, of), _| of >= oldest)
			.map_err(failed)?;
		write.commit().map_err(failed)
	}

	/// Receipts that say more than what was claimed. Blocking.
	pub fn unclaimed(&self) -> Result<Vec<SignedReceipt>, Error> {
		let read = self.0.database.begin_read().map_err(failed)?;
		let claimed = read.open_table(CLAIMED).map_err(failed)?;
		let mut due = Vec::new();
		for receipt in self.all()? {
			let key = (&receipt.worker.0, receipt.receipt.epoch);
			let before = claimed.get(key).map_err(failed)?.map_or(0, |bytes| bytes.value());
			if receipt.receipt.bytes > before {
				due.push(receipt);
			}
		}
		Ok(due)
	}

	/// Remembers that no more will be paid for these. Blocking.
	pub fn set_claimed(&self, receipts: &[SignedReceipt]) -> Result<(), Error> {
		let write = self.0.database.begin_write().map_err(failed)?;
		{
			let mut claimed = write.open_table(CLAIMED).map_err(failed)?;
			for receipt in receipts {
				let key = (&receipt.worker.0, receipt.receipt.epoch);
				claimed.insert(key, receipt.receipt.bytes).map_err(failed)?;
			}
		}
		write.commit().map_err(failed)
	}

	/// All receipts. Blocking.
	pub fn all(&self) -> Result<Vec<SignedReceipt>, Error> {
		let read = self.0.database.begin_read().map_err(failed)?;
		let table = read.open_table(RECEIPTS).map_err(failed)?;
		let mut all = Vec::new();
		for entry in table.iter().map_err(failed)? {
			let (_, value) = entry.map_err(failed)?;
			let receipt = SignedReceipt::decode_all(&mut value.value());
			all.push(receipt.map_err(|_| Error("a receipt is damaged".into()))?);
		}
		Ok(all)
	}

	fn put(&self, receipt: &SignedReceipt) -> Result<Kept, Error> {
		let write = self.0.database.begin_write().map_err(failed)?;
		let kept = {
			let mut table = write.open_table(RECEIPTS).map_err(failed)?;
			let key = (&receipt.worker.0, receipt.receipt.epoch);
			let known = table
				.get(key)
				.map_err(failed)?
				.and_then(|value| SignedReceipt::decode_all(&mut value.value()).ok());
			let of_worker = table
				.range((&receipt.worker.0, 0)..=(&receipt.worker.0, u32::MAX))
				.map_err(failed)?
				.count();
			match known {
				Some(known) if known.receipt.bytes >= receipt.receipt.bytes => Kept::Older,
				None if of_worker >= EPOCHS => Kept::Full,
				_ => {
					table.insert(key, &receipt.encode()[..]).map_err(failed)?;
					Kept::Yes
				},
			}
		};
		write.commit().map_err(failed)?;
		Ok(kept)
	}
}

#[async_trait]
impl ReceiptBook for Book {
	async fn keep(&self, from: Peer, receipt: SignedReceipt) -> Result<(), Refusal> {
		let epoch = *lock(&self.0.epoch);
		// The worker may see the next epoch begin before we do.
		let in_time = epoch.is_none_or(|now| {
			(now.saturating_sub(CLAIM_EPOCHS)..=now.saturating_add(1))
				.contains(&receipt.receipt.epoch)
		});
		let right = in_time
			&& receipt.worker.0 == from.0
			&& receipt.receipt.relay.0 == self.0.relay
			&& is_signed(&receipt, self.0.genesis);
		if !right {
			return Err(Refusal::Request);
		}
		let book = self.clone();
		match tokio::task::spawn_blocking(move || book.put(&receipt)).await {
			Ok(Ok(Kept::Yes | Kept::Older)) => Ok(()),
			Ok(Ok(Kept::Full)) => Err(Refusal::Busy),
			Ok(Err(error)) => {
				tracing::error!(%error, "a receipt could not be kept");
				Err(Refusal::Service)
			},
			Err(_) => Err(Refusal::Service),
		}
	}
}

#[cfg(test)]
mod tests {
	use io_primitives::mesh::Receipt;
	use sp_core::{Pair, sr25519};

	use super::*;

	const RELAY: [u8; 32] = [3; 32];

	fn receipt(epoch: u32, bytes: u64) -> SignedReceipt {
		let pair = sr25519::Pair::from_seed(&[1; 32]);
		let receipt = Receipt { relay: sp_core::ed25519::Public::from_raw(RELAY), epoch, bytes };
		let signature = pair.sign(&receipt.payload(H256::zero()));
		SignedReceipt { worker: pair.public(), receipt, signature }
	}

	fn book(folder: &Path) -> Book {
		Book::open(&folder.join("receipts.redb"), RELAY, H256::zero()).unwrap()
	}

	#[tokio::test]
	async fn should_keep_the_highest_of_an_epoch_when_opened_again() {
		let folder = tempfile::tempdir().unwrap();
		let peer = Peer(receipt(1, 1).worker.0);
		{
			let book = book(folder.path());
			for (epoch, bytes) in [(1, 10), (1, 30), (1, 20), (2, 5)] {
				book.keep(peer, receipt(epoch, bytes)).await.unwrap();
			}
		}
		let all = book(folder.path()).all().unwrap();
		let kept: Vec<_> =
			all.iter().map(|kept| (kept.receipt.epoch, kept.receipt.bytes)).collect();
		assert_eq!(kept, [(1, 30), (2, 5)]);
		assert!(all.iter().all(|kept| is_signed(kept, H256::zero())));
	}

	#[tokio::test]
	async fn should_refuse_when_a_receipt_is_not_right() {
		let folder = tempfile::tempdir().unwrap();
		let book = book(folder.path());
		let right = receipt(1, 10);
		let peer = Peer(right.worker.0);
		assert_eq!(book.keep(Peer([0; 32]), right.clone()).await, Err(Refusal::Request));
		let mut more = right.clone();
		more.receipt.bytes += 1;
		let mut other = right;
		other.receipt.relay.0[0] ^= 1;
		for wrong in [more, other] {
			assert_eq!(book.keep(peer, wrong).await, Err(Refusal::Request));
		}
		assert_eq!(book.all().unwrap(), []);
	}

	#[tokio::test]
	async fn should_take_only_what_can_be_paid_when_the_epoch_is_known() {
		let folder = tempfile::tempdir().unwrap();
		let book = book(folder.path());
		let peer = Peer(receipt(1, 1).worker.0);
		book.set_epoch(10).unwrap();
		for (epoch, taken) in [(3, false), (4, true), (10, true), (11, true), (12, false)] {
			assert_eq!(book.keep(peer, receipt(epoch, 1)).await.is_ok(), taken, "{epoch}");
		}
		book.set_epoch(11).unwrap();
		let epochs: Vec<_> = book.all().unwrap().iter().map(|kept| kept.receipt.epoch).collect();
		assert_eq!(epochs, [10, 11]);
	}

	#[tokio::test]
	async fn should_claim_what_is_more_than_was_claimed() {
		let folder = tempfile::tempdir().unwrap();
		let book = book(folder.path());
		let peer = Peer(receipt(1, 1).worker.0);
		for (epoch, bytes) in [(1, 10), (2, 20)] {
			book.keep(peer, receipt(epoch, bytes)).await.unwrap();
		}
		let due = book.unclaimed().unwrap();
		assert_eq!(due.len(), 2);
		book.set_claimed(&due).unwrap();
		assert_eq!(book.unclaimed().unwrap(), []);
		book.keep(peer, receipt(2, 21)).await.unwrap();
		let due: Vec<_> = book.unclaimed().unwrap().iter().map(|due| due.receipt.clone()).collect();
		assert_eq!(due, [receipt(2, 21).receipt]);
	}

	#[tokio::test]
	async fn should_refuse_when_a_worker_gives_too_many_epochs() {
		let folder = tempfile::tempdir().unwrap();
		let book = book(folder.path());
		let peer = Peer(receipt(1, 1).worker.0);
		for epoch in 0..EPOCHS as u32 {
			assert_eq!(book.put(&receipt(epoch, 1)).unwrap(), Kept::Yes);
		}
		assert_eq!(book.keep(peer, receipt(1000, 1)).await, Err(Refusal::Busy));
		assert_eq!(book.keep(peer, receipt(5, 2)).await, Ok(()));
	}
}
