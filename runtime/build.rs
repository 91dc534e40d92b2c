//! Builds the runtime's WASM.

#[cfg(all(feature = "std", not(feature = "metadata-hash")))]
fn main() {
	substrate_wasm_builder::WasmBuilder::build_using_defaults();
}

// Release builds carry the hash of the metadata, so that offline signers can show what they sign.
#[cfg(all(feature = "std", feature = "metadata-hash"))]
fn main() {
	substrate_wasm_builder::WasmBuilder::init_with_defaults()
		.enable_metadata_hash("IO", 12)
		.build();
}

#[cfg(not(feature = "std"))]
fn main() {}
