// Normalisation with its activation over channels-last rows. Included once for each instruction set, in a namespace of
// its own, behind `lanes.h` and `activations.h`.

/// Rows whose sums are kept in 32 bits, and which stay in the nearer caches meanwhile.
inline int64_t stretchFor(int64_t channels) { return std::max<int64_t>(32, 4096 / channels); }

/// Calls `body(first, last, channel, lanes)` for a few rows at a time, all channels of each in turn: rows come from memory
/// nearly in the order in which they lie, without which they would come at half of its speed, and sums are fetched and
/// kept once for so many values that nothing waits for it.
template <typename Body>
inline void overFewRows(int64_t channels, int64_t rowCount, Body &&body) {
  const int64_t few = std::max<int64_t>(2, 512 / channels);
  for (int64_t first = 0; first < rowCount; first += few) {
    const int64_t last = std::min(first + few, rowCount);
    overChannels(channels, [&](int64_t channel, auto lanes) { body(first, last, channel, lanes); });
  }
}

template <typename T>
void moments(const OTXNormalization &how, const void *rows, int64_t rowCount, double *mean, double *square) {
  const int64_t channels = how.channels, stretch = stretchFor(channels);
  std::vector<float> centers(static_cast<size_t>(channels)), spreads = centers;
  for (int64_t start = 0; start < rowCount; start += stretch) {
    const int64_t size = std::min(stretch, rowCount - start);
    const T *from = static_cast<const T *>(rows) + start * channels;
    std::fill(centers.begin(), centers.end(), 0.0f);
    std::fill(spreads.begin(), spreads.end(), 0.0f);
    overFewRows(channels, size, [&](int64_t first, int64_t last, int64_t channel, auto lanes) {
      using V = Lanes<decltype(lanes)::value>;
      // Two sums here and below, so that additions need not wait for each other.
      auto sum = V::load(centers.data() + channel), other = V::zero();
      int64_t row = first;
      for (; row + 2 <= last; row += 2) {
        sum += V::load(from + row * channels + channel);
        other += V::load(from + (row + 1) * channels + channel);
      }
      if (row < last) sum += V::load(from + row * channels + channel);
      V::store(centers.data() + channel, sum + other);
    });
    for (auto &center : centers) center /= static_cast<float>(size);
    overFewRows(channels, size, [&](int64_t first, int64_t last, int64_t channel, auto lanes) {
      using V = Lanes<decltype(lanes)::value>;
      const auto center = V::load(centers.data() + channel);
      auto spread = V::load(spreads.data() + channel), other = V::zero();
      int64_t row = first;
      for (; row + 2 <= last; row += 2) {
        const auto distance = V::load(from + row * channels + channel) - center;
        const auto next = V::load(from + (row + 1) * channels + channel) - center;
        spread += distance * distance;
        other += next * next;
      }
      if (row < last) {
        const auto distance = V::load(from + row * channels + channel) - center;
        spread += distance * distance;
      }
      V::store(spreads.data() + channel, spread + other);
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
    const T *x = static_cast<const T *>(rows) + offset, *g = static_cast<const T *>(gradient) + offset;
    const T *r = residual ? static_cast<const T *>(residual) + offset : nullptr;
    T *to = residual ? static_cast<T *>(residualGradient) + offset : nullptr;
    std::fill(totals.begin(), totals.end(), 0.0f);
    std::fill(products.begin(), products.end(), 0.0f);
    overFewRows(channels, size, [&](int64_t first, int64_t last, int64_t channel, auto width) {
      constexpr int lanes = decltype(width)::value;
      using V = Lanes<lanes>;
      const auto scale = V::load(how.scale + channel), shift = V::load(how.shift + channel);
      const auto center = V::load(mean + channel);
      auto total = V::load(totals.data() + channel), weighted = V::load(products.data() + channel);
      for (int64_t row = first; row < last; ++row) {
        const int64_t at = row * channels + channel;
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
