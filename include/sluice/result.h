// result.h: expected failures as values. No exception crosses a public interface of Sluice.
#pragma once

#include <cassert>
#include <cstdint>
#include <string>
#include <utility>
#include <variant>

namespace sluice {

/// What kind of thing went wrong. Doors map each code to their protocol's own error (docs/http.md,
/// docs/resp.md).
enum class Code : std::uint8_t {
  invalid_argument,  ///< The input can never be right, whatever the state: a malformed quota, a negative
                     ///< cost.
  out_of_range,      ///< Well formed, but beyond what can be represented exactly; the message says the bound.
  not_found,         ///< No such limit, hold, file.
  resource_exhausted,  ///< A stated bound of ours is reached: holds, connections, bytes.
  unavailable,         ///< The store, a peer or the operating system did not do its part.
  data_loss,           ///< A file is damaged.
};

struct Error {
  Code code = Code::invalid_argument;
  std::string message;  ///< Names the thing and the remedy; no trailing full stop, no newline.
};

/// A value or the reason why there is none. Check with `if (result)` before `*result`.
template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

  explicit operator bool() const noexcept { return state_.index() == 0; }
  T& operator*() & { return assert(*this), *std::get_if<0>(&state_); }
  const T& operator*() const& { return assert(*this), *std::get_if<0>(&state_); }
  T&& operator*() && { return assert(*this), std::move(*std::get_if<0>(&state_)); }
  T* operator->() { return &**this; }
  const T* operator->() const { return &**this; }
  /// REQUIRES: !*this.
  const Error& error() const { return assert(!*this), *std::get_if<1>(&state_); }

 private:
  std::variant<T, Error> state_;
};

struct Done {};
using Status = Result<Done>;  ///< Success carries nothing: `return Done{};`.

}  // namespace sluice
