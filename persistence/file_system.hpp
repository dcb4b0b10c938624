// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/bytes.hpp"
#include "core/error.hpp"

namespace cloister::persistence {

/// A file that only grows. One thread at a time.
class appendable_file {
public:
  virtual ~appendable_file() = default;

  /// May keep the data in the process until `flush`.
  virtual result<void> append(bytes_view data) = 0;
  /// Hands everything to the kernel: it then survives the process.
  virtual result<void> flush() = 0;
  /// Flushes and waits until the data is on the medium.
  virtual result<void> sync() = 0;
  virtual result<void> close() = 0;
};

/// A file that is read, and where asked for also written, at offsets. Reads
/// are thread-safe.
class random_file {
public:
  virtual ~random_file() = default;

  /// Reads up to `size` bytes into `scratch`; fewer at the end of the file.
  virtual result<bytes_view> read(std::uint64_t offset, std::size_t size,
                                  char* scratch) const = 0;
  /// Writes straight to the kernel, growing the file where needed.
  virtual result<void> write(std::uint64_t offset, bytes_view data) = 0;
  virtual result<void> sync() = 0;
  virtual result<std::uint64_t> size() const = 0;
};

/// Held while a process owns something; released on destruction.
class file_lock {
public:
  virtual ~file_lock() = default;
};

enum class open_mode { read_only, read_write };

/// Everything the store asks of the operating system, so that tests can fail,
/// tear and drop any of it. Thread-safe. Fails with `not_found` for a missing
/// file and otherwise with `unavailable`.
class file_system {
public:
  virtual ~file_system() = default;

  /// Creates or empties a file.
  virtual result<std::unique_ptr<appendable_file>>
  create(const std::string& path) = 0;
  /// Opens at the end, creating the file if needed.
  virtual result<std::unique_ptr<appendable_file>>
  open_append(const std::string& path) = 0;
  /// `read_write` creates the file if needed.
  virtual result<std::unique_ptr<random_file>>
  open_random(const std::string& path, open_mode mode) = 0;

  virtual bool exists(const std::string& path) = 0;
  /// Names (not paths) of a directory's entries.
  virtual result<std::vector<std::string>> list(const std::string& path) = 0;
  virtual result<void> remove(const std::string& path) = 0;
  /// Creates a directory that only its owner may enter; fine if it exists.
  virtual result<void> make_directory(const std::string& path) = 0;
  virtual result<void> remove_directory(const std::string& path) = 0;
  virtual result<std::uint64_t> file_size(const std::string& path) = 0;
  virtual result<void> rename(const std::string& from, const std::string& to)
    = 0;
  /// Makes creations, renames and removals inside `path` durable.
  virtual result<void> sync_directory(const std::string& path) = 0;
  /// Fails with `conflict` if anybody, this process included, holds it.
  virtual result<std::unique_ptr<file_lock>> lock(const std::string& path) = 0;
  virtual result<std::uint64_t> free_space(const std::string& path) = 0;
  /// Creates a file that really occupies `size` bytes.
  virtual result<void> preallocate(const std::string& path, std::uint64_t size)
    = 0;
};

/// The operating system's file system.
std::shared_ptr<file_system> posix_file_system();

/// Reads a whole file of at most 64 MiB.
result<bytes> read_file(file_system& files, const std::string& path);

/// Writes a temporary file, syncs it, renames it over `path` and syncs the
/// directory: afterwards `path` has either its old or its new content.
result<void> replace_file(file_system& files, const std::string& path,
                          bytes_view data);

/// Overwrites a file with zeros, syncs and removes it. Fine if it is not there.
result<void> destroy_file(file_system& files, const std::string& path);

/// The directory part of a path; "." where there is none.
std::string directory_of(const std::string& path);

} // namespace cloister::persistence
