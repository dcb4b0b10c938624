// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "engine/nearest.hpp"

#include <algorithm>

namespace cloister::engine {

void nearest::look_at(const memory& value) {
  if (value.embedding.empty())
    return;
  if (value.embedding.size() != wanted_.dimensions()) {
    other_dimensions_ = value.embedding.size();
    return;
  }
  vector_match match{value.id, value.revision, wanted_.to(value.embedding)};
  if (found_.size() == limit_ && !is_nearer(match, found_.front()))
    return;
  found_.push_back(match);
  std::push_heap(found_.begin(), found_.end(), is_nearer);
  if (found_.size() <= limit_)
    return;
  std::pop_heap(found_.begin(), found_.end(), is_nearer);
  found_.pop_back();
}

std::vector<vector_match> nearest::take() {
  std::sort_heap(found_.begin(), found_.end(), is_nearer);
  return std::move(found_);
}

} // namespace cloister::engine
