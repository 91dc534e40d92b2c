//! Sessions and eras: who authored, what is minted, who gets it.

use alloc::vec::Vec;
use frame_support::{
	dispatch::DispatchClass,
	traits::{fungible::Mutate, Get},
	weights::Weight,
	BoundedVec,
};
use io_primitives::Balance;
use pallet_staking_reward_fn::compute_inflation;
use sp_core::U256;
use sp_runtime::{traits::SaturatedConversion, Perbill, Perquintill};

use crate::{
	election::share, pool::mul_div, Collators, Config, Economics, Era, EraReward, EraRewards,
	EraStarts, EraState, EraWork, Event, Ledgers, Pallet, Points, Positions, Total, Watched,
	WeightInfo,
};

/// A year of 365.25 days.
pub(crate) const YEAR_MILLIS: u64 = 31_557_600_000;
/// A collator was due if the era had at least so many blocks for each collator.
const DUE_BLOCKS: u32 = 4;

/// What an era may mint.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Budget {
	pub(crate) mint: Balance,
	pub(crate) stake: Balance,
	pub(crate) work: Balance,
	pub(crate) treasury: Balance,
}

/// Inflation of a year when so much of the supply is staked.
pub(crate) fn inflation(economics: &Economics, staked: Balance, supply: Balance) -> Perquintill {
	let fine = |part: Perbill| -> Perquintill {
		Perquintill::from_parts(u64::from(part.deconstruct()).saturating_mul(1_000_000_000))
	};
	let staked = Perquintill::from_rational(staked.min(supply), supply.max(1));
	let (ideal, falloff) = (fine(economics.ideal_stake), fine(economics.falloff));
	let least = fine(economics.min_inflation);
	let span = fine(economics.max_inflation) - least;
	least + span * compute_inflation(staked, ideal, falloff)
}

/// What an era of so many milliseconds may mint, and for whom.
pub(crate) fn budget(
	economics: &Economics,
	staked: Balance,
	supply: Balance,
	millis: u64,
) -> Budget {
	let yearly = inflation(economics, staked, supply).mul_floor(supply);
	let mint = mul_div(yearly, millis.into(), YEAR_MILLIS.into());
	let stake = economics.stake_share.mul_floor(mint);
	let work = economics.work_share.mul_floor(mint);
	let rest = Perbill::one() - economics.stake_share - economics.work_share;
	Budget { mint, stake, work, treasury: rest.mul_floor(mint) }
}

impl<T: Config> Pallet<T> {
	/// Counts the weight of what other pallets' hooks call.
	pub(crate) fn add_weight(weight: Weight) {
		frame_system::Pallet::<T>::register_extra_weight_unchecked(
			weight,
			DispatchClass::Mandatory,
		);
	}

	/// A session is over; so is the era with its last one.
	pub(crate) fn close_session() {
		let current = T::Collators::current();
		let seats = current.len();
		let mut era = Era::<T>::get();
		era.sessions = era.sessions.saturating_add(1);
		let watched = if era.sessions == 1 {
			BoundedVec::truncate_from(current)
		} else {
			let mut watched = Watched::<T>::get();
			watched.retain(|who| current.contains(who));
			watched
		};
		if era.sessions < T::SessionsPerEra::get() {
			Watched::<T>::put(watched);
			Era::<T>::put(era);
			return;
		}
		Watched::<T>::kill();
		Self::close_era(era, watched.into_inner(), seats);
	}

	fn close_era(era: EraState, watched: Vec<T::AccountId>, seats: usize) {
		let points: Vec<_> = Points::<T>::drain().collect();
		Self::add_weight(T::WeightInfo::close_era(points.len().saturated_into()));
		let (supply, staked) = (Self::supply(), Total::<T>::get().active);
		let economics = T::Economics::get().bounded();
		let budget = budget(&economics, staked, supply, T::EraMillis::get());
		let to_stake = Self::reward_pools(budget.stake, staked, seats, &points);
		let to_treasury = T::Currency::mint_into(&T::Treasury::get(), budget.treasury).unwrap_or(0);
		let for_work = Self::reward_work(&economics, budget.work, era);
		Self::chill_idle(watched, seats, &points);
		Era::<T>::put(EraState { index: era.index.saturating_add(1), sessions: 0 });
		EraStarts::<T>::mutate(|starts| {
			if starts.is_full() {
				starts.remove(0);
			}
			// There is room now; `integrity_test` checks that there is any.
			let _ = starts.try_push(Self::now());
		});
		Self::deposit_event(Event::EraEnded {
			era: era.index,
			supply,
			staked,
			mint: budget.mint,
			to_stake,
			to_treasury,
			for_work,
		});
	}

	/// Shares the stake's part of the mint among the pools of those who authored, by blocks and stake. Returns what they
	/// got.
	///
	/// A pool whose collator authors as much as the others gets `budget * stake / staked`, the yield that `apy` tells,
	/// whoever has the other seats: otherwise one that divides itself and takes the seat of another would earn more. What
	/// stakes in pools without a seat would have got is not minted.
	fn reward_pools(
		budget: Balance,
		staked: Balance,
		seats: usize,
		points: &[(T::AccountId, u32)],
	) -> Balance {
		let weights: Vec<_> = points
			.iter()
			.filter_map(|(who, points)| {
				let stake = Ledgers::<T>::get(who)?.active.value;
				Some((who, U256::from(stake) * U256::from(*points)))
			})
			.collect();
		let sum = weights.iter().fold(U256::zero(), |sum, (_, weight)| sum.saturating_add(*weight));
		let blocks: U256 = points
			.iter()
			.fold(U256::zero(), |sum, (_, points)| sum.saturating_add((*points).into()));
		// More than that is not paid, however blocks are divided.
		let all = sum.max(U256::from(staked).saturating_mul(blocks) / U256::from(seats.max(1)));
		weights
			.into_iter()
			.map(|(who, weight)| {
				let value = share(budget, weight, all);
				Self::reward_pool(who, value);
				value
			})
			.fold(0, Balance::saturating_add)
	}

	/// Raises the value of a pool; the operator's commission buys it new shares.
	pub(crate) fn reward_pool(operator: &T::AccountId, value: Balance) {
		if value == 0 {
			return;
		}
		let Some(mut ledger) = Ledgers::<T>::get(operator) else { return };
		let wanted = ledger.commission.mul_floor(value);
		let mut commission = 0;
		ledger.active.value = ledger.active.value.saturating_add(value - wanted);
		if wanted > 0 {
			let position = Positions::<T>::get(operator, operator).filter(|own| own.shares > 0);
			let bought = position.and_then(|own| Some((own, ledger.active.buy(wanted)?)));
			match bought {
				Some((mut own, shares)) => {
					own.shares = own.shares.saturating_add(shares);
					ledger.own = own.shares;
					commission = wanted;
					Positions::<T>::insert(operator, operator, own);
				},
				// Too little for a share, or the operator has left its pool: all of it is the pool's.
				None => ledger.active.value = ledger.active.value.saturating_add(wanted),
			}
		}
		Ledgers::<T>::insert(operator, ledger);
		Self::with_totals(|totals| {
			totals.active = totals.active.saturating_add(value);
			totals.value = totals.value.saturating_add(value);
		});
		Self::deposit_event(Event::Rewarded { operator: operator.clone(), value, commission });
	}

	/// Writes down what the era's work earns. It is minted when it is claimed.
	fn reward_work(economics: &Economics, budget: Balance, era: EraState) -> Balance {
		let work = EraWork::<T>::take();
		let most = economics.certified_share.mul_floor(budget);
		let certified = if work.ops > 0 { most } else { 0 };
		// Nobody gets back more than `kappa` of what was burnt for it, so to pay oneself is a loss.
		let settled = economics.kappa.mul_floor(work.fees).min(budget.saturating_sub(most));
		if certified > 0 || settled > 0 {
			EraRewards::<T>::insert(era.index, EraReward { certified, settled, work });
		}
		certified.saturating_add(settled)
	}

	/// Takes candidates off the list that had a seat for the whole era, were due, and authored nothing.
	fn chill_idle(watched: Vec<T::AccountId>, seats: usize, points: &[(T::AccountId, u32)]) {
		let blocks = points.iter().fold(0u32, |sum, (_, points)| sum.saturating_add(*points));
		let seats: u32 = seats.saturated_into();
		if blocks < seats.saturating_mul(DUE_BLOCKS) {
			return;
		}
		for who in watched {
			if points.iter().all(|(author, _)| *author != who) && Self::drop_candidate(&who) {
				Self::deposit_event(Event::Chilled { who });
			}
		}
	}
}

impl<T: Config>
	pallet_authorship::EventHandler<T::AccountId, frame_system::pallet_prelude::BlockNumberFor<T>>
	for Pallet<T>
{
	fn note_author(author: T::AccountId) {
		Self::add_weight(T::WeightInfo::note_author());
		Points::<T>::mutate(author, |points| *points = points.saturating_add(1));
	}
}
