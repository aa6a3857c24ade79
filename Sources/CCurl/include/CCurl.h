#pragma once
// HTTP by the system's libcurl, which is opened at first use: a program that transfers nothing does
// not load it. Only what a download needs: one GET request, without following redirects.
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// What to ask for, and who is told of the answer.
typedef struct {
  const char *url;
  /// Lines of the request's head, `NULL` at the end.
  const char *const *headers;
  /// The proxy's address; empty: none.
  const char *proxy;
  /// Hosts that are asked without the proxy, by commas.
  const char *noProxy;
  const char *userAgent;
  /// A file of certificates to trust; `NULL`: the system's.
  const char *certificates;
  int32_t connectSeconds;
  /// A transfer that stands still for so long has failed.
  int32_t stallSeconds;
  void *context;
  /// Gets each line of the answer's head. Returns `length` to go on.
  size_t (*header)(const char *line, size_t length, void *context);
  /// Gets the answer's body, piece by piece. Returns `length` to go on.
  size_t (*body)(const char *bytes, size_t length, void *context);
  /// Asked now and then, also while nothing arrives; anything but 0 ends the transfer.
  int32_t (*isCancelled)(void *context);
} OTXCurlRequest;

typedef struct {
  /// libcurl's number; 0: there was a whole answer.
  int32_t code;
  int32_t status;
  char message[256];
  /// Where a redirect leads, as a whole address; empty for none.
  char location[4096];
} OTXCurlResult;

/// Opens the library. Returns 0, or writes what went wrong to `message`.
int32_t otx_curl_load(char *message, size_t capacity);

/// Does one request, in the calling thread. `otx_curl_load` comes first.
OTXCurlResult otx_curl_perform(const OTXCurlRequest *request);

#ifdef __cplusplus
}
#endif
