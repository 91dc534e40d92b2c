//! The receipts that workers gave: the relay's claim to be paid.

use std::{path::Path, sync::Arc};

use async_trait::async_trait;
use codec::{DecodeAll, Encode};
use io_mesh::{
	error::Refusal,
	node::Peer,
	receipt::{ReceiptBook, is_signed},
};
use io_primitives::mesh::SignedReceipt;
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};
use sp_core::H256;

/// Key: worker, epoch (big-endian, so that epochs are in order). Value: the signed receipt in SCALE.
const RECEIPTS: TableDefinition<(&[u8; 32], u32), &[u8]> = TableDefinition::new("receipts-v1");
/// Epochs of one worker that are kept. They are claimed long before.
const EPOCHS: usize = 64;

/// The book's file cannot be used.
#[derive(thiserror::Error, Debug)]
#[error("the book of receipts: {0}")]
pub struct Error(String);

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
		write.commit().map_err(failed)?;
		Ok(Book(Arc::new(Inner { database, relay, genesis })))
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
		let right = receipt.worker.0 == from.0
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
