#include "COpenCV.h"

#include "Support.hpp"

using namespace otx;

int otx_cv_warp_affine(otx_cv_view source, otx_cv_view destination, const double *matrix,
                       otx_cv_color fill, char *message, size_t capacity) {
  return guarded(message, capacity, [&] {
    cv::Mat to = mat(destination);
    const cv::Mat map(2, 3, CV_64F, const_cast<double *>(matrix));
    cv::warpAffine(mat(source), to, map, to.size(), cv::INTER_LINEAR, cv::BORDER_CONSTANT,
                   scalar(fill));
    require_in_place(to, destination);
  });
}

int otx_cv_shift_hsv(otx_cv_view picture, int hue, int saturation, int value, char *message,
                     size_t capacity) {
  return guarded(message, capacity, [&] {
    cv::Mat to = mat(picture);
    cv::Mat hsv;
    cv::cvtColor(to, hsv, cv::COLOR_RGB2HSV);
    cv::Mat table(1, 256, CV_8UC3);
    for (int level = 0; level < 256; level++) {
      table.at<cv::Vec3b>(level) = cv::Vec3b(uchar(((level + hue) % 180 + 180) % 180),
                                             cv::saturate_cast<uchar>(level + saturation),
                                             cv::saturate_cast<uchar>(level + value));
    }
    cv::LUT(hsv, table, hsv);
    cv::cvtColor(hsv, to, cv::COLOR_HSV2RGB);
    require_in_place(to, picture);
  });
}

int otx_cv_average(otx_cv_view picture, otx_cv_view other, char *message, size_t capacity) {
  return guarded(message, capacity, [&] {
    if (picture.height != other.height || picture.width != other.width)
      CV_Error(cv::Error::StsUnmatchedSizes, "pictures to be averaged differ in size");
    for (int row = 0; row < picture.height; row++) {
      uint8_t *to = picture.pixels + row * picture.stride;
      const uint8_t *from = other.pixels + row * other.stride;
      for (int index = 0; index < 3 * picture.width; index++)
        to[index] = uint8_t((to[index] & from[index]) + ((to[index] ^ from[index]) >> 1));
    }
  });
}

int otx_cv_blend(otx_cv_view picture, otx_cv_view other, double share, char *message,
                 size_t capacity) {
  return guarded(message, capacity, [&] {
    cv::Mat to = mat(picture);
    cv::addWeighted(to, 1 - share, mat(other), share, 0, to);
    require_in_place(to, picture);
  });
}
