#include "COpenCV.h"

#include "Support.hpp"

#include <vector>

using namespace otx;

namespace {

int interpolation_flag(int interpolation) {
  switch (interpolation) {
    case OTX_CV_AREA: return cv::INTER_AREA;
    case OTX_CV_NEAREST: return cv::INTER_NEAREST;
    case OTX_CV_CUBIC: return cv::INTER_CUBIC;
    default: return cv::INTER_LINEAR;
  }
}

}  // namespace

int otx_cv_resize(otx_cv_view source, otx_cv_view destination, int interpolation, char *message,
                  size_t capacity) {
  return guarded(message, capacity, [&] {
    cv::Mat to = mat(destination);
    cv::resize(mat(source), to, to.size(), 0, 0, interpolation_flag(interpolation));
    require_in_place(to, destination);
  });
}

int otx_cv_orient(otx_cv_view source, otx_cv_view destination, int orientation, char *message,
                  size_t capacity) {
  return guarded(message, capacity, [&] {
    cv::Mat from = mat(source);
    cv::Mat to = mat(destination);
    cv::Mat turned;
    switch (orientation) {
      case 2: cv::flip(from, to, 1); break;
      case 3: cv::flip(from, to, -1); break;
      case 4: cv::flip(from, to, 0); break;
      case 5: cv::transpose(from, to); break;
      case 6: cv::rotate(from, to, cv::ROTATE_90_CLOCKWISE); break;
      case 7:
        cv::transpose(from, turned);
        cv::flip(turned, to, -1);
        break;
      case 8: cv::rotate(from, to, cv::ROTATE_90_COUNTERCLOCKWISE); break;
      default: from.copyTo(to);
    }
    require_in_place(to, destination);
  });
}

int otx_cv_flip_horizontally(otx_cv_view source, otx_cv_view destination, char *message,
                             size_t capacity) {
  return guarded(message, capacity, [&] {
    cv::Mat to = mat(destination);
    cv::flip(mat(source), to, 1);
    require_in_place(to, destination);
  });
}

int otx_cv_distort(otx_cv_view picture, otx_cv_distortion distortion, char *message,
                   size_t capacity) {
  return guarded(message, capacity, [&] {
    cv::Mat bytes = mat(picture);
    cv::Mat values;
    bytes.convertTo(values, CV_32FC3);
    if (distortion.brightness != 0) {
      const float brightness = distortion.brightness;
      values += cv::Scalar(brightness, brightness, brightness);
    }
    if (distortion.contrast_first) values *= distortion.contrast;
    if (distortion.saturation != 1 || distortion.hue != 0) {
      // On floats the hue is in degrees, saturation 0…1, value in the picture's units.
      cv::cvtColor(values, values, cv::COLOR_RGB2HSV);
      for (int y = 0; y < values.rows; y++) {
        auto *row = values.ptr<cv::Vec3f>(y);
        for (int x = 0; x < values.cols; x++) {
          float hue = row[x][0] + distortion.hue;
          if (hue >= 360) hue -= 360;
          if (hue < 0) hue += 360;
          row[x][0] = hue;
          row[x][1] *= distortion.saturation;
        }
      }
      cv::cvtColor(values, values, cv::COLOR_HSV2RGB);
    }
    if (!distortion.contrast_first) values *= distortion.contrast;
    values.convertTo(bytes, CV_8UC3);
    require_in_place(bytes, picture);
  });
}

int otx_cv_rectangle(otx_cv_view picture, int x1, int y1, int x2, int y2, otx_cv_color color,
                     int thickness, char *message, size_t capacity) {
  return guarded(message, capacity, [&] {
    cv::Mat to = mat(picture);
    cv::rectangle(to, cv::Point(x1, y1), cv::Point(x2, y2), scalar(color), thickness);
  });
}

int otx_cv_text_size(const char *text, double scale, int thickness, int *width, int *height,
                     int *baseline, char *message, size_t capacity) {
  return guarded(message, capacity, [&] {
    cv::Size size = cv::getTextSize(text, cv::FONT_HERSHEY_SIMPLEX, scale, thickness, baseline);
    *width = size.width;
    *height = size.height;
  });
}

int otx_cv_text(otx_cv_view picture, const char *text, int x, int y, double scale,
                otx_cv_color color, int thickness, char *message, size_t capacity) {
  return guarded(message, capacity, [&] {
    cv::Mat to = mat(picture);
    cv::putText(to, text, cv::Point(x, y), cv::FONT_HERSHEY_SIMPLEX, scale, scalar(color),
                thickness, cv::LINE_AA);
  });
}

int otx_cv_fill_polygon(otx_cv_view picture, const int32_t *points, int count, otx_cv_color color,
                        char *message, size_t capacity) {
  return guarded(message, capacity, [&] {
    cv::Mat to = mat(picture);
    std::vector<cv::Point> polygon;
    for (int index = 0; index < count; index++)
      polygon.emplace_back(points[2 * index], points[2 * index + 1]);
    cv::fillPoly(to, std::vector<std::vector<cv::Point>>{polygon}, scalar(color), cv::LINE_AA);
  });
}

int otx_cv_fill_circle(otx_cv_view picture, int x, int y, int radius, otx_cv_color color,
                       char *message, size_t capacity) {
  return guarded(message, capacity, [&] {
    cv::Mat to = mat(picture);
    cv::circle(to, cv::Point(x, y), radius, scalar(color), cv::FILLED, cv::LINE_AA);
  });
}
