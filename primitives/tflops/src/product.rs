//! A zero-knowledge proof that one committed matrix is the product of two others.
//!
//! Freivalds' check in the exponent: the verifier picks two vectors x and y, and the prover shows that `(x^T A) (B y)`
//! and `(x^T C) y` are the same number without showing any of the vectors. Group: ristretto255, of order q ~ 2^252.
//! Entries are int8 and their sums at most 2^24, so that nothing wraps and equality mod q is equality.
//!
//! # Protocol
//! Generators are hashes to the group: `G` (for vectors of length k), `Q` (length n), `H` and `U`.
//! 1. Commitments: `T_A[i] = <row i of A, G> + a_i H`, `T_B[j] = <column j of B, G> + b_j H`,
//!    `T_C[i] = <row i of C, Q> + c_i H`. The chain knows `BLAKE3(T_A || T_B)` from the requester and `BLAKE3(T_C)`
//!    from the worker; the proof carries the lists.
//! 2. Challenges xi, eta: `x = (1, xi, xi^2, ..)`, `y = (1, eta, eta^2, ..)`. Everybody has `P_A = sum xi^i T_A[i]`,
//!    `P_B = sum eta^j T_B[j]`, `P_C = sum xi^i T_C[i]`, commitments to `l_0 = x^T A`, `r_0 = B y`, `z_0 = x^T C` with
//!    blindings alpha, beta, gamma.
//! 3. The prover sends `V = c U + rho H` with `c = <l_0, r_0>`, commitments `S_A, S_B, S_C` to random vectors
//!    `s_l, s_r, s_z`, `T_1, T_2` to the coefficients of `t(X) = <l_0 + s_l X, r_0 + s_r X> = c + t_1 X + t_2 X^2`, and
//!    `D` to `<s_z, y>`.
//! 4. Challenge X. With `l = l_0 + X s_l`, `r = r_0 + X s_r`, `z = z_0 + X s_z` the prover sends `<l, r>` and `<z, y>`,
//!    and the blindings of both and of the commitments to l, r and z.
//! 5. Challenge w, and two inner-product arguments (B. Bünz et al., "Bulletproofs", 2018, section 3): one that l and r
//!    have the inner product `<l, r>`, one that z has the inner product `<z, y>` with the public y.
//!
//! l and r have commitments over the *same* generators, which are folded separately, four points for each round. It is
//! tempting to give r generators of its own and to fold the sum of the two commitments, two points for each round, as
//! in a range proof. That is sound only if who made `T_A` cannot use the generators of B: with a malformed `T_A` a
//! matrix product passes that is wrong in a whole column, see `should_reject_when_commitment_to_a_hides_part_of_b`.
//!
//! Dimensions need not be powers of two: vectors are continued with zeros, for which generators exist. What a prover
//! writes into the continuation of C meets zeros of y, and in A and B it would be another opening of the requester's
//! commitments.
//!
//! # Security
//! - Soundness: an error of at most `(m + n + O(k)) / q` for each hash that a prover tries, unless it can compute
//!   discrete logarithms in ristretto255 (2^126). BLAKE3 and Merlin's STROBE are taken for random functions.
//! - Zero-knowledge: perfect given random blindings, even against unlimited computing power. The vectors and blindings
//!   of step 4 are uniform, and the commitments of step 3 follow from them; a test produces accepting transcripts this
//!   way without any matrix. Blindings come from a seed (`Openings`), hence it is as good as BLAKE3 is as a generator.
//! - It shows that the product is right, not that somebody has multiplied. Nor does it show that committed entries are
//!   int8: who commits to A and B vouches for what they are, and the product is one of matrices over the field.
//! - The verifier uses nothing secret and runs in variable time. The prover runs in constant time except for errors:
//!   see `product/commit.rs`.

mod generators;
mod proof;
mod transcript;
mod verify;

#[cfg(feature = "prover")]
mod commit;
#[cfg(feature = "prover")]
mod field;
#[cfg(feature = "prover")]
mod ipa;
#[cfg(feature = "prover")]
mod prove;
#[cfg(all(test, feature = "prover"))]
mod tests;

use core::fmt;

use crate::Hash;

#[cfg(feature = "prover")]
pub use commit::{
	commit_inputs, commit_output, CommitError, InputCommitments, Openings, OutputCommitments,
};
pub use proof::output_of;
#[cfg(feature = "prover")]
pub use prove::{prove, ProveError, Witness};
pub use verify::verify;

/// Most rows or columns of a matrix.
pub const MAX_DIM: u32 = 1024;

/// Dimensions of a product: A has `m` rows and `k` columns, B has `k` rows and `n` columns.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Shape {
	m: u32,
	k: u32,
	n: u32,
}

impl Shape {
	/// Checks and takes dimensions, each 1 to 1,024.
	pub fn new(m: u32, k: u32, n: u32) -> Result<Self, ProductError> {
		if [m, k, n].into_iter().all(|side| (1..=MAX_DIM).contains(&side)) {
			Ok(Self { m, k, n })
		} else {
			Err(ProductError::BadShape)
		}
	}

	/// Rows of A and C.
	pub fn m(&self) -> u32 {
		self.m
	}

	/// Columns of A, rows of B.
	pub fn k(&self) -> u32 {
		self.k
	}

	/// Columns of B and C.
	pub fn n(&self) -> u32 {
		self.n
	}

	/// Bytes of a proof: `32 (2 m + n + 4 log k + 2 log n + 17)`, logarithms to base 2 and rounded up; at most 100,768.
	pub fn proof_len(&self) -> usize {
		let lists = 2 * self.m + self.n;
		let rounds = 4 * self.inner_rounds() + 2 * self.outer_rounds();
		32 * (lists + rounds + proof::FIXED) as usize
	}

	/// Rounds of the argument over vectors of length k.
	fn inner_rounds(&self) -> u32 {
		self.k.next_power_of_two().trailing_zeros()
	}

	/// Rounds of the argument over vectors of length n.
	fn outer_rounds(&self) -> u32 {
		self.n.next_power_of_two().trailing_zeros()
	}
}

/// What a proof proves, and whom it is from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Statement {
	/// Hash of the chain's first block.
	pub genesis: Hash,
	/// Number of the parachain.
	pub para: u32,
	/// Number of the job.
	pub job: u64,
	/// Key of the worker.
	pub worker: [u8; 32],
	/// Dimensions.
	pub shape: Shape,
	/// BLAKE3 of the compressed `T_A || T_B`.
	pub inputs: Hash,
	/// BLAKE3 of the compressed `T_C`.
	pub output: Hash,
}

/// Why a proof is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ProductError {
	/// A dimension is 0 or above 1,024.
	BadShape,
	/// The proof is not exactly as long as the dimensions say.
	BadLength,
	/// The commitments to A and B are not those of the statement.
	OtherInputs,
	/// The commitments to C are not those of the statement.
	OtherOutput,
	/// A scalar is not reduced.
	BadScalar,
	/// A point is not the canonical encoding of a group element.
	BadPoint,
	/// A point is the neutral element. An honest prover meets it with a probability of 2^-252.
	NeutralPoint,
	/// The equations do not hold.
	NotProven,
}

impl fmt::Display for ProductError {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		f.write_str(match self {
			ProductError::BadShape => "a dimension is 0 or above 1,024",
			ProductError::BadLength => "the proof has a wrong length",
			ProductError::OtherInputs => "the proof is about other inputs",
			ProductError::OtherOutput => "the proof is about another output",
			ProductError::BadScalar => "a scalar is not reduced",
			ProductError::BadPoint => "a point is not canonical",
			ProductError::NeutralPoint => "a point is the neutral element",
			ProductError::NotProven => "the proof does not hold",
		})
	}
}

impl core::error::Error for ProductError {}
