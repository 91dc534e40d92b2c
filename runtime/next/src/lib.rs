#![doc = include_str!("../README.md")]

#[cfg(feature = "wasm")]
mod wasm {
	#![allow(missing_docs, dead_code, unreachable_pub)]
	include!(concat!(env!("OUT_DIR"), "/next_runtime.rs"));
}

/// The WASM, not compressed; `None` if this crate was built without the feature `wasm`, or with `SKIP_WASM_BUILD`.
#[cfg(feature = "wasm")]
pub const WASM: Option<&[u8]> = wasm::WASM_BINARY;
/// The WASM, not compressed; `None` if this crate was built without the feature `wasm`, or with `SKIP_WASM_BUILD`.
#[cfg(not(feature = "wasm"))]
pub const WASM: Option<&[u8]> = None;
