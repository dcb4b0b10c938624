// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "engine/scope_repairer.hpp"

#include <map>
#include <set>

#include "core/encoding.hpp"
#include "core/limits.hpp"
#include "core/rfc3339.hpp"
#include "crypto/aead.hpp"
#include "engine/chain_start.hpp"
#include "engine/examiner.hpp"
#include "engine/key_ring.hpp"
#include "engine/ledger.hpp"
#include "engine/lost_scopes.hpp"
#include "engine/revocation_reason.hpp"
#include "engine/scope_engine.hpp"
#include "engine/stored_records.hpp"
#include "engine/surviving_chain.hpp"
#include "persistence/copy_notes.hpp"
#include "persistence/organization_ends.hpp"
#include "persistence/record_codec.hpp"

namespace cloister::engine {

using persistence::identity_ptr;
using persistence::record_kind;

bool may_be_older(const persistence::store& records,
                  const ledger_context& context) {
  const auto& damage = records.damage();
  return damage
         && damage->may_hide(context.space.key(record_kind::head).view());
}

namespace {

/// Repairs one scope, or the node, whose records are in `context.space`.
class scope_repairer {
public:
  scope_repairer(const services& with, persistence::store& records,
                 ledger_context context, std::string name,
                 identity_ptr identity, repair_report& report)
    : with_(with),
      records_(records),
      context_(context),
      name_(std::move(name)),
      identity_(std::move(identity)),
      report_(report) {}

  result<void> repair() {
    auto old = read_head(context_, records_);
    if (old)
      head_ = *old;
    if (auto done = chain_.read(with_, context_, old ? old->audit_length : 0);
        done.has_error())
      return done;
    // Without its head, or where that may be an older one, nobody knows how
    // much of the chain's end is missing.
    if (old.has_error() || may_be_older(records_, context_))
      chain_.note_gap(1);
    head_.contents = {};
    head_.memory_count = 0;
    head_.content_bytes = 0;
    if (identity_ != nullptr)
      if (auto done = keep_proven_memories(); done.has_error())
        return done;
    auto listed = old ? old->registry.count : 0;
    if (auto done = keep_registry(); done.has_error())
      return done;
    if (!old)
      lost("its head was gone; what else is missing cannot be told");
    else if (head_.registry.count < listed)
      lost(std::to_string(listed - head_.registry.count)
           + " scopes or keys of its list are gone, with all below them");
    head_.next_sequence
      = std::max(head_.next_sequence, chain_.last_sequence() + 1);
    join_chain();
    if (auto done = write(); done.has_error())
      return done;
    report_.recovered.push_back(
      name_ + ": " + std::to_string(head_.memory_count) + " memories and "
      + std::to_string(chain_.links().size()) + " audit entries verify"
      + (chain_.missing() > 0 ? "; " + std::to_string(chain_.missing())
                                  + " audit entries are missing"
                              : ""));
    return {};
  }

private:
  void lost(std::string what) {
    ++lost_count_;
    report_.lost.push_back(name_ + ": " + std::move(what));
  }

  // -- memories --

  result<void> keep_proven_memories() {
    auto seen
      = scan(record_kind::memory, [this](bytes_view key, bytes_view sealed) {
          return is_proven(key, sealed);
        });
    if (seen.has_error())
      return seen;
    std::uint32_t gone = 0;
    timestamp newest{0};
    for (const auto& [sequence, known] : chain_.live()) {
      if (kept_.contains(sequence) || named_lost_.contains(sequence))
        continue;
      ++gone;
      newest = std::max(newest, known.at);
    }
    if (gone > 0) {
      lost(std::to_string(gone) + (gone == 1 ? " memory is" : " memories are")
           + " gone, last changed by " + to_rfc3339(newest));
      lost_count_ += gone - 1;
    }
    auto revisions
      = scan(record_kind::revision, [this](bytes_view key, bytes_view sealed) {
          return is_old_revision(key, sealed);
        });
    if (revisions.has_error())
      return revisions;
    // It may have words of what is not kept.
    auto checkpoint
      = records_.scan(context_.space.range(record_kind::checkpoint), {},
                      [this](bytes_view key, bytes_view) {
                        batch_->erase(context_.space.key(
                          record_kind::checkpoint, persistence::rest_of(key)));
                        return true;
                      });
    if (checkpoint.has_error() && checkpoint.error().code != errc::corrupted)
      return checkpoint;
    return scan(record_kind::idempotency,
                [this](bytes_view key, bytes_view sealed) {
                  auto plain = open_record(*identity_, key, sealed);
                  return plain && decode_idempotency(*plain);
                });
  }

  /// Keeps the records that `verdict` approves and removes the others.
  result<void>
  scan(record_kind kind,
       const std::function<bool(bytes_view, bytes_view)>& verdict) {
    std::vector<bytes> removed;
    auto done = records_.scan(
      context_.space.range(kind), {}, [&](bytes_view key, bytes_view sealed) {
        if (verdict(key, sealed))
          head_.contents.add(*context_.fingerprint, key,
                             crypto::tag_of(sealed));
        else
          removed.emplace_back(persistence::rest_of(key));
        return true;
      });
    for (const auto& rest : removed)
      batch_->erase(context_.space.key(kind, rest));
    return done;
  }

  bool is_proven(bytes_view key, bytes_view sealed) {
    auto sequence = byte_reader{persistence::rest_of(key)}.u64();
    auto record = open_record(*identity_, key, sealed);
    auto summary
      = record ? persistence::decode_summary(*record) : record.error();
    named_lost_.insert(sequence);
    if (summary.has_error()) {
      lost("the memory with sequence " + std::to_string(sequence)
           + " is damaged");
      return false;
    }
    auto id = summary->id.to_string();
    auto known = chain_.live().find(sequence);
    if (known == chain_.live().end()) {
      // Erased, and back only because the database was rebuilt; or its entry
      // is among the missing ones.
      if (chain_.missing() > 0)
        lost("memory " + id + " cannot be proven");
      return false;
    }
    auto tag = byte_reader{crypto::tag_of(sealed)}.array<16>();
    if (tag != known->second.tag) {
      lost("memory " + id + " is there in an old state only");
      return false;
    }
    if (!known->second.proven) {
      lost("memory " + id + " cannot be proven to be the newest state");
      return false;
    }
    kept_.emplace(sequence, summary->revision);
    // Where it came from is found by notes that may be lost.
    auto whole = persistence::decode_memory(*record);
    if (whole && whole->origin)
      persistence::note_copies(*identity_, whole->origin->path, *batch_);
    ++head_.memory_count;
    head_.content_bytes += record->size();
    return true;
  }

  bool is_old_revision(bytes_view key, bytes_view sealed) const {
    byte_reader rest{persistence::rest_of(key)};
    auto sequence = rest.u64();
    auto revision = rest.u32();
    auto owner = kept_.find(sequence);
    return owner != kept_.end() && revision < owner->second
           && open_record(*identity_, key, sealed);
  }

  // -- the registry --

  /// Keeps what opens; a key that the trail says was revoked stays revoked.
  result<void> keep_registry() {
    head_.registry = {};
    for (auto kind :
         {record_kind::child, record_kind::tombstone, record_kind::api_key,
          record_kind::secrets, record_kind::settings, record_kind::disabled}) {
      std::vector<bytes> removed;
      auto done = records_.scan(
        context_.space.range(kind), {}, [&](bytes_view key, bytes_view sealed) {
          auto plain = crypto::open(*context_.control, key, sealed);
          if (plain.has_error()) {
            lost("an entry of its list of scopes and keys is damaged");
            removed.emplace_back(persistence::rest_of(key));
            return true;
          }
          if (kind == record_kind::child && !has_key(key)) {
            removed.emplace_back(persistence::rest_of(key));
            return true;
          }
          if (kind == record_kind::tombstone && !is_newest_tombstone(key)) {
            removed.emplace_back(persistence::rest_of(key));
            return true;
          }
          if (kind == record_kind::disabled) {
            disable_again(key);
            return true;
          }
          if (kind != record_kind::api_key || !revoke_again(key, *plain))
            head_.registry.add(*context_.fingerprint, key,
                               crypto::tag_of(sealed));
          return true;
        });
      if (done.has_error())
        return done;
      for (const auto& rest : removed)
        batch_->erase(context_.space.key(kind, rest));
    }
    refuse_again();
    return {};
  }

  /// It may have been kept since, and its record have come back: there is time
  /// to keep it once more.
  void disable_again(bytes_view stored_key) {
    auto tag = byte_reader{persistence::rest_of(stored_key)}.array<16>();
    auto now = with_.time->now();
    auto sealed = persistence::seal_disabled(
      with_.catalog.node(), tag,
      {now, now + limits::organization_erasure_delay_default});
    auto key = context_.space.key(record_kind::disabled, view_of(tag));
    head_.registry.add(*context_.fingerprint, key.view(),
                       crypto::tag_of(sealed));
    batch_->put(key, std::move(sealed));
  }

  /// Whether a child still has its key. What came back after it was erased has
  /// not; and what is being erased is gone on with by its own record.
  bool has_key(bytes_view key) const {
    auto tag = byte_reader{persistence::rest_of(key)}.array<16>();
    auto entry = with_.catalog.entry_of(identity_, tag);
    if (entry.has_error() || !*entry || is_being_erased(with_, tag))
      return true;
    auto owns = with_.catalog.owns_slot(tag, (*entry)->slot);
    return owns.has_error() || *owns;
  }

  /// Whether a tombstone says what the trail says last; notes that it is there.
  bool is_newest_tombstone(bytes_view key) {
    auto name = byte_reader{persistence::rest_of(key)}.array<16>();
    auto known = chain_.former().find(name);
    auto newest
      = known == chain_.former().end()
        || with_.catalog.is_tombstone_of(
          identity_, context_.space.key(record_kind::tombstone, view_of(name)),
          known->second.incarnation, known->second.refused);
    if (newest)
      tombstones_.insert(name);
    return newest;
  }

  /// Tombstones that were lost, by what the trail says.
  void refuse_again() {
    for (const auto& [name, known] : chain_.former()) {
      if (tombstones_.contains(name))
        continue;
      auto key = context_.space.key(record_kind::tombstone, view_of(name));
      auto sealed = with_.catalog.tombstone_of(identity_, key,
                                               {{},
                                                name,
                                                known.incarnation,
                                                known.refused,
                                                known.at,
                                                known.with_copies});
      head_.registry.add(*context_.fingerprint, key.view(),
                         crypto::tag_of(sealed));
      batch_->put(key, std::move(sealed));
      lost(
        "the tombstone of a name that was erased, or an older one was there; "
        "it was made again");
    }
  }

  /// Whether a key had to be revoked again, or is revoked because its state
  /// cannot be proven.
  bool revoke_again(bytes_view stored_key, bytes_view plain) {
    auto record = auth::decode_key_record(plain);
    if (record.has_error() || record->revoked_at)
      return false;
    auto id = auth::to_string(record->id);
    if (chain_.revocations().contains(id) || chain_.missing() > 0)
      record->revoked_at = with_.time->now();
    else if (!revoke_narrowings_again(*record))
      return false;
    auto key = context_.space.key(record_kind::api_key,
                                  persistence::rest_of(stored_key));
    auto sealed = crypto::seal(*context_.control, 0, key.view(),
                               auth::encode_key_record(*record));
    head_.registry.add(*context_.fingerprint, key.view(),
                       crypto::tag_of(sealed));
    batch_->put(key, std::move(sealed));
    if (chain_.missing() > 0)
      lost(
        "key " + id
        + " is revoked, since a revocation may be among the missing entries; "
          "a new one is made without an API key by `cloister key create "
          "--scope "
        + name_ + " --permissions …`");
    return true;
  }

  /// Whether keys narrowed from this one had to be revoked again.
  bool revoke_narrowings_again(auth::key_record& record) {
    auto before = auth::to_string(record.id) + '/';
    auto& revoked = record.revoked_narrowings;
    bool added = false;
    const auto& all = chain_.revocations();
    for (auto each = all.lower_bound(before);
         each != all.end() && each->starts_with(before); ++each) {
      auto again = revoked_narrowing_in(*each);
      if (!again || record.has_revoked({again->name})
          || (again->expires_at && *again->expires_at <= with_.time->now()))
        continue;
      revoked.push_back(*again);
      added = true;
    }
    if (revoked.size() <= limits::revoked_narrowings_max)
      return added;
    revoked.clear();
    record.revoked_at = with_.time->now();
    lost("key " + auth::to_string(record.id)
         + " is revoked, since too many that were narrowed from it were");
    return true;
  }

  // -- writing --

  /// Puts the surviving entries one behind the other again.
  void join_chain() {
    auto begin = verifier_from(context_, chain_.stub());
    head_.audit_length = begin.length();
    head_.audit_head = begin.head();
    for (auto index : chain_.stale())
      batch_->erase(context_.space.key(record_kind::audit_entry, index));
    if (!chain_.stub())
      drop_stub();
    for (const auto& link : chain_.links()) {
      auto key
        = context_.space.key(record_kind::audit_entry, head_.audit_length);
      if (link.index != head_.audit_length || link.previous != head_.audit_head)
        batch_->put(key, auth::encode_link(head_.audit_head, link.sealed));
      head_.audit_head
        = auth::next_head(head_.audit_head, head_.audit_length, link.sealed);
      ++head_.audit_length;
    }
    for (auto index = head_.audit_length; index < chain_.end(); ++index)
      batch_->erase(context_.space.key(record_kind::audit_entry, index));
  }

  /// One that is not genuine: what it stood for counts as missing.
  void drop_stub() {
    static_cast<void>(
      records_.scan(context_.space.range(record_kind::audit_stub), {},
                    [this](bytes_view key, bytes_view) {
                      batch_->erase(context_.space.key(
                        record_kind::audit_stub, persistence::rest_of(key)));
                      return true;
                    }));
  }

  /// Chains below whose anchor was lost get a new one, or `audit verify` would
  /// name them for ever. That they had one is what the parent's list says.
  void anchor_children(ledger& book) {
    static_cast<void>(with_.catalog.children(identity_, [&](auto child) {
      if (!child || chain_.anchored().contains((*child)->pseudonym))
        return true;
      auth::audit_entry entry;
      entry.at = with_.time->now();
      entry.request = auth::make_request_id();
      entry.principal = auth::principal_kind::operator_;
      entry.what = auth::operation::repair;
      entry.reason = "the anchor of a chain below was lost";
      entry.anchor = auth::audit_anchor{
        (*child)->pseudonym, 0, auth::first_head(view_of((*child)->tag))};
      book.close(*batch_, &entry);
      return true;
    }));
  }

  /// Chains below that were begun, and are gone without an end, get one: else
  /// `audit verify` would miss them for ever.
  result<void> end_missing_chains(ledger& book) {
    auto missing = chain_.without_end();
    auto listed = with_.catalog.children(identity_, [&](auto child) {
      if (child)
        missing.erase(auth::first_head(view_of((*child)->tag)));
      return true;
    });
    if (listed.has_error() && listed.error().code != errc::corrupted)
      return listed;
    if (missing.empty() || identity_ == nullptr)
      return {};
    lost_scopes gone{with_, identity_, *batch_, book};
    auto done = gone.end(std::move(missing));
    for (auto entries : gone.entries_left())
      lost("a scope below, of which " + std::to_string(entries)
           + " audit entries are left");
    return done;
  }

  result<void> write() {
    ledger book{context_, head_, with_.journal};
    auth::audit_entry entry;
    entry.at = with_.time->now();
    entry.request = auth::make_request_id();
    entry.principal = auth::principal_kind::operator_;
    entry.what = auth::operation::repair;
    entry.count = lost_count_;
    anchor_children(book);
    if (auto done = end_missing_chains(book); done.has_error())
      return done;
    entry.reason = std::to_string(chain_.missing()) + " audit entries missing, "
                   + std::to_string(lost_count_) + " losses";
    book.close(*batch_, &entry);
    std::vector<std::shared_ptr<persistence::write_batch>> batches{batch_};
    return records_.write(batches);
  }

  const services& with_;
  persistence::store& records_;
  ledger_context context_;
  std::string name_;
  /// None for the node itself.
  identity_ptr identity_;
  repair_report& report_;
  persistence::scope_head head_;
  surviving_chain chain_;
  std::uint32_t lost_count_ = 0;
  std::map<std::uint64_t, std::uint32_t> kept_;
  std::set<std::uint64_t> named_lost_;
  std::set<std::array<std::uint8_t, 16>> tombstones_;
  std::shared_ptr<persistence::write_batch> batch_
    = std::make_shared<persistence::write_batch>();
};

} // namespace

result<void> repair_scope(const services& with, persistence::store& records,
                          const ledger_context& context,
                          const std::string& name, const identity_ptr& identity,
                          repair_report& report) {
  return scope_repairer{with, records, context, name, identity, report}
    .repair();
}

} // namespace cloister::engine
