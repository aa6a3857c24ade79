// Compares the training kernels with plain loops in double precision, over random shapes.
//
//   fuzz SEED CASES
//   fuzz large         tensors of more than 2^31 values, on the best instruction set; takes little memory
//
// Each case draws its shape, element, instruction set and division of the work. Memory is as long as it must be and no
// longer, at addresses that are aligned to the element alone, so that a sanitizer sees every step beside it. Built and
// run by `Scripts/test-kernels.sh`.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <memory>
#include <random>
#include <thread>
#include <vector>

#include "CKernels.h"
#include "values.h"

namespace {

using namespace kernelcheck;

/// `body(first, last)` for two parts of `count`, on two threads at once.
template <typename Body>
void inTwoParts(int64_t count, std::mt19937 &random, Body &&body) {
  const int64_t middle = static_cast<int64_t>(random() % static_cast<uint64_t>(count + 1));
  std::thread other([&] { body(0, middle); });
  body(middle, count);
  other.join();
}

int64_t between(std::mt19937 &random, int64_t least, int64_t most) {
  return least + static_cast<int64_t>(random() % static_cast<uint64_t>(most - least + 1));
}

void depthwise(std::mt19937 &random) {
  OTXDepthwise shape{};
  shape.kernel = static_cast<int32_t>(3 + 2 * between(random, 0, 2));
  shape.stride = static_cast<int32_t>(between(random, 1, 2));
  shape.padding = static_cast<int32_t>(between(random, 0, shape.kernel - 1));
  shape.element = static_cast<OTXKernelElement>(random() % 2);
  shape.batch = between(random, 1, 3);
  shape.channels = between(random, 1, 40);
  const int64_t least = std::max<int64_t>(1, shape.kernel - 2 * shape.padding);
  shape.inputHeight = between(random, least, least + 20);
  shape.inputWidth = between(random, least, least + 30);
  shape.outputHeight = (shape.inputHeight + 2 * shape.padding - shape.kernel) / shape.stride + 1;
  shape.outputWidth = (shape.inputWidth + 2 * shape.padding - shape.kernel) / shape.stride + 1;
  if (!otx_depthwise_is_supported(&shape)) throw 1;

  const auto element = shape.element;
  const int64_t channels = shape.channels, taps = shape.kernel * shape.kernel;
  const int64_t inputCount = shape.batch * shape.inputHeight * shape.inputWidth * channels;
  const int64_t outputCount = shape.batch * shape.outputHeight * shape.outputWidth * channels;
  Values input(inputCount, element, &random), gradient(outputCount, element, &random);
  Values output(outputCount, element), inputGradient(inputCount, element);
  const auto weight = floats(taps * channels, random), bias = floats(channels, random);
  auto turned = weight;
  otx_depthwise_turn_weight(&shape, weight.data(), turned.data());
  const bool biased = random() % 2;
  std::vector<double> sums(static_cast<size_t>(taps * channels)), others = sums;

  inTwoParts(shape.batch * shape.outputHeight, random, [&](int64_t first, int64_t last) {
    otx_depthwise_forward(
        &shape, input.data(), weight.data(), biased ? bias.data() : nullptr, output.data(), first, last);
    otx_depthwise_weight_gradient(
        &shape, input.data(), gradient.data(), first == 0 ? sums.data() : others.data(), first, last);
  });
  inTwoParts(shape.batch * shape.inputHeight, random, [&](int64_t first, int64_t last) {
    otx_depthwise_input_gradient(&shape, gradient.data(), turned.data(), inputGradient.data(), first, last);
  });

  std::vector<double> ofInput(static_cast<size_t>(inputCount)), ofWeight(sums.size());
  for (int64_t o = 0; o < outputCount; ++o) {
    const int64_t channel = o % channels, x = o / channels % shape.outputWidth;
    const int64_t y = o / channels / shape.outputWidth % shape.outputHeight;
    const int64_t picture = o / channels / shape.outputWidth / shape.outputHeight;
    double sum = biased ? bias[channel] : 0;
    for (int64_t tap = 0; tap < taps; ++tap) {
      const int64_t fromY = y * shape.stride - shape.padding + tap / shape.kernel;
      const int64_t fromX = x * shape.stride - shape.padding + tap % shape.kernel;
      if (fromY < 0 || fromY >= shape.inputHeight || fromX < 0 || fromX >= shape.inputWidth) continue;
      const int64_t i = ((picture * shape.inputHeight + fromY) * shape.inputWidth + fromX) * channels + channel;
      const int64_t w = tap * channels + channel;
      sum += input[i] * weight[w];
      ofInput[i] += gradient[o] * weight[w];
      ofWeight[w] += gradient[o] * input[i];
    }
    expect("depthwise output", output[o], sum, 20, element);
  }
  for (int64_t i = 0; i < inputCount; ++i) expect("depthwise input gradient", inputGradient[i], ofInput[i], 20, element);
  for (size_t w = 0; w < sums.size(); ++w)
    expect("depthwise weight gradient", sums[w] + others[w], ofWeight[w], 100, OTXKernelElementFloat);
}

void channels(std::mt19937 &random) {
  OTXChannels shape{};
  shape.element = static_cast<OTXKernelElement>(random() % 2);
  shape.batch = between(random, 1, 3);
  shape.channels = between(random, 1, 70);
  shape.pixels = between(random, 1, 150);
  const int64_t count = shape.batch * shape.pixels * shape.channels, perPicture = shape.batch * shape.channels;
  Values input(count, shape.element, &random), gradient(count, shape.element, &random);
  Values output(count, shape.element), inputGradient(count, shape.element);
  const auto gate = floats(perPicture, random);
  std::vector<float> sums(static_cast<size_t>(perPicture)), gateGradient = sums;
  inTwoParts(shape.batch, random, [&](int64_t first, int64_t last) {
    otx_channel_sums(&shape, input.data(), sums.data(), first, last);
    otx_channel_scale(&shape, input.data(), gate.data(), output.data(), first, last);
    otx_channel_scale_gradient(
        &shape, input.data(), gate.data(), gradient.data(), inputGradient.data(), gateGradient.data(), first, last);
  });
  std::vector<double> sum(static_cast<size_t>(perPicture)), ofGate = sum;
  for (int64_t i = 0; i < count; ++i) {
    const int64_t at = i / (shape.pixels * shape.channels) * shape.channels + i % shape.channels;
    sum[at] += input[i];
    ofGate[at] += input[i] * gradient[i];
    expect("scaled", output[i], input[i] * gate[at], 1, shape.element);
    expect("gradient of what was scaled", inputGradient[i], gradient[i] * gate[at], 1, shape.element);
  }
  for (int64_t at = 0; at < perPicture; ++at) {
    expect("sum", sums[at], sum[at], 50, OTXKernelElementFloat);
    expect("gradient of the gate", gateGradient[at], ofGate[at], 100, OTXKernelElementFloat);
  }
}

/// The activation, or its derivative, in double precision.
double activated(OTXActivation kind, double z, bool isDerivative) {
  const double gate = 1 / (1 + std::exp(-z));
  switch (kind) {
    case OTXActivationReLU: return isDerivative ? z > 0 : std::max(z, 0.0);
    case OTXActivationReLU6: return isDerivative ? z > 0 && z < 6 : std::clamp(z, 0.0, 6.0);
    case OTXActivationHardSwish:
      if (isDerivative) return z <= -3 ? 0 : z < 3 ? z / 3 + 0.5 : 1;
      return z * std::clamp(z + 3, 0.0, 6.0) / 6;
    case OTXActivationSiLU: return isDerivative ? gate * (1 + z * (1 - gate)) : z * gate;
    default: return isDerivative ? 1 : z;
  }
}

/// Whether the derivative jumps so near `z` that rounding decides on which side it is.
bool jumps(OTXActivation kind, double z, double margin = 1e-4) {
  const auto isNear = [&](double place) { return std::fabs(z - place) < margin; };
  if (kind == OTXActivationReLU) return isNear(0);
  if (kind == OTXActivationReLU6) return isNear(0) || isNear(6);
  return kind == OTXActivationHardSwish && (isNear(-3) || isNear(3));
}

void normalization(std::mt19937 &random) {
  OTXNormalization how{};
  how.element = static_cast<OTXKernelElement>(random() % 2);
  how.activation = static_cast<OTXActivation>(random() % 5);
  how.channels = between(random, 1, 70);
  const int64_t channels = how.channels, rows = between(random, 1, 300), count = rows * channels;
  const bool adds = random() % 2;
  const auto element = how.element;
  Values input(count, element, &random), residual(count, element, &random), gradient(count, element, &random);
  Values output(count, element), inputGradient(count, element), residualGradient(count, element);
  const auto scale = floats(channels, random), shift = floats(channels, random), mean = floats(channels, random);
  const auto slant = floats(channels, random), offset = floats(channels, random);
  how.scale = scale.data();
  how.shift = shift.data();

  std::vector<double> center(channels), square(channels), sum(channels), product(channels);
  otx_normalization_moments(&how, input.data(), rows, center.data(), square.data());
  otx_normalization_apply(&how, input.data(), adds ? residual.data() : nullptr, output.data(), rows);
  otx_normalization_gradient_sums(
      &how, input.data(), adds ? residual.data() : nullptr, gradient.data(), adds ? residualGradient.data() : nullptr,
      rows, mean.data(), sum.data(), product.data());
  otx_normalization_input_gradient(
      &how, input.data(), gradient.data(), inputGradient.data(), rows, mean.data(), slant.data(), offset.data());

  for (int64_t c = 0; c < channels; ++c) {
    double total = 0, spread = 0, sumHere = 0, productHere = 0, slack = 0;
    for (int64_t row = 0; row < rows; ++row) total += input[row * channels + c];
    for (int64_t row = 0; row < rows; ++row) {
      const int64_t i = row * channels + c;
      const double x = input[i], g = gradient[i];
      spread += (x - total / rows) * (x - total / rows);
      const double plain = x * scale[c] + shift[c], z = plain + (adds ? residual[i] : 0);
      const double before = g * activated(how.activation, z, true);
      expect("normalised", output[i], activated(how.activation, z, false), 10, element);
      if (jumps(how.activation, z)) slack += std::fabs(g) * 4;
      else if (adds) expect("gradient of the residual", residualGradient[i], before, 10, element);
      sumHere += before;
      productHere += before * (x - mean[c]);
      const double alone = g * activated(how.activation, plain, true);
      const double wanted = alone * scale[c] + (x - mean[c]) * slant[c] + offset[c];
      if (!jumps(how.activation, plain)) expect("gradient of the input", inputGradient[i], wanted, 10, element);
    }
    expect("mean", center[c], total / rows, 2, OTXKernelElementFloat);
    expect("spread", square[c], spread, 100, OTXKernelElementFloat);
    // The short functions for halves are right to 3e-4.
    const double allowed = slack * 1e6 + 400 * (element == OTXKernelElementBFloat16 ? 300 : 1);
    expect("sum of gradients", sum[c], sumHere, allowed, OTXKernelElementFloat);
    expect("product of gradients", product[c], productHere, 4 * allowed, OTXKernelElementFloat);
  }
}

void softmax(std::mt19937 &random) {
  const auto element = OTXKernelElementBFloat16;
  const int64_t rows = between(random, 1, 6), length = between(random, 1, 90), count = rows * length;
  const float scale = static_cast<float>(between(random, 1, 8)) / 2;
  Values scores(count, OTXKernelElementFloat, &random), gradient(count, element, &random);
  Values weights(count, element), result(count, element);
  // Now and then a row with what is no number or without bound.
  const float odd[] = {INFINITY, -INFINITY, NAN};
  const int64_t at = random() % 4 == 0 ? between(random, 0, count - 1) : -1;
  const float value = odd[random() % 3];
  if (at >= 0) std::memcpy(scores.data() + at * 4, &value, sizeof value);
  inTwoParts(rows, random, [&](int64_t first, int64_t last) {
    const auto of = [&](Values &values, int64_t size) { return values.data() + first * length * size; };
    otx_softmax_rows(
        reinterpret_cast<const float *>(of(scores, 4)), scale, of(weights, 2), last - first, length);
    otx_softmax_gradient(of(weights, 2), of(gradient, 2), scale, of(result, 2), last - first, length);
  });
  for (int64_t row = 0; row < rows; ++row) {
    double most = -INFINITY, sum = 0, inner = 0;
    bool isOdd = false;
    for (int64_t i = row * length; i < (row + 1) * length; ++i) {
      isOdd = isOdd || std::isnan(scores[i]) || scores[i] == INFINITY;
      most = std::max(most, scores[i] * scale);
      inner += weights[i] * gradient[i];
    }
    isOdd = isOdd || most == -INFINITY;
    for (int64_t i = row * length; i < (row + 1) * length; ++i) sum += std::exp(scores[i] * scale - most);
    for (int64_t i = row * length; i < (row + 1) * length; ++i) {
      if (isOdd) {
        if (!std::isnan(weights[i]) || !std::isnan(result[i])) throw (std::fprintf(stderr, "softmax hides NaN\n"), 1);
        continue;
      }
      expect("softmax", weights[i], std::exp(scores[i] * scale - most) / sum, 0.05, element);
      expect("gradient of the scores", result[i], weights[i] * (gradient[i] - inner) * scale, 0.05, element);
    }
  }
}

void pictures(std::mt19937 &random) {
  const auto element = static_cast<OTXKernelElement>(random() % 2);
  const int64_t pixels = between(random, 1, 200);
  std::vector<uint8_t> bytes(static_cast<size_t>(3 * pixels));
  for (auto &byte : bytes) byte = static_cast<uint8_t>(random());
  const auto mean = floats(3, random), scale = floats(3, random);
  Values output(3 * pixels, element);
  inTwoParts(pixels, random, [&](int64_t first, int64_t last) {
    otx_normalize_pictures(
        element, bytes.data() + 3 * first, mean.data(), scale.data(),
        output.data() + 3 * first * (element == OTXKernelElementBFloat16 ? 2 : 4), last - first);
  });
  for (int64_t i = 0; i < 3 * pixels; ++i) {
    const float wanted = (static_cast<float>(bytes[i]) - mean[i % 3]) * scale[i % 3];
    const float stored = element == OTXKernelElementBFloat16 ? widened(rounded(wanted)) : wanted;
    if (output[i] != stored) throw (std::fprintf(stderr, "pictures: got %g, wanted %g\n", output[i], stored), 1);
  }
}

/// A picture that is normalised in groups, its pixels in two parts.
void groups(std::mt19937 &random) {
  OTXGroups shape{};
  const int64_t width = between(random, 1, 12);
  shape.groups = between(random, 1, 8);
  shape.channels = shape.groups * width;
  shape.pixels = between(random, 1, 200);
  const int64_t channels = shape.channels, count = shape.pixels * channels;
  OTXNormalization how{};
  how.channels = channels;
  how.element = static_cast<OTXKernelElement>(random() % 2);
  how.activation = static_cast<OTXActivation>(random() % 5);
  const auto element = how.element;
  const int64_t size = element == OTXKernelElementBFloat16 ? 2 : 4;
  Values input(count, element, &random), gradient(count, element, &random);
  Values output(count, element), inputGradient(count, element);
  const auto weight = floats(channels, random), bias = floats(channels, random);

  const int64_t middle = between(random, 0, shape.pixels);
  const int64_t parts[2][2] = {{0, middle}, {middle, shape.pixels}};
  const auto at = [&](Values &values, int64_t row) { return values.data() + row * channels * size; };
  std::vector<double> groupMean(shape.groups), groupSquare(shape.groups);
  for (const auto &[first, last] : parts) {
    if (first == last) continue;
    std::vector<double> center(channels), square(channels);
    otx_normalization_moments(&how, at(input, first), last - first, center.data(), square.data());
    otx_group_moments(
        &shape, center.data(), square.data(), last - first, first, groupMean.data(), groupSquare.data());
  }
  const double each = static_cast<double>(width * shape.pixels), epsilon = 1e-5;
  std::vector<float> mean(groupMean.begin(), groupMean.end()), inverse(shape.groups);
  for (int64_t g = 0; g < shape.groups; ++g)
    inverse[g] = static_cast<float>(1 / std::sqrt(groupSquare[g] / each + epsilon));
  std::vector<float> scale(channels), shift(channels), center(channels), slant(channels), offset(channels);
  otx_group_lines(
      &shape, mean.data(), inverse.data(), weight.data(), bias.data(), scale.data(), shift.data(), center.data());
  how.scale = scale.data();
  how.shift = shift.data();
  std::vector<double> sum(channels), product(channels), ofWeight(channels), ofBias(channels);
  for (const auto &[first, last] : parts) {
    otx_normalization_apply(&how, at(input, first), nullptr, at(output, first), last - first);
    otx_normalization_gradient_sums(
        &how, at(input, first), nullptr, at(gradient, first), nullptr, last - first, center.data(), sum.data(),
        product.data());
  }
  otx_group_gradients(
      &shape, inverse.data(), weight.data(), sum.data(), product.data(), ofWeight.data(), ofBias.data(), slant.data(),
      offset.data());
  for (const auto &[first, last] : parts) {
    otx_normalization_input_gradient(
        &how, at(input, first), at(gradient, first), at(inputGradient, first), last - first, center.data(),
        slant.data(), offset.data());
  }

  for (int64_t g = 0; g < shape.groups; ++g) {
    const auto overGroup = [&](auto &&body) {
      for (int64_t row = 0; row < shape.pixels; ++row) {
        for (int64_t c = g * width; c < (g + 1) * width; ++c) body(row * channels + c, c);
      }
    };
    double middleOfGroup = 0, spread = 0, slope = 0, tilt = 0;
    overGroup([&](int64_t i, int64_t) { middleOfGroup += input[i] / each; });
    overGroup([&](int64_t i, int64_t) { spread += (input[i] - middleOfGroup) * (input[i] - middleOfGroup); });
    const double by = 1 / std::sqrt(spread / each + epsilon);
    expect("mean of a group", groupMean[g], middleOfGroup, 2, OTXKernelElementFloat);
    expect("spread of a group", groupSquare[g], spread, 100 + spread, OTXKernelElementFloat);
    bool isSmooth = true;
    std::vector<double> weightHere(channels), biasHere(channels);
    overGroup([&](int64_t i, int64_t c) {
      const double x = (input[i] - middleOfGroup) * by, z = x * weight[c] + bias[c];
      // A group of nearly equal values magnifies the rounding of its mean.
      expect("normalised in a group", output[i], activated(how.activation, z, false), 10 + by, element);
      isSmooth = isSmooth && !jumps(how.activation, z, 1e-4 + 1e-6 * by);
      const double before = gradient[i] * activated(how.activation, z, true);
      weightHere[c] += before * x;
      biasHere[c] += before;
      slope += before * weight[c] / each;
      tilt += before * weight[c] * x / each;
    });
    if (!isSmooth) continue;
    // The short functions for halves are right to 3e-4.
    const double allowed = (400 + 4 * by) * (element == OTXKernelElementBFloat16 ? 300 : 1);
    for (int64_t c = g * width; c < (g + 1) * width; ++c) {
      expect("gradient of a group's weight", ofWeight[c], weightHere[c], 4 * allowed, OTXKernelElementFloat);
      expect("gradient of a group's bias", ofBias[c], biasHere[c], allowed, OTXKernelElementFloat);
    }
    overGroup([&](int64_t i, int64_t c) {
      const double x = (input[i] - middleOfGroup) * by, z = x * weight[c] + bias[c];
      const double before = gradient[i] * activated(how.activation, z, true) * weight[c];
      expect("gradient of a group's input", inputGradient[i], by * (before - slope - x * tilt), 20 * (1 + by), element);
    });
  }
}

}  // namespace

int main(int count, char **arguments) {
  if (count == 2 && std::strcmp(arguments[1], "large") == 0) return checkLarge();
  if (count != 3) {
    std::fprintf(stderr, "usage: fuzz SEED CASES | fuzz large\n");
    return 2;
  }
  const auto seed = static_cast<uint32_t>(std::strtoul(arguments[1], nullptr, 10));
  const long cases = std::strtol(arguments[2], nullptr, 10);
  void (*const kernels[])(std::mt19937 &) = {depthwise, channels, normalization, softmax, pictures, groups};
  for (long number = 0; number < cases; ++number) {
    std::mt19937 random(seed * 1000003u + static_cast<uint32_t>(number));
    const auto set = otx_kernels_limit_instruction_set(static_cast<OTXInstructionSet>(random() % 3));
    try {
      kernels[number % std::size(kernels)](random);
    } catch (int) {
      std::fprintf(stderr, "case %ld of seed %u, instruction set %d\n", number, seed, static_cast<int>(set));
      return 1;
    }
  }
  std::printf("%ld cases, the largest difference %.2f of what is allowed\n", cases, worst);
}
