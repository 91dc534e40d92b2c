//! Points of which nobody knows how they relate. Section 2 of the specification.

use alloc::{boxed::Box, vec::Vec};

use blake2::{Blake2b512, Digest};
use bulletproofs::{BulletproofGens, PedersenGens};
use curve25519_dalek::ristretto::RistrettoPoint;
use once_cell::race::OnceBox;

use crate::window::{RingSize, BASE};

const DOMAIN: &[u8] = b"io-shield/gen/v1";

/// Generators of commitments, tags and ring proofs. The one of keys is the base point.
#[derive(Clone, Debug)]
pub struct Generators {
	/// `G1`: masks of commitments.
	pub mask: RistrettoPoint,
	/// `H`: amounts.
	pub value: RistrettoPoint,
	/// `U`: tags.
	pub tag: RistrettoPoint,
	/// `Z`: the pad, a key that nobody can have.
	pub pad: RistrettoPoint,
	/// `B[j][i]` at `4 j + i`.
	pub bits: Vec<RistrettoPoint>,
	/// `Bh`: blinding of matrix commitments.
	pub bit_blinding: RistrettoPoint,
}

/// The generators. They are made when they are needed first.
pub fn generators() -> &'static Generators {
	static CELL: OnceBox<Generators> = OnceBox::new();
	CELL.get_or_init(|| {
		let bits = BASE * RingSize::N1024.digits();
		Box::new(Generators {
			mask: generator("mask", 0),
			value: generator("value", 0),
			tag: generator("tag", 0),
			pad: generator("pad", 0),
			// At most 20.
			bits: (0..bits as u32).map(|at| generator("bit", at)).collect(),
			bit_blinding: generator("bit-blinding", 0),
		})
	})
}

/// Bases of range proofs: of amounts and of masks.
pub(crate) fn pedersen() -> PedersenGens {
	let generators = generators();
	PedersenGens { B: generators.value, B_blinding: generators.mask }
}

/// Vectors of range proofs over `outputs` commitments. Those for two outputs are half of those for four, and making
/// them costs as much as the proof, hence two caches.
pub(crate) fn range(outputs: usize) -> &'static BulletproofGens {
	static TWO: OnceBox<BulletproofGens> = OnceBox::new();
	static FOUR: OnceBox<BulletproofGens> = OnceBox::new();
	let (cell, parties) = if outputs <= 2 { (&TWO, 2) } else { (&FOUR, 4) };
	cell.get_or_init(|| Box::new(BulletproofGens::new(64, parties)))
}

fn generator(label: &str, index: u32) -> RistrettoPoint {
	let mut hasher = Blake2b512::new();
	hasher.update(DOMAIN);
	hasher.update(label.as_bytes());
	hasher.update(index.to_le_bytes());
	RistrettoPoint::from_uniform_bytes(&hasher.finalize().into())
}
