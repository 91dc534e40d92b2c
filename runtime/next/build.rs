//! Builds the runtime's WASM once more, with a higher `spec_version`.

/// Runs after io-runtime's own build script and in its WASM workspace, so that only the runtime itself is compiled again.
#[cfg(feature = "wasm")]
fn main() {
	substrate_wasm_builder::WasmBuilder::new()
		.with_project("../Cargo.toml")
		.expect("the runtime lies beside this crate")
		.append_to_rust_flags(r#"--cfg=curve25519_dalek_bits="32""#)
		.enable_feature("sudo")
		.enable_feature("next-version")
		.set_file_name("next_runtime.rs")
		.build();
}

#[cfg(not(feature = "wasm"))]
fn main() {}
