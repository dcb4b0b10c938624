// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <vector>

#include "core/memory.hpp"
#include "engine/requests.hpp"
#include "search/cosine.hpp"

namespace cloister::engine {

/// The memories that are nearest to an embedding, of those it is shown: an
/// exact scan, which keeps no more than are wanted. One thread at a time.
class nearest {
public:
  nearest(std::vector<float> wanted, std::size_t limit)
    : wanted_(std::move(wanted)), limit_(limit) {}

  void look_at(const memory& value);

  /// Nearest first; the newer of two that are as near.
  std::vector<vector_match> take();

  /// The dimensions of what could not be compared, where nothing could.
  std::optional<std::size_t> other_dimensions() const {
    return found_.empty() ? other_dimensions_ : std::nullopt;
  }

private:
  static bool is_nearer(const vector_match& a, const vector_match& b) {
    return a.similarity != b.similarity ? a.similarity > b.similarity
                                        : a.id > b.id;
  }

  search::cosine wanted_;
  std::size_t limit_;
  /// A heap with the farthest on top.
  std::vector<vector_match> found_;
  std::optional<std::size_t> other_dimensions_;
};

} // namespace cloister::engine
