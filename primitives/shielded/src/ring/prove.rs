//! The prover of ring proofs. What it does, and which memory it touches, does not depend on the place or the keys.

use alloc::vec::Vec;

use curve25519_dalek::{
	constants::RISTRETTO_BASEPOINT_TABLE,
	ristretto::RistrettoPoint,
	scalar::Scalar,
	traits::{Identity, IsIdentity, MultiscalarMul},
};
use merlin::Transcript;
use rand_core::{CryptoRng, RngCore};
use subtle::{ConditionallySelectable, ConstantTimeEq};
use zeroize::Zeroizing;

use crate::{
	bundle::{proper_point, Coin},
	error::Error,
	generators::{generators, Generators},
	transcript,
	window::{RingSize, BASE},
};

/// What only the spender knows.
pub(crate) struct Witness<'a> {
	/// Place of the coin in the ring.
	pub(crate) place: u32,
	/// x: the logarithm of the coin's key.
	pub(crate) spend_key: &'a Scalar,
	/// d: by how much the mask of the coin's commitment exceeds that of the pseudo commitment.
	pub(crate) mask: &'a Scalar,
}

/// Statement of a proof, beside what is in the transcript already.
pub(crate) struct Statement<'a> {
	/// Places of the ring.
	pub(crate) size: RingSize,
	/// Coins of the ring, without pads.
	pub(crate) coins: &'a [Coin],
	/// Tag J.
	pub(crate) tag: RistrettoPoint,
	/// Pseudo commitment C'.
	pub(crate) pseudo: RistrettoPoint,
}

/// Proves that the coin in the witness's place is spent. `transcript` is that of the verifier.
///
/// Nonces are a function of everything: transcript, witness and `rng`. A bad `rng` alone is no disaster.
///
/// # Errors
/// [`Error::BadRing`] if something in the ring is not a coin, [`Error::BadRingProof`] if the witness is wrong.
pub(crate) fn prove<R: RngCore + CryptoRng>(
	statement: &Statement<'_>,
	witness: &Witness<'_>,
	transcript: Transcript,
	rng: &mut R,
) -> Result<Vec<u8>, Error> {
	let (keys, commitments) = ring(statement.coins, statement.size.places() as usize)?;
	check(statement, witness, &keys, &commitments)?;
	prove_unchecked(generators(), statement, witness, transcript, rng)
}

/// As [`prove`], with any witness. A wrong one gives a proof that does not hold, and may give secrets away.
pub(super) fn prove_unchecked<R: RngCore + CryptoRng>(
	generators: &Generators,
	statement: &Statement<'_>,
	witness: &Witness<'_>,
	mut transcript: Transcript,
	rng: &mut R,
) -> Result<Vec<u8>, Error> {
	let Statement { size, coins, tag, .. } = statement;
	let (digits, places) = (size.digits(), size.places() as usize);
	let bases = generators.bits.get(..BASE * digits).ok_or(Error::BadRingProof)?;
	let (keys, commitments) = ring(coins, places)?;

	let mut rng = transcript
		.build_rng()
		.rekey_with_witness_bytes(b"place", &witness.place.to_le_bytes())
		.rekey_with_witness_bytes(b"spend-key", witness.spend_key.as_bytes())
		.rekey_with_witness_bytes(b"mask", witness.mask.as_bytes())
		.finalize(rng);
	let mut secrets =
		|len: usize| Zeroizing::new((0..len).map(|_| Scalar::random(&mut rng)).collect::<Vec<_>>());

	// Bits of the digits of the place, and their masks. The masks of a digit sum up to 0.
	let mut a = secrets(BASE * digits);
	for row in a.as_chunks_mut::<BASE>().0 {
		row[0] = -(row[1] + row[2] + row[3]);
	}
	let sigma = Zeroizing::new(
		(0..digits)
			.flat_map(|digit| {
				let own = witness.place >> (2 * digit) & 3;
				(0..BASE as u32).map(move |other| {
					Scalar::conditional_select(&Scalar::ZERO, &Scalar::ONE, own.ct_eq(&other))
				})
			})
			.collect::<Vec<Scalar>>(),
	);
	let mixed = zip(&a, &sigma, |a, sigma| a * (Scalar::ONE - sigma - sigma));
	let squares = zip(&a, &a, |a, _| -(a * a));
	let blindings = secrets(4);
	let commit = |entries: &[Scalar], blinding: &Scalar| {
		RistrettoPoint::multiscalar_mul(
			entries.iter().chain([blinding]),
			bases.iter().chain([&generators.bit_blinding]),
		)
	};
	let mut points = Vec::with_capacity(4 + 3 * digits);
	for (entries, blinding) in [&a, &sigma, &mixed, &squares].into_iter().zip(blindings.iter()) {
		points.push(commit(entries, blinding));
	}

	let coefficients = coefficients(&sigma, &a, digits);
	let (rho, rho1) = (secrets(digits), secrets(digits));
	for (j, rho) in rho.iter().enumerate() {
		let column = coefficients.iter().skip(j).step_by(digits);
		let sum = RistrettoPoint::multiscalar_mul(column, &keys);
		points.push(sum + RISTRETTO_BASEPOINT_TABLE * rho);
	}
	// The coefficients of each power sum up to 0, hence C' does not come in.
	for (j, rho1) in rho1.iter().enumerate() {
		let column = coefficients.iter().skip(j).step_by(digits);
		let sum = RistrettoPoint::multiscalar_mul(column, &commitments);
		points.push(sum + generators.mask * rho1);
	}
	points.extend(rho.iter().map(|rho| tag * rho));
	let points: Vec<[u8; 32]> = points.iter().map(|point| point.compress().to_bytes()).collect();

	let xi = transcript::ring_challenge(&mut transcript, &points);
	let f = zip(&sigma, &a, |sigma, a| sigma * xi + a);
	let mut powers = super::powers(xi);
	let mut z = Zeroizing::new([Scalar::ZERO; 2]);
	for (rho, rho1) in rho.iter().zip(rho1.iter()) {
		let power = powers.next().unwrap_or_default();
		z[0] -= power * rho;
		z[1] -= power * rho1;
	}
	let last = powers.next().unwrap_or_default();
	z[0] += last * witness.spend_key;
	z[1] += last * witness.mask;
	let [r_a, r_b, r_c, r_d] = core::array::from_fn(|at| blindings[at]);

	let mut proof = points.concat();
	for row in f.as_chunks::<BASE>().0 {
		proof.extend(row[1..].iter().flat_map(Scalar::to_bytes));
	}
	let responses = [r_a + xi * r_b, r_d + xi * r_c, z[0], z[1]];
	proof.extend(responses.iter().flat_map(Scalar::to_bytes));
	Ok(proof)
}

/// Keys and commitments of all places.
fn ring(
	coins: &[Coin],
	places: usize,
) -> Result<(Vec<RistrettoPoint>, Vec<RistrettoPoint>), Error> {
	let bad = |_| Error::BadRing;
	let (mut keys, mut commitments) = (Vec::with_capacity(places), Vec::with_capacity(places));
	for coin in coins {
		keys.push(proper_point(&coin.key).map_err(bad)?);
		commitments.push(proper_point(&coin.commitment).map_err(bad)?);
	}
	if keys.len() > places {
		return Err(Error::BadRing);
	}
	keys.resize(places, generators().pad);
	commitments.resize(places, generators().pad);
	Ok((keys, commitments))
}

/// Whether the witness is one. That it is has been known to everybody who gets a proof.
fn check(
	statement: &Statement<'_>,
	witness: &Witness<'_>,
	keys: &[RistrettoPoint],
	commitments: &[RistrettoPoint],
) -> Result<(), Error> {
	let mut own = [RistrettoPoint::identity(); 2];
	for (place, (key, commitment)) in keys.iter().zip(commitments).enumerate() {
		// Less than 2^32.
		let choice = (place as u32).ct_eq(&witness.place);
		own[0].conditional_assign(key, choice);
		own[1].conditional_assign(commitment, choice);
	}
	let generators = generators();
	let is_key = own[0] - RISTRETTO_BASEPOINT_TABLE * witness.spend_key;
	let is_amount = own[1] - statement.pseudo - generators.mask * witness.mask;
	let is_tag = statement.tag * witness.spend_key - generators.tag;
	let is_proper = !own[0].is_identity();
	if is_key.is_identity() & is_amount.is_identity() & is_tag.is_identity() & is_proper {
		Ok(())
	} else {
		Err(Error::BadRingProof)
	}
}

/// Coefficients 0 to m - 1 of `prod_j (sigma[j][k_j] X + a[j][k_j])`, for one place k after the other.
fn coefficients(sigma: &[Scalar], a: &[Scalar], digits: usize) -> Zeroizing<Vec<Scalar>> {
	let degree = digits + 1;
	let mut products = Zeroizing::new(Vec::with_capacity(degree << (2 * digits)));
	products.push(Scalar::ONE);
	products.resize(degree, Scalar::ZERO);
	for (sigma, a) in sigma.as_chunks::<BASE>().0.iter().zip(a.as_chunks::<BASE>().0) {
		let mut next = Zeroizing::new(Vec::with_capacity(BASE * products.len()));
		for (sigma, a) in sigma.iter().zip(a) {
			for product in products.chunks_exact(degree) {
				let mut lower = Scalar::ZERO;
				for coefficient in product {
					next.push(coefficient * a + lower * sigma);
					lower = *coefficient;
				}
			}
		}
		products = next;
	}
	let mut wanted = Zeroizing::new(Vec::with_capacity(products.len()));
	for product in products.chunks_exact(degree) {
		wanted.extend_from_slice(&product[..digits]);
	}
	wanted
}

/// Entry by entry.
fn zip(
	left: &[Scalar],
	right: &[Scalar],
	of: impl Fn(&Scalar, &Scalar) -> Scalar,
) -> Zeroizing<Vec<Scalar>> {
	Zeroizing::new(left.iter().zip(right).map(|(left, right)| of(left, right)).collect())
}
