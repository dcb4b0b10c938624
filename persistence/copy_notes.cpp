// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "persistence/copy_notes.hpp"

#include "core/encoding.hpp"
#include "crypto/aead.hpp"

namespace cloister::persistence {

namespace {

constexpr std::uint8_t note_version = 1;

bytes prefix_of(const key_space& organization, const scope_tag& source) {
  return organization.range(record_kind::copies) + bytes{view_of(source)};
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
  result<void> failure;
  auto done = records.scan(prefix_of(organization.space(), source), {},
                           [&](bytes_view key, bytes_view sealed) {
                             auto plain = crypto::open(
                               organization.keys.control, key, sealed);
                             auto rest = rest_of(key).substr(sizeof(scope_tag));
                             if (plain.has_error())
                               failure = plain.error();
                             else
                               out.push_back(byte_reader{rest}.array<16>());
                             return failure.has_value();
                           });
  if (done.has_error() || failure.has_error())
    return done.has_error() ? done.error() : failure.error();
  return out;
}

result<std::size_t> reclaim_copy_notes(const store& records,
                                       partition_id partition,
                                       const scope_tag& organization,
                                       const scope_tag& source,
                                       std::size_t limit, write_batch& batch) {
  key_space space{partition, organization};
  std::size_t found = 0;
  auto done = records.scan(
    prefix_of(space, source), {}, [&](bytes_view key, bytes_view) {
      if (found == limit)
        return false;
      batch.erase(space.key(record_kind::copies, rest_of(key)));
      ++found;
      return true;
    });
  if (done.has_error())
    return done.error();
  return found;
}

} // namespace cloister::persistence
