//! What dApps read.

use alloc::vec::Vec;
use frame_support::traits::Get;
use sp_core::U256;

use crate::{
	eras, ApyView, Candidates, Collators, Config, Invulnerables, LeavingView, Ledgers, MetadataOf,
	MoveView, OperatorView, Pallet, Points, PositionView, Positions, ScoreView, Total,
	ValidatorView, WorkRings,
};

impl<T: Config> Pallet<T> {
	pub(crate) fn view_validators() -> Vec<ValidatorView<T::AccountId>> {
		let invulnerables = Invulnerables::<T>::get();
		T::Collators::current()
			.into_iter()
			.map(|who| {
				let ledger = Ledgers::<T>::get(&who).unwrap_or_default();
				ValidatorView {
					stake: ledger.active.value,
					own: ledger.own_stake(),
					commission: ledger.commission,
					points: Points::<T>::get(&who),
					invulnerable: invulnerables.contains(&who),
					who,
				}
			})
			.collect()
	}

	pub(crate) fn view_operator(account: T::AccountId) -> Option<OperatorView> {
		let ledger = Ledgers::<T>::get(&account)?;
		let era = Self::current_era();
		Some(OperatorView {
			active: ledger.active.value,
			own: ledger.own_stake(),
			locked: ledger.locked,
			free: ledger.free(),
			leaving: ledger.leaving,
			pending: ledger.pending,
			holders: ledger.holders,
			commission: ledger.commission,
			work: WorkRings::<T>::get(&account).map_or(0, |ring| ring.sum(era)),
			candidate: Candidates::<T>::get().iter().any(|candidate| candidate.who == account),
			metadata: MetadataOf::<T>::get(&account).unwrap_or_default().into_inner(),
		})
	}

	pub(crate) fn view_position(delegator: T::AccountId) -> Vec<PositionView<T::AccountId>> {
		Positions::<T>::iter_prefix(&delegator)
			.filter_map(|(operator, position)| {
				let ledger = Ledgers::<T>::get(&operator)?;
				let (noted, answers) = Self::noted_and_worth(&position);
				let all = Self::worth(&operator, &ledger, &position)
					.saturating_add(answers)
					.saturating_sub(noted);
				Some(PositionView {
					worth: ledger.active.worth(position.shares),
					unbonding: position
						.unbonding
						.iter()
						.map(|chunk| LeavingView {
							value: Self::chunk_worth(&operator, chunk),
							due: Self::due(chunk.era),
						})
						.collect(),
					moves: position
						.moves
						.iter()
						.map(|step| MoveView {
							from: step.from.clone(),
							value: Self::move_worth(step),
							due: Self::due(step.era),
						})
						.collect(),
					held: position.held,
					uncollected: position.held.saturating_sub(all),
					unminted: all.saturating_sub(position.held),
					operator,
				})
			})
			.collect()
	}

	pub(crate) fn view_apy() -> ApyView {
		let economics = T::Economics::get().bounded();
		let (supply, staked) = (Self::supply(), Total::<T>::get().active);
		let yearly = eras::budget(&economics, staked, supply, eras::YEAR_MILLIS).stake;
		let apy = if staked == 0 {
			0
		} else {
			(U256::from(yearly) * U256::from(1_000_000_000u64) / U256::from(staked))
				.min(u64::MAX.into())
				.as_u64()
		};
		let inflation = eras::inflation(&economics, staked, supply);
		ApyView { supply, staked, inflation, apy }
	}

	pub(crate) fn view_election() -> Vec<ScoreView<T::AccountId>> {
		let terms = T::Election::get().bounded();
		let (scores, ..) = Self::scores(&terms);
		let winners = Self::winners(&terms, scores.iter().map(|(who, ..)| who.clone()));
		scores
			.into_iter()
			.map(|(who, merit, score)| ScoreView {
				stake: merit.stake,
				work: merit.work,
				stake_score: score.stake,
				work_score: score.work,
				elected: winners.contains(&who),
				who,
			})
			.collect()
	}
}
