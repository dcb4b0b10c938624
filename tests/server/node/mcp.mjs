// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

// The official SDK's client against a real server.
//
//   CLOISTER_URL=… CLOISTER_API_KEY=… node --test mcp.mjs

import assert from "node:assert/strict";
import test from "node:test";

import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";

const url = new URL("/mcp", process.env.CLOISTER_URL);
const key = process.env.CLOISTER_API_KEY;

async function connect(userId, headers = {}, apiKey = key) {
  const client = new Client({ name: "tests", version: "1" });
  const transport = new StreamableHTTPClientTransport(url, {
    requestInit: { headers: { Authorization: `Bearer ${apiKey}`, "X-User-ID": userId, ...headers } },
  });
  await client.connect(transport);
  return { client, transport, call: (name, args = {}) => client.callTool({ name, arguments: args }) };
}

async function ask(path, method = "GET", body) {
  const answer = await fetch(new URL(path, process.env.CLOISTER_URL), {
    method, headers: { Authorization: `Bearer ${key}` }, body: body && JSON.stringify(body),
  });
  return answer.json();
}

test("an agent adds, finds, changes and forgets memories", async () => {
  const { client, call } = await connect("user_mcp");
  const added = await call("add_memory", { content: "Prefers dark mode", memory_type: "preference" });
  assert.equal(added.structuredContent.scope, "org_acme/user_mcp");
  assert.deepEqual(JSON.parse(added.content[0].text), added.structuredContent);
  const { id } = added.structuredContent;
  const found = await call("search_memories", { query: "which mode" });
  assert.equal(found.structuredContent.results[0].id, id);
  await call("update_memory", { id, content: "Prefers light mode" });
  const history = await call("memory_history", { id });
  assert.deepEqual(history.structuredContent.results.map((each) => each.revision), [2, 1]);
  assert.equal((await call("get_memory", { id })).structuredContent.content, "Prefers light mode");
  assert.equal((await call("list_memories", { limit: 5 })).structuredContent.results.length, 1);
  const copy = await call("share_memory", { id, to: "team_mcp" });
  assert.equal(copy.structuredContent.scope, "org_acme/team_mcp");
  assert.equal((await call("delete_memory", { id })).structuredContent.deleted, 1);
  const refused = await call("delete_all_memories", { confirm: "user_other" });
  assert.equal(refused.isError, true);
  await call("add_memory", { content: "x" });
  assert.equal((await call("delete_all_memories", { confirm: "user_mcp" })).structuredContent.deleted, 1);
  await client.close();
});

test("what a tool cannot do is told to the model, and what is no tool to the client", async () => {
  const { client, call } = await connect("user_mcp");
  const missing = await call("get_memory", { id: "01900000-0000-7000-8000-000000000000" });
  assert.equal(missing.isError, true);
  assert.match(missing.content[0].text, /^not_found: /);
  assert.match((await call("add_memory", { contents: "x" })).content[0].text, /^invalid_argument: /);
  await assert.rejects(call("drop_everything"), { code: -32602 });
  await assert.rejects(client.getPrompt({ name: "x" }));
  await client.close();
});

test("a poisoned prompt cannot choose the tenant", async () => {
  const { client, call } = await connect("user_mcp");
  for (const args of [{ content: "x", user_id: "user_b" }, { content: "x", scope: "user_b" }])
    assert.equal((await call("add_memory", args)).isError, true);
  const foreign = await call("search_memories", { query: "x", scopes: ["org_other/user_x"] });
  assert.match(foreign.content[0].text, /^forbidden: /);
  await client.close();
});

test("a key sees the tools that it permits", async () => {
  const { api_key: reader } = await ask("/v1/keys", "POST", { scope: "user_mcp", permissions: "read" });
  const { client } = await connect("user_mcp", {}, reader);
  const { tools } = await client.listTools();
  assert.deepEqual(tools.map((each) => each.name).sort(),
    ["get_memory", "list_memories", "memory_history", "search_memories"]);
  assert.ok(tools.every((each) => each.annotations.readOnlyHint && each.outputSchema));
  await assert.rejects(client.callTool({ name: "add_memory", arguments: { content: "x" } }), { code: -32602 });
  await client.close();
});

test("memories are resources of the bound scope alone", async () => {
  const { client, call } = await connect("user_resources");
  for (let i = 0; i < 60; ++i) await call("add_memory", { content: `memory ${i}` });
  const first = await client.listResources();
  assert.equal(first.resources.length, 50);
  assert.equal((await client.listResources({ cursor: first.nextCursor })).resources.length, 10);
  const { uri } = first.resources[0];
  assert.match(uri, /^memory:\/\/org_acme\/user_resources\//);
  const { contents } = await client.readResource({ uri });
  assert.equal(JSON.parse(contents[0].text).content, "memory 59");
  await assert.rejects(client.readResource({ uri: uri.replace("user_resources", "user_mcp") }), { code: -32002 });
  const { resourceTemplates } = await client.listResourceTemplates();
  assert.equal(resourceTemplates.length, 1);
  await client.close();
});

test("a session of its own vanishes with the connection", async () => {
  const { client, transport, call } = await connect("agent_mcp", { "Cloister-Session": "ephemeral" });
  const added = await call("add_memory", { content: "scratch" });
  assert.match(added.structuredContent.scope, /^org_acme\/agent_mcp\/session_/);
  assert.equal((await ask("/v1/sessions?user_id=agent_mcp")).results.length, 1);
  await transport.terminateSession();
  assert.equal((await ask("/v1/sessions?user_id=agent_mcp")).results.length, 0);
  assert.equal((await ask("/v1/memories?user_id=agent_mcp")).results.length, 0);
  await client.close();
});

test("sessions are started and ended by tools", async () => {
  const { client, call } = await connect("agent_mcp");
  const { session } = (await call("start_session", { idle_timeout: 60 })).structuredContent;
  const receipt = (await call("end_session", { session })).structuredContent;
  assert.match(receipt.scope, new RegExp(session));
  const other = await connect("user_bob");
  const bobs = (await other.call("start_session")).structuredContent.session;
  for (const named of [`user_bob/${bobs}`, `org_acme/user_bob/${bobs}`, "", "agent_mcp"])
    assert.match((await call("end_session", { session: named })).content[0].text, /^not_found: /);
  await other.client.close();
  await client.close();
});

async function post(body, headers = {}) {
  return fetch(url, {
    method: "POST", body: typeof body === "string" ? body : JSON.stringify(body),
    headers: { Authorization: `Bearer ${key}`, Accept: "application/json, text/event-stream", "Content-Type": "application/json", ...headers },
  });
}
const hello = (version) => ({
  jsonrpc: "2.0", id: 1, method: "initialize",
  params: { protocolVersion: version, capabilities: {}, clientInfo: { name: "t", version: "1" } },
});

test("versions are negotiated", async () => {
  for (const version of ["2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"]) {
    const answer = await (await post(hello(version))).json();
    assert.equal(answer.result.protocolVersion, version);
  }
  assert.equal((await (await post(hello("1999-01-01"))).json()).result.protocolVersion, "2025-11-25");
});

test("the transport refuses what is none of its own", async () => {
  const id = (await post(hello("2025-11-25"))).headers.get("mcp-session-id");
  const ping = { jsonrpc: "2.0", id: 2, method: "ping" };
  assert.equal((await post(ping)).status, 400);
  assert.equal((await post(ping, { "Mcp-Session-Id": "0".repeat(32) })).status, 404);
  const { api_key: other } = await ask("/v1/keys", "POST", { permissions: "all" });
  assert.equal((await post(ping, { "Mcp-Session-Id": id, Authorization: `Bearer ${other}` })).status, 404);
  assert.equal((await post(ping, { "Mcp-Session-Id": id, "MCP-Protocol-Version": "1999-01-01" })).status, 400);
  assert.equal((await post(ping, { "Mcp-Session-Id": id, Origin: "https://evil.example" })).status, 403);
  assert.equal((await post(ping, { "Mcp-Session-Id": id, Accept: "text/html" })).status, 406);
  assert.equal((await post("{", { "Mcp-Session-Id": id })).status, 400);
  assert.equal((await post(ping, { Authorization: "" })).status, 401);
  assert.equal((await fetch(url, { headers: { Authorization: `Bearer ${key}` } })).status, 405);
  for (const message of [[], 5, {}, { jsonrpc: "2.0" }, { jsonrpc: "1.0", id: 1, method: "ping" },
    { jsonrpc: "2.0", id: {}, method: "ping" }, { jsonrpc: "2.0", id: 1, method: 5 }])
    assert.equal((await (await post(message, { "Mcp-Session-Id": id })).json()).error.code, -32600);
  assert.equal((await post(5, { "Mcp-Session-Id": id })).status, 400);
  assert.equal((await post(ping, { "Mcp-Session-Id": id, "X-User-ID": "user_else" })).status, 400);
  assert.equal((await post({ jsonrpc: "2.0", method: "notifications/initialized" }, { "Mcp-Session-Id": id })).status, 202);
  assert.equal((await (await post({ ...ping, method: "nope" }, { "Mcp-Session-Id": id })).json()).error.code, -32601);
  assert.deepEqual((await (await post(ping, { "Mcp-Session-Id": id })).json()).result, {});
});

async function overStdio(environment) {
  const client = new Client({ name: "tests", version: "1" });
  const { CLOISTER_URL, ...env } = process.env;
  await client.connect(new StdioClientTransport({
    command: process.env.CLOISTER_BIN, args: ["mcp", "--user-id", "user_stdio"], stderr: "inherit",
    env: { ...env, ...environment },
  }));
  const call = (name, args = {}) => client.callTool({ name, arguments: args });
  const added = await call("add_memory", { content: "by stdio" });
  assert.equal(added.structuredContent.scope, "org_acme/user_stdio");
  const many = await Promise.all([...Array(20).keys()].map((i) => call("add_memory", { content: `${i}` })));
  assert.equal(new Set(many.map((each) => each.structuredContent.id)).size, 20);
  assert.equal((await call("get_memory", { id: "x" })).isError, true);
  assert.equal((await call("delete_all_memories", { confirm: "user_stdio" })).structuredContent.deleted, 21);
  await client.close();
}

test("stdio serves an embedded store", () => overStdio({
  CLOISTER_DATA: process.env.CLOISTER_FREE_DATA, CLOISTER_API_KEY: process.env.CLOISTER_FREE_KEY,
}));

test("stdio goes through the server that has the store", () => overStdio({}));

test("a session by stdio vanishes at the server, too", async () => {
  const client = new Client({ name: "tests", version: "1" });
  const { CLOISTER_URL, ...env } = process.env;
  await client.connect(new StdioClientTransport({
    command: process.env.CLOISTER_BIN, args: ["mcp", "--user-id", "agent_brief", "--session"], stderr: "inherit", env,
  }));
  const added = await client.callTool({ name: "add_memory", arguments: { content: "scratch" } });
  assert.match(added.structuredContent.scope, /^org_acme\/agent_brief\/session_/);
  await client.close();
  for (let tries = 0; tries < 100 && (await ask("/v1/sessions?user_id=agent_brief")).results.length; ++tries)
    await new Promise((done) => setTimeout(done, 20));
  assert.equal((await ask("/v1/sessions?user_id=agent_brief")).results.length, 0);
});
