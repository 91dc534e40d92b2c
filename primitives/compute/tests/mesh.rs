//! The mesh: byte formats, frozen; URLs and profiles that are taken; what is owed.
//!
//! The literals were made by a small SCALE encoder that shares no code with this crate.
#![allow(clippy::unwrap_used, missing_docs)]

use std::fmt::Debug;

use codec::{DecodeAll, Encode};
use hex_literal::hex;
use io_primitives::{
	mesh::{
		check_url, endpoint_payload, owed, Budget, EndpointKey, EndpointView, Party, ProfileError,
		Receipt, RelayMap, RelayProfile, RelayState, RelayView, Report, SignedReceipt,
		SignedReport, UrlError, MAX_PRICE,
	},
	AccountId, WorkerKey,
};
use proptest::prelude::*;
use sp_core::{ed25519, sr25519, Pair, H256};

const GENESIS: H256 = H256([0x11; 32]);
const OPERATOR: AccountId = AccountId::new([0x33; 32]);
const COIN: u128 = 1_000_000_000_000;

fn relay() -> EndpointKey {
	EndpointKey::from_raw([0x22; 32])
}

fn worker() -> WorkerKey {
	WorkerKey::from_raw([0x44; 32])
}

fn signature() -> sr25519::Signature {
	sr25519::Signature::from_raw([0x55; 64])
}

fn receipt() -> Receipt {
	Receipt { relay: relay(), epoch: 7, bytes: 0x0102_0304_0506_0708 }
}

fn report() -> Report {
	let relays = vec![(relay(), true), (EndpointKey::from_raw([0x23; 32]), false)];
	Report { epoch: 7, relays: relays.try_into().unwrap() }
}

fn profile() -> RelayProfile {
	RelayProfile {
		url: b"https://r.example:443".to_vec().try_into().unwrap(),
		tls_pin: Some(H256([0x66; 32])),
		quic_port: Some(7_842),
		region: *b"DE",
		capacity: 1_000,
		price_per_gib: 5 * COIN,
	}
}

fn view() -> RelayView<AccountId> {
	RelayView {
		relay: relay(),
		operator: OPERATOR,
		profile: profile(),
		next_prices: vec![(9, 6 * COIN)],
		bond: 1_000 * COIN,
		state: RelayState::Chilled { until: 8 },
	}
}

fn frozen<T: Encode + DecodeAll + PartialEq + Debug>(value: T, bytes: &[u8]) {
	assert_eq!(hex::encode(value.encode()), hex::encode(bytes));
	assert_eq!(T::decode_all(&mut &bytes[..]).unwrap(), value);
}

#[test]
fn should_keep_their_bytes_when_workers_sign_receipts() {
	let payload = hex!("696f2f726563656970742f763111111111111111111111111111111111111111111111111111111111111111112222222222222222222222222222222222222222222222222222222222222222070000000807060504030201");
	assert_eq!(receipt().payload(GENESIS), payload);
	let signed = SignedReceipt { worker: worker(), receipt: receipt(), signature: signature() };
	frozen(signed, &hex!("4444444444444444444444444444444444444444444444444444444444444444222222222222222222222222222222222222222222222222222222222222222207000000080706050403020155555555555555555555555555555555555555555555555555555555555555555555555555555555555555555555555555555555555555555555555555555555"));
}

#[test]
fn should_keep_their_bytes_when_workers_sign_reports() {
	let payload = hex!("696f2f6c6976656e6573732f763111111111111111111111111111111111111111111111111111111111111111110700000008222222222222222222222222222222222222222222222222222222222222222201232323232323232323232323232323232323232323232323232323232323232300");
	assert_eq!(report().payload(GENESIS), payload);
	let signed = SignedReport { worker: worker(), report: report(), signature: signature() };
	frozen(signed, &hex!("4444444444444444444444444444444444444444444444444444444444444444070000000822222222222222222222222222222222222222222222222222222222222222220123232323232323232323232323232323232323232323232323232323232323230055555555555555555555555555555555555555555555555555555555555555555555555555555555555555555555555555555555555555555555555555555555"));
}

#[test]
fn should_keep_its_bytes_when_an_endpoint_signs_for_an_account() {
	let payload = hex!("696f6e65742f656e64706f696e742f763111111111111111111111111111111111111111111111111111111111111111113333333333333333333333333333333333333333333333333333333333333333");
	assert_eq!(endpoint_payload(GENESIS, &OPERATOR), payload);
}

#[test]
fn should_keep_their_bytes_when_the_chain_tells_about_relays() {
	frozen(profile(), &hex!("5468747470733a2f2f722e6578616d706c653a34343301666666666666666666666666666666666666666666666666666666666666666601a21e4445e8030000005039278c0400000000000000000000"));
	let bare = RelayProfile { tls_pin: None, quic_port: None, ..profile() };
	frozen(bare, &hex!("5468747470733a2f2f722e6578616d706c653a34343300004445e8030000005039278c0400000000000000000000"));
	frozen(RelayState::Leaving { until: 49 }, &hex!("0231000000"));
	let live = RelayView { state: RelayState::Live, ..view() };
	frozen(live, &hex!("222222222222222222222222222222222222222222222222222222222222222233333333333333333333333333333333333333333333333333333333333333335468747470733a2f2f722e6578616d706c653a34343301666666666666666666666666666666666666666666666666666666666666666601a21e4445e8030000005039278c040000000000000000000004090000000060defb7405000000000000000000000080c6a47e8d0300000000000000000000"));
	let map = RelayMap { epoch: 7, epoch_blocks: 2_400, relays: vec![view()] };
	frozen(map, &hex!("070000006009000004222222222222222222222222222222222222222222222222222222222222222233333333333333333333333333333333333333333333333333333333333333335468747470733a2f2f722e6578616d706c653a34343301666666666666666666666666666666666666666666666666666666666666666601a21e4445e8030000005039278c040000000000000000000004090000000060defb7405000000000000000000000080c6a47e8d030000000000000000000108000000"));
}

#[test]
fn should_keep_their_bytes_when_the_chain_tells_about_endpoints() {
	let endpoint = EndpointView {
		endpoint: relay(),
		account: OPERATOR,
		worker: Some(worker()),
		active: true,
		budget: COIN,
	};
	frozen(endpoint, &hex!("22222222222222222222222222222222222222222222222222222222222222223333333333333333333333333333333333333333333333333333333333333333014444444444444444444444444444444444444444444444444444444444444444010010a5d4e80000000000000000000000"));
	let budget = Budget { payer: OPERATOR, held: COIN, closes: Some(14) };
	frozen(budget, &hex!("33333333333333333333333333333333333333333333333333333333333333330010a5d4e80000000000000000000000010e000000"));
	let party: Party<AccountId> = Party::Worker(worker());
	frozen(party, &hex!("004444444444444444444444444444444444444444444444444444444444444444"));
	frozen(
		Party::Account(OPERATOR),
		&hex!("013333333333333333333333333333333333333333333333333333333333333333"),
	);
}

#[test]
fn should_be_bound_to_chain_and_account_when_an_endpoint_signs() {
	let pair = ed25519::Pair::from_seed(&[1; 32]);
	let signed = pair.sign(&endpoint_payload(GENESIS, &OPERATOR));
	let fits = |genesis, who: &AccountId| {
		ed25519::Pair::verify(&signed, endpoint_payload(genesis, who), &pair.public())
	};
	assert!(fits(GENESIS, &OPERATOR));
	assert!(!fits(H256([0x12; 32]), &OPERATOR));
	assert!(!fits(GENESIS, &AccountId::new([0x34; 32])));
}

#[test]
fn should_take_a_host_with_or_without_a_port() {
	for url in [
		"https://relay.example",
		"https://relay.example/",
		"https://relay.example:443",
		"https://relay.example:65535/",
		"https://a",
		"https://xn--bcher-kva.example",
		"https://127.0.0.1:3340",
		"https://[::1]:3340",
		"https://[2001:db8::1]/",
	] {
		assert_eq!(check_url(url.as_bytes()), Ok(()), "{url}");
	}
}

#[test]
fn should_refuse_whatever_else_a_url_can_be() {
	for (url, error) in [
		("", UrlError::Scheme),
		("http://relay.example", UrlError::Scheme),
		("HTTPS://relay.example", UrlError::Scheme),
		("wss://relay.example", UrlError::Scheme),
		("https://", UrlError::Host),
		("https://Relay.example", UrlError::Host),
		("https://relay..example", UrlError::Host),
		("https://relay.example.", UrlError::Host),
		("https://-relay.example", UrlError::Host),
		("https://relay-.example", UrlError::Host),
		("https://user@relay.example", UrlError::Host),
		("https://relay.example/path", UrlError::Host),
		("https://relay.example?query", UrlError::Host),
		("https://relay.example#part", UrlError::Host),
		("https://relay.example//", UrlError::Host),
		("https://relay example", UrlError::Host),
		("https://r\u{e9}lay.example", UrlError::Host),
		("https://[::1", UrlError::Host),
		("https://[fe80::1%25eth0]", UrlError::Host),
		("https://[127.0.0.1]", UrlError::Host),
		("https://[::1]443", UrlError::Port),
		("https://relay.example:", UrlError::Port),
		("https://relay.example:0", UrlError::Port),
		("https://relay.example:+80", UrlError::Port),
		("https://relay.example:65536", UrlError::Port),
		("https://relay.example:443:443", UrlError::Port),
		("https://user:word@relay.example", UrlError::Port),
	] {
		assert_eq!(check_url(url.as_bytes()), Err(error), "{url}");
	}
	assert_eq!(check_url(&[b'h', 0xff]), Err(UrlError::Host));
	let long = format!("https://{}.example", "a".repeat(64));
	assert_eq!(check_url(long.as_bytes()), Err(UrlError::Host));
}

#[test]
fn should_name_the_rule_that_a_profile_breaks() {
	assert_eq!(profile().check(), Ok(()));
	let url = b"https://".to_vec().try_into().unwrap();
	let broken = [
		(RelayProfile { url, ..profile() }, ProfileError::Url(UrlError::Host)),
		(RelayProfile { quic_port: Some(0), ..profile() }, ProfileError::Port),
		(RelayProfile { region: *b"D1", ..profile() }, ProfileError::Region),
		(RelayProfile { capacity: 0, ..profile() }, ProfileError::Capacity),
		(RelayProfile { price_per_gib: MAX_PRICE + 1, ..profile() }, ProfileError::Price),
	];
	for (profile, error) in broken {
		assert_eq!(profile.check(), Err(error));
	}
}

#[test]
fn should_round_down_what_is_owed() {
	const GIB: u64 = 1 << 30;
	assert_eq!(owed(GIB, 12), 12);
	assert_eq!(owed(GIB - 1, 12), 11);
	assert_eq!(owed(GIB + GIB / 2, 7), 10);
	assert_eq!(owed(0, MAX_PRICE), 0);
	assert_eq!(owed(u64::MAX, 0), 0);
	// The largest product fits: nothing is cut.
	assert_eq!(owed(u64::MAX, MAX_PRICE), (u128::from(u64::MAX) * u128::from(u64::MAX)) >> 30);
}

#[test]
fn should_tell_whether_relays_are_in_order() {
	let of =
		|relays: Vec<(EndpointKey, bool)>| Report { epoch: 0, relays: relays.try_into().unwrap() };
	let (first, second) = (report().relays[0], report().relays[1]);
	assert!(of(vec![first, second]).is_ordered() && of(vec![second]).is_ordered());
	assert!(!of(vec![]).is_ordered());
	assert!(!of(vec![second, first]).is_ordered());
	assert!(!of(vec![first, (first.0, false)]).is_ordered());
}

proptest! {
	#[test]
	fn should_never_panic_whatever_a_url_is(url in proptest::collection::vec(any::<u8>(), 0..64)) {
		let _ = check_url(&url);
		let _ = check_url(&[b"https://", &url[..]].concat());
	}

	#[test]
	fn should_understand_bytes_in_one_way_only(
		bytes in proptest::collection::vec(any::<u8>(), 0..200),
	) {
		fn survive<T: Encode + DecodeAll>(bytes: &[u8]) {
			if let Ok(value) = T::decode_all(&mut &bytes[..]) {
				assert_eq!(value.encode(), bytes);
			}
		}
		survive::<SignedReceipt>(&bytes);
		survive::<SignedReport>(&bytes);
		survive::<RelayProfile>(&bytes);
		survive::<RelayMap<AccountId>>(&bytes);
		survive::<EndpointView<AccountId>>(&bytes);
		survive::<Party<AccountId>>(&bytes);
	}
}
