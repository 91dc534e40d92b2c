//! Challenges depend on all that was said before them, and on nothing that is said later.

use super::*;

/// Challenges in the order in which they are picked.
fn list(challenges: Challenges) -> Vec<Scalar> {
	let Challenges { xi, eta, x, w, inner, outer, weight } = challenges;
	[vec![xi, eta, x, w], inner, outer, vec![weight]].concat()
}

#[test]
fn should_change_later_challenges_only_when_a_message_changes() {
	let mut case = Case::new(2, 4, 3);
	let statement = case.statement;
	let bytes = case.prove();
	let of = |bytes: &[u8]| {
		let proof = Proof::parse(&statement.shape, bytes).unwrap();
		list(Challenges::new(&statement, &proof))
	};
	let original = of(&bytes);
	assert_eq!(original.len(), 4 + 2 + 2 + 1);
	// How many challenges are picked before each part is sent: lists, masks, responses, rounds, rest of the vectors.
	let parts = [(7, 0), (7, 2), (7, 3), (4, 4), (4, 5), (2, 6), (2, 7), (3, 8)];
	let mut at = 0;
	for (messages, before) in parts {
		for _ in 0..messages {
			for byte in 0..32 {
				let mut changed = bytes.clone();
				changed[at + byte] ^= 1;
				// A scalar's highest byte may become too large.
				if Proof::parse(&statement.shape, &changed).is_err() {
					continue;
				}
				let changed = of(&changed);
				assert_eq!(original[..before], changed[..before]);
				assert!((before..9).all(|pick| original[pick] != changed[pick]));
			}
			at += 32;
		}
	}
	assert_eq!(at, bytes.len());
}

#[test]
fn should_change_all_challenges_when_the_statement_changes() {
	let mut case = Case::new(2, 4, 3);
	let statement = case.statement;
	let bytes = case.prove();
	let proof = Proof::parse(&statement.shape, &bytes).unwrap();
	let original = list(Challenges::new(&statement, &proof));
	let shape = |m, k, n| Shape::new(m, k, n).unwrap();
	for other in [
		Statement { genesis: [2; 32], ..statement },
		Statement { para: 2001, ..statement },
		Statement { job: 4, ..statement },
		Statement { worker: [5; 32], ..statement },
		Statement { shape: shape(3, 4, 3), ..statement },
		Statement { shape: shape(2, 3, 3), ..statement },
		Statement { shape: shape(2, 4, 4), ..statement },
		Statement { inputs: [0; 32], ..statement },
		Statement { output: [0; 32], ..statement },
	] {
		let changed = list(Challenges::new(&other, &proof));
		assert!(original.iter().zip(&changed).all(|(one, other)| one != other));
	}
}
