#![doc = include_str!("../README.md")]
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod chain;
pub mod parameters;
pub mod plots;
pub mod runtime;
pub mod stats;
pub mod strategies;
pub mod supply;
