//! The mesh on chain: relays, endpoints, budgets, receipts and reports.
//!
//! Daemons read at the finalised block ([`Client::finalized_block`]): nobody should be let in, or trusted with traffic, for what a
//! re-organisation undoes.

use codec::{Compact, Encode};
use io_primitives::{
	AccountId, Balance, WorkerKey,
	mesh::{
		Budget, EndpointKey, EndpointView, MAX_CLAIM, Party, RelayMap, RelayProfile, RelayView,
		SignedReceipt, SignedReport,
	},
};
use sp_core::{H256, ed25519};

use crate::{Client, Error, Keypair, Pending, Result, shielded::pallet_error};

/// The name of the pallet in the runtime.
pub const MESH: &str = "IoMesh";
/// Endpoints that are asked for at once. The runtime gives no more in one answer.
const PAGE: u32 = 512;

impl Client {
	/// The present epoch and the relays that can be used, at a block; `None` is the best one.
	pub async fn relay_map(&self, block: Option<H256>) -> Result<RelayMap<AccountId>> {
		self.runtime_call_at("IoMeshApi_relay_map", (), block).await
	}

	/// [`Self::relay_map`] at the finalised block.
	pub async fn finalized_relay_map(&self) -> Result<RelayMap<AccountId>> {
		self.relay_map(Some(self.finalized_block().await?.hash)).await
	}

	/// A relay, live or not; `None`: nobody has bonded for it.
	pub async fn relay(
		&self,
		relay: &EndpointKey,
		block: Option<H256>,
	) -> Result<Option<RelayView<AccountId>>> {
		self.runtime_call_at("IoMeshApi_relay", relay, block).await
	}

	/// Whom an endpoint stands for; `None`: it is not registered.
	pub async fn mesh_endpoint(
		&self,
		endpoint: &EndpointKey,
		block: Option<H256>,
	) -> Result<Option<EndpointView<AccountId>>> {
		self.runtime_call_at("IoMeshApi_endpoint", endpoint, block).await
	}

	/// All endpoints at a block.
	pub async fn mesh_endpoints(&self, block: H256) -> Result<Vec<EndpointView<AccountId>>> {
		let mut all: Vec<EndpointView<AccountId>> = Vec::new();
		loop {
			let after = all.last().map(|view| view.endpoint);
			let page: Vec<EndpointView<AccountId>> =
				self.runtime_call_at("IoMeshApi_endpoints", (after, PAGE), Some(block)).await?;
			let count = page.len();
			all.extend(page);
			if count < PAGE as usize {
				return Ok(all);
			}
		}
	}

	/// The endpoints of a worker or an account.
	pub async fn mesh_endpoints_of(
		&self,
		party: &Party<AccountId>,
		block: Option<H256>,
	) -> Result<Vec<EndpointKey>> {
		self.runtime_call_at("IoMeshApi_endpoints_of", party, block).await
	}

	/// What there is to pay the worker's receipts with.
	pub async fn mesh_budget(
		&self,
		worker: &WorkerKey,
		block: Option<H256>,
	) -> Result<Option<Budget<AccountId>>> {
		self.runtime_call_at("IoMeshApi_budget", worker, block).await
	}

	/// Puts a relay on the map. `proof` is the signature of the relay's endpoint:
	/// [`endpoint_payload`](io_primitives::mesh::endpoint_payload) for the signer's account.
	pub async fn register_relay(
		&self,
		signer: &Keypair,
		relay: &EndpointKey,
		profile: &RelayProfile,
		proof: &ed25519::Signature,
	) -> Result<Pending> {
		self.mesh_call("register_relay", (relay, profile, proof), signer).await
	}

	/// Changes what a relay offers. A new price counts from the epoch after the next one on.
	pub async fn update_relay(
		&self,
		signer: &Keypair,
		relay: &EndpointKey,
		profile: &RelayProfile,
	) -> Result<Pending> {
		self.mesh_call("update_relay", (relay, profile), signer).await
	}

	/// Takes a relay off the map for good.
	pub async fn unregister_relay(&self, signer: &Keypair, relay: &EndpointKey) -> Result<Pending> {
		self.mesh_call("unregister_relay", relay, signer).await
	}

	/// Gets the bond of a relay back that has left long enough ago.
	pub async fn release_relay(&self, signer: &Keypair, relay: &EndpointKey) -> Result<Pending> {
		self.mesh_call("release_relay", relay, signer).await
	}

	/// Puts a chilled relay back on the map.
	pub async fn wake_relay(&self, signer: &Keypair, relay: &EndpointKey) -> Result<Pending> {
		self.mesh_call("wake_relay", relay, signer).await
	}

	/// Says whom an endpoint stands for: a worker of the signer's, or the signer. `proof` as for
	/// [`Self::register_relay`].
	pub async fn register_endpoint(
		&self,
		signer: &Keypair,
		endpoint: &EndpointKey,
		worker: Option<&WorkerKey>,
		proof: &ed25519::Signature,
	) -> Result<Pending> {
		self.mesh_call("register_endpoint", (endpoint, worker, proof), signer).await
	}

	/// Forgets an endpoint of the signer's.
	pub async fn remove_endpoint(
		&self,
		signer: &Keypair,
		endpoint: &EndpointKey,
	) -> Result<Pending> {
		self.mesh_call("remove_endpoint", endpoint, signer).await
	}

	/// Sets money aside, in the smallest unit, to pay a worker's receipts.
	pub async fn fund_budget(
		&self,
		signer: &Keypair,
		worker: &WorkerKey,
		amount: Balance,
	) -> Result<Pending> {
		self.mesh_call("fund", (worker, Compact(amount)), signer).await
	}

	/// Asks for the rest of a worker's budget.
	pub async fn close_budget(&self, signer: &Keypair, worker: &WorkerKey) -> Result<Pending> {
		self.mesh_call("close_budget", worker, signer).await
	}

	/// Gets the rest of a budget back that was closed long enough ago.
	pub async fn release_budget(&self, signer: &Keypair, worker: &WorkerKey) -> Result<Pending> {
		self.mesh_call("release_budget", worker, signer).await
	}

	/// Brings receipts, at most [`MAX_CLAIM`] at once. The relays' operators are paid, whoever signs.
	pub async fn claim_receipts(
		&self,
		signer: &Keypair,
		receipts: &[SignedReceipt],
	) -> Result<Pending> {
		if receipts.len() > MAX_CLAIM as usize {
			return Err(Error::BadCall {
				call: "a claim".into(),
				reason: format!(
					"it has {} receipts, {MAX_CLAIM} at most are taken",
					receipts.len()
				),
			});
		}
		self.mesh_call("claim", receipts, signer).await
	}

	/// Sends a worker's report of which relays are alive, which nobody pays for. Returns the extrinsic's hash. A refusal is
	/// [`Error::Dispatch`], with the pallet's words.
	pub async fn submit_report(&self, report: &SignedReport) -> Result<H256> {
		let extrinsic =
			self.call_raw("IoMeshApi_report_transaction", &report.encode(), None).await?;
		match self.submit_extrinsic(&extrinsic).await {
			Ok(hash) => Ok(hash),
			Err(e) => Err(pallet_error(e, &*self.runtime().await?, MESH)),
		}
	}

	async fn mesh_call(
		&self,
		call: &str,
		arguments: impl Encode,
		signer: &Keypair,
	) -> Result<Pending> {
		let call = self.call(MESH, call, arguments).await?;
		self.submit(&call, signer).await
	}
}
