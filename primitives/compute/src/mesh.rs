//! The mesh: relays, endpoints, and receipts for what a relay has carried.
//!
//! A worker signs, for each relay and epoch, how many bytes it has sent and received through the relay since the epoch began. A
//! receipt is cumulative: a later one replaces an earlier one, so only the last has to be kept and a lost one costs nothing. An
//! epoch is so many blocks; its number is the block's number divided by them.

mod url;
mod view;

use alloc::vec::Vec;
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;
use sp_core::{ed25519, sr25519, ConstU32, H256};
use sp_runtime::BoundedVec;

pub use url::{check_url, UrlError};
pub use view::{Budget, EndpointView, Party, RelayMap, RelayState, RelayView};

use crate::{worker::WorkerKey, Balance};

/// Domain tag of receipts.
pub const RECEIPT_TAG: &[u8; 13] = b"io/receipt/v1";
/// Domain tag of the proof that an endpoint's key is in the hands of whoever registers it.
pub const ENDPOINT_TAG: &[u8; 17] = b"ionet/endpoint/v1";
/// Domain tag of reports about relays.
pub const LIVENESS_TAG: &[u8; 14] = b"io/liveness/v1";

/// A receipt is paid in its own epoch and in so many after it.
pub const CLAIM_EPOCHS: EpochIndex = 6;
/// A relay's new price counts from so many epochs after the present one: whoever uses the relay has a whole epoch to leave.
pub const PRICE_NOTICE: EpochIndex = 2;
/// Most endpoints of one worker, or of one account.
pub const MAX_ENDPOINTS: u32 = 4;
/// Most receipts in one claim.
pub const MAX_CLAIM: u32 = 64;
/// Most relays in one report.
pub const MAX_REPORT: u32 = 16;
/// Highest price of a GiB, so that what is owed for any number of bytes fits an amount.
pub const MAX_PRICE: Balance = u64::MAX as Balance;

/// The ed25519 key of an endpoint, which is the endpoint's name.
pub type EndpointKey = ed25519::Public;
/// Number of an epoch.
pub type EpochIndex = u32;
/// URL of a relay.
pub type RelayUrl = BoundedVec<u8, ConstU32<128>>;
/// Which relays are alive.
pub type Observations = BoundedVec<(EndpointKey, bool), ConstU32<MAX_REPORT>>;

/// What a worker owes a relay for.
#[derive(
	Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo, Clone, PartialEq, Eq, Debug,
)]
pub struct Receipt {
	/// The relay: the ed25519 key of its own endpoint.
	pub relay: EndpointKey,
	/// The epoch.
	pub epoch: EpochIndex,
	/// Bytes in both directions since the epoch began.
	pub bytes: u64,
}

impl Receipt {
	/// The bytes to sign: `SCALE(tag, genesis_hash, receipt)`.
	pub fn payload(&self, genesis: H256) -> Vec<u8> {
		(RECEIPT_TAG, genesis, self).encode()
	}
}

/// A receipt with the signature of the worker's hot key.
#[derive(
	Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo, Clone, PartialEq, Eq, Debug,
)]
pub struct SignedReceipt {
	/// Who says it.
	pub worker: WorkerKey,
	/// What it says.
	pub receipt: Receipt,
	/// Signature of [`Receipt::payload`].
	pub signature: sr25519::Signature,
}

/// What is owed for so many bytes, rounded down: `bytes * price_per_gib / 2^30`. Prices are at most [`MAX_PRICE`].
pub fn owed(bytes: u64, price_per_gib: Balance) -> Balance {
	Balance::from(bytes).saturating_mul(price_per_gib) >> 30
}

/// The bytes that an endpoint's key signs to be registered by `account`: `SCALE(tag, genesis_hash, account)`. For a worker's
/// endpoint the account is its operator's, and for a relay's own endpoint the relay's operator's.
pub fn endpoint_payload<AccountId: Encode>(genesis: H256, account: &AccountId) -> Vec<u8> {
	(ENDPOINT_TAG, genesis, account).encode()
}

/// What an operator says of its relay.
#[derive(
	Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo, Clone, PartialEq, Eq, Debug,
)]
pub struct RelayProfile {
	/// Where it is, see [`check_url`]. Daemons dial it; no node ever does.
	pub url: RelayUrl,
	/// BLAKE3 of the SubjectPublicKeyInfo of its certificate. `None`: a public authority has signed it.
	pub tls_pin: Option<H256>,
	/// UDP port at which it tells endpoints their public addresses.
	pub quic_port: Option<u16>,
	/// Country, as the two capital letters of ISO 3166-1.
	pub region: [u8; 2],
	/// Mbit/s that it can carry.
	pub capacity: u32,
	/// What a GiB costs, in the smallest unit of IO Coin.
	pub price_per_gib: Balance,
}

/// What is wrong with a relay's profile.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ProfileError {
	/// The URL.
	Url(UrlError),
	/// Ports begin at 1.
	Port,
	/// The region is not two capital letters.
	Region,
	/// A relay that can carry nothing.
	Capacity,
	/// The price is above [`MAX_PRICE`].
	Price,
}

impl RelayProfile {
	/// Whether the chain would take the profile.
	pub fn check(&self) -> Result<(), ProfileError> {
		check_url(&self.url).map_err(ProfileError::Url)?;
		let checks = [
			(self.quic_port != Some(0), ProfileError::Port),
			(self.region.iter().all(u8::is_ascii_uppercase), ProfileError::Region),
			(self.capacity > 0, ProfileError::Capacity),
			(self.price_per_gib <= MAX_PRICE, ProfileError::Price),
		];
		checks.into_iter().find(|(good, _)| !good).map_or(Ok(()), |(_, error)| Err(error))
	}
}

/// Which relays a worker could use in an epoch, and which it could not.
#[derive(
	Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo, Clone, PartialEq, Eq, Debug,
)]
pub struct Report {
	/// The epoch, which must be the present one.
	pub epoch: EpochIndex,
	/// Relays, and whether each is alive. In the order of their keys, none twice.
	pub relays: Observations,
}

impl Report {
	/// The bytes to sign: `SCALE(tag, genesis_hash, report)`.
	pub fn payload(&self, genesis: H256) -> Vec<u8> {
		(LIVENESS_TAG, genesis, self).encode()
	}

	/// Whether there is a relay, and all are in order.
	pub fn is_ordered(&self) -> bool {
		!self.relays.is_empty() && self.relays.windows(2).all(|pair| pair[0].0 .0 < pair[1].0 .0)
	}
}

/// A report with the signature of the worker's hot key.
#[derive(
	Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo, Clone, PartialEq, Eq, Debug,
)]
pub struct SignedReport {
	/// Who says it.
	pub worker: WorkerKey,
	/// What it says.
	pub report: Report,
	/// Signature of [`Report::payload`].
	pub signature: sr25519::Signature,
}
