//! Proofs of computing power.
#![cfg_attr(not(feature = "std"), no_std)]
