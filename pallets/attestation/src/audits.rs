//! Audits: the reveal, the silence, and what either leads to.

use codec::Encode;
use frame_support::{
	defensive,
	dispatch::{DispatchResultWithPostInfo, Pays, PostDispatchInfo},
	ensure,
	traits::Get,
	weights::{Weight, WeightMeter},
};
use io_primitives::{
	attestation::{Certificate, Commitment, DeviceIndex, Enrolment, WindowId, MAX_DEVICES},
	BlockNumber, Bonding, Offence, OffenceReason, Slashing, WorkLedger, WorkerKey,
};
use io_tflops::{
	params::{LEAF_BYTES, MAX_K, MAX_OPENINGS, MAX_ROUNDS},
	reveal::reveal_len,
	transcript, verify_reveal, Params, Statement,
};
use sp_core::H256;
use sp_runtime::SaturatedConversion;

use crate::{
	types::{dimensions, Pending},
	Certificates, Commitments, Config, DeadlineQueue, Deadlines, Enrolments, Error, Event, Pallet,
	WeightInfo, SLOT_SECONDS,
};

/// A reveal whose device, window, time and length are right.
pub(crate) struct Revealable<AccountId> {
	pub(crate) pending: Pending,
	pub(crate) deadline: BlockNumber,
	pub(crate) enrolment: Enrolment<AccountId>,
	pub(crate) params: Params,
}

impl<T: Config> Pallet<T> {
	/// Checks everything about a reveal but the proof itself, of whose `len` bytes nothing is read.
	pub(crate) fn check_reveal(
		worker: &WorkerKey,
		window: WindowId,
		challenge: H256,
		device: DeviceIndex,
		len: usize,
		now: BlockNumber,
	) -> Result<Revealable<T::AccountId>, Error<T>> {
		let pending = Commitments::<T>::get(worker, device)
			.filter(|pending| pending.commitment.window == window)
			.ok_or(Error::<T>::NoCommitment)?;
		let audit = pending.commitment.audit.ok_or(Error::<T>::NotAudited)?;
		ensure!(audit.challenge == challenge, Error::<T>::OtherChallenge);
		ensure!(now < audit.deadline, Error::<T>::TooLate);
		let enrolment = Enrolments::<T>::get(worker, device).ok_or(Error::<T>::NotEnrolled)?;
		let params = dimensions(&enrolment.params, enrolment.lanes)
			.map_err(|_| Error::<T>::BadDimensions)?;
		let expected = reveal_len(&params, pending.commitment.rounds, enrolment.params.openings);
		ensure!(len == expected, Error::<T>::BadProofLength);
		Ok(Revealable { pending, deadline: audit.deadline, enrolment, params })
	}

	/// Verifies a reveal. Its signer vouches for it, so a wrong one costs the bond.
	pub(crate) fn do_reveal(
		worker: WorkerKey,
		window: WindowId,
		challenge: H256,
		device: DeviceIndex,
		proof: &[u8],
	) -> DispatchResultWithPostInfo {
		let Revealable { pending, enrolment, params, .. } =
			Self::check_reveal(&worker, window, challenge, device, proof.len(), Self::now())?;
		let Commitment { seed, rounds, commitment, .. } = pending.commitment;
		let class = enrolment.class;
		let openings = enrolment.params.openings;
		let statement = Statement {
			seed: transcript::device_seed(&seed.0, &worker.0, device, class, &params),
			params,
			rounds,
			openings,
			commitment: commitment.0,
			challenge: challenge.0,
		};
		let verdict = verify_reveal(&statement, proof);
		Commitments::<T>::remove(worker, device);
		Deadlines::<T>::remove(pending.ticket);
		let mut weight = Self::verification_weight(rounds, openings, params.k());
		match verdict {
			Ok(()) => Self::certify(worker, &enrolment, &pending.commitment, true),
			Err(error) => {
				log::debug!(target: crate::LOG_TARGET, "a reveal is wrong: {error:?}");
				weight = weight.saturating_add(T::WeightInfo::punish());
				Self::punish(worker, enrolment, window, OffenceReason::FalseCertificate);
			},
		}
		Ok(PostDispatchInfo { actual_weight: Some(weight), pays_fee: Pays::No })
	}

	/// Weight of a reveal of so many rounds and openings in a class with `k` columns, if it is right.
	fn verification_weight(rounds: u32, openings: u32, k: u32) -> Weight {
		let columns = u64::from(openings).saturating_mul(k.into());
		let longest = columns.div_ceil(MAX_K.into()).saturated_into();
		T::WeightInfo::reveal(rounds, openings)
			.saturating_add(T::WeightInfo::reveal_entries(longest))
	}

	/// The most that a reveal of `len` bytes can weigh: as many openings as fit, of the longest rows, and all of it wrong.
	pub(crate) fn reveal_weight_limit(len: usize) -> Weight {
		let openings = (len / LEAF_BYTES).saturated_into::<u32>().min(MAX_OPENINGS);
		Self::verification_weight(MAX_ROUNDS, openings, MAX_K)
			.saturating_add(T::WeightInfo::punish())
	}

	/// Punishes audited devices that let their deadline pass, as many as the weight allows.
	pub(crate) fn serve_deadlines(now: BlockNumber, meter: &mut WeightMeter) {
		let mut queue = DeadlineQueue::<T>::get();
		let before = queue;
		let one = T::WeightInfo::poll_skip().saturating_add(T::WeightInfo::punish());
		while queue.first < queue.next && meter.can_consume(one) {
			meter.consume(T::WeightInfo::poll_skip());
			// Who revealed has withdrawn its ticket.
			if let Some(deadline) = Deadlines::<T>::get(queue.first) {
				if deadline.at > now {
					break;
				}
				meter.consume(T::WeightInfo::punish());
				Deadlines::<T>::remove(queue.first);
				Self::punish_silence(deadline.worker, deadline.device);
			}
			queue.first = queue.first.saturating_add(1);
		}
		if queue != before {
			DeadlineQueue::<T>::put(queue);
		}
	}

	pub(crate) fn punish_silence(worker: WorkerKey, device: DeviceIndex) {
		let (Some(pending), Some(enrolment)) =
			(Commitments::<T>::take(worker, device), Enrolments::<T>::get(worker, device))
		else {
			defensive!("a deadline has a commitment, and that an enrolment");
			return;
		};
		let window = pending.commitment.window;
		Self::punish(worker, enrolment, window, OffenceReason::UnrevealedCertificate);
	}

	/// Takes the device's whole bond and its certificate, and ends its enrolment.
	pub(crate) fn punish(
		worker: WorkerKey,
		enrolment: Enrolment<T::AccountId>,
		window: WindowId,
		reason: OffenceReason,
	) {
		let Enrolment { device, operator, bond, since: enrolment_since, .. } = enrolment;
		Enrolments::<T>::remove(worker, device);
		Self::drop_certificate(&worker, device);
		// Bonds shrink with the stake that covers them, so this one is unlocked before it is taken.
		T::Bonding::unlock(&operator, bond);
		// A device commits once in a window, so this names the offence and no other.
		let id = (b"io/attestation/offence", worker, device, window)
			.using_encoded(sp_io::hashing::blake2_256)
			.into();
		// Nothing is audited that long after its window opened.
		let longest = T::CertificateTtl::get().saturating_add(T::RevealBlocks::get());
		let since = enrolment_since.max(Self::now().saturating_sub(longest));
		let harmed = None;
		let offence =
			Offence { id, operator: operator.clone(), since, amount: bond, reason, harmed };
		let amount = T::Slashing::report(offence).unwrap_or_else(|error| {
			// The operator has withdrawn all that was not locked; an earlier slash took the rest.
			log::warn!(target: crate::LOG_TARGET, "nothing is left to slash: {error:?}");
			0
		});
		Self::deposit_event(Event::DeviceSlashed {
			worker,
			device,
			window,
			operator,
			amount,
			reason,
		});
	}

	/// What a commitment claims: int8 operations, and 10^6 of them per second.
	pub(crate) fn claimed(
		enrolment: &Enrolment<T::AccountId>,
		commitment: &Commitment,
	) -> Option<(u128, u64)> {
		let params = dimensions(&enrolment.params, enrolment.lanes).ok()?;
		let ops = params.ops_per_round().saturating_mul(commitment.rounds.into());
		let seconds = u128::from(commitment.slots).saturating_mul(SLOT_SECONDS);
		Some((ops, (ops / seconds.max(1) / 1_000_000).saturated_into()))
	}

	/// Gives the device its certificate, in the place of an older one. Certificates that have expired make room.
	pub(crate) fn certify(
		worker: WorkerKey,
		enrolment: &Enrolment<T::AccountId>,
		commitment: &Commitment,
		audited: bool,
	) {
		let Commitment { window, device, slots, .. } = *commitment;
		let Some((ops, mops)) = Self::claimed(enrolment, commitment) else {
			defensive!("an enrolment has the dimensions of a class that was checked");
			return;
		};
		let now = Self::now();
		let certificate = Certificate {
			device,
			class: enrolment.class,
			window,
			ops,
			slots,
			mops,
			audited,
			expires: now.saturating_add(T::CertificateTtl::get()),
		};
		Certificates::<T>::mutate(worker, |list| {
			list.retain(|other| other.device != device && other.expires > now);
			if list.try_push(certificate).is_err() {
				defensive!("a worker has MAX_DEVICES devices", MAX_DEVICES);
			}
		});
		T::WorkLedger::certified(&enrolment.operator, ops);
		Self::deposit_event(Event::Certified { worker, device, window, mops, audited });
	}
}
