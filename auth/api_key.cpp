// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "auth/api_key.hpp"

#include <algorithm>

#include "core/assert.hpp"
#include "core/encoding.hpp"
#include "core/limits.hpp"
#include "core/operator_key.hpp"
#include "crypto/random.hpp"

namespace cloister::auth {

namespace {

constexpr std::string_view key_prefix = "cloister_";
constexpr std::size_t id_characters = 24;
constexpr std::size_t checksum_characters = 7;
constexpr std::uint8_t id_version = 1;
constexpr std::uint8_t record_version = 1;
/// With revoked narrowings and a maker.
constexpr std::uint8_t record_version_2 = 2;

error not_a_key(std::string_view text) {
  // Whoever has both takes one for the other.
  if (text.starts_with(operator_key_prefix))
    return {errc::unauthenticated,
            "this is the operator's key, which is for organizations and the "
            "store; memories, keys and audits want an API key, as `cloister "
            "org create` and `cloister key create` print one"};
  return {errc::unauthenticated,
          "this is not a Cloister API key; give the whole text that `cloister "
          "key create` printed"};
}

std::string checksum_of(std::string_view text) {
  bytes sum;
  byte_writer{sum}.u32(crypto::checksum(text));
  return to_base32(sum);
}

result<presented_key> decode_secret(std::string_view text, const key_id& id,
                                    bytes_view data) {
  byte_reader reader{data};
  presented_key key;
  key.id = id;
  auto count = reader.u8();
  if (count > limits::restrictions_max)
    return not_a_key(text);
  for (int i = 0; i < count; ++i)
    key.restrictions.emplace_back(reader.raw(reader.u16()));
  key.tail = reader.array<32>();
  if (!reader.complete())
    return not_a_key(text);
  return key;
}

void write_time(byte_writer& writer, const std::optional<timestamp>& at) {
  writer.i64(at ? at->milliseconds : 0);
}

std::optional<timestamp> read_time(byte_reader& reader) {
  auto value = reader.i64();
  return value == 0 ? std::nullopt : std::optional{timestamp{value}};
}

std::vector<key_record::revoked_narrowing>
read_narrowings(byte_reader& reader, std::uint8_t version) {
  std::vector<key_record::revoked_narrowing> out;
  auto count = version == record_version_2 ? reader.u16() : 0;
  for (int i = 0; i < count && reader.ok(); ++i) {
    auto name = reader.array<16>();
    out.push_back({name, read_time(reader)});
  }
  return out;
}

std::optional<key_record::narrowed_maker> read_maker(byte_reader& reader,
                                                     std::uint8_t version) {
  if (version != record_version_2)
    return std::nullopt;
  key_record::narrowed_maker maker;
  maker.id = reader.array<15>();
  auto count = reader.u8();
  for (int i = 0; i < count && reader.ok(); ++i)
    maker.narrowings.push_back(reader.array<16>());
  return maker.id == key_id{} ? std::nullopt : std::optional{std::move(maker)};
}

} // namespace

bytes_view presented_key::organization_locator() const {
  return view_of(id).substr(2, 5);
}

std::string to_string(const key_id& id) {
  return to_base32(view_of(id));
}

std::string to_string(const key_id& id, const crypto::short_digest& narrowing) {
  return to_string(id) + '/' + to_hex(view_of(narrowing));
}

result<key_id> parse_key_id(std::string_view text) {
  auto data = from_base32(text);
  if (!data || data->size() != key_id{}.size())
    return error{errc::invalid_argument,
                 "not a key id; `cloister key list` shows them"};
  return byte_reader{*data}.array<15>();
}

key_id make_key_id(bytes_view organization_tag, std::uint8_t signing_version) {
  CLOISTER_ASSERT(organization_tag.size() >= 5);
  key_id id;
  crypto::random_bytes(id.data(), id.size());
  id[0] = id_version;
  id[1] = signing_version;
  for (std::size_t i = 0; i < 5; ++i)
    id[2 + i] = static_cast<std::uint8_t>(organization_tag[i]);
  return id;
}

std::string make_api_key(const key_id& id,
                         const crypto::secret_key& signing_key) {
  return to_text(
    {id, {}, crypto::hmac_sha256(signing_key.view(), view_of(id))});
}

std::string to_text(const presented_key& key) {
  bytes secret;
  byte_writer writer{secret};
  writer.u8(static_cast<std::uint8_t>(key.restrictions.size()));
  for (const auto& body : key.restrictions) {
    writer.u16(static_cast<std::uint16_t>(body.size()));
    writer.raw(body);
  }
  writer.raw(key.tail);
  auto text
    = std::string{key_prefix} + to_string(key.id) + '_' + to_base32(secret);
  return text + checksum_of(text);
}

result<presented_key> parse_api_key(std::string_view text) {
  auto shortest = key_prefix.size() + id_characters + 1 + checksum_characters;
  if (text.size() <= shortest || text.size() > limits::api_key_characters_max
      || !text.starts_with(key_prefix)
      || text[key_prefix.size() + id_characters] != '_')
    return not_a_key(text);
  auto body = text.substr(0, text.size() - checksum_characters);
  if (checksum_of(body) != text.substr(body.size()))
    return not_a_key(text);
  auto id = from_base32(text.substr(key_prefix.size(), id_characters));
  auto secret = from_base32(body.substr(key_prefix.size() + id_characters + 1));
  if (!id || id->size() != key_id{}.size() || !secret
      || static_cast<std::uint8_t>((*id)[0]) != id_version)
    return not_a_key(text);
  return decode_secret(text, byte_reader{*id}.array<15>(), *secret);
}

bool key_record::has_revoked(
  const std::vector<crypto::short_digest>& narrowings) const {
  return std::any_of(revoked_narrowings.begin(), revoked_narrowings.end(),
                     [&](const auto& revoked) {
                       return std::find(narrowings.begin(), narrowings.end(),
                                        revoked.name)
                              != narrowings.end();
                     });
}

bytes encode_key_record(const key_record& record) {
  bytes out;
  byte_writer writer{out};
  const auto& narrowings = record.revoked_narrowings;
  auto is_plain = narrowings.empty() && !record.maker;
  writer.u8(is_plain ? record_version : record_version_2);
  writer.raw(record.id);
  writer.u8(record.permissions.bits());
  writer.u32(record.root_incarnation);
  writer.i64(record.created_at.milliseconds);
  write_time(writer, record.expires_at);
  write_time(writer, record.revoked_at);
  writer.u8(static_cast<std::uint8_t>(record.ancestors.which));
  writer.string(record.root.path());
  writer.string(record.label);
  writer.string(record.ancestors.limit ? record.ancestors.limit->path() : "");
  writer.string(record.promote_to ? record.promote_to->path() : "");
  if (is_plain)
    return out;
  writer.u16(static_cast<std::uint16_t>(narrowings.size()));
  for (const auto& revoked : narrowings) {
    writer.raw(revoked.name);
    write_time(writer, revoked.expires_at);
  }
  const auto maker = record.maker.value_or(key_record::narrowed_maker{});
  writer.raw(maker.id);
  writer.u8(static_cast<std::uint8_t>(maker.narrowings.size()));
  for (const auto& narrowing : maker.narrowings)
    writer.raw(narrowing);
  return out;
}

result<key_record> decode_key_record(bytes_view data) {
  error malformed{errc::corrupted, "an API key's record is malformed"};
  byte_reader reader{data};
  auto version = reader.u8();
  if (version != record_version && version != record_version_2)
    return malformed;
  auto id = reader.array<15>();
  auto permissions = permission_set::from_bits(reader.u8());
  auto incarnation = reader.u32();
  auto created = timestamp{reader.i64()};
  auto expires = read_time(reader);
  auto revoked = read_time(reader);
  auto bound = reader.u8();
  auto root = scope::parse(reader.string());
  auto label = std::string{reader.string()};
  auto limit = reader.string();
  auto promote = reader.string();
  auto narrowings = read_narrowings(reader, version);
  auto maker = read_maker(reader, version);
  if (!reader.complete() || root.has_error() || bound < 1 || bound > 3)
    return malformed;
  key_record record{id,
                    std::move(*root),
                    permissions,
                    incarnation,
                    created,
                    expires,
                    revoked,
                    std::move(label),
                    {},
                    {},
                    std::move(narrowings),
                    std::move(maker)};
  record.ancestors.which = static_cast<ancestor_bound::kind>(bound);
  if (!limit.empty()) {
    auto parsed = scope::parse(limit);
    if (parsed.has_error())
      return malformed;
    record.ancestors.limit = std::move(*parsed);
  }
  if (!promote.empty()) {
    auto parsed = scope::parse(promote);
    if (parsed.has_error())
      return malformed;
    record.promote_to = std::move(*parsed);
  }
  return record;
}

} // namespace cloister::auth
