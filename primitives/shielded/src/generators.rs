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

#[cfg(test)]
mod tests {
	use curve25519_dalek::{constants::RISTRETTO_BASEPOINT_POINT, traits::IsIdentity};
	use hex_literal::hex;

	use super::*;

	fn all() -> Vec<RistrettoPoint> {
		let Generators { mask, value, tag, pad, bits, bit_blinding } = generators().clone();
		let mut all = vec![RISTRETTO_BASEPOINT_POINT, mask, value, tag, pad, bit_blinding];
		all.extend(bits);
		all
	}

	#[test]
	fn should_have_distinct_generators_none_of_which_is_the_identity() {
		let all = all();
		assert_eq!(all.len(), 26);
		for (at, one) in all.iter().enumerate() {
			assert!(!one.is_identity() && !all[..at].contains(one) && !all[..at].contains(&-one));
		}
	}

	/// The values in section 2 of the specification, and a digest of the bit generators.
	#[test]
	fn should_be_the_points_of_the_specification() {
		let points = all();
		let bytes: Vec<[u8; 32]> = points.iter().map(|point| point.compress().to_bytes()).collect();
		for (point, frozen) in bytes[1..].iter().zip(FROZEN) {
			assert_eq!(hex::encode(point), hex::encode(frozen));
		}
		let bits = Blake2b512::digest(bytes[6..].as_flattened());
		assert_eq!(hex::encode(bits), hex::encode(BITS));
	}

	/// G1, H, U, Z, Bh.
	const FROZEN: [[u8; 32]; 5] = [
		hex!("b83184d1f548ecfafbe7436adfa8e4b3f387227cc2846561b3bffbb6ff745f73"),
		hex!("949d1bf0b87daa0320c1b61f0b9539567efba3761283a49b2528e977237fb009"),
		hex!("36b1c02ded6d254e39e1421913014a9bc15752f4e8ba64dd2025fa507a46361e"),
		hex!("bcb3251acfefef7589c4eca999c5a7b62c9b51b32bafd20c530e70c14a20a72d"),
		hex!("9651be534924719aa95748c849e19a9d7a8c7b9a02a07ddf62a002d8a358d731"),
	];

	/// BLAKE2b-512 of B[0][0] to B[4][3].
	const BITS: [u8; 64] = hex!(
		"eaee5e0c238c19a483d3f053442743e5c641ce94437f43eb807781ed6694589e"
		"b5b102699c8b17d1212b14ac4a90a828df0542f81e04918dfddb50fa1d0276dc"
	);
}
