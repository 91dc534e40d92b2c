//! Tests that need to pick challenges or to bend the prover.

mod commitments;
mod reference;
mod simulator;
mod soundness;
mod transcripts;

use alloc::vec::Vec;

use curve25519_dalek::{
	ristretto::{CompressedRistretto, RistrettoPoint},
	scalar::Scalar,
	traits::IsIdentity,
};
use rand_chacha::ChaCha20Rng;
use rand_core::{RngCore, SeedableRng};

use super::{
	commit::{commit_inputs, commit_output},
	field::powers,
	proof::{hash, Proof},
	prove::{argue, prove, Vectors, Witness},
	transcript::{Challenges, Point, Script},
	verify::{residual, EQUATIONS},
	InputCommitments, Openings, OutputCommitments, Shape, Statement,
};

/// A case: matrices with everything that belongs to them.
struct Case {
	statement: Statement,
	a: Vec<i8>,
	b: Vec<i8>,
	c: Vec<i32>,
	openings: Openings,
	inputs: InputCommitments,
	output: OutputCommitments,
	rng: ChaCha20Rng,
}

impl Case {
	fn new(m: u32, k: u32, n: u32) -> Self {
		let mut rng = ChaCha20Rng::seed_from_u64(u64::from(m << 20 | k << 10 | n));
		let mut matrix = |rows: u32, columns: u32| -> Vec<i8> {
			(0..rows * columns).map(|_| rng.next_u32() as i8).collect()
		};
		let (a, b) = (matrix(m, k), matrix(k, n));
		let c = multiply(&a, &b, [m, k, n].map(|side| side as usize));
		let shape = Shape::new(m, k, n).unwrap();
		let openings = Openings::new(&shape, &a, &b, &[7; 32]).unwrap();
		let inputs = commit_inputs(&shape, &a, &b, &openings).unwrap();
		let output = commit_output(&shape, &c, &openings).unwrap();
		let statement = Statement {
			genesis: [1; 32],
			para: 2000,
			job: 3,
			worker: [4; 32],
			shape,
			inputs: inputs.hash(),
			output: output.hash(),
		};
		Self { statement, a, b, c, openings, inputs, output, rng }
	}

	fn prove(&mut self) -> Vec<u8> {
		let witness = Witness {
			a: &self.a,
			b: &self.b,
			c: &self.c,
			openings: &self.openings,
			inputs: &self.inputs,
			output: &self.output,
		};
		prove(&self.statement, &witness, &mut self.rng).unwrap()
	}

	/// Makes the matrix of C, its commitments and the statement say something else.
	fn claim(&mut self, c: Vec<i32>) {
		self.output = commit_output(&self.statement.shape, &c, &self.openings).unwrap();
		self.statement.output = self.output.hash();
		self.c = c;
	}

	/// Proves as a prover would that does not care whether anything is true; `bend` changes its vectors.
	fn cheat(&mut self, bend: impl FnOnce(&mut Vectors)) -> Vec<u8> {
		let lists = [&self.inputs.rows[..], &self.inputs.columns, &self.output.rows];
		let (mut script, xi, eta) = Script::new(&self.statement, lists);
		let shape = &self.statement.shape;
		let (x, y) = (powers(&xi, shape.m() as usize), powers(&eta, shape.n() as usize));
		let mut vectors = Vectors::new(shape, (&self.a, &self.b, &self.c), &self.openings, &x, y);
		bend(&mut vectors);
		let mut proof: Vec<u8> = lists.into_iter().flatten().flatten().copied().collect();
		argue(vectors, &mut script, &mut self.rng, &mut proof);
		proof
	}
}

/// Row by row.
fn multiply(a: &[i8], b: &[i8], [m, k, n]: [usize; 3]) -> Vec<i32> {
	let entry = |at: usize| {
		(0..k).map(|i| i32::from(a[at / n * k + i]) * i32::from(b[i * n + at % n])).sum()
	};
	(0..m * n).map(entry).collect()
}

/// Which equations hold.
fn holding(shape: &Shape, proof: &Proof<'_>, challenges: &Challenges) -> [bool; EQUATIONS] {
	core::array::from_fn(|equation| {
		let mut weights = [Scalar::ZERO; EQUATIONS];
		weights[equation] = Scalar::ONE;
		residual(shape, proof, challenges, &weights).unwrap().is_identity()
	})
}

/// Which equations hold, with the challenges that belong to the proof.
fn holding_of(statement: &Statement, proof: &[u8]) -> [bool; EQUATIONS] {
	let proof = Proof::parse(&statement.shape, proof).unwrap();
	holding(&statement.shape, &proof, &Challenges::new(statement, &proof))
}

fn point(bytes: &Point) -> RistrettoPoint {
	CompressedRistretto(*bytes).decompress().unwrap()
}
