// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

// mem0's own client, its newest version, against a real server.
//
//   CLOISTER_URL=… CLOISTER_API_KEY=… CLOISTER_READER_KEY=… CLOISTER_WIPED_KEY=…
//   MEM0_TELEMETRY=false node --test client.mjs
//
// The wiped key is of an organization that nobody else uses.

import { nothingWentElsewhere } from "./guard.mjs";

import assert from "node:assert/strict";
import test from "node:test";

import {
  AuthenticationError, Feedback, MemoryClient, MemoryError, MemoryNotFoundError, MemoryQuotaExceededError,
  ValidationError, WebhookEvent,
} from "mem0ai";

const host = process.env.CLOISTER_URL + "/mem0";
const client = new MemoryClient({ apiKey: process.env.CLOISTER_API_KEY, host });
const never = "01900000-0000-7000-8000-000000000000";

const said = (content) => [{ role: "user", content }];

async function added(content, options) {
  const { results } = await client.add(said(content), options);
  return results[0].id;
}

async function found(filters, options = {}) {
  const { results } = await client.getAll({ filters, ...options });
  return results.map((each) => each.memory).sort();
}

// -- memories --

test("a memory is added, read, found, changed and deleted", async () => {
  const answer = await client.add(said("Prefers dark mode"), {
    userId: "life", metadata: { some_key: { innerKey: 1 } }, source: "tests",
  });
  assert.equal(answer.status, "SUCCEEDED");
  assert.equal(answer.results.length, 1);
  const { id, data, event } = answer.results[0];
  assert.deepEqual([data.memory, event], ["Prefers dark mode", "ADD"]);
  assert.ok(answer.eventId);

  const read = await client.get(id);
  assert.deepEqual([read.id, read.memory, read.userId], [id, "Prefers dark mode", "life"]);
  assert.deepEqual(read.metadata, { some_key: { innerKey: 1 } });
  assert.deepEqual([read.agentId, read.appId, read.sessionId], [null, null, null]);
  assert.ok(Math.abs(Date.parse(read.createdAt) - Date.now()) < 60_000);

  const hits = await client.search("which mode", { filters: { user_id: "life" } });
  assert.deepEqual(hits.results.map((each) => each.id), [id]);
  assert.ok(hits.results[0].score > 0 && hits.results[0].score <= 1);

  const changed = await client.update(id, { text: "Prefers light mode", metadata: { b: 2 } });
  assert.deepEqual([changed.id, changed.memory, changed.metadata.b], [id, "Prefers light mode", 2]);
  assert.equal((await client.get(id)).memory, "Prefers light mode");

  const history = await client.history(id);
  assert.deepEqual(history.map((each) => [each.event, each.oldMemory, each.newMemory, each.memoryId]), [
    ["ADD", null, "Prefers dark mode", id], ["UPDATE", "Prefers dark mode", "Prefers light mode", id]]);
  assert.ok(history.every((each) => each.input[0].content && each.userId === "life"));

  assert.ok((await client.delete(id, { deleteLinked: true })).message);
  await assert.rejects(client.get(id), MemoryNotFoundError);
  await assert.rejects(client.delete(id), MemoryNotFoundError);
});

test("without a language model the user's own words are kept", async () => {
  const answer = await client.add([
    { role: "user", content: "I am allergic to nuts" },
    { role: "assistant", content: "I will remember that" },
    { role: "user", content: [{ type: "text", text: "and to shellfish" }] },
  ], { userId: "verbatim", infer: true });
  assert.deepEqual(answer.results.map((each) => each.data.memory), ["I am allergic to nuts", "and to shellfish"]);
  const again = await client.add([{ role: "assistant", content: "Only me here" }], { userId: "verbatim", infer: false });
  assert.deepEqual(again.results.map((each) => each.data.memory), ["Only me here"]);
});

test("a search is filled up with what is newest", async () => {
  for (const content of ["Lives in Lisbon", "Plays the oboe", "Owns two cats"])
    await added(content, { userId: "asked" });
  const { results } = await client.search("What do you know about me?", {
    filters: { user_id: "asked" }, topK: 2, threshold: 0.3,
  });
  assert.deepEqual(results.map((each) => each.memory), ["Owns two cats", "Plays the oboe"]);
  assert.ok(results.every((each) => Math.abs(each.score - 0.3) < 1e-6));
  const hit = await client.search("oboe", { filters: { user_id: "asked" }, topK: 1 });
  assert.deepEqual(hit.results.map((each) => each.memory), ["Plays the oboe"]);
});

test("pages have everything once, the newest first", async () => {
  for (let i = 0; i < 7; ++i) await added(`page ${i}`, { userId: "pages" });
  const seen = [];
  let page = 1;
  for (; ;) {
    const answer = await client.getAll({ filters: { user_id: "pages" }, page, pageSize: 3 });
    assert.equal(answer.count, 7);
    seen.push(...answer.results.map((each) => each.memory));
    assert.equal(answer.previous === null, page === 1);
    if (answer.next === null) break;
    ++page;
  }
  assert.equal(page, 3);
  assert.deepEqual(seen, [6, 5, 4, 3, 2, 1, 0].map((i) => `page ${i}`));
  assert.deepEqual((await client.getAll({ filters: { user_id: "pages" }, page: 9, pageSize: 3 })).results, []);
});

test("what has expired is hidden and not erased", async () => {
  const past = await added("expired", { userId: "dates", expirationDate: "2020-01-31" });
  await added("not yet", { userId: "dates", expirationDate: "2999-01-31" });
  assert.deepEqual(await found({ user_id: "dates" }), ["not yet"]);
  assert.deepEqual(await found({ user_id: "dates" }, { showExpired: true }), ["expired", "not yet"]);
  const hits = async (showExpired) => (await client.search("expired", {
    filters: { user_id: "dates" }, showExpired,
  })).results.map((each) => each.memory).sort();
  assert.deepEqual(await hits(false), ["not yet"]);
  assert.deepEqual(await hits(true), ["expired", "not yet"]);
  assert.equal((await client.get(past)).expirationDate, "2020-01-31");
  await client.update(past, { expirationDate: null });
  assert.equal((await client.get(past)).expirationDate, null);
  assert.deepEqual(await found({ user_id: "dates" }), ["expired", "not yet"]);
  await client.update(past, { expirationDate: "2020-02-01" });
  assert.deepEqual(await found({ user_id: "dates" }), ["not yet"]);
  await assert.rejects(client.add(said("x"), { userId: "dates", expirationDate: "soon" }), ValidationError);
});

test("a time that is given is when it was created", async () => {
  const id = await added("long ago", { userId: "past", timestamp: 1577836800 });
  assert.equal(Date.parse((await client.get(id)).createdAt), 1577836800_000);
});

test("a batch is changed and deleted", async () => {
  const ids = [];
  for (const content of ["one", "two", "three"]) ids.push(await added(content, { userId: "batch" }));
  const updated = await client.batchUpdate(ids.map((memoryId, i) => ({ memoryId, text: `changed ${i}` })));
  assert.equal(updated.message, "Successfully updated 3 memories");
  assert.deepEqual(await found({ user_id: "batch" }), ["changed 0", "changed 1", "changed 2"]);
  await assert.rejects(client.batchUpdate([{ memoryId: ids[0], text: "half" }, { memoryId: never, text: "x" }]),
    MemoryNotFoundError);
  assert.deepEqual(await found({ user_id: "batch" }), ["changed 0", "changed 1", "changed 2"]);
  await assert.rejects(client.batchDelete([ids[0], never]), MemoryNotFoundError);
  assert.equal((await client.batchDelete(ids.slice(0, 2))).message, "Successfully deleted 2 memories");
  assert.deepEqual(await found({ user_id: "batch" }), ["changed 2"]);
  await assert.rejects(client.batchDelete([]), ValidationError);
});

// -- whose they are --

test("ids are places, and stand together", async () => {
  await added("of the user", { userId: "zoe" });
  await added("of both", { userId: "zoe", agentId: "guide" });
  await added("of the agent", { agentId: "guide" });
  await added("of a run", { userId: "zoe", runId: "r-1" });
  await added("of an app", { userId: "zoe", appId: "shop" });
  assert.deepEqual(await found({ user_id: "zoe" }), ["of a run", "of an app", "of both", "of the user"]);
  assert.deepEqual(await found({ agent_id: "guide" }), ["of both", "of the agent"]);
  assert.deepEqual(await found({ user_id: "zoe", agent_id: "guide" }), ["of both"]);
  assert.deepEqual(await found({ AND: [{ app_id: "shop" }] }), ["of an app"]);
  const { results } = await client.getAll({ filters: { run_id: "r-1" } });
  assert.deepEqual(results.map((each) => [each.memory, each.userId, each.sessionId]), [["of a run", "zoe", "r-1"]]);
  const hits = await client.search("run", { filters: { run_id: "r-1" } });
  assert.deepEqual(hits.results.map((each) => each.runId), ["r-1"]);
  await assert.rejects(client.add(said("x"), { agentId: "a", appId: "b" }), ValidationError);
  await assert.rejects(client.add(said("x"), {}), ValidationError);
});

test("any id that is text is a name", async () => {
  const ids = ["a b", "a/b", "/", "../..", "ü–日本 🦉", "50%", "100%25", "%2F", "a..b", ".hidden", "mem0%project", "UPPER",
    "user_user", "a?b#c", "a\\b", "\"quoted\"", "+1", "a&user_id=b", "tab\there", "\u00e9", "e\u0301", "42"];
  for (const id of ids) {
    await added(`of ${id}`, { userId: id, runId: id });
    await added(`app of ${id}`, { appId: id });
  }
  const { results } = await client.users();
  for (const id of ids) {
    assert.deepEqual(await found({ user_id: id }), [`of ${id}`]);
    assert.deepEqual(await found({ app_id: id }), [`app of ${id}`]);
    const hits = await client.search("of", { filters: { AND: [{ user_id: id }, { run_id: id }] } });
    assert.deepEqual(hits.results.map((each) => [each.userId, each.runId]), [[id, id]]);
    assert.equal(results.filter((each) => each.name === id && each.type === "user").length, 1, id);
  }
  for (const id of ids) {
    assert.ok((await client.deleteUsers({ userId: id })).message);
    assert.deepEqual(await found({ user_id: id }), []);
    assert.deepEqual(await found({ app_id: id }), [`app of ${id}`]);
    await client.deleteAll({ appId: id });
    assert.deepEqual(await found({ app_id: id }), []);
  }
  // Addresses have no such segments: no client can say them there.
  for (const id of [".", ".."]) {
    await added("dots", { userId: id });
    assert.deepEqual(await found({ user_id: id }), ["dots"]);
    await client.deleteAll({ userId: id });
    assert.deepEqual(await found({ user_id: id }), []);
  }
});

test("an id that is a number is the same as its digits", async () => {
  await added("by number", { userId: 4711 });
  assert.deepEqual(await found({ user_id: "4711" }), ["by number"]);
  assert.deepEqual(await found({ user_id: 4711 }), ["by number"]);
});

test("ids that are too long or tell who it is are refused", async () => {
  for (const userId of ["x".repeat(129), "sarah@example.com", ""])
    await assert.rejects(client.add(said("x"), { userId }), ValidationError, userId);
});

// -- filters --

test("all operators", async (t) => {
  const at = (year) => Date.UTC(year, 0, 1) / 1000;
  const ids = {};
  for (const [content, options] of [
    ["Alpha tea", { timestamp: at(2020), metadata: { kind: "drink", hot: true, tags: ["x", "y"] }, categories: ["food"] }],
    ["Beta coffee", { timestamp: at(2021), metadata: { kind: "drink", hot: false }, categories: ["food", "work"] }],
    ["Gamma bread", { timestamp: at(2022), metadata: { kind: "meal", size: 3 }, expirationDate: "2999-06-01" }],
  ]) ids[content] = await added(content, { userId: "filters", agentId: "f", ...options });
  await added("Delta water", { userId: "filters-2", metadata: { kind: "drink" } });
  const all = ["Alpha tea", "Beta coffee", "Gamma bread"];
  const day = (year) => `${year}-01-01`;
  const in_ = { user_id: "filters" };
  const cases = {
    "an id equal": [[in_, all]],
    "an id by ne": [[{ AND: [{ user_id: { ne: "filters" } }, { user_id: { in: ["filters", "filters-2"] } }] }, ["Delta water"]]],
    "an id by in": [[{ user_id: { in: ["filters-2", "nobody"] } }, ["Delta water"]]],
    "an id by *": [[{ ...in_, agent_id: "*" }, all], [{ user_id: "filters-2", agent_id: "*" }, []]],
    "times": [
      [{ ...in_, created_at: { gt: day(2021) } }, ["Gamma bread"]],
      [{ ...in_, created_at: { gte: day(2021) } }, ["Beta coffee", "Gamma bread"]],
      [{ ...in_, created_at: { lt: day(2021) } }, ["Alpha tea"]],
      [{ ...in_, created_at: { lte: day(2021) } }, ["Alpha tea", "Beta coffee"]],
      [{ ...in_, created_at: { ne: day(2021) } }, ["Alpha tea", "Gamma bread"]],
      [{ ...in_, created_at: { in: [day(2021), day(2022)] } }, ["Beta coffee", "Gamma bread"]],
      [{ ...in_, created_at: { gte: day(2021), lt: day(2022) } }, ["Beta coffee"]],
      [{ ...in_, timestamp: { gte: at(2022) } }, ["Gamma bread"]],
      [{ ...in_, created_at: { gte: "2021-01-01T00:00:00+00:00", lte: "2021-01-01T00:00:00.000000" } }, ["Beta coffee"]],
      [{ ...in_, updated_at: { gt: "2000-01-01T00:00:00Z" } }, all]],
    "expiration dates": [
      [{ ...in_, expiration_date: { gt: "2999-01-01" } }, ["Gamma bread"]],
      [{ ...in_, expiration_date: { lte: "2999-06-01" } }, ["Gamma bread"]],
      [{ ...in_, expiration_date: { in: ["2999-06-01"] } }, ["Gamma bread"]],
      [{ ...in_, expiration_date: { lt: "2999-01-01" } }, []]],
    "categories": [
      [{ ...in_, categories: { in: ["work", "none"] } }, ["Beta coffee"]],
      [{ ...in_, categories: { contains: "food" } }, ["Alpha tea", "Beta coffee"]]],
    "metadata": [
      [{ ...in_, metadata: { kind: "drink" } }, ["Alpha tea", "Beta coffee"]],
      [{ ...in_, metadata: { kind: "drink", hot: true } }, ["Alpha tea"]],
      [{ ...in_, metadata: { size: 3 } }, ["Gamma bread"]],
      [{ ...in_, metadata: { kind: { ne: "drink" } } }, ["Gamma bread"]],
      [{ ...in_, metadata: { tags: { contains: "x" } } }, ["Alpha tea"]],
      [{ ...in_, metadata: { kind: { contains: "ea" } } }, ["Gamma bread"]]],
    "words by contains": [
      [{ ...in_, keywords: { contains: "coffee" } }, ["Beta coffee"]],
      [{ ...in_, text: { contains: "bread" } }, ["Gamma bread"]]],
    "ids of memories": [[{ ...in_, memory_ids: [ids["Alpha tea"]] }, ["Alpha tea"]]],
    "AND, OR and NOT": [
      [{ AND: [in_, { metadata: { kind: "drink" } }, { metadata: { hot: false } }] }, ["Beta coffee"]],
      [{ OR: [{ user_id: "filters-2" }, { AND: [in_, { metadata: { kind: "meal" } }] }] }, ["Delta water", "Gamma bread"]],
      [{ AND: [in_, { NOT: [{ metadata: { kind: "meal" } }] }] }, ["Alpha tea", "Beta coffee"]],
      [{ AND: [in_, { NOT: [{ metadata: { kind: "meal" } }, { metadata: { hot: true } }] }] }, ["Beta coffee"]],
      [{ AND: [{ user_id: "*" }, { user_id: { in: ["filters-2"] } }, { NOT: [{ agent_id: "f" }] }] }, ["Delta water"]],
      [{ AND: [in_, { OR: [{ agent_id: "nobody" }, { created_at: { lt: day(2021) } }] }] }, ["Alpha tea"]]],
  };
  for (const [name, conditions] of Object.entries(cases))
    await t.test(name, async () => {
      for (const [filters, expected] of conditions) {
        assert.deepEqual(await found(filters), expected, JSON.stringify(filters));
        const hits = await client.search("tea coffee bread water", { filters, topK: 10 });
        assert.deepEqual(hits.results.map((each) => each.memory).sort(), expected, JSON.stringify(filters));
      }
    });
  await t.test("what is no filter is told", async () => {
    for (const filters of [
      {}, { metadata: { kind: "drink" } }, { ...in_, colour: "red" }, { ...in_, created_at: { near: day(2020) } },
      { ...in_, created_at: "yesterday" }, { ...in_, AND: "x" }, { ...in_, user_id: { like: "x" } }, { ...in_, metadata: 5 },
      { ...in_, categories: { gt: "a" } }, { AND: [in_, 5] },
      JSON.parse("{\"AND\":[".repeat(40) + "{\"user_id\":\"x\"}" + "]}".repeat(40)),
    ]) {
      await assert.rejects(client.getAll({ filters }), ValidationError, JSON.stringify(filters));
      await assert.rejects(client.search("x", { filters }), ValidationError, JSON.stringify(filters));
    }
    await assert.rejects(client.getAll({}), ValidationError);
  });
  // None of these is passed over in silence: it narrows, or is refused.
  for (const [name, options] of Object.entries({
    categories: { categories: ["work"] }, startDate: { startDate: "2021-01-01" }, endDate: { endDate: "2021-01-01" },
  }))
    await t.test(`${name} beside the filters`, async () => {
      let listed;
      try {
        listed = await found(in_, options);
      } catch (refused) {
        return assert.ok(refused instanceof ValidationError, refused);
      }
      assert.notDeepEqual(listed, all);
    });
  await t.test("categories beside a search", async () => {
    let hits;
    try {
      hits = await client.search("tea", { filters: in_, categories: ["work"], topK: 10 });
    } catch (refused) {
      return assert.ok(refused instanceof ValidationError, refused);
    }
    assert.deepEqual(hits.results.map((each) => each.memory), ["Beta coffee"]);
  });
});

// -- many at once, and who there is --

test("everything of somebody is deleted, and the name is usable again", async () => {
  await added("1", { userId: "bulk" });
  await added("2", { userId: "bulk", agentId: "b" });
  await added("3", { userId: "bulk-2", agentId: "b" });
  await client.deleteAll({ userId: "bulk", agentId: "b" });
  assert.deepEqual(await found({ user_id: { in: ["bulk", "bulk-2"] } }), ["1", "3"]);
  await client.deleteAll({ userId: "bulk" });
  assert.deepEqual(await found({ user_id: { in: ["bulk", "bulk-2"] } }), ["3"]);
  await added("again", { userId: "bulk" });
  assert.deepEqual(await found({ user_id: "bulk" }), ["again"]);
  await client.deleteUsers({ userId: "bulk" });
  assert.deepEqual(await found({ user_id: "bulk" }), []);
  await added("and again", { userId: "bulk" });
  await client.deleteUsers({ agentId: "b" });
  assert.deepEqual(await found({ user_id: { in: ["bulk", "bulk-2"] } }), ["and again"]);
  await assert.rejects(client.deleteAll(), ValidationError);
  await assert.rejects(client.deleteAll({}), ValidationError);
  await assert.rejects(client.deleteUsers({ userId: "*" }));
  assert.deepEqual(await found({ user_id: "bulk" }), ["and again"]);
});

test("who there is, by pages, and deleting all of them", async () => {
  const wiped = new MemoryClient({ apiKey: process.env.CLOISTER_WIPED_KEY, host });
  await assert.rejects(wiped.deleteUsers(), /No entities/);
  for (let i = 0; i < 120; ++i) await wiped.add(said(`x ${i}`), { userId: `u ${i}` });
  await wiped.add(said("x"), { agentId: "a/1" });
  await wiped.add(said("x"), { appId: "p" });
  await wiped.add(said("x"), { userId: "u 1", runId: "r" });
  const all = await wiped.users();
  assert.equal(all.count, 123);
  assert.equal(all.results.length, 123);
  const one = all.results.find((each) => each.name === "u 1");
  assert.deepEqual([one.type, one.totalMemories, Number.isSafeInteger(one.id)], ["user", 2, true]);
  const names = [];
  for (let page = 1; page <= 3; ++page) {
    const part = await wiped.users({ page, pageSize: 50 });
    assert.equal(part.count, 123);
    assert.equal(part.next === null, page === 3);
    names.push(...part.results.map((each) => each.type + each.name));
  }
  assert.equal(new Set(names).size, 123);
  const byNumber = await wiped.deleteUser({ entity_id: one.id, entity_type: "user" });
  assert.ok(byNumber.message);
  assert.equal((await wiped.users()).count, 121);
  await wiped.deleteUsers();
  assert.deepEqual((await wiped.users()).results, []);
  assert.deepEqual((await wiped.getAll({ filters: { OR: [{ user_id: "*" }, { agent_id: "*" }, { app_id: "*" }] } })).results, []);

  await wiped.add(said("x"), { userId: "u" });
  await wiped.add(said("y"), { appId: "p" });
  await wiped.deleteAll({ userId: "*" });
  assert.deepEqual((await wiped.users()).results.map((each) => each.name), ["p"]);
  await wiped.deleteAll({ userId: "*", agentId: "*", appId: "*", runId: "*" });
  assert.deepEqual((await wiped.users()).results, []);
});

// -- beside memories --

test("feedback is taken", async () => {
  const memoryId = await added("x", { userId: "feedback" });
  const before = (await client.users()).count;
  assert.ok((await client.feedback({ memoryId, feedback: Feedback.POSITIVE, feedbackReason: "right" })).message);
  assert.ok((await client.feedback({ memoryId, feedback: null })).message);
  await assert.rejects(client.feedback({ memoryId, feedback: "SOSO" }), ValidationError);
  await assert.rejects(client.feedback({ memoryId: never, feedback: Feedback.NEGATIVE }), MemoryNotFoundError);
  // It is no memory.
  assert.deepEqual(await found({ user_id: "feedback" }), ["x"]);
  assert.equal((await client.users()).count, before);
});

test("an export has what its filters say", async () => {
  await added("exported", { userId: "export", metadata: { a_b: 1 } });
  const schema = { title: "All", type: "object", properties: {} };
  const { id, message } = await client.createMemoryExport({ schema, filters: { user_id: "export" }, exportInstructions: "all" });
  assert.ok(id && message);
  for (const wanted of [{ memoryExportId: id }, { filters: { user_id: "export" } }]) {
    const { memories } = await client.getMemoryExport(wanted);
    assert.deepEqual(memories.map((each) => [each.memory, each.metadata]), [["exported", { a_b: 1 }]]);
  }
  await assert.rejects(client.getMemoryExport({ memoryExportId: "none" }), MemoryNotFoundError);
});

test("a project has settings", async () => {
  assert.equal((await client.getProject({ fields: ["customInstructions"] })).customInstructions, null);
  const customCategories = [{ My_Own: "what is mine" }];
  assert.ok(await client.updateProject({ customInstructions: "Keep it short", customCategories, decay: true }));
  const all = await client.getProject({});
  assert.deepEqual([all.customInstructions, all.customCategories, all.decay], ["Keep it short", customCategories, true]);
  assert.deepEqual(await client.getProject({ fields: ["customInstructions", "decay"] }),
    { customInstructions: "Keep it short", decay: true });
});

test("webhooks are made, listed, changed and deleted", async () => {
  const made = await client.createWebhook({
    name: "mine", url: "https://hooks.example/a", eventTypes: [WebhookEvent.MEMORY_CATEGORIZED],
  });
  assert.match(made.secret, /^whsec_[A-Za-z0-9+/]+=*$/);
  const listed = async () => (await client.getWebhooks()).find((each) => each.webhookId === made.webhookId);
  const { name, url, eventTypes, isActive } = await listed();
  assert.deepEqual({ name, url, eventTypes, isActive },
    { name: "mine", url: "https://hooks.example/a", eventTypes: ["memory_categorize"], isActive: true });
  assert.ok(!JSON.stringify(await client.getWebhooks()).includes("whsec_"));
  await client.updateWebhook({ webhookId: made.webhookId, name: "changed", url: "https://hooks.example/b" });
  assert.deepEqual([(await listed()).name, (await listed()).url], ["changed", "https://hooks.example/b"]);
  for (const wrong of [{ url: "ftp://x" }, { url: "nonsense" }, { eventTypes: ["memory_dream"] }])
    await assert.rejects(client.updateWebhook({ webhookId: made.webhookId, ...wrong }), ValidationError);
  assert.ok((await client.deleteWebhook({ webhookId: made.webhookId })).message);
  assert.equal(await listed(), undefined);
  await assert.rejects(client.deleteWebhook({ webhookId: made.webhookId }), MemoryNotFoundError);
});

// -- errors --

test("errors are of the client's classes", async () => {
  await assert.rejects(client.get("no-uuid"), ValidationError);
  await assert.rejects(client.get("a/b"), ValidationError);
  for (const ask of [() => client.get(never), () => client.history(never), () => client.delete(never),
    () => client.update(never, { text: "x" })])
    await assert.rejects(ask, (failed) => failed instanceof MemoryNotFoundError && failed.errorCode === "HTTP_404"
      && Boolean(JSON.parse(failed.message).detail));
  await assert.rejects(client.add(said("x".repeat(2_000_000)), { userId: "large" }), MemoryQuotaExceededError);

  const silenced = console.error;
  console.error = () => {};
  try {
    const stranger = new MemoryClient({ apiKey: "cloister_nonsense", host });
    await assert.rejects(stranger.getAll({ filters: { user_id: "zoe" } }), AuthenticationError);
    await stranger.initialized;
  } finally {
    console.error = silenced;
  }

  const id = await added("readable", { userId: "read-only" });
  const reader = new MemoryClient({ apiKey: process.env.CLOISTER_READER_KEY, host });
  assert.equal((await reader.get(id)).memory, "readable");
  for (const ask of [() => reader.add(said("x"), { userId: "read-only" }), () => reader.update(id, { text: "x" }),
    () => reader.delete(id), () => reader.deleteAll({ userId: "read-only" }), () => reader.batchDelete([id]),
    () => reader.feedback({ memoryId: id, feedback: Feedback.POSITIVE }), () => reader.updateProject({ decay: true }),
    () => reader.getWebhooks()])
    await assert.rejects(ask, AuthenticationError);
  // The client wraps this one.
  await assert.rejects(reader.deleteUsers({ userId: "read-only" }), /Failed to delete user read-only.*forbidden/);
  assert.equal((await reader.get(id)).memory, "readable");
});

test("what needs a language model is refused, not pretended", async () => {
  for (const ask of [() => client.getProfile({ entityId: "zoe" }), () => client.generateProfile({ entityId: "zoe" }),
    () => client.sampleProfiles({ limit: 1 })])
    await assert.rejects(ask, ValidationError);
  for (const ask of [() => client.getProfileSettings(), () => client.updateProfileSettings({ enabled: true }),
    () => client.getProfileJob("x")])
    await assert.rejects(ask, MemoryError);
});

nothingWentElsewhere();
