#pragma once
// Mean and spread of channels, gathered piece by piece.
#include <cstddef>
#include <cstdint>
#include <vector>

#include "CKernels.h"

namespace otx {

/// Mean and sum of squared distances from it, of each channel of `count` rows.
struct Moments {
  explicit Moments(int64_t channels) : mean(channels), square(channels) {}
  std::vector<double> mean, square;
  int64_t count = 0;

  /// Of rows that follow each other in memory, at least one.
  static Moments of(OTXKernelElement element, int64_t channels, const void *rows, int64_t rowCount) {
    Moments result(channels);
    OTXNormalization how{};
    how.channels = channels;
    how.element = element;
    otx_normalization_moments(&how, rows, rowCount, result.mean.data(), result.square.data());
    result.count = rowCount;
    return result;
  }

  void join(const Moments &other) {
    if (other.count == 0) return;
    const auto before = static_cast<double>(count), added = static_cast<double>(other.count);
    for (size_t c = 0; c < mean.size(); ++c) {
      const double step = other.mean[c] - mean[c];
      mean[c] += step * added / (before + added);
      square[c] += other.square[c] + step * step * before * added / (before + added);
    }
    count += other.count;
  }

  /// All of them together.
  static Moments joined(const std::vector<Moments> &parts) {
    Moments result = parts.front();
    for (size_t part = 1; part < parts.size(); ++part) result.join(parts[part]);
    return result;
  }
};

}  // namespace otx
