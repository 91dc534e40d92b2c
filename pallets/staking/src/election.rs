//! The hybrid election: stake and proven work decide who may author.

use alloc::vec::Vec;
use core::cmp::Reverse;
use frame_support::{ensure, traits::Get, BoundedVec};
use io_primitives::Balance;
use sp_core::U256;
use sp_runtime::{traits::SaturatedConversion, DispatchResult, Perbill};

use crate::{
	Candidate, Candidates, Collators, Config, ElectionTerms, ElectionTotals, EraIndex, Error,
	Event, Invulnerables, LastElection, Ledgers, Pallet, WeightInfo, WorkRings, MAX_COLLATORS,
};

/// What all scores add up to, but for rounding.
pub(crate) const SCALE: u128 = 1_000_000_000_000_000_000;

/// `whole * part / all`, rounded down; 0 if `all` is 0. `part` must not be larger than `all`.
pub(crate) fn share(whole: u128, part: U256, all: U256) -> u128 {
	if all.is_zero() {
		return 0;
	}
	// A part is less than 2^192: a balance times points.
	let value = match part.checked_mul(whole.into()) {
		Some(product) => product / all,
		None => (part / all).saturating_mul(whole.into()),
	};
	value.min(whole.into()).as_u128()
}

/// What a candidate brings.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Merit {
	pub(crate) stake: Balance,
	pub(crate) work: u128,
}

/// Both halves of a score.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Score {
	pub(crate) stake: u128,
	pub(crate) work: u128,
}

impl Score {
	/// `(1 - w) * stake / all stake + w * work / all work`, of [`SCALE`]. Both halves are linear and rounded down, so the
	/// parts of a split identity never score more than the whole. Without any work, only stake counts.
	pub(crate) fn new(merit: Merit, all: &ElectionTotals, work_weight: Perbill) -> Self {
		let for_work = if all.work == 0 { 0 } else { work_weight.mul_floor(SCALE) };
		Self {
			stake: share(SCALE - for_work, merit.stake.into(), all.stake.into()),
			work: share(for_work, merit.work.into(), all.work.into()),
		}
	}

	pub(crate) fn total(&self) -> u128 {
		self.stake.saturating_add(self.work)
	}
}

impl ElectionTotals {
	pub(crate) fn add(&mut self, merit: Merit) {
		self.stake = self.stake.saturating_add(merit.stake);
		self.work = self.work.saturating_add(merit.work);
	}
}

fn rank<A: Ord + Clone>(candidate: &Candidate<A>) -> (Reverse<u128>, A) {
	(Reverse(candidate.score), candidate.who.clone())
}

impl<T: Config> Pallet<T> {
	/// What an operator brings into an election; an error if it may not stand.
	pub(crate) fn merit(
		who: &T::AccountId,
		terms: &ElectionTerms,
		era: EraIndex,
	) -> Result<Merit, Error<T>> {
		let ledger = Ledgers::<T>::get(who).ok_or(Error::<T>::NotOperator)?;
		ensure!(ledger.own_stake() >= terms.min_self_stake, Error::<T>::SelfStakeTooLow);
		ensure!(T::Collators::has_keys(who), Error::<T>::NoSessionKeys);
		let work = WorkRings::<T>::get(who).map_or(0, |ring| ring.sum(era));
		Ok(Merit { stake: ledger.active.value, work })
	}

	/// Scores of those who may stand, best first, and of what they are parts; and those who may not.
	pub(crate) fn scores(
		terms: &ElectionTerms,
	) -> (Vec<(T::AccountId, Merit, Score)>, ElectionTotals, Vec<T::AccountId>) {
		let era = Self::current_era();
		let mut all = ElectionTotals::default();
		let (mut fit, mut unfit) = (Vec::new(), Vec::new());
		for Candidate { who, .. } in Candidates::<T>::get() {
			match Self::merit(&who, terms, era) {
				Ok(merit) => {
					all.add(merit);
					fit.push((who, merit, Score::default()));
				},
				Err(_) => unfit.push(who),
			}
		}
		for (_, merit, score) in &mut fit {
			*score = Score::new(*merit, &all, terms.work_weight);
		}
		fit.sort_by(|(a, _, x), (b, _, y)| y.total().cmp(&x.total()).then_with(|| a.cmp(b)));
		(fit, all, unfit)
	}

	/// Who gets a seat: invulnerables with keys first, then the best candidates.
	pub(crate) fn winners(
		terms: &ElectionTerms,
		candidates: impl Iterator<Item = T::AccountId>,
	) -> Vec<T::AccountId> {
		let mut seats: Vec<_> =
			Invulnerables::<T>::get().into_iter().filter(T::Collators::has_keys).collect();
		seats.truncate(MAX_COLLATORS as usize);
		for who in candidates {
			if seats.len() >= terms.seats as usize {
				break;
			}
			if !seats.contains(&who) {
				seats.push(who);
			}
		}
		seats
	}

	/// Scores all candidates anew and returns who gets a seat; `None`, so that the present set stays, if nobody does.
	pub(crate) fn elect(session: u32) -> Option<Vec<T::AccountId>> {
		let terms = T::Election::get().bounded();
		let (scores, all, unfit) = Self::scores(&terms);
		for who in unfit {
			Self::deposit_event(Event::CandidateRemoved { who });
		}
		let list: Vec<_> = scores
			.into_iter()
			.map(|(who, _, score)| Candidate { who, score: score.total() })
			.collect();
		let winners = Self::winners(&terms, list.iter().map(|candidate| candidate.who.clone()));
		Candidates::<T>::put(BoundedVec::truncate_from(list));
		LastElection::<T>::put(all);
		if winners.is_empty() {
			return None;
		}
		Self::deposit_event(Event::Elected { session, count: winners.len().saturated_into() });
		Some(winners)
	}

	/// Puts an operator on the list of candidates, at the place that its score gives it.
	pub(crate) fn stand(who: T::AccountId) -> DispatchResult {
		let terms = T::Election::get().bounded();
		let mut list = Candidates::<T>::get();
		ensure!(list.iter().all(|candidate| candidate.who != who), Error::<T>::AlreadyCandidate);
		let merit = Self::merit(&who, &terms, Self::current_era())?;
		// By the sums that those on the list were scored by; whoever brings more than all of them counts as all.
		let last = LastElection::<T>::get();
		let all =
			ElectionTotals { stake: last.stake.max(merit.stake), work: last.work.max(merit.work) };
		let score = Score::new(merit, &all, terms.work_weight).total();
		let new = Candidate { who: who.clone(), score };
		if list.is_full() {
			let weaker = list.last().is_some_and(|weakest| weakest.score < score);
			ensure!(weaker, Error::<T>::TooManyCandidates);
			if let Some(Candidate { who, .. }) = list.pop() {
				Self::deposit_event(Event::CandidateRemoved { who });
			}
		}
		let place = list.binary_search_by_key(&rank(&new), rank).unwrap_or_else(|place| place);
		list.try_insert(place, new).map_err(|_| Error::<T>::TooManyCandidates)?;
		Candidates::<T>::put(list);
		Self::deposit_event(Event::CandidateAdded { who, score });
		Ok(())
	}

	/// Takes an account off the list of candidates; false if it is not on it.
	pub(crate) fn drop_candidate(who: &T::AccountId) -> bool {
		Candidates::<T>::mutate(|list| {
			let before = list.len();
			list.retain(|candidate| candidate.who != *who);
			list.len() < before
		})
	}
}

impl<T: Config> pallet_session::SessionManager<T::AccountId> for Pallet<T> {
	fn new_session(session: u32) -> Option<Vec<T::AccountId>> {
		let candidates = Candidates::<T>::decode_len().unwrap_or_default().saturated_into();
		Self::add_weight(T::WeightInfo::elect(candidates));
		Self::elect(session)
	}
	fn end_session(_: u32) {
		Self::close_session();
	}
	fn start_session(_: u32) {}
}
