// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "runtime/erasure_list.hpp"

#include <algorithm>

#include <boost/json.hpp>

#include "core/encoding.hpp"
#include "core/rfc3339.hpp"
#include "runtime/signing.hpp"

namespace cloister {

namespace json = boost::json;

namespace {

/// Lists from before copies were followed have none, and are signed as they
/// were: nobody turns a list into one of those.
bytes signed_text(const erasure_list& list) {
  auto tells_of_copies
    = std::any_of(list.entries.begin(), list.entries.end(),
                  [](const auto& each) { return each.with_copies; });
  bytes out;
  byte_writer writer{out};
  writer.string(tells_of_copies ? "cloister erasure list 2"
                                : "cloister erasure list 1");
  writer.string(list.store);
  writer.i64(list.made_at.milliseconds);
  for (const auto& each : list.entries) {
    writer.string(each.parent);
    writer.string(each.name);
    writer.u32(each.incarnation);
    writer.u8(each.refused ? 1 : 0);
    writer.i64(each.erased_at.milliseconds);
    if (tells_of_copies)
      writer.u8(each.with_copies ? 1 : 0);
  }
  return out;
}

std::string text_of(const json::object& from, std::string_view name) {
  auto found = from.if_contains(name);
  return found && found->is_string() ? std::string{found->get_string()}
                                     : std::string{};
}

std::optional<erasure_list::entry> to_entry(const json::value& from) {
  auto object = from.if_object();
  if (object == nullptr)
    return std::nullopt;
  erasure_list::entry out;
  out.parent = text_of(*object, "parent");
  out.name = text_of(*object, "name");
  auto state = text_of(*object, "state");
  out.refused = state == "refused";
  auto incarnation = object->if_contains("incarnation");
  boost::system::error_code failed;
  out.incarnation
    = incarnation ? incarnation->to_number<std::uint32_t>(failed) : 0;
  auto at = parse_rfc3339(text_of(*object, "erased_at"));
  auto is_tag = [](const std::string& text) {
    auto data = from_hex(text);
    return data && data->size() == 16;
  };
  if (failed || at.has_error() || !is_tag(out.parent) || !is_tag(out.name)
      || out.incarnation == 0 || (!out.refused && state != "reinstated"))
    return std::nullopt;
  out.erased_at = *at;
  auto with_copies = object->if_contains("with_copies");
  out.with_copies
    = with_copies && with_copies->is_bool() && with_copies->get_bool();
  return out;
}

} // namespace

void sign(erasure_list& list, const crypto::secret_key& seed) {
  list.public_key = public_key_of(seed);
  list.signature = signature_of(signed_text(list), seed);
}

result<void> verify_erasure_list(const erasure_list& list,
                                 std::string_view public_key) {
  return verify_signed(signed_text(list), list.signature, public_key,
                       "erasure list");
}

std::string to_json_text(const erasure_list& list) {
  json::array entries;
  for (const auto& each : list.entries) {
    json::object entry{{"parent", each.parent},
                       {"name", each.name},
                       {"incarnation", each.incarnation},
                       {"state", each.refused ? "refused" : "reinstated"},
                       {"erased_at", to_rfc3339(each.erased_at)}};
    if (each.with_copies)
      entry["with_copies"] = true;
    entries.push_back(std::move(entry));
  }
  return json::serialize(json::object{{"store", list.store},
                                      {"made_at", to_rfc3339(list.made_at)},
                                      {"erased", std::move(entries)},
                                      {"public_key", list.public_key},
                                      {"signature", list.signature}});
}

result<erasure_list> parse_erasure_list(std::string_view text) {
  error malformed{errc::invalid_argument,
                  "this is not an erasure list as `cloister scope erased "
                  "--export` writes it"};
  boost::system::error_code failed;
  auto document = json::parse(text, failed);
  auto object = failed ? nullptr : document.if_object();
  auto entries = object ? object->if_contains("erased") : nullptr;
  if (entries == nullptr || !entries->is_array())
    return malformed;
  erasure_list out;
  out.store = text_of(*object, "store");
  out.public_key = text_of(*object, "public_key");
  out.signature = text_of(*object, "signature");
  auto made_at = parse_rfc3339(text_of(*object, "made_at"));
  if (made_at.has_error())
    return malformed;
  out.made_at = *made_at;
  for (const auto& each : entries->get_array()) {
    auto entry = to_entry(each);
    if (!entry)
      return malformed;
    out.entries.push_back(std::move(*entry));
  }
  return out;
}

} // namespace cloister
