//! Makes bundles.

#[cfg(test)]
mod tests;

use alloc::vec::Vec;
use core::fmt;

use bounded_collections::BoundedVec;
use bulletproofs::RangeProof;
use curve25519_dalek::{ristretto::RistrettoPoint, scalar::Scalar};
use merlin::{Transcript, TranscriptRng};
use rand_core::{CryptoRng, RngCore};
use zeroize::{Zeroize, Zeroizing};

use crate::{
	bundle::{proper_point, Bundle, Domain, InputProof, OutputNote, Target},
	error::Error,
	generators::{self, generators},
	ring, transcript,
	verify::{check_bundle, Ring, VerifyContext, BITS},
	Hash, PointBytes,
};

/// Amount and mask of a commitment. Forgotten when dropped.
#[derive(Clone)]
pub struct Opening {
	/// Micro-IO.
	pub amount: u64,
	/// Mask y.
	pub mask: Scalar,
}

impl Opening {
	/// `C = amount H + mask G1`, in constant time.
	pub fn commitment(&self) -> PointBytes {
		self.point().compress().to_bytes()
	}

	fn point(&self) -> RistrettoPoint {
		let generators = generators();
		generators.value * Scalar::from(self.amount) + generators.mask * self.mask
	}
}

impl Drop for Opening {
	fn drop(&mut self) {
		self.amount.zeroize();
		self.mask.zeroize();
	}
}

/// The tag `J = x^-1 U` of the coin with the secret x; of no use if that is 0.
pub fn tag_of(spend_key: &Scalar) -> PointBytes {
	let inverse = Zeroizing::new(spend_key.invert());
	(generators().tag * *inverse).compress().to_bytes()
}

/// A coin to spend, and the ring to hide it in.
pub struct Spend<'a> {
	/// The ring.
	pub ring: Ring<'a>,
	/// Place of the coin in it.
	pub place: u32,
	/// Logarithm x of the coin's key.
	pub spend_key: Zeroizing<Scalar>,
	/// What its commitment holds.
	pub opening: Opening,
}

/// A bundle to be.
pub struct Plan<'a> {
	/// Chain and pool.
	pub domain: &'a Domain,
	/// Coins that may be spent now, in the whole pool.
	pub matured: u64,
	/// Coins to spend.
	pub spends: &'a [Spend<'a>],
	/// Coins to make, each with what its commitment holds.
	pub outputs: &'a [(OutputNote, Opening)],
	/// Micro-IO for the fee.
	pub fee: u64,
	/// Who submits the bundle and gets the fee, if it is not submitted unsigned.
	pub fee_to: Option<Hash>,
	/// Who is paid in the open.
	pub target: Target,
	/// Number of a recent block.
	pub era: u32,
	/// Its hash.
	pub era_hash: Hash,
}

/// Why no bundle can be made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BuildError {
	/// A number of inputs or outputs that no bundle has.
	BadCount,
	/// The commitment of an output does not hold what it should.
	BadOpening,
	/// The coin to spend is not at its place in the ring, or has other secrets.
	BadSpend,
	/// Inputs are not worth as much as outputs, fee and public amount.
	Unbalanced,
	/// The bundle would be refused.
	Refused(Error),
}

impl fmt::Display for BuildError {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		match self {
			BuildError::BadCount => {
				f.write_str("a bundle takes 1, 2 or 4 inputs and 2 or 4 outputs")
			},
			BuildError::BadOpening => f.write_str("a commitment does not hold what it should"),
			BuildError::BadSpend => f.write_str("a coin is not at its place, or has other secrets"),
			BuildError::Unbalanced => f.write_str("inputs and outputs are not worth the same"),
			BuildError::Refused(error) => write!(f, "the bundle would be refused: {error}"),
		}
	}
}

impl core::error::Error for BuildError {}

/// Makes a bundle, and verifies it: what comes out is valid.
///
/// Time does not depend on places, keys, masks or amounts. Nonces come from the transcript, the secrets and `rng`
/// together, so that a bad `rng` alone does not give secrets away.
pub fn build_bundle<R: RngCore + CryptoRng>(
	plan: &Plan<'_>,
	rng: &mut R,
) -> Result<Bundle, BuildError> {
	let total = |amounts: &mut dyn Iterator<Item = u64>| amounts.map(u128::from).sum::<u128>();
	let inflow = total(&mut plan.spends.iter().map(|spend| spend.opening.amount));
	let made = total(&mut plan.outputs.iter().map(|(_, opening)| opening.amount));
	let left = total(&mut [plan.fee, plan.target.amount()].into_iter());
	if inflow != made + left {
		return Err(BuildError::Unbalanced);
	}
	if plan.outputs.iter().any(|(note, opening)| note.commitment != opening.commitment()) {
		return Err(BuildError::BadOpening);
	}

	let draft = Draft::new(plan, rng)?;
	let bundle = draft.prove(plan, ring::prove, rng)?;
	let rings: Vec<Ring<'_>> = plan.spends.iter().map(|spend| spend.ring).collect();
	let context = VerifyContext { domain: plan.domain, rings: &rings };
	check_bundle(&bundle, plan.domain.size, plan.matured)
		.and_then(|checked| checked.verify(&context, &plan.era_hash))
		.map_err(BuildError::Refused)?;
	Ok(bundle)
}

/// A bundle without proofs.
pub(crate) struct Draft {
	pub(crate) bundle: Bundle,
	/// Digests of the rings of the inputs.
	pub(crate) digests: Vec<Hash>,
	/// What the pseudo commitments hold.
	pub(crate) pseudos: Vec<Opening>,
}

/// A prover of ring proofs.
type ProveRing = fn(
	&ring::Statement<'_>,
	&ring::Witness<'_>,
	Transcript,
	&mut TranscriptRng,
) -> Result<Vec<u8>, Error>;

impl Draft {
	/// Does what the plan says, right or wrong.
	pub(crate) fn new<R: RngCore + CryptoRng>(
		plan: &Plan<'_>,
		rng: &mut R,
	) -> Result<Self, BuildError> {
		let mut transcript = Transcript::new(b"io-shield/pseudo/v1");
		transcript.append_message(b"era", &plan.era_hash);
		for (note, _) in plan.outputs {
			transcript.append_message(b"output", &note.commitment);
		}
		let pseudos = pseudo_openings(plan, &mut rekeyed(&transcript, plan, rng));
		let mut inputs = Vec::with_capacity(plan.spends.len());
		let mut digests = Vec::with_capacity(plan.spends.len());
		for (spend, pseudo) in plan.spends.iter().zip(&pseudos) {
			digests.push(spend.ring.window.digest(spend.ring.coins));
			inputs.push(InputProof {
				window: spend.ring.window,
				tag: tag_of(&spend.spend_key),
				pseudo: pseudo.commitment(),
				proof: BoundedVec::new(),
			});
		}
		let outputs: Vec<OutputNote> = plan.outputs.iter().map(|(note, _)| *note).collect();
		if !matches!(inputs.len(), 1 | 2 | 4) || !matches!(outputs.len(), 2 | 4) {
			return Err(BuildError::BadCount);
		}
		let bundle = Bundle {
			inputs: inputs.try_into().map_err(|_| BuildError::BadCount)?,
			outputs: outputs.try_into().map_err(|_| BuildError::BadCount)?,
			fee: plan.fee,
			fee_to: plan.fee_to,
			target: plan.target,
			era: plan.era,
			range_proof: BoundedVec::new(),
		};
		Ok(Self { bundle, digests, pseudos })
	}

	/// Puts the proofs in.
	pub(crate) fn prove<R: RngCore + CryptoRng>(
		self,
		plan: &Plan<'_>,
		prove_ring: ProveRing,
		rng: &mut R,
	) -> Result<Bundle, BuildError> {
		let Self { mut bundle, digests, pseudos } = self;
		let mut transcript = transcript::statement(plan.domain, &plan.era_hash, &bundle, &digests);
		// Nonces depend on the whole statement: no two challenges meet the same ones.
		let mut rng = rekeyed(&transcript, plan, rng);
		let openings = || plan.outputs.iter().map(|(_, opening)| opening);
		let amounts: Zeroizing<Vec<u64>> =
			Zeroizing::new(openings().map(|opening| opening.amount).collect());
		let masks: Zeroizing<Vec<Scalar>> =
			Zeroizing::new(openings().map(|opening| opening.mask).collect());
		let (range_proof, _) = RangeProof::prove_multiple_with_rng(
			generators::range(amounts.len()),
			&generators::pedersen(),
			&mut transcript.clone(),
			&amounts,
			&masks,
			BITS,
			&mut rng,
		)
		.map_err(|_| BuildError::Refused(Error::BadRangeProof))?;
		let range_proof = range_proof.to_bytes();
		transcript::append_range_proof(&mut transcript, &range_proof);
		let long = |_| BuildError::Refused(Error::BadShape);
		bundle.range_proof = range_proof.try_into().map_err(long)?;

		let inputs = bundle.inputs.iter_mut().zip(plan.spends).zip(&pseudos);
		for (number, ((input, spend), pseudo)) in inputs.enumerate() {
			let mask = Zeroizing::new(spend.opening.mask - pseudo.mask);
			let witness =
				ring::Witness { place: spend.place, spend_key: &spend.spend_key, mask: &mask };
			let statement = ring::Statement {
				size: plan.domain.size,
				coins: spend.ring.coins,
				tag: proper_point(&input.tag).map_err(|_| BuildError::BadSpend)?,
				pseudo: pseudo.point(),
			};
			let transcript = transcript::ring(&transcript, number);
			let proof = prove_ring(&statement, &witness, transcript, &mut rng)
				.map_err(|_| BuildError::BadSpend)?;
			input.proof = proof.try_into().map_err(long)?;
		}
		Ok(bundle)
	}
}

/// A generator of random numbers that depends on a transcript and all secrets as well as on `rng`.
fn rekeyed<R: RngCore + CryptoRng>(
	transcript: &Transcript,
	plan: &Plan<'_>,
	rng: &mut R,
) -> TranscriptRng {
	let mut builder = transcript.build_rng();
	for spend in plan.spends {
		builder = builder
			.rekey_with_witness_bytes(b"spend-key", spend.spend_key.as_bytes())
			.rekey_with_witness_bytes(b"mask", spend.opening.mask.as_bytes());
	}
	for (_, opening) in plan.outputs {
		builder = builder
			.rekey_with_witness_bytes(b"amount", &opening.amount.to_le_bytes())
			.rekey_with_witness_bytes(b"mask", opening.mask.as_bytes());
	}
	builder.finalize(rng)
}

/// Openings of the pseudo commitments: the amounts of the inputs, random masks, and the last one such that those of
/// inputs and outputs have the same sum.
fn pseudo_openings<R: RngCore + CryptoRng>(plan: &Plan<'_>, rng: &mut R) -> Vec<Opening> {
	let mut rest =
		Zeroizing::new(plan.outputs.iter().map(|(_, opening)| opening.mask).sum::<Scalar>());
	let mut pseudos = Vec::with_capacity(plan.spends.len());
	for (number, spend) in plan.spends.iter().enumerate() {
		let is_last = number + 1 == plan.spends.len();
		let mask = if is_last { *rest } else { Scalar::random(rng) };
		*rest -= mask;
		pseudos.push(Opening { amount: spend.opening.amount, mask });
	}
	pseudos
}
