//! All kernels against the definition.

use proptest::prelude::*;

use super::*;
use crate::MAX_K;

/// Each kernel of this CPU, and VNNI's with its instruction emulated.
fn all(threads: usize) -> Vec<(String, Cpu)> {
	let mut cpus: Vec<_> = Kernel::available()
		.map(|kernel| (kernel.name().into(), Cpu::with_kernel(kernel, threads).unwrap()))
		.collect();
	let emulated = Cpu::with_micro(Kernel::Scalar, Micro::emulated_vnni(), threads).unwrap();
	cpus.push(("emulated VNNI".into(), emulated));
	cpus
}

/// The definition; B lies row by row.
fn definition(dims: Dims, a: &[i8], b: &[i8]) -> Vec<i32> {
	let (m, k, n) = (dims.m(), dims.k(), dims.n());
	let entry = |i: usize, j: usize| {
		(0..k).map(|l| i32::from(a[i * k + l]) * i32::from(b[l * n + j])).sum::<i32>()
	};
	(0..m * n).map(|at| entry(at / n, at % n)).collect()
}

fn transposed(b: &[i8], k: usize, n: usize) -> Vec<i8> {
	(0..n * k).map(|at| b[at % k * n + at / k]).collect()
}

fn assert_all_equal_the_definition(dims: Dims, a: &[i8], b: &[i8]) {
	let expected = definition(dims, a, b);
	let columns = transposed(b, dims.k(), dims.n());
	for threads in [1, 3] {
		for (name, cpu) in all(threads) {
			let rows = cpu.matmul_i8(dims, a, b, Layout::Rows).unwrap();
			assert!(rows == expected, "{name}, {threads} threads, {dims:?}");
			let columns = cpu.matmul_i8(dims, a, &columns, Layout::Columns).unwrap();
			assert!(columns == expected, "{name}, {threads} threads, B by columns, {dims:?}");
		}
	}
	let free = matmul_i8(a, b, dims.m(), dims.k(), dims.n()).unwrap();
	assert_eq!(free, expected);
}

/// Any bytes, with the extremes often.
fn entries(length: usize) -> impl Strategy<Value = Vec<i8>> {
	let entry = prop_oneof![3 => any::<i8>(), 1 => Just(-128), 1 => Just(127)];
	proptest::collection::vec(entry, length)
}

fn product() -> impl Strategy<Value = (Dims, Vec<i8>, Vec<i8>)> {
	(0usize..40, 0usize..70, 0usize..80).prop_flat_map(|(m, k, n)| {
		(Just(Dims::new(m, k, n).unwrap()), entries(m * k), entries(k * n))
	})
}

proptest! {
	#![proptest_config(ProptestConfig::with_cases(48))]

	#[test]
	fn should_equal_the_definition_when_dimensions_and_entries_are_any((dims, a, b) in product()) {
		assert_all_equal_the_definition(dims, &a, &b);
	}
}

/// A fixed sequence that takes all values.
fn sequence(length: usize, seed: u32) -> Vec<i8> {
	let mut state = seed;
	let mut next = || {
		state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
		(state >> 24) as i8
	};
	(0..length).map(|_| next()).collect()
}

#[test]
fn should_equal_the_definition_when_dimensions_cross_blocks() {
	// One more and one less than blocks of rows (128), of k (1,024) and of columns (16, 32).
	for (m, k, n) in [(129, 1025, 33), (127, 1023, 31), (257, 2049, 17), (1, 3000, 1), (3, 1, 300)]
	{
		let dims = Dims::new(m, k, n).unwrap();
		assert_all_equal_the_definition(dims, &sequence(m * k, 1), &sequence(k * n, 2));
	}
}

#[test]
fn should_stay_exact_when_all_entries_are_extreme_and_k_is_the_largest() {
	let dims = Dims::new(5, MAX_K, 3).unwrap();
	for (left, right) in [(-128, -128), (-128, 127), (127, -128), (127, 127)] {
		let (a, b) = (vec![left; 5 * MAX_K], vec![right; 3 * MAX_K]);
		let expected = i32::from(left) * i32::from(right) * MAX_K as i32;
		for (name, cpu) in all(1) {
			for layout in [Layout::Rows, Layout::Columns] {
				let c = cpu.matmul_i8(dims, &a, &b, layout).unwrap();
				assert!(c.iter().all(|entry| *entry == expected), "{name}: {left} x {right}");
			}
		}
	}
}

#[test]
fn should_overwrite_old_contents_when_c_is_given() {
	let dims = Dims::new(2, 2, 2).unwrap();
	for (_, cpu) in all(1) {
		let mut c = [77; 4];
		cpu.matmul_i8_into(dims, &[1, 2, 3, 4], &[5, 6, 7, 8], Layout::Rows, &mut c).unwrap();
		assert_eq!(c, [19, 22, 43, 50]);
		let mut c = [77; 4];
		let empty = Dims::new(2, 0, 2).unwrap();
		cpu.matmul_i8_into(empty, &[], &[], Layout::Columns, &mut c).unwrap();
		assert_eq!(c, [0; 4]);
	}
}

#[test]
fn should_return_an_error_when_lengths_do_not_fit() {
	let (_, cpu) = all(1).remove(0);
	let dims = Dims::new(2, 2, 2).unwrap();
	let wrong = Error::Length { matrix: "B", expected: 4, actual: 3 };
	assert_eq!(cpu.matmul_i8(dims, &[0; 4], &[0; 3], Layout::Rows), Err(wrong.clone()));
	assert_eq!(matmul_i8(&[0; 4], &[0; 3], 2, 2, 2), Err(wrong));
	assert_eq!(matmul_i8(&[], &[], 0, MAX_K + 1, 0), Err(Error::InnerTooLarge(MAX_K + 1)));
	// Asked for before the lengths are looked at, this much memory would be an abort.
	let huge = 1 << 28;
	let wrong = Error::Length { matrix: "A", expected: huge, actual: 0 };
	assert_eq!(matmul_i8(&[], &[], huge, 1, huge), Err(wrong));
}

#[test]
fn should_give_up_when_cancelled_and_go_on_after_a_reset() {
	let dims = Dims::new(8, 8, 8).unwrap();
	let (_, cpu) = all(1).remove(0);
	let switch = cpu.cancel();
	switch.cancel();
	assert_eq!(cpu.matmul_i8(dims, &[1; 64], &[1; 64], Layout::Rows), Err(Error::Cancelled));
	switch.reset();
	assert_eq!(cpu.matmul_i8(dims, &[1; 64], &[1; 64], Layout::Rows), Ok(vec![8; 64]));
}

#[test]
fn should_end_when_another_thread_cancels_while_products_run() {
	let dims = Dims::new(256, 256, 256).unwrap();
	let entries = sequence(256 * 256, 3);
	for (_, cpu) in all(2) {
		let (started, wait) = std::sync::mpsc::channel();
		let switch = cpu.cancel();
		let other = std::thread::spawn(move || {
			wait.recv().unwrap();
			switch.cancel();
		});
		started.send(()).unwrap();
		let end = std::iter::repeat_with(|| cpu.matmul_i8(dims, &entries, &entries, Layout::Rows))
			.find_map(Result::err);
		assert_eq!(end, Some(Error::Cancelled));
		other.join().unwrap();
	}
}

#[test]
fn should_name_every_kernel_when_asked_by_name() {
	for kernel in Kernel::ALL {
		assert_eq!(Kernel::from_name(kernel.name()), Some(kernel));
		let cpu = Cpu::with_kernel(kernel, 1);
		match kernel.is_available() {
			true => assert_eq!(cpu.unwrap().name(), kernel.name()),
			false => assert_eq!(cpu.unwrap_err(), Error::KernelUnavailable(kernel.name())),
		}
		assert_eq!(kernel.peak_ops().is_some(), kernel.is_available());
	}
	assert_eq!(Kernel::from_name("avx10"), None);
}

mod rounds {
	use hex_literal::hex;
	use io_tflops::{
		params::ARITH_INT8,
		prover::{Chain, MatMul, Scalar},
		transcript::lane_keys,
		Params, Statement,
	};

	use super::*;

	/// Toy dimensions: those of the golden vector; lines shorter than a block of the stream cipher; fewer rows than eight
	/// streams; several lanes, and several blocks of rows and of k.
	fn toys() -> Vec<Params> {
		[(128, 128, 256, 1), (16, 128, 32, 2), (1, 128, 1, 2), (4, 256, 64, 1), (256, 128, 2048, 2)]
			.map(|(m, n, k, lanes)| Params::new(ARITH_INT8, m, n, k, lanes).unwrap())
			.into()
	}

	#[test]
	fn should_equal_the_reference_when_lanes_are_computed() {
		let state = [5; 32];
		for params in toys() {
			let expected = Scalar.lane_roots(&params, &state).unwrap();
			let length = (params.m() * params.n()) as usize;
			let (key_a, key_b) = lane_keys(&state, 1);
			let mut product = vec![0; length];
			Scalar.product(&params, &key_a, &key_b, &mut product).unwrap();
			for threads in [1, 3] {
				for (name, mut cpu) in all(threads) {
					let roots = cpu.lane_roots(&params, &state).unwrap();
					assert_eq!(roots, expected, "{name}, {threads} threads, {params:?}");
					let mut c = vec![1; length];
					cpu.product(&params, &key_a, &key_b, &mut c).unwrap();
					assert!(c == product, "{name}, {threads} threads, {params:?}");
				}
			}
		}
	}

	#[test]
	fn should_give_the_golden_roots_when_the_published_chain_is_computed() {
		// The test vector of the protocol's definition.
		let seed = hex!("b140139198440a2c60e808bde8de898e2c6f6a3a489ff7d3381417bd2136ff35");
		for threads in [1, 2] {
			for (name, mut cpu) in all(threads) {
				let mut chain = Chain::new(toys()[0], seed);
				(0..2).for_each(|_| chain.round(&mut cpu).unwrap());
				let roots = [
					hex!("658affc39de349a289fd1431d85a6f548430bd51316455e96c3027ce2df29e3c"),
					hex!("f83362f0a77d79d48b15d8289ef36e45b6908a0a77e9073b892dcc2c49dfc22a"),
				];
				assert_eq!(chain.roots(), roots, "{name}");
			}
		}
	}

	#[test]
	fn should_open_what_the_reference_opens_when_leaves_are_asked_for() {
		let state = [6; 32];
		for params in toys() {
			let last = params.leaves_per_lane() - 1;
			let leaves = [last, 0, last / 2, 0];
			let lane = params.lanes() - 1;
			let expected = Scalar.open_lane(&params, &state, lane, &leaves).unwrap();
			for (name, mut cpu) in all(2) {
				let opened = cpu.open_lane(&params, &state, lane, &leaves).unwrap();
				assert!(opened == expected, "{name}, {params:?}");
				assert_eq!(cpu.open_lane(&params, &state, lane, &[0, last + 1]), Ok(vec![]));
			}
		}
	}

	#[test]
	fn should_keep_the_answer_right_when_dimensions_change_on_one_device() {
		let state = [7; 32];
		for (_, mut cpu) in all(2) {
			for params in toys().into_iter().chain(toys().into_iter().rev()) {
				let root = cpu.lane_root(&params, &state, 0).unwrap();
				assert_eq!(root, Scalar.lane_root(&params, &state, 0).unwrap());
			}
		}
	}

	#[test]
	fn should_leave_the_chain_as_it_was_when_a_round_is_cancelled() {
		let params = toys()[0];
		for (_, mut cpu) in all(1) {
			let mut chain = Chain::new(params, [8; 32]);
			chain.round(&mut cpu).unwrap();
			let before = chain.clone();
			cpu.cancel().cancel();
			assert_eq!(
				chain.round(&mut cpu),
				Err(io_tflops::prover::ChainError::Device(Error::Cancelled))
			);
			assert_eq!(chain, before);
			cpu.cancel().reset();
			chain.round(&mut cpu).unwrap();
			assert_eq!(chain.rounds(), 2);
		}
	}

	#[test]
	fn should_pass_the_verifier_when_an_audit_is_answered() {
		let params = toys()[4];
		let (_, mut cpu) = all(2).remove(0);
		let mut chain = Chain::new(params, [9; 32]);
		(0..3).for_each(|_| chain.round(&mut cpu).unwrap());
		let statement = Statement {
			seed: [9; 32],
			params,
			rounds: 3,
			openings: 8,
			commitment: chain.commitment(),
			challenge: [10; 32],
		};
		let reveal = chain.reveal(&mut cpu, &statement).unwrap();
		assert_eq!(io_tflops::verify_reveal(&statement, &reveal), Ok(()));
	}

	#[test]
	fn should_return_an_error_when_c_has_another_length() {
		let (_, mut cpu) = all(1).remove(0);
		let error = Error::Length { matrix: "C", expected: 16_384, actual: 5 };
		assert_eq!(cpu.product(&toys()[0], &[0; 32], &[0; 32], &mut [0; 5]), Err(error));
	}
}
