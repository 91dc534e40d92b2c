//! Signed transactions: from a call to its events in a block.

use std::{collections::VecDeque, ops::RangeInclusive, sync::Arc};

use futures::StreamExt;
use io_primitives::AccountId;
use sp_core::H256;
use sp_runtime::DispatchError;
use subxt::{
	OfflineClient, SubstrateConfig,
	config::{DefaultExtrinsicParamsBuilder, substrate::SpecVersionForRange},
};
use tokio::time::{Instant, timeout_at};

use crate::{
	BlockInfo, ChainEvent, Client, Error, Keypair, Phase, Result, Runtime, client::SUBMIT,
};

/// Blocks for which a transaction is valid.
const MORTALITY: u32 = 64;
/// If finality lags further behind than this, transactions begin to count at the best block.
const MAX_FINALITY_LAG: u32 = MORTALITY / 2;
/// How often a transaction is made anew because another one took its nonce.
const NONCE_ATTEMPTS: usize = 4;
/// JSON-RPC codes of the transaction pool.
const INVALID: i32 = 1010;
const UNKNOWN_VALIDITY: i32 = 1011;
const TEMPORARILY_BANNED: i32 = 1012;
pub(crate) const TOO_LOW_PRIORITY: i32 = 1014;

/// The account of a key.
pub(crate) fn account_of(signer: &Keypair) -> AccountId {
	AccountId::new(signer.public_key().0)
}

impl Client {
	/// Encodes a call by the names of the chain's metadata: see [`Runtime::call`].
	pub async fn call(
		&self,
		pallet: &str,
		call: &str,
		arguments: impl codec::Encode,
	) -> Result<Vec<u8>> {
		self.runtime().await?.call(pallet, call, arguments)
	}

	/// The account that a key pair signs for.
	pub fn account_of(signer: &Keypair) -> AccountId {
		account_of(signer)
	}

	/// Signs an encoded call and puts it into the node's pool.
	pub async fn submit(&self, call: &[u8], signer: &Keypair) -> Result<Pending> {
		let runtime = self.runtime().await?;
		let mut attempts = NONCE_ATTEMPTS;
		loop {
			let best = self.best_block().await?;
			let nonce = self.next_nonce(&account_of(signer)).await?;
			let (extrinsic, valid) = self.sign(&runtime, call, signer, nonce, best).await?;
			attempts -= 1;
			match self.deliver(extrinsic, valid).await {
				Ok(pending) => return Ok(pending),
				Err(e) if attempts > 0 && lost_race(&e) => {
					tracing::debug!("another transaction took nonce {nonce}: {e}");
				},
				Err(e) => return Err(refused(e)),
			}
		}
	}

	/// Puts an extrinsic into the node's pool that the blocks `valid` can take.
	///
	/// It is sent again after a lost connection, and the node then refuses the second copy if it has put the first into a
	/// block. So a refusal only counts if no block has the extrinsic.
	pub(crate) async fn deliver(
		&self,
		extrinsic: Vec<u8>,
		valid: RangeInclusive<u32>,
	) -> Result<Pending> {
		let hash = H256(sp_crypto_hashing::blake2_256(&extrinsic));
		let pending = Pending { client: self.clone(), hash, extrinsic, valid };
		let refusal = match self.submit_extrinsic(&pending.extrinsic).await {
			Ok(_) => return Ok(pending),
			Err(e @ Error::Rpc { .. }) => e,
			Err(e) => return Err(e),
		};
		match pending.is_in_block().await {
			Ok(true) => Ok(pending),
			Ok(false) => Err(refusal),
			// Neither taken nor refused, as far as is known.
			Err(e) => Err(Error::Connection {
				method: SUBMIT.into(),
				reason: format!("it is not known whether a block has the transaction: {e}"),
			}),
		}
	}

	/// The fee that a call would cost, in the smallest unit.
	pub async fn estimate_fee(&self, call: &[u8], signer: &Keypair) -> Result<u128> {
		type Info = (codec::Compact<u64>, codec::Compact<u64>, u8, u128);
		let runtime = self.runtime().await?;
		let best = self.best_block().await?;
		let nonce = self.next_nonce(&account_of(signer)).await?;
		let (extrinsic, _) = self.sign(&runtime, call, signer, nonce, best).await?;
		let len = u32::try_from(extrinsic.len()).unwrap_or(u32::MAX);
		let info: Info =
			self.runtime_call("TransactionPaymentApi_query_info", (Raw(&extrinsic), len)).await?;
		Ok(info.3)
	}

	/// A signed extrinsic, and the blocks that can take it. They begin behind the finalised one, not behind the best one:
	/// best blocks that are not included by the relay chain vanish, and others come in their place.
	async fn sign(
		&self,
		runtime: &Arc<Runtime>,
		call: &[u8],
		signer: &Keypair,
		nonce: u64,
		best: BlockInfo,
	) -> Result<(Vec<u8>, RangeInclusive<u32>)> {
		let failed = |e: &dyn ToString| Error::BadCall {
			call: "a transaction".into(),
			reason: e.to_string(),
		};
		// A block that is final cannot vanish, and the transaction with it.
		let finalized = self.finalized_block().await?;
		let (number, hash) = birth(best, finalized);
		let config = SubstrateConfig::builder()
			.set_genesis_hash(self.genesis())
			.set_metadata_for_spec_versions([(runtime.spec_version(), runtime.metadata().clone())])
			.set_spec_version_for_block_ranges([SpecVersionForRange {
				block_range: 0..u64::MAX,
				spec_version: runtime.spec_version(),
				transaction_version: runtime.transaction_version(),
			}])
			.build();
		let offline = OfflineClient::new_with_config(config)
			.at_block(u64::from(best.number))
			.map_err(|e| failed(&e))?;
		let transactions = offline.tx();
		let payload = transactions.from_call_data_bytes(call).map_err(|e| failed(&e))?;
		let params = DefaultExtrinsicParamsBuilder::new()
			.nonce(nonce)
			.mortal_from_unchecked(u64::from(MORTALITY), u64::from(number), hash)
			.build();
		let extrinsic = transactions
			.create_signable_offline(&payload, params)
			.map_err(|e| failed(&e))?
			.sign(signer)
			.map_err(|e| failed(&e))?
			.into_encoded();
		let (first, last) = (number.saturating_add(1), number.saturating_add(MORTALITY));
		Ok((extrinsic, first..=last))
	}
}

/// The block from which on a transaction counts: one that is final, if finality does not lag too far behind.
fn birth(best: BlockInfo, finalized: BlockInfo) -> (u32, H256) {
	match best.number.saturating_sub(finalized.number) {
		// The pool may not have got to the best block yet, and does not know its hash before.
		0 if best.number > 0 => (best.number - 1, best.parent),
		lag if lag > MAX_FINALITY_LAG => (best.number, best.hash),
		_ => (finalized.number, finalized.hash),
	}
}

/// Bytes that are their own encoding.
struct Raw<'a>(&'a [u8]);

impl codec::Encode for Raw<'_> {
	fn encode_to<T: codec::Output + ?Sized>(&self, output: &mut T) {
		output.write(self.0);
	}
}

/// Whether another transaction of the same account came between.
fn lost_race(error: &Error) -> bool {
	match error {
		Error::Rpc { code: TOO_LOW_PRIORITY, .. } => true,
		Error::Rpc { code: INVALID, message, .. } => message.contains("outdated"),
		_ => false,
	}
}

/// The pool's refusals in words that help.
fn refused(error: Error) -> Error {
	let Error::Rpc { code, message, .. } = &error else { return error };
	let reason = match *code {
		INVALID if message.contains("pay some fees") => {
			"the account has too little money for the fee. Send some to it first, or use another account".to_owned()
		},
		INVALID | UNKNOWN_VALIDITY => message.clone(),
		TEMPORARILY_BANNED => "the node refused the same transaction just before; wait a minute".to_owned(),
		TOO_LOW_PRIORITY => {
			"other transactions of this account are waiting; try again after the next block".to_owned()
		},
		_ => return error,
	};
	Error::Refused { reason }
}

/// A transaction that waits for its block.
pub struct Pending {
	client: Client,
	hash: H256,
	extrinsic: Vec<u8>,
	/// Blocks that could have it.
	valid: RangeInclusive<u32>,
}

/// A transaction in a block; its call succeeded.
#[derive(Clone, Debug)]
pub struct Included {
	/// The block.
	pub block: BlockInfo,
	/// The extrinsic's index in it.
	pub index: u32,
	/// The extrinsic's hash.
	pub hash: H256,
	/// What happened.
	pub events: Vec<ChainEvent>,
}

impl Pending {
	/// The extrinsic's hash.
	pub fn hash(&self) -> H256 {
		self.hash
	}

	/// Waits until a best block has the transaction. A failed call is [`Error::Dispatch`].
	pub async fn in_block(&self) -> Result<Included> {
		self.wait(false).await
	}

	/// Waits until a finalised block has the transaction. A failed call is [`Error::Dispatch`].
	pub async fn finalized(&self) -> Result<Included> {
		self.wait(true).await
	}

	async fn wait(&self, finalized: bool) -> Result<Included> {
		let client = &self.client;
		let mut heads = if finalized { client.finalized_blocks() } else { client.best_blocks() };
		// Blocks that were searched in vain. A re-organisation takes them back.
		let mut searched: VecDeque<(u32, H256)> = VecDeque::new();
		let limit = client.options().block_timeout;
		// When the last head was searched, and what has kept us from the next since then.
		let (mut moved, mut obstacle) = (Instant::now(), None);
		loop {
			let head = match timeout_at(moved + limit, heads.next()).await {
				Ok(Some(head)) => head,
				Err(_) | Ok(None) => {
					let seconds = limit.as_secs();
					return Err(obstacle.unwrap_or(match finalized {
						true => Error::NoFinality { seconds },
						false => Error::NoBlocks { seconds },
					}));
				},
			};
			let head = match head {
				Ok(head) => head,
				Err(e @ Error::WrongChain { .. }) => return Err(e),
				// The stream subscribes again.
				Err(e) => {
					tracing::debug!("waiting for the node: {e}");
					obstacle = Some(e);
					continue;
				},
			};
			match self.search(head, &mut searched).await {
				Ok(Some(included)) => return Ok(included),
				Ok(None) => (moved, obstacle) = (Instant::now(), None),
				Err(e) if e.is_temporary() => {
					tracing::debug!("waiting for the node: {e}");
					obstacle = Some(e);
				},
				Err(e) => return Err(e),
			}
		}
	}

	/// The transaction in the blocks up to `head`; `None` if it may still come.
	async fn search(
		&self,
		head: BlockInfo,
		searched: &mut VecDeque<(u32, H256)>,
	) -> Result<Option<Included>> {
		match self.find(head, searched).await? {
			Some((block, index)) => self.included(block, index).await.map(Some),
			None if head.number > *self.valid.end() => Err(Error::NotIncluded),
			None => Ok(None),
		}
	}

	/// Whether a block up to the best one has the transaction.
	async fn is_in_block(&self) -> Result<bool> {
		let best = self.client.best_block().await?;
		Ok(self.find(best, &mut VecDeque::new()).await?.is_some())
	}

	/// Looks for the transaction in the blocks up to `head`: the block's hash, and the place in it.
	async fn find(
		&self,
		head: BlockInfo,
		searched: &mut VecDeque<(u32, H256)>,
	) -> Result<Option<(H256, usize)>> {
		let client = &self.client;
		while let Some(&(number, hash)) = searched.back() {
			if client.block_hash(number).await? == Some(hash) {
				break;
			}
			searched.pop_back();
		}
		let next =
			searched.back().map_or(*self.valid.start(), |(number, _)| number.saturating_add(1));
		for number in next..=head.number.min(*self.valid.end()) {
			let Some(hash) = client.block_hash(number).await? else { break };
			let extrinsics = client.extrinsics(hash).await?;
			if let Some(index) = extrinsics.iter().position(|bytes| *bytes == self.extrinsic) {
				return Ok(Some((hash, index)));
			}
			searched.push_back((number, hash));
		}
		Ok(None)
	}

	async fn included(&self, block: H256, index: usize) -> Result<Included> {
		let index = u32::try_from(index).unwrap_or(u32::MAX);
		let mut events = self.client.events(block).await?;
		events.retain(|event| event.phase == Phase::ApplyExtrinsic(index));
		if let Some(failed) = events.iter().find(|e| e.is("System", "ExtrinsicFailed")) {
			let error: DispatchError = failed.fields.get("dispatch_error")?;
			let runtime = self.client.runtime_at(Some(block)).await?;
			return Err(Error::Dispatch(runtime.describe(&error)));
		}
		// A call inside of another may fail without its carrier failing.
		if let Some(inner) = events.iter().find(|e| e.is("Sudo", "Sudid")) {
			let result: core::result::Result<(), DispatchError> =
				inner.fields.get("sudo_result")?;
			if let Err(error) = result {
				let runtime = self.client.runtime_at(Some(block)).await?;
				return Err(Error::Dispatch(runtime.describe(&error)));
			}
		}
		Ok(Included { block: self.client.block(block).await?, index, hash: self.hash, events })
	}
}

#[cfg(test)]
mod tests {
	use std::{
		sync::{
			Mutex,
			atomic::{AtomicBool, AtomicU32, Ordering},
		},
		time::Duration,
	};

	use serde_json::{Value, json};
	use subxt::rpcs::{Error as RpcError, UserError};

	use super::*;
	use crate::{
		Options,
		fake::{self, Node},
	};

	const EXTRINSIC: &[u8] = &[8, 4, 2];
	const BEST: u32 = 9;

	/// A node that refuses the second copy of an extrinsic and loses the connection after the first.
	struct Forgetful {
		refusal: (i32, &'static str),
		/// Whether the first copy gets into block [`BEST`].
		takes: bool,
		/// Whether block bodies can be had.
		answers: bool,
		asked: AtomicU32,
	}

	impl Node for Forgetful {
		fn answer(&self, method: &str, params: &Value) -> Result<Value, RpcError> {
			let (code, message) = self.refusal;
			match method {
				SUBMIT => match self.asked.fetch_add(1, Ordering::Relaxed) {
					0 => Err(RpcError::DisconnectedWillReconnect("gone".into())),
					_ => Err(UserError { code, message: message.into(), data: None }.into()),
				},
				"chain_getHeader" => Ok(fake::header(BEST)),
				"chain_getBlockHash" => Ok(fake::hash(&params[0])),
				"chain_getBlock" if !self.answers => Err(RpcError::Client("broken".into())),
				"chain_getBlock" => {
					let here = self.takes && params[0] == fake::hash(&json!(BEST));
					Ok(fake::block(BEST, if here { EXTRINSIC } else { &[4, 0] }))
				},
				_ => panic!("{method} was not expected"),
			}
		}
	}

	async fn deliver(node: Forgetful) -> Result<Pending> {
		fake::client(node, Options::default()).deliver(EXTRINSIC.to_vec(), 7..=70).await
	}

	#[tokio::test]
	async fn should_follow_the_first_copy_when_the_second_is_refused_and_a_block_has_it() {
		let refusals = [
			(INVALID, "Invalid Transaction: Transaction is outdated"),
			(INVALID, "Invalid Transaction: Custom error: 17"),
			(TEMPORARILY_BANNED, "Transaction is temporarily banned"),
		];
		for refusal in refusals {
			let asked = AtomicU32::new(0);
			let pending = deliver(Forgetful { refusal, takes: true, answers: true, asked });
			let hash = H256(sp_crypto_hashing::blake2_256(EXTRINSIC));
			assert_eq!(pending.await.unwrap().hash(), hash);
		}
	}

	#[tokio::test]
	async fn should_report_the_refusal_when_no_block_has_the_transaction() {
		let refusal = (INVALID, "Invalid Transaction: Transaction is outdated");
		let node = Forgetful { refusal, takes: false, answers: true, asked: AtomicU32::new(0) };
		let error = deliver(node).await.map(|_| ()).unwrap_err();
		assert!(lost_race(&error), "{error}");
	}

	#[tokio::test]
	async fn should_not_call_it_a_refusal_when_the_blocks_cannot_be_searched() {
		let refusal = (INVALID, "Invalid Transaction: Transaction is outdated");
		let node = Forgetful { refusal, takes: true, answers: false, asked: AtomicU32::new(0) };
		let error = deliver(node).await.map(|_| ()).unwrap_err();
		assert!(error.is_temporary() && !lost_race(&error), "{error}");
	}

	/// A node that has one block, and then goes away or stands still.
	struct Dying {
		away: bool,
		shown: Mutex<bool>,
		gone: AtomicBool,
	}

	impl Node for Dying {
		fn answer(&self, method: &str, params: &Value) -> Result<Value, RpcError> {
			if self.gone.load(Ordering::Relaxed) && self.away {
				return Err(RpcError::Client("gone".into()));
			}
			match method {
				"chain_getBlockHash" if params[0] == json!(0) => Ok(json!(H256::zero())),
				"chain_getBlockHash" => Ok(fake::hash(&params[0])),
				"chain_getBlock" => Ok(fake::block(BEST, &[4, 0])),
				_ => panic!("{method} was not expected"),
			}
		}

		fn heads(&self) -> Vec<Value> {
			self.gone.store(true, Ordering::Relaxed);
			let shown = std::mem::replace(&mut *self.shown.lock().unwrap(), true);
			if shown { Vec::new() } else { vec![fake::header(BEST)] }
		}

		fn goes_away(&self) -> bool {
			self.away
		}
	}

	async fn wait(away: bool, finalized: bool) -> Error {
		let node = Dying { away, shown: Mutex::default(), gone: AtomicBool::default() };
		let options = Options { block_timeout: Duration::from_secs(2), ..Options::default() };
		let client = fake::client(node, options);
		let (hash, extrinsic) = (H256::zero(), EXTRINSIC.to_vec());
		let pending = Pending { client, hash, extrinsic, valid: BEST..=BEST + 60 };
		let waited = tokio::time::timeout(Duration::from_secs(30), pending.wait(finalized));
		waited.await.expect("it ends").map(|_| ()).unwrap_err()
	}

	#[tokio::test]
	async fn should_give_up_when_the_node_stays_away() {
		let error = wait(true, false).await;
		assert!(matches!(error, Error::Connection { .. }), "{error}");
	}

	#[tokio::test]
	async fn should_say_what_stands_still_when_no_more_blocks_come() {
		assert!(matches!(wait(false, false).await, Error::NoBlocks { seconds: 2 }));
		assert!(matches!(wait(false, true).await, Error::NoFinality { seconds: 2 }));
	}

	fn block(number: u32) -> BlockInfo {
		let hash = |number: u32| H256::from_low_u64_be(number.into());
		BlockInfo { number, hash: hash(number), parent: hash(number.saturating_sub(1)) }
	}

	fn born(best: u32, finalized: u32) -> u32 {
		let (number, hash) = birth(block(best), block(finalized));
		assert_eq!(hash, block(number).hash);
		number
	}

	#[test]
	fn should_count_from_the_finalised_block_when_it_is_near() {
		assert_eq!(born(10, 9), 9);
		assert_eq!(born(100, 100 - MAX_FINALITY_LAG), 100 - MAX_FINALITY_LAG);
		assert_eq!(born(0, 0), 0);
	}

	#[test]
	fn should_count_from_the_best_block_when_finality_stands() {
		assert_eq!(born(100, 99 - MAX_FINALITY_LAG), 100);
	}

	#[test]
	fn should_count_from_the_block_before_when_the_best_one_is_final() {
		assert_eq!(born(10, 10), 9);
		// Read a moment later.
		assert_eq!(born(10, 11), 9);
	}
}
