// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "tests/support/test_node.hpp"

/// What the tests of limits have in common.
namespace cloister::test {

inline quota_changes memories(std::optional<std::uint64_t> most) {
  return {.memories_max = most};
}

struct quota_world {
  test_node node;
  runtime opened = node.open_or_fail();
  organization acme = opened.organization("org_acme").value();
  client sarah = acme.client("user_sarah").value();
  client tom = acme.client("user_tom").value();

  void limit_all(quota_changes limits) const {
    acme.configure({.limits = limits}).value();
  }

  organization_summary all() const {
    return *acme.client("")->show_scope()->organization;
  }
};

template <class T>
errc code_of(const result<T>& outcome) {
  return outcome ? errc::ok : outcome.error().code;
}

inline errc create(const client& who, std::string content = "x") {
  return code_of(who.create_memory(draft(std::move(content))));
}

inline std::string letters(std::size_t count) {
  return std::string(count, 'x');
}

} // namespace cloister::test
