// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

// Holds the tree to the rules of docs/architecture.md: who may include whom,
// and third parties behind their doors. Plain text scanning; no taste.

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>

namespace fs = std::filesystem;

namespace {

const std::map<std::string, std::set<std::string>> may_include{
  {"core", {}},
  {"crypto", {"core"}},
  {"persistence", {"crypto", "core"}},
  {"search", {"core"}},
  {"auth", {"crypto", "core"}},
  {"engine", {"persistence", "search", "auth", "crypto", "core"}},
  {"actors", {"engine", "persistence", "search", "auth", "crypto", "core"}},
  {"runtime",
   {"actors", "engine", "persistence", "search", "auth", "crypto", "core"}},
  {"wire", {"runtime", "core"}},
  {"server", {"wire", "runtime", "core"}},
  {"cli", {"server", "wire", "runtime", "core"}},
};

/// A third party's include prefix and the files that may have it.
const std::vector<std::pair<std::string, std::vector<std::string>>> doors{
  {"leveldb/", {"persistence/leveldb_"}},
  {"sodium.h", {"crypto/sodium.hpp"}},
  {"caf/",
   {"actors/", "runtime/caf.hpp", "runtime/client_actor.cpp",
    "runtime/runtime.cpp"}},
  {"libstemmer.h", {"search/"}},
  {"unicode/", {"search/", "core/utf8.cpp"}},
  {"CLI/", {"cli/"}},
  {"spdlog/", {"runtime/runtime.cpp", "server/request_log.cpp"}},
  {"boost/json",
   {"core/json_text.cpp", "core/filter", "runtime/audit_export.cpp",
    "runtime/erasure_list.cpp", "wire/", "server/", "cli/"}},
  {"boost/beast",
   {"server/connection.cpp", "server/stream_writer.hpp",
    "server/http_client.cpp"}},
  {"boost/asio",
   {"server/connection.hpp", "server/connection.cpp",
    "server/stream_writer.hpp", "server/http_client.cpp", "server/server.cpp"}},
};

struct source {
  std::string path;
  std::vector<std::string> lines;
};

std::vector<source> sources() {
  std::vector<source> out;
  fs::path root{CLOISTER_SOURCE_DIR};
  for (const auto& [layer, below] : may_include)
    for (const auto& entry : fs::recursive_directory_iterator{root / layer}) {
      auto extension = entry.path().extension();
      if (extension != ".cpp" && extension != ".hpp")
        continue;
      source file{fs::relative(entry.path(), root).string(), {}};
      std::ifstream in{entry.path()};
      for (std::string line; std::getline(in, line);)
        file.lines.push_back(line);
      out.push_back(std::move(file));
    }
  return out;
}

/// What is between the quotes or brackets of an include line; else nothing.
std::string included(const std::string& line) {
  if (!line.starts_with("#include "))
    return {};
  auto end = line.find_last_of("\">");
  return line.substr(10, end - 10);
}

} // namespace

TEST_CASE("no layer includes what lies above it or beside it", "[tidy]") {
  for (const auto& file : sources()) {
    auto layer = file.path.substr(0, file.path.find('/'));
    for (const auto& line : file.lines) {
      auto target = included(line);
      auto owner = target.substr(0, target.find('/'));
      if (line.find('"') == std::string::npos || target.empty())
        continue;
      INFO(file.path << ": " << line);
      CHECK((owner == layer || may_include.at(layer).contains(owner)));
    }
  }
}

TEST_CASE("third parties stay behind their doors", "[tidy]") {
  for (const auto& file : sources())
    for (const auto& line : file.lines) {
      auto target = included(line);
      for (const auto& [prefix, allowed] : doors) {
        if (target.empty() || !target.starts_with(prefix))
          continue;
        INFO(file.path << ": " << line);
        CHECK(std::any_of(allowed.begin(), allowed.end(), [&](auto& door) {
          return file.path.starts_with(door);
        }));
      }
    }
}

TEST_CASE("every file names its license and every header guards itself",
          "[tidy]") {
  for (const auto& file : sources()) {
    INFO(file.path);
    REQUIRE(file.lines.size() > 2);
    CHECK(file.lines[1].find("SPDX-License-Identifier: Apache-2.0")
          != std::string::npos);
    if (file.path.ends_with(".hpp"))
      CHECK(std::find(file.lines.begin(), file.lines.end(), "#pragma once")
            != file.lines.end());
  }
}

TEST_CASE("nothing is left unfinished", "[tidy]") {
  for (const auto& file : sources())
    for (const auto& line : file.lines) {
      INFO(file.path << ": " << line);
      CHECK(line.find(std::string{"TO"} + "DO") == std::string::npos);
    }
}

namespace {

std::string trimmed(const std::string& line) {
  auto from = line.find_first_not_of(" /");
  auto to = line.find_last_not_of(' ');
  return from == std::string::npos ? std::string{}
                                   : line.substr(from, to - from + 1);
}

/// The comments of a file, line by line.
std::set<std::string> comments_of(const fs::path& path) {
  std::set<std::string> out;
  std::ifstream in{path};
  for (std::string line; std::getline(in, line);)
    if (line.find_first_not_of(' ') == line.find("//"))
      out.insert(trimmed(line));
  return out;
}

} // namespace

TEST_CASE("docs/formats.md repeats what stands beside the code", "[tidy]") {
  fs::path root{CLOISTER_SOURCE_DIR};
  std::ifstream in{root / "docs/formats.md"};
  std::set<std::string> comments;
  std::string file;
  bool inside = false;
  int compared = 0;
  for (std::string line; std::getline(in, line);) {
    auto is_file = line.starts_with('`') && line.ends_with("pp`");
    if (is_file) {
      file = line.substr(1, line.size() - 2);
      comments = comments_of(root / file);
    } else if (line.starts_with("##")) {
      file.clear();
    } else if (line == "```") {
      inside = !inside;
    } else if (inside && !file.empty() && !trimmed(line).empty()) {
      INFO(file << ": " << line);
      CHECK(comments.contains(trimmed(line)));
      ++compared;
    }
  }
  CHECK(compared > 100);
}
