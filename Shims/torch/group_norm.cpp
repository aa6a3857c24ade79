// Group normalisation with the activation that follows, while training.
//
// Of channels-last tensors libtorch computes the gradient of the input from coefficients of each pixel's group, one
// value at a time. A picture's channels are scaled and shifted like a batch's, though, only by other numbers for each
// picture: so the passes of the batch normalisation do it, and what they find of channels is joined to groups between
// them. The input alone is kept.
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/group_norm.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include <cmath>
#include <vector>

#include "CKernels.h"
#include "fused_normalization.h"
#include "group_norm.h"
#include "own_kernels.h"
#include "parallel.h"
#include "traffic.h"

namespace otx {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

/// The sizes of a tensor `[N, C, H, W]` whose channels are in groups.
struct Shape {
  Shape(const at::Tensor &input, int64_t groups)
      : groups{input.size(2) * input.size(3), input.size(1), groups}, pictures(input.size(0)) {}
  OTXGroups groups;
  int64_t pictures;
  int64_t rows() const { return pictures * groups.pixels; }
};

/// Numbers of each channel, or of each group, of every picture.
template <typename T>
class Table {
 public:
  Table(int64_t rows, int64_t columns) : columns_(columns), values_(static_cast<size_t>(rows * columns)) {}
  T *operator[](int64_t row) { return values_.data() + row * columns_; }
  const T *operator[](int64_t row) const { return values_.data() + row * columns_; }

 private:
  int64_t columns_;
  std::vector<T> values_;
};

/// Rows of one picture that one thread works on.
struct Piece {
  int64_t picture = 0, count = 0;
};

/// As many pieces as there can be.
int64_t pieceCount(const Shape &shape) { return shape.pictures + threadsFor(shape.rows() * shape.groups.channels); }

/// `body(index, piece, firstRow)` for each piece on its thread; indices rise with rows, and some may be left out.
template <typename Body>
void overPieces(const Shape &shape, Body &&body) {
  const int64_t pixels = shape.groups.pixels;
  overRows(shape.rows(), shape.groups.channels, [&](int64_t thread, int64_t first, int64_t last) {
    while (first < last) {
      const int64_t picture = first / pixels, end = std::min(last, (picture + 1) * pixels);
      body(picture + thread, Piece{picture, end - first}, first);
      first = end;
    }
  });
}

/// By what each channel of each picture is normalised.
struct Lines {
  Lines(
      const Shape &shape, const at::Tensor &mean, const at::Tensor &inverse, const at::Tensor &weight,
      const at::Tensor &bias)
      : scale(shape.pictures, shape.groups.channels), shift(scale), mean(scale) {
    const auto *m = mean.const_data_ptr<float>(), *i = inverse.const_data_ptr<float>();
    for (int64_t picture = 0; picture < shape.pictures; ++picture) {
      const int64_t at = picture * shape.groups.groups;
      otx_group_lines(
          &shape.groups, m + at, i + at, weight.const_data_ptr<float>(), bias.const_data_ptr<float>(), scale[picture],
          shift[picture], this->mean[picture]);
    }
  }
  OTXNormalization of(int64_t picture, const at::Tensor &input, OTXActivation kind) const {
    return {input.size(1), kernelElement(input.scalar_type()), kind, scale[picture], shift[picture]};
  }
  Table<float> scale, shift, mean;
};

at::Tensor applied(const at::Tensor &input, const Shape &shape, const Lines &lines, OTXActivation kind) {
  auto output = at::empty_like(input);
  overPieces(shape, [&](int64_t, Piece piece, int64_t first) {
    const auto how = lines.of(piece.picture, input, kind);
    otx_normalization_apply(&how, row(input, first), nullptr, mutableRow(output, first), piece.count);
  });
  passesOver(input, output);
  return output;
}

/// Mean and inverse of the standard deviation of each picture's groups, `[N, groups]`.
void findMoments(const at::Tensor &input, const Shape &shape, double epsilon, at::Tensor &mean, at::Tensor &inverse) {
  const int64_t channels = shape.groups.channels, groups = shape.groups.groups, slots = pieceCount(shape);
  Table<double> means(slots, channels), squares(slots, channels);
  std::vector<Piece> pieces(static_cast<size_t>(slots));
  OTXNormalization how{};
  how.channels = channels;
  how.element = kernelElement(input.scalar_type());
  overPieces(shape, [&](int64_t index, Piece piece, int64_t first) {
    pieces[index] = piece;
    otx_normalization_moments(&how, row(input, first), piece.count, means[index], squares[index]);
  });
  passesOver(input);

  mean = at::empty({shape.pictures, groups}, at::kFloat);
  inverse = at::empty({shape.pictures, groups}, at::kFloat);
  auto *m = mean.mutable_data_ptr<float>(), *i = inverse.mutable_data_ptr<float>();
  const double count = static_cast<double>(channels / groups) * static_cast<double>(shape.groups.pixels);
  std::vector<double> center(static_cast<size_t>(groups)), square(center);
  int64_t before = 0;
  for (int64_t index = 0; index < slots; ++index) {
    const auto &piece = pieces[index];
    if (piece.count == 0) continue;
    otx_group_moments(
        &shape.groups, means[index], squares[index], piece.count, before, center.data(), square.data());
    before += piece.count;
    if (before < shape.groups.pixels) continue;
    before = 0;
    for (int64_t group = 0; group < groups; ++group) {
      m[piece.picture * groups + group] = static_cast<float>(center[group]);
      i[piece.picture * groups + group] = static_cast<float>(1 / std::sqrt(square[group] / count + epsilon));
    }
  }
}

struct Gradients {
  at::Tensor input, weight, bias;
};

Gradients backward(
    const at::Tensor &gradient, const at::Tensor &input, const at::Tensor &weight, const at::Tensor &bias,
    const at::Tensor &mean, const at::Tensor &inverse, OTXActivation kind, bool wantsInput) {
  const Shape shape(input, mean.size(1));
  const Lines lines(shape, mean, inverse, weight, bias);
  const int64_t channels = shape.groups.channels, slots = pieceCount(shape);
  Table<double> sums(slots, channels), products(slots, channels);
  std::vector<Piece> pieces(static_cast<size_t>(slots));
  overPieces(shape, [&](int64_t index, Piece piece, int64_t first) {
    pieces[index] = piece;
    const auto how = lines.of(piece.picture, input, kind);
    otx_normalization_gradient_sums(
        &how, row(input, first), nullptr, row(gradient, first), nullptr, piece.count, lines.mean[piece.picture],
        sums[index], products[index]);
  });
  passesOver(input, gradient);

  // The pieces of a picture follow each other: the last of them holds its sums in the end.
  std::vector<int64_t> whole(static_cast<size_t>(shape.pictures), -1);
  for (int64_t index = 0; index < slots; ++index) {
    if (pieces[index].count == 0) continue;
    auto &last = whole[pieces[index].picture];
    for (int64_t c = 0; c < channels && last >= 0; ++c) {
      sums[index][c] += sums[last][c];
      products[index][c] += products[last][c];
    }
    last = index;
  }
  std::vector<double> ofWeight(static_cast<size_t>(channels)), ofBias(ofWeight);
  Table<float> slant(shape.pictures, channels), offset(shape.pictures, channels);
  for (int64_t picture = 0; picture < shape.pictures; ++picture) {
    otx_group_gradients(
        &shape.groups, inverse.const_data_ptr<float>() + picture * shape.groups.groups,
        weight.const_data_ptr<float>(), sums[whole[picture]], products[whole[picture]], ofWeight.data(),
        ofBias.data(), slant[picture], offset[picture]);
  }

  Gradients result;
  result.weight = at::empty_like(weight);
  result.bias = at::empty_like(bias);
  std::copy_n(ofWeight.data(), channels, result.weight.mutable_data_ptr<float>());
  std::copy_n(ofBias.data(), channels, result.bias.mutable_data_ptr<float>());
  if (!wantsInput) return result;
  result.input = at::empty_like(input);
  overPieces(shape, [&](int64_t, Piece piece, int64_t first) {
    const auto how = lines.of(piece.picture, input, kind);
    otx_normalization_input_gradient(
        &how, row(input, first), row(gradient, first), mutableRow(result.input, first), piece.count,
        lines.mean[piece.picture], slant[piece.picture], offset[piece.picture]);
  });
  passesOver(input, gradient, result.input);
  return result;
}

class GroupNormActivation : public torch::autograd::Function<GroupNormActivation> {
 public:
  static at::Tensor forward(
      AutogradContext *context, const at::Tensor &input, int64_t groups, const at::Tensor &weight,
      const at::Tensor &bias, double epsilon, int64_t kind) {
    const Shape shape(input, groups);
    at::Tensor mean, inverse;
    findMoments(input, shape, epsilon, mean, inverse);
    auto output = applied(input, shape, Lines(shape, mean, inverse, weight, bias), static_cast<OTXActivation>(kind));
    context->save_for_backward({input, weight, bias, mean, inverse});
    context->saved_data["kind"] = kind;
    return output;
  }

  static variable_list backward(AutogradContext *context, variable_list gradients) {
    TORCH_CHECK(
        !at::GradMode::is_enabled(),
        "otx::group_norm_activation has no second derivative (create_graph was asked for)");
    const auto saved = context->get_saved_variables();
    const auto kind = static_cast<OTXActivation>(context->saved_data["kind"].toInt());
    const auto gradient = gradients[0].to(saved[0].scalar_type()).contiguous(at::MemoryFormat::ChannelsLast);
    auto result = otx::backward(
        gradient, saved[0], saved[1], saved[2], saved[3], saved[4], kind, context->needs_input_grad(0));
    return {result.input, {}, result.weight, result.bias, {}, {}};
  }
};

/// Whether the kernels above can do it; what they cannot goes through libtorch's.
bool isSuited(const at::Tensor &input, int64_t groups, const at::Tensor &weight, const at::Tensor &bias) {
  if (!usesOwnKernels()) return false;
  if (!input.device().is_cpu() || input.dim() != 4 || input.numel() == 0) return false;
  if (input.scalar_type() != at::kFloat && input.scalar_type() != at::kBFloat16) return false;
  if (!input.is_contiguous(at::MemoryFormat::ChannelsLast)) return false;
  const auto channels = input.size(1);
  return groups > 0 && channels % groups == 0 && isPlain(weight, channels) && isPlain(bias, channels);
}

at::Tensor groupNormActivation(
    const at::Tensor &input, int64_t groups, const at::Tensor &weight, const at::Tensor &bias, double epsilon,
    int64_t activation) {
  const auto kind = activationOf(activation);
  if (isSuited(input, groups, weight, bias)) {
    return GroupNormActivation::apply(input, groups, weight, bias, epsilon, activation);
  }
  return activated(at::group_norm(input, groups, weight, bias, epsilon, true), kind);
}

using Node = torch::autograd::CppNode<GroupNormActivation>;

}  // namespace

bool isGroupNormalization(const torch::autograd::Node *node) { return dynamic_cast<const Node *>(node) != nullptr; }

at::Tensor recomputedGroups(torch::autograd::Node &node) {
  auto *maker = dynamic_cast<Node *>(&node);
  TORCH_CHECK(maker, "not the output of a group normalisation");
  const auto saved = maker->ctx_.get_saved_variables();
  const auto kind = static_cast<OTXActivation>(maker->ctx_.saved_data["kind"].toInt());
  at::NoGradGuard noGrad;
  const auto input = saved[0].detach();
  const Shape shape(input, saved[3].size(1));
  return applied(input, shape, Lines(shape, saved[3], saved[4], saved[1], saved[2]), kind);
}

TORCH_LIBRARY_FRAGMENT(otx, library) {
  library.def(
      "group_norm_activation(Tensor input, int num_groups, Tensor weight, Tensor bias, float eps, "
      "int activation) -> Tensor",
      groupNormActivation);
}

}  // namespace otx
