//! One-entry fraud proofs: a wrong entry is proven, and nothing else is.

#![allow(clippy::unwrap_used)]

use io_tflops::{
	fraud::{
		build_dispute, find_wrong_entry, root_columns, root_product, root_rows, verify_dispute,
		BuildError, Dispute, FraudError, Shape, Side, Statement,
	},
	Hash,
};
use proptest::prelude::*;
use rand_chacha::{
	rand_core::{RngCore, SeedableRng},
	ChaCha20Rng,
};

const CONTEXT: Hash = [3; 32];
const REQUESTER: Hash = [1; 32];
const WORKER: Hash = [2; 32];

/// Matrices with the roots over them.
struct Case {
	statement: Statement,
	a: Vec<i8>,
	b: Vec<i8>,
	c: Vec<i32>,
}

impl Case {
	/// A right product of random matrices.
	fn new(m: u32, k: u32, n: u32) -> Self {
		let mut rng =
			ChaCha20Rng::seed_from_u64(u64::from(m) << 40 | u64::from(k) << 20 | u64::from(n));
		let mut matrix = |len: u32| (0..len).map(|_| rng.next_u32() as i8).collect::<Vec<_>>();
		let (a, b) = (matrix(m * k), matrix(k * n));
		let c = multiply(&a, &b, k as usize, n as usize);
		Self::with(m, k, n, a, b, c)
	}

	fn with(m: u32, k: u32, n: u32, a: Vec<i8>, b: Vec<i8>, c: Vec<i32>) -> Self {
		let shape = Shape::new(m, k, n).unwrap();
		let statement = Statement {
			context: CONTEXT,
			shape,
			left: root_rows(&shape, &CONTEXT, &REQUESTER, &a).unwrap(),
			right: root_columns(&shape, &CONTEXT, &REQUESTER, &b).unwrap(),
			product: root_product(&shape, &CONTEXT, &WORKER, &c).unwrap(),
		};
		Self { statement, a, b, c }
	}

	/// The case with something added to one entry of C.
	fn wrong(m: u32, k: u32, n: u32, (row, column): (u32, u32), difference: i32) -> Self {
		let Self { a, b, mut c, .. } = Self::new(m, k, n);
		c[(row * n + column) as usize] += difference;
		Self::with(m, k, n, a, b, c)
	}

	fn matrices(&self) -> (&[i8], &[i8], &[i32]) {
		(&self.a, &self.b, &self.c)
	}

	fn find(&self) -> Option<(u32, u32)> {
		find_wrong_entry(&self.statement.shape, self.matrices(), &[9; 32]).unwrap()
	}

	fn dispute(&self, entry: (u32, u32)) -> Vec<u8> {
		let shape = &self.statement.shape;
		build_dispute(shape, &CONTEXT, (&REQUESTER, &WORKER), self.matrices(), entry).unwrap()
	}
}

/// Row by row.
fn multiply(a: &[i8], b: &[i8], k: usize, n: usize) -> Vec<i32> {
	let entry = |at: usize| {
		(0..k).map(|i| i32::from(a[at / n * k + i]) * i32::from(b[i * n + at % n])).sum()
	};
	(0..a.len() / k * n).map(entry).collect()
}

fn verify(statement: &Statement, bytes: &[u8]) -> Result<(), FraudError> {
	verify_dispute(statement, &Dispute::parse(&statement.shape, bytes)?)
}

#[test]
fn should_convict_when_an_entry_is_wrong() {
	for (m, k, n) in [(1, 1, 1), (2, 3, 1), (3, 5, 127), (4, 4, 128), (5, 2, 129), (1, 7, 300)] {
		for entry in [(0, 0), (m - 1, n - 1), (m / 2, n / 2)] {
			for difference in [1, -1, 1 << 16, i32::MIN / 2] {
				let case = Case::wrong(m, k, n, entry, difference);
				assert_eq!(case.find(), Some(entry));
				let bytes = case.dispute(entry);
				assert_eq!(bytes.len(), case.statement.shape.dispute_len());
				assert_eq!(verify(&case.statement, &bytes), Ok(()));
			}
		}
	}
}

#[test]
fn should_acquit_when_the_entry_is_right() {
	for (m, k, n) in [(1, 1, 1), (3, 5, 7), (2, 3, 130)] {
		let case = Case::new(m, k, n);
		assert_eq!(case.find(), None);
		for entry in (0..m).flat_map(|row| (0..n).map(move |column| (row, column))) {
			let verdict = verify(&case.statement, &case.dispute(entry));
			assert_eq!(verdict, Err(FraudError::EntryIsRight));
		}
	}
	// With another entry wrong, even of the same leaf.
	let case = Case::wrong(3, 4, 5, (1, 2), 1);
	assert_eq!(verify(&case.statement, &case.dispute((1, 2))), Ok(()));
	assert_eq!(verify(&case.statement, &case.dispute((1, 3))), Err(FraudError::EntryIsRight));
}

/// Sums at the ends of their range, in which a sum of int16 or of saturating products goes wrong.
#[test]
fn should_be_exact_when_sums_are_extreme() {
	let k = 65_536;
	for (low, high, sum) in [(-128i8, -128i8, 1 << 30), (-128, 127, -1_065_353_216i32)] {
		let (a, b) = (vec![low; k], vec![high; k]);
		let case = Case::with(1, k as u32, 1, a.clone(), b.clone(), vec![sum]);
		assert_eq!(verify(&case.statement, &case.dispute((0, 0))), Err(FraudError::EntryIsRight));
		let case = Case::with(1, k as u32, 1, a, b, vec![sum ^ 1]);
		assert_eq!(case.find(), Some((0, 0)));
		assert_eq!(verify(&case.statement, &case.dispute((0, 0))), Ok(()));
	}
}

#[test]
fn should_refuse_when_any_byte_is_changed() {
	let case = Case::wrong(3, 5, 130, (2, 129), 1);
	let bytes = case.dispute((2, 129));
	let refuses = |at: usize, error: FraudError| {
		for bit in 0..8 {
			let mut changed = bytes.clone();
			changed[at] ^= 1 << bit;
			let found = verify(&case.statement, &changed);
			if at < 8 {
				// Another row or column, or none.
				assert!(found.is_err(), "{at}");
			} else {
				assert_eq!(found, Err(error), "{at}");
			}
		}
	};
	// Row and column, root, row with a depth of 2, column with one of 8, entries with one of 3: 3 rows of 2 leaves.
	let mut at = 0;
	for (len, error) in [
		(8, FraudError::BadEntry),
		(32, FraudError::OtherProduct),
		(32 + 5 + 32 * 2, FraudError::BadPath(Side::Left)),
		(32 + 5 + 32 * 8, FraudError::BadPath(Side::Right)),
		(32 + 512 + 32 * 3, FraudError::BadPath(Side::Product)),
	] {
		(at..at + len).for_each(|at| refuses(at, error));
		at += len;
	}
	assert_eq!(at, bytes.len());
}

#[test]
fn should_refuse_when_the_statement_is_another() {
	let case = Case::wrong(3, 5, 7, (2, 6), 1);
	let bytes = case.dispute((2, 6));
	let statement = case.statement;
	let shape = |m, k, n| Shape::new(m, k, n).unwrap();
	for (other, error) in [
		(Statement { context: [4; 32], ..statement }, FraudError::BadPath(Side::Product)),
		(Statement { left: [4; 32], ..statement }, FraudError::BadPath(Side::Left)),
		(Statement { right: [4; 32], ..statement }, FraudError::BadPath(Side::Right)),
		(Statement { product: [4; 32], ..statement }, FraudError::OtherProduct),
		(
			Statement { left: statement.right, right: statement.left, ..statement },
			FraudError::BadPath(Side::Left),
		),
		(Statement { shape: shape(3, 6, 7), ..statement }, FraudError::BadLength),
		(Statement { shape: shape(5, 5, 7), ..statement }, FraudError::BadLength),
		(Statement { shape: shape(2, 5, 7), ..statement }, FraudError::BadLength),
		// As long, but the entry is outside.
		(Statement { shape: shape(3, 5, 6), ..statement }, FraudError::BadEntry),
	] {
		assert_eq!(verify(&other, &bytes), Err(error));
	}
	// A proof that was parsed for other dimensions.
	let parsed = Dispute::parse(&statement.shape, &bytes).unwrap();
	let other = Statement { shape: shape(3, 6, 7), ..statement };
	assert_eq!(verify_dispute(&other, &parsed), Err(FraudError::BadLength));
}

/// A disputer that shows leaves of its own, or honest ones at other places.
#[test]
fn should_refuse_when_leaves_are_forged_or_moved() {
	let case = Case::new(4, 8, 4);
	let forged = Case::wrong(4, 8, 4, (1, 1), 1);
	let bytes = forged.dispute((1, 1));
	assert_eq!(verify(&case.statement, &bytes), Err(FraudError::OtherProduct));
	let mut bytes = bytes;
	bytes[8..40].copy_from_slice(&case.statement.product);
	let error = verify(&case.statement, &bytes);
	assert_eq!(error, Err(FraudError::BadPath(Side::Product)));

	// The opening of row 1 for entry (0, 1), and so on: each is that of the right product, but of another place.
	let [here, row, column] = [(0, 1), (1, 1), (0, 2)].map(|entry| case.dispute(entry));
	let (left, right) = (32 + 8 + 64, 32 + 8 + 64);
	for (other, range, side) in [
		(&row, 40..40 + left, Side::Left),
		(&column, 40 + left..40 + left + right, Side::Right),
		(&row, 40 + left + right..here.len(), Side::Product),
	] {
		let mut moved = here.clone();
		moved[range.clone()].copy_from_slice(&other[range]);
		assert_eq!(verify(&case.statement, &moved), Err(FraudError::BadPath(side)));
	}
}

/// The trees have a place for it, which is filled up.
#[test]
fn should_refuse_when_the_entry_is_behind_the_last_one() {
	let case = Case::new(3, 2, 3);
	let bytes = case.dispute((2, 2));
	let mut beyond = bytes.clone();
	beyond[..4].copy_from_slice(&3u32.to_le_bytes());
	assert_eq!(verify(&case.statement, &beyond), Err(FraudError::BadEntry));
	let mut beyond = bytes;
	beyond[4..8].copy_from_slice(&3u32.to_le_bytes());
	assert_eq!(verify(&case.statement, &beyond), Err(FraudError::BadEntry));
}

#[test]
fn should_refuse_when_bytes_are_missing_or_trailing() {
	let case = Case::wrong(2, 3, 4, (1, 1), 5);
	let bytes = [&case.dispute((1, 1))[..], &[0; 40]].concat();
	let exact = case.statement.shape.dispute_len();
	for len in (0..bytes.len()).filter(|len| *len != exact) {
		assert_eq!(verify(&case.statement, &bytes[..len]), Err(FraudError::BadLength));
	}
	assert_eq!(verify(&case.statement, &vec![0; 4 << 20]), Err(FraudError::BadLength));
}

#[test]
fn should_fit_on_chain_when_dimensions_are_largest() {
	let most = 65_536;
	let shape = Shape::new(most, most, most).unwrap();
	assert_eq!(shape.dispute_len(), 133_544);
	for side in [0, most + 1, u32::MAX] {
		assert_eq!(Shape::new(side, 1, 1), Err(FraudError::BadShape));
		assert_eq!(Shape::new(1, side, 1), Err(FraudError::BadShape));
		assert_eq!(Shape::new(1, 1, side), Err(FraudError::BadShape));
	}
}

#[test]
fn should_refuse_to_build_when_matrices_do_not_fit() {
	let case = Case::new(2, 3, 4);
	let shape = &case.statement.shape;
	let (a, b, c) = case.matrices();
	let build =
		|matrices, entry| build_dispute(shape, &CONTEXT, (&REQUESTER, &WORKER), matrices, entry);
	for (matrices, side) in [
		((&a[1..], b, c), Side::Left),
		((a, &b[1..], c), Side::Right),
		((a, b, &c[1..]), Side::Product),
	] {
		assert_eq!(build(matrices, (0, 0)), Err(BuildError::BadMatrix(side)));
		let found = find_wrong_entry(shape, matrices, &[0; 32]);
		assert_eq!(found, Err(BuildError::BadMatrix(side)));
	}
	assert_eq!(build((a, b, c), (2, 0)), Err(BuildError::BadEntry));
	assert_eq!(build((a, b, c), (0, 4)), Err(BuildError::BadEntry));
}

/// Equal rows must not look equal, nor rows of two jobs with one seed, nor the sides of one.
#[test]
fn should_hide_equal_rows_when_committed() {
	let case = Case::with(4, 4, 4, vec![1; 16], vec![1; 16], vec![4; 16]);
	let bytes = case.dispute((0, 0));
	let dispute = Dispute::parse(&case.statement.shape, &bytes).unwrap();
	let hash = |dispute: &Dispute<'_>| [dispute.left.path[0], dispute.right.path[0]];
	let other = case.dispute((1, 1));
	let other = Dispute::parse(&case.statement.shape, &other).unwrap();
	assert_eq!(dispute.left.data, other.left.data);
	assert_ne!(hash(&dispute), hash(&other));
	assert_ne!(dispute.left.salt, dispute.right.salt);
	assert_ne!(dispute.left.salt, other.left.salt);
	assert_ne!(case.statement.left, case.statement.right);
	let shape = &case.statement.shape;
	let elsewhere = root_rows(shape, &[4; 32], &REQUESTER, &case.a).unwrap();
	assert_ne!(elsewhere, case.statement.left);
}

/// The tree by its definition: level by level.
#[test]
fn should_have_the_root_that_is_defined() {
	for m in [1u64, 2, 3, 4, 5, 8, 13] {
		let a: Vec<i8> = (0..2 * m as i8).collect();
		let shape = Shape::new(m as u32, 2, 1).unwrap();
		let derive = |name: &str, parts: &[&[u8]]| {
			*blake3::Hasher::new_derive_key(name).update(&parts.concat()).finalize().as_bytes()
		};
		let leaf = derive("ionet zktf v1 job leaf", &[&CONTEXT, &[0]]);
		let node = derive("ionet zktf v1 job node", &[&CONTEXT, &[0]]);
		let keyed =
			|key: &Hash, parts: &[&[u8]]| *blake3::keyed_hash(key, &parts.concat()).as_bytes();
		let mut level: Vec<Hash> = (0..m)
			.map(|row| {
				let salt =
					derive("ionet zktf v1 job salt", &[&REQUESTER, &[0], &row.to_le_bytes()]);
				keyed(&leaf, &[&salt, &[2 * row as u8, 2 * row as u8 + 1]])
			})
			.collect();
		level.resize(level.len().next_power_of_two(), keyed(&leaf, &[]));
		while level.len() > 1 {
			level = level.chunks(2).map(|pair| keyed(&node, &[&pair[0], &pair[1]])).collect();
		}
		assert_eq!(root_rows(&shape, &CONTEXT, &REQUESTER, &a), Ok(level[0]));
	}
}

/// The bytes are part of the protocol: requesters, workers and the chain have to agree on them.
#[test]
fn should_have_frozen_roots() {
	let case = Case::new(5, 6, 130);
	let Statement { left, right, product, .. } = case.statement;
	let dispute = *blake3::hash(&case.dispute((4, 129))).as_bytes();
	assert_eq!(
		[left, right, product, dispute].map(hex::encode),
		[
			"5e5bd309ae185e0a99c7bf7a6ee1ce71aad2cfec2378c5f1dcd1e81c9d24cb6d",
			"b6033ef5ed4cb40c752127a782e895ebe815bf6b47ed4f400acc1a0d787fe6f5",
			"65883e55980df78a3d235c5fd24700490a2f8e0ad8965d16d2c2be51efb6db65",
			"fb554aef85680c69a13aec6b6c45ad802480be87f749c795907bcd55f452288c",
		]
	);
}

proptest! {
	#![proptest_config(ProptestConfig::with_cases(48))]

	#[test]
	fn should_find_and_convict_any_wrong_entry(
		(m, k, n) in (1u32..6, 1u32..20, 1u32..140),
		at in any::<(prop::sample::Index, prop::sample::Index)>(),
		difference in prop_oneof![-3i32..0, 1i32..4, Just(1 << 29)],
	) {
		let entry = (at.0.index(m as usize) as u32, at.1.index(n as usize) as u32);
		let case = Case::wrong(m, k, n, entry, difference);
		prop_assert_eq!(case.find(), Some(entry));
		prop_assert_eq!(verify(&case.statement, &case.dispute(entry)), Ok(()));
	}

	#[test]
	fn should_never_convict_a_right_product(
		(m, k, n) in (1u32..4, 1u32..6, 1u32..6),
		patches in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
	) {
		let case = Case::new(m, k, n);
		let mut bytes = case.dispute((0, 0));
		let len = bytes.len();
		for (at, value) in patches {
			bytes[at.index(len)] = value;
		}
		prop_assert!(verify(&case.statement, &bytes).is_err());
	}

	#[test]
	fn should_refuse_any_bytes(mut bytes in proptest::collection::vec(any::<u8>(), 0..1024)) {
		let case = Case::new(2, 2, 2);
		prop_assert!(verify(&case.statement, &bytes).is_err());
		bytes.resize(case.statement.shape.dispute_len(), 0);
		prop_assert!(verify(&case.statement, &bytes).is_err());
	}
}
