//! What is measured. The same functions are called natively and, as exports of a WASM module, through wasmtime.
#![cfg_attr(target_family = "wasm", no_std)]

extern crate alloc;

use alloc::vec::Vec;

use io_tflops::{
	product::{self, Shape},
	reveal, Hash, Params,
};
use spin::Mutex;

#[cfg(target_family = "wasm")]
#[global_allocator]
static ALLOCATOR: dlmalloc::GlobalDlmalloc = dlmalloc::GlobalDlmalloc;

#[cfg(target_family = "wasm")]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
	core::arch::wasm32::unreachable()
}

/// First state of the chains.
pub const SEED: Hash = [7; 32];
/// Rounds of a reveal.
pub const ROUNDS: u32 = 128;
/// Bytes before a proof: the two hashes of its statement.
const HASHES: usize = 64;

/// Two hashes of a statement, and a proof.
static INPUT: Mutex<Vec<u8>> = Mutex::new(Vec::new());

/// Forgets the input.
#[no_mangle]
pub extern "C" fn clear() {
	INPUT.lock().clear();
}

/// Adds a byte to the input.
#[no_mangle]
pub extern "C" fn push(byte: u32) {
	INPUT.lock().push(byte as u8);
}

/// Verifies the input as a proof of a square product. 1 if it is right.
#[no_mangle]
pub extern "C" fn product(side: u32) -> u32 {
	with_input(|inputs, output, proof| {
		let statement = product_statement(side, inputs, output)?;
		product::verify(&statement, proof).ok()
	})
}

/// Verifies the input as a reveal of a chain of [`ROUNDS`] in this class. 1 if it is right.
#[no_mangle]
pub extern "C" fn reveal(class: u32, openings: u32) -> u32 {
	with_input(|commitment, challenge, proof| {
		let params = params(class)?;
		let statement = reveal::Statement {
			seed: SEED,
			params,
			rounds: ROUNDS,
			openings,
			commitment,
			challenge,
		};
		reveal::verify_reveal(&statement, proof).ok()
	})
}

fn with_input(verify: impl FnOnce(Hash, Hash, &[u8]) -> Option<()>) -> u32 {
	let input = INPUT.lock();
	let verified = input.split_at_checked(HASHES).and_then(|(hashes, proof)| {
		let (first, second) = hashes.split_at(HASHES / 2);
		verify(first.try_into().ok()?, second.try_into().ok()?, proof)
	});
	verified.is_some().into()
}

/// What a proof of a product is about.
pub fn product_statement(side: u32, inputs: Hash, output: Hash) -> Option<product::Statement> {
	let shape = Shape::new(side, side, side).ok()?;
	Some(product::Statement {
		genesis: [1; 32],
		para: 2000,
		job: 3,
		worker: [4; 32],
		shape,
		inputs,
		output,
	})
}

/// Dimensions of a class of devices, with many lanes.
pub fn params(class: u32) -> Option<Params> {
	let (side, k, lanes) = match class {
		0 => (1_024, 4_096, 1_024),
		1 => (4_096, 16_384, 256),
		2 => (16_384, 16_384, 128),
		3 => (16_384, 65_536, 32),
		_ => return None,
	};
	Params::new(0, side, side, k, lanes).ok()
}
