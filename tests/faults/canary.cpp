// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include <catch2/catch.hpp>

#include "core/encoding.hpp"
#include "tests/support/test_node.hpp"

using namespace cloister;
using namespace cloister::test;

namespace {

std::string base64(std::string_view data) {
  constexpr std::string_view digits
    = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  std::uint32_t buffer = 0;
  int bits = 0;
  for (auto c : data) {
    buffer = (buffer << 8) | static_cast<unsigned char>(c);
    for (bits += 8; bits >= 6;) {
      bits -= 6;
      out += digits[(buffer >> bits) & 63];
    }
  }
  return out;
}

/// A word and the forms in which it could leak. The cut ends make base64 match
/// at any alignment.
std::vector<std::string> forms_of(const std::string& word) {
  std::vector<std::string> out{word, word.substr(0, word.size() - 1),
                               to_hex(word)};
  for (std::size_t shift = 0; shift < 3; ++shift) {
    auto text = base64(word.substr(shift));
    out.push_back(text.substr(0, text.size() - 2));
  }
  return out;
}

const std::vector<std::string> canaries{
  "canarycontents",    "canaryupdates",   "canarymetadata",     "canary-type",
  "canaryuserid",      "canarymemorykey", "canaryorganization", "canarylabel",
  "canaryidempotency", "canaryquerywords"};

void sing(test_node& node) {
  auto runtime = node.open_or_fail();
  auto acme = runtime.organization("org_canaryorganization").value();
  auto key = acme
               .create_key({.root = "user_canaryuserid",
                            .permissions = permissions::all,
                            .label = "canarylabel"})
               .value();
  auto who = runtime.client(key.api_key).value();
  auto wanted = draft("canarycontents in a sentence");
  wanted.metadata = R"({"canarymetadata":"canarymetadata"})";
  wanted.memory_type = "canary-type";
  wanted.key = "canarymemorykey";
  wanted.idempotency_key = "canaryidempotency";
  wanted.expires_at = node.time->now() + std::chrono::hours{1};
  auto id = who.create_memory(wanted)->id;
  memory_patch patch;
  patch.content = "canaryupdates";
  who.update_memory(id, patch).value();
  who.search_memories({.query = "canaryquerywords"}).value();
  static_cast<void>(who.get_memory(memory_id{}));
  who.memory_history(id).value();
  gateway_of(runtime).compact_for_tests();
}

} // namespace

TEST_CASE("nothing of a tenant is on disk in the clear", "[faults]") {
  test_node node;
  // Index terms as well: every scope leaves a checkpoint.
  node.options.checkpoint_documents_min = 1;
  sing(node);
  for (const auto& path : node.files->paths()) {
    auto content = node.files->content(path);
    for (const auto& canary : canaries)
      for (const auto& form : forms_of(canary)) {
        INFO(path << ": " << form);
        CHECK(content.find(form) == std::string::npos);
        CHECK(path.find(form) == std::string::npos);
      }
  }
}

TEST_CASE("the search for canaries would find one", "[faults]") {
  CHECK(forms_of("canarycontents")[3] == "Y2FuYXJ5Y29udGVu");
  auto planted = base64("xxcanarycontentsxx");
  bool found = false;
  for (const auto& form : forms_of("canarycontents"))
    found = found || planted.find(form) != std::string::npos;
  CHECK(found);
}
