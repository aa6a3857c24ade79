// Training pictures a second of a plain C++ loop over threads: libjpeg-turbo and OpenCV's imgproc.
//
//   c++ -O3 -march=native -std=c++17 loader_peer.cpp -I/usr/include/opencv4 \
//     -lturbojpeg -lopencv_core -lopencv_imgproc -lpthread -o loader_peer
//   loader_peer FOLDER plain|mosaic SIDE THREADS SECONDS
//
// plain: decode, flip at random, resize. mosaic: four pictures, each decoded and fitted into the
// input, pasted around a random centre of a canvas of twice the input, warped to the input, flipped.

#include <turbojpeg.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <opencv2/core.hpp>
#include <opencv2/imgproc.hpp>
#include <random>
#include <string>
#include <thread>
#include <vector>

namespace {

struct Decoder {
  tjhandle handle = tjInitDecompress();
  ~Decoder() { tjDestroy(handle); }

  cv::Mat read(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    std::vector<unsigned char> bytes((std::istreambuf_iterator<char>(file)), {});
    int width = 0, height = 0, sampling = 0, space = 0;
    if (tjDecompressHeader3(handle, bytes.data(), bytes.size(), &width, &height, &sampling, &space))
      std::abort();
    cv::Mat image(height, width, CV_8UC3);
    if (tjDecompress2(handle, bytes.data(), bytes.size(), image.data, width, 0, height, TJPF_RGB, 0))
      std::abort();
    return image;
  }
};

cv::Mat plain(Decoder& decoder, const std::string& path, int side, std::mt19937& random) {
  cv::Mat image = decoder.read(path), small;
  cv::resize(image, small, {side, side}, 0, 0, cv::INTER_LINEAR);
  if (random() & 1) cv::flip(small, small, 1);
  return small;
}

cv::Mat mosaic(
  Decoder& decoder, const std::vector<std::string>& paths, int side, std::mt19937& random) {
  cv::Mat canvas(2 * side, 2 * side, CV_8UC3, cv::Scalar(114, 114, 114));
  std::uniform_int_distribution<int> place(side / 2, side + side / 2);
  const int x = place(random), y = place(random);
  for (int part = 0; part < 4; part++) {
    cv::Mat image = decoder.read(paths[random() % paths.size()]), small;
    const double scale = std::min(double(side) / image.rows, double(side) / image.cols);
    cv::resize(image, small, {}, scale, scale, cv::INTER_LINEAR);
    const int left = part & 1 ? x : x - small.cols, top = part & 2 ? y : y - small.rows;
    const cv::Rect target = cv::Rect(left, top, small.cols, small.rows) &
                            cv::Rect(0, 0, canvas.cols, canvas.rows);
    small(target - cv::Point(left, top)).copyTo(canvas(target));
  }
  std::uniform_real_distribution<double> angle(-10, 10), size(0.5, 1.5), shift(0.4, 0.6);
  cv::Mat turn = cv::getRotationMatrix2D({float(side), float(side)}, angle(random), size(random));
  turn.at<double>(0, 2) += shift(random) * side - side;
  turn.at<double>(1, 2) += shift(random) * side - side;
  cv::Mat result;
  cv::warpAffine(canvas, result, turn, {side, side}, cv::INTER_LINEAR, cv::BORDER_CONSTANT,
                 {114, 114, 114});
  if (random() & 1) cv::flip(result, result, 1);
  return result;
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 6) return 64;
  std::vector<std::string> paths;
  for (auto& entry : std::filesystem::directory_iterator(arguments[1]))
    if (entry.path().extension() == ".jpg") paths.push_back(entry.path());
  std::sort(paths.begin(), paths.end());
  const bool isMosaic = std::string(arguments[2]) == "mosaic";
  const int side = std::atoi(arguments[3]), threadCount = std::atoi(arguments[4]);
  const double seconds = std::atof(arguments[5]);
  cv::setNumThreads(1);
  std::atomic<long> done{0};
  const auto start = std::chrono::steady_clock::now();
  const auto end = start + std::chrono::duration<double>(seconds);
  std::vector<std::thread> threads;
  for (int number = 0; number < threadCount; number++)
    threads.emplace_back([&, number] {
      Decoder decoder;
      std::mt19937 random(number);
      // A batch of eight, as a loader hands it out.
      std::vector<unsigned char> batch(8ul * side * side * 3);
      for (size_t index = number; std::chrono::steady_clock::now() < end; index += threadCount) {
        cv::Mat sample = isMosaic ? mosaic(decoder, paths, side, random)
                                  : plain(decoder, paths[index % paths.size()], side, random);
        std::copy_n(sample.data, size_t(side) * side * 3,
                    batch.data() + index / threadCount % 8 * side * side * 3);
        done++;
      }
    });
  for (auto& thread : threads) thread.join();
  const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start;
  std::printf("%.1f\n", done / taken.count());
}
