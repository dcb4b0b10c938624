// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "cli/server_note.hpp"

#include <cstdio>
#include <fstream>

namespace cloister::cli {

namespace {

std::string path_in(const std::string& data_dir) {
  return data_dir + "/server-url";
}

} // namespace

server_note::server_note(const std::string& data_dir, const std::string& url)
  : path_(path_in(data_dir)) {
  std::ofstream{path_} << url << '\n';
}

server_note::~server_note() {
  static_cast<void>(std::remove(path_.c_str()));
}

std::optional<std::string> server_note::read(const std::string& data_dir) {
  std::ifstream in{path_in(data_dir)};
  std::string out;
  if (std::getline(in, out) && !out.empty())
    return out;
  return std::nullopt;
}

} // namespace cloister::cli
