// Softmax of rows of scores, and its gradient. Included once for each instruction set, in a namespace of its own, behind
// `lanes.h` and `activations.h`. A row is divided as channels are.

template <int lanes>
inline float sumOf(typename Lanes<lanes>::Floats values) {
  float sum = 0;
  for (int lane = 0; lane < lanes; ++lane) sum += values[lane];
  return sum;
}

/// A row with an infinity or with what is no number, as the formula says it: slowly.
inline void softmaxOfAnyRow(const float *scores, float scale, BFloat16 *weights, int64_t length) {
  using V = Lanes<1>;
  float most = -INFINITY, sum = 0;
  for (int64_t i = 0; i < length; ++i) {
    const float score = scores[i] * scale;
    most = score > most || score != score ? score : most;
    if (most != most) break;
  }
  for (int64_t i = 0; i < length; ++i) sum += std::exp(scores[i] * scale - most);
  for (int64_t i = 0; i < length; ++i) V::store(weights + i, V::zero() + std::exp(scores[i] * scale - most) / sum);
}

void softmaxRows(const float *scores, float scale, BFloat16 *weights, int64_t rowCount, int64_t length) {
  std::vector<float> powers(static_cast<size_t>(length));
  for (int64_t row = 0; row < rowCount; ++row, scores += length, weights += length) {
    using Wide = Lanes<widest>;
    auto most = Wide::zero() - INFINITY, odd = Wide::zero();
    float rest = -INFINITY, oddRest = 0;
    overChannels(length, [&](int64_t i, auto width) {
      constexpr int lanes = decltype(width)::value;
      const auto value = Lanes<lanes>::load(scores + i) * scale;
      if constexpr (lanes == widest) {
        most = value > most ? value : most;
        odd += value - value;  // no number where the value is infinite or none
      } else {
        for (int lane = 0; lane < lanes; ++lane) {
          rest = std::max(rest, value[lane]);
          oddRest += value[lane] - value[lane];
        }
      }
    });
    for (int lane = 0; lane < widest; ++lane) rest = std::max(rest, most[lane]);
    if (!(sumOf<widest>(odd) + oddRest == 0)) {
      softmaxOfAnyRow(scores, scale, weights, length);
      continue;
    }
    auto sums = Wide::zero();
    float sum = 0;
    overChannels(length, [&](int64_t i, auto width) {
      constexpr int lanes = decltype(width)::value;
      using V = Lanes<lanes>;
      const auto power = Activated<BFloat16, lanes>::shortExponential(V::load(scores + i) * scale - rest);
      V::store(powers.data() + i, power);
      if constexpr (lanes == widest) {
        sums += power;
      } else {
        sum += sumOf<lanes>(power);
      }
    });
    const float share = 1 / (sum + sumOf<widest>(sums));
    overChannels(length, [&](int64_t i, auto width) {
      using V = Lanes<decltype(width)::value>;
      V::store(weights + i, V::load(powers.data() + i) * share);
    });
  }
}

void softmaxGradient(
    const BFloat16 *weights, const BFloat16 *gradient, float scale, BFloat16 *result, int64_t rowCount,
    int64_t length) {
  for (int64_t row = 0; row < rowCount; ++row, weights += length, gradient += length, result += length) {
    auto sums = Lanes<widest>::zero();
    float sum = 0;
    overChannels(length, [&](int64_t i, auto width) {
      constexpr int lanes = decltype(width)::value;
      const auto product = Lanes<lanes>::load(weights + i) * Lanes<lanes>::load(gradient + i);
      if constexpr (lanes == widest) {
        sums += product;
      } else {
        sum += sumOf<lanes>(product);
      }
    });
    sum += sumOf<widest>(sums);
    overChannels(length, [&](int64_t i, auto width) {
      using V = Lanes<decltype(width)::value>;
      V::store(result + i, V::load(weights + i) * (V::load(gradient + i) - sum) * scale);
    });
  }
}

constexpr SoftmaxKernels softmaxKernels = {&softmaxRows, &softmaxGradient};
