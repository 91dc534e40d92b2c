//! Bundles by people who want more than they have. The proofs in them are made by the real prover, told to believe
//! everything.

use curve25519_dalek::constants::RISTRETTO_BASEPOINT_TABLE;
use rand_chacha::{rand_core::SeedableRng, ChaCha20Rng};

use super::*;
use crate::{
	bundle::Coin,
	sample::{foreign_coin, OwnCoin},
	verify_bundle, verify_bundles,
	window::{RingSize, Window},
};

const SIZE: RingSize = RingSize::N16;
const DOMAIN: Domain = Domain { genesis: [1; 32], para: 2000, pallet: 60, size: SIZE };
const ERA_HASH: Hash = [3; 32];
const FEE: u64 = 100;

/// A window of a pool in which some coins are the forger's.
struct Pool {
	window: Window,
	coins: Vec<Coin>,
	own: Vec<OwnCoin>,
	rng: ChaCha20Rng,
}

impl Pool {
	/// Four own coins of 1,000 each.
	fn new() -> Self {
		let mut rng = ChaCha20Rng::from_seed([4; 32]);
		let window = Window { index: 0, len: 16 };
		let mut coins: Vec<Coin> = (0..16).map(|number| foreign_coin(&[9; 32], number)).collect();
		let own: Vec<OwnCoin> = [2, 5, 7, 11]
			.into_iter()
			.map(|number| OwnCoin {
				number,
				spend_key: Scalar::random(&mut rng),
				opening: Opening { amount: 1_000, mask: Scalar::random(&mut rng) },
			})
			.collect();
		for own in &own {
			coins[own.number as usize] = own.coin();
		}
		Self { window, coins, own, rng }
	}

	fn ring(&self) -> Ring<'_> {
		Ring { window: self.window, coins: &self.coins }
	}

	fn spend(&self, which: usize) -> Spend<'_> {
		let own = &self.own[which];
		Spend {
			ring: self.ring(),
			place: own.number as u32,
			spend_key: Zeroizing::new(own.spend_key),
			opening: own.opening.clone(),
		}
	}

	fn spends(&self, count: usize) -> Vec<Spend<'_>> {
		(0..count).map(|which| self.spend(which)).collect()
	}

	/// An output worth `amount`.
	fn output(&self, number: u64, amount: u64) -> (OutputNote, Opening) {
		let opening = Opening { amount, mask: Scalar::from(number + 100) };
		let point =
			|scalar: u64| (RISTRETTO_BASEPOINT_TABLE * &Scalar::from(scalar)).compress().to_bytes();
		let note = OutputNote {
			key: point(2 * number + 1),
			commitment: opening.commitment(),
			ephemeral: point(2 * number + 2),
			view_tag: [1, 2],
			ciphertext: [3; 104],
		};
		(note, opening)
	}

	fn outputs(&self, amounts: &[u64]) -> Vec<(OutputNote, Opening)> {
		(10..).zip(amounts).map(|(number, amount)| self.output(number, *amount)).collect()
	}

	fn verify(&self, bundle: &Bundle) -> Result<(), Error> {
		let rings = [self.ring()];
		let context = VerifyContext { domain: &DOMAIN, rings: &rings };
		verify_bundle(&context, 16, bundle, &ERA_HASH)
	}

	/// Proofs for whatever the plan says, after `change`.
	fn forge(&self, plan: &Plan<'_>, change: impl FnOnce(&mut Draft)) -> Bundle {
		let mut rng = self.rng.clone();
		let mut draft = Draft::new(plan, &mut rng).unwrap();
		change(&mut draft);
		draft.prove(plan, ring::prove_blindly, &mut rng).unwrap()
	}
}

fn plan<'a>(spends: &'a [Spend<'a>], outputs: &'a [(OutputNote, Opening)]) -> Plan<'a> {
	Plan {
		domain: &DOMAIN,
		matured: 16,
		spends,
		outputs,
		fee: FEE,
		fee_to: None,
		target: Target::None,
		era: 77,
		era_hash: ERA_HASH,
	}
}

#[test]
fn should_accept_what_the_forger_makes_when_he_does_not_forge() {
	let pool = Pool::new();
	let (spends, outputs) = (pool.spends(2), pool.outputs(&[1_900, 0]));
	let plan = plan(&spends, &outputs);
	assert_eq!(pool.verify(&pool.forge(&plan, |_| ())), Ok(()));
	assert!(build_bundle(&plan, &mut pool.rng.clone()).is_ok());
}

#[test]
fn should_not_build_bundles_that_are_wrong() {
	let pool = Pool::new();
	let mut rng = pool.rng.clone();
	let (spends, outputs) = (pool.spends(2), pool.outputs(&[1_900, 0]));
	let good = plan(&spends, &outputs);
	let more = pool.outputs(&[1_901, 0]);
	let unbalanced = build_bundle(&plan(&spends, &more), &mut rng);
	assert_eq!(unbalanced, Err(BuildError::Unbalanced));
	let mut other = outputs.clone();
	other[0].0.commitment = other[1].0.commitment;
	assert_eq!(build_bundle(&plan(&spends, &other), &mut rng), Err(BuildError::BadOpening));
	let mut wrong = pool.spends(2);
	wrong[1].place = 6;
	assert_eq!(build_bundle(&plan(&wrong, &outputs), &mut rng), Err(BuildError::BadSpend));
	let three = pool.spends(3);
	let outputs_of_three = pool.outputs(&[2_900, 0]);
	let plan_of_three = plan(&three, &outputs_of_three);
	assert_eq!(build_bundle(&plan_of_three, &mut rng), Err(BuildError::BadCount));
	let twice = [pool.spend(0), pool.spend(0)];
	let refused = build_bundle(&plan(&twice, &outputs), &mut rng);
	assert_eq!(refused, Err(BuildError::Refused(Error::DuplicateTag)));
	let late = Plan { matured: 15, ..good };
	let refused = build_bundle(&late, &mut rng);
	assert_eq!(refused, Err(BuildError::Refused(Error::BadWindow)));
}

#[test]
fn should_refuse_to_spend_a_coin_twice_under_two_tags() {
	let pool = Pool::new();
	let spends = [pool.spend(0), pool.spend(0)];
	let outputs = pool.outputs(&[1_900, 0]);
	let plan = plan(&spends, &outputs);
	assert_eq!(pool.verify(&pool.forge(&plan, |_| ())), Err(Error::DuplicateTag));
	let own = pool.own[0].spend_key;
	for other in [-own, own + Scalar::ONE, own.invert(), Scalar::from(5u64)] {
		let bundle = pool.forge(&plan, |draft| draft.bundle.inputs[1].tag = tag_of(&other));
		assert_eq!(pool.verify(&bundle), Err(Error::BadRingProof));
	}
}

/// The Spark break at the level of bundles: both tags are wrong, such that their errors are each other's negative.
#[test]
fn should_refuse_two_wrong_tags_whose_errors_cancel() {
	let pool = Pool::new();
	let (spends, outputs) = (pool.spends(2), pool.outputs(&[1_900, 0]));
	let plan = plan(&spends, &outputs);
	let error = RISTRETTO_BASEPOINT_TABLE * &Scalar::from(9u64);
	let bundle = pool.forge(&plan, |draft| {
		let tags = [0, 1].map(|at| proper_point(&draft.bundle.inputs[at].tag).unwrap());
		draft.bundle.inputs[0].tag = (tags[0] + error).compress().to_bytes();
		draft.bundle.inputs[1].tag = (tags[1] - error).compress().to_bytes();
	});
	assert_eq!(pool.verify(&bundle), Err(Error::BadRingProof));
	let swapped = pool.forge(&plan, |draft| {
		let inputs = &mut draft.bundle.inputs;
		(inputs[0].tag, inputs[1].tag) = (inputs[1].tag, inputs[0].tag);
	});
	assert_eq!(pool.verify(&swapped), Err(Error::BadRingProof));
}

#[test]
fn should_have_the_same_tag_whenever_and_wherever_a_coin_is_spent() {
	let pool = Pool::new();
	let spends = pool.spends(1);
	let one = pool.outputs(&[900, 0]);
	let two = [pool.output(30, 400), pool.output(31, 500)];
	let first = build_bundle(&plan(&spends, &one), &mut pool.rng.clone()).unwrap();
	let relayed = Plan { fee_to: Some([5; 32]), era: 78, ..plan(&spends, &two) };
	let second = build_bundle(&relayed, &mut pool.rng.clone()).unwrap();
	assert_eq!(first.inputs[0].tag, second.inputs[0].tag);
	assert_ne!(first.inputs[0].pseudo, second.inputs[0].pseudo);
	let rings = [pool.ring()];
	let context = VerifyContext { domain: &DOMAIN, rings: &rings };
	let batch = [(&first, ERA_HASH), (&second, ERA_HASH)];
	assert_eq!(verify_bundles(&context, 16, &batch), Err(Error::DuplicateTag));
}

#[test]
fn should_refuse_more_out_than_in() {
	let pool = Pool::new();
	let spends = pool.spends(2);
	for amounts in [[1_901, 0], [u64::MAX, 0], [1_900, 1 << 63], [2_000, u64::MAX - 99]] {
		let outputs = pool.outputs(&amounts);
		let bundle = pool.forge(&plan(&spends, &outputs), |_| ());
		assert_eq!(pool.verify(&bundle), Err(Error::Unbalanced), "{amounts:?}");
	}
}

/// Outputs that balance modulo the group's order, of which one is "negative" or above 64 bits. The range proof is for
/// amounts that are in range, or for the lowest 64 bits.
#[test]
fn should_refuse_outputs_out_of_range_though_they_balance() {
	let pool = Pool::new();
	let spends = pool.spends(2);
	let two_64 = Scalar::from(u64::MAX) + Scalar::ONE;
	let (total, one) = (Scalar::from(1_900u64), Scalar::ONE);
	for (value, proven) in [
		(-one, 0),
		(-Scalar::from(1u64 << 40), 1),
		(-two_64, 0),
		(two_64, 0),
		(two_64 + total, 1_900),
	] {
		let mut outputs = pool.outputs(&[proven, 1_900]);
		for (output, value) in outputs.iter_mut().zip([value, total - value]) {
			let generators = generators();
			let commitment = generators.value * value + generators.mask * output.1.mask;
			output.0.commitment = commitment.compress().to_bytes();
		}
		let bundle = pool.forge(&plan(&spends, &outputs), |_| ());
		assert_eq!(pool.verify(&bundle), Err(Error::BadRangeProof));
	}
}

#[test]
fn should_refuse_a_range_proof_over_a_permuted_or_other_list() {
	let pool = Pool::new();
	let spends = pool.spends(2);
	let outputs = pool.outputs(&[1_800, 100]);
	// The openings the proof is made of are swapped, the commitments are not.
	let mut swapped = outputs.clone();
	let (one, two) = (outputs[0].1.clone(), outputs[1].1.clone());
	(swapped[0].1, swapped[1].1) = (two, one);
	let bundle = pool.forge(&plan(&spends, &swapped), |_| ());
	assert_eq!(pool.verify(&bundle), Err(Error::BadRangeProof));
	// A valid proof about the same commitments in another bundle.
	let valid = pool.forge(&plan(&spends, &outputs), |_| ());
	let later = Plan { era: 78, ..plan(&spends, &outputs) };
	let mut other = pool.forge(&later, |_| ());
	assert_eq!(pool.verify(&other), Ok(()));
	other.range_proof = valid.range_proof;
	assert_eq!(pool.verify(&other), Err(Error::BadRangeProof));
}

/// Commitments whose mask part hides value, or whose value part is under another generator.
#[test]
fn should_refuse_mask_games() {
	let pool = Pool::new();
	let spends = pool.spends(2);
	let generators = generators();
	let shift = |point: RistrettoPoint, by: RistrettoPoint| (point + by).compress().to_bytes();
	for by in [
		RISTRETTO_BASEPOINT_TABLE * &Scalar::from(50u64),
		generators.tag * Scalar::from(50u64),
		generators.value * Scalar::from(50u64),
	] {
		// Out of one output into the other.
		let mut outputs = pool.outputs(&[1_800, 100]);
		let [one, two] = [0, 1].map(|at: usize| outputs[at].1.point());
		outputs[0].0.commitment = shift(one, by);
		outputs[1].0.commitment = shift(two, -by);
		let bundle = pool.forge(&plan(&spends, &outputs), |_| ());
		assert_eq!(pool.verify(&bundle), Err(Error::BadRangeProof));
		// Out of one pseudo commitment into the other.
		let outputs = pool.outputs(&[1_800, 100]);
		let bundle = pool.forge(&plan(&spends, &outputs), |draft| {
			let [one, two] = [0, 1].map(|at: usize| draft.pseudos[at].point());
			draft.bundle.inputs[0].pseudo = shift(one, by);
			draft.bundle.inputs[1].pseudo = shift(two, -by);
		});
		assert_eq!(pool.verify(&bundle), Err(Error::BadRingProof));
	}
}

#[test]
fn should_refuse_pseudo_commitments_worth_more_than_the_coins() {
	let pool = Pool::new();
	let mut spends = pool.spends(2);
	spends[0].opening.amount += 5_000;
	let outputs = pool.outputs(&[6_900, 0]);
	let bundle = pool.forge(&plan(&spends, &outputs), |_| ());
	assert_eq!(pool.verify(&bundle), Err(Error::BadRingProof));
}

#[test]
fn should_refuse_swapped_ring_proofs() {
	let pool = Pool::new();
	let (spends, outputs) = (pool.spends(2), pool.outputs(&[1_900, 0]));
	let valid = pool.forge(&plan(&spends, &outputs), |_| ());
	let mut bundle = valid.clone();
	bundle.inputs[0].proof = valid.inputs[1].proof.clone();
	bundle.inputs[1].proof = valid.inputs[0].proof.clone();
	assert_eq!(pool.verify(&bundle), Err(Error::BadRingProof));
	let mut whole = valid.clone();
	whole.inputs.as_mut().reverse();
	assert_eq!(pool.verify(&whole), Err(Error::BadRangeProof));
}

#[test]
fn should_refuse_a_ring_of_other_coins() {
	let pool = Pool::new();
	let (spends, outputs) = (pool.spends(2), pool.outputs(&[1_900, 0]));
	let bundle = pool.forge(&plan(&spends, &outputs), |_| ());
	let mut changed = Pool::new();
	for place in 0..16 {
		for half in 0..2 {
			let own = changed.coins[place];
			let other = foreign_coin(&[8; 32], place as u64);
			let coin = &mut changed.coins[place];
			*(if half == 0 { &mut coin.key } else { &mut coin.commitment }) = other.key;
			assert_eq!(changed.verify(&bundle), Err(Error::BadRangeProof));
			changed.coins[place] = own;
		}
	}
	changed.coins.swap(0, 1);
	assert_eq!(changed.verify(&bundle), Err(Error::BadRangeProof));
	changed.coins.swap(0, 1);
	changed.coins.pop();
	assert_eq!(changed.verify(&bundle), Err(Error::BadRing));
	let context = VerifyContext { domain: &DOMAIN, rings: &[] };
	assert_eq!(verify_bundle(&context, 16, &bundle, &ERA_HASH), Err(Error::BadRing));
}

/// A pseudo commitment is as good as another one, but only that of the statement.
#[test]
fn should_change_every_challenge_when_any_field_changes() {
	let pool = Pool::new();
	let (spends, outputs) = (pool.spends(2), pool.outputs(&[1_900, 0]));
	let bundle = pool.forge(&plan(&spends, &outputs), |_| ());
	let digests = [[1; 32], [2; 32]];
	let challenge = |domain: &Domain, era_hash: &Hash, bundle: &Bundle, digests: &[Hash]| {
		let mut range = transcript::statement(domain, era_hash, bundle, digests);
		let mut t1 = range.clone();
		transcript::append_range_proof(&mut t1, &bundle.range_proof);
		let (mut one, mut two) = (transcript::ring(&t1, 0), transcript::ring(&t1, 1));
		[&mut range, &mut one, &mut two].map(|transcript| {
			let mut bytes = [0; 32];
			transcript.challenge_bytes(b"test", &mut bytes);
			bytes
		})
	};
	let usual = challenge(&DOMAIN, &ERA_HASH, &bundle, &digests);
	let mut seen = vec![usual];
	let mut add = |challenges: [Hash; 3], what: &str| {
		for other in &seen {
			assert!(other.iter().zip(&challenges).all(|(one, two)| one != two), "{what}");
		}
		seen.push(challenges);
	};
	let domains: [fn(&mut Domain); 4] = [
		|domain| domain.genesis[0] ^= 1,
		|domain| domain.para += 1,
		|domain| domain.pallet += 1,
		|domain| domain.size = RingSize::N1024,
	];
	for change in domains {
		let mut domain = DOMAIN;
		change(&mut domain);
		add(challenge(&domain, &ERA_HASH, &bundle, &digests), "domain");
	}
	add(challenge(&DOMAIN, &[4; 32], &bundle, &digests), "era hash");
	add(challenge(&DOMAIN, &ERA_HASH, &bundle, &[[2; 32], [1; 32]]), "digests");
	let changes: [fn(&mut Bundle); 19] = [
		|bundle| bundle.inputs[1].window.index += 1,
		|bundle| bundle.inputs[1].window.len += 1,
		|bundle| bundle.inputs[1].tag[0] ^= 1,
		|bundle| bundle.inputs[1].pseudo[0] ^= 1,
		|bundle| bundle.inputs.as_mut().reverse(),
		|bundle| bundle.inputs.truncate(1),
		|bundle| bundle.outputs[1].key[0] ^= 1,
		|bundle| bundle.outputs[1].commitment[0] ^= 1,
		|bundle| bundle.outputs[1].ephemeral[0] ^= 1,
		|bundle| bundle.outputs[1].view_tag[0] ^= 1,
		|bundle| bundle.outputs[1].ciphertext[0] ^= 1,
		|bundle| bundle.outputs.as_mut().reverse(),
		|bundle| bundle.outputs.truncate(1),
		|bundle| bundle.fee += 1,
		|bundle| bundle.fee_to = Some([0; 32]),
		|bundle| bundle.target = Target::Account { id: [0; 32], amount: 1 },
		|bundle| bundle.target = Target::Account { id: [0; 32], amount: 2 },
		|bundle| bundle.target = Target::Job { owner: [0; 32], spec: [9; 32], amount: 1 },
		|bundle| bundle.era += 1,
	];
	for (number, change) in changes.into_iter().enumerate() {
		let mut other = bundle.clone();
		change(&mut other);
		add(challenge(&DOMAIN, &ERA_HASH, &other, &digests), &number.to_string());
	}
	let mut other = bundle.clone();
	other.range_proof[0] ^= 1;
	let [range, one, two] = challenge(&DOMAIN, &ERA_HASH, &other, &digests);
	assert!(range == usual[0] && one != usual[1] && two != usual[2] && one != two);
}
