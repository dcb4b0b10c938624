// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { inspect } from "node:util";

import * as cloister from "../src/index.js";
import { type ClientOptions, type Memory, MemoryClient } from "../src/index.js";
import { Served } from "./served.js";

let server: Served;
let key: string;

before(async () => {
  server = await Served.start();
  key = await server.organization("org_acme");
});

after(async () => {
  await server.end();
});

function client(userId: string | undefined, options: ClientOptions = {}): MemoryClient {
  return new MemoryClient({ apiKey: key, userId, baseUrl: server.url, ...options });
}

async function all(memories: AsyncIterable<Memory>): Promise<string[]> {
  const out: string[] = [];
  for await (const memory of memories) {
    out.push(memory.content);
  }
  return out;
}

test("memories are created, found, changed and deleted", async () => {
  const memory = client("user_life");
  const made = await memory.createMemory({
    content: "User prefers dark mode",
    memoryType: "preference",
    metadata: { source: "chat" },
  });
  assert.equal(made.memory_type, "preference");
  const { results } = await memory.searchMemories({ query: "which mode", minScore: 0.01 });
  assert.equal(results[0]?.id, made.id);
  assert.ok(results[0].score > 0 && results[0].score < 1);
  assert.deepEqual(await memory.getMemory(made.id), made);
  const changed = await memory.updateMemory(made.id, { content: "Dark", ifRevision: 1 });
  assert.equal(changed.revision, 2);
  await assert.rejects(
    memory.updateMemory(made.id, { content: "Light", ifRevision: 1 }),
    cloister.ConflictError,
  );
  const history = await memory.memoryHistory(made.id);
  assert.deepEqual(history.map((each) => each.revision), [2, 1]);
  assert.equal((await memory.restoreMemory(made.id, 1)).content, made.content);
  const copy = await memory.shareMemory(made.id, "team_eng");
  assert.equal(copy.scope, "org_acme/team_eng");
  await assert.rejects(memory.deleteMemory(made.id, { ifRevision: 1 }), cloister.ConflictError);
  assert.deepEqual(await memory.deleteMemory(made.id), { deleted: 1 });
  await assert.rejects(memory.getMemory(made.id), (failed: cloister.CloisterError) => {
    assert.ok(failed instanceof cloister.NotFoundError);
    assert.equal(failed.code, "not_found");
    assert.equal(failed.status, 404);
    assert.ok(failed.requestId);
    assert.equal(failed.message, `not_found: ${failed.detail}`);
    return true;
  });
});

test("options reach the server under its names", async () => {
  const memory = client("user_options");
  const expiresAt = new Date(Date.now() + 3_600_000);
  const made = await memory.createMemory({ content: "x", key: "one", expiresAt });
  assert.equal(made.expires_at, expiresAt.toISOString());
  const again = await memory.createMemory({ content: "y", key: "one" });
  assert.deepEqual([again.id, again.revision], [made.id, 2]);
  await memory.updateMemory(made.id, { metadata: { a: 1, b: 2 }, expiresAt });
  const changed = await memory.updateMemory(made.id, { metadata: { a: null }, expiresAt: null });
  assert.deepEqual([changed.metadata, changed.expires_at], [{ b: 2 }, null]);
  const first = await memory.createMemory({ content: "z", idempotencyKey: "z-1" });
  const second = await memory.createMemory({ content: "z", idempotencyKey: "z-1" });
  assert.equal(first.id, second.id);
  await assert.rejects(
    memory.createMemory({ content: "else", idempotencyKey: "z-1" }),
    cloister.ConflictError,
  );
});

test("an option that is not known is told before anything is sent", async () => {
  const memory = client("user_options", { baseUrl: "http://127.0.0.1:1" });
  const late = { content: "x", expires_at: "2030-01-01T00:00:00Z" };
  await assert.rejects(memory.createMemory(late), cloister.InvalidArgumentError);
  await assert.rejects(memory.createMemory("x" as never), /takes an object with content/);
  const broken = { content: "x", expiresAt: new Date(NaN) };
  await assert.rejects(memory.createMemory(broken), cloister.InvalidArgumentError);
  const misspelt = { apiKey: "k", user_id: "user_a" };
  assert.throws(() => new MemoryClient(misspelt), cloister.InvalidArgumentError);
  for (const id of ["", ".", ".."]) {
    await assert.rejects(memory.getMemory(id), cloister.InvalidArgumentError);
    await assert.rejects(memory.eraseScope(id), cloister.InvalidArgumentError);
  }
});

test("all pages are walked", async () => {
  const memory = client("user_pages");
  const drafts = Array.from({ length: 120 }, (_, place) => ({ content: String(place) }));
  assert.equal((await memory.createMemories(drafts)).length, 120);
  assert.equal((await all(memory.iterateMemories({ limit: 50 }))).length, 120);
  const filter = { memory_type: { eq: "fact" }, NOT: { content: "1" } };
  const page = await memory.listMemories({ filter, limit: 3, order: "oldest" });
  assert.deepEqual(page.results.map((each) => each.content), ["0", "2", "3"]);
  const cursor = page.cursor ?? undefined;
  const rest = await all(memory.iterateMemories({ filter, limit: 3, order: "oldest", cursor }));
  assert.equal(rest.length, 116);
  assert.deepEqual(await memory.deleteAllMemories(), { deleted: 120 });
});

test("a client reaches its scope and no other", async () => {
  const sarah = client("user_sarah");
  const made = await sarah.createMemory({ content: "mine" });
  const tom = sarah.forUser("user_tom");
  assert.equal(tom.userId, "user_tom");
  await assert.rejects(tom.getMemory(made.id), cloister.NotFoundError);
  assert.deepEqual((await tom.listMemories()).results, []);
  await client("team_a").createMemory({ content: "of team a" });
  await client("team_b").createMemory({ content: "of team b" });
  const both = await client(undefined).searchMemories({
    query: "team",
    scopes: ["team_a", "team_b"],
  });
  assert.equal(both.results.length, 2);
  const listed = await client(undefined).listMemories({ scopes: ["team_a", "team_b"] });
  assert.equal(listed.results.length, 2);
  const inherited = await client("team_a/user_x").listMemories({ visibility: "inherited" });
  assert.deepEqual(inherited.results.map((each) => each.content), ["of team a"]);
  await assert.rejects(client(undefined).deleteAllMemories(), cloister.InvalidArgumentError);
});

test("a session cleans up after itself", async () => {
  const agent = client("agent_planner");
  let run: cloister.Session;
  let note: Memory;
  {
    await using opened = await agent.openSession({ idleTimeout: 60 });
    run = opened;
    note = await run.createMemory({ content: "a scratch note" });
    const keep = await run.createMemory({ content: "worth keeping" });
    assert.deepEqual((await run.promote([keep.id])).map((each) => each.content), ["worth keeping"]);
    assert.equal((await run.renew()).session, run.info.session);
    assert.equal((await agent.listSessions())[0]?.session, run.info.session);
  }
  await assert.rejects(run.getMemory(note.id), cloister.CloisterError);
  assert.deepEqual(await all(agent.iterateMemories()), ["worth keeping"]);
  assert.deepEqual(await agent.listSessions(), []);
});

test("a session that has ended is not ended again", async () => {
  const agent = client("agent_ends");
  await using ended = await agent.openSession();
  assert.ok((await ended.end()).signature);
  await using over = await agent.openSession();
  await agent.endSession(over.info.session);
  await assert.rejects(over.listMemories(), cloister.CloisterError);
  await assert.rejects(over.end(), cloister.ErasedError);
});

test("administration", async () => {
  const root = client(undefined);
  const made = await root.createKey("read,write", { scope: "user_keyed", label: "agent" });
  const own = new MemoryClient({ apiKey: made.api_key, baseUrl: server.url });
  assert.equal((await own.createMemory({ content: "mine" })).author, "agent");
  await assert.rejects(own.listScopes(), cloister.ForbiddenError);
  assert.ok((await root.listKeys()).some((each) => each.key_id === made.key_id));
  assert.ok((await root.revokeKey(made.key_id)).revoked_at);
  await assert.rejects(own.listMemories(), cloister.AuthenticationError);
  assert.equal((await root.showScope("user_keyed")).memories, 1);
  assert.ok((await root.listScopes()).some((each) => each.scope === "org_acme/user_keyed"));
  const receipt = await root.eraseScope("user_keyed", { withSharedCopies: true });
  assert.equal(receipt.memories, 1);
  await assert.rejects(client("user_keyed").listMemories(), cloister.ErasedError);
  assert.equal((await root.reinstateScope("user_keyed")).scope, "org_acme/user_keyed");
  assert.equal((await root.verifyAudit()).intact, true);
  const since = new Date(Date.now() - 3_600_000);
  const audit = await root.listAudit({ operation: "scope.erase", limit: 1, since });
  assert.equal(audit.results[0]?.outcome, "ok");
});

test("key and address come from the environment", async () => {
  assert.throws(() => new MemoryClient(), cloister.AuthenticationError);
  process.env["CLOISTER_API_KEY"] = key;
  process.env["CLOISTER_URL"] = server.url;
  try {
    assert.equal((await new MemoryClient({ userId: "user_env" }).listMemories()).cursor, null);
  } finally {
    delete process.env["CLOISTER_API_KEY"];
    delete process.env["CLOISTER_URL"];
  }
  assert.equal(new MemoryClient({ apiKey: "k" }).baseUrl, "http://127.0.0.1:7077");
  const baseUrl = "localhost:7077";
  assert.throws(() => client(undefined, { baseUrl }), cloister.InvalidArgumentError);
});

test("a client that is printed shows no key", () => {
  const shown = client("user_a");
  assert.ok(!`${inspect(shown, { depth: 9 })}${JSON.stringify(shown)}`.includes(key));
});

test("a call is aborted by its signal", async () => {
  const memory = client("user_aborts");
  const reason = new Error("enough");
  await assert.rejects(memory.listMemories({ signal: AbortSignal.abort(reason) }), reason);
});

test("memories are found by embeddings", async () => {
  const memory = client("user_vectors");
  await memory.createMemory({ content: "the cat sat", embedding: [1, 0] });
  await memory.createMemory({ content: "a dog ran", embedding: Float64Array.of(0.8, 0.6) });
  await memory.createMemory({ content: "a red cat", embedding: Float32Array.of(0, 1) });
  const plain = await memory.createMemory({ content: "a cat without one" });
  const found = async (options: cloister.SearchOptions) => {
    const { results } = await memory.searchMemories(options);
    return results.map((each) => [each.content, Math.round(each.score * 1000) / 1000]);
  };
  const near = [["the cat sat", 1], ["a dog ran", 0.8], ["a red cat", 0]];
  assert.deepEqual(await found({ embedding: [1, 0] }), near);
  const vector = { query: "cat", embedding: Float32Array.of(3, 0), mode: "vector" } as const;
  assert.deepEqual(await found(vector), near);
  assert.deepEqual(await found({ embedding: [1, 0], minScore: 0.5, limit: 1 }), near.slice(0, 1));
  const lexical = await found({ query: "cat", embedding: [1, 0], mode: "lexical" });
  assert.deepEqual(lexical, await found({ query: "cat" }));
  assert.equal(lexical.length, 3);
  const both = await found({ query: "dog", embedding: [0.8, 0.6] });
  assert.deepEqual([both[0], both.length], [["a dog ran", 1], 3]);
  await memory.updateMemory(plain.id, { embedding: [-1, 0] });
  assert.deepEqual((await found({ embedding: [-1, 0] }))[0], ["a cat without one", 1]);
  await memory.updateMemory(plain.id, { embedding: [] });
  assert.deepEqual(await found({ embedding: [1, 0] }), near);
  const wrong = [{ query: "cat", mode: "vector" }, { embedding: [1, 0, 0] }, {}] as const;
  for (const options of wrong) {
    await assert.rejects(memory.searchMemories(options), cloister.InvalidArgumentError);
  }
});

test("a server that comes back is found again", async () => {
  const memory = client("user_back", { retries: 8 });
  const made = await memory.createMemory({ content: "x" });
  const { port } = server;
  await server.stop();
  const back = wait(500).then(() => server.listen(port));
  assert.deepEqual(await memory.getMemory(made.id), made);
  await back;
});
