// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <functional>
#include <istream>
#include <string>

#include "runtime/types.hpp"

/// What files of memories look like.
namespace cloister::cli {

/// One memory of a file.
struct imported_line {
  /// Empty for the bound scope.
  std::string user_id;
  memory_draft draft;
  /// The same for the same memory; one that may be there several times has
  /// none.
  std::string identity;
};

/// Reads a line of our own format. Fails with `invalid_argument`.
result<imported_line> parse_line(const std::string& text);

/// Takes a piece of a file that mem0's clients have written: memories one after
/// the other, lists of them, or pages of lists, whatever white space is
/// between.
class mem0_reader {
public:
  using taker = std::function<result<void>(result<imported_line>)>;

  /// `taken` is called for each memory, in order, until it fails.
  explicit mem0_reader(taker taken);
  mem0_reader(const mem0_reader&) = delete;
  mem0_reader& operator=(const mem0_reader&) = delete;
  ~mem0_reader();

  /// Fails with `invalid_argument` for what is no JSON, or as `taken` does.
  result<void> add(std::string_view piece);
  /// Fails with `invalid_argument` where something was begun and not ended.
  result<void> finish();

private:
  struct parts;
  std::unique_ptr<parts> parts_;
};

} // namespace cloister::cli
