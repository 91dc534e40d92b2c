// The GPU as the kernels see it, on a CPU: each thread of a block is a fiber that runs until it waits for others.
// Catches what a CPU can: wrong indices and fragments, barriers that some threads miss, reads before an asynchronous
// copy has ended. Included by device.h.
#pragma once

#include <cstring>

#define KERNEL extern "C" void
#define DEVICE inline
// Blocks run one after the other.
#define SHARED static
#define BOUNDS(threads, blocks_per_multiprocessor)
#define CONSTANT static constexpr

u32 thread_index();
u32 block_index();
void barrier();

inline i32 dot4(u32 a, u32 b, i32 c) {
	for (u32 i = 0; i < 32; i += 8) {
		c += (i32)(signed char)(a >> i) * (i32)(signed char)(b >> i);
	}
	return c;
}

inline u32 rotate_right(u32 word, u32 bits) { return word >> bits | word << (32 - bits); }

// In every other block copies happen at once, in the others as late as the kernel allows: when copy_wait asks for them.
void copy_async(void *shared, const void *global);
void copy_commit();
void copy_wait_at_most(u32 pending);
template <u32 pending> void copy_wait() { copy_wait_at_most(pending); }

// What a lane of a warp shows to the others in a collective instruction.
union Shown {
	const u8 *row;
	u32 words[6];
};
// Shows `mine` and, once all 32 lanes have shown theirs, returns those of the warp, valid until the next call but one.
const Shown *exchange(const Shown &mine);
u32 lane_index();

inline void load_matrices(u32 (&words)[4], const void *row) {
	Shown mine;
	mine.row = (const u8 *)row;
	const Shown *warp = exchange(mine);
	const u32 lane = lane_index();
	for (u32 matrix = 0; matrix < 4; matrix++) {
		memcpy(&words[matrix], warp[matrix * 8 + lane / 4].row + lane % 4 * 4, 4);
	}
}

// PTX ISA, "Matrix Fragments for mma.m16n8k32": with group = lane / 4 and t = lane % 4, byte i of register r of A is
// entry (group + 8 * (r % 2), 16 * (r / 2) + 4 * t + i), of B entry (16 * r + 4 * t + i, group), and register r of D
// is entry (group + 8 * (r / 2), 2 * t + r % 2).
inline void multiply_add(i32 (&d)[4], const u32 (&a)[4], const u32 (&b)[2]) {
	Shown mine;
	memcpy(mine.words, a, 16);
	memcpy(mine.words + 4, b, 8);
	const Shown *warp = exchange(mine);
	const u32 lane = lane_index();
	for (u32 r = 0; r < 4; r++) {
		const u32 row = lane / 4 + r / 2 * 8;
		const u32 column = lane % 4 * 2 + r % 2;
		for (u32 l = 0; l < 32; l += 4) {
			const u32 of_a = warp[row % 8 * 4 + l % 16 / 4].words[row / 8 + l / 16 * 2];
			const u32 of_b = warp[column * 4 + l % 16 / 4].words[4 + l / 16];
			d[r] = dot4(of_a, of_b, d[r]);
		}
	}
}
