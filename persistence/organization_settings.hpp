// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <array>
#include <atomic>
#include <optional>

#include "core/bytes.hpp"
#include "core/error.hpp"
#include "core/language.hpp"

namespace cloister::persistence {

// What an organization has chosen: the content of its 'o' record.
//
//   settings := version:u8 language:u8
//
// Sealed under the organization's control key. Without one the defaults hold.

struct organization_settings {
  /// Whose words its memories are stemmed by.
  language search_language = language::english;

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
    return {language_.load(std::memory_order_relaxed)};
  }

  void become(const organization_settings& settings) {
    language_.store(settings.search_language, std::memory_order_relaxed);
  }

private:
  std::atomic<language> language_{language::english};
};

} // namespace cloister::persistence
