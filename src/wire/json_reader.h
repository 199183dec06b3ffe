// json_reader.h: JSON (RFC 8259) read from front to back, value by value, without a tree and without a copy.
//
//     JsonReader json(body);
//     std::string_view name;
//     for (json.begin_object(); json.next_member(name);)
//       if (name == "cost") cost = json.integer(); else json.skip();
//     if (!json.end()) reply(json.error());
//
// Strict: UTF-8 alone, no comments, no trailing commas, no text behind the value, nesting to a stated depth.
// After an error every call gives an empty value and next_*() gives false, so a caller looks once, at the
// end. It is as quick as a reader of whole documents for the few short fields that a request has, and needs
// no padding behind the text.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace sluice::wire {

/// A string of the document between its quotes.
struct JsonString {
  std::string_view raw;
  bool escaped = false;  ///< If not, `raw` is the text.
  /// The text. What \u0000 and the like stand for is part of it.
  std::string text() const;
};

class JsonReader {
 public:
  static constexpr int kDepthMax = 16;
  enum class Kind : std::uint8_t { nothing, object, array, string, number, boolean, null };

  explicit JsonReader(std::string_view text) : text_(text) {}

  /// What the next value is. Moves past white space alone.
  Kind kind();

  /// Each reads one value of its kind; another kind is an error.
  void begin_object();
  void begin_array();
  JsonString string();
  std::string_view number();  ///< As written; its form is checked.
  bool boolean();
  void skip();  ///< Any value, however deep.

  /// Moves to the next member of the innermost object and gives its name as written between the quotes (a
  /// name with escapes equals no plain name); false, and the object is left, at its end.
  bool next_member(std::string_view& name);
  bool next_element();

  /// True if all was well and nothing but white space is left.
  bool end();
  bool failed() const { return !error_.empty(); }
  /// "at byte 17: a string is not closed".
  std::string error() const;

 private:
  char peek();
  void fail(std::string_view why);
  bool word(std::string_view w);
  void open(char bracket, std::string_view why);
  bool next(char closing, std::string_view why);
  void escape();
  void digits();

  std::string_view text_;
  std::size_t at_ = 0;
  int depth_ = 0;
  bool first_ = false;  // Just behind an opening bracket.
  std::string_view error_;
  std::size_t error_at_ = 0;
};

/// The value of a JSON number that is a whole number written without fraction and exponent. False if it is
/// not, or does not fit.
bool json_whole(std::string_view number, std::int64_t& value);

}  // namespace sluice::wire
