#pragma once
// Kernels of training that libtorch's are slow at on a CPU. Plain C functions over plain memory: they know no tensors
// and start no threads. The shim for libtorch (`Shims/torch`) makes operators of them; tests call them directly.
//
// Every function works on a part of the work, so that the caller divides it among its threads. No function allocates
// more than a few kilobytes, and none keeps anything between calls.
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define OTX_KERNELS_ENUM __attribute__((enum_extensibility(open)))

/// The instruction sets that the kernels are compiled for, from the least to the most.
typedef enum OTX_KERNELS_ENUM OTXInstructionSet : int32_t {
  OTXInstructionSetPortable = 0,
  OTXInstructionSetAVX2 = 1,    // with FMA
  OTXInstructionSetAVX512 = 2,  // F, BW, DQ and VL
} OTXInstructionSet;

/// How the values of a picture's channels are stored. Sums are always kept in 32 bits.
typedef enum OTX_KERNELS_ENUM OTXKernelElement : int32_t {
  OTXKernelElementFloat = 0,
  OTXKernelElementBFloat16 = 1,
} OTXKernelElement;

/// The best instruction set of this processor, or a lower one that was asked for.
OTXInstructionSet otx_kernels_instruction_set(void);
/// Uses at most this instruction set from now on, in the whole process; returns what is used then.
OTXInstructionSet otx_kernels_limit_instruction_set(OTXInstructionSet most);

/// A depthwise convolution of `[batch, height, width, channels]` (channels last), the same stride and padding on all
/// sides, no dilation.
///
/// Output sizes follow from the rest: `(size + 2 * padding - kernel) / stride + 1`.
typedef struct OTXDepthwise {
  int64_t batch, channels;
  int64_t inputHeight, inputWidth;
  int64_t outputHeight, outputWidth;
  int32_t kernel;   // 3, 5 or 7
  int32_t stride;   // 1 or 2
  int32_t padding;  // 0 to kernel - 1
  OTXKernelElement element;
} OTXDepthwise;

/// Whether the functions below can do it: sizes above 0, and kernel, stride and padding as said there.
int32_t otx_depthwise_is_supported(const OTXDepthwise *shape);

/// Writes rows `firstRow ..< lastRow` of the `batch * outputHeight` rows of the output.
///
/// - weight: `[kernel, kernel, channels]`.
/// - bias: `[channels]` or NULL.
void otx_depthwise_forward(
    const OTXDepthwise *shape, const void *input, const float *weight, const float *bias, void *output,
    int64_t firstRow, int64_t lastRow);

/// Writes the weight as `otx_depthwise_input_gradient` takes it.
///
/// - weight, turned: `[kernel, kernel, channels]`.
void otx_depthwise_turn_weight(const OTXDepthwise *shape, const float *weight, float *turned);

/// Writes rows `firstRow ..< lastRow` of the `batch * inputHeight` rows of the gradient of the input.
///
/// - turned: What `otx_depthwise_turn_weight` made.
void otx_depthwise_input_gradient(
    const OTXDepthwise *shape, const void *outputGradient, const float *turned, void *inputGradient,
    int64_t firstRow, int64_t lastRow);

/// Adds to the gradient of the weight what rows `firstRow ..< lastRow` of the `batch * outputHeight` rows of the
/// output's gradient give.
///
/// - sums: `[kernel, kernel, channels]`.
void otx_depthwise_weight_gradient(
    const OTXDepthwise *shape, const void *input, const void *outputGradient, double *sums, int64_t firstRow,
    int64_t lastRow);

/// Pictures of `pixels` pixels (height times width) of `channels` channels, channels last.
typedef struct OTXChannels {
  int64_t batch, pixels, channels;
  OTXKernelElement element;
} OTXChannels;

/// Writes the sum over its pixels of each channel of pictures `firstPicture ..< lastPicture`.
///
/// - sums: `[batch, channels]`.
void otx_channel_sums(
    const OTXChannels *shape, const void *input, float *sums, int64_t firstPicture, int64_t lastPicture);

/// Writes pictures `firstPicture ..< lastPicture` of `input * gate`.
///
/// - gate: `[batch, channels]`, the same for all pixels of a picture.
void otx_channel_scale(
    const OTXChannels *shape, const void *input, const float *gate, void *output, int64_t firstPicture,
    int64_t lastPicture);

/// Both gradients of `otx_channel_scale` for pictures `firstPicture ..< lastPicture`.
///
/// - inputGradient: Like the input.
/// - gateGradient: `[batch, channels]`.
void otx_channel_scale_gradient(
    const OTXChannels *shape, const void *input, const float *gate, const void *outputGradient, void *inputGradient,
    float *gateGradient, int64_t firstPicture, int64_t lastPicture);

/// What follows a normalisation.
typedef enum OTX_KERNELS_ENUM OTXActivation : int32_t {
  OTXActivationIdentity = 0,
  OTXActivationReLU = 1,
  OTXActivationReLU6 = 2,
  OTXActivationHardSwish = 3,
  OTXActivationSiLU = 4,
} OTXActivation;

/// `activation(x * scale + shift + residual)` over rows of `channels` values, a row for each pixel.
typedef struct OTXNormalization {
  int64_t channels;
  OTXKernelElement element;
  OTXActivation activation;
  const float *scale;  // [channels]
  const float *shift;  // [channels]
} OTXNormalization;

/// Mean, and sum of squared distances from it, of each channel of `rowCount` rows, at least one.
///
/// Only channels and element of `how` count. A large mean costs no digits: rows are joined in stretches, in double
/// precision (Chan, Golub and LeVeque, Algorithms for Computing the Sample Variance, 1983).
void otx_normalization_moments(
    const OTXNormalization *how, const void *rows, int64_t rowCount, double *mean, double *square);

/// Writes the activated rows; no residual where it is NULL.
void otx_normalization_apply(
    const OTXNormalization *how, const void *rows, const void *residual, void *output, int64_t rowCount);

/// Adds to `sum` the gradient before the activation, and to `product` that gradient times `x - mean`.
///
/// - residual: As for `otx_normalization_apply`; with one, the gradient before the activation is written to
///   `residualGradient`, which is NULL without.
void otx_normalization_gradient_sums(
    const OTXNormalization *how, const void *rows, const void *residual, const void *gradient,
    void *residualGradient, int64_t rowCount, const float *mean, double *sum, double *product);

/// Writes `before * scale + (x - mean) * slant + offset`, `before` being the gradient before the activation.
void otx_normalization_input_gradient(
    const OTXNormalization *how, const void *rows, const void *gradient, void *inputGradient, int64_t rowCount,
    const float *mean, const float *slant, const float *offset);

/// Writes `softmax(scores * scale)` of each row of `length` scores, as bf16.
///
/// Infinities and what is no number end as they do in the formula: a row with +inf or NaN is NaN, -inf weighs nothing.
void otx_softmax_rows(const float *scores, float scale, void *weights, int64_t rowCount, int64_t length);

/// Writes the gradient of the unscaled scores, `weights * (gradient - sum(weights * gradient)) * scale`; all are bf16.
void otx_softmax_gradient(
    const void *weights, const void *gradient, float scale, void *result, int64_t rowCount, int64_t length);

/// Writes `(bytes - mean) * scale` of `pixelCount` pixels of three channels, each rounded as if done one by one.
void otx_normalize_pictures(
    OTXKernelElement element, const uint8_t *bytes, const float *mean, const float *scale, void *output,
    int64_t pixelCount);

/// One picture whose channels are normalised in groups of equally many neighbours, each over all its values (Wu and He,
/// Group Normalization, 2018).
///
/// The passes over pixels are those of `OTXNormalization`, with other lines for each picture. The functions below work
/// on single values of channels and groups.
typedef struct OTXGroups {
  int64_t pixels, channels;
  int64_t groups;  // a divisor of channels
} OTXGroups;

/// Adds `rowCount` rows, whose channels have these moments (see `otx_normalization_moments`), to those of the groups.
///
/// - rowsBefore: Rows of the picture that were added already; with 0 the result is written anew.
/// - groupMean, groupSquare: `[groups]`.
void otx_group_moments(
    const OTXGroups *how, const double *mean, const double *square, int64_t rowCount, int64_t rowsBefore,
    double *groupMean, double *groupSquare);

/// The lines by which a picture's channels are normalised.
///
/// - groupMean, groupInverse: `[groups]`; the inverse of the standard deviation.
/// - weight, bias: `[channels]`.
/// - scale, shift: What is written, `[channels]`.
/// - mean: That of each channel's group, `[channels]`; not written where it is NULL.
void otx_group_lines(
    const OTXGroups *how, const float *groupMean, const float *groupInverse, const float *weight, const float *bias,
    float *scale, float *shift, float *mean);

/// What `otx_normalization_input_gradient` needs of a picture, from what `otx_normalization_gradient_sums` found over
/// all its pixels.
///
/// - weightGradient, biasGradient: `[channels]`; the picture's part is added.
/// - slant, offset: What is written, `[channels]`.
void otx_group_gradients(
    const OTXGroups *how, const float *groupInverse, const float *weight, const double *sum, const double *product,
    double *weightGradient, double *biasGradient, float *slant, float *offset);

#ifdef __cplusplus
}
#endif
