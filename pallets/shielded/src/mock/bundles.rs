//! Coins and bundles on the tests' chain, and the ways in which they are sent.

use frame_support::traits::UnfilteredDispatchable;
use frame_system::RawOrigin;
use io_primitives::{BlockNumber, JobSpec};
use io_shielded::{Bundle, Domain, MintNote, Target};
use sp_runtime::{DispatchError, DispatchResult};

use super::*;
use crate::{
	wallet::{stamp_for, Held, Plan},
	Call, Count, Error, Shape, MATURITY,
};

/// A note, and the coin that it makes if so much is shielded.
pub(crate) fn mint(units: u64) -> (MintNote, Held) {
	let held = Held::minted(units);
	(held.note(), held)
}

/// Shields so much, and returns the coin.
pub(crate) fn shield(who: &AccountId, units: u64) -> Held {
	let (note, mut held) = mint(units);
	held.index = Count::<Runtime>::get();
	let value = Balance::from(units) * UNIT;
	IoShielded::shield(RuntimeOrigin::signed(who.clone()), value, note).unwrap();
	held
}

/// Waits until all coins may be spent.
pub(crate) fn mature() {
	run_blocks(MATURITY);
}

/// Coins of 100,000 units that may be spent.
pub(crate) fn matured_coins(count: usize) -> Vec<Held> {
	let coins = (0..count).map(|_| shield(&ALICE, 100_000)).collect();
	mature();
	coins
}

impl Plan {
	/// Spends these coins for the sake of it: unsigned, for the least fee.
	pub(crate) fn spend(coins: &[Held]) -> Self {
		let era = now() - 1;
		Self {
			coins: coins.to_vec(),
			outputs: Vec::new(),
			fee: u64::MAX,
			fee_to: None,
			target: Target::None,
			era,
			era_hash: System::block_hash(era).0,
			domain: IoShielded::domain(),
		}
	}

	pub(crate) fn outputs(self, outputs: impl Into<Vec<u64>>) -> Self {
		Self { outputs: outputs.into(), ..self }
	}

	pub(crate) fn fee(self, fee: u64) -> Self {
		Self { fee, ..self }
	}

	pub(crate) fn relayed_by(self, who: &AccountId, fee: u64) -> Self {
		Self { fee, fee_to: Some(who.clone().into()), ..self }
	}

	pub(crate) fn to(self, target: Target) -> Self {
		Self { target, ..self }
	}

	/// With the least fee of a bundle that brings this job.
	pub(crate) fn job(self, job: JobSpec) -> Self {
		let fee = IoShielded::minimum_fee_of(self.shape(), Some(&job));
		Self { fee, ..self }
	}

	pub(crate) fn at(self, era: BlockNumber) -> Self {
		Self { era, era_hash: System::block_hash(era).0, ..self }
	}

	pub(crate) fn domain(self, domain: Domain) -> Self {
		Self { domain, ..self }
	}

	/// The dearest shape that the bundle may have.
	fn shape(&self) -> Shape {
		Shape {
			inputs: self.coins.len() as u32,
			windows: self.coins.len().min(2) as u32,
			outputs: if self.outputs.len() > 1 { 4 } else { 2 },
		}
	}

	/// The bundle, and the coins that it makes.
	pub(crate) fn make(mut self) -> (Bundle, Vec<Held>) {
		if self.fee == u64::MAX {
			self.fee = IoShielded::minimum_fee_of(self.shape(), None);
		}
		let (bundle, mut made) = self.prove(
			&|window| IoShielded::coins_from(window.start(self.domain.size), window.len),
			IoShielded::matured(),
		);
		for (index, coin) in (Count::<Runtime>::get()..).zip(&mut made) {
			coin.index = index;
		}
		(bundle, made)
	}
}

pub(crate) fn stamp(bundle: &Bundle) -> u64 {
	stamp_for(bundle, &IoShielded::domain(), TERMS.stamp_bits)
}

/// Sends a bundle without a signature, as a block does.
pub(crate) fn send(bundle: &Bundle) -> Result<(), SendError> {
	apply(IoShielded::spend_call(bundle.clone(), None, stamp(bundle)))
}

/// Relays a bundle.
pub(crate) fn relay(who: &AccountId, bundle: &Bundle) -> DispatchResult {
	IoShielded::relay(RuntimeOrigin::signed(who.clone()), Box::new(bundle.clone()), None)
}

/// Dispatches a call as it is.
pub(crate) fn dispatch(call: Call<Runtime>, origin: RuntimeOrigin) -> DispatchResult {
	call.dispatch_bypass_filter(origin).map(|_| ()).map_err(|error| error.error)
}

/// Dispatches a call as if it had been authorised.
pub(crate) fn dispatch_authorized(call: Call<Runtime>) -> DispatchResult {
	dispatch(call, RawOrigin::Authorized.into())
}

/// It does not enter a block, because of this error.
pub(crate) fn invalid(error: Error<Runtime>) -> Result<(), SendError> {
	Err(SendError::Invalid(refused(error)))
}

/// It fails in the block, because of this error.
pub(crate) fn failed(error: Error<Runtime>) -> Result<(), SendError> {
	Err(SendError::Failed(DispatchError::from(error)))
}
