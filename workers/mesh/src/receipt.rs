//! `ionet/receipt/1`: workers tell a relay, signed, how much it has carried for them.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use io_primitives::mesh::{Receipt, SignedReceipt};
use sp_core::{H256, Pair, ed25519, sr25519};
use tokio::io::AsyncWriteExt;

use crate::{
	Error, MeshSession,
	error::Refusal,
	frame,
	node::{Peer, Protocol},
	transport::{Stream, Transport},
};

/// Name of the protocol.
pub const PROTOCOL: &str = "ionet/receipt/1";

/// Most bytes of a signed receipt.
pub const MAX_RECEIPT: usize = 192;
/// Time to say a receipt.
const PATIENCE: Duration = Duration::from_secs(10);

/// Whether the worker has signed this for the chain with this genesis.
pub fn is_signed(signed: &SignedReceipt, genesis: H256) -> bool {
	sr25519::Pair::verify(&signed.signature, signed.receipt.payload(genesis), &signed.worker)
}

/// What relays keep of receipts.
#[async_trait]
pub trait ReceiptBook: std::fmt::Debug + Send + Sync + 'static {
	/// Keeps a receipt if it is right and says more than the one before. It is on disk when this returns.
	async fn keep(&self, from: Peer, receipt: SignedReceipt) -> Result<(), Refusal>;
}

/// Takes receipts.
#[derive(Debug)]
pub struct ReceiptServer(Arc<dyn ReceiptBook>);

impl ReceiptServer {
	/// Keeps them in a book.
	pub fn new(book: Arc<dyn ReceiptBook>) -> Arc<ReceiptServer> {
		Arc::new(ReceiptServer(book))
	}
}

#[async_trait]
impl Protocol for ReceiptServer {
	fn name(&self) -> &'static str {
		PROTOCOL
	}

	async fn serve(&self, peer: Peer, mut stream: Stream) -> Result<(), Error> {
		let read = tokio::time::timeout(PATIENCE, frame::read(&mut stream.recv, MAX_RECEIPT));
		let receipt = read.await.map_err(|_| Error::Stalled(PATIENCE.as_secs()))??;
		let answer = self.0.keep(peer, receipt).await;
		frame::write(&mut stream.send, &answer).await?;
		Ok(stream.send.shutdown().await?)
	}
}

/// Gives a relay a receipt.
pub async fn give(session: &MeshSession, receipt: &SignedReceipt) -> Result<(), Error> {
	session.request(PROTOCOL, receipt, 8).await
}

/// Counts what one lane's relay has carried in the present epoch.
#[derive(Debug)]
pub struct Meter {
	lane: Arc<dyn Transport>,
	relay: [u8; 32],
	epoch: u32,
	/// The lane's counter when the epoch began.
	start: u64,
	/// Bytes of this epoch that an earlier process has signed for.
	before: u64,
}

impl Meter {
	/// Counts from now. `before` is what was last signed for this relay and epoch, so that a restart takes nothing back.
	pub fn new(lane: Arc<dyn Transport>, relay: [u8; 32], epoch: u32, before: u64) -> Meter {
		Meter { start: lane.relayed(), lane, relay, epoch, before }
	}

	/// Bytes of the epoch so far.
	pub fn bytes(&self) -> u64 {
		self.before + self.lane.relayed().saturating_sub(self.start)
	}

	/// The receipt as it stands, signed by `sign`, which gets the payload.
	pub fn receipt(
		&self,
		genesis: H256,
		worker: sr25519::Public,
		sign: impl FnOnce(&[u8]) -> sr25519::Signature,
	) -> SignedReceipt {
		let receipt = Receipt {
			relay: ed25519::Public::from_raw(self.relay),
			epoch: self.epoch,
			bytes: self.bytes(),
		};
		let signature = sign(&receipt.payload(genesis));
		SignedReceipt { worker, receipt, signature }
	}

	/// A new epoch has begun. Returns the bytes of the old one.
	pub fn turn(&mut self, epoch: u32) -> u64 {
		let bytes = self.bytes();
		(self.epoch, self.start, self.before) = (epoch, self.lane.relayed(), 0);
		bytes
	}
}

#[cfg(test)]
mod tests {
	use codec::Encode;

	use super::*;

	#[test]
	fn should_know_the_signature_when_anything_is_changed() {
		let pair = sr25519::Pair::from_seed(&[1; 32]);
		let genesis = H256::repeat_byte(2);
		let receipt = Receipt { relay: ed25519::Public::from_raw([3; 32]), epoch: 4, bytes: 5 };
		let signature = pair.sign(&receipt.payload(genesis));
		let signed = SignedReceipt { worker: pair.public(), receipt, signature };
		assert!(is_signed(&signed, genesis) && signed.encode().len() <= MAX_RECEIPT);
		assert!(!is_signed(&signed, H256::repeat_byte(1)));
		for change in [
			|r: &mut SignedReceipt| r.receipt.bytes += 1,
			|r: &mut SignedReceipt| r.receipt.epoch += 1,
			|r: &mut SignedReceipt| r.receipt.relay.0[0] ^= 1,
			|r: &mut SignedReceipt| r.worker.0[0] ^= 1,
		] {
			let mut changed = signed.clone();
			change(&mut changed);
			assert!(!is_signed(&changed, genesis));
		}
	}

	#[test]
	fn should_keep_its_bytes_when_the_code_changes() {
		let receipt = Receipt { relay: ed25519::Public::from_raw([3; 32]), epoch: 4, bytes: 5 };
		let expected = format!(
			"{}{}{}0400000005000000000000{}",
			hex::encode("io/receipt/v1"),
			"02".repeat(32),
			"03".repeat(32),
			"00"
		);
		assert_eq!(hex::encode(receipt.payload(H256::repeat_byte(2))), expected);
	}
}
