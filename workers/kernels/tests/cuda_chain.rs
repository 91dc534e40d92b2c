//! Proofs and jobs on a GPU whose kernels run on the CPU, against the reference.

#![allow(clippy::unwrap_used)]

mod cuda_emulator;

use cuda_emulator::{Emulator, Order, ORDERS};
use hex_literal::hex;
use io_kernels::{
	cuda::{CudaMatMul, Gemm, GpuError, Watch},
	Cancel, Dims, Error, Layout,
};
use io_tflops::{
	params::ARITH_INT8,
	prover::{Chain, MatMul, Scalar},
	transcript::{challenge, device_seed, window_seed},
	verify_reveal, Params, Statement,
};
use proptest::prelude::*;

const GEMMS: [Gemm; 2] = [Gemm::Dp4a, Gemm::Mma];

fn device(gemm: Gemm, order: Order) -> CudaMatMul<Emulator> {
	CudaMatMul::with_gemm(Emulator::new(order), gemm, Watch::default()).unwrap()
}

fn params(m: u32, n: u32, k: u32, lanes: u32) -> Params {
	Params::new(ARITH_INT8, m, n, k, lanes).unwrap()
}

#[test]
fn should_give_the_test_vector_when_a_chain_runs() {
	let toy = params(128, 128, 256, 1);
	let window = window_seed(&[0x11; 32], 2000, 7, &[0x22; 32], 1000);
	let seed = device_seed(&window, &[0x33; 32], 0, 0, &toy);
	for gemm in GEMMS {
		let mut device = device(gemm, Order::Side);
		let mut chain = Chain::new(toy, seed);
		chain.round(&mut device).unwrap();
		chain.round(&mut device).unwrap();
		let roots = [
			hex!("658affc39de349a289fd1431d85a6f548430bd51316455e96c3027ce2df29e3c"),
			hex!("f83362f0a77d79d48b15d8289ef36e45b6908a0a77e9073b892dcc2c49dfc22a"),
		];
		assert_eq!(chain.roots(), roots, "{gemm:?}");
		let commitment = hex!("0c0dacb15b5860d1767fc8d7ef7983fcb06071e43e04412aa198e17b01ec0470");
		assert_eq!(chain.commitment(), commitment, "{gemm:?}");

		let statement = Statement {
			seed,
			params: toy,
			rounds: 2,
			openings: 16,
			commitment,
			challenge: challenge(&commitment, &[0x33; 32], 7, &[0x44; 32]),
		};
		let reveal = chain.reveal(&mut device, &statement).unwrap();
		assert_eq!(verify_reveal(&statement, &reveal), Ok(()));
	}
}

/// A device with only as much memory as panels of two by two tiles take: 16 tiles make four panels.
fn cramped(gemm: Gemm, order: Order) -> CudaMatMul<Emulator> {
	let panels = 2 * (2 * 256 * 64 + 256 * 256 * 2);
	let tree = 64 * 512 * 4 + 4 * 32;
	device(gemm, order).with_memory_limit(panels + tree)
}

#[test]
fn should_equal_the_reference_when_queues_run_in_any_order() {
	let params = params(512, 512, 64, 4);
	let state = [5; 32];
	let Ok(expected) = Scalar.lane_roots(&params, &state);
	for order in ORDERS {
		let gemm = Gemm::Mma;
		assert_eq!(device(gemm, order).lane_roots(&params, &state).unwrap(), expected, "{order:?}");
		let mut cramped = cramped(gemm, order);
		assert_eq!(cramped.lane_roots(&params, &state).unwrap(), expected, "{order:?}, cramped");
		assert_eq!(cramped.lane_root(&params, &state, 2).unwrap(), expected[2], "{order:?}");
	}
}

#[test]
fn should_open_as_the_reference_does_when_panels_are_small() {
	let params = params(512, 512, 64, 2);
	let state = [6; 32];
	// In each panel one, the first and the last, one twice, in no order.
	let leaves = [2047, 0, 511, 1030, 1030, 3, 1537, 770];
	let Ok(expected) = Scalar.open_lane(&params, &state, 1, &leaves);
	for order in [Order::Products, Order::Side] {
		let mut device = cramped(Gemm::Dp4a, order);
		assert_eq!(device.open_lane(&params, &state, 1, &leaves).unwrap(), expected);
		assert_eq!(device.open_lane(&params, &state, 1, &[0, 2048]).unwrap(), []);
	}
}

#[test]
fn should_return_all_of_c_when_a_product_is_asked_for() {
	let params = params(512, 512, 64, 1);
	let (key_a, key_b) = ([1; 32], [2; 32]);
	let (mut expected, mut found) = (vec![0; 512 * 512], vec![0; 512 * 512]);
	let Ok(()) = Scalar.product(&params, &key_a, &key_b, &mut expected);
	for order in [Order::Products, Order::Side] {
		found.fill(0);
		cramped(Gemm::Mma, order).product(&params, &key_a, &key_b, &mut found).unwrap();
		assert!(found == expected);
	}
	let short = device(Gemm::Mma, Order::Side).product(&params, &key_a, &key_b, &mut found[1..]);
	assert!(matches!(short, Err(GpuError::Refused(Error::Length { .. }))));
}

#[test]
fn should_equal_the_reference_when_dimensions_are_smaller_than_a_tile() {
	for (m, n, k) in [(1, 128, 1), (1, 256, 32), (2, 128, 64), (64, 128, 16), (32, 512, 128)] {
		let params = params(m, n, k, 2);
		let Ok(expected) = Scalar.lane_roots(&params, &[9; 32]);
		let Ok(openings) = Scalar.open_lane(&params, &[9; 32], 1, &[0]);
		for gemm in GEMMS {
			let mut device = device(gemm, Order::Mixed(7));
			assert_eq!(device.lane_roots(&params, &[9; 32]).unwrap(), expected, "{params:?}");
			assert_eq!(device.open_lane(&params, &[9; 32], 1, &[0]).unwrap(), openings);
		}
	}
}

fn reference(a: &[i8], b: &[i8], dims: Dims, layout: Layout) -> Vec<i32> {
	let (k, n) = (dims.k(), dims.n());
	let entry = |at: usize| {
		let (i, j) = (at / n, at % n);
		let of_b = |l| match layout {
			Layout::Rows => b[l * n + j],
			Layout::Columns => b[j * k + l],
		};
		(0..k).map(|l| i32::from(a[i * k + l]) * i32::from(of_b(l))).sum()
	};
	(0..dims.m() * n).map(entry).collect()
}

proptest! {
	#![proptest_config(ProptestConfig::with_cases(12))]

	#[test]
	fn should_equal_the_reference_when_matrices_of_any_size_are_multiplied(
		(m, k, n) in (1usize..300, 1usize..200, 1usize..300),
		seed in any::<u8>(),
		columns in any::<bool>(),
		dp4a in any::<bool>(),
	) {
		let dims = Dims::new(m, k, n).unwrap();
		let layout = if columns { Layout::Columns } else { Layout::Rows };
		// Anything that differs from place to place.
		let entries = |count: usize, factor: usize| -> Vec<i8> {
			(0..count).map(|at| (at * at * factor + at / 7 + usize::from(seed)) as i8).collect()
		};
		let (a, b) = (entries(m * k, 31), entries(k * n, 57));
		let expected = reference(&a, &b, dims, layout);
		let gemm = if dp4a { Gemm::Dp4a } else { Gemm::Mma };
		let mut device = device(gemm, Order::Side);
		prop_assert_eq!(&device.matmul_i8(dims, &a, &b, layout).unwrap(), &expected);
		// One tile at a time.
		let mut device = device.with_memory_limit(2 * 128 * 256 + 128 * 128 * 4);
		prop_assert_eq!(&device.matmul_i8(dims, &a, &b, layout).unwrap(), &expected);
	}
}

#[test]
fn should_answer_without_the_gpu_when_a_job_is_empty_or_wrong() {
	let mut device = device(Gemm::Mma, Order::Side);
	let mut multiply = |a: &[i8], b: &[i8], (m, k, n)| {
		device.matmul_i8(Dims::new(m, k, n).unwrap(), a, b, Layout::Rows)
	};
	assert_eq!(multiply(&[], &[], (2, 0, 3)), Ok(vec![0; 6]));
	assert_eq!(multiply(&[], &[1; 6], (0, 2, 3)), Ok(vec![]));
	let short = Error::Length { matrix: "B", expected: 6, actual: 5 };
	assert_eq!(multiply(&[1; 4], &[1; 5], (2, 2, 3)), Err(short.into()));
}

#[test]
fn should_say_what_is_missing_when_memory_does_not_do_for_one_tile() {
	let params = params(256, 256, 64, 1);
	let mut small = device(Gemm::Mma, Order::Side).with_memory_limit(100_000);
	let needed = 2 * (2 * 128 * 64 + 128 * 128 * 2) + 64 * 512 + 32;
	let refused = Err(GpuError::TooSmall { needed, available: 100_000 });
	assert_eq!(small.lane_roots(&params, &[0; 32]), refused);
	let mut large = small.with_memory_limit(needed);
	let Ok(expected) = Scalar.lane_roots(&params, &[0; 32]);
	assert_eq!(large.lane_roots(&params, &[0; 32]).unwrap(), expected);
}

#[test]
fn should_stop_and_go_on_when_it_is_cancelled() {
	let params = params(256, 256, 64, 2);
	let cancel = Cancel::new();
	let watch = Watch { cancel: cancel.clone(), ..Watch::default() };
	let mut device = CudaMatMul::new(Emulator::new(Order::Side), watch).unwrap();
	assert_eq!(device.gemm(), Gemm::Mma);
	cancel.cancel();
	let cancelled = Err(GpuError::Refused(Error::Cancelled));
	assert_eq!(device.lane_roots(&params, &[3; 32]), cancelled);
	let dims = Dims::new(1, 1, 1).unwrap();
	let job = device.matmul_i8(dims, &[1], &[1], Layout::Rows);
	assert_eq!(job, Err(GpuError::Refused(Error::Cancelled)));
	cancel.reset();
	let Ok(expected) = Scalar.lane_roots(&params, &[3; 32]);
	assert_eq!(device.lane_roots(&params, &[3; 32]).unwrap(), expected);
}

#[test]
fn should_leave_an_idle_gpu_when_it_is_cancelled_on_the_way() {
	let params = params(512, 512, 64, 4);
	let cancel = Cancel::new();
	let watch = Watch { cancel: cancel.clone(), ..Watch::default() };
	let gpu = Emulator::new(Order::Mixed(4));
	let device = CudaMatMul::with_gemm(gpu, Gemm::Mma, watch).unwrap();
	let mut device = device.with_memory_limit(900_000);
	let Ok(expected) = Scalar.lane_roots(&params, &[3; 32]);
	for kernels in [1, 10, 25] {
		device.gpu().cancel_after(kernels, cancel.clone());
		let cancelled = Err(GpuError::Refused(Error::Cancelled));
		assert_eq!(device.lane_roots(&params, &[3; 32]), cancelled);
		assert!(device.gpu().is_idle());
		cancel.reset();
		device.gpu().cancel_after(0, Cancel::new());
	}
	assert_eq!(device.lane_roots(&params, &[3; 32]).unwrap(), expected);
}

#[test]
fn should_give_all_memory_back_when_it_is_dropped() {
	let gpu = Emulator::new(Order::Side);
	let in_use = gpu.in_use();
	let mut device = CudaMatMul::new(gpu, Watch::default()).unwrap();
	device.lane_roots(&params(128, 128, 64, 1), &[0; 32]).unwrap();
	assert!(in_use.get() > 0);
	device.release();
	assert_eq!(in_use.get(), 0);
	device.lane_roots(&params(128, 256, 64, 1), &[0; 32]).unwrap();
	drop(device);
	assert_eq!(in_use.get(), 0);
}
