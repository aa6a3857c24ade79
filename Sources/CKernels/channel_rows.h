// Sums and scales of channels. Included once for each instruction set, in a namespace of its own, behind `lanes.h`.

/// Pixels whose sum is kept in 32 bits before it joins the picture's, so that large maps lose no digits.
constexpr int64_t stretch = 64;

/// Calls `body(first, last, channel, lanes)` for stretches of a picture's pixels, all channels of each in turn.
template <typename Body>
inline void overStretches(const OTXChannels &shape, Body &&body) {
  for (int64_t first = 0; first < shape.pixels; first += stretch) {
    const int64_t last = std::min(first + stretch, shape.pixels);
    overChannels(shape.channels, [&](int64_t channel, auto lanes) { body(first, last, channel, lanes); });
  }
}

template <typename T>
void sums(const OTXChannels &shape, const void *input, float *result, int64_t firstPicture, int64_t lastPicture) {
  const int64_t channels = shape.channels;
  for (int64_t picture = firstPicture; picture < lastPicture; ++picture) {
    const T *x = static_cast<const T *>(input) + picture * shape.pixels * channels;
    float *to = result + picture * channels;
    std::fill_n(to, channels, 0.0f);
    overStretches(shape, [&](int64_t first, int64_t last, int64_t channel, auto lanes) {
      using V = Lanes<decltype(lanes)::value>;
      auto sum = V::zero();
      for (int64_t pixel = first; pixel < last; ++pixel) sum += V::load(x + pixel * channels + channel);
      V::store(to + channel, V::load(to + channel) + sum);
    });
  }
}

template <typename T>
void scale(
    const OTXChannels &shape, const void *input, const float *gate, void *output, int64_t firstPicture,
    int64_t lastPicture) {
  const int64_t channels = shape.channels;
  for (int64_t picture = firstPicture; picture < lastPicture; ++picture) {
    const T *x = static_cast<const T *>(input) + picture * shape.pixels * channels;
    T *y = static_cast<T *>(output) + picture * shape.pixels * channels;
    const float *by = gate + picture * channels;
    for (int64_t pixel = 0; pixel < shape.pixels; ++pixel, x += channels, y += channels) {
      overChannels(channels, [&](int64_t channel, auto lanes) {
        using V = Lanes<decltype(lanes)::value>;
        V::store(y + channel, V::load(x + channel) * V::load(by + channel));
      });
    }
  }
}

template <typename T>
void scaleGradient(
    const OTXChannels &shape, const void *input, const float *gate, const void *outputGradient, void *inputGradient,
    float *gateGradient, int64_t firstPicture, int64_t lastPicture) {
  const int64_t channels = shape.channels;
  for (int64_t picture = firstPicture; picture < lastPicture; ++picture) {
    const int64_t start = picture * shape.pixels * channels;
    const T *x = static_cast<const T *>(input) + start, *g = static_cast<const T *>(outputGradient) + start;
    T *to = static_cast<T *>(inputGradient) + start;
    const float *by = gate + picture * channels;
    float *ofGate = gateGradient + picture * channels;
    std::fill_n(ofGate, channels, 0.0f);
    overStretches(shape, [&](int64_t first, int64_t last, int64_t channel, auto lanes) {
      using V = Lanes<decltype(lanes)::value>;
      auto sum = V::zero();
      const auto factor = V::load(by + channel);
      for (int64_t pixel = first; pixel < last; ++pixel) {
        const int64_t at = pixel * channels + channel;
        const auto gradient = V::load(g + at);
        sum += gradient * V::load(x + at);
        V::store(to + at, gradient * factor);
      }
      V::store(ofGate + channel, V::load(ofGate + channel) + sum);
    });
  }
}

ChannelKernels channelKernelsFor(OTXKernelElement element) {
  if (element == OTXKernelElementFloat) return {&sums<float>, &scale<float>, &scaleGradient<float>};
  return {&sums<BFloat16>, &scale<BFloat16>, &scaleGradient<BFloat16>};
}
