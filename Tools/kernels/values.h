#pragma once
// What the kernels' checks share: values of either element, and how near a result must come.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <memory>
#include <random>
#include <vector>

#include "CKernels.h"

namespace kernelcheck {

inline uint16_t rounded(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  return static_cast<uint16_t>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

inline float widened(uint16_t half) {
  const uint32_t bits = static_cast<uint32_t>(half) << 16;
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

/// Values of either element on the heap, beginning at an odd multiple of the element's size.
class Values {
 public:
  Values(int64_t count, OTXKernelElement element, std::mt19937 *random = nullptr)
      : element_(element), bytes_(new char[static_cast<size_t>((count + 1) * size())]) {
    for (int64_t i = 0; i < count; ++i) set(i, random ? draw(*random) : 0);
  }
  static float draw(std::mt19937 &random) { return (static_cast<int>(random() % 2001) - 1000) / 500.0f; }
  char *data() { return bytes_.get() + size(); }
  double operator[](int64_t i) const {
    const char *at = bytes_.get() + (i + 1) * size();
    if (element_ == OTXKernelElementBFloat16) {
      uint16_t half;
      std::memcpy(&half, at, sizeof half);
      return widened(half);
    }
    float value;
    std::memcpy(&value, at, sizeof value);
    return value;
  }

 private:
  int64_t size() const { return element_ == OTXKernelElementBFloat16 ? 2 : 4; }
  void set(int64_t i, float value) {
    char *at = bytes_.get() + (i + 1) * size();
    const uint16_t half = rounded(value);
    if (element_ == OTXKernelElementBFloat16) std::memcpy(at, &half, sizeof half);
    else std::memcpy(at, &value, sizeof value);
  }
  OTXKernelElement element_;
  std::unique_ptr<char[]> bytes_;
};

inline std::vector<float> floats(int64_t count, std::mt19937 &random) {
  std::vector<float> values(static_cast<size_t>(count));
  for (auto &value : values) value = Values::draw(random);
  return values;
}

/// The largest difference seen, in parts of what is allowed.
inline double worst = 0;

inline void expect(const char *what, double got, double wanted, double scale, OTXKernelElement element) {
  const double allowed = (element == OTXKernelElementBFloat16 ? 4e-3 : 1e-6) * (scale + std::fabs(wanted));
  const double share = std::fabs(got - wanted) / allowed;
  if (!(share <= 1)) {
    std::fprintf(stderr, "%s: got %.9g, wanted %.9g, %.2g times what is allowed\n", what, got, wanted, share);
    throw 1;
  }
  worst = std::max(worst, share);
}

/// Checks tensors of more than 2^31 values on the best instruction set; takes little memory.
///
/// \returns 0 where all is well.
int checkLarge();

}  // namespace kernelcheck
