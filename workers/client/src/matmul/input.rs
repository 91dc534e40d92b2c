//! The input of a product, and what binds a job to it.

use std::io::{self, Read, Write};

use io_primitives::{BlockNumber, JobId, Verification, WorkerKey};
use io_tflops::{
	fraud::{self, BuildError, Shape},
	product::{
		self, CommitError, InputCommitments, Openings, OutputCommitments, ProductError, ProveError,
		Statement, Witness,
	},
};
use rand_core::{OsRng, RngCore};
use sp_core::H256;
use zeroize::Zeroizing;

/// The secret that ends an input whose product is verified on chain. Salts or blindings follow from it.
pub type Seed = Zeroizing<[u8; 32]>;

/// Bytes that are moved at once.
const PIECE: usize = 64 * 1024;

/// What can be wrong with an input, or done wrong with one.
#[derive(Debug, thiserror::Error)]
pub enum InputError {
	/// It cannot be read.
	#[error("the input cannot be read: {0}")]
	Io(#[from] io::Error),
	/// There is no memory for it.
	#[error("there is no memory for a matrix of {0} bytes")]
	Memory(usize),
	/// It does not have as many bytes as the job's dimensions say.
	#[error("the input has {0} than the job's dimensions say")]
	Length(&'static str),
	/// A matrix has another size.
	#[error(transparent)]
	Matrix(#[from] BuildError),
	/// Its dimensions are too large to be proven.
	#[error(transparent)]
	Proven(#[from] ProductError),
	/// It cannot be committed to.
	#[error(transparent)]
	Commit(#[from] CommitError),
	/// It cannot be proven.
	#[error(transparent)]
	Prove(#[from] ProveError),
	/// It has no seed, and the job needs one.
	#[error("the input has no secret seed, which is needed where the chain verifies the product")]
	NoSeed,
	/// The job is verified in another way.
	#[error("the job is verified in another way")]
	OtherVerification,
	/// The system gives no random numbers.
	#[error("the system gives no random numbers: {0}")]
	Random(String),
}

/// The factors of a product, row by row, and the secret that comes with them.
pub struct Input {
	shape: Shape,
	left: Vec<i8>,
	right: Vec<i8>,
	seed: Option<Seed>,
}

/// Who proves which product: what a proof is bound to besides the matrices.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Prover {
	/// Hash of the chain's first block.
	pub genesis: H256,
	/// Number of the parachain.
	pub para: u32,
	/// The job.
	pub job: JobId,
	/// The worker.
	pub worker: WorkerKey,
}

/// 32 random bytes that nobody can predict.
fn random() -> Result<Seed, InputError> {
	let mut bytes = Zeroizing::new([0; 32]);
	OsRng.try_fill_bytes(&mut *bytes).map_err(|e| InputError::Random(e.to_string()))?;
	Ok(bytes)
}

fn area(rows: u32, columns: u32) -> usize {
	rows as usize * columns as usize
}

impl Input {
	/// Takes two matrices, for a product that a quorum of workers decides about.
	pub fn new(shape: Shape, left: Vec<i8>, right: Vec<i8>) -> Result<Self, InputError> {
		for (matrix, expected, side) in [
			(&left, area(shape.m(), shape.k()), fraud::Side::Left),
			(&right, area(shape.k(), shape.n()), fraud::Side::Right),
		] {
			if matrix.len() != expected {
				return Err(BuildError::BadMatrix(side).into());
			}
		}
		Ok(Self { shape, left, right, seed: None })
	}

	/// Adds a fresh seed, for a product that is verified on chain.
	pub fn with_random_seed(mut self) -> Result<Self, InputError> {
		self.seed = Some(random()?);
		Ok(self)
	}

	/// Adds a seed that is known.
	pub fn with_seed(mut self, seed: Seed) -> Self {
		self.seed = Some(seed);
		self
	}

	/// Reads what [`Self::write`] wrote, with a seed if `seed`. Takes no memory for what is not there.
	pub fn read(shape: Shape, seed: bool, mut reader: impl Read) -> Result<Self, InputError> {
		let left = read_entries(&mut reader, area(shape.m(), shape.k()))?;
		let right = read_entries(&mut reader, area(shape.k(), shape.n()))?;
		let seed = match seed {
			true => {
				let mut bytes = Zeroizing::new([0; 32]);
				reader.read_exact(&mut *bytes).map_err(short)?;
				Some(bytes)
			},
			false => None,
		};
		match reader.read(&mut [0])? {
			0 => Ok(Self { shape, left, right, seed }),
			_ => Err(InputError::Length("more bytes")),
		}
	}

	/// Writes the bytes that a job names as its input.
	pub fn write(&self, mut writer: impl Write) -> io::Result<()> {
		let mut bytes = Zeroizing::new(Vec::with_capacity(PIECE));
		for matrix in [&self.left, &self.right] {
			for piece in matrix.chunks(PIECE) {
				bytes.clear();
				bytes.extend(piece.iter().map(|entry| entry.cast_unsigned()));
				writer.write_all(&bytes)?;
			}
		}
		if let Some(seed) = &self.seed {
			writer.write_all(&**seed)?;
		}
		writer.flush()
	}

	/// Dimensions.
	pub fn shape(&self) -> &Shape {
		&self.shape
	}

	/// The left matrix.
	pub fn left(&self) -> &[i8] {
		&self.left
	}

	/// The right matrix.
	pub fn right(&self) -> &[i8] {
		&self.right
	}

	fn seed(&self) -> Result<&[u8; 32], InputError> {
		self.seed.as_deref().ok_or(InputError::NoSeed)
	}

	/// How a job says that its product can be disputed for so many blocks.
	pub fn disputable(&self, blocks: BlockNumber) -> Result<Verification, InputError> {
		let context = H256(*random()?);
		let (left, right) = self.roots(context)?;
		Ok(Verification::Dispute { context, left, right, blocks })
	}

	/// How a job says that its product has to be proven.
	pub fn provable(&self) -> Result<Verification, InputError> {
		let shape = self.provable_shape()?;
		let openings = Openings::new(&shape, &self.left, &self.right, self.seed()?)?;
		let inputs = product::commit_inputs(&shape, &self.left, &self.right, &openings)?;
		Ok(Verification::Product { inputs: H256(inputs.hash()) })
	}

	/// Binds it to how a job is verified. Quick; nothing is compared yet.
	pub fn bind(&self, verification: &Verification) -> Result<Bound<'_>, InputError> {
		let how = match *verification {
			Verification::Quorum => How::Quorum,
			Verification::Dispute { context, left, right, .. } => {
				How::Dispute { context, roots: (left, right) }
			},
			Verification::Product { inputs: hash } => {
				let shape = self.provable_shape()?;
				let openings = Openings::new(&shape, &self.left, &self.right, self.seed()?)?;
				How::Product { shape, openings, hash, inputs: None }
			},
		};
		Ok(Bound { input: self, how })
	}

	/// Row and column of an entry of `product` that is wrong, if there is one; one is missed with a probability of 2^-61,
	/// whatever the worker knows.
	pub fn wrong_entry(&self, product: &[i32]) -> Result<Option<(u32, u32)>, InputError> {
		let matrices = (&self.left[..], &self.right[..], product);
		Ok(fraud::find_wrong_entry(&self.shape, matrices, &*random()?)?)
	}

	/// The proof that this entry of `product` is wrong, for a job that can be disputed.
	pub fn dispute(
		&self,
		verification: &Verification,
		product: &[i32],
		entry: (u32, u32),
	) -> Result<Vec<u8>, InputError> {
		let Verification::Dispute { context, .. } = verification else {
			return Err(InputError::OtherVerification);
		};
		let (seed, matrices) = (self.seed()?, (&self.left[..], &self.right[..], product));
		Ok(fraud::build_dispute(&self.shape, &context.0, (seed, seed), matrices, entry)?)
	}

	fn roots(&self, context: H256) -> Result<(H256, H256), InputError> {
		let seed = self.seed()?;
		let left = fraud::root_rows(&self.shape, &context.0, seed, &self.left)?;
		let right = fraud::root_columns(&self.shape, &context.0, seed, &self.right)?;
		Ok((H256(left), H256(right)))
	}

	fn provable_shape(&self) -> Result<product::Shape, InputError> {
		Ok(product::Shape::new(self.shape.m(), self.shape.k(), self.shape.n())?)
	}
}

/// An input with how its product is verified.
pub struct Bound<'a> {
	input: &'a Input,
	how: How,
}

enum How {
	Quorum,
	Dispute {
		context: H256,
		roots: (H256, H256),
	},
	Product {
		shape: product::Shape,
		openings: Openings,
		hash: H256,
		/// Kept once they are made.
		inputs: Option<InputCommitments>,
	},
}

/// What stands for a product in the digest of a result.
pub enum Content {
	/// The hash of the archive.
	Archive,
	/// The root over the product.
	Root(H256),
	/// The commitments to the product's rows.
	Commitments(OutputCommitments),
}

impl Content {
	/// The hash that enters the digest; `None` if it is that of the archive.
	pub fn hash(&self) -> Option<H256> {
		match self {
			Content::Archive => None,
			Content::Root(root) => Some(*root),
			Content::Commitments(rows) => Some(H256(rows.hash())),
		}
	}
}

impl Bound<'_> {
	/// Whether the job's roots or commitments are those of this input. If they are not, the chain could not judge any product, so
	/// that honest workers make none.
	pub fn fits(&mut self) -> Result<bool, InputError> {
		match &mut self.how {
			How::Quorum => Ok(true),
			How::Dispute { context, roots } => Ok(self.input.roots(*context)? == *roots),
			How::Product { shape, openings, hash, inputs } => {
				Ok(commitments(self.input, shape, openings, inputs)?.hash() == hash.0)
			},
		}
	}

	/// What stands for this product in the digest of the result.
	pub fn content(&self, product: &[i32]) -> Result<Content, InputError> {
		match &self.how {
			How::Quorum => Ok(Content::Archive),
			How::Dispute { context, .. } => {
				let (shape, seed) = (&self.input.shape, self.input.seed()?);
				Ok(Content::Root(H256(fraud::root_product(shape, &context.0, seed, product)?)))
			},
			How::Product { shape, openings, .. } => {
				Ok(Content::Commitments(product::commit_output(shape, product, openings)?))
			},
		}
	}

	/// Proves in zero knowledge that `product`, to which `content` belongs, is the product; only where that is asked for. Takes
	/// seconds for the largest ones.
	pub fn prove(
		&mut self,
		prover: &Prover,
		product: &[i32],
		content: &Content,
	) -> Result<Vec<u8>, InputError> {
		let (How::Product { shape, openings, inputs, .. }, Content::Commitments(output)) =
			(&mut self.how, content)
		else {
			return Err(InputError::OtherVerification);
		};
		let inputs = commitments(self.input, shape, openings, inputs)?;
		let statement = Statement {
			genesis: prover.genesis.0,
			para: prover.para,
			job: prover.job,
			worker: prover.worker.0,
			shape: *shape,
			inputs: inputs.hash(),
			output: output.hash(),
		};
		let (a, b) = (&self.input.left[..], &self.input.right[..]);
		let witness = Witness { a, b, c: product, openings, inputs, output };
		Ok(product::prove(&statement, &witness, &mut OsRng)?)
	}
}

/// The commitments to an input's matrices, made if they are not there yet.
fn commitments<'a>(
	input: &Input,
	shape: &product::Shape,
	openings: &Openings,
	made: &'a mut Option<InputCommitments>,
) -> Result<&'a InputCommitments, InputError> {
	match made {
		Some(made) => Ok(made),
		None => {
			let fresh = product::commit_inputs(shape, &input.left, &input.right, openings)?;
			Ok(made.insert(fresh))
		},
	}
}

fn short(e: io::Error) -> InputError {
	match e.kind() {
		io::ErrorKind::UnexpectedEof => InputError::Length("fewer bytes"),
		_ => e.into(),
	}
}

fn read_entries(reader: &mut impl Read, count: usize) -> Result<Vec<i8>, InputError> {
	let mut entries = Vec::new();
	let mut bytes = Zeroizing::new(vec![0; PIECE.min(count)]);
	while entries.len() < count {
		let piece = PIECE.min(count - entries.len());
		let into = bytes.get_mut(..piece).unwrap_or_default();
		reader.read_exact(into).map_err(short)?;
		entries.try_reserve(piece).map_err(|_| InputError::Memory(count))?;
		entries.extend(into.iter().map(|byte| byte.cast_signed()));
	}
	Ok(entries)
}

#[cfg(test)]
mod tests {
	use io_primitives::Kernel;
	use proptest::prelude::*;

	use super::*;
	use crate::matmul;

	fn entries(len: usize, seed: u64) -> Vec<i8> {
		let stream = blake3::Hasher::new().update(&seed.to_le_bytes()).finalize_xof();
		let mut bytes = vec![0; len];
		{ stream }.fill(&mut bytes);
		bytes.iter().map(|byte| byte.cast_signed()).collect()
	}

	fn input(m: u32, k: u32, n: u32) -> Input {
		let shape = Shape::new(m, k, n).unwrap();
		let (left, right) = (entries(area(m, k), 1), entries(area(k, n), 2));
		Input::new(shape, left, right).unwrap().with_seed(Zeroizing::new([7; 32]))
	}

	fn multiply(input: &Input) -> Vec<i32> {
		let shape = input.shape;
		let [m, k, n] = [shape.m(), shape.k(), shape.n()].map(|side| side as usize);
		let entry = |i: usize, j: usize| {
			(0..k)
				.map(|l| i32::from(input.left[i * k + l]) * i32::from(input.right[l * n + j]))
				.sum()
		};
		(0..m).flat_map(|i| (0..n).map(move |j| (i, j))).map(|(i, j)| entry(i, j)).collect()
	}

	fn bytes(input: &Input) -> Vec<u8> {
		let mut bytes = Vec::new();
		input.write(&mut bytes).unwrap();
		bytes
	}

	fn prover() -> Prover {
		Prover {
			genesis: H256::repeat_byte(1),
			para: 2000,
			job: 7,
			worker: WorkerKey::from_raw([3; 32]),
		}
	}

	/// What the chain does with a proof.
	fn verify(input: &Input, verification: &Verification, content: &Content, proof: &[u8]) -> bool {
		let Verification::Product { inputs } = verification else { return false };
		let Prover { genesis, para, job, worker } = prover();
		let statement = Statement {
			genesis: genesis.0,
			para,
			job,
			worker: worker.0,
			shape: input.provable_shape().unwrap(),
			inputs: inputs.0,
			output: content.hash().unwrap().0,
		};
		product::verify(&statement, proof).is_ok()
	}

	/// What the chain does with a dispute.
	fn refuted(
		input: &Input,
		verification: &Verification,
		content: &Content,
		proof: &[u8],
	) -> bool {
		let Verification::Dispute { context, left, right, .. } = verification else { return false };
		let statement = fraud::Statement {
			context: context.0,
			shape: input.shape,
			left: left.0,
			right: right.0,
			product: content.hash().unwrap().0,
		};
		let dispute = fraud::Dispute::parse(&input.shape, proof).unwrap();
		fraud::verify_dispute(&statement, &dispute).is_ok()
	}

	#[test]
	fn should_prove_what_the_chain_verifies() {
		let input = input(3, 5, 4);
		let product = multiply(&input);
		let verification = input.provable().unwrap();
		let mut bound = input.bind(&verification).unwrap();
		assert!(bound.fits().unwrap());
		let content = bound.content(&product).unwrap();
		let proof = bound.prove(&prover(), &product, &content).unwrap();
		assert!(verify(&input, &verification, &content, &proof));

		let mut wrong = product.clone();
		wrong[3] += 1;
		assert!(bound.prove(&prover(), &wrong, &content).is_err());
		let other = bound.content(&wrong).unwrap();
		assert_ne!(other.hash(), content.hash());
	}

	#[test]
	fn should_refute_what_is_wrong_and_only_that() {
		let input = input(3, 5, 130);
		let verification = input.disputable(10).unwrap();
		let mut bound = input.bind(&verification).unwrap();
		assert!(bound.fits().unwrap());
		let right = multiply(&input);
		assert_eq!(input.wrong_entry(&right).unwrap(), None);

		let mut wrong = right.clone();
		wrong[2 * 130 + 129] -= 1;
		assert_eq!(input.wrong_entry(&wrong).unwrap(), Some((2, 129)));
		let content = bound.content(&wrong).unwrap();
		let proof = input.dispute(&verification, &wrong, (2, 129)).unwrap();
		assert!(refuted(&input, &verification, &content, &proof));

		let honest = bound.content(&right).unwrap();
		let proof = input.dispute(&verification, &right, (2, 129)).unwrap();
		assert!(!refuted(&input, &verification, &honest, &proof));
	}

	#[test]
	fn should_see_when_roots_or_commitments_are_of_other_matrices() {
		let (one, other) = (input(2, 3, 4), input(2, 3, 4).with_seed(Zeroizing::new([8; 32])));
		for verification in [one.disputable(1).unwrap(), one.provable().unwrap()] {
			assert!(one.bind(&verification).unwrap().fits().unwrap());
			assert!(!other.bind(&verification).unwrap().fits().unwrap());
		}
		let mut changed = input(2, 3, 4);
		changed.right[11] ^= 1;
		for verification in [one.disputable(1).unwrap(), one.provable().unwrap()] {
			assert!(!changed.bind(&verification).unwrap().fits().unwrap());
		}
	}

	#[test]
	fn should_give_the_same_content_when_it_is_computed_again() {
		let input = input(2, 3, 4);
		let product = multiply(&input);
		for verification in
			[Verification::Quorum, input.disputable(1).unwrap(), input.provable().unwrap()]
		{
			let content = || input.bind(&verification).unwrap().content(&product).unwrap().hash();
			assert_eq!(content(), content());
			assert_eq!(content().is_none(), verification == Verification::Quorum);
		}
	}

	#[test]
	fn should_want_a_seed_when_the_chain_verifies() {
		let plain = input(2, 2, 2);
		let plain = Input { seed: None, ..plain };
		assert!(matches!(plain.disputable(1), Err(InputError::NoSeed)));
		assert!(matches!(plain.provable(), Err(InputError::NoSeed)));
		let fresh = Input { seed: None, ..input(2, 2, 2) }.with_random_seed().unwrap();
		assert!(fresh.seed().unwrap() != &[0; 32]);
	}

	#[test]
	fn should_refuse_to_prove_when_dimensions_are_too_large() {
		let input = input(1, matmul::MAX_PROVEN + 1, 1);
		assert!(matches!(input.provable(), Err(InputError::Proven(_))));
		let verification = Verification::Product { inputs: H256::zero() };
		assert!(matches!(input.bind(&verification), Err(InputError::Proven(_))));
		assert!(matmul::check_size(&input.shape, &verification).is_err());
		assert!(matmul::check_size(&input.shape, &Verification::Quorum).is_ok());
	}

	#[test]
	fn should_refuse_inputs_when_their_length_is_wrong() {
		let input = input(2, 3, 4);
		let good = bytes(&input);
		let verification = Verification::Product { inputs: H256::zero() };
		assert_eq!(good.len() as u64, matmul::input_len(&input.shape, &verification));
		let read = |bytes: &[u8], seed| Input::read(input.shape, seed, bytes);
		assert!(read(&good, true).is_ok());
		assert!(matches!(read(&good, false), Err(InputError::Length("more bytes"))));
		for len in [0, 5, 6, 17, 18, good.len() - 1] {
			assert!(matches!(read(&good[..len], true), Err(InputError::Length("fewer bytes"))));
		}
		assert!(Input::new(input.shape, vec![0; 5], vec![0; 12]).is_err());
		assert!(Input::new(input.shape, vec![0; 6], vec![0; 13]).is_err());
	}

	#[test]
	fn should_take_no_memory_for_an_input_that_is_not_there() {
		let shape = Shape::new(65_536, 65_536, 65_536).unwrap();
		assert!(matches!(Input::read(shape, false, &[0; 9][..]), Err(InputError::Length(_))));
	}

	#[test]
	fn should_refuse_dimensions_when_the_chain_would() {
		for (m, k, n) in [(0, 1, 1), (1, 0, 1), (1, 1, 0), (65_537, 1, 1), (1, u32::MAX, 1)] {
			assert!(matmul::shape(&Kernel::MatMulI8 { m, k, n }).is_err());
		}
	}

	proptest! {
		#[test]
		fn should_read_what_was_written(m in 1u32..20, k in 1u32..20, n in 1u32..20, seed: bool) {
			let input = input(m, k, n);
			let input = if seed { input } else { Input { seed: None, ..input } };
			let again = Input::read(input.shape, seed, &bytes(&input)[..]).unwrap();
			prop_assert_eq!(bytes(&again), bytes(&input));
			prop_assert_eq!((again.left, again.right), (input.left, input.right));
		}
	}
}
