// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

// mem0's own client as it was before version 3, which is still in use.
//
//   CLOISTER_URL=… CLOISTER_API_KEY=… CLOISTER_WIPED_KEY=… MEM0_TELEMETRY=false node --test client2.mjs

import { nothingWentElsewhere } from "./guard.mjs";

import assert from "node:assert/strict";
import test from "node:test";

import { AuthenticationError, MemoryClient, MemoryNotFoundError, ValidationError } from "mem0ai-2";

const host = process.env.CLOISTER_URL + "/mem0";
const client = new MemoryClient({ apiKey: process.env.CLOISTER_API_KEY, host });
const never = "01900000-0000-7000-8000-000000000000";

const said = (content) => [{ role: "user", content }];

async function added(content, options) {
  const results = await client.add(said(content), options);
  assert.ok(Array.isArray(results));
  return results[0].id;
}

const contents = (rows) => rows.map((each) => each.memory).sort();

test("a memory is added, read, found, changed and deleted", async () => {
  const [row] = await client.add(said("Prefers dark mode"), { user_id: "old", metadata: { a: 1 }, output_format: "v1.1" });
  assert.deepEqual([row.data.memory, row.event], ["Prefers dark mode", "ADD"]);
  const read = await client.get(row.id);
  assert.deepEqual([read.memory, read.user_id, read.metadata], ["Prefers dark mode", "old", { a: 1 }]);
  for (const options of [{ user_id: "old" }, { api_version: "v2", filters: { user_id: "old" } },
    { user_id: "old", limit: 5, threshold: 0.1 }]) {
    const hits = await client.search("which mode", options);
    assert.deepEqual(hits.map((each) => each.id), [row.id]);
    assert.ok(hits[0].score > 0);
  }
  const changed = await client.update(row.id, { text: "Prefers light mode" });
  assert.equal(changed.memory, "Prefers light mode");
  const history = await client.history(row.id);
  assert.deepEqual(history.map((each) => [each.event, each.old_memory, each.new_memory]),
    [["ADD", null, "Prefers dark mode"], ["UPDATE", "Prefers dark mode", "Prefers light mode"]]);
  assert.ok((await client.delete(row.id)).message);
  await assert.rejects(client.get(row.id), MemoryNotFoundError);
});

test("lists are bare, and pages are not", async () => {
  for (let i = 0; i < 5; ++i) await added(`list ${i}`, { user_id: "old lists", ...(i === 4 && { agent_id: "a" }) });
  for (const options of [{ user_id: "old lists" }, { api_version: "v2", filters: { AND: [{ user_id: "old lists" }] } },
    { api_version: "v2", user_id: "old lists" }]) {
    const rows = await client.getAll(options);
    assert.ok(Array.isArray(rows));
    assert.deepEqual(contents(rows), [0, 1, 2, 3, 4].map((i) => `list ${i}`));
    const seen = [];
    for (let page = 1; page <= 3; ++page) {
      const part = await client.getAll({ ...options, page, page_size: 2 });
      assert.equal(part.count, 5);
      assert.equal(part.next === null, page === 3);
      seen.push(...part.results);
    }
    assert.deepEqual(contents(seen), [0, 1, 2, 3, 4].map((i) => `list ${i}`));
  }
  assert.deepEqual(contents(await client.getAll({ user_id: "old lists", agent_id: "a" })), ["list 4"]);
});

test("many at once", async () => {
  const ids = [await added("1", { user_id: "old batch" }), await added("2", { user_id: "old batch" })];
  assert.match((await client.batchUpdate(ids.map((memoryId) => ({ memoryId, text: "changed" })))).message, /2/);
  assert.deepEqual(contents(await client.getAll({ user_id: "old batch" })), ["changed", "changed"]);
  assert.match((await client.batchDelete(ids.slice(1))).message, /1/);
  await client.deleteAll({ user_id: "old batch" });
  assert.deepEqual(await client.getAll({ user_id: "old batch" }), []);
  await assert.rejects(client.deleteAll(), ValidationError);
});

test("who there is, and deleting them", async () => {
  const wiped = new MemoryClient({ apiKey: process.env.CLOISTER_WIPED_KEY, host });
  for (const id of ["a", "b c", "ü", "d.e"]) await wiped.add(said("x"), { user_id: id });
  await wiped.add(said("x"), { agent_id: "a" });
  const { results } = await wiped.users();
  assert.deepEqual(results.map((each) => each.name).sort(), ["a", "a", "b c", "d.e", "ü"]);
  await wiped.deleteUsers({ user_id: "b c" });
  await wiped.deleteUser({ entity_id: results.find((each) => each.name === "ü").id, entity_type: "user" });
  assert.deepEqual((await wiped.users()).results.map((each) => each.type + each.name).sort(), ["agenta", "usera", "userd.e"]);
  await wiped.deleteUsers();
  assert.deepEqual((await wiped.users()).results, []);
});

test("feedback, exports, the project and webhooks", async () => {
  const memory_id = await added("exported", { user_id: "old export" });
  assert.ok((await client.feedback({ memory_id, feedback: "POSITIVE" })).message);
  const { id } = await client.createMemoryExport({ schema: { type: "object" }, filters: { user_id: "old export" } });
  assert.deepEqual(contents((await client.getMemoryExport({ memory_export_id: id })).memories), ["exported"]);
  await client.updateProject({ custom_instructions: "Be brief" });
  assert.deepEqual(await client.getProject({ fields: ["custom_instructions"] }), { custom_instructions: "Be brief" });
  const hook = await client.createWebhook({ name: "old", url: "https://hooks.example/", eventTypes: ["memory:categorize"] });
  assert.deepEqual(hook.event_types, ["memory_categorize"]);
  assert.ok((await client.getWebhooks()).some((each) => each.webhook_id === hook.webhook_id && !each.secret));
  await client.updateWebhook({ webhookId: hook.webhook_id, name: "older" });
  assert.ok((await client.deleteWebhook({ webhookId: hook.webhook_id })).message);
});

test("errors are of the client's classes", async () => {
  await assert.rejects(client.get("no-uuid"), ValidationError);
  await assert.rejects(client.get(never), MemoryNotFoundError);
  await assert.rejects(client.add(said("x"), { metadata: {} }), ValidationError);
  const silenced = console.error;
  console.error = () => {};
  try {
    const stranger = new MemoryClient({ apiKey: "cloister_nonsense", host });
    await assert.rejects(stranger.getAll({ user_id: "old" }), AuthenticationError);
  } finally {
    console.error = silenced;
  }
});

nothingWentElsewhere();
