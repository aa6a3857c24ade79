// What is known of each group of channels, from what the passes over pixels found of each channel, and back.
#include "CKernels.h"

namespace {

/// `body(group, first, last)` for each group's channels.
template <typename Body>
void overGroups(const OTXGroups &how, Body &&body) {
  const int64_t width = how.channels / how.groups;
  for (int64_t group = 0; group < how.groups; ++group) body(group, group * width, (group + 1) * width);
}

}  // namespace

void otx_group_moments(
    const OTXGroups *how, const double *mean, const double *square, int64_t rowCount, int64_t rowsBefore,
    double *groupMean, double *groupSquare) {
  const double rows = static_cast<double>(rowCount), before = static_cast<double>(rowsBefore);
  const double width = static_cast<double>(how->channels / how->groups);
  overGroups(*how, [&](int64_t group, int64_t first, int64_t last) {
    double center = 0, spread = 0, between = 0;
    for (int64_t c = first; c < last; ++c) center += mean[c];
    center /= width;
    for (int64_t c = first; c < last; ++c) {
      const double distance = mean[c] - center;
      between += distance * distance;
      spread += square[c];
    }
    spread += between * rows;
    if (rowsBefore == 0) {
      groupMean[group] = center;
      groupSquare[group] = spread;
      return;
    }
    const double step = center - groupMean[group], share = rows / (before + rows);
    groupMean[group] += step * share;
    groupSquare[group] += spread + step * step * share * before * width;
  });
}

void otx_group_lines(
    const OTXGroups *how, const float *groupMean, const float *groupInverse, const float *weight, const float *bias,
    float *scale, float *shift, float *mean) {
  overGroups(*how, [&](int64_t group, int64_t first, int64_t last) {
    for (int64_t c = first; c < last; ++c) {
      scale[c] = weight[c] * groupInverse[group];
      shift[c] = bias[c] - groupMean[group] * scale[c];
      if (mean) mean[c] = groupMean[group];
    }
  });
}

void otx_group_gradients(
    const OTXGroups *how, const float *groupInverse, const float *weight, const double *sum, const double *product,
    double *weightGradient, double *biasGradient, float *slant, float *offset) {
  const double count = static_cast<double>(how->channels / how->groups) * static_cast<double>(how->pixels);
  overGroups(*how, [&](int64_t group, int64_t first, int64_t last) {
    const double inverse = groupInverse[group];
    double total = 0, weighted = 0;
    for (int64_t c = first; c < last; ++c) {
      total += sum[c] * weight[c];
      weighted += product[c] * weight[c];
      weightGradient[c] += product[c] * inverse;
      biasGradient[c] += sum[c];
    }
    for (int64_t c = first; c < last; ++c) {
      slant[c] = static_cast<float>(-weighted * inverse * inverse * inverse / count);
      offset[c] = static_cast<float>(-total * inverse / count);
    }
  });
}
