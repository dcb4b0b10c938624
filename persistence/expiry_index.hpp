// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <functional>
#include <vector>

#include "persistence/node_identity.hpp"

namespace cloister::persistence {

// When memories expire, for dormant scopes too. Entries are grouped by hour
// under a keyed hash, so that the disk does not tell when anything expires.
//
//   rest  := BLAKE2b-128(node's fingerprint key, "hour" hour:be64)[0..8]
//            BLAKE2b-128(node's fingerprint key,
//                        "expiry" tag sequence:be64 time:be64)[0..8]
//   value := sealed under the node's control key, context = its key:
//            version:u8 time:be64 sequence:be64 organization:16 count:u8
//            (tag:16)*
//
// The watermark is the time up to which everything has been removed:
//
//   watermark := sealed under the node's control key, context = its key:
//                version:u8 time:be64

struct expiry_entry {
  timestamp at;
  std::uint64_t sequence = 0;
  scope_tag organization{};
  std::vector<scope_tag> tags;
  /// The record's key behind the kind, for its removal.
  bytes rest;
};

/// The full hour at or before a time, and the one after it.
timestamp start_of_hour(timestamp at);
timestamp next_hour(timestamp at);
timestamp hour_before(timestamp at);

/// Thread-safe.
class expiry_index {
public:
  expiry_index(std::shared_ptr<const node_identity> node, const store& records);

  /// Notes that one memory of a scope expires; once, however often it is noted.
  void add(write_batch& batch, const scope_identity& owner,
           std::uint64_t sequence, timestamp at) const;

  /// Takes back what `add` noted.
  void remove(write_batch& batch, const scope_identity& owner,
              std::uint64_t sequence, timestamp at) const;
  void remove(write_batch& batch, bytes_view rest) const;

  /// So many entries are answered at once.
  static constexpr std::size_t at_once_max = 100'000;

  /// What expires in the hour of `at`, up to `at_once_max`. Passes over entries
  /// that are damaged: one must not stop the others.
  result<std::vector<expiry_entry>> in_hour_of(timestamp at) const;

  /// Where the sweeper goes on; more than a year before `now` if that was lost.
  result<timestamp> watermark(timestamp now) const;
  void set_watermark(write_batch& batch, timestamp at) const;

private:
  bytes hour_prefix(timestamp at) const;
  storage_key key_of(const scope_identity& owner, std::uint64_t sequence,
                     timestamp at) const;

  std::shared_ptr<const node_identity> node_;
  const store& records_;
};

} // namespace cloister::persistence
