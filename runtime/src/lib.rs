#![doc = include_str!("../README.md")]
#![cfg_attr(not(feature = "std"), no_std)]
#![recursion_limit = "256"]
// Macros put undocumented items into this module. The modules below turn the lint on again.
#![allow(missing_docs)]

#[cfg(feature = "std")]
mod wasm {
	#![allow(missing_docs, dead_code, unreachable_pub)]
	include!(concat!(env!("OUT_DIR"), "/wasm_binary.rs"));
}
#[cfg(feature = "std")]
pub use wasm::{WASM_BINARY, WASM_BINARY_BLOATY};

extern crate alloc;

pub mod apis;
#[cfg(feature = "runtime-benchmarks")]
mod benchmarks;
#[warn(missing_docs)]
pub mod configs;
#[warn(missing_docs)]
pub mod constants;
#[warn(missing_docs)]
pub mod genesis_config_presets;
#[warn(missing_docs)]
pub mod migrations;
#[warn(missing_docs)]
pub mod randomness;
#[warn(missing_docs)]
pub mod setup;
#[warn(missing_docs)]
pub mod transaction;
#[warn(missing_docs)]
pub mod weights;

use alloc::vec::Vec;
use sp_runtime::{generic, impl_opaque_keys, MultiAddress};
use sp_version::RuntimeVersion;

pub use apis::RuntimeApi;
pub use configs::parameters::{RuntimeParameters, RuntimeParametersKey, RuntimeParametersValue};
pub use parachains_common::{AccountId, AuraId, Balance, BlockNumber, Hash, Nonce, Signature};
pub use transaction::TxExtension;

/// How a transaction names an account.
pub type Address = MultiAddress<AccountId, ()>;
/// Header of a block.
pub type Header = generic::Header<BlockNumber, sp_runtime::traits::BlakeTwo256>;
/// A transaction as it stands in a block.
pub type UncheckedExtrinsic =
	generic::UncheckedExtrinsic<Address, RuntimeCall, Signature, TxExtension>;
/// What a signed transaction signs.
pub type SignedPayload = generic::SignedPayload<RuntimeCall, TxExtension>;
/// A block.
pub type Block = generic::Block<Header, UncheckedExtrinsic>;
/// Runs blocks: dispatches inherents, hooks and transactions to the pallets.
pub type Executive = frame_executive::Executive<
	Runtime,
	Block,
	frame_system::ChainContext<Runtime>,
	Runtime,
	AllPalletsWithSystem,
>;

impl_opaque_keys! {
	/// The keys with which a collator signs.
	pub struct SessionKeys {
		/// Key that authors blocks.
		pub aura: Aura,
	}
}

// A macro, because `runtime_version` takes nothing but a literal.
macro_rules! version {
	($spec_version:tt) => {
		/// Identifies this runtime to nodes, wallets and signers.
		///
		/// `spec_version` rises with every change of behaviour, `transaction_version` with every change of how calls
		/// or transaction extensions are encoded.
		#[sp_version::runtime_version]
		pub const VERSION: RuntimeVersion = RuntimeVersion {
			spec_name: alloc::borrow::Cow::Borrowed("io-network"),
			impl_name: alloc::borrow::Cow::Borrowed("io-network"),
			authoring_version: 1,
			spec_version: $spec_version,
			impl_version: 0,
			apis: apis::RUNTIME_API_VERSIONS,
			transaction_version: 1,
			system_version: 1,
		};
	};
}
#[cfg(not(feature = "next-version"))]
version!(1_001);
#[cfg(feature = "next-version")]
version!(1_002);

/// The pallets. Indices are visible in storage, calls, events and errors: they never change.
#[frame_support::runtime]
mod runtime {
	/// The runtime of IO Network.
	#[runtime::runtime]
	#[runtime::derive(
		RuntimeCall,
		RuntimeEvent,
		RuntimeError,
		RuntimeOrigin,
		RuntimeFreezeReason,
		RuntimeHoldReason,
		RuntimeSlashReason,
		RuntimeLockId,
		RuntimeTask,
		RuntimeViewFunction
	)]
	pub struct Runtime;

	// The system.
	#[runtime::pallet_index(0)]
	pub type System = frame_system;
	#[runtime::pallet_index(1)]
	pub type ParachainSystem = cumulus_pallet_parachain_system;
	#[runtime::pallet_index(2)]
	pub type Timestamp = pallet_timestamp;
	#[runtime::pallet_index(3)]
	pub type ParachainInfo = parachain_info;
	#[runtime::pallet_index(5)]
	pub type WeightReclaim = cumulus_pallet_weight_reclaim;

	// Money.
	#[runtime::pallet_index(10)]
	pub type Balances = pallet_balances;
	#[runtime::pallet_index(11)]
	pub type TransactionPayment = pallet_transaction_payment;

	// Collators. The order of these matters: the author is noted before the session rotates.
	#[runtime::pallet_index(20)]
	pub type Authorship = pallet_authorship;
	#[runtime::pallet_index(22)]
	pub type Session = pallet_session;
	#[runtime::pallet_index(23)]
	pub type Aura = pallet_aura;
	#[runtime::pallet_index(24)]
	pub type AuraExt = cumulus_pallet_aura_ext;

	// Messages to and from other chains.
	#[runtime::pallet_index(30)]
	pub type XcmpQueue = cumulus_pallet_xcmp_queue;
	#[runtime::pallet_index(31)]
	pub type PolkadotXcm = pallet_xcm;
	#[runtime::pallet_index(32)]
	pub type CumulusXcm = cumulus_pallet_xcm;
	#[runtime::pallet_index(33)]
	pub type MessageQueue = pallet_message_queue;

	// Tools for users.
	#[runtime::pallet_index(40)]
	pub type Utility = pallet_utility;
	#[runtime::pallet_index(41)]
	pub type Multisig = pallet_multisig;
	#[runtime::pallet_index(42)]
	pub type Proxy = pallet_proxy;
	#[runtime::pallet_index(44)]
	pub type Preimage = pallet_preimage;

	// Administration.
	#[runtime::pallet_index(50)]
	pub type Scheduler = pallet_scheduler;
	#[runtime::pallet_index(55)]
	pub type Treasury = pallet_treasury;
	#[runtime::pallet_index(56)]
	pub type Parameters = pallet_parameters;
	#[cfg(feature = "sudo")]
	#[runtime::pallet_index(59)]
	pub type Sudo = pallet_sudo;

	// Emergency brakes.
	#[runtime::pallet_index(60)]
	pub type SafeMode = pallet_safe_mode;
	#[runtime::pallet_index(61)]
	pub type TxPause = pallet_tx_pause;

	// The job market.
	#[runtime::pallet_index(70)]
	pub type IoStaking = pallet_io_staking;
	#[runtime::pallet_index(71)]
	pub type IoJobs = pallet_io_jobs;
	#[runtime::pallet_index(72)]
	pub type IoAttestation = pallet_io_attestation;
	#[runtime::pallet_index(73)]
	pub type IoShielded = pallet_io_shielded;
	#[runtime::pallet_index(74)]
	pub type IoRandomness = randomness;
	#[runtime::pallet_index(75)]
	pub type IoMesh = pallet_io_mesh;
	#[runtime::pallet_index(76)]
	pub type IoSetup = setup;
}

cumulus_pallet_parachain_system::register_validate_block! {
	Runtime = Runtime,
	BlockExecutor = cumulus_pallet_aura_ext::BlockExecutor::<Runtime, Executive>,
}
