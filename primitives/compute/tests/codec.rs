//! What is encoded is decoded to the same; whatever else is decoded neither panics nor is understood in two ways.
#![allow(clippy::unwrap_used, missing_docs)]

#[path = "support/strategies.rs"]
mod strategies;

use std::fmt::Debug;

use codec::{DecodeAll, Encode, MaxEncodedLen};
use io_primitives::{
	attestation::{
		AttestRequest, AttestResponse, AttestationCall, SignedAttestation, MAX_ATTESTATIONS,
		MAX_ATTEST_RESPONSE_BYTES, MAX_PROOF_BYTES,
	},
	gateway::{SyncRequest, SyncResponse, MAX_CALLS, MAX_KEYS, MAX_RESPONSE_BYTES},
	AccountId, Assignment, ClassInfo, JobSpec, JobView, Offence, Outcome, Profile,
	SignedWorkerCall, WorkerCall, WorkerKey, WorkerView,
};
use proptest::{collection::vec, prelude::*};
use sp_core::{sr25519, H256};

fn round_trip<T: Encode + DecodeAll + PartialEq + Debug>(value: &T) -> Result<(), TestCaseError> {
	let bytes = value.encode();
	let back = T::decode_all(&mut &bytes[..]);
	prop_assert_eq!(back.as_ref(), Ok(value));
	Ok(())
}

/// Decodes anything. What is understood must be the only encoding of its value.
fn survive<T: Encode + DecodeAll>(bytes: &[u8]) -> Result<(), TestCaseError> {
	if let Ok(value) = T::decode_all(&mut &bytes[..]) {
		prop_assert_eq!(value.encode(), bytes);
	}
	Ok(())
}

fn survive_all(bytes: &[u8]) -> Result<(), TestCaseError> {
	survive::<JobSpec>(bytes)?;
	survive::<Profile>(bytes)?;
	survive::<ClassInfo>(bytes)?;
	survive::<WorkerCall>(bytes)?;
	survive::<SignedWorkerCall>(bytes)?;
	survive::<Assignment<AccountId>>(bytes)?;
	survive::<WorkerView<AccountId>>(bytes)?;
	survive::<JobView<AccountId>>(bytes)?;
	survive::<Outcome<AccountId>>(bytes)?;
	survive::<Offence<AccountId>>(bytes)?;
	survive::<SyncRequest<AccountId>>(bytes)?;
	survive::<SyncResponse>(bytes)?;
	survive::<SignedAttestation>(bytes)?;
	survive::<AttestRequest<AccountId>>(bytes)?;
	survive::<AttestResponse>(bytes)
}

/// What can happen to bytes on their way.
#[derive(Clone, Debug)]
enum Harm {
	Flip(prop::sample::Index, u8),
	Cut(prop::sample::Index),
	Insert(prop::sample::Index, Vec<u8>),
}

fn harm() -> impl Strategy<Value = Harm> {
	prop_oneof![
		4 => (any::<prop::sample::Index>(), 1..=255u8).prop_map(|(at, bits)| Harm::Flip(at, bits)),
		1 => any::<prop::sample::Index>().prop_map(Harm::Cut),
		1 => (any::<prop::sample::Index>(), vec(any::<u8>(), 1..9))
			.prop_map(|(at, bytes)| Harm::Insert(at, bytes)),
	]
}

fn harmed(mut bytes: Vec<u8>, harms: &[Harm]) -> Vec<u8> {
	for harm in harms {
		match harm {
			_ if bytes.is_empty() => {},
			Harm::Flip(at, bits) => {
				let at = at.index(bytes.len());
				bytes[at] ^= bits;
			},
			Harm::Cut(at) => bytes.truncate(at.index(bytes.len())),
			Harm::Insert(at, new) => {
				let at = at.index(bytes.len());
				bytes.splice(at..at, new.iter().copied());
			},
		}
	}
	bytes
}

proptest! {
	#![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

	#[test]
	fn should_get_the_same_when_job_types_are_decoded(
		spec in strategies::spec(),
		replica in strategies::replica(),
		job in strategies::job_view(),
		outcome in strategies::outcome(),
		price in strategies::price(),
		assignment in strategies::assignment(),
	) {
		round_trip(&spec)?;
		round_trip(&replica)?;
		round_trip(&job)?;
		round_trip(&outcome)?;
		round_trip(&price)?;
		round_trip(&assignment)?;
		prop_assert!(spec.encoded_size() <= JobSpec::max_encoded_len());
		prop_assert!(assignment.encoded_size() <= Assignment::<AccountId>::max_encoded_len());
	}

	#[test]
	fn should_get_the_same_when_worker_types_are_decoded(
		profile in strategies::profile(),
		class in strategies::class_info(),
		call in strategies::call(),
		signed in strategies::signed_call(),
		view in strategies::worker_view(),
		reason in strategies::reason(),
		offence in strategies::offence(),
	) {
		round_trip(&profile)?;
		round_trip(&class)?;
		round_trip(&call)?;
		round_trip(&signed)?;
		round_trip(&view)?;
		round_trip(&reason)?;
		round_trip(&offence)?;
		prop_assert!(profile.encoded_size() <= Profile::max_encoded_len());
		prop_assert!(signed.encoded_size() <= SignedWorkerCall::max_encoded_len());
	}

	#[test]
	fn should_get_the_same_when_gateway_messages_are_decoded(
		request in strategies::request(),
		response in strategies::response(),
	) {
		round_trip(&request)?;
		round_trip(&response)?;
		prop_assert!(response.encoded_size() <= MAX_RESPONSE_BYTES);
	}

	#[test]
	fn should_get_the_same_when_attestations_are_decoded(
		signed in strategies::signed_attestation(),
		request in strategies::attest_request(),
		response in strategies::attest_response(),
	) {
		round_trip(&signed)?;
		round_trip(&request)?;
		round_trip(&response)?;
	}

	#[test]
	fn should_survive_when_the_bytes_of_attestations_are_harmed(
		signed in strategies::signed_attestation(),
		request in strategies::attest_request(),
		response in strategies::attest_response(),
		harms in vec(harm(), 1..6),
	) {
		survive::<SignedAttestation>(&harmed(signed.encode(), &harms))?;
		survive::<AttestRequest<AccountId>>(&harmed(request.encode(), &harms))?;
		survive::<AttestResponse>(&harmed(response.encode(), &harms))?;
	}

	#[test]
	fn should_survive_when_the_bytes_are_harmed(
		spec in strategies::spec(),
		signed in strategies::signed_call(),
		request in strategies::request(),
		response in strategies::response(),
		job in strategies::job_view(),
		harms in vec(harm(), 1..6),
	) {
		survive::<JobSpec>(&harmed(spec.encode(), &harms))?;
		survive::<SignedWorkerCall>(&harmed(signed.encode(), &harms))?;
		survive::<SyncRequest<AccountId>>(&harmed(request.encode(), &harms))?;
		survive::<SyncResponse>(&harmed(response.encode(), &harms))?;
		survive::<JobView<AccountId>>(&harmed(job.encode(), &harms))?;
	}
}

proptest! {
	#![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

	#[test]
	fn should_survive_when_the_bytes_are_random(bytes in vec(any::<u8>(), 0..2_000)) {
		survive_all(&bytes)?;
	}

	/// Mostly zeros and small numbers: these get deeper into the decoders than noise does.
	#[test]
	fn should_survive_when_the_bytes_are_small(
		bytes in vec(prop_oneof![6 => Just(0u8), 3 => 0..16u8, 1 => any::<u8>()], 0..2_000),
	) {
		survive_all(&bytes)?;
	}

	#[test]
	fn should_bind_every_part_when_a_payload_is_built(
		call in strategies::call(),
		other in strategies::call(),
		genesis in strategies::hash(),
		other_genesis in strategies::hash(),
		valid_until in any::<u32>(),
		other_valid_until in any::<u32>(),
	) {
		let payload = call.payload(genesis, valid_until);
		prop_assert_eq!(payload == other.payload(genesis, valid_until), call == other);
		prop_assert_eq!(payload == call.payload(other_genesis, valid_until), genesis == other_genesis);
		prop_assert_eq!(
			payload == call.payload(genesis, other_valid_until),
			valid_until == other_valid_until
		);
	}
}

proptest! {
	#![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

	#[test]
	fn should_bind_every_part_when_the_payload_of_an_attestation_is_built(
		call in strategies::attestation_call(),
		other in strategies::attestation_call(),
		genesis in strategies::hash(),
		other_genesis in strategies::hash(),
		valid_until in any::<u32>(),
		other_valid_until in any::<u32>(),
	) {
		let payload = call.payload(genesis, valid_until);
		prop_assert_eq!(payload == other.payload(genesis, valid_until), call == other);
		prop_assert_eq!(payload == call.payload(other_genesis, valid_until), genesis == other_genesis);
		prop_assert_eq!(
			payload == call.payload(genesis, other_valid_until),
			valid_until == other_valid_until
		);
	}
}

fn longest_attestation() -> SignedAttestation {
	SignedAttestation {
		worker: WorkerKey::default(),
		call: AttestationCall::Reveal {
			window: u64::MAX,
			challenge: H256::repeat_byte(0xff),
			device: u16::MAX,
			proof: vec![0; MAX_PROOF_BYTES as usize].try_into().unwrap(),
		},
		valid_until: u32::MAX,
		signature: sr25519::Signature::from_raw([0; 64]),
	}
}

#[test]
fn should_fit_the_limit_when_an_answer_with_proofs_is_as_long_as_it_can_be() {
	let longest = AttestResponse {
		keys: vec![WorkerKey::default(); MAX_KEYS as usize].try_into().unwrap(),
		calls: vec![longest_attestation(); MAX_ATTESTATIONS as usize].try_into().unwrap(),
	};
	assert_eq!(longest_attestation().encoded_size(), <SignedAttestation>::max_encoded_len());
	assert!(longest.encoded_size() <= MAX_ATTEST_RESPONSE_BYTES);
	assert!(
		longest.encoded_size() * 3 > MAX_ATTEST_RESPONSE_BYTES,
		"the limit is far too generous"
	);
}

#[test]
fn should_refuse_when_a_proof_or_a_list_of_attestations_is_one_too_long() {
	let proof = vec![0u8; MAX_PROOF_BYTES as usize + 1];
	let reveal = (3u8, 7u64, 3u16, proof).encode();
	assert!(<AttestationCall>::decode_all(&mut &reveal[..]).is_err());

	let keys = vec![WorkerKey::default(); MAX_KEYS as usize + 1];
	let none = Vec::<SignedAttestation>::new();
	assert!(AttestResponse::decode_all(&mut &(keys, none).encode()[..]).is_err());

	let call =
		SignedAttestation { call: AttestationCall::Leave { device: 0 }, ..longest_attestation() };
	let calls = vec![call; MAX_ATTESTATIONS as usize + 1];
	assert!(
		AttestResponse::decode_all(&mut &(Vec::<WorkerKey>::new(), calls).encode()[..]).is_err()
	);
}

fn longest_call() -> SignedWorkerCall {
	SignedWorkerCall {
		worker: WorkerKey::default(),
		call: WorkerCall::Reveal {
			job: u64::MAX,
			replica: u8::MAX,
			digest: H256::zero(),
			units: u64::MAX,
			exit_code: i32::MAX,
			salt: [0; 32],
			output_at: vec![0; 256].try_into().unwrap(),
		},
		valid_until: u32::MAX,
		signature: sr25519::Signature::from_raw([0; 64]),
	}
}

#[test]
fn should_fit_the_limit_when_a_response_is_as_long_as_it_can_be() {
	let longest = SyncResponse {
		keys: vec![WorkerKey::default(); MAX_KEYS as usize].try_into().unwrap(),
		calls: vec![longest_call(); MAX_CALLS as usize].try_into().unwrap(),
	};
	assert_eq!(longest_call().encoded_size(), SignedWorkerCall::max_encoded_len());
	assert!(longest.encoded_size() <= MAX_RESPONSE_BYTES);
	assert!(longest.encoded_size() * 3 > MAX_RESPONSE_BYTES, "the limit is far too generous");
}

#[test]
fn should_refuse_when_a_list_is_one_too_long() {
	let keys = vec![WorkerKey::default(); MAX_KEYS as usize + 1];
	let none = Vec::<SignedWorkerCall>::new();
	assert!(SyncResponse::decode_all(&mut &(keys, none).encode()[..]).is_err());

	let calls = vec![longest_call(); MAX_CALLS as usize + 1];
	assert!(SyncResponse::decode_all(&mut &(Vec::<WorkerKey>::new(), calls).encode()[..]).is_err());
}

#[test]
fn should_refuse_when_something_is_left_over() {
	let mut bytes = SyncResponse::default().encode();
	bytes.push(0);
	assert!(SyncResponse::decode_all(&mut &bytes[..]).is_err());
}
