//! Whether a bundle is valid. Section 13 of the specification, without the ledger's rules.
//!
//! In two steps, so that a ledger puts its own cheap rules in between: [`check_bundle`] looks at the bundle alone, and
//! [`CheckedBundle::verify`] at its proofs.

use alloc::vec::Vec;

use bulletproofs::RangeProof;
use curve25519_dalek::{
	ristretto::{CompressedRistretto, RistrettoPoint},
	scalar::Scalar,
};
use rand_chacha::{rand_core::SeedableRng, ChaCha20Rng};

use crate::{
	bundle::{is_round_fee, proper_point, Bundle, Coin, Domain, MAX_WINDOWS},
	error::Error,
	generators,
	ring::{self, Claim, RingProof, Weights, Wire},
	transcript,
	window::{RingSize, Window},
	Hash,
};

/// The coins of a window.
#[derive(Clone, Copy, Debug)]
pub struct Ring<'a> {
	/// The window.
	pub window: Window,
	/// Its coins, `window.len` of them.
	pub coins: &'a [Coin],
}

/// What bundles are verified against.
#[derive(Clone, Copy, Debug)]
pub struct VerifyContext<'a> {
	/// Chain and pool.
	pub domain: &'a Domain,
	/// The windows that the bundles name, in any order.
	pub rings: &'a [Ring<'a>],
}

/// Bits of an amount.
pub(crate) const BITS: usize = 64;

/// Points at the start of a range proof.
const RANGE_POINTS: usize = 4;
/// Scalars after them.
const RANGE_SCALARS: usize = 3;

/// Bytes of a range proof over so many outputs. Nothing if that number is not permitted.
pub const fn range_proof_len(outputs: usize) -> Option<usize> {
	match outputs {
		2 => Some(736),
		4 => Some(800),
		_ => None,
	}
}

/// A bundle that obeys all rules that need neither ledger nor ring: shape, amounts, windows, encodings.
#[derive(Clone, Debug)]
pub struct CheckedBundle<'a> {
	bundle: &'a Bundle,
	size: RingSize,
	/// Tag and pseudo commitment of each input, and its proof.
	inputs: Vec<(RistrettoPoint, RistrettoPoint, RingProof<'a>)>,
	/// Commitments of the outputs.
	commitments: Vec<RistrettoPoint>,
	range_proof: RangeProof,
}

/// Steps 2 to 6 of the admission: everything about a bundle that can be said without ledger and rings.
///
/// `matured` is the number of coins of the pool that may be spent.
pub fn check_bundle(
	bundle: &Bundle,
	size: RingSize,
	matured: u64,
) -> Result<CheckedBundle<'_>, Error> {
	let Bundle { inputs, outputs, range_proof, .. } = bundle;
	if !matches!(inputs.len(), 1 | 2 | 4)
		|| range_proof_len(outputs.len()) != Some(range_proof.len())
		|| inputs.iter().any(|input| input.proof.len() != size.proof_len())
	{
		return Err(Error::BadShape);
	}
	if bundle.target.amount() == 0 && bundle.target != crate::Target::None
		|| bundle.outflow().is_none()
	{
		return Err(Error::BadAmount);
	}
	if !is_round_fee(bundle.fee) {
		return Err(Error::BadFee);
	}
	for input in inputs {
		input.window.check(size, matured)?;
	}
	if bundle.windows().len() > MAX_WINDOWS {
		return Err(Error::TooManyWindows);
	}
	if !distinct(inputs.iter().map(|input| &input.tag)) {
		return Err(Error::DuplicateTag);
	}
	if !distinct(outputs.iter().map(|output| &output.key)) {
		return Err(Error::DuplicateKey);
	}

	let mut points = Vec::with_capacity(inputs.len());
	for input in inputs {
		let wire = Wire::new(&input.proof, size)?;
		let (tag, pseudo) = (proper_point(&input.tag)?, proper_point(&input.pseudo)?);
		points.push((tag, pseudo, wire, wire.points()?));
	}
	let mut commitments = Vec::with_capacity(outputs.len());
	for output in outputs {
		proper_point(&output.key)?;
		proper_point(&output.ephemeral)?;
		commitments.push(proper_point(&output.commitment)?);
	}
	let (pieces, _) = range_proof.as_chunks::<32>();
	for (at, piece) in pieces.iter().enumerate() {
		let is_scalar =
			(RANGE_POINTS..RANGE_POINTS + RANGE_SCALARS).contains(&at) || at + 2 >= pieces.len();
		if !is_scalar {
			proper_point(piece)?;
		}
	}
	let inputs = points
		.into_iter()
		.map(|(tag, pseudo, wire, points)| {
			Ok((tag, pseudo, RingProof::new(wire, points, wire.scalars()?)))
		})
		.collect::<Result<_, Error>>()?;
	// Its length is right, hence nothing but its scalars can be wrong.
	let range_proof = RangeProof::from_bytes(range_proof).map_err(|_| Error::BadScalar)?;
	Ok(CheckedBundle { bundle, size, inputs, commitments, range_proof })
}

impl Bundle {
	/// The different windows of the inputs.
	pub fn windows(&self) -> Vec<Window> {
		let mut windows: Vec<Window> = self.inputs.iter().map(|input| input.window).collect();
		windows.sort_unstable();
		windows.dedup();
		windows
	}
}

impl CheckedBundle<'_> {
	/// The bundle.
	pub fn bundle(&self) -> &Bundle {
		self.bundle
	}

	/// Steps 12 to 15: balance, range proof and ring proofs. `era_hash` is the hash of the block of the bundle's `era`.
	pub fn verify(&self, context: &VerifyContext<'_>, era_hash: &Hash) -> Result<(), Error> {
		verify_checked(context, core::slice::from_ref(&(self, *era_hash)))
	}

	/// Whether inputs are worth as much as outputs, fee and public amount.
	fn check_balance(&self) -> Result<(), Error> {
		let outflow = self.bundle.outflow().ok_or(Error::BadAmount)?;
		let inputs: RistrettoPoint = self.inputs.iter().map(|(_, pseudo, _)| pseudo).sum();
		let outputs: RistrettoPoint = self.commitments.iter().sum();
		if inputs == outputs + generators::generators().value * Scalar::from(outflow) {
			Ok(())
		} else {
			Err(Error::Unbalanced)
		}
	}

	/// The transcript `T1`, if the range proof holds.
	fn check_range(
		&self,
		domain: &Domain,
		era_hash: &Hash,
		digests: &[Hash],
	) -> Result<merlin::Transcript, Error> {
		let t0 = transcript::statement(domain, era_hash, self.bundle, digests);
		let mut t1 = t0.clone();
		transcript::append_range_proof(&mut t1, &self.bundle.range_proof);
		// It weighs the two equations of the proof, and depends on all of it.
		let mut seed = [0; 32];
		t1.clone().challenge_bytes(b"range-weight", &mut seed);
		let commitments: Vec<CompressedRistretto> = self
			.bundle
			.outputs
			.iter()
			.map(|output| CompressedRistretto(output.commitment))
			.collect();
		self.range_proof
			.verify_multiple_with_rng(
				generators::range(commitments.len()),
				&generators::pedersen(),
				&mut t0.clone(),
				&commitments,
				BITS,
				&mut ChaCha20Rng::from_seed(seed),
			)
			.map_err(|_| Error::BadRangeProof)?;
		Ok(t1)
	}
}

/// Checks and verifies one bundle.
pub fn verify_bundle(
	context: &VerifyContext<'_>,
	matured: u64,
	bundle: &Bundle,
	era_hash: &Hash,
) -> Result<(), Error> {
	check_bundle(bundle, context.domain.size, matured)?.verify(context, era_hash)
}

/// Checks and verifies several bundles, all or nothing: for each ring there is one multiplication, whatever the number of
/// proofs over it. Tags and keys have to be distinct over all of them. No bundle is fine.
pub fn verify_bundles(
	context: &VerifyContext<'_>,
	matured: u64,
	bundles: &[(&Bundle, Hash)],
) -> Result<(), Error> {
	let checked = bundles
		.iter()
		.map(|(bundle, _)| check_bundle(bundle, context.domain.size, matured))
		.collect::<Result<Vec<_>, _>>()?;
	let entries: Vec<_> =
		checked.iter().zip(bundles).map(|(checked, (_, era_hash))| (checked, *era_hash)).collect();
	verify_checked(context, &entries)
}

/// As [`verify_bundles`], of bundles that are checked. Memory is bounded by the number of bundles, and 700 KiB for a ring.
pub fn verify_checked(
	context: &VerifyContext<'_>,
	entries: &[(&CheckedBundle<'_>, Hash)],
) -> Result<(), Error> {
	let bundles = || entries.iter().map(|(checked, _)| checked.bundle);
	if !distinct(bundles().flat_map(|bundle| &bundle.inputs).map(|input| &input.tag)) {
		return Err(Error::DuplicateTag);
	}
	if !distinct(bundles().flat_map(|bundle| &bundle.outputs).map(|output| &output.key)) {
		return Err(Error::DuplicateKey);
	}
	let mut rings: Vec<(&Ring<'_>, Hash, Vec<Claim<'_>>)> = Vec::new();
	let mut weights = Weights::new();
	for (checked, era_hash) in entries {
		if checked.size != context.domain.size {
			return Err(Error::BadShape);
		}
		let mut places = Vec::with_capacity(checked.inputs.len());
		for input in &checked.bundle.inputs {
			places.push(place(&mut rings, context.rings, &input.window)?);
		}
		let digests: Vec<Hash> = places.iter().map(|at| rings[*at].1).collect();
		checked.check_balance()?;
		let t1 = checked.check_range(context.domain, era_hash, &digests)?;
		for (number, ((tag, pseudo, proof), at)) in checked.inputs.iter().zip(places).enumerate() {
			let transcript = transcript::ring(&t1, number);
			let claim = Claim::new(proof, *tag, *pseudo, transcript, &mut weights)?;
			rings[at].2.push(claim);
		}
	}
	// Every proof of the batch is in the weights now, and only now they are drawn.
	for (ring, _, claims) in &rings {
		ring::verify(context.domain.size, ring.coins, claims, &mut weights)?;
	}
	Ok(())
}

/// Where the ring of a window is in the list of those in use. A ring that comes into use is hashed.
fn place<'a, T: Default>(
	used: &mut Vec<(&'a Ring<'a>, Hash, T)>,
	given: &'a [Ring<'a>],
	window: &Window,
) -> Result<usize, Error> {
	if let Some(at) = used.iter().position(|(ring, ..)| ring.window == *window) {
		return Ok(at);
	}
	let ring = given.iter().find(|ring| ring.window == *window).ok_or(Error::BadRing)?;
	if ring.coins.len() as u64 != u64::from(window.len) {
		return Err(Error::BadRing);
	}
	used.push((ring, window.digest(ring.coins), T::default()));
	Ok(used.len() - 1)
}

/// Whether no two are the same.
fn distinct<'a>(items: impl Iterator<Item = &'a [u8; 32]>) -> bool {
	let mut items: Vec<&[u8; 32]> = items.collect();
	items.sort_unstable();
	items.windows(2).all(|pair| pair[0] != pair[1])
}
