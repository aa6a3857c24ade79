#include "CCurl.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

// libcurl's interface (soname 4, stable since 2006), as its documentation and ABI page give it;
// declared here so that building needs no header of it.
typedef void CURL;
struct curl_slist;

enum {
  optionWriteData = 10001,
  optionURL = 10002,
  optionProxy = 10004,
  optionErrorBuffer = 10010,
  optionUserAgent = 10018,
  optionLowSpeedLimit = 19,
  optionLowSpeedTime = 20,
  optionHTTPHeader = 10023,
  optionHeaderData = 10029,
  optionNoProgress = 43,
  optionProgressData = 10057,
  optionCertificates = 10065,
  optionConnectTimeout = 78,
  optionBufferSize = 98,
  optionNoSignal = 99,
  optionNoProxy = 10177,
  optionProtocols = 181,
  optionKeepAlive = 213,
  optionWriteFunction = 20011,
  optionHeaderFunction = 20079,
  optionTransferFunction = 20219,
  infoResponseCode = 0x200002,
  infoRedirectURL = 0x10001F,
  protocolsHTTP = 1 | 2,
  globalAll = 3,
};

static struct {
  int (*globalInit)(long);
  CURL *(*init)(void);
  int (*setOption)(CURL *, int, ...);
  int (*perform)(CURL *);
  int (*info)(CURL *, int, ...);
  void (*cleanup)(CURL *);
  const char *(*explain)(int);
  struct curl_slist *(*append)(struct curl_slist *, const char *);
  void (*freeAll)(struct curl_slist *);
} curl;

static pthread_mutex_t loading = PTHREAD_MUTEX_INITIALIZER;
static int isLoaded;

static int32_t load(char *message, size_t capacity) {
#ifdef __APPLE__
  static const char *const names[] = {"libcurl.4.dylib"};
#else
  static const char *const names[] = {"libcurl.so.4", "libcurl-gnutls.so.4"};
#endif
  void *library = NULL;
  for (size_t i = 0; i < sizeof names / sizeof *names && !library; i++)
    library = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    const char *reason = dlerror();
    snprintf(message, capacity, "%s", reason ? reason : "dlopen failed");
    return 1;
  }
  const struct {
    const char *name;
    void *target;
  } symbols[] = {
      {"curl_global_init", &curl.globalInit}, {"curl_easy_init", &curl.init},
      {"curl_easy_setopt", &curl.setOption},  {"curl_easy_perform", &curl.perform},
      {"curl_easy_getinfo", &curl.info},      {"curl_easy_cleanup", &curl.cleanup},
      {"curl_easy_strerror", &curl.explain},  {"curl_slist_append", &curl.append},
      {"curl_slist_free_all", &curl.freeAll},
  };
  for (size_t i = 0; i < sizeof symbols / sizeof *symbols; i++) {
    void *symbol = dlsym(library, symbols[i].name);
    if (!symbol) {
      snprintf(message, capacity, "libcurl has no %s", symbols[i].name);
      return 1;
    }
    memcpy(symbols[i].target, &symbol, sizeof symbol);
  }
  int code = curl.globalInit(globalAll);
  if (code) {
    snprintf(message, capacity, "%s", curl.explain(code));
    return 1;
  }
  return 0;
}

int32_t otx_curl_load(char *message, size_t capacity) {
  pthread_mutex_lock(&loading);
  int32_t failed = isLoaded ? 0 : load(message, capacity);
  if (!failed) isLoaded = 1;
  pthread_mutex_unlock(&loading);
  return failed;
}

static size_t receive(char *bytes, size_t size, size_t count, void *data) {
  const OTXCurlRequest *request = data;
  return request->body(bytes, size * count, request->context);
}

static size_t receiveHeader(char *line, size_t size, size_t count, void *data) {
  const OTXCurlRequest *request = data;
  return request->header(line, size * count, request->context);
}

static int tick(void *data, int64_t total, int64_t now, int64_t toSend, int64_t sent) {
  const OTXCurlRequest *request = data;
  (void)total, (void)now, (void)toSend, (void)sent;
  return request->isCancelled(request->context);
}

OTXCurlResult otx_curl_perform(const OTXCurlRequest *request) {
  OTXCurlResult result = {.code = 2};
  CURL *handle = curl.init();
  if (!handle) {
    snprintf(result.message, sizeof result.message, "out of memory");
    return result;
  }
  struct curl_slist *lines = NULL;
  for (const char *const *line = request->headers; line && *line; line++)
    lines = curl.append(lines, *line);
  char reason[256] = "";
  curl.setOption(handle, optionErrorBuffer, reason);
  curl.setOption(handle, optionURL, request->url);
  curl.setOption(handle, optionHTTPHeader, lines);
  curl.setOption(handle, optionProxy, request->proxy);
  curl.setOption(handle, optionNoProxy, request->noProxy);
  curl.setOption(handle, optionUserAgent, request->userAgent);
  if (request->certificates)
    curl.setOption(handle, optionCertificates, request->certificates);
  curl.setOption(handle, optionConnectTimeout, (long)request->connectSeconds);
  curl.setOption(handle, optionLowSpeedLimit, 1L);
  curl.setOption(handle, optionLowSpeedTime, (long)request->stallSeconds);
  curl.setOption(handle, optionNoSignal, 1L);
  curl.setOption(handle, optionKeepAlive, 1L);
  curl.setOption(handle, optionBufferSize, 1L << 18);
  curl.setOption(handle, optionProtocols, (long)protocolsHTTP);
  curl.setOption(handle, optionWriteFunction, receive);
  curl.setOption(handle, optionWriteData, request);
  curl.setOption(handle, optionHeaderFunction, receiveHeader);
  curl.setOption(handle, optionHeaderData, request);
  curl.setOption(handle, optionNoProgress, 0L);
  curl.setOption(handle, optionTransferFunction, tick);
  curl.setOption(handle, optionProgressData, request);
  result.code = curl.perform(handle);
  if (result.code)
    snprintf(result.message, sizeof result.message, "%s",
             reason[0] ? reason : curl.explain(result.code));
  long status = 0;
  curl.info(handle, infoResponseCode, &status);
  result.status = (int32_t)status;
  char *location = NULL;
  curl.info(handle, infoRedirectURL, &location);
  if (location) snprintf(result.location, sizeof result.location, "%s", location);
  curl.cleanup(handle);
  curl.freeAll(lines);
  return result;
}
