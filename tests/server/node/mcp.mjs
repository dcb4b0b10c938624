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
import { ResourceListChangedNotificationSchema, ResourceUpdatedNotificationSchema } from "@modelcontextprotocol/sdk/types.js";

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
  const stream = (headers) => fetch(url, { headers: { Authorization: `Bearer ${key}`, Accept: "text/event-stream", ...headers } });
  assert.equal((await stream({})).status, 400);
  assert.equal((await stream({ "Mcp-Session-Id": "0".repeat(32) })).status, 404);
  assert.equal((await stream({ "Mcp-Session-Id": id, Authorization: `Bearer ${other}` })).status, 404);
  assert.equal((await stream({ "Mcp-Session-Id": id, Accept: "application/json" })).status, 406);
  assert.equal((await stream({ "Mcp-Session-Id": id, Origin: "https://evil.example" })).status, 403);
  assert.equal((await stream({ "Mcp-Session-Id": id, "X-User-ID": "user_else" })).status, 400);
  assert.equal((await stream({ "Mcp-Session-Id": id, "Last-Event-ID": "nonsense" })).status, 400);
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

// -- what is said unasked --

/// Keeps what is said, until it is asked for.
class Said {
  #kept = [];
  #waiting = [];

  add(what) {
    const taker = this.#waiting.shift();
    if (taker) taker(what);
    else this.#kept.push(what);
  }
  hear(client) {
    client.setNotificationHandler(ResourceListChangedNotificationSchema, () => this.add("list_changed"));
    client.setNotificationHandler(ResourceUpdatedNotificationSchema, ({ params }) => this.add(params.uri));
    return this;
  }
  next() {
    if (this.#kept.length) return this.#kept.shift();
    return new Promise((done, failed) => {
      const timer = setTimeout(() => failed(new Error("nothing was said")), 20_000);
      this.#waiting.push((what) => { clearTimeout(timer); done(what); });
    });
  }
  async take(count) {
    const out = [];
    while (out.length < count) out.push(await this.next());
    return out;
  }
}

const uriOf = (made) => `memory://${made.structuredContent.scope}/${made.structuredContent.id}`;

/// One of everything, which is told as `said` has it.
async function changeAll(client, call, said) {
  const watched = await call("add_memory", { content: "watched", key: "k" });
  assert.equal(await said.next(), "list_changed");
  const uri = uriOf(watched);
  const { id } = watched.structuredContent;
  const other = await call("add_memory", { content: "other" });
  assert.equal(await said.next(), "list_changed");
  assert.deepEqual(await client.subscribeResource({ uri }), {});
  await call("update_memory", { id: other.structuredContent.id, content: "nobody hears" });
  await call("update_memory", { id, content: "heard" });
  assert.equal(await said.next(), uri);
  await call("add_memory", { content: "heard, too", key: "k" });
  assert.equal(await said.next(), uri);
  await client.unsubscribeResource({ uri });
  await call("update_memory", { id, content: "not heard" });
  await call("delete_memory", { id: other.structuredContent.id });
  assert.equal(await said.next(), "list_changed");
  await client.subscribeResource({ uri });
  await call("delete_memory", { id });
  assert.deepEqual(await said.take(2), ["list_changed", uri]);
  const brief = await call("add_memory", { content: "brief", expires_at: new Date(Date.now() + 500).toISOString() });
  assert.equal(await said.next(), "list_changed");
  await client.subscribeResource({ uri: uriOf(brief) });
  assert.deepEqual(await said.take(2), ["list_changed", uriOf(brief)]);
  await call("add_memory", { content: "last" });
  assert.equal(await said.next(), "list_changed");
  await call("delete_all_memories", { confirm: watched.structuredContent.scope.split("/")[1] });
  assert.deepEqual((await said.take(3)).sort(), ["list_changed", uri, uriOf(brief)].sort());
  for (const foreign of [uri.replace(/user_\w+/, "user_else"), uri.replace("org_acme", "org_other"), "test://watched", "", `${uri}x`])
    await assert.rejects(client.subscribeResource({ uri: foreign }), { code: -32002 });
}

/// Connects, and waits until the stream is there.
async function connectListening(userId) {
  const client = new Client({ name: "tests", version: "1" });
  const said = new Said().hear(client);
  let opened;
  const isOpen = new Promise((done) => { opened = done; });
  await client.connect(new StreamableHTTPClientTransport(url, {
    requestInit: { headers: { Authorization: `Bearer ${key}`, "X-User-ID": userId } },
    fetch: async (to, init) => {
      const answer = await fetch(to, init);
      if (init.method === "GET") opened(answer.status);
      return answer;
    },
  }));
  assert.equal(await isOpen, 200);
  return { client, said, call: (name, args = {}) => client.callTool({ name, arguments: args }) };
}

test("what happens to resources is said over HTTP", async () => {
  const { client, said, call } = await connectListening("user_hears");
  assert.deepEqual(client.getServerCapabilities().resources, { subscribe: true, listChanged: true });
  await changeAll(client, call, said);
  // What others do in the scope is heard as well, and nothing of elsewhere.
  await ask("/v1/memories", "POST", { content: "elsewhere", user_id: "user_else" });
  const { id } = await ask("/v1/memories", "POST", { content: "from outside", user_id: "user_hears" });
  assert.equal(await said.next(), "list_changed");
  await client.subscribeResource({ uri: `memory://org_acme/user_hears/${id}` });
  await ask(`/v1/memories/${id}?user_id=user_hears`, "PATCH", { content: "changed outside" });
  assert.equal(await said.next(), `memory://org_acme/user_hears/${id}`);
  await client.close();
});

test("what happens to resources is said over stdio", async () => {
  const { CLOISTER_URL, ...env } = process.env;
  const transport = () => new StdioClientTransport({
    command: process.env.CLOISTER_BIN, args: ["mcp", "--user-id", "user_hears"], stderr: "inherit",
    env: { ...env, CLOISTER_DATA: process.env.CLOISTER_FREE_DATA, CLOISTER_API_KEY: process.env.CLOISTER_FREE_KEY },
  });
  const client = new Client({ name: "tests", version: "1" });
  const said = new Said().hear(client);
  await client.connect(transport());
  assert.deepEqual(client.getServerCapabilities().resources, { subscribe: true, listChanged: true });
  await changeAll(client, (name, args = {}) => client.callTool({ name, arguments: args }), said);
  await client.close();
  // From the first message on.
  for (let i = 0; i < 10; ++i) {
    const brief = new Client({ name: "tests", version: "1" });
    const heard = new Said().hear(brief);
    await brief.connect(transport());
    await brief.callTool({ name: "add_memory", arguments: { content: "first" } });
    assert.equal(await heard.next(), "list_changed");
    await brief.close();
  }
});

test("stdio through a server says that it says nothing unasked", async () => {
  const client = new Client({ name: "tests", version: "1" });
  const { CLOISTER_URL, ...env } = process.env;
  await client.connect(new StdioClientTransport({
    command: process.env.CLOISTER_BIN, args: ["mcp", "--user-id", "user_through"], stderr: "inherit", env,
  }));
  assert.deepEqual(client.getServerCapabilities().resources, { subscribe: false, listChanged: false });
  await client.callTool({ name: "add_memory", arguments: { content: "x" } });
  await client.close();
});

/// A session of MCP, spoken to by hand.
async function begun(userId, headers = {}) {
  const own = { "X-User-ID": userId, ...headers };
  const answer = await post(hello("2025-11-25"), own);
  const session = { ...own, "Mcp-Session-Id": answer.headers.get("mcp-session-id") };
  let number = 1;
  return {
    session,
    request: async (method, params) => (await post({ jsonrpc: "2.0", id: ++number, method, params }, session)).json(),
    /// Its events, up to the end.
    open: async (lastEventId) => {
      const stopping = new AbortController();
      const timer = setTimeout(() => stopping.abort(new Error("nothing was said")), 10_000);
      const answer = await fetch(url, {
        headers: { Authorization: `Bearer ${key}`, Accept: "text/event-stream", ...session, ...(lastEventId && { "Last-Event-ID": lastEventId }) },
        signal: stopping.signal,
      });
      assert.equal(answer.status, 200);
      assert.equal(answer.headers.get("content-type"), "text/event-stream");
      return { events: eventsOf(answer.body, timer), stop: () => stopping.abort(new Error("enough")) };
    },
  };
}

async function* eventsOf(body, timer) {
  try {
    let text = "";
    for await (const piece of body.pipeThrough(new TextDecoderStream())) {
      text += piece;
      const blocks = text.split("\n\n");
      text = blocks.pop();
      for (const block of blocks) {
        const fields = block.split("\n").map((line) => /^(\w+): ?(.*)$/.exec(line)).filter(Boolean);
        const event = Object.fromEntries(fields.map(([, name, value]) => [name, value]));
        if (event.data) event.data = JSON.parse(event.data);
        if (event.data || event.id) yield event;
      }
    }
    assert.equal(text, "");
  } finally {
    clearTimeout(timer);
  }
}

const one = async (stream) => (await stream.events.next()).value;
async function rest(stream) {
  const out = [];
  for await (const event of stream.events) out.push(event);
  return out;
}

test("a stream goes on where it was", async () => {
  const { request, open } = await begun("user_resumes");
  const add = async () => (await request("tools/call", { name: "add_memory", arguments: { content: "x" } })).result.structuredContent.id;
  const first = await open();
  const at = (await one(first)).id;
  await add();
  const heard = await one(first);
  assert.equal(heard.event, "message");
  assert.equal(heard.data.method, "notifications/resources/list_changed");
  first.stop();
  const ids = [await add(), await add()];
  const uri = `memory://org_acme/user_resumes/${ids[1]}`;
  await request("resources/subscribe", { uri });
  await ask(`/v1/memories/${ids[1]}?user_id=user_resumes`, "PATCH", { content: "changed" });
  await ask(`/v1/memories/${ids[1]}?user_id=user_resumes`, "DELETE");
  const again = await open(heard.id);
  const told = [];
  while (told.length < 6) told.push(await one(again));
  assert.deepEqual(told.map(({ data }) => data.params?.uri ?? data.method.split("/").at(-1)),
    ["list_changed", "list_changed", uri, uri, "list_changed", uri]);
  again.stop();
  // From the very beginning: all of it.
  const whole = await open(at);
  assert.equal((await one(whole)).id, heard.id);
  whole.stop();
});

test("of a session the newest stream goes on", async () => {
  const { request, open } = await begun("user_newest");
  const old = await open();
  await one(old);
  const newest = await open();
  await one(newest);
  await request("tools/call", { name: "add_memory", arguments: { content: "x" } });
  assert.equal((await one(newest)).data.method, "notifications/resources/list_changed");
  assert.deepEqual(await rest(old), []);
  // Other sessions have theirs.
  const other = await begun("user_newest");
  const beside = await other.open();
  await one(beside);
  await request("tools/call", { name: "add_memory", arguments: { content: "y" } });
  for (const each of [newest, beside]) {
    assert.equal((await one(each)).data.method, "notifications/resources/list_changed");
    each.stop();
  }
});

test("subscriptions are of one session, and not without end", async () => {
  const { request, open } = await begun("user_bounded");
  const other = await begun("user_bounded");
  const { id } = await ask("/v1/memories", "POST", { content: "x", user_id: "user_bounded" });
  const uri = `memory://org_acme/user_bounded/${id}`;
  await other.request("resources/subscribe", { uri });
  const stream = await open();
  await one(stream);
  await ask(`/v1/memories/${id}?user_id=user_bounded`, "PATCH", { content: "y" });
  await ask("/v1/memories", "POST", { content: "z", user_id: "user_bounded" });
  assert.equal((await one(stream)).data.method, "notifications/resources/list_changed");
  stream.stop();
  // Nobody learns from it whether there is such a memory.
  const made = (i) => `memory://org_acme/user_bounded/01900000-0000-7000-8000-${String(i).padStart(12, "0")}`;
  for (let i = 0; i < 100; ++i) assert.deepEqual((await request("resources/subscribe", { uri: made(i) })).result, {});
  assert.equal((await request("resources/subscribe", { uri: made(100) })).error.code, -32602);
  assert.deepEqual((await request("resources/subscribe", { uri: made(0) })).result, {});
  await request("resources/unsubscribe", { uri: made(0) });
  assert.deepEqual((await request("resources/subscribe", { uri: made(100) })).result, {});
});

for (const kind of ["", "ephemeral", "resumable"])
  test(`a stream ends with its session of MCP${kind && ` that has ${kind} memories`}`, async () => {
    const { session, request, open } = await begun("user_ends", kind ? { "Cloister-Session": kind } : {});
    const stream = await open();
    await one(stream);
    await request("tools/call", { name: "add_memory", arguments: { content: "x" } });
    assert.equal((await one(stream)).data.method, "notifications/resources/list_changed");
    assert.equal((await fetch(url, { method: "DELETE", headers: { Authorization: `Bearer ${key}`, ...session } })).status, 200);
    assert.deepEqual(await rest(stream), []);
  });

test("a stream ends when its scope is erased", async () => {
  const { request, open } = await begun("user_gone");
  await request("tools/call", { name: "add_memory", arguments: { content: "x" } });
  const stream = await open();
  await one(stream);
  await ask("/v1/scopes/user_gone", "DELETE");
  assert.deepEqual(await rest(stream), []);
});

test("a stream ends at the next event when its key was revoked", async () => {
  const { api_key: brief, key_id: id } = await ask("/v1/keys", "POST", { permissions: "all" });
  const { open } = await begun("user_revoked", { Authorization: `Bearer ${brief}` });
  const stream = await open();
  await one(stream);
  await ask(`/v1/keys/${id}`, "DELETE");
  await ask("/v1/memories", "POST", { content: "x", user_id: "user_revoked" });
  assert.deepEqual(await rest(stream), []);
});
