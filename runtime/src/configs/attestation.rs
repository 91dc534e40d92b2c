//! Proofs of computing power, and the relay chain's clock and lots that they need.

use crate::{
	configs::parameters, AccountId, IoAttestation, IoJobs, IoStaking, ParachainInfo, Runtime,
};
use cumulus_pallet_parachain_system::{
	relay_state_snapshot::RelayChainStateProof, OnSystemEvent, ValidationData,
};
use cumulus_primitives_core::{relay_chain::well_known_keys, PersistedValidationData};
use frame_support::{
	traits::{ConstU32, ConstU64, Get},
	weights::Weight,
};
use frame_system::EnsureRoot;
use sp_core::H256;

/// Number of this parachain.
pub struct ParaId;

impl Get<u32> for ParaId {
	fn get() -> u32 {
		ParachainInfo::parachain_id().into()
	}
}

impl pallet_io_attestation::Config for Runtime {
	type AdminOrigin = EnsureRoot<AccountId>;
	type AuditRate = parameters::AuditRate;
	type Bonding = IoStaking;
	type CertificateTtl = parameters::CertificateTtl;
	type MaxClasses = ConstU32<16>;
	type MinWindowGap = parameters::MinWindowGap;
	type ParaId = ParaId;
	type RevealBlocks = parameters::AttestationRevealBlocks;
	type Slashing = IoStaking;
	// Below the calls of running jobs, above everything that pays.
	type UnsignedPriority = ConstU64<{ u64::MAX / 4 }>;
	type Verdicts = IoJobs;
	type WeightInfo = crate::weights::pallet_io_attestation::WeightInfo<Runtime>;
	type WindowOdds = parameters::WindowOdds;
	type WindowSlots = parameters::WindowSlots;
	type WorkLedger = IoStaking;
	type Workers = IoJobs;
}

/// Hands the relay chain's number, slot and randomness of each block's relay parent to [`IoAttestation`].
pub struct RelayClock;

impl OnSystemEvent for RelayClock {
	fn on_validation_data(_: &PersistedValidationData) {}

	fn on_validation_code_applied() {}

	fn on_relay_state_proof(proof: &RelayChainStateProof) -> Weight {
		// The inherent has stored the validation data before. A block whose proof has no slot has no clock: windows neither
		// open nor close in it.
		let (Some(data), Ok(slot)) = (ValidationData::<Runtime>::get(), proof.read_slot()) else {
			return <Runtime as frame_system::Config>::DbWeight::get().reads(1);
		};
		let vrf = proof
			.read_optional_entry::<Option<H256>>(well_known_keys::CURRENT_BLOCK_RANDOMNESS)
			.ok()
			.flatten()
			.flatten();
		IoAttestation::note_relay(data.relay_parent_number, slot.into(), vrf)
	}
}
