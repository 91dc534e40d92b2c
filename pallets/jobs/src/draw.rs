//! Assignment by lot. Whatever the number of workers, a draw looks at no more than [`DRAW_WIDTH`] of them.

use alloc::vec::Vec;
use codec::Encode;
use frame_support::traits::Get;
use io_primitives::{
	job::Seat, Balance, Beacon, BlockNumber, Bonding, Certificates, JobId, Randomness, Reason,
	ReplicaId, ReplicaState, WorkerKey,
};
use sp_io::hashing::{blake2_128, blake2_256};
use sp_runtime::{
	traits::{One, Saturating},
	FixedPointNumber, FixedU128,
};

use crate::{
	types::{Job, WorkerInfo, MAX_REPUTATION},
	ClassCount, ClassSlot, Config, Event, Heartbeats, Pallet, Workers,
};

/// Workers that are looked at for one replica.
pub const DRAW_WIDTH: u32 = 8;
/// What a low ask can add to a score, as a factor.
const MAX_CHEAPNESS: u32 = 2;
/// What more proven performance than the job asks for can add to a score, as a factor.
const MAX_PERFORMANCE: FixedU128 = FixedU128::from_rational(3, 2);

/// `a / b`; 1 if there is no such number.
fn ratio(a: u128, b: u128) -> FixedU128 {
	FixedU128::checked_from_rational(a, b).unwrap_or_else(FixedU128::one)
}

/// Random numbers for one draw.
pub(crate) struct Lot([u8; 32], u32);

impl Lot {
	pub(crate) fn new(
		beacon: &Beacon,
		job: JobId,
		replica: ReplicaId,
		attempt: u8,
		now: BlockNumber,
	) -> Self {
		Lot((b"io/draw", beacon.value, job, replica, attempt, now).using_encoded(blake2_256), 0)
	}

	fn next(&mut self) -> u64 {
		let hash = (self.0, self.1).using_encoded(blake2_128);
		self.1 = self.1.saturating_add(1);
		u128::from_le_bytes(hash) as u64
	}

	/// A number below `bound`, which is not 0. 64 bits make the bias of the remainder too small to matter.
	fn below(&mut self, bound: u32) -> u32 {
		(self.next() % u64::from(bound)) as u32
	}

	/// Up to [`DRAW_WIDTH`] different numbers below `count`, each set of them equally likely (Floyd's method).
	pub(crate) fn sample(&mut self, count: u32) -> Vec<u32> {
		let width = DRAW_WIDTH.min(count);
		let mut chosen = Vec::with_capacity(width as usize);
		for last in count - width..count {
			let slot = self.below(last + 1);
			chosen.push(if chosen.contains(&slot) { last } else { slot });
		}
		chosen
	}
}

/// A worker that fits.
struct Candidate<AccountId> {
	worker: WorkerKey,
	info: WorkerInfo<AccountId>,
	bond: Balance,
	/// Score first; among equals the lot decides.
	rank: (FixedU128, u64),
}

impl<T: Config> Pallet<T> {
	/// Looks for workers for all replicas that need one. Returns for how many it looked: none, if the beacon is too old
	/// or the class has no workers.
	pub(crate) fn draw(id: JobId, job: &mut Job<T::AccountId>, now: BlockNumber) -> u32 {
		// What was fixed before the beacon was known cannot have been chosen to suit it.
		let Some(beacon) = T::Randomness::beacon().filter(|b| b.since > job.fixed_at) else {
			return 0;
		};
		Self::draw_with(&beacon, id, job, now)
	}

	/// [`Self::draw`] with a beacon that is new enough.
	pub(crate) fn draw_with(
		beacon: &Beacon,
		id: JobId,
		job: &mut Job<T::AccountId>,
		now: BlockNumber,
	) -> u32 {
		let count = ClassCount::<T>::get(job.class);
		if count == 0 {
			return 0;
		}
		let wanted: Vec<ReplicaId> = job.wanted().collect();
		for replica in &wanted {
			Self::draw_replica(id, job, *replica, count, beacon, now);
		}
		wanted.len() as u32
	}

	fn draw_replica(
		id: JobId,
		job: &mut Job<T::AccountId>,
		replica: ReplicaId,
		count: u32,
		beacon: &Beacon,
		now: BlockNumber,
	) {
		let attempt = job.replicas.get(usize::from(replica)).map_or(0, |r| r.attempt);
		let mut lot = Lot::new(beacon, id, replica, attempt, now);
		let mut candidates: Vec<_> = lot
			.sample(count)
			.into_iter()
			.filter_map(|slot| ClassSlot::<T>::get(job.class, slot))
			.filter_map(|worker| Self::candidate(job, worker, beacon, now, &mut lot))
			.collect();
		candidates.sort_by_key(|candidate| core::cmp::Reverse(candidate.rank));
		for mut candidate in candidates {
			let fits = candidate.info.live.try_push((id, replica)).is_ok()
				&& T::Bonding::lock(&candidate.info.operator, candidate.bond).is_ok();
			if fits {
				Self::assign(id, job, replica, candidate, now);
				return;
			}
		}
	}

	fn candidate(
		job: &Job<T::AccountId>,
		worker: WorkerKey,
		beacon: &Beacon,
		now: BlockNumber,
		lot: &mut Lot,
	) -> Option<Candidate<T::AccountId>> {
		let info = Workers::<T>::get(worker)?;
		if Self::refusals(job, &worker, &info, beacon.since, now).next().is_some() {
			return None;
		}
		// The dearest check comes last: it reads what another pallet knows of the worker.
		let score = Self::score(job, &info, Self::performance(job, &worker)?);
		let bond = Self::bond(job.price, job.max_units);
		Some(Candidate { worker, bond, rank: (score, lot.next()), info })
	}

	/// Why the worker does not fit the job, besides [`Self::performance`], cheapest checks first. Whoever takes only the
	/// first reason pays only for the checks up to it. `beacon` is the block since which the beacon is known.
	pub(crate) fn refusals<'a>(
		job: &'a Job<T::AccountId>,
		worker: &'a WorkerKey,
		info: &'a WorkerInfo<T::AccountId>,
		beacon: BlockNumber,
		now: BlockNumber,
	) -> impl Iterator<Item = Reason> + 'a {
		const CHECKS: [Reason; 9] = [
			Reason::OtherClass,
			Reason::NoEngine,
			Reason::NoCapacity,
			Reason::AskTooHigh,
			Reason::OwnJob,
			Reason::OperatorInJob,
			Reason::NoRandomness,
			Reason::Offline,
			Reason::InsufficientBond,
		];
		CHECKS.into_iter().filter(move |reason| match reason {
			Reason::OtherClass => info.class != job.class,
			Reason::NoEngine => !info.engines.contains(job.engine),
			Reason::NoCapacity => info.free_capacity() == 0,
			Reason::AskTooHigh => info.ask > job.price,
			Reason::OwnJob => info.operator == job.requester,
			Reason::OperatorInJob => job.has_had(&info.operator),
			Reason::Offline => !Self::is_online(worker, now),
			Reason::InsufficientBond => {
				T::Bonding::free(&info.operator) < Self::bond(job.price, job.max_units)
					|| !Self::backs_its_workers(&info.operator)
			},
			// Whoever knows the beacon must not choose a class or terms that suit it.
			Reason::NoRandomness => beacon <= info.changed_at,
			Reason::UnknownJob
			| Reason::UnknownWorker
			| Reason::NoVacancy
			| Reason::UncertifiedPerf => false,
		})
	}

	/// `min(proven / min_perf, 1.5)`, or 1 for a job that asks for no proof of performance, of which then nothing is
	/// read. `None` if the worker has proven less than the job asks for.
	pub(crate) fn performance(job: &Job<T::AccountId>, worker: &WorkerKey) -> Option<FixedU128> {
		if job.min_perf == 0 {
			return Some(FixedU128::one());
		}
		let proven = T::Certificates::proven(worker);
		(proven >= job.min_perf)
			.then(|| ratio(proven.into(), job.min_perf.into()).min(MAX_PERFORMANCE))
	}

	/// `reputation * performance * share of free capacity * min(price / ask, 2)`.
	fn score(
		job: &Job<T::AccountId>,
		info: &WorkerInfo<T::AccountId>,
		performance: FixedU128,
	) -> FixedU128 {
		ratio(u128::from(info.reputation), u128::from(MAX_REPUTATION))
			.saturating_mul(performance)
			.saturating_mul(ratio(u128::from(info.free_capacity()), u128::from(info.capacity)))
			.saturating_mul(ratio(job.price, info.ask).min(FixedU128::from_u32(MAX_CHEAPNESS)))
	}

	/// The bond that a replica of so many units at this price needs. It is the job's price: whoever asks for less than
	/// that does not risk less.
	pub(crate) fn bond(price: Balance, max_units: u64) -> Balance {
		price
			.saturating_mul(Balance::from(max_units))
			.saturating_mul(Balance::from(T::BondFactor::get()))
	}

	/// Whether the worker's last heartbeat is young enough.
	pub(crate) fn is_online(worker: &WorkerKey, now: BlockNumber) -> bool {
		Heartbeats::<T>::get(worker)
			.is_some_and(|beat| now.saturating_sub(beat.at) <= T::HeartbeatTtl::get())
	}

	fn assign(
		id: JobId,
		job: &mut Job<T::AccountId>,
		replica: ReplicaId,
		candidate: Candidate<T::AccountId>,
		now: BlockNumber,
	) {
		let Candidate { worker, info, bond, .. } = candidate;
		let Some(record) = job.replicas.get_mut(usize::from(replica)) else { return };
		let deadline = now.saturating_add(T::AcceptBlocks::get());
		record.state = ReplicaState::Assigned;
		record.attempt = record.attempt.saturating_add(1);
		record.deadline = deadline;
		record.seat = Some(Seat { worker, operator: info.operator.clone(), ask: info.ask, bond });
		Self::deposit_event(Event::ReplicaAssigned {
			job: id,
			replica,
			attempt: record.attempt,
			worker,
			operator: info.operator.clone(),
			ask: info.ask,
			bond,
			deadline,
		});
		Workers::<T>::insert(worker, info);
	}
}
