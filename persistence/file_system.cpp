// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "persistence/file_system.hpp"

namespace cloister::persistence {

namespace {

constexpr std::uint64_t small_file_bytes_max = 64 * 1024 * 1024;

} // namespace

result<bytes> read_file(file_system& files, const std::string& path) {
  auto size = files.file_size(path);
  if (size.has_error())
    return size.error();
  if (*size > small_file_bytes_max)
    return error{errc::too_large, path + " is unexpectedly large"};
  auto file = files.open_random(path, open_mode::read_only);
  if (file.has_error())
    return file.error();
  bytes data(*size, '\0');
  auto got = (*file)->read(0, data.size(), data.data());
  if (got.has_error())
    return got.error();
  data.resize(got->size());
  return data;
}

result<void> replace_file(file_system& files, const std::string& path,
                          bytes_view data) {
  auto temporary = path + ".new";
  auto file = files.create(temporary);
  if (file.has_error())
    return file.error();
  if (auto done = (*file)->append(data); done.has_error())
    return done;
  if (auto done = (*file)->sync(); done.has_error())
    return done;
  if (auto done = (*file)->close(); done.has_error())
    return done;
  if (auto done = files.rename(temporary, path); done.has_error())
    return done;
  return files.sync_directory(directory_of(path));
}

result<void> destroy_file(file_system& files, const std::string& path) {
  if (path.empty() || !files.exists(path))
    return {};
  auto file = files.open_random(path, open_mode::read_write);
  if (file.has_error())
    return file.error();
  auto size = (*file)->size();
  if (size.has_error())
    return size.error();
  if (auto done = (*file)->write(0, bytes(*size, '\0')); done.has_error())
    return done;
  if (auto done = (*file)->sync(); done.has_error())
    return done;
  if (auto done = files.remove(path); done.has_error())
    return done;
  return files.sync_directory(directory_of(path));
}

std::string directory_of(const std::string& path) {
  auto slash = path.rfind('/');
  if (slash == std::string::npos)
    return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

} // namespace cloister::persistence
