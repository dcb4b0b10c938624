// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "core/bytes.hpp"
#include "core/scope.hpp"

namespace cloister::auth {

using revocation_flag = std::shared_ptr<std::atomic<bool>>;

/// One flag for each API key in use on a node, and for each that was narrowed,
/// however often its organization is put to sleep and read again: who
/// authenticated long ago must notice too. Thread-safe.
class revocations {
public:
  /// The flag that everybody shares who has one for this key, which is named
  /// by its id or by its narrowing.
  revocation_flag flag_of(bytes_view name);

  /// The flags of a scope and of each above it: whoever is rooted there ends
  /// with the first that is erased.
  std::vector<revocation_flag> flags_of(const scope& root);

  /// A scope was erased: sets the flag of all that have it. Whoever asks for
  /// one later is of what has the name then.
  void end_scope(const scope& erased);

private:
  std::mutex mutex_;
  std::map<bytes, std::weak_ptr<std::atomic<bool>>, std::less<>> flags_;
  std::size_t prune_at_ = 1024;
};

} // namespace cloister::auth
