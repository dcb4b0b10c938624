// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "core/limits.hpp"
#include "crypto/aead.hpp"
#include "engine/index_checkpoint.hpp"
#include "engine/scope_engine.hpp"
#include "engine/stored_records.hpp"
#include "persistence/organization_records.hpp"
#include "persistence/record_codec.hpp"

namespace cloister::engine {

using persistence::record_kind;

namespace {

indexing indexing_of(const persistence::scope_identity& identity) {
  return {identity.settings->search_language(),
          identity.name.kind() == scope_kind::session};
}

constexpr std::uint8_t idempotency_version = 1;

/// Reads the record kinds of one scope, one after the other, and adds up what
/// it finds, for comparison with the head.
class scope_loader {
public:
  scope_loader(const services& with,
               const persistence::scope_identity& identity)
    : with_(with),
      identity_(identity),
      space_(identity.space()),
      out_(new_scope(with, identity)) {}

  result<loaded_scope> load() {
    if (auto keys = with_.catalog.refresh_data_keys(identity_);
        keys.has_error())
      return keys.error();
    auto head = read_head(context_of(identity_), with_.records);
    if (head.has_error())
      return head.error();
    out_.head = *head;
    auto settings = persistence::settings_of(with_.records, identity_);
    if (settings.has_error())
      return settings.error();
    if (identity_.parent)
      out_.limits = settings->limits;
    else
      identity_.settings->become(*settings);
    out_.memories
      = memory_table{with_.content_cache_bytes, indexing_of(identity_)};
    using reader = result<void> (scope_loader::*)(bytes_view, bytes_view);
    auto checkpoint = read_checkpoint(with_.records, identity_);
    out_.checkpoint_parts = checkpoint.parts;
    if (checkpoint.whole
        && checkpoint.whole->index.in() == indexing_of(identity_).in)
      expect(std::move(*checkpoint.whole));
    std::vector<std::pair<record_kind, reader>> kinds{
      {record_kind::memory, &scope_loader::read_memory},
      {record_kind::revision, &scope_loader::read_revision},
      {record_kind::idempotency, &scope_loader::read_idempotency}};
    if (!identity_.parent)
      kinds.emplace_back(record_kind::api_key, &scope_loader::read_key);
    for (auto [kind, read] : kinds)
      if (auto done = scan(kind, read); done.has_error())
        return done.error();
    insert_rows();
    // What was read before a reopen and after it need not agree.
    if (with_.records.generation() != out_.generation)
      return error{errc::unavailable,
                   "the store was reopened meanwhile; try again",
                   limits::overload_retry_hint};
    if (found_ != out_.head.contents)
      return error{errc::corrupted,
                   "this scope has lost or regained records; run `cloister "
                   "doctor`"};
    if (auto done = check_last_link(); done.has_error())
      return done.error();
    return std::move(out_);
  }

private:
  result<void> scan(record_kind kind,
                    result<void> (scope_loader::*read)(bytes_view,
                                                       bytes_view)) {
    result<void> failure;
    auto done = with_.records.scan(space_.range(kind), {},
                                   [&](bytes_view key, bytes_view value) {
                                     failure = (this->*read)(key, value);
                                     return failure.has_value();
                                   });
    if (done.has_error())
      return done;
    return failure;
  }

  void count(bytes_view key, bytes_view sealed) {
    found_.add(identity_.keys.fingerprint, key, crypto::tag_of(sealed));
  }

  result<void> read_memory(bytes_view key, bytes_view sealed) {
    count(key, sealed);
    auto record = open_record(identity_, key, sealed);
    if (record.has_error())
      return record.error();
    auto summary = persistence::decode_summary(*record);
    if (summary.has_error())
      return summary.error();
    memory_row row{byte_reader{persistence::rest_of(key)}.u64(),
                   summary->id,
                   summary->expires_at ? summary->expires_at->milliseconds : 0,
                   summary->revision,
                   type_hash(summary->type),
                   tag_of(sealed),
                   {}};
    row.record = std::move(*record);
    auto place = places_.find(row.sequence);
    if (place == places_.end())
      rows_.push_back(std::move(row));
    else
      expected_[place->second] = std::move(row);
    if (!checkpoint_)
      insert_rows();
    return {};
  }

  /// Rows come by their sequence; a checkpoint's index has its own order.
  void expect(index_checkpoint checkpoint) {
    expected_.resize(checkpoint.documents.size());
    for (std::size_t i = 0; i < checkpoint.documents.size(); ++i)
      places_[checkpoint.documents[i].sequence] = i;
    checkpoint_ = std::move(checkpoint);
  }

  bool is_as_expected() const {
    for (std::size_t i = 0; i < expected_.size(); ++i)
      if (expected_[i].sequence != checkpoint_->documents[i].sequence
          || expected_[i].revision != checkpoint_->documents[i].revision)
        return false;
    return true;
  }

  /// Puts the rows that were read into the table.
  void insert_rows() {
    if (checkpoint_ && is_as_expected()) {
      out_.memories
        = memory_table{with_.content_cache_bytes, indexing_of(identity_),
                       std::move(checkpoint_->index)};
      out_.checkpoint_documents = expected_.size();
    }
    checkpoint_.reset();
    for (auto* rows : {&expected_, &rows_})
      for (auto& row : *rows) {
        if (row.sequence == 0)
          continue;
        out_.memories.insert(std::move(row));
        out_.memories.index_all();
        // A scope may be larger than what is kept of it.
        out_.memories.shrink_cache();
      }
    expected_.clear();
    rows_.clear();
    places_.clear();
  }

  result<void> read_revision(bytes_view key, bytes_view sealed) {
    count(key, sealed);
    byte_reader rest{persistence::rest_of(key)};
    auto sequence = rest.u64();
    auto revision = rest.u32();
    out_.history[sequence].push_back({revision, tag_of(sealed)});
    return {};
  }

  result<void> read_idempotency(bytes_view key, bytes_view sealed) {
    count(key, sealed);
    auto plain = open_record(identity_, key, sealed);
    if (plain.has_error())
      return plain.error();
    auto record = decode_idempotency(*plain);
    if (record.has_error())
      return record.error();
    record->tag = tag_of(sealed);
    out_.idempotency.emplace(std::string{persistence::rest_of(key)}, *record);
    return {};
  }

  result<void> read_key(bytes_view key, bytes_view sealed) {
    auto plain = crypto::open(identity_.keys.control, key, sealed);
    if (plain.has_error())
      return plain.error();
    auto record = auth::decode_key_record(*plain);
    if (record.has_error())
      return record.error();
    out_.keys.put(std::move(*record), tag_of(sealed));
    return {};
  }

  /// The chain must end as the head says. The whole chain is `audit verify`'s.
  result<void> check_last_link() {
    const auto& head = out_.head;
    if (head.audit_length == 0)
      return {};
    auto index = head.audit_length - 1;
    auto value = with_.records.get(space_.key(record_kind::audit_entry, index));
    if (value.has_error())
      return value.error();
    error broken{errc::corrupted, "the end of this scope's audit chain is "
                                  "missing or altered; run `cloister doctor`"};
    if (!*value)
      return broken;
    auto link = auth::decode_link(index, **value);
    if (link.has_error())
      return link.error();
    if (auth::next_head(link->previous, index, link->sealed) != head.audit_head)
      return broken;
    return {};
  }

  const services& with_;
  const persistence::scope_identity& identity_;
  persistence::key_space space_;
  loaded_scope out_;
  persistence::record_set found_;
  std::optional<index_checkpoint> checkpoint_;
  /// Where a memory is among the checkpoint's.
  std::unordered_map<std::uint64_t, std::size_t> places_;
  std::vector<memory_row> expected_;
  std::vector<memory_row> rows_;
};

} // namespace

bytes encode_idempotency(const idempotency_record& record) {
  bytes out;
  byte_writer writer{out};
  writer.u8(idempotency_version);
  writer.raw(record.id.octets);
  writer.raw(record.draft);
  writer.i64(record.expires_at.milliseconds);
  return out;
}

result<idempotency_record> decode_idempotency(bytes_view data) {
  byte_reader reader{data};
  auto version = reader.u8();
  idempotency_record record;
  record.id.octets = reader.array<16>();
  record.draft = reader.array<16>();
  record.expires_at = {reader.i64()};
  if (version != idempotency_version || !reader.complete())
    return error{errc::corrupted, "an idempotency record is malformed"};
  return record;
}

loaded_scope new_scope(const services& with,
                       const persistence::scope_identity& identity) {
  return {with.records.generation(),
          {},
          memory_table{with.content_cache_bytes, indexing_of(identity)},
          0,
          0,
          key_ring{with.revocations},
          {},
          {},
          {}};
}

result<loaded_scope> load_scope(const services& with,
                                const persistence::scope_identity& identity) {
  return scope_loader{with, identity}.load();
}

} // namespace cloister::engine
