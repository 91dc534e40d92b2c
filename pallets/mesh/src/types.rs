//! What the pallet stores.

use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use frame_support::BoundedVec;
use io_primitives::{
	mesh::{EpochIndex, Party, RelayProfile, RelayState, CLAIM_EPOCHS, PRICE_NOTICE},
	Balance, WorkerKey,
};
use scale_info::TypeInfo;
use sp_core::ConstU32;

/// Prices of one relay that are kept: one for each epoch that can be claimed but the first, one for that and all before, and
/// those that are announced.
pub const MAX_PRICES: u32 = CLAIM_EPOCHS + PRICE_NOTICE + 1;

/// Most epochs for which a bond stays bound after the relay was withdrawn.
pub const MAX_UNBONDING: EpochIndex = 1_000;

/// From which epoch on, and what a GiB costs.
pub type Prices = BoundedVec<(EpochIndex, Balance), ConstU32<MAX_PRICES>>;

/// What relays must bond, and when they count as dead.
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
	serde::Serialize,
	serde::Deserialize,
)]
pub struct Terms {
	/// Bond of a relay, in the smallest unit.
	pub bond: Balance,
	/// Epochs from the withdrawal of a relay to the release of its bond.
	pub unbonding_epochs: EpochIndex,
	/// Reports of an epoch below which nothing follows from them.
	pub min_reports: u32,
	/// Epochs in which most reports must call a relay dead for it to be chilled.
	pub dead_epochs: u32,
}

impl Terms {
	/// The nearest values that work: unbonding lasts until the last receipt cannot be claimed any more and no longer than
	/// [`MAX_UNBONDING`], and nobody is chilled for nothing.
	pub fn bounded(self) -> Self {
		Self {
			bond: self.bond.max(1),
			unbonding_epochs: self.unbonding_epochs.clamp(CLAIM_EPOCHS + 1, MAX_UNBONDING),
			min_reports: self.min_reports.max(1),
			dead_epochs: self.dead_epochs.max(1),
		}
	}
}

/// A relay.
#[derive(
	Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo, Clone, PartialEq, Eq, Debug,
)]
pub struct Relay<AccountId> {
	/// Who answers for it and is paid.
	pub operator: AccountId,
	/// What it offers. The price is the last that was announced.
	pub profile: RelayProfile,
	/// Prices in the order of their epochs. The last is that of the profile.
	pub prices: Prices,
	/// What is on hold for it.
	pub bond: Balance,
	/// How it stands.
	pub state: RelayState,
}

impl<AccountId> Relay<AccountId> {
	/// The price in an epoch; `None`: the relay was not there, or nobody remembers.
	pub fn price(&self, epoch: EpochIndex) -> Option<Balance> {
		self.prices.iter().rev().find(|(since, _)| *since <= epoch).map(|(_, price)| *price)
	}

	/// Announces a price in epoch `now`, in the place of another one that was announced in the same epoch.
	pub(crate) fn announce(&mut self, now: EpochIndex, price: Balance) {
		if self.profile.price_per_gib == price {
			return;
		}
		let since = now.saturating_add(PRICE_NOTICE);
		let oldest = now.saturating_sub(CLAIM_EPOCHS);
		// The last one that began before the oldest epoch is that epoch's price.
		let needed = self.prices.iter().rposition(|(since, _)| *since <= oldest).unwrap_or(0);
		let kept = self.prices.iter().skip(needed).filter(|(epoch, _)| *epoch != since);
		let prices: alloc::vec::Vec<_> = kept.copied().chain([(since, price)]).collect();
		// Never cut: there is one for each epoch from the oldest to the announced one at most.
		self.prices = BoundedVec::truncate_from(prices);
		self.profile.price_per_gib = price;
	}
}

/// An endpoint that stands for somebody.
#[derive(
	Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo, Clone, PartialEq, Eq, Debug,
)]
pub struct Endpoint<AccountId> {
	/// Who registered it and has the deposit on hold.
	pub account: AccountId,
	/// The worker that it stands for, or else the account.
	pub worker: Option<WorkerKey>,
	/// The deposit.
	pub deposit: Balance,
}

impl<AccountId: Clone> Endpoint<AccountId> {
	/// Whom it stands for.
	pub fn party(&self) -> Party<AccountId> {
		match self.worker {
			Some(worker) => Party::Worker(worker),
			None => Party::Account(self.account.clone()),
		}
	}
}

/// What workers have reported about a relay.
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
	Default,
)]
pub struct Liveness {
	/// The epoch of the reports.
	pub epoch: EpochIndex,
	/// Workers to which it was alive.
	pub alive: u32,
	/// Workers to which it was dead.
	pub dead: u32,
	/// Epochs, one after the other as far as there were enough reports, in which it was dead to most.
	pub dead_epochs: u32,
}

impl Liveness {
	/// Goes on to an epoch: a former one is judged.
	pub(crate) fn turn(&mut self, epoch: EpochIndex, terms: &Terms) {
		if epoch == self.epoch {
			return;
		}
		if self.alive.saturating_add(self.dead) >= terms.min_reports {
			self.dead_epochs =
				if self.dead > self.alive { self.dead_epochs.saturating_add(1) } else { 0 };
		}
		*self = Liveness { epoch, alive: 0, dead: 0, dead_epochs: self.dead_epochs };
	}

	/// Counts a report.
	pub(crate) fn count(&mut self, alive: bool) {
		let counter = if alive { &mut self.alive } else { &mut self.dead };
		*counter = counter.saturating_add(1);
	}
}
