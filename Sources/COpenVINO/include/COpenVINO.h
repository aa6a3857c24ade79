#pragma once

// The C face of OpenVINO: graphs of operators become models, models are saved, compiled and run.
//
// The functions live in a shared library of their own (`libotx_openvino.so`, sources in
// `Shims/openvino`), opened at first use by `otx_openvino_open`; it hands out one table.
//
// Conventions. A function that can fail returns a message, or NULL when all is well; C++ exceptions
// end there. Messages and texts that come out are freed with `freeText`. Handles are freed by the
// function of the table that carries their name. A handle is used from one thread at a time;
// different handles may be used at once.

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma clang assume_nonnull begin

/// Raised whenever the table or the meaning of one of its functions changes.
#define OTX_OPENVINO_ABI 3

typedef struct OTXGraphHandle OTXGraphHandle;
typedef struct OTXModelHandle OTXModelHandle;
typedef struct OTXCompiledHandle OTXCompiledHandle;
typedef struct OTXRequestHandle OTXRequestHandle;
typedef struct OTXNodesHandle OTXNodesHandle;

/// The type of an array's elements.
typedef enum {
  OTX_ELEMENT_OTHER = 0,
  OTX_ELEMENT_FLOAT32,
  OTX_ELEMENT_FLOAT64,
  OTX_ELEMENT_FLOAT16,
  OTX_ELEMENT_BFLOAT16,
  OTX_ELEMENT_INT64,
  OTX_ELEMENT_INT32,
  OTX_ELEMENT_INT16,
  OTX_ELEMENT_INT8,
  OTX_ELEMENT_UINT8,
  OTX_ELEMENT_BOOL,
} OTXElement;

/// The type of a value of a graph.
typedef enum {
  OTX_VALUE_NONE = 0,
  OTX_VALUE_TENSOR,
  OTX_VALUE_BOOL,
  OTX_VALUE_INT,
  OTX_VALUE_DOUBLE,
  OTX_VALUE_STRING,
  OTX_VALUE_INT_LIST,
  OTX_VALUE_DOUBLE_LIST,
  OTX_VALUE_BOOL_LIST,
  OTX_VALUE_TENSOR_LIST,
} OTXValueType;

/// Axes of a port that are written down; OpenVINO's own limit is higher, no network's is.
#define OTX_MAXIMUM_RANK 8

/// An input or output of a model.
typedef struct {
  /// Lives as long as the model or compiled model it was asked of.
  const char *_Nullable name;
  OTXElement element;
  /// -1 where even the number of axes is open.
  int32_t rank;
  /// -1 where an axis is open.
  int64_t shape[OTX_MAXIMUM_RANK];
} OTXPort;

/// An array that a request's output holds; lives until the request runs again.
typedef struct {
  OTXElement element;
  int32_t rank;
  int64_t shape[OTX_MAXIMUM_RANK];
  size_t elementCount;
} OTXOutputShape;

/// An operation of a model; its texts live as long as the nodes they were asked of.
typedef struct {
  /// `Convolution`, `Constant`, `Parameter`, `Result`.
  const char *_Nullable type;
  const char *_Nullable name;
  size_t inputCount;
  size_t outputCount;
} OTXNode;

/// Where a value of a model flows: into an input of a node, or out of an output to all that take it.
typedef struct {
  size_t node;
  size_t port;
  /// 1: the input `port`; 0: the output `port`.
  int32_t isInput;
} OTXPlace;

/// What is kept of a value.
typedef enum {
  OTX_REDUCE_MINIMUM = 0,
  OTX_REDUCE_MAXIMUM,
  OTX_REDUCE_MEAN,
} OTXReduction;

/// Arithmetic with a constant.
typedef enum {
  OTX_ARITHMETIC_ADD = 0,
  OTX_ARITHMETIC_MULTIPLY,
} OTXArithmetic;

typedef struct {
  int32_t abi;
  /// OpenVINO's own version: `2026.4.1-…`.
  const char *version;

  void (*freeText)(char *_Nullable text);

  // Graphs. Everything that is passed in is copied.
  OTXGraphHandle *_Nonnull (*_Nonnull graphMake)(void);
  void (*graphFree)(OTXGraphHandle *graph);
  /// Values are numbered from 0 in the order they are added. `rank` -1: not known.
  char *_Nullable (*_Nonnull graphAddValue)(
      OTXGraphHandle *graph, const char *name, OTXValueType type, OTXElement element, int32_t rank);
  char *_Nullable (*_Nonnull graphAddOperator)(
      OTXGraphHandle *graph, const char *name, const size_t *inputs, size_t inputCount,
      const size_t *outputs, size_t outputCount);
  /// Makes `value` a constant of the type it was added with: none, or numbers below.
  char *_Nullable (*_Nonnull graphAddNone)(OTXGraphHandle *graph, size_t value);
  char *_Nullable (*_Nonnull graphAddString)(OTXGraphHandle *graph, size_t value, const char *text);
  /// Bools (0, 1), ints and lists of them; `count` is 1 for a single one.
  char *_Nullable (*_Nonnull graphAddIntegers)(
      OTXGraphHandle *graph, size_t value, const int64_t *numbers, size_t count);
  char *_Nullable (*_Nonnull graphAddDoubles)(
      OTXGraphHandle *graph, size_t value, const double *numbers, size_t count);
  char *_Nullable (*_Nonnull graphAddTensor)(
      OTXGraphHandle *graph, size_t value, OTXElement element, const int64_t *shape, size_t rank,
      const void *bytes, size_t byteCount);
  /// `shape`: -1 where an axis is open.
  char *_Nullable (*_Nonnull graphAddInput)(
      OTXGraphHandle *graph, const char *name, size_t value, OTXElement element,
      const int64_t *shape, size_t rank);
  char *_Nullable (*_Nonnull graphAddOutput)(OTXGraphHandle *graph, const char *name, size_t value);
  char *_Nullable (*_Nonnull graphConvert)(
      OTXGraphHandle *graph, const char *modelName, OTXModelHandle *_Nullable *_Nonnull model);

  // Models.
  char *_Nullable (*_Nonnull modelRead)(
      const char *xmlPath, OTXModelHandle *_Nullable *_Nonnull model);
  void (*modelFree)(OTXModelHandle *model);
  /// Writes `xmlPath` and the `.bin` of the same name beside it.
  char *_Nullable (*_Nonnull modelSave)(
      OTXModelHandle *model, const char *xmlPath, int32_t compressToHalf);
  /// Sets `value` in the model's `rt_info` at the path `keys`.
  char *_Nullable (*_Nonnull modelSetInfo)(
      OTXModelHandle *model, const char *_Nonnull const *_Nullable keys, size_t keyCount,
      const char *value);
  size_t (*modelInputCount)(OTXModelHandle *model);
  size_t (*modelOutputCount)(OTXModelHandle *model);
  char *_Nullable (*_Nonnull modelInput)(OTXModelHandle *model, size_t index, OTXPort *port);
  char *_Nullable (*_Nonnull modelOutput)(OTXModelHandle *model, size_t index, OTXPort *port);
  /// The model's only input becomes pictures of bytes `[N, height, width, 3]`, normalised inside as
  /// `(x - mean) / scale`, channel by channel.
  char *_Nullable (*_Nonnull modelTakeBytes)(
      OTXModelHandle *model, int64_t height, int64_t width, const float *mean, const float *scale,
      size_t channelCount);

  /// The value of the model's `rt_info` at the path `keys`; NULL where there is none.
  char *_Nullable (*_Nonnull modelInfo)(
      OTXModelHandle *model, const char *_Nonnull const *_Nullable keys, size_t keyCount,
      char *_Nullable *_Nonnull text);
  char *_Nullable (*_Nonnull modelClone)(
      OTXModelHandle *model, OTXModelHandle *_Nullable *_Nonnull clone);
  /// Folds what can be computed beforehand (normalisation into the weights before it, arithmetic
  /// with ones, shapes), as OpenVINO's own converter does with models of other frameworks.
  char *_Nullable (*_Nonnull modelSimplify)(OTXModelHandle *model);

  // Walking and editing. Nodes are numbered from 0, each after those it takes values of, and keep
  // their numbers whatever is inserted; what is inserted has none.
  char *_Nullable (*_Nonnull nodesMake)(
      OTXModelHandle *model, OTXNodesHandle *_Nullable *_Nonnull nodes);
  void (*nodesFree)(OTXNodesHandle *nodes);
  size_t (*nodesCount)(OTXNodesHandle *nodes);
  char *_Nullable (*_Nonnull nodeDescribe)(OTXNodesHandle *nodes, size_t node, OTXNode *described);
  /// Which node's output an input takes; `SIZE_MAX` where it was inserted.
  char *_Nullable (*_Nonnull nodeSource)(
      OTXNodesHandle *nodes, size_t node, size_t input, size_t *source, size_t *port);
  char *_Nullable (*_Nonnull nodeOutput)(
      OTXNodesHandle *nodes, size_t node, size_t output, OTXPort *port);
  /// The attributes, one a line: `strides=1,1`.
  char *_Nullable (*_Nonnull nodeAttributes)(
      OTXNodesHandle *nodes, size_t node, char *_Nullable *_Nonnull text);
  /// Copies a constant's elements, whatever they are, as floats.
  char *_Nullable (*_Nonnull nodeConstant)(
      OTXNodesHandle *nodes, size_t node, float *values, size_t count);
  /// Inserts a FakeQuantize; `low` and `high` are its input's and its output's range.
  char *_Nullable (*_Nonnull nodeInsertFakeQuantize)(
      OTXNodesHandle *nodes, OTXPlace place, const char *name, size_t levels, const float *low,
      const float *high, const int64_t *shape, size_t rank);
  /// Inserts arithmetic with a constant of `shape`.
  char *_Nullable (*_Nonnull nodeInsertArithmetic)(
      OTXNodesHandle *nodes, OTXPlace place, OTXArithmetic operation, const char *name,
      const float *values, const int64_t *shape, size_t rank);
  /// Gives an input a constant of floats instead of what it takes.
  char *_Nullable (*_Nonnull nodeSetConstant)(
      OTXNodesHandle *nodes, size_t node, size_t input, const char *name, const float *values,
      const int64_t *shape, size_t rank);
  /// Gives an input a constant of `int8` with one scale for each entry of `scaleShape`, as the
  /// product of both.
  char *_Nullable (*_Nonnull nodeSetScaledConstant)(
      OTXNodesHandle *nodes, size_t node, size_t input, const char *name, const int8_t *values,
      const int64_t *shape, size_t rank, const float *scales, const int64_t *scaleShape);
  /// Gives an input what another input takes.
  char *_Nullable (*_Nonnull nodeShareInput)(
      OTXNodesHandle *nodes, size_t node, size_t input, size_t otherNode, size_t otherInput);
  /// Takes all outputs away: what only they need is not computed, once the nodes are freed.
  char *_Nullable (*_Nonnull nodesDropOutputs)(OTXNodesHandle *nodes);
  /// Makes a reduction of a value over `axes` an output of the model, called `name`.
  char *_Nullable (*_Nonnull nodeAddStatistic)(
      OTXNodesHandle *nodes, OTXPlace place, OTXReduction reduction, const int64_t *axes,
      size_t axisCount, const char *name);
  /// Makes a value itself an output of the model, called `name`.
  char *_Nullable (*_Nonnull nodeAddOutput)(
      OTXNodesHandle *nodes, OTXPlace place, const char *name);

  // Inference.
  /// `keys` and `values` are OpenVINO's own properties (`INFERENCE_PRECISION_HINT`: `f32`).
  char *_Nullable (*_Nonnull modelCompile)(
      OTXModelHandle *model, const char *device, const char *_Nonnull const *_Nullable keys,
      const char *_Nonnull const *_Nullable values, size_t propertyCount,
      OTXCompiledHandle *_Nullable *_Nonnull compiled);
  void (*compiledFree)(OTXCompiledHandle *compiled);
  /// The value of a property, as text.
  char *_Nullable (*_Nonnull compiledProperty)(
      OTXCompiledHandle *compiled, const char *name, char *_Nullable *_Nonnull text);
  char *_Nullable (*_Nonnull requestMake)(
      OTXCompiledHandle *compiled, OTXRequestHandle *_Nullable *_Nonnull request);
  void (*requestFree)(OTXRequestHandle *request);
  /// Copies `bytes`.
  char *_Nullable (*_Nonnull requestSetInput)(
      OTXRequestHandle *request, size_t index, OTXElement element, const int64_t *shape,
      size_t rank, const void *bytes, size_t byteCount);
  /// Runs and returns when done.
  char *_Nullable (*_Nonnull requestInfer)(OTXRequestHandle *request);
  /// Starts running; `requestWait` returns when done.
  char *_Nullable (*_Nonnull requestStart)(OTXRequestHandle *request);
  char *_Nullable (*_Nonnull requestWait)(OTXRequestHandle *request);
  char *_Nullable (*_Nonnull requestOutputShape)(
      OTXRequestHandle *request, size_t index, OTXOutputShape *shape);
  /// Copies an output, whatever its elements are, as floats.
  char *_Nullable (*_Nonnull requestCopyOutput)(
      OTXRequestHandle *request, size_t index, float *values, size_t count);

  /// What a request's last run spent, one line a layer of the compiled model, parts separated by
  /// tabs: name, type, kernel, microseconds. The model is compiled with `PERF_COUNT` `YES`.
  char *_Nullable (*_Nonnull requestProfile)(
      OTXRequestHandle *request, char *_Nullable *_Nonnull text);

  /// The devices that this machine has, one a line: `CPU`, `GPU.0`.
  char *_Nullable (*_Nonnull devices)(char *_Nullable *_Nonnull text);
} OTXOpenVINOTable;

/// What the shared library exports, under the name `otx_openvino_table`.
typedef const OTXOpenVINOTable *_Nonnull (*OTXOpenVINOTableFunction)(void);

/// Opens the shared library at `path` and returns its table; it stays open until the process ends.
///
/// Returns NULL when it cannot be opened; then `message` says why and is freed with `free`. Whether
/// the table's `abi` fits is the caller's to check, before anything else of it is used.
const OTXOpenVINOTable *_Nullable otx_openvino_open(
    const char *path, char *_Nullable *_Nonnull message);

#pragma clang assume_nonnull end

#ifdef __cplusplus
}
#endif
