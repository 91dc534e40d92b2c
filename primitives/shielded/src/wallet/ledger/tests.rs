use rand_core::SeedableRng;

use super::*;
use crate::{
	address::Address,
	keys::SpendKey,
	note::{NewNote, MEMO_LEN},
};

const MEMO: Memo = [b'm'; MEMO_LEN];
const ALICE: Hash = [0xa1; 32];

/// A wallet beside a chain whose blocks the tests make. The proofs are none of its business.
struct Setup {
	keys: Keys,
	ledger: Ledger,
	rng: rand_chacha::ChaCha20Rng,
	next: u64,
	fork: u8,
}

fn hash_of(number: u32, fork: u8) -> Hash {
	let mut hash = [fork; 32];
	hash[..4].copy_from_slice(&number.to_le_bytes());
	hash
}

impl Setup {
	fn new() -> Self {
		Self::with(Keys::Spend(SpendKey::from_seed(&[1; 32])))
	}

	fn with(keys: Keys) -> Self {
		let birthday = BlockRef { number: 10, hash: hash_of(10, 0) };
		Self {
			keys,
			ledger: Ledger::new(birthday, Some(0)),
			rng: rand_chacha::ChaCha20Rng::seed_from_u64(1),
			next: 0,
			fork: 0,
		}
	}

	fn own(&self, index: u32) -> Address {
		self.keys.view().address(index)
	}

	fn mint(&mut self, to: &Address, amount: u64) -> Transfer {
		let note =
			NewNote::new(to, amount, &MEMO, &Origin::Mint { depositor: ALICE }, &mut self.rng);
		let coin = self.next;
		self.next += 1;
		Transfer::Mint { coin, depositor: ALICE, amount, note: note.mint() }
	}

	fn bundle(
		&mut self,
		tags: &[PointBytes],
		outputs: &[(Address, u64, Memo)],
		target: Target,
	) -> Transfer {
		let origin = Origin::Bundle { tag: tags[0] };
		let outputs: Vec<_> = outputs
			.iter()
			.map(|(to, amount, memo)| NewNote::new(to, *amount, memo, &origin, &mut self.rng).note)
			.collect();
		let first = self.next;
		self.next += outputs.len() as u64;
		Transfer::Bundle { first, tags: tags.to_vec(), outputs, fee: 5, target }
	}

	fn block(&self, transfers: Vec<Transfer>) -> Block {
		let last = self.ledger.last().unwrap();
		let number = last.number + 1;
		Block {
			at: BlockRef { number, hash: hash_of(number, self.fork) },
			parent: last.hash,
			transfers,
		}
	}

	fn apply(&mut self, transfers: Vec<Transfer>) {
		let block = self.block(transfers);
		let watched = self.ledger.watched(&self.keys);
		self.ledger.apply(&self.keys, &watched, &block).unwrap();
	}

	fn total(&self) -> u64 {
		let Funds { available, maturing, reserved } = self.ledger.funds(u64::MAX);
		available + maturing + reserved
	}

	fn tag(&self, at: usize) -> PointBytes {
		self.ledger.coins()[at].tag.unwrap()
	}

	/// A wallet with coins number 1 and 3, worth 100 and 50, and one block on top.
	fn funded() -> Self {
		let mut setup = Self::new();
		let (stranger, own) = (SpendKey::from_seed(&[2; 32]), setup.own(0));
		let stranger = stranger.view_key().address(0);
		let first = [(&stranger, 7), (&own, 100), (&stranger, 8)]
			.map(|(to, amount)| setup.mint(to, amount));
		setup.apply(first.to_vec());
		let second = setup.mint(&own, 50);
		setup.apply([second].to_vec());
		setup.apply(Vec::new());
		setup
	}
}

#[test]
fn should_count_only_its_own_coins_when_blocks_are_applied() {
	let setup = Setup::funded();
	assert_eq!(setup.total(), 150);
	assert_eq!(setup.ledger.coins().iter().map(|coin| coin.number).collect::<Vec<_>>(), [1, 3]);
	assert_eq!(setup.ledger.next_coin(), Some(4));
	assert_eq!(setup.ledger.history().len(), 2);
	let funds = setup.ledger.funds(2);
	assert_eq!(funds, Funds { available: 100, maturing: 50, reserved: 0 });
}

#[test]
fn should_see_what_was_spent_and_what_came_back_when_a_bundle_is_its_own() {
	let mut setup = Setup::funded();
	let (own, stranger) = (setup.own(0), SpendKey::from_seed(&[2; 32]).view_key().address(3));
	let tags = [setup.tag(1), [9; 32]];
	let target = Target::Account { id: ALICE, amount: 3 };
	let bundle = setup.bundle(&tags, &[(stranger, 12, MEMO), (own, 30, MEMO)], target);
	setup.apply([bundle].to_vec());
	assert_eq!(setup.total(), 130);
	let Event::Sent { tag, spent, change, fee, target: seen } =
		setup.ledger.history().last().unwrap().event.clone()
	else {
		panic!("not sent")
	};
	assert_eq!((tag, spent, change, fee, seen), (tags[0], 50, 30, 5, target));
	assert_eq!(setup.ledger.history().len(), 3, "change is no income");
}

#[test]
fn should_note_sender_s_memo_when_a_stranger_pays() {
	let mut setup = Setup::funded();
	let own = setup.own(2);
	let bundle = setup.bundle(&[[9; 32]], &[(own, 30, MEMO)], Target::None);
	setup.apply([bundle].to_vec());
	let last = setup.ledger.history().last().unwrap();
	assert!(matches!(
		last.event,
		Event::Received { coin: 4, amount: 30, address: 2, memo: MEMO, .. }
	));
	assert_eq!(setup.ledger.addresses(), 3, "an address that was paid is in use");
}

#[test]
fn should_refuse_block_when_it_is_not_the_next_one() {
	let mut setup = Setup::funded();
	let watched = setup.ledger.watched(&setup.keys);
	let before = setup.ledger.encode();
	let last = setup.ledger.last().unwrap();
	let good = setup.block(Vec::new());
	for block in [
		Block { parent: [0xff; 32], ..good.clone() },
		Block { at: BlockRef { number: good.at.number + 1, ..good.at }, ..good.clone() },
		Block { at: last, ..good },
	] {
		let error = setup.ledger.apply(&setup.keys, &watched, &block).unwrap_err();
		assert_eq!(error, LedgerError::NotNext { last });
	}
	assert_eq!(setup.ledger.skip_to(last), Err(LedgerError::NotNext { last }));
	assert_eq!(setup.ledger.encode(), before);
}

#[test]
fn should_refuse_block_when_coins_are_missing_before_it() {
	let mut setup = Setup::funded();
	let watched = setup.ledger.watched(&setup.keys);
	let before = setup.ledger.encode();
	setup.next = 6;
	let own = setup.own(0);
	let transfer = setup.mint(&own, 1);
	let block = setup.block([transfer].to_vec());
	let error = setup.ledger.apply(&setup.keys, &watched, &block).unwrap_err();
	assert_eq!(error, LedgerError::Gap { expected: 4, found: 6 });
	assert_eq!(setup.ledger.encode(), before);
}

#[test]
fn should_forget_what_did_not_happen_when_the_chain_is_reorganised() {
	let mut setup = Setup::funded();
	let at = setup.ledger.last().unwrap().number;
	let before = setup.ledger.encode();
	let own = setup.own(0);
	let tag = setup.tag(0);
	let bundle = setup.bundle(&[tag], &[(own.clone(), 95, MEMO)], Target::None);
	setup.apply([bundle.clone()].to_vec());
	setup.apply(Vec::new());
	let on_first_fork = setup.total();
	assert_eq!(on_first_fork, 145);

	setup.ledger.roll_back(at).unwrap();
	assert_eq!(setup.ledger.encode(), before, "as if it had never been");
	// The other fork has the bundle too, later, after a mint.
	setup.fork = 1;
	setup.next = 4;
	let mint = setup.mint(&own, 7);
	setup.apply([mint].to_vec());
	let Transfer::Bundle { tags, outputs, fee, target, .. } = bundle else { panic!() };
	setup.apply([Transfer::Bundle { first: 5, tags, outputs, fee, target }].to_vec());
	assert_eq!(setup.total(), 152);
}

#[test]
fn should_refuse_to_roll_back_when_the_block_is_not_known() {
	let mut setup = Setup::funded();
	let before = setup.ledger.encode();
	assert_eq!(setup.ledger.roll_back(9), Err(UnknownBlock));
	assert_eq!(setup.ledger.roll_back(99), Err(UnknownBlock));
	assert_eq!(setup.ledger.encode(), before);
	for _ in 0..DEEPEST_FORK {
		setup.apply(Vec::new());
	}
	assert_eq!(setup.ledger.roll_back(13), Err(UnknownBlock), "too long ago");
}

#[test]
fn should_go_on_after_blocks_that_made_no_coins() {
	let mut setup = Setup::funded();
	setup.ledger.skip_to(BlockRef { number: 500, hash: hash_of(500, 0) }).unwrap();
	let own = setup.own(0);
	let mint = setup.mint(&own, 1);
	setup.apply([mint].to_vec());
	assert_eq!(setup.total(), 151);
	setup.ledger.roll_back(13).unwrap();
	assert_eq!(setup.total(), 150);
}

#[test]
fn should_keep_coins_of_a_waiting_bundle_until_it_expires() {
	let mut setup = Setup::funded();
	let now = setup.ledger.last().unwrap().number;
	let dispatch = Dispatch {
		tag: setup.tag(0),
		coins: [1].to_vec(),
		expires: now + 2,
		payments: Vec::new(),
		target: Target::None,
		fee: 5,
	};
	setup.ledger.dispatch(dispatch.clone());
	let waiting = Funds { available: 50, maturing: 0, reserved: 100 };
	assert_eq!(setup.ledger.funds(u64::MAX), waiting);
	assert_eq!(setup.ledger.spendable(u64::MAX).count(), 1);
	setup.apply(Vec::new());
	assert_eq!(setup.ledger.funds(u64::MAX), waiting);
	setup.apply(Vec::new());
	assert_eq!(setup.ledger.funds(u64::MAX).reserved, 0, "no block can have it any more");
	setup.ledger.roll_back(now).unwrap();
	assert_eq!(setup.ledger.funds(u64::MAX), waiting, "after a re-organisation one can again");
	setup.ledger.withdraw(&dispatch.tag);
	assert_eq!(setup.ledger.funds(u64::MAX).reserved, 0);
}

#[test]
fn should_learn_of_spent_coins_from_the_change_when_it_only_sees() {
	let mut spender = Setup::new();
	let mut watcher = Setup::with(Keys::View(spender.keys.view().clone()));
	let own = spender.own(0);
	let mint = spender.mint(&own, 100);
	spender.apply([mint.clone()].to_vec());
	let tag = spender.tag(0);
	let told = memo::spent(spender.keys.view(), &Origin::Bundle { tag }, &[0]);
	let outputs = [(own.clone(), 60, told), (own, 0, [0; MEMO_LEN])];
	let bundle = spender.bundle(&[tag], &outputs, Target::None);
	for transfer in [mint, bundle] {
		watcher.apply([transfer].to_vec());
	}
	assert!(watcher.ledger.coins().iter().all(|coin| coin.tag.is_none()));
	assert_eq!(watcher.total(), 60);
	assert!(matches!(
		watcher.ledger.history().last().unwrap().event,
		Event::Sent { spent: 100, change: 60, .. }
	));
}

#[test]
fn should_not_believe_a_stranger_who_says_that_coins_are_spent() {
	let mut watcher = Setup::with(Keys::View(SpendKey::from_seed(&[1; 32]).view_key().clone()));
	let own = watcher.own(0);
	let mint = watcher.mint(&own, 100);
	watcher.apply([mint].to_vec());
	let stranger = SpendKey::from_seed(&[2; 32]);
	let origin = Origin::Bundle { tag: [9; 32] };
	let lie = memo::spent(stranger.view_key(), &origin, &[0]);
	let bundle = watcher.bundle(&[[9; 32]], &[(own, 1, lie)], Target::None);
	watcher.apply([bundle].to_vec());
	assert_eq!(watcher.total(), 101);
}

#[test]
fn should_read_back_what_it_writes_and_refuse_what_is_damaged() {
	let setup = Setup::funded();
	let bytes = setup.ledger.encode();
	let read = Ledger::decode(&mut &bytes[..]).unwrap();
	assert_eq!(read.encode(), bytes);
	for len in 0..bytes.len() {
		assert!(Ledger::decode(&mut &bytes[..len]).is_err());
	}
}
