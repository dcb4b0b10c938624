// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "persistence/catalog_records.hpp"

#include "crypto/aead.hpp"

namespace cloister::persistence {

namespace {

constexpr std::uint8_t entry_version = 1;
constexpr std::uint8_t entry_active = 1;
constexpr std::uint8_t tombstone_version = 1;
constexpr std::uint8_t tombstone_refused = 1;
constexpr std::uint8_t tombstone_with_copies = 16;
constexpr std::uint8_t tombstone_usable = 2;

error damaged(std::string_view what) {
  std::string detail{what};
  detail += " is malformed or of an unknown version";
  return {errc::corrupted, std::move(detail)};
}

} // namespace

bytes seal_entry(const crypto::secret_key& control, const storage_key& key,
                 const catalog_entry& value) {
  bytes plain;
  byte_writer writer{plain};
  writer.u8(entry_version);
  writer.u64(value.slot);
  writer.u32(value.incarnation);
  writer.u8(entry_active);
  writer.i64(value.created.milliseconds);
  writer.raw(value.sealed_name);
  return crypto::seal(control, 0, key.view(), plain);
}

result<catalog_entry> open_entry(const crypto::secret_key& control,
                                 const storage_key& key, bytes_view sealed) {
  auto plain = crypto::open(control, key.view(), sealed);
  if (plain.has_error())
    return plain.error();
  byte_reader reader{*plain};
  auto version = reader.u8();
  catalog_entry out;
  out.slot = reader.u64();
  out.incarnation = reader.u32();
  auto state = reader.u8();
  out.created = timestamp{reader.i64()};
  out.sealed_name = bytes{reader.rest()};
  if (version != entry_version || state != entry_active || !reader.ok())
    return damaged("a catalog entry");
  return out;
}

bytes seal_tombstone(const crypto::secret_key& control, const storage_key& key,
                     const tombstone& value) {
  bytes plain;
  byte_writer writer{plain};
  writer.u8(tombstone_version);
  writer.u32(value.incarnation);
  auto state = value.refused ? tombstone_refused : tombstone_usable;
  auto with = value.with_copies ? tombstone_with_copies : 0;
  writer.u8(static_cast<std::uint8_t>(state | with));
  writer.i64(value.erased.milliseconds);
  return crypto::seal(control, 0, key.view(), plain);
}

result<tombstone> open_tombstone(const crypto::secret_key& control,
                                 const storage_key& key, bytes_view sealed) {
  auto plain = crypto::open(control, key.view(), sealed);
  if (plain.has_error())
    return plain.error();
  byte_reader reader{*plain};
  auto version = reader.u8();
  tombstone out;
  out.incarnation = reader.u32();
  auto state = reader.u8();
  out.with_copies = (state & tombstone_with_copies) != 0;
  out.refused = (state & ~tombstone_with_copies) == tombstone_refused;
  out.erased = timestamp{reader.i64()};
  if (version != tombstone_version || !reader.ok())
    return damaged("a tombstone");
  return out;
}

error ended_session_error() {
  return {errc::erased, "the session has ended, and its memories are gone; "
                        "open a new one"};
}

error refused_error(scope_kind kind) {
  if (kind == scope_kind::session)
    return ended_session_error();
  if (kind == scope_kind::org)
    return {errc::erased,
            "this organization was erased; its name is refused until the "
            "operator lets it be used again with `cloister org reinstate`"};
  return erased_error();
}

error erased_error() {
  return {errc::erased, "this scope was erased; its name is refused until an "
                        "administrator lets it be used again with `cloister "
                        "scope reinstate`"};
}

} // namespace cloister::persistence
