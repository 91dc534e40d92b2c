// Leaves and nodes of the hash tree of a round, see io_tflops::tree: keyed BLAKE3 of inputs of one chunk.
#include "device.h"

namespace {

// Flags of the BLAKE3 paper, table 3.
enum : u32 { CHUNK_START = 1, CHUNK_END = 2, ROOT = 8, KEYED_HASH = 16 };

CONSTANT u32 IV[4] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a};

// Word of the message for each place of each round: the permutation of the paper, applied again and again.
CONSTANT u8 SCHEDULE[7][16] = {
	{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}, {2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8},
	{3, 4, 10, 12, 13, 2, 7, 14, 6, 5, 9, 0, 11, 15, 8, 1}, {10, 7, 12, 9, 14, 3, 13, 15, 4, 0, 11, 2, 5, 8, 1, 6},
	{12, 13, 9, 11, 15, 10, 14, 8, 7, 2, 5, 3, 0, 1, 6, 4}, {9, 14, 11, 5, 8, 12, 15, 1, 13, 3, 0, 10, 2, 6, 4, 7},
	{11, 15, 5, 0, 1, 9, 8, 6, 14, 10, 2, 12, 3, 4, 7, 13},
};

DEVICE void mix(u32 &a, u32 &b, u32 &c, u32 &d, u32 x, u32 y) {
	a += b + x;
	d = rotate_right(d ^ a, 16);
	c += d;
	b = rotate_right(b ^ c, 12);
	a += b + y;
	d = rotate_right(d ^ a, 8);
	c += d;
	b = rotate_right(b ^ c, 7);
}

// One 64-byte block, read as four times 16 bytes; `chaining` becomes the next chaining value.
DEVICE void compress(u32 (&chaining)[8], const u32x4 *block, u32 flags) {
	u32 message[16];
#pragma unroll
	for (u32 i = 0; i < 4; i++) {
		const u32x4 words = block[i];
#pragma unroll
		for (u32 j = 0; j < 4; j++) {
			message[4 * i + j] = words[j];
		}
	}
	// The counter is 0, the block is full.
	u32 v[16] = {
		chaining[0], chaining[1], chaining[2], chaining[3], chaining[4], chaining[5], chaining[6], chaining[7],
		IV[0],       IV[1],       IV[2],       IV[3],       0,           0,           64,          flags,
	};
#pragma unroll
	for (u32 round = 0; round < 7; round++) {
		const auto &at = SCHEDULE[round];
		mix(v[0], v[4], v[8], v[12], message[at[0]], message[at[1]]);
		mix(v[1], v[5], v[9], v[13], message[at[2]], message[at[3]]);
		mix(v[2], v[6], v[10], v[14], message[at[4]], message[at[5]]);
		mix(v[3], v[7], v[11], v[15], message[at[6]], message[at[7]]);
		mix(v[0], v[5], v[10], v[15], message[at[8]], message[at[9]]);
		mix(v[1], v[6], v[11], v[12], message[at[10]], message[at[11]]);
		mix(v[2], v[7], v[8], v[13], message[at[12]], message[at[13]]);
		mix(v[3], v[4], v[9], v[14], message[at[14]], message[at[15]]);
	}
#pragma unroll
	for (u32 i = 0; i < 8; i++) {
		chaining[i] = v[i] ^ v[i + 8];
	}
}

DEVICE void store(u8 *to, const u32 (&hash)[8]) {
	u32x4 *words = (u32x4 *)to;
	words[0] = u32x4{hash[0], hash[1], hash[2], hash[3]};
	words[1] = u32x4{hash[4], hash[5], hash[6], hash[7]};
}

} // namespace

// Hashes a panel of C mod 2^16, `rows` rows of `segments` leaves of 256 bytes. Leaf (row, segment) goes to hash number
// `row * stride + segment` of `out`. One thread hashes one leaf.
KERNEL BOUNDS(256, 2) blake3_leaves(Key key, u32 rows, u32 segments, u32 stride, const u8 *panel, u8 *out) {
	const u64 index = (u64)block_index() * 256 + thread_index();
	const u64 row = index / segments;
	const u32 segment = (u32)(index % segments);
	if (row >= rows) {
		return;
	}
	u32 hash[8];
#pragma unroll
	for (u32 i = 0; i < 8; i++) {
		hash[i] = key.words[i];
	}
	const u32x4 *leaf = (const u32x4 *)(panel + index * 256);
	compress(hash, leaf, KEYED_HASH | CHUNK_START);
	compress(hash, leaf + 4, KEYED_HASH);
	compress(hash, leaf + 8, KEYED_HASH);
	compress(hash, leaf + 12, KEYED_HASH | CHUNK_END | ROOT);
	store(out + (row * stride + segment) * 32, hash);
}

// One level of the tree: hash i of `out` is that of the hashes 2 i and 2 i + 1 of `in`, 64 bytes hashed as an input of
// their own.
KERNEL BOUNDS(256, 2) blake3_nodes(Key key, u32 count, const u8 *in, u8 *out) {
	const u64 index = (u64)block_index() * 256 + thread_index();
	if (index >= count) {
		return;
	}
	u32 hash[8];
#pragma unroll
	for (u32 i = 0; i < 8; i++) {
		hash[i] = key.words[i];
	}
	compress(hash, (const u32x4 *)(in + index * 64), KEYED_HASH | CHUNK_START | CHUNK_END | ROOT);
	store(out + index * 32, hash);
}
