//! From the relay chain's proof to the beacon.

use crate::support::{Chain, Shown};
use io_primitives::Randomness;
use io_runtime::{randomness::FORESEEN_BLOCKS, IoRandomness};
use sp_core::H256;

fn beacon() -> Option<io_primitives::Beacon> {
	<IoRandomness as Randomness>::beacon()
}

#[test]
fn should_have_no_beacon_and_not_panic_when_relay_chain_shows_nothing() {
	let mut chain = Chain::development();
	assert_eq!(chain.block(Shown::default(), beacon), None);
	assert_eq!(chain.block(Shown::default(), beacon), None);
}

#[test]
fn should_have_a_beacon_when_only_the_older_value_is_shown() {
	let mut chain = Chain::development();
	let first = chain.block(Shown::epoch(1), beacon).unwrap();
	let second = chain.block(Shown::epoch(2), beacon).unwrap();
	assert_ne!(first.value, second.value);
}

#[test]
fn should_use_the_older_value_when_the_newer_does_not_decode() {
	let mut chain = Chain::development();
	let shown = Shown { garbage: true, ..Shown::epoch(1) };
	assert!(chain.block(shown, beacon).is_some());
}

#[test]
fn should_date_the_beacon_before_the_blocks_that_could_foresee_it() {
	let mut chain = Chain::development();
	chain.run_to(9);
	let shown = Shown { current_block: Some(H256::repeat_byte(7)), ..Shown::epoch(9) };
	assert_eq!(chain.block(shown, beacon).unwrap().since, 10 - FORESEEN_BLOCKS);
	assert_eq!(chain.block(shown, beacon).unwrap().since, 10 - FORESEEN_BLOCKS);
}

#[test]
fn should_have_no_beacon_when_the_last_one_is_a_block_old() {
	let mut chain = Chain::development();
	chain.block(Shown::epoch(1), || ());
	assert_eq!(chain.block(Shown::default(), beacon), None);
}
