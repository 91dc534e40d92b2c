//! Finds a wrong entry in less time than it takes to multiply.
//!
//! R. Freivalds, "Probabilistic machines can use less running time", 1977: if C is not AB then `C r` is not `A (B r)`
//! for nearly all vectors r.

use alloc::vec::Vec;

use super::{build::check, BuildError, Shape, Side};
use crate::Hash;

/// 2^61 - 1, a prime. Sums of 65,536 products of an int32 and a number below it fit an i128.
const P: i128 = (1 << 61) - 1;

/// Row and column of an entry of C that is not what A and B give; all three matrices are given row by row.
///
/// Takes time for `m k + k n + m n` multiplications, and `k n` more if there is a wrong entry. If there is one, it is
/// missed with a probability of at most 2^-61. `seed` must be unknown to who made C until C is fixed.
pub fn find_wrong_entry(
	shape: &Shape,
	matrices: (&[i8], &[i8], &[i32]),
	seed: &Hash,
) -> Result<Option<(u32, u32)>, BuildError> {
	let (a, b, c) = matrices;
	check(a.len(), shape.m(), shape.k(), Side::Left)?;
	check(b.len(), shape.k(), shape.n(), Side::Right)?;
	check(c.len(), shape.m(), shape.n(), Side::Product)?;
	let (k, n) = (shape.k() as usize, shape.n() as usize);
	let random = random_vector(seed, n);
	let right: Vec<i64> = b.chunks_exact(n).map(|row| dot(row, &random)).collect();
	let wrong_row = a
		.chunks_exact(k)
		.zip(c.chunks_exact(n))
		.position(|(row_a, row_c)| dot(row_a, &right) != dot(row_c, &random));
	let Some(row) = wrong_row else { return Ok(None) };

	let mut truth = alloc::vec![0i32; n];
	for (entry, row_b) in a[row * k..][..k].iter().zip(b.chunks_exact(n)) {
		for (sum, other) in truth.iter_mut().zip(row_b) {
			*sum += i32::from(*entry) * i32::from(*other);
		}
	}
	let column = truth.iter().zip(&c[row * n..][..n]).position(|(truth, claim)| truth != claim);
	Ok(column.map(|column| (row as u32, column as u32)))
}

/// `<row, vector>` mod P, in 0..P.
fn dot<T: Copy + Into<i128>>(row: &[T], vector: &[i64]) -> i64 {
	let sum: i128 = row.iter().zip(vector).map(|(x, y)| (*x).into() * i128::from(*y)).sum();
	sum.rem_euclid(P) as i64
}

/// Numbers uniform in 0..P: 61 bits each of an output stream, P itself being skipped.
fn random_vector(seed: &Hash, len: usize) -> Vec<i64> {
	let mut stream =
		blake3::Hasher::new_derive_key("ionet zktf v1 job check").update(seed).finalize_xof();
	let mut bytes = [0; 8];
	core::iter::repeat_with(|| {
		stream.fill(&mut bytes);
		i64::from_le_bytes(bytes) & P as i64
	})
	.filter(|number| i128::from(*number) != P)
	.take(len)
	.collect()
}
