// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "persistence/leveldb_filter.hpp"

#include <memory>

#include <leveldb/filter_policy.h>
#include <leveldb/slice.h>

namespace cloister::persistence {

bool filter_may_have(bytes_view filter, bytes_view key) {
  // How many bits a key had stands in the filter itself.
  constexpr int any_bits = 10;
  static const auto* policy = leveldb::NewBloomFilterPolicy(any_bits);
  return policy->KeyMayMatch(leveldb::Slice{key.data(), key.size()},
                             leveldb::Slice{filter.data(), filter.size()});
}

} // namespace cloister::persistence
