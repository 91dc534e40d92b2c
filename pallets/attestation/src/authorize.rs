//! Which calls of devices are valid. The pool, the off-chain worker and the dispatch ask the same questions. Only whether a
//! proof is right is left to the dispatch: whoever signs a wrong one answers for it there.

use codec::Encode;
use frame_support::{ensure, traits::Get, weights::Weight};
use io_primitives::{
	attestation::{AttestationCall, ProofBytes, SignedAttestation, ENROLMENT_BLOCKS},
	call::refusal,
	BlockNumber, WorkerKey,
};
use sp_core::sr25519;
use sp_runtime::{
	transaction_validity::{
		InvalidTransaction, TransactionValidity, TransactionValidityWithRefund, ValidTransaction,
	},
	SaturatedConversion,
};

use crate::{Call, Config, Error, Pallet};

/// How far ahead `valid_until` may lie, in blocks; of an enrolment or a departure, no more than [`ENROLMENT_BLOCKS`].
pub const MAX_CALL_VALIDITY: BlockNumber = 14_400;

impl<T: Config> Pallet<T> {
	/// Whether a signed call of a device would be accepted into the next block, and with what place in the pool. The
	/// cheapest checks come first, the signature last.
	pub fn check_attestation<Proof: Encode + AsRef<[u8]>>(
		signed: &SignedAttestation<Proof>,
	) -> TransactionValidity {
		let SignedAttestation { worker, call, valid_until, signature } = signed;
		let now = Self::now();
		ensure!(now <= *valid_until, InvalidTransaction::Stale);
		let validity = valid_until.saturating_sub(now);
		let longest = match call {
			AttestationCall::Enrol { .. } | AttestationCall::Leave { .. } => ENROLMENT_BLOCKS,
			_ => MAX_CALL_VALIDITY,
		};
		ensure!(validity <= longest, refusal(&Error::<T>::ValidityTooLong));
		let useful = Self::check_call(worker, call, now).map_err(|error| refusal(&error))?;
		let payload = call.payload(Self::genesis(), *valid_until);
		ensure!(
			sp_io::crypto::sr25519_verify(signature, &payload, worker),
			InvalidTransaction::BadProof
		);
		// Commitments lose worth with each block, and reveals avert a slash.
		let (priority, kind, subject) = match call {
			AttestationCall::Enrol { device, .. } => (0, 0u8, u64::from(*device)),
			AttestationCall::Leave { device } => (0, 0, u64::from(*device)),
			AttestationCall::Commit { device, .. } => (2, 1, u64::from(*device)),
			AttestationCall::Reveal { device, .. } => (1, 2, u64::from(*device)),
			AttestationCall::SettleProduct { job, .. } => (1, 3, *job),
		};
		ValidTransaction::with_tag_prefix("IoAttestation")
			.priority(T::UnsignedPriority::get().saturating_add(priority))
			.and_provides((worker, kind, subject))
			.longevity(validity.min(useful).max(1).into())
			.propagate(true)
			.build()
	}

	/// Checks a call against the state. Returns for how many blocks it may be of use.
	fn check_call<Proof: AsRef<[u8]>>(
		worker: &WorkerKey,
		call: &AttestationCall<Proof>,
		now: BlockNumber,
	) -> Result<BlockNumber, Error<T>> {
		match call {
			AttestationCall::Enrol { device, class, lanes } => {
				Self::check_enrol(worker, *device, *class, *lanes, now)?;
				Ok(BlockNumber::MAX)
			},
			AttestationCall::Leave { device } => {
				Self::check_leave(worker, *device, now)?;
				Ok(BlockNumber::MAX)
			},
			AttestationCall::Commit { window, seed, device, rounds, .. } => {
				let (open, clock) = Self::check_commit(worker, *window, *seed, *device, *rounds)?;
				// No more than one block comes in a slot.
				Ok(open.last_slot.saturating_sub(clock.slot).saturated_into())
			},
			AttestationCall::Reveal { window, challenge, device, proof } => {
				let len = proof.as_ref().len();
				let found = Self::check_reveal(worker, *window, *challenge, *device, len, now)?;
				Ok(found.deadline.saturating_sub(now))
			},
			AttestationCall::SettleProduct { job, proof } => {
				Self::check_settle(worker, *job, proof.as_ref())?;
				Ok(BlockNumber::MAX)
			},
		}
	}

	/// [`Self::check_attestation`] for the `authorize` attribute. The whole weight is spent.
	pub(crate) fn authorize_attestation(
		worker: &WorkerKey,
		call: AttestationCall<&ProofBytes>,
		valid_until: BlockNumber,
		signature: &sr25519::Signature,
	) -> TransactionValidityWithRefund {
		let signed =
			SignedAttestation { worker: *worker, call, valid_until, signature: *signature };
		Self::check_attestation(&signed).map(|valid| (valid, Weight::zero()))
	}

	/// The call of this pallet that carries a device's signed call.
	pub fn attestation_call(signed: SignedAttestation) -> Call<T> {
		let SignedAttestation { worker, call, valid_until, signature } = signed;
		match call {
			AttestationCall::Enrol { device, class, lanes } => {
				Call::enrol { worker, device, class, lanes, valid_until, signature }
			},
			AttestationCall::Leave { device } => {
				Call::leave { worker, device, valid_until, signature }
			},
			AttestationCall::Commit { window, seed, device, rounds, commitment } => Call::commit {
				worker,
				window,
				seed,
				device,
				rounds,
				commitment,
				valid_until,
				signature,
			},
			AttestationCall::Reveal { window, challenge, device, proof } => {
				Call::reveal { worker, window, challenge, device, proof, valid_until, signature }
			},
			AttestationCall::SettleProduct { job, proof } => {
				Call::settle_product { worker, job, proof, valid_until, signature }
			},
		}
	}
}
