//! The rules for bundles, the cheap ones first: section 13 of the specification of `io-shielded`.

use alloc::vec::Vec;
use codec::Encode;
use frame_support::{ensure, traits::Get, weights::Weight};
use io_primitives::{shielded::PauseScope, Balance, BlockNumber, JobSpec, JobSubmission};
use io_shielded::{
	bundle::{is_stamp, round_up_fee},
	check_bundle, Bundle, CheckedBundle, Domain, Ring, Target, VerifyContext,
};
use sp_runtime::traits::{Convert, SaturatedConversion};

use crate::{Config, Error, Keys, Pallet, Tags, WeightInfo, MAX_ERA, UNIT};

/// Bytes of an unsigned bundle's extrinsic beside inputs, outputs and job, at most: the same for all, so that the fee does
/// not tell how long each part is.
const FRAME_BYTES: u32 = 1_024;
/// Bytes of an output.
const OUTPUT_BYTES: u32 = 202;
/// Bytes of an input beside its ring proof.
const INPUT_BYTES: u32 = 74;

/// How a bundle comes to the chain.
pub(crate) enum Entry<'a, AccountId> {
	/// By anybody, with a stamp.
	Unsigned { stamp: u64 },
	/// By the account that gets the fee.
	Signed { by: &'a AccountId },
}

/// How large a bundle is, as far as that costs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Shape {
	/// Inputs.
	pub inputs: u32,
	/// Different windows.
	pub windows: u32,
	/// Outputs.
	pub outputs: u32,
}

impl Shape {
	/// The shape of a bundle.
	pub fn of(bundle: &Bundle) -> Self {
		Self {
			inputs: bundle.inputs.len() as u32,
			windows: bundle.windows().len() as u32,
			outputs: bundle.outputs.len() as u32,
		}
	}
}

/// A quarter more: the proofs were measured on one machine, and time is what an attacker wants to take.
fn with_margin(weight: Weight) -> Weight {
	let time = weight.ref_time();
	weight.set_ref_time(time.saturating_add(time / 4))
}

impl<T: Config> Pallet<T> {
	/// What tells this pool from all others.
	pub fn domain() -> Domain {
		Domain {
			genesis: Self::block_hash(0),
			para: T::ParaId::get(),
			pallet: <Self as frame_support::traits::PalletInfoAccess>::index() as u8,
			size: T::RING,
		}
	}

	fn block_hash(block: BlockNumber) -> [u8; 32] {
		frame_system::Pallet::<T>::block_hash(
			block.saturated_into::<frame_system::pallet_prelude::BlockNumberFor<T>>(),
		)
		.0
	}

	/// Everything but the proofs and what happens to the money.
	pub(crate) fn admit<'a>(
		bundle: &'a Bundle,
		job: Option<&JobSpec>,
		entry: Entry<'_, T::AccountId>,
	) -> Result<CheckedBundle<'a>, Error<T>> {
		Self::check_entry(bundle, job, &entry)?;
		let checked = check_bundle(bundle, T::RING, Self::matured())?;
		if let Entry::Unsigned { .. } = entry {
			ensure!(
				bundle.fee >= Self::minimum_fee_of(Shape::of(bundle), job),
				Error::<T>::FeeTooLow
			);
		}
		for input in &bundle.inputs {
			ensure!(!Tags::<T>::contains_key(input.tag), Error::<T>::TagSpent);
		}
		for output in &bundle.outputs {
			ensure!(!Keys::<T>::contains_key(output.key), Error::<T>::KeyExists);
		}
		Self::era_hash(bundle.era)?;
		if let Entry::Unsigned { stamp } = entry {
			let id = bundle.id(&Self::domain());
			ensure!(is_stamp(&id, stamp, T::Terms::get().stamp_bits), Error::<T>::BadStamp);
		}
		Ok(checked)
	}

	/// Whether the bundle may come in this way now, and brings the job that it pays for.
	fn check_entry(
		bundle: &Bundle,
		job: Option<&JobSpec>,
		entry: &Entry<'_, T::AccountId>,
	) -> Result<(), Error<T>> {
		match (entry, bundle.fee_to) {
			(Entry::Unsigned { .. }, None) => {
				ensure!(T::Terms::get().unsigned_spends, Error::<T>::UnsignedClosed);
			},
			(Entry::Signed { by }, Some(relayer)) => {
				ensure!(T::AccountId::from(relayer) == **by, Error::<T>::NotRelayer);
			},
			_ => return Err(Error::<T>::NotRelayer),
		}
		match (Self::current_pause().map(|pause| pause.scope), &bundle.target) {
			(None, _) => {},
			(Some(PauseScope::AllButExits), Target::Account { .. } | Target::Job { .. }) => {},
			_ => return Err(Error::<T>::Paused),
		}
		match (&bundle.target, job) {
			(Target::Job { spec, .. }, Some(job)) => {
				ensure!(
					job.using_encoded(sp_io::hashing::blake2_256) == *spec,
					Error::<T>::WrongJob
				);
			},
			(Target::Job { .. }, None) | (_, Some(_)) => return Err(Error::<T>::WrongJob),
			(_, None) => {},
		}
		Ok(())
	}

	/// The hash of the block that a bundle names, if it is one of the last [`MAX_ERA`].
	fn era_hash(era: BlockNumber) -> Result<[u8; 32], Error<T>> {
		let age = Self::now().checked_sub(era).ok_or(Error::<T>::UnknownEra)?;
		ensure!((1..=MAX_ERA).contains(&age), Error::<T>::UnknownEra);
		let hash = Self::block_hash(era);
		ensure!(hash != [0; 32], Error::<T>::UnknownEra);
		Ok(hash)
	}

	/// The proofs of a bundle that was admitted in this block.
	pub(crate) fn verify(checked: &CheckedBundle<'_>) -> Result<(), Error<T>> {
		let bundle = checked.bundle();
		let era_hash = Self::era_hash(bundle.era)?;
		let coins: Vec<_> = bundle
			.windows()
			.into_iter()
			.map(|window| (window, Self::coins_from(window.start(T::RING), window.len)))
			.collect();
		let rings: Vec<_> =
			coins.iter().map(|(window, coins)| Ring { window: *window, coins }).collect();
		let context = VerifyContext { domain: &Self::domain(), rings: &rings };
		Ok(checked.verify(&context, &era_hash)?)
	}

	/// What carrying out an unsigned bundle weighs.
	pub(crate) fn spend_weight(shape: Shape, job: Option<&JobSpec>) -> Weight {
		let Shape { inputs, windows, outputs } = shape;
		with_margin(T::WeightInfo::spend(inputs, windows, outputs))
			.saturating_add(job.map_or(Weight::zero(), T::Jobs::submit_weight))
	}

	/// What carrying out a relayed bundle weighs.
	pub(crate) fn relay_weight(shape: Shape, job: Option<&JobSpec>) -> Weight {
		let Shape { inputs, windows, outputs } = shape;
		with_margin(T::WeightInfo::relay(inputs, windows, outputs))
			.saturating_add(job.map_or(Weight::zero(), T::Jobs::submit_weight))
	}

	/// What the authorisation of an unsigned bundle weighs in a block.
	pub(crate) fn authorize_weight(shape: Shape, job: Option<&JobSpec>) -> Weight {
		with_margin(T::WeightInfo::authorize_spend(shape.inputs, shape.outputs))
			.saturating_add(job.map_or(Weight::zero(), T::Jobs::submit_weight))
	}

	/// The least fee of an unsigned bundle, in units: what a signed transaction of its weight and length would cost at the
	/// current multiplier, rounded up so that it has two digits.
	pub fn minimum_fee_of(shape: Shape, job: Option<&JobSpec>) -> u64 {
		let weight =
			Self::spend_weight(shape, job).saturating_add(Self::authorize_weight(shape, job));
		let input_bytes = INPUT_BYTES.saturating_add(T::RING.proof_len() as u32);
		let bytes = FRAME_BYTES
			.saturating_add(input_bytes.saturating_mul(shape.inputs))
			.saturating_add(OUTPUT_BYTES.saturating_mul(shape.outputs))
			.saturating_add(job.map_or(0, |job| job.encoded_size() as u32));
		let fee: Balance = T::TransactionFee::convert((bytes, weight));
		let units = u64::try_from(fee.div_ceil(UNIT)).unwrap_or(u64::MAX);
		round_up_fee(units).unwrap_or(u64::MAX)
	}
}
