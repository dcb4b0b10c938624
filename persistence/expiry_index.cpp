// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "persistence/expiry_index.hpp"

#include "crypto/aead.hpp"
#include "crypto/hash.hpp"
#include "persistence/catalog.hpp"

namespace cloister::persistence {

namespace {

constexpr std::uint8_t entry_version = 1;
constexpr std::int64_t hour_milliseconds = 3'600'000;

result<expiry_entry> decode(bytes_view plain) {
  byte_reader reader{plain};
  expiry_entry entry;
  auto version = reader.u8();
  entry.at = {reader.i64()};
  entry.sequence = reader.u64();
  entry.organization = reader.array<16>();
  auto count = reader.u8();
  for (int i = 0; i < count; ++i)
    entry.tags.push_back(reader.array<16>());
  if (version != entry_version || !reader.complete())
    return error{errc::corrupted, "an expiry entry is malformed"};
  return entry;
}

/// A year and some: how far back is looked where the watermark was lost.
constexpr std::int64_t lookback_milliseconds
  = std::int64_t{400} * 24 * hour_milliseconds;

} // namespace

timestamp start_of_hour(timestamp at) {
  return {at.milliseconds / hour_milliseconds * hour_milliseconds};
}

timestamp next_hour(timestamp at) {
  return {start_of_hour(at).milliseconds + hour_milliseconds};
}

timestamp hour_before(timestamp at) {
  return {start_of_hour(at).milliseconds - hour_milliseconds};
}

expiry_index::expiry_index(std::shared_ptr<const node_identity> node,
                           const store& records)
  : node_(std::move(node)), records_(records) {}

bytes expiry_index::hour_prefix(timestamp at) const {
  bytes hour;
  byte_writer{hour}.i64(at.milliseconds / hour_milliseconds);
  auto hash = crypto::keyed_short_hash(node_->keys.fingerprint, {"hour", hour});
  return bytes{view_of(hash).substr(0, 8)};
}

storage_key expiry_index::key_of(const scope_identity& owner,
                                 std::uint64_t sequence, timestamp at) const {
  bytes numbers;
  byte_writer writer{numbers};
  writer.u64(sequence);
  writer.i64(at.milliseconds);
  auto hash = crypto::keyed_short_hash(node_->keys.fingerprint,
                                       {"expiry", view_of(owner.tag), numbers});
  auto rest = hour_prefix(at);
  rest.append(view_of(hash).substr(0, 8));
  return node_->space().key(record_kind::expiry, rest);
}

void expiry_index::add(write_batch& batch, const scope_identity& owner,
                       std::uint64_t sequence, timestamp at) const {
  auto key = key_of(owner, sequence, at);
  auto tags = tags_of(owner);
  bytes plain;
  byte_writer writer{plain};
  writer.u8(entry_version);
  writer.i64(at.milliseconds);
  writer.u64(sequence);
  writer.raw(owner.root().tag);
  writer.u8(static_cast<std::uint8_t>(tags.size()));
  for (const auto& tag : tags)
    writer.raw(tag);
  batch.put(key, crypto::seal(node_->keys.control, 0, key.view(), plain));
}

void expiry_index::remove(write_batch& batch, const scope_identity& owner,
                          std::uint64_t sequence, timestamp at) const {
  batch.erase(key_of(owner, sequence, at));
}

void expiry_index::remove(write_batch& batch, bytes_view rest) const {
  batch.erase(node_->space().key(record_kind::expiry, rest));
}

result<timestamp> expiry_index::watermark(timestamp now) const {
  auto key = node_->space().key(record_kind::watermark);
  auto sealed = records_.get(key);
  if (sealed.has_error())
    return sealed.error();
  if (!*sealed) // Every store had one: what it said is lost.
    return timestamp{start_of_hour(now).milliseconds - lookback_milliseconds};
  auto plain = crypto::open(node_->keys.control, key.view(), **sealed);
  if (plain.has_error())
    return plain.error();
  byte_reader reader{*plain};
  auto version = reader.u8();
  auto at = timestamp{reader.i64()};
  if (version != entry_version || !reader.complete())
    return error{errc::corrupted, "the expiry watermark is malformed"};
  return at;
}

void expiry_index::set_watermark(write_batch& batch, timestamp at) const {
  auto key = node_->space().key(record_kind::watermark);
  bytes plain;
  byte_writer writer{plain};
  writer.u8(entry_version);
  writer.i64(at.milliseconds);
  batch.put(key, crypto::seal(node_->keys.control, 0, key.view(), plain));
}

result<std::vector<expiry_entry>> expiry_index::in_hour_of(timestamp at) const {
  auto prefix = node_->space().range(record_kind::expiry) + hour_prefix(at);
  std::vector<expiry_entry> out;
  auto done = records_.scan(prefix, {}, [&](bytes_view key, bytes_view value) {
    auto plain = crypto::open(node_->keys.control, key, value);
    auto entry = plain ? decode(*plain) : plain.error();
    if (entry.has_error())
      return true;
    entry->rest = bytes{rest_of(key)};
    out.push_back(std::move(*entry));
    return out.size() < at_once_max;
  });
  if (done.has_error())
    return done.error();
  return out;
}

} // namespace cloister::persistence
