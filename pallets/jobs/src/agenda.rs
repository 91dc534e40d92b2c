//! The agenda: every job that is not terminal stands in exactly one block's list.
//!
//! A job stands there no later than its next timer is due, unless the lists around that block are full: then it
//! stands in the next one with room, and its timer fires late rather than never. Moving a job to a later block is left
//! to the service that finds nothing to do, so that a worker's call seldom touches the agenda.

use frame_support::{
	defensive,
	traits::Get,
	weights::{Weight, WeightMeter},
	BoundedVec,
};
use io_primitives::{BlockNumber, JobId};
use sp_runtime::Perbill;

use crate::{types::Job, Agenda, AgendaCursor, Config, Jobs, Pallet, WeightInfo};

/// Blocks that are tried when a list is full.
pub const AGENDA_PROBES: u32 = 4;
/// Blocks that a worker's call tries, which has to stay small. If all are full, the job stays where it is.
const CALL_PROBES: u32 = 2;
/// Share of the rest of a block that the agenda may use; transactions need the other part.
const POLL_SHARE: Perbill = Perbill::from_percent(50);

/// What became of a job that was served.
pub(crate) enum Served {
	/// It stands in a later block's list.
	Filed(Weight),
	/// It has no place yet, because the later lists are full: it stays where it was.
	Kept(Weight),
	/// It is terminal.
	Ended(Weight),
}

impl<T: Config> Pallet<T> {
	/// Puts a job into the list of `wanted` or of the first block after it that has room. `None`, with nothing
	/// changed, if there is none in reach.
	pub(crate) fn file(id: JobId, wanted: BlockNumber) -> Option<BlockNumber> {
		let first = wanted.max(Self::now().saturating_add(1));
		(first..=first.saturating_add(AGENDA_PROBES - 1))
			.find(|slot| Agenda::<T>::try_append(slot, id).is_ok())
	}

	/// Takes a job out of the list in which it stands.
	pub(crate) fn unfile(id: JobId, slot: BlockNumber) {
		Agenda::<T>::mutate_exists(slot, |list| {
			if let Some(jobs) = list {
				jobs.retain(|job| *job != id);
				if jobs.is_empty() {
					*list = None;
				}
			}
		});
	}

	/// Stores a job after a call, and sees to it that it is looked at in time.
	pub(crate) fn store(id: JobId, mut job: Job<T::AccountId>) {
		let now = Self::now();
		job.refresh(now);
		let wanted = job.next_timer(now, T::AcceptBlocks::get()).max(now.saturating_add(1));
		if wanted < job.slot {
			if let Some(slot) = Self::file_before(id, wanted, job.slot) {
				Self::unfile(id, job.slot);
				job.slot = slot;
			}
		}
		Jobs::<T>::insert(id, job);
	}

	fn file_before(id: JobId, wanted: BlockNumber, before: BlockNumber) -> Option<BlockNumber> {
		let last = before.min(wanted.saturating_add(CALL_PROBES));
		(wanted..last).find(|slot| Agenda::<T>::try_append(slot, id).is_ok())
	}

	/// Serves the jobs whose block has come, in their order, as many as the weight allows.
	pub(crate) fn serve_agenda(now: BlockNumber, meter: &mut WeightMeter) {
		let limit = meter.remaining();
		let mut share = WeightMeter::with_limit(Weight::from_parts(
			POLL_SHARE * limit.ref_time(),
			POLL_SHARE * limit.proof_size(),
		));
		if share.try_consume(T::WeightInfo::poll_base()).is_err() {
			return;
		}
		let first = AgendaCursor::<T>::get();
		let mut unfinished = None;
		let mut block = first;
		while block <= now && share.try_consume(T::WeightInfo::poll_slot()).is_ok() {
			let jobs = Agenda::<T>::take(block);
			let mut rest = BoundedVec::new();
			let mut exhausted = false;
			for id in jobs {
				exhausted = exhausted || !share.can_consume(Self::service_weight_limit());
				let keep = exhausted
					|| match Self::serve(id, now) {
						Served::Kept(weight) => {
							share.consume(weight);
							true
						},
						Served::Filed(weight) | Served::Ended(weight) => {
							share.consume(weight);
							false
						},
					};
				if keep && rest.try_push(id).is_err() {
					defensive!("a part of a list is not longer than the list");
				}
			}
			if !rest.is_empty() {
				Agenda::<T>::insert(block, rest);
				unfinished = unfinished.or(Some(block));
			}
			if exhausted {
				break;
			}
			block = block.saturating_add(1);
		}
		let cursor = unfinished.unwrap_or(block);
		if cursor != first {
			AgendaCursor::<T>::put(cursor);
		}
		meter.consume(share.consumed());
	}

	/// The most that serving one job can weigh.
	pub fn service_weight_limit() -> Weight {
		let replicas = io_primitives::job::MAX_TOTAL_REPLICAS;
		let after = T::WeightInfo::service_draw(replicas)
			.max(T::WeightInfo::service_settle(replicas))
			.max(T::WeightInfo::service_end(replicas));
		T::WeightInfo::service_idle()
			.saturating_add(T::WeightInfo::service_missed(replicas))
			.saturating_add(after)
	}
}
