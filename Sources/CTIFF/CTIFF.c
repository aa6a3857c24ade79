#include "CTIFF.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tiffio.h>

// Handlers of a single file came with libtiff 4.5.
#define HAS_OPTIONS (TIFFLIB_VERSION >= 20221213)

typedef struct {
  const uint8_t *bytes;
  size_t count;
  size_t position;
  char *message;
  size_t capacity;
  int has_failed;
} Source;

static void fail(Source *source, const char *text) {
  if (!source->has_failed && source->capacity > 0) {
    strncpy(source->message, text, source->capacity - 1);
    source->message[source->capacity - 1] = 0;
  }
  source->has_failed = 1;
}

#if HAS_OPTIONS
static int on_error(TIFF *tiff, void *user, const char *module, const char *format,
                    va_list arguments) {
  (void)tiff;
  (void)module;
  char text[256];
  vsnprintf(text, sizeof text, format, arguments);
  fail((Source *)user, text);
  return 1;
}

// Warnings are about tags, but for those of the JPEG decoder, which are about pixels.
static int on_warning(TIFF *tiff, void *user, const char *module, const char *format,
                      va_list arguments) {
  if (module && strcmp(module, "JPEGLib") == 0) on_error(tiff, user, module, format, arguments);
  return 1;
}
#endif

static tmsize_t read_bytes(thandle_t handle, void *destination, tmsize_t size) {
  Source *source = (Source *)handle;
  size_t left = source->count - source->position;
  size_t count = (size_t)size < left ? (size_t)size : left;
  memcpy(destination, source->bytes + source->position, count);
  source->position += count;
  return (tmsize_t)count;
}

static tmsize_t write_bytes(thandle_t handle, void *bytes, tmsize_t size) {
  (void)handle;
  (void)bytes;
  (void)size;
  return 0;
}

static toff_t seek(thandle_t handle, toff_t offset, int whence) {
  Source *source = (Source *)handle;
  toff_t base = whence == SEEK_CUR ? source->position : whence == SEEK_END ? source->count : 0;
  toff_t position = base + offset;
  if (position > source->count) return (toff_t)-1;
  source->position = (size_t)position;
  return position;
}

static int close_source(thandle_t handle) {
  (void)handle;
  return 0;
}

static toff_t size_of(thandle_t handle) { return ((Source *)handle)->count; }

// The file is in memory already: libtiff takes its bytes where they lie.
static int map(thandle_t handle, void **base, toff_t *size) {
  *base = (void *)((Source *)handle)->bytes;
  *size = ((Source *)handle)->count;
  return 1;
}

static void unmap(thandle_t handle, void *base, toff_t size) {
  (void)handle;
  (void)base;
  (void)size;
}

#if HAS_OPTIONS
static TIFFOpenOptions *make_options(Source *source) {
  TIFFOpenOptions *options = TIFFOpenOptionsAlloc();
  if (!options) return NULL;
  TIFFOpenOptionsSetErrorHandlerExtR(options, on_error, source);
  TIFFOpenOptionsSetWarningHandlerExtR(options, on_warning, source);
  TIFFOpenOptionsSetMaxSingleMemAlloc(options, (tmsize_t)1 << 31);
  return options;
}
#endif

static TIFF *open_source(Source *source) {
#if HAS_OPTIONS
  TIFFOpenOptions *options = make_options(source);
  if (!options) return NULL;
  TIFF *tiff = TIFFClientOpenExt("picture", "r", source, read_bytes, write_bytes, seek,
                                 close_source, size_of, map, unmap, options);
  TIFFOpenOptionsFree(options);
  return tiff;
#else
  TIFFSetErrorHandler(NULL);
  TIFFSetWarningHandler(NULL);
  return TIFFClientOpen("picture", "r", source, read_bytes, write_bytes, seek, close_source,
                        size_of, map, unmap);
#endif
}

// Makes libtiff's RGBA reader give colours and places as they are stored.
static void keep_stored(TIFF *tiff) {
  // libtiff multiplies colours by an alpha that is known not to be in them yet.
  uint16_t extra_count = 0;
  uint16_t *extra = NULL;
  if (TIFFGetField(tiff, TIFFTAG_EXTRASAMPLES, &extra_count, &extra) && extra_count == 1 &&
      extra[0] == EXTRASAMPLE_UNASSALPHA) {
    uint16_t unspecified = EXTRASAMPLE_UNSPECIFIED;
    TIFFSetField(tiff, TIFFTAG_EXTRASAMPLES, 1, &unspecified);
  }
  TIFFSetField(tiff, TIFFTAG_ORIENTATION, ORIENTATION_TOPLEFT);
}

static int decode_integers(TIFF *tiff, Source *source, uint8_t *pixels, uint32_t height,
                           uint32_t width) {
  keep_stored(tiff);
  char text[1024] = "";
  if (!TIFFRGBAImageOK(tiff, text)) {
    fail(source, text);
    return 1;
  }
  size_t count = (size_t)height * width;
  uint32_t *raster = (uint32_t *)malloc(count * sizeof(uint32_t));
  if (!raster) {
    fail(source, "out of memory");
    return 1;
  }
  int is_read =
      TIFFReadRGBAImageOriented(tiff, width, height, raster, ORIENTATION_TOPLEFT, /*stop*/ 1);
  if (is_read && !source->has_failed) {
    for (size_t i = 0; i < count; i++) {
      pixels[3 * i] = (uint8_t)TIFFGetR(raster[i]);
      pixels[3 * i + 1] = (uint8_t)TIFFGetG(raster[i]);
      pixels[3 * i + 2] = (uint8_t)TIFFGetB(raster[i]);
    }
  } else {
    fail(source, "its pixels cannot be read");
  }
  free(raster);
  return source->has_failed;
}

// One sample of one pixel; returns 0 for one that is no intensity.
static int put_float(float value, uint8_t *pixel) {
  // Rounding of programs that scale is forgiven.
  if (!(value >= -1e-3f && value <= 1.001f)) return 0;
  float held = value < 0 ? 0 : value > 1 ? 1 : value;
  *pixel = (uint8_t)lrintf(held * 255);
  return 1;
}

typedef struct {
  uint32_t y, x, height, width;
} Window;

typedef struct {
  uint32_t tile_height, tile_width;
  uint16_t samples, planes, bytes;
  int is_tiled, is_float, is_inverted;
} Layout;

// One sample as 8 bits; whole numbers of 16 bits are rounded as libtiff's RGBA reader does.
static int put_sample(const Layout *layout, const uint8_t *sample, uint8_t *pixel) {
  if (layout->is_float) {
    float value;
    memcpy(&value, sample, sizeof value);
    return put_float(value, pixel);
  }
  uint16_t value = *sample;
  if (layout->bytes == 2) {
    memcpy(&value, sample, sizeof value);
    value = (uint16_t)((value + 128u) / 257u);
  }
  *pixel = (uint8_t)(layout->is_inverted ? 255 - value : value);
  return 1;
}

// Puts `columns` pixels of a row, from a buffer of interleaved samples or of one sample each.
static int put_row(const Layout *layout, const uint8_t *values, uint16_t plane, uint32_t columns,
                   uint8_t *pixels) {
  size_t bytes = layout->bytes;
  size_t step = (layout->planes > 1 ? 1 : layout->samples) * bytes;
  for (uint32_t x = 0; x < columns; x++, values += step, pixels += 3) {
    if (layout->planes > 1) {
      if (!put_sample(layout, values, pixels + plane)) return 0;
    } else {
      for (int c = 0; c < 3; c++)
        if (!put_sample(layout, values + (layout->samples >= 3 ? c * bytes : 0), pixels + c))
          return 0;
    }
  }
  return 1;
}

static uint32_t least(uint32_t a, uint32_t b) { return a < b ? a : b; }
static uint32_t most(uint32_t a, uint32_t b) { return a > b ? a : b; }

// Reads on up to a row of a compressed strip, which can only be decoded from its start.
static int skip_rows(TIFF *tiff, void *buffer, uint32_t row, uint16_t plane) {
  uint16_t compression = COMPRESSION_NONE;
  uint32_t rows_per_strip = 0;
  TIFFGetFieldDefaulted(tiff, TIFFTAG_COMPRESSION, &compression);
  TIFFGetFieldDefaulted(tiff, TIFFTAG_ROWSPERSTRIP, &rows_per_strip);
  if (compression == COMPRESSION_NONE || rows_per_strip == 0) return 1;
  uint32_t first = row - row % rows_per_strip;
  // Where reading has got to already.
  if (TIFFCurrentStrip(tiff) == TIFFComputeStrip(tiff, row, plane)) {
    uint32_t current = TIFFCurrentRow(tiff);
    if (current > first && current <= row) first = current;
  }
  for (; first < row; first++) {
    if (TIFFReadScanline(tiff, buffer, first, plane) < 0) return 0;
  }
  return 1;
}

// Grey or RGB samples of whole bytes, row by row or tile by tile, without libtiff's RGBA reader.
static int decode_samples(TIFF *tiff, Source *source, uint8_t *pixels, Window window,
                          uint32_t width, uint16_t samples, uint16_t bits, int is_float) {
  uint16_t planar = PLANARCONFIG_CONTIG, photometric = PHOTOMETRIC_MINISBLACK;
  TIFFGetFieldDefaulted(tiff, TIFFTAG_PLANARCONFIG, &planar);
  TIFFGetField(tiff, TIFFTAG_PHOTOMETRIC, &photometric);
  int is_color = photometric == PHOTOMETRIC_RGB && samples >= 3;
  int is_inverted = !is_float && photometric == PHOTOMETRIC_MINISWHITE;
  if (!is_color && !((photometric == PHOTOMETRIC_MINISBLACK || is_inverted) && samples < 3)) {
    fail(source, is_float ? "floating-point samples that are neither grey nor RGB"
                          : "one strip that is too large for samples that are neither grey nor RGB;"
                            " save it in tiles");
    return 1;
  }
  Layout layout = {1, width, samples, 1, bits / 8, TIFFIsTiled(tiff), is_float, is_inverted};
  if (planar == PLANARCONFIG_SEPARATE) layout.planes = is_color ? 3 : 1;
  if (planar == PLANARCONFIG_SEPARATE && !is_color) layout.samples = 1;
  if (layout.is_tiled) {
    TIFFGetField(tiff, TIFFTAG_TILEWIDTH, &layout.tile_width);
    TIFFGetField(tiff, TIFFTAG_TILELENGTH, &layout.tile_height);
  }
  tmsize_t size = layout.is_tiled ? TIFFTileSize(tiff) : TIFFScanlineSize(tiff);
  uint16_t step = planar == PLANARCONFIG_SEPARATE ? 1 : samples;
  size_t row_bytes = (size_t)layout.tile_width * step * layout.bytes;
  uint8_t *buffer = NULL;
  if (layout.tile_height > 0 && layout.tile_width > 0 &&
      size >= (tmsize_t)(layout.tile_height * row_bytes))
    buffer = (uint8_t *)malloc((size_t)size);
  if (!buffer) {
    fail(source, "out of memory");
    return 1;
  }
  uint32_t bottom = window.y + window.height, right = window.x + window.width;
  for (uint16_t plane = 0; plane < layout.planes && !source->has_failed; plane++) {
    uint32_t start = window.y - window.y % layout.tile_height;
    if (!layout.is_tiled && !skip_rows(tiff, buffer, window.y, plane)) {
      fail(source, "its pixels cannot be read");
    }
    for (uint32_t y = start; y < bottom && !source->has_failed; y += layout.tile_height) {
      for (uint32_t x = window.x - window.x % layout.tile_width; x < right && !source->has_failed;
           x += layout.tile_width) {
        tmsize_t got = layout.is_tiled ? TIFFReadTile(tiff, buffer, x, y, 0, plane)
                                       : TIFFReadScanline(tiff, buffer, y, plane);
        if (got < 0) fail(source, "its pixels cannot be read");
        uint32_t top = most(y, window.y), left = most(x, window.x);
        uint32_t end = least(y + layout.tile_height, bottom);
        uint32_t columns = least(x + layout.tile_width, right) - left;
        for (uint32_t row = top; row < end && !source->has_failed; row++) {
          const uint8_t *values =
              buffer + (row - y) * row_bytes + (size_t)(left - x) * step * layout.bytes;
          if (!put_row(&layout, values, plane, columns,
                       pixels + ((size_t)(row - window.y) * window.width + left - window.x) * 3))
            fail(source, "a floating-point sample lies outside 0 and 1; "
                         "scale the picture and save it with 8 bits");
        }
      }
    }
  }
  free(buffer);
  return source->has_failed;
}

int otx_tiff_decode(const uint8_t *bytes, size_t count, uint8_t *pixels, uint32_t height,
                    uint32_t width, char *message, size_t capacity) {
  Source source = {bytes, count, 0, message, capacity, 0};
  TIFF *tiff = open_source(&source);
  if (!tiff) {
    fail(&source, "its directory cannot be read");
    return 1;
  }
  uint32_t own_height = 0, own_width = 0;
  uint16_t bits = 1, format = SAMPLEFORMAT_UINT, samples = 1;
  TIFFGetField(tiff, TIFFTAG_IMAGELENGTH, &own_height);
  TIFFGetField(tiff, TIFFTAG_IMAGEWIDTH, &own_width);
  TIFFGetFieldDefaulted(tiff, TIFFTAG_BITSPERSAMPLE, &bits);
  TIFFGetFieldDefaulted(tiff, TIFFTAG_SAMPLEFORMAT, &format);
  TIFFGetFieldDefaulted(tiff, TIFFTAG_SAMPLESPERPIXEL, &samples);
  if (own_height != height || own_width != width) {
    fail(&source, "the header's size changed while reading");
  } else if (source.has_failed) {
    // Said already.
  } else if (format == SAMPLEFORMAT_IEEEFP && bits == 32 && samples > 0) {
    Window whole = {0, 0, height, width};
    decode_samples(tiff, &source, pixels, whole, width, samples, bits, /*is_float*/ 1);
  } else if (format == SAMPLEFORMAT_UINT || format == SAMPLEFORMAT_VOID) {
    decode_integers(tiff, &source, pixels, height, width);
  } else {
    fail(&source, "samples are signed, complex or floats of another size than 32 bits; "
                  "save it with 8 bits");
  }
  TIFFClose(tiff);
  return source.has_failed;
}

// Samples of 8, 16 or 32 bits as numbers.
static void put_values(const uint8_t *samples, uint16_t bits, uint32_t count, uint32_t *values) {
  for (uint32_t x = 0; x < count; x++) {
    if (bits == 8) {
      values[x] = samples[x];
    } else if (bits == 16) {
      values[x] = ((const uint16_t *)samples)[x];
    } else {
      values[x] = ((const uint32_t *)samples)[x];
    }
  }
}

static void decode_values(TIFF *tiff, Source *source, uint32_t *values, uint32_t height,
                          uint32_t width, uint16_t bits) {
  uint32_t tile_height = 1, tile_width = width;
  int is_tiled = TIFFIsTiled(tiff);
  if (is_tiled) {
    TIFFGetField(tiff, TIFFTAG_TILEWIDTH, &tile_width);
    TIFFGetField(tiff, TIFFTAG_TILELENGTH, &tile_height);
  }
  tmsize_t size = is_tiled ? TIFFTileSize(tiff) : TIFFScanlineSize(tiff);
  tmsize_t needed = (tmsize_t)tile_height * tile_width * (bits / 8);
  uint8_t *buffer = size >= needed && needed > 0 ? (uint8_t *)malloc((size_t)size) : NULL;
  if (!buffer) {
    fail(source, "out of memory");
    return;
  }
  for (uint32_t y = 0; y < height && !source->has_failed; y += tile_height) {
    for (uint32_t x = 0; x < width && !source->has_failed; x += tile_width) {
      tmsize_t got = is_tiled ? TIFFReadTile(tiff, buffer, x, y, 0, 0)
                              : TIFFReadScanline(tiff, buffer, y, 0);
      if (got < 0) fail(source, "its pixels cannot be read");
      uint32_t rows = height - y < tile_height ? height - y : tile_height;
      uint32_t columns = width - x < tile_width ? width - x : tile_width;
      for (uint32_t row = 0; row < rows && !source->has_failed; row++)
        put_values(buffer + (size_t)row * tile_width * (bits / 8), bits, columns,
                   values + (size_t)(y + row) * width + x);
    }
  }
  free(buffer);
}

int otx_tiff_decode_values(const uint8_t *bytes, size_t count, uint32_t *values, uint32_t height,
                           uint32_t width, int *is_color, char *message, size_t capacity) {
  Source source = {bytes, count, 0, message, capacity, 0};
  *is_color = 0;
  TIFF *tiff = open_source(&source);
  if (!tiff) {
    fail(&source, "its directory cannot be read");
    return 1;
  }
  uint32_t own_height = 0, own_width = 0;
  uint16_t bits = 1, format = SAMPLEFORMAT_UINT, samples = 1, photometric = 0;
  TIFFGetField(tiff, TIFFTAG_IMAGELENGTH, &own_height);
  TIFFGetField(tiff, TIFFTAG_IMAGEWIDTH, &own_width);
  TIFFGetFieldDefaulted(tiff, TIFFTAG_BITSPERSAMPLE, &bits);
  TIFFGetFieldDefaulted(tiff, TIFFTAG_SAMPLEFORMAT, &format);
  TIFFGetFieldDefaulted(tiff, TIFFTAG_SAMPLESPERPIXEL, &samples);
  TIFFGetField(tiff, TIFFTAG_PHOTOMETRIC, &photometric);
  int is_integer = format == SAMPLEFORMAT_UINT || format == SAMPLEFORMAT_VOID ||
                   format == SAMPLEFORMAT_INT;
  int is_grey = photometric == PHOTOMETRIC_MINISBLACK || photometric == PHOTOMETRIC_PALETTE;
  if (own_height != height || own_width != width) {
    fail(&source, "the header's size changed while reading");
  } else if (samples == 1 && is_grey && is_integer && (bits == 8 || bits == 16 || bits == 32)) {
    decode_values(tiff, &source, values, height, width, bits);
  } else {
    // Its colours are to be taken.
    *is_color = 1;
  }
  TIFFClose(tiff);
  return source.has_failed;
}

struct otx_tiff {
  Source source;
  TIFF *tiff;
  uint32_t height, width;
  uint16_t bits, format, samples;
};

static TIFF *open_file(const char *path, const char *mode, Source *source) {
#if HAS_OPTIONS
  TIFFOpenOptions *options = make_options(source);
  if (!options) return NULL;
  TIFF *tiff = TIFFOpenExt(path, mode, options);
  TIFFOpenOptionsFree(options);
  return tiff;
#else
  (void)source;
  TIFFSetErrorHandler(NULL);
  TIFFSetWarningHandler(NULL);
  return TIFFOpen(path, mode);
#endif
}

// libtiff 4.5 takes uncompressed tiles of a file that is not mapped for damaged where their size is
// no multiple of its buffer's.
static int needs_mapping(TIFF *tiff) {
  uint16_t compression = COMPRESSION_NONE;
  TIFFGetFieldDefaulted(tiff, TIFFTAG_COMPRESSION, &compression);
  return TIFFIsTiled(tiff) && compression == COMPRESSION_NONE && TIFFTileSize(tiff) % 1024 != 0;
}

// Rows of strips or tiles.
static uint32_t block_height_of(const otx_tiff *file) {
  uint32_t height = file->height;
  if (TIFFIsTiled(file->tiff)) {
    TIFFGetField(file->tiff, TIFFTAG_TILELENGTH, &height);
  } else {
    TIFFGetFieldDefaulted(file->tiff, TIFFTAG_ROWSPERSTRIP, &height);
    height = least(height, file->height);
  }
  return height;
}

uint32_t otx_tiff_block_height(const otx_tiff *file) { return block_height_of(file); }

// Whether samples can be taken as they are, without colours to be computed.
static int is_plain(const otx_tiff *file) {
  uint16_t compression = COMPRESSION_NONE, photometric = PHOTOMETRIC_MINISBLACK;
  TIFFGetFieldDefaulted(file->tiff, TIFFTAG_COMPRESSION, &compression);
  TIFFGetField(file->tiff, TIFFTAG_PHOTOMETRIC, &photometric);
  if (compression == COMPRESSION_JPEG || (file->bits != 8 && file->bits != 16)) return 0;
  if (photometric == PHOTOMETRIC_RGB) return file->samples >= 3;
  return (photometric == PHOTOMETRIC_MINISBLACK || photometric == PHOTOMETRIC_MINISWHITE) &&
         (file->samples == 1 || file->samples == 2);
}

otx_tiff *otx_tiff_open(const char *path, uint32_t *height, uint32_t *width, char *message,
                        size_t capacity) {
  otx_tiff *file = (otx_tiff *)calloc(1, sizeof(otx_tiff));
  Source failure = {NULL, 0, 0, message, capacity, 0};
  if (!file) {
    fail(&failure, "out of memory");
    return NULL;
  }
  file->source = failure;
  // Not mapped into memory: a file that is cut short while it is read must be an error.
  file->tiff = open_file(path, "rm", &file->source);
  if (file->tiff && needs_mapping(file->tiff)) {
    TIFFClose(file->tiff);
    file->tiff = open_file(path, "r", &file->source);
  }
  if (!file->tiff) {
    fail(&file->source, "its directory cannot be read");
    free(file);
    return NULL;
  }
  TIFF *tiff = file->tiff;
  file->bits = 1;
  file->format = SAMPLEFORMAT_UINT;
  file->samples = 1;
  TIFFGetField(tiff, TIFFTAG_IMAGELENGTH, &file->height);
  TIFFGetField(tiff, TIFFTAG_IMAGEWIDTH, &file->width);
  TIFFGetFieldDefaulted(tiff, TIFFTAG_BITSPERSAMPLE, &file->bits);
  TIFFGetFieldDefaulted(tiff, TIFFTAG_SAMPLEFORMAT, &file->format);
  TIFFGetFieldDefaulted(tiff, TIFFTAG_SAMPLESPERPIXEL, &file->samples);
  keep_stored(tiff);
  *height = file->height;
  *width = file->width;
  return file;
}

void otx_tiff_close(otx_tiff *file) {
  if (!file) return;
  TIFFClose(file->tiff);
  free(file);
}

// Copies what a block of libtiff's RGBA reader, whose rows run upwards, has of the window.
static void put_block(const uint32_t *raster, uint32_t y, uint32_t x, uint32_t block_height,
                      uint32_t block_width, uint32_t rows, uint32_t columns, Window window,
                      uint8_t *pixels) {
  uint32_t top = most(y, window.y), left = most(x, window.x);
  uint32_t bottom = least(y + rows, window.y + window.height);
  uint32_t right = least(x + columns, window.x + window.width);
  for (uint32_t row = top; row < bottom; row++) {
    const uint32_t *from = raster + (size_t)(block_height - 1 - (row - y)) * block_width;
    uint8_t *to = pixels + ((size_t)(row - window.y) * window.width + left - window.x) * 3;
    for (uint32_t column = left; column < right; column++, to += 3) {
      uint32_t pixel = from[column - x];
      to[0] = (uint8_t)TIFFGetR(pixel);
      to[1] = (uint8_t)TIFFGetG(pixel);
      to[2] = (uint8_t)TIFFGetB(pixel);
    }
  }
}

// The strips or tiles that the window touches, one after the other.
static void decode_blocks(otx_tiff *file, Window window, uint32_t block_height,
                          uint32_t block_width, int is_tiled, uint8_t *pixels) {
  Source *source = &file->source;
  char text[1024] = "";
  if (!TIFFRGBAImageOK(file->tiff, text)) {
    fail(source, text);
    return;
  }
  uint32_t *raster = (uint32_t *)malloc((size_t)block_height * block_width * sizeof(uint32_t));
  if (!raster) {
    fail(source, "out of memory");
    return;
  }
  uint32_t bottom = window.y + window.height, right = window.x + window.width;
  for (uint32_t y = window.y - window.y % block_height; y < bottom; y += block_height) {
    uint32_t rows = least(block_height, file->height - y);
    for (uint32_t x = window.x - window.x % block_width; x < right; x += block_width) {
      uint32_t columns = least(block_width, file->width - x);
      int is_read = is_tiled ? TIFFReadRGBATileExt(file->tiff, x, y, raster, /*stop*/ 1)
                             : TIFFReadRGBAStripExt(file->tiff, y, raster, /*stop*/ 1);
      if (!is_read) fail(source, "its pixels cannot be read");
      if (source->has_failed) break;
      // A tile at the edge has its full height; the last strip is as high as what it holds.
      put_block(raster, y, x, is_tiled ? block_height : rows, block_width, rows, columns, window,
                pixels);
    }
    if (source->has_failed) break;
  }
  free(raster);
}

int otx_tiff_read_region(otx_tiff *file, uint32_t y, uint32_t x, uint32_t height, uint32_t width,
                         uint8_t *pixels, char *message, size_t capacity) {
  Source *source = &file->source;
  source->message = message;
  source->capacity = capacity;
  source->has_failed = 0;
  TIFF *tiff = file->tiff;
  Window window = {y, x, height, width};
  int is_tiled = TIFFIsTiled(tiff);
  uint32_t block_height = block_height_of(file), block_width = file->width;
  if (is_tiled) TIFFGetField(tiff, TIFFTAG_TILEWIDTH, &block_width);
  uint64_t block_pixels = (uint64_t)block_height * block_width;
  if (height == 0 || width == 0 || height > file->height || width > file->width ||
      y > file->height - height || x > file->width - width || block_height == 0 ||
      block_width == 0) {
    fail(source, "the region lies outside the picture");
  } else if (file->format == SAMPLEFORMAT_IEEEFP && file->bits == 32 && file->samples > 0) {
    decode_samples(tiff, source, pixels, window, file->width, file->samples, 32, /*is_float*/ 1);
  } else if (file->format != SAMPLEFORMAT_UINT && file->format != SAMPLEFORMAT_VOID) {
    fail(source, "samples are signed, complex or floats of another size than 32 bits; "
                 "save it with 8 bits");
  } else if (!is_tiled && block_pixels > (uint64_t)1 << 22 && is_plain(file)) {
    // A strip that is large, perhaps the whole picture: row by row.
    decode_samples(tiff, source, pixels, window, file->width, file->samples, file->bits, 0);
  } else if (block_pixels <= (uint64_t)1 << 26) {
    decode_blocks(file, window, block_height, block_width, is_tiled, pixels);
  } else {
    fail(source, "its strips or tiles are too large to be read one at a time; "
                 "save it in tiles of some hundred pixels");
  }
  return source->has_failed;
}
