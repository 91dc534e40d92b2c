#![doc = include_str!("../README.md")]
#![cfg_attr(not(feature = "std"), no_std)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

extern crate alloc;

pub mod fraud;
pub mod params;
pub mod product;
#[cfg(feature = "prover")]
pub mod prover;
pub mod reveal;
pub mod stream;
pub mod transcript;
pub mod tree;

pub use params::{Params, ParamsError};
pub use reveal::{reveal_len, verify_reveal, RevealError, Statement};

/// A hash, a seed, a key or a root.
pub type Hash = [u8; 32];
