// A CPU allocator that keeps its memory, with a budget.
//
// glibc gives every big block back to the system, and touching fresh pages costs four times as much
// as rewriting old ones; a CPU also has no out-of-memory that could be caught, only the kernel's
// kill. So freed blocks are kept by size class, and beyond the budget the cache is freed first and
// then c10::OutOfMemoryError is thrown.
#include <c10/core/Allocator.h>
#include <c10/core/CPUAllocator.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <mutex>
#include <string>
#include <vector>

#include "shim.h"

namespace otx {
namespace {

constexpr size_t kAlignment = 64;
constexpr size_t kHugePage = size_t{2} << 20;
/// Classes an octave: at most an eighth of a block is wasted.
constexpr size_t kSteps = 8;
constexpr uint64_t kMagic = 0x4f5458626c6f636bULL;

/// Stands in the 64 bytes before the data.
struct Header {
  uint64_t magic;
  uint64_t sizeClass;
  uint64_t byteCount;
};
static_assert(sizeof(Header) <= kAlignment);

struct SizeClass {
  size_t index;
  size_t byteCount;
};

SizeClass sizeClass(size_t byteCount) {
  byteCount = std::max<size_t>(byteCount, 128);
  size_t octave = std::bit_width(byteCount) - 1;
  size_t step = (size_t{1} << octave) / kSteps;
  size_t part = (byteCount - (size_t{1} << octave) + step - 1) / step;
  return {octave * kSteps + part, (size_t{1} << octave) + part * step};
}

/// The first number in a file, or `missing`.
uint64_t readNumber(const std::string &path, uint64_t missing) {
  std::ifstream file(path);
  uint64_t value;
  return file >> value ? value : missing;
}

/// The smallest memory limit of the control groups this process is in.
uint64_t controlGroupLimit() {
  constexpr auto none = std::numeric_limits<uint64_t>::max();
  auto limit = std::min(
      readNumber("/sys/fs/cgroup/memory.max", none),
      readNumber("/sys/fs/cgroup/memory/memory.limit_in_bytes", none));
  std::ifstream groups("/proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {
    if (line.rfind("0::", 0) != 0) continue;
    for (auto path = line.substr(3); path.size() > 1; path = path.substr(0, path.rfind('/')))
      limit = std::min(limit, readNumber("/sys/fs/cgroup" + path + "/memory.max", none));
  }
  return limit;
}

/// What the system could give this process: available now, and what it has already.
uint64_t attainableMemory() {
  uint64_t available = std::numeric_limits<uint64_t>::max() / 2;
  std::ifstream information("/proc/meminfo");
  for (std::string key; information >> key;) {
    uint64_t kibibytes = 0;
    information >> kibibytes;
    if (key == "MemAvailable:") {
      available = kibibytes * 1024;
      break;
    }
    information.ignore(std::numeric_limits<std::streamsize>::max(), '\n');
  }
  std::ifstream pages("/proc/self/statm");
  uint64_t total = 0, resident = 0;
  pages >> total >> resident;
  return available + resident * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
}

uint64_t defaultLimit() { return std::min(controlGroupLimit(), attainableMemory()) / 10 * 9; }

char *map(size_t byteCount) {
  // One huge page more than needed, so that an aligned block fits; the rest is given back.
  size_t length = byteCount + kHugePage;
  void *mapped = mmap(nullptr, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped == MAP_FAILED) return nullptr;
  auto start = reinterpret_cast<uintptr_t>(mapped);
  auto aligned = (start + kHugePage - 1) / kHugePage * kHugePage;
  if (aligned > start) munmap(mapped, aligned - start);
  size_t tail = start + length - (aligned + byteCount);
  if (tail) munmap(reinterpret_cast<void *>(aligned + byteCount), tail);
  madvise(reinterpret_cast<void *>(aligned), byteCount, MADV_HUGEPAGE);
  return reinterpret_cast<char *>(aligned);
}

class CachingAllocator final : public c10::Allocator {
 public:
  CachingAllocator() : limit_(defaultLimit()) {}

  c10::DataPtr allocate(size_t byteCount) override {
    void *data = byteCount ? take(byteCount) : nullptr;
    return {data, data, &CachingAllocator::giveBack, c10::Device(c10::DeviceType::CPU)};
  }
  c10::DeleterFnPtr raw_deleter() const override { return &CachingAllocator::giveBack; }
  void copy_data(void *destination, const void *source, size_t byteCount) const override {
    default_copy_data(destination, source, byteCount);
  }

  void figures(OTXMemory *result) {
    std::lock_guard lock(mutex_);
    *result = {inUse_, cached_, peak_, limit_};
  }
  void resetPeak() {
    std::lock_guard lock(mutex_);
    peak_ = inUse_;
  }
  void setLimit(uint64_t byteCount) {
    uint64_t limit = byteCount ? byteCount : defaultLimit();
    std::lock_guard lock(mutex_);
    limit_ = limit;
    if (inUse_ + cached_ > limit_) freeCache();
  }
  void emptyCache() {
    std::lock_guard lock(mutex_);
    freeCache();
  }

  static CachingAllocator &shared() {
    // Never destroyed: tensors of static storage may outlive any order of destruction.
    static auto *allocator = new CachingAllocator;
    return *allocator;
  }

 private:
  void *take(size_t requested) {
    // A size so large that the rounding overflows is never satisfied.
    if (requested > std::numeric_limits<size_t>::max() / 4) refuse(requested);
    auto wanted = sizeClass(requested + kAlignment);
    std::lock_guard lock(mutex_);
    char *block = reuse(wanted);
    if (!block) {
      if (inUse_ + cached_ + wanted.byteCount > limit_) freeCache();
      if (inUse_ + wanted.byteCount > limit_) refuse(requested);
      block = fresh(wanted.byteCount);
      if (!block) {
        freeCache();
        block = fresh(wanted.byteCount);
      }
      if (!block) refuse(requested);
      *reinterpret_cast<Header *>(block) = {kMagic, wanted.index, wanted.byteCount};
    }
    inUse_ += reinterpret_cast<Header *>(block)->byteCount;
    peak_ = std::max(peak_, inUse_);
    return block + kAlignment;
  }

  /// A kept block of the class, or of the next one where the difference is small.
  char *reuse(SizeClass wanted) {
    for (size_t index : {wanted.index, wanted.index + 1}) {
      auto &blocks = kept_[index];
      if (blocks.empty()) continue;
      char *block = blocks.back();
      blocks.pop_back();
      cached_ -= reinterpret_cast<Header *>(block)->byteCount;
      return block;
    }
    return nullptr;
  }

  static char *fresh(size_t byteCount) {
    if (byteCount >= kHugePage) return map(byteCount);
    void *block = nullptr;
    return posix_memalign(&block, kAlignment, byteCount) == 0 ? static_cast<char *>(block) : nullptr;
  }

  static void giveBack(void *data) {
    if (!data) return;
    char *block = static_cast<char *>(data) - kAlignment;
    auto *header = reinterpret_cast<Header *>(block);
    if (header->magic != kMagic) {
      // From the allocator that was there before this one.
      std::free(data);
      return;
    }
    auto &allocator = shared();
    std::lock_guard lock(allocator.mutex_);
    allocator.inUse_ -= header->byteCount;
    // After a limit was lowered, what comes back above it is not kept.
    if (allocator.inUse_ + allocator.cached_ + header->byteCount > allocator.limit_)
      return discard(block);
    allocator.cached_ += header->byteCount;
    allocator.kept_[header->sizeClass].push_back(block);
  }

  static void discard(char *block) {
    auto *header = reinterpret_cast<Header *>(block);
    if (header->byteCount >= kHugePage)
      munmap(block, header->byteCount);
    else
      std::free(block);
  }

  void freeCache() {
    for (auto &blocks : kept_) {
      for (char *block : blocks) discard(block);
      blocks.clear();
    }
    cached_ = 0;
  }

  [[noreturn]] void refuse(size_t requested) {
    noteOutOfMemory(requested, inUse_, limit_);
    TORCH_CHECK_WITH(
        OutOfMemoryError, false, "out of memory: asked for ", requested, " bytes with ", inUse_,
        " in use of a limit of ", limit_);
    std::abort();
  }

  std::mutex mutex_;
  std::array<std::vector<char *>, 64 * kSteps + kSteps + 1> kept_;
  uint64_t inUse_ = 0, cached_ = 0, peak_ = 0, limit_;
};

}  // namespace

void installAllocator() { c10::SetCPUAllocator(&CachingAllocator::shared(), /*priority=*/100); }
void memory(OTXMemory *figures) { CachingAllocator::shared().figures(figures); }
void resetMemoryPeak() { CachingAllocator::shared().resetPeak(); }
void setMemoryLimit(uint64_t byteCount) { CachingAllocator::shared().setLimit(byteCount); }
void emptyMemoryCache() { CachingAllocator::shared().emptyCache(); }

}  // namespace otx
