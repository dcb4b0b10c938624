// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>

#include "auth/api_key.hpp"

namespace cloister::auth {

using revocation_flag = std::shared_ptr<std::atomic<bool>>;

/// One flag for each API key in use on a node, however often its organization
/// is put to sleep and read again: who authenticated long ago must notice too.
/// Thread-safe.
class revocations {
public:
  /// The flag that everybody shares who has one for this key.
  revocation_flag flag_of(const key_id& id);

private:
  std::mutex mutex_;
  std::map<key_id, std::weak_ptr<std::atomic<bool>>> flags_;
  std::size_t prune_at_ = 1024;
};

} // namespace cloister::auth
