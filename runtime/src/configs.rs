//! How each pallet is set up, one file per concern.

mod administration;
mod attestation;
mod collators;
mod emergency;
mod market;
mod mesh;
mod money;
pub mod parameters;
mod shielded;
mod system;
mod tools;
pub mod xcm;

pub use administration::TreasuryAccount;
pub use attestation::RelayClock;
pub use collators::ConsensusHook;
pub use emergency::{SafeModeWhitelist, TxPauseWhitelist};
pub use money::{DealWithFees, TransactionByteFee, WeightToFee};
pub use system::{RuntimeBlockLength, RuntimeBlockWeights};
pub use tools::ProxyType;
