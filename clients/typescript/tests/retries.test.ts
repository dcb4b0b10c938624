// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type IncomingHttpHeaders, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, test } from "node:test";

import { MemoryClient, RateLimitedError, UnavailableError } from "../src/index.js";
import { Transport } from "../src/transport.js";

const id = "01900000-0000-7000-8000-000000000000";
let server: Server;

afterEach(() => {
  server.closeAllConnections();
  server.close();
});

type Answer = [status: number, code: string, retryAfter?: string];

/** A server that answers what it is told, and then no more. */
async function serve(...answers: Answer[]): Promise<{ url: string; seen: IncomingHttpHeaders[] }> {
  const seen: IncomingHttpHeaders[] = [];
  server = createServer((request, response) => {
    request.resume();
    seen.push(request.headers);
    const answer = answers.shift();
    if (answer !== undefined) {
      const [status, code, retryAfter] = answer;
      const header = retryAfter === undefined ? {} : { "Retry-After": retryAfter };
      response.writeHead(status, header);
      response.end(JSON.stringify({ code, detail: "x", results: [], request_id: "r1" }));
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, seen };
}

function client(baseUrl: string, options = {}): MemoryClient {
  return new MemoryClient({ apiKey: "k", userId: "user_a", baseUrl, ...options });
}

test("a create is sent again under one name", async () => {
  const { url, seen } = await serve(
    [503, "unavailable"],
    [429, "rate_limited", "0"],
    [503, "overloaded"],
    [201, "ok"],
  );
  await client(url).createMemory({ content: "x" });
  assert.equal(seen.length, 4);
  const names = new Set(seen.map((each) => each["idempotency-key"]));
  assert.equal(names.size, 1);
  assert.match([...names][0] as string, /^[0-9a-f]{32}$/);
  assert.equal(seen[0]?.["x-user-id"], "user_a");
});

test("what may have been done is not done twice", async () => {
  const first = await serve([503, "unavailable"]);
  await assert.rejects(client(first.url).shareMemory(id, "team_a"), UnavailableError);
  assert.equal(first.seen.length, 1);
  server.close();
  const second = await serve([503, "overloaded"], [201, "ok"]);
  await client(second.url).shareMemory(id, "team_a");
  assert.equal(second.seen.length, 2);
});

test("what cannot get better is not sent again", async () => {
  const { url, seen } = await serve([400, "invalid_argument"], [200, "ok"]);
  await assert.rejects(client(url).listMemories(), { code: "invalid_argument", requestId: "r1" });
  assert.equal(seen.length, 1);
});

test("it gives up in the end", async () => {
  const { url, seen } = await serve(...Array<Answer>(4).fill([503, "unavailable"]));
  await assert.rejects(client(url, { retries: 3 }).searchMemories({ query: "x" }), { status: 503 });
  assert.equal(seen.length, 4);
});

test("pauses grow, and last as long as the server says", async () => {
  const { url } = await serve(
    [503, "overloaded"],
    [503, "overloaded"],
    [429, "rate_limited", "7"],
    [429, "rate_limited", "later"],
  );
  const pauses: number[] = [];
  const sleep = async (seconds: number) => void pauses.push(seconds);
  const transport = new Transport({ baseUrl: url, apiKey: "k", timeout: 5000, retries: 3, sleep });
  const request = { method: "GET", path: "/v1/memories", repeatable: true } as const;
  await assert.rejects(transport.request(request), RateLimitedError);
  const [first = 0, second = 0, third] = pauses;
  assert.ok(first >= 0.05 && first <= 0.1 && second >= 0.1 && second <= 0.2);
  assert.equal(third, 7);
  assert.equal(pauses.length, 3);
});

test("an answer that does not come is waited for so long", async () => {
  const { url, seen } = await serve();
  const memory = client(url, { retries: 1, timeout: 50 });
  await assert.rejects(memory.listMemories(), (failed: UnavailableError) => {
    assert.ok(failed instanceof UnavailableError);
    assert.match(failed.detail, /within 50 ms/);
    return failed.status === 0;
  });
  assert.equal(seen.length, 2);
  await assert.rejects(memory.listMemories({ timeout: 20 }), /within 20 ms/);
});

test("a signal ends a call that waits for its answer, or for its next try", async () => {
  const { url, seen } = await serve();
  const reason = new Error("enough");
  const stop = new AbortController();
  const asked = client(url).listMemories({ signal: stop.signal });
  await once(server, "request");
  stop.abort(reason);
  await assert.rejects(asked, reason);
  assert.equal(seen.length, 1);
  server.close();
  const busy = await serve([429, "rate_limited", "60"]);
  const signal = AbortSignal.timeout(100);
  await assert.rejects(client(busy.url).listMemories({ signal }), { name: "TimeoutError" });
  assert.equal(busy.seen.length, 1);
});

test("what answers may be no Cloister server", async () => {
  const { url } = await serve([301, "moved"], [200, "ok"]);
  await assert.rejects(client(`${url}/below/`).listMemories(), { code: "moved", status: 301 });
  const plain = async () => new Response("<html>", { status: 502 });
  const behind = client(url, { fetch: plain, retries: 0 });
  await assert.rejects(behind.listMemories(), { code: "unavailable", status: 502 });
});

test("a header that cannot be is no server that is away", async () => {
  const { url, seen } = await serve();
  assert.throws(() => client(url, { apiKey: "a\nb" }), { code: "invalid_argument" });
  const named = client(url).createMemory({ content: "x", idempotencyKey: "a\nb" });
  await assert.rejects(named, { code: "invalid_argument" });
  assert.equal(seen.length, 0);
});
