//! From a commitment to the lot that certifies it or asks for an audit.

use frame_support::{defensive, ensure, traits::Get, weights::WeightMeter};
use io_primitives::{
	attestation::{Audit, Commitment, DeviceIndex, Enrolment, Window, WindowId},
	BlockNumber, WorkerKey,
};
use io_tflops::{params::MAX_ROUNDS, transcript};
use sp_core::H256;
use sp_runtime::{DispatchResult, Permill};

use crate::{
	types::{Clock, Deadline, Draw, Pending},
	Certificates, Commitments, Config, DeadlineQueue, Deadlines, DrawQueue, Draws, Enrolments,
	Error, Event, LastWindow, Pallet, Relay, WeightInfo, AUDIT_FOLDS, CREDIBLE_GROWTH,
};

impl<T: Config> Pallet<T> {
	/// The window in which the call would count, and the relay chain's clock.
	pub(crate) fn check_commit(
		worker: &WorkerKey,
		window: WindowId,
		seed: H256,
		device: DeviceIndex,
		rounds: u32,
	) -> Result<(Window, Clock), Error<T>> {
		ensure!((1..=MAX_ROUNDS).contains(&rounds), Error::<T>::BadRounds);
		let open = LastWindow::<T>::get()
			.filter(|open| open.id == window)
			.ok_or(Error::<T>::NotLastWindow)?;
		ensure!(open.seed == seed, Error::<T>::OtherSeed);
		let clock = Relay::<T>::get();
		ensure!(clock.slot <= open.last_slot, Error::<T>::WindowOver);
		let enrolment = Enrolments::<T>::get(worker, device).ok_or(Error::<T>::NotEnrolled)?;
		// Otherwise a device could see its seed and choose its lanes after it.
		ensure!(enrolment.since < open.block, Error::<T>::EnrolledTooLate);
		if let Some(pending) = Commitments::<T>::get(worker, device) {
			let same = pending.commitment.window == window;
			return Err(if same {
				Error::<T>::AlreadyCommitted
			} else {
				Error::<T>::CommitmentPending
			});
		}
		let certified = Certificates::<T>::get(worker)
			.iter()
			.any(|certificate| certificate.device == device && certificate.window == window);
		ensure!(!certified, Error::<T>::AlreadyCommitted);
		Ok((open, clock))
	}

	pub(crate) fn do_commit(
		worker: WorkerKey,
		window: WindowId,
		seed: H256,
		device: DeviceIndex,
		rounds: u32,
		commitment: H256,
	) -> DispatchResult {
		let (open, clock) = Self::check_commit(&worker, window, seed, device, rounds)?;
		let elapsed = u32::try_from(clock.slot.saturating_sub(open.slot)).unwrap_or(u32::MAX);
		let slots = elapsed.max(1);
		let ticket = DrawQueue::<T>::mutate(|queue| queue.take_ticket());
		let fold = clock.folds.saturating_add(AUDIT_FOLDS);
		Draws::<T>::insert(ticket, Draw { worker, device, fold });
		let commitment =
			Commitment { window, seed, device, rounds, commitment, slots, audit: None };
		Commitments::<T>::insert(worker, device, Pending { commitment, ticket });
		Self::deposit_event(Event::Committed { worker, device, window, rounds, slots });
		Ok(())
	}

	/// Serves commitments whose lot is there, in the order in which they came, as many as the weight allows.
	pub(crate) fn serve_draws(now: BlockNumber, meter: &mut WeightMeter) {
		let mut queue = DrawQueue::<T>::get();
		let before = queue;
		let folds = Relay::<T>::get().folds;
		while queue.first < queue.next && meter.can_consume(T::WeightInfo::poll_draw()) {
			match Draws::<T>::get(queue.first) {
				Some(draw) if draw.fold > folds => {
					meter.consume(T::WeightInfo::poll_skip());
					break;
				},
				Some(draw) => {
					Draws::<T>::remove(queue.first);
					Self::draw(draw, T::AuditRate::get(), now);
				},
				None => {
					defensive!("a commitment that waits for its lot keeps its ticket");
				},
			}
			meter.consume(T::WeightInfo::poll_draw());
			queue.first = queue.first.saturating_add(1);
		}
		if queue != before {
			DrawQueue::<T>::put(queue);
		}
	}

	/// Certifies a commitment or asks for an audit of it, as the lot will have it.
	pub(crate) fn draw(draw: Draw, rate: Permill, now: BlockNumber) {
		let Draw { worker, device, fold } = draw;
		let (Some(pending), Some(enrolment)) =
			(Commitments::<T>::get(worker, device), Enrolments::<T>::get(worker, device))
		else {
			defensive!("a draw has a commitment, and that an enrolment");
			return;
		};
		let mut commitment = pending.commitment;
		let window = commitment.window;
		let Some(acc) = Self::acc_at(fold) else {
			// Without the lot nobody can be asked, so there is nothing to certify and nothing to punish.
			Commitments::<T>::remove(worker, device);
			Self::deposit_event(Event::CommitmentDropped { worker, device, window });
			return;
		};
		let challenge = transcript::challenge(&commitment.commitment.0, &worker.0, window, &acc.0);
		if Self::is_credible(&worker, &enrolment, &commitment, now)
			&& !transcript::audited(&challenge, rate.deconstruct())
		{
			Commitments::<T>::remove(worker, device);
			Self::certify(worker, &enrolment, &commitment, false);
			return;
		}
		let challenge = H256(challenge);
		let deadline = now.saturating_add(T::RevealBlocks::get());
		let ticket = DeadlineQueue::<T>::mutate(|queue| queue.take_ticket());
		Deadlines::<T>::insert(ticket, Deadline { worker, device, at: deadline });
		commitment.audit = Some(Audit { challenge, deadline });
		Commitments::<T>::insert(worker, device, Pending { commitment, ticket });
		Self::deposit_event(Event::AuditDrawn { worker, device, window, challenge, deadline });
	}

	/// Whether a claim needs no audit, unless the lot asks for one: the device holds a certificate of nearly as much. Whoever
	/// enrols to claim something false once, or far more than it has shown, is always audited.
	fn is_credible(
		worker: &WorkerKey,
		enrolment: &Enrolment<T::AccountId>,
		commitment: &Commitment,
		now: BlockNumber,
	) -> bool {
		let Some((_, claimed)) = Self::claimed(enrolment, commitment) else { return false };
		Certificates::<T>::get(worker).iter().any(|held| {
			let most = held.mops.saturating_add(CREDIBLE_GROWTH * held.mops);
			held.device == commitment.device && now < held.expires && claimed <= most
		})
	}
}
