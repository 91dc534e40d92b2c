// Product of int8 matrices on tensor cores, exact in int32: for GPUs from sm_80 on.
#include "tiles.h"

namespace mma {

// Bytes of K of one stage, and the 16-byte chunks of one row of it.
constexpr u32 STEP = 64;
constexpr u32 CHUNKS = STEP / 16;
// Stages in shared memory: one that is multiplied, the others on their way. 48 KiB, what every GPU gives.
constexpr u32 STAGES = 3;
constexpr u32 THREADS = 128;
// Four warps, two above each other and two side by side, of 64 x 64 entries each: 4 x 8 of what one mma computes. With
// smaller shares, shared memory could not be read as fast as tensor cores multiply.
constexpr u32 WARP_ROWS = 64;
constexpr u32 WARP_COLUMNS = 64;
constexpr u32 ROWS = WARP_ROWS / 16;
constexpr u32 COLUMNS = WARP_COLUMNS / 8;

// Place of a chunk in a stage. Exclusive-or with the row spreads any eight rows of a column of chunks over all banks.
DEVICE u32 place(u32 row, u32 chunk) { return row * STEP + ((chunk ^ (row / 2 % CHUNKS)) * 16); }

// `a` has `tile_rows` * 128 rows, `b` `tile_columns` * 128 columns of `k` bytes each, one after the other; `k` is a
// multiple of 64.
template <class Entry>
DEVICE void multiply(const u8 *a, const u8 *b, Entry *c, u32 tile_rows, u32 tile_columns, u32 k) {
	alignas(128) SHARED u8 left[STAGES][TILE * STEP];
	alignas(128) SHARED u8 right[STAGES][TILE * STEP];

	const Tile tile = tile_of(block_index(), tile_rows, tile_columns);
	const u32 thread = thread_index();
	const u32 lane = thread % 32;
	const u32 warp_row = thread / 32 / 2 * WARP_ROWS;
	const u32 warp_column = thread / 32 % 2 * WARP_COLUMNS;
	a += (u64)tile.row * TILE * k;
	b += (u64)tile.column * TILE * k;

	const u32 steps = k / STEP;
	// Each thread brings four chunks of A and four of B.
	auto fetch = [&](u32 step) {
#pragma unroll
		for (u32 i = 0; i < TILE * CHUNKS / THREADS; i++) {
			const u32 row = (i * THREADS + thread) / CHUNKS;
			const u32 chunk = thread % CHUNKS;
			const u64 from = (u64)row * k + step * STEP + chunk * 16;
			copy_async(&left[step % STAGES][place(row, chunk)], a + from);
			copy_async(&right[step % STAGES][place(row, chunk)], b + from);
		}
	};

	i32 sum[ROWS][COLUMNS][4];
#pragma unroll
	for (u32 i = 0; i < ROWS; i++) {
#pragma unroll
		for (u32 j = 0; j < COLUMNS; j++) {
#pragma unroll
			for (u32 entry = 0; entry < 4; entry++) {
				sum[i][j][entry] = 0;
			}
		}
	}

	// Groups of copies count steps, hence an empty one where there is nothing left to fetch.
#pragma unroll
	for (u32 step = 0; step < STAGES - 1; step++) {
		if (step < steps) {
			fetch(step);
		}
		copy_commit();
	}
#pragma unroll 1
	for (u32 step = 0; step < steps; step++) {
		copy_wait<STAGES - 2>();
		// Now all threads see this stage, and are done with the one before, which is filled again.
		barrier();
		if (step + STAGES - 1 < steps) {
			fetch(step + STAGES - 1);
		}
		copy_commit();

		const u8 *now_a = left[step % STAGES];
		const u8 *now_b = right[step % STAGES];
#pragma unroll
		for (u32 half = 0; half < CHUNKS / 2; half++) {
			// Two times eight columns of B for each load: columns 0..8 low and high chunk, then 8..16 likewise.
			u32 columns[COLUMNS / 2][4];
#pragma unroll
			for (u32 j = 0; j < COLUMNS / 2; j++) {
				const u32 column = warp_column + j * 16 + lane / 16 * 8 + lane % 8;
				load_matrices(columns[j], now_b + place(column, half * 2 + lane / 8 % 2));
			}
#pragma unroll
			for (u32 i = 0; i < ROWS; i++) {
				// Rows 0..16 low chunk, then high chunk.
				u32 rows[4];
				load_matrices(rows, now_a + place(warp_row + i * 16 + lane % 16, half * 2 + lane / 16));
#pragma unroll
				for (u32 j = 0; j < COLUMNS; j++) {
					const u32 pair[2] = {columns[j / 2][j % 2 * 2], columns[j / 2][j % 2 * 2 + 1]};
					multiply_add(sum[i][j], rows, pair);
				}
			}
		}
	}

	// Entries 0 and 1 of a thread are neighbours in row lane / 4 of the fragment, 2 and 3 eight rows below.
	const u64 pitch = (u64)tile_columns * TILE;
	Entry *to = c + ((u64)tile.row * TILE + warp_row + lane / 4) * pitch + (u64)tile.column * TILE + warp_column +
				lane % 4 * 2;
#pragma unroll
	for (u32 i = 0; i < ROWS; i++) {
#pragma unroll
		for (u32 j = 0; j < COLUMNS; j++) {
			store_pair(to + (i * 16) * pitch + j * 8, sum[i][j][0], sum[i][j][1]);
			store_pair(to + (i * 16 + 8) * pitch + j * 8, sum[i][j][2], sum[i][j][3]);
		}
	}
}

} // namespace mma

KERNEL BOUNDS(128, 2) gemm_mma_u16(const u8 *a, const u8 *b, u16 *c, u32 tile_rows, u32 tile_columns, u32 k) {
	mma::multiply(a, b, c, tile_rows, tile_columns, k);
}

KERNEL BOUNDS(128, 2) gemm_mma_i32(const u8 *a, const u8 *b, i32 *c, u32 tile_rows, u32 tile_columns, u32 k) {
	mma::multiply(a, b, c, tile_rows, tile_columns, k);
}
