#pragma once

#include "COpenCV.h"

#include <cstring>
#include <exception>
#include <opencv2/core.hpp>
#include <opencv2/imgproc.hpp>

// What the files of this target share; no part of its interface.

namespace otx {

inline void set_message(char *message, size_t capacity, const char *text) {
  if (capacity == 0) return;
  std::strncpy(message, text, capacity - 1);
  message[capacity - 1] = 0;
}

/// Runs `body`; an exception becomes an error code and a message.
template <typename Body>
int guarded(char *message, size_t capacity, Body body) {
  try {
    // Once in the process: the loader's threads are all the threads there are.
    static const bool is_single_threaded = (cv::setNumThreads(0), true);
    (void)is_single_threaded;
    body();
    return 0;
  } catch (const std::exception &error) {
    set_message(message, capacity, error.what());
  } catch (...) {
    set_message(message, capacity, "unknown error in OpenCV");
  }
  return 1;
}

inline cv::Mat mat(otx_cv_view view) {
  return cv::Mat(view.height, view.width, CV_8UC3, view.pixels, size_t(view.stride));
}

inline cv::Scalar scalar(otx_cv_color color) {
  return cv::Scalar(color.red, color.green, color.blue);
}

/// `destination` must not be reallocated by the operation that wrote `result`.
inline void require_in_place(const cv::Mat &result, otx_cv_view destination) {
  if (result.data != destination.pixels) CV_Error(cv::Error::StsInternal, "destination has another size");
}

}  // namespace otx
