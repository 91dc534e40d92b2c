//! Zero-knowledge: whoever may pick the challenges first makes transcripts without knowing any matrix.

use curve25519_dalek::traits::MultiscalarMul;
use zeroize::Zeroizing;

use super::*;
use crate::product::{
	field::{inner, random},
	generators::Generators,
	ipa,
};

/// Challenges that nobody's messages have any influence on.
fn free_challenges(shape: &Shape, rng: &mut ChaCha20Rng) -> Challenges {
	Challenges {
		xi: random(rng),
		eta: random(rng),
		x: random(rng),
		w: random(rng),
		inner: (0..shape.inner_rounds()).map(|_| random(rng)).collect(),
		outer: (0..shape.outer_rounds()).map(|_| random(rng)).collect(),
		weight: random(rng),
	}
}

/// A transcript for any lists of commitments and any challenges. There is no witness among the arguments.
///
/// What the prover shows about its vectors is uniform: l, r, z, the blindings, V and T_2. The rest follows from the
/// equations.
fn simulate(
	shape: &Shape,
	lists: [&[Point]; 3],
	challenges: &Challenges,
	rng: &mut ChaCha20Rng,
) -> Vec<u8> {
	let Challenges { xi, eta, x, w, .. } = challenges;
	let generators = Generators::new();
	let (g, q) = (generators.g(shape.k()), generators.q(shape.n()));
	let (h, u) = (generators.h(), generators.u());
	let commit = |values: &[Scalar], points: &[RistrettoPoint]| {
		RistrettoPoint::multiscalar_mul(values, points)
	};
	let combine = |points: &[Point], base: &Scalar| {
		let scalars = powers(base, points.len());
		commit(&scalars, &points.iter().map(point).collect::<Vec<_>>())
	};
	let mut uniform = |len: usize| (0..len).map(|_| random(rng)).collect::<Vec<_>>();

	let (l, r, z) = (uniform(g.len()), uniform(g.len()), uniform(q.len()));
	let [tau, tau_z, mu_a, mu_b, mu_c] = uniform(5).try_into().unwrap();
	let (v, t_2) = (u * uniform(1)[0], u * uniform(1)[0]);
	let mut y = powers(eta, shape.n() as usize);
	y.resize(q.len(), Scalar::ZERO);
	let (t, t_z) = (inner(&l, &r), inner(&z, &y));

	let inverse = x.invert();
	let [rows, columns, product] = lists;
	let masks = [
		v,
		(commit(&l, &g) + h * mu_a - combine(rows, xi)) * inverse,
		(commit(&r, &g) + h * mu_b - combine(columns, eta)) * inverse,
		(commit(&z, &q) + h * mu_c - combine(product, xi)) * inverse,
		(u * t + h * tau - v - t_2 * (x * x)) * inverse,
		t_2,
		(u * t_z + h * tau_z - v) * inverse,
	];
	let mut proof: Vec<u8> = lists.into_iter().flatten().flatten().copied().collect();
	proof.extend(masks.iter().flat_map(|mask| mask.compress().to_bytes()));
	let responses = [t, tau, t_z, tau_z, mu_a, mu_b, mu_c];
	proof.extend(responses.iter().flat_map(Scalar::to_bytes));

	let tie = u * w;
	let (mut inner, mut outer) = (challenges.inner.iter(), challenges.outer.iter());
	let [last_l, last_r] =
		ipa::fold_both(&g, &tie, Zeroizing::new(l), Zeroizing::new(r), |round| {
			proof.extend(round.as_flattened());
			*inner.next().unwrap()
		});
	let last_z = ipa::fold_one(&q, &tie, Zeroizing::new(z), y, |round| {
		proof.extend(round.as_flattened());
		*outer.next().unwrap()
	});
	proof.extend([last_l, last_r, last_z].iter().flat_map(Scalar::to_bytes));
	proof
}

#[test]
fn should_simulate_without_a_witness_when_challenges_are_known_first() {
	for (m, k, n) in [(1, 1, 1), (4, 4, 4), (3, 6, 5), (2, 16, 3)] {
		let mut case = Case::new(m, k, n);
		let shape = case.statement.shape;
		// Not commitments to matrices, let alone to a right product: random points.
		let mut rng = ChaCha20Rng::seed_from_u64(5);
		let mut points = |len: u32| -> Vec<Point> {
			let u = Generators::new().u();
			(0..len).map(|_| (u * random(&mut rng)).compress().to_bytes()).collect()
		};
		let (rows, columns, product) = (points(m), points(n), points(m));
		let challenges = free_challenges(&shape, &mut rng);
		let lists = [&rows[..], &columns, &product];
		let simulated = simulate(&shape, lists, &challenges, &mut rng);
		assert_eq!(simulated.len(), case.prove().len());

		let proof = Proof::parse(&shape, &simulated).unwrap();
		assert_eq!(holding(&shape, &proof, &challenges), [true; EQUATIONS]);
		// It is the order that makes a proof of it: challenges that depend on the messages do not fit.
		let statement = Statement {
			inputs: hash(&[&rows, &columns]),
			output: hash(&[&product]),
			..case.statement
		};
		assert_eq!(holding_of(&statement, &simulated), [false; EQUATIONS]);
	}
}

#[test]
fn should_simulate_when_commitments_are_those_of_a_real_case() {
	let mut case = Case::new(3, 4, 5);
	let shape = case.statement.shape;
	let real = case.prove();
	let lists = Proof::parse(&shape, &real).unwrap().lists();
	let challenges = free_challenges(&shape, &mut case.rng);
	let simulated = simulate(&shape, lists, &challenges, &mut case.rng);
	let parsed = Proof::parse(&shape, &simulated).unwrap();
	assert_eq!(parsed.lists(), lists);
	assert_eq!(holding(&shape, &parsed, &challenges), [true; EQUATIONS]);
}

#[test]
fn should_repeat_no_message_when_the_same_is_proven_twice() {
	let mut case = Case::new(4, 4, 4);
	let (first, second) = (case.prove(), case.prove());
	let lists = 32 * 12;
	assert_eq!(first[..lists], second[..lists]);
	let (first, second) = (first[lists..].as_chunks::<32>().0, second[lists..].as_chunks::<32>().0);
	assert!(first.iter().all(|message| !second.contains(message)));
	for (at, message) in first.iter().enumerate() {
		assert!(!first[..at].contains(message));
	}
}
