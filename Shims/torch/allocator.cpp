// A CPU allocator that keeps its memory, with a budget.
//
// glibc gives every big block back to the system, and touching fresh pages costs four times as much
// as rewriting old ones; a CPU also has no out-of-memory that could be caught, only the kernel's
// kill. So freed blocks are kept, small ones by size class and big ones in an arena that cuts and
// joins them, and beyond the budget the cache is freed first and then c10::OutOfMemoryError is thrown.
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
#include <set>
#include <string>
#include <vector>

#include "shim.h"

namespace otx {
namespace {

constexpr size_t kAlignment = 64;
constexpr size_t kHugePage = size_t{2} << 20;
/// From here on a block is the arena's.
constexpr size_t kBig = size_t{1} << 20;
/// Classes an octave: at most an eighth of a block is wasted.
constexpr size_t kSteps = 8;
constexpr uint64_t kMagic = 0x4f5458626c6f636bULL;

/// Stands in the 64 bytes before the data.
struct Header {
  uint64_t magic;
  uint64_t sizeClass;
  uint64_t byteCount;
  /// Its block in the arena; null for small ones.
  void *block;
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

/// Big blocks, cut from long mappings and joined again when they come back.
///
/// A block of exactly the wanted size is rarely free, and rounding sizes up to classes would keep
/// memory for each class at its own peak. So the smallest free block that fits is cut; what is left
/// of it stays free, and neighbours that are free become one. The untouched end of a mapping is the
/// largest free block and so the last to be cut.
class Arena {
 public:
  struct Block {
    char *start;
    size_t byteCount;
    /// How much of it has pages; those are at its start but for rare cases.
    size_t touched;
    bool isFree;
    /// Neighbours of the same mapping.
    Block *before, *after;
  };

  /// The free block to cut `byteCount` from, or nullptr.
  Block *smallest(size_t byteCount) const {
    auto found = free_.lower_bound({byteCount, nullptr});
    return found == free_.end() ? nullptr : found->block;
  }

  /// A new mapping for at least `byteCount`; its pages come when they are touched.
  Block *extend(size_t byteCount) {
    for (size_t length : {std::max(byteCount, kMapping), byteCount}) {
      // One huge page more than needed, so that an aligned block fits; the rest is given back.
      size_t whole = (length + kHugePage - 1) / kHugePage * kHugePage + kHugePage;
      constexpr int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
      void *mapped = mmap(nullptr, whole, PROT_READ | PROT_WRITE, flags, -1, 0);
      if (mapped == MAP_FAILED) continue;
      auto start = reinterpret_cast<uintptr_t>(mapped);
      auto aligned = (start + kHugePage - 1) / kHugePage * kHugePage;
      if (aligned > start) munmap(mapped, aligned - start);
      size_t tail = start + whole - (aligned + whole - kHugePage);
      if (tail) munmap(reinterpret_cast<void *>(aligned + whole - kHugePage), tail);
      madvise(reinterpret_cast<void *>(aligned), whole - kHugePage, MADV_HUGEPAGE);
      auto *block = new Block{reinterpret_cast<char *>(aligned), whole - kHugePage, 0, true, nullptr, nullptr};
      free_.insert({block->byteCount, block});
      return block;
    }
    return nullptr;
  }

  /// Takes `byteCount` off a free block's start.
  ///
  /// Returns how many bytes get pages by it.
  size_t cut(Block *block, size_t byteCount) {
    free_.erase({block->byteCount, block});
    size_t grown = byteCount - std::min(byteCount, block->touched);
    if (block->byteCount - byteCount >= kSmallestRest) {
      size_t touched = block->touched - std::min(byteCount, block->touched);
      auto *rest = new Block{block->start + byteCount, block->byteCount - byteCount, touched, true, block, block->after};
      if (rest->after) rest->after->before = rest;
      block->after = rest;
      block->byteCount = byteCount;
      free_.insert({rest->byteCount, rest});
    } else {
      grown = block->byteCount - std::min(block->byteCount, block->touched);
    }
    block->isFree = false;
    block->touched = block->byteCount;
    return grown;
  }

  void giveBack(Block *block) {
    block->isFree = true;
    if (auto *after = block->after; after && after->isFree) {
      free_.erase({after->byteCount, after});
      join(block, after);
    }
    if (auto *before = block->before; before && before->isFree) {
      free_.erase({before->byteCount, before});
      join(before, block);
      block = before;
    }
    free_.insert({block->byteCount, block});
  }

  /// Gives the pages of free blocks back to the system; returns how many bytes they were.
  size_t release() {
    size_t released = 0;
    for (const auto &entry : free_) {
      Block *block = entry.block;
      if (!block->touched) continue;
      auto first = (reinterpret_cast<uintptr_t>(block->start) + kPage - 1) / kPage * kPage;
      auto last = reinterpret_cast<uintptr_t>(block->start + block->byteCount) / kPage * kPage;
      if (last > first) madvise(reinterpret_cast<void *>(first), last - first, MADV_DONTNEED);
      released += block->touched;
      block->touched = 0;
    }
    return released;
  }

 private:
  static constexpr size_t kMapping = size_t{1} << 30;
  static constexpr size_t kPage = 4096;
  /// A rest below it stays with its block.
  static constexpr size_t kSmallestRest = size_t{64} << 10;

  struct Entry {
    size_t byteCount;
    Block *block;
    bool operator<(const Entry &other) const {
      if (byteCount != other.byteCount) return byteCount < other.byteCount;
      // Of equal blocks the lowest, so that the same steps take the same memory.
      return (block ? block->start : nullptr) < (other.block ? other.block->start : nullptr);
    }
  };

  static void join(Block *block, Block *after) {
    block->byteCount += after->byteCount;
    block->touched += after->touched;
    block->after = after->after;
    if (block->after) block->after->before = block;
    delete after;
  }

  std::set<Entry> free_;
};

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
    std::lock_guard lock(mutex_);
    char *block = requested + kAlignment >= kBig ? takeBig(requested) : takeSmall(requested);
    inUse_ += reinterpret_cast<Header *>(block)->byteCount;
    peak_ = std::max(peak_, inUse_);
    return block + kAlignment;
  }

  char *takeBig(size_t requested) {
    constexpr size_t unit = 4096;
    size_t byteCount = (requested + kAlignment + unit - 1) / unit * unit;
    for (bool hasReleased : {false, true}) {
      auto *block = arena_.smallest(byteCount);
      size_t growth = byteCount - (block ? std::min(block->touched, byteCount) : 0);
      if (inUse_ + cached_ + growth > limit_) {
        if (hasReleased) break;
        freeCache();
        continue;
      }
      if (!block) block = arena_.extend(byteCount);
      if (!block) {
        if (hasReleased) break;
        freeCache();
        continue;
      }
      growth = arena_.cut(block, byteCount);
      // What it had of pages was cached before.
      cached_ -= block->byteCount - growth;
      *reinterpret_cast<Header *>(block->start) = {kMagic, 0, block->byteCount, block};
      return block->start;
    }
    refuse(requested);
  }

  char *takeSmall(size_t requested) {
    auto wanted = sizeClass(requested + kAlignment);
    if (char *block = reuse(wanted)) return block;
    if (inUse_ + cached_ + wanted.byteCount > limit_) freeCache();
    if (inUse_ + wanted.byteCount > limit_) refuse(requested);
    void *block = nullptr;
    if (posix_memalign(&block, kAlignment, wanted.byteCount) != 0) refuse(requested);
    *static_cast<Header *>(block) = {kMagic, wanted.index, wanted.byteCount, nullptr};
    return static_cast<char *>(block);
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
    allocator.cached_ += header->byteCount;
    if (header->block) {
      allocator.arena_.giveBack(static_cast<Arena::Block *>(header->block));
    } else {
      allocator.kept_[header->sizeClass].push_back(block);
    }
    // After a limit was lowered, what comes back above it is not kept.
    if (allocator.inUse_ + allocator.cached_ > allocator.limit_) allocator.freeCache();
  }

  void freeCache() {
    for (auto &blocks : kept_) {
      for (char *block : blocks) {
        cached_ -= reinterpret_cast<Header *>(block)->byteCount;
        std::free(block);
      }
      blocks.clear();
    }
    cached_ -= arena_.release();
  }

  [[noreturn]] void refuse(size_t requested) {
    noteOutOfMemory(requested, inUse_, limit_);
    TORCH_CHECK_WITH(
        OutOfMemoryError, false, "out of memory: asked for ", requested, " bytes with ", inUse_,
        " in use of a limit of ", limit_);
    std::abort();
  }

  std::mutex mutex_;
  Arena arena_;
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
