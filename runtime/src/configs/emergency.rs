//! Emergency brakes. Root pulls them; nobody can buy them.
//!
//! * Safe mode stops all transactions but what is listed here: the inherents without which no block is valid, the way out
//!   of safe mode, what workers do for jobs that run already, what has to be proven or disputed in time, and the payment of
//!   relays that carry their data. Nobody can then submit a job or move money otherwise, but running jobs are settled and
//!   audits answered, so that a pause slashes no honest worker and lets no receipt grow too old.
//!   Messages of other chains are executed all the same, only calls in them are filtered: who is elsewhere, a sibling chain or
//!   one of its accounts, can still move what its own account here has.
//! * A transaction pause stops single calls. Anything can be paused but the inherents and the brakes themselves. Who
//!   pauses calls of workers must cancel the slashes that follow.

use crate::{
	constants::*, weights, AccountId, Balances, Runtime, RuntimeCall, RuntimeEvent,
	RuntimeHoldReason,
};
use frame_support::{
	parameter_types,
	traits::{ConstU32, Contains},
};
use frame_system::{EnsureRoot, EnsureRootWithSuccess};
use pallet_tx_pause::RuntimeCallNameOf;

parameter_types! {
	/// How long root's safe mode lasts unless it is extended.
	pub const SafeModeDuration: crate::BlockNumber = DAYS;
	/// Nobody can enter or extend safe mode by a deposit.
	pub const NoDeposit: Option<crate::Balance> = None;
	/// There are no deposits to release.
	pub const NoRelease: Option<crate::BlockNumber> = None;
}

/// What safe mode lets pass.
pub struct SafeModeWhitelist;

impl Contains<RuntimeCall> for SafeModeWhitelist {
	fn contains(call: &RuntimeCall) -> bool {
		use pallet_io_attestation::Call as Attestation;
		use pallet_io_jobs::Call as Jobs;
		use pallet_io_mesh::Call as Mesh;
		match call {
			RuntimeCall::Timestamp(_)
			| RuntimeCall::ParachainSystem(_)
			| RuntimeCall::SafeMode(_)
			| RuntimeCall::TxPause(_) => true,
			#[cfg(feature = "sudo")]
			RuntimeCall::Sudo(_) => true,
			RuntimeCall::IoJobs(
				Jobs::heartbeat { .. }
				| Jobs::accept { .. }
				| Jobs::decline { .. }
				| Jobs::commit { .. }
				| Jobs::reveal { .. }
				| Jobs::poke { .. },
			) => true,
			// The deadlines of audits and trials go on.
			RuntimeCall::IoAttestation(
				Attestation::reveal { .. }
				| Attestation::settle_product { .. }
				| Attestation::dispute { .. },
			) => true,
			RuntimeCall::IoMesh(Mesh::claim { .. } | Mesh::report { .. }) => true,
			_ => false,
		}
	}
}

impl pallet_safe_mode::Config for Runtime {
	type Currency = Balances;
	type EnterDepositAmount = NoDeposit;
	type EnterDuration = SafeModeDuration;
	type ExtendDepositAmount = NoDeposit;
	type ExtendDuration = SafeModeDuration;
	type ForceDepositOrigin = EnsureRoot<AccountId>;
	type ForceEnterOrigin = EnsureRootWithSuccess<AccountId, SafeModeDuration>;
	type ForceExitOrigin = EnsureRoot<AccountId>;
	type ForceExtendOrigin = EnsureRootWithSuccess<AccountId, SafeModeDuration>;
	type Notify = ();
	type ReleaseDelay = NoRelease;
	type RuntimeEvent = RuntimeEvent;
	type RuntimeHoldReason = RuntimeHoldReason;
	type WeightInfo = weights::pallet_safe_mode::WeightInfo<Runtime>;
	type WhitelistedCalls = SafeModeWhitelist;
}

/// What cannot be paused.
pub struct TxPauseWhitelist;

impl Contains<RuntimeCallNameOf<Runtime>> for TxPauseWhitelist {
	fn contains(name: &RuntimeCallNameOf<Runtime>) -> bool {
		const NEVER: [&[u8]; 5] =
			[b"Timestamp", b"ParachainSystem", b"SafeMode", b"TxPause", b"Sudo"];
		NEVER.contains(&name.0.as_slice())
	}
}

impl pallet_tx_pause::Config for Runtime {
	type MaxNameLen = ConstU32<256>;
	type PauseOrigin = EnsureRoot<AccountId>;
	type RuntimeCall = RuntimeCall;
	type RuntimeEvent = RuntimeEvent;
	type UnpauseOrigin = EnsureRoot<AccountId>;
	type WeightInfo = weights::pallet_tx_pause::WeightInfo<Runtime>;
	type WhitelistedCalls = TxPauseWhitelist;
}
