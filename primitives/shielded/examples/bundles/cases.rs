//! Test vectors: bundles, ways to damage them, and what the verifier says. Format: section 14 of the specification.

use std::ops::Range;

use codec::Encode;
use io_shielded::{
	sample::{Sample, Shape},
	Bundle, RingSize, Target, Window,
};
use rand_chacha::{
	rand_core::{RngCore, SeedableRng},
	ChaCha20Rng,
};
use serde_json::{json, Value};

/// The group's order, little-endian.
pub(crate) const ORDER: [u8; 32] = [
	0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14,
	0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];
/// The prime of the field, little-endian.
pub(crate) const PRIME: [u8; 32] = [
	0xed, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f,
];

/// Names of the fields of an encoded bundle, and where they are, in the order of the wire and without gap.
pub(crate) fn fields(bundle: &Bundle) -> Vec<(String, Range<usize>)> {
	let mut fields = Vec::new();
	let mut at = 0;
	let mut field = |name: String, len: usize| {
		fields.push((name, at..at + len));
		at += len;
	};
	field("inputs".into(), 1);
	for (u, input) in bundle.inputs.iter().enumerate() {
		field(format!("input {u} window index"), 4);
		field(format!("input {u} window len"), 4);
		field(format!("input {u} tag"), 32);
		field(format!("input {u} pseudo"), 32);
		field(format!("input {u} proof length"), 2);
		for piece in 0..input.proof.len() / 32 {
			field(format!("input {u} proof {piece}"), 32);
		}
	}
	field("outputs".into(), 1);
	for t in 0..bundle.outputs.len() {
		field(format!("output {t} key"), 32);
		field(format!("output {t} commitment"), 32);
		field(format!("output {t} ephemeral"), 32);
		field(format!("output {t} view tag"), 2);
		field(format!("output {t} ciphertext"), 104);
	}
	field("fee".into(), 8);
	field("fee to".into(), bundle.fee_to.encoded_size());
	field("target".into(), bundle.target.encoded_size());
	field("era".into(), 4);
	field("range proof length".into(), 2);
	for piece in 0..bundle.range_proof.len() / 32 {
		field(format!("range proof {piece}"), 32);
	}
	assert_eq!(at, bundle.encoded_size());
	fields
}

/// `cut` bytes from `at` on make place for `put`.
pub(crate) struct Mutation {
	/// What it does.
	pub(crate) name: String,
	/// Where.
	pub(crate) at: usize,
	/// How many bytes go.
	pub(crate) cut: usize,
	/// What comes in their place.
	pub(crate) put: Vec<u8>,
}

impl Mutation {
	/// The damaged bytes.
	pub(crate) fn apply(&self, bytes: &[u8]) -> Vec<u8> {
		[&bytes[..self.at], &self.put, &bytes[self.at + self.cut..]].concat()
	}
}

/// Damage of every kind to every field, one bit of each at random.
pub(crate) fn mutations(sample: &Sample, rng: &mut ChaCha20Rng) -> Vec<Mutation> {
	let bytes = sample.bundle.encode();
	let fields = fields(&sample.bundle);
	let mut all = Vec::new();
	let mut add = |name: String, range: Range<usize>, put: Vec<u8>| {
		all.push(Mutation { name, at: range.start, cut: range.len(), put });
	};
	for (name, range) in &fields {
		let bit = rng.next_u32() as usize % (8 * range.len());
		let mut put = bytes[range.clone()].to_vec();
		put[bit / 8] ^= 1 << (bit % 8);
		add(format!("{name}: bit {bit} flipped"), range.clone(), put);
		if range.len() != 32 {
			continue;
		}
		let mut next_order = ORDER;
		next_order[0] += 1;
		let mut negative = [0; 32];
		negative[0] = 1;
		let other = &fields[rng.next_u32() as usize % fields.len()].1;
		let special: [(&str, Vec<u8>); 5] = [
			("identity or zero", vec![0; 32]),
			("order", ORDER.to_vec()),
			("order + 1", next_order.to_vec()),
			("prime", PRIME.to_vec()),
			("negative", negative.to_vec()),
		];
		let (kind, put) = &special[rng.next_u32() as usize % special.len()];
		add(format!("{name}: {kind}"), range.clone(), put.clone());
		if other.len() == 32 && bytes[other.clone()] != bytes[range.clone()] {
			add(format!("{name}: another field"), range.clone(), bytes[other.clone()].to_vec());
		}
	}
	let end = bytes.len();
	add("one byte more".into(), end..end, vec![0]);
	add("one byte less".into(), end - 1..end, vec![]);
	add("nothing".into(), 0..end, vec![]);
	add("long form of a count".into(), 0..1, vec![bytes[0] | 1, 0]);
	let whole = |prefix: &str| {
		let mut found = fields.iter().filter(|(name, _)| name.starts_with(prefix));
		let first = found.next().map(|(_, range)| range.start).unwrap_or_default();
		first..found.next_back().map_or(first, |(_, range)| range.end)
	};
	if sample.bundle.inputs.len() > 1 {
		let (first, second) = (whole("input 0 "), whole("input 1 "));
		let swapped = [&bytes[second.clone()], &bytes[first.clone()]].concat();
		add("inputs swapped".into(), first.start..second.end, swapped);
		let (first, second) = (whole("input 0 proof"), whole("input 1 proof"));
		let mut swapped = bytes[first.start..second.end].to_vec();
		let len = first.len();
		swapped[..len].copy_from_slice(&bytes[second.clone()]);
		let at = swapped.len() - len;
		swapped[at..].copy_from_slice(&bytes[first.clone()]);
		add("ring proofs swapped".into(), first.start..second.end, swapped);
		let tag = |number: usize| {
			&fields
				.iter()
				.find(|(name, _)| *name == format!("input {number} tag"))
				.expect("there is one")
				.1
		};
		add("a tag twice".into(), tag(1).clone(), bytes[tag(0).clone()].to_vec());
	}
	let (first, second) = (whole("output 0 "), whole("output 1 "));
	let swapped = [&bytes[second.clone()], &bytes[first.clone()]].concat();
	add("outputs swapped".into(), first.start..second.end, swapped);
	let key = second.start..second.start + 32;
	add("a key twice".into(), key, bytes[first.start..first.start + 32].to_vec());
	let fee = fields.iter().find(|(name, _)| name == "fee").expect("there is one").1.clone();
	for value in [0, 100, 101, 130_001, 990_000, u64::MAX, 18_000_000_000_000_000_000] {
		add(format!("fee {value}"), fee.clone(), value.to_le_bytes().to_vec());
	}
	let target = fields.iter().find(|(name, _)| name == "target").expect("there is one").1.clone();
	for value in [
		Target::None,
		Target::Account { id: [9; 32], amount: 0 },
		Target::Account { id: [9; 32], amount: 1 },
		Target::Account { id: [9; 32], amount: u64::MAX },
		Target::Job { owner: [1; 32], spec: [9; 32], amount: 1 },
		Target::Job { owner: [1; 32], spec: [9; 32], amount: u64::MAX - 129_999 },
	] {
		add(format!("target {value:?}"), target.clone(), value.encode());
	}
	if sample.bundle.inputs.len() == 4 {
		// Permitted ones, if the pool is as young as that.
		let window = |number: usize| whole(&format!("input {number} window"));
		let range = window(0).start..window(1).end;
		let mut put = bytes[range.clone()].to_vec();
		put[4..8].copy_from_slice(&sample.domain.size.half().to_le_bytes());
		let at = put.len() - 4;
		put[at..].copy_from_slice(
			&(sample.domain.size.half() + sample.domain.size.step()).to_le_bytes(),
		);
		add("three windows".into(), range, put);
	}
	all.retain(|mutation| mutation.apply(&bytes) != bytes);
	all
}

/// A case with its verdicts.
pub(crate) fn case(name: &str, sample: &Sample, mutations: &[Mutation]) -> Value {
	let bytes = sample.bundle.encode();
	let verdict = |bytes: &[u8]| match sample.verify_bytes(bytes) {
		Ok(()) => "Ok",
		Err(error) => error.name(),
	};
	let mutations: Vec<Value> = mutations
		.iter()
		.map(|mutation| {
			json!({
				"name": mutation.name,
				"at": mutation.at,
				"cut": mutation.cut,
				"put": hex::encode(&mutation.put),
				"verdict": verdict(&mutation.apply(&bytes)),
			})
		})
		.collect();
	let own: Vec<Value> = sample
		.own
		.iter()
		.map(|own| {
			let coin = own.coin();
			json!({
				"number": own.number,
				"key": hex::encode(coin.key),
				"commitment": hex::encode(coin.commitment),
			})
		})
		.collect();
	json!({
		"name": name,
		"genesis": hex::encode(sample.domain.genesis),
		"para": sample.domain.para,
		"pallet": sample.domain.pallet,
		"digits": sample.domain.size.digits(),
		"matured": sample.matured,
		"era_hash": hex::encode(sample.era_hash),
		"seed": hex::encode(sample.seed),
		"own": own,
		"bundle": hex::encode(&bytes),
		"id": hex::encode(sample.bundle.id(&sample.domain)),
		"verdict": verdict(&bytes),
		"mutations": mutations,
	})
}

/// The same bundle in front of other chains, pools and ledgers.
pub(crate) fn replays(name: &str, sample: &Sample) -> Vec<Value> {
	let changes: [(&str, fn(&mut Sample)); 8] = [
		("other genesis", |sample| sample.domain.genesis[31] ^= 1),
		("other para", |sample| sample.domain.para += 1),
		("other pallet", |sample| sample.domain.pallet += 1),
		("other block at era", |sample| sample.era_hash[0] ^= 1),
		("other coins in the ring", |sample| sample.seed[0] ^= 1),
		("own coin with another amount", |sample| sample.own[0].opening.amount += 1),
		("fewer coins matured", |sample| sample.matured -= 1),
		("many more coins matured", |sample| {
			sample.matured += 10 * u64::from(sample.domain.size.half())
		}),
	];
	let mut cases = Vec::new();
	for (change, apply) in changes {
		let mut other = sample.clone();
		apply(&mut other);
		cases.push(case(&format!("{name}, {change}"), &other, &[]));
	}
	cases
}

/// Shapes of bundles with a name each: all numbers of inputs and outputs, targets, windows.
pub(crate) fn shapes(size: RingSize) -> Vec<(String, Shape)> {
	let places = size.places();
	let mut shapes = Vec::new();
	for inputs in [1, 2, 4] {
		for outputs in [2, 4] {
			let name = format!("{inputs} in, {outputs} out, rings of {places}");
			shapes.push((name, Shape::new(size, inputs, outputs)));
		}
	}
	let two = Shape::new(size, 2, 2);
	let full = |index| Window { index, len: places };
	let more: [(&str, Shape); 6] = [
		("to an account", Shape { target: Target::Account { id: [5; 32], amount: 77_777 }, ..two }),
		(
			"to a job",
			Shape {
				target: Target::Job { owner: [12; 32], spec: [9; 32], amount: 1_000_000_000 },
				..two
			},
		),
		("relayed", Shape { fee_to: Some([6; 32]), ..two }),
		("two windows", Shape { windows: [full(0), full(1)], ..two }),
		(
			"newest window not full",
			Shape { windows: [Window { index: 3, len: size.half() + size.step() }; 2], ..two },
		),
		("young pool", Shape { windows: [Window { index: 0, len: 2 * size.step() }; 2], ..two }),
	];
	shapes.extend(more.map(|(name, shape)| (format!("{name}, rings of {places}"), shape)));
	shapes
}

/// A generator of random numbers that a name stands for.
pub(crate) fn rng(name: &str) -> ChaCha20Rng {
	ChaCha20Rng::from_seed(io_shielded::hash::hash("vectors", &[name.as_bytes()]))
}

/// A case for every shape, damaged in `damage` ways at random (all ways, if there are fewer).
pub(crate) fn all(size: RingSize, round: &str, damage: usize) -> Vec<Value> {
	let mut cases = Vec::new();
	for (name, shape) in shapes(size) {
		let mut rng = rng(&format!("{name} {round}"));
		let mut seed = [0; 32];
		rng.fill_bytes(&mut seed);
		let sample = Sample::new(&shape, seed).expect("the shape is valid");
		let mut mutations = mutations(&sample, &mut rng);
		// Where the name of a field stands in front, there are many alike.
		let (mut drawn, mut others): (Vec<_>, Vec<_>) =
			mutations.drain(..).partition(|mutation| mutation.name.contains(": "));
		while drawn.len() > damage {
			drawn.swap_remove(rng.next_u32() as usize % drawn.len());
		}
		if size == RingSize::N16 && (shape.inputs == 4 || damage > 100) {
			drawn.append(&mut others);
		}
		let mutations = drawn;
		cases.push(case(&name, &sample, &mutations));
		if size == RingSize::N16 {
			cases.extend(replays(&name, &sample));
		}
	}
	cases
}
