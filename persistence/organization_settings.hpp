// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <array>
#include <atomic>
#include <mutex>
#include <optional>

#include "core/bytes.hpp"
#include "core/error.hpp"
#include "core/language.hpp"
#include "core/quota.hpp"

namespace cloister::persistence {

// What holds for an organization, or for a scope: the content of its 'o'
// record.
//
//   settings := version:u8 language:u8 limits:u8 (value:be64)*
//
// The bits of `limits` say which ones follow, the lowest first: memories,
// bytes, open sessions, bytes of a session, operations a second, and at once.
// Version 1 ends behind the language, which only an organization's has.
//
// Sealed under the control key. Without one the defaults hold.

struct organization_settings {
  /// Whose words its memories are stemmed by.
  language search_language = language::english;
  /// What the sum over all of its scopes may not exceed; in a scope's, what
  /// that scope may not.
  quota limits = {};

  friend bool operator==(const organization_settings&,
                         const organization_settings&)
    = default;
};

bytes encode_settings(const organization_settings& settings);

/// Fails with `corrupted`.
result<organization_settings> decode_settings(bytes_view data);

/// The settings that all scopes of an organization see. Read by any thread,
/// changed when they were read or have been made durable.
class shared_settings {
public:
  organization_settings now() const {
    std::lock_guard guard{mutex_};
    return settings_;
  }

  /// One of them, without a lock: each operation asks.
  language search_language() const {
    return language_.load(std::memory_order_relaxed);
  }

  bool has_limits() const {
    return has_limits_.load(std::memory_order_acquire);
  }

  quota limits() const {
    return has_limits() ? now().limits : quota{};
  }

  void become(const organization_settings& settings) {
    std::lock_guard guard{mutex_};
    settings_ = settings;
    language_.store(settings.search_language, std::memory_order_relaxed);
    has_limits_.store(settings.limits != quota{}, std::memory_order_release);
  }

private:
  mutable std::mutex mutex_;
  organization_settings settings_;
  std::atomic<language> language_{language::english};
  std::atomic<bool> has_limits_{false};
};

} // namespace cloister::persistence
