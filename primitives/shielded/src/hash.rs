//! The hash functions of the specification, section 1.

use blake2::{
	digest::{consts::U32, Digest},
	Blake2b, Blake2b512,
};
use curve25519_dalek::scalar::Scalar;

use crate::Hash;

const PREFIX: &[u8] = b"io-shield/";
const SUFFIX: &[u8] = b"/v1";

/// `H(label, parts)`: BLAKE2b-256 of the label and the concatenated parts, which have fixed lengths for each label.
pub fn hash(label: &str, parts: &[&[u8]]) -> Hash {
	absorb(Blake2b::<U32>::new(), label, parts).finalize().into()
}

/// `Hs(label, parts)`: BLAKE2b-512 of the same, reduced. The result is uniform up to 2^-259.
pub fn hash_to_scalar(label: &str, parts: &[&[u8]]) -> Scalar {
	let wide: [u8; 64] = absorb(Blake2b512::new(), label, parts).finalize().into();
	Scalar::from_bytes_mod_order_wide(&wide)
}

fn absorb<D: Digest>(mut hasher: D, label: &str, parts: &[&[u8]]) -> D {
	hasher.update(PREFIX);
	hasher.update(label.as_bytes());
	hasher.update(SUFFIX);
	for part in parts {
		hasher.update(part);
	}
	hasher
}

/// `Hp(label, parts)`: an element of which nobody knows the logarithm.
#[cfg(feature = "prover")]
pub(crate) fn hash_to_point(
	label: &str,
	parts: &[&[u8]],
) -> curve25519_dalek::ristretto::RistrettoPoint {
	let wide = absorb(Blake2b512::new(), label, parts).finalize().into();
	curve25519_dalek::ristretto::RistrettoPoint::from_uniform_bytes(&wide)
}
