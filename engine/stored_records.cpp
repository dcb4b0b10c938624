// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "engine/stored_records.hpp"

#include "crypto/aead.hpp"
#include "persistence/record_codec.hpp"

namespace cloister::engine {

using persistence::record_kind;

result<const crypto::secret_key*>
data_key_for(const persistence::scope_keys& keys, bytes_view sealed) {
  auto epoch = crypto::epoch_of(sealed);
  if (epoch == keys.data_epoch)
    return &keys.data;
  if (keys.previous_data && epoch + 1 == keys.data_epoch)
    return &*keys.previous_data;
  return error{errc::corrupted, "a record was sealed under a key that this "
                                "scope does not have"};
}

record_tag tag_of(bytes_view sealed) {
  return byte_reader{crypto::tag_of(sealed)}.array<16>();
}

result<bytes> open_record(const persistence::scope_identity& identity,
                          bytes_view key, bytes_view sealed) {
  auto data_key = data_key_for(identity.keys, sealed);
  if (data_key.has_error())
    return data_key.error();
  return crypto::open(**data_key, key, sealed);
}

namespace {

result<bytes> read_record(const persistence::record_source& records,
                          const persistence::scope_identity& identity,
                          const persistence::storage_key& key) {
  auto sealed = records.get(key);
  if (sealed.has_error())
    return sealed.error();
  if (!*sealed)
    return error{errc::corrupted, "a record of this scope is missing; run "
                                  "`cloister doctor`"};
  return open_record(identity, key.view(), **sealed);
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
