// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "persistence/head.hpp"

#include "core/encoding.hpp"

namespace cloister::persistence {

namespace {

constexpr std::uint8_t head_version = 1;
constexpr std::size_t set_bytes = 8 + 32;
constexpr std::size_t head_bytes = 1 + 2 * 8 + 2 * set_bytes + 8 + 32 + 3 * 8;

void write_set(byte_writer& writer, const record_set& set) {
  writer.u64(set.count);
  writer.raw(set.sum);
}

record_set read_set(byte_reader& reader) {
  record_set set;
  set.count = reader.u64();
  set.sum = reader.array<32>();
  return set;
}

} // namespace

void record_set::add(const crypto::secret_key& key, bytes_view storage_key,
                     bytes_view tag) {
  ++count;
  sum = crypto::add(sum, crypto::keyed_hash(key, {storage_key, tag}));
}

void record_set::remove(const crypto::secret_key& key, bytes_view storage_key,
                        bytes_view tag) {
  --count;
  sum = crypto::subtract(sum, crypto::keyed_hash(key, {storage_key, tag}));
}

bytes scope_head::encode() const {
  bytes out;
  out.reserve(head_bytes);
  byte_writer writer{out};
  writer.u8(head_version);
  writer.u64(batch_number);
  writer.u64(next_sequence);
  write_set(writer, contents);
  write_set(writer, registry);
  writer.u64(audit_length);
  writer.raw(audit_head);
  writer.u64(journal_sequence);
  writer.u64(memory_count);
  writer.u64(content_bytes);
  return out;
}

result<scope_head> scope_head::decode(bytes_view data) {
  byte_reader reader{data};
  if (reader.u8() != head_version)
    return error{errc::corrupted, "a scope's head has an unknown version"};
  scope_head head;
  head.batch_number = reader.u64();
  head.next_sequence = reader.u64();
  head.contents = read_set(reader);
  head.registry = read_set(reader);
  head.audit_length = reader.u64();
  head.audit_head = reader.array<32>();
  head.journal_sequence = reader.u64();
  head.memory_count = reader.u64();
  head.content_bytes = reader.u64();
  if (!reader.complete())
    return error{errc::corrupted, "a scope's head is malformed"};
  return head;
}

} // namespace cloister::persistence
