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

/// A TIFF that is open to be read in parts; for one thread at a time.
typedef struct otx_tiff otx_tiff;

/// Opens the first page of a TIFF file; `NULL` for one that cannot be read.
///
/// Besides the directory nothing of the file is in memory.
otx_tiff *otx_tiff_open(const char *path, uint32_t *height, uint32_t *width, char *message,
                        size_t capacity);

/// Decodes a part of the picture into RGB rows, with the same pixels as `otx_tiff_decode` gives.
///
/// Only the strips or tiles that the part touches are read, one at a time. `pixels` must hold
/// `height * width * 3` bytes.
int otx_tiff_read_region(otx_tiff *file, uint32_t y, uint32_t x, uint32_t height, uint32_t width,
                         uint8_t *pixels, char *message, size_t capacity);

/// Rows of pixels that are stored together, in a strip or in a row of tiles.
uint32_t otx_tiff_block_height(const otx_tiff *file);

void otx_tiff_close(otx_tiff *file);

#ifdef __cplusplus
}
#endif
