// Kernels over the rows of a channels-last tensor: `count` rows of `channels` values each.
//
// Included once for each instruction set, in a namespace of its own (batch_norm.cpp); the loops are
// written so that the compiler's vectoriser takes them, across the channels.

inline float load(const float *p) { return *p; }
inline float load(const c10::BFloat16 *p) {
  return std::bit_cast<float>(static_cast<uint32_t>(p->x) << 16);
}
inline void store(float *p, float value) { *p = value; }
inline void store(c10::BFloat16 *p, float value) {
  // To the nearest, ties to even; what is no number stays none.
  auto bits = std::bit_cast<uint32_t>(value);
  uint32_t rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
  p->x = static_cast<uint16_t>(value != value ? 0x7fc0u : rounded);
}

/// exp(x) within 2 units in the last place, over a degree 6 polynomial.
inline float exponential(float x) {
  x = x > 88.3762627f ? 88.3762627f : (x < -87.3365479f ? -87.3365479f : x);
  float shifted = x * 1.44269504f + 12582912.0f;  // rounds to a whole number in the low bits
  float whole = shifted - 12582912.0f;
  float rest = x - whole * 0.693359375f - whole * -2.12194440e-4f;
  float series = 1.9875691500e-4f;
  series = series * rest + 1.3981999507e-3f;
  series = series * rest + 8.3334519073e-3f;
  series = series * rest + 4.1665795894e-2f;
  series = series * rest + 1.6666665459e-1f;
  series = series * rest + 5.0000001201e-1f;
  series = series * rest * rest + rest + 1.0f;
  auto power = (std::bit_cast<int32_t>(shifted) - std::bit_cast<int32_t>(12582912.0f) + 127) << 23;
  return series * std::bit_cast<float>(power);
}

template <Activation kind>
inline float activated(float z) {
  if constexpr (kind == Activation::relu) return z > 0 ? z : (z != z ? z : 0.0f);
  if constexpr (kind == Activation::relu6) return z > 0 ? (z < 6 ? z : 6.0f) : (z != z ? z : 0.0f);
  if constexpr (kind == Activation::hardswish) {
    float gate = z + 3;
    gate = gate > 0 ? (gate < 6 ? gate : 6.0f) : 0.0f;
    return z * gate * (1.0f / 6);
  }
  if constexpr (kind == Activation::silu) return z / (1 + exponential(-z));
  return z;
}

/// The gradient before the activation, from the one after it.
template <Activation kind>
inline float slope(float z, float gradient) {
  if constexpr (kind == Activation::relu) return z > 0 ? gradient : 0.0f;
  if constexpr (kind == Activation::relu6) return z > 0 && z < 6 ? gradient : 0.0f;
  if constexpr (kind == Activation::hardswish) {
    float inner = gradient * (z * (1.0f / 3) + 0.5f);
    return z <= -3 ? 0.0f : (z < 3 ? inner : gradient);
  }
  if constexpr (kind == Activation::silu) {
    float gate = 1 / (1 + exponential(-z));
    return gradient * gate * (1 + z * (1 - gate));
  }
  return gradient;
}

/// Mean and sum of squared distances from it, of each channel, joined into `moments`.
///
/// Blocks of rows are read twice while they are in the cache and joined in double precision (Chan,
/// Golub and LeVeque, 1983), so that a large mean costs no digits.
template <typename T>
void collect(const T *rows, int64_t count, int64_t channels, Moments &moments) {
  const int64_t block = std::max<int64_t>(16, 8192 / channels);
  std::vector<float> sum(channels), square(channels);
  for (int64_t start = 0; start < count; start += block) {
    const int64_t size = std::min(block, count - start);
    const T *from = rows + start * channels;
    std::fill(sum.begin(), sum.end(), 0.0f);
    std::fill(square.begin(), square.end(), 0.0f);
    float *__restrict total = sum.data(), *__restrict spread = square.data();
    for (int64_t row = 0; row < size; ++row) {
      const T *__restrict x = from + row * channels;
      for (int64_t c = 0; c < channels; ++c) total[c] += load(x + c);
    }
    for (int64_t c = 0; c < channels; ++c) total[c] /= static_cast<float>(size);
    for (int64_t row = 0; row < size; ++row) {
      const T *__restrict x = from + row * channels;
      for (int64_t c = 0; c < channels; ++c) {
        float distance = load(x + c) - total[c];
        spread[c] += distance * distance;
      }
    }
    const double before = static_cast<double>(moments.count), added = static_cast<double>(size);
    for (int64_t c = 0; c < channels; ++c) {
      const double step = total[c] - moments.mean[c];
      moments.mean[c] += step * added / (before + added);
      moments.square[c] += spread[c] + step * step * before * added / (before + added);
    }
    moments.count += size;
  }
}

/// `out = activation(x * scale + shift + residual)`; no residual where it is null.
template <typename T, Activation kind>
void apply(
    const T *rows, const T *residual, T *out, int64_t count, int64_t channels, const float *scale_,
    const float *shift_) {
  const float *__restrict scale = scale_, *__restrict shift = shift_;
  for (int64_t row = 0; row < count; ++row) {
    const T *__restrict x = rows + row * channels;
    T *__restrict y = out + row * channels;
    if (residual) {
      const T *__restrict r = residual + row * channels;
      for (int64_t c = 0; c < channels; ++c)
        store(y + c, activated<kind>(load(x + c) * scale[c] + shift[c] + load(r + c)));
    } else {
      for (int64_t c = 0; c < channels; ++c)
        store(y + c, activated<kind>(load(x + c) * scale[c] + shift[c]));
    }
  }
}

/// Sums over the rows of the gradient before the activation, alone and times `x - mean`.
///
/// Writes that gradient to `ofResidual` unless it is null.
template <typename T, Activation kind>
void sumGradients(
    const T *rows, const T *residual, const T *gradient, T *ofResidual, int64_t count, int64_t channels,
    const float *scale_, const float *shift_, const float *mean_, double *sum, double *product) {
  const int64_t block = std::max<int64_t>(16, 8192 / channels);
  std::vector<float> blockSum(channels), blockProduct(channels);
  const float *__restrict scale = scale_, *__restrict shift = shift_, *__restrict mean = mean_;
  for (int64_t start = 0; start < count; start += block) {
    const int64_t end = std::min(start + block, count);
    std::fill(blockSum.begin(), blockSum.end(), 0.0f);
    std::fill(blockProduct.begin(), blockProduct.end(), 0.0f);
    float *__restrict total = blockSum.data(), *__restrict weighted = blockProduct.data();
    for (int64_t row = start; row < end; ++row) {
      const T *__restrict x = rows + row * channels;
      const T *__restrict g = gradient + row * channels;
      if (residual) {
        const T *__restrict r = residual + row * channels;
        T *__restrict out = ofResidual + row * channels;
        for (int64_t c = 0; c < channels; ++c) {
          const float value = load(x + c);
          const float before = slope<kind>(value * scale[c] + shift[c] + load(r + c), load(g + c));
          store(out + c, before);
          total[c] += before;
          weighted[c] += before * (value - mean[c]);
        }
      } else {
        for (int64_t c = 0; c < channels; ++c) {
          const float value = load(x + c);
          const float before = slope<kind>(value * scale[c] + shift[c], load(g + c));
          total[c] += before;
          weighted[c] += before * (value - mean[c]);
        }
      }
    }
    for (int64_t c = 0; c < channels; ++c) {
      sum[c] += total[c];
      product[c] += weighted[c];
    }
  }
}

/// `out = before * scale + (x - mean) * slant + offset`, `before` as in `sumGradients`.
template <typename T, Activation kind>
void inputGradients(
    const T *rows, const T *gradient, T *out, int64_t count, int64_t channels, const float *scale_,
    const float *shift_, const float *mean_, const float *slant_, const float *offset_) {
  const float *__restrict scale = scale_, *__restrict shift = shift_, *__restrict mean = mean_;
  const float *__restrict slant = slant_, *__restrict offset = offset_;
  for (int64_t row = 0; row < count; ++row) {
    const T *__restrict x = rows + row * channels;
    const T *__restrict g = gradient + row * channels;
    T *__restrict y = out + row * channels;
    for (int64_t c = 0; c < channels; ++c) {
      const float value = load(x + c);
      const float before = slope<kind>(value * scale[c] + shift[c], load(g + c));
      store(y + c, before * scale[c] + (value - mean[c]) * slant[c] + offset[c]);
    }
  }
}

template <typename T, Activation kind>
Kernels<T> kernelsOf() {
  return {&collect<T>, &apply<T, kind>, &sumGradients<T, kind>, &inputGradients<T, kind>,
          &inputGradients<T, Activation::identity>};
}

template <typename T>
Kernels<T> kernels(Activation kind) {
  switch (kind) {
    case Activation::relu: return kernelsOf<T, Activation::relu>();
    case Activation::relu6: return kernelsOf<T, Activation::relu6>();
    case Activation::hardswish: return kernelsOf<T, Activation::hardswish>();
    case Activation::silu: return kernelsOf<T, Activation::silu>();
    case Activation::identity: break;
  }
  return kernelsOf<T, Activation::identity>();
}
