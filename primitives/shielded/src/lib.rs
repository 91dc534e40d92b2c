#![doc = include_str!("../README.md")]
#![cfg_attr(not(feature = "std"), no_std)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

extern crate alloc;

#[cfg(feature = "wallet")]
pub mod address;
#[cfg(feature = "prover")]
pub mod build;
pub mod bundle;
pub mod error;
pub mod generators;
pub mod hash;
#[cfg(feature = "wallet")]
pub mod keys;
#[cfg(feature = "wallet")]
pub mod note;
mod ring;
#[cfg(feature = "prover")]
pub mod sample;
mod transcript;
pub mod verify;
#[cfg(feature = "wallet")]
pub mod wallet;
pub mod window;

#[cfg(feature = "prover")]
pub use build::{build_bundle, tag_of, BuildError, Opening, Plan, Spend};
pub use bundle::{Bundle, Coin, Domain, InputProof, MintNote, OutputNote, Target};
pub use error::Error;
pub use verify::{check_bundle, verify_bundle, verify_bundles, CheckedBundle, Ring, VerifyContext};
pub use window::{RingSize, Window};

/// A hash, or an account.
pub type Hash = [u8; 32];
/// A ristretto255 element as it is on the wire.
pub type PointBytes = [u8; 32];
