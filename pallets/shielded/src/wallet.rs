//! Makes coins and bundles, for tests and benchmarks: what a wallet does, with notes that nobody can read.

use alloc::vec::Vec;
use core::sync::atomic::{AtomicU64, Ordering};
use curve25519_dalek::{constants::RISTRETTO_BASEPOINT_TABLE as G, scalar::Scalar};
use io_shielded::{
	bundle::{is_stamp, CIPHERTEXT},
	Bundle, Coin, Domain, MintNote, Opening, OutputNote, Ring, Spend, Target, Window,
};
use rand_chacha::{
	rand_core::{RngCore, SeedableRng},
	ChaCha20Rng,
};
use zeroize::Zeroizing;

/// Another one with each call, the same in each run.
pub(crate) fn rng() -> ChaCha20Rng {
	static NEXT: AtomicU64 = AtomicU64::new(0);
	ChaCha20Rng::seed_from_u64(NEXT.fetch_add(1, Ordering::Relaxed))
}

fn scalar(rng: &mut ChaCha20Rng) -> Scalar {
	let mut wide = [0; 64];
	rng.fill_bytes(&mut wide);
	Scalar::from_bytes_mod_order_wide(&wide)
}

/// A coin, and what its owner knows of it.
#[derive(Clone, Debug)]
pub(crate) struct Held {
	/// Its number in the pool.
	pub(crate) index: u64,
	/// Its amount, in units.
	pub(crate) amount: u64,
	secret: Scalar,
	mask: Scalar,
}

impl Held {
	/// A new one, not yet in the pool.
	pub(crate) fn new(amount: u64) -> Self {
		let mut rng = rng();
		Self { index: 0, amount, secret: scalar(&mut rng), mask: scalar(&mut rng) }
	}

	/// As [`Self::new`], with the mask of coins that the chain mints.
	pub(crate) fn minted(amount: u64) -> Self {
		Self { mask: Scalar::ONE, ..Self::new(amount) }
	}

	/// The coin as everybody sees it.
	pub(crate) fn coin(&self) -> Coin {
		Coin {
			key: (&self.secret * G).compress().to_bytes(),
			commitment: self.opening().commitment(),
		}
	}

	fn opening(&self) -> Opening {
		Opening { amount: self.amount, mask: self.mask }
	}

	/// The note of an output with this coin.
	fn output(&self) -> OutputNote {
		let Coin { key, commitment } = self.coin();
		let MintNote { ephemeral, view_tag, ciphertext, .. } = self.note();
		OutputNote { key, commitment, ephemeral, view_tag, ciphertext }
	}

	/// The note of a mint of this coin.
	pub(crate) fn note(&self) -> MintNote {
		let mut rng = rng();
		let ephemeral = (&scalar(&mut rng) * G).compress().to_bytes();
		let (mut view_tag, mut ciphertext) = ([0; 2], [0; CIPHERTEXT]);
		rng.fill_bytes(&mut view_tag);
		rng.fill_bytes(&mut ciphertext);
		MintNote { key: self.coin().key, ephemeral, view_tag, ciphertext }
	}
}

/// What a bundle is to do.
pub(crate) struct Plan {
	/// What is spent.
	pub(crate) coins: Vec<Held>,
	/// Amounts of the outputs. What is left makes one more, and empty ones fill up to two or four.
	pub(crate) outputs: Vec<u64>,
	pub(crate) fee: u64,
	pub(crate) fee_to: Option<[u8; 32]>,
	pub(crate) target: Target,
	pub(crate) era: u32,
	pub(crate) era_hash: [u8; 32],
	pub(crate) domain: Domain,
}

impl Plan {
	/// Amounts of all outputs.
	pub(crate) fn amounts(&self) -> Vec<u64> {
		let spent: u64 = self.coins.iter().map(|coin| coin.amount).sum();
		let paid: u64 = self.outputs.iter().sum::<u64>() + self.fee + self.target.amount();
		let mut amounts = self.outputs.clone();
		amounts.push(spent.checked_sub(paid).expect("no plan spends more than it has"));
		amounts.resize(if amounts.len() > 2 { 4 } else { 2 }, 0);
		amounts
	}

	/// The bundle, and the coins that it makes. `coins_of` gives the coins of a window, of which `matured` may be spent.
	pub(crate) fn prove(
		&self,
		coins_of: &dyn Fn(&Window) -> Vec<Coin>,
		matured: u64,
	) -> (Bundle, Vec<Held>) {
		let made: Vec<Held> = self.amounts().into_iter().map(Held::new).collect();
		let outputs: Vec<_> = made.iter().map(|coin| (coin.output(), coin.opening())).collect();
		let rings: Vec<_> = self
			.coins
			.iter()
			.map(|coin| self.window(coin.index, matured))
			.map(|window| (window, coins_of(&window)))
			.collect();
		let spends: Vec<_> = self
			.coins
			.iter()
			.zip(&rings)
			.map(|(coin, (window, coins))| Spend {
				ring: Ring { window: *window, coins },
				place: (coin.index - window.start(self.domain.size)) as u32,
				spend_key: Zeroizing::new(coin.secret),
				opening: coin.opening(),
			})
			.collect();
		let plan = io_shielded::Plan {
			domain: &self.domain,
			matured,
			spends: &spends,
			outputs: &outputs,
			fee: self.fee,
			fee_to: self.fee_to,
			target: self.target,
			era: self.era,
			era_hash: self.era_hash,
		};
		let bundle = io_shielded::build_bundle(&plan, &mut rng()).expect("the plan is right");
		(bundle, made)
	}

	/// A window that holds the coin and may be used.
	fn window(&self, index: u64, matured: u64) -> Window {
		let size = self.domain.size;
		let newest = (index / u64::from(size.half())) as u32;
		[newest.saturating_sub(1), newest]
			.into_iter()
			.flat_map(|index| (1..=size.places()).rev().map(move |len| Window { index, len }))
			.find(|window| {
				(window.start(size)..window.end(size)).contains(&index)
					&& window.check(size, matured).is_ok()
			})
			.expect("the coin is mature")
	}
}

/// The first stamp of a bundle.
pub(crate) fn stamp_for(bundle: &Bundle, domain: &Domain, bits: u32) -> u64 {
	let id = bundle.id(domain);
	(0..).find(|nonce| is_stamp(&id, *nonce, bits)).expect("there are many")
}
