#pragma once
// The door to libtorch: one table of functions, filled by `libotx_torch.so` (`Shims/torch`), which
// is opened at first use. Plain C, so that no C++ crosses into Swift.
//
// The table only grows at its end. A change that breaks older callers raises OTX_TORCH_ABI.
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define OTX_TORCH_ABI 3

#define OTX_OPEN_ENUM __attribute__((enum_extensibility(open)))

/// A counted reference to a tensor. The holder of one calls `release` once.
typedef struct OTXTensor OTXTensor;
/// An operator found by name; lives as long as the process.
typedef struct OTXOperator OTXOperator;

/// What an OTXValue holds.
typedef enum OTX_OPEN_ENUM OTXTag : int32_t {
  OTXTagNone = 0,
  OTXTagTensor,           // as.tensor; NULL: an undefined tensor
  OTXTagInt,              // as.integer; also element types, memory formats, layouts
  OTXTagDouble,           // as.real
  OTXTagBool,             // as.integer
  OTXTagString,           // as.text
  OTXTagDevice,           // as.integer: type in the low 32 bits, index above (-1: the current one)
  OTXTagInts,             // as.integers, count
  OTXTagDoubles,          // as.reals, count
  OTXTagBools,            // as.integers, count
  OTXTagTensors,          // as.tensors, count
  OTXTagOptionalTensors,  // as.tensors with NULL for none, count
  OTXTagOther,            // a result of a kind that nobody asked for yet
} OTXTag;

/// One argument or one result of an operator.
typedef struct OTXValue {
  OTXTag tag;
  union {
    OTXTensor *_Nullable tensor;
    int64_t integer;
    double real;
    const char *_Nullable text;
    const int64_t *_Nullable integers;
    const double *_Nullable reals;
    OTXTensor *_Nullable const *_Nullable tensors;
  } as;
  size_t count;
} OTXValue;

/// Why a call failed. Functions that can fail return one of these, 0 for success.
typedef enum OTX_OPEN_ENUM OTXFailureKind : int32_t {
  OTXFailureKindNone = 0,
  OTXFailureKindError = 1,
  OTXFailureKindOutOfMemory = 2,
} OTXFailureKind;

/// The last failure of the calling thread; the text lives until the thread's next failure.
typedef struct OTXFailure {
  OTXFailureKind kind;
  const char *_Nonnull message;
  uint64_t requested;
  uint64_t inUse;
  uint64_t limit;
} OTXFailure;

/// Figures of the caching CPU allocator, in bytes.
typedef struct OTXMemory {
  uint64_t inUse;
  uint64_t cached;
  uint64_t peak;
  uint64_t limit;
} OTXMemory;

/// What is known of an operator from its schema.
typedef struct OTXSchema {
  uint32_t argumentCount;
  uint32_t resultCount;
  /// Writes into one of its arguments.
  uint32_t mutates;
} OTXSchema;

/// A TorchScript module.
typedef struct OTXScript OTXScript;
/// Keeps the memory of an OTXScriptGraphView.
typedef struct OTXScriptGraph OTXScriptGraph;

/// A parameter or a buffer of a TorchScript module.
typedef struct OTXScriptEntry {
  /// Its path: `layer1.0.conv1.weight`.
  const char *_Nonnull name;
  OTXTensor *_Nullable tensor;
  int32_t isParameter;
} OTXScriptEntry;

/// A value of a module's list of operators. What it holds is only known in kind; `name` is a
/// weight's, else empty.
typedef struct OTXScriptValue {
  OTXTag tag;
  /// Of a tensor; its rank too.
  int32_t elementType;
  int32_t rank;
  const char *_Nonnull name;
} OTXScriptValue;

/// An operator of a module's list, or a `prim::Constant`. Numbers are indices into the values.
typedef struct OTXScriptNode {
  const char *_Nonnull name;
  const size_t *_Nullable inputs;
  size_t inputCount;
  const size_t *_Nullable outputs;
  size_t outputCount;
  OTXValue constant;
} OTXScriptNode;

/// The operators of a module's forward pass in order. Value 0 is the pictures.
typedef struct OTXScriptGraphView {
  const OTXScriptNode *_Nullable nodes;
  size_t nodeCount;
  const OTXScriptValue *_Nullable values;
  size_t valueCount;
  size_t output;
} OTXScriptGraphView;

typedef struct OTXTorchTable {
  uint32_t abi;
  const char *_Nonnull libraryVersion;

  // Operators.
  OTXFailureKind (*_Nonnull find_operator)(
      const char *_Nonnull name, const char *_Nonnull overload, OTXOperator *_Nullable *_Nonnull result,
      OTXSchema *_Nonnull schema);
  /// Runs an operator; arguments left out at the end take the schema's defaults. Lists among the
  /// results are freed with `free_list`, tensors with `release`.
  OTXFailureKind (*_Nonnull call)(
      OTXOperator *_Nonnull op, const OTXValue *_Nullable arguments, size_t argumentCount,
      OTXValue *_Nullable results, size_t resultCapacity, size_t *_Nonnull resultCount);
  /// The default of an argument; lists are freed with `free_list`.
  OTXFailureKind (*_Nonnull default_argument)(
      OTXOperator *_Nonnull op, size_t index, OTXValue *_Nonnull result);
  void (*_Nonnull free_list)(OTXValue value);
  void (*_Nonnull last_failure)(OTXFailure *_Nonnull failure);

  // Tensors.
  void (*_Nonnull retain)(OTXTensor *_Nonnull tensor);
  void (*_Nonnull release)(OTXTensor *_Nonnull tensor);
  OTXFailureKind (*_Nonnull from_bytes)(
      const void *_Nullable bytes, size_t byteCount, const int64_t *_Nullable shape, size_t rank,
      int32_t elementType, OTXTensor *_Nullable *_Nonnull result);
  /// A tensor over memory of the caller; `deleter(context)` runs when its last reference goes, also
  /// when this call fails.
  OTXFailureKind (*_Nonnull from_borrowed)(
      void *_Nonnull bytes, size_t byteCount, const int64_t *_Nullable shape, size_t rank,
      int32_t elementType, void (*_Nullable deleter)(void *_Nullable), void *_Nullable context,
      OTXTensor *_Nullable *_Nonnull result);
  /// Copies the elements out, row-major, converted to `elementType`.
  OTXFailureKind (*_Nonnull copy_out)(
      OTXTensor *_Nonnull tensor, int32_t elementType, void *_Nullable bytes, size_t byteCount);
  /// The first element's address; tensors on the CPU only, else NULL.
  void *_Nullable (*_Nonnull data)(OTXTensor *_Nonnull tensor);
  int32_t (*_Nonnull element_type)(OTXTensor *_Nonnull tensor);
  int64_t (*_Nonnull device)(OTXTensor *_Nonnull tensor);
  size_t (*_Nonnull rank)(OTXTensor *_Nonnull tensor);
  const int64_t *_Nullable (*_Nonnull sizes)(OTXTensor *_Nonnull tensor);
  const int64_t *_Nullable (*_Nonnull strides)(OTXTensor *_Nonnull tensor);
  int64_t (*_Nonnull element_count)(OTXTensor *_Nonnull tensor);
  int32_t (*_Nonnull memory_format)(OTXTensor *_Nonnull tensor);
  int32_t (*_Nonnull is_contiguous)(OTXTensor *_Nonnull tensor, int32_t memoryFormat);
  /// The same number for tensors that share memory.
  uint64_t (*_Nonnull storage_identity)(OTXTensor *_Nonnull tensor);

  // Autograd.
  int32_t (*_Nonnull requires_grad)(OTXTensor *_Nonnull tensor);
  OTXFailureKind (*_Nonnull set_requires_grad)(OTXTensor *_Nonnull tensor, int32_t value);
  int32_t (*_Nonnull is_leaf)(OTXTensor *_Nonnull tensor);
  /// A new reference to the gradient, or NULL.
  OTXFailureKind (*_Nonnull grad)(OTXTensor *_Nonnull tensor, OTXTensor *_Nullable *_Nonnull result);
  OTXFailureKind (*_Nonnull set_grad)(OTXTensor *_Nonnull tensor, OTXTensor *_Nullable grad);
  /// `grads` may be NULL: ones for scalar roots.
  OTXFailureKind (*_Nonnull backward)(
      OTXTensor *_Nonnull const *_Nonnull roots, OTXTensor *_Nullable const *_Nullable grads, size_t count,
      int32_t retainGraph);
  int32_t (*_Nonnull grad_enabled)(void);
  void (*_Nonnull set_grad_enabled)(int32_t value);

  // Modes of the calling thread.
  int32_t (*_Nonnull autocast_enabled)(int32_t deviceType);
  int32_t (*_Nonnull autocast_type)(int32_t deviceType);
  OTXFailureKind (*_Nonnull set_autocast)(int32_t deviceType, int32_t enabled, int32_t elementType);
  void (*_Nonnull clear_autocast_cache)(void);

  // The process.
  OTXFailureKind (*_Nonnull manual_seed)(uint64_t seed);
  int32_t (*_Nonnull thread_count)(void);
  OTXFailureKind (*_Nonnull set_thread_count)(int32_t count);
  /// 0: off, 1: on, 2: on, but an operator without one only warns.
  int32_t (*_Nonnull deterministic)(void);
  OTXFailureKind (*_Nonnull set_deterministic)(int32_t mode);

  // Memory of the CPU.
  void (*_Nonnull memory)(OTXMemory *_Nonnull memory);
  void (*_Nonnull reset_memory_peak)(void);
  void (*_Nonnull set_memory_limit)(uint64_t byteCount);
  void (*_Nonnull empty_memory_cache)(void);

  // TorchScript modules.
  /// Reads what `torch.jit.save` wrote; every tensor comes to the CPU.
  OTXFailureKind (*_Nonnull script_load)(
      const void *_Nonnull bytes, size_t byteCount, OTXScript *_Nullable *_Nonnull result);
  /// Makes a module of entries (dotted names make modules below) and the source text of its methods.
  OTXFailureKind (*_Nonnull script_compile)(
      const char *_Nonnull source, const OTXScriptEntry *_Nullable entries, size_t count,
      OTXScript *_Nullable *_Nonnull result);
  void (*_Nonnull script_free)(OTXScript *_Nonnull script);
  size_t (*_Nonnull script_entry_count)(OTXScript *_Nonnull script);
  /// The name lives as long as the module; the tensor is a new reference.
  OTXFailureKind (*_Nonnull script_entry)(
      OTXScript *_Nonnull script, size_t index, OTXScriptEntry *_Nonnull entry);
  /// Puts a tensor in the place of an entry's.
  OTXFailureKind (*_Nonnull script_set)(
      OTXScript *_Nonnull script, size_t index, OTXTensor *_Nonnull tensor);
  OTXFailureKind (*_Nonnull script_train)(OTXScript *_Nonnull script, int32_t isTraining);
  OTXFailureKind (*_Nonnull script_forward)(
      OTXScript *_Nonnull script, OTXTensor *_Nonnull input, OTXTensor *_Nullable *_Nonnull output);
  /// Writes the module as `torch.jit.save` does; without weights their shapes alone.
  OTXFailureKind (*_Nonnull script_save)(
      OTXScript *_Nonnull script, int32_t withWeights,
      void (*_Nonnull write)(void *_Nullable context, const void *_Nullable bytes, size_t byteCount),
      void *_Nullable context);
  /// The operators of the forward pass, found by running it for two batches of different size.
  OTXFailureKind (*_Nonnull script_graph)(
      OTXScript *_Nonnull script, OTXTensor *_Nonnull small, OTXTensor *_Nonnull large,
      const OTXScriptGraphView *_Nullable *_Nonnull result, OTXScriptGraph *_Nullable *_Nonnull owner);
  void (*_Nonnull script_graph_free)(OTXScriptGraph *_Nonnull graph);

  // Our own kernels of training (`otx::` operators). Without them those operators are libtorch's.
  int32_t (*_Nonnull own_kernels)(void);
  void (*_Nonnull set_own_kernels)(int32_t value);
  /// 0: portable, 1: AVX2, 2: AVX-512; what is used.
  int32_t (*_Nonnull instruction_set)(void);
  /// Uses at most this one from now on.
  void (*_Nonnull limit_instruction_set)(int32_t value);

  /// Times every operator from now on, in the whole process.
  OTXFailureKind (*_Nonnull profile_start)(void);
  /// Ends that, and hands over each operator's calls, its seconds and the bytes that it read and wrote, at
  /// least, without those of what it called.
  OTXFailureKind (*_Nonnull profile_stop)(
      void (*_Nonnull receive)(
          void *_Nullable context, const char *_Nonnull name, int64_t count, double seconds, int64_t bytes),
      void *_Nullable context);
} OTXTorchTable;

/// Opens the shim and returns its table, or NULL with the reason in `message`. Nothing but `abi` may
/// be read before that is compared with OTX_TORCH_ABI.
const OTXTorchTable *_Nullable otx_torch_load(
    const char *_Nonnull path, char *_Nonnull message, size_t capacity);

/// The calling thread's recorder, opaque to C; NULL while nothing records.
void *_Nullable otx_torch_recorder(void);
void otx_torch_set_recorder(void *_Nullable recorder);

#ifdef __cplusplus
}
#endif
