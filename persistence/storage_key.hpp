// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "core/assert.hpp"
#include "core/bytes.hpp"
#include "core/encoding.hpp"

namespace cloister::persistence {

// Key layout. A key starts with its scope's tag, so one prefix is one tenant's
// data and nothing else. `rest` is a number or a keyed hash, never a time, an
// id or a name.
//
//   key  := partition:be16 tag:16 kind:1 rest
//   kind := 'a' audit entry    rest = index:be64
//         | 'b' audit stub     rest = (nothing)
//         | 'c' child          rest = child's tag:16
//         | 'd' disabled       rest = organization's tag:16            (node)
//         | 'e' erasure        rest = erased scope's tag:16
//                                (a tag below it:16)                  (node)
//         | 'f' former         rest = organization's tag:16            (node)
//         | 'h' head           rest = (nothing)
//         | 'i' idempotency    rest = keyed hash:16
//         | 'k' API key        rest = keyed hash of the key's id:16
//         | 'l' locator        rest = descendant's tag:16      (organizations)
//         | 'm' memory         rest = sequence:be64
//         | 'n' refused name   rest = parent's tag:16 keyed hash:16    (node)
//         | 'o' settings       rest = (nothing)
//         | 'p' pseudonym      rest = descendant's pseudonym:16 (organizations)
//         | 'q' index checkpoint rest = part:be64
//         | 'r' old revision   rest = sequence:be64 revision:be32
//         | 's' secrets        rest = (nothing)          (organizations, node)
//         | 't' tombstone      rest = keyed hash of the child's name:16
//         | 'v' session        rest = place:be64                       (node)
//         | 'w' watermark      rest = (nothing)                         (node)
//         | 'x' expiry         rest = keyed hashes of the hour:8 and of the
//                                memory:8                            (node)
//         | 'y' copies         rest = source's tag:16 target's tag:16
//                                                          (organizations)
//         | 'z' removed copies rest = source's tag:16 half of target's tag:8
//                                sequence:be64             (organizations)
//
// Values are part of the format: never renumber, only append.

enum class record_kind : char {
  audit_entry = 'a',
  audit_stub = 'b',
  child = 'c',
  disabled = 'd',
  erasure = 'e',
  former = 'f',
  head = 'h',
  idempotency = 'i',
  api_key = 'k',
  locator = 'l',
  memory = 'm',
  refused_name = 'n',
  settings = 'o',
  pseudonym = 'p',
  checkpoint = 'q',
  revision = 'r',
  secrets = 's',
  tombstone = 't',
  session = 'v',
  watermark = 'w',
  expiry = 'x',
  copies = 'y',
  removed_copies = 'z',
};

/// A keyed hash of a scope and its incarnation.
using scope_tag = std::array<std::uint8_t, 16>;

/// A random name of one incarnation of a scope, for audit entries.
using scope_pseudonym = std::array<std::uint8_t, 16>;

/// The unit that a cluster moves: a hash of the organization, below
/// `partition_count`. The node's own records have `node_partition`.
using partition_id = std::uint16_t;
constexpr partition_id partition_count = 1024;
constexpr partition_id node_partition = 0xffff;

constexpr std::size_t key_prefix_bytes = 2 + 16;

/// The longest rest of a key.
constexpr std::size_t key_rest_bytes_max = 32;

/// A full key of the store. Only a `key_space` makes one. Held in place: each
/// change makes several.
class storage_key {
public:
  bytes_view view() const {
    return {data_.data(), size_};
  }

private:
  friend class key_space;
  storage_key() = default;

  void append(bytes_view part) {
    CLOISTER_ASSERT(size_ + part.size() <= data_.size());
    std::copy(part.begin(), part.end(), data_.begin() + size_);
    size_ = static_cast<std::uint8_t>(size_ + part.size());
  }

  template <class Number>
  void append_number(Number number) {
    std::array<char, sizeof(Number)> octets;
    for (std::size_t i = 0; i < octets.size(); ++i)
      octets[octets.size() - 1 - i] = static_cast<char>(number >> (8 * i));
    append({octets.data(), octets.size()});
  }

  std::array<char, key_prefix_bytes + 1 + key_rest_bytes_max> data_;
  std::uint8_t size_ = 0;
};

/// The keys of one scope and of no other: whoever holds it cannot form a key
/// outside. The catalog hands them out.
class key_space {
public:
  key_space(partition_id partition, const scope_tag& tag) {
    prefix_.append_number(partition);
    prefix_.append(view_of(tag));
  }

  storage_key key(record_kind kind) const {
    auto key = prefix_;
    auto letter = static_cast<char>(kind);
    key.append({&letter, 1});
    return key;
  }

  storage_key key(record_kind kind, std::uint64_t number) const {
    auto out = key(kind);
    out.append_number(number);
    return out;
  }

  /// `rest` has at most `key_rest_bytes_max` bytes.
  storage_key key(record_kind kind, bytes_view rest) const {
    auto out = key(kind);
    out.append(rest);
    return out;
  }

  storage_key revision_key(std::uint64_t sequence,
                           std::uint32_t revision) const {
    auto out = key(record_kind::revision, sequence);
    out.append_number(revision);
    return out;
  }

  /// The prefix of all keys of one kind.
  bytes range(record_kind kind) const {
    return bytes{key(kind).view()};
  }

  /// The prefix of everything this scope has.
  bytes_view everything() const {
    return prefix_.view();
  }

private:
  storage_key prefix_;
};

/// The part of a stored key behind partition, tag and kind.
inline bytes_view rest_of(bytes_view key) {
  return key.size() > key_prefix_bytes ? key.substr(key_prefix_bytes + 1)
                                       : bytes_view{};
}

} // namespace cloister::persistence
