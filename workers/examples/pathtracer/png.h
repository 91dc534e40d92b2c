/* Writes 8 bit RGB images as PNG. */
#ifndef PNG_H
#define PNG_H

#include <stdint.h>

/* Writes `width * height` pixels of three bytes. Returns 0, or -1 with `errno` set. */
int png_write(const char *path, const uint8_t *pixels, int width, int height);

#endif
