// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <memory>
#include <string>

#include "core/error.hpp"
#include "persistence/file_system.hpp"

namespace cloister::persistence {

// A data directory:
//
//   FORMAT             "cloister store\nversion 1\nid <32 hex digits>\n"
//   lock               held by the one process that has it open; names it
//   keys               key slots (key_slots.hpp)
//   store/             LevelDB
//   audit-journal.N    audit entries on their way (audit_journal.hpp)
//   passphrase         how the master key comes of one, if it does
//                      (runtime/master_key_source.hpp)
//   rotation           a rotation of the master key that goes on
//                      (rotation.hpp)
//   sessions/          ephemeral sessions that outgrew memory
//                      (session_store.hpp)
//   damage             which records lay in damaged blocks (damage_list.hpp)
//   reserve            space that is given up when the disk is full

/// A data directory that this process holds until the object dies.
class data_directory {
public:
  /// Creates an empty one. Fails with `conflict` if there is one already.
  /// `finish_creation` makes it a store.
  static result<data_directory> create(std::shared_ptr<file_system> files,
                                       const std::string& path);
  /// The same for a store that is made again: with the id that it had.
  static result<data_directory> create_again(std::shared_ptr<file_system> files,
                                             const std::string& path,
                                             std::string id);

  /// Takes an existing one. Fails with `not_found` if there is none, with
  /// `unavailable` if another process holds it, and with `corrupted` if its
  /// version is unknown.
  static result<data_directory> take(std::shared_ptr<file_system> files,
                                     const std::string& path);

  static bool exists(file_system& files, const std::string& path);

  /// The id without taking the directory; see `take` for errors.
  static result<std::string> read_id(file_system& files,
                                     const std::string& path);

  /// Whether it was last taken by this process.
  static bool is_of_this_process(file_system& files, const std::string& path);

  const std::string& path() const {
    return path_;
  }
  /// 32 hexadecimal digits, random at creation.
  const std::string& id() const {
    return id_;
  }
  std::string slots_path() const {
    return path_ + "/keys";
  }
  std::string store_path() const {
    return path_ + "/store";
  }
  std::string reserve_path() const {
    return path_ + "/reserve";
  }
  std::string passphrase_path() const {
    return path_ + "/passphrase";
  }
  std::string rotation_path() const {
    return path_ + "/rotation";
  }
  std::string sessions_path() const {
    return path_ + "/sessions";
  }
  std::string damage_path() const {
    return path_ + "/damage";
  }
  const std::shared_ptr<file_system>& files() const {
    return files_;
  }

  /// Writes FORMAT: from now on this is a store.
  result<void> finish_creation();

  /// Makes the reserve if space allows; failure is not an error.
  void keep_reserve();
  /// Gives the reserve's space back to the file system.
  void release_reserve();

private:
  data_directory(std::shared_ptr<file_system> files, std::string path);
  result<void> acquire();

  std::shared_ptr<file_system> files_;
  std::string path_;
  std::string id_;
  std::unique_ptr<file_lock> lock_;
};

} // namespace cloister::persistence
