// otx-run: opens libotx_run.so, which stands beside it or in lib, and hands the arguments over.

#define _GNU_SOURCE
#include <dlfcn.h>
#include <libgen.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int main(int count, char **arguments) {
  static const char *places[] = {"lib/libotx_run.so", "libotx_run.so", "../lib/otx/libotx_run.so"};
  char program[PATH_MAX];
  ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
  if (length < 0) {
    fprintf(stderr, "otx-run: /proc is not there, so this program cannot find its libraries\n");
    return 1;
  }
  program[length] = 0;
  const char *folder = dirname(program);
  char reason[1024] = "it is not there";
  for (size_t index = 0; index < sizeof places / sizeof *places; index++) {
    char path[PATH_MAX + 32];
    snprintf(path, sizeof path, "%s/%s", folder, places[index]);
    if (access(path, F_OK) != 0) continue;
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    int32_t (*run)(int32_t, char **) = NULL;
    if (library) *(void **)&run = dlsym(library, "otx_run_main");
    if (run) return run(count, arguments);
    const char *message = dlerror();
    snprintf(reason, sizeof reason, "%s", message ? message : "it has no otx_run_main");
    break;
  }
  fprintf(stderr, "otx-run: libotx_run.so cannot be opened in %s/lib: %s\n", folder, reason);
  return 1;
}
