// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "persistence/copy_notes.hpp"

#include <functional>

#include "core/encoding.hpp"
#include "crypto/aead.hpp"

namespace cloister::persistence {

namespace {

constexpr std::uint8_t note_version = 1;
constexpr std::uint8_t removal_version = 1;
/// How much of the target's tag is in the key of a removal.
constexpr std::size_t half_tag_bytes = 8;

bytes prefix_of(const key_space& organization, record_kind kind,
                const scope_tag& source) {
  return organization.range(kind) + bytes{view_of(source)};
}

result<void>
for_each_note(const scope_identity& organization, record_kind kind,
              const scope_tag& source, const store& records,
              const std::function<void(byte_reader, bytes_view)>& visit) {
  result<void> failure;
  auto done = records.scan(prefix_of(organization.space(), kind, source), {},
                           [&](bytes_view key, bytes_view sealed) {
                             auto rest = rest_of(key).substr(sizeof(scope_tag));
                             auto plain = crypto::open(
                               organization.keys.control, key, sealed);
                             if (plain.has_error())
                               failure = plain.error();
                             else
                               visit(byte_reader{rest}, *plain);
                             return failure.has_value();
                           });
  return done.has_error() ? done : failure;
}

} // namespace

void note_copies(const scope_identity& target,
                 const std::vector<passed_scope>& path, write_batch& batch) {
  const auto& root = target.root();
  auto in_session = target.name.kind() == scope_kind::session;
  const auto& where = in_session ? target.parent->tag : target.tag;
  for (const auto& passed : path) {
    if (passed.is_session)
      continue;
    bytes rest{view_of(passed.tag)};
    rest.append(view_of(where));
    auto key = root.space().key(record_kind::copies, rest);
    bytes plain;
    byte_writer{plain}.u8(note_version);
    batch.put(key, crypto::seal(root.keys.control, 0, key.view(), plain));
  }
}

result<std::vector<scope_tag>> copy_targets(const scope_identity& organization,
                                            const scope_tag& source,
                                            const store& records) {
  std::vector<scope_tag> out;
  auto done = for_each_note(
    organization, record_kind::copies, source, records,
    [&](byte_reader rest, bytes_view) { out.push_back(rest.array<16>()); });
  if (done.has_error())
    return done.error();
  return out;
}

void note_removal(const scope_identity& target, const scope_tag& source,
                  std::uint64_t sequence, std::uint32_t copies,
                  write_batch& batch) {
  const auto& root = target.root();
  bytes rest;
  byte_writer key_writer{rest};
  key_writer.raw(source);
  key_writer.raw(view_of(target.tag).substr(0, half_tag_bytes));
  key_writer.u64(sequence);
  bytes plain;
  byte_writer writer{plain};
  writer.u8(removal_version);
  writer.u32(copies);
  auto key = root.space().key(record_kind::removed_copies, rest);
  batch.put(key, crypto::seal(root.keys.control, 0, key.view(), plain));
}

result<std::uint64_t> removed_copies(const scope_identity& organization,
                                     const scope_tag& source,
                                     const store& records) {
  std::uint64_t out = 0;
  auto done = for_each_note(organization, record_kind::removed_copies, source,
                            records, [&](byte_reader, bytes_view plain) {
                              byte_reader reader{plain};
                              reader.u8();
                              out += reader.u32();
                            });
  if (done.has_error())
    return done.error();
  return out;
}

result<std::size_t> reclaim_copy_notes(const store& records,
                                       partition_id partition,
                                       const scope_tag& organization,
                                       const scope_tag& source,
                                       std::size_t limit, write_batch& batch) {
  key_space space{partition, organization};
  std::size_t found = 0;
  for (auto kind : {record_kind::copies, record_kind::removed_copies}) {
    auto done = records.scan(prefix_of(space, kind, source), {},
                             [&](bytes_view key, bytes_view) {
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
