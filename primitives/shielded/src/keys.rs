//! Keys of a wallet: specification, section 3.
//!
//! The view key shows what a wallet receives; it is derived beside the spend key, not from it, so that giving it away gives
//! nothing else away. Nothing here can be printed by `Debug`, and secrets are wiped when they are dropped.

use alloc::collections::BTreeMap;
use curve25519_dalek::{
	constants::RISTRETTO_BASEPOINT_TABLE as G,
	ristretto::{CompressedRistretto, RistrettoPoint},
	scalar::Scalar,
	traits::Identity,
};
use schnorrkel::{derive::ChainCode, ExpansionMode, MiniSecretKey, SecretKey};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::{address::Address, hash::hash_to_scalar};

/// Keeps these keys apart from others that were derived from the same seed.
const CHAIN_CODE: ChainCode =
	ChainCode(*b"io-shield\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0");

/// Length of an exported view key: the secret `v` and the public `S`.
pub const VIEW_KEY_LEN: usize = 64;

/// Everything: it sees what is received, and spends.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct SpendKey {
	s: Scalar,
	view: ViewKey,
}

impl SpendKey {
	/// From a seed of 32 bytes, an sr25519 mini secret key.
	pub fn from_seed(seed: &[u8; 32]) -> Self {
		let root = root(seed);
		let derive = |path: &[u8]| {
			let (mini, _) = root.hard_derive_mini_secret_key(Some(CHAIN_CODE), path);
			scalar_of(&mini)
		};
		let (s, v) = (derive(b"spend"), derive(b"view"));
		Self { s, view: ViewKey { v, root: &s * G } }
	}

	/// The part that only sees.
	pub fn view_key(&self) -> &ViewKey {
		&self.view
	}

	/// Secret of address number `index`: `s_i`.
	pub(crate) fn secret(&self, index: u32) -> Scalar {
		self.s + self.view.offset(index)
	}
}

/// Seed of the account that owns job number `index` of this wallet: an sr25519 mini secret key. Nobody can see that it
/// belongs to the wallet, as long as no money goes to it from elsewhere.
pub fn job_owner_seed(seed: &[u8; 32], index: u32) -> Zeroizing<[u8; 32]> {
	let path = [&b"job"[..], &index.to_le_bytes()].concat();
	let (mini, _) = root(seed).hard_derive_mini_secret_key(Some(CHAIN_CODE), path);
	Zeroizing::new(mini.to_bytes())
}

fn root(seed: &[u8; 32]) -> SecretKey {
	// Only the length could be wrong.
	let mini = MiniSecretKey::from_bytes(seed).expect("a seed has 32 bytes; qed");
	mini.expand(ExpansionMode::Uniform)
}

fn scalar_of(mini: &MiniSecretKey) -> Scalar {
	let mut bytes = mini.expand(ExpansionMode::Uniform).to_bytes();
	let mut half = [0u8; 32];
	half.copy_from_slice(&bytes[..32]);
	// schnorrkel's scalars are reduced already.
	let scalar = Scalar::from_bytes_mod_order(half);
	bytes.zeroize();
	half.zeroize();
	scalar
}

/// Sees what is received at every address of a wallet, and nothing more.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct ViewKey {
	v: Scalar,
	root: RistrettoPoint,
}

impl ViewKey {
	/// Address number `index`. Nobody can see that two of them belong together.
	pub fn address(&self, index: u32) -> Address {
		let spend = self.spend_point(index);
		Address::from_points(spend, self.v * spend)
	}

	/// `S_i`.
	fn spend_point(&self, index: u32) -> RistrettoPoint {
		self.root + &self.offset(index) * G
	}

	/// What address number `index` adds to the spend key.
	fn offset(&self, index: u32) -> Scalar {
		if index == 0 {
			return Scalar::ZERO;
		}
		hash_to_scalar("sub", &[self.v.as_bytes(), &index.to_le_bytes()])
	}

	/// The Diffie-Hellman secret with a sender: `v K`.
	pub(crate) fn shared(&self, ephemeral: &RistrettoPoint) -> RistrettoPoint {
		self.v * ephemeral
	}

	/// `v`, for what only its holders may compute.
	pub(crate) fn secret_bytes(&self) -> &[u8] {
		self.v.as_bytes()
	}

	/// `v || S`. Whoever has these bytes sees everything that the wallet receives.
	pub fn to_bytes(&self) -> Zeroizing<[u8; VIEW_KEY_LEN]> {
		let mut bytes = Zeroizing::new([0u8; VIEW_KEY_LEN]);
		bytes[..32].copy_from_slice(self.v.as_bytes());
		bytes[32..].copy_from_slice(self.root.compress().as_bytes());
		bytes
	}

	/// Reads what [`Self::to_bytes`] made; `None` if it is none.
	pub fn from_bytes(bytes: &[u8; VIEW_KEY_LEN]) -> Option<Self> {
		let (mut v, mut root) = ([0u8; 32], [0u8; 32]);
		v.copy_from_slice(&bytes[..32]);
		root.copy_from_slice(&bytes[32..]);
		let scalar = Option::<Scalar>::from(Scalar::from_canonical_bytes(v));
		v.zeroize();
		let root = CompressedRistretto(root).decompress()?;
		let v = scalar.filter(|v| *v != Scalar::ZERO)?;
		(root != RistrettoPoint::identity()).then_some(Self { v, root })
	}
}

/// The addresses that a scan knows: `S_i` of the first ones.
#[derive(Clone)]
pub struct Addresses(BTreeMap<[u8; 32], u32>);

impl Addresses {
	/// Those with the numbers below `count`.
	pub fn new(view: &ViewKey, count: u32) -> Self {
		Self((0..count).map(|i| (view.spend_point(i).compress().to_bytes(), i)).collect())
	}

	/// How many there are.
	pub fn count(&self) -> u32 {
		self.0.len() as u32
	}

	/// The number of the address with this `S_i`.
	pub(crate) fn find(&self, spend: &RistrettoPoint) -> Option<u32> {
		self.0.get(spend.compress().as_bytes()).copied()
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	const SEED: [u8; 32] = [7; 32];

	#[test]
	fn should_have_address_zero_without_offset_and_others_with_their_own_secret() {
		let keys = SpendKey::from_seed(&SEED);
		assert_eq!(keys.secret(0), keys.s);
		for index in [0, 1, 2, 1000, u32::MAX] {
			let address = keys.view_key().address(index);
			let spend = &keys.secret(index) * G;
			assert!(address == Address::from_points(spend, keys.view.v * spend), "{index}");
		}
	}

	#[test]
	fn should_derive_spend_and_view_key_independently() {
		let keys = SpendKey::from_seed(&SEED);
		let mini = MiniSecretKey::from_bytes(&SEED).unwrap();
		let (view, _) = mini
			.expand(ExpansionMode::Uniform)
			.hard_derive_mini_secret_key(Some(CHAIN_CODE), b"view");
		assert_eq!(scalar_of(&view), keys.view.v);
		assert_ne!(keys.s, keys.view.v);
		// What the view key exports is v and the public S: nothing from which s follows.
		let bytes = keys.view_key().to_bytes();
		assert!(!bytes.windows(32).any(|part| part == keys.s.as_bytes()));
		assert_eq!(bytes[..32], keys.view.v.to_bytes());
		assert_eq!(bytes[32..], (&keys.s * G).compress().to_bytes());
	}

	#[test]
	fn should_see_the_same_addresses_when_view_key_is_imported() {
		let keys = SpendKey::from_seed(&SEED);
		let view = ViewKey::from_bytes(&keys.view_key().to_bytes()).unwrap();
		for index in [0, 1, 77] {
			assert!(view.address(index) == keys.view_key().address(index));
		}
	}

	#[test]
	fn should_refuse_view_key_when_it_is_malformed() {
		let good = SpendKey::from_seed(&SEED).view_key().to_bytes();
		let with = |range: core::ops::Range<usize>, byte: u8| {
			let mut bytes = *good;
			bytes[range].fill(byte);
			ViewKey::from_bytes(&bytes).is_none()
		};
		assert!(with(0..32, 0xff), "v is not canonical");
		assert!(with(0..32, 0), "v is zero");
		assert!(with(32..64, 0), "S is the identity");
		assert!(with(32..64, 0xff), "S is no point");
	}

	#[test]
	fn should_own_each_job_with_another_account() {
		let seeds =
			[job_owner_seed(&SEED, 0), job_owner_seed(&SEED, 1), job_owner_seed(&[8; 32], 0)];
		assert!(*seeds[0] == *job_owner_seed(&SEED, 0));
		assert!(*seeds[0] != *seeds[1] && *seeds[0] != *seeds[2] && *seeds[0] != SEED);
	}

	#[test]
	fn should_differ_from_the_account_that_the_same_seed_makes() {
		let keys = SpendKey::from_seed(&SEED);
		let mini = MiniSecretKey::from_bytes(&SEED).unwrap();
		for mode in [ExpansionMode::Uniform, ExpansionMode::Ed25519] {
			let account = mini.expand_to_public(mode).to_bytes();
			assert_ne!((&keys.s * G).compress().to_bytes(), account);
		}
	}
}
