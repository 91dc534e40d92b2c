// What the products share: tiles of 128 x 128 entries of C, one for each block.
#pragma once
#include "device.h"

constexpr u32 TILE = 128;

struct Tile {
	u32 row, column;
};

// The tile of a block. Blocks run roughly in order; those that run at the same time form a near square of eight tiles
// height, so that they share what they read by the second-level cache.
DEVICE Tile tile_of(u32 block, u32 tile_rows, u32 tile_columns) {
	constexpr u32 HEIGHT = 8;
	const u32 band = block / (HEIGHT * tile_columns);
	const u32 place = block % (HEIGHT * tile_columns);
	const u32 first = band * HEIGHT;
	const u32 height = tile_rows - first < HEIGHT ? tile_rows - first : HEIGHT;
	return {first + place % height, place / height};
}

// Two neighbouring entries as the kind of product stores them: the low 16 bits, or all.
DEVICE void store_pair(u16 *to, i32 left, i32 right) { *(u32 *)to = ((u32)left & 0xffff) | (u32)right << 16; }
DEVICE void store_pair(i32 *to, i32 left, i32 right) { *(u32x2 *)to = u32x2{(u32)left, (u32)right}; }
