// Vectors of `count` floats, loaded from and stored as either kind of element. Included once for each instruction set,
// in a namespace of its own, where `widest` is the number of floats in its widest vector.

template <int count>
struct Lanes {
  typedef float Floats __attribute__((vector_size(4 * count)));
  typedef uint32_t Words __attribute__((vector_size(4 * count)));
  typedef uint16_t Halves __attribute__((vector_size(2 * count)));

  static inline Floats zero() { return Floats{}; }

  static inline Floats load(const float *from) {
    Floats values;
    std::memcpy(&values, from, sizeof values);
    return values;
  }
  static inline Floats load(const BFloat16 *from) {
    Halves halves;
    std::memcpy(&halves, from, sizeof halves);
    return (Floats)(__builtin_convertvector(halves, Words) << 16);
  }
  static inline void store(float *to, Floats values) { std::memcpy(to, &values, sizeof values); }
  static inline void store(BFloat16 *to, Floats values) {
    // To the nearest, ties to even; what is no number stays none.
    const auto bits = (Words)values;
    const Words rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
    const Words kept = (Words)(values == values) ? rounded : Words{} + 0x7fc0u;
    const auto halves = __builtin_convertvector(kept, Halves);
    std::memcpy(to, &halves, sizeof halves);
  }
};

/// Calls `body` with each block of channels: its first channel, and how many as a constant.
template <typename Body>
inline void overChannels(int64_t channels, Body &&body) {
  int64_t channel = 0;
  for (; channel + widest <= channels; channel += widest) body(channel, std::integral_constant<int, widest>());
  if constexpr (widest > 8) {
    for (; channel + 8 <= channels; channel += 8) body(channel, std::integral_constant<int, 8>());
  }
  for (; channel < channels; ++channel) body(channel, std::integral_constant<int, 1>());
}
