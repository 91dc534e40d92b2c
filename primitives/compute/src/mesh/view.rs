//! What the chain says about the mesh.

use alloc::vec::Vec;
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;

use super::{EndpointKey, EpochIndex, RelayProfile};
use crate::{worker::WorkerKey, Balance, BlockNumber};

/// How a relay stands.
#[derive(
	Encode,
	Decode,
	DecodeWithMemTracking,
	MaxEncodedLen,
	TypeInfo,
	Clone,
	Copy,
	PartialEq,
	Eq,
	Debug,
)]
pub enum RelayState {
	/// On the map.
	#[codec(index = 0)]
	Live,
	/// Not on the map: it was reported dead, or slashed. Its operator can wake it in this epoch or a later one.
	#[codec(index = 1)]
	Chilled {
		/// The epoch.
		until: EpochIndex,
	},
	/// Not on the map: its operator has withdrawn it. The bond can be had back in this epoch or a later one.
	#[codec(index = 2)]
	Leaving {
		/// The epoch.
		until: EpochIndex,
	},
}

/// A relay as the chain sees it.
#[derive(Encode, Decode, DecodeWithMemTracking, TypeInfo, Clone, PartialEq, Eq, Debug)]
pub struct RelayView<AccountId> {
	/// Key of its own endpoint.
	pub relay: EndpointKey,
	/// Who answers for it and is paid.
	pub operator: AccountId,
	/// What it offers, with the price of the present epoch.
	pub profile: RelayProfile,
	/// Prices that will count: from which epoch, and how much.
	pub next_prices: Vec<(EpochIndex, Balance)>,
	/// What its operator has on hold for it.
	pub bond: Balance,
	/// How it stands.
	pub state: RelayState,
}

/// The relays that can be used.
#[derive(Encode, Decode, DecodeWithMemTracking, TypeInfo, Clone, PartialEq, Eq, Debug)]
pub struct RelayMap<AccountId> {
	/// The present epoch.
	pub epoch: EpochIndex,
	/// Blocks of an epoch. They never change.
	pub epoch_blocks: BlockNumber,
	/// The relays that are live, in the order of their keys.
	pub relays: Vec<RelayView<AccountId>>,
}

/// Whom an endpoint stands for.
#[derive(
	Encode,
	Decode,
	DecodeWithMemTracking,
	MaxEncodedLen,
	TypeInfo,
	Clone,
	PartialEq,
	Eq,
	PartialOrd,
	Ord,
	Debug,
)]
pub enum Party<AccountId> {
	/// A worker.
	#[codec(index = 0)]
	Worker(WorkerKey),
	/// A requester.
	#[codec(index = 1)]
	Account(AccountId),
}

/// An endpoint as the chain sees it.
#[derive(Encode, Decode, DecodeWithMemTracking, TypeInfo, Clone, PartialEq, Eq, Debug)]
pub struct EndpointView<AccountId> {
	/// Its key.
	pub endpoint: EndpointKey,
	/// Who registered it.
	pub account: AccountId,
	/// The worker that it stands for; `None`: it stands for the account.
	pub worker: Option<WorkerKey>,
	/// Whether a worker's endpoint is to be let in: the worker is still registered, by this account. Always true for endpoints
	/// of accounts.
	pub active: bool,
	/// What there is to pay the worker's receipts with; 0 for endpoints of accounts.
	pub budget: Balance,
}

/// What there is to pay a worker's receipts with.
#[derive(
	Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo, Clone, PartialEq, Eq, Debug,
)]
pub struct Budget<AccountId> {
	/// In whose account it is on hold.
	pub payer: AccountId,
	/// How much is left.
	pub held: Balance,
	/// The payer wants it back, and gets what is left in this epoch or a later one. Receipts are paid until then.
	pub closes: Option<EpochIndex>,
}
