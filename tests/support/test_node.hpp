// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <atomic>
#include <memory>

#include "core/clock.hpp"
#include "crypto/secret_key.hpp"
#include "runtime/runtime_impl.hpp"
#include "tests/support/simulated_file_system.hpp"

namespace cloister::test {

/// A clock that stands still until it is moved.
class manual_clock final : public clock {
public:
  timestamp now() const override {
    return {milliseconds_.load()};
  }
  std::chrono::nanoseconds steady() const override {
    return std::chrono::milliseconds{milliseconds_.load()};
  }
  void advance(std::chrono::milliseconds span) {
    milliseconds_ += span.count();
  }

private:
  // 2026-01-01T00:00:00Z
  std::atomic<std::int64_t> milliseconds_{1767225600000};
};

/// A store on simulated files, and runtimes over it.
class test_node {
public:
  /// Makes a new store.
  test_node();
  test_node(const test_node& former);
  /// Goes on with files of another one.
  test_node(const test_node& former,
            std::shared_ptr<simulated_file_system> files);

  result<runtime> open();
  result<persistence::node_store> open_parts(bool read_damaged = false);
  runtime open_or_fail() {
    return open().value();
  }

  std::shared_ptr<simulated_file_system> files;
  std::shared_ptr<manual_clock> time;
  actors::gateway_options options;
  /// What `init` would have shown.
  std::string recovery_key;
  crypto::secret_key master() const {
    return master_.duplicate();
  }
  /// The master key that the store is opened with from now on.
  void give_master(const crypto::secret_key& key) {
    master_ = key.duplicate();
  }

private:
  crypto::secret_key master_;
};

/// A draft with this content.
memory_draft draft(std::string content);

/// What lies under a runtime.
const actors::gateway& gateway_of(const runtime& opened);
/// Scopes that are awake, organizations included.
std::uint32_t active_scopes(const runtime& opened);

/// Whether nothing is left of erasures, their space given back.
bool has_finished_erasures(const runtime& opened);

/// What an examination of the store finds, e.g. "user_a: …"; nothing if all is
/// well.
std::string damages_of(const runtime& opened);

/// Closes a runtime and opens the store again. One that gives space back closes
/// when that is done.
void open_again(test_node& node, std::optional<runtime>& opened);

/// Calls `condition` until it holds, for ten seconds at most.
bool eventually(const std::function<bool()>& condition);

/// Whether the long mode was asked for with CLOISTER_TEST_LONG=1.
bool long_mode();

/// The seed for random tests: CLOISTER_TEST_SEED, or a fixed one.
std::uint64_t seed();

} // namespace cloister::test
