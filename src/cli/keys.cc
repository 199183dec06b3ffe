#include "cli/keys.h"

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <random>
#include <vector>

namespace sluice::cli {

namespace {

class Numbered : public Keys {
 protected:
  std::string_view name(std::uint64_t k) {
    const int n = std::snprintf(text_, sizeof text_, "key:%012llu", static_cast<unsigned long long>(k));
    return {text_, static_cast<std::size_t>(n)};
  }

 private:
  char text_[32];
};

class Uniform final : public Numbered {
 public:
  Uniform(std::uint64_t count, std::uint64_t seed) : random_(seed), pick_(0, count - 1) {}
  std::string_view next() override { return name(pick_(random_)); }

 private:
  std::mt19937_64 random_;
  std::uniform_int_distribution<std::uint64_t> pick_;
};

// Rejection-inversion: W. Hörmann and G. Derflinger, "Rejection-inversion to generate variates from monotone
// discrete distributions", ACM TOMACS 6 (1996), 169-184. Constant time and memory for any number of keys.
class Zipf final : public Numbered {
 public:
  Zipf(std::uint64_t count, double s, std::uint64_t seed)
      : count_(static_cast<double>(count)),
        s_(s),
        random_(seed),
        left_(area(1.5) - 1),
        right_(area(count_ + 0.5)),
        slack_(2 - area_inverse(area(2.5) - std::pow(2, -s))) {}

  std::string_view next() override {
    for (;;) {
      const double u = right_ + std::uniform_real_distribution<>(0, 1)(random_) * (left_ - right_);
      const double x = area_inverse(u);
      const double k = std::min(std::max(std::floor(x + 0.5), 1.0), count_);
      if (k - x <= slack_ || u >= area(k + 0.5) - std::pow(k, -s_))
        return name(static_cast<std::uint64_t>(k) - 1);
    }
  }

 private:
  // The integral of x^-s, and its inverse.
  double area(double x) const { return s_ == 1 ? std::log(x) : (std::pow(x, 1 - s_) - 1) / (1 - s_); }
  double area_inverse(double a) const {
    return s_ == 1 ? std::exp(a) : std::pow(1 + a * (1 - s_), 1 / (1 - s_));
  }

  const double count_, s_;
  std::mt19937_64 random_;
  const double left_, right_, slack_;
};

class Lines final : public Keys {
 public:
  explicit Lines(std::vector<std::string> lines) : lines_(std::move(lines)) {}
  std::string_view next() override {
    const std::string_view key = lines_[at_];
    at_ = at_ + 1 == lines_.size() ? 0 : at_ + 1;
    return key;
  }

 private:
  const std::vector<std::string> lines_;
  std::size_t at_ = 0;
};

}  // namespace

Result<std::unique_ptr<Keys>> Keys::make(const std::string& how, std::uint64_t count, std::uint64_t seed) {
  if (how == "uniform") return std::unique_ptr<Keys>(new Uniform(count, seed));
  if (how.starts_with("zipf:")) {
    char* end = nullptr;
    const double s = std::strtod(how.c_str() + 5, &end);
    if (how.size() > 5 && *end == '\0' && s > 0 && s <= 20)
      return std::unique_ptr<Keys>(new Zipf(count, s, seed));
    return Error{Code::invalid_argument,
                 "\"" + how + "\" is not right: a number above 0 must follow, as in zipf:0.99"};
  }
  if (how.starts_with("file:")) {
    std::ifstream in(how.substr(5));
    std::vector<std::string> lines;
    for (std::string line; std::getline(in, line);)
      if (!line.empty()) lines.push_back(line);
    if (lines.empty()) return Error{Code::not_found, "no key in " + how.substr(5) + "; it holds one a line"};
    return std::unique_ptr<Keys>(new Lines(std::move(lines)));
  }
  return Error{Code::invalid_argument, "\"" + how + "\" is not right: uniform, zipf:S or file:PATH"};
}

}  // namespace sluice::cli
