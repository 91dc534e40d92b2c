//! Dimensions of a product, and how its right factor lies in memory.

use crate::Error;

/// Most columns of A: sums of that many products of int8 have at most 2^30, and the biased ones that VNNI forms stay
/// below 2^31.
pub const MAX_K: usize = 65_536;

/// Dimensions of `C = A B`: A is m x k, B is k x n, C is m x n. A and C lie row by row.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Dims {
	m: usize,
	k: usize,
	n: usize,
}

/// How B lies in memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Layout {
	/// Row by row, as in a file: entry (l, j) is at `l * n + j`.
	Rows,
	/// Column by column, as streams give it: entry (l, j) is at `j * k + l`.
	Columns,
}

impl Dims {
	/// Takes any dimensions, zero included, with `k` at most [`MAX_K`] and matrices that can be addressed.
	pub fn new(m: usize, k: usize, n: usize) -> Result<Self, Error> {
		if k > MAX_K {
			return Err(Error::InnerTooLarge(k));
		}
		// Eight bytes for each entry leave room for packed copies and sums.
		for (rows, columns) in [(m, k), (k, n), (m, n)] {
			rows.checked_mul(columns)
				.and_then(|entries| entries.checked_mul(8))
				.filter(|bytes| *bytes <= isize::MAX as usize)
				.ok_or(Error::TooLarge(rows, columns))?;
		}
		Ok(Self { m, k, n })
	}

	/// Rows of A and C.
	pub fn m(&self) -> usize {
		self.m
	}

	/// Columns of A, rows of B.
	pub fn k(&self) -> usize {
		self.k
	}

	/// Columns of B and C.
	pub fn n(&self) -> usize {
		self.n
	}

	/// int8 operations of the product, a multiplication and an addition counted as two.
	pub fn ops(&self) -> u128 {
		2 * self.m as u128 * self.k as u128 * self.n as u128
	}

	/// Checks the lengths of the two factors and the product.
	pub(crate) fn check(&self, a: usize, b: usize, c: usize) -> Result<(), Error> {
		let parts =
			[("A", a, self.m * self.k), ("B", b, self.k * self.n), ("C", c, self.m * self.n)];
		for (matrix, actual, expected) in parts {
			if actual != expected {
				return Err(Error::Length { matrix, expected, actual });
			}
		}
		Ok(())
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn should_refuse_when_sums_or_addresses_could_overflow() {
		assert!(Dims::new(1, MAX_K, 1).is_ok());
		assert_eq!(Dims::new(1, MAX_K + 1, 1), Err(Error::InnerTooLarge(MAX_K + 1)));
		assert_eq!(Dims::new(usize::MAX, 1, 2), Err(Error::TooLarge(usize::MAX, 1)));
		assert_eq!(Dims::new(1 << 40, 0, 1 << 40), Err(Error::TooLarge(1 << 40, 1 << 40)));
	}

	#[test]
	fn should_name_the_matrix_when_its_length_is_wrong() {
		let dims = Dims::new(2, 3, 5).unwrap();
		assert_eq!(dims.check(6, 15, 10), Ok(()));
		let wrong = |matrix, expected, actual| Err(Error::Length { matrix, expected, actual });
		assert_eq!(dims.check(5, 15, 10), wrong("A", 6, 5));
		assert_eq!(dims.check(6, 16, 10), wrong("B", 15, 16));
		assert_eq!(dims.check(6, 15, 0), wrong("C", 10, 0));
	}
}
