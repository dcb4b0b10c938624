// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "persistence/record_codec.hpp"

#include <bit>

#include "core/encoding.hpp"
#include "core/limits.hpp"

namespace cloister::persistence {

namespace {

constexpr std::uint8_t memory_version = 1;
constexpr std::uint8_t flag_key = 1;
constexpr std::uint8_t flag_expires = 2;
constexpr std::uint8_t flag_embedding = 4;
constexpr std::uint8_t flag_origin = 8;
constexpr std::uint8_t flag_path = 16;
constexpr std::uint8_t known_flags = 31;

static_assert(limits::origin_scopes_max <= UINT8_MAX);

error malformed() {
  return {errc::corrupted, "a memory record is malformed or of an unknown "
                           "version"};
}

std::uint8_t flags_of(const memory& value) {
  unsigned flags = 0;
  flags |= value.key ? flag_key : 0u;
  flags |= value.expires_at ? flag_expires : 0u;
  flags |= value.embedding.empty() ? 0u : flag_embedding;
  flags |= value.origin ? flag_origin : 0u;
  flags |= value.origin && !value.origin->path.empty() ? flag_path : 0u;
  return static_cast<std::uint8_t>(flags);
}

std::vector<float> read_embedding(byte_reader& reader) {
  std::vector<float> out;
  auto dimensions = reader.u32();
  if (reader.rest().size() / 4 < dimensions)
    dimensions = 0;
  out.reserve(dimensions);
  for (std::uint32_t i = 0; i < dimensions; ++i)
    out.push_back(std::bit_cast<float>(reader.u32()));
  return out;
}

} // namespace

bytes encode_memory(const memory& value) {
  bytes out;
  out.reserve(96 + value.content.size() + value.metadata.size()
              + value.embedding.size() * 4);
  byte_writer writer{out};
  writer.u8(memory_version);
  writer.u8(flags_of(value));
  writer.raw(value.id.octets);
  writer.u32(value.revision);
  writer.i64(value.created_at.milliseconds);
  writer.i64(value.updated_at.milliseconds);
  writer.string(value.type);
  writer.string(value.content);
  writer.string(value.metadata);
  writer.string(value.author);
  if (value.key)
    writer.string(*value.key);
  if (value.expires_at)
    writer.i64(value.expires_at->milliseconds);
  if (!value.embedding.empty()) {
    writer.u32(static_cast<std::uint32_t>(value.embedding.size()));
    for (auto component : value.embedding)
      writer.u32(std::bit_cast<std::uint32_t>(component));
  }
  if (value.origin) {
    writer.raw(value.origin->pseudonym);
    writer.raw(value.origin->id.octets);
    writer.u32(value.origin->revision);
  }
  if (value.origin && !value.origin->path.empty()) {
    writer.u8(static_cast<std::uint8_t>(value.origin->path.size()));
    for (const auto& passed : value.origin->path) {
      writer.u8(passed.is_session ? 1 : 0);
      writer.raw(passed.tag);
    }
  }
  return out;
}

result<memory> decode_memory(bytes_view data) {
  byte_reader reader{data};
  if (reader.u8() != memory_version)
    return malformed();
  auto flags = reader.u8();
  if ((flags & ~known_flags) != 0)
    return malformed();
  memory out;
  out.id.octets = reader.array<16>();
  out.revision = reader.u32();
  out.created_at = {reader.i64()};
  out.updated_at = {reader.i64()};
  out.type = reader.string();
  out.content = reader.string();
  out.metadata = reader.string();
  out.author = reader.string();
  if ((flags & flag_key) != 0)
    out.key = std::string{reader.string()};
  if ((flags & flag_expires) != 0)
    out.expires_at = timestamp{reader.i64()};
  if ((flags & flag_embedding) != 0)
    out.embedding = read_embedding(reader);
  if ((flags & flag_origin) != 0) {
    memory_origin origin;
    origin.pseudonym = reader.array<16>();
    origin.id.octets = reader.array<16>();
    origin.revision = reader.u32();
    out.origin = origin;
  }
  if ((flags & flag_path) != 0) {
    if (!out.origin)
      return malformed();
    for (auto left = reader.u8(); left > 0 && reader.ok(); --left) {
      passed_scope passed;
      passed.is_session = reader.u8() != 0;
      passed.tag = reader.array<16>();
      out.origin->path.push_back(passed);
    }
  }
  if (!reader.complete())
    return malformed();
  return out;
}

result<memory_summary> decode_summary(bytes_view data) {
  byte_reader reader{data};
  if (reader.u8() != memory_version)
    return malformed();
  auto flags = reader.u8();
  if ((flags & ~known_flags) != 0)
    return malformed();
  memory_summary out;
  out.id.octets = reader.array<16>();
  out.revision = reader.u32();
  out.created_at = {reader.i64()};
  out.updated_at = {reader.i64()};
  out.type = reader.string();
  out.content = reader.string();
  out.metadata = reader.string();
  reader.string();
  if ((flags & flag_key) != 0)
    out.key = reader.string();
  if ((flags & flag_expires) != 0)
    out.expires_at = timestamp{reader.i64()};
  if ((flags & flag_embedding) != 0)
    out.dimensions = reader.u32();
  if (!reader.ok())
    return malformed();
  return out;
}

} // namespace cloister::persistence
