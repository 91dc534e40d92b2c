#![doc = include_str!("../README.md")]

pub mod chain;
pub mod files;
pub mod money;
pub mod network;
pub mod node;
pub mod process;
pub mod programs;
pub mod prover;
pub mod puppet;
pub mod relays;
pub mod scenarios;
pub mod weights;
pub mod worker;
pub mod world;
