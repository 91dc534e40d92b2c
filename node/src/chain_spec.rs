//! The chains that the node knows by name, made of the runtime inside this binary and its genesis presets.

use io_runtime::{
	genesis_config_presets::{get_preset, PARA_ID},
	RuntimeGenesisConfig,
};
use polkadot_omni_node_lib::chain_spec::{Extensions, LoadSpec};
use sc_chain_spec::json_patch;
use sc_service::{ChainSpec, ChainType, Properties};
use sp_core::storage::{well_known_keys, Storage};
use sp_runtime::BuildStorage;

/// A chain spec whose extensions name the relay chain and our number on it.
type Spec = sc_service::GenericChainSpec<Extensions>;

const NO_CHAIN: &str =
	"no chain was named: use `--dev` for a chain of your own on this machine, `--chain local` for \
	two collators on a local relay chain, or `--chain <file>` with the spec of a network";
const NO_WASM: &str =
	"this binary was built without the runtime's WASM (SKIP_WASM_BUILD was set): build it again \
	without that variable, or give a spec file with `--chain <file>`";

/// Loads chain specs by name or from files.
pub(crate) struct Loader;

impl LoadSpec for Loader {
	fn load_spec(&self, id: &str) -> Result<Box<dyn ChainSpec>, String> {
		Ok(Box::new(match id {
			"dev" => development()?,
			"local" => local_testnet()?,
			"" => return Err(NO_CHAIN.into()),
			file => Spec::from_json_file(file.into())
				.map_err(|e| format!("the chain spec {file} cannot be used: {e}"))?,
		}))
	}
}

/// How wallets show amounts and addresses.
fn properties() -> Properties {
	let mut properties = Properties::new();
	properties.insert("tokenSymbol".into(), "IO".into());
	properties.insert("tokenDecimals".into(), 12.into());
	properties.insert("ss58Format".into(), 42.into());
	properties
}

fn spec(
	name: &str,
	id: &str,
	chain_type: ChainType,
	relay_chain: &str,
	preset: &str,
) -> Result<Spec, String> {
	let wasm = io_runtime::WASM_BINARY.ok_or(NO_WASM)?;
	Ok(Spec::builder(wasm, Extensions::new(relay_chain.into(), PARA_ID))
		.with_name(name)
		.with_id(id)
		.with_chain_type(chain_type)
		.with_protocol_id(id)
		.with_properties(properties())
		.with_genesis_config_preset_name(preset)
		.build())
}

/// The genesis state of a preset, made by the runtime that is compiled into this binary. A spec that names its preset
/// gives the same state, but has to compile the WASM for it at every start.
fn genesis_storage(preset: &str) -> Result<Storage, String> {
	let wasm = io_runtime::WASM_BINARY.ok_or(NO_WASM)?;
	let patch = get_preset(&preset.into()).ok_or_else(|| format!("no preset named {preset}"))?;
	let build = || -> serde_json::Result<RuntimeGenesisConfig> {
		let mut config = serde_json::to_value(RuntimeGenesisConfig::default())?;
		json_patch::merge(&mut config, serde_json::from_slice(&patch)?);
		serde_json::from_value(config)
	};
	let config = build().map_err(|e| format!("the preset {preset} does not fit: {e}"))?;
	let mut storage = config.build_storage()?;
	storage.top.insert(well_known_keys::CODE.to_vec(), wasm.to_vec());
	Ok(storage)
}

/// One collator, Alice, and no relay chain.
fn development() -> Result<Spec, String> {
	const PRESET: &str = "development";
	let mut spec =
		spec("IO Network Development", "io-dev", ChainType::Development, "rococo-local", PRESET)?;
	ChainSpec::set_storage(&mut spec, genesis_storage(PRESET)?);
	Ok(spec)
}

/// Two collators, Alice and Bob, on a local relay chain.
fn local_testnet() -> Result<Spec, String> {
	spec("IO Network Local", "io-local", ChainType::Local, "rococo-local", "local_testnet")
}

#[cfg(test)]
mod tests {
	#![allow(clippy::unwrap_used)]

	use super::*;

	fn error(id: &str) -> String {
		Loader.load_spec(id).err().unwrap_or_default()
	}

	#[test]
	fn should_make_the_same_genesis_as_the_wasm_when_built_natively() {
		let Ok(by_wasm) = spec("", "", ChainType::Development, "", "development") else { return };
		let by_wasm = by_wasm.build_storage().unwrap();
		let natively = genesis_storage("development").unwrap();
		assert!(natively.top == by_wasm.top, "the two differ");
		assert!(natively.children_default.is_empty() && by_wasm.children_default.is_empty());
	}

	#[test]
	fn should_say_what_to_do_when_no_chain_is_named() {
		assert!(error("").contains("--dev"));
	}

	#[test]
	fn should_name_the_file_when_it_cannot_be_read() {
		assert!(error("no/such/file.json").contains("no/such/file.json"));
	}

	#[test]
	fn should_give_the_same_genesis_when_made_natively_and_by_the_wasm() {
		let Ok(native) = genesis_storage("development") else { return };
		let named = spec("", "", ChainType::Development, "rococo-local", "development");
		let wasm = named.and_then(|spec| spec.build_storage()).expect("the preset is good");
		assert_eq!(native.top, wasm.top);
		assert!(native.children_default.is_empty() && wasm.children_default.is_empty());
	}

	#[test]
	fn should_load_or_explain_when_a_known_chain_is_named() {
		for (id, name) in [("dev", "io-dev"), ("local", "io-local")] {
			match Loader.load_spec(id) {
				Ok(spec) => {
					assert_eq!(spec.id(), name);
					assert_eq!(spec.properties(), properties());
				},
				Err(e) => assert_eq!(e, NO_WASM),
			}
		}
	}
}
