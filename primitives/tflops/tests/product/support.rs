//! Cases with matrices, commitments and a proof.

use io_tflops::product::{
	commit_inputs, commit_output, prove, InputCommitments, Openings, OutputCommitments, Shape,
	Statement, Witness,
};
use rand_chacha::{
	rand_core::{RngCore, SeedableRng},
	ChaCha20Rng,
};

/// A right product with its proof.
pub(crate) struct Case {
	pub(crate) statement: Statement,
	pub(crate) a: Vec<i8>,
	pub(crate) b: Vec<i8>,
	pub(crate) c: Vec<i32>,
	pub(crate) openings: Openings,
	pub(crate) inputs: InputCommitments,
	pub(crate) output: OutputCommitments,
	pub(crate) proof: Vec<u8>,
}

impl Case {
	/// Random matrices, always the same for the same dimensions.
	pub(crate) fn new(m: u32, k: u32, n: u32) -> Self {
		let mut rng = rng(u64::from(m) << 40 | u64::from(k) << 20 | u64::from(n));
		let mut matrix = |len: u32| (0..len).map(|_| rng.next_u32() as i8).collect();
		let (a, b) = (matrix(m * k), matrix(k * n));
		Self::with(m, k, n, a, b)
	}

	/// These matrices.
	pub(crate) fn with(m: u32, k: u32, n: u32, a: Vec<i8>, b: Vec<i8>) -> Self {
		let c = multiply(&a, &b, k as usize, n as usize);
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
		let mut case = Self { statement, a, b, c, openings, inputs, output, proof: Vec::new() };
		case.proof = prove(&case.statement, &case.witness(), &mut rng(0)).unwrap();
		case
	}

	pub(crate) fn witness(&self) -> Witness<'_> {
		Witness {
			a: &self.a,
			b: &self.b,
			c: &self.c,
			openings: &self.openings,
			inputs: &self.inputs,
			output: &self.output,
		}
	}

	/// The statement that has the hashes of the lists in `proof`.
	pub(crate) fn statement_for(&self, proof: &[u8]) -> Statement {
		let shape = self.statement.shape;
		let (m, n) = (32 * shape.m() as usize, 32 * shape.n() as usize);
		let hash = |bytes: &[u8]| *blake3::hash(bytes).as_bytes();
		Statement {
			inputs: hash(&proof[..m + n]),
			output: hash(&proof[m + n..2 * m + n]),
			..self.statement
		}
	}
}

/// A source of the same numbers each time.
pub(crate) fn rng(seed: u64) -> ChaCha20Rng {
	ChaCha20Rng::seed_from_u64(seed)
}

/// Row by row.
pub(crate) fn multiply(a: &[i8], b: &[i8], k: usize, n: usize) -> Vec<i32> {
	a.chunks_exact(k)
		.flat_map(|row| {
			(0..n).map(move |j| {
				row.iter()
					.zip(b[j..].iter().step_by(n))
					.map(|(a, b)| i32::from(*a) * i32::from(*b))
					.sum()
			})
		})
		.collect()
}
