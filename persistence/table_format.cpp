// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "persistence/table_format.hpp"

#include <algorithm>

#include "persistence/crc32c.hpp"

namespace cloister::persistence {

namespace {

constexpr std::uint64_t table_magic = 0xdb4775248b80fb57;
constexpr std::size_t sequence_and_type_bytes = 8;

/// LevelDB's integers: little endian, and base-128 varints.
class table_reader {
public:
  explicit table_reader(bytes_view in) : rest_(in) {}

  std::uint64_t varint() {
    std::uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      auto part = raw(1);
      if (!ok_)
        return 0;
      auto byte = static_cast<std::uint8_t>(part.front());
      value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
      if ((byte & 0x80) == 0)
        return value;
    }
    ok_ = false;
    return 0;
  }

  std::uint64_t little_endian(std::size_t width) {
    std::uint64_t value = 0;
    int shift = 0;
    for (auto c : raw(width)) {
      value |= static_cast<std::uint64_t>(static_cast<std::uint8_t>(c))
               << shift;
      shift += 8;
    }
    return value;
  }

  bytes_view raw(std::uint64_t size) {
    if (rest_.size() < size) {
      ok_ = false;
      return {};
    }
    auto part = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return part;
  }

  bool ok() const {
    return ok_;
  }
  bool at_end() const {
    return rest_.empty();
  }

private:
  bytes_view rest_;
  bool ok_ = true;
};

block_handle read_handle(table_reader& in) {
  block_handle out;
  out.offset = in.varint();
  out.size = in.varint();
  return out;
}

std::uint32_t stored_crc(bytes_view block) {
  table_reader in{block.substr(block.size() - 4)};
  return unmask_crc(static_cast<std::uint32_t>(in.little_endian(4)));
}

/// The checksum covers the contents and the compression byte.
bytes_view checked_part(bytes_view block) {
  return block.substr(0, block.size() - 4);
}

void write_crc(bytes& block) {
  auto masked = mask_crc(crc32c(checked_part(block)));
  for (std::size_t i = 0; i < 4; ++i)
    block[block.size() - 4 + i] = static_cast<char>(masked >> (8 * i));
}

} // namespace

namespace {

struct footer_handles {
  block_handle metaindex;
  block_handle index;
};

std::optional<footer_handles> decode_handles(bytes_view footer) {
  if (footer.size() != table_footer_bytes)
    return std::nullopt;
  table_reader magic{footer.substr(table_footer_bytes - 8)};
  if (magic.little_endian(8) != table_magic)
    return std::nullopt;
  table_reader in{footer};
  footer_handles out;
  out.metaindex = read_handle(in);
  out.index = read_handle(in);
  if (!in.ok())
    return std::nullopt;
  return out;
}

} // namespace

std::optional<block_handle> decode_footer(bytes_view footer) {
  auto found = decode_handles(footer);
  return found ? std::optional{found->index} : std::nullopt;
}

std::optional<block_handle> decode_metaindex_handle(bytes_view footer) {
  auto found = decode_handles(footer);
  return found ? std::optional{found->metaindex} : std::nullopt;
}

std::optional<block_handle> find_filter_block(bytes_view contents) {
  auto entries = decode_block(contents);
  if (!entries)
    return std::nullopt;
  for (const auto& entry : *entries) {
    if (!entry.key.starts_with("filter."))
      continue;
    table_reader in{entry.value};
    auto where = read_handle(in);
    return in.ok() ? std::optional{where} : std::nullopt;
  }
  return std::nullopt;
}

std::optional<bytes_view> filter_of_block(bytes_view contents,
                                          std::uint64_t block_offset) {
  constexpr std::size_t tail_bytes = 5;
  constexpr std::uint8_t lg_max = 40;
  if (contents.size() < tail_bytes)
    return std::nullopt;
  auto lg = static_cast<std::uint8_t>(contents.back());
  table_reader tail{contents.substr(contents.size() - tail_bytes)};
  auto offsets = tail.little_endian(4);
  auto end = contents.size() - tail_bytes;
  if (lg > lg_max || offsets > end)
    return std::nullopt;
  auto index = block_offset >> lg;
  if (index >= (end - offsets) / 4)
    return std::nullopt;
  // The offset behind the last filter is that of the offsets themselves.
  table_reader bounds{contents.substr(offsets + index * 4, 8)};
  auto from = bounds.little_endian(4);
  auto to = bounds.little_endian(4);
  if (!bounds.ok() || from > to || to > offsets)
    return std::nullopt;
  return contents.substr(from, to - from);
}

std::optional<std::vector<block_entry>> decode_block(bytes_view contents) {
  if (contents.size() < 4)
    return std::nullopt;
  table_reader tail{contents.substr(contents.size() - 4)};
  auto restarts = tail.little_endian(4);
  if (restarts > (contents.size() - 4) / 4)
    return std::nullopt;
  std::vector<block_entry> out;
  if (restarts == 0) // As LevelDB takes it.
    return out;
  bytes key;
  table_reader in{contents.substr(0, contents.size() - 4 * (restarts + 1))};
  while (!in.at_end()) {
    auto shared = in.varint();
    auto unshared = in.varint();
    auto value_size = in.varint();
    if (!in.ok() || shared > key.size())
      return std::nullopt;
    key.resize(shared);
    key.append(in.raw(unshared));
    auto value = in.raw(value_size);
    if (!in.ok() || key.size() < sequence_and_type_bytes)
      return std::nullopt;
    block_entry entry{key, value};
    // Versions of one key stand side by side.
    if (!out.empty() && entry.user_key() < out.back().user_key())
      return std::nullopt;
    out.push_back(std::move(entry));
  }
  return out;
}

std::optional<std::vector<data_block>> decode_index(bytes_view contents) {
  auto entries = decode_block(contents);
  if (!entries)
    return std::nullopt;
  std::vector<data_block> out;
  for (auto& entry : *entries) {
    table_reader in{entry.value};
    auto where = read_handle(in);
    if (!in.ok())
      return std::nullopt;
    out.push_back({where, bytes{entry.user_key()}});
  }
  return out;
}

bool checksum_is_right(bytes_view block) {
  return block.size() >= block_trailer_bytes
         && crc32c(checked_part(block)) == stored_crc(block);
}

bytes make_empty_block(std::size_t size_with_trailer) {
  // Zeros are no entries and no restarts, which LevelDB takes as empty.
  bytes out(size_with_trailer, '\0');
  write_crc(out);
  return out;
}

std::optional<bytes> correct_single_byte(bytes_view block) {
  bytes out{block};
  auto checked = checked_part(block);
  auto actual = crc32c(checked);
  if (auto change
      = find_changed_byte(checked.size(), actual ^ stored_crc(block))) {
    out[change->at] = static_cast<char>(out[change->at] ^ change->flips);
    return out;
  }
  // It may be the stored checksum itself.
  write_crc(out);
  int differ = 0;
  for (std::size_t i = block.size() - 4; i < block.size(); ++i)
    differ += out[i] != block[i];
  if (differ != 1)
    return std::nullopt;
  return out;
}

std::optional<std::size_t> find_block_size(bytes_view data,
                                           std::size_t size_max) {
  auto state = ~std::uint32_t{0};
  auto end = std::min(data.size(), size_max);
  for (std::size_t at = 0; at + 4 < end; ++at) {
    state = extend_crc(state, static_cast<std::uint8_t>(data[at]));
    if (at + 1 < block_trailer_bytes)
      continue;
    auto size = at + block_trailer_bytes;
    if (stored_crc(data.substr(0, size)) == ~state)
      return size;
  }
  return std::nullopt;
}

} // namespace cloister::persistence
