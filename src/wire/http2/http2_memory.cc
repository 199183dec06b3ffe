#include "wire/http2/http2_memory.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>

namespace sluice::wire {

namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kWatched = true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
constexpr bool kWatched = true;
#else
constexpr bool kWatched = false;
#endif
#else
constexpr bool kWatched = false;
#endif

// A block begins with its class, in as many bytes as keep what follows aligned.
constexpr std::size_t kHead = alignof(std::max_align_t);
constexpr std::size_t kStep = 64;
constexpr std::size_t kClasses = 16;      // Of kStep to kClasses * kStep bytes, with the head.
constexpr std::size_t kLarge = kClasses;  // From malloc, and back there.
constexpr std::uint32_t kKept = 2048;     // Blocks of a class: some batches' calls.

struct Free {
  Free* next;
};

struct List {
  Free* first;
  std::uint32_t size;
};
constinit thread_local std::array<List, kClasses>
    lists{};  // Trivial, so that using it asks for no constructor.

/// Empties them at the thread's end.
struct Emptier {
  ~Emptier() {
    for (List& list : lists)
      while (list.first != nullptr) {
        Free* const block = list.first;
        list.first = block->next;
        std::free(block);
      }
  }
};

/// A block for the lists.
void* new_block(std::size_t size) {
  static thread_local const Emptier emptier;
  return std::malloc(size);
}

std::size_t& class_of(void* block) { return *static_cast<std::size_t*>(block); }
void* behind_head(void* block) { return static_cast<char*>(block) + kHead; }
void* block_of(void* p) { return static_cast<char*>(p) - kHead; }

void* take(std::size_t size, void*) noexcept {
  if (size > SIZE_MAX - kHead) return nullptr;
  const std::size_t which = (size + kHead - 1) / kStep;
  void* block = nullptr;
  if (which >= kClasses) {
    block = std::malloc(size + kHead);
  } else if (auto& list = lists[which]; list.first != nullptr) {
    block = list.first;
    list.first = list.first->next;
    --list.size;
  } else {
    block = new_block((which + 1) * kStep);
  }
  if (block == nullptr) return nullptr;
  class_of(block) = which >= kClasses ? kLarge : which;
  return behind_head(block);
}

void give_back(void* p, void*) noexcept {
  if (p == nullptr) return;
  void* const block = block_of(p);
  const std::size_t which = class_of(block);
  if (which == kLarge || lists[which].size == kKept) return std::free(block);
  auto& list = lists[which];
  auto* const free = static_cast<Free*>(block);
  free->next = list.first;
  list.first = free;
  ++list.size;
}

void* take_zeroed(std::size_t count, std::size_t size, void*) noexcept {
  std::size_t all = 0;
  if (__builtin_mul_overflow(count, size, &all)) return nullptr;
  void* const p = take(all, nullptr);
  if (p != nullptr) std::memset(p, 0, all);
  return p;
}

void* resize(void* p, std::size_t size, void*) noexcept {
  if (p == nullptr) return take(size, nullptr);
  void* const block = block_of(p);
  const std::size_t which = class_of(block);
  if (which == kLarge && size + kHead > kClasses * kStep) {
    void* const larger = std::realloc(block, size + kHead);
    return larger == nullptr ? nullptr : behind_head(larger);
  }
  const std::size_t room = which == kLarge ? size : (which + 1) * kStep - kHead;
  if (which != kLarge && size <= room) return p;
  void* const moved = take(size, nullptr);
  if (moved == nullptr) return nullptr;
  std::memcpy(moved, p, room < size ? room : size);
  give_back(p, nullptr);
  return moved;
}

}  // namespace

nghttp2_mem* http2_memory() {
  static nghttp2_mem memory{nullptr, take, give_back, take_zeroed, resize};
  return kWatched ? nullptr : &memory;
}

}  // namespace sluice::wire
