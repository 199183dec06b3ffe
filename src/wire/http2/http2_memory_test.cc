#include "wire/http2/http2_memory.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <thread>
#include <vector>

namespace sluice::wire {
namespace {

struct Http2Memory : testing::Test {
  nghttp2_mem* const memory = http2_memory();
  void SetUp() override {
    if (memory == nullptr) GTEST_SKIP() << "a sanitizer watches malloc";
  }
  char* take(std::size_t size) const { return static_cast<char*>(memory->malloc(size, nullptr)); }
  void give_back(void* p) const { memory->free(p, nullptr); }
};

TEST_F(Http2Memory, BlocksOfEverySizeAreApartAndAligned) {
  std::vector<std::pair<char*, std::size_t>> all;
  for (int round = 0; round < 3; ++round) {
    for (std::size_t size = 0; size < 3000; size += size < 1100 ? 1 : 97) {
      char* const p = take(size);
      ASSERT_NE(p, nullptr);
      EXPECT_EQ(reinterpret_cast<std::uintptr_t>(p) % alignof(std::max_align_t), 0u) << size;
      std::memset(p, static_cast<int>(size % 251), size);
      all.emplace_back(p, size);
    }
    for (const auto& [p, size] : all) {
      for (std::size_t i = 0; i < size; ++i) ASSERT_EQ(p[i], static_cast<char>(size % 251)) << size;
      give_back(p);
    }
    all.clear();
  }
}

TEST_F(Http2Memory, WhatIsGivenBackIsTakenAgain) {
  char* const p = take(100);
  give_back(p);
  EXPECT_EQ(take(90), p);
  EXPECT_NE(take(90), p);
}

TEST_F(Http2Memory, ResizingKeepsWhatIsThere) {
  for (const std::size_t from : {0u, 1u, 48u, 49u, 500u, 1008u, 1009u, 5000u})
    for (const std::size_t to : {1u, 47u, 112u, 1007u, 1008u, 1009u, 4000u, 20000u}) {
      char* p = take(from);
      std::memset(p, 'x', from);
      p = static_cast<char*>(memory->realloc(p, to, nullptr));
      ASSERT_NE(p, nullptr);
      for (std::size_t i = 0; i < std::min(from, to); ++i) ASSERT_EQ(p[i], 'x') << from << " " << to;
      std::memset(p, 'y', to);
      give_back(p);
    }
  char* const p = static_cast<char*>(memory->realloc(nullptr, 10, nullptr));
  ASSERT_NE(p, nullptr);
  give_back(p);
  give_back(nullptr);
}

TEST_F(Http2Memory, ZeroedAndTooMuch) {
  char* const dirty = take(200);
  std::memset(dirty, 1, 200);
  give_back(dirty);
  char* const p = static_cast<char*>(memory->calloc(20, 10, nullptr));
  for (int i = 0; i < 200; ++i) EXPECT_EQ(p[i], 0);
  give_back(p);
  EXPECT_EQ(memory->calloc(SIZE_MAX / 2, 3, nullptr), nullptr);
  EXPECT_EQ(take(SIZE_MAX), nullptr);
}

TEST_F(Http2Memory, AnotherThreadMayGiveBack) {
  std::vector<char*> all;
  std::thread([&] {
    for (int i = 0; i < 5000; ++i) all.push_back(take(64));
  }).join();
  for (char* const p : all) give_back(p);
}

}  // namespace
}  // namespace sluice::wire
