// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "engine/index_checkpoint.hpp"

#include "core/encoding.hpp"
#include "crypto/aead.hpp"
#include "crypto/random.hpp"
#include "engine/stored_records.hpp"
#include "search/index_codec.hpp"

namespace cloister::engine {

using persistence::record_kind;

namespace {

constexpr std::uint8_t checkpoint_version = 1;
/// About the size of LevelDB's blocks times sixteen: neither many records nor
/// large ones.
constexpr std::size_t part_bytes = 64 * 1024;
/// An index takes less space than its memory; the list of documents is small.
constexpr std::uint64_t parts_max
  = 2 * limits::checkpointed_index_bytes_max / part_bytes;
constexpr std::size_t id_bytes = 16;

std::optional<index_checkpoint> decode(bytes_view data, std::uint64_t parts) {
  byte_reader reader{data};
  if (reader.u8() != checkpoint_version || reader.u64() != parts)
    return std::nullopt;
  std::vector<checkpoint_document> documents(reader.u32());
  if (reader.rest().size() < documents.size())
    return std::nullopt;
  for (auto& each : documents) {
    each.sequence = reader.u64();
    each.revision = reader.u32();
  }
  auto index = search::decode_index(reader.rest());
  if (index.has_error() || index->rows() != documents.size())
    return std::nullopt;
  return index_checkpoint{std::move(documents), std::move(*index)};
}

} // namespace

std::uint64_t put_checkpoint(const persistence::scope_identity& identity,
                             const memory_table& memories,
                             persistence::write_batch& batch) {
  auto index = search::encode_index(memories.index());
  bytes documents;
  byte_writer document_writer{documents};
  for (std::uint32_t row = 0; row < memories.index().rows(); ++row) {
    document_writer.u64(memories.at(row).sequence);
    document_writer.u32(memories.at(row).revision);
  }
  constexpr std::size_t header_bytes = 1 + 8 + 4;
  auto size = header_bytes + documents.size() + index.size();
  auto parts = (size + part_bytes - 1) / part_bytes;
  bytes whole;
  whole.reserve(size);
  byte_writer writer{whole};
  writer.u8(checkpoint_version);
  writer.u64(parts);
  writer.u32(static_cast<std::uint32_t>(memories.index().rows()));
  writer.raw(documents);
  writer.raw(index);
  auto id = crypto::random_array<id_bytes>();
  for (std::uint64_t i = 0; i < parts; ++i) {
    bytes part;
    byte_writer part_writer{part};
    part_writer.raw(id);
    part_writer.raw(bytes_view{whole}.substr(i * part_bytes, part_bytes));
    auto key = identity.space().key(record_kind::checkpoint, i);
    batch.put(key, seal_record(identity, key, part));
  }
  return parts;
}

void erase_checkpoint(const persistence::scope_identity& identity,
                      std::uint64_t parts, persistence::write_batch& batch) {
  for (std::uint64_t i = 0; i < parts; ++i)
    batch.erase(identity.space().key(record_kind::checkpoint, i));
}

found_checkpoint read_checkpoint(const persistence::store& records,
                                 const persistence::scope_identity& identity) {
  found_checkpoint out;
  bytes whole;
  bytes id;
  bool intact = true;
  auto done
    = records.scan(identity.space().range(record_kind::checkpoint), {},
                   [&](bytes_view key, bytes_view sealed) {
                     auto number = byte_reader{persistence::rest_of(key)}.u64();
                     intact = intact && number == out.parts;
                     out.parts = number + 1;
                     auto part = intact
                                   ? open_record(identity, key, sealed)
                                   : result<bytes>{error{errc::corrupted, {}}};
                     intact = intact && part && part->size() > id_bytes;
                     if (!intact)
                       return true;
                     if (id.empty())
                       id = part->substr(0, id_bytes);
                     intact = bytes_view{*part}.substr(0, id_bytes) == id;
                     whole.append(bytes_view{*part}.substr(id_bytes));
                     return true;
                   });
  // Where not all could be looked at, there may be as many as there can be.
  if (done.has_error())
    out.parts = parts_max;
  if (done && intact && out.parts > 0)
    out.whole = decode(whole, out.parts);
  return out;
}

} // namespace cloister::engine
