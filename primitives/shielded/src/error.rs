//! Why a bundle is refused.

use core::fmt;

use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;

/// Why a bundle is refused. Section 13 of the specification says in which order the rules are applied.
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
pub enum Error {
	/// The bytes are not a bundle, or not only one.
	BadEncoding,
	/// A number of inputs or outputs, or the length of a proof, is not permitted.
	BadShape,
	/// The public amount is 0, or together with the fee does not fit in 64 bits.
	BadAmount,
	/// The fee has more than two significant digits.
	BadFee,
	/// A window is not permitted.
	BadWindow,
	/// The inputs are in more than two windows.
	TooManyWindows,
	/// Two inputs have the same tag.
	DuplicateTag,
	/// Two outputs have the same key.
	DuplicateKey,
	/// A point is the identity, or not in its canonical encoding.
	BadPoint,
	/// A scalar is not reduced.
	BadScalar,
	/// The coins of a window are missing, or not as many as they should be, or not coins.
	BadRing,
	/// Inputs are not worth as much as outputs, fee and public amount.
	Unbalanced,
	/// It is not shown that the output amounts are in range.
	BadRangeProof,
	/// It is not shown that each input spends a coin of its ring.
	BadRingProof,
}

impl Error {
	/// The name of the error in the specification and in test vectors.
	pub fn name(&self) -> &'static str {
		match self {
			Error::BadEncoding => "BadEncoding",
			Error::BadShape => "BadShape",
			Error::BadAmount => "BadAmount",
			Error::BadFee => "BadFee",
			Error::BadWindow => "BadWindow",
			Error::TooManyWindows => "TooManyWindows",
			Error::DuplicateTag => "DuplicateTag",
			Error::DuplicateKey => "DuplicateKey",
			Error::BadPoint => "BadPoint",
			Error::BadScalar => "BadScalar",
			Error::BadRing => "BadRing",
			Error::Unbalanced => "Unbalanced",
			Error::BadRangeProof => "BadRangeProof",
			Error::BadRingProof => "BadRingProof",
		}
	}
}

impl fmt::Display for Error {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		f.write_str(match self {
			Error::BadEncoding => "the bytes are not a bundle",
			Error::BadShape => "a count or a length is not permitted",
			Error::BadAmount => "the public amount is zero, or too large together with the fee",
			Error::BadFee => "the fee has more than two significant digits",
			Error::BadWindow => "a window is not permitted",
			Error::TooManyWindows => "the inputs are in more than two windows",
			Error::DuplicateTag => "two inputs have the same tag",
			Error::DuplicateKey => "two outputs have the same key",
			Error::BadPoint => "a point is the identity or not canonical",
			Error::BadScalar => "a scalar is not reduced",
			Error::BadRing => "the coins of a window are missing or wrong",
			Error::Unbalanced => "inputs and outputs are not worth the same",
			Error::BadRangeProof => "the range proof does not hold",
			Error::BadRingProof => "a ring proof does not hold",
		})
	}
}

impl core::error::Error for Error {}
