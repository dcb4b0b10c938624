// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "core/error.hpp"
#include "persistence/file_system.hpp"
#include "persistence/write_batch.hpp"

namespace cloister::persistence {

// The file of key slots. Wrapped keys do not lie in LevelDB, which keeps
// deleted values for long: here a key is destroyed by overwriting its slot.
//
//   file   := header:4096 extent*
//   extent := copy_a:4096 copy_b:4096          16 slots each, the same ones
//   header := "cloister keys 1\n" zeros
//   slot   := version:u8 state:u8 zero:2 master_version:be32 generation:be64
//             data_epoch:be32 owner:16 length:be16 wrapped zeros checksum:be32
//             (256 bytes; the checksum covers the 252 before it)
//   state  := 1 used | 2 destroyed
//
// A slot that was never used is all zeros. Each write of a slot has a greater
// generation than the one before; the newer of two intact copies counts.

/// What a used slot holds.
struct key_slot {
  std::uint64_t slot = 0;
  scope_tag owner{};
  std::uint32_t master_version = 0;
  std::uint64_t generation = 0;
  std::uint32_t data_epoch = 0;
  bytes wrapped;
  /// False where only one of the two copies could be read.
  bool both_copies = true;
};

/// Thread-safe.
class key_slots {
public:
  /// Opens or creates the file.
  static result<std::unique_ptr<key_slots>>
  open(std::shared_ptr<file_system> files, const std::string& path);

  /// The newest intact copy of a slot. Fails with `not_found` for a slot that
  /// was never used, with `erased` for a destroyed one, and with `corrupted` if
  /// neither copy can be trusted.
  result<key_slot> read(std::uint64_t slot) const;

  /// Reserves a free slot in this process; nothing is written yet.
  result<std::uint64_t> allocate();

  /// The slot that a scope's keys are in, by looking at all of them; for what
  /// is damaged.
  result<std::optional<std::uint64_t>> find(const scope_tag& owner) const;

  /// Writes all of them and syncs: the first copies before the second ones are
  /// touched, so that one is always whole. A slot is destroyed only where it is
  /// its owner's; one that was destroyed before, or has a new owner, is passed
  /// over.
  result<void> write(std::span<const slot_write> writes);

  /// All that are in use, in order. Fails with `corrupted` where one is
  /// damaged.
  result<std::vector<slot_write>> all_used() const;

  /// Goes on counting those in use, so many at a time that nobody waits long.
  /// Fails where they cannot be read; to be called until `used` knows.
  result<void> count_some(std::uint64_t slots = 256);
  /// How many are in use; nothing as long as they were not counted.
  std::optional<std::uint64_t> used() const;

  /// How many slots the file has room for.
  std::uint64_t capacity() const;

  /// Writes the good copy of a slot over the bad one.
  result<void> mend(std::uint64_t slot);

private:
  key_slots(std::shared_ptr<file_system> files,
            std::unique_ptr<random_file> file);

  /// All zeros are blank: nothing was ever written.
  enum class copy_state { blank, used, destroyed, damaged };
  struct slot_copy {
    copy_state state = copy_state::damaged;
    key_slot slot;
  };
  using slot_copies = std::array<slot_copy, 2>;

  static slot_copy decode(bytes_view image);
  static const slot_copy* newest(const slot_copies& both);
  static bool may_destroy(const slot_copies& both, const scope_tag& owner);

  result<void> check_header(const std::string& path);
  result<void> find_end();
  result<slot_copies> read_copies(std::uint64_t slot) const;
  result<void> collect_free_slots();
  result<key_slot> read_locked(std::uint64_t slot) const;
  result<void> write_copy(std::uint64_t slot, int copy, bytes_view image);
  void count_again();
  bool is_counted(std::uint64_t slot) const {
    return slot < counted_ || slot >= to_count_;
  }

  std::shared_ptr<file_system> files_;
  std::unique_ptr<random_file> file_;
  mutable std::mutex mutex_;
  /// Slots at and beyond were never used.
  std::uint64_t end_ = 0;
  /// Slots below, and below `end_` when the file was opened, were looked at.
  std::uint64_t cursor_ = 0;
  std::uint64_t opened_end_ = 0;
  std::set<std::uint64_t> free_;
  /// Handed out, and not written yet.
  std::set<std::uint64_t> reserved_;
  /// Of those below `counted_` and those from `to_count_` on, how many are in
  /// use.
  std::uint64_t used_ = 0;
  std::uint64_t counted_ = 0;
  std::uint64_t to_count_ = 0;
};

} // namespace cloister::persistence
