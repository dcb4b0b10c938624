// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <optional>
#include <string>

namespace cloister::cli {

/// A file in the data directory that says where its server listens, as long as
/// that runs: whoever finds the directory in use is told.
class server_note {
public:
  server_note(const std::string& data_dir, const std::string& url);
  server_note(const server_note&) = delete;
  server_note& operator=(const server_note&) = delete;
  ~server_note();

  /// The URL in a data directory, of a server that runs or was killed.
  static std::optional<std::string> read(const std::string& data_dir);

private:
  std::string path_;
};

} // namespace cloister::cli
