// GET /ui: the dashboard, a page of static files. What it shows it asks of the other routes, so it holds
// nothing that a token would guard, and is served to whoever asks.
#include <algorithm>
#include <string>
#include <vector>

#include "access/tokens.h"
#include "door/http/routes.h"
#include "door/http/ui_files.h"
#include "wire/grpc/gzip.h"
#include "wire/http_writer.h"

namespace sluice::door::http {

namespace {

/// The hashes, as a policy lists them, of what stands in the page between `open` and `close`.
std::string hashes(std::string_view page, std::string_view open, std::string_view close) {
  std::string text;
  for (std::size_t at = 0; (at = page.find(open, at)) != std::string_view::npos;) {
    at += open.size();
    const auto inner = page.substr(at, page.find(close, at) - at);
    text.append(" 'sha256-").append(access::base64_of(access::sha256(inner))).append("'");
  }
  return text;
}

// Nothing from elsewhere, nothing inline but what the page was built with, in nobody's frame. no-cache: kept,
// and asked for again by ETag, so that a page never runs the script of another version.
std::string make_fields() {
  const std::string_view page = ui_files().front().body;
  return "Cache-Control: no-cache\r\nVary: Accept-Encoding\r\n"
         "Content-Security-Policy: default-src 'none'; script-src 'self'" +
         hashes(page, "<script>", "</script>") + "; style-src" + hashes(page, "<style>", "</style>") +
         "; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors "
         "'none'\r\n"
         "X-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\n"
         "Cross-Origin-Opener-Policy: same-origin\r\nCross-Origin-Resource-Policy: same-origin\r\n";
}

std::string_view packed(const UiFile& file) {
  static const std::vector<std::string> all = [] {
    std::vector<std::string> made;
    wire::Gzip gzip;
    for (const auto& each : ui_files()) gzip.pack(each.body, made.emplace_back());
    return made;
  }();
  return all[static_cast<std::size_t>(&file - ui_files().data())];
}

/// Whether one of a field's elements, apart by commas, is `wanted`, or what ends in front of its parameters.
bool lists(const std::string_view* field, std::string_view wanted) {
  if (field == nullptr) return false;
  for (std::string_view rest = *field; !rest.empty();) {
    const auto comma = std::min(rest.find(','), rest.size());
    std::string_view element = rest.substr(0, comma);
    rest.remove_prefix(std::min(comma + 1, rest.size()));
    while (element.starts_with(' ')) element.remove_prefix(1);
    if (element.starts_with("W/")) element.remove_prefix(2);
    if (!element.starts_with(wanted)) continue;
    element.remove_prefix(wanted.size());
    if (element.empty() || element == " ") return true;
    if (!element.starts_with(';')) continue;
    const auto q = element.find("q=");
    return q == std::string_view::npos || element.find_first_not_of("0.", q + 2) != std::string_view::npos;
  }
  return false;
}

void show_file(Call& call, const UiFile& file) {
  static const std::string all = make_fields();
  std::string fields = all;
  fields.append("ETag: ").append(file.etag).append("\r\n");
  wire::HttpResponse response{.content_type = file.content_type,
                              .body = file.body,
                              .close = call.close(),
                              .head_only = call.head_only()};
  if (lists(call.request.find("if-none-match"), file.etag)) {
    response.status = 304;
  } else if (lists(call.request.find("accept-encoding"), "gzip")) {
    fields.append("Content-Encoding: gzip\r\n");
    response.body = packed(file);
  }
  response.fields = fields;
  wire::write_response(response, call.out);
}

}  // namespace

bool show_ui(Call& call) {
  const auto path = call.target.path;
  if (!path.starts_with("/ui") || !call.door.options().ui) return false;
  const auto files = ui_files();
  const auto file = std::find_if(files.begin(), files.end(), [&](const auto& f) { return f.path == path; });
  if (file == files.end() && path != "/ui/") return false;
  if (call.request.method != "GET" && !call.head_only())
    refuse(call, 405, "this path is asked by GET, HEAD", "Allow: GET, HEAD\r\n");
  else if (file != files.end())
    show_file(call, *file);
  else
    wire::write_response({.status = 308, .fields = "Location: ../ui\r\n", .close = call.close()}, call.out);
  return true;
}

}  // namespace sluice::door::http
