// yaml.h: a YAML document as a small tree in which every node knows its place. Stricter than YAML, since
// these are files that people write and that decide who is let in: a name that stands twice in a map is an
// error (yaml-cpp keeps one of the two and says nothing), so are aliases (they can make a small file huge)
// unless asked for, tabs before the first word of a line, text that is not UTF-8, a second document, and what
// exceeds the bounds.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sluice/result.h"

namespace sluice::policy {

inline constexpr std::size_t kYamlBytesMax = 1 << 20;
inline constexpr int kYamlDepthMax = 16;

struct YamlBounds {
  std::size_t bytes_max = kYamlBytesMax;
  int depth_max = kYamlDepthMax;  ///< At most 400: yaml-cpp itself ends at 500.
  /// Anchors, aliases and the merge key `<<` are read, and what they unfold to is at most so many nodes;
  /// 0: they are errors.
  std::size_t unfolded_max = 0;
};

/// Line and column count from 1; 0 is the file as a whole.
struct Place {
  int line = 0;
  int column = 0;
};

/// One thing that is wrong in a file, and the mend.
struct Problem {
  std::string file;
  Place place;
  std::string message;
  std::string text() const;  ///< file:line:column: message
};

struct YamlNode {
  enum class Kind : std::uint8_t { null, scalar, list, map };

  Kind kind = Kind::null;
  Place place = {};
  std::string scalar = {};
  bool quoted = false;  ///< scalar: text, whatever it looks like.
  std::vector<YamlNode> list = {};
  std::vector<std::pair<std::string, Place>> keys = {};  ///< map: of the values in `list`, at the same index.

  const char* kind_name() const;  ///< "nothing", "a single value", "a list", "a map"
};

/// Never throws. On failure `problems` grows and the node is null; on success as well if names stand twice.
YamlNode read_yaml(std::string_view text, const std::string& file, std::vector<Problem>& problems,
                   const YamlBounds& bounds = {});

/// The file, if it is a regular one; of one with more than `bytes_max` bytes, so much that read_yaml() sees
/// that it is too large. The message is ready for a Problem.
Result<std::string> read_small_file(const std::string& path, std::size_t bytes_max = kYamlBytesMax);

/// In order of place, and no more than `most`.
void settle_problems(std::vector<Problem>& problems, std::size_t most);
/// One a line, without a newline at the end.
std::string problems_text(const std::vector<Problem>& problems);
/// In quotation marks, cut if it is long.
std::string quoted(std::string_view text);

/// " (did you mean \"quota\"?)" if one of `known` is near to `word`, else empty.
std::string nearest(std::string_view word, const std::vector<std::string_view>& known);

}  // namespace sluice::policy
