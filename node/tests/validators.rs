//! Our runtime as the relay chain's validators treat it.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;

use polkadot_node_core_pvf_common::executor_interface::{prepare, prevalidate};
use polkadot_primitives::{ExecutorParams, MAX_CODE_SIZE};
use sp_wasm_interface::HostFunctions;
use wasmparser::{Parser, Payload, TypeRef};

/// What validators give to the code of a parachain: `HostFunctions` in polkadot-node-core-pvf-common,
/// src/executor_interface.rs. Functions that are missing there do not fail at first, they trap when they are called.
type OfValidators = (
	sp_io::misc::HostFunctions,
	sp_io::crypto::HostFunctions,
	sp_io::hashing::HostFunctions,
	sp_io::allocator::HostFunctions,
	sp_io::logging::HostFunctions,
	sp_io::trie::HostFunctions,
);

/// What the runtime brings along for the time of its validation: `replace_implementation` in
/// cumulus-pallet-parachain-system, src/validate_block/implementation.rs.
type Replaced = (
	sp_io::storage::HostFunctions,
	sp_io::default_child_storage::HostFunctions,
	sp_io::offchain_index::HostFunctions,
	cumulus_primitives_proof_size_hostfunction::storage_proof_size::HostFunctions,
);

/// What only our off-chain workers call: they run in nodes, never in a validator.
type OfOffchainWorkers = sp_io::offchain::HostFunctions;

fn names<F: HostFunctions>() -> BTreeSet<String> {
	F::host_functions().iter().map(|function| function.name().to_owned()).collect()
}

/// Imported functions that nobody provides while a block is validated.
fn foreign(wasm: &[u8]) -> Vec<String> {
	let known: BTreeSet<_> = names::<OfValidators>()
		.into_iter()
		.chain(names::<Replaced>())
		.chain(names::<OfOffchainWorkers>())
		.collect();
	let mut found = Vec::new();
	for payload in Parser::new(0).parse_all(wasm) {
		let Payload::ImportSection(section) = payload.unwrap() else { continue };
		for import in section {
			let import = import.unwrap();
			if matches!(import.ty, TypeRef::Func(_)) && !known.contains(import.name) {
				found.push(import.name.to_owned());
			}
		}
	}
	found
}

/// The runtime's WASM, uncompressed; none if the node was built without it.
fn wasm() -> Option<Vec<u8>> {
	let Some(code) = io_runtime::WASM_BINARY else {
		println!("NOT TESTED: built without the runtime's WASM");
		return None;
	};
	let limit = MAX_CODE_SIZE as usize * 4;
	Some(sp_maybe_compressed_blob::decompress(code, limit).unwrap().into_owned())
}

#[test]
fn should_import_only_what_validators_have() {
	let Some(wasm) = wasm() else { return };
	assert_eq!(foreign(&wasm), Vec::<String>::new());
}

#[test]
fn should_name_the_function_when_validators_do_not_have_it() {
	let wasm = wat::parse_str(
		r#"(module
			(import "env" "ext_hashing_blake2_256_version_1" (func))
			(import "env" "ext_storage_set_version_1" (func))
			(import "env" "ext_transaction_index_index_version_1" (func)))"#,
	)
	.unwrap();
	assert_eq!(foreign(&wasm), ["ext_transaction_index_index_version_1"]);
}

#[test]
fn should_be_compiled_by_validators_and_fit_the_limit_of_code() {
	let Some(wasm) = wasm() else { return };
	let limit = MAX_CODE_SIZE as usize;
	let packed = sp_maybe_compressed_blob::compress_weakly(&wasm, limit * 4).unwrap();
	assert!(packed.len() <= limit, "{} bytes of code, compressed", packed.len());
	let artifact = prepare(prevalidate(&wasm).unwrap(), &ExecutorParams::default()).unwrap();
	println!(
		"code: {} bytes, {} compressed; compiled: {} bytes",
		wasm.len(),
		packed.len(),
		artifact.len()
	);
}
