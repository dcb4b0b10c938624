// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "persistence/organization_ends.hpp"

#include "core/encoding.hpp"
#include "crypto/aead.hpp"
#include "crypto/random.hpp"

namespace cloister::persistence {

namespace {

constexpr std::uint8_t disabled_version = 1;
constexpr std::uint8_t former_version = 1;

result<disabled_organization> decode_disabled(bytes_view plain) {
  byte_reader reader{plain};
  auto version = reader.u8();
  disabled_organization out;
  out.disabled_at = timestamp{reader.i64()};
  out.erased_at = timestamp{reader.i64()};
  if (version != disabled_version || !reader.complete())
    return error{errc::corrupted, "the record of a disabled organization is "
                                  "malformed or of an unknown version"};
  return out;
}

} // namespace

bytes seal_disabled(const node_identity& node, const scope_tag& tag,
                    const disabled_organization& value) {
  bytes plain;
  byte_writer writer{plain};
  writer.u8(disabled_version);
  writer.i64(value.disabled_at.milliseconds);
  writer.i64(value.erased_at.milliseconds);
  auto key = node.space().key(record_kind::disabled, view_of(tag));
  return crypto::seal(node.keys.control, 0, key.view(), plain);
}

result<std::optional<disabled_organization>>
read_disabled(const node_identity& node, const store& records,
              const scope_tag& tag) {
  auto key = node.space().key(record_kind::disabled, view_of(tag));
  auto sealed = records.get(key);
  if (sealed.has_error())
    return sealed.error();
  if (!*sealed)
    return std::optional<disabled_organization>{};
  auto plain = crypto::open(node.keys.control, key.view(), **sealed);
  if (plain.has_error())
    return plain.error();
  auto out = decode_disabled(*plain);
  if (out.has_error())
    return out.error();
  return std::optional{*out};
}

result<std::vector<std::pair<scope_tag, disabled_organization>>>
list_disabled(const node_identity& node, const store& records) {
  std::vector<std::pair<scope_tag, disabled_organization>> out;
  auto done = records.scan(
    node.space().range(record_kind::disabled), {},
    [&](bytes_view key, bytes_view sealed) {
      auto plain = crypto::open(node.keys.control, key, sealed);
      auto value = plain ? decode_disabled(*plain) : plain.error();
      // Far behind what a date can be, and no overflow.
      constexpr timestamp never{std::int64_t{1} << 45};
      out.emplace_back(byte_reader{rest_of(key)}.array<16>(),
                       value ? *value : disabled_organization{{}, never});
      return true;
    });
  if (done.has_error())
    return done.error();
  return out;
}

void put_former(const node_identity& node, const scope_tag& tag,
                partition_id partition, const crypto::secret_key* audit,
                write_batch& batch) {
  constexpr std::size_t enough = 64; // Growing would leave copies behind.
  bytes plain;
  plain.reserve(enough);
  crypto::wipe_on_exit guard{plain};
  byte_writer writer{plain};
  writer.u8(former_version);
  writer.u16(partition);
  if (audit != nullptr)
    writer.raw(audit->view());
  auto key = node.space().key(record_kind::former, view_of(tag));
  batch.put(key, crypto::seal(node.keys.control, 0, key.view(), plain));
}

result<std::optional<former_organization>>
read_former(const node_identity& node, const store& records,
            const scope_tag& tag) {
  auto key = node.space().key(record_kind::former, view_of(tag));
  auto sealed = records.get(key);
  if (sealed.has_error())
    return sealed.error();
  if (!*sealed)
    return std::optional<former_organization>{};
  auto plain = crypto::open(node.keys.control, key.view(), **sealed);
  if (plain.has_error())
    return plain.error();
  crypto::wipe_on_exit guard{*plain};
  byte_reader reader{*plain};
  auto version = reader.u8();
  former_organization out;
  out.partition = reader.u16();
  auto has_key = reader.rest().size() == crypto::secret_key::size;
  if (version != former_version || !reader.ok()
      || (!has_key && !reader.rest().empty()))
    return error{errc::corrupted, "the record of a former organization is "
                                  "malformed or of an unknown version"};
  if (has_key)
    out.audit = crypto::secret_key::from_bytes(reader.rest());
  return std::optional{std::move(out)};
}

} // namespace cloister::persistence
