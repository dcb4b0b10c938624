// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdio>
#include <string>

#include "core/error.hpp"

namespace cloister::cli {

/// A file that only its owner reads, and that is there whole or not at all; or
/// standard output for "-".
class output_file {
public:
  explicit output_file(std::string path);
  output_file(const output_file&) = delete;
  output_file& operator=(const output_file&) = delete;
  ~output_file();

  /// Each fails with `unavailable`, and `open` with `invalid_argument` for what
  /// is no regular file.
  result<void> open();
  result<void> write(const std::string& line);
  result<void> finish();

private:
  error failed() const;

  std::string path_;
  std::string partial_;
  std::FILE* file_ = nullptr;
};

} // namespace cloister::cli
