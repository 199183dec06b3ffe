#include "cli/seen_text.h"

#include <simdjson.h>

#include <cmath>
#include <cstdio>
#include <ctime>

namespace sluice::cli {

namespace {

using simdjson::dom::element;

std::string text_of(element value) { return std::string(value.get_string().value()); }
std::int64_t whole(element value) { return value.get_int64().value(); }

/// Seconds as people read them; null: never.
std::string wait_text(element value) {
  if (value.is_null()) return "never";
  char out[64];
  std::snprintf(out, sizeof out, "%.3f s", value.get_double().value());
  return out;
}

std::string clock_text(element wall_seconds) {
  const auto seconds = static_cast<std::time_t>(wall_seconds.get_double().value());
  std::tm parts{};
  ::localtime_r(&seconds, &parts);
  char out[32];
  std::strftime(out, sizeof out, "%Y-%m-%d %H:%M:%S", &parts);
  return out;
}

/// What a key holds may be anything: nothing of it reaches the terminal as a command.
std::string shown(element value) {
  std::string out = text_of(value);
  for (char& c : out)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  return out;
}

template <class Write>
Result<std::string> read(const std::string& json, Write write) {
  simdjson::dom::parser parser;
  element document;
  if (parser.parse(json).get(document) != simdjson::SUCCESS)
    return Error{Code::unavailable, "the server's answer is not JSON: " + json.substr(0, 200)};
  try {
    return write(document);
  } catch (const simdjson::simdjson_error& e) {
    return Error{Code::unavailable,
                 std::string("the server's answer is not as this program knows it: ") + e.what()};
  }
}

std::string top_table(element d) {
  char line[256];
  std::snprintf(line, sizeof line, "%-24s %12s %12s %10s  %s\n", "LIMIT", "REQUESTS", "AT LEAST", "+-SAMPLED",
                "KEY");
  std::string out(line);
  for (element k : d["keys"].get_array()) {
    const auto count = whole(k["count"]);
    std::snprintf(line, sizeof line, "%-24.24s %12lld %12lld %10lld  ", shown(k["limit"]).c_str(),
                  static_cast<long long>(count), static_cast<long long>(count - whole(k["error"])),
                  static_cast<long long>(whole(k["sampling_error"])));
    out += line + shown(k["key"]) + "\n";
  }
  if (d["keys"].get_array().size() == 0) out += "(none)\n";
  std::snprintf(line, sizeof line, "%lld requests, %lld refused since %s; %.2f%% of them looked at\n",
                static_cast<long long>(whole(d["asked"])), static_cast<long long>(whole(d["refused"])),
                clock_text(d["since"]).c_str(), 100 * d["sample_rate"].get_double().value());
  return out + line;
}

std::string why_page(element d) {
  std::string out = "limit " + shown(d["limit"]) + ", key " + shown(d["key"]) + ": a request now is ";
  out += d["allowed"].get_bool().value() ? "allowed\n"
                                         : "refused, it would pass in " + wait_text(d["retry_after"]) + "\n";
  if (text_of(d["mode"]) == "shadow") out += "shadow mode: refusals are counted and told, and pass\n";
  char line[256];
  std::size_t index = 0;
  for (element q : d["quotas"].get_array()) {
    std::snprintf(line, sizeof line, "%s quota %s: %lld of %lld tokens left, full in %s (%s)\n",
                  static_cast<std::int64_t>(index++) == whole(d["quota_index"]) ? "*" : " ",
                  text_of(q["quota"]).c_str(), static_cast<long long>(whole(q["remaining"])),
                  static_cast<long long>(whole(q["capacity"])), wait_text(q["reset_after"]).c_str(),
                  text_of(q["store"]).c_str());
    out += line;
    out += "    level:";
    for (element point : q["level"].get_array())
      out += " " + std::to_string(whole(point.at(1))) + " in " + wait_text(point.at(0)) + ",";
    out.back() = '\n';
  }
  for (element p : d["passes"].get_array())
    out += "  a cost of " + std::to_string(whole(p["cost"])) + " passes in " + wait_text(p["after"]) + "\n";
  if (d["refusals"].is_null()) return out + "no refusals are kept: the server's setting top_keys is 0\n";
  const auto refusals = d["refusals"].get_array();
  out += refusals.size() == 0 ? "no refusal of this key was seen lately\n" : "refused lately:\n";
  for (element r : refusals) {
    out += "  " + clock_text(r["time"]) + "  cost " + std::to_string(whole(r["cost"])) + ", wait " +
           wait_text(r["wait"]) + ", quota " + std::to_string(whole(r["quota_index"])) + ", by " +
           text_of(r["store"]);
    if (const auto n = whole(r["stands_for"]); n > 1) out += ", one of about " + std::to_string(n);
    out += "\n";
  }
  return out;
}

}  // namespace

Result<std::string> top_text(const std::string& json) { return read(json, top_table); }
Result<std::string> why_text(const std::string& json) { return read(json, why_page); }

std::string percent_encoded(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       std::string_view("-._~").find(c) != std::string_view::npos;
    char hex[4];
    std::snprintf(hex, sizeof hex, "%%%02X", static_cast<unsigned>(static_cast<unsigned char>(c)));
    plain ? out += c : out += hex;
  }
  return out;
}

}  // namespace sluice::cli
