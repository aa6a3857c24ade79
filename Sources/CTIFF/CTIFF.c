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

static TIFF *open_source(Source *source) {
#if HAS_OPTIONS
  TIFFOpenOptions *options = TIFFOpenOptionsAlloc();
  if (!options) return NULL;
  TIFFOpenOptionsSetErrorHandlerExtR(options, on_error, source);
  TIFFOpenOptionsSetWarningHandlerExtR(options, on_warning, source);
  TIFFOpenOptionsSetMaxSingleMemAlloc(options, (tmsize_t)1 << 31);
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

static int decode_integers(TIFF *tiff, Source *source, uint8_t *pixels, uint32_t height,
                           uint32_t width) {
  // libtiff multiplies colours by an alpha that is known not to be in them yet.
  uint16_t extra_count = 0;
  uint16_t *extra = NULL;
  if (TIFFGetField(tiff, TIFFTAG_EXTRASAMPLES, &extra_count, &extra) && extra_count == 1 &&
      extra[0] == EXTRASAMPLE_UNASSALPHA) {
    uint16_t unspecified = EXTRASAMPLE_UNSPECIFIED;
    TIFFSetField(tiff, TIFFTAG_EXTRASAMPLES, 1, &unspecified);
  }
  // Pixels as they are stored.
  TIFFSetField(tiff, TIFFTAG_ORIENTATION, ORIENTATION_TOPLEFT);
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
  uint32_t height, width, tile_height, tile_width;
  uint16_t samples, planes;
  int is_tiled;
} Layout;

// Puts `columns` pixels of a row, from a buffer of interleaved samples or of one sample each.
static int put_row(const Layout *layout, const float *values, uint16_t plane, uint32_t columns,
                   uint8_t *pixels) {
  uint16_t step = layout->planes > 1 ? 1 : layout->samples;
  for (uint32_t x = 0; x < columns; x++, values += step, pixels += 3) {
    if (layout->planes > 1) {
      if (!put_float(values[0], pixels + plane)) return 0;
    } else {
      for (int c = 0; c < 3; c++)
        if (!put_float(values[layout->samples >= 3 ? c : 0], pixels + c)) return 0;
    }
  }
  return 1;
}

static int decode_floats(TIFF *tiff, Source *source, uint8_t *pixels, uint32_t height,
                         uint32_t width, uint16_t samples) {
  uint16_t planar = PLANARCONFIG_CONTIG, photometric = PHOTOMETRIC_MINISBLACK;
  TIFFGetFieldDefaulted(tiff, TIFFTAG_PLANARCONFIG, &planar);
  TIFFGetField(tiff, TIFFTAG_PHOTOMETRIC, &photometric);
  int is_color = photometric == PHOTOMETRIC_RGB && samples >= 3;
  if (!is_color && !(photometric == PHOTOMETRIC_MINISBLACK && samples < 3)) {
    fail(source, "floating-point samples that are neither grey nor RGB");
    return 1;
  }
  Layout layout = {height, width, 1, width, samples, 1, TIFFIsTiled(tiff)};
  if (planar == PLANARCONFIG_SEPARATE) layout.planes = is_color ? 3 : 1;
  if (planar == PLANARCONFIG_SEPARATE && !is_color) layout.samples = 1;
  if (layout.is_tiled) {
    TIFFGetField(tiff, TIFFTAG_TILEWIDTH, &layout.tile_width);
    TIFFGetField(tiff, TIFFTAG_TILELENGTH, &layout.tile_height);
  }
  tmsize_t size = layout.is_tiled ? TIFFTileSize(tiff) : TIFFScanlineSize(tiff);
  uint16_t step = planar == PLANARCONFIG_SEPARATE ? 1 : samples;
  tmsize_t needed = (tmsize_t)layout.tile_height * layout.tile_width * step * 4;
  float *buffer = size >= needed ? (float *)malloc((size_t)size) : NULL;
  if (!buffer) {
    fail(source, "out of memory");
    return 1;
  }
  for (uint16_t plane = 0; plane < layout.planes && !source->has_failed; plane++) {
    for (uint32_t y = 0; y < height && !source->has_failed; y += layout.tile_height) {
      for (uint32_t x = 0; x < width && !source->has_failed; x += layout.tile_width) {
        tmsize_t got = layout.is_tiled ? TIFFReadTile(tiff, buffer, x, y, 0, plane)
                                       : TIFFReadScanline(tiff, buffer, y, plane);
        if (got < 0) fail(source, "its pixels cannot be read");
        uint32_t rows = height - y < layout.tile_height ? height - y : layout.tile_height;
        uint32_t columns = width - x < layout.tile_width ? width - x : layout.tile_width;
        for (uint32_t row = 0; row < rows && !source->has_failed; row++) {
          const float *values = buffer + (size_t)row * layout.tile_width * step;
          if (!put_row(&layout, values, plane, columns,
                       pixels + ((size_t)(y + row) * width + x) * 3))
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
    decode_floats(tiff, &source, pixels, height, width, samples);
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
