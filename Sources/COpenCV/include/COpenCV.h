#pragma once

#include <stddef.h>
#include <stdint.h>

// OpenCV's core and imgproc behind a C interface. Pictures are RGB, 8 bits a channel, interleaved.
// Every function returns 0 for success; otherwise `message` (of `capacity` bytes) says why: no C++
// exception leaves this target. OpenCV runs without threads of its own; callers bring theirs.

#ifdef __cplusplus
extern "C" {
#endif

/// A part of a picture in memory. `stride` is the number of bytes from one row to the next.
typedef struct {
  uint8_t *pixels;
  int32_t height;
  int32_t width;
  int64_t stride;
} otx_cv_view;

typedef struct {
  uint8_t red;
  uint8_t green;
  uint8_t blue;
} otx_cv_color;

/// The interpolations of `otx_cv_resize`.
enum { OTX_CV_LINEAR = 0, OTX_CV_AREA = 1, OTX_CV_NEAREST = 2, OTX_CV_CUBIC = 3 };

/// Resizes `source` to the size of `destination`.
int otx_cv_resize(otx_cv_view source, otx_cv_view destination, int interpolation, char *message,
                  size_t capacity);

/// Turns and mirrors as EXIF's orientation (1…8) asks; 5…8 swap height and width.
int otx_cv_orient(otx_cv_view source, otx_cv_view destination, int orientation, char *message,
                  size_t capacity);

/// Mirrors left and right. `source` and `destination` may be the same.
int otx_cv_flip_horizontally(otx_cv_view source, otx_cv_view destination, char *message,
                             size_t capacity);

/// Parameters of one photometric distortion; see SSD (Liu et al. 2016), section 2.2.
typedef struct {
  /// Added to each channel.
  float brightness;
  /// Each channel is multiplied by it, before or after the changes of colour.
  float contrast;
  /// The saturation is multiplied by it.
  float saturation;
  /// Degrees added to the hue.
  float hue;
  int32_t contrast_first;
} otx_cv_distortion;

/// Changes colours in place, in 32-bit floats between the steps, rounded and clipped at the end.
int otx_cv_distort(otx_cv_view picture, otx_cv_distortion distortion, char *message,
                   size_t capacity);

/// Warps `source` by a matrix of two rows and three columns, row by row: the pixel (x, y) goes to
/// (m0 x + m1 y + m2, m3 x + m4 y + m5) of `destination`, bilinear; `fill` where nothing goes
/// (OpenCV's warpAffine).
int otx_cv_warp_affine(otx_cv_view source, otx_cv_view destination, const double *matrix,
                       otx_cv_color fill, char *message, size_t capacity);

/// Adds to hue (0…179, wrapping), saturation and value (0…255, clipped) of OpenCV's 8-bit HSV, in
/// place.
int otx_cv_shift_hsv(otx_cv_view picture, int hue, int saturation, int value, char *message,
                     size_t capacity);

/// The mean of both, rounded down, written into `picture`; both have one size.
int otx_cv_average(otx_cv_view picture, otx_cv_view other, char *message, size_t capacity);

/// `other` times `share` plus `picture` times the rest, rounded; both have one size.
int otx_cv_blend(otx_cv_view picture, otx_cv_view other, double share, char *message,
                 size_t capacity);

/// Replaces each level by its table's: three tables of 256, red, green and blue.
int otx_cv_apply_tables(otx_cv_view picture, const uint8_t *tables, char *message,
                        size_t capacity);

/// Counts levels: three histograms of 256, red, green and blue.
int otx_cv_histograms(otx_cv_view picture, int64_t *counts, char *message, size_t capacity);

/// The mean of the grey levels (0.2989, 0.587, 0.114), each rounded down.
int otx_cv_mean_grey(otx_cv_view picture, float *mean, char *message, size_t capacity);

/// Makes all channels the grey level, rounded down.
int otx_cv_grey(otx_cv_view picture, char *message, size_t capacity);

/// Mixes each pixel with its grey level; `factor` 0: grey, 1: as it is (torchvision's
/// adjust_saturation).
int otx_cv_saturate(otx_cv_view picture, double factor, char *message, size_t capacity);

/// Turns the hue by a share of the circle (torchvision's adjust_hue).
int otx_cv_turn_hue(otx_cv_view picture, double turn, char *message, size_t capacity);

/// Mixes each pixel with its smoothed neighbourhood; `factor` 0: smooth, 1: as it is (torchvision's
/// adjust_sharpness).
int otx_cv_sharpen(otx_cv_view picture, double factor, char *message, size_t capacity);

/// Gaussian blur in 32-bit floats, the borders reflected; `size` is odd.
int otx_cv_blur(otx_cv_view picture, int size, double sigma, char *message, size_t capacity);

/// Adds normal noise to each level, in units of 0…255; drawn from `seed`, in whole steps.
int otx_cv_noise(otx_cv_view picture, uint64_t seed, double mean, double sigma, char *message,
                 size_t capacity);

/// Fills `destination` with the nearest pixels of `source`: `inverse` (two rows, three columns) says
/// where a point of the destination comes from; the middle of the first pixel is (0.5, 0.5).
int otx_cv_warp_nearest(otx_cv_view source, otx_cv_view destination, const double *inverse,
                        otx_cv_color fill, char *message, size_t capacity);

/// Draws a rectangle; `thickness` below 0 fills it. Parts outside the picture are not drawn.
int otx_cv_rectangle(otx_cv_view picture, int x1, int y1, int x2, int y2, otx_cv_color color,
                     int thickness, char *message, size_t capacity);

/// Width, height above the base line, and depth below it of a line of text.
int otx_cv_text_size(const char *text, double scale, int thickness, int *width, int *height,
                     int *baseline, char *message, size_t capacity);

/// Draws a line of text (Hershey font, ASCII), antialiased; (`x`, `y`) is the left of its base line.
int otx_cv_text(otx_cv_view picture, const char *text, int x, int y, double scale,
                otx_cv_color color, int thickness, char *message, size_t capacity);

/// Draws a filled, antialiased polygon; `points` are `count` pairs of x and y.
int otx_cv_fill_polygon(otx_cv_view picture, const int32_t *points, int count, otx_cv_color color,
                        char *message, size_t capacity);

/// Draws a filled, antialiased circle.
int otx_cv_fill_circle(otx_cv_view picture, int x, int y, int radius, otx_cv_color color,
                       char *message, size_t capacity);

#ifdef __cplusplus
}
#endif
