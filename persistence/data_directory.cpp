// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "persistence/data_directory.hpp"

#include <unistd.h>

#include "core/encoding.hpp"
#include "core/limits.hpp"
#include "crypto/random.hpp"

namespace cloister::persistence {

namespace {

const std::string format_advice
  = "restore that file from a backup, or write it anew: two lines "
    "\"cloister store\" and \"version 1\", and a third of \"id\" and the name "
    "of its master key file";
constexpr std::string_view format_head = "cloister store\nversion 1\nid ";
constexpr std::string_view format_any = "cloister store\n";
constexpr std::size_t id_digits = 32;

std::string format_path(const std::string& path) {
  return path + "/FORMAT";
}

result<void> make_with_parents(file_system& files, const std::string& path) {
  auto above = directory_of(path);
  if (above != path && !files.exists(above))
    if (auto done = make_with_parents(files, above); done.has_error())
      return done;
  if (files.exists(path))
    return {};
  if (auto done = files.make_directory(path); done.has_error())
    return done;
  return files.sync_directory(above);
}

} // namespace

data_directory::data_directory(std::shared_ptr<file_system> files,
                               std::string path)
  : files_(std::move(files)), path_(std::move(path)) {}

bool data_directory::exists(file_system& files, const std::string& path) {
  return files.exists(format_path(path));
}

result<std::string> data_directory::read_id(file_system& files,
                                            const std::string& path) {
  auto text = read_file(files, format_path(path));
  if (text.has_error()) {
    if (text.error().code == errc::not_found
        && files.exists(path + "/store/CURRENT"))
      return error{errc::corrupted,
                   path
                     + "/FORMAT is missing, where the rest of a store is; "
                       "restore it from a backup (if `cloister init` was "
                       "interrupted here, remove the directory)"};
    auto listed = files.list(path);
    if (listed.has_error() && listed.error().code != errc::not_found)
      return listed.error();
    if (listed.has_error() && files.exists(path))
      return error{errc::not_found, path + " is no directory; name another"};
    if (text.error().code == errc::not_found)
      return error{errc::not_found, "there is no store in " + path
                                      + "; make one with `cloister init "
                                        "--data "
                                      + path + "`"};
    return text.error();
  }
  if (!text->starts_with(format_head)) {
    if (text->starts_with(format_any))
      return error{errc::corrupted, "the store in " + path
                                      + " was written by another version of "
                                        "Cloister; use that version"};
    return error{errc::corrupted,
                 path + "/FORMAT is not Cloister's; " + format_advice};
  }
  auto id = text->substr(format_head.size(), id_digits);
  if (id.size() != id_digits || !from_hex(id))
    return error{errc::corrupted,
                 path + "/FORMAT is damaged; " + format_advice};
  return id;
}

result<data_directory>
data_directory::create(std::shared_ptr<file_system> files,
                       const std::string& path) {
  if (exists(*files, path))
    return error{errc::conflict, "there is a store in " + path
                                   + " already; use it, or name another "
                                     "directory"};
  if (auto done = make_with_parents(*files, path); done.has_error())
    return done.error();
  auto names = files->list(path);
  if (names.has_error())
    return error{names.error().code, path
                                       + " is no directory that can be "
                                         "used; name another"};
  for (const auto& name : *names)
    if (name != "lock" && name != "keys" && name != "store"
        && name != "FORMAT.new" && name != "passphrase"
        && name != "passphrase.new")
      return error{errc::conflict, path
                                     + " is not empty; choose an empty or "
                                       "new directory"};
  data_directory made{std::move(files), path};
  if (auto done = made.acquire(); done.has_error())
    return done.error();
  made.id_ = to_hex(view_of(crypto::random_array<id_digits / 2>()));
  return made;
}

result<data_directory>
data_directory::create_again(std::shared_ptr<file_system> files,
                             const std::string& path, std::string id) {
  auto made = create(std::move(files), path);
  if (made)
    made->id_ = std::move(id);
  return made;
}

result<data_directory> data_directory::take(std::shared_ptr<file_system> files,
                                            const std::string& path) {
  auto id = read_id(*files, path);
  if (id.has_error())
    return id.error();
  data_directory taken{std::move(files), path};
  if (auto done = taken.acquire(); done.has_error())
    return done.error();
  taken.id_ = std::move(*id);
  return taken;
}

bool data_directory::is_of_this_process(file_system& files,
                                        const std::string& path) {
  auto holder = read_file(files, path + "/lock");
  return holder
         && holder->starts_with("process " + std::to_string(::getpid()) + '\n');
}

result<void> data_directory::acquire() {
  auto lock_path = path_ + "/lock";
  auto lock = files_->lock(lock_path);
  if (lock.has_error()) {
    if (lock.error().code != errc::conflict)
      return lock.error();
    auto holder = read_file(*files_, lock_path);
    auto who = holder && !holder->empty() ? ": " + *holder : std::string{};
    while (!who.empty() && who.back() == '\n')
      who.pop_back();
    if (is_of_this_process(*files_, path_))
      return error{errc::unavailable,
                   "this process has " + path_
                     + " open already; use what has it open, or end that",
                   limits::overload_retry_hint};
    return error{errc::unavailable,
                 "another process holds " + path_ + who
                   + "; stop it, or use it instead",
                 limits::overload_retry_hint};
  }
  lock_ = std::move(*lock);
  auto file = files_->open_random(lock_path, open_mode::read_write);
  if (file.has_error())
    return file.error();
  auto note = "process " + std::to_string(::getpid()) + '\n';
  // A shorter number than the one before must not leave digits behind.
  note.resize(32, '\n');
  return (*file)->write(0, note);
}

result<void> data_directory::finish_creation() {
  return replace_file(*files_, format_path(path_),
                      std::string{format_head} + id_ + '\n');
}

void data_directory::keep_reserve() {
  auto space = files_->free_space(path_);
  if (!space || *space < limits::free_space_bytes_min + limits::reserve_bytes)
    return;
  auto size = files_->file_size(reserve_path());
  if (!size || *size < limits::reserve_bytes)
    static_cast<void>(
      files_->preallocate(reserve_path(), limits::reserve_bytes));
}

void data_directory::release_reserve() {
  if (files_->exists(reserve_path()))
    static_cast<void>(files_->remove(reserve_path()));
}

} // namespace cloister::persistence
