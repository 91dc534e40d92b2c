//! Proofs of matrix products: [`honest`] requesters, workers and chains, and [`attacks`].

mod attacks;
mod honest;
mod support;
