#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "COpenVINO.h"

const OTXOpenVINOTable *otx_openvino_open(const char *path, char **message) {
  *message = NULL;
  void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  const char *reason = library ? NULL : dlerror();
  if (library) {
    OTXOpenVINOTableFunction table = NULL;
    *(void **)&table = dlsym(library, "otx_openvino_table");
    if (table) return table();
    reason = dlerror();
  }
  *message = strdup(reason ? reason : "the library could not be opened");
  return NULL;
}
