// Functions of vectors that several kernels need: exponentials, activations and their slopes. Included once for each
// instruction set, in a namespace of its own, behind `lanes.h`.

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
