// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "engine/stored_records.hpp"

#include "crypto/aead.hpp"
#include "persistence/record_codec.hpp"

namespace cloister::engine {

using persistence::record_kind;

bytes seal_record(const persistence::scope_identity& identity,
                  const persistence::storage_key& key, bytes_view plain) {
  auto keys = identity.keys.data->now();
  return crypto::seal(keys->key, keys->epoch, key.view(), plain);
}

record_tag tag_of(bytes_view sealed) {
  return byte_reader{crypto::tag_of(sealed)}.array<16>();
}

result<bytes> open_record(const persistence::scope_identity& identity,
                          const persistence::data_keys& before, bytes_view key,
                          bytes_view sealed) {
  auto epoch = crypto::epoch_of(sealed);
  if (auto known = before.of_epoch(epoch))
    return crypto::open(*known, key, sealed);
  auto now = identity.keys.data->now();
  if (auto known = now->of_epoch(epoch))
    return crypto::open(*known, key, sealed);
  return error{errc::corrupted, "a record was sealed under a key that this "
                                "scope does not have"};
}

result<bytes> open_record(const persistence::scope_identity& identity,
                          bytes_view key, bytes_view sealed) {
  return open_record(identity, *identity.keys.data->now(), key, sealed);
}

namespace {

result<bytes> read_record(const persistence::record_source& records,
                          const persistence::scope_identity& identity,
                          const persistence::storage_key& key) {
  auto before = identity.keys.data->now();
  auto sealed = records.get(key);
  if (sealed.has_error())
    return sealed.error();
  if (!*sealed)
    return error{errc::corrupted, "a record of this scope is missing; run "
                                  "`cloister doctor`"};
  return open_record(identity, *before, key.view(), **sealed);
}

} // namespace

result<bytes> read_memory_record(const persistence::record_source& records,
                                 const persistence::scope_identity& identity,
                                 std::uint64_t sequence) {
  return read_record(records, identity,
                     identity.space().key(record_kind::memory, sequence));
}

result<memory> read_old_revision(const persistence::record_source& records,
                                 const persistence::scope_identity& identity,
                                 std::uint64_t sequence,
                                 std::uint32_t revision) {
  auto plain = read_record(records, identity,
                           identity.space().revision_key(sequence, revision));
  if (plain.has_error())
    return plain.error();
  return persistence::decode_memory(*plain);
}

} // namespace cloister::engine
