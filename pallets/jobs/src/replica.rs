//! Service of a job: timers of its replicas, and what follows from them.

use codec::Encode;
use frame_support::{defensive, traits::Get, weights::Weight};
use io_primitives::{
	job::Seat, Balance, BlockNumber, Bonding, FailReason, JobId, JobState, MissReason, Offence,
	OffenceReason, Replica, ReplicaId, ReplicaState, Slashing, WorkerKey,
};
use sp_core::H256;
use sp_io::hashing::blake2_256;
use sp_runtime::{Permill, SaturatedConversion};

use crate::{
	agenda::Served,
	settlement::Ending,
	types::{
		fingerprint, is_committed, is_running, Job, Judgement, Next, Trial, Verdict, WorkerInfo,
	},
	Config, Event, Jobs, Pallet, WeightInfo, Workers,
};

impl<T: Config> Pallet<T> {
	/// The current block.
	pub(crate) fn now() -> BlockNumber {
		frame_system::Pallet::<T>::block_number().saturated_into()
	}

	/// Serves a job that was taken out of its list: fires its timers, draws workers, settles it, and files it again
	/// unless it has ended.
	pub(crate) fn serve(id: JobId, now: BlockNumber) -> Served {
		let Some(mut job) = Jobs::<T>::get(id) else {
			defensive!("a job leaves the agenda with its record");
			return Served::Ended(T::WeightInfo::service_idle());
		};
		let mut weight = T::WeightInfo::service_idle();
		if let Some(ending) = Self::progress(id, &mut job, now, true, &mut weight) {
			Self::end(id, job, ending);
			return Served::Ended(weight);
		}
		let filed = Self::file(id, job.next_timer(now, T::AcceptBlocks::get()));
		job.slot = filed.unwrap_or(job.slot);
		Jobs::<T>::insert(id, job);
		if filed.is_some() {
			Served::Filed(weight)
		} else {
			Served::Kept(weight)
		}
	}

	/// Fires the timers of a job that are due, for `poke`. Draws nobody: the sender of a transaction knows the beacon
	/// and must not choose whether it is used. Returns false, with nothing changed, if nothing is due.
	pub(crate) fn serve_poked(id: JobId, mut job: Job<T::AccountId>, now: BlockNumber) -> bool {
		let before = job.clone();
		let mut weight = Weight::zero();
		if let Some(ending) = Self::progress(id, &mut job, now, false, &mut weight) {
			Self::unfile(id, job.slot);
			Self::end(id, job, ending);
			return true;
		}
		if job == before {
			return false;
		}
		Self::store(id, job);
		true
	}

	/// Brings a job as far as it gets in this block. Returns how it ends, if it does.
	fn progress(
		id: JobId,
		job: &mut Job<T::AccountId>,
		now: BlockNumber,
		draw: bool,
		weight: &mut Weight,
	) -> Option<Ending> {
		// The agenda comes before the block's transactions: what it finds due was decided by the end of the last block,
		// when nobody could know this block's beacon. Whoever pokes knows it.
		let decided_at = if draw { now.saturating_sub(1) } else { now };
		let missed = Self::fire_timers(id, job, decided_at, now);
		if missed > 0 {
			weight.saturating_accrue(T::WeightInfo::service_missed(missed));
		}
		job.refresh(now);
		if let Some((result, _, deadline)) = job.on_trial() {
			return (now >= deadline).then(|| Self::end_of_trial(job, result, weight));
		}
		let mut may_draw = draw;
		// Each turn ends the job, begins another phase, or draws, which happens once.
		loop {
			match job.next() {
				Next::Wait(_) => return None,
				Next::Draw => {
					if may_draw {
						may_draw = false;
						let looked = Self::draw(id, job, now);
						weight.saturating_accrue(if looked > 0 {
							T::WeightInfo::service_draw(looked)
						} else {
							// The beacon was read, and perhaps the number of workers.
							T::WeightInfo::poll_slot()
						});
						job.refresh(now);
					} else if job.vacancy_over(now) {
						job.drop_vacant();
						job.refresh(now);
						if job.next() == Next::Fail {
							weight.saturating_accrue(Self::end_weight(job));
							return Some(Ending::Expired);
						}
					} else if job
						.enough_at(T::AcceptBlocks::get())
						.is_some_and(|block| now >= block)
					{
						job.drop_vacant();
						job.refresh(now);
					} else {
						return None;
					}
				},
				Next::Reveal => {
					let deadline = now.saturating_add(T::RevealBlocks::get());
					job.start_reveal(now, deadline);
					Self::deposit_event(Event::JobRevealing { job: id, deadline });
				},
				Next::Judge => match job.judge() {
					Judgement::Agreed(verdict)
						if job.trial.is_some() && !job.evades_trial(verdict) =>
					{
						Self::begin_trial(id, job, now);
					},
					Judgement::Agreed(verdict) => {
						let replicas = job.replicas.len() as u32;
						weight.saturating_accrue(T::WeightInfo::service_settle(replicas));
						return Some(Ending::Settled(verdict));
					},
					Judgement::TieBreak => {
						job.state = JobState::Open;
						job.fixed_at = job.fixed_at.max(decided_at);
						let pushed = job.replicas.try_push(Replica {
							state: ReplicaState::Vacant,
							attempt: 0,
							deadline: now,
							seat: None,
						});
						if pushed.is_err() {
							defensive!("there is room for all tie-breaks");
							return Some(Ending::Failed(FailReason::NoQuorum));
						}
						job.refresh(now);
					},
					Judgement::NoQuorum => {
						weight.saturating_accrue(Self::end_weight(job));
						return Some(Ending::Failed(FailReason::NoQuorum));
					},
				},
				Next::Fail => {
					weight.saturating_accrue(Self::end_weight(job));
					return Some(Ending::Failed(FailReason::AttemptsExhausted));
				},
			}
		}
	}

	/// The only worker of the job has revealed a product: it goes on trial.
	fn begin_trial(id: JobId, job: &mut Job<T::AccountId>, now: BlockNumber) {
		let blocks = match job.trial {
			Some(Trial::Disputable { blocks }) => blocks,
			Some(Trial::Provable) => T::ProofBlocks::get(),
			None => return,
		};
		let deadline = now.saturating_add(blocks.max(1));
		job.start_trial(deadline);
		if let Some(seat) = job.on_trial().and_then(|(_, replica, _)| replica.seat.as_ref()) {
			let worker = seat.worker;
			Self::deposit_event(Event::JobVerifying { job: id, worker, deadline });
		}
	}

	/// How a trial ends in which nobody said anything.
	fn end_of_trial(job: &Job<T::AccountId>, result: Verdict, weight: &mut Weight) -> Ending {
		if job.trial == Some(Trial::Provable) {
			// The end of a job with a fault, and what the fault costs.
			weight.saturating_accrue(T::WeightInfo::service_missed(1));
			weight.saturating_accrue(Self::end_weight(job));
			Ending::Failed(FailReason::Unproven)
		} else {
			weight.saturating_accrue(T::WeightInfo::service_settle(1));
			Ending::Settled(result)
		}
	}

	fn end_weight(job: &Job<T::AccountId>) -> Weight {
		T::WeightInfo::service_end(job.replicas.len() as u32)
	}

	/// Takes the seats of the replicas whose time is up, which was decided in block `decided_at`. Returns how many.
	pub(crate) fn fire_timers(
		id: JobId,
		job: &mut Job<T::AccountId>,
		decided_at: BlockNumber,
		now: BlockNumber,
	) -> u32 {
		let mut missed = 0;
		for index in 0..job.replicas.len() {
			let Some(replica) = job.replicas.get(index) else { break };
			if replica.deadline > now {
				continue;
			}
			let reason = match replica.state {
				ReplicaState::Assigned => MissReason::NoShow,
				ReplicaState::Accepted => MissReason::Late,
				ReplicaState::Committed { .. } if job.state == JobState::Revealing => {
					MissReason::Unrevealed
				},
				_ => continue,
			};
			missed += 1;
			Self::miss(id, job, index as ReplicaId, reason, decided_at);
		}
		missed
	}

	/// A worker did not do its duty: it loses its seat and a part of its bond.
	fn miss(
		id: JobId,
		job: &mut Job<T::AccountId>,
		index: ReplicaId,
		reason: MissReason,
		decided_at: BlockNumber,
	) {
		let Some(seat) = Self::vacate(id, job, index, reason, decided_at) else { return };
		Self::with_worker(&seat.worker, |info| info.blame(reason));
		let attempt = job.replicas.get(usize::from(index)).map_or(0, |r| r.attempt);
		Self::deposit_event(Event::ReplicaMissed {
			job: id,
			replica: index,
			worker: seat.worker,
			operator: seat.operator.clone(),
			reason,
		});
		Self::slash(id, index, attempt, &seat, job.submitted_at, reason, None);
	}

	/// Takes a replica's worker away, for a reason of block `decided_at`. The replica is drawn anew while it has attempts
	/// left, unless it missed its reveal.
	pub(crate) fn vacate(
		id: JobId,
		job: &mut Job<T::AccountId>,
		index: ReplicaId,
		reason: MissReason,
		decided_at: BlockNumber,
	) -> Option<Seat<T::AccountId>> {
		let attempts = job.max_attempts(usize::from(index));
		let record = job.replicas.get_mut(usize::from(index))?;
		let again = is_running(&record.state) && record.attempt < attempts;
		debug_assert!(is_running(&record.state) || is_committed(&record.state));
		record.state = if again { ReplicaState::Vacant } else { ReplicaState::Missed { reason } };
		let seat = record.seat.take()?;
		job.fixed_at = job.fixed_at.max(decided_at);
		if job.former.try_push(fingerprint(&seat.operator)).is_err() {
			defensive!("a job gives away at most `MAX_SEATS` seats");
		}
		Self::release_seat(id, index, &seat);
		Some(seat)
	}

	/// Unlocks the bond of a seat and takes the replica off its worker.
	pub(crate) fn release_seat(id: JobId, index: ReplicaId, seat: &Seat<T::AccountId>) {
		T::Bonding::unlock(&seat.operator, seat.bond);
		Self::with_worker(&seat.worker, |info| {
			info.live.retain(|held| *held != (id, index));
		});
	}

	/// Changes a worker's record. A worker with live replicas cannot leave, so there is one.
	pub(crate) fn with_worker(
		worker: &WorkerKey,
		change: impl FnOnce(&mut WorkerInfo<T::AccountId>),
	) {
		Workers::<T>::mutate_extant(worker, change);
	}

	/// Reports a fault in a job that was submitted in block `since`. The seat's bond is unlocked already, so the slash
	/// cannot eat another replica's bond.
	pub(crate) fn slash(
		id: JobId,
		index: ReplicaId,
		attempt: u8,
		seat: &Seat<T::AccountId>,
		since: BlockNumber,
		reason: MissReason,
		harmed: Option<(T::AccountId, Balance)>,
	) {
		let (share, offence): (Permill, OffenceReason) = match reason {
			MissReason::NoShow => (T::NoShowSlash::get(), OffenceReason::NoShow),
			MissReason::Late => (T::LateSlash::get(), OffenceReason::Late),
			MissReason::Unrevealed => (T::UnrevealedSlash::get(), OffenceReason::Unrevealed),
			MissReason::Disagreed => (T::DisagreedSlash::get(), OffenceReason::Disagreed),
			MissReason::Refuted => (T::DisagreedSlash::get(), OffenceReason::Refuted),
			MissReason::Unproven => (T::UnrevealedSlash::get(), OffenceReason::Unproven),
		};
		let amount = share.mul_floor(seat.bond);
		if amount == 0 {
			return;
		}
		let report = T::Slashing::report(Offence {
			id: H256((b"io/offence", id, index, attempt, offence).using_encoded(blake2_256)),
			operator: seat.operator.clone(),
			since,
			amount,
			reason: offence,
			harmed,
		});
		match report {
			Ok(0) => {},
			Ok(amount) => Self::deposit_event(Event::Slashed {
				job: id,
				replica: index,
				operator: seat.operator.clone(),
				amount,
				reason: offence,
			}),
			// The operator left in the meantime; nothing is there to be taken.
			Err(error) => {
				log::debug!(target: crate::LOG_TARGET, "offence not taken: {error:?}");
			},
		}
	}
}
