#![doc = include_str!("../README.md")]

use std::time::Duration;

use anyhow::{anyhow, ensure, Context, Result};
use io_tflops::{
	product::{commit_inputs, commit_output, prove, Openings, Shape, Witness},
	prover::sparse::sparse_reveal,
};
use io_tflops_bench::{clear, params, product, product_statement, push, reveal, ROUNDS, SEED};
use rand_chacha::{
	rand_core::{RngCore, SeedableRng},
	ChaCha20Rng,
};
use rustix::time::{clock_gettime, ClockId};
use wasmtime::{Engine, Instance, Module, Store, TypedFunc};

const SIDES: [u32; 3] = [256, 512, 1024];
const CLASSES: [u32; 4] = [0, 1, 2, 3];
const OPENINGS: [u32; 2] = [64, 128];

fn main() -> Result<()> {
	let path = std::env::args_os().nth(1).context("usage: io-tflops-bench MODULE.wasm")?;
	let mut guest = Guest::load(path.as_ref())?;
	println!("ms of CPU time on one core, best of several runs\n");
	println!("reveals of {ROUNDS} rounds");
	println!("| class: m = n, K, lanes | openings | bytes | native | WASM |");
	println!("|---|---|---|---|---|");
	for class in CLASSES {
		for openings in OPENINGS {
			reveals(&mut guest, class, openings)?;
		}
	}
	println!("\nproducts");
	println!(
		"| m = n = K | bytes | commit inputs | commit output | prove | verify, native | WASM |"
	);
	println!("|---|---|---|---|---|---|---|");
	SIDES.into_iter().try_for_each(|side| products(&mut guest, side))
}

/// Reveals whose opened entries and paths are right; the rest of so large a chain is made up, and the verifier does not look.
fn reveals(guest: &mut Guest, class: u32, openings: u32) -> Result<()> {
	let params = params(class).context("no such class")?;
	let (statement, proof) = sparse_reveal(&params, &SEED, ROUNDS, openings).map_err(plain)?;
	let input = [&statement.commitment[..], &statement.challenge, &proof].concat();
	guest.give(&input)?;
	let native = best(|| ensure_right(reveal(class, openings)))?;
	let (store, call) = (&mut guest.store, &guest.reveal);
	let wasm = best(|| ensure_right(call.call(&mut *store, (class, openings))?))?;
	println!(
		"| {class}: {}, {}, {} | {openings} | {} | {native:.2} | {wasm:.2} |",
		params.m(),
		params.k(),
		params.lanes(),
		proof.len()
	);
	Ok(())
}

fn products(guest: &mut Guest, side: u32) -> Result<()> {
	let mut rng = ChaCha20Rng::seed_from_u64(side.into());
	let mut matrix = || -> Vec<i8> { (0..side * side).map(|_| rng.next_u32() as i8).collect() };
	let (a, b) = (matrix(), matrix());
	let c = multiply(&a, &b, side as usize);
	let shape = Shape::new(side, side, side).map_err(plain)?;
	let openings = Openings::new(&shape, &a, &b, &[7; 32]).map_err(plain)?;
	let (mut inputs, mut output, mut proof) = (None, None, Vec::new());
	let committing = best(|| {
		inputs = Some(commit_inputs(&shape, &a, &b, &openings).map_err(plain)?);
		Ok(())
	})?;
	let finishing = best(|| {
		output = Some(commit_output(&shape, &c, &openings).map_err(plain)?);
		Ok(())
	})?;
	let (inputs, output) = inputs.zip(output).context("nothing was committed to")?;
	let hashes = [inputs.hash(), output.hash()];
	let statement = product_statement(side, hashes[0], hashes[1]).context("too large a side")?;
	let witness =
		Witness { a: &a, b: &b, c: &c, openings: &openings, inputs: &inputs, output: &output };
	let proving = best(|| {
		proof = prove(&statement, &witness, &mut rng).map_err(plain)?;
		Ok(())
	})?;
	guest.give(&[hashes.as_flattened(), &proof].concat())?;
	let native = best(|| ensure_right(product(side)))?;
	let (store, call) = (&mut guest.store, &guest.product);
	let wasm = best(|| ensure_right(call.call(&mut *store, side)?))?;
	println!(
		"| {side} | {} | {committing:.0} | {finishing:.0} | {proving:.0} | {native:.1} | {wasm:.1} |",
		proof.len()
	);
	Ok(())
}

/// Row by row.
fn multiply(a: &[i8], b: &[i8], side: usize) -> Vec<i32> {
	let mut c = vec![0; side * side];
	for (a, c) in a.chunks_exact(side).zip(c.chunks_exact_mut(side)) {
		for (entry, b) in a.iter().zip(b.chunks_exact(side)) {
			for (sum, other) in c.iter_mut().zip(b) {
				*sum += i32::from(*entry) * i32::from(*other);
			}
		}
	}
	c
}

fn plain(error: impl std::fmt::Debug) -> anyhow::Error {
	anyhow!("{error:?}")
}

fn ensure_right(verdict: u32) -> Result<()> {
	ensure!(verdict == 1, "a right proof was refused");
	Ok(())
}

/// The functions of the library as WASM.
struct Guest {
	store: Store<()>,
	clear: TypedFunc<(), ()>,
	push: TypedFunc<u32, ()>,
	product: TypedFunc<u32, u32>,
	reveal: TypedFunc<(u32, u32), u32>,
}

impl Guest {
	fn load(path: &std::path::Path) -> Result<Guest> {
		let engine = Engine::default();
		let module = Module::from_file(&engine, path)?;
		let mut store = Store::new(&engine, ());
		let instance = Instance::new(&mut store, &module, &[])?;
		Ok(Guest {
			clear: instance.get_typed_func(&mut store, "clear")?,
			push: instance.get_typed_func(&mut store, "push")?,
			product: instance.get_typed_func(&mut store, "product")?,
			reveal: instance.get_typed_func(&mut store, "reveal")?,
			store,
		})
	}

	/// Gives the input to the module, and to the native functions.
	fn give(&mut self, input: &[u8]) -> Result<()> {
		clear();
		self.clear.call(&mut self.store, ())?;
		for &byte in input {
			push(byte.into());
			self.push.call(&mut self.store, byte.into())?;
		}
		Ok(())
	}
}

/// Milliseconds of CPU time of the quickest of at least two runs, and of about a second of them.
fn best(mut run: impl FnMut() -> Result<()>) -> Result<f64> {
	let begin = std::time::Instant::now();
	let mut best = f64::INFINITY;
	let mut runs = 0;
	while runs < 2 || begin.elapsed() < Duration::from_secs(1) {
		let start = cpu_seconds();
		run()?;
		best = best.min(cpu_seconds() - start);
		runs += 1;
	}
	Ok(1e3 * best)
}

fn cpu_seconds() -> f64 {
	let time = clock_gettime(ClockId::ProcessCPUTime);
	time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
}
