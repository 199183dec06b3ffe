#include "store/local/array.h"

#include <sys/mman.h>

#include <new>

namespace sluice::store {
namespace {

constexpr std::size_t kPage = 4096;
std::size_t whole_pages(std::size_t bytes) { return (bytes + kPage - 1) / kPage * kPage; }

}  // namespace

Array::Array(std::size_t lines) : lines_((lines + kBlockLines - 1) / kBlockLines * kBlockLines) {
  const std::size_t slot_bytes = whole_pages(lines_ * kSlotsPerLine * sizeof(Slot));
  const std::size_t place_bytes = whole_pages(lines_ * kSlotsPerLine * sizeof(std::uint32_t));
  bytes_ = slot_bytes + place_bytes + whole_pages(lines_);
  memory_ = mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory_ == MAP_FAILED) throw std::bad_alloc();
  auto* base = static_cast<std::byte*>(memory_);
  slots_ = reinterpret_cast<Slot*>(base);
  places_ = reinterpret_cast<std::uint32_t*>(base + slot_bytes);
  marks_ = reinterpret_cast<std::uint8_t*>(base + slot_bytes + place_bytes);
}

Array::~Array() { munmap(memory_, bytes_); }

void Array::forget_lines(std::size_t end) {
  // 64 kB of slots a call: on a host that emulates page tables, a megabyte took up to 2.4 ms.
  constexpr std::size_t step = (std::size_t{1} << 16) / (kSlotsPerLine * sizeof(Slot));
  while (forgotten_ + step <= end || (end == lines_ && forgotten_ < end)) {
    const std::size_t next = std::min(forgotten_ + step, end);
    const auto drop = [](void* from, std::size_t bytes) {
      madvise(from, bytes / kPage * kPage, MADV_DONTNEED);
    };
    drop(line(forgotten_), (next - forgotten_) * kSlotsPerLine * sizeof(Slot));
    drop(places_ + forgotten_ * kSlotsPerLine, (next - forgotten_) * kSlotsPerLine * sizeof(std::uint32_t));
    forgotten_ = next;
  }
}

}  // namespace sluice::store
