//! Proofs of matrix products: [`honest`] requesters, workers and chains, and [`attacks`].

#![allow(clippy::unwrap_used)]

mod attacks;
mod honest;
mod support;
