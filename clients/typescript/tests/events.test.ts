// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, type TestContext, test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";

import * as cloister from "../src/index.js";
import { type ClientOptions, type EventStream, MemoryClient, type MemoryEvent } from "../src/index.js";
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

async function take(events: EventStream, count: number): Promise<MemoryEvent[]> {
  const out: MemoryEvent[] = [];
  for (let i = 0; i < count; ++i) {
    const { value } = await events.next();
    assert.ok(value);
    out.push(value);
  }
  return out;
}

async function all(events: EventStream): Promise<MemoryEvent[]> {
  const out: MemoryEvent[] = [];
  for await (const event of events) {
    out.push(event);
  }
  return out;
}

test("each kind of event is told, and can be asked for again", async () => {
  const memory = client("user_kinds");
  await using events = memory.events();
  assert.equal(events.eventId, null);
  assert.equal(await events.open(), "0");
  const made = await memory.createMemory({ content: "x" });
  await memory.createMemories([{ content: "y" }, { content: "z" }]);
  await memory.updateMemory(made.id, { content: "changed" });
  await memory.deleteMemory(made.id);
  await memory.deleteAllMemories();
  await (await memory.openSession()).end();
  const told = await take(events, 7);
  const types = ["created", "created", "created", "updated", "deleted", "deleted", "session_ended"];
  assert.deepEqual(told.map((each) => each.type), types);
  const [first, , , updated, , deletedAll, ended] = told;
  assert.deepEqual([first?.id, first?.revision, updated?.revision], [made.id, 1, 2]);
  assert.equal(first?.scope, "org_acme/user_kinds");
  assert.deepEqual([deletedAll?.count, deletedAll?.id], [2, undefined]);
  assert.ok(ended?.session);
  assert.equal(events.eventId, ended.event_id);
  // In the middle of those that were stored together, too.
  for (const [place, { event_id }] of told.entries()) {
    await using again = memory.events({ after: event_id });
    assert.deepEqual(await take(again, 6 - place), told.slice(place + 1));
  }
});

test("what is not known any more is read anew", async () => {
  const memory = client("user_reset");
  await memory.createMemory({ content: "x" });
  await using events = memory.events({ after: "1000" });
  // It has not been told yet.
  assert.equal(await events.open(), "1000");
  const [reset] = await take(events, 1);
  assert.equal(reset?.type, "reset");
  assert.equal(events.eventId, reset.event_id);
  const made = await memory.createMemory({ content: "y" });
  const [created] = await take(events, 1);
  assert.equal(created?.id, made.id);
});

test("events go on behind a server that is killed between two", async () => {
  const memory = client("user_killed", { retries: 8 });
  await using events = memory.events();
  await events.open();
  const first = await memory.createMemory({ content: "before" });
  assert.deepEqual((await take(events, 1)).map((each) => each.id), [first.id]);
  const { port } = server;
  await server.stop("SIGKILL");
  const back = wait(500).then(() => server.listen(port));
  // Before the stream is back, so that it is told from the trail.
  const second = await memory.createMemory({ content: "after" });
  await back;
  const third = await memory.createMemory({ content: "at last" });
  assert.deepEqual((await take(events, 2)).map((each) => each.id), [second.id, third.id]);
});

test("events end with their scope", async () => {
  const memory = client("user_gone");
  await memory.createMemory({ content: "x" });
  const events = memory.events();
  await events.open();
  await client(undefined).eraseScope("user_gone");
  assert.deepEqual((await all(events)).map((each) => each.type), ["erased"]);
  await assert.rejects(memory.events().next(), cloister.ErasedError);
  const session = await client("user_ends").openSession();
  const own = session.events();
  await own.open();
  await session.end();
  const told = await all(own);
  assert.deepEqual(told.map((each) => each.type), ["session_ended"]);
  assert.match(told[0]?.reason ?? "", /closed/);
});

test("who may not read events is told so", async () => {
  const root = client(undefined);
  const blind = await root.createKey("write", { scope: "user_keyed" });
  const unread = client(undefined, { apiKey: blind.api_key }).events();
  await assert.rejects(unread.next(), cloister.ForbiddenError);
  const soon = client("user_keyed").events({ after: "soon" });
  await assert.rejects(soon.open(), cloister.InvalidArgumentError);
  const misspelt = { afterwards: "1" } as object;
  assert.throws(() => client("user_keyed").events(misspelt), cloister.InvalidArgumentError);
  const made = await root.createKey("read", { scope: "user_keyed" });
  const events = client(undefined, { apiKey: made.api_key }).events();
  await events.open();
  await root.revokeKey(made.key_id);
  await client("user_keyed").createMemory({ content: "not for it" });
  await assert.rejects(events.next(), cloister.AuthenticationError);
  assert.deepEqual(await all(events), []);
});

test("events are ended by a signal, or by whoever has enough", async () => {
  const memory = client("user_signal");
  const stop = new AbortController();
  const reason = new Error("enough");
  const events = memory.events({ signal: stop.signal });
  await events.open();
  const waiting = events.next();
  stop.abort(reason);
  await assert.rejects(waiting, reason);
  await assert.rejects(memory.events({ signal: stop.signal }).next(), reason);
  const others = memory.events();
  await others.open();
  const left = others.next();
  await others.return();
  assert.deepEqual(await left, { done: true, value: undefined });
  await memory.createMemory({ content: "x" });
  for await (const event of memory.events({ after: "0" })) {
    assert.equal(event.type, "created");
    break;
  }
});

type Answer = [status: number, text: string];

/** A server that answers each request with the next text. */
async function serve(context: TestContext, answers: Answer[]) {
  const seen: { path: string; last: string | undefined; at: number }[] = [];
  const made = createServer((request, response) => {
    const last = request.headers["last-event-id"];
    seen.push({ path: request.url ?? "", last: last as string | undefined, at: performance.now() });
    const [status, text] = answers.shift() ?? [500, ""];
    const type = status === 200 ? "text/event-stream" : "application/json";
    response.writeHead(status, { "Content-Type": type, Connection: "close" });
    response.end(text);
  });
  made.listen(0, "127.0.0.1");
  await once(made, "listening");
  context.after(() => made.close());
  const baseUrl = `http://127.0.0.1:${(made.address() as AddressInfo).port}`;
  return { memory: client("user_a", { baseUrl, retries: 1 }), seen };
}

function problem(code: string): string {
  return JSON.stringify({ code, detail: "x" });
}

function told(place: string): string {
  return `id: ${place}\nevent: created\ndata: {"type":"created","scope":"org_a/user_a"}\n\n`;
}

test("events go on where they were cut off", async (context) => {
  const { memory, seen } = await serve(context, [
    [503, problem("overloaded")],
    [200, "retry: 150\nid: 4.1\n\n"],
    [200, `:\n\n${told("5").slice(0, -1)}`],
    [503, problem("sealed")],
    [503, problem("sealed")],
    [503, problem("sealed")],
    [200, `${told("5").replaceAll("\n", "\r\n")}${told("6.1")}id: 7\nevent: cre`],
    [410, problem("erased")],
  ]);
  const events = await all(memory.events({ after: "3" }));
  assert.deepEqual(
    events.map((each) => [each.type, each.event_id]),
    [["created", "5"], ["created", "6.1"], ["erased", "6.1"]],
  );
  const last = ["4.1", "4.1", "4.1", "4.1", "4.1", "6.1"];
  assert.deepEqual(seen.map((each) => each.last), [undefined, undefined, ...last]);
  assert.ok(seen.every((each) => each.path === "/v1/events?after=3"));
  const between = (i: number) => (seen[i + 1]?.at ?? 0) - (seen[i]?.at ?? 0);
  assert.ok(between(1) >= 149);
  // Twice as long each time: 0.3, 0.6, 1.2.
  assert.ok(between(5) >= 1199);
});

test("events of a server that is not there", async (context) => {
  const busy: Answer = [503, problem("overloaded")];
  const { memory, seen } = await serve(context, [busy, busy]);
  await assert.rejects(memory.events().open(), cloister.UnavailableError);
  assert.equal(seen.length, 2);
});
