#include "CPNG.h"

#include <png.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
  const uint8_t *bytes;
  size_t count;
  size_t position;
} Input;

typedef struct {
  uint8_t *bytes;
  size_t count;
  size_t capacity;
} Output;

typedef struct {
  char *text;
  size_t capacity;
} Message;

static void set_message(Message *message, const char *text) {
  if (message->capacity == 0) return;
  strncpy(message->text, text, message->capacity - 1);
  message->text[message->capacity - 1] = 0;
}

static void on_error(png_structp png, png_const_charp text) {
  set_message((Message *)png_get_error_ptr(png), text);
  png_longjmp(png, 1);
}

// Warnings are about chunks that do not touch the pixels (a bad colour profile, a text chunk).
static void on_warning(png_structp png, png_const_charp text) {
  (void)png;
  (void)text;
}

static void read_bytes(png_structp png, png_bytep destination, size_t count) {
  Input *input = (Input *)png_get_io_ptr(png);
  if (count > input->count - input->position) png_error(png, "the file ends too early");
  memcpy(destination, input->bytes + input->position, count);
  input->position += count;
}

static void write_bytes(png_structp png, png_bytep source, size_t count) {
  Output *output = (Output *)png_get_io_ptr(png);
  if (output->count + count > output->capacity) {
    size_t capacity = output->capacity ? output->capacity : 65536;
    while (capacity < output->count + count) capacity *= 2;
    uint8_t *grown = (uint8_t *)realloc(output->bytes, capacity);
    if (!grown) png_error(png, "out of memory");
    output->bytes = grown;
    output->capacity = capacity;
  }
  memcpy(output->bytes + output->count, source, count);
  output->count += count;
}

static void flush_bytes(png_structp png) { (void)png; }

int otx_png_decode(const uint8_t *bytes, size_t count, uint8_t *pixels, uint32_t height,
                   uint32_t width, char *text, size_t capacity) {
  Message message = {text, capacity};
  Input input = {bytes, count, 0};
  // Written after setjmp and read after a long jump, hence volatile.
  png_bytep *volatile rows = NULL;
  png_infop volatile info = NULL;
  png_structp png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &message, on_error, on_warning);
  if (!png) {
    set_message(&message, "out of memory");
    return 1;
  }
  if (setjmp(png_jmpbuf(png))) {
    png_infop made = info;
    png_destroy_read_struct(&png, made ? &made : NULL, NULL);
    free(rows);
    return 1;
  }
  info = png_create_info_struct(png);
  if (!info) png_error(png, "out of memory");
  png_set_read_fn(png, &input, read_bytes);
  png_read_info(png, info);

  if (png_get_image_height(png, info) != height || png_get_image_width(png, info) != width)
    png_error(png, "the header's size changed while reading");
  int color = png_get_color_type(png, info);
  if (png_get_bit_depth(png, info) == 16) png_set_strip_16(png);
  if (color == PNG_COLOR_TYPE_PALETTE) png_set_palette_to_rgb(png);
  if (color == PNG_COLOR_TYPE_GRAY && png_get_bit_depth(png, info) < 8)
    png_set_expand_gray_1_2_4_to_8(png);
  if (!(color & PNG_COLOR_MASK_COLOR)) png_set_gray_to_rgb(png);
  if ((color & PNG_COLOR_MASK_ALPHA) || png_get_valid(png, info, PNG_INFO_tRNS))
    png_set_strip_alpha(png);
  png_set_interlace_handling(png);
  png_read_update_info(png, info);
  if (png_get_rowbytes(png, info) != (size_t)width * 3) png_error(png, "unexpected row length");

  rows = (png_bytep *)malloc((size_t)height * sizeof(png_bytep));
  if (!rows) png_error(png, "out of memory");
  for (uint32_t row = 0; row < height; row++) rows[row] = pixels + (size_t)row * width * 3;
  png_read_image(png, rows);
  png_read_end(png, NULL);

  png_infop made = info;
  png_destroy_read_struct(&png, &made, NULL);
  free(rows);
  return 0;
}

// One number a pixel, of a row as libpng gives it.
static void unpack_row(const uint8_t *row, uint32_t *values, uint32_t width, int channels,
                       int bytes_per_sample) {
  for (uint32_t x = 0; x < width; x++) {
    if (channels == 3) {
      values[x] = (uint32_t)row[3 * x] << 16 | (uint32_t)row[3 * x + 1] << 8 | row[3 * x + 2];
    } else {
      values[x] = bytes_per_sample == 2 ? (uint32_t)row[2 * x] << 8 | row[2 * x + 1] : row[x];
    }
  }
}

int otx_png_decode_values(const uint8_t *bytes, size_t count, uint32_t *values, uint32_t height,
                          uint32_t width, int as_colors, int *is_color, char *text,
                          size_t capacity) {
  Message message = {text, capacity};
  Input input = {bytes, count, 0};
  png_bytep *volatile rows = NULL;
  png_bytep volatile samples = NULL;
  png_infop volatile info = NULL;
  png_structp png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &message, on_error, on_warning);
  if (!png) {
    set_message(&message, "out of memory");
    return 1;
  }
  if (setjmp(png_jmpbuf(png))) {
    png_infop made = info;
    png_destroy_read_struct(&png, made ? &made : NULL, NULL);
    free(rows);
    free(samples);
    return 1;
  }
  info = png_create_info_struct(png);
  if (!info) png_error(png, "out of memory");
  png_set_read_fn(png, &input, read_bytes);
  png_read_info(png, info);

  if (png_get_image_height(png, info) != height || png_get_image_width(png, info) != width)
    png_error(png, "the header's size changed while reading");
  int color = png_get_color_type(png, info);
  int is_palette = color == PNG_COLOR_TYPE_PALETTE;
  *is_color = as_colors || ((color & PNG_COLOR_MASK_COLOR) && !is_palette);
  if (png_get_bit_depth(png, info) == 16 && *is_color) png_set_strip_16(png);
  if (*is_color) {
    if (is_palette) png_set_palette_to_rgb(png);
    if (color == PNG_COLOR_TYPE_GRAY && png_get_bit_depth(png, info) < 8)
      png_set_expand_gray_1_2_4_to_8(png);
    if (!(color & PNG_COLOR_MASK_COLOR)) png_set_gray_to_rgb(png);
    if ((color & PNG_COLOR_MASK_ALPHA) || png_get_valid(png, info, PNG_INFO_tRNS))
      png_set_strip_alpha(png);
  } else {
    // Numbers as they are stored: no palette, no stretching of few bits.
    png_set_packing(png);
    if (color & PNG_COLOR_MASK_ALPHA) png_set_strip_alpha(png);
  }
  png_set_interlace_handling(png);
  png_read_update_info(png, info);
  int channels = *is_color ? 3 : 1;
  int bytes_per_sample = png_get_bit_depth(png, info) == 16 ? 2 : 1;
  size_t stride = (size_t)width * channels * bytes_per_sample;
  if (png_get_rowbytes(png, info) != stride) png_error(png, "unexpected row length");

  samples = (png_bytep)malloc((size_t)height * stride);
  rows = (png_bytep *)malloc((size_t)height * sizeof(png_bytep));
  if (!rows || !samples) png_error(png, "out of memory");
  for (uint32_t row = 0; row < height; row++) rows[row] = samples + row * stride;
  png_read_image(png, rows);
  png_read_end(png, NULL);
  for (uint32_t row = 0; row < height; row++)
    unpack_row(rows[row], values + (size_t)row * width, width, channels, bytes_per_sample);

  png_infop made = info;
  png_destroy_read_struct(&png, &made, NULL);
  free(rows);
  free(samples);
  return 0;
}

// Rows of `channels` samples of `bits` bits, big-endian.
static int encode(const uint8_t *samples, uint32_t height, uint32_t width, int channels, int bits,
                  int level, uint8_t **encoded, size_t *encoded_count, char *text,
                  size_t capacity);

int otx_png_encode(const uint8_t *pixels, uint32_t height, uint32_t width, int level,
                   uint8_t **encoded, size_t *encoded_count, char *text, size_t capacity) {
  return encode(pixels, height, width, 3, 8, level, encoded, encoded_count, text, capacity);
}

int otx_png_encode_grey(const uint8_t *samples, uint32_t height, uint32_t width, int bits,
                        int level, uint8_t **encoded, size_t *encoded_count, char *text,
                        size_t capacity) {
  return encode(samples, height, width, 1, bits, level, encoded, encoded_count, text, capacity);
}

static int encode(const uint8_t *samples, uint32_t height, uint32_t width, int channels, int bits,
                  int level, uint8_t **encoded, size_t *encoded_count, char *text,
                  size_t capacity) {
  Message message = {text, capacity};
  // Filled through a pointer that libpng holds, so a long jump does not disturb it.
  Output *output = (Output *)calloc(1, sizeof(Output));
  png_infop volatile info = NULL;
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &message, on_error, on_warning);
  if (!png || !output) {
    set_message(&message, "out of memory");
    png_destroy_write_struct(&png, NULL);
    free(output);
    return 1;
  }
  if (setjmp(png_jmpbuf(png))) {
    png_infop made = info;
    png_destroy_write_struct(&png, made ? &made : NULL);
    free(output->bytes);
    free(output);
    return 1;
  }
  info = png_create_info_struct(png);
  if (!info) png_error(png, "out of memory");
  png_set_write_fn(png, output, write_bytes, flush_bytes);
  png_set_compression_level(png, level);
  int color = channels == 3 ? PNG_COLOR_TYPE_RGB : PNG_COLOR_TYPE_GRAY;
  png_set_IHDR(png, info, width, height, bits, color, PNG_INTERLACE_NONE,
               PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  png_write_info(png, info);
  size_t stride = (size_t)width * channels * (bits / 8);
  for (uint32_t row = 0; row < height; row++) png_write_row(png, samples + row * stride);
  png_write_end(png, info);

  png_infop made = info;
  png_destroy_write_struct(&png, &made);
  *encoded = output->bytes;
  *encoded_count = output->count;
  free(output);
  return 0;
}

void otx_png_free(uint8_t *encoded) { free(encoded); }
