#pragma once

#include <stddef.h>
#include <stdint.h>

// TIFF through libtiff, whose error handlers take variable arguments and end in this target.
// Every function returns 0 for success; otherwise `message` (of `capacity` bytes) says why.

#ifdef __cplusplus
extern "C" {
#endif

/// Decodes the first page of a TIFF into RGB rows, 8 bits a channel, as the pixels are stored:
/// the orientation tag is not applied.
///
/// 1, 2, 4, 8 and 16 bits a sample by libtiff's own RGBA reader, as OpenCV uses it: 16-bit samples
/// are rounded to 8 bits. 32-bit floats must lie within 0 and 1. Alpha is dropped, colours stay as
/// they are stored. `pixels` must hold `height * width * 3` bytes; a picture of another size is an
/// error.
int otx_tiff_decode(const uint8_t *bytes, size_t count, uint8_t *pixels, uint32_t height,
                    uint32_t width, char *message, size_t capacity);

/// Decodes the first page of a grey or palette TIFF of 8, 16 or 32 bits into one number a pixel, as
/// it is stored. `*is_color` becomes 1, and nothing is decoded, for every other kind of TIFF.
int otx_tiff_decode_values(const uint8_t *bytes, size_t count, uint32_t *values, uint32_t height,
                           uint32_t width, int *is_color, char *message, size_t capacity);

#ifdef __cplusplus
}
#endif
