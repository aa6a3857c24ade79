#pragma once

#include <stddef.h>
#include <stdint.h>

// PNG through libpng, whose errors are long jumps: they must not cross Swift frames, so they end
// in this target. Every function returns 0 for success; otherwise `message` (of `capacity` bytes)
// says why.

#ifdef __cplusplus
extern "C" {
#endif

/// Decodes a whole PNG into RGB rows, 8 bits a channel.
///
/// 16-bit samples keep their high byte, palettes and grey become RGB, an alpha channel is dropped.
/// `pixels` must hold `height * width * 3` bytes; a picture of another size is an error.
int otx_png_decode(const uint8_t *bytes, size_t count, uint8_t *pixels, uint32_t height,
                   uint32_t width, char *message, size_t capacity);

/// Encodes RGB rows. `*encoded` becomes `*encoded_count` bytes; free them with `otx_png_free`.
int otx_png_encode(const uint8_t *pixels, uint32_t height, uint32_t width, int level,
                   uint8_t **encoded, size_t *encoded_count, char *message, size_t capacity);

/// Decodes a whole PNG into one number a pixel.
///
/// With `as_colors` 0: grey values of 1 to 16 bits and palette indices as they are stored; colours
/// as `red << 16 | green << 8 | blue`, and `*is_color` becomes 1. With `as_colors` 1: always colours,
/// palettes and grey expanded. Alpha is dropped. `values` must hold `height * width` numbers.
int otx_png_decode_values(const uint8_t *bytes, size_t count, uint32_t *values, uint32_t height,
                          uint32_t width, int as_colors, int *is_color, char *message,
                          size_t capacity);

/// Encodes grey rows of 8 or 16 bits a sample, the latter big-endian; see `otx_png_encode`.
int otx_png_encode_grey(const uint8_t *samples, uint32_t height, uint32_t width, int bits,
                        int level, uint8_t **encoded, size_t *encoded_count, char *message,
                        size_t capacity);

void otx_png_free(uint8_t *encoded);

#ifdef __cplusplus
}
#endif
