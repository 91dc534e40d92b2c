//! Genesis of the networks that we start ourselves. Production networks take one of these and patch it, see
//! `chain-spec/` in the repository.

use crate::{
	configs::{StakingPot, TreasuryAccount},
	constants::*,
	AccountId, AuraId, Balance, BalancesConfig, BlockNumber, CollatorSelectionConfig, IoJobsConfig,
	IoSetupConfig, ParachainInfoConfig, PolkadotXcmConfig, RuntimeGenesisConfig, SessionConfig,
	SessionKeys,
};
use alloc::{vec, vec::Vec};
use cumulus_primitives_core::ParaId;
use frame_support::build_struct_json_patch;
use io_primitives::{Accelerator, ClassId, ClassInfo, Engine};
use serde_json::Value;
use sp_genesis_builder::{PresetId, DEV_RUNTIME_PRESET, LOCAL_TESTNET_RUNTIME_PRESET};
use sp_keyring::Sr25519Keyring;

/// Number of our parachain on development and test networks.
pub const PARA_ID: u32 = 2000;
/// What each development account owns.
pub const ENDOWMENT: Balance = 1_000_000 * IO;
/// Blocks from an offence to the payment of its slash on development and test networks.
pub const SLASH_DEFER: BlockNumber = 20;
/// Blocks from `unbond` to `withdraw` on development and test networks.
pub const UNBONDING_BLOCKS: BlockNumber = 50;

fn account(key: Sr25519Keyring) -> AccountId {
	key.to_account_id()
}

/// The hardware classes of a new network. Those with accelerators come with their engines.
///
/// * 0: CPU, WebAssembly, jobs of up to 4 GiB of memory.
/// * 1: CPU, WebAssembly, jobs of up to 1 GiB of memory, for small devices.
pub fn classes() -> Vec<(ClassId, ClassInfo)> {
	let cpu = |min_memory| ClassInfo {
		engine: Engine::Wasm,
		min_memory,
		min_vram: 0,
		accelerator: Accelerator::None,
	};
	vec![(0, cpu(4_096)), (1, cpu(1_024))]
}

fn genesis(collators: &[Sr25519Keyring], root: Sr25519Keyring) -> Value {
	// The pots exist from the start: a first fee below the existential deposit would be lost otherwise.
	let pots = [TreasuryAccount::get(), StakingPot::get()].map(|pot| (pot, EXISTENTIAL_DEPOSIT));
	let balances = Sr25519Keyring::well_known()
		.map(|key| (account(key), ENDOWMENT))
		.chain(pots)
		.collect::<Vec<_>>();
	let keys = collators
		.iter()
		.map(|key| {
			let aura = AuraId::from(key.public());
			(account(*key), account(*key), SessionKeys { aura })
		})
		.collect::<Vec<_>>();

	let mut patch = build_struct_json_patch!(RuntimeGenesisConfig {
		balances: BalancesConfig { balances },
		parachain_info: ParachainInfoConfig { parachain_id: ParaId::from(PARA_ID) },
		collator_selection: CollatorSelectionConfig {
			invulnerables: collators.iter().map(|key| account(*key)).collect::<Vec<_>>(),
			candidacy_bond: 1_000 * IO,
		},
		session: SessionConfig { keys },
		polkadot_xcm: PolkadotXcmConfig { safe_xcm_version: Some(xcm::prelude::XCM_VERSION) },
		io_jobs: IoJobsConfig { classes: classes() },
		io_setup: IoSetupConfig {
			slash_defer: Some(SLASH_DEFER),
			unbonding_blocks: Some(UNBONDING_BLOCKS),
		},
	});
	if cfg!(feature = "sudo") {
		patch["sudo"] = serde_json::json!({ "key": account(root) });
	}
	patch
}

/// The genesis with this name as a JSON patch of the default genesis; `None` if there is no such name.
pub fn get_preset(id: &PresetId) -> Option<Vec<u8>> {
	use Sr25519Keyring::{Alice, Bob};
	let patch = match id.as_ref() {
		DEV_RUNTIME_PRESET => genesis(&[Alice], Alice),
		LOCAL_TESTNET_RUNTIME_PRESET => genesis(&[Alice, Bob], Alice),
		_ => return None,
	};
	serde_json::to_vec(&patch).ok()
}

/// The names that [`get_preset`] knows.
pub fn preset_names() -> Vec<PresetId> {
	vec![PresetId::from(DEV_RUNTIME_PRESET), PresetId::from(LOCAL_TESTNET_RUNTIME_PRESET)]
}
