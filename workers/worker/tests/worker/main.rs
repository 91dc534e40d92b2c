//! The real `io-worker` binary against a chain made by hand and against hostile neighbours.
#![allow(clippy::unwrap_used)]

mod chain;
mod faults;
mod fetching;
mod kernels;
mod kill;
mod life;
mod machine;
mod server;
mod wild_chain;
