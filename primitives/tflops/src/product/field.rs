//! Vectors of scalars. Everything takes the same time for all values.

use alloc::vec::Vec;

use curve25519_dalek::scalar::Scalar;
use rand_core::{CryptoRng, RngCore};
use zeroize::{Zeroize, Zeroizing};

/// A vector that is wiped when it goes.
pub(super) type Secret = Zeroizing<Vec<Scalar>>;

/// `1, base, base^2, ..`
pub(super) fn powers(base: &Scalar, len: usize) -> Vec<Scalar> {
	core::iter::successors(Some(Scalar::ONE), |power| Some(power * base)).take(len).collect()
}

/// Inner product.
pub(super) fn inner(left: &[Scalar], right: &[Scalar]) -> Scalar {
	left.iter().zip(right).map(|(l, r)| l * r).sum()
}

/// A uniform scalar.
pub(super) fn random<R: RngCore + CryptoRng>(rng: &mut R) -> Scalar {
	let mut bytes = [0; 64];
	rng.fill_bytes(&mut bytes);
	let scalar = Scalar::from_bytes_mod_order_wide(&bytes);
	bytes.zeroize();
	scalar
}

/// Public scalars that many vectors of small secret integers are multiplied with.
pub(super) struct Weights {
	/// Little-endian words.
	words: Vec<[u64; 4]>,
	/// 2^31 times their sum.
	excess: Scalar,
}

impl Weights {
	pub(super) fn new(scalars: &[Scalar]) -> Self {
		let words = scalars
			.iter()
			.map(|scalar| {
				let mut words = [0; 4];
				for (word, bytes) in words.iter_mut().zip(scalar.as_bytes().as_chunks().0) {
					*word = u64::from_le_bytes(*bytes);
				}
				words
			})
			.collect();
		Self { words, excess: scalars.iter().sum::<Scalar>() * Scalar::from(1u64 << 31) }
	}

	/// Inner product with integers, at most 2^31 of them.
	///
	/// Adds up word by word and reduces once. 2^31 is added to every integer, so that none is negative.
	pub(super) fn dot(&self, integers: impl Iterator<Item = i32>) -> Scalar {
		let mut sums = [0u128; 4];
		for (integer, words) in integers.zip(&self.words) {
			let shifted = u128::from(integer.cast_unsigned() ^ (1 << 31));
			for (sum, word) in sums.iter_mut().zip(words) {
				*sum += shifted * u128::from(*word);
			}
		}
		let mut bytes = [0; 64];
		let mut carry = 0u128;
		for (sum, bytes) in sums.iter().zip(bytes.as_chunks_mut().0) {
			// Below 2^127 + 2^64.
			carry += sum;
			*bytes = (carry as u64).to_le_bytes();
			carry >>= 64;
		}
		bytes[32..40].copy_from_slice(&(carry as u64).to_le_bytes());
		let sum = Scalar::from_bytes_mod_order_wide(&bytes);
		sums.zeroize();
		bytes.zeroize();
		sum - self.excess
	}
}
