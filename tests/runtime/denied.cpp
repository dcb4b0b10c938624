// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

// Every operation of a client, asked for by keys that must not: refused before
// the store is touched, and told by the trail of the organization.

#include <catch2/catch.hpp>

#include "runtime/event_stream.hpp"
#include "tests/support/test_node.hpp"

using namespace cloister;
using namespace cloister::test;
using namespace std::chrono_literals;

namespace {

template <class T>
error failure_of(const result<T>& outcome) {
  return outcome ? error{errc::ok, {}} : outcome.error();
}

struct operation_case {
  std::string name;
  permissions needed;
  std::function<error(const client&)> ask;
};

const memory_id nobodys = memory_id{};

const std::vector<operation_case>& all_operations() {
  static const std::vector<operation_case> cases{
    {"memory.create", permissions::write,
     [](const client& c) { return failure_of(c.create_memory(draft("x"))); }},
    {"memory.create", permissions::write,
     [](const client& c) {
       return failure_of(c.create_memories({draft("x"), draft("y")}));
     }},
    {"memory.create", permissions::write,
     [](const client& c) {
       auto wanted = draft("x");
       wanted.idempotency_key = "once";
       return failure_of(c.import_memories({wanted}));
     }},
    {"memory.get", permissions::read,
     [](const client& c) { return failure_of(c.get_memory(nobodys)); }},
    {"memory.list", permissions::read,
     [](const client& c) { return failure_of(c.list_memories()); }},
    {"memory.search", permissions::read,
     [](const client& c) {
       return failure_of(c.search_memories({.query = "x"}));
     }},
    {"events.follow", permissions::read,
     [](const client& c) {
       return failure_of(c.follow_events(event_position{}, [] {}).next());
     }},
    {"scope.find", permissions::read,
     [](const client& c) { return failure_of(c.find_scopes()); }},
    {"scope.find", permissions::read,
     [](const client& c) { return failure_of(c.find_holders(nobodys)); }},
    {"scope.subtree", permissions::admin,
     [](const client& c) {
       return failure_of(c.list_memories({.reach = visibility::subtree}));
     }},
    {"memory.update", permissions::write,
     [](const client& c) {
       memory_patch patch;
       patch.content = "y";
       return failure_of(c.update_memory(nobodys, patch));
     }},
    {"memory.delete", permissions::remove,
     [](const client& c) { return failure_of(c.delete_memory(nobodys)); }},
    {"memory.delete-all", permissions::remove,
     [](const client& c) { return failure_of(c.delete_all_memories()); }},
    {"memory.history", permissions::read,
     [](const client& c) { return failure_of(c.memory_history(nobodys)); }},
    {"memory.restore", permissions::write,
     [](const client& c) { return failure_of(c.restore_memory(nobodys, 1)); }},
    {"memory.receive", permissions::write,
     [](const client& c) {
       return failure_of(c.share_memory(nobodys, "user_sarah/agent_a"));
     }},
    {"memory.receive", permissions::write,
     [](const client& c) {
       return failure_of(c.promote_memories({nobodys}, "user_sarah/agent_a"));
     }},
    {"session.open", permissions::write,
     [](const client& c) { return failure_of(c.open_session()); }},
    {"session.list", permissions::read,
     [](const client& c) { return failure_of(c.list_sessions()); }},
    {"session.renew", permissions::write,
     [](const client& c) { return failure_of(c.renew_session()); }},
    {"session.end", permissions::remove,
     [](const client& c) { return failure_of(c.end_session()); }},
    {"key.create", permissions::admin,
     [](const client& c) {
       return failure_of(c.create_key({.permissions = permissions::read}));
     }},
    {"key.list", permissions::admin,
     [](const client& c) { return failure_of(c.list_keys()); }},
    {"key.revoke", permissions::admin,
     [](const client& c) {
       return failure_of(c.revoke_key("aaaaaaaaaaaaaaaaaaaaaaaa"));
     }},
    {"scope.list", permissions::admin,
     [](const client& c) { return failure_of(c.list_scopes()); }},
    {"scope.show", permissions::admin,
     [](const client& c) { return failure_of(c.show_scope()); }},
    {"scope.configure", permissions::admin,
     [](const client& c) {
       return failure_of(
         c.configure_scope({.memories_max = std::optional<std::uint64_t>{1}}));
     }},
    {"scope.erase", permissions::admin,
     [](const client& c) { return failure_of(c.erase_scope()); }},
    {"scope.erase", permissions::admin,
     [](const client& c) {
       return failure_of(c.erase_scope({.with_shared_copies = true}));
     }},
    {"scope.receipt", permissions::audit,
     [](const client& c) { return failure_of(c.find_receipt()); }},
    {"scope.reinstate", permissions::admin,
     [](const client& c) { return failure_of(c.reinstate_scope()); }},
    {"audit.list", permissions::audit,
     [](const client& c) { return failure_of(c.list_audit()); }},
    {"audit.checkpoint", permissions::audit,
     [](const client& c) { return failure_of(c.make_checkpoint()); }},
    {"audit.checkpoint", permissions::audit,
     [](const client& c) {
       return failure_of(
         c.export_audit([](const std::string&) { return true; }));
     }},
    {"audit.verify", permissions::audit,
     [](const client& c) { return failure_of(c.verify_audit()); }},
  };
  return cases;
}

struct denied_world {
  test_node node;
  runtime opened = node.open_or_fail();
  organization acme = opened.organization("org_acme").value();
  client company = acme.client("").value();

  denied_world() {
    // There is something to be refused.
    acme.client("user_sarah")->create_memory(draft("secret")).value();
  }

  std::uint64_t reads() const {
    return gateway_of(opened).services().records.counters().reads;
  }

  /// The newest refusal that the organization remembers.
  audit_record refusal() const {
    for (auto& line : company.list_audit({.limit = 50}).value().results)
      if (line.outcome != "ok")
        return line;
    return {};
  }

  /// Asks, and looks at what is said, touched and remembered.
  void expect_refused(const operation_case& each, const client& by,
                      errc expected, const std::string& key_id) {
    INFO(each.name);
    auto before = reads();
    auto why = each.ask(by);
    CHECK(why.code == expected);
    CHECK(reads() == before);
    auto told = refusal();
    CHECK(told.operation == each.name);
    CHECK(told.outcome == to_string(expected));
    CHECK(told.key_id == key_id);
    CHECK_FALSE(told.reason.empty());
  }
};

permissions without(permissions needed) {
  return static_cast<permissions>(static_cast<int>(permissions::all)
                                  & ~static_cast<int>(needed));
}

} // namespace

TEST_CASE("whoever's narrowed key lacks the permission is refused",
          "[denied]") {
  denied_world w;
  auto key = w.acme.create_key({.root = "user_sarah"}).value();
  for (const auto& each : all_operations()) {
    auto narrowed
      = narrow_key(key.api_key, {.permissions = without(each.needed)}).value();
    w.expect_refused(each, w.opened.client(narrowed).value(), errc::forbidden,
                     key.info.key_id);
    CHECK(w.refusal().key_chain.size() == 2);
  }
}

TEST_CASE("whoever's key has expired meanwhile is refused", "[denied]") {
  for (const auto& each : all_operations()) {
    denied_world w;
    auto key = w.acme
                 .create_key({.root = "user_sarah",
                              .expires_at = w.node.time->now() + 1min})
                 .value();
    auto bound = w.opened.client(key).value();
    w.node.time->advance(1min);
    w.expect_refused(each, bound, errc::unauthenticated, key.info.key_id);
  }
}

TEST_CASE("whoever's key was revoked meanwhile is refused", "[denied]") {
  denied_world w;
  for (const auto& each : all_operations()) {
    auto key = w.acme.create_key({.root = "user_sarah"}).value();
    auto bound = w.opened.client(key).value();
    w.company.revoke_key(key.info.key_id).value();
    w.expect_refused(each, bound, errc::unauthenticated, key.info.key_id);
  }
}

TEST_CASE("a foreign key does not come as far as an operation", "[denied]") {
  denied_world w;
  auto key = w.acme.create_key({.root = "user_tom"}).value();
  auto other = w.opened.organization("org_other")->create_key({}).value();
  for (const auto& [api_key, key_id] : {std::pair{key.api_key, key.info.key_id},
                                        {other.api_key, other.info.key_id}}) {
    // Who it is takes as much to find out, whatever is asked for then.
    w.opened.client(api_key).value();
    auto first = w.reads();
    w.opened.client(api_key).value();
    auto second = w.reads();
    auto bound = w.opened.client(api_key, "org_acme/user_sarah");
    CHECK(bound.error().code == errc::forbidden);
    CHECK(w.reads() - second == second - first);
  }
  auto told = w.refusal();
  CHECK(told.operation == "scope.bind");
  CHECK(told.key_id == key.info.key_id);
  // Naming it from one's own scope is no way either.
  auto tom = w.opened.client(key).value();
  CHECK(tom.share_memory(nobodys, "org_acme/user_sarah").error().code
        == errc::forbidden);
  CHECK(tom.list_memories({.scopes = {"org_acme/user_sarah"}}).error().code
        == errc::forbidden);
  CHECK(tom.find_receipt("org_acme/user_sarah").error().code
        == errc::forbidden);
  CHECK(tom.end_session("org_acme/user_sarah/session_1").error().code
        == errc::forbidden);
  CHECK(tom.renew_session("org_acme/user_sarah/session_1").error().code
        == errc::forbidden);
  CHECK(tom.promote_memories({nobodys}, "org_acme/user_sarah").error().code
        == errc::forbidden);
}
