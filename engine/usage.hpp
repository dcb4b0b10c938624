// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <unordered_set>

#include "core/encoding.hpp"
#include "core/error.hpp"
#include "core/quota.hpp"
#include "persistence/head.hpp"
#include "persistence/storage_key.hpp"

namespace cloister::engine {

/// What is held: memories, and the bytes of their records. Negative where less
/// is held than before.
struct usage {
  std::int64_t memories = 0;
  std::int64_t bytes = 0;

  static usage of(const persistence::scope_head& head) {
    return {static_cast<std::int64_t>(head.memory_count),
            static_cast<std::int64_t>(head.content_bytes)};
  }

  usage& operator+=(const usage& other) {
    memories += other.memories;
    bytes += other.bytes;
    return *this;
  }
  friend usage operator-(const usage& a, const usage& b) {
    return {a.memories - b.memories, a.bytes - b.bytes};
  }
  /// What of it is more than before.
  usage grown() const {
    return {std::max<std::int64_t>(memories, 0),
            std::max<std::int64_t>(bytes, 0)};
  }
  friend bool operator==(const usage&, const usage&) = default;
};

/// Why so much more is not accepted where so much is held already; nothing if
/// it is. What does not grow always is. `whose` is for the message.
std::optional<error> quota_refusal(const usage& held, const usage& more,
                                   const quota& limits, std::string_view whose);

/// Whether a quota bounds the sum over scopes.
inline bool bounds_contents(const quota& limits) {
  return limits.memories_max || limits.bytes_max;
}

/// Tags are keyed hashes already.
struct tag_hasher {
  std::size_t operator()(const persistence::scope_tag& tag) const noexcept {
    return byte_reader{view_of(tag)}.u64();
  }
};

template <class Value>
using tag_map = std::unordered_map<persistence::scope_tag, Value, tag_hasher>;

/// What all scopes of one organization hold together, changes in flight
/// included. Scopes that are awake have a share that is kept up to date; those
/// that sleep are part of the sum once it was counted, which is done when it is
/// first needed. Thread-safe.
class organization_usage {
public:
  using tag = persistence::scope_tag;

  /// The sum is known.
  bool is_counted() const;
  /// Somebody is counting it.
  bool is_counting() const;
  /// As far as it is counted.
  usage total() const;

  /// A scope is awake, or was read again, and holds so much. `owner` is a
  /// number of whoever keeps its share from then on: an engine that is being
  /// destroyed may leave after the next one has come.
  void enter(const tag& scope, std::uint64_t owner, const usage& held);
  /// It sleeps, with what it held; or with what is not known, where `is_known`
  /// is false: that counts on until it wakes.
  void leave(const tag& scope, std::uint64_t owner, bool is_known);
  /// It ended, with all that it held.
  void end(const tag& scope, std::uint64_t owner);

  void change(const tag& scope, const usage& by);
  /// Takes what a change is about to add, if the limits allow it. Fails with
  /// `quota_exceeded`.
  result<void> reserve(const tag& scope, const usage& more,
                       const quota& limits);

  /// A scope that is about to be erased holds so much, whatever was known.
  void correct(const tag& scope, const usage& held);
  /// What scopes held that sleep is gone.
  void forget(const usage& erased);
  /// The sum is not known any more.
  void forget_sum();

  /// Counts the sum: `walk` visits every scope that the store knows, while
  /// others go on. Does nothing if somebody is at it already. Fails as `walk`
  /// does, or with `overloaded`.
  using visitor = std::function<void(const tag&, const usage&)>;
  result<void>
  count(const std::function<result<void>(const visitor& visit)>& walk);

private:
  enum class state { unknown, counting, counted };
  struct share {
    usage held;
    std::uint64_t owner = 0;
  };
  struct counting_turn;

  bool begin();
  bool finish();
  void abandon();
  void start_over();
  void add_sleeping(const tag& scope, const usage& held);

  mutable std::mutex mutex_;
  state state_ = state::unknown;
  usage total_;
  tag_map<share> shares_;
  // While the sum is counted: scopes that slept when they were visited, and
  // those that were awake at any time, whose share is the truth.
  tag_map<usage> visited_;
  std::unordered_set<tag, tag_hasher> awake_;
  bool is_void_ = false;
};

/// Those of a node's organizations. Thread-safe.
class usage_table {
public:
  /// Kept for as long as the node runs.
  std::shared_ptr<organization_usage>
  of(const persistence::scope_tag& organization);

private:
  std::mutex mutex_;
  tag_map<std::shared_ptr<organization_usage>> known_;
};

} // namespace cloister::engine
