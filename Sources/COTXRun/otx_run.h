#pragma once

// Runs a deployed model from C or C++: open it once, hand it pictures, read what it found.
//
//   cc program.c -I. -Llib -lotx_run -Wl,-rpath,'$ORIGIN/lib' -o program
//
// A function that can fail returns 0 for success, else a number other than 0, and says why in
// `*error`, a text that `otx_run_free_text` frees. A model is used from one thread at a time;
// different models may be used at once.

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// Raised whenever something here changes its meaning.
#define OTX_RUN_VERSION 1

/// A model that is ready to run, or several in a row.
typedef struct otx_run_model otx_run_model;

/// One thing that a model found in a picture.
typedef struct otx_run_finding {
  /// UTF-8; lives as long as the result.
  const char *label;
  /// How sure the model is, 0 to 1.
  float score;
  /// Whether it has a place in the picture.
  int32_t has_box;
  /// Where it is, in pixels; `x2` and `y2` are exclusive.
  float x1, y1, x2, y2;
  /// Whether it is a number: what a regression model says.
  int32_t has_value;
  double value;
  /// Which finding of the model before it was looked at to find this; -1: the picture itself.
  int32_t parent;
} otx_run_finding;

/// What was found in one picture; the surest first, then what further models found inside them.
typedef struct otx_run_result {
  int32_t height;
  int32_t width;
  size_t count;
  otx_run_finding *findings;
  /// The same as one line of JSON, UTF-8.
  const char *json;
} otx_run_result;

/// The version of this library, such as "0.1.0"; not to be freed.
const char *otx_run_version(void);

/// Opens the model at `path`: `openvino.xml`, its folder, or the folder that a deployed package was
/// unpacked to. `device`: "cpu", "gpu"; NULL for the default. `threshold`: below 0 for the model's own.
int32_t otx_run_open(const char *path, const char *device, float threshold, otx_run_model **model,
                     char **error);
void otx_run_close(otx_run_model *model);

/// Looks at a picture file (JPEG, PNG, BMP, TIFF, WebP).
int32_t otx_run_predict_file(otx_run_model *model, const char *path, otx_run_result **result,
                             char **error);
/// Looks at the bytes of such a file.
int32_t otx_run_predict_bytes(otx_run_model *model, const uint8_t *bytes, size_t count,
                              otx_run_result **result, char **error);
/// Looks at pixels: rows of red, green, blue bytes, `stride` bytes from one row to the next.
int32_t otx_run_predict_pixels(otx_run_model *model, const uint8_t *pixels, int32_t height,
                               int32_t width, size_t stride, otx_run_result **result,
                               char **error);

void otx_run_free_result(otx_run_result *result);
void otx_run_free_text(char *text);

/// What the program `otx-run` does with its arguments; returns the exit status.
int32_t otx_run_main(int32_t count, char **arguments);

#ifdef __cplusplus
}
#endif
