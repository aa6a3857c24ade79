// For RTLD_DEEPBIND.
#define _GNU_SOURCE
#include "CTorch.h"

#include <dlfcn.h>
#include <stdio.h>

static _Thread_local void *currentRecorder;

void *otx_torch_recorder(void) { return currentRecorder; }
void otx_torch_set_recorder(void *recorder) { currentRecorder = recorder; }

const OTXTorchTable *otx_torch_load(const char *path, char *message, size_t capacity) {
  // RTLD_LOCAL: the symbols of libtorch must not answer for another library's in the same process.
  // RTLD_DEEPBIND: nor may another library's answer for libtorch's. The system's OpenCV brings a
  // BLAS without vector instructions whose `sgemm_` would be found before libtorch's own, and
  // matrix products would take thirty times as long.
  void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_DEEPBIND);
  if (!library) {
    const char *reason = dlerror();
    snprintf(message, capacity, "%s", reason ? reason : "dlopen failed");
    return NULL;
  }
  typedef const OTXTorchTable *(*TableFunction)(void);
  TableFunction table = (TableFunction)dlsym(library, "otx_torch_table");
  if (!table) {
    snprintf(message, capacity, "%s has no symbol otx_torch_table", path);
    dlclose(library);
    return NULL;
  }
  return table();
}
