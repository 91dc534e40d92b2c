//! What always holds, computed by going through all pools and positions.

use alloc::collections::{BTreeMap, BTreeSet};
use frame_support::{
	ensure,
	traits::{fungible::InspectHold, Get},
};
use io_primitives::Balance;
use sp_runtime::TryRuntimeError;

use crate::{
	Candidates, Config, Delegators, EraIndex, EraRewards, EraStarts, HoldReason, Invulnerables,
	Ledgers, MetadataOf, Offences, OldestEra, Pallet, Positions, Queue, Shares, Slashes, Total,
	Totals, Tranche, Unbonding, WorkOf, WorkRings,
};

/// What the positions say of one tranche.
#[derive(Default)]
struct Claims {
	shares: Shares,
	worth: Balance,
	holders: u128,
}

impl Claims {
	fn add(&mut self, tranche: &Tranche, shares: Shares) {
		self.shares += shares;
		self.worth += tranche.worth(shares);
		self.holders += 1;
	}

	fn check(&self, tranche: &Tranche) -> Result<(), TryRuntimeError> {
		ensure!(self.shares == tranche.shares, "shares do not add up");
		ensure!(self.worth <= tranche.value, "positions are worth more than the pool");
		ensure!(
			tranche.value <= self.worth.saturating_add(self.holders),
			"a pool keeps more than the rounding of its positions"
		);
		ensure!(tranche.shares > 0 || tranche.value == 0, "money without shares");
		Ok(())
	}
}

/// What the positions say of all pools.
struct Book<AccountId> {
	/// Active shares of each pool, and its holders.
	active: BTreeMap<AccountId, (Claims, u64)>,
	/// Shares of what left each pool in each era: unbonded, and moved.
	left: BTreeMap<(AccountId, EraIndex), (Claims, Claims)>,
	held: Balance,
	noted: Balance,
}

impl<T: Config> Pallet<T> {
	/// Checks the invariants that the crate's documentation lists.
	pub(crate) fn do_try_state() -> Result<(), TryRuntimeError> {
		let pending = Self::check_slashes()?;
		let book = Self::check_positions()?;
		Self::check_pools(pending, book)?;
		Self::check_election()?;
		Self::check_work()
	}

	/// Returns the pending slashes of each operator.
	fn check_slashes() -> Result<BTreeMap<T::AccountId, Balance>, TryRuntimeError> {
		let mut pending = BTreeMap::<T::AccountId, Balance>::new();
		let queue = Queue::<T>::get();
		let mut slashes = 0;
		for (id, slash) in Slashes::<T>::iter() {
			slashes += 1;
			ensure!(slash.amount > 0, "a pending slash is empty");
			ensure!((queue.first..queue.next).contains(&id), "a slash is not in the queue");
			ensure!(
				Offences::<T>::get(slash.offence) == Some(id),
				"an offence does not point to its slash"
			);
			ensure!(Ledgers::<T>::contains_key(&slash.operator), "a slash outlived its ledger");
			*pending.entry(slash.operator).or_default() += slash.amount;
		}
		ensure!(Offences::<T>::iter().count() == slashes, "an offence has no slash");
		Ok(pending)
	}

	/// Returns what the positions say.
	fn check_positions() -> Result<Book<T::AccountId>, TryRuntimeError> {
		let mut active = BTreeMap::<T::AccountId, (Claims, u64)>::new();
		let mut left = BTreeMap::<(T::AccountId, EraIndex), (Claims, Claims)>::new();
		let mut noted = 0;
		let mut held = BTreeMap::<T::AccountId, Balance>::new();
		let mut delegations = BTreeMap::<T::AccountId, u32>::new();
		for (who, operator, position) in Positions::<T>::iter() {
			ensure!(!position.is_empty(), "a position is empty");
			let ledger = Ledgers::<T>::get(&operator).ok_or("a position without a pool")?;
			let (claims, holders) = active.entry(operator.clone()).or_default();
			claims.add(&ledger.active, position.shares);
			*holders += 1;
			let mut last = None;
			for chunk in &position.unbonding {
				ensure!(chunk.shares > 0, "an empty chunk");
				ensure!(last < Some(chunk.era), "chunks are not in order");
				last = Some(chunk.era);
				let bucket =
					Unbonding::<T>::get(&operator, chunk.era).ok_or("a chunk without a bucket")?;
				let (leaving, _) = left.entry((operator.clone(), chunk.era)).or_default();
				leaving.add(&bucket.leaving, chunk.shares);
			}
			for step in &position.moves {
				ensure!(step.shares > 0, "an empty move");
				ensure!(step.from != operator && who != operator, "a move that goes nowhere");
				let bucket =
					Unbonding::<T>::get(&step.from, step.era).ok_or("a move without a bucket")?;
				let (_, moved) = left.entry((step.from.clone(), step.era)).or_default();
				moved.add(&bucket.moved, step.shares);
				noted += step.noted;
				let (_, holders) = active.entry(step.from.clone()).or_default();
				*holders += 1;
			}
			if who == operator {
				ensure!(position.shares == ledger.own, "own shares are not in the ledger");
			} else {
				*delegations.entry(who.clone()).or_default() += 1;
			}
			*held.entry(who).or_default() += position.held;
		}
		for (who, held) in &held {
			ensure!(
				T::Currency::balance_on_hold(&HoldReason::Stake.into(), who) == *held,
				"the hold is not what the positions say"
			);
		}
		ensure!(
			Delegators::<T>::iter()
				.map(|(who, delegator)| (who, delegator.pools))
				.collect::<BTreeMap<_, _>>()
				== delegations,
			"delegations are miscounted"
		);
		ensure!(
			delegations.values().all(|count| *count <= T::MaxDelegations::get()),
			"an account has too many delegations"
		);
		Ok(Book { active, left, held: held.values().sum(), noted })
	}

	fn check_pools(
		mut pending: BTreeMap<T::AccountId, Balance>,
		book: Book<T::AccountId>,
	) -> Result<(), TryRuntimeError> {
		let Book { mut active, mut left, held, noted } = book;
		let mut totals = Totals { held, noted, ..Default::default() };
		let mut unbonding = BTreeMap::<T::AccountId, Balance>::new();
		for (operator, era, bucket) in Unbonding::<T>::iter() {
			let (leaving, moved) = left.remove(&(operator.clone(), era)).unwrap_or_default();
			leaving.check(&bucket.leaving)?;
			moved.check(&bucket.moved)?;
			ensure!(!bucket.is_empty(), "a bucket is empty");
			*unbonding.entry(operator).or_default() += bucket.leaving.value;
			totals.moved += bucket.moved.value;
		}
		let mut operators = 0;
		for (operator, ledger) in Ledgers::<T>::iter() {
			operators += 1;
			let (claims, holders) = active.remove(&operator).unwrap_or_default();
			claims.check(&ledger.active)?;
			ensure!(ledger.holders == holders, "holders are miscounted");
			ensure!(ledger.own <= ledger.active.shares, "own shares are not in the pool");
			ensure!(
				ledger.leaving == unbonding.remove(&operator).unwrap_or_default(),
				"buckets do not add up"
			);
			let slashes = pending.remove(&operator).unwrap_or_default();
			ensure!(ledger.pending == slashes, "pending slashes do not add up");
			ensure!(ledger.locked <= ledger.cover(), "more is locked than there is");
			ensure!(holders > 0 || slashes > 0, "a pool is empty");
			ensure!(MetadataOf::<T>::contains_key(&operator), "an operator has no metadata");
			ensure!(WorkRings::<T>::contains_key(&operator), "an operator has no work ring");
			totals.active += ledger.active.value;
			totals.value += ledger.cover();
			totals.pending += slashes;
		}
		ensure!(unbonding.values().all(|value| *value == 0), "a bucket without a pool");
		ensure!(MetadataOf::<T>::iter().count() == operators, "metadata without operator");
		ensure!(WorkRings::<T>::iter().count() == operators, "a work ring without operator");
		ensure!(Total::<T>::get() == totals, "the sums over all pools are wrong");
		Ok(())
	}

	fn check_election() -> Result<(), TryRuntimeError> {
		let list = Candidates::<T>::get();
		ensure!(
			list.is_sorted_by_key(|c| (core::cmp::Reverse(c.score), c.who.clone())),
			"candidates are not in order"
		);
		let accounts: BTreeSet<_> = list.iter().map(|candidate| &candidate.who).collect();
		ensure!(accounts.len() == list.len(), "a candidate is listed twice");
		let invulnerables = Invulnerables::<T>::get();
		let once: BTreeSet<_> = invulnerables.iter().collect();
		ensure!(once.len() == invulnerables.len(), "an invulnerable is listed twice");
		Ok(())
	}

	fn check_work() -> Result<(), TryRuntimeError> {
		let (oldest, now) = (OldestEra::<T>::get(), Self::current_era());
		ensure!(
			WorkOf::<T>::iter_keys().all(|(era, _)| (oldest..=now).contains(&era)),
			"work of an era that is forgotten"
		);
		ensure!(
			EraRewards::<T>::iter_keys().all(|era| (oldest..now).contains(&era)),
			"rewards of an era that is forgotten"
		);
		ensure!(EraStarts::<T>::get().is_sorted(), "eras do not follow each other");
		Ok(())
	}
}
