//! The real `io-worker` binary against a chain made by hand and against hostile neighbours.
#![allow(clippy::unwrap_used)]

mod attest;
mod chain;
// A CUDA driver without a GPU. Its own crate uses all of it.
#[allow(dead_code, unreachable_pub)]
#[path = "../../../kernels/tests/cuda_emulator/build.rs"]
mod cuda;
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
