//! The prover: runs the chain of products of a window, and answers its audit.
//!
//! [`Chain`] holds what is to be kept of a window, any [`MatMul`] does the work, [`Scalar`] is the slow one that all
//! others must agree with. [`sparse`] makes reveals without work, for benchmarks of the verifier.

mod chain;
mod matmul;
mod scalar;
pub mod sparse;

pub use chain::{Chain, ChainError};
pub use matmul::{LaneOpening, MatMul};
pub use scalar::Scalar;
