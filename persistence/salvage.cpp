// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "persistence/salvage.hpp"

#include "persistence/data_directory.hpp"
#include "persistence/leveldb_rebuild.hpp"
#include "persistence/store.hpp"

namespace cloister::persistence {

namespace {

constexpr std::size_t copy_bytes = 1024 * 1024;

result<void> copy_file(file_system& files, const std::string& from,
                       const std::string& to) {
  auto source = files.open_random(from, open_mode::read_only);
  if (source.has_error())
    return source.error();
  auto target = files.create(to);
  if (target.has_error())
    return target.error();
  bytes buffer(copy_bytes, '\0');
  for (std::uint64_t at = 0;;) {
    auto part = (*source)->read(at, buffer.size(), buffer.data());
    if (part.has_error())
      return part.error();
    if (part->empty())
      break;
    if (auto done = (*target)->append(*part); done.has_error())
      return done;
    at += part->size();
  }
  if (auto done = (*target)->sync(); done.has_error())
    return done;
  return (*target)->close();
}

result<void> copy_directory(file_system& files, const std::string& from,
                            const std::string& to) {
  if (auto done = files.make_directory(to); done.has_error())
    return done;
  auto names = files.list(from);
  if (names.has_error())
    return names.error();
  for (const auto& name : *names) {
    // Locks are held by us, and the reserve holds nothing.
    if (name == "lock" || name == "LOCK" || name == "reserve")
      continue;
    auto source = from + '/' + name;
    auto done = files.list(source)
                  ? copy_directory(files, source, to + '/' + name)
                  : copy_file(files, source, to + '/' + name);
    if (done.has_error())
      return done;
  }
  return files.sync_directory(to);
}

/// Whether the database opens and every block of it can be read.
bool reads_whole(const store_options& options) {
  auto records = store::open(options);
  if (records.has_error())
    return false;
  return (*records)
    ->scan({}, {}, [](bytes_view, bytes_view) { return true; })
    .has_value();
}

} // namespace

result<std::string> copy_aside(std::shared_ptr<file_system> files,
                               const std::string& path) {
  auto held = data_directory::take(files, path);
  if (held.has_error() && held.error().code != errc::corrupted)
    return held.error();
  auto clean = path;
  while (clean.size() > 1 && clean.back() == '/')
    clean.pop_back();
  for (int n = 1;; ++n) {
    auto to = clean + ".before-repair-" + std::to_string(n);
    if (files->exists(to))
      continue;
    if (auto done = copy_directory(*files, path, to); done.has_error())
      return done.error();
    return to;
  }
}

result<bool> salvage_database(std::shared_ptr<file_system> files,
                              const std::string& path) {
  auto held = data_directory::take(files, path);
  if (held.has_error())
    return held.error();
  auto damage = damage_list::open(files, held->damage_path());
  if (damage.has_error())
    return damage.error();
  store_options options{files, held->store_path()};
  options.damage = *damage;
  options.read_damaged = true;
  auto rebuilt = rebuild_tables(files, held->store_path(), **damage);
  if (rebuilt.has_error())
    return rebuilt.error();
  if (rebuilt->empty() && reads_whole(options))
    return false;
  if (auto done = store::repair(options); done.has_error())
    return done.error();
  return true;
}

} // namespace cloister::persistence
