//! The real `io-worker` binary against a chain made by hand and against hostile neighbours.
#![allow(clippy::unwrap_used)]

mod attest;
mod chain;
mod faults;
mod fetching;
mod kernels;
mod kill;
mod life;
mod machine;
// The tests of the library use all of it.
#[allow(dead_code)]
#[path = "../attest/chain.rs"]
mod power;
mod server;
mod wild_chain;
