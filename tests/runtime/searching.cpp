// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include <catch2/catch.hpp>
#include <set>

#include "tests/support/test_node.hpp"

using namespace cloister;
using namespace cloister::test;
using namespace std::chrono_literals;

namespace {

/// A scope with a thousand memories, and a neighbour.
struct searched {
  test_node node;
  runtime opened = node.open_or_fail();
  organization acme = opened.organization("org_acme").value();
  client user = acme.client("user_searched").value();
  client neighbour = acme.client("user_neighbour").value();

  searched() {
    std::vector<memory_draft> drafts;
    for (int i = 0; i < 1000; ++i)
      drafts.push_back(draft("note number " + std::to_string(i)
                             + " about tea, résumés and שלום"));
    user.create_memories(drafts).value();
    neighbour.create_memory(draft("the neighbour's tea")).value();
  }

  /// What a query is answered with; the neighbour must not notice.
  errc ask(search_options options) {
    auto found = user.search_memories(std::move(options));
    auto other = neighbour.search_memories({.query = "tea"});
    CHECK(other->results.size() == 1);
    return found ? errc::ok : found.error().code;
  }
  errc ask(std::string query) {
    return ask(search_options{.query = std::move(query)});
  }
};

std::string repeated(std::string_view text, std::size_t times) {
  std::string out;
  for (std::size_t i = 0; i < times; ++i)
    out += text;
  return out;
}

} // namespace

TEST_CASE("hostile queries are answered or refused, and felt by nobody else",
          "[runtime][search]") {
  searched all;
  CHECK(all.ask(std::string(1024 * 1024, 'a')) == errc::too_large);
  CHECK(all.ask(std::string(limits::query_bytes_max, 'a')) == errc::ok);
  CHECK(all.ask(repeated("tea ", limits::query_bytes_max / 4)) == errc::ok);
  std::string terms;
  for (int i = 0; i < 10'000; ++i)
    terms += "w" + std::to_string(i) + ' ';
  CHECK(all.ask(terms) == errc::ok);
  CHECK(all.ask("\xff\xfe") == errc::invalid_argument);
  CHECK(all.ask("te\xc3") == errc::invalid_argument);
  CHECK(all.ask(std::string("a\0b", 3)) == errc::ok);
  CHECK(all.ask("a" + repeated("\u0301", 30'000)) == errc::ok);
  CHECK(all.ask(repeated("\u202e\u200d", 10'000)) == errc::ok);
  CHECK(all.ask("ส" + repeated("\u0301\u0323", 16'000)) == errc::ok);
  CHECK(all.ask(repeated("a\u2019", 16'000)) == errc::ok);
  CHECK(all.ask("שלום") == errc::ok);
  CHECK(all.ask(repeated("漢", 20'000)) == errc::ok);
  CHECK(all.ask(repeated("ส", 20'000)) == errc::ok);
  CHECK(all.ask(repeated("\ufdfa", 20'000)) == errc::ok);
  CHECK(all.ask(repeated("a-", 30'000)) == errc::ok);
  CHECK(all.ask(repeated("1.", 30'000)) == errc::ok);
  CHECK(all.ask(repeated("aB", 30'000)) == errc::ok);
  CHECK(all.ask("!!! ... ---") == errc::ok);
  CHECK(all.ask("") == errc::invalid_argument);
}

TEST_CASE("hostile filters are answered or refused", "[runtime][search]") {
  searched all;
  auto filtered = [&](std::string filter) {
    return all.ask({.query = "tea", .filter = std::move(filter)});
  };
  std::string nested = R"({"revision":1})";
  for (std::size_t i = 1; i < limits::filter_depth_max; ++i)
    nested = R"({"NOT":[{"AND":[)" + nested + R"(]},{"OR":[{"revision":2}]}]})";
  CHECK(filtered(nested) == errc::too_large);
  std::string deep = R"({"revision":1})";
  for (std::size_t i = 1; i < limits::filter_depth_max; ++i)
    deep = R"({"NOT":[)" + deep + "]}";
  CHECK(filtered(deep) == errc::ok);
  CHECK(filtered(repeated("{\"AND\":[", 5000)) == errc::too_large);
  CHECK(filtered(std::string(100'000, '[')) == errc::too_large);
  std::string everything = "{";
  for (const auto* each : {"eq", "ne", "gt", "gte", "lt", "lte"})
    everything += (everything.size() > 1 ? "," : "")
                  + std::string{R"("metadata.)"} + each + R"(":{")" + each
                  + R"(":1})";
  CHECK(filtered(everything + "}") == errc::ok);
  CHECK(filtered(R"({"content":{"contains":")" + std::string(257, 'a') + "\"}}")
        == errc::too_large);
  auto long_path = R"({"metadata.)" + repeated("a.", 4000) + R"(a":1})";
  CHECK(filtered(long_path) == errc::ok);
}

TEST_CASE(
  "filters narrow searches and pages of scopes that are not all at hand",
  "[runtime][search]") {
  test_node node;
  // Next to nothing stays in memory.
  node.options.content_cache_bytes = 4000;
  auto runtime = node.open_or_fail();
  auto user = runtime.organization("org_acme")->client("user_a").value();
  std::vector<memory_draft> drafts;
  for (int i = 0; i < 500; ++i) {
    auto made = draft("tea number " + std::to_string(i));
    made.metadata = R"({"n":)" + std::to_string(i) + "}";
    drafts.push_back(std::move(made));
  }
  user.create_memories(drafts).value();
  auto found = user.search_memories(
    {.query = "tea", .limit = 1000, .filter = R"({"metadata.n":{"lt":100}})"});
  CHECK(found->results.size() == 100);
  list_options options;
  options.limit = 7;
  options.filter = R"({"metadata.n":{"gte":450}})";
  std::set<std::string> seen;
  do {
    auto page = user.list_memories(options).value();
    for (const auto& each : page.results)
      CHECK(seen.insert(each.memory.content).second);
    // Writes in between move nothing.
    user.create_memory(draft("more tea")).value();
    options.cursor = page.cursor;
  } while (options.cursor);
  CHECK(seen.size() == 50);
}

TEST_CASE("another language holds for every scope from then on",
          "[runtime][search]") {
  test_node node;
  {
    auto runtime = node.open_or_fail();
    auto acme = runtime.organization("org_acme").value();
    auto other = runtime.organization("org_other").value();
    std::vector<client> users;
    for (auto name : {"user_a", "user_b"})
      users.push_back(acme.client(name).value());
    users.push_back(other.client("user_a").value());
    for (const auto& user : users)
      user.create_memory(draft("Die Häuser am See")).value();
    auto found = [](const client& user) {
      return user.search_memories({.query = "Haus"})->results.size();
    };
    CHECK(found(users[0]) == 0);
    CHECK(acme.settings()->search_language == language::english);
    CHECK(acme.configure({.search_language = language::german})->search_language
          == language::german);
    CHECK(found(users[0]) == 1);
    CHECK(found(users[1]) == 1);
    CHECK(found(users[2]) == 0);
    auto both = acme.client()->search_memories(
      {.query = "Haus", .reach = visibility::subtree});
    CHECK(both->results.size() == 2);
    CHECK(users[0].create_memory(draft("viele Häuser")).has_value());
    CHECK(found(users[0]) == 2);
  }
  auto runtime = node.open_or_fail();
  auto acme = runtime.organization("org_acme").value();
  CHECK(acme.settings()->search_language == language::german);
  CHECK(
    acme.client("user_a")->search_memories({.query = "Haus"})->results.size()
    == 2);
  CHECK(runtime.verify_all()->intact);
  auto reader = acme.create_key({.permissions = permissions::read}).value();
  CHECK(runtime.client(reader)->search_memories({.query = "x"}).has_value());
}

TEST_CASE("hits of several scopes compare as if they were in one",
          "[runtime][search]") {
  test_node node;
  auto runtime = node.open_or_fail();
  auto acme = runtime.organization("org_acme").value();
  auto rare = acme.client("team_a/user_rare").value();
  auto common = acme.client("team_a/user_common").value();
  auto together = acme.client("org_acme/agent_all").value();
  // "teapot" is rare in one scope and everywhere in the other.
  rare.create_memory(draft("a teapot of silver")).value();
  for (int i = 0; i < 20; ++i) {
    rare.create_memory(draft("something else " + std::to_string(i))).value();
    common.create_memory(draft("a teapot of clay " + std::to_string(i)))
      .value();
  }
  for (const auto& user : {rare, common})
    for (const auto& each : user.list_memories({.limit = 100}).value().results)
      together.create_memory(draft(each.memory.content)).value();
  auto split = acme.client()->search_memories(
    {.query = "silver teapot",
     .limit = 30,
     .scopes = {"team_a/user_rare", "team_a/user_common"}});
  auto whole
    = together.search_memories({.query = "silver teapot", .limit = 30});
  REQUIRE(split->results.size() == whole->results.size());
  for (std::size_t i = 0; i < split->results.size(); ++i)
    CHECK(split->results[i].score == whole->results[i].score);
  CHECK(split->results[0].memory.content == "a teapot of silver");
}

namespace {

/// Every look at it takes a millisecond: whatever can yield does.
class ticking_clock final : public cloister::clock {
public:
  timestamp now() const override {
    return {1767225600000};
  }
  std::chrono::nanoseconds steady() const override {
    return std::chrono::milliseconds{++looks_};
  }

private:
  mutable std::atomic<std::int64_t> looks_{0};
};

std::vector<std::string> contents_of(const search_results& found) {
  std::vector<std::string> out;
  for (const auto& hit : found.results)
    out.push_back(hit.memory.content + " " + std::to_string(hit.score));
  return out;
}

/// What a scope of conversations answers, with and without filters.
std::vector<std::vector<std::string>>
answers_of(std::shared_ptr<const cloister::clock> time,
           std::size_t cache_bytes) {
  test_node node;
  node.options.time = std::move(time);
  node.options.content_cache_bytes = cache_bytes;
  auto opened = node.open_or_fail();
  auto user = opened.organization("org_acme")->client("user_x").value();
  for (int batch = 0; batch < 3; ++batch) {
    std::vector<memory_draft> drafts;
    for (int i = 0; i < 200; ++i) {
      auto one
        = draft("tea " + std::to_string(i % 17) + " cup "
                + std::to_string(i % 5) + " of batch " + std::to_string(batch));
      one.metadata = R"({"session": "s)" + std::to_string(i % 3) + R"(", "n": )"
                     + std::to_string(i) + "}";
      drafts.push_back(one);
    }
    user.create_memories(drafts).value();
  }
  std::vector<std::vector<std::string>> out;
  for (const auto* filter : {"", R"({"metadata.n": {"lt": 100}})",
                             R"({"content": {"contains": "cup 3"}})"}) {
    search_options query{.query = "tea 7 cup 3"};
    query.limit = 20;
    query.timeout = 10min;
    list_options page{.limit = 1000};
    if (*filter != 0) {
      query.filter = filter;
      page.filter = filter;
    }
    out.push_back(contents_of(user.search_memories(query).value()));
    out.emplace_back();
    for (const auto& each : user.list_memories(page).value().results)
      out.back().push_back(each.memory.content);
  }
  return out;
}

} // namespace

TEST_CASE("what is found does not depend on how often it was interrupted",
          "[runtime][search]") {
  constexpr std::size_t all = 16 * 1024 * 1024;
  auto at_once = answers_of(std::make_shared<manual_clock>(), all);
  CHECK(at_once[0].size() == 20);
  CHECK(at_once[3].size() == 300);
  CHECK(at_once[5].size() == 120);
  CHECK(answers_of(std::make_shared<ticking_clock>(), all) == at_once);
  // Where records must be read again, a slice at a time.
  CHECK(answers_of(std::make_shared<manual_clock>(), 1000) == at_once);
  CHECK(answers_of(std::make_shared<ticking_clock>(), 1000) == at_once);
}

TEST_CASE("an answer has an end, and pages go on behind it",
          "[runtime][search]") {
  test_node node;
  node.options.content_cache_bytes = 100'000;
  auto opened = node.open_or_fail();
  auto acme = opened.organization("org_acme").value();
  constexpr std::size_t each = 40;
  constexpr std::size_t scopes = 9;
  std::vector<std::string> names;
  for (std::size_t scope = 0; scope < scopes; ++scope) {
    names.push_back("user_" + std::to_string(scope));
    auto user = acme.client(names.back()).value();
    std::vector<memory_draft> drafts;
    for (std::size_t i = 0; i < each; ++i)
      drafts.push_back(draft("tea " + std::string(60'000, 'x')));
    user.create_memories(drafts).value();
  }
  auto everybody = acme.client().value();
  search_options query{.query = "tea"};
  query.limit = 1000;
  query.scopes = names;
  auto found = everybody.search_memories(query).value();
  CHECK(found.results.size() < each * scopes);
  CHECK(found.results.size() * 60'000 <= limits::answer_bytes_max);
  CHECK(found.results.size() * 60'000 > limits::answer_bytes_max / 2);
  list_options page{.limit = 1000, .scopes = names};
  std::set<std::string> seen;
  std::size_t pages = 0;
  do {
    auto listed = everybody.list_memories(page).value();
    CHECK(listed.results.size() * 60'000 <= limits::answer_bytes_max);
    for (const auto& one : listed.results)
      CHECK(seen.insert(one.memory.id.to_string()).second);
    page.cursor = listed.cursor;
    ++pages;
  } while (page.cursor);
  CHECK(seen.size() == each * scopes);
  CHECK(pages == 3);
}

TEST_CASE("a search has a time to end in", "[runtime][search]") {
  searched all;
  for (auto bad : {0ms, -1ms, std::chrono::milliseconds::max()}) {
    search_options query{.query = "tea"};
    query.timeout = bad;
    CHECK(all.ask(query) == errc::invalid_argument);
  }
  test_node node;
  node.options.time = std::make_shared<ticking_clock>();
  node.options.content_cache_bytes = 1000;
  auto opened = node.open_or_fail();
  auto user = opened.organization("org_acme")->client("user_x").value();
  user.create_memories(std::vector<memory_draft>(1000, draft("tea"))).value();
  search_options query{.query = "tea"};
  query.filter = R"({"content": {"contains": "nothing"}})";
  query.timeout = 200ms;
  CHECK(user.search_memories(query).error().code == errc::timeout);
}
