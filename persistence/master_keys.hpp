// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <memory>
#include <mutex>

#include "crypto/secret_key.hpp"

namespace cloister::persistence {

/// The master key of a store and, while it is rotated, the one before: what was
/// wrapped under that is wrapped anew. Thread-safe.
class master_keys {
public:
  using key_ptr = std::shared_ptr<const crypto::secret_key>;

  master_keys(crypto::secret_key key, std::uint32_t version)
    : newest_(std::make_shared<const crypto::secret_key>(std::move(key))),
      version_(version) {}

  /// What new slots are wrapped under.
  std::pair<key_ptr, std::uint32_t> newest() const {
    std::lock_guard guard{mutex_};
    return {newest_, version_};
  }

  std::uint32_t version() const {
    std::lock_guard guard{mutex_};
    return version_;
  }

  /// The key of a version; null if it is not, or no more, known.
  key_ptr of_version(std::uint32_t version) const {
    std::lock_guard guard{mutex_};
    if (version == version_)
      return newest_;
    return former_ && version + 1 == version_ ? former_ : nullptr;
  }

  /// Whether a slot that is being written may be under the former one.
  bool is_former_in_use() const {
    std::lock_guard guard{mutex_};
    return former_ && former_.use_count() > 1;
  }

  bool is_rotating() const {
    std::lock_guard guard{mutex_};
    return former_ != nullptr;
  }

  /// New slots are wrapped under `next` from now on.
  void begin(crypto::secret_key next) {
    std::lock_guard guard{mutex_};
    former_ = std::exchange(
      newest_, std::make_shared<const crypto::secret_key>(std::move(next)));
    ++version_;
  }

  /// Nothing is wrapped under the former one any more.
  void finish() {
    std::lock_guard guard{mutex_};
    former_.reset();
  }

private:
  mutable std::mutex mutex_;
  key_ptr newest_;
  key_ptr former_;
  std::uint32_t version_;
};

} // namespace cloister::persistence
