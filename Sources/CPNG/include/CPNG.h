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

void otx_png_free(uint8_t *encoded);

#ifdef __cplusplus
}
#endif
