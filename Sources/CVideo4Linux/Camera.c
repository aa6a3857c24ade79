#include "CVideo4Linux.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef __linux__
#include <fcntl.h>
#include <linux/videodev2.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

enum { BUFFER_COUNT = 4 };

struct otx_camera {
  int file;
  int is_running;
  /// The buffer that the caller looks at; -1: none.
  int held;
  unsigned count;
  struct {
    void *start;
    size_t length;
  } buffers[BUFFER_COUNT];
};

static int call(int file, unsigned long request, void *argument) {
  int status;
  do status = ioctl(file, request, argument);
  while (status < 0 && errno == EINTR);
  return status;
}

static otx_camera *fail(otx_camera *camera, const char *what, char *message, size_t capacity) {
  snprintf(message, capacity, "%s: %s", what, strerror(errno));
  otx_camera_close(camera);
  return NULL;
}

/// Asks for one format; 0 where the driver has it.
static int agree(int file, uint32_t pixels, int32_t height, int32_t width,
                 struct v4l2_format *wish) {
  memset(wish, 0, sizeof *wish);
  wish->type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
  wish->fmt.pix.width = (uint32_t)width;
  wish->fmt.pix.height = (uint32_t)height;
  wish->fmt.pix.pixelformat = pixels;
  wish->fmt.pix.field = V4L2_FIELD_ANY;
  return call(file, VIDIOC_S_FMT, wish) == 0 && wish->fmt.pix.pixelformat == pixels ? 0 : -1;
}

static int enqueue(otx_camera *camera, unsigned index) {
  struct v4l2_buffer buffer = {
      .type = V4L2_BUF_TYPE_VIDEO_CAPTURE, .memory = V4L2_MEMORY_MMAP, .index = index};
  return call(camera->file, VIDIOC_QBUF, &buffer);
}

otx_camera *otx_camera_open(const char *path, int32_t height, int32_t width,
                            otx_camera_format *format, int32_t *unsupported, char *message,
                            size_t capacity) {
  *unsupported = 0;
  otx_camera *camera = calloc(1, sizeof *camera);
  if (!camera) {
    snprintf(message, capacity, "there is no memory");
    return NULL;
  }
  camera->held = -1;
  camera->file = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
  if (camera->file < 0) return fail(camera, "it cannot be opened", message, capacity);
  struct v4l2_capability ability;
  memset(&ability, 0, sizeof ability);
  if (call(camera->file, VIDIOC_QUERYCAP, &ability) < 0)
    return fail(camera, "it is no camera", message, capacity);
  uint32_t can = ability.capabilities & V4L2_CAP_DEVICE_CAPS ? ability.device_caps
                                                              : ability.capabilities;
  if (!(can & V4L2_CAP_VIDEO_CAPTURE) || !(can & V4L2_CAP_STREAMING)) {
    errno = ENODEV;
    return fail(camera, "it gives no video", message, capacity);
  }

  struct v4l2_format wish;
  if (agree(camera->file, V4L2_PIX_FMT_MJPEG, height, width, &wish) == 0 ||
      agree(camera->file, V4L2_PIX_FMT_JPEG, height, width, &wish) == 0) {
    format->format = OTX_CAMERA_JPEG;
  } else if (agree(camera->file, V4L2_PIX_FMT_YUYV, height, width, &wish) == 0) {
    format->format = OTX_CAMERA_YUYV;
  } else {
    *unsupported = 1;
    errno = EINVAL;
    return fail(camera, "it gives neither JPEG nor YUYV", message, capacity);
  }
  format->height = (int32_t)wish.fmt.pix.height;
  format->width = (int32_t)wish.fmt.pix.width;
  format->stride = (int32_t)wish.fmt.pix.bytesperline;
  if (format->stride < 2 * format->width) format->stride = 2 * format->width;

  struct v4l2_streamparm rate;
  memset(&rate, 0, sizeof rate);
  rate.type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
  format->rate = 0;
  if (call(camera->file, VIDIOC_G_PARM, &rate) == 0 &&
      rate.parm.capture.timeperframe.numerator > 0)
    format->rate = (double)rate.parm.capture.timeperframe.denominator /
                   rate.parm.capture.timeperframe.numerator;

  struct v4l2_requestbuffers request = {
      .count = BUFFER_COUNT, .type = V4L2_BUF_TYPE_VIDEO_CAPTURE, .memory = V4L2_MEMORY_MMAP};
  if (call(camera->file, VIDIOC_REQBUFS, &request) < 0 || request.count == 0)
    return fail(camera, "it shares no memory", message, capacity);
  unsigned count = request.count < BUFFER_COUNT ? request.count : BUFFER_COUNT;
  for (unsigned index = 0; index < count; index++) {
    struct v4l2_buffer buffer = {
        .type = V4L2_BUF_TYPE_VIDEO_CAPTURE, .memory = V4L2_MEMORY_MMAP, .index = index};
    if (call(camera->file, VIDIOC_QUERYBUF, &buffer) < 0)
      return fail(camera, "its memory cannot be found", message, capacity);
    void *start = mmap(NULL, buffer.length, PROT_READ | PROT_WRITE, MAP_SHARED, camera->file,
                       (off_t)buffer.m.offset);
    if (start == MAP_FAILED) return fail(camera, "its memory cannot be used", message, capacity);
    camera->buffers[index].start = start;
    camera->buffers[index].length = buffer.length;
    camera->count = index + 1;
    if (enqueue(camera, index) < 0)
      return fail(camera, "its memory cannot be used", message, capacity);
  }
  int kind = V4L2_BUF_TYPE_VIDEO_CAPTURE;
  if (call(camera->file, VIDIOC_STREAMON, &kind) < 0)
    return fail(camera, "it cannot be started", message, capacity);
  camera->is_running = 1;
  return camera;
}

/// Takes a filled buffer; -1 where there is none (`errno` is EAGAIN) or something is wrong.
static int dequeue(otx_camera *camera, struct v4l2_buffer *buffer) {
  memset(buffer, 0, sizeof *buffer);
  buffer->type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
  buffer->memory = V4L2_MEMORY_MMAP;
  return call(camera->file, VIDIOC_DQBUF, buffer);
}

int otx_camera_next(otx_camera *camera, int32_t timeout, const uint8_t **bytes, size_t *count,
                    char *message, size_t capacity) {
  if (camera->held >= 0) {
    enqueue(camera, (unsigned)camera->held);
    camera->held = -1;
  }
  struct v4l2_buffer newest;
  for (;;) {
    struct pollfd wait = {.fd = camera->file, .events = POLLIN};
    int ready;
    do ready = poll(&wait, 1, timeout);
    while (ready < 0 && errno == EINTR);
    if (ready == 0) {
      snprintf(message, capacity, "it gave no picture for %d seconds", timeout / 1000);
      return 1;
    }
    if (ready < 0 || (wait.revents & (POLLERR | POLLHUP)) || dequeue(camera, &newest) < 0) {
      if (ready > 0 && errno == EAGAIN && !(wait.revents & (POLLERR | POLLHUP))) continue;
      snprintf(message, capacity, "it was disconnected: %s", strerror(errno));
      return 1;
    }
    // What is older than the newest is past.
    struct v4l2_buffer next;
    while (dequeue(camera, &next) == 0) {
      enqueue(camera, newest.index);
      newest = next;
    }
    if (newest.index < camera->count && !(newest.flags & V4L2_BUF_FLAG_ERROR) &&
        newest.bytesused > 0)
      break;
    enqueue(camera, newest.index);
  }
  size_t length = camera->buffers[newest.index].length;
  camera->held = (int)newest.index;
  *bytes = camera->buffers[newest.index].start;
  *count = newest.bytesused < length ? newest.bytesused : length;
  return 0;
}

void otx_camera_close(otx_camera *camera) {
  if (!camera) return;
  int kind = V4L2_BUF_TYPE_VIDEO_CAPTURE;
  if (camera->is_running) call(camera->file, VIDIOC_STREAMOFF, &kind);
  for (unsigned index = 0; index < camera->count; index++)
    munmap(camera->buffers[index].start, camera->buffers[index].length);
  if (camera->file >= 0) close(camera->file);
  free(camera);
}

#else

otx_camera *otx_camera_open(const char *path, int32_t height, int32_t width,
                            otx_camera_format *format, int32_t *unsupported, char *message,
                            size_t capacity) {
  *unsupported = 1;
  snprintf(message, capacity, "this system has no Video4Linux");
  return NULL;
}

int otx_camera_next(otx_camera *camera, int32_t timeout, const uint8_t **bytes, size_t *count,
                    char *message, size_t capacity) {
  snprintf(message, capacity, "this system has no Video4Linux");
  return 1;
}

void otx_camera_close(otx_camera *camera) {}

#endif
