#pragma once
// Splits work over libtorch's own threads.
//
// at::parallel_for runs on one thread unless the including file is compiled with OpenMP, and the
// toolchain's OpenMP is another library than the one libtorch loads: two pools of threads would
// fight for the cores. So the pool of libtorch's is called directly; its entry is a stable ABI.
#include <ATen/Parallel.h>
#include <dlfcn.h>

#include <algorithm>
#include <cstdint>

namespace otx {

/// Calls `body(thread, threadCount)` on each of `threadCount` threads; returns when all are done.
template <typename Body>
void onThreads(int64_t threadCount, Body &&body) {
  using Region = void (*)(void (*)(void *), void *, unsigned, unsigned);
  using Number = int (*)();
  static const auto region = reinterpret_cast<Region>(dlsym(RTLD_DEFAULT, "GOMP_parallel"));
  static const auto number = reinterpret_cast<Number>(dlsym(RTLD_DEFAULT, "omp_get_thread_num"));
  static const auto members = reinterpret_cast<Number>(dlsym(RTLD_DEFAULT, "omp_get_num_threads"));
  if (threadCount <= 1 || !region || !number || !members || at::in_parallel_region()) {
    for (int64_t thread = 0; thread < threadCount; ++thread) body(thread, threadCount);
    return;
  }
  struct Work {
    Body &body;
    int64_t count;
  } work{body, threadCount};
  region(
      [](void *data) {
        auto &work = *static_cast<Work *>(data);
        // The pool may be smaller than asked for; every part is done all the same.
        for (int64_t part = number(); part < work.count; part += members()) work.body(part, work.count);
      },
      &work, static_cast<unsigned>(threadCount), 0);
}

/// Threads worth having for `count` values: libtorch's own number, fewer for little work.
inline int64_t threadsFor(int64_t count) {
  constexpr int64_t grain = 32768;
  return std::clamp<int64_t>(count / grain, 1, at::get_num_threads());
}

/// `body(thread, first, last)` over `rows` rows of `length` values, each thread a contiguous part of its own.
template <typename Body>
void overRows(int64_t rows, int64_t length, Body &&body) {
  onThreads(threadsFor(rows * length), [&](int64_t thread, int64_t threads) {
    body(thread, rows * thread / threads, rows * (thread + 1) / threads);
  });
}

}  // namespace otx
