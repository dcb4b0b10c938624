// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <vector>

#include "core/bytes.hpp"
#include "persistence/storage_key.hpp"

namespace cloister::persistence {

/// The new content of one key slot; see key_slots.hpp.
struct slot_write {
  std::uint64_t slot = 0;
  scope_tag owner{};
  /// Wrapped keys; empty to destroy the slot.
  bytes wrapped;
  /// The version of the master key that wrapped it; 0 below organizations.
  std::uint32_t master_version = 0;
  /// The number of the data key inside.
  std::uint32_t data_epoch = 0;
  /// The generation of the slot that this was made from: passed over if it was
  /// written, or destroyed, since. 0 for any.
  std::uint64_t expected_generation = 0;
};

/// What a batch does to the disk: below the free-space watermark only batches
/// that shrink are accepted.
enum class batch_effect : std::uint8_t { grows, shrinks };

/// A set of changes that happens wholly or not at all. Key slots are written
/// and synced before the records, so that a record never lacks its key.
class write_batch {
public:
  struct change {
    storage_key key;
    bytes value;
    bool erased = false;
  };

  write_batch() {
    changes_.reserve(usual_changes);
  }

  void put(const storage_key& key, bytes value) {
    size_ += key.view().size() + value.size();
    changes_.push_back({key, std::move(value), false});
  }

  void erase(const storage_key& key) {
    size_ += key.view().size();
    changes_.push_back({key, {}, true});
  }

  void write_slot(slot_write write) {
    slots_.push_back(std::move(write));
  }

  void set_effect(batch_effect effect) {
    effect_ = effect;
  }

  /// The store's generation that the batch builds on: after a reopen an older
  /// one is refused, because what it builds on may not be there. 0 for any.
  void set_generation(std::uint64_t generation) {
    generation_ = generation;
  }
  std::uint64_t generation() const {
    return generation_;
  }

  /// The load of the engine that made the batch. Once one batch of a load was
  /// refused, its later ones build on what is not there and are refused too.
  void set_load(std::uint64_t load) {
    load_ = load;
  }
  std::uint64_t load() const {
    return load_;
  }

  const std::vector<change>& changes() const {
    return changes_;
  }
  const std::vector<slot_write>& slots() const {
    return slots_;
  }
  batch_effect effect() const {
    return effect_;
  }
  /// Bytes of keys and values together.
  std::size_t size() const {
    return size_;
  }

private:
  /// A record, its audit entry, and the head.
  static constexpr std::size_t usual_changes = 3;

  std::vector<change> changes_;
  std::vector<slot_write> slots_;
  std::size_t size_ = 0;
  std::uint64_t generation_ = 0;
  std::uint64_t load_ = 0;
  batch_effect effect_ = batch_effect::grows;
};

} // namespace cloister::persistence
