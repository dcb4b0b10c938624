// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "persistence/erasure.hpp"

#include "core/encoding.hpp"

namespace cloister::persistence {

namespace {

constexpr std::uint8_t erasure_version = 1;
constexpr std::uint8_t unfinished_version = 1;
constexpr std::size_t scope_bytes = 16 + 16 + 8 + 8 + 32;

error malformed() {
  return {errc::corrupted, "the record of an erasure is malformed"};
}

} // namespace

bytes encode_erasure(const erasure& value) {
  bytes out;
  byte_writer writer{out};
  writer.u8(erasure_version);
  writer.u8(static_cast<std::uint8_t>(value.phase));
  writer.u32(value.incarnation);
  writer.i64(value.at.milliseconds);
  writer.raw(value.name);
  writer.u64(value.memories);
  writer.string(value.asked);
  for (const auto& each : value.scopes) {
    writer.raw(each.tag);
    writer.raw(each.pseudonym);
    writer.u64(each.slot);
    writer.u64(each.audit_length);
    writer.raw(each.audit_head);
  }
  return out;
}

result<erasure> decode_erasure(bytes_view data) {
  byte_reader reader{data};
  erasure value;
  auto version = reader.u8();
  auto phase = reader.u8();
  if (version != erasure_version || phase < 1 || phase > 3)
    return malformed();
  value.phase = static_cast<erasure_phase>(phase);
  value.incarnation = reader.u32();
  value.at = timestamp{reader.i64()};
  value.name = reader.array<16>();
  value.memories = reader.u64();
  value.asked = reader.string();
  if (!reader.ok() || reader.rest().size() % scope_bytes != 0)
    return malformed();
  while (!reader.rest().empty()) {
    erased_scope each;
    each.tag = reader.array<16>();
    each.pseudonym = reader.array<16>();
    each.slot = reader.u64();
    each.audit_length = reader.u64();
    each.audit_head = reader.array<32>();
    value.scopes.push_back(each);
  }
  if (value.scopes.empty())
    return malformed();
  return value;
}

bytes encode_unfinished(const std::vector<scope_tag>& path) {
  bytes out;
  byte_writer writer{out};
  writer.u8(unfinished_version);
  for (const auto& tag : path)
    writer.raw(tag);
  return out;
}

result<std::vector<scope_tag>> decode_unfinished(bytes_view data) {
  byte_reader reader{data};
  if (reader.u8() != unfinished_version || reader.rest().empty()
      || reader.rest().size() % scope_tag{}.size() != 0)
    return malformed();
  std::vector<scope_tag> path;
  while (!reader.rest().empty())
    path.push_back(reader.array<16>());
  return path;
}

result<std::size_t> reclaim_some(const store& records, partition_id partition,
                                 const scope_tag& tag, std::size_t limit,
                                 write_batch& batch) {
  key_space space{partition, tag};
  std::size_t found = 0;
  // Kinds of the node and of organizations are not erased with a scope.
  for (auto kind :
       {record_kind::child, record_kind::head, record_kind::idempotency,
        record_kind::memory, record_kind::checkpoint, record_kind::revision,
        record_kind::tombstone, record_kind::erasure}) {
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
