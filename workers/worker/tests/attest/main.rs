//! The proof of computing power of a worker against a chain made by hand.
#![allow(clippy::unwrap_used)]

mod chain;
mod life;
mod machine;
mod wild;
