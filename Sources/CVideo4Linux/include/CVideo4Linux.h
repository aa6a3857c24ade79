#pragma once

// Cameras of Linux (Video4Linux2), by memory that is shared with the driver.
//
// See "Linux Media Subsystem Documentation", part I: Video for Linux API, streaming I/O (memory
// mapping). A camera is used from one thread at a time.

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct otx_camera otx_camera;

/// How the bytes of a frame are to be read.
enum { OTX_CAMERA_JPEG = 1, OTX_CAMERA_YUYV = 2 };

/// What was agreed with the driver.
typedef struct {
  int32_t height;
  int32_t width;
  /// Bytes from one row to the next; of YUYV.
  int32_t stride;
  int32_t format;
  /// Frames a second; 0 where the driver does not say.
  double rate;
} otx_camera_format;

/// Opens the camera at `path` near the given size and starts it: as JPEGs where it has them, else as
/// YUYV. Returns NULL and says why in `message` (of `capacity` bytes). `*unsupported` is set where it
/// is a camera whose formats are other ones.
otx_camera *otx_camera_open(const char *path, int32_t height, int32_t width,
                            otx_camera_format *format, int32_t *unsupported, char *message,
                            size_t capacity);

/// Waits for the newest frame, at most `timeout` milliseconds. `*bytes` lives until the next call.
/// Returns 0 for success; otherwise `message` says why.
int otx_camera_next(otx_camera *camera, int32_t timeout, const uint8_t **bytes, size_t *count,
                    char *message, size_t capacity);

void otx_camera_close(otx_camera *camera);

#ifdef __cplusplus
}
#endif
