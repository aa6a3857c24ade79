// Depthwise convolution over channels-last rows. Included once for each instruction set, in a namespace of its own,
// behind `lanes.h`.
//
// A tile of neighbouring pixels is computed at once: each vector of the input is loaded once a kernel row and meets all
// pixels of the tile that it counts for, with the weights of that row in registers.

/// Neighbouring pixels that are computed at once.
constexpr int tile = 8;

/// The rows of one picture that a kernel covers; NULL where it reaches over the edge.
template <typename T, int kernel>
struct Window {
  const T *rows[kernel];

  /// Rows `top`, `top + step` … of a picture of `height` rows.
  Window(const T *picture, int64_t top, int64_t height, int64_t rowLength) {
    for (int k = 0; k < kernel; ++k) {
      const int64_t y = top + k;
      rows[k] = y >= 0 && y < height ? picture + y * rowLength : nullptr;
    }
  }
};

/// `tile` pixels of a correlation, the first of them with its kernel's left edge at column `left`.
///
/// With `edge`, columns outside of the row count nothing and only `pixels` pixels are stored.
template <typename T, int lanes, int kernel, int stride, bool edge>
inline void correlate(
    const T *const *rows, int64_t width, int64_t channels, int64_t left, const float *weight, const float *bias, T *out,
    int64_t pixels) {
  using V = Lanes<lanes>;
  typename V::Floats sum[tile];
  const auto start = bias ? V::load(bias) : V::zero();
#pragma unroll
  for (int t = 0; t < tile; ++t) sum[t] = start;
  for (int ky = 0; ky < kernel; ++ky) {
    if (!rows[ky]) continue;
    typename V::Floats w[kernel];
#pragma unroll
    for (int kx = 0; kx < kernel; ++kx) w[kx] = V::load(weight + (ky * kernel + kx) * channels);
    const T *x = rows[ky] + left * channels;
#pragma unroll
    for (int j = 0; j < (tile - 1) * stride + kernel; ++j, x += channels) {
      if (edge && (left + j < 0 || left + j >= width)) continue;
      const auto value = V::load(x);
#pragma unroll
      for (int t = 0; t < tile; ++t) {
        const int kx = j - t * stride;
        if (kx >= 0 && kx < kernel) sum[t] += value * w[kx];
      }
    }
  }
#pragma unroll
  for (int t = 0; t < tile; ++t, out += channels) {
    if (!edge || t < pixels) V::store(out, sum[t]);
  }
}

/// A row of a correlation, `lanes` channels of it.
template <typename T, int lanes, int kernel, int stride>
inline void correlateRow(
    const T *const *rows, int64_t width, int64_t outputWidth, int64_t channels, int64_t padding, const float *weight,
    const float *bias, T *out) {
  for (int64_t pixel = 0; pixel < outputWidth; pixel += tile) {
    const int64_t left = pixel * stride - padding;
    T *to = out + pixel * channels;
    if constexpr (lanes > 1) {
      if (left >= 0 && left + (tile - 1) * stride + kernel <= width && pixel + tile <= outputWidth) {
        correlate<T, lanes, kernel, stride, false>(rows, width, channels, left, weight, bias, to, tile);
        continue;
      }
    }
    correlate<T, lanes, kernel, stride, true>(rows, width, channels, left, weight, bias, to, outputWidth - pixel);
  }
}

/// `tile` pixels of the gradient of the input of a convolution of stride 2, from column `left - padding` on; `left` is
/// even.
template <typename T, int lanes, int kernel, bool edge>
inline void spread(
    const T *const *rows, int64_t gradientWidth, int64_t channels, int64_t left, int64_t padding, int64_t width,
    const float *weight, T *out) {
  using V = Lanes<lanes>;
  constexpr int before = (kernel - 1) / 2;
  typename V::Floats sum[tile];
#pragma unroll
  for (int t = 0; t < tile; ++t) sum[t] = V::zero();
  for (int ky = 0; ky < kernel; ++ky) {
    if (!rows[ky]) continue;
    typename V::Floats w[kernel];
#pragma unroll
    for (int kx = 0; kx < kernel; ++kx) w[kx] = V::load(weight + (ky * kernel + kx) * channels);
    const int64_t first = left / 2 - before;
    const T *g = rows[ky] + first * channels;
#pragma unroll
    for (int j = 0; j < tile / 2 + before; ++j, g += channels) {
      if (edge && (first + j < 0 || first + j >= gradientWidth)) continue;
      const auto value = V::load(g);
#pragma unroll
      for (int kx = 0; kx < kernel; ++kx) {
        const int t = 2 * (j - before) + kx;
        if (t >= 0 && t < tile) sum[t] += value * w[kx];
      }
    }
  }
#pragma unroll
  for (int t = 0; t < tile; ++t) {
    const int64_t x = left - padding + t;
    if (!edge || (x >= 0 && x < width)) V::store(out + x * channels, sum[t]);
  }
}

/// A row of the gradient of the input of a convolution of stride 2, `lanes` channels of it.
template <typename T, int lanes, int kernel>
inline void spreadRow(
    const T *const *rows, int64_t gradientWidth, int64_t width, int64_t channels, int64_t padding, const float *weight,
    T *out) {
  constexpr int before = (kernel - 1) / 2;
  for (int64_t left = padding - padding % 2; left < width + padding; left += tile) {
    if constexpr (lanes > 1) {
      if (left >= padding && left + tile <= width + padding && left / 2 >= before &&
          left / 2 + tile / 2 <= gradientWidth) {
        spread<T, lanes, kernel, false>(rows, gradientWidth, channels, left, padding, width, weight, out);
        continue;
      }
    }
    spread<T, lanes, kernel, true>(rows, gradientWidth, channels, left, padding, width, weight, out);
  }
}

/// Adds a tile's share of the gradient of `count` kernel rows.
template <typename T, int lanes, int kernel, int stride, int count, bool edge>
inline void weigh(
    const T *const *rows, int64_t width, int64_t channels, int64_t left, const T *gradient, int64_t pixels,
    typename Lanes<lanes>::Floats (&sum)[count][kernel]) {
  using V = Lanes<lanes>;
  typename V::Floats g[tile];
#pragma unroll
  for (int t = 0; t < tile; ++t) g[t] = !edge || t < pixels ? V::load(gradient + t * channels) : V::zero();
#pragma unroll
  for (int k = 0; k < count; ++k) {
    if (!rows[k]) continue;
    const T *x = rows[k] + left * channels;
#pragma unroll
    for (int j = 0; j < (tile - 1) * stride + kernel; ++j, x += channels) {
      if (edge && (left + j < 0 || left + j >= width)) continue;
      const auto value = V::load(x);
#pragma unroll
      for (int t = 0; t < tile; ++t) {
        const int kx = j - t * stride;
        if (kx >= 0 && kx < kernel && (!edge || t < pixels)) sum[k][kx] += g[t] * value;
      }
    }
  }
}

/// What `count` rows of the kernel, from `firstKernelRow` on, get from some rows of one picture; `lanes` channels of it.
template <typename T, int lanes, int kernel, int stride, int count>
inline void weighRows(
    const OTXDepthwise &shape, const T *picture, const T *gradient, int firstKernelRow, int64_t firstRow,
    int64_t lastRow, double *sums) {
  using V = Lanes<lanes>;
  typename V::Floats sum[count][kernel];
#pragma unroll
  for (int k = 0; k < count; ++k) {
#pragma unroll
    for (int kx = 0; kx < kernel; ++kx) sum[k][kx] = V::zero();
  }
  const int64_t channels = shape.channels;
  for (int64_t row = firstRow; row < lastRow; ++row) {
    const Window<T, count> window(
        picture, row * stride - shape.padding + firstKernelRow, shape.inputHeight, shape.inputWidth * channels);
    const T *g = gradient + row * shape.outputWidth * channels;
    for (int64_t pixel = 0; pixel < shape.outputWidth; pixel += tile, g += tile * channels) {
      const int64_t left = pixel * stride - shape.padding;
      if constexpr (lanes > 1) {
        if (left >= 0 && left + (tile - 1) * stride + kernel <= shape.inputWidth &&
            pixel + tile <= shape.outputWidth) {
          weigh<T, lanes, kernel, stride, count, false>(window.rows, shape.inputWidth, channels, left, g, tile, sum);
          continue;
        }
      }
      weigh<T, lanes, kernel, stride, count, true>(
          window.rows, shape.inputWidth, channels, left, g, shape.outputWidth - pixel, sum);
    }
  }
  for (int k = 0; k < count; ++k) {
    for (int kx = 0; kx < kernel; ++kx) {
      double *to = sums + ((firstKernelRow + k) * kernel + kx) * channels;
      for (int lane = 0; lane < lanes; ++lane) to[lane] += sum[k][kx][lane];
    }
  }
}

template <typename T, int kernel, int stride>
void forward(
    const OTXDepthwise &shape, const void *input, const float *weight, const float *bias, void *output,
    int64_t firstRow, int64_t lastRow) {
  const int64_t channels = shape.channels, rowLength = shape.inputWidth * channels;
  for (int64_t row = firstRow; row < lastRow; ++row) {
    const int64_t picture = row / shape.outputHeight, y = row % shape.outputHeight;
    const T *from = static_cast<const T *>(input) + picture * shape.inputHeight * rowLength;
    T *to = static_cast<T *>(output) + row * shape.outputWidth * channels;
    overChannels(channels, [&](int64_t channel, auto lanes) {
      const Window<T, kernel> window(from + channel, y * stride - shape.padding, shape.inputHeight, rowLength);
      correlateRow<T, decltype(lanes)::value, kernel, stride>(
          window.rows, shape.inputWidth, shape.outputWidth, channels, shape.padding, weight + channel,
          bias ? bias + channel : nullptr, to + channel);
    });
  }
}

template <typename T, int kernel, int stride>
void inputGradient(
    const OTXDepthwise &shape, const void *outputGradient, const float *weight, void *result, int64_t firstRow,
    int64_t lastRow) {
  const int64_t channels = shape.channels, rowLength = shape.outputWidth * channels;
  for (int64_t row = firstRow; row < lastRow; ++row) {
    const int64_t picture = row / shape.inputHeight, y = row % shape.inputHeight;
    const T *from = static_cast<const T *>(outputGradient) + picture * shape.outputHeight * rowLength;
    T *to = static_cast<T *>(result) + row * shape.inputWidth * channels;
    overChannels(channels, [&](int64_t channel, auto lanes) {
      constexpr int count = decltype(lanes)::value;
      if constexpr (stride == 1) {
        // A correlation with the kernel turned by half a turn, which the caller did to the weights.
        const int64_t padding = kernel - 1 - shape.padding;
        const Window<T, kernel> window(from + channel, y - padding, shape.outputHeight, rowLength);
        correlateRow<T, count, kernel, 1>(
            window.rows, shape.outputWidth, shape.inputWidth, channels, padding, weight + channel, nullptr,
            to + channel);
      } else {
        const T *rows[kernel];
        for (int ky = 0; ky < kernel; ++ky) {
          const int64_t twice = y + shape.padding - ky;
          const bool counts = twice >= 0 && twice % 2 == 0 && twice / 2 < shape.outputHeight;
          rows[ky] = counts ? from + channel + twice / 2 * rowLength : nullptr;
        }
        spreadRow<T, count, kernel>(
            rows, shape.outputWidth, shape.inputWidth, channels, shape.padding, weight + channel, to + channel);
      }
    });
  }
}

template <typename T, int kernel, int stride>
void weightGradient(
    const OTXDepthwise &shape, const void *input, const void *outputGradient, double *sums, int64_t firstRow,
    int64_t lastRow) {
  // Rows whose inputs stay in the cache while all channels pass; sums of one stretch are kept in 32 bits.
  constexpr int64_t stretch = 8;
  const int64_t channels = shape.channels;
  for (int64_t row = firstRow; row < lastRow;) {
    const int64_t picture = row / shape.outputHeight, first = row % shape.outputHeight;
    const int64_t last = std::min({first + stretch, shape.outputHeight, first + lastRow - row});
    const T *x = static_cast<const T *>(input) + picture * shape.inputHeight * shape.inputWidth * channels;
    const T *g = static_cast<const T *>(outputGradient) + picture * shape.outputHeight * shape.outputWidth * channels;
    overChannels(channels, [&](int64_t channel, auto lanes) {
      constexpr int count = decltype(lanes)::value;
      // As many kernel rows at once as registers hold: sums, a tile of gradients and a value.
      constexpr int together = count == 1 ? 1 : kernel == 3 ? 3 : kernel == 5 && widest == 16 ? 2 : 1;
      int ky = 0;
      for (; ky + together <= kernel; ky += together)
        weighRows<T, count, kernel, stride, together>(shape, x + channel, g + channel, ky, first, last, sums + channel);
      for (; ky < kernel; ++ky)
        weighRows<T, count, kernel, stride, 1>(shape, x + channel, g + channel, ky, first, last, sums + channel);
    });
    row += last - first;
  }
}

template <typename T, int kernel, int stride>
constexpr DepthwiseKernels depthwiseKernels = {
    &forward<T, kernel, stride>, &inputGradient<T, kernel, stride>, &weightGradient<T, kernel, stride>};

template <typename T>
DepthwiseKernels depthwiseKernelsOf(const OTXDepthwise &shape) {
  switch (shape.kernel * 2 + shape.stride) {
    case 3 * 2 + 1: return depthwiseKernels<T, 3, 1>;
    case 3 * 2 + 2: return depthwiseKernels<T, 3, 2>;
    case 5 * 2 + 1: return depthwiseKernels<T, 5, 1>;
    case 5 * 2 + 2: return depthwiseKernels<T, 5, 2>;
    case 7 * 2 + 1: return depthwiseKernels<T, 7, 1>;
    default: return depthwiseKernels<T, 7, 2>;
  }
}

DepthwiseKernels depthwiseKernelsFor(const OTXDepthwise &shape) {
  return shape.element == OTXKernelElementFloat ? depthwiseKernelsOf<float>(shape)
                                                : depthwiseKernelsOf<BFloat16>(shape);
}
