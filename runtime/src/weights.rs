//! What calls and hooks weigh, one module for each pallet.
//!
//! All were measured; see the header of each for machine and date.

/// The parachain's inherent.
pub mod cumulus_pallet_parachain_system;
/// The extension that gives unused weight back.
pub mod cumulus_pallet_weight_reclaim;
/// Queue of messages of siblings.
pub mod cumulus_pallet_xcmp_queue;
/// The system's calls.
pub mod frame_system;
/// The system's transaction extensions.
pub mod frame_system_extensions;
/// Balances.
pub mod pallet_balances;
/// Proofs of computing power, verdicts on products.
pub mod pallet_io_attestation;
/// Jobs.
pub mod pallet_io_jobs;
/// The mesh.
pub mod pallet_io_mesh;
/// The shielded pool.
pub mod pallet_io_shielded;
/// Stakes, slashes, elections, rewards.
pub mod pallet_io_staking;
/// Message queue.
pub mod pallet_message_queue;
/// Multi-signature accounts.
pub mod pallet_multisig;
/// Parameters.
pub mod pallet_parameters;
/// Preimages.
pub mod pallet_preimage;
/// Proxies.
pub mod pallet_proxy;
/// Safe mode.
pub mod pallet_safe_mode;
/// Scheduler.
pub mod pallet_scheduler;
/// Sessions.
pub mod pallet_session;
/// Sudo.
pub mod pallet_sudo;
/// Clock.
pub mod pallet_timestamp;
/// The fee extension.
pub mod pallet_transaction_payment;
/// Treasury.
pub mod pallet_treasury;
/// Transaction pause.
pub mod pallet_tx_pause;
/// Batches.
pub mod pallet_utility;
/// Calls that send messages.
pub mod pallet_xcm;
/// Instructions of messages that move coins.
pub mod pallet_xcm_benchmarks_fungible;
/// Instructions of messages that move nothing.
pub mod pallet_xcm_benchmarks_generic;
pub mod xcm;
