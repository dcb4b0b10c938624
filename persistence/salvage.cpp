// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "persistence/salvage.hpp"

#include "persistence/data_directory.hpp"
#include "persistence/leveldb_rebuild.hpp"
#include "persistence/log_format.hpp"
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
result<void> read_whole(const store_options& options) {
  auto records = store::open(options);
  if (records.has_error())
    return records.error();
  return (*records)->scan({}, {}, [](bytes_view, bytes_view) { return true; });
}

/// The part of an error that is LevelDB's own.
std::string what_leveldb_says(const std::string& detail) {
  constexpr std::string_view start = "Corruption: ";
  auto from = detail.find(start);
  if (from == std::string::npos)
    return detail;
  from += start.size();
  return detail.substr(from, detail.find(')', from) - from);
}

std::string places(const std::vector<std::uint64_t>& offsets) {
  std::string out;
  for (auto at : offsets)
    out += (out.empty() ? "" : ", ") + std::to_string(at);
  return out;
}

/// Puts single wrong bytes right in logs and manifest.
result<void> mend_logs(file_system& files, const std::string& directory,
                       const std::vector<std::string>& names,
                       salvage_report& report) {
  for (const auto& name : names) {
    if (!name.ends_with(".log") && !name.starts_with("MANIFEST-"))
      continue;
    auto log = read_file(files, directory + '/' + name);
    if (log.has_error())
      return log.error();
    auto found = mend_log(*log);
    if (!found.mended.empty()) {
      if (auto done
          = replace_file(files, directory + '/' + name, found.content);
          done.has_error())
        return done;
      report.mended.push_back("store/" + name
                              + ": a wrong byte was put right at byte "
                              + places(found.mended));
    }
    if (!found.unreadable.empty())
      report.lost.push_back(
        "store/" + name + " cannot be read at byte " + places(found.unreadable)
        + ": what was written there last is gone, and a scope that wrote "
          "nothing since is in an older state");
  }
  return {};
}

/// LevelDB keeps one manifest, so what CURRENT should say is known.
result<void> mend_current(file_system& files, const std::string& directory,
                          const std::vector<std::string>& names,
                          salvage_report& report) {
  std::vector<std::string> manifests;
  for (const auto& name : names)
    if (name.starts_with("MANIFEST-"))
      manifests.push_back(name);
  if (manifests.size() != 1)
    return {};
  auto wanted = manifests.front() + '\n';
  auto path = directory + "/CURRENT";
  if (auto said = read_file(files, path); said && *said == wanted)
    return {};
  if (auto done = replace_file(files, path, wanted); done.has_error())
    return done;
  report.mended.emplace_back("store/CURRENT names the manifest again");
  return {};
}

} // namespace

result<std::string> copy_aside(const std::shared_ptr<file_system>& files,
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

result<salvage_report>
salvage_database(const std::shared_ptr<file_system>& files,
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
  salvage_report report;
  auto names = files->list(held->store_path());
  if (names.has_error())
    return error{errc::corrupted, held->store_path()
                                    + " is missing or cannot be read; restore "
                                      "a backup"};
  for (auto mend : {mend_logs, mend_current})
    if (auto done = mend(*files, held->store_path(), *names, report);
        done.has_error())
      return done.error();
  auto rebuilt = rebuild_tables(files, held->store_path(), **damage);
  if (rebuilt.has_error())
    return rebuilt.error();
  for (const auto& name : rebuilt->rebuilt)
    report.mended.push_back("store/" + name + " was rebuilt from its blocks");
  // A table that was rebuilt is not as the manifest says.
  auto is_as_it_was = rebuilt->rebuilt.empty();
  auto whole = is_as_it_was ? read_whole(options) : result<void>{};
  if (is_as_it_was && whole)
    return report;
  for (const auto& name : rebuilt->lost)
    report.lost.push_back(
      "nothing of store/" + name
      + " can be read: what it held is gone, and a scope that had its newest "
        "records there is in an older state");
  if (whole.has_error()
      && whole.error().detail.find("missing files") != std::string::npos)
    report.lost.push_back(
      "tables are missing (" + what_leveldb_says(whole.error().detail)
      + "): what they held is gone, and scopes that had their newest records "
        "there are in an older state");
  if (auto done = store::repair(options); done.has_error())
    return done.error();
  report.rebuilt = true;
  return report;
}

} // namespace cloister::persistence
