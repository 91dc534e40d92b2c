//! Weights of `pallet_io_shielded`.
//!
//! **Not generated.** The time of the checks and proofs was measured in WASM: `io-shielded` alone, compiled for
//! `wasm32v1-none` with the curve backend of the runtime (32-bit words), run by wasmtime 36 (Cranelift, `opt_level = speed`, no SIMD)
//! on a development machine, 2 shared cores of an AMD EPYC under load, best of five, rings of 1,024 places:
//!
//! | inputs, windows, outputs | verification, ms |
//! | --- | --- |
//! | 1, 1, 2 | 70.5 |
//! | 2, 1, 2 | 71.9 |
//! | 4, 1, 2 | 74.6 |
//! | 1, 1, 4 | 76.6 |
//! | 2, 2, 2 | 133.2 |
//! | 4, 2, 4 | 141.0 |
//!
//! The cheap rules take 0.4 to 1.1 ms, the commitment of a mint 0.17 ms. The formulas below lie above all of these. What reads and
//! writes cost is counted, with the largest size of each item in the proof. The pallet adds a quarter to what bundles weigh. Replace this file
//! by the output of the pallet's benchmarks, on reference hardware, before a network has money: "Measure weights" in runtime/README.md.

use core::marker::PhantomData;
use frame_support::{
	traits::Get,
	weights::{
		constants::{WEIGHT_REF_TIME_PER_MICROS, WEIGHT_REF_TIME_PER_MILLIS},
		Weight,
	},
};

/// Bytes of proof for an item that is a small value in a map.
const SMALL_ITEM: u64 = 2_700;
/// Bytes of proof for a chunk of coins.
const CHUNK_ITEM: u64 = 6_600;
/// Chunks of a ring.
const RING_CHUNKS: u64 = 16;

fn micros(micros: u64) -> Weight {
	Weight::from_parts(WEIGHT_REF_TIME_PER_MICROS.saturating_mul(micros), 0)
}

fn millis(millis: u64) -> Weight {
	Weight::from_parts(WEIGHT_REF_TIME_PER_MILLIS.saturating_mul(millis), 0)
}

/// Weight functions for `pallet_io_shielded`.
pub struct WeightInfo<T>(PhantomData<T>);

impl<T: frame_system::Config> WeightInfo<T> {
	/// Small items that are read, chunks that are read, and items that are written.
	fn accesses(small: u64, chunks: u64, writes: u64) -> Weight {
		let proof =
			small.saturating_mul(SMALL_ITEM).saturating_add(chunks.saturating_mul(CHUNK_ITEM));
		Weight::from_parts(0, proof)
			.saturating_add(T::DbWeight::get().reads(small.saturating_add(chunks)))
			.saturating_add(T::DbWeight::get().writes(writes))
	}

	/// The cheap rules: 0.17 ms for an input, 0.05 ms for an output, and the stamp.
	fn rules(w: u32, t: u32) -> Weight {
		micros(400)
			.saturating_add(micros(200).saturating_mul(w.into()))
			.saturating_add(micros(60).saturating_mul(t.into()))
	}

	/// Rules, proofs, new coins and payments. Small items: parameters, pause, history, count, supply, outflow, era, genesis,
	/// number of the chain, fee multiplier, author, four accounts, the pool's hold; tags and keys. Chunks: those of the rings, and two to which
	/// coins are added.
	fn bundle(w: u32, s: u32, t: u32) -> Weight {
		let (inputs, windows, outputs) = (u64::from(w), u64::from(s), u64::from(t));
		let small = inputs.saturating_add(outputs).saturating_add(17);
		let chunks = windows.saturating_mul(RING_CHUNKS).saturating_add(2);
		let writes = inputs.saturating_add(outputs).saturating_add(12);
		millis(2)
			.saturating_add(millis(63).saturating_mul(windows))
			.saturating_add(millis(2).saturating_mul(inputs))
			.saturating_add(millis(3).saturating_mul(outputs))
			.saturating_add(Self::accesses(small, chunks, writes))
	}
}

impl<T: frame_system::Config> pallet_io_shielded::WeightInfo for WeightInfo<T> {
	fn shield() -> Weight {
		micros(500).saturating_add(Self::accesses(9, 1, 9))
	}

	fn spend(w: u32, s: u32, t: u32) -> Weight {
		Self::bundle(w, s, t)
	}

	fn relay(w: u32, s: u32, t: u32) -> Weight {
		Self::bundle(w, s, t)
	}

	fn pause() -> Weight {
		micros(20).saturating_add(Self::accesses(1, 0, 1))
	}

	fn resume() -> Weight {
		micros(20).saturating_add(Self::accesses(1, 0, 1))
	}

	// The payments are tried, and what they touch is touched again by the dispatch.
	fn authorize_spend(w: u32, t: u32) -> Weight {
		let small = u64::from(w).saturating_add(t.into()).saturating_add(17);
		Self::rules(w, t).saturating_add(micros(300)).saturating_add(Self::accesses(small, 0, 0))
	}

	fn check_turnstile() -> Weight {
		micros(20).saturating_add(Self::accesses(4, 0, 2))
	}
}
