// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "persistence/erased_name.hpp"

#include "core/encoding.hpp"
#include "crypto/aead.hpp"

namespace cloister::persistence {

namespace {

constexpr std::uint8_t name_version = 1;
constexpr std::uint8_t name_refused = 1;
constexpr std::uint8_t name_usable = 2;
constexpr std::uint8_t name_with_copies = 16;

result<erased_name> open_record(const node_identity& node, bytes_view key,
                                bytes_view sealed) {
  auto plain = crypto::open(node.keys.control, key, sealed);
  if (plain.has_error())
    return plain.error();
  erased_name out;
  byte_reader rest{rest_of(key)};
  out.parent = rest.array<16>();
  out.name = rest.array<16>();
  byte_reader reader{*plain};
  auto version = reader.u8();
  out.incarnation = reader.u32();
  auto state = reader.u8();
  out.with_copies = (state & name_with_copies) != 0;
  state = static_cast<std::uint8_t>(state & ~name_with_copies);
  out.refused = state == name_refused;
  out.erased_at = timestamp{reader.i64()};
  if (version != name_version || !reader.complete() || !rest.complete()
      || (state != name_refused && state != name_usable))
    return error{errc::corrupted, "the record of an erased name is malformed "
                                  "or of an unknown version"};
  return out;
}

storage_key key_of(const node_identity& node, const scope_tag& parent,
                   const std::array<std::uint8_t, 16>& name) {
  bytes rest{view_of(parent)};
  rest.append(view_of(name));
  return node.space().key(record_kind::refused_name, rest);
}

} // namespace

storage_key key_of(const node_identity& node, const erased_name& value) {
  return key_of(node, value.parent, value.name);
}

void put_erased_name(const node_identity& node, const erased_name& value,
                     write_batch& batch) {
  bytes plain;
  byte_writer writer{plain};
  writer.u8(name_version);
  writer.u32(value.incarnation);
  auto state = value.refused ? name_refused : name_usable;
  auto with = value.with_copies ? name_with_copies : 0;
  writer.u8(static_cast<std::uint8_t>(state | with));
  writer.i64(value.erased_at.milliseconds);
  auto key = key_of(node, value);
  batch.put(key, crypto::seal(node.keys.control, 0, key.view(), plain));
}

result<std::optional<erased_name>>
read_erased_name(const node_identity& node, const store& records,
                 const scope_tag& parent,
                 const std::array<std::uint8_t, 16>& name) {
  auto key = key_of(node, parent, name);
  auto sealed = records.get(key);
  if (sealed.has_error())
    return sealed.error();
  if (!*sealed)
    return std::optional<erased_name>{};
  auto out = open_record(node, key.view(), **sealed);
  if (out.has_error())
    return out.error();
  return std::optional{*out};
}

result<std::vector<erased_name>> list_erased_names(const node_identity& node,
                                                   const store& records) {
  std::vector<erased_name> out;
  result<void> failure;
  auto done = records.scan(node.space().range(record_kind::refused_name), {},
                           [&](bytes_view key, bytes_view sealed) {
                             auto opened = open_record(node, key, sealed);
                             if (opened)
                               out.push_back(*opened);
                             else
                               failure = opened.error();
                             return failure.has_value();
                           });
  if (done.has_error() || failure.has_error())
    return done.has_error() ? done.error() : failure.error();
  return out;
}

} // namespace cloister::persistence
