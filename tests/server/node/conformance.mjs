// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

// The official conformance package, which sends no key: a proxy adds one, and
// leaves all else as it was.
//
//   CLOISTER_URL=… CLOISTER_API_KEY=… node --test conformance.mjs

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import http from "node:http";
import { join } from "node:path";
import test from "node:test";
import { promisify } from "node:util";

const target = new URL(process.env.CLOISTER_URL);

/// Those that need no fixture: docs/mcp.md has the others.
const scenarios = ["server-initialize", "ping", "tools-list", "resources-list", "server-sse-polling",
  "server-sse-multiple-streams", "dns-rebinding-protection"];

const proxy = http.createServer((request, response) => {
  const headers = { ...request.headers, authorization: `Bearer ${process.env.CLOISTER_API_KEY}`, "x-user-id": "user_conformance" };
  const onward = http.request({
    host: target.hostname, port: target.port, method: request.method, path: request.url, headers,
  }, (answer) => {
    response.writeHead(answer.statusCode, answer.headers);
    answer.pipe(response);
  });
  request.pipe(onward);
  // A stream goes on as long as somebody listens, and no longer.
  response.on("close", () => onward.destroy());
  onward.on("error", () => response.destroy());
});
await new Promise((done) => proxy.listen(0, "127.0.0.1", done));
test.after(() => proxy.close());

function run(name, scenario, options = []) {
  const program = join(import.meta.dirname, "node_modules", name, "dist/index.js");
  const url = `http://127.0.0.1:${proxy.address().port}/mcp`;
  return promisify(execFile)(process.execPath, [program, "server", "--url", url, "--scenario", scenario, ...options], {
    cwd: process.env.CLOISTER_SCRATCH,
  }).catch((failed) => failed);
}

for (const scenario of scenarios)
  test(`conformance: ${scenario}`, async () => {
    const { stdout } = await run("@modelcontextprotocol/conformance", scenario);
    assert.match(stdout, /0 failed/, stdout);
  });

/// Of the revision without connections: what each fails for want of a fixture,
/// a tool of that name or a prompt.
const stateless = {
  "server-stateless": ["sep-2575-http-server-no-independent-requests-on-stream", "sep-2575-missing-capability-http-400",
    "sep-2575-server-no-log-without-loglevel", "sep-2575-server-rejects-undeclared-capability"],
  "tools-list": [],
  "resources-list": [],
  "caching": ["sep-2549-prompts-list-caching-hints"],
  "sep-2164-resource-not-found": [],
  "server-sse-multiple-streams": [],
  "dns-rebinding-protection": [],
  "http-header-validation": [],
};

for (const [scenario, wanting] of Object.entries(stateless))
  test(`conformance, 2026-07-28: ${scenario}`, async () => {
    const { stdout } = await run("conformance-stateless", scenario, ["--spec-version", "2026-07-28"]);
    const plain = stdout.replace(/\x1b\[\d+m/g, "");
    const failed = [...plain.matchAll(/\[([\w-]+) *\] FAILURE/g)].map((each) => each[1]);
    assert.match(plain, /SUCCESS/, plain);
    assert.deepEqual([...new Set(failed)].sort(), wanting, plain);
  });
