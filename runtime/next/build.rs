//! Builds the runtime's WASM once more, with a higher `spec_version`.

/// Runs after io-runtime's own build script and in its WASM workspace, so that only the runtime itself is compiled again.
#[cfg(feature = "wasm")]
fn main() {
	// Absolute: it is written down in a manifest that lies in the target folder.
	let runtime = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.toml");
	substrate_wasm_builder::WasmBuilder::new()
		.with_project(runtime.canonicalize().expect("the runtime lies beside this crate"))
		.expect("it is a manifest")
		.append_to_rust_flags(r#"--cfg=curve25519_dalek_bits="32""#)
		.enable_feature("sudo")
		.enable_feature("next-version")
		.set_file_name("next_runtime.rs")
		.build();
}

#[cfg(not(feature = "wasm"))]
fn main() {}
