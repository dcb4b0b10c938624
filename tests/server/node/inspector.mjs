// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

// Inspector's command line against a real server.
//
//   CLOISTER_URL=… CLOISTER_API_KEY=… node --test inspector.mjs

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import test from "node:test";

const program = join(import.meta.dirname, "node_modules/@modelcontextprotocol/inspector/clients/launcher/build/index.js");

function inspect(...options) {
  const out = execFileSync(process.execPath, [program, "--cli", `${process.env.CLOISTER_URL}/mcp`, "--transport", "http",
    "--header", `Authorization: Bearer ${process.env.CLOISTER_API_KEY}`, "--header", "X-User-ID: user_inspected",
    ...options], { encoding: "utf8" });
  return JSON.parse(out);
}

test("Inspector lists and calls tools", () => {
  assert.equal(inspect("--method", "tools/list").tools.length, 11);
  const added = inspect("--method", "tools/call", "--tool-name", "add_memory", "--tool-arg", "content=inspected");
  assert.equal(added.structuredContent.content, "inspected");
  assert.equal(inspect("--method", "resources/list").resources.length, 1);
});
