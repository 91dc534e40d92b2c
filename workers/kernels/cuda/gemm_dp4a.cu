// Product of int8 matrices by dp4a, exact in int32: for GPUs from sm_61 on.
#include "tiles.h"

namespace dp4a {

// Bytes of K that are in shared memory at a time, and 32-bit words of them.
constexpr u32 STEP = 32;
constexpr u32 WORDS = STEP / 4;
// Entries of a line of shared memory: four more than a tile, so that the threads of a warp write to different banks.
constexpr u32 LINE = TILE + 4;

// `a` has `tile_rows` * 128 rows, `b` `tile_columns` * 128 columns of `k` bytes each, one after the other; `k` is a
// multiple of 64. A thread computes 8 x 8 entries: four rows and four columns in each quarter of the tile.
template <class Entry>
DEVICE void multiply(const u8 *a, const u8 *b, Entry *c, u32 tile_rows, u32 tile_columns, u32 k) {
	// Word w of row (or column) r of the tile is at [w][r].
	alignas(16) SHARED u32 left[2][WORDS][LINE];
	alignas(16) SHARED u32 right[2][WORDS][LINE];

	const Tile tile = tile_of(block_index(), tile_rows, tile_columns);
	const u32 thread = thread_index();
	// Each thread brings 16 bytes of A and of B for each step.
	const u32 line = thread / 2;
	const u32 first_word = thread % 2 * 4;
	const u8 *next_a = a + ((u64)tile.row * TILE + line) * k + first_word * 4;
	const u8 *next_b = b + ((u64)tile.column * TILE + line) * k + first_word * 4;
	// Its entries of the tile.
	const u32 row = thread / 16 * 4;
	const u32 column = thread % 16 * 4;

	i32 sum[8][8];
#pragma unroll
	for (u32 i = 0; i < 8; i++) {
#pragma unroll
		for (u32 j = 0; j < 8; j++) {
			sum[i][j] = 0;
		}
	}

	u32x4 words_a = *(const u32x4 *)next_a;
	u32x4 words_b = *(const u32x4 *)next_b;
	const u32 steps = k / STEP;
#pragma unroll 1
	for (u32 step = 0; step < steps; step++) {
		auto &now_a = left[step % 2];
		auto &now_b = right[step % 2];
#pragma unroll
		for (u32 i = 0; i < 4; i++) {
			now_a[first_word + i][line] = words_a[i];
			now_b[first_word + i][line] = words_b[i];
		}
		// One barrier for each step is enough: what is overwritten next was read before the barrier of this step.
		barrier();
		if (step + 1 < steps) {
			next_a += STEP;
			next_b += STEP;
			words_a = *(const u32x4 *)next_a;
			words_b = *(const u32x4 *)next_b;
		}
#pragma unroll 4
		for (u32 word = 0; word < WORDS; word++) {
			u32x4 rows[2], columns[2];
#pragma unroll
			for (u32 half = 0; half < 2; half++) {
				rows[half] = *(const u32x4 *)&now_a[word][half * 64 + row];
				columns[half] = *(const u32x4 *)&now_b[word][half * 64 + column];
			}
#pragma unroll
			for (u32 i = 0; i < 8; i++) {
#pragma unroll
				for (u32 j = 0; j < 8; j++) {
					sum[i][j] = dot4(rows[i / 4][i % 4], columns[j / 4][j % 4], sum[i][j]);
				}
			}
		}
	}

	const u64 pitch = (u64)tile_columns * TILE;
#pragma unroll
	for (u32 i = 0; i < 8; i++) {
		const u64 at = (u64)tile.row * TILE + i / 4 * 64 + row + i % 4;
		Entry *to = c + at * pitch + (u64)tile.column * TILE + column;
#pragma unroll
		for (u32 j = 0; j < 8; j += 2) {
			store_pair(to + j / 4 * 64 + j % 4, sum[i][j], sum[i][j + 1]);
		}
	}
}

} // namespace dp4a

KERNEL BOUNDS(256, 2) gemm_dp4a_u16(const u8 *a, const u8 *b, u16 *c, u32 tile_rows, u32 tile_columns, u32 k) {
	dp4a::multiply(a, b, c, tile_rows, tile_columns, k);
}

KERNEL BOUNDS(256, 2) gemm_dp4a_i32(const u8 *a, const u8 *b, i32 *c, u32 tile_rows, u32 tile_columns, u32 k) {
	dp4a::multiply(a, b, c, tile_rows, tile_columns, k);
}
