// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "persistence/log_format.hpp"

#include <algorithm>
#include <optional>

#include "persistence/crc32c.hpp"

namespace cloister::persistence {

namespace {

constexpr std::size_t length_at = 4;
constexpr std::size_t type_at = 6;
constexpr std::uint8_t last_type = 4;

std::uint32_t octet(bytes_view data, std::size_t at) {
  return static_cast<std::uint8_t>(data[at]);
}

std::uint32_t stored_crc(bytes_view record) {
  std::uint32_t masked = 0;
  for (std::size_t i = 0; i < length_at; ++i)
    masked |= octet(record, i) << (8 * i);
  return unmask_crc(masked);
}

std::size_t stored_length(bytes_view record) {
  return octet(record, length_at) | octet(record, length_at + 1) << 8;
}

/// Fewer bytes than a header has are filled up with zeros.
bool is_filling(bytes_view rest) {
  return rest.size() < log_header_bytes
         || rest.find_first_not_of('\0') == bytes_view::npos;
}

bool is_intact(bytes_view rest) {
  if (rest.size() < log_header_bytes || octet(rest, type_at) == 0
      || octet(rest, type_at) > last_type)
    return false;
  auto length = stored_length(rest);
  return log_header_bytes + length <= rest.size()
         && crc32c(rest.substr(type_at, 1 + length)) == stored_crc(rest);
}

/// How much data a record has by its checksum alone, whatever its length says.
/// The record that follows must agree.
std::optional<std::size_t> length_by_checksum(bytes_view rest) {
  auto state
    = extend_crc(~std::uint32_t{0}, static_cast<std::uint8_t>(rest[type_at]));
  auto wanted = stored_crc(rest);
  for (auto end = log_header_bytes;; ++end) {
    auto behind = rest.substr(end);
    if (~state == wanted && (is_filling(behind) || is_intact(behind)))
      return end - log_header_bytes;
    if (end == rest.size())
      return std::nullopt;
    state = extend_crc(state, static_cast<std::uint8_t>(rest[end]));
  }
}

void write_length(bytes& log, std::size_t record, std::size_t length) {
  log[record + length_at] = static_cast<char>(length);
  log[record + length_at + 1] = static_cast<char>(length >> 8);
}

/// Puts one wrong byte of type, data or checksum right.
bool correct_record(bytes& log, std::size_t record, std::size_t length) {
  auto checked = bytes_view{log}.substr(record + type_at, 1 + length);
  auto actual = crc32c(checked);
  auto stored = stored_crc(bytes_view{log}.substr(record));
  if (auto change = find_changed_byte(checked.size(), actual ^ stored)) {
    auto& wrong = log[record + type_at + change->at];
    wrong = static_cast<char>(wrong ^ change->flips);
    return true;
  }
  auto masked = mask_crc(actual);
  int differ = 0;
  for (std::size_t i = 0; i < length_at; ++i)
    differ += octet(log, record + i) != ((masked >> (8 * i)) & 0xff);
  if (differ != 1)
    return false;
  for (std::size_t i = 0; i < length_at; ++i)
    log[record + i] = static_cast<char>(masked >> (8 * i));
  return true;
}

} // namespace

bool is_tail_damaged(bytes_view block) {
  while (block.size() >= log_header_bytes) {
    if (is_filling(block))
      return false;
    auto end = log_header_bytes + stored_length(block);
    if (end > block.size())
      return length_by_checksum(block).has_value();
    block.remove_prefix(end);
  }
  return false;
}

mended_log mend_log(bytes_view log) {
  mended_log out{bytes{log}, {}, {}};
  for (std::size_t start = 0; start < log.size(); start += log_block_bytes) {
    auto end = std::min(start + log_block_bytes, log.size());
    // LevelDB takes the end of a shorter block alone for one being written.
    auto is_last = end == log.size() && end % log_block_bytes != 0;
    for (auto at = start; at < end;) {
      auto rest = bytes_view{out.content}.substr(at, end - at);
      if (rest.size() < log_header_bytes || (is_last && is_filling(rest)))
        break;
      if (!is_intact(rest)) {
        auto length = stored_length(rest);
        auto fits = log_header_bytes + length <= rest.size();
        if (auto real = length_by_checksum(rest)) {
          write_length(out.content, at, *real);
        } else if (!fits && is_last) {
          break; // It was being written.
        } else if (!fits || !correct_record(out.content, at, length)) {
          out.unreadable.push_back(at);
          break; // LevelDB passes over the rest of the block, too.
        }
        out.mended.push_back(at);
      }
      at
        += log_header_bytes + stored_length(bytes_view{out.content}.substr(at));
    }
  }
  return out;
}

} // namespace cloister::persistence
