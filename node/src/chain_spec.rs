//! The chains that the node knows by name, made of the runtime inside this binary and its genesis presets.

use io_runtime::genesis_config_presets::PARA_ID;
use polkadot_omni_node_lib::chain_spec::{Extensions, LoadSpec};
use sc_service::{ChainSpec, ChainType, Properties};

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

/// One collator, Alice, and no relay chain.
fn development() -> Result<Spec, String> {
	spec("IO Network Development", "io-dev", ChainType::Development, "rococo-local", "development")
}

/// Two collators, Alice and Bob, on a local relay chain.
fn local_testnet() -> Result<Spec, String> {
	spec("IO Network Local", "io-local", ChainType::Local, "rococo-local", "local_testnet")
}

#[cfg(test)]
mod tests {
	use super::*;

	fn error(id: &str) -> String {
		Loader.load_spec(id).err().unwrap_or_default()
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
