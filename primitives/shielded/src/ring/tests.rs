//! The equations of ring proofs: one by one against the verifier, against crate `triptych`, and against forgers.

mod equations;
mod forgeries;
mod oracle;

use curve25519_dalek::{
	constants::RISTRETTO_BASEPOINT_TABLE, ristretto::RistrettoPoint, scalar::Scalar,
};
use merlin::Transcript;
use rand_chacha::{rand_core::SeedableRng, ChaCha20Rng};

use super::{prove::prove_unchecked, verify, Claim, RingProof, Weights, Wire};
use crate::{
	bundle::{proper_point, Coin},
	error::Error,
	generators::generators,
	ring::{Statement, Witness},
	sample::foreign_coin,
	window::RingSize,
};

const SIZE: RingSize = RingSize::N16;

/// A ring with a coin of which everything is known, and a pseudo commitment to its amount.
struct Case {
	coins: Vec<Coin>,
	place: u32,
	spend_key: Scalar,
	/// d
	mask: Scalar,
	tag: RistrettoPoint,
	pseudo: RistrettoPoint,
	rng: ChaCha20Rng,
}

impl Case {
	fn new(size: RingSize, len: u32, place: u32) -> Self {
		let mut rng = ChaCha20Rng::from_seed([place as u8; 32]);
		let [spend_key, mask, other] = core::array::from_fn(|_| Scalar::random(&mut rng));
		let mut coins: Vec<Coin> =
			(0..len).map(|number| foreign_coin(&[9; 32], number.into())).collect();
		let value = generators().value * Scalar::from(1234u64);
		if let Some(coin) = coins.get_mut(place as usize) {
			coin.key = (RISTRETTO_BASEPOINT_TABLE * &spend_key).compress().to_bytes();
			coin.commitment = (value + generators().mask * (other + mask)).compress().to_bytes();
		}
		assert!(size.places() >= len);
		let tag = generators().tag * spend_key.invert();
		let pseudo = value + generators().mask * other;
		Self { coins, place, spend_key, mask, tag, pseudo, rng }
	}

	/// A proof with whatever witness the case has now.
	fn prove(&mut self, size: RingSize) -> Vec<u8> {
		let statement = Statement { size, coins: &self.coins, tag: self.tag, pseudo: self.pseudo };
		let witness = Witness { place: self.place, spend_key: &self.spend_key, mask: &self.mask };
		prove_unchecked(generators(), &statement, &witness, transcript(), &mut self.rng).unwrap()
	}

	fn verify(&self, size: RingSize, proof: &[u8]) -> Result<(), Error> {
		let proof = parse(size, proof)?;
		let mut weights = Weights::new();
		let claim = Claim::new(&proof, self.tag, self.pseudo, transcript(), &mut weights)?;
		verify(size, &self.coins, &[claim], &mut weights)
	}
}

fn transcript() -> Transcript {
	Transcript::new(b"test")
}

fn parse(size: RingSize, proof: &[u8]) -> Result<RingProof<'_>, Error> {
	let wire = Wire::new(proof, size)?;
	Ok(RingProof::new(wire, wire.points()?, wire.scalars()?))
}

/// By how much the five equations fail, one by one and by their definition.
fn errors(size: RingSize, coins: &[Coin], claim: &Claim<'_>) -> [RistrettoPoint; 5] {
	let generators = generators();
	let (digits, xi) = (size.digits(), claim.xi);
	let points = &claim.proof.points;
	let [a, b, c, d] = *points.first_chunk().unwrap();
	let [x, x1, y] = core::array::from_fn(|at| &points[4 + at * digits..][..digits]);
	let f = |j: usize, i: usize| {
		let row = &claim.proof.responses.f[3 * j..][..3];
		if i == 0 {
			xi - row.iter().sum::<Scalar>()
		} else {
			row[i - 1]
		}
	};
	let [z_a, z_c, z, z1] = claim.proof.responses.last;
	let commit = |entry: &dyn Fn(Scalar) -> Scalar, blinding: Scalar| {
		let mut sum = generators.bit_blinding * blinding;
		for (j, i) in (0..digits).flat_map(|j| (0..4).map(move |i| (j, i))) {
			sum += generators.bits[4 * j + i] * entry(f(j, i));
		}
		sum
	};
	let power = |exponent: usize| (0..exponent).map(|_| xi).product::<Scalar>();
	let vector = |points: &[RistrettoPoint]| -> RistrettoPoint {
		points.iter().enumerate().map(|(j, point)| point * power(j)).sum()
	};
	let (mut keys, mut commitments) = (-vector(x), -vector(x1));
	let mut total = Scalar::ZERO;
	for k in 0..size.places() as usize {
		let p: Scalar = (0..digits).map(|j| f(j, k >> (2 * j) & 3)).product();
		let (key, commitment) = match coins.get(k) {
			Some(coin) => (proper_point(&coin.key), proper_point(&coin.commitment)),
			None => (Ok(generators.pad), Ok(generators.pad)),
		};
		keys += key.unwrap() * p;
		commitments += (commitment.unwrap() - claim.pseudo) * p;
		total += p;
	}
	[
		a + b * xi - commit(&|f| f, z_a),
		c * xi + d - commit(&|f| f * (xi - f), z_c),
		keys - RISTRETTO_BASEPOINT_TABLE * &z,
		commitments - generators.mask * z1,
		generators.tag * total - vector(y) - claim.tag * z,
	]
}
