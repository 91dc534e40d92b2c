//! Each CUDA kernel, run on the CPU, against the reference.

#![allow(clippy::unwrap_used)]

mod cuda_emulator;

use cuda_emulator::{Emulator, Order};
use io_kernels::cuda::{Element, Gemm, Gpu, GpuError, Place, Queue, Rows, Watch, TILE};
use io_tflops::{
	params::LEAF_BYTES,
	stream::fill,
	tree::{leaf_bytes, TreeHasher},
	Hash,
};
use proptest::{
	prelude::*,
	test_runner::{Config, TestRng, TestRunner},
};

const QUEUE: Queue = Queue::Products;

fn emulator() -> Emulator {
	Emulator::new(Order::Products)
}

/// The same bytes in each run.
fn random_bytes(count: usize) -> Vec<u8> {
	let mut bytes = vec![0; count];
	TestRng::deterministic_rng(proptest::test_runner::RngAlgorithm::ChaCha).fill_bytes(&mut bytes);
	bytes
}

fn at<M>(memory: &M, at: u64) -> Place<'_, M> {
	Place { memory, at }
}

fn download(gpu: &Emulator, memory: &<Emulator as Gpu>::Memory) -> Vec<u8> {
	let mut bytes = vec![0; Emulator::size(memory) as usize];
	gpu.download(QUEUE, at(memory, 0), &mut bytes, &Watch::default()).unwrap();
	bytes
}

fn upload(gpu: &Emulator, bytes: &[u8]) -> <Emulator as Gpu>::Memory {
	let memory = gpu.allocate(bytes.len() as u64).unwrap();
	gpu.upload(QUEUE, bytes, at(&memory, 0)).unwrap();
	memory
}

#[test]
fn should_equal_the_reference_when_rows_are_generated() {
	let gpu = emulator();
	let key: Hash = *b"a key of thirty-two bytes, exact";
	let run = |first: u32, count: u32, bytes: u32| {
		let rows = Rows::new(first, count, bytes);
		let memory = gpu.allocate(rows.size() + 16).unwrap();
		gpu.streams(QUEUE, &key, &rows, at(&memory, 16)).unwrap();
		let found = download(&gpu, &memory);

		let pitch = bytes.next_multiple_of(64) as usize;
		let padded = count.next_multiple_of(TILE) as usize;
		let mut expected = vec![0; padded * pitch];
		for (nonce, row) in
			(u64::from(first)..).zip(expected.chunks_mut(pitch)).take(count as usize)
		{
			let mut entries = vec![0i8; bytes as usize];
			fill(&key, nonce, &mut entries);
			for (to, entry) in row.iter_mut().zip(entries) {
				*to = entry as u8;
			}
		}
		assert!(found[16..] == expected, "rows {first} + {count} of {bytes} bytes");
	};
	run(0, 1, 1);
	run(65_535, 1, 65_536);
	let cases = (0u32..65_536, 1u32..300, 1u32..700);
	TestRunner::new(Config::with_cases(16))
		.run(&cases, |(first, count, bytes)| {
			run(first, count, bytes);
			Ok(())
		})
		.unwrap();
}

#[test]
fn should_equal_the_published_vector_when_the_key_is_zero() {
	let gpu = emulator();
	let rows = Rows::new(0, 1, 16);
	let memory = gpu.allocate(rows.size()).unwrap();
	gpu.streams(QUEUE, &[0; 32], &rows, at(&memory, 0)).unwrap();
	let expected = 0x3e00ef2f895f40d67f5bb8e81f09a5a1_u128.to_be_bytes();
	assert_eq!(download(&gpu, &memory)[..16], expected);
}

/// Multiplies on the device and one by one.
fn compare_product(gemm: Gemm, tiles: (u32, u32), k: u32, a: &[u8], b: &[u8]) {
	let gpu = emulator();
	let (rows, columns) = ((tiles.0 * TILE) as usize, (tiles.1 * TILE) as usize);
	let (on_gpu_a, on_gpu_b) = (upload(&gpu, a), upload(&gpu, b));
	let product = |element: Element| {
		let c = gpu.allocate((rows * columns * element.bytes()) as u64).unwrap();
		let places = [at(&on_gpu_a, 0), at(&on_gpu_b, 0), at(&c, 0)];
		gpu.product(QUEUE, (gemm, element), tiles, k, places[0], places[1], places[2]).unwrap();
		download(&gpu, &c)
	};
	let (low, full) = (product(Element::Low16), product(Element::Full32));
	let k = k as usize;
	for i in 0..rows {
		for j in 0..columns {
			let row = &a[i * k..][..k];
			let column = &b[j * k..][..k];
			let expected: i32 = row
				.iter()
				.zip(column)
				.map(|(a, b)| i32::from(*a as i8) * i32::from(*b as i8))
				.sum();
			let at = i * columns + j;
			let found = i32::from_le_bytes(full.as_chunks().0[at]);
			assert_eq!(found, expected, "{gemm:?}, {tiles:?} tiles, k = {k}, entry ({i}, {j})");
			let found = u16::from_le_bytes(low.as_chunks().0[at]);
			assert_eq!(
				found, expected as u16,
				"{gemm:?}, {tiles:?} tiles, k = {k}, entry ({i}, {j})"
			);
		}
	}
}

#[test]
fn should_equal_the_reference_when_random_matrices_are_multiplied() {
	// More than eight tiles high, since blocks go in bands of that height; fewer steps than stages, and more.
	for gemm in [Gemm::Dp4a, Gemm::Mma] {
		for (tiles, k) in [((1, 1), 64), ((1, 1), 128), ((2, 3), 320), ((9, 2), 64), ((1, 1), 4096)]
		{
			let bytes = random_bytes(((tiles.0 + tiles.1) * TILE * k) as usize);
			let (a, b) = bytes.split_at((tiles.0 * TILE * k) as usize);
			compare_product(gemm, tiles, k, a, b);
		}
	}
}

#[test]
fn should_equal_the_reference_when_all_entries_are_extreme() {
	let size = (TILE * 2048) as usize;
	let (least, most) = (vec![-128i8 as u8; size], vec![127; size]);
	for gemm in [Gemm::Dp4a, Gemm::Mma] {
		for (a, b) in [(&least, &least), (&least, &most), (&most, &most)] {
			compare_product(gemm, (1, 1), 2048, a, b);
		}
	}
}

#[test]
fn should_equal_blake3_when_leaves_and_nodes_are_hashed() {
	let gpu = emulator();
	let hasher = TreeHasher::new(&[7; 32]);
	let leaf_key = io_tflops::transcript::leaf_key(&[7; 32]);
	let node_key = io_tflops::transcript::node_key(&[7; 32]);

	// A panel of 3 x 5 leaves inside of a lane of 8 leaves a row.
	let (rows, segments, stride) = (3u32, 5u32, 8u32);
	let bytes = random_bytes((rows * segments) as usize * LEAF_BYTES);
	let panel = upload(&gpu, &bytes);
	let hashes = gpu.allocate(u64::from((rows - 1) * stride + segments) * 32).unwrap();
	gpu.leaves(QUEUE, &leaf_key, (rows, segments, stride), at(&panel, 0), at(&hashes, 0)).unwrap();
	let found = download(&gpu, &hashes);
	let (found, _) = found.as_chunks::<32>();
	for (leaf, bytes) in bytes.as_chunks::<LEAF_BYTES>().0.iter().enumerate() {
		let place = leaf / segments as usize * stride as usize + leaf % segments as usize;
		let (pairs, _) = bytes.as_chunks();
		let entries: Vec<u16> = pairs.iter().map(|pair| u16::from_le_bytes(*pair)).collect();
		assert_eq!(found[place], hasher.leaf(&leaf_bytes(entries.as_slice().try_into().unwrap())));
	}
	// What lies between the rows belongs to other panels.
	assert_eq!(found[segments as usize], [0xCD; 32]);

	let count = 300;
	let bytes = random_bytes(count * 64);
	let (pairs, _) = bytes.as_chunks::<32>();
	let (below, above) = (upload(&gpu, &bytes), gpu.allocate(count as u64 * 32).unwrap());
	gpu.nodes(QUEUE, &node_key, count as u32, at(&below, 0), at(&above, 0)).unwrap();
	let found = download(&gpu, &above);
	for (node, pair) in found.as_chunks::<32>().0.iter().zip(pairs.chunks_exact(2)) {
		assert_eq!(*node, hasher.node(&pair[0], &pair[1]));
	}
}

#[test]
fn should_refuse_when_an_operation_would_leave_its_memory() {
	let gpu = emulator();
	let small = gpu.allocate(128 * 64 - 1).unwrap();
	let large = gpu.allocate(1 << 20).unwrap();
	let [small, large] = [at(&small, 0), at(&large, 0)];
	let refused = Err(GpuError::OutOfBounds);

	let rows = Rows::new(0, 1, 1);
	assert_eq!(gpu.streams(QUEUE, &[0; 32], &rows, small), refused);
	assert_eq!(gpu.streams(QUEUE, &[0; 32], &rows, at(large.memory, 8)), refused);
	assert_eq!(gpu.streams(QUEUE, &[0; 32], &rows, at(large.memory, 1 << 20)), refused);
	assert_eq!(gpu.streams(QUEUE, &[0; 32], &rows, at(large.memory, !15)), refused);
	assert_eq!(gpu.streams(QUEUE, &[0; 32], &Rows { count: 200, ..rows }, large), refused);
	assert_eq!(gpu.streams(QUEUE, &[0; 32], &Rows { pitch: 65, ..rows }, large), refused);
	assert_eq!(gpu.streams(QUEUE, &[0; 32], &Rows { first: u32::MAX, ..rows }, large), refused);

	let kernel = (Gemm::Mma, Element::Full32);
	assert_eq!(gpu.product(QUEUE, kernel, (1, 1), 64, small, large, large), refused);
	assert_eq!(gpu.product(QUEUE, kernel, (1, 1), 64, large, small, large), refused);
	assert_eq!(gpu.product(QUEUE, kernel, (1, 1), 64, large, large, small), refused);
	assert_eq!(gpu.product(QUEUE, kernel, (1, 1), 32, large, large, large), refused);
	assert_eq!(gpu.product(QUEUE, kernel, (1, 0), 64, large, large, large), refused);
	assert_eq!(gpu.product(QUEUE, kernel, (u32::MAX, 1), 64, large, large, large), refused);

	assert_eq!(gpu.leaves(QUEUE, &[0; 32], (8, 4, 4), small, large), refused);
	assert_eq!(gpu.leaves(QUEUE, &[0; 32], (8, 4, 100), large, small), refused);
	assert_eq!(gpu.leaves(QUEUE, &[0; 32], (1, 4, 2), large, large), refused);
	assert_eq!(gpu.leaves(QUEUE, &[0; 32], (0, 4, 4), large, large), refused);
	assert_eq!(gpu.nodes(QUEUE, &[0; 32], 128, small, large), refused);
	assert_eq!(gpu.nodes(QUEUE, &[0; 32], 256, large, small), refused);
	assert_eq!(gpu.nodes(QUEUE, &[0; 32], 0, large, large), refused);
}
