//! The reference: one multiplication after the other.

use alloc::{vec, vec::Vec};
use core::convert::Infallible;

use crate::{stream::fill, Hash, Params};

use super::MatMul;

/// Multiplies as the definition says, on one core. Every other device must give the same bytes.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Scalar;

impl MatMul for Scalar {
	type Error = Infallible;

	fn product(
		&mut self,
		params: &Params,
		key_a: &Hash,
		key_b: &Hash,
		c: &mut [u16],
	) -> Result<(), Infallible> {
		let (k, n) = (params.k() as usize, params.n() as usize);
		let columns: Vec<Vec<i8>> = (0..u64::from(params.n()))
			.map(|column| {
				let mut entries = vec![0; k];
				fill(key_b, column, &mut entries);
				entries
			})
			.collect();
		let mut row = vec![0; k];
		for (index, c) in (0..).zip(c.chunks_mut(n)) {
			fill(key_a, index, &mut row);
			for (c, column) in c.iter_mut().zip(&columns) {
				let sum: i32 =
					row.iter().zip(column).map(|(a, b)| i32::from(*a) * i32::from(*b)).sum();
				// Arithmetic 0 commits to the low 16 bits.
				*c = sum as u16;
			}
		}
		Ok(())
	}
}
