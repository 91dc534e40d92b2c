//! Genesis of the networks that we start ourselves. Production networks take one of these and patch it, see
//! `chain-spec/` in the repository.

use crate::{
	configs::{
		parameters::{AttestationTerms, EraTerms},
		TreasuryAccount,
	},
	constants::*,
	AccountId, AuraId, Balance, BalancesConfig, BlockNumber, IoAttestationConfig, IoJobsConfig,
	IoMeshConfig, IoSetupConfig, IoStakingConfig, ParachainInfoConfig, PolkadotXcmConfig,
	RuntimeGenesisConfig, SessionConfig, SessionKeys,
};
use alloc::{vec, vec::Vec};
use cumulus_primitives_core::ParaId;
use frame_support::build_struct_json_patch;
use io_primitives::{
	attestation::{AttestationClass, ClassParams},
	Accelerator, ClassId, ClassInfo, Engine,
};
use io_tflops::params::ARITH_INT8;
use serde_json::Value;
use sp_genesis_builder::{PresetId, DEV_RUNTIME_PRESET, LOCAL_TESTNET_RUNTIME_PRESET};
use sp_keyring::Sr25519Keyring;
use sp_runtime::Permill;

/// Number of our parachain on development and test networks.
pub const PARA_ID: u32 = 2000;
/// What each development account owns.
pub const ENDOWMENT: Balance = 1_000_000 * IO;
/// Blocks from an offence to the payment of its slash on development and test networks.
pub const SLASH_DEFER: BlockNumber = 20;
/// Sessions and eras of development and test networks: an era of 40 blocks, unbonding for two of them.
pub const ERAS: EraTerms = EraTerms { session_blocks: 20, sessions_per_era: 2, unbonding_eras: 2 };
/// Stake of each first collator of development and test networks.
pub const COLLATOR_STAKE: Balance = 10_000 * IO;

fn account(key: Sr25519Keyring) -> AccountId {
	key.to_account_id()
}

/// The hardware classes of a new network. Those with accelerators come with their engines.
///
/// * 0: CPU, WebAssembly, jobs of up to 4 GiB of memory.
/// * 1: CPU, WebAssembly, jobs of up to 1 GiB of memory, for small devices.
/// * 2: CPU, built-in kernels, jobs of up to 4 GiB of memory.
pub fn classes() -> Vec<(ClassId, ClassInfo)> {
	let cpu = |engine, min_memory| ClassInfo {
		engine,
		min_memory,
		min_vram: 0,
		accelerator: Accelerator::None,
	};
	vec![
		(0, cpu(Engine::Wasm, 4_096)),
		(1, cpu(Engine::Wasm, 1_024)),
		(2, cpu(Engine::Kernel, 4_096)),
	]
}

/// The classes of devices that prove their computing power, from a CPU to a datacentre's GPU. The dimensions keep what a
/// proof costs besides the products small for each of them.
pub fn attestation_classes() -> Vec<(AttestationClass, ClassParams)> {
	let class = |side: u32, k: u32, max_lanes| {
		let lane = u128::from(side) * u128::from(side) * u128::from(k);
		ClassParams {
			arith: ARITH_INT8,
			m: side,
			n: side,
			k,
			min_lanes: 1,
			max_lanes,
			openings: 64,
			// In proportion to what a lane claims.
			bond_per_lane: lane / BOND_WORK * BOND_PER_WORK,
		}
	};
	vec![
		(0, class(1_024, 4_096, 1_024)),
		(1, class(4_096, 16_384, 1_024)),
		(2, class(16_384, 16_384, 256)),
		(3, class(16_384, 65_536, 64)),
	]
}

/// Multiplications for which a lane is bonded with [`BOND_PER_WORK`].
const BOND_WORK: u128 = 1 << 32;
/// Bond of a lane for each [`BOND_WORK`] multiplications: a few IO for a processor, a few thousand for the largest GPUs.
const BOND_PER_WORK: Balance = 50 * MILLI_IO;

/// How computing power is proven on development and test networks: a window every 20 blocks, every commitment audited.
const ATTESTATION: AttestationTerms = AttestationTerms {
	window_gap: 20,
	window_odds: Permill::one(),
	window_slots: 10,
	audit_rate: Permill::one(),
	reveal_blocks: 40,
	certificate_ttl: 100,
};

/// Blocks of an epoch of the mesh on development and test networks.
pub const MESH_EPOCH_BLOCKS: BlockNumber = 20;
/// Relays of development and test networks: a small bond, and one worker's word for it that one is dead.
pub const MESH: pallet_io_mesh::Terms =
	pallet_io_mesh::Terms { bond: 100 * IO, unbonding_epochs: 8, min_reports: 1, dead_epochs: 2 };

fn genesis(collators: &[Sr25519Keyring], root: Sr25519Keyring, predictable_beacon: bool) -> Value {
	// The treasury exists from the start: a first fee below the existential deposit would be lost otherwise.
	let balances = Sr25519Keyring::well_known()
		.map(|key| (account(key), ENDOWMENT))
		.chain([(TreasuryAccount::get(), EXISTENTIAL_DEPOSIT)])
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
		session: SessionConfig { keys },
		polkadot_xcm: PolkadotXcmConfig { safe_xcm_version: Some(xcm::prelude::XCM_VERSION) },
		io_staking: IoStakingConfig {
			operators: collators
				.iter()
				.map(|key| (account(*key), COLLATOR_STAKE))
				.collect::<Vec<_>>(),
			candidates: collators.iter().map(|key| account(*key)).collect::<Vec<_>>(),
			// Somebody authors even if nobody stands for election.
			invulnerables: collators.iter().take(1).map(|key| account(*key)).collect::<Vec<_>>(),
		},
		io_jobs: IoJobsConfig { classes: classes() },
		io_attestation: IoAttestationConfig {
			classes: attestation_classes(),
			// The relay chain that a development node plays for itself has no randomness of its blocks.
			predictable_beacon,
		},
		io_mesh: IoMeshConfig { epoch_blocks: Some(MESH_EPOCH_BLOCKS) },
		io_setup: IoSetupConfig {
			slash_defer: Some(SLASH_DEFER),
			eras: Some(ERAS),
			attestation: Some(ATTESTATION),
			mesh: Some(MESH),
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
		DEV_RUNTIME_PRESET => genesis(&[Alice], Alice, true),
		LOCAL_TESTNET_RUNTIME_PRESET => genesis(&[Alice, Bob], Alice, false),
		_ => return None,
	};
	serde_json::to_vec(&patch).ok()
}

/// The names that [`get_preset`] knows.
pub fn preset_names() -> Vec<PresetId> {
	vec![PresetId::from(DEV_RUNTIME_PRESET), PresetId::from(LOCAL_TESTNET_RUNTIME_PRESET)]
}
