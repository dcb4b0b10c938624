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

const program = join(import.meta.dirname, "node_modules/@modelcontextprotocol/conformance/dist/index.js");

for (const scenario of scenarios)
  test(`conformance: ${scenario}`, async () => {
    const url = `http://127.0.0.1:${proxy.address().port}/mcp`;
    const { stdout } = await promisify(execFile)(process.execPath, [program, "server", "--url", url, "--scenario", scenario], {
      cwd: process.env.CLOISTER_SCRATCH,
    });
    assert.match(stdout, /0 failed/, stdout);
  });
