//! Builds the runtime's WASM.

/// The curve library's backend of 32-bit words: three times as fast in WASM, which has no 128-bit products.
#[cfg(feature = "std")]
const CURVE_BACKEND: &str = r#"--cfg=curve25519_dalek_bits="32""#;

#[cfg(all(feature = "std", not(feature = "metadata-hash")))]
fn main() {
	substrate_wasm_builder::WasmBuilder::init_with_defaults()
		.append_to_rust_flags(CURVE_BACKEND)
		.build();
}

// Release builds carry the hash of the metadata, so that offline signers can show what they sign.
#[cfg(all(feature = "std", feature = "metadata-hash"))]
fn main() {
	substrate_wasm_builder::WasmBuilder::init_with_defaults()
		.append_to_rust_flags(CURVE_BACKEND)
		.enable_metadata_hash("IO", 12)
		.build();
}

#[cfg(not(feature = "std"))]
fn main() {}
