// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "server/server.hpp"
#include "server/service.hpp"

namespace cloister::server {

/// What the listener knows of a connection.
class open_connection {
public:
  virtual ~open_connection() = default;
  /// Ends it once it has nothing in flight. On any thread.
  virtual void drain() = 0;
  /// Ends it. On any thread.
  virtual void abort() = 0;
  /// Ends what takes longer than it may. On any thread.
  virtual void look(std::chrono::steady_clock::time_point now) = 0;
};

/// So many bytes that may be held at a time. Thread-safe.
class byte_budget {
public:
  explicit byte_budget(std::size_t max) : max_(max) {}

  /// False if that is too much.
  bool reserve(std::size_t bytes);
  void give_back(std::size_t bytes) {
    held_ -= bytes;
  }

private:
  const std::size_t max_;
  std::atomic<std::size_t> held_{0};
};

/// The connections there are, and what they share. Thread-safe.
class connections {
public:
  connections(std::shared_ptr<service> shared, server_options given)
    : of(std::move(shared)),
      options(std::move(given)),
      requests(options.bodies_bytes_max),
      requests_of_strangers(
        std::max(options.bodies_bytes_max / 4, options.body_bytes_max)),
      answers(options.bodies_bytes_max) {}

  const std::shared_ptr<service> of;
  const server_options options;
  /// Bodies that are read, and those that are answered: whoever sends much must
  /// not keep others from being answered.
  byte_budget requests;
  /// Bodies that come with keys which nobody used lately, and may be none.
  byte_budget requests_of_strangers;
  byte_budget answers;

  /// Counts one. Answers its number, or 0 if there are too many.
  std::uint64_t add(const std::weak_ptr<open_connection>& one);
  void remove(std::uint64_t number);
  void drain_all();
  void abort_all();
  void look_at_all();
  /// Whether none is left, within a time.
  bool wait_for_none(std::chrono::milliseconds time);

private:
  std::vector<std::shared_ptr<open_connection>> all();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::uint64_t next_ = 1;
  std::map<std::uint64_t, std::weak_ptr<open_connection>> open_;
};

/// A part of a budget, as long as it lives.
class body_share {
public:
  body_share() = default;
  body_share(const body_share&) = delete;
  body_share& operator=(const body_share&) = delete;
  ~body_share() {
    release();
  }

  bool reserve(byte_budget& of, std::size_t bytes) {
    release();
    if (!of.reserve(bytes))
      return false;
    of_ = &of;
    bytes_ = bytes;
    return true;
  }
  void release() {
    if (of_ != nullptr)
      of_->give_back(bytes_);
    of_ = nullptr;
  }

private:
  byte_budget* of_ = nullptr;
  std::size_t bytes_ = 0;
};

} // namespace cloister::server
