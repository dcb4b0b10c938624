// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "persistence/session_record.hpp"

#include "core/encoding.hpp"
#include "core/limits.hpp"
#include "crypto/aead.hpp"

namespace cloister::persistence {

namespace {

constexpr std::uint8_t session_version = 1;
constexpr std::uint8_t flag_resumable = 1;

error malformed() {
  return {errc::corrupted, "the record of a session is malformed"};
}

} // namespace

bytes encode_session(const session_record& value) {
  bytes out;
  byte_writer writer{out};
  writer.u8(session_version);
  writer.u8(value.resumable ? flag_resumable : 0);
  writer.raw(value.organization);
  writer.raw(value.pseudonym);
  writer.i64(value.opened_at.milliseconds);
  writer.i64(value.used_at.milliseconds);
  writer.i64(value.idle.count());
  writer.i64(value.ends_at ? value.ends_at->milliseconds : 0);
  writer.i64(value.lease.count());
  writer.i64(value.renewed_at.milliseconds);
  for (const auto& tag : value.path)
    writer.raw(tag);
  return out;
}

result<session_record> decode_session(bytes_view data) {
  byte_reader reader{data};
  session_record value;
  auto version = reader.u8();
  auto flags = reader.u8();
  if (version != session_version || flags > flag_resumable)
    return malformed();
  value.resumable = flags == flag_resumable;
  value.organization = reader.array<16>();
  value.pseudonym = reader.array<16>();
  value.opened_at = timestamp{reader.i64()};
  value.used_at = timestamp{reader.i64()};
  value.idle = std::chrono::milliseconds{reader.i64()};
  if (auto ends = reader.i64(); ends != 0)
    value.ends_at = timestamp{ends};
  value.lease = std::chrono::milliseconds{reader.i64()};
  value.renewed_at = timestamp{reader.i64()};
  if (!reader.ok() || reader.rest().empty()
      || reader.rest().size() % sizeof(scope_tag) != 0)
    return malformed();
  while (!reader.rest().empty())
    value.path.push_back(reader.array<16>());
  return value;
}

void put_session(const node_identity& node, std::uint64_t place,
                 const session_record& value, write_batch& batch) {
  auto key = node.space().key(record_kind::session, place);
  batch.put(
    key, crypto::seal(node.keys.control, 0, key.view(), encode_session(value)));
}

void erase_session(const node_identity& node, std::uint64_t place,
                   write_batch& batch) {
  batch.erase(node.space().key(record_kind::session, place));
}

result<std::vector<listed_session>> list_sessions(const node_identity& node,
                                                  const store& records) {
  std::vector<listed_session> out;
  auto done = records.scan(node.space().range(record_kind::session), {},
                           [&](bytes_view key, bytes_view sealed) {
                             auto place = byte_reader{rest_of(key)}.u64();
                             // No store of ours has such a place.
                             if (place >= limits::sessions_per_node_max)
                               return true;
                             auto plain
                               = crypto::open(node.keys.control, key, sealed);
                             if (plain.has_error())
                               out.push_back({place, plain.error()});
                             else
                               out.push_back({place, decode_session(*plain)});
                             return true;
                           });
  if (done.has_error())
    return done.error();
  return out;
}

} // namespace cloister::persistence
