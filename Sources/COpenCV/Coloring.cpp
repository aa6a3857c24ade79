#include "COpenCV.h"

#include "Support.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

// Rounding is part of these functions' promise: nothing may be fused but where it says so.
#pragma STDC FP_CONTRACT OFF

using namespace otx;

namespace {

/// `a * b + c`, rounded once, as PyTorch's kernels do where they add a multiple.
///
/// The product of two floats is exact in a double.
inline float fused(float a, float b, float c) { return float(double(a) * double(b) + double(c)); }

inline uint8_t truncated(float value) { return uint8_t(std::min(std::max(value, 0.0f), 255.0f)); }

inline float grey(const uint8_t *pixel) {
  return fused(pixel[2], 0.114f, fused(pixel[1], 0.587f, float(pixel[0]) * 0.2989f));
}

/// Calls `change` with each pixel.
template <typename Change>
void for_each_pixel(otx_cv_view picture, Change change) {
  for (int row = 0; row < picture.height; row++) {
    uint8_t *pixel = picture.pixels + row * picture.stride;
    for (int column = 0; column < picture.width; column++, pixel += 3) change(pixel);
  }
}

/// Turns the hue of one pixel, step by step as torchvision does, in 32-bit floats.
inline void turn_hue(uint8_t *pixel, float turn) {
  const float unit = 1.0f / 255.0f;
  const float r = pixel[0] * unit, g = pixel[1] * unit, b = pixel[2] * unit;
  const float high = std::max(r, std::max(g, b)), low = std::min(r, std::min(g, b));
  const float range = high - low;
  const bool is_grey = high == low;
  const float s = range / (is_grey ? 1.0f : high);
  const float divisor = is_grey ? 1.0f : range;
  const float rc = (high - r) / divisor, gc = (high - g) / divisor, bc = (high - b) / divisor;
  float h;
  if (high == r) {
    h = bc - gc;
  } else if (high == g) {
    h = rc + 2.0f - bc;
  } else {
    h = gc + 4.0f - rc;
  }
  h = std::fmod(h * float(1.0 / 6.0) + 1.0f, 1.0f);
  h = h + turn;
  h = h - std::floor(h);
  const float h6 = h * 6.0f;
  const float sector = std::floor(h6);
  const float f = h6 - sector;
  const float sxf = s * f;
  const float rest = 1.0f - s;
  auto clamp = [](float value) { return std::min(std::max(value, 0.0f), 1.0f); };
  const float q = clamp((1.0f - sxf) * high), t = clamp((sxf + rest) * high), p = clamp(rest * high);
  const float v = high;
  float result[3];
  switch ((int(sector) % 6 + 6) % 6) {
    case 0: result[0] = v, result[1] = t, result[2] = p; break;
    case 1: result[0] = q, result[1] = v, result[2] = p; break;
    case 2: result[0] = p, result[1] = v, result[2] = t; break;
    case 3: result[0] = p, result[1] = q, result[2] = v; break;
    case 4: result[0] = t, result[1] = p, result[2] = v; break;
    default: result[0] = v, result[1] = p, result[2] = q;
  }
  for (int channel = 0; channel < 3; channel++)
    pixel[channel] = uint8_t(result[channel] * 255.999f);
}

/// Quantiles of the normal distribution in the middle of 4096 equal parts.
const std::array<float, 4096> &normal_quantiles() {
  static const std::array<float, 4096> table = [] {
    std::array<float, 4096> values{};
    for (int index = 0; index < 2048; index++) {
      const double share = (index + 0.5) / 4096;
      double low = -8, high = 0;
      for (int step = 0; step < 60; step++) {
        const double middle = (low + high) / 2;
        (std::erfc(-middle / std::sqrt(2.0)) / 2 < share ? low : high) = middle;
      }
      values[index] = float(low);
      values[4095 - index] = float(-low);
    }
    return values;
  }();
  return table;
}

inline uint64_t split_mix(uint64_t &state) {
  uint64_t z = state += 0x9E3779B97F4A7C15ull;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
  return z ^ (z >> 31);
}

}  // namespace

int otx_cv_apply_tables(otx_cv_view picture, const uint8_t *tables, char *message,
                        size_t capacity) {
  return guarded(message, capacity, [&] {
    for_each_pixel(picture, [&](uint8_t *pixel) {
      pixel[0] = tables[pixel[0]];
      pixel[1] = tables[256 + pixel[1]];
      pixel[2] = tables[512 + pixel[2]];
    });
  });
}

int otx_cv_histograms(otx_cv_view picture, int64_t *counts, char *message, size_t capacity) {
  return guarded(message, capacity, [&] {
    std::fill(counts, counts + 768, 0);
    for_each_pixel(picture, [&](uint8_t *pixel) {
      counts[pixel[0]]++;
      counts[256 + pixel[1]]++;
      counts[512 + pixel[2]]++;
    });
  });
}

int otx_cv_mean_grey(otx_cv_view picture, float *mean, char *message, size_t capacity) {
  return guarded(message, capacity, [&] {
    double sum = 0;
    for_each_pixel(picture, [&](uint8_t *pixel) { sum += std::floor(grey(pixel)); });
    *mean = float(sum / std::max(1.0, double(picture.height) * picture.width));
  });
}

int otx_cv_grey(otx_cv_view picture, char *message, size_t capacity) {
  return guarded(message, capacity, [&] {
    for_each_pixel(picture, [](uint8_t *pixel) {
      pixel[0] = pixel[1] = pixel[2] = truncated(grey(pixel));
    });
  });
}

int otx_cv_saturate(otx_cv_view picture, double factor, char *message, size_t capacity) {
  return guarded(message, capacity, [&] {
    const float own = float(factor), other = float(1 - factor);
    for_each_pixel(picture, [=](uint8_t *pixel) {
      const float level = std::floor(grey(pixel));
      for (int channel = 0; channel < 3; channel++)
        pixel[channel] = truncated(fused(level, other, pixel[channel] * own));
    });
  });
}

int otx_cv_turn_hue(otx_cv_view picture, double turn, char *message, size_t capacity) {
  return guarded(message, capacity, [&] {
    for_each_pixel(picture, [=](uint8_t *pixel) { turn_hue(pixel, float(turn)); });
  });
}

int otx_cv_sharpen(otx_cv_view picture, double factor, char *message, size_t capacity) {
  return guarded(message, capacity, [&] {
    if (picture.height <= 2 || picture.width <= 2) return;
    const float other = float(1 - factor);
    cv::Mat to = mat(picture);
    const cv::Mat from = to.clone();
    for (int row = 1; row < picture.height - 1; row++) {
      const uint8_t *above = from.ptr(row - 1), *here = from.ptr(row), *below = from.ptr(row + 1);
      uint8_t *result = to.ptr(row);
      for (int index = 3; index < 3 * (picture.width - 1); index++) {
        const int sum = above[index - 3] + above[index] + above[index + 3] + here[index - 3] +
                        5 * here[index] + here[index + 3] + below[index - 3] + below[index] +
                        below[index + 3];
        // Rounded to the nearest; a 13th is never half way.
        const int smooth = (2 * sum + 13) / 26;
        result[index] = truncated(fused(float(smooth - here[index]), other, here[index]));
      }
    }
  });
}

int otx_cv_blur(otx_cv_view picture, int size, double sigma, char *message, size_t capacity) {
  return guarded(message, capacity, [&] {
    cv::Mat to = mat(picture);
    cv::Mat values;
    to.convertTo(values, CV_32FC3);
    const cv::Mat kernel = cv::getGaussianKernel(size, sigma, CV_32F);
    cv::sepFilter2D(values, values, CV_32F, kernel, kernel, cv::Point(-1, -1), 0,
                    cv::BORDER_REFLECT_101);
    values.convertTo(to, CV_8UC3);
    require_in_place(to, picture);
  });
}

int otx_cv_noise(otx_cv_view picture, uint64_t seed, double mean, double sigma, char *message,
                 size_t capacity) {
  return guarded(message, capacity, [&] {
    std::array<int16_t, 4096> steps;
    for (int index = 0; index < 4096; index++)
      steps[index] = cv::saturate_cast<int16_t>(mean + sigma * normal_quantiles()[index]);
    uint64_t state = seed;
    for_each_pixel(picture, [&](uint8_t *pixel) {
      uint64_t bits = split_mix(state);
      for (int channel = 0; channel < 3; channel++, bits >>= 12)
        pixel[channel] = cv::saturate_cast<uchar>(pixel[channel] + steps[bits & 4095]);
    });
  });
}

int otx_cv_warp_nearest(otx_cv_view source, otx_cv_view destination, const double *inverse,
                        otx_cv_color fill, char *message, size_t capacity) {
  return guarded(message, capacity, [&] {
    for (int row = 0; row < destination.height; row++) {
      uint8_t *to = destination.pixels + row * destination.stride;
      for (int column = 0; column < destination.width; column++, to += 3) {
        const double x = column + 0.5, y = row + 0.5;
        const double from_x = std::nearbyint(inverse[0] * x + inverse[1] * y + inverse[2] - 0.5);
        const double from_y = std::nearbyint(inverse[3] * x + inverse[4] * y + inverse[5] - 0.5);
        if (from_x >= 0 && from_y >= 0 && from_x < source.width && from_y < source.height) {
          const uint8_t *from =
              source.pixels + int64_t(from_y) * source.stride + 3 * int64_t(from_x);
          to[0] = from[0], to[1] = from[1], to[2] = from[2];
        } else {
          to[0] = fill.red, to[1] = fill.green, to[2] = fill.blue;
        }
      }
    }
  });
}
