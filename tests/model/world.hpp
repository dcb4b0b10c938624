// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <deque>
#include <functional>
#include <map>
#include <random>

#include "tests/support/test_node.hpp"

namespace cloister::test {

/// What a memory says at one revision.
struct model_state {
  std::string content;
  std::string type;
  /// As in its metadata, {"n": …}; none for {}.
  std::optional<std::int64_t> n;
};

/// What a store with these scopes should hold, kept as plainly as possible.
struct model_memory {
  model_state now;
  std::uint32_t revision = 1;
  std::optional<std::string> key;
  std::optional<timestamp> expires_at;
  /// By revision, without the newest.
  std::map<std::uint32_t, model_state> history;
  /// Paths of the scopes that it was passed on from, and of those above them.
  std::set<std::string> came_through = {};

  void replace(model_state next);
  /// What a copy of it from `path` is; nothing if it came through too many.
  std::optional<model_memory> copied_from(const std::string& path) const;
};

using model_scope = std::map<std::string, model_memory>; // By id.

/// One holder of a key: what it may reach and do.
struct principal {
  std::string key_id;
  std::string api_key;
  std::string root;
  permissions allowed = permissions::none;
  std::optional<timestamp> expires_at;
  bool revoked = false;
  bool narrowed = false;

  bool may(permissions p, const std::string& path) const;
  bool reaches(const std::string& path) const;
};

/// A session that is open.
struct model_session {
  bool resumable = false;
  std::optional<timestamp> ends_at;
};

/// A filter, and what it means.
struct model_filter {
  std::optional<std::string> json;
  std::function<bool(const model_memory&)> admits;
};

/// A request with an idempotency key that was answered.
struct model_request {
  std::string path;
  std::string key_id;
  memory_draft draft;
  std::string id;
  timestamp at;
};

/// Random operations of many principals on a store and on the model at once.
/// Any difference fails the test.
class world {
public:
  explicit world(std::uint64_t seed);

  void step();
  void restart();
  /// Compares every scope, and verifies every chain.
  void compare_everything();

private:
  // -- choices --
  std::size_t pick(std::size_t below_this);
  /// Of what is always there, or of a session that is open.
  std::string random_path();
  std::string random_static_path();
  memory_id some_id(const std::string& path);
  memory_draft random_draft();
  model_filter random_filter(std::size_t depth = 0);

  // -- principals (world.cpp) --
  void make_principals(const std::string& org);
  principal new_principal(const std::string& org, const std::string& root,
                          permissions allowed,
                          std::optional<timestamp> expires_at);
  void replace_guest();
  bool is_dead(const principal& who) const;
  void act(const principal& who, const std::string& path, const client& bound);

  // -- writes (world_writes.cpp) --
  void create(const principal& who, const std::string& path,
              const client& bound);
  void create_many(const principal& who, const std::string& path,
                   const client& bound);
  void create_once(const principal& who, const std::string& path,
                   const client& bound);
  void repeat_request(const model_request& before, const client& bound,
                      bool bound_reads);
  void update(const principal& who, const std::string& path,
              const client& bound);
  void remove(const principal& who, const std::string& path,
              const client& bound);
  void remove_all(const principal& who, const std::string& path,
                  const client& bound);
  void restore(const principal& who, const std::string& path,
               const client& bound);
  void share(const principal& who, const std::string& path,
             const client& bound);
  void stored(const std::string& path, const memory_draft& wanted,
              const memory& made);

  // -- sessions, erasure, narrowed keys (world_sessions.cpp) --
  void open_session(const principal& who, const std::string& path,
                    const client& bound);
  void end_session(const principal& who, const std::string& path,
                   const client& bound);
  void promote(const principal& who, const std::string& path,
               const client& bound);
  void list_sessions(const principal& who, const std::string& path,
                     const client& bound);
  void use_ended(const principal& who);
  void drop_session(const std::string& path);
  void session_ended(const std::string& path);
  void end_due_sessions();
  std::string random_session();
  void erase_some();
  void forget_below(const std::string& path);
  std::size_t copies_of(const std::string& path);
  void drop_copies_of(const std::string& path);
  std::vector<std::string> replace_principals(const std::string& path);
  void narrow_some(const std::string& org);

  // -- at once (world_bursts.cpp) --
  void burst();

  // -- reads (world_reads.cpp) --
  void get(const principal& who, const std::string& path, const client& bound);
  void history(const principal& who, const std::string& path,
               const client& bound);
  void search(const principal& who, const std::string& path,
              const client& bound);
  void list(const principal& who, const std::string& path, const client& bound);
  void list_pages(const std::string& path, const client& bound,
                  const model_filter& filter);
  void write_unseen(const std::string& path);
  void compare(const std::string& path, const client& bound);
  /// The scopes that a search should cover; none where it is refused.
  std::optional<std::vector<std::string>>
  expected_reach(const principal& who, const std::string& path,
                 const search_options& options);

  /// What a scope has by now; expired memories are taken out.
  model_scope& live(const std::string& path);

  std::mt19937_64 random_;
  test_node node_;
  std::unique_ptr<runtime> runtime_;
  std::vector<principal> principals_;
  /// Principals that come and go: their keys are revoked, or expire.
  std::vector<principal> guests_;
  std::map<std::string, model_scope> scopes_;
  std::deque<model_request> requests_;
  std::map<std::string, model_session> sessions_;
  /// After the runtime: a handle keeps its own open.
  std::map<std::string, session> handles_;
  /// Paths of sessions that are no more.
  std::deque<std::string> ended_;
  std::size_t requests_made_ = 0;
};

/// After this scopes may go to sleep.
constexpr std::chrono::milliseconds idle{1000};

/// Words that memories are made of and searched for.
const std::vector<std::string>& model_words();

/// All scopes of an organization that the model uses, itself included.
std::vector<std::string> model_paths(const std::string& org);

/// The number of {"n": …}, if it has one.
std::optional<std::int64_t> model_number(const std::string& metadata);

/// "org_a" of "org_a/team_t".
std::string organization_of(const std::string& path);

} // namespace cloister::test
