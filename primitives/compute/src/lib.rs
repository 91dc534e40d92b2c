#![doc = include_str!("../README.md")]
#![cfg_attr(not(feature = "std"), no_std)]

extern crate alloc;

pub mod api;
pub mod attestation;
pub mod call;
pub mod digest;
pub mod gateway;
pub mod job;
pub mod mesh;
pub mod shielded;
pub mod traits;
pub mod worker;

pub use call::{SignedWorkerCall, WorkerCall};
pub use job::{
	Assignment, FailReason, JobId, JobSpec, JobState, JobView, Kernel, MissReason, Outcome, Price,
	Program, Replica, ReplicaId, ReplicaState, Verification,
};
pub use traits::{
	Beacon, Bonding, Certificates, Claim, JobSubmission, Offence, OffenceReason, Randomness,
	Slashing, Verdicts, WorkLedger, WorkerRegistry,
};
pub use worker::{
	Accelerator, ClassId, ClassInfo, Engine, Engines, Profile, Reason, WorkerKey, WorkerView,
};

/// Smallest unit of IO Coin: 10^12 of them are one IO.
pub type Balance = u128;
/// An account: an sr25519, ed25519 or ecdsa public key (or its hash), as everywhere in this ecosystem.
pub type AccountId = sp_runtime::AccountId32;
/// Height of the parachain. All deadlines count these blocks, so a stalled chain slashes nobody.
pub type BlockNumber = u32;

/// A place where content can be fetched: a URL or a mesh ticket, UTF-8, at most 256 bytes.
pub type Locator = sp_runtime::BoundedVec<u8, sp_core::ConstU32<256>>;
/// At most four places that hold the same content. The content is always checked by its BLAKE3 hash.
pub type Locators = sp_runtime::BoundedVec<Locator, sp_core::ConstU32<4>>;

/// Most bytes of a WASM program that a worker accepts.
pub const MAX_PROGRAM_BYTES: u64 = 128 * 1024 * 1024;
/// Most bytes of input that a job may name.
pub const MAX_INPUT_BYTES: u64 = 1024 * 1024 * 1024;
/// Most bytes of output that a job may ask for.
pub const MAX_OUTPUT_BYTES: u64 = 1024 * 1024 * 1024;
/// WASM fuel in one unit of work.
pub const FUEL_PER_UNIT: u64 = 1_000_000_000;
/// int8 operations in one unit of a kernel's work.
pub const OPS_PER_UNIT: u64 = 1_000_000_000_000;
