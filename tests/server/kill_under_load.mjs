// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

// Creates, changes and deletes memories by a client for JavaScript, while the server
// is killed and started again.
//
//   CLOISTER_URL=… CLOISTER_API_KEY=… node kill_under_load.mjs typescript|mcp|mem0 USER SEED
//
// Prints a line of JSON for each answer, as ledger.py takes them; typescript also for
// each event. Stops at a line on standard input, and ends when that ends.

import { createRequire } from "node:module";

const [kind, user, seed] = process.argv.slice(2);
const server = process.env.CLOISTER_URL;
const apiKey = process.env.CLOISTER_API_KEY;
const poolMax = 40;

let isStopped = false;
process.stdin.on("data", () => (isStopped = true)).on("end", () => process.exit());

const say = (line) => process.stdout.write(JSON.stringify(line) + "\n");
const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

let state = Number(seed) >>> 0;
/** 0 to 1; the same for the same seed (mulberry32). */
function chance() {
  state = (state + 0x6d2b79f5) | 0;
  let t = Math.imul(state ^ (state >>> 15), 1 | state);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
}

// Each has create, update, remove and get, which answers null for what is gone, and
// says which errors leave it open what happened.

async function typescript() {
  const { MemoryClient, UnavailableError, NotFoundError } = await import("../../clients/typescript/dist/index.js");
  const memory = new MemoryClient({ apiKey, userId: user, baseUrl: server, retries: 10 });
  const events = memory.events();
  await events.open();
  (async () => {
    for await (const event of events) say({ op: "event", event });
  })().catch((failed) => say({ op: "failed", why: `events: ${failed}` }));
  return {
    // A create is sent again by the client until it is known, so none is cut off.
    create: (content) => memory.createMemory({ content, idempotencyKey: content }),
    update: (id, content) => memory.updateMemory(id, { content }),
    remove: (id) => memory.deleteMemory(id),
    get: (id) => memory.getMemory(id).catch((failed) => {
      if (failed instanceof NotFoundError) return null;
      throw failed;
    }),
    isOpen: (failed, op) => op !== "create" && failed instanceof UnavailableError,
  };
}

async function mcp() {
  const load = createRequire(new URL("node/package.json", import.meta.url));
  const { Client } = load("@modelcontextprotocol/sdk/client/index.js");
  const { StreamableHTTPClientTransport } = load("@modelcontextprotocol/sdk/client/streamableHttp.js");
  let client = null;
  // Sessions of MCP end with the server, and the SDK leaves it to the program to
  // initialize again.
  async function call(name, args) {
    try {
      if (client === null) {
        const made = new Client({ name: "tests", version: "1" });
        await made.connect(new StreamableHTTPClientTransport(new URL("/mcp", server), {
          requestInit: { headers: { Authorization: `Bearer ${apiKey}`, "X-User-ID": user } },
        }));
        client = made;
      }
      const answer = await client.callTool({ name, arguments: args });
      if (answer.isError) throw Object.assign(new Error(answer.content[0].text), { isTold: true });
      return answer.structuredContent;
    } catch (failed) {
      if (!failed.isTold) {
        await client?.close().catch(() => {});
        client = null;
      }
      throw failed;
    }
  }
  return {
    create: (content) => call("add_memory", { content }),
    update: (id, content) => call("update_memory", { id, content }),
    remove: (id) => call("delete_memory", { id }),
    get: (id) => call("get_memory", { id }).catch((failed) => {
      if (failed.isTold && failed.message.startsWith("not_found: ")) return null;
      throw failed;
    }),
    isOpen: (failed) => !failed.isTold || failed.message.startsWith("unavailable: "),
  };
}

async function mem0() {
  const load = createRequire(new URL("mem0/package.json", import.meta.url));
  const { MemoryClient, MemoryNotFoundError } = load("mem0ai");
  const client = new MemoryClient({ apiKey, host: server + "/mem0" });
  const userId = user.replace("user_", "");
  return {
    create: async (content) => (await client.add([{ role: "user", content }], { userId, infer: false })).results[0],
    update: async (id, content) => void (await client.update(id, { text: content })),
    remove: (id) => client.delete(id),
    get: (id) => client.get(id).then((found) => ({ content: found.memory }), (failed) => {
      if (failed instanceof MemoryNotFoundError) return null;
      throw failed;
    }),
    // No answer at all, or that of a server that stops.
    isOpen: (failed) => !(failed instanceof MemoryNotFoundError) && !(failed.statusCode < 500),
  };
}

const by = await { typescript, mcp, mem0 }[kind]();
const pool = [];
let number = 0;
say({ op: "ready" });

/** What became of what was cut off: whoever reads is told. */
async function settled(id) {
  for (let tries = 0; ; ++tries)
    try {
      return await by.get(id);
    } catch (failed) {
      if (tries === 200 || !by.isOpen(failed, "get")) throw failed;
      await pause(50);
    }
}

async function one() {
  const at = Math.floor(chance() * pool.length);
  const wish = chance();
  const content = `${kind} ${seed} ${number++}`;
  const op = pool.length < 5 || (wish < 0.5 && pool.length < poolMax) ? "create" : wish < 0.75 ? "update" : "delete";
  const id = pool[at];
  try {
    if (op === "create") {
      const made = await by.create(content);
      pool.push(made.id);
      say({ op, content, id: made.id, revision: made.revision });
    } else if (op === "update") {
      const changed = await by.update(id, content);
      say({ op, id, content, revision: changed?.revision });
    } else {
      await by.remove(id);
      pool.splice(at, 1);
      say({ op, id });
    }
  } catch (failed) {
    if (!by.isOpen(failed, op)) throw failed;
    await pause(50);
    if (op === "create") return say({ op, content });
    const found = await settled(id);
    if (op === "update" && found?.content === content) say({ op, id, content, revision: found.revision });
    if (op === "delete" && found === null) {
      pool.splice(at, 1);
      say({ op, id });
    }
  }
}

try {
  while (!isStopped) {
    await one();
    await pause(4);
  }
} catch (failed) {
  say({ op: "failed", why: `${kind}: ${failed?.stack ?? failed}` });
}
say({ op: "stopped" });
