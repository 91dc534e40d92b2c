use rand_core::SeedableRng;

use super::*;
use crate::{
	bundle::{stamp_place, PLACES},
	note::Incoming,
	wallet::{
		ledger::{Block, BlockRef, Ledger, Transfer},
		rings,
		select::{select, Candidate, SelectError},
		Keys,
	},
	window::RingSize,
};

const SIZE: RingSize = RingSize::N16;
const DOMAIN: Domain = Domain { genesis: [1; 32], para: 2_000, pallet: 73, size: SIZE };
const ERA: (u32, Hash) = (100, [2; 32]);
const FEE: u64 = 10;

/// A pool, and wallets that watch it. The chain's own rules are not part of it.
struct Pool {
	coins: Vec<Coin>,
	wallets: Vec<(Keys, Ledger)>,
	rng: rand_chacha::ChaCha20Rng,
}

impl Pool {
	/// Strangers have coins; each wallet has one coin of 100 and one of 50.
	fn new(wallets: u8) -> Self {
		let origin = BlockRef { number: 0, hash: [0; 32] };
		let wallet =
			|seed| (Keys::Spend(SpendKey::from_seed(&[seed; 32])), Ledger::new(origin, Some(0)));
		let mut pool = Self {
			coins: Vec::new(),
			wallets: (0..wallets).map(wallet).collect(),
			rng: rand_chacha::ChaCha20Rng::seed_from_u64(7),
		};
		let stranger = SpendKey::from_seed(&[99; 32]).view_key().address(0);
		for _ in 0..10 {
			pool.mint(&stranger, 1_000);
		}
		for at in 0..pool.wallets.len() {
			let own = pool.address(at, 0);
			pool.mint(&own, 100);
			pool.mint(&own, 50);
		}
		pool
	}

	fn address(&self, wallet: usize, index: u32) -> Address {
		self.wallets[wallet].0.view().address(index)
	}

	fn keys(&self, wallet: usize) -> &SpendKey {
		self.wallets[wallet].0.spend().unwrap()
	}

	fn mint(&mut self, to: &Address, amount: u64) {
		let depositor = [8; 32];
		let made = NewNote::new(to, amount, &[0; 64], &Origin::Mint { depositor }, &mut self.rng);
		let coin = self.coins.len() as u64;
		self.coins.push(made.note.coin());
		self.apply(Transfer::Mint { coin, depositor, amount, note: made.mint() });
	}

	/// What a chain does with a valid bundle.
	fn include(&mut self, bundle: &Bundle) {
		let first = self.coins.len() as u64;
		self.coins.extend(bundle.outputs.iter().map(|output| output.coin()));
		self.apply(Transfer::Bundle {
			first,
			tags: bundle.inputs.iter().map(|input| input.tag).collect(),
			outputs: bundle.outputs.to_vec(),
			fee: bundle.fee,
			target: bundle.target,
		});
	}

	fn apply(&mut self, transfer: Transfer) {
		for (keys, ledger) in &mut self.wallets {
			let last = ledger.last().unwrap();
			let number = last.number + 1;
			let at = BlockRef { number, hash: [number as u8; 32] };
			let block = Block { at, parent: last.hash, transfers: [transfer.clone()].to_vec() };
			let watched = ledger.watched(keys);
			ledger.apply(keys, &watched, &block).unwrap();
		}
	}

	/// Coins, windows, bundle, as the wallet does it.
	fn make(
		&mut self,
		wallet: usize,
		recipients: &[Recipient],
		target: Target,
	) -> Result<(Bundle, Dispatch), SelectError> {
		let matured = self.coins.len() as u64;
		let (keys, ledger) = &self.wallets[wallet];
		let candidates: Vec<Candidate> = ledger
			.spendable(matured)
			.map(|coin| Candidate {
				coin: coin.number,
				amount: coin.amount,
				windows: rings::windows(SIZE, matured, coin.number),
			})
			.collect();
		let amount: u64 = recipients.iter().map(|recipient| recipient.amount).sum();
		let selection = select(
			&candidates,
			amount + target.amount(),
			outputs(recipients.len()),
			|_| FEE,
			&mut self.rng,
		)?;
		let inputs = selection
			.inputs
			.iter()
			.map(|(number, window)| Input {
				coin: ledger.coins().iter().find(|coin| coin.number == *number).unwrap(),
				window: *window,
				ring: &self.coins[window.start(SIZE) as usize..window.end(SIZE) as usize],
			})
			.collect();
		let order =
			Order { recipients, target, fee: selection.fee, fee_to: None, era: ERA, matured };
		Ok(make(keys.spend().unwrap(), &DOMAIN, inputs, &order, &mut self.rng).unwrap())
	}

	fn pay(&mut self, from: usize, to: usize, amount: u64) -> Bundle {
		let recipient = Recipient { to: self.address(to, 1), amount, memo: [b'x'; 64] };
		let (bundle, dispatch) = self.make(from, &[recipient], Target::None).unwrap();
		self.wallets[from].1.dispatch(dispatch);
		self.include(&bundle);
		bundle
	}

	fn worth(&self, wallet: usize) -> u64 {
		self.wallets[wallet].1.funds(u64::MAX).available
	}
}

#[test]
fn should_move_exactly_the_amount_when_wallets_pay_each_other() {
	let mut pool = Pool::new(2);
	pool.pay(0, 1, 120);
	assert_eq!((pool.worth(0), pool.worth(1)), (20, 270));
	pool.pay(1, 0, 200);
	assert_eq!((pool.worth(0), pool.worth(1)), (220, 60));
	pool.pay(0, 1, 210);
	assert_eq!((pool.worth(0), pool.worth(1)), (0, 270));
	// Everything is spent but worthless coins.
	assert!(matches!(
		pool.make(0, &[], Target::Account { id: [4; 32], amount: 1 }),
		Err(SelectError::Insufficient { available: 0, .. })
	));
}

#[test]
fn should_balance_to_zero_change_and_pad_when_everything_is_paid() {
	let mut pool = Pool::new(1);
	let target = Target::Account { id: [4; 32], amount: 140 };
	let (bundle, dispatch) = pool.make(0, &[], target).unwrap();
	assert_eq!(bundle.outputs.len(), 2);
	assert_eq!(bundle.target, target);
	assert!(dispatch.payments.is_empty());
	pool.include(&bundle);
	assert_eq!(pool.worth(0), 0);
}

#[test]
fn should_keep_an_output_for_itself_when_everything_is_paid() {
	// Section 8 of the specification.
	for payees in 0..=MOST_RECIPIENTS {
		let mut pool = Pool::new(4);
		let mut left = 150 - FEE;
		let mut recipients = Vec::new();
		for payee in 1..=payees {
			let amount = if payee == payees { left } else { 40 };
			left -= amount;
			recipients.push(Recipient { to: pool.address(payee, 0), amount, memo: [0; 64] });
		}
		let target = match left {
			0 => Target::None,
			amount => Target::Account { id: [4; 32], amount },
		};
		let (bundle, dispatch) = pool.make(0, &recipients, target).unwrap();
		let (keys, ledger) = &pool.wallets[0];
		let watched = ledger.watched(keys);
		let amounts: Vec<u64> = bundle
			.outputs
			.iter()
			.filter_map(|note| Incoming::output(note, dispatch.tag).receive(keys.view(), &watched))
			.map(|received| received.content.amount)
			.collect();
		assert_eq!(amounts, alloc::vec![0; bundle.outputs.len() - payees], "{payees}");
		assert!(!amounts.is_empty());
	}
}

#[test]
fn should_look_the_same_whatever_it_does() {
	// Shape, fee and lengths do not tell a payment from a payment to oneself, nor one amount from another.
	let mut pool = Pool::new(2);
	let mut shapes = Vec::new();
	for (to, amount) in [(1, 1), (1, 139), (0, 70)] {
		let recipient = Recipient { to: pool.address(to, 0), amount, memo: [0; 64] };
		let (bundle, _) = pool.make(0, &[recipient], Target::None).unwrap();
		shapes.push((codec::Encode::encode(&bundle).len(), bundle.fee, bundle.inputs.len()));
	}
	assert_eq!(shapes, [shapes[0]; 3]);
	assert_eq!(shapes[0].2, 2);
}

#[test]
fn should_put_payment_and_change_in_random_order() {
	let mut pool = Pool::new(2);
	let mut first = 0;
	for _ in 0..40 {
		let recipient = Recipient { to: pool.address(1, 0), amount: 1, memo: [0; 64] };
		let (bundle, dispatch) = pool.make(0, &[recipient], Target::None).unwrap();
		first += usize::from(bundle.outputs[0].key == dispatch.payments[0].key);
	}
	// 20 are expected; that fewer than 5 or more than 35 come up has a probability below 10^-6.
	assert!((5..=35).contains(&first), "{first}");
}

#[test]
fn should_order_inputs_at_random_and_bind_notes_to_the_first() {
	let mut pool = Pool::new(2);
	let mut seen = alloc::collections::BTreeSet::new();
	for _ in 0..40 {
		let recipient = Recipient { to: pool.address(1, 0), amount: 1, memo: [0; 64] };
		let (bundle, dispatch) = pool.make(0, &[recipient], Target::None).unwrap();
		assert_eq!(dispatch.tag, bundle.inputs[0].tag);
		seen.insert(dispatch.coins.clone());
		let view = pool.wallets[1].0.view();
		let watched = pool.wallets[1].1.watched(&pool.wallets[1].0);
		let received = |tag| {
			bundle
				.outputs
				.iter()
				.filter_map(|note| Incoming::output(note, tag).receive(view, &watched))
				.count()
		};
		assert_eq!(received(bundle.inputs[0].tag), 1);
		assert_eq!(received(bundle.inputs[1].tag), 0);
	}
	assert_eq!(seen.len(), 2, "both orders of the two coins");
}

#[test]
fn should_never_use_randomness_twice_when_the_generator_repeats_itself() {
	// The same generator for two bundles that differ in the amount only: nothing secret may repeat.
	let (mut one, mut two) = (Pool::new(2), Pool::new(2));
	let bundle = |pool: &mut Pool, amount| {
		pool.rng = rand_chacha::ChaCha20Rng::seed_from_u64(1);
		let recipient = Recipient { to: pool.address(1, 0), amount, memo: [0; 64] };
		pool.make(0, &[recipient], Target::None).unwrap().0
	};
	let (one, two) = (bundle(&mut one, 1), bundle(&mut two, 2));
	for (a, b) in one.inputs.iter().zip(&two.inputs) {
		assert_ne!(a.pseudo, b.pseudo);
		// Points and responses of the ring proof.
		assert!(a.proof.chunks(32).zip(b.proof.chunks(32)).all(|(a, b)| a != b));
	}
	assert!(one.outputs.iter().zip(&two.outputs).all(|(a, b)| a.ephemeral != b.ephemeral));
	assert!(one.range_proof.chunks(32).zip(two.range_proof.chunks(32)).all(|(a, b)| a != b));
}

#[test]
fn should_pay_up_to_three_at_once() {
	let mut pool = Pool::new(4);
	let to: Vec<_> = (1..4)
		.map(|wallet| Recipient { to: pool.address(wallet, 2), amount: 10, memo: [0; 64] })
		.collect();
	let (bundle, dispatch) = pool.make(0, &to, Target::None).unwrap();
	assert_eq!((bundle.outputs.len(), dispatch.payments.len()), (4, 3));
	pool.wallets[0].1.dispatch(dispatch);
	pool.include(&bundle);
	assert_eq!((1..4).map(|wallet| pool.worth(wallet)).collect::<Vec<_>>(), [160; 3]);
	assert_eq!(pool.worth(0), 110);
	let told = &pool.wallets[0].1.dispatches()[0].payments;
	for payment in told {
		let number = payment.coin.unwrap() as usize;
		assert_eq!(pool.coins[number].key, payment.key);
	}
}

#[test]
fn should_refuse_order_when_it_cannot_be_right() {
	let pool = Pool::new(2);
	let to = pool.address(1, 0);
	let ledger = &pool.wallets[0].1;
	let coin = &ledger.coins()[0];
	let (window, matured) = (Window { index: 0, len: 14 }, pool.coins.len() as u64);
	let mut rng = pool.rng.clone();
	let mut attempt = |recipients: &[Recipient], ring: &[Coin], fee| {
		let order =
			Order { recipients, target: Target::None, fee, fee_to: None, era: ERA, matured };
		let inputs = [Input { coin, window, ring }];
		make(pool.keys(0), &DOMAIN, inputs.into(), &order, &mut rng).err()
	};
	let recipient = |amount| Recipient { to: to.clone(), amount, memo: [0; 64] };
	let ring = &pool.coins[..14];
	assert_eq!(attempt(&[recipient(90)], ring, 10), None);
	assert_eq!(attempt(&[recipient(91)], ring, 10), Some(SpendError::Amount));
	assert_eq!(
		attempt(&[recipient(u64::MAX), recipient(u64::MAX)], ring, 10),
		Some(SpendError::Amount)
	);
	assert_eq!(attempt(&[recipient(1)], ring, u64::MAX), Some(SpendError::Amount));
	assert_eq!(
		attempt(&[recipient(1), recipient(1), recipient(1), recipient(1)], ring, 10),
		Some(SpendError::TooManyRecipients)
	);
	// A node that shows other coins than the wallet saw.
	let mut lie = ring.to_vec();
	lie.rotate_left(1);
	for ring in [&lie[..], &ring[..3], &[]] {
		assert_eq!(
			attempt(&[recipient(1)], ring, 10),
			Some(SpendError::Ring { coin: coin.number })
		);
	}
	// 11 has two digits, 101 three: the chain would refuse it, and so does the wallet.
	assert_eq!(attempt(&[recipient(1)], ring, 11), None);
	assert!(matches!(attempt(&[], ring, 101), Some(SpendError::Amount)));
}

#[test]
fn should_find_stamps_with_several_places() {
	let mut pool = Pool::new(2);
	let recipient = Recipient { to: pool.address(1, 0), amount: 1, memo: [0; 64] };
	let (bundle, _) = pool.make(0, &[recipient], Target::None).unwrap();
	let id = bundle.id(&DOMAIN);
	let found: Vec<u64> = stamps(&bundle, &DOMAIN, 10).take(20).collect();
	assert!(found.iter().all(|nonce| is_stamp(&id, *nonce, 10)));
	assert!(found.windows(2).all(|pair| pair[0] < pair[1]));
	let mut places: Vec<u8> = found.iter().map(|nonce| stamp_place(&id, *nonce)).collect();
	assert!(places.iter().all(|place| *place < PLACES));
	places.sort_unstable();
	places.dedup();
	assert!(places.len() > 5, "{places:?}");
}
