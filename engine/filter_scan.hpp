// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "core/memory.hpp"
#include "persistence/record_source.hpp"
#include "persistence/scope_identity.hpp"

namespace cloister::engine {

/// Which memories of a scope a filter, or another question, admits, as the
/// store has them: for scopes whose records are not all at hand.
class filter_verdicts {
public:
  void add(std::uint64_t sequence, std::uint32_t revision, bool admitted) {
    verdicts_.push_back({sequence, revision, admitted});
  }

  /// Nothing for a memory that was written or changed since.
  std::optional<bool> of(std::uint64_t sequence, std::uint32_t revision) const;

  /// The sequences of those that it admits, ascending.
  std::vector<std::uint64_t> admitted() const;

private:
  struct verdict {
    std::uint64_t sequence = 0;
    std::uint32_t revision = 0;
    bool admitted = false;
  };
  /// By ascending sequence.
  std::vector<verdict> verdicts_;
};

/// Reads the memories of a scope for what they are to a filter, a slice at a
/// time. Reads the disk: loaders call it, one at a time.
class filter_scan {
public:
  using question = std::function<bool(const memory&)>;

  filter_scan(persistence::identity_ptr identity, question admits)
    : identity_(std::move(identity)), admits_(std::move(admits)) {}

  /// Goes on until told to pause. Returns whether done; fails as the store
  /// does.
  result<bool> read_on(const persistence::record_source& records,
                       const std::function<bool()>& must_pause);

  filter_verdicts take() {
    return std::move(verdicts_);
  }

private:
  result<void> look_at(const persistence::record_source& records,
                       bytes_view key, bytes_view sealed);

  persistence::identity_ptr identity_;
  question admits_;
  filter_verdicts verdicts_;
  /// Where to go on: the rest of a storage key.
  bytes next_;
};

} // namespace cloister::engine
