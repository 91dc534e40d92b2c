//! The ring proof: one of N coins is spent, the tag is that coin's, and the pseudo commitment is to its amount.
//!
//! Triptych (Noether and Goodell, eprint 2020/018) with a vector of keys and one of commitments. The two vectors and the
//! tag have proof elements and an equation of their own each, rather than one random combination: nothing of one
//! equation can make up for an error in another. Section 10 of the specification.

#[cfg(feature = "prover")]
mod prove;
#[cfg(all(test, feature = "prover"))]
mod tests;

use alloc::{vec, vec::Vec};

use curve25519_dalek::{
	constants::RISTRETTO_BASEPOINT_POINT,
	ristretto::RistrettoPoint,
	scalar::Scalar,
	traits::{IsIdentity, VartimeMultiscalarMul},
};
use merlin::Transcript;

use crate::{
	bundle::{proper_point, scalar, Coin},
	error::Error,
	generators::{generators, Generators},
	transcript,
	window::{RingSize, BASE},
};

#[cfg(feature = "prover")]
pub(crate) use prove::{prove, Statement, Witness};
/// A prover that believes everything.
#[cfg(all(test, feature = "prover"))]
pub(crate) fn prove_blindly(
	statement: &Statement<'_>,
	witness: &Witness<'_>,
	transcript: Transcript,
	rng: &mut merlin::TranscriptRng,
) -> Result<Vec<u8>, Error> {
	prove::prove_unchecked(generators(), statement, witness, transcript, rng)
}

/// A proof on the wire, in pieces of 32 bytes: points, then scalars.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wire<'a> {
	points: &'a [[u8; 32]],
	scalars: &'a [[u8; 32]],
}

impl<'a> Wire<'a> {
	/// Cuts a proof into its pieces.
	pub(crate) fn new(bytes: &'a [u8], size: RingSize) -> Result<Self, Error> {
		let (pieces, rest) = bytes.as_chunks::<32>();
		let points = 4 + 3 * size.digits();
		if !rest.is_empty() || bytes.len() != size.proof_len() {
			return Err(Error::BadShape);
		}
		let (points, scalars) = pieces.split_at_checked(points).ok_or(Error::BadShape)?;
		Ok(Self { points, scalars })
	}

	/// Reads the points.
	pub(crate) fn points(&self) -> Result<Vec<RistrettoPoint>, Error> {
		self.points.iter().map(proper_point).collect()
	}

	/// Reads the scalars.
	pub(crate) fn scalars(&self) -> Result<Responses, Error> {
		let scalars = self.scalars.iter().map(scalar).collect::<Result<Vec<_>, _>>()?;
		match scalars.split_last_chunk() {
			Some((f, last)) => Ok(Responses { f: f.to_vec(), last: *last }),
			None => Err(Error::BadShape),
		}
	}
}

/// What the prover answers to its challenge.
#[derive(Clone, Debug)]
pub(crate) struct Responses {
	/// `f[j][i]` for i of 1 to 3 at `3 j + i - 1`.
	f: Vec<Scalar>,
	/// zA, zC, z, z1.
	last: [Scalar; 4],
}

/// A proof of which everything but the equations has been checked.
#[derive(Clone, Debug)]
pub(crate) struct RingProof<'a> {
	wire: Wire<'a>,
	points: Vec<RistrettoPoint>,
	responses: Responses,
}

impl<'a> RingProof<'a> {
	/// Puts together what [`Wire`] has read.
	pub(crate) fn new(wire: Wire<'a>, points: Vec<RistrettoPoint>, responses: Responses) -> Self {
		Self { wire, points, responses }
	}
}

/// One proof in front of the verifier.
pub(crate) struct Claim<'a> {
	/// The proof.
	pub(crate) proof: &'a RingProof<'a>,
	/// Tag J.
	pub(crate) tag: RistrettoPoint,
	/// Pseudo commitment C'.
	pub(crate) pseudo: RistrettoPoint,
	/// Challenge.
	xi: Scalar,
}

impl<'a> Claim<'a> {
	/// Computes the challenge of a proof, and absorbs statement and proof into `weights`.
	///
	/// # Errors
	/// [`Error::BadRingProof`] if the challenge is 0, which an honest prover meets with a probability of 2^-252.
	pub(crate) fn new(
		proof: &'a RingProof<'a>,
		tag: RistrettoPoint,
		pseudo: RistrettoPoint,
		mut transcript: Transcript,
		weights: &mut Weights,
	) -> Result<Self, Error> {
		let xi = transcript::ring_challenge(&mut transcript, proof.wire.points);
		for response in proof.wire.scalars {
			transcript.append_message(b"response", response);
		}
		weights.absorb(transcript);
		match xi == Scalar::ZERO {
			true => Err(Error::BadRingProof),
			false => Ok(Self { proof, tag, pseudo, xi }),
		}
	}
}

/// Weights of equations, which depend on every byte of all statements and proofs they are for.
pub(crate) struct Weights(Transcript);

impl Weights {
	pub(crate) fn new() -> Self {
		Self(Transcript::new(b"io-shield/weights/v1"))
	}

	/// Takes in a transcript that has absorbed a statement and its whole proof. 64 bytes of it, so that nothing is lost
	/// against the strength of the transcript.
	fn absorb(&mut self, mut transcript: Transcript) {
		let mut digest = [0; 64];
		transcript.challenge_bytes(b"proof", &mut digest);
		self.0.append_message(b"proof", &digest);
	}

	/// The next weight: full width, never 0.
	fn next(&mut self) -> Scalar {
		let weight = transcript::challenge_scalar(&mut self.0, b"weight");
		if weight == Scalar::ZERO {
			Scalar::ONE
		} else {
			weight
		}
	}
}

/// All `f[j][i]`, four for each digit: the wire has no `f[j][0]`, since those of a digit sum up to the challenge.
fn complete(f: &[Scalar], xi: &Scalar) -> Vec<[Scalar; BASE]> {
	let (rows, _) = f.as_chunks::<{ BASE - 1 }>();
	rows.iter().map(|[one, two, three]| [xi - one - two - three, *one, *two, *three]).collect()
}

/// `p_k` for all places: the products of one entry of each row. The lowest digit of k is that of the first row.
///
/// Digit by digit, so that there is neither an inversion nor a case for entries that are 0.
fn products(rows: &[[Scalar; BASE]]) -> Vec<Scalar> {
	let mut products = vec![Scalar::ONE];
	for row in rows {
		products = row.iter().flat_map(|f| products.iter().map(move |p| p * f)).collect();
	}
	products
}

/// Powers of `x` from the 0th on.
fn powers(x: Scalar) -> impl Iterator<Item = Scalar> {
	core::iter::successors(Some(Scalar::ONE), move |power| Some(power * x))
}

/// Checks the equations of all proofs over one ring, in one multiscalar multiplication.
///
/// # Errors
/// [`Error::BadRing`] if something in the ring is not a coin, [`Error::BadRingProof`] if an equation does not hold.
pub(crate) fn verify(
	size: RingSize,
	coins: &[Coin],
	claims: &[Claim<'_>],
	weights: &mut Weights,
) -> Result<(), Error> {
	verify_with(generators(), size, coins, claims, weights)
}

fn verify_with(
	generators: &Generators,
	size: RingSize,
	coins: &[Coin],
	claims: &[Claim<'_>],
	weights: &mut Weights,
) -> Result<(), Error> {
	let places = size.places() as usize;
	let digits = size.digits();
	if coins.len() > places {
		return Err(Error::BadRing);
	}
	let bad = |_| Error::BadRing;
	let mut points = Vec::with_capacity(2 * coins.len() + 24 + (10 + 3 * digits) * claims.len());
	for coin in coins {
		points.push(proper_point(&coin.key).map_err(bad)?);
		points.push(proper_point(&coin.commitment).map_err(bad)?);
	}
	let mut scalars = vec![Scalar::ZERO; points.len()];
	scalars.reserve(points.capacity() - points.len());
	let mut sums = Sums::default();
	for claim in claims {
		// One of them for each equation.
		let [w1, w2, w3, w4, w5] = core::array::from_fn(|_| weights.next());
		let Claim { proof: RingProof { points: proof, responses, .. }, tag, pseudo, xi } = claim;
		let Responses { f, last: [z_a, z_c, z, z1] } = responses;
		let rows = complete(f, xi);

		let products = products(&rows);
		let (real, pads) = products.split_at_checked(coins.len()).ok_or(Error::BadRing)?;
		for ([key, commitment], product) in scalars.as_chunks_mut().0.iter_mut().zip(real) {
			*key += w3 * product;
			*commitment += w4 * product;
		}
		sums.pad += (w3 + w4) * pads.iter().sum::<Scalar>();
		let total = powers(*xi).nth(digits).unwrap_or_default();

		for (sum, f) in sums.bits.iter_mut().zip(rows.as_flattened()) {
			*sum -= w1 * f + w2 * f * (xi - f);
		}
		sums.bit_blinding -= w1 * z_a + w2 * z_c;
		sums.base -= w3 * z;
		sums.mask -= w4 * z1;
		sums.tag += w5 * total;

		points.extend_from_slice(proof);
		scalars.extend([w1, w1 * xi, w2 * xi, w2]);
		for weight in [w3, w4, w5] {
			scalars.extend(powers(*xi).take(digits).map(|power| -weight * power));
		}
		points.extend([tag, pseudo]);
		scalars.extend([-w5 * z, -w4 * total]);
	}

	points.extend([
		RISTRETTO_BASEPOINT_POINT,
		generators.mask,
		generators.tag,
		generators.bit_blinding,
		generators.pad,
	]);
	scalars.extend([sums.base, sums.mask, sums.tag, sums.bit_blinding, sums.pad]);
	let bits = BASE * digits;
	points.extend(generators.bits.iter().take(bits));
	scalars.extend(sums.bits.iter().take(bits));

	// Together they are as long as each other: the multiplication takes what it gets from both.
	if points.len() == scalars.len()
		&& RistrettoPoint::vartime_multiscalar_mul(&scalars, &points).is_identity()
	{
		Ok(())
	} else {
		Err(Error::BadRingProof)
	}
}

/// Scalars of points that all proofs share.
#[derive(Default)]
struct Sums {
	base: Scalar,
	mask: Scalar,
	tag: Scalar,
	pad: Scalar,
	bit_blinding: Scalar,
	bits: [Scalar; BASE * RingSize::N1024.digits()],
}
