//! Tests of the whole runtime: real genesis, real transactions, real blocks.
#![allow(clippy::unwrap_used)]

mod collators;
mod emergency;
mod genesis;
mod limits;
mod market;
mod mesh;
mod messages;
mod proxies;
mod randomness;
mod shielded;
mod support;
mod transactions;
