// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "persistence/leveldb_rebuild.hpp"

#include <leveldb/comparator.h>
#include <leveldb/env.h>
#include <leveldb/options.h>
#include <leveldb/table_builder.h>

#include "persistence/leveldb_env.hpp"
#include "persistence/table_format.hpp"

namespace cloister::persistence {

namespace {

/// LevelDB closes a block once it has 4 KiB, so it is longer only by one value.
constexpr std::size_t block_bytes_max = 1024 * 1024;
/// How far behind a block without end the next one is looked for, and how long
/// that may be.
constexpr std::size_t search_bytes = 32 * 1024;
constexpr std::size_t searched_block_bytes = 8 * 1024;

std::uint64_t sequence_of(const leveldb::Slice& key) {
  std::uint64_t out = 0;
  for (std::size_t i = 0; i < 8; ++i)
    out |= static_cast<std::uint64_t>(
             static_cast<std::uint8_t>(key[key.size() - 8 + i]))
           << (8 * i);
  return out;
}

/// The order of keys inside tables: user keys ascending, then the newest first.
class table_order final : public leveldb::Comparator {
public:
  int Compare(const leveldb::Slice& a, const leveldb::Slice& b) const override {
    auto users = leveldb::Slice{a.data(), a.size() - 8}.compare(
      leveldb::Slice{b.data(), b.size() - 8});
    if (users != 0)
      return users;
    auto newer_a = sequence_of(a);
    auto newer_b = sequence_of(b);
    return newer_a > newer_b ? -1 : newer_a < newer_b ? 1 : 0;
  }
  const char* Name() const override {
    return "leveldb.InternalKeyComparator";
  }
  void FindShortestSeparator(std::string*,
                             const leveldb::Slice&) const override {}
  void FindShortSuccessor(std::string*) const override {}
};

bool is_readable(bytes_view table) {
  if (table.size() < table_footer_bytes)
    return false;
  auto where = decode_footer(table.substr(table.size() - table_footer_bytes));
  if (!where || where->offset > table.size()
      || where->size > table.size() - where->offset
      || where->size + block_trailer_bytes > table.size() - where->offset)
    return false;
  auto index = table.substr(where->offset, where->size + block_trailer_bytes);
  return checksum_is_right(index)
         && decode_index(index.substr(0, where->size)).has_value();
}

/// The next place at which a block of entries begins, told by its checksum.
std::optional<std::size_t> next_block(bytes_view table, std::size_t from) {
  auto end = std::min(table.size(), from + search_bytes);
  for (auto at = from; at < end; ++at)
    if (auto size = find_block_size(table.substr(at), searched_block_bytes);
        size && decode_block(table.substr(at, *size - block_trailer_bytes)))
      return at;
  return std::nullopt;
}

/// What was found of a table without its index: all entries in order, and the
/// gaps between them.
struct found_table {
  std::vector<std::pair<bytes, bytes>> entries;
  std::vector<damaged_block> gaps;
};

bytes_view user_key(bytes_view key) {
  return key.substr(0, key.size() - 8);
}

found_table find_entries(bytes_view table, const std::string& name) {
  table_order order;
  found_table found;
  auto& out = found.entries;
  bool in_gap = false;
  for (std::size_t at = 0; at < table.size();) {
    auto size = find_block_size(table.substr(at), block_bytes_max);
    auto entries
      = size ? decode_block(table.substr(at, *size - block_trailer_bytes))
             : std::nullopt;
    if (!size) {
      auto last = out.empty() ? bytes{} : bytes{user_key(out.back().first)};
      // To the end of all keys, unless something is found behind it.
      found.gaps.push_back(
        {name, at, {}, std::move(last), bytes(64, '\xff'), {}});
      in_gap = true;
      auto next = next_block(table, at + 1);
      if (!next)
        break;
      at = *next;
      continue;
    }
    // The filter and the index lie behind all data.
    if (!entries || entries->empty()
        || (!out.empty()
            && order.Compare(entries->front().key, out.back().first) <= 0))
      break;
    if (std::exchange(in_gap, false))
      found.gaps.back().up_to = bytes{entries->front().user_key()};
    for (auto& entry : *entries)
      out.emplace_back(std::move(entry.key), bytes{entry.value});
    at += *size;
  }
  // Only the index behind the last block was passed over.
  if (in_gap && found.gaps.back().offset + table_footer_bytes >= table.size())
    found.gaps.pop_back();
  return found;
}

result<void> write_table(const std::shared_ptr<file_system>& files,
                         const std::string& path,
                         const std::vector<std::pair<bytes, bytes>>& entries) {
  auto env = make_leveldb_env(files);
  table_order order;
  leveldb::Options options;
  options.comparator = &order;
  options.compression = leveldb::kNoCompression;
  auto temporary = path + ".rebuilt";
  leveldb::WritableFile* opened = nullptr;
  auto status = env->NewWritableFile(temporary, &opened);
  if (status.ok()) {
    std::unique_ptr<leveldb::WritableFile> file{opened};
    leveldb::TableBuilder builder{options, file.get()};
    for (const auto& [key, value] : entries)
      builder.Add(key, value);
    status = builder.Finish();
    if (status.ok())
      status = file->Sync();
    if (status.ok())
      status = file->Close();
  }
  if (!status.ok())
    return error{errc::unavailable,
                 "rebuilding " + path + " failed: " + status.ToString()};
  if (auto done = files->rename(temporary, path); done.has_error())
    return done;
  return files->sync_directory(directory_of(path));
}

} // namespace

result<rebuilt_tables> rebuild_tables(const std::shared_ptr<file_system>& files,
                                      const std::string& directory,
                                      damage_list& damage) {
  rebuilt_tables out;
  auto names = files->list(directory);
  if (names.has_error())
    return names.error();
  for (const auto& name : *names) {
    if (!name.ends_with(".ldb") && !name.ends_with(".sst"))
      continue;
    auto path = directory + '/' + name;
    auto table = read_file(*files, path);
    if (table.has_error())
      return table.error();
    if (is_readable(*table))
      continue;
    auto found = find_entries(*table, name);
    if (found.entries.empty()) {
      out.lost.push_back(name);
      continue;
    }
    for (auto& gap : found.gaps)
      if (auto done = damage.add(std::move(gap)); done.has_error())
        return done.error();
    if (auto done = write_table(files, path, found.entries); done.has_error())
      return done.error();
    out.rebuilt.push_back(name);
  }
  return out;
}

} // namespace cloister::persistence
