//! The client: what can be asked of a node.

use std::{sync::Arc, time::Duration};

use codec::{Decode, DecodeAll, Encode};
use futures::stream::BoxStream;
use io_primitives::{
	AccountId, Assignment, Balance, JobId, JobSpec, JobView, Price, Reason, ReplicaId,
	SignedWorkerCall, WorkerKey, WorkerView,
	attestation::{AttestationView, SignedAttestation},
	job::OutputAt,
};
use serde::Deserialize;
use serde_json::{Value, json};
use sp_core::{H256, crypto::Ss58Codec};
use sp_runtime::DispatchError;
use tokio::sync::Mutex;

use crate::{
	BlockInfo, ChainEvent, Error, Result, Runtime,
	blocks::{self, Header, Heads},
	rpc::{Rpc, params},
	storage,
};

/// The name of the pallet of jobs in the runtime.
pub(crate) const JOBS: &str = "IoJobs";
/// The request that puts an extrinsic into a node's pool.
pub(crate) const SUBMIT: &str = "author_submitExtrinsic";
/// JSON-RPC code: the pool has this very transaction already.
const ALREADY_IMPORTED: i32 = 1013;

/// Time limits.
#[derive(Clone, Copy, Debug)]
pub struct Options {
	/// How long the first connection may take.
	pub connect_timeout: Duration,
	/// How long one request may take, waiting for a lost connection included.
	pub request_timeout: Duration,
	/// How long the chain may make no block while a transaction is waited for.
	pub block_timeout: Duration,
}

impl Default for Options {
	fn default() -> Self {
		Self {
			connect_timeout: Duration::from_secs(10),
			request_timeout: Duration::from_secs(30),
			block_timeout: Duration::from_secs(120),
		}
	}
}

/// A connection to a node. It can be cloned cheaply; all clones share the connection.
#[derive(Clone)]
pub struct Client {
	inner: Arc<Inner>,
}

struct Inner {
	rpc: Rpc,
	url: String,
	options: Options,
	genesis: H256,
	runtime: Mutex<Option<Arc<Runtime>>>,
}

/// What a node says of its chain.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ChainInfo {
	/// The chain's name.
	pub chain: String,
	/// `Development`, `Local`, `Live` or a custom word.
	pub chain_type: String,
	/// The node's software.
	pub node: String,
	/// Symbol of the token.
	pub token: String,
	/// Decimals of the token.
	pub decimals: u32,
	/// Peers that the node is connected to.
	pub peers: u64,
	/// Whether the node is still catching up.
	pub syncing: bool,
}

impl ChainInfo {
	/// Whether well-known keys have their place on this chain.
	pub fn is_development(&self) -> bool {
		self.chain_type == "Development" || self.chain_type == "Local"
	}
}

/// What an account has.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct AccountBalance {
	/// Transactions that the account has made.
	pub nonce: u32,
	/// Not on hold; a part of it may be frozen.
	pub free: Balance,
	/// On hold: stake, escrow, deposits.
	pub held: Balance,
	/// Part that cannot be transferred.
	pub frozen: Balance,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct VersionJson {
	spec_version: u32,
	transaction_version: u32,
}

#[derive(Deserialize)]
struct BlockJson {
	block: InnerBlockJson,
}

#[derive(Deserialize)]
struct InnerBlockJson {
	header: Header,
	extrinsics: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct HealthJson {
	peers: u64,
	is_syncing: bool,
}

impl Client {
	/// Connects to the node at a `ws://` or `wss://` URL.
	pub async fn connect(url: &str) -> Result<Self> {
		Self::connect_with(url, Options::default()).await
	}

	/// Connects with other time limits than the usual ones.
	pub async fn connect_with(url: &str, options: Options) -> Result<Self> {
		let rpc = Rpc::connect(url, &options).await?;
		let genesis = genesis_of(&rpc).await.map_err(|e| match e {
			Error::Rpc { message, .. } => {
				Error::Unreachable { url: url.to_owned(), reason: format!("not a node: {message}") }
			},
			e => e,
		})?;
		Ok(Self::new(rpc, url.to_owned(), options, genesis))
	}

	pub(crate) fn new(rpc: Rpc, url: String, options: Options, genesis: H256) -> Self {
		let runtime = Mutex::new(None);
		Self { inner: Arc::new(Inner { rpc, url, options, genesis, runtime }) }
	}

	/// Where the node is.
	pub fn url(&self) -> &str {
		&self.inner.url
	}

	/// The hash of the genesis block, which identifies the chain.
	pub fn genesis(&self) -> H256 {
		self.inner.genesis
	}

	/// Fails with [`Error::WrongChain`] if this is not the chain with that genesis block.
	pub fn expect_genesis(&self, expected: H256) -> Result<()> {
		same_chain(expected, self.inner.genesis)
	}

	/// Asks the node again which chain it is on.
	pub(crate) async fn check_genesis(&self) -> Result<()> {
		same_chain(self.inner.genesis, genesis_of(self.rpc()).await?)
	}

	pub(crate) fn rpc(&self) -> &Rpc {
		&self.inner.rpc
	}

	pub(crate) fn options(&self) -> &Options {
		&self.inner.options
	}

	/// Any JSON-RPC method. It is sent again if the connection is lost meanwhile.
	pub async fn rpc_call<R: serde::de::DeserializeOwned, const N: usize>(
		&self,
		method: &str,
		arguments: [Value; N],
	) -> Result<R> {
		self.rpc().request(method, params(arguments)).await
	}

	/// What the node says of itself and its chain.
	pub async fn chain_info(&self) -> Result<ChainInfo> {
		let chain = self.rpc_call("system_chain", []).await?;
		let name: String = self.rpc_call("system_name", []).await?;
		let version: String = self.rpc_call("system_version", []).await?;
		let chain_type: Value = self.rpc_call("system_chainType", []).await?;
		let properties: Value = self.rpc_call("system_properties", []).await?;
		let health: HealthJson = self.rpc_call("system_health", []).await?;
		// Both may be lists on chains with several tokens; ours comes first.
		let first = |key: &str| match properties.get(key) {
			Some(Value::Array(list)) => list.first().cloned(),
			other => other.cloned(),
		};
		Ok(ChainInfo {
			chain,
			chain_type: match chain_type {
				Value::String(kind) => kind,
				other => other.to_string(),
			},
			node: format!("{name} {version}"),
			token: first("tokenSymbol")
				.and_then(|v| v.as_str().map(str::to_owned))
				.unwrap_or_else(|| "IO".into()),
			decimals: first("tokenDecimals")
				.and_then(|v| v.as_u64())
				.and_then(|v| u32::try_from(v).ok())
				.unwrap_or(crate::amount::DECIMALS),
			peers: health.peers,
			syncing: health.is_syncing,
		})
	}

	/// The best block.
	pub async fn best_block(&self) -> Result<BlockInfo> {
		self.header(None).await
	}

	/// The newest finalised block.
	pub async fn finalized_block(&self) -> Result<BlockInfo> {
		let hash: H256 = self.rpc_call("chain_getFinalizedHead", []).await?;
		self.header(Some(hash)).await
	}

	/// The block with this hash.
	pub async fn block(&self, hash: H256) -> Result<BlockInfo> {
		self.header(Some(hash)).await
	}

	/// Hash of the block at this height of the best chain; `None` if the chain is shorter.
	pub async fn block_hash(&self, number: u32) -> Result<Option<H256>> {
		self.rpc_call("chain_getBlockHash", [json!(number)]).await
	}

	/// Hashes of the blocks at these heights of the best chain, at most a few hundred; `None` where the chain is shorter.
	pub async fn block_hashes(&self, numbers: &[u32]) -> Result<Vec<Option<H256>>> {
		let hashes: Vec<Option<H256>> =
			self.rpc_call("chain_getBlockHash", [json!(numbers)]).await?;
		if hashes.len() != numbers.len() {
			return Err(Error::decode(
				"hashes of blocks",
				"there are not as many as were asked for",
			));
		}
		Ok(hashes)
	}

	async fn header(&self, hash: Option<H256>) -> Result<BlockInfo> {
		let header: Option<Header> = self.rpc_call("chain_getHeader", [json!(hash)]).await?;
		header.map(Into::into).ok_or_else(|| Error::UnknownBlock {
			block: hash.map_or_else(|| "at the head".into(), |hash| format!("{hash:?}")),
		})
	}

	/// Best blocks as they come. The stream never ends: it yields errors while the node is away and goes on when it
	/// is back. It may skip blocks, and after a re-organisation it goes back to lower numbers.
	pub fn best_blocks(&self) -> BoxStream<'static, Result<BlockInfo>> {
		blocks::heads(self.clone(), Heads::Best)
	}

	/// Finalised blocks as they come, under the same rules as [`Self::best_blocks`].
	pub fn finalized_blocks(&self) -> BoxStream<'static, Result<BlockInfo>> {
		blocks::heads(self.clone(), Heads::Finalized)
	}

	/// The runtime at the best block.
	pub async fn runtime(&self) -> Result<Arc<Runtime>> {
		self.runtime_at(None).await
	}

	/// The runtime at a block. Its metadata is fetched once for each version.
	pub async fn runtime_at(&self, block: Option<H256>) -> Result<Arc<Runtime>> {
		let version: VersionJson = self.rpc_call("state_getRuntimeVersion", [json!(block)]).await?;
		let mut cached = self.inner.runtime.lock().await;
		if let Some(runtime) = &*cached
			&& runtime.spec_version() == version.spec_version
		{
			return Ok(runtime.clone());
		}
		let metadata = self.metadata(block).await?;
		let runtime =
			Arc::new(Runtime::new(version.spec_version, version.transaction_version, &metadata)?);
		*cached = Some(runtime.clone());
		Ok(runtime)
	}

	/// The newest form of metadata that both sides know.
	async fn metadata(&self, block: Option<H256>) -> Result<Vec<u8>> {
		const WHAT: &str = "the chain's metadata";
		for version in [16u32, 15, 14] {
			let answer =
				self.call_raw("Metadata_metadata_at_version", &version.encode(), block).await?;
			let metadata = Option::<Vec<u8>>::decode_all(&mut &answer[..])
				.map_err(|e| Error::decode(WHAT, e))?;
			if let Some(metadata) = metadata {
				return Ok(metadata);
			}
		}
		Err(Error::Missing { what: "metadata of version 14 to 16".into() })
	}

	pub(crate) async fn call_raw(
		&self,
		function: &str,
		arguments: &[u8],
		block: Option<H256>,
	) -> Result<Vec<u8>> {
		let answer: String = self
			.rpc_call("state_call", [json!(function), json!(to_hex(arguments)), json!(block)])
			.await
			.map_err(|e| match e {
				Error::Rpc { message, .. } if message.contains("is not found") => {
					Error::Missing { what: format!("function {function}") }
				},
				e => e,
			})?;
		from_hex(&answer).map_err(|e| Error::decode(format!("the result of {function}"), e))
	}

	/// Calls a runtime API at the best block: `runtime_call("IoWorkerApi_worker", key)`. Arguments are the SCALE
	/// encodings of the function's parameters one after the other, so several of them make a tuple.
	pub async fn runtime_call<R: Decode>(
		&self,
		function: &str,
		arguments: impl Encode,
	) -> Result<R> {
		self.runtime_call_at(function, arguments, None).await
	}

	/// Calls a runtime API at a block; `None` is the best one.
	pub async fn runtime_call_at<R: Decode>(
		&self,
		function: &str,
		arguments: impl Encode,
		block: Option<H256>,
	) -> Result<R> {
		let answer = self.call_raw(function, &arguments.encode(), block).await?;
		R::decode_all(&mut &answer[..])
			.map_err(|e| Error::decode(format!("the result of {function}"), e))
	}

	/// What the worker has to do at the best block.
	pub async fn assignments(&self, worker: &WorkerKey) -> Result<Vec<Assignment<AccountId>>> {
		self.runtime_call("IoWorkerApi_assignments", worker).await
	}

	/// How the chain sees the worker; `None` if it is not registered.
	pub async fn worker(&self, worker: &WorkerKey) -> Result<Option<WorkerView<AccountId>>> {
		self.runtime_call("IoWorkerApi_worker", worker).await
	}

	/// Why the job does not go to the worker; empty if it could.
	pub async fn why_not(&self, job: JobId, worker: &WorkerKey) -> Result<Vec<Reason>> {
		self.runtime_call("IoWorkerApi_why_not", (job, worker)).await
	}

	/// Sends a worker's call, which nobody pays for: the runtime makes the extrinsic, so that no metadata is needed.
	/// Sending the same call again is harmless. Returns the extrinsic's hash.
	pub async fn submit_worker_call(&self, call: &SignedWorkerCall) -> Result<H256> {
		// An extrinsic's encoding begins with its own length, so the answer is the extrinsic as it has to be submitted.
		let extrinsic = self.call_raw("IoWorkerApi_transaction", &call.encode(), None).await?;
		self.submit_extrinsic(&extrinsic).await
	}

	/// What the chain knows of a worker's devices and their proofs of computing power at the best block.
	pub async fn attestation(&self, worker: &WorkerKey) -> Result<AttestationView<AccountId>> {
		self.runtime_call("IoAttestationApi_attestation", worker).await
	}

	/// Sends a device's call, under the rules of [`Self::submit_worker_call`].
	pub async fn submit_attestation(&self, call: &SignedAttestation) -> Result<H256> {
		let extrinsic =
			self.call_raw("IoAttestationApi_attestation_transaction", &call.encode(), None).await?;
		self.submit_extrinsic(&extrinsic).await
	}

	/// Puts an encoded extrinsic into the node's pool. Returns its hash.
	pub async fn submit_extrinsic(&self, extrinsic: &[u8]) -> Result<H256> {
		let hash = H256(sp_crypto_hashing::blake2_256(extrinsic));
		match self.rpc_call::<H256, 1>(SUBMIT, [json!(to_hex(extrinsic))]).await {
			Ok(hash) => Ok(hash),
			Err(Error::Rpc { code: ALREADY_IMPORTED, .. }) => Ok(hash),
			Err(e) => Err(e),
		}
	}

	/// Calls a view function of a pallet at the best block.
	pub async fn view<R: Decode>(
		&self,
		pallet: &str,
		function: &str,
		arguments: impl Encode,
	) -> Result<R> {
		self.view_at(pallet, function, arguments, None).await
	}

	/// Calls a view function of a pallet at a block; `None` is the best one.
	pub async fn view_at<R: Decode>(
		&self,
		pallet: &str,
		function: &str,
		arguments: impl Encode,
		block: Option<H256>,
	) -> Result<R> {
		let query = self.runtime_at(block).await?.view_id(pallet, function)?;
		let answer: core::result::Result<Vec<u8>, ViewError> = self
			.runtime_call_at(
				"RuntimeViewFunction_execute_view_function",
				(query, arguments.encode()),
				block,
			)
			.await?;
		let name = format!("{pallet}.{function}");
		let answer = answer.map_err(|e| match e {
			ViewError::NotImplemented | ViewError::NotFound(_) => {
				Error::Missing { what: format!("view function {name}") }
			},
			ViewError::Codec => Error::BadCall {
				call: format!("the view function {name}"),
				reason: "its arguments are others".into(),
			},
		})?;
		R::decode_all(&mut &answer[..])
			.map_err(|e| Error::decode(format!("the result of {name}"), e))
	}

	/// The job at the best block: as it stands, or how it ended if that is still kept.
	pub async fn job(&self, id: JobId) -> Result<Option<JobView<AccountId>>> {
		self.job_at(id, None).await
	}

	/// The job at a block.
	pub async fn job_at(
		&self,
		id: JobId,
		block: Option<H256>,
	) -> Result<Option<JobView<AccountId>>> {
		self.view_at(JOBS, "job", id, block).await
	}

	/// Where the outputs of a job's revealed replicas can be fetched.
	pub async fn outputs(&self, id: JobId) -> Result<Vec<(ReplicaId, OutputAt)>> {
		self.view(JOBS, "outputs", id).await
	}

	/// What a job costs at most. A specification that the chain would refuse is [`Error::Dispatch`].
	pub async fn quote(&self, spec: &JobSpec) -> Result<Price> {
		let price: Result<Price, DispatchError> = self.view(JOBS, "quote", spec).await?;
		match price {
			Ok(price) => Ok(price),
			Err(e) => Err(Error::Dispatch(self.runtime().await?.describe(&e))),
		}
	}

	/// A constant of a pallet.
	pub async fn constant<R: Decode>(&self, pallet: &str, name: &str) -> Result<R> {
		self.runtime().await?.constant(pallet, name)
	}

	/// A value in storage: `keys` are the SCALE encodings of the map's keys, none for a single value.
	pub async fn storage<R: Decode>(
		&self,
		pallet: &str,
		item: &str,
		keys: &[Vec<u8>],
		block: Option<H256>,
	) -> Result<Option<R>> {
		let key = self.runtime_at(block).await?.storage_key(pallet, item, keys)?;
		let value: Option<String> =
			self.rpc_call("state_getStorage", [json!(to_hex(&key)), json!(block)]).await?;
		let what = || format!("{pallet}.{item}");
		let Some(value) = value else { return Ok(None) };
		let value = from_hex(&value).map_err(|e| Error::decode(what(), e))?;
		R::decode_all(&mut &value[..]).map(Some).map_err(|e| Error::decode(what(), e))
	}

	/// What the account has at the best block; zeros if it does not exist.
	pub async fn balance(&self, account: &AccountId) -> Result<AccountBalance> {
		type Stored = ((u32, u32, u32, u32), (Balance, Balance, Balance, Balance));
		let stored: Option<Stored> =
			self.storage("System", "Account", &[account.encode()], None).await?;
		Ok(stored.map_or_else(AccountBalance::default, |((nonce, ..), (free, held, frozen, _))| {
			AccountBalance { nonce, free, held, frozen }
		}))
	}

	/// What the account has on hold, by the names of the reasons: `IoJobs.JobEscrow`.
	pub async fn holds(&self, account: &AccountId) -> Result<Vec<(String, Balance)>> {
		const ITEM: &str = "Holds";
		let runtime = self.runtime().await?;
		let key = runtime.storage_key("Balances", ITEM, &[account.encode()])?;
		let value: Option<String> =
			self.rpc_call("state_getStorage", [json!(to_hex(&key))]).await?;
		let Some(value) = value else { return Ok(Vec::new()) };
		let value = from_hex(&value).map_err(|e| Error::decode("the account's holds", e))?;
		runtime.decode_holds("Balances", ITEM, &value)
	}

	/// The first keys of a map whose keys can be read back, at the best block; at most `limit`.
	pub async fn storage_keys<K: Decode>(
		&self,
		pallet: &str,
		item: &str,
		limit: usize,
	) -> Result<Vec<K>> {
		const PAGE: usize = 512;
		let block = self.best_block().await?.hash;
		let runtime = self.runtime_at(Some(block)).await?;
		let prefix = runtime.storage_key(pallet, item, &[])?;
		let mut found = Vec::new();
		let mut start: Option<String> = None;
		while found.len() < limit {
			let count = PAGE.min(limit - found.len());
			let page: Vec<String> = self
				.rpc_call(
					"state_getKeysPaged",
					[json!(to_hex(&prefix)), json!(count), json!(start), json!(block)],
				)
				.await?;
			let full = page.len() == count;
			for key in &page {
				let failed = |e: &dyn ToString| {
					Error::decode(format!("a key of {pallet}.{item}"), e.to_string())
				};
				let key = from_hex(key).map_err(|e| failed(&e))?;
				let key = storage::last_key(&key, prefix.len(), &runtime, pallet, item)?;
				found.push(K::decode_all(&mut &key[..]).map_err(|e| failed(&e))?);
			}
			start = page.last().cloned();
			if !full || start.is_none() {
				break;
			}
		}
		Ok(found)
	}

	/// Nonce of the account's next transaction, those in the pool counted.
	pub async fn next_nonce(&self, account: &AccountId) -> Result<u64> {
		self.rpc_call("system_accountNextIndex", [json!(account.to_ss58check())]).await
	}

	/// All events of a block.
	pub async fn events(&self, block: H256) -> Result<Vec<ChainEvent>> {
		let runtime = self.runtime_at(Some(block)).await?;
		let key = runtime.storage_key("System", "Events", &[])?;
		let value: Option<String> =
			self.rpc_call("state_getStorage", [json!(to_hex(&key)), json!(block)]).await?;
		let Some(value) = value else { return Ok(Vec::new()) };
		let value = from_hex(&value).map_err(|e| Error::decode("the events of a block", e))?;
		runtime.decode_events(&value)
	}

	/// The encoded extrinsics of a block.
	pub async fn extrinsics(&self, block: H256) -> Result<Vec<Vec<u8>>> {
		self.body(block).await.map(|(_, extrinsics)| extrinsics)
	}

	/// A block and its encoded extrinsics.
	pub(crate) async fn body(&self, block: H256) -> Result<(BlockInfo, Vec<Vec<u8>>)> {
		let answer: Option<BlockJson> = self.rpc_call("chain_getBlock", [json!(block)]).await?;
		let answer = answer.ok_or_else(|| Error::UnknownBlock { block: format!("{block:?}") })?;
		let extrinsics = answer
			.block
			.extrinsics
			.iter()
			.map(|hex| from_hex(hex).map_err(|e| Error::decode("an extrinsic of a block", e)))
			.collect::<Result<_>>()?;
		Ok((answer.block.header.into(), extrinsics))
	}
}

/// How the runtime refuses a view function.
#[derive(Decode)]
enum ViewError {
	NotImplemented,
	NotFound(#[allow(dead_code)] [u8; 32]),
	Codec,
}

fn same_chain(expected: H256, found: H256) -> Result<()> {
	if expected == found { Ok(()) } else { Err(Error::WrongChain { expected, found }) }
}

async fn genesis_of(rpc: &Rpc) -> Result<H256> {
	let hash: Option<H256> = rpc.request("chain_getBlockHash", params([json!(0)])).await?;
	hash.ok_or_else(|| Error::UnknownBlock { block: "0".into() })
}

pub(crate) fn to_hex(bytes: &[u8]) -> String {
	format!("0x{}", hex::encode(bytes))
}

pub(crate) fn from_hex(text: &str) -> Result<Vec<u8>, hex::FromHexError> {
	hex::decode(text.strip_prefix("0x").unwrap_or(text))
}
