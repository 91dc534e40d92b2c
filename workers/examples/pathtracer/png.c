/*
 * A small PNG writer: each row is filtered with the predictor that leaves the least, then compressed with DEFLATE with
 * fixed Huffman codes and matches found by a hash table (RFC 1950, RFC 1951, PNG specification).
 */
#include "png.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
	uint8_t *data;
	size_t len, room;
	uint32_t bits;
	int bit_count, failed;
} Buffer;

static void put(Buffer *out, uint8_t byte) {
	if (out->len == out->room) {
		size_t room = out->room ? out->room * 2 : 65536;
		uint8_t *data = realloc(out->data, room);
		if (!data) {
			out->failed = 1;
			return;
		}
		out->data = data, out->room = room;
	}
	out->data[out->len++] = byte;
}

static void put_u32(Buffer *out, uint32_t value) {
	for (int shift = 24; shift >= 0; shift -= 8) put(out, (uint8_t)(value >> shift));
}

/* Least significant bit first. */
static void put_bits(Buffer *out, uint32_t value, int count) {
	out->bits |= value << out->bit_count;
	out->bit_count += count;
	while (out->bit_count >= 8) {
		put(out, (uint8_t)out->bits);
		out->bits >>= 8;
		out->bit_count -= 8;
	}
}

/* Huffman codes are stored from their most significant bit. */
static void put_code(Buffer *out, uint32_t code, int count) {
	uint32_t reversed = 0;
	for (int i = 0; i < count; i++) reversed |= ((code >> i) & 1) << (count - 1 - i);
	put_bits(out, reversed, count);
}

static void put_symbol(Buffer *out, int symbol) {
	if (symbol < 144)
		put_code(out, 0x30 + symbol, 8);
	else if (symbol < 256)
		put_code(out, 0x190 + symbol - 144, 9);
	else if (symbol < 280)
		put_code(out, symbol - 256, 7);
	else
		put_code(out, 0xc0 + symbol - 280, 8);
}

static const uint16_t LENGTHS[29] = {3,  4,  5,  6,  7,  8,  9,  10, 11,  13,  15,  17,  19,  23, 27,
	31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258};
static const uint8_t LENGTH_BITS[29] = {0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0};
static const uint16_t DISTANCES[30] = {1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129,
	193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577};

static void put_match(Buffer *out, int length, int distance) {
	int index = 28;
	while (LENGTHS[index] > length) index--;
	put_symbol(out, 257 + index);
	put_bits(out, length - LENGTHS[index], LENGTH_BITS[index]);
	index = 29;
	while (DISTANCES[index] > distance) index--;
	put_code(out, index, 5);
	put_bits(out, distance - DISTANCES[index], index < 2 ? 0 : index / 2 - 1);
}

#define HASH_SIZE 32768

static void deflate(Buffer *out, const uint8_t *data, size_t len) {
	static int64_t last[HASH_SIZE];
	for (int i = 0; i < HASH_SIZE; i++) last[i] = -1;
	put(out, 0x78), put(out, 0x01);
	put_bits(out, 1, 1), put_bits(out, 1, 2);
	for (size_t at = 0; at < len;) {
		int best = 0;
		size_t distance = 0;
		if (at + 4 <= len) {
			uint32_t key;
			memcpy(&key, data + at, 4);
			uint32_t slot = (key * 2654435761u) >> 17;
			int64_t before = last[slot];
			last[slot] = (int64_t)at;
			if (before >= 0 && at - (size_t)before <= 32768) {
				while (best < 258 && at + best < len && data[before + best] == data[at + best]) best++;
				distance = at - (size_t)before;
			}
		}
		if (best >= 4) {
			put_match(out, best, (int)distance);
			at += best;
		} else {
			put_symbol(out, data[at++]);
		}
	}
	put_symbol(out, 256);
	if (out->bit_count > 0) put_bits(out, 0, 8 - out->bit_count);
	uint32_t a = 1, b = 0;
	for (size_t i = 0; i < len; i++) {
		a = (a + data[i]) % 65521;
		b = (b + a) % 65521;
	}
	put_u32(out, b << 16 | a);
}

static uint32_t crc(const uint8_t *data, size_t len) {
	uint32_t value = 0xffffffff;
	for (size_t i = 0; i < len; i++) {
		value ^= data[i];
		for (int bit = 0; bit < 8; bit++) value = value >> 1 ^ (0xedb88320 & -(value & 1));
	}
	return ~value;
}

static void chunk(Buffer *out, const char *kind, const uint8_t *data, size_t len) {
	put_u32(out, (uint32_t)len);
	size_t start = out->len;
	for (int i = 0; i < 4; i++) put(out, (uint8_t)kind[i]);
	for (size_t i = 0; i < len; i++) put(out, data[i]);
	if (!out->failed) put_u32(out, crc(out->data + start, out->len - start));
}

static uint8_t predict(int kind, int left, int above, int corner) {
	int guess = left + above - corner, a = abs(guess - left), b = abs(guess - above), c = abs(guess - corner);
	switch (kind) {
	case 1: return (uint8_t)left;
	case 2: return (uint8_t)above;
	case 3: return (uint8_t)((left + above) / 2);
	case 4: return (uint8_t)(a <= b && a <= c ? left : b <= c ? above : corner);
	default: return 0;
	}
}

int png_write(const char *path, const uint8_t *pixels, int width, int height) {
	size_t row = (size_t)width * 3;
	uint8_t *lines = malloc((row + 1) * height), *line = malloc(row);
	Buffer packed = {0}, out = {0};
	int result = -1;
	if (!lines || !line) goto end;
	for (int y = 0; y < height; y++) {
		const uint8_t *now = pixels + row * y, *before = y > 0 ? now - row : NULL;
		uint8_t *best = lines + (row + 1) * y;
		long least = -1;
		for (int kind = 0; kind < 5; kind++) {
			long sum = 0;
			for (size_t i = 0; i < row; i++) {
				int left = i >= 3 ? now[i - 3] : 0, above = before ? before[i] : 0;
				int corner = before && i >= 3 ? before[i - 3] : 0;
				line[i] = (uint8_t)(now[i] - predict(kind, left, above, corner));
				sum += abs((int8_t)line[i]);
			}
			if (least < 0 || sum < least) {
				least = sum;
				best[0] = (uint8_t)kind;
				memcpy(best + 1, line, row);
			}
		}
	}
	deflate(&packed, lines, (row + 1) * height);
	const uint8_t signature[8] = {137, 'P', 'N', 'G', 13, 10, 26, 10};
	for (int i = 0; i < 8; i++) put(&out, signature[i]);
	uint8_t header[13] = {0};
	for (int i = 0; i < 4; i++) {
		header[i] = (uint8_t)(width >> (24 - 8 * i));
		header[4 + i] = (uint8_t)(height >> (24 - 8 * i));
	}
	header[8] = 8, header[9] = 2;
	chunk(&out, "IHDR", header, sizeof header);
	chunk(&out, "IDAT", packed.data, packed.len);
	chunk(&out, "IEND", NULL, 0);
	if (packed.failed || out.failed) goto end;
	FILE *file = fopen(path, "wb");
	if (!file) goto end;
	size_t written = fwrite(out.data, 1, out.len, file);
	if (fclose(file) == 0 && written == out.len) result = 0;
end:
	free(lines), free(line), free(packed.data), free(out.data);
	return result;
}
