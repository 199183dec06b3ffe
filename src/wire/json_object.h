// json_object.h: one JSON object, member by member, behind what is written already.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "wire/json_writer.h"

namespace sluice::wire {

class JsonObject {
 public:
  explicit JsonObject(std::string& out) : out_(out) { out_ += '{'; }
  JsonObject(const JsonObject&) = delete;
  JsonObject& operator=(const JsonObject&) = delete;
  ~JsonObject() { out_ += '}'; }

  /// Where the member's value is to be written.
  std::string& name(std::string_view name) {
    if (!first_) out_ += ',';
    first_ = false;
    json_string(out_, name);
    return out_ += ':';
  }
  void number(std::string_view key, std::uint64_t n) {
    json_integer(name(key), static_cast<std::int64_t>(n));
  }
  void text(std::string_view key, std::string_view value) { json_string(name(key), value); }
  void truth(std::string_view key, bool value) { name(key) += value ? "true" : "false"; }
  /// Since 1970, to the millisecond.
  void time(std::string_view key, std::int64_t wall_ns) {
    json_seconds(name(key), Duration(wall_ns - wall_ns % 1'000'000));
  }

 private:
  std::string& out_;
  bool first_ = true;
};

}  // namespace sluice::wire
