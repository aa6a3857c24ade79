// Non-maximum suppression, under the name that OpenVINO's front end knows.
//
// Same meaning as torchvision's operator: boxes in descending order of score (ties in order of
// index), a box is dropped when its overlap with a kept one is above the threshold. A batch puts
// thousands of boxes far apart (one offset per picture and class), so boxes are first split into
// groups that cannot touch, and each group is suppressed on its own.
#include <ATen/core/Tensor.h>
#include <ATen/ops/argsort.h>
#include <ATen/ops/empty.h>
#include <torch/library.h>

#include <algorithm>
#include <numeric>
#include <vector>

#if defined(__x86_64__)
// No FMA here: it rounds differently, and kept boxes must be torchvision's.
#define OTX_VECTORISED __attribute__((target_clones("default", "avx2")))
#else
#define OTX_VECTORISED
#endif

namespace {

/// The boxes of one group in order of score, as columns.
template <typename Real>
struct Columns {
  std::vector<Real> x1, y1, x2, y2, area;
  std::vector<int32_t> dropped;

  void resize(size_t count) {
    for (auto *column : {&x1, &y1, &x2, &y2, &area}) column->resize(count);
    dropped.assign(count, 0);
  }
};

template <typename Real>
inline __attribute__((always_inline)) void suppressBody(
    const Real *x1, const Real *y1, const Real *x2, const Real *y2, const Real *area, int32_t *dropped,
    size_t from, size_t count, Real threshold) {
  const size_t kept = from - 1;
  const Real left = x1[kept], top = y1[kept], right = x2[kept], bottom = y2[kept], own = area[kept];
  for (size_t j = from; j < count; ++j) {
    Real width = std::max(std::min(right, x2[j]) - std::max(left, x1[j]), Real(0));
    Real height = std::max(std::min(bottom, y2[j]) - std::max(top, y1[j]), Real(0));
    Real intersection = width * height;
    dropped[j] |= intersection / (own + area[j] - intersection) > threshold;
  }
}

OTX_VECTORISED void suppress(
    const float *x1, const float *y1, const float *x2, const float *y2, const float *area,
    int32_t *dropped, size_t from, size_t count, float threshold) {
  suppressBody(x1, y1, x2, y2, area, dropped, from, count, threshold);
}
OTX_VECTORISED void suppress(
    const double *x1, const double *y1, const double *x2, const double *y2, const double *area,
    int32_t *dropped, size_t from, size_t count, double threshold) {
  suppressBody(x1, y1, x2, y2, area, dropped, from, count, threshold);
}

/// Marks in `isKept` what stays of a group whose `ranks` are in order of score.
template <typename Real>
void suppressGroup(
    const Real *boxes, const int64_t *order, std::vector<int64_t> &ranks, Real threshold,
    Columns<Real> &columns, std::vector<char> &isKept) {
  if (ranks.size() == 1) {
    isKept[ranks[0]] = 1;
    return;
  }
  std::sort(ranks.begin(), ranks.end());
  columns.resize(ranks.size());
  for (size_t i = 0; i < ranks.size(); ++i) {
    const Real *box = boxes + 4 * order[ranks[i]];
    columns.x1[i] = box[0];
    columns.y1[i] = box[1];
    columns.x2[i] = box[2];
    columns.y2[i] = box[3];
    columns.area[i] = (box[2] - box[0]) * (box[3] - box[1]);
  }
  for (size_t i = 0; i < ranks.size(); ++i) {
    if (columns.dropped[i]) continue;
    isKept[ranks[i]] = 1;
    suppress(
        columns.x1.data(), columns.y1.data(), columns.x2.data(), columns.y2.data(), columns.area.data(),
        columns.dropped.data(), i + 1, ranks.size(), threshold);
  }
}

template <typename Real>
at::Tensor nmsOf(const at::Tensor &dets, const at::Tensor &order_, double threshold_) {
  const int64_t count = dets.size(0);
  const Real *boxes = dets.const_data_ptr<Real>();
  const int64_t *order = order_.const_data_ptr<int64_t>();
  const Real threshold = static_cast<Real>(threshold_);
  std::vector<char> isKept(count, 0);
  Columns<Real> columns;

  // Ranks by left edge; a group ends where the next box begins right of everything before it.
  std::vector<int64_t> byLeft;
  byLeft.reserve(count);
  for (int64_t rank = 0; rank < count; ++rank) {
    const Real *box = boxes + 4 * order[rank];
    // Overlap with a box of NaN is NaN, which is above no threshold.
    if (box[0] != box[0] || box[1] != box[1] || box[2] != box[2] || box[3] != box[3])
      isKept[rank] = 1;
    else
      byLeft.push_back(rank);
  }
  // Under a negative threshold boxes suppress each other without touching: one group.
  const bool separable = threshold >= 0;
  if (separable)
    std::sort(byLeft.begin(), byLeft.end(), [&](int64_t a, int64_t b) {
      return boxes[4 * order[a]] < boxes[4 * order[b]];
    });
  std::vector<int64_t> group;
  Real end = 0;
  for (int64_t rank : byLeft) {
    const Real *box = boxes + 4 * order[rank];
    if (separable && !group.empty() && box[0] > end) {
      suppressGroup(boxes, order, group, threshold, columns, isKept);
      group.clear();
    }
    const Real right = std::max(box[0], box[2]);
    end = group.empty() ? right : std::max(end, right);
    group.push_back(rank);
  }
  if (!group.empty()) suppressGroup(boxes, order, group, threshold, columns, isKept);

  auto kept = at::empty({std::count(isKept.begin(), isKept.end(), 1)}, order_.options());
  auto *out = kept.mutable_data_ptr<int64_t>();
  for (int64_t rank = 0; rank < count; ++rank)
    if (isKept[rank]) *out++ = order[rank];
  return kept;
}

at::Tensor nms(const at::Tensor &dets, const at::Tensor &scores, double threshold) {
  TORCH_CHECK(dets.dim() == 2 && dets.size(1) == 4, "boxes should be [N, 4], got ", dets.sizes());
  TORCH_CHECK(scores.dim() == 1, "scores should be [N], got ", scores.sizes());
  TORCH_CHECK(
      dets.size(0) == scores.size(0), "boxes and scores differ in number: ", dets.size(0), " and ",
      scores.size(0));
  const bool isDouble = dets.scalar_type() == at::kDouble;
  auto boxes = dets.to(isDouble ? at::kDouble : at::kFloat).contiguous();
  auto order = at::argsort(scores, /*stable=*/true, /*dim=*/0, /*descending=*/true).contiguous();
  return isDouble ? nmsOf<double>(boxes, order, threshold) : nmsOf<float>(boxes, order, threshold);
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(torchvision, library) {
  library.def("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor");
}
TORCH_LIBRARY_IMPL(torchvision, CPU, library) { library.impl("nms", nms); }
// The result is a list of indices: no gradient goes through it.
TORCH_LIBRARY_IMPL(torchvision, Autograd, library) {
  library.impl("nms", torch::CppFunction::makeFallthrough());
}
