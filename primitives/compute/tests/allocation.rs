//! Decoding hostile bytes allocates no more than the largest value of the type needs.
//!
//! An allocator that counts needs `unsafe`; it does nothing but count and pass on to the system's.
#![allow(unsafe_code, clippy::unwrap_used, missing_docs)]

#[path = "support/strategies.rs"]
#[allow(dead_code)]
mod strategies;

use std::{
	alloc::{GlobalAlloc, Layout, System},
	cell::Cell,
	mem::size_of,
};

use codec::{Compact, DecodeAll, Encode, MaxEncodedLen};
use io_primitives::{
	attestation::{
		AttestRequest, AttestResponse, AttestationView, SignedAttestation, MAX_ATTESTATIONS,
		MAX_PROOF_BYTES,
	},
	gateway::{SyncRequest, SyncResponse, WorkerSync, MAX_CALLS, MAX_KEYS},
	AccountId, JobSpec, Locator, SignedWorkerCall, WorkerKey,
};
use proptest::{collection::vec, prelude::*};

/// Counts the bytes that the current thread holds now, and held at most.
struct Counting;

thread_local! {
	static LIVE: Cell<isize> = const { Cell::new(0) };
	static PEAK: Cell<isize> = const { Cell::new(0) };
}

fn count(bytes: isize) {
	let _ = LIVE.try_with(|live| {
		live.set(live.get() + bytes);
		let _ = PEAK.try_with(|peak| peak.set(peak.get().max(live.get())));
	});
}

// SAFETY: every call goes to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
	unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
		count(layout.size() as isize);
		unsafe { System.alloc(layout) }
	}

	unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
		count(-(layout.size() as isize));
		unsafe { System.dealloc(pointer, layout) }
	}

	unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
		// Old and new may exist at the same time.
		count(size as isize);
		count(-(layout.size() as isize));
		unsafe { System.realloc(pointer, layout, size) }
	}
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Most bytes that decoding held at the same time.
fn peak_of<T: DecodeAll>(bytes: &[u8]) -> usize {
	let before = LIVE.with(Cell::get);
	PEAK.with(|peak| peak.set(before));
	let value = T::decode_all(&mut &bytes[..]);
	let peak = PEAK.with(Cell::get);
	drop(value);
	usize::try_from(peak - before).unwrap()
}

/// Room that lists may have beyond their items: they grow by doubling, and the old copy lives while the new is filled.
const GROWTH: usize = 3;

fn locators_bound(count: usize) -> usize {
	count * (size_of::<Locator>() + 256)
}

fn call_bound() -> usize {
	GROWTH * 256
}

fn spec_bound() -> usize {
	GROWTH * (2 * locators_bound(4) + 32 * (size_of::<Locator>() + 256))
}

fn response_bound() -> usize {
	let keys = MAX_KEYS as usize * size_of::<WorkerKey>();
	let calls = MAX_CALLS as usize * (size_of::<SignedWorkerCall>() + 256);
	GROWTH * (keys + calls)
}

fn attestation_bound() -> usize {
	GROWTH * MAX_PROOF_BYTES as usize
}

fn attest_response_bound() -> usize {
	let keys = MAX_KEYS as usize * size_of::<WorkerKey>();
	let call = size_of::<SignedAttestation>() + MAX_PROOF_BYTES as usize;
	GROWTH * (keys + MAX_ATTESTATIONS as usize * call)
}

/// A request has no fixed number of entries, so its memory is bounded by its length, which the gateway limits before
/// it decodes. The decoder reserves up to 16 KiB for each list that it has begun, and five lists can be open inside one
/// another. Beyond that an entry is at most sixteen times as large in memory as on the wire.
fn request_bound(bytes: &[u8]) -> usize {
	5 * 16 * 1_024 + GROWTH * 16 * bytes.len()
}

fn check_all(bytes: &[u8]) -> Result<(), TestCaseError> {
	prop_assert!(peak_of::<SignedWorkerCall>(bytes) <= call_bound());
	prop_assert!(peak_of::<JobSpec>(bytes) <= spec_bound());
	prop_assert!(peak_of::<SyncResponse>(bytes) <= response_bound());
	prop_assert!(size_of::<WorkerSync<AccountId>>() <= 16 * 34, "the shortest entry has 34 bytes");
	prop_assert!(peak_of::<SyncRequest<AccountId>>(bytes) <= request_bound(bytes));
	prop_assert!(peak_of::<SignedAttestation>(bytes) <= attestation_bound());
	prop_assert!(peak_of::<AttestResponse>(bytes) <= attest_response_bound());
	prop_assert!(
		size_of::<(WorkerKey, AttestationView<AccountId>)>() <= 16 * 63,
		"the shortest entry has 63 bytes"
	);
	prop_assert!(peak_of::<AttestRequest<AccountId>>(bytes) <= request_bound(bytes));
	Ok(())
}

#[test]
fn should_see_allocations_when_something_is_decoded() {
	let bytes = vec![7u8; 1_000].encode();
	assert!((1_000..3_000).contains(&peak_of::<Vec<u8>>(&bytes)));
}

#[test]
fn should_stay_in_bounds_when_a_length_lies() {
	for claimed in [5u32, 65, 1_000, 1 << 20, u32::MAX] {
		for filler in [0u8, 1, 4, 0xff] {
			let mut bytes = Compact(claimed).encode();
			bytes.resize(100_000, filler);
			check_all(&bytes).unwrap();
			// The same behind the parts that come first.
			let mut call = vec![0; 32];
			call.push(4);
			call.resize(32 + 1 + 85, 0);
			call.extend(&bytes);
			check_all(&call).unwrap();
			let mut spec = vec![0; 33];
			spec.extend(&bytes);
			check_all(&spec).unwrap();
			let mut attestation = vec![0; 32];
			attestation.push(3);
			attestation.resize(32 + 1 + 10, 0);
			attestation.extend(&bytes);
			check_all(&attestation).unwrap();
			let mut response = vec![0, 4];
			response.extend(&attestation);
			check_all(&response).unwrap();
			let mut attest_request = vec![0; 32];
			attest_request.push(4);
			attest_request.resize(32 + 1 + 32 + 17, 0);
			attest_request.extend(&bytes);
			check_all(&attest_request).unwrap();
			let mut request = vec![0; 36];
			request.extend(&bytes);
			check_all(&request).unwrap();
		}
	}
}

#[test]
fn should_stay_in_bounds_when_all_lists_are_full() {
	let mut spec = vec![0u8; 33];
	let locators = vec![vec![1u8; 256]; 4];
	spec.extend((&locators, &locators).encode());
	spec.extend([0; 40]);
	spec.extend(vec![vec![2u8; 256]; 32].encode());
	// Without a key for sealing, and verified by a quorum.
	spec.resize(JobSpec::max_encoded_len() - 32 - 100, 0);
	assert!(JobSpec::decode_all(&mut &spec[..]).is_ok());
	assert!(peak_of::<JobSpec>(&spec) <= spec_bound());
}

proptest! {
	#![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

	#[test]
	fn should_stay_in_bounds_when_the_bytes_are_random(
		bytes in vec(prop_oneof![4 => Just(0u8), 3 => 0..=16u8, 3 => any::<u8>()], 0..4_000),
	) {
		check_all(&bytes)?;
	}
}

proptest! {
	#![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

	#[test]
	fn should_stay_in_bounds_when_a_byte_is_changed(
		response in strategies::response(),
		spec in strategies::spec(),
		attest_request in strategies::attest_request(),
		attest_response in strategies::attest_response(),
		at in any::<prop::sample::Index>(),
		bits in any::<u8>(),
	) {
		let all = [
			response.encode(),
			spec.encode(),
			attest_request.encode(),
			attest_response.encode(),
		];
		for mut bytes in all {
			let at = at.index(bytes.len());
			bytes[at] ^= bits;
			check_all(&bytes)?;
		}
	}
}
