// Runs the training kernels over tensors of more than 2^31 values: their ends must be those of small ones.
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <vector>

#include "CKernels.h"
#include "values.h"

namespace {

using namespace kernelcheck;

/// Memory of any length that takes 128 MiB: the same 64 MiB again and again, and other 64 MiB at its end.
class Large {
 public:
  static constexpr int64_t chunk = 64 << 20;

  explicit Large(int64_t chunks, std::mt19937 *random = nullptr) : length_(static_cast<size_t>(chunks * chunk)) {
    const int file = memfd_create("large", 0);
    void *start = mmap(nullptr, length_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (file < 0 || start == MAP_FAILED || ftruncate(file, 2 * chunk) != 0) fail();
    data_ = static_cast<char *>(start);
    for (int64_t i = 0; i < chunks; ++i) {
      void *at = data_ + i * chunk;
      const int64_t from = i + 1 < chunks ? 0 : chunk;
      if (mmap(at, chunk, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, file, from) == MAP_FAILED) fail();
    }
    close(file);
    if (!random) return;
    for (char *at : {first(), last()}) {
      for (int64_t i = 0; i < chunk / 2; ++i) {
        const uint16_t half = rounded(Values::draw(*random));
        std::memcpy(at + 2 * i, &half, sizeof half);
      }
    }
  }
  ~Large() { munmap(data_, length_); }
  Large(const Large &) = delete;
  Large &operator=(const Large &) = delete;

  /// Of the whole, of what is there again and again, of the end.
  char *data() { return data_; }
  char *first() { return data_; }
  char *last() { return data_ + length_ - chunk; }

 private:
  [[noreturn]] static void fail() {
    std::perror("memory for large tensors");
    std::exit(1);
  }
  size_t length_;
  char *data_;
};

void expectSame(const char *what, const char *got, const char *wanted, int64_t bytes) {
  if (std::memcmp(got, wanted, static_cast<size_t>(bytes)) == 0) return;
  std::fprintf(stderr, "%s: the end of a large tensor is another than that of a small one\n", what);
  throw 1;
}

/// The last rows of a picture of 2^31 values and more are those of a picture that has no others.
void largeDepthwise(std::mt19937 &random) {
  constexpr int64_t width = 1024, channels = 16, row = width * channels * 2, few = 64;
  constexpr int64_t chunks = 66, height = chunks * Large::chunk / row;
  Large input(chunks, &random), gradient(chunks, &random), output(chunks), inputGradient(chunks);
  for (const int32_t stride : {1, 2}) {
    OTXDepthwise big{1, channels, height, width, height / stride, width / stride, 3, stride, 1, OTXKernelElementBFloat16};
    auto small = big;
    small.inputHeight = few;
    small.outputHeight = few / stride;
    // Rows of the output are half as many and half as wide.
    const int64_t outRow = row / stride, outRows = big.outputHeight, end = outRows * outRow;
    const auto weight = floats(9 * channels, random);
    auto turned = weight;
    otx_depthwise_turn_weight(&big, weight.data(), turned.data());
    const char *lastInput = input.data() + (height - few) * row;
    const char *lastGradient = gradient.data() + end - small.outputHeight * outRow;
    std::vector<char> wanted(static_cast<size_t>(few * row));
    const auto tail = [&](Large &of, int64_t end, int64_t bytes) { return of.data() + end - bytes; };

    otx_depthwise_forward(&big, input.data(), weight.data(), nullptr, output.data(), outRows - 4, outRows);
    otx_depthwise_forward(
        &small, lastInput, weight.data(), nullptr, wanted.data(), small.outputHeight - 4, small.outputHeight);
    expectSame(
        "depthwise output", tail(output, end, 4 * outRow), wanted.data() + (small.outputHeight - 4) * outRow, 4 * outRow);

    otx_depthwise_input_gradient(&big, gradient.data(), turned.data(), inputGradient.data(), height - 4, height);
    otx_depthwise_input_gradient(&small, lastGradient, turned.data(), wanted.data(), few - 4, few);
    expectSame(
        "depthwise input gradient", tail(inputGradient, height * row, 4 * row), wanted.data() + (few - 4) * row, 4 * row);

    std::vector<double> sums(9 * channels), others = sums;
    otx_depthwise_weight_gradient(&big, input.data(), gradient.data(), sums.data(), outRows - 4, outRows);
    otx_depthwise_weight_gradient(
        &small, lastInput, lastGradient, others.data(), small.outputHeight - 4, small.outputHeight);
    if (sums != others) throw (std::fprintf(stderr, "depthwise weight gradient of a large tensor\n"), 1);
  }
}

/// The last picture of a batch of 2^31 values and more is scaled as it is alone.
void largeChannels(std::mt19937 &random) {
  constexpr int64_t chunks = 66, pixels = 1024, channels = 16, picture = pixels * channels * 2;
  OTXChannels big{chunks * Large::chunk / picture, pixels, channels, OTXKernelElementBFloat16};
  auto small = big;
  small.batch = 1;
  Large input(chunks, &random), gradient(chunks, &random), output(chunks), inputGradient(chunks);
  const auto gate = floats(big.batch * channels, random);
  std::vector<float> sums(gate.size()), ofGate = sums, sum(channels), ofOneGate = sum;
  const int64_t end = big.batch, at = (end - 1) * channels;
  const auto last = [&](Large &of) { return of.data() + (end - 1) * picture; };
  std::vector<char> wanted(picture);

  otx_channel_sums(&big, input.data(), sums.data(), end - 1, end);
  otx_channel_sums(&small, last(input), sum.data(), 0, 1);
  otx_channel_scale(&big, input.data(), gate.data(), output.data(), end - 1, end);
  otx_channel_scale(&small, last(input), gate.data() + at, wanted.data(), 0, 1);
  expectSame("scaled", last(output), wanted.data(), picture);
  otx_channel_scale_gradient(
      &big, input.data(), gate.data(), gradient.data(), inputGradient.data(), ofGate.data(), end - 1, end);
  otx_channel_scale_gradient(
      &small, last(input), gate.data() + at, last(gradient), wanted.data(), ofOneGate.data(), 0, 1);
  expectSame("gradient of what was scaled", last(inputGradient), wanted.data(), picture);
  const bool isEqual = std::equal(sum.begin(), sum.end(), sums.begin() + at) &&
                       std::equal(ofOneGate.begin(), ofOneGate.end(), ofGate.begin() + at);
  if (!isEqual) throw (std::fprintf(stderr, "sums of a large tensor\n"), 1);
}

/// Normalisation of 2^31 values and more in one call: its sums are those of its parts, its values theirs.
void largeNormalization(std::mt19937 &random) {
  constexpr int64_t chunks = 65, channels = 64, part = Large::chunk / 2 / channels, rows = chunks * part;
  const auto scale = floats(channels, random), shift = floats(channels, random), mean = floats(channels, random);
  const auto slant = floats(channels, random), offset = floats(channels, random);
  const OTXNormalization how{
      channels, OTXKernelElementBFloat16, OTXActivationHardSwish, scale.data(), shift.data()};
  Large input(chunks, &random), gradient(chunks, &random), output(chunks);
  std::vector<char> wanted(Large::chunk);
  const auto expectBoth = [&](const char *what, auto &&pass) {
    pass(input.data(), gradient.data(), output.data(), rows);
    pass(input.last(), gradient.last(), wanted.data(), part);
    expectSame(what, output.last(), wanted.data(), Large::chunk);
    pass(input.first(), gradient.first(), wanted.data(), part);
    expectSame(what, output.first(), wanted.data(), Large::chunk);
  };
  expectBoth("normalised", [&](const char *from, const char *, char *to, int64_t count) {
    otx_normalization_apply(&how, from, nullptr, to, count);
  });
  expectBoth("gradient of the input", [&](const char *from, const char *of, char *to, int64_t count) {
    otx_normalization_input_gradient(&how, from, of, to, count, mean.data(), slant.data(), offset.data());
  });

  struct Sums {
    std::vector<double> center, square, sum, product;
  };
  const auto summed = [&](const char *from, const char *of, int64_t count) {
    Sums sums;
    for (auto *list : {&sums.center, &sums.square, &sums.sum, &sums.product}) list->resize(channels);
    otx_normalization_moments(&how, from, count, sums.center.data(), sums.square.data());
    otx_normalization_gradient_sums(
        &how, from, nullptr, of, nullptr, count, mean.data(), sums.sum.data(), sums.product.data());
    return sums;
  };
  const auto whole = summed(input.data(), gradient.data(), rows), first = summed(input.first(), gradient.first(), part);
  const auto last = summed(input.last(), gradient.last(), part);
  const double more = chunks - 1;
  for (int64_t c = 0; c < channels; ++c) {
    const double center = (more * first.center[c] + last.center[c]) / chunks;
    const auto around = [&](const Sums &of) {
      return of.square[c] + static_cast<double>(part) * (of.center[c] - center) * (of.center[c] - center);
    };
    const auto element = OTXKernelElementFloat;
    expect("mean", whole.center[c], center, 1, element);
    expect("spread", whole.square[c], more * around(first) + around(last), 1, element);
    expect("sum of gradients", whole.sum[c], more * first.sum[c] + last.sum[c], static_cast<double>(rows), element);
    expect(
        "product of gradients", whole.product[c], more * first.product[c] + last.product[c], static_cast<double>(rows),
        element);
  }
}

/// 2^31 values and more in one call end as their last ones do alone.
void largeRows(std::mt19937 &random) {
  constexpr int64_t chunks = 65, length = 256, part = Large::chunk / 2 / length;
  Large weights(chunks, &random), gradient(chunks, &random), result(chunks);
  std::vector<char> wanted(Large::chunk);
  otx_softmax_gradient(weights.data(), gradient.data(), 0.5f, result.data(), chunks * part, length);
  otx_softmax_gradient(weights.last(), gradient.last(), 0.5f, wanted.data(), part, length);
  expectSame("gradient of the scores", result.last(), wanted.data(), Large::chunk);

  // Scores have twice the size; any bytes are some float, or none.
  Large scores(2 * chunks, &random);
  otx_softmax_rows(reinterpret_cast<const float *>(scores.data()), 0.5f, result.data(), chunks * part, length);
  const char *end = scores.data() + (2 * chunks - 1) * Large::chunk;
  otx_softmax_rows(reinterpret_cast<const float *>(end), 0.5f, wanted.data(), part / 2, length);
  expectSame("softmax", result.last() + Large::chunk / 2, wanted.data(), Large::chunk / 2);

  constexpr int64_t pixels = 33 * Large::chunk / 3;
  Large bytes(33, &random), values(67);
  const auto mean = floats(3, random), by = floats(3, random);
  const auto *from = reinterpret_cast<const uint8_t *>(bytes.data());
  otx_normalize_pictures(OTXKernelElementBFloat16, from, mean.data(), by.data(), values.data(), pixels);
  constexpr int64_t few = 1000;
  otx_normalize_pictures(
      OTXKernelElementBFloat16, from + 3 * (pixels - few), mean.data(), by.data(), wanted.data(), few);
  expectSame("pictures", values.data() + 6 * (pixels - few), wanted.data(), 6 * few);
}

}  // namespace

int kernelcheck::checkLarge() {
  std::mt19937 random(0);
  try {
    largeDepthwise(random);
    largeChannels(random);
    largeNormalization(random);
    largeRows(random);
  } catch (int) {
    return 1;
  }
  std::printf("tensors of more than 2^31 values are right to their ends\n");
  return 0;
}
