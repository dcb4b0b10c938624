// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "persistence/record_codec.hpp"

#include <catch2/catch.hpp>

#include "core/encoding.hpp"
#include "persistence/head.hpp"
#include "persistence/locator.hpp"

using namespace cloister;
using namespace cloister::persistence;

namespace {

memory full_memory() {
  memory value;
  value.id = memory_id::parse("018f0c3e-1b2c-7def-8abc-0123456789ab").value();
  value.content = "content";
  value.type = "fact";
  value.metadata = R"({"a":1})";
  value.key = "key";
  value.embedding = {1.5F, -2.25F};
  value.author = "planner";
  value.revision = 7;
  value.created_at = {1};
  value.updated_at = {2};
  value.expires_at = timestamp{3};
  value.origin = memory_origin{{9}, value.id, 4};
  return value;
}

} // namespace

TEST_CASE("a memory's record comes back as it was", "[persistence]") {
  auto value = full_memory();
  auto data = encode_memory(value);
  CHECK(decode_memory(data).value() == value);
  auto summary = decode_summary(data).value();
  CHECK(summary.content == "content");
  CHECK(summary.key == "key");
  CHECK(summary.expires_at == value.expires_at);
  for (std::size_t i = 0; i < data.size(); ++i)
    CHECK_FALSE(decode_memory(bytes_view{data}.substr(0, i)).has_value());
  CHECK_FALSE(decode_memory(data + 'x').has_value());
}

TEST_CASE("the bytes of a record are those of docs/formats.md",
          "[persistence][format]") {
  CHECK(to_hex(encode_memory(full_memory()))
        == "010f018f0c3e1b2c7def8abc0123456789ab00000007"
           "00000000000000010000000000000002"
           "0000000466616374"
           "00000007636f6e74656e74"
           "000000077b2261223a317d"
           "00000007706c616e6e6572"
           "000000036b6579"
           "0000000000000003"
           "000000023fc00000c0100000"
           "09000000000000000000000000000000"
           "018f0c3e1b2c7def8abc0123456789ab00000004");
}

TEST_CASE("a head comes back as it was and does not depend on order",
          "[persistence]") {
  auto key = crypto::secret_key::random();
  scope_head head;
  head.contents.add(key, "a", "1");
  head.contents.add(key, "b", "2");
  head.audit_length = 5;
  head.memory_count = 6;
  CHECK(scope_head::decode(head.encode()).value() == head);
  record_set other;
  other.add(key, "b", "2");
  other.add(key, "c", "3");
  other.add(key, "a", "1");
  CHECK(other != head.contents);
  other.remove(key, "c", "3");
  CHECK(other == head.contents);
}

TEST_CASE("an id tells its scope to the organization and to nobody else",
          "[persistence]") {
  auto ours = crypto::secret_key::random();
  scope_tag tag{1, 2, 3, 4, 5, 6};
  auto id = make_memory_id(ours, tag, timestamp{1767225600123});
  CHECK(locator_of(ours, id) == locator_of(tag));
  CHECK(locator_of(crypto::secret_key::random(), id) != locator_of(tag));
  auto text = id.to_string();
  CHECK(text.substr(0, 13) == "019b76da-a87b");
  CHECK(text[14] == '7');
  CHECK(std::string{"89ab"}.find(text[19]) != std::string::npos);
  CHECK(make_memory_id(ours, tag, timestamp{1767225600123}) != id);
}
