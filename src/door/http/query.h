// query.h: a request's query, parameter by parameter.
#pragma once

#include <algorithm>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "wire/http_target.h"

namespace sluice::door::http {

/// Parameters of a query, each once.
class Query {
 public:
  Query(std::string_view query, std::initializer_list<std::string_view> names) : names_(names) {
    values_.resize(names_.size());
    for (std::string_view name, value; problem_.empty() && wire::next_parameter(query, name, value);) {
      const auto it = std::ranges::find(names_, name);
      auto decoded = wire::decode_query(value);
      if (it == names_.end())
        problem_ = std::string(name.substr(0, 64)) + ": is no parameter of this request; it has " + list();
      else if (values_[static_cast<std::size_t>(it - names_.begin())])
        problem_ = std::string(name) + ": stands there twice";
      else if (!decoded)
        problem_ = std::string(name) + ": % must be followed by two hexadecimal digits";
      else
        values_[static_cast<std::size_t>(it - names_.begin())] = std::move(decoded);
    }
  }
  std::optional<std::string>& operator[](std::string_view name) {
    return values_[static_cast<std::size_t>(std::ranges::find(names_, name) - names_.begin())];
  }
  void wrong(std::string what) {
    if (problem_.empty()) problem_ = std::move(what);
  }
  const std::string& problem() const { return problem_; }

 private:
  std::string list() const {
    std::string all;
    for (const auto name : names_) (all += all.empty() ? "" : ", ") += name;
    return all.empty() ? "none" : all;
  }
  std::vector<std::string_view> names_;
  std::vector<std::optional<std::string>> values_;
  std::string problem_;
};

}  // namespace sluice::door::http
