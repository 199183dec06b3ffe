#include "policy/yaml.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <exception>
#include <map>
#include <optional>
#include <sstream>
#include <string_view>
#include <tuple>
#include <utility>

#include "core/file_error.h"

namespace sluice::policy {

namespace {

Place place_of(const YAML::Mark& mark) { return {mark.line + 1, mark.column + 1}; }

/// What to do about an error of yaml-cpp's, behind its words; "" where they say it themselves.
std::string_view mend_of(std::string_view error) {
  using Mend = std::pair<std::string_view, std::string_view>;
  namespace Yaml = YAML::ErrorMsg;
  static constexpr std::string_view kQuote =
      "; put a text that begins with a special character in quotation marks";
  static const auto kMends = std::to_array<Mend>({
      // Not constexpr: the words are plain const pointers.
      {Yaml::END_OF_MAP, "; indent what stands in one map alike, each entry as name: value"},
      {Yaml::END_OF_SEQ, "; indent what stands in one list alike, each entry behind a -"},
      {Yaml::END_OF_MAP_FLOW, "; before this place a { needs its }, or an entry its comma"},
      {Yaml::END_OF_SEQ_FLOW, "; before this place a [ needs its ], or an entry its comma"},
      {Yaml::FLOW_END, "; this } or ] closes nothing that is open, or what is open is closed by the other"},
      {Yaml::MAP_VALUE,
       "; begin the inner map on a line of its own or with {, or put a text that holds a colon in quotation "
       "marks"},
      {Yaml::BLOCK_ENTRY, "; begin the list on a line of its own, or write [a, b]"},
      {Yaml::EOF_IN_SCALAR, "; close the quotation mark"},
      {Yaml::UNKNOWN_TOKEN, kQuote},
      {Yaml::CHAR_IN_SCALAR, kQuote},
      {Yaml::UNKNOWN_ANCHOR, kQuote},
      {Yaml::INVALID_ESCAPE, "; write \\\\ for a backslash, or take single quotation marks"},
  });
  for (const auto& [words, mend] : kMends)  // Some end in what was found.
    if (error.starts_with(words) && (words.ends_with(": ") || words == error)) return mend;
  return "";
}

/// Ends the reading of a document at its first error that leaves nothing to go on with.
struct Stop {
  Place place;
  std::string message;
};

constexpr const char* kNameIsAWord =
    "a name is a word, not a list or a map; write name: value, and close each { and [";

class Builder final : public YAML::EventHandler {
 public:
  Builder(const std::string& file, std::vector<Problem>& problems, const YamlBounds& bounds)
      : file_(file), problems_(problems), bounds_(bounds) {}
  YamlNode take() { return std::move(root_); }
  /// Where the last scalar begins, if it is quoted.
  const std::optional<Place>& last_quoted() const { return last_quoted_; }

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    leaf({.place = place_of(mark)}, anchor);
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    if (bounds_.unfolded_max == 0) throw Stop{place_of(mark), "an alias (*name): write the value out here"};
    const auto it = anchored_.find(anchor);
    if (it == anchored_.end())
      throw Stop{place_of(mark), "an alias (*name) inside of what it names: write the value out here"};
    count(it->second, place_of(mark));
    leaf(it->second, YAML::NullAnchor);
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    last_quoted_.reset();
    if (tag != "?") last_quoted_ = place_of(mark);
    leaf({.kind = YamlNode::Kind::scalar, .place = place_of(mark), .scalar = value, .quoted = tag != "?"},
         anchor);
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    begin(YamlNode::Kind::list, mark, anchor);
  }
  void OnSequenceEnd() override { end(); }
  void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    begin(YamlNode::Kind::map, mark, anchor);
  }
  void OnMapEnd() override { end(); }

 private:
  struct Open {
    YamlNode node;
    std::map<std::string, Place> seen = {};
    bool key_next = true;  // map: the next node is a key.
    bool keep = true;      // map: the key stands here for the first time.
    YAML::anchor_t anchor = YAML::NullAnchor;
  };

  void begin(YamlNode::Kind kind, const YAML::Mark& mark, YAML::anchor_t anchor) {
    if (at_key()) throw Stop{place_of(mark), kNameIsAWord};
    if (open_.size() >= static_cast<std::size_t>(bounds_.depth_max))
      throw Stop{place_of(mark), "nested more than " + std::to_string(bounds_.depth_max) + " deep"};
    open_.push_back({.node = {.kind = kind, .place = place_of(mark)}, .anchor = anchor});
  }
  void end() {
    YamlNode node = std::move(open_.back().node);
    const auto anchor = open_.back().anchor;
    open_.pop_back();
    if (bounds_.unfolded_max > 0) merge(node);
    name(node, anchor);
    add(std::move(node));
  }
  void name(const YamlNode& node, YAML::anchor_t anchor) {
    if (anchor == YAML::NullAnchor || bounds_.unfolded_max == 0) return;
    count(node, node.place);
    anchored_.insert_or_assign(anchor, node);
  }
  /// A copy of the node is about to be made.
  void count(const YamlNode& node, Place place) {
    if (++unfolded_ > bounds_.unfolded_max)
      throw Stop{place, "aliases unfold to more than " + std::to_string(bounds_.unfolded_max) +
                            " nodes; write fewer of them"};
    for (const YamlNode& child : node.list) count(child, place);
  }
  /// The merge key: what `<<` holds, a map or a list of maps, fills in the names that the map lacks.
  static void merge(YamlNode& map) {
    const auto at =
        std::find_if(map.keys.begin(), map.keys.end(), [](const auto& k) { return k.first == "<<"; });
    if (map.kind != YamlNode::Kind::map || at == map.keys.end()) return;
    const auto index = at - map.keys.begin();
    YamlNode value = std::move(map.list[static_cast<std::size_t>(index)]);
    std::vector<YamlNode> from;
    if (value.kind == YamlNode::Kind::list)
      from = std::move(value.list);
    else
      from.push_back(std::move(value));
    for (const YamlNode& m : from)
      if (m.kind != YamlNode::Kind::map) throw Stop{m.place, "<< takes a map or a list of maps"};
    map.keys.erase(at);
    map.list.erase(map.list.begin() + index);
    for (YamlNode& m : from)
      for (std::size_t i = 0; i < m.keys.size(); ++i) {
        if (std::any_of(map.keys.begin(), map.keys.end(),
                        [&](const auto& k) { return k.first == m.keys[i].first; }))
          continue;
        map.keys.push_back(m.keys[i]);
        map.list.push_back(std::move(m.list[i]));
      }
  }
  bool at_key() const {
    return !open_.empty() && open_.back().node.kind == YamlNode::Kind::map && open_.back().key_next;
  }
  void leaf(YamlNode node, YAML::anchor_t anchor) {
    name(node, anchor);
    if (!at_key()) return add(std::move(node));
    if (node.kind == YamlNode::Kind::list || node.kind == YamlNode::Kind::map)
      throw Stop{node.place, kNameIsAWord};
    Open& map = open_.back();
    map.key_next = false;
    const auto [it, first] = map.seen.emplace(node.scalar, node.place);
    map.keep = first;
    if (first) {
      map.node.keys.emplace_back(node.scalar, node.place);
    } else {
      problems_.push_back({file_, node.place,
                           "\"" + node.scalar + "\" stands here a second time (first in line " +
                               std::to_string(it->second.line) + "); remove or rename one"});
    }
  }
  void add(YamlNode node) {
    if (open_.empty()) {
      root_ = std::move(node);
      return;
    }
    Open& parent = open_.back();
    if (parent.node.kind == YamlNode::Kind::map) {
      parent.key_next = true;
      if (!parent.keep) return;
    }
    parent.node.list.push_back(std::move(node));
  }

  const std::string& file_;
  std::vector<Problem>& problems_;
  const YamlBounds& bounds_;
  YamlNode root_;
  std::vector<Open> open_;
  std::optional<Place> last_quoted_;
  std::map<YAML::anchor_t, YamlNode> anchored_;
  std::size_t unfolded_ = 0;
};

/// Length of the UTF-8 character that begins at text[i]; 0 if it is none.
std::size_t utf8_length(std::string_view text, std::size_t i) {
  const auto byte = [&](std::size_t k) { return k < text.size() ? static_cast<unsigned char>(text[k]) : 0u; };
  const auto tail = [&](std::size_t k) { return (byte(k) & 0xC0u) == 0x80u; };
  const unsigned a = byte(i);
  const unsigned b = byte(i + 1);
  if (a < 0x80) return 1;
  if (a >= 0xC2 && a < 0xE0) return tail(i + 1) ? 2 : 0;
  if (a >= 0xE0 && a < 0xF0) {
    if (!tail(i + 1) || !tail(i + 2)) return 0;
    return (a == 0xE0 && b < 0xA0) || (a == 0xED && b >= 0xA0) ? 0 : 3;  // Overlong, surrogate.
  }
  if (a >= 0xF0 && a < 0xF5) {
    if (!tail(i + 1) || !tail(i + 2) || !tail(i + 3)) return 0;
    return (a == 0xF0 && b < 0x90) || (a == 0xF4 && b >= 0x90) ? 0 : 4;  // Overlong, above U+10FFFF.
  }
  return 0;
}

/// What the parser would misread or explain badly.
void check_characters(std::string_view text) {
  Place at{1, 1};
  bool indent = true;
  for (std::size_t i = 0; i < text.size();) {
    const char c = text[i];
    const std::size_t length = utf8_length(text, i);
    if (length == 0) throw Stop{at, "this is not UTF-8; save the file in that encoding"};
    if (c == '\t' && indent) throw Stop{at, "a tab; YAML is indented with spaces"};
    if (static_cast<unsigned char>(c) < 0x20 && c != '\t' && c != '\n' && c != '\r')
      throw Stop{at, "a control character; remove it"};
    if (c == '\n') {
      ++at.line;
      at.column = 1;
      indent = true;
    } else {
      ++at.column;
      indent = indent && c == ' ';
    }
    i += length;
  }
}

/// yaml-cpp 0.7 takes the end of the file for the closing mark of what is quoted, if a newline stands before
/// it; so a file that was cut there, or where one mark is missing, would be another file.
bool quote_is_open(std::string_view text, const std::string& file, const YamlBounds& bounds) {
  const auto end = text.find_last_not_of(" \t\r\n");
  std::istringstream in{std::string(text.substr(0, end + 1))};
  YAML::Parser parser(in);
  std::vector<Problem> told;
  Builder again(file, told, bounds);
  try {
    parser.HandleNextDocument(again);
  } catch (const YAML::Exception& e) {
    return e.msg == YAML::ErrorMsg::EOF_IN_SCALAR;
  }
  return false;
}

YamlNode parse(std::string_view text, const std::string& file, std::vector<Problem>& problems,
               const YamlBounds& bounds) {
  if (text.size() > bounds.bytes_max)
    throw Stop{{}, "larger than " + std::to_string(bounds.bytes_max) + " bytes, the most that is read"};
  check_characters(text);
  std::istringstream in{std::string(text)};
  YAML::Parser parser(in);
  Builder builder(file, problems, bounds);
  parser.HandleNextDocument(builder);
  YamlNode root = builder.take();
  if (builder.last_quoted() && quote_is_open(text, file, bounds))
    throw Stop{*builder.last_quoted(), "not YAML: the quotation mark is not closed; close it"};
  Builder second(file, problems, bounds);
  if (parser.HandleNextDocument(second))
    throw Stop{second.take().place, "a second document; a file holds one, so give it a file of its own"};
  return root;
}

}  // namespace

std::string Problem::text() const {
  std::string s = file;
  if (place.line > 0) s += ":" + std::to_string(place.line) + ":" + std::to_string(place.column);
  return s + ": " + message;
}

const char* YamlNode::kind_name() const {
  switch (kind) {
    case Kind::null:
      return "nothing";
    case Kind::scalar:
      return "a single value";
    case Kind::list:
      return "a list";
    case Kind::map:
      return "a map";
  }
  return "";
}

YamlNode read_yaml(std::string_view text, const std::string& file, std::vector<Problem>& problems,
                   const YamlBounds& bounds) {
  try {
    return parse(text, file, problems, bounds);
  } catch (const Stop& stop) {
    problems.push_back({file, stop.place, stop.message});
  } catch (const YAML::Exception& e) {
    problems.push_back({file, place_of(e.mark), "not YAML: " + e.msg + std::string(mend_of(e.msg))});
  } catch (const std::exception& e) {  // Out of memory, or what yaml-cpp did not foresee.
    problems.push_back({file, {}, std::string("not readable: ") + e.what()});
  }
  return {};
}

Result<std::string> read_small_file(const std::string& path, std::size_t bytes_max) {
  const auto failed = [](int code) {
    return Error{code == ENOENT ? Code::not_found : Code::unavailable, "cannot be read: " + file_error(code)};
  };
  // Not blocking, so that a pipe in the place of a file cannot hold up a reload.
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return failed(errno);
  struct stat info{};
  std::string text;
  int code = 0;
  const bool regular = ::fstat(fd, &info) == 0 && S_ISREG(info.st_mode);
  char block[16 * 1024];
  while (regular && text.size() <= bytes_max) {
    const auto n = ::read(fd, block, sizeof block);
    if (n < 0) code = errno;
    if (n <= 0) break;
    text.append(block, static_cast<std::size_t>(n));
  }
  ::close(fd);
  if (S_ISDIR(info.st_mode)) return Error{Code::invalid_argument, "is a directory; name a file in it"};
  if (!regular) return Error{Code::invalid_argument, "is no regular file"};
  if (code != 0) return failed(code);
  return text;
}

void settle_problems(std::vector<Problem>& problems, std::size_t most) {
  std::sort(problems.begin(), problems.end(), [](const Problem& a, const Problem& b) {
    return std::tie(a.place.line, a.place.column, a.message) <
           std::tie(b.place.line, b.place.column, b.message);
  });
  if (problems.size() > most) problems.resize(most);
}

std::string problems_text(const std::vector<Problem>& problems) {
  std::string text;
  for (const auto& p : problems) text += (text.empty() ? "" : "\n") + p.text();
  return text;
}

std::string quoted(std::string_view text) {
  constexpr std::size_t most = 40;
  return "\"" + std::string(text.substr(0, most)) + (text.size() > most ? "…\"" : "\"");
}

std::string nearest(std::string_view word, const std::vector<std::string_view>& known) {
  if (word.size() > 64) return {};
  std::string_view best;
  std::size_t best_distance = word.size() < 4 ? 2 : std::max<std::size_t>(2, word.size() / 3) + 1;
  for (const auto candidate : known) {
    std::vector<std::size_t> row(candidate.size() + 1);  // Levenshtein, one row at a time.
    for (std::size_t j = 0; j < row.size(); ++j) row[j] = j;
    for (std::size_t i = 0; i < word.size(); ++i) {
      std::size_t corner = row[0];
      row[0] = i + 1;
      for (std::size_t j = 1; j < row.size(); ++j) {
        const std::size_t change = corner + (word[i] == candidate[j - 1] ? 0 : 1);
        corner = row[j];
        row[j] = std::min({row[j] + 1, row[j - 1] + 1, change});
      }
    }
    if (row.back() < best_distance) {
      best_distance = row.back();
      best = candidate;
    }
  }
  return best.empty() ? std::string() : " (did you mean \"" + std::string(best) + "\"?)";
}

}  // namespace sluice::policy
