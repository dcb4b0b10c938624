// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <memory>
#include <string>

#include "core/clock.hpp"
#include "crypto/sealed_stream.hpp"
#include "persistence/file_system.hpp"

namespace cloister::persistence {

// A backup is two files, so that an erasure can reach it: one has the records,
// the other the keys that open them, and is useless without the first.
//
//   file  := head crypto-head:104 (length:be32 frame)* crypto/sealed_stream.hpp
//   head  := "cloister backup 1\n" kind:u8 backup:16 store:16 made:be64
//            master_version:be32
//   kind  := 1 records | 2 keys
//
// The frames of records hold (key:string value:string)*, those of keys first
// passphrase:string, the file of that name, and then
// (slot:be64 owner:16 master_version:be32 data_epoch:be32 wrapped:string)*.
// The last frame has how many there were: be64. The head is the context of each
// frame. Both are sealed to the recovery key that `init` showed; what is in
// them is sealed as it was, so that the master key is needed, too.

enum class backup_kind : std::uint8_t { records = 1, keys = 2 };

struct backup_head {
  backup_kind kind = backup_kind::records;
  /// What the two files have in common.
  std::array<std::uint8_t, 16> backup{};
  std::array<std::uint8_t, 16> store{};
  timestamp made_at;
  std::uint32_t master_version = 1;

  friend bool operator==(const backup_head&, const backup_head&) = default;
};

/// Writes one file, under another name until it is whole. One thread at a time.
class backup_writer {
public:
  static result<backup_writer> create(std::shared_ptr<file_system> files,
                                      const std::string& path,
                                      const backup_head& head,
                                      const crypto::public_key& recovery);

  /// The name that a file has until it is whole.
  static std::string partial_of(const std::string& path) {
    return path + ".part";
  }

  /// Hands what was written to the kernel.
  result<void> flush() {
    return file_->flush();
  }

  /// Adds an item; frames are made of many.
  result<void> add(bytes_view item);
  /// Writes the last frame and makes the file durable under its name.
  result<void> finish();
  /// Removes what was written, under either name.
  void give_up();

  std::uint64_t bytes_written() const {
    return written_;
  }

private:
  backup_writer(std::shared_ptr<file_system> files, std::string path,
                crypto::stream_sealer sealer)
    : files_(std::move(files)),
      path_(std::move(path)),
      sealer_(std::move(sealer)) {}
  std::string partial() const {
    return partial_of(path_);
  }
  result<void> write_frame(bool last);

  std::shared_ptr<file_system> files_;
  std::string path_;
  crypto::stream_sealer sealer_;
  std::unique_ptr<appendable_file> file_;
  bytes frame_;
  std::uint64_t items_ = 0;
  std::uint64_t written_ = 0;
};

/// Reads one file. One thread at a time.
class backup_reader {
public:
  /// Fails with `not_found`, with `invalid_argument` for what is no backup,
  /// with `sealed` for another store's recovery key, or with `corrupted`.
  static result<backup_reader> open(const std::shared_ptr<file_system>& files,
                                    const std::string& path,
                                    const crypto::secret_key& recovery);

  const backup_head& head() const {
    return head_;
  }

  /// The items of the next frame; nothing behind the last. Fails with
  /// `corrupted`, also where the file was cut off.
  result<std::optional<bytes>> next();

  /// How many items there were, once the last frame was read.
  std::uint64_t items() const {
    return items_;
  }
  std::uint64_t size() const {
    return size_;
  }
  std::uint64_t position() const {
    return at_;
  }

private:
  backup_reader(std::unique_ptr<random_file> file, const backup_head& head,
                crypto::stream_opener opener)
    : file_(std::move(file)), head_(head), opener_(std::move(opener)) {}
  result<bytes> read(std::size_t size);

  std::unique_ptr<random_file> file_;
  backup_head head_;
  crypto::stream_opener opener_;
  std::uint64_t at_ = 0;
  std::uint64_t size_ = 0;
  std::uint64_t items_ = 0;
  bool ended_ = false;
};

/// The head of a file, which anybody can read and nobody has proven.
result<backup_head> read_backup_head(file_system& files,
                                     const std::string& path);

} // namespace cloister::persistence
