// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "runtime/audit_export.hpp"

#include <map>

#include <boost/json.hpp>

#include "auth/audit_chain.hpp"
#include "auth/audit_stub.hpp"
#include "core/encoding.hpp"
#include "core/rfc3339.hpp"
#include "runtime/export_lines.hpp"
#include "runtime/signing.hpp"

namespace cloister {

namespace {

namespace json = boost::json;

error no_export() {
  return {errc::invalid_argument, "this is not an export as `cloister audit "
                                  "export` writes it, or its end is missing"};
}

bytes signed_text(std::uint64_t lines, const crypto::digest& digest) {
  bytes out;
  byte_writer writer{out};
  writer.string("cloister audit export 1");
  writer.u64(lines);
  writer.raw(digest);
  return out;
}

template <std::size_t N>
std::optional<std::array<std::uint8_t, N>> hex_of(const json::object& from,
                                                  std::string_view name) {
  auto found = from.if_contains(name);
  auto data = found && found->is_string()
                ? from_hex(std::string_view{found->get_string()})
                : std::nullopt;
  if (!data || data->size() != N)
    return std::nullopt;
  return byte_reader{*data}.array<N>();
}

std::optional<std::uint64_t> number_of(const json::object& from,
                                       std::string_view name) {
  auto found = from.if_contains(name);
  boost::system::error_code failed;
  auto number = found ? found->to_number<std::uint64_t>(failed) : 0;
  if (found == nullptr || failed)
    return std::nullopt;
  return number;
}

std::string text_of(const json::object& from, std::string_view name) {
  auto found = from.if_contains(name);
  return found && found->is_string() ? std::string{found->get_string()}
                                     : std::string{};
}

json::object to_object(const audit_checkpoint& checkpoint) {
  json::array chains;
  for (const auto& chain : checkpoint.chains)
    chains.push_back(json::object{
      {"tag", chain.tag}, {"length", chain.length}, {"head", chain.head}});
  return {{"made_at", to_rfc3339(checkpoint.made_at)},
          {"root", checkpoint.root},
          {"chains", std::move(chains)},
          {"public_key", checkpoint.public_key},
          {"signature", checkpoint.signature}};
}

std::optional<audit_checkpoint> to_checkpoint(const json::object& from) {
  audit_checkpoint out;
  auto made_at = parse_rfc3339(text_of(from, "made_at"));
  auto chains = from.if_contains("chains");
  if (made_at.has_error() || chains == nullptr || !chains->is_array())
    return std::nullopt;
  out.made_at = *made_at;
  out.root = text_of(from, "root");
  out.public_key = text_of(from, "public_key");
  out.signature = text_of(from, "signature");
  for (const auto& each : chains->get_array()) {
    auto chain = each.if_object();
    auto length
      = chain ? number_of(*chain, "length") : std::optional<std::uint64_t>{};
    if (!length)
      return std::nullopt;
    out.chains.push_back(
      {text_of(*chain, "tag"), *length, text_of(*chain, "head")});
  }
  return out;
}

std::optional<auth::audit_stub> to_stub(const json::object& line) {
  auto found = line.if_contains("stub");
  auto fields = found ? found->if_object() : nullptr;
  auto tag = hex_of<16>(line, "chain");
  auto proof = hex_of<64>(line, "signature");
  if (fields == nullptr || !tag || !proof)
    return std::nullopt;
  auto head = hex_of<32>(*fields, "head");
  auto from = number_of(*fields, "from");
  auto pruned = number_of(*fields, "pruned");
  auto at = parse_rfc3339(text_of(*fields, "at"));
  auto before = parse_rfc3339(text_of(*fields, "before"));
  if (!head || !from || !pruned || !at || !before)
    return std::nullopt;
  return auth::audit_stub{*tag, *from, *head, *pruned, *at, *before, *proof};
}

/// Follows the chains of an export, in whatever order they come.
class export_verifier {
public:
  explicit export_verifier(const std::optional<audit_checkpoint>& against) {
    if (against)
      for (const auto& end : against->chains)
        unmet_.emplace(end.tag, end);
  }

  /// False if it is no entry.
  bool take(const json::object& entry) {
    auto tag = hex_of<16>(entry, "chain");
    auto previous = hex_of<32>(entry, "previous");
    auto index = number_of(entry, "index");
    auto sealed = from_hex(text_of(entry, "sealed"));
    if (!tag || !previous || !index || !sealed)
      return false;
    auto name = to_hex(view_of(*tag));
    auto& chain = chains_.try_emplace(name, view_of(*tag)).first->second;
    ++report_.entries;
    if (chain.intact() && !chain.follow({*index, *previous, *sealed}))
      note_break(name, chain.length(),
                 "an entry is missing, altered or out of order");
    meet(name, chain);
    if (auto ended = entry.if_contains("ended"); ended && ended->is_object())
      note_ended(ended->get_object(), name, *index);
    note_carried(entry, name);
    return true;
  }

  /// What stands for pruned entries; false if it is not that.
  bool take_stub(const json::object& line) {
    auto stub = to_stub(line);
    if (!stub)
      return false;
    auto name = to_hex(view_of(stub->chain));
    auto [chain, fresh]
      = chains_.try_emplace(name, auth::verifier_behind(*stub));
    if (!fresh)
      note_break(name, chain->second.length(),
                 "entries follow that were pruned");
    stubs_.push_back(*stub);
    auto wanted = unmet_.find(name);
    if (wanted != unmet_.end() && wanted->second.length < stub->from) {
      unmet_.erase(wanted);
      ++passed_over_;
    }
    meet(name, chain->second);
    return true;
  }

  std::uint64_t passed_over() const {
    return passed_over_;
  }

  audit_verification finish(const audit_checkpoint& own,
                            const std::string& public_key) {
    for (const auto& stub : stubs_)
      if (!is_signed(stub, public_key))
        note_break(to_hex(view_of(stub.chain)), stub.from,
                   "what stands for pruned entries was signed by another key");
    report_.pruned = stubs_.size();
    for (const auto& end : own.chains)
      ends_[end.tag] = end;
    for (const auto& [tag, end] : ends_)
      if (!goes_to(end))
        note_break(tag, end.length,
                   "the chain does not go on to where the export says");
    for (const auto& [tag, end] : unmet_)
      if (end.length > 0)
        note_break(tag, end.length,
                   "it was another when the checkpoint was made, or longer");
    report_.chains = ends_.size();
    return std::move(report_);
  }

private:
  using end_of_chain = audit_checkpoint::chain;

  static bool is_at(const auth::chain_verifier& chain,
                    const end_of_chain& end) {
    return chain.intact() && chain.length() == end.length
           && to_hex(view_of(chain.head())) == end.head;
  }

  /// A chain without entries is where it begins.
  bool goes_to(const end_of_chain& end) const {
    auto found = chains_.find(end.tag);
    if (found != chains_.end())
      return is_at(found->second, end);
    auto tag = from_hex(end.tag);
    return tag && is_at(auth::chain_verifier{*tag}, end);
  }

  static bool is_signed(const auth::audit_stub& stub,
                        const std::string& public_key) {
    auto key = from_hex(public_key);
    return key && key->size() == crypto::public_key{}.size()
           && auth::is_signed_by(stub, byte_reader{*key}.array<32>());
  }

  /// Notices where a chain is as a checkpoint says.
  void meet(const std::string& name, const auth::chain_verifier& chain) {
    auto wanted = unmet_.find(name);
    if (wanted != unmet_.end() && is_at(chain, wanted->second))
      unmet_.erase(wanted);
  }

  void note_ended(const json::object& ended, const std::string& teller,
                  std::uint64_t index) {
    auto length = number_of(ended, "length");
    if (!length)
      return;
    auto tag = text_of(ended, "tag");
    auto [told, fresh] = told_by_.try_emplace(tag, teller, index);
    // What was taken over from pruned entries is told behind what is later.
    if (!fresh && told->second.first == teller && told->second.second > index)
      return;
    told->second = {teller, index};
    ends_[tag] = {tag, *length, text_of(ended, "head")};
  }

  void note_carried(const json::object& entry, const std::string& teller) {
    auto carried = entry.if_contains("carried");
    if (carried == nullptr || !carried->is_array())
      return;
    for (const auto& each : carried->get_array())
      if (auto object = each.if_object())
        if (auto index = number_of(*object, "index"))
          note_ended(*object, teller, *index);
  }

  void note_break(const std::string& tag, std::uint64_t at,
                  std::string_view reason) {
    if (!report_.intact)
      return;
    report_.intact = false;
    report_.first_broken = tag + '#' + std::to_string(at);
    report_.reason = reason;
  }

  std::map<std::string, auth::chain_verifier> chains_;
  /// Where each chain must end, by the entries and by the last line.
  std::map<std::string, end_of_chain> ends_;
  std::map<std::string, end_of_chain> unmet_;
  /// Which entry of which chain has told where one ends.
  std::map<std::string, std::pair<std::string, std::uint64_t>> told_by_;
  std::vector<auth::audit_stub> stubs_;
  std::uint64_t passed_over_ = 0;
  audit_verification report_;
};

/// The last line: what it signs must be what came before.
result<audit_checkpoint> check_last(const json::object& last,
                                    std::uint64_t lines,
                                    const crypto::digest& digest,
                                    const std::string& public_key) {
  auto told = hex_of<32>(last, "digest");
  auto count = number_of(last, "lines");
  auto found = last.if_contains("checkpoint");
  auto checkpoint = found && found->is_object()
                      ? to_checkpoint(found->get_object())
                      : std::nullopt;
  if (!told || !count || !checkpoint)
    return no_export();
  auto genuine
    = verify_signed(signed_text(*count, *told), text_of(last, "signature"),
                    public_key, "export");
  if (genuine.has_error())
    return genuine.error();
  if (*count != lines || *told != digest)
    return error{errc::corrupted, "lines of the export were changed, left away "
                                  "or added since it was signed"};
  if (auto own = verify_checkpoint(*checkpoint, public_key); own.has_error())
    return own.error();
  return *checkpoint;
}

} // namespace

crypto::digest next_digest(const crypto::digest& before, bytes_view line) {
  return crypto::hash({"cloister audit export", view_of(before), line});
}

namespace {

/// What an entry has taken over of ends, from entries that were pruned.
json::array carried_ends(const auth::audit_entry& entry) {
  json::array out;
  for (const auto& each : entry.carried) {
    auto what = auth::decode_audit_entry(each.entry);
    if (what.has_error() || !what->ended || !what->anchor
        || *what->ended == std::array<std::uint8_t, 16>{})
      continue;
    out.push_back(json::object{{"index", each.index},
                               {"tag", to_hex(view_of(*what->ended))},
                               {"length", what->anchor->length},
                               {"head", to_hex(view_of(what->anchor->head))}});
  }
  return out;
}

} // namespace

std::string stub_line(const auth::audit_stub& stub) {
  return json::serialize(
    json::object{{"chain", to_hex(view_of(stub.chain))},
                 {"stub", json::object{{"from", stub.from},
                                       {"head", to_hex(view_of(stub.head))},
                                       {"pruned", stub.pruned},
                                       {"at", to_rfc3339(stub.at)},
                                       {"before", to_rfc3339(stub.before)}}},
                 {"signature", to_hex(view_of(stub.proof))}});
}

std::string passed_over_text(std::uint64_t ends) {
  return " (but for " + std::to_string(ends)
         + (ends == 1 ? " chain, which was" : " chains, which were")
         + " pruned beyond it since)";
}

std::string export_line(const engine::exported_entry& entry,
                        const audit_record& record, const std::string& chain) {
  json::array targets;
  for (const auto& id : record.targets)
    targets.push_back(json::string{id.to_string()});
  json::array key_chain;
  for (const auto& step : record.key_chain)
    key_chain.push_back(json::string{step});
  json::object out{{"chain", chain},
                   {"index", record.index},
                   {"at", to_rfc3339(record.at)},
                   {"principal", record.principal},
                   {"key_id", record.key_id.empty()
                                ? json::value(nullptr)
                                : json::value(record.key_id)},
                   {"key_chain", std::move(key_chain)},
                   {"operation", record.operation},
                   {"outcome", record.outcome},
                   {"scope", record.scope},
                   {"reason", record.reason},
                   {"request_id", record.request_id},
                   {"targets", std::move(targets)},
                   {"count", record.count}};
  if (!record.child.empty())
    out["child"] = record.child;
  if (!record.target.empty())
    out["target"] = record.target;
  // One of which nothing is left, not even its tag, is only told of.
  constexpr std::array<std::uint8_t, 16> unknown{};
  if (const auto& what = entry.line.entry;
      what.ended && *what.ended != unknown && what.anchor)
    out["ended"] = json::object{{"tag", to_hex(view_of(*what.ended))},
                                {"length", what.anchor->length},
                                {"head", to_hex(view_of(what.anchor->head))}};
  if (auto carried = carried_ends(entry.line.entry); !carried.empty())
    out["carried"] = std::move(carried);
  out["previous"] = to_hex(view_of(entry.link.previous));
  out["sealed"] = to_hex(entry.link.sealed);
  return json::serialize(out);
}

std::string last_line(std::uint64_t lines, const crypto::digest& digest,
                      const audit_checkpoint& checkpoint,
                      const crypto::secret_key& seed) {
  return json::serialize(json::object{
    {"lines", lines},
    {"digest", to_hex(view_of(digest))},
    {"checkpoint", to_object(checkpoint)},
    {"public_key", public_key_of(seed)},
    {"signature", signature_of(signed_text(lines, digest), seed)}});
}

result<audit_verification>
verify_audit_export(const audit_line_source& lines,
                    const std::optional<std::string>& public_key,
                    const std::optional<audit_checkpoint>& against) {
  if (against && public_key)
    if (auto genuine = verify_checkpoint(*against, *public_key);
        genuine.has_error())
      return genuine.error();
  export_verifier verifier{against};
  crypto::digest digest{};
  std::uint64_t count = 0;
  while (auto line = lines()) {
    boost::system::error_code failed;
    auto document = json::parse(*line, failed);
    auto object = document.if_object();
    if (failed || object == nullptr)
      return no_export();
    if (!object->contains("checkpoint")) {
      auto taken = object->contains("stub") ? verifier.take_stub(*object)
                                            : verifier.take(*object);
      if (!taken)
        return no_export();
      digest = next_digest(digest, *line);
      ++count;
      continue;
    }
    auto brought = text_of(*object, "public_key");
    auto own = check_last(*object, count, digest, public_key.value_or(brought));
    if (own.has_error())
      return own.error();
    if (lines())
      return error{errc::corrupted, "there are lines behind the last one"};
    if (against && !public_key)
      if (auto genuine = verify_checkpoint(*against, brought);
          genuine.has_error())
        return genuine.error();
    auto report = verifier.finish(*own, public_key.value_or(brought));
    report.checked_against
      = (public_key ? "the given public key"
                    : "the public key that the export brings along")
        + std::string{", and the checkpoint in it of "}
        + to_rfc3339(own->made_at);
    if (against)
      report.checked_against
        += ", and the checkpoint of " + to_rfc3339(against->made_at);
    if (verifier.passed_over() > 0)
      report.checked_against += passed_over_text(verifier.passed_over());
    return report;
  }
  return no_export();
}

std::string to_json_text(const audit_checkpoint& checkpoint) {
  return json::serialize(to_object(checkpoint));
}

result<audit_checkpoint> parse_audit_checkpoint(std::string_view text) {
  boost::system::error_code failed;
  auto document = json::parse(text, failed);
  auto object = document.if_object();
  auto out = !failed && object ? to_checkpoint(*object) : std::nullopt;
  if (!out)
    return error{errc::invalid_argument,
                 "this is not a checkpoint as `cloister audit checkpoint` "
                 "prints it"};
  return *out;
}

} // namespace cloister
