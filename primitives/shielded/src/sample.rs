//! Valid bundles over pools that follow from a seed: for tests, test vectors and benchmarks. Section 14 of the
//! specification.

use alloc::{collections::BTreeMap, vec::Vec};

use curve25519_dalek::{constants::RISTRETTO_BASEPOINT_TABLE, scalar::Scalar};
use rand_chacha::{
	rand_core::{RngCore, SeedableRng},
	ChaCha20Rng,
};
use zeroize::Zeroizing;

use crate::{
	build::{build_bundle, BuildError, Opening, Plan, Spend},
	bundle::{round_up_fee, Bundle, Coin, Domain, OutputNote, Target, CIPHERTEXT},
	hash::{hash, hash_to_point},
	verify::{Ring, VerifyContext},
	window::{RingSize, Window},
	Error, Hash,
};

/// Era of all bundles here.
const ERA: u32 = 77;

/// What a bundle should look like.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Shape {
	/// Places of the rings.
	pub size: RingSize,
	/// 1, 2 or 4.
	pub inputs: usize,
	/// 2 or 4.
	pub outputs: usize,
	/// The windows of the inputs, which take turns.
	pub windows: [Window; 2],
	/// Who is paid in the open.
	pub target: Target,
	/// Who submits it.
	pub fee_to: Option<Hash>,
}

impl Shape {
	/// Inputs in the first window, which is full, and nobody is paid in the open.
	pub fn new(size: RingSize, inputs: usize, outputs: usize) -> Self {
		let window = Window { index: 0, len: size.places() };
		Self { size, inputs, outputs, windows: [window; 2], target: Target::None, fee_to: None }
	}
}

/// A coin of which the secrets are known.
#[derive(Clone)]
pub struct OwnCoin {
	/// Its number in the pool.
	pub number: u64,
	/// x: logarithm of its key.
	pub spend_key: Scalar,
	/// What its commitment holds.
	pub opening: Opening,
}

impl OwnCoin {
	/// The coin in the pool.
	pub fn coin(&self) -> Coin {
		let key = RISTRETTO_BASEPOINT_TABLE * &self.spend_key;
		Coin { key: key.compress().to_bytes(), commitment: self.opening.commitment() }
	}
}

/// A pool, and a bundle that is valid in it.
#[derive(Clone)]
pub struct Sample {
	/// Chain and pool.
	pub domain: Domain,
	/// Coins that may be spent.
	pub matured: u64,
	/// Hash of the block of the bundle's era.
	pub era_hash: Hash,
	/// What all other coins follow from.
	pub seed: Hash,
	/// One coin for each input.
	pub own: Vec<OwnCoin>,
	/// The bundle.
	pub bundle: Bundle,
}

/// Coin `number` of the pool of a seed, if it is nobody's: two points of unknown logarithm.
pub fn foreign_coin(seed: &Hash, number: u64) -> Coin {
	let point = |label| hash_to_point(label, &[seed, &number.to_le_bytes()]).compress().to_bytes();
	Coin { key: point("test-key"), commitment: point("test-commitment") }
}

impl Sample {
	/// Makes a pool and a bundle. Everything follows from shape and seed.
	///
	/// # Errors
	/// Those of [`build_bundle`], for shapes that no bundle can have.
	pub fn new(shape: &Shape, seed: Hash) -> Result<Self, BuildError> {
		let mut rng = ChaCha20Rng::from_seed(seed);
		let mut this = Self::pool(shape, seed, &mut rng);
		let spends: Vec<(usize, Window)> =
			(0..shape.inputs).zip(shape.windows.iter().copied().cycle()).collect();
		this.bundle = this.make(shape, &spends, &mut rng)?;
		Ok(this)
	}

	/// A pool with own coins, and no bundle yet.
	fn pool(shape: &Shape, seed: Hash, rng: &mut ChaCha20Rng) -> Self {
		let mut bytes = || {
			let mut bytes = [0; 32];
			rng.fill_bytes(&mut bytes);
			bytes
		};
		let domain = Domain { genesis: bytes(), para: 2000, pallet: 60, size: shape.size };
		let era_hash = bytes();
		let matured = shape.windows.iter().map(|window| window.end(shape.size)).max().unwrap_or(0);

		let mut own: Vec<OwnCoin> = Vec::with_capacity(shape.inputs);
		for (_, window) in (0..shape.inputs).zip(shape.windows.iter().cycle()) {
			// Another coin for each input: the next one, if that is taken, and so on around the window.
			let (start, len) = (window.start(shape.size), u64::from(window.len.max(1)));
			let first = rng.next_u64();
			let number = (0..len)
				.map(|step| start + first.wrapping_add(step) % len)
				.find(|number| own.iter().all(|coin| coin.number != *number))
				.unwrap_or(start);
			own.push(OwnCoin {
				number,
				spend_key: Scalar::random(rng),
				opening: Opening {
					amount: 1_000_000_000 + u64::from(rng.next_u32()),
					mask: Scalar::random(rng),
				},
			});
		}

		Self { domain, matured, era_hash, seed, own, bundle: empty() }
	}

	/// Another bundle in the same pool. It spends own coins, which are in the window, and follows from `salt`.
	pub fn spend_again(
		&self,
		own: &[usize],
		window: &Window,
		salt: u8,
	) -> Result<Bundle, BuildError> {
		let shape = Shape::new(self.domain.size, own.len(), 2);
		let mut rng = ChaCha20Rng::from_seed(hash("again", &[&self.seed, &[salt]]));
		let spends: Vec<(usize, Window)> = own.iter().map(|own| (*own, *window)).collect();
		self.make(&shape, &spends, &mut rng)
	}

	/// A pool, and so many bundles of two inputs and two outputs that are valid together, all in the first window.
	///
	/// # Errors
	/// Those of [`build_bundle`]: the ring may be too small for twice as many coins.
	pub fn batch(size: RingSize, count: u8, seed: Hash) -> Result<(Self, Vec<Bundle>), BuildError> {
		let shape = Shape::new(size, 2 * usize::from(count), 2);
		let pool = Self::pool(&shape, seed, &mut ChaCha20Rng::from_seed(seed));
		let bundles = (0..count).map(|number| {
			let first = 2 * usize::from(number);
			pool.spend_again(&[first, first + 1], &shape.windows[0], number)
		});
		let bundles = bundles.collect::<Result<Vec<_>, _>>()?;
		Ok((pool, bundles))
	}

	/// A bundle that spends the given coins in the given windows, with outputs, target and submitter of a shape.
	fn make(
		&self,
		shape: &Shape,
		spends: &[(usize, Window)],
		rng: &mut ChaCha20Rng,
	) -> Result<Bundle, BuildError> {
		let spends: Vec<(&OwnCoin, Window)> = spends
			.iter()
			.filter_map(|(own, window)| Some((self.own.get(*own)?, *window)))
			.collect();
		let inflow: u64 = spends.iter().map(|(own, _)| own.opening.amount).sum();
		let fee = round_up_fee(120_345).unwrap_or_default();
		let mut rest = inflow.saturating_sub(fee).saturating_sub(shape.target.amount());
		let mut outputs = Vec::with_capacity(shape.outputs);
		for number in 0..shape.outputs {
			let amount = if number + 1 == shape.outputs { rest } else { rest / 3 };
			rest -= amount;
			let opening = Opening { amount, mask: Scalar::random(rng) };
			let mut point =
				|| (RISTRETTO_BASEPOINT_TABLE * &Scalar::random(rng)).compress().to_bytes();
			let (key, ephemeral) = (point(), point());
			let mut ciphertext = [0; CIPHERTEXT];
			rng.fill_bytes(&mut ciphertext);
			let view_tag = [ciphertext[0] ^ 1, ciphertext[1] ^ 2];
			let commitment = opening.commitment();
			outputs
				.push((OutputNote { key, commitment, ephemeral, view_tag, ciphertext }, opening));
		}
		let coins: Vec<Vec<Coin>> = spends.iter().map(|(_, window)| self.coins(window)).collect();
		let spends: Vec<Spend<'_>> = spends
			.into_iter()
			.zip(&coins)
			.map(|((own, window), coins)| Spend {
				ring: Ring { window, coins },
				// Outside of the window there is no coin with these secrets.
				place: own.number.wrapping_sub(window.start(self.domain.size)) as u32,
				spend_key: Zeroizing::new(own.spend_key),
				opening: own.opening.clone(),
			})
			.collect();
		let plan = Plan {
			domain: &self.domain,
			matured: self.matured,
			spends: &spends,
			outputs: &outputs,
			fee,
			fee_to: shape.fee_to,
			target: shape.target,
			era: ERA,
			era_hash: self.era_hash,
		};
		build_bundle(&plan, rng)
	}

	/// The coins of a window.
	pub fn coins(&self, window: &Window) -> Vec<Coin> {
		let own: BTreeMap<u64, Coin> =
			self.own.iter().map(|own| (own.number, own.coin())).collect();
		(window.start(self.domain.size)..window.end(self.domain.size))
			.map(|number| match own.get(&number) {
				Some(coin) => *coin,
				None => foreign_coin(&self.seed, number),
			})
			.collect()
	}

	/// The windows that a bundle names, with their coins: at most two of them, each at most a ring long.
	pub fn windows(&self, bundle: &Bundle) -> Vec<(Window, Vec<Coin>)> {
		let permitted = |window: &Window| window.check(self.domain.size, self.matured).is_ok();
		let windows = bundle.windows().into_iter().filter(permitted);
		windows.map(|window| (window, self.coins(&window))).collect()
	}

	/// Verifies any bundle in this pool.
	pub fn verify(&self, bundle: &Bundle) -> Result<(), Error> {
		let windows = self.windows(bundle);
		let rings: Vec<Ring<'_>> =
			windows.iter().map(|(window, coins)| Ring { window: *window, coins }).collect();
		let context = VerifyContext { domain: &self.domain, rings: &rings };
		crate::verify_bundle(&context, self.matured, bundle, &self.era_hash)
	}

	/// Reads and verifies a bundle.
	pub fn verify_bytes(&self, bytes: &[u8]) -> Result<(), Error> {
		self.verify(&Bundle::from_bytes(bytes)?)
	}
}

/// A bundle of nothing.
fn empty() -> Bundle {
	Bundle {
		inputs: Default::default(),
		outputs: Default::default(),
		fee: 0,
		fee_to: None,
		target: Target::None,
		era: 0,
		range_proof: Default::default(),
	}
}
