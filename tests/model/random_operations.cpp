// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include <catch2/catch.hpp>
#include <random>
#include <set>

#include "tests/support/test_node.hpp"

using namespace cloister;
using namespace cloister::test;

namespace {

/// What a store with these scopes should hold, kept as plainly as possible.
struct model_memory {
  std::string content;
  std::string type;
  std::uint32_t revision = 1;
  std::optional<std::string> key;
  std::optional<timestamp> expires_at;
};

using model_scope = std::map<std::string, model_memory>; // By id.

/// One holder of a key: what it may reach and do.
struct principal {
  std::string api_key;
  std::string root;
  permissions allowed = permissions::none;

  bool may(permissions p, const std::string& path) const {
    auto inside = path == root || path.starts_with(root + '/');
    return inside
           && (static_cast<int>(allowed) & static_cast<int>(p))
                == static_cast<int>(p);
  }
};

const std::vector<std::string> organizations{"org_a", "org_ab"};
const std::vector<std::string> below{
  "",        "team_t",         "user_u",          "user_v", "team_t/user_u",
  "agent_g", "user_u/agent_g", "team_t/session_s"};
const std::vector<std::string> words{"red",   "green", "blue",  "black",
                                     "white", "amber", "olive", "coral"};

class world {
public:
  explicit world(std::uint64_t seed) : random_(seed) {
    node_.options.content_cache_bytes = 4000;
    restart();
    for (const auto& org : organizations)
      make_principals(org);
  }

  void step() {
    auto roll = pick(100);
    if (roll == 0 && pick(20) == 0) {
      restart();
      return;
    }
    if (roll < 2)
      node_.time->advance(std::chrono::minutes{pick(30)});
    const auto& who = principals_[pick(principals_.size())];
    auto path = random_path();
    auto bound = runtime_->client(who.api_key, path);
    auto reachable = path == who.root || path.starts_with(who.root + '/');
    REQUIRE(bound.has_value() == reachable);
    if (!bound) {
      CHECK(bound.error().code == errc::forbidden);
      return;
    }
    act(who, path, *bound);
  }

  void compare_everything() {
    for (const auto& org : organizations) {
      auto root = runtime_->organization(org).value();
      for (const auto& path : all_paths(org))
        compare(path, root.client(path).value());
    }
    auto report = runtime_->verify_all().value();
    INFO(report.first_broken << ": " << report.reason);
    REQUIRE(report.intact);
  }

  void restart() {
    runtime_.reset();
    runtime_ = std::make_unique<runtime>(node_.open_or_fail());
  }

private:
  std::size_t pick(std::size_t below_this) {
    return random_() % below_this;
  }

  std::vector<std::string> all_paths(const std::string& org) {
    std::vector<std::string> out;
    for (const auto& rest : below)
      out.push_back(rest.empty() ? org : org + '/' + rest);
    return out;
  }

  std::string random_path() {
    auto paths = all_paths(organizations[pick(organizations.size())]);
    return paths[pick(paths.size())];
  }

  void make_principals(const std::string& org) {
    auto handle = runtime_->organization(org).value();
    for (auto [root, allowed] :
         {std::pair{"", permissions::all},
          {"team_t", permissions::read | permissions::write},
          {"user_u", permissions::all},
          {"user_v", permissions::read},
          {"agent_g", permissions::write | permissions::remove}}) {
      auto key
        = handle.create_key({.root = root, .permissions = allowed}).value();
      principals_.push_back({key.api_key, key.info.scope, allowed});
    }
  }

  model_scope& live(const std::string& path) {
    auto& scope = scopes_[path];
    std::erase_if(scope, [&](const auto& entry) {
      return entry.second.expires_at
             && *entry.second.expires_at <= node_.time->now();
    });
    return scope;
  }

  /// An id of this scope mostly, of another one or of nobody sometimes.
  memory_id some_id(const std::string& path) {
    const auto& scope = live(pick(8) == 0 ? random_path() : path);
    if (scope.empty())
      return {};
    auto at = std::next(scope.begin(),
                        static_cast<std::ptrdiff_t>(pick(scope.size())));
    return memory_id::parse(at->first).value();
  }

  memory_draft random_draft() {
    memory_draft out;
    for (std::size_t i = 0; i <= pick(5); ++i)
      out.content += words[pick(words.size())] + ' ';
    out.memory_type = pick(2) == 0 ? "fact" : "policy";
    if (pick(4) == 0)
      out.key = "key" + std::to_string(pick(3));
    if (pick(6) == 0)
      out.expires_at = node_.time->now() + std::chrono::minutes{1 + pick(60)};
    return out;
  }

  void act(const principal& who, const std::string& path, const client& bound) {
    switch (pick(10)) {
      case 0:
      case 1:
      case 2:
        create(who, path, bound);
        break;
      case 3:
        update(who, path, bound);
        break;
      case 4:
        remove(who, path, bound);
        break;
      case 5:
        if (pick(20) == 0)
          remove_all(who, path, bound);
        break;
      case 6:
        search(who, path, bound);
        break;
      case 7:
        list(who, path, bound);
        break;
      default:
        get(who, path, bound);
        break;
    }
  }

  void create(const principal& who, const std::string& path,
              const client& bound) {
    auto wanted = random_draft();
    auto made = bound.create_memory(wanted);
    REQUIRE(made.has_value() == who.may(permissions::write, path));
    if (!made)
      return;
    auto& scope = live(path);
    auto expected = std::uint32_t{1};
    if (wanted.key)
      for (const auto& [id, known] : scope)
        if (known.key == wanted.key) {
          CHECK(id == made->id.to_string());
          expected = known.revision + 1;
        }
    CHECK(made->revision == expected);
    scope[made->id.to_string()] = {wanted.content, wanted.memory_type, expected,
                                   wanted.key, wanted.expires_at};
  }

  void update(const principal& who, const std::string& path,
              const client& bound) {
    auto id = some_id(path);
    auto& scope = live(path);
    auto known = scope.find(id.to_string());
    memory_patch patch;
    patch.content = words[pick(words.size())];
    std::optional<std::uint32_t> revision;
    if (pick(3) == 0)
      revision = static_cast<std::uint32_t>(1 + pick(3));
    auto changed = bound.update_memory(id, patch, revision);
    auto expected = !who.may(permissions::write, path) ? errc::forbidden
                    : known == scope.end()             ? errc::not_found
                    : revision && *revision != known->second.revision
                      ? errc::conflict
                      : errc::ok;
    REQUIRE((changed ? errc::ok : changed.error().code) == expected);
    if (!changed)
      return;
    known->second.content = *patch.content;
    CHECK(changed->revision == ++known->second.revision);
  }

  void remove(const principal& who, const std::string& path,
              const client& bound) {
    auto id = some_id(path);
    auto& scope = live(path);
    auto gone = bound.delete_memory(id);
    auto expected = !who.may(permissions::remove, path) ? errc::forbidden
                    : scope.contains(id.to_string())    ? errc::ok
                                                        : errc::not_found;
    REQUIRE((gone ? errc::ok : gone.error().code) == expected);
    if (gone)
      scope.erase(id.to_string());
  }

  void remove_all(const principal& who, const std::string& path,
                  const client& bound) {
    auto gone = bound.delete_all_memories();
    REQUIRE(gone.has_value() == who.may(permissions::remove, path));
    if (!gone)
      return;
    CHECK(*gone == live(path).size());
    live(path).clear();
  }

  void get(const principal& who, const std::string& path, const client& bound) {
    auto id = some_id(path);
    const auto& scope = live(path);
    auto found = bound.get_memory(id);
    auto expected = !who.may(permissions::read, path) ? errc::forbidden
                    : scope.contains(id.to_string())  ? errc::ok
                                                      : errc::not_found;
    REQUIRE((found ? errc::ok : found.error().code) == expected);
    if (found)
      CHECK(found->content == scope.at(id.to_string()).content);
  }

  void search(const principal& who, const std::string& path,
              const client& bound) {
    search_options options{.query = words[pick(words.size())], .limit = 1000};
    if (pick(4) == 0)
      options.reach = visibility::subtree;
    auto wide = options.reach == visibility::subtree;
    auto found = bound.search_memories(options);
    REQUIRE(found.has_value()
            == (who.may(permissions::read, path)
                && (!wide || who.may(permissions::admin, path))));
    if (!found)
      return;
    std::set<std::string> seen;
    for (const auto& hit : found->results) {
      auto where = std::string{hit.where.path()};
      REQUIRE((where == path || (wide && where.starts_with(path + '/'))));
      const auto& scope = live(where);
      REQUIRE(scope.contains(hit.memory.id.to_string()));
      CHECK(scope.at(hit.memory.id.to_string()).content == hit.memory.content);
      seen.insert(hit.memory.id.to_string());
    }
    std::size_t expected = 0;
    for (auto& [where, scope] : scopes_)
      if (where == path || (wide && where.starts_with(path + '/')))
        for (const auto& [id, known] : live(where))
          expected += known.content.find(options.query) != std::string::npos;
    CHECK(seen.size() == expected);
  }

  void list(const principal& who, const std::string& path,
            const client& bound) {
    list_options options;
    options.limit = 1000;
    if (pick(2) == 0)
      options.memory_type = "fact";
    auto found = bound.list_memories(options);
    REQUIRE(found.has_value() == who.may(permissions::read, path));
    if (!found)
      return;
    std::size_t expected = 0;
    for (const auto& [id, known] : live(path))
      expected += !options.memory_type || known.type == "fact";
    CHECK(found->results.size() == expected);
  }

  void compare(const std::string& path, const client& bound) {
    list_options options;
    options.limit = 1000;
    auto found = bound.list_memories(options).value();
    const auto& scope = live(path);
    REQUIRE(found.results.size() == scope.size());
    for (const auto& each : found.results) {
      auto known = scope.find(each.memory.id.to_string());
      REQUIRE(known != scope.end());
      CHECK(each.memory.content == known->second.content);
      CHECK(each.memory.revision == known->second.revision);
    }
  }

  std::mt19937_64 random_;
  test_node node_;
  std::unique_ptr<runtime> runtime_;
  std::vector<principal> principals_;
  std::map<std::string, model_scope> scopes_;
};

} // namespace

TEST_CASE("random operations of many principals agree with a plain model",
          "[model]") {
  auto start = seed();
  INFO("CLOISTER_TEST_SEED=" << start);
  world w{start};
  auto steps = long_mode() ? 1'000'000 : 5'000;
  for (int i = 0; i < steps; ++i) {
    w.step();
    if (i % 2000 == 1999)
      w.compare_everything();
  }
  w.restart();
  w.compare_everything();
}
