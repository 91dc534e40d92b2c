//! What is on the wire. Layouts are in section 6 of the specification.

use bounded_collections::{BoundedVec, ConstU32};
use codec::{Decode, DecodeAll, DecodeWithMemTracking, Encode, MaxEncodedLen};
use curve25519_dalek::{
	ristretto::{CompressedRistretto, RistrettoPoint},
	scalar::Scalar,
	traits::IsIdentity,
};
use scale_info::TypeInfo;

use crate::{
	error::Error,
	generators::generators,
	hash::hash,
	window::{RingSize, Window},
	Hash, PointBytes,
};

/// Most inputs of a bundle.
pub const MAX_INPUTS: u32 = 4;
/// Most outputs of a bundle.
pub const MAX_OUTPUTS: u32 = 4;
/// Most windows the inputs of a bundle are in.
pub const MAX_WINDOWS: usize = 2;
/// Longest ring proof, in bytes.
pub const MAX_RING_PROOF: u32 = 1216;
/// Longest range proof, in bytes.
pub const MAX_RANGE_PROOF: u32 = 800;
/// Bytes of an encrypted amount, anchor, memo and tag.
pub const CIPHERTEXT: usize = 104;
/// Micro-IO to base units of the native currency: amounts in bundles are in the former.
pub const BASE_UNITS: u128 = 1_000_000;
/// Unsigned bundles that wait in a pool of transactions at most.
pub const PLACES: u8 = 32;

/// A coin of the pool.
#[derive(
	Clone,
	Copy,
	PartialEq,
	Eq,
	Debug,
	Encode,
	Decode,
	DecodeWithMemTracking,
	MaxEncodedLen,
	TypeInfo,
)]
pub struct Coin {
	/// One-time key P.
	pub key: PointBytes,
	/// Commitment C to the amount.
	pub commitment: PointBytes,
}

/// A coin that is minted in the open: the chain computes its commitment.
#[derive(
	Clone,
	Copy,
	PartialEq,
	Eq,
	Debug,
	Encode,
	Decode,
	DecodeWithMemTracking,
	MaxEncodedLen,
	TypeInfo,
)]
pub struct MintNote {
	/// One-time key P.
	pub key: PointBytes,
	/// Ephemeral key K.
	pub ephemeral: PointBytes,
	/// What spares the receiver most decryptions.
	pub view_tag: [u8; 2],
	/// Amount, anchor and memo, encrypted.
	pub ciphertext: [u8; CIPHERTEXT],
}

impl MintNote {
	/// The coin worth `amount` micro-IO: `C = amount H + G1`, so that everybody sees what was minted.
	///
	/// # Errors
	/// [`Error::BadAmount`] if the amount is 0, [`Error::BadPoint`] if P or K is not a point or the identity.
	pub fn coin(&self, amount: u64) -> Result<Coin, Error> {
		if amount == 0 {
			return Err(Error::BadAmount);
		}
		proper_point(&self.key)?;
		proper_point(&self.ephemeral)?;
		let generators = generators();
		let commitment = generators.value * Scalar::from(amount) + generators.mask;
		Ok(Coin { key: self.key, commitment: commitment.compress().to_bytes() })
	}
}

/// A coin that a bundle makes.
#[derive(
	Clone,
	Copy,
	PartialEq,
	Eq,
	Debug,
	Encode,
	Decode,
	DecodeWithMemTracking,
	MaxEncodedLen,
	TypeInfo,
)]
pub struct OutputNote {
	/// One-time key P.
	pub key: PointBytes,
	/// Commitment C to the amount.
	pub commitment: PointBytes,
	/// Ephemeral key K.
	pub ephemeral: PointBytes,
	/// What spares the receiver most decryptions.
	pub view_tag: [u8; 2],
	/// Amount, anchor and memo, encrypted.
	pub ciphertext: [u8; CIPHERTEXT],
}

impl OutputNote {
	/// The coin it becomes.
	pub fn coin(&self) -> Coin {
		Coin { key: self.key, commitment: self.commitment }
	}
}

/// The spending of one coin out of a window.
#[derive(
	Clone, PartialEq, Eq, Debug, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo,
)]
pub struct InputProof {
	/// Where the coin is.
	pub window: Window,
	/// Tag J, the same whenever that coin is spent.
	pub tag: PointBytes,
	/// Commitment C' to the coin's amount under another mask.
	pub pseudo: PointBytes,
	/// Ring proof.
	pub proof: BoundedVec<u8, ConstU32<MAX_RING_PROOF>>,
}

/// Who is paid in the open.
#[derive(
	Clone,
	Copy,
	PartialEq,
	Eq,
	Debug,
	Encode,
	Decode,
	DecodeWithMemTracking,
	MaxEncodedLen,
	TypeInfo,
)]
pub enum Target {
	/// Nobody.
	#[codec(index = 0)]
	None,
	/// An account.
	#[codec(index = 1)]
	Account {
		/// The account.
		id: Hash,
		/// Micro-IO.
		amount: u64,
	},
	/// The owner of a job, which is submitted in its name together with the bundle.
	#[codec(index = 2)]
	Job {
		/// Account of the owner. It may be new.
		owner: Hash,
		/// BLAKE2b-256 of the encoded specification of the job.
		spec: Hash,
		/// Micro-IO, for escrow and deposits of the job.
		amount: u64,
	},
}

impl Target {
	/// Micro-IO that leave the pool beside the fee.
	pub fn amount(&self) -> u64 {
		match self {
			Target::None => 0,
			Target::Account { amount, .. } | Target::Job { amount, .. } => *amount,
		}
	}
}

/// A private transfer: coins are spent, coins are made, and something may leave the pool.
#[derive(
	Clone, PartialEq, Eq, Debug, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo,
)]
pub struct Bundle {
	/// 1, 2 or 4 coins are spent.
	pub inputs: BoundedVec<InputProof, ConstU32<MAX_INPUTS>>,
	/// 2 or 4 coins are made.
	pub outputs: BoundedVec<OutputNote, ConstU32<MAX_OUTPUTS>>,
	/// Micro-IO that leave the pool as a fee.
	pub fee: u64,
	/// Who has to submit the bundle, and gets the fee. Nobody: it is submitted unsigned.
	pub fee_to: Option<Hash>,
	/// Who is paid in the open.
	pub target: Target,
	/// Number of a recent block, whose hash the proofs bind.
	pub era: u32,
	/// Bulletproof: amounts of outputs have 64 bits.
	pub range_proof: BoundedVec<u8, ConstU32<MAX_RANGE_PROOF>>,
}

/// What a chain and a pool are told apart by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Domain {
	/// Hash of the chain's first block.
	pub genesis: Hash,
	/// Number of the parachain.
	pub para: u32,
	/// Index of the pallet in the runtime.
	pub pallet: u8,
	/// Rings of the pool.
	pub size: RingSize,
}

impl Bundle {
	/// Reads a bundle that fills the bytes.
	pub fn from_bytes(mut bytes: &[u8]) -> Result<Self, Error> {
		Self::decode_all(&mut bytes).map_err(|_| Error::BadEncoding)
	}

	/// Hash that names the bundle on one chain. Not part of what is proven.
	pub fn id(&self, domain: &Domain) -> Hash {
		hash(
			"bundle",
			&[
				&domain.genesis,
				&domain.para.to_le_bytes(),
				&[domain.pallet],
				&[domain.size.byte()],
				&self.encode(),
			],
		)
	}

	/// Micro-IO that leave the pool: fee and public amount. Nothing if that does not fit in 64 bits.
	pub fn outflow(&self) -> Option<u64> {
		self.fee.checked_add(self.target.amount())
	}
}

fn stamp_hash(id: &Hash, nonce: u64) -> Hash {
	hash("stamp", &[id, &nonce.to_le_bytes()])
}

/// The place of the bundle named `id` in pools of transactions, if this is its stamp: 0 to [`PLACES`] - 1, by chance.
pub fn stamp_place(id: &Hash, nonce: u64) -> u8 {
	let [.., last] = stamp_hash(id, nonce);
	last % PLACES
}

/// Whether `nonce` is a stamp on the bundle named `id`: a hash with at least `bits` leading zero bits.
pub fn is_stamp(id: &Hash, nonce: u64, bits: u32) -> bool {
	let digest = stamp_hash(id, nonce);
	let whole = digest.iter().take_while(|byte| **byte == 0).count();
	let rest = digest.get(whole).map_or(0, |byte| byte.leading_zeros());
	// At most 256.
	8 * whole as u32 + rest >= bits
}

/// The smallest amount of at most two significant digits that is not below `amount`; nothing above the largest such
/// amount of 64 bits.
pub fn round_up_fee(amount: u64) -> Option<u64> {
	let mut unit = 1u64;
	while amount / unit >= 100 {
		unit *= 10;
	}
	amount.div_ceil(unit).checked_mul(unit)
}

/// Whether a fee has at most two significant digits.
pub fn is_round_fee(fee: u64) -> bool {
	round_up_fee(fee) == Some(fee)
}

/// Reads a point that is canonical and not the identity.
pub fn proper_point(bytes: &PointBytes) -> Result<RistrettoPoint, Error> {
	match CompressedRistretto(*bytes).decompress() {
		Some(point) if !point.is_identity() => Ok(point),
		_ => Err(Error::BadPoint),
	}
}

/// Reads a reduced scalar.
pub(crate) fn scalar(bytes: &[u8; 32]) -> Result<Scalar, Error> {
	Option::from(Scalar::from_canonical_bytes(*bytes)).ok_or(Error::BadScalar)
}
