//! Disputes of a product, damaged in every way that leaves them readable.

use io_tflops::fraud::{
	build_dispute, root_columns, root_product, root_rows, verify_dispute, Dispute, FraudError,
	Shape, Statement,
};

use crate::damage::damaged;

/// A dispute of toy dimensions with damage, and the input itself as a dispute.
///
/// Input: seven bytes that choose m, k, n, row, column, what is added to the disputed entry, and by how much the
/// dispute is too long or short; then three bytes for each change: where (16 bits, little-endian), and what to XOR
/// there. Only a dispute without damage, about an entry that is wrong, may convict.
pub fn fraud(bytes: &[u8]) {
	let Some(([m, k, n, row, column, added, resize], changes)) = bytes.split_first_chunk() else {
		return;
	};
	let [m, k, n] = [m % 4, k % 8, n % 140].map(|side| u32::from(side) + 1);
	let entry = (u32::from(*row) % m, u32::from(*column) % n);
	let shape = Shape::new(m, k, n).expect("within bounds");
	let matrix = |len: u32| -> Vec<i8> { (0..len).map(|at| (at * 37) as i8).collect() };
	let (a, b) = (matrix(m * k), matrix(k * n));
	let at = |i: u32, j: u32| -> i32 {
		(0..k)
			.map(|l| i32::from(a[(i * k + l) as usize]) * i32::from(b[(l * n + j) as usize]))
			.sum()
	};
	let mut c: Vec<i32> = (0..m * n).map(|entry| at(entry / n, entry % n)).collect();
	c[(entry.0 * n + entry.1) as usize] += i32::from(*added);

	let (context, seed) = ([1; 32], [2; 32]);
	let statement = Statement {
		context,
		shape,
		left: root_rows(&shape, &context, &seed, &a).expect("sizes fit"),
		right: root_columns(&shape, &context, &seed, &b).expect("sizes fit"),
		product: root_product(&shape, &context, &seed, &c).expect("sizes fit"),
	};
	let right =
		build_dispute(&shape, &context, (&seed, &seed), (&a, &b, &c), entry).expect("sizes fit");
	let verify = |bytes: &[u8]| verify_dispute(&statement, &Dispute::parse(&shape, bytes)?);

	let damaged = damaged(&right, *resize, changes);
	let verdict = verify(&damaged);
	if damaged == right {
		let expected = if *added == 0 { Err(FraudError::EntryIsRight) } else { Ok(()) };
		assert_eq!(verdict, expected);
	} else {
		assert!(verdict.is_err_and(|error| error != FraudError::EntryIsRight));
	}
	assert!(changes == right || verify(changes).is_err());
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn should_tell_right_from_wrong_when_a_dispute_is_damaged() {
		for shape in 0..=u8::MAX {
			let header = [shape, shape / 2, shape, shape / 3, shape / 5];
			fraud(&[&header[..], &[0, 0]].concat());
			fraud(&[&header[..], &[1, 0]].concat());
			fraud(&[&header[..], &[1, shape]].concat());
			fraud(&[&header[..], &[1, 0, shape, 0, 64]].concat());
			// Two changes that undo each other.
			fraud(&[&header[..], &[1, 0, 7, 0, 1, 7, 0, 1]].concat());
		}
	}
}
