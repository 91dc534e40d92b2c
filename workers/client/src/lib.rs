#![doc = include_str!("../README.md")]
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod amount;
mod blocks;
mod client;
mod error;
mod events;
#[cfg(test)]
mod fake;
pub mod matmul;
pub mod mesh;
mod metadata;
mod registration;
mod rpc;
pub mod sealed;
pub mod shielded;
mod storage;
mod transaction;

pub use blocks::BlockInfo;
pub use client::{AccountBalance, ChainInfo, Client, Options};
pub use error::{DispatchFailure, Error};
pub use events::{ChainEvent, Fields, JobEvent, Phase};
pub use metadata::Runtime;
pub use registration::{EndpointFile, ProfileFile, Registration, RegistrationError};
pub use transaction::{Included, Pending};

/// The key pair that signs an account's transactions.
pub use subxt_signer::sr25519::Keypair;

/// What the functions of this crate return.
pub type Result<T, E = Error> = std::result::Result<T, E>;
