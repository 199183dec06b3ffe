// ui_files.h: the dashboard's files (web/dist), put into the program when it is built.
#pragma once

#include <span>
#include <string_view>

namespace sluice::door::http {

struct UiFile {
  std::string_view path;  ///< "/ui/app.js"
  std::string_view content_type;
  std::string_view etag;  ///< In quotes.
  std::string_view body;
};

/// The page itself is the first.
std::span<const UiFile> ui_files();

}  // namespace sluice::door::http
