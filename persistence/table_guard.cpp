// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "persistence/table_guard.hpp"

#include <algorithm>

#include "persistence/table_format.hpp"

namespace cloister::persistence {

namespace {

/// An index is a hundredth of its table; this is far beyond any.
constexpr std::uint64_t index_bytes_max = 64 * 1024 * 1024;

result<bytes> read_exactly(const random_file& file, std::uint64_t offset,
                           std::size_t size) {
  bytes buffer(size, '\0');
  auto got = file.read(offset, size, buffer.data());
  if (got.has_error())
    return got.error();
  if (got->size() != size)
    return error{errc::corrupted, "the table is too short"};
  if (got->data() != buffer.data())
    buffer.assign(*got);
  return buffer;
}

std::optional<std::vector<data_block>> read_index(const random_file& file) {
  auto size = file.size();
  if (!size || *size < table_footer_bytes)
    return std::nullopt;
  auto footer
    = read_exactly(file, *size - table_footer_bytes, table_footer_bytes);
  auto where = footer ? decode_footer(*footer) : std::nullopt;
  if (!where || where->size > index_bytes_max)
    return std::nullopt;
  auto block
    = read_exactly(file, where->offset, where->size + block_trailer_bytes);
  if (!block || !checksum_is_right(*block))
    return std::nullopt;
  return decode_index(bytes_view{*block}.substr(0, where->size));
}

/// The filter that covers a data block; empty where it cannot be read.
bytes read_filter(const random_file& file, std::uint64_t block_offset) {
  auto size = file.size();
  if (!size || *size < table_footer_bytes)
    return {};
  auto footer
    = read_exactly(file, *size - table_footer_bytes, table_footer_bytes);
  auto where = footer ? decode_metaindex_handle(*footer) : std::nullopt;
  for (auto is_filter : {false, true}) {
    if (!where || where->size > index_bytes_max)
      return {};
    auto block
      = read_exactly(file, where->offset, where->size + block_trailer_bytes);
    if (!block || !checksum_is_right(*block))
      return {};
    auto contents = bytes_view{*block}.substr(0, where->size);
    if (is_filter)
      return bytes{
        filter_of_block(contents, block_offset).value_or(bytes_view{})};
    where = find_filter_block(contents);
  }
  return {};
}

/// The keys of a corrected block, or nothing if it does not make sense.
std::optional<std::vector<bytes>> keys_of(bytes_view block) {
  auto entries
    = decode_block(block.substr(0, block.size() - block_trailer_bytes));
  if (!entries)
    return std::nullopt;
  std::vector<bytes> out;
  for (auto& entry : *entries)
    if (out.empty() || out.back() != entry.user_key())
      out.emplace_back(entry.user_key());
  return out;
}

bytes_view hand_on(bytes_view block, char* scratch) {
  std::copy(block.begin(), block.end(), scratch);
  return {scratch, block.size()};
}

} // namespace

bytes_view table_guard::check(const random_file& file, const std::string& name,
                              std::uint64_t offset, bytes_view read,
                              char* scratch) {
  if (read.size() <= block_trailer_bytes || checksum_is_right(read))
    return read;
  // A footer has no checksum; LevelDB looks at its magic number itself.
  auto size = file.size();
  if (size && offset + read.size() == *size) {
    if (!decode_footer(read))
      note_damaged(name);
    return read;
  }
  auto blocks = read_index(file);
  auto known
    = !blocks
        ? decltype(blocks->begin()){}
        : std::find_if(
          blocks->begin(), blocks->end(), [&](const data_block& each) {
            return each.where.offset == offset
                   && each.where.size + block_trailer_bytes == read.size();
          });
  if (!blocks || known == blocks->end()) {
    note_damaged(name);
    return read;
  }
  damaged_block found{name, offset, {}, {}, {}, {}};
  auto mended = correct_single_byte(read);
  auto keys = mended ? keys_of(*mended) : std::nullopt;
  if (keys) {
    found.keys = std::move(*keys);
  } else {
    mended = make_empty_block(read.size());
    if (known != blocks->begin())
      found.after = std::prev(known)->last_key;
    found.up_to = known->last_key;
    found.filter = read_filter(file, offset);
  }
  if (damage_->add(std::move(found)).has_error())
    return read; // Not remembered, so LevelDB must stop here.
  return hand_on(*mended, scratch);
}

std::string table_guard::suspect() const {
  std::lock_guard guard{mutex_};
  return damaged_.empty() ? sequential_ : damaged_;
}

void table_guard::note_sequential(std::string name) {
  std::lock_guard guard{mutex_};
  sequential_ = std::move(name);
}

void table_guard::note_damaged(const std::string& name) {
  std::lock_guard guard{mutex_};
  damaged_ = name;
}

} // namespace cloister::persistence
