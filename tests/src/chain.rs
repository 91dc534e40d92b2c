//! The tests' own eyes on the chain: raw reads, events by name, calls by name. Independent of the tools under test.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use codec::{Decode, Encode};
use io_primitives::{
	AccountId, Assignment, JobId, JobView, SignedWorkerCall, WorkerKey, WorkerView,
};
use sp_core::H256;
use subxt::{
	OnlineClient, PolkadotConfig,
	client::OnlineClientAtBlock,
	config::PolkadotExtrinsicParamsBuilder,
	dynamic::{At, Value},
	ext::{
		scale_encode::{self, EncodeAsFields, FieldIter, TypeResolver},
		scale_value::{Composite, Primitive, ValueDef},
	},
	rpcs::{RpcClient, client::RpcParams, rpc_params},
	transactions::{DynamicPayload, Payload},
};
use subxt_signer::sr25519::Keypair;

/// How long a transaction may take until it is final. Under a relay chain that is half a minute on a machine that keeps up.
const INCLUSION: Duration = Duration::from_secs(180);

/// A connection to one node.
#[derive(Clone)]
pub struct Chain {
	api: OnlineClient<PolkadotConfig>,
	rpc: RpcClient,
	genesis: H256,
	// Only asked for the metadata: the runtime does not change while the tests run.
	at: OnlineClientAtBlock<PolkadotConfig>,
}

/// One event of a block.
#[derive(Clone, Debug)]
pub struct Seen {
	/// Height of the block.
	pub block: u32,
	/// The pallet's name.
	pub pallet: String,
	/// The event's name.
	pub name: String,
	/// Its fields.
	pub fields: Composite<()>,
}

impl Seen {
	/// Whether it is this event.
	pub fn is(&self, pallet: &str, name: &str) -> bool {
		self.pallet == pallet && self.name == name
	}

	/// A number among its fields.
	pub fn number(&self, field: &str) -> Result<u128> {
		let value = self.fields.at(field).with_context(|| format!("no field {field}: {self:?}"))?;
		// A newtype is a composite of one.
		let value = value.at(0).unwrap_or(value);
		value.as_u128().with_context(|| format!("{field} is no number: {self:?}"))
	}

	/// A hash or key among its fields.
	pub fn bytes(&self, field: &str) -> Result<Vec<u8>> {
		let value = self.fields.at(field).with_context(|| format!("no field {field}: {self:?}"))?;
		let mut out = Vec::new();
		flatten(value, &mut out);
		Ok(out)
	}

	/// An account among its fields.
	pub fn account(&self, field: &str) -> Result<AccountId> {
		let bytes: [u8; 32] = self
			.bytes(field)?
			.try_into()
			.map_err(|_| anyhow!("{field} is no account: {self:?}"))?;
		Ok(bytes.into())
	}

	/// The name of an enum's variant among its fields.
	pub fn variant(&self, field: &str) -> Result<String> {
		match self.fields.at(field).map(|v| &v.value) {
			Some(ValueDef::Variant(variant)) => Ok(variant.name.clone()),
			_ => bail!("{field} is no enum: {self:?}"),
		}
	}

	/// A yes or no among its fields.
	pub fn flag(&self, field: &str) -> Result<bool> {
		let value = self.fields.at(field).with_context(|| format!("no field {field}: {self:?}"))?;
		value.as_bool().with_context(|| format!("{field} is no yes or no: {self:?}"))
	}

	/// Bytes somewhere inside of its fields. Fields without names are called `0`, `1` and so on.
	pub fn bytes_at(&self, path: &[&str]) -> Result<Vec<u8>> {
		let mut value: Option<&Value> = None;
		for step in path {
			let next = match (value, step.parse::<usize>()) {
				(None, Ok(index)) => self.fields.at(index),
				(None, Err(_)) => self.fields.at(*step),
				(Some(value), Ok(index)) => value.at(index),
				(Some(value), Err(_)) => value.at(*step),
			};
			value = Some(next.with_context(|| format!("no field {path:?}: {self:?}"))?);
		}
		let mut out = Vec::new();
		flatten(value.context("no path")?, &mut out);
		Ok(out)
	}

	/// Whether it is this event of this job.
	pub fn of_job(&self, name: &str, job: JobId) -> bool {
		self.is("IoJobs", name) && self.number("job").is_ok_and(|id| id == u128::from(job))
	}
}

fn flatten(value: &Value, out: &mut Vec<u8>) {
	match &value.value {
		ValueDef::Composite(fields) => fields.values().for_each(|v| flatten(v, out)),
		ValueDef::Primitive(Primitive::U128(byte)) => out.push(*byte as u8),
		_ => {},
	}
}

/// Arguments of a call that are SCALE-encoded already.
pub struct Encoded(Vec<u8>);

impl EncodeAsFields for Encoded {
	fn encode_as_fields_to<R: TypeResolver>(
		&self,
		_fields: &mut dyn FieldIter<'_, R::TypeId>,
		_types: &R,
		out: &mut Vec<u8>,
	) -> Result<(), scale_encode::Error> {
		out.extend_from_slice(&self.0);
		Ok(())
	}
}

/// A call by its names, with arguments as the chain decodes them.
pub fn encoded_call(pallet: &str, name: &str, args: Vec<u8>) -> DynamicPayload<Encoded> {
	DynamicPayload::new(pallet, name, Encoded(args))
}

/// A call by its names, with arguments by name: the metadata says how they are encoded.
pub fn call(pallet: &str, name: &str, args: Vec<(&str, Value)>) -> DynamicPayload<Composite<()>> {
	DynamicPayload::new(pallet, name, Composite::named(args))
}

/// A call as an argument of another call.
pub fn call_value(pallet: &str, name: &str, args: Vec<(&str, Value)>) -> Value {
	Value::unnamed_variant(pallet, [Value::named_variant(name, args)])
}

/// An account as a call's destination.
pub fn address(who: &AccountId) -> Value {
	Value::unnamed_variant("Id", [Value::from_bytes(who)])
}

/// The account of a key.
pub fn account_of(key: &Keypair) -> AccountId {
	key.public_key().0.into()
}

/// What a transaction did.
pub struct Included {
	/// Hash of the block that holds it.
	pub block: H256,
	/// Its events.
	pub events: Vec<Seen>,
}

impl Included {
	/// The event of this name.
	pub fn event(&self, pallet: &str, name: &str) -> Result<&Seen> {
		self.events
			.iter()
			.find(|e| e.is(pallet, name))
			.with_context(|| format!("no event {pallet}.{name} among {:?}", self.events))
	}
}

impl Chain {
	/// Connects.
	pub async fn connect(url: &str) -> Result<Chain> {
		let rpc = RpcClient::from_insecure_url(url).await?;
		let api = OnlineClient::<PolkadotConfig>::from_rpc_client(rpc.clone()).await?;
		let genesis = H256(api.genesis_hash().0);
		let at = api.at_current_block().await?;
		Ok(Chain { api, rpc, genesis, at })
	}

	/// Hash of block 0.
	pub fn genesis(&self) -> H256 {
		self.genesis
	}

	/// Any RPC method.
	pub async fn rpc<R: serde::de::DeserializeOwned>(
		&self,
		method: &str,
		params: RpcParams,
	) -> Result<R> {
		let answer = self.rpc.request(method, params);
		tokio::time::timeout(Duration::from_secs(60), answer)
			.await
			.map_err(|_| anyhow!("{method} was not answered within 60 s"))?
			.with_context(|| method.to_owned())
	}

	/// The best block.
	pub async fn best(&self) -> Result<u32> {
		self.height_of(None).await?.context("the node has no best block")
	}

	/// Height of a block; `None` if the node does not know it.
	pub async fn height_of(&self, block: Option<H256>) -> Result<Option<u32>> {
		let hash = block.map(|hash| format!("{hash:?}"));
		let header: Option<serde_json::Value> =
			self.rpc("chain_getHeader", rpc_params![hash]).await?;
		let Some(header) = header else { return Ok(None) };
		let number = header["number"].as_str().context("a header without a number")?;
		Ok(Some(u32::from_str_radix(number.trim_start_matches("0x"), 16)?))
	}

	/// The newest finalised block.
	pub async fn finalised(&self) -> Result<u32> {
		let hash: String = self.rpc("chain_getFinalizedHead", rpc_params![]).await?;
		self.height_of(Some(h256(&hash)?)).await?.context("the finalised block has gone")
	}

	/// Hash of a block of the best chain; `None` if it does not exist yet.
	pub async fn block_hash(&self, number: u32) -> Result<Option<H256>> {
		let hash: Option<String> = self.rpc("chain_getBlockHash", rpc_params![number]).await?;
		hash.map(|h| h256(&h)).transpose()
	}

	/// Waits until the best block is at least `number`.
	pub async fn wait_block(&self, number: u32) -> Result<()> {
		let started = Instant::now();
		while self.best().await? < number {
			if started.elapsed() > Duration::from_secs(180) {
				bail!("block {number} did not come");
			}
			tokio::time::sleep(Duration::from_millis(150)).await;
		}
		Ok(())
	}

	/// Waits for `count` more blocks.
	pub async fn pass_blocks(&self, count: u32) -> Result<()> {
		let now = self.best().await?;
		self.wait_block(now + count).await
	}

	/// Runs a runtime API function.
	pub async fn state_call(&self, function: &str, args: &[u8]) -> Result<Vec<u8>> {
		let params = rpc_params![function, format!("0x{}", hex::encode(args))];
		let answer: String = self.rpc("state_call", params).await?;
		unhex(&answer)
	}

	/// What a worker has to do.
	pub async fn assignments(&self, worker: &WorkerKey) -> Result<Vec<Assignment<AccountId>>> {
		decode(&self.state_call("IoWorkerApi_assignments", &worker.encode()).await?)
	}

	/// How the chain sees a worker.
	pub async fn worker(&self, worker: &WorkerKey) -> Result<Option<WorkerView<AccountId>>> {
		decode(&self.state_call("IoWorkerApi_worker", &worker.encode()).await?)
	}

	/// The extrinsic that carries a worker's call.
	pub async fn worker_transaction(&self, call: &SignedWorkerCall) -> Result<Vec<u8>> {
		self.state_call("IoWorkerApi_transaction", &call.encode()).await
	}

	/// Puts an extrinsic into the pool.
	pub async fn submit_bytes(&self, extrinsic: &[u8]) -> Result<H256> {
		let params = rpc_params![format!("0x{}", hex::encode(extrinsic))];
		h256(&self.rpc::<String>("author_submitExtrinsic", params).await?)
	}

	/// Runs a view function.
	pub async fn view<R: Decode>(&self, pallet: &str, function: &str, args: &[u8]) -> Result<R> {
		let id = *self
			.at
			.metadata_ref()
			.pallet_by_name(pallet)
			.and_then(|p| p.view_function_by_name(function))
			.with_context(|| format!("the runtime has no view function {pallet}.{function}"))?
			.query_id();
		let answer = self
			.state_call("RuntimeViewFunction_execute_view_function", &(id, args.to_vec()).encode())
			.await?;
		// `Result<Vec<u8>, ViewFunctionDispatchError>`
		match answer.first() {
			Some(0) => decode(&decode::<Vec<u8>>(&answer[1..])?),
			_ => bail!("view function {pallet}.{function} failed: {}", hex::encode(&answer)),
		}
	}

	/// A job, whether it goes on or has ended.
	pub async fn job(&self, id: JobId) -> Result<Option<JobView<AccountId>>> {
		self.view("IoJobs", "job", &id.encode()).await
	}

	/// The indices of a pallet and of one of its calls.
	pub fn call_index(&self, pallet: &str, name: &str) -> Result<(u8, u8)> {
		let metadata = self.at.metadata_ref();
		let found = metadata.pallet_by_name(pallet);
		let call = found.as_ref().and_then(|found| found.call_variant_by_name(name));
		found
			.as_ref()
			.zip(call)
			.map(|(found, call)| (found.call_index(), call.index))
			.with_context(|| format!("the runtime has no call {pallet}.{name}"))
	}

	/// The index of a pallet's error.
	pub fn error_index(&self, pallet: &str, name: &str) -> Result<u8> {
		self.at
			.metadata_ref()
			.pallet_by_name(pallet)
			.and_then(|found| {
				let variants = found.error_variants()?;
				variants.iter().find(|error| error.name == name).map(|error| error.index)
			})
			.with_context(|| format!("the runtime has no error {pallet}.{name}"))
	}

	/// Key of a storage value, or what the keys of a storage map begin with.
	pub fn key(&self, pallet: &str, item: &str) -> Result<[u8; 32]> {
		Ok(self.at.storage().entry((pallet, item))?.key_prefix())
	}

	/// A value of the state.
	pub async fn storage(&self, key: &[u8], at: H256) -> Result<Option<Vec<u8>>> {
		let params = rpc_params![format!("0x{}", hex::encode(key)), format!("{at:?}")];
		let value: Option<String> = self.rpc("state_getStorage", params).await?;
		value.map(|v| unhex(&v)).transpose()
	}

	/// All entries of a map, as (key, value).
	pub async fn entries(
		&self,
		pallet: &str,
		item: &str,
		at: H256,
	) -> Result<Vec<(Vec<u8>, Vec<u8>)>> {
		let prefix = format!("0x{}", hex::encode(self.key(pallet, item)?));
		let hash = format!("{at:?}");
		let mut found = Vec::new();
		let mut last: Option<String> = None;
		loop {
			let params = rpc_params![&prefix, 500, &last, &hash];
			let keys: Vec<String> = self.rpc("state_getKeysPaged", params).await?;
			let Some(end) = keys.last() else { return Ok(found) };
			last = Some(end.clone());
			let params = rpc_params![&keys, &hash];
			let sets: serde_json::Value = self.rpc("state_queryStorageAt", params).await?;
			let changes = sets[0]["changes"].as_array().context("an unexpected storage answer")?;
			for change in changes {
				if let (Some(key), Some(value)) = (change[0].as_str(), change[1].as_str()) {
					found.push((unhex(key)?, unhex(value)?));
				}
			}
		}
	}

	/// All values of a map, decoded by the metadata.
	pub async fn decoded_entries(&self, pallet: &str, item: &str) -> Result<Vec<Value>> {
		let at = self.api.at_current_block().await?;
		let address = subxt::dynamic::storage::<Vec<Value>, Value>(pallet, item);
		let mut iter = at.storage().iter(address, Vec::<Value>::new()).await?;
		let mut found = Vec::new();
		while let Some(entry) = iter.next().await {
			found.push(entry?.value().decode()?);
		}
		Ok(found)
	}

	/// A constant of a pallet, decoded by the metadata.
	pub async fn constant(&self, pallet: &str, name: &str) -> Result<Value> {
		Ok(self.at.constants().entry(subxt::dynamic::constant::<Value>(pallet, name))?)
	}

	/// Events of one block.
	pub async fn events(&self, number: u32, hash: H256) -> Result<Vec<Seen>> {
		let bytes = self.storage(&self.key("System", "Events")?, hash).await?.unwrap_or_default();
		let mut found = Vec::new();
		for event in self.at.events().from_bytes(bytes).iter() {
			let event = event?;
			found.push(Seen {
				block: number,
				pallet: event.pallet_name().into(),
				name: event.event_name().into(),
				fields: event.decode_fields_unchecked_as()?,
			});
		}
		Ok(found)
	}

	/// Signs a call, submits it, and waits until it is in a finalised block and has succeeded.
	pub async fn submit<P: Payload>(&self, call: &P, signer: &Keypair) -> Result<Included> {
		let name = format!("{}.{}", call.pallet_name(), call.call_name());
		let work = async {
			let mut client = self.api.transactions().await?;
			// On a dev chain every block is final at once, and the pool may not know the newest yet, from which subxt would
			// let a mortal transaction count.
			let params = PolkadotExtrinsicParamsBuilder::new().immortal().build();
			let progress = client.sign_and_submit_then_watch(call, signer, params).await?;
			let block = progress.wait_for_finalized().await?;
			let success = block.wait_for_success().await?;
			let mut events = Vec::new();
			for event in success.iter() {
				let event = event?;
				events.push(Seen {
					block: 0,
					pallet: event.pallet_name().into(),
					name: event.event_name().into(),
					fields: event.decode_fields_unchecked_as()?,
				});
			}
			anyhow::Ok(Included { block: H256(block.block_hash().0), events })
		};
		tokio::time::timeout(INCLUSION, work)
			.await
			.map_err(|_| anyhow!("{name} was not finalised within {INCLUSION:?}"))?
			.context(name)
	}

	/// Signs a call with this nonce and puts it into the pool. Returns the extrinsic.
	pub async fn submit_with_nonce<P: Payload>(
		&self,
		call: &P,
		signer: &Keypair,
		nonce: u64,
	) -> Result<Vec<u8>> {
		let params = PolkadotExtrinsicParamsBuilder::new().nonce(nonce).immortal().build();
		let client = self.api.transactions().await?;
		let signed = client.create_signable_offline(call, params)?.sign(signer)?;
		self.submit_bytes(signed.encoded()).await?;
		Ok(signed.into_encoded())
	}
}

/// Decodes all of the bytes.
pub fn decode<R: Decode>(bytes: &[u8]) -> Result<R> {
	let mut input = bytes;
	let value = R::decode(&mut input)
		.with_context(|| format!("the node's answer cannot be decoded: {}", hex::encode(bytes)))?;
	if !input.is_empty() {
		bail!("{} bytes are left over in the node's answer", input.len());
	}
	Ok(value)
}

fn unhex(text: &str) -> Result<Vec<u8>> {
	Ok(hex::decode(text.trim_start_matches("0x"))?)
}

fn h256(text: &str) -> Result<H256> {
	let bytes: [u8; 32] =
		unhex(text)?.try_into().map_err(|_| anyhow!("{text} is no hash of 32 bytes"))?;
	Ok(H256(bytes))
}
