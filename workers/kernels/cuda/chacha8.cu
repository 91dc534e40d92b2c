// Rows of A and columns of B: a ChaCha8 stream for each, see io_tflops::stream.
#include "device.h"

namespace {

DEVICE u32 rotate_left(u32 word, u32 bits) { return rotate_right(word, 32 - bits); }

DEVICE void quarter_round(u32 &a, u32 &b, u32 &c, u32 &d) {
	a += b;
	d = rotate_left(d ^ a, 16);
	c += d;
	b = rotate_left(b ^ c, 12);
	a += b;
	d = rotate_left(d ^ a, 8);
	c += d;
	b = rotate_left(b ^ c, 7);
}

} // namespace

// Writes `padded_rows` rows of `pitch` bytes, a multiple of 64. Row i holds `row_bytes` bytes of the stream with nonce
// `first_row + i`, then zeros; rows from `rows` on are zeros. One thread makes one 64-byte block.
KERNEL BOUNDS(256, 2) chacha8_rows(Key key, u32 first_row, u32 rows, u32 padded_rows, u32 row_bytes, u32 pitch,
								   u8 *out) {
	const u32 blocks_per_row = pitch / 64;
	const u64 index = (u64)block_index() * 256 + thread_index();
	const u32 row = (u32)(index / blocks_per_row);
	const u32 counter = (u32)(index % blocks_per_row);
	if (row >= padded_rows) {
		return;
	}

	// "expand 32-byte k", key, 64-bit counter, 64-bit nonce. Neither counter nor nonce passes 32 bits here.
	const u32 start[16] = {
		0x61707865,   0x3320646e,   0x79622d32,   0x6b206574,   key.words[0], key.words[1], key.words[2],    key.words[3],
		key.words[4], key.words[5], key.words[6], key.words[7], counter,      0,            first_row + row, 0,
	};
	u32 word[16];
#pragma unroll
	for (u32 i = 0; i < 16; i++) {
		word[i] = start[i];
	}
#pragma unroll
	for (u32 round = 0; round < 8; round += 2) {
		quarter_round(word[0], word[4], word[8], word[12]);
		quarter_round(word[1], word[5], word[9], word[13]);
		quarter_round(word[2], word[6], word[10], word[14]);
		quarter_round(word[3], word[7], word[11], word[15]);
		quarter_round(word[0], word[5], word[10], word[15]);
		quarter_round(word[1], word[6], word[11], word[12]);
		quarter_round(word[2], word[7], word[8], word[13]);
		quarter_round(word[3], word[4], word[9], word[14]);
	}

	// Bytes of this block that belong to the row.
	const u32 first_byte = counter * 64;
	const u32 bytes = row >= rows || first_byte >= row_bytes ? 0 : row_bytes - first_byte;
	u32x4 *to = (u32x4 *)(out + (u64)row * pitch + first_byte);
#pragma unroll
	for (u32 i = 0; i < 16; i++) {
		word[i] += start[i];
		if (bytes < 4 * i + 4) {
			const u32 kept = bytes < 4 * i ? 0 : bytes - 4 * i;
			word[i] &= (1u << (8 * kept)) - 1;
		}
	}
#pragma unroll
	for (u32 i = 0; i < 4; i++) {
		to[i] = u32x4{word[4 * i], word[4 * i + 1], word[4 * i + 2], word[4 * i + 3]};
	}
}
