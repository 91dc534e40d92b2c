//! Jobs per block at full weight, from the weights that the runtime was benchmarked with.
//!
//! The weights of transactions come from the node (`TransactionPaymentApi_query_info`): they contain the extensions and the
//! authorisation. What the pallet does in `on_poll` is in no transaction; it is read from the generated file.

use anyhow::{Context, Result, bail};
use codec::{Compact, Decode, Encode};
use subxt::dynamic::{At, Value};

use crate::chain::Chain;

/// Computing time in picoseconds, and proof in bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Weight {
	/// Picoseconds.
	pub time: u64,
	/// Bytes of proof.
	pub proof: u64,
}

impl Weight {
	fn plus(self, other: Weight) -> Weight {
		Weight {
			time: self.time.saturating_add(other.time),
			proof: self.proof.saturating_add(other.proof),
		}
	}

	fn times(self, count: u64) -> Weight {
		Weight { time: self.time.saturating_mul(count), proof: self.proof.saturating_mul(count) }
	}

	fn read(value: Option<&Value>) -> Result<Weight> {
		let number = |name: &str| {
			let field = value.at(name)?;
			u64::try_from(field.at(0).unwrap_or(field).as_u128()?).ok()
		};
		Ok(Weight {
			time: number("ref_time").context("no ref_time in the chain's block weights")?,
			proof: number("proof_size").context("no proof_size in the chain's block weights")?,
		})
	}
}

impl std::fmt::Display for Weight {
	fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
		write!(f, "{:9.1} us {:9} B", self.time as f64 / 1e6, self.proof)
	}
}

/// What a block can hold.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
	/// All of it.
	pub block: Weight,
	/// What ordinary transactions may use together.
	pub normal: Weight,
	/// What an empty block uses.
	pub base_block: Weight,
	/// What an empty transaction uses.
	pub base_extrinsic: Weight,
	/// Time of a database read and of a write.
	pub database: (u64, u64),
	/// Jobs that one block's list of the agenda holds.
	pub agenda: u64,
}

/// The pallet's own work may use this part of what a block has left after its inherents, so that transactions have room.
const POLL_DIVISOR: u64 = 2;

impl Limits {
	/// As the chain's metadata tells them.
	pub async fn of(chain: &Chain) -> Result<Limits> {
		let all = chain.constant("System", "BlockWeights").await?;
		let classes = all.at("per_class");
		let normal = classes.at("normal");
		let database = chain.constant("System", "DbWeight").await?;
		let agenda = chain.constant("IoJobs", "MaxAgendaPerBlock").await?;
		let agenda = agenda.as_u128().and_then(|v| u64::try_from(v).ok());
		let time = |name: &str| {
			database.at(name).and_then(|v| v.as_u128()).and_then(|v| u64::try_from(v).ok())
		};
		Ok(Limits {
			block: Weight::read(all.at("max_block"))?,
			normal: Weight::read(normal.at("max_total").at(0))?,
			base_block: Weight::read(all.at("base_block"))?,
			base_extrinsic: Weight::read(normal.at("base_extrinsic"))?,
			database: (
				time("read").context("no DbWeight.read")?,
				time("write").context("no DbWeight.write")?,
			),
			agenda: agenda.context("no MaxAgendaPerBlock")?,
		})
	}
}

/// Weight of a transaction with its extensions and its authorisation, as the node computes it before it runs.
pub async fn of_transaction(chain: &Chain, extrinsic: &[u8]) -> Result<Weight> {
	let args = [extrinsic, &(extrinsic.len() as u32).encode()].concat();
	let answer = chain.state_call("TransactionPaymentApi_query_info", &args).await?;
	let (time, proof) = <(Compact<u64>, Compact<u64>)>::decode(&mut answer.as_slice())?;
	Ok(Weight { time: time.0, proof: proof.0 })
}

/// A function of a generated weights file, with its only argument (if it has one) set to `argument`.
pub fn of_function(file: &str, name: &str, argument: u64, limits: &Limits) -> Result<Weight> {
	let head = format!("fn {name}(");
	let start = file.find(&head).with_context(|| format!("the weights have no function {name}"))?;
	let body = &file[start..];
	let open = body.find('{').context("a function without a body")?;
	let end =
		body.find("\n\t}").or_else(|| body.find("\n    }")).context("a function without an end")?;
	let body: String = body[open + 1..end]
		.lines()
		.map(|line| line.split("//").next().unwrap_or_default())
		.collect::<String>()
		.chars()
		.filter(|c| !c.is_whitespace() && *c != '_')
		.collect();
	let mut sum = Weight::default();
	// `Weight::from_parts(1,2)`, then any number of `.saturating_add(...)` with one term each.
	let mut terms = vec![];
	let mut depth = 0_i32;
	let mut last = 0;
	let text = body.replace(".saturatingadd(", "\u{1}(");
	for (i, c) in text.char_indices() {
		match c {
			'(' => depth += 1,
			')' => depth -= 1,
			'\u{1}' if depth == 0 => {
				terms.push(&text[last..i]);
				last = i + 1;
			},
			_ => {},
		}
	}
	terms.push(&text[last..]);
	for term in terms {
		sum = sum.plus(term_weight(term, argument, limits)?);
	}
	Ok(sum)
}

/// One of `Weight::from_parts(a,b)`, `T::DbWeight::get().reads(n)`, `...writes(n)`, each possibly times the argument.
fn term_weight(term: &str, argument: u64, limits: &Limits) -> Result<Weight> {
	let factor = if term.contains(".saturatingmul(") { argument } else { 1 };
	let numbers = |after: &str| -> Option<Vec<u64>> {
		let rest = &term[term.find(after)? + after.len()..];
		let rest = rest.trim_start_matches('(');
		let end = rest.find(|c: char| !(c.is_ascii_digit() || c == ',' || c == 'u'))?;
		// Suffixes such as `u64` are cut off.
		rest[..end]
			.split(',')
			.filter(|part| !part.is_empty())
			.map(|part| part.split('u').next()?.parse().ok())
			.collect()
	};
	let weight = if let Some(parts) = numbers("fromparts(") {
		match parts.as_slice() {
			[time, proof] => Weight { time: *time, proof: *proof },
			_ => bail!("an unexpected weight: {term}"),
		}
	} else if let Some(count) = numbers(".reads(") {
		let count = count.first().with_context(|| format!("an unexpected weight: {term}"))?;
		Weight { time: limits.database.0.saturating_mul(*count), proof: 0 }
	} else if let Some(count) = numbers(".writes(") {
		let count = count.first().with_context(|| format!("an unexpected weight: {term}"))?;
		Weight { time: limits.database.1.saturating_mul(*count), proof: 0 }
	} else {
		bail!("an unexpected weight: {term}");
	};
	Ok(weight.times(factor))
}

/// What one job of three replicas that all do their duty weighs.
pub struct JobWeight {
	/// Each part: what it is, how often it comes, and what it weighs once.
	pub parts: Vec<(String, u64, Weight)>,
	/// Its transactions.
	pub transactions: Weight,
	/// The pallet's own work on it.
	pub services: Weight,
	/// How often it stands in a block's list of the agenda.
	pub visits: u64,
	/// All together.
	pub all: Weight,
}

impl JobWeight {
	/// Puts it together: `(name, count, weight)` of transactions (without the base), and of the pallet's own work.
	pub fn new(
		transactions: Vec<(String, u64, Weight)>,
		services: Vec<(String, u64, Weight)>,
		visits: u64,
		limits: &Limits,
	) -> JobWeight {
		let sum = |parts: &[(String, u64, Weight)]| {
			parts
				.iter()
				.fold(Weight::default(), |sum, (_, count, weight)| sum.plus(weight.times(*count)))
		};
		let mut parts = transactions;
		for (_, _, weight) in &mut parts {
			*weight = weight.plus(limits.base_extrinsic);
		}
		let transactions = sum(&parts);
		let work = sum(&services);
		parts.extend(services);
		JobWeight { parts, transactions, services: work, visits, all: transactions.plus(work) }
	}

	/// Jobs per block, in a steady state in which each block carries each step of as many jobs; and what is scarce.
	pub fn per_block(&self, limits: &Limits) -> (u64, &'static str) {
		let fits = |limit: u64, base: u64, used: u64| {
			limit.saturating_sub(base).checked_div(used).unwrap_or(u64::MAX)
		};
		let (block, base, work) = (limits.block, limits.base_block, self.services);
		[
			(fits(limits.normal.time, 0, self.transactions.time), "time of transactions"),
			(fits(limits.normal.proof, 0, self.transactions.proof), "proof of transactions"),
			(fits(block.time, base.time, self.all.time), "time of the block"),
			(fits(block.proof, base.proof, self.all.proof), "proof of the block"),
			(fits(block.time / POLL_DIVISOR, 0, work.time), "time of the pallet's own work"),
			(fits(block.proof / POLL_DIVISOR, 0, work.proof), "proof of the pallet's own work"),
			(fits(limits.agenda, 0, self.visits), "length of the agenda's lists"),
		]
		.into_iter()
		.min_by_key(|(jobs, _)| *jobs)
		.unwrap_or((0, "nothing"))
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	const FILE: &str = "impl X {
	/// Proof: `IoJobs::Jobs`
	fn poke() -> Weight {
		// Proof Size summary in bytes:
		//  Measured:  `0`
		Weight::from_parts(1_000, 20)
			.saturating_add(Weight::from_parts(0, 5))
			.saturating_add(T::DbWeight::get().reads(2))
			.saturating_add(T::DbWeight::get().writes(3))
	}
	fn service_draw(r: u32, ) -> Weight {
		Weight::from_parts(500, 0)
			// Standard Error: 7
			.saturating_add(Weight::from_parts(10, 0).saturating_mul(r.into()))
			.saturating_add(T::DbWeight::get().reads(1_u64))
			.saturating_add(T::DbWeight::get().reads((33_u64).saturating_mul(r.into())))
			.saturating_add(Weight::from_parts(0, 100).saturating_mul(r.into()))
	}
}";

	fn limits() -> Limits {
		let full = Weight { time: 10_000, proof: 1_000 };
		Limits {
			block: full,
			normal: Weight { time: 7_500, proof: 750 },
			base_block: Weight { time: 100, proof: 0 },
			base_extrinsic: Weight { time: 10, proof: 1 },
			database: (100, 1_000),
			agenda: 100,
		}
	}

	#[test]
	fn should_add_up_all_terms_when_a_function_has_no_argument() {
		let weight = of_function(FILE, "poke", 0, &limits());
		assert!(matches!(weight, Ok(Weight { time: 4_200, proof: 25 })), "{weight:?}");
	}

	#[test]
	fn should_multiply_when_a_function_has_an_argument() {
		let weight = of_function(FILE, "service_draw", 3, &limits());
		assert!(matches!(weight, Ok(Weight { time: 10_530, proof: 300 })), "{weight:?}");
	}

	#[test]
	fn should_fail_when_the_function_is_missing() {
		assert!(of_function(FILE, "settle", 3, &limits()).is_err());
	}

	#[test]
	fn should_name_the_scarce_part_when_a_block_is_full() {
		let limits = limits();
		let call = ("call".to_owned(), 2, Weight { time: 90, proof: 49 });
		let service = ("service".to_owned(), 1, Weight { time: 50, proof: 1 });
		let job = JobWeight::new(vec![call], vec![service], 3, &limits);
		assert_eq!(job.transactions, Weight { time: 200, proof: 100 });
		assert_eq!(job.per_block(&limits), (7, "proof of transactions"));
		let short = Limits { agenda: 12, ..limits };
		assert_eq!(job.per_block(&short), (4, "length of the agenda's lists"));
	}
}
