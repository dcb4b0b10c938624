// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>

#include "core/bytes.hpp"

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

private:
  std::mutex mutex_;
  std::map<bytes, std::weak_ptr<std::atomic<bool>>, std::less<>> flags_;
  std::size_t prune_at_ = 1024;
};

} // namespace cloister::auth
