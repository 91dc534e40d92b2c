//! Challenges: what the verifier would pick at random is a hash of all that was said before.

use alloc::vec::Vec;

use curve25519_dalek::scalar::Scalar;
use merlin::Transcript;

use super::{proof::Proof, Statement};

/// A compressed point.
pub(super) type Point = [u8; 32];

/// The conversation so far. Prover and verifier go through the same steps.
pub(super) struct Script(Transcript);

impl Script {
	/// Statement and commitments; gives xi and eta.
	pub(super) fn new(statement: &Statement, lists: [&[Point]; 3]) -> (Self, Scalar, Scalar) {
		let Statement { genesis, para, job, worker, shape, inputs, output } = statement;
		let mut transcript = Transcript::new(b"ionet/zkmm/v1");
		transcript.append_message(b"genesis", genesis);
		transcript.append_message(b"para", &para.to_le_bytes());
		transcript.append_message(b"job", &job.to_le_bytes());
		transcript.append_message(b"worker", worker);
		transcript.append_message(b"m", &shape.m().to_le_bytes());
		transcript.append_message(b"k", &shape.k().to_le_bytes());
		transcript.append_message(b"n", &shape.n().to_le_bytes());
		transcript.append_message(b"inputs", inputs);
		transcript.append_message(b"output", output);
		let [rows, columns, product] = lists;
		transcript.append_message(b"T_A", rows.as_flattened());
		transcript.append_message(b"T_B", columns.as_flattened());
		transcript.append_message(b"T_C", product.as_flattened());
		let mut script = Self(transcript);
		let xi = script.challenge(b"xi");
		let eta = script.challenge(b"eta");
		(script, xi, eta)
	}

	/// `V, S_A, S_B, S_C, T_1, T_2, D`; gives X.
	pub(super) fn masks(&mut self, points: &[Point; 7]) -> Scalar {
		self.0.append_message(b"masks", points.as_flattened());
		self.challenge(b"X")
	}

	/// Inner products and blindings, see [`Proof::responses`]; gives w.
	pub(super) fn responses(&mut self, scalars: &[Scalar; 7]) -> Scalar {
		self.scalars(b"responses", scalars);
		self.challenge(b"w")
	}

	/// One round of the argument for l and r.
	pub(super) fn inner(&mut self, points: &[Point; 4]) -> Scalar {
		self.0.append_message(b"inner round", points.as_flattened());
		self.challenge(b"u")
	}

	/// One round of the argument for z.
	pub(super) fn outer(&mut self, points: &[Point; 2]) -> Scalar {
		self.0.append_message(b"outer round", points.as_flattened());
		self.challenge(b"v")
	}

	/// What is left of l, r and z; gives the number whose powers weigh the verifier's equations.
	pub(super) fn last(&mut self, scalars: &[Scalar; 3]) -> Scalar {
		self.scalars(b"last", scalars);
		self.challenge(b"weight")
	}

	/// A source of secrets that depends on the conversation, on `secret` and on `rng`: it stays good if `rng` is not.
	#[cfg(feature = "prover")]
	pub(super) fn secrets<R: rand_core::RngCore + rand_core::CryptoRng>(
		&self,
		secret: &[u8],
		rng: &mut R,
	) -> merlin::TranscriptRng {
		self.0.build_rng().rekey_with_witness_bytes(b"openings", secret).finalize(rng)
	}

	fn scalars(&mut self, label: &'static [u8], scalars: &[Scalar]) {
		for scalar in scalars {
			self.0.append_message(label, scalar.as_bytes());
		}
	}

	/// 64 bytes reduced, hence within 2^-252 of uniform. Never 0, because challenges are inverted.
	fn challenge(&mut self, label: &'static [u8]) -> Scalar {
		loop {
			let mut bytes = [0; 64];
			self.0.challenge_bytes(label, &mut bytes);
			let challenge = Scalar::from_bytes_mod_order_wide(&bytes);
			if challenge != Scalar::ZERO {
				return challenge;
			}
		}
	}
}

/// All that the verifier picks.
pub(super) struct Challenges {
	/// Base of x.
	pub(super) xi: Scalar,
	/// Base of y.
	pub(super) eta: Scalar,
	/// X, where the masked vectors are evaluated.
	pub(super) x: Scalar,
	/// w, which ties inner products to the vectors.
	pub(super) w: Scalar,
	/// One for each round of the argument for l and r.
	pub(super) inner: Vec<Scalar>,
	/// One for each round of the argument for z.
	pub(super) outer: Vec<Scalar>,
	/// Its powers weigh the equations.
	pub(super) weight: Scalar,
}

impl Challenges {
	/// The challenges that belong to a proof.
	pub(super) fn new(statement: &Statement, proof: &Proof<'_>) -> Self {
		let (mut script, xi, eta) = Script::new(statement, proof.lists());
		let x = script.masks(proof.masks);
		let w = script.responses(&proof.responses);
		let inner = proof.inner.iter().map(|round| script.inner(round)).collect();
		let outer = proof.outer.iter().map(|round| script.outer(round)).collect();
		let weight = script.last(&proof.last);
		Self { xi, eta, x, w, inner, outer, weight }
	}
}
