// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <catch2/catch.hpp>

#include "tests/support/test_node.hpp"

/// Stores of several scopes whose files are damaged on purpose.
namespace cloister::test {

inline constexpr int users = 12;
inline constexpr int memories_each = 20;

/// A store with several scopes, compacted into tables.
inline void fill(test_node& node) {
  auto runtime = node.open_or_fail();
  auto acme = runtime.organization("org_acme").value();
  for (int u = 0; u < users; ++u)
    for (int i = 0; i < memories_each; ++i)
      acme.client("user_" + std::to_string(u))
        ->create_memory(
          draft("memory " + std::to_string(i) + ' ' + std::string(300, 'x')))
        .value();
  gateway_of(runtime).compact_for_tests();
}

inline std::vector<std::string> tables(const test_node& node) {
  std::vector<std::string> out;
  for (const auto& path : node.files->paths())
    if (path.ends_with(".ldb"))
      out.push_back(path);
  return out;
}

struct health {
  int good = 0;
  int corrupted = 0;
  int wrong = 0;
};

/// Looks at each scope: all there, said to be corrupted, or silently wrong.
inline health look(const runtime& opened) {
  health out;
  auto acme = opened.organization("org_acme");
  if (acme.has_error()) {
    CHECK(acme.error().code == errc::corrupted);
    out.corrupted = users;
    return out;
  }
  for (int u = 0; u < users; ++u) {
    list_options all;
    all.limit = 1000;
    auto list = acme->client("user_" + std::to_string(u))->list_memories(all);
    if (list.has_error())
      ++out.corrupted;
    else if (list->results.size() == memories_each)
      ++out.good;
    else
      ++out.wrong;
  }
  return out;
}

inline std::string largest_table(const test_node& node) {
  std::string out;
  for (const auto& path : tables(node))
    if (out.empty()
        || node.files->content(path).size() > node.files->content(out).size())
      out = path;
  return out;
}

/// Whether a scope that was not written to before can be written.
inline bool writes(const runtime& opened, const std::string& user) {
  auto acme = opened.organization("org_acme");
  return acme && acme->client(user)->create_memory(draft("after")).has_value();
}

/// Users with one memory: all they have lies in one block.
inline constexpr int small_users = 40;

inline std::vector<std::string> updated_users() {
  std::vector<std::string> out;
  for (int u = 0; u < users; u += 2)
    out.push_back("user_" + std::to_string(u));
  for (int u = 0; u < small_users; ++u)
    out.push_back("user_small-" + std::to_string(u));
  return out;
}

/// How many memories of updated users are shown in an old state.
inline int stale(const runtime& opened) {
  int out = 0;
  auto acme = opened.organization("org_acme");
  if (acme.has_error())
    return out;
  for (const auto& name : updated_users()) {
    list_options all;
    all.limit = 1000;
    auto list = acme->client(name)->list_memories(all);
    for (std::size_t i = 0; list && i < list->results.size(); ++i)
      out += list->results[i].memory.content != "memory new";
  }
  return out;
}

inline constexpr std::size_t places = 24;

/// More than a checksum can put right.
inline void destroy(simulated_file_system& files, const std::string& path,
                    std::size_t at) {
  constexpr std::size_t bytes_destroyed = 48;
  auto size = files.content(path).size();
  for (std::size_t i = 0; i < bytes_destroyed && at + i < size; ++i)
    files.flip(path, at + i, static_cast<int>(i % 8));
}

} // namespace cloister::test
