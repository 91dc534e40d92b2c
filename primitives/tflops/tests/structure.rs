//! The matrices have no structure with which their product could be had for less than the work.
//!
//! A proof of computing power on another network once filled its matrices with f(i + j): a Hankel matrix, whose products
//! take quasi-linear instead of cubic time. The tests look for that, for low rank, and for repetition, and first show
//! that they would find them.
#![allow(clippy::unwrap_used, missing_docs)]

use std::collections::HashSet;

use io_tflops::{
	stream::fill,
	transcript::{lane_keys, next_state},
};

/// A prime; entries of int8 matrices and differences of them are different modulo it if they differ.
const P: i64 = 2_147_483_647;
const SIDE: usize = 128;

type Matrix = Vec<Vec<i64>>;

fn inverse(value: i64) -> i64 {
	let (mut result, mut base, mut exponent) = (1, value, P - 2);
	while exponent > 0 {
		if exponent & 1 == 1 {
			result = result * base % P;
		}
		base = base * base % P;
		exponent >>= 1;
	}
	result
}

/// Rank modulo P, by Gaussian elimination.
fn rank(matrix: &Matrix) -> usize {
	let mut rows: Matrix =
		matrix.iter().map(|row| row.iter().map(|entry| entry.rem_euclid(P)).collect()).collect();
	let mut rank = 0;
	for column in 0..rows[0].len() {
		let Some(pivot) = (rank..rows.len()).find(|row| rows[*row][column] != 0) else { continue };
		rows.swap(rank, pivot);
		let scale = inverse(rows[rank][column]);
		let pivot = rows[rank].clone();
		for row in &mut rows[rank + 1..] {
			let factor = row[column] * scale % P;
			for (entry, above) in row.iter_mut().zip(&pivot) {
				*entry = (*entry - factor * above).rem_euclid(P);
			}
		}
		rank += 1;
	}
	rank
}

/// Differences along the diagonals of one direction: zero for a Toeplitz matrix, or for a Hankel matrix.
fn displacement(matrix: &Matrix, hankel: bool) -> Matrix {
	let last = matrix.len() - 1;
	(0..last)
		.map(|i| {
			(0..last)
				.map(|j| match hankel {
					true => matrix[i + 1][j] - matrix[i][j + 1],
					false => matrix[i + 1][j + 1] - matrix[i][j],
				})
				.collect()
		})
		.collect()
}

/// Whether a fast product is in sight: low rank, low displacement rank, or a row twice.
fn has_structure(matrix: &Matrix) -> bool {
	let side = matrix.len();
	rank(matrix) < side
		|| rank(&displacement(matrix, true)) < side - 1
		|| rank(&displacement(matrix, false)) < side - 1
		|| matrix.iter().collect::<HashSet<_>>().len() < side
}

fn rows(key: &[u8; 32], count: usize, length: usize) -> Matrix {
	(0..count as u64)
		.map(|index| {
			let mut row = vec![0; length];
			fill(key, index, &mut row);
			row.into_iter().map(i64::from).collect()
		})
		.collect()
}

#[test]
fn should_find_the_structure_when_a_generator_has_one() {
	let mut stream = vec![0; 2 * SIDE];
	fill(&[1; 32], 0, &mut stream);
	let f = |at: usize| i64::from(stream[at]);
	let build = |entry: &dyn Fn(usize, usize) -> i64| -> Matrix {
		(0..SIDE).map(|i| (0..SIDE).map(|j| entry(i, j)).collect()).collect()
	};

	let hankel = build(&|i, j| f(i + j));
	assert_eq!(rank(&hankel), SIDE, "low rank alone would not give it away");
	assert_eq!(rank(&displacement(&hankel, true)), 0);
	assert!(has_structure(&hankel));
	let toeplitz = build(&|i, j| f(SIDE + i - j));
	assert_eq!(rank(&toeplitz), SIDE);
	assert!(has_structure(&toeplitz));
	assert!(has_structure(&build(&|i, j| f(i) * f(SIDE + j))), "rank 1");

	let mut repeated = rows(&[2; 32], SIDE, SIDE);
	assert!(!has_structure(&repeated));
	repeated[SIDE - 1] = repeated[0].clone();
	assert!(has_structure(&repeated));
}

#[test]
fn should_have_full_rank_and_full_displacement_rank_when_generated() {
	let mut state = [3; 32];
	for round in 0..2 {
		for lane in 0..2 {
			let (key_a, key_b) = lane_keys(&state, lane);
			assert!(!has_structure(&rows(&key_a, SIDE, SIDE)));
			assert!(!has_structure(&rows(&key_b, SIDE, SIDE)));
		}
		state = next_state(&state, &[4; 32], round);
	}
}

#[test]
fn should_share_nothing_between_lanes_rounds_and_sides_when_generated() {
	const LENGTH: usize = 8 * SIDE;
	let mut all = Matrix::new();
	let mut state = [3; 32];
	for round in 0..2 {
		for lane in 0..2 {
			let (key_a, key_b) = lane_keys(&state, lane);
			all.extend(rows(&key_a, SIDE, LENGTH));
			all.extend(rows(&key_b, SIDE, LENGTH));
		}
		state = next_state(&state, &[4; 32], round);
	}
	// 1,024 rows of 8 matrices: none is there twice, and none is a combination of others.
	assert_eq!(all.iter().collect::<HashSet<_>>().len(), LENGTH);
	assert_eq!(rank(&all), LENGTH);
}
