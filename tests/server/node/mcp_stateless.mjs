// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

// The official SDK's client of the revision without connections, against a real
// server.
//
//   CLOISTER_URL=… CLOISTER_API_KEY=… node --test mcp_stateless.mjs

import assert from "node:assert/strict";
import test from "node:test";

import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";

const url = new URL("/mcp", process.env.CLOISTER_URL);
const key = process.env.CLOISTER_API_KEY;
const revision = "2026-07-28";

function stateless(mode = { pin: revision }) {
  return new Client({ name: "tests", version: "1" }, { versionNegotiation: { mode } });
}

function caller(client) {
  return (name, args = {}) => client.callTool({ name, arguments: args });
}

async function connect(userId, mode) {
  const client = stateless(mode);
  const sent = [];
  await client.connect(new StreamableHTTPClientTransport(url, {
    requestInit: { headers: { Authorization: `Bearer ${key}`, "X-User-ID": userId } },
    fetch: (to, init) => {
      sent.push(init.method);
      return fetch(to, init);
    },
  }));
  return { client, call: caller(client), sent };
}

function overStdio(userId, environment) {
  const { CLOISTER_URL, ...env } = process.env;
  return new StdioClientTransport({
    command: process.env.CLOISTER_BIN, args: ["mcp", "--user-id", userId], stderr: "inherit",
    env: { ...env, ...environment },
  });
}
const embedded = { CLOISTER_DATA: process.env.CLOISTER_FREE_DATA, CLOISTER_API_KEY: process.env.CLOISTER_FREE_KEY };

async function useTools(client, call, userId) {
  const added = await call("add_memory", { content: "Prefers dark mode", memory_type: "preference" });
  assert.equal(added.structuredContent.scope, `org_acme/${userId}`);
  const { id } = added.structuredContent;
  assert.equal((await call("search_memories", { query: "which mode" })).structuredContent.results[0].id, id);
  assert.equal((await client.listTools()).tools.length, 11);
  const { resources } = await client.listResources();
  const read = await client.readResource({ uri: resources[0].uri });
  assert.equal(JSON.parse(read.contents[0].text).content, "Prefers dark mode");
  await assert.rejects(client.readResource({ uri: "memory://org_acme/user_else/x" }), { code: -32602 });
  await assert.rejects(call("drop_everything"), { code: -32602 });
  assert.equal((await call("get_memory", { id: "01900000-0000-7000-8000-000000000000" })).isError, true);
  assert.equal((await call("delete_all_memories", { confirm: userId })).structuredContent.deleted, 1);
}

test("an agent uses tools and resources without a connection", async () => {
  const { client, call, sent } = await connect("user_stateless");
  await useTools(client, call, "user_stateless");
  assert.ok(sent.every((method) => method === "POST"));
  await client.close();
});

test("a client that speaks both finds the newer one", async () => {
  const { client, call } = await connect("user_auto", "auto");
  assert.equal(client.getNegotiatedProtocolVersion(), revision);
  await useTools(client, call, "user_auto");
  await client.close();
});

test("stdio serves an embedded store without a connection", async () => {
  const client = stateless();
  await client.connect(overStdio("user_stateless", embedded));
  await useTools(client, caller(client), "user_stateless");
  await client.close();
});

test("stdio goes through the server that has the store", async () => {
  const client = stateless("auto");
  await client.connect(overStdio("user_bridged", {}));
  assert.equal(client.getNegotiatedProtocolVersion(), revision);
  assert.equal(client.getServerCapabilities().resources.subscribe, false);
  await useTools(client, caller(client), "user_bridged");
  await client.close();
});

// -- what is told --

class Told {
  #kept = [];
  #waiting = [];

  constructor(client) {
    const add = (what) => {
      const taker = this.#waiting.shift();
      if (taker) taker(what);
      else this.#kept.push(what);
    };
    client.setNotificationHandler("notifications/resources/list_changed", () => add("list_changed"));
    client.setNotificationHandler("notifications/resources/updated", ({ params }) => add(params.uri));
  }
  next() {
    if (this.#kept.length) return this.#kept.shift();
    return new Promise((done, failed) => {
      const timer = setTimeout(() => failed(new Error("nothing was told")), 20_000);
      this.#waiting.push((what) => { clearTimeout(timer); done(what); });
    });
  }
}

async function listenTo(client, call, userId) {
  const told = new Told(client);
  const watched = (await call("add_memory", { content: "watched" })).structuredContent;
  const other = (await call("add_memory", { content: "other" })).structuredContent;
  const uri = `memory://org_acme/${userId}/${watched.id}`;
  const foreign = `memory://org_acme/user_else/${watched.id}`;
  const updates = await client.listen({ resourceSubscriptions: [uri, foreign], toolsListChanged: true });
  assert.deepEqual(updates.honoredFilter, { resourceSubscriptions: [uri] });
  // Nothing of lists is told, and nothing of others.
  await call("add_memory", { content: "unheard" });
  await call("update_memory", { id: other.id, content: "unheard" });
  await call("update_memory", { id: watched.id, content: "heard" });
  assert.equal(await told.next(), uri);
  const lists = await client.listen({ resourcesListChanged: true });
  await call("delete_memory", { id: other.id });
  assert.equal(await told.next(), "list_changed");
  await updates.close();
  await call("update_memory", { id: watched.id, content: "unheard" });
  await call("delete_memory", { id: watched.id });
  assert.equal(await told.next(), "list_changed");
  await lists.close();
  await assert.rejects(client.listen({ resourceSubscriptions: Array(101).fill(uri) }));
}

test("what happens to resources is told over HTTP", async () => {
  const { client, call } = await connect("user_listens");
  await listenTo(client, call, "user_listens");
  await client.close();
});

test("what happens to resources is told over stdio", async () => {
  const client = stateless();
  await client.connect(overStdio("user_listens", embedded));
  await listenTo(client, caller(client), "user_listens");
  await client.close();
});

// -- the wire --

const meta = (version = revision) => ({
  "io.modelcontextprotocol/protocolVersion": version, "io.modelcontextprotocol/clientCapabilities": {},
});
const call = (method, params = {}, id = 7) => ({ jsonrpc: "2.0", id, method, params: { _meta: meta(), ...params } });

async function post(message, headers = {}) {
  const answer = await fetch(url, {
    method: "POST", body: JSON.stringify(message),
    headers: {
      Authorization: `Bearer ${key}`, Accept: "application/json, text/event-stream", "Content-Type": "application/json",
      "X-User-ID": "user_wire", "MCP-Protocol-Version": revision, "Mcp-Method": message.method, ...headers,
    },
  });
  return { status: answer.status, headers: answer.headers, body: await answer.json() };
}

test("results say what they are and how long they may be kept", async () => {
  const discovered = (await post(call("server/discover"))).body.result;
  assert.equal(discovered.supportedVersions[0], revision);
  for (const [method, scope] of [["server/discover", "private"], ["tools/list", "private"],
    ["resources/list", "private"], ["resources/templates/list", "public"]]) {
    const { status, headers, body } = await post(call(method));
    assert.equal(status, 200);
    assert.equal(headers.get("mcp-session-id"), null);
    assert.equal(body.result.resultType, "complete");
    assert.equal(body.result._meta["io.modelcontextprotocol/serverInfo"].name, "cloister");
    assert.equal(body.result.cacheScope, scope);
    assert.ok(Number.isInteger(body.result.ttlMs) && body.result.ttlMs >= 0);
  }
});

test("headers and body have to say the same", async () => {
  const tool = call("tools/call", { name: "list_memories", arguments: {} });
  const named = (value) => post(tool, { "Mcp-Name": value });
  assert.equal((await named("list_memories")).status, 200);
  assert.equal((await named(`=?base64?${btoa("list_memories")}?=`)).status, 200);
  const wrong = [
    await post(tool), await named("add_memory"), await named("list_memories, list_memories"),
    await named("=?base64?bGlz?="), await named("=?base64?%%%?="), await named("=?base64??="),
    await post(tool, { "Mcp-Name": "list_memories", "Mcp-Method": "tools/list" }),
    await post(tool, { "Mcp-Name": "list_memories", "Mcp-Method": "TOOLS/CALL" }),
    await post(tool, { "Mcp-Name": "list_memories", "MCP-Protocol-Version": "2025-11-25" }),
    await post(tool, { "Mcp-Name": "list_memories", "MCP-Protocol-Version": "" }),
  ];
  for (const { status, body } of wrong)
    assert.deepEqual([status, body.id, body.error?.code], [400, 7, -32020]);
});

test("a request says what it is, of a revision that is spoken", async () => {
  for (const params of [{}, { _meta: {} }, { _meta: 5 }, { _meta: { ...meta(), "io.modelcontextprotocol/clientCapabilities": 1 } },
    { _meta: { "io.modelcontextprotocol/protocolVersion": revision } }])
    assert.equal((await post({ jsonrpc: "2.0", id: 7, method: "tools/list", params })).body.error.code, -32602);
  const future = await post(call("tools/list", { _meta: meta("2099-01-01") }), { "MCP-Protocol-Version": "2099-01-01" });
  assert.deepEqual([future.status, future.body.error.code, future.body.error.data.requested], [400, -32022, "2099-01-01"]);
  assert.ok(future.body.error.data.supported.includes(revision));
  for (const method of ["initialize", "ping", "resources/subscribe", "logging/setLevel", "nope"]) {
    const gone = await post(call(method));
    assert.deepEqual([gone.status, gone.body.error.code], [404, -32601]);
  }
});

test("nothing of a session is taken from a request without one", async () => {
  const bound = await post(call("tools/list"), { "Cloister-Session": "ephemeral" });
  assert.deepEqual([bound.status, bound.body.error.code], [400, -32602]);
  assert.equal((await post(call("tools/list"), { "Mcp-Session-Id": "0".repeat(32) })).status, 200);
  assert.equal((await post(call("tools/list"), { Authorization: "Bearer nonsense" })).status, 401);
  assert.equal((await post(call("tools/list"), { "X-User-ID": "org_other" })).status, 403);
  assert.equal((await post(call("tools/list"), { Origin: "https://evil.example" })).status, 403);
});
