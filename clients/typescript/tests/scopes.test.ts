// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

import assert from "node:assert/strict";
import { test } from "node:test";

import { InvalidArgumentError, MemoryClient, MemoryStackClient } from "../src/index.js";

function bind(userId: string): MemoryClient {
  return new MemoryClient({ apiKey: "k", userId, baseUrl: "http://127.0.0.1:1" });
}

test("what is no user_id is told before anything is sent", () => {
  const wrong = [
    "", "sarah", "user_", "user_a/user_b", "session_a/agent_b", "user_a/", "user_..", "user_a b",
    "user_a\n", "/user_a", "user_./agent_b", `user_${"a".repeat(129)}`, "USER_a", "user_é",
  ];
  for (const name of wrong) {
    assert.throws(() => bind(name), InvalidArgumentError, name);
  }
});

test("what is a user_id is kept as it is", () => {
  const right = [
    "org_acme", "org_a/team_b/user_c/agent_d/session_e", "customer_1", "app_x", "user_a.b",
    "user_...", "team_a/session_1", `user_${"a".repeat(128)}`, "user_a~@:+-|=%",
  ];
  for (const name of right) {
    assert.equal(bind(name).userId, name);
  }
});

test("the other name is the same class", () => {
  assert.equal(MemoryStackClient, MemoryClient);
});
