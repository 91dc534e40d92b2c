//! The presets.

use crate::support::{account, preset, Chain};
use frame_support::traits::Get;
use io_runtime::{
	configs::{parameters, TreasuryAccount},
	constants::*,
	genesis_config_presets::*,
	Balances, ParachainInfo, Session,
};
use sp_keyring::Sr25519Keyring::{Alice, Bob};

#[test]
fn should_build_when_preset_is_development() {
	let mut chain = Chain::new("development");
	chain.state(|| {
		assert_eq!(Session::validators(), vec![account(Alice)]);
		assert_eq!(Balances::free_balance(account(Bob)), ENDOWMENT);
		assert_eq!(u32::from(ParachainInfo::parachain_id()), PARA_ID);
	});
	chain.run_to(3);
}

#[test]
fn should_build_when_preset_is_local_testnet() {
	Chain::new("local_testnet").state(|| {
		let mut validators = Session::validators();
		validators.sort();
		let mut expected = vec![account(Alice), account(Bob)];
		expected.sort();
		assert_eq!(validators, expected);
	});
}

const PATCHES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../chain-spec/patches");

fn patch(path: impl AsRef<std::path::Path>) -> serde_json::Value {
	serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

#[test]
fn should_build_when_preset_is_patched_with_any_file_of_chain_spec() {
	let mut names = 0;
	for file in std::fs::read_dir(PATCHES).unwrap() {
		let spec = patch(file.unwrap().path());
		Chain::patched(&spec).state(|| {
			assert_eq!(u64::from(u32::from(ParachainInfo::parachain_id())), spec["para_id"]);
		});
		names += 1;
	}
	assert!(names > 0);
}

#[test]
fn should_have_no_terms_of_development_when_patch_is_for_a_testnet() {
	Chain::patched(&patch(format!("{PATCHES}/testnet-example.json"))).state(|| {
		assert_eq!(parameters::SlashDefer::get(), DAYS);
		assert_eq!(parameters::EraTerms::now(), parameters::EraTerms::DEFAULT);
		assert_eq!(parameters::AttestationTerms::now(), parameters::AttestationTerms::DEFAULT);
		assert_eq!(parameters::MeshTerms::get(), parameters::MESH_TERMS);
		assert_eq!(pallet_io_mesh::EpochBlocks::<io_runtime::Runtime>::get(), 4 * HOURS);
	});
}

#[test]
fn should_have_every_listed_preset_and_no_other() {
	for name in preset_names() {
		assert!(get_preset(&name).is_some());
	}
	assert!(get_preset(&"mainnet".into()).is_none());
}

#[test]
fn should_defer_slashes_for_a_minute_or_two_when_chain_is_for_development() {
	Chain::development().state(|| {
		assert_eq!(parameters::SlashDefer::get(), SLASH_DEFER);
		assert_eq!(parameters::EraTerms::now(), ERAS);
	});
}

#[test]
fn should_defer_slashes_for_a_day_when_genesis_says_nothing() {
	sp_io::TestExternalities::default().execute_with(|| {
		assert_eq!(parameters::SlashDefer::get(), DAYS);
	});
}

#[test]
fn should_have_cpu_classes_when_built_from_a_preset() {
	Chain::development().state(|| {
		for (id, info) in classes() {
			assert_eq!(pallet_io_jobs::Classes::<io_runtime::Runtime>::get(id), Some(info));
		}
	});
}

#[test]
fn should_keep_the_treasury_alive_from_the_start() {
	Chain::development().state(|| {
		assert_eq!(Balances::free_balance(TreasuryAccount::get()), EXISTENTIAL_DEPOSIT);
	});
}

#[test]
fn should_name_the_sudo_key_only_when_the_runtime_has_sudo() {
	assert_eq!(preset("development").get("sudo").is_some(), cfg!(feature = "sudo"));
}
