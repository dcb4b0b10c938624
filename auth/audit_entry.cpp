// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "auth/audit_entry.hpp"

#include "core/encoding.hpp"
#include "crypto/aead.hpp"

namespace cloister::auth {

namespace {

constexpr std::uint8_t entry_version = 1;
constexpr std::uint8_t flag_effects = 1;
constexpr std::uint8_t flag_anchor = 2;
constexpr std::uint8_t flag_wanted = 4;
constexpr std::uint8_t flag_narrowings = 8;
constexpr std::uint8_t flag_ended = 16;
constexpr std::uint8_t flag_refused = 32;
constexpr std::uint8_t flag_carried = 64;
constexpr std::uint8_t flag_contents = 128;
constexpr std::uint8_t known_copies = 1;
constexpr std::uint8_t known_copies_erased = 2;
constexpr std::size_t effect_bytes = 1 + 8 + 4 + 16;
/// What each entry has, without a reason and targets.
constexpr std::size_t shortest_bytes
  = 1 + 1 + 8 + 16 + 1 + 15 + 1 + 1 + 16 + 4 + 4 + 4;
constexpr std::size_t anchor_bytes = 16 + 8 + 32;
/// Whatever is taken over is an entry itself.
constexpr std::size_t carried_bytes_min = 4 + 8 + 4 + shortest_bytes;
static_assert(carried_bytes_min >= anchor_bytes);

std::uint8_t flags_of(const audit_entry& entry) {
  unsigned flags = 0;
  flags |= entry.effects.empty() ? 0u : flag_effects;
  flags |= entry.anchor ? flag_anchor : 0u;
  flags |= entry.wanted ? flag_wanted : 0u;
  flags |= entry.narrowings.empty() ? 0u : flag_narrowings;
  flags |= entry.ended ? flag_ended : 0u;
  flags |= entry.refused ? flag_refused : 0u;
  flags |= entry.carried.empty() ? 0u : flag_carried;
  flags |= entry.contents ? flag_contents : 0u;
  return static_cast<std::uint8_t>(flags);
}

void read_effects(byte_reader& reader, audit_entry& entry) {
  auto count = reader.u32();
  if (reader.rest().size() / effect_bytes < count)
    count = 0;
  for (std::uint32_t i = 0; i < count; ++i) {
    audit_effect effect;
    effect.which = static_cast<audit_effect::kind>(reader.u8());
    effect.sequence = reader.u64();
    effect.revision = reader.u32();
    effect.tag = reader.array<16>();
    entry.effects.push_back(effect);
  }
}

void read_carried(byte_reader& reader, audit_entry& entry) {
  auto count = reader.u32();
  for (std::uint32_t i = 0; i < count && reader.ok(); ++i) {
    auto index = reader.u64();
    entry.carried.push_back({index, bytes{reader.string()}});
  }
}

void write_contents(byte_writer& writer, const erased_contents& contents) {
  const auto& [left, erased] = contents.copies;
  writer.u64(contents.memories);
  writer.u64(contents.unreadable);
  writer.u8(static_cast<std::uint8_t>((left ? known_copies : 0)
                                      | (erased ? known_copies_erased : 0)));
  if (left)
    writer.u64(*left);
  if (erased)
    writer.u64(*erased);
}

erased_contents read_contents(byte_reader& reader) {
  erased_contents out;
  out.memories = reader.u64();
  out.unreadable = reader.u64();
  auto known = reader.u8();
  if ((known & known_copies) != 0)
    out.copies.left = reader.u64();
  if ((known & known_copies_erased) != 0)
    out.copies.erased = reader.u64();
  return out;
}

void read_optional_parts(byte_reader& reader, std::uint8_t flags,
                         audit_entry& entry) {
  if ((flags & flag_effects) != 0)
    read_effects(reader, entry);
  if ((flags & flag_anchor) != 0) {
    audit_anchor anchor;
    anchor.child = reader.array<16>();
    anchor.length = reader.u64();
    anchor.head = reader.array<32>();
    entry.anchor = anchor;
  }
  if ((flags & flag_wanted) != 0)
    entry.wanted = reader.array<16>();
  if ((flags & flag_narrowings) != 0) {
    auto count = reader.u8();
    for (int i = 0; i < count; ++i)
      entry.narrowings.push_back(reader.array<16>());
  }
  if ((flags & flag_ended) != 0)
    entry.ended = reader.array<16>();
  if ((flags & flag_refused) != 0) {
    refused_name refused;
    refused.name = reader.array<16>();
    refused.incarnation = reader.u32();
    entry.refused = refused;
  }
  if ((flags & flag_carried) != 0)
    read_carried(reader, entry);
  if ((flags & flag_contents) != 0)
    entry.contents = read_contents(reader);
}

} // namespace

bool may_tell_of_chains(std::size_t sealed_bytes) {
  return sealed_bytes
         >= crypto::sealed_overhead_bytes + shortest_bytes + anchor_bytes;
}

bytes encode_audit_entry(const audit_entry& entry) {
  bytes out;
  out.reserve(128 + entry.targets.size() * 16
              + entry.effects.size() * effect_bytes);
  byte_writer writer{out};
  writer.u8(entry_version);
  writer.u8(flags_of(entry));
  writer.i64(entry.at.milliseconds);
  writer.raw(entry.request);
  writer.u8(static_cast<std::uint8_t>(entry.principal));
  writer.raw(entry.key);
  writer.u8(static_cast<std::uint8_t>(entry.what));
  writer.u8(static_cast<std::uint8_t>(entry.outcome));
  writer.raw(entry.scope);
  writer.u32(entry.count);
  writer.string(entry.reason);
  writer.u32(static_cast<std::uint32_t>(entry.targets.size()));
  for (const auto& id : entry.targets)
    writer.raw(id.octets);
  if (!entry.effects.empty()) {
    writer.u32(static_cast<std::uint32_t>(entry.effects.size()));
    for (const auto& effect : entry.effects) {
      writer.u8(static_cast<std::uint8_t>(effect.which));
      writer.u64(effect.sequence);
      writer.u32(effect.revision);
      writer.raw(effect.tag);
    }
  }
  if (entry.anchor) {
    writer.raw(entry.anchor->child);
    writer.u64(entry.anchor->length);
    writer.raw(entry.anchor->head);
  }
  if (entry.wanted)
    writer.raw(*entry.wanted);
  if (!entry.narrowings.empty()) {
    writer.u8(static_cast<std::uint8_t>(entry.narrowings.size()));
    for (const auto& digest : entry.narrowings)
      writer.raw(digest);
  }
  if (entry.ended)
    writer.raw(*entry.ended);
  if (entry.refused) {
    writer.raw(entry.refused->name);
    writer.u32(entry.refused->incarnation);
  }
  if (!entry.carried.empty()) {
    writer.u32(static_cast<std::uint32_t>(entry.carried.size()));
    for (const auto& each : entry.carried) {
      writer.u64(each.index);
      writer.string(each.entry);
    }
  }
  if (entry.contents)
    write_contents(writer, *entry.contents);
  return out;
}

result<audit_entry> decode_audit_entry(bytes_view data) {
  error malformed{errc::corrupted, "an audit entry is malformed"};
  byte_reader reader{data};
  if (reader.u8() != entry_version)
    return malformed;
  auto flags = reader.u8();
  audit_entry entry;
  entry.at = {reader.i64()};
  entry.request = reader.array<16>();
  entry.principal = static_cast<principal_kind>(reader.u8());
  entry.key = reader.array<15>();
  entry.what = static_cast<operation>(reader.u8());
  entry.outcome = static_cast<errc>(reader.u8());
  entry.scope = reader.array<16>();
  entry.count = reader.u32();
  entry.reason = reader.string();
  auto targets = reader.u32();
  if (reader.rest().size() / 16 < targets)
    return malformed;
  for (std::uint32_t i = 0; i < targets; ++i)
    entry.targets.push_back({reader.array<16>()});
  read_optional_parts(reader, flags, entry);
  if (!reader.complete())
    return malformed;
  return entry;
}

result<void> visit_told(
  const audit_entry& entry, std::uint64_t index,
  const std::function<void(const audit_entry&, std::uint64_t)>& visit) {
  for (const auto& each : entry.carried) {
    auto known = decode_audit_entry(each.entry);
    if (known.has_error())
      return known.error();
    visit(*known, each.index);
  }
  visit(entry, index);
  return {};
}

audit_entry entry_for(const authority& who, operation what,
                      const request_id& request, timestamp at) {
  audit_entry entry;
  entry.at = at;
  entry.request = request;
  entry.principal = who.kind;
  entry.key = who.id;
  entry.what = what;
  entry.narrowings = who.narrowings;
  return entry;
}

} // namespace cloister::auth
