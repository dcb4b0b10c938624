// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "persistence/erasure.hpp"

#include "core/encoding.hpp"

namespace cloister::persistence {

namespace {

constexpr std::uint8_t erasure_version = 1;
constexpr std::uint8_t erased_scope_version = 1;
constexpr std::uint8_t flag_listed = 1;
constexpr std::uint8_t flag_with_copies = 2;
constexpr std::uint8_t flag_copies_first = 4;
constexpr std::uint8_t all_flags
  = flag_listed | flag_with_copies | flag_copies_first;

error malformed() {
  return {errc::corrupted, "the record of an erasure is malformed"};
}

} // namespace

bytes encode_erasure(const erasure& value) {
  bytes out;
  byte_writer writer{out};
  writer.u8(erasure_version);
  writer.u8(static_cast<std::uint8_t>(
    (value.listed ? flag_listed : 0)
    | (value.with_copies ? flag_with_copies : 0)
    | (value.copies_below > 0 ? flag_copies_first : 0)));
  writer.u16(value.partition);
  writer.raw(value.organization);
  writer.u32(value.incarnation);
  writer.i64(value.at.milliseconds);
  writer.raw(value.name);
  writer.raw(value.scope.pseudonym);
  writer.u64(value.scope.slot);
  writer.u64(value.scopes);
  writer.u64(value.memories);
  writer.u64(value.unreadable);
  writer.u64(value.below);
  writer.string(value.asked);
  if (value.copies_below > 0)
    writer.u8(value.copies_below);
  for (const auto& tag : value.parent)
    writer.raw(tag);
  return out;
}

result<erasure> decode_erasure(bytes_view data) {
  byte_reader reader{data};
  erasure value;
  auto version = reader.u8();
  auto flags = reader.u8();
  if (version != erasure_version || flags > all_flags)
    return malformed();
  value.listed = (flags & flag_listed) != 0;
  value.with_copies = (flags & flag_with_copies) != 0;
  value.partition = reader.u16();
  value.organization = reader.array<16>();
  value.incarnation = reader.u32();
  value.at = timestamp{reader.i64()};
  value.name = reader.array<16>();
  value.scope.pseudonym = reader.array<16>();
  value.scope.slot = reader.u64();
  value.scopes = reader.u64();
  value.memories = reader.u64();
  value.unreadable = reader.u64();
  value.below = reader.u64();
  value.asked = reader.string();
  auto copies_first = (flags & flag_copies_first) != 0;
  if (copies_first)
    value.copies_below = reader.u8();
  if (!reader.ok() || reader.rest().size() % sizeof(scope_tag) != 0
      || copies_first != (value.copies_below > 0))
    return malformed();
  while (!reader.rest().empty())
    value.parent.push_back(reader.array<16>());
  return value;
}

bytes encode_erased_scope(const erased_scope& value) {
  bytes out;
  byte_writer writer{out};
  writer.u8(erased_scope_version);
  writer.raw(value.pseudonym);
  writer.u64(value.slot);
  return out;
}

result<erased_scope> decode_erased_scope(bytes_view data) {
  byte_reader reader{data};
  erased_scope value;
  auto version = reader.u8();
  value.pseudonym = reader.array<16>();
  value.slot = reader.u64();
  if (version != erased_scope_version || !reader.complete())
    return malformed();
  return value;
}

result<std::size_t> reclaim_some(const store& records, partition_id partition,
                                 const scope_tag& tag, std::size_t limit,
                                 write_batch& batch) {
  key_space space{partition, tag};
  std::size_t found = 0;
  for (auto kind :
       {record_kind::child, record_kind::head, record_kind::idempotency,
        record_kind::api_key, record_kind::locator, record_kind::memory,
        record_kind::settings, record_kind::pseudonym, record_kind::checkpoint,
        record_kind::revision, record_kind::secrets, record_kind::tombstone,
        record_kind::copies, record_kind::removed_copies}) {
    auto done
      = records.scan(space.range(kind), {}, [&](bytes_view key, bytes_view) {
          if (found == limit)
            return false;
          batch.erase(space.key(kind, rest_of(key)));
          ++found;
          return true;
        });
    if (done.has_error())
      return done.error();
  }
  return found;
}

} // namespace cloister::persistence
