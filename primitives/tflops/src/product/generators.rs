//! Points of which nobody knows how they relate.

use alloc::vec::Vec;

use curve25519_dalek::ristretto::RistrettoPoint;

/// `point(name, i) = hash to the group of BLAKE3 derive_key("ionet/zkmm/v1 generator", name || i u32)`, 64 bytes of
/// output.
pub(super) struct Generators(blake3::Hasher);

impl Generators {
	pub(super) fn new() -> Self {
		Self(blake3::Hasher::new_derive_key("ionet/zkmm/v1 generator"))
	}

	fn point(&self, name: u8, index: u32) -> RistrettoPoint {
		let mut bytes = [0; 64];
		self.0.clone().update(&[name]).update(&index.to_le_bytes()).finalize_xof().fill(&mut bytes);
		RistrettoPoint::from_uniform_bytes(&bytes)
	}

	fn points(&self, name: u8, len: u32) -> Vec<RistrettoPoint> {
		(0..len).map(|index| self.point(name, index)).collect()
	}

	/// `G`, for vectors of length k: up to the next power of two.
	pub(super) fn g(&self, k: u32) -> Vec<RistrettoPoint> {
		self.points(b'G', k.next_power_of_two())
	}

	/// `Q`, for vectors of length n: up to the next power of two.
	pub(super) fn q(&self, n: u32) -> Vec<RistrettoPoint> {
		self.points(b'Q', n.next_power_of_two())
	}

	/// `H`, for blindings.
	pub(super) fn h(&self) -> RistrettoPoint {
		self.point(b'H', 0)
	}

	/// `U`, for inner products.
	pub(super) fn u(&self) -> RistrettoPoint {
		self.point(b'U', 0)
	}
}
