// Normalisation with its activation over channels-last rows. Included once for each instruction set, in a namespace of
// its own, behind `lanes.h`.

/// Functions of vectors. `T` is what the result is stored as: half as many digits are computed for halves.
template <typename T, int lanes>
struct Activated {
  using V = Lanes<lanes>;
  using Floats = typename V::Floats;
  using Words = typename V::Words;
  static constexpr bool isShort = std::is_same_v<T, BFloat16>;

  static inline Floats choose(Words mask, Floats yes, Floats no) {
    return mask ? yes : no;
  }

  static inline Floats clamped(Floats values, float limit) {
    const Floats low = choose((Words)(values < limit), values, V::zero() + limit);
    return choose((Words)(low > -limit), low, V::zero() - limit);
  }

  /// exp(x) within 2 units in the last place: 2 to a whole power times a polynomial of degree 6.
  static inline Floats exponential(Floats x) {
    x = clamped(x, 87.3365479f);
    const Floats shifted = x * 1.44269504f + 12582912.0f;  // rounds to a whole number in the low bits
    const Floats whole = shifted - 12582912.0f;
    const Floats rest = x - whole * 0.693359375f - whole * -2.12194440e-4f;
    Floats series = rest * 1.9875691500e-4f + 1.3981999507e-3f;
    series = series * rest + 8.3334519073e-3f;
    series = series * rest + 4.1665795894e-2f;
    series = series * rest + 1.6666665459e-1f;
    series = series * rest + 5.0000001201e-1f;
    series = series * rest * rest + rest + 1.0f;
    return (Floats)((Words)series + ((Words)shifted << 23));
  }

  /// The same within 1e-4, by a polynomial of degree 3.
  static inline Floats shortExponential(Floats x) {
    const Floats power = clamped(x * 1.44269504f, 126.0f);
    const Floats shifted = power + 12582912.0f;
    const Floats part = power - (shifted - 12582912.0f);
    Floats series = part * 0.0551716685f + 0.242611125f;
    series = series * part + 0.693260968f;
    series = series * part + 0.999928057f;
    return (Floats)((Words)series + ((Words)shifted << 23));
  }

  /// 1 / (1 + exp(-z)), within 3e-4 where it is stored as a half.
  static inline Floats sigmoid(Floats z) {
    if constexpr (!isShort) {
      return choose((Words)(z == z), 1.0f / (exponential(-z) + 1.0f), z);
    }
    // The inverse by Newton's method, from an estimate within 12 %.
    const Floats whole = shortExponential(-z) + 1.0f;
    Floats inverse = (Floats)(0x7ef311c3u - (Words)whole);
    inverse = inverse * (2.0f - whole * inverse);
    inverse = inverse * (2.0f - whole * inverse);
    return choose((Words)(z == z), inverse, z);
  }

  template <OTXActivation kind>
  static inline Floats of(Floats z) {
    const Floats zero = V::zero(), six = zero + 6.0f;
    if constexpr (kind == OTXActivationReLU) return choose((Words)(z <= zero), zero, z);
    if constexpr (kind == OTXActivationReLU6) {
      const Floats low = choose((Words)(z <= zero), zero, z);
      return choose((Words)(low >= six), six, low);
    }
    if constexpr (kind == OTXActivationHardSwish) {
      Floats gate = z + 3.0f;
      gate = choose((Words)(gate > zero), gate, zero);
      gate = choose((Words)(gate < six), gate, six);
      return z * gate * (1.0f / 6);
    }
    if constexpr (kind == OTXActivationSiLU) return z * sigmoid(z);
    return z;
  }

  /// The gradient before the activation, from the one after it.
  template <OTXActivation kind>
  static inline Floats slope(Floats z, Floats gradient) {
    const Floats zero = V::zero();
    if constexpr (kind == OTXActivationReLU) return choose((Words)(z > zero), gradient, zero);
    if constexpr (kind == OTXActivationReLU6) {
      return choose((Words)(z > zero) & (Words)(z < zero + 6.0f), gradient, zero);
    }
    if constexpr (kind == OTXActivationHardSwish) {
      const Floats inner = gradient * (z * (1.0f / 3) + 0.5f);
      const Floats upper = choose((Words)(z < zero + 3.0f), inner, gradient);
      return choose((Words)(z <= zero - 3.0f), zero, upper);
    }
    if constexpr (kind == OTXActivationSiLU) {
      const Floats gate = sigmoid(z);
      return gradient * gate * (1.0f + z * (1.0f - gate));
    }
    return gradient;
  }
};

/// Rows that stay in the innermost cache while all channels pass.
inline int64_t stretchFor(int64_t channels) { return std::max<int64_t>(32, 8192 / channels); }

template <typename T>
void moments(const OTXNormalization &how, const void *rows, int64_t rowCount, double *mean, double *square) {
  const int64_t channels = how.channels, stretch = stretchFor(channels);
  std::vector<float> centers(static_cast<size_t>(channels)), spreads = centers;
  for (int64_t start = 0; start < rowCount; start += stretch) {
    const int64_t size = std::min(stretch, rowCount - start);
    const T *from = static_cast<const T *>(rows) + start * channels;
    overChannels(channels, [&](int64_t channel, auto width) {
      constexpr int lanes = decltype(width)::value;
      using V = Lanes<lanes>;
      // Two sums, so that additions need not wait for each other.
      auto sum = V::zero(), other = V::zero();
      const T *x = from + channel;
      int64_t row = 0;
      for (; row + 2 <= size; row += 2) {
        sum += V::load(x + row * channels);
        other += V::load(x + (row + 1) * channels);
      }
      if (row < size) sum += V::load(x + row * channels);
      const auto center = (sum + other) / static_cast<float>(size);
      auto spread = V::zero(), second = V::zero();
      for (row = 0; row + 2 <= size; row += 2) {
        const auto distance = V::load(x + row * channels) - center;
        const auto next = V::load(x + (row + 1) * channels) - center;
        spread += distance * distance;
        second += next * next;
      }
      if (row < size) {
        const auto distance = V::load(x + row * channels) - center;
        spread += distance * distance;
      }
      V::store(centers.data() + channel, center);
      V::store(spreads.data() + channel, spread + second);
    });
    if (start == 0) {
      std::copy_n(centers.data(), channels, mean);
      std::copy_n(spreads.data(), channels, square);
      continue;
    }
    const double before = static_cast<double>(start), added = static_cast<double>(size);
    const double share = added / (before + added), weight = before * share;
    for (int64_t c = 0; c < channels; ++c) {
      const double step = centers[c] - mean[c];
      mean[c] += step * share;
      square[c] += spreads[c] + step * step * weight;
    }
  }
}

template <typename T, OTXActivation kind>
void apply(const OTXNormalization &how, const void *rows, const void *residual, void *output, int64_t rowCount) {
  const int64_t channels = how.channels;
  const T *x = static_cast<const T *>(rows), *r = static_cast<const T *>(residual);
  T *y = static_cast<T *>(output);
  for (int64_t row = 0; row < rowCount; ++row, x += channels, y += channels) {
    overChannels(channels, [&](int64_t c, auto width) {
      constexpr int lanes = decltype(width)::value;
      using V = Lanes<lanes>;
      auto z = V::load(x + c) * V::load(how.scale + c) + V::load(how.shift + c);
      if (r) z += V::load(r + row * channels + c);
      V::store(y + c, Activated<T, lanes>::template of<kind>(z));
    });
  }
}

template <typename T, OTXActivation kind>
void gradientSums(
    const OTXNormalization &how, const void *rows, const void *residual, const void *gradient,
    void *residualGradient, int64_t rowCount, const float *mean, double *sum, double *product) {
  const int64_t channels = how.channels, stretch = stretchFor(channels);
  std::vector<float> totals(static_cast<size_t>(channels)), products = totals;
  for (int64_t start = 0; start < rowCount; start += stretch) {
    const int64_t size = std::min(stretch, rowCount - start), offset = start * channels;
    overChannels(channels, [&](int64_t channel, auto width) {
      constexpr int lanes = decltype(width)::value;
      using V = Lanes<lanes>;
      const T *x = static_cast<const T *>(rows) + offset + channel;
      const T *g = static_cast<const T *>(gradient) + offset + channel;
      const T *r = residual ? static_cast<const T *>(residual) + offset + channel : nullptr;
      T *to = residual ? static_cast<T *>(residualGradient) + offset + channel : nullptr;
      const auto scale = V::load(how.scale + channel), shift = V::load(how.shift + channel);
      const auto center = V::load(mean + channel);
      auto total = V::zero(), weighted = V::zero();
      for (int64_t row = 0; row < size; ++row) {
        const int64_t at = row * channels;
        const auto value = V::load(x + at);
        auto z = value * scale + shift;
        if (r) z += V::load(r + at);
        const auto before = Activated<T, lanes>::template slope<kind>(z, V::load(g + at));
        if (r) V::store(to + at, before);
        total += before;
        weighted += before * (value - center);
      }
      V::store(totals.data() + channel, total);
      V::store(products.data() + channel, weighted);
    });
    for (int64_t c = 0; c < channels; ++c) {
      sum[c] += totals[c];
      product[c] += products[c];
    }
  }
}

template <typename T, OTXActivation kind>
void inputGradient(
    const OTXNormalization &how, const void *rows, const void *gradient, void *result, int64_t rowCount,
    const float *mean, const float *slant, const float *offset) {
  const int64_t channels = how.channels;
  const T *x = static_cast<const T *>(rows), *g = static_cast<const T *>(gradient);
  T *y = static_cast<T *>(result);
  for (int64_t row = 0; row < rowCount; ++row, x += channels, g += channels, y += channels) {
    overChannels(channels, [&](int64_t c, auto width) {
      constexpr int lanes = decltype(width)::value;
      using V = Lanes<lanes>;
      const auto value = V::load(x + c), scale = V::load(how.scale + c);
      const auto z = value * scale + V::load(how.shift + c);
      const auto before = Activated<T, lanes>::template slope<kind>(z, V::load(g + c));
      V::store(y + c, before * scale + (value - V::load(mean + c)) * V::load(slant + c) + V::load(offset + c));
    });
  }
}

template <typename T, OTXActivation kind>
constexpr NormalizationKernels normalizationKernels = {
    &moments<T>, &apply<T, kind>, &gradientSums<T, kind>, &inputGradient<T, kind>};

template <typename T>
NormalizationKernels normalizationKernelsOf(OTXActivation kind) {
  switch (kind) {
    case OTXActivationReLU: return normalizationKernels<T, OTXActivationReLU>;
    case OTXActivationReLU6: return normalizationKernels<T, OTXActivationReLU6>;
    case OTXActivationHardSwish: return normalizationKernels<T, OTXActivationHardSwish>;
    case OTXActivationSiLU: return normalizationKernels<T, OTXActivationSiLU>;
    default: return normalizationKernels<T, OTXActivationIdentity>;
  }
}

NormalizationKernels normalizationKernelsFor(const OTXNormalization &how) {
  return how.element == OTXKernelElementFloat ? normalizationKernelsOf<float>(how.activation)
                                              : normalizationKernelsOf<BFloat16>(how.activation);
}
