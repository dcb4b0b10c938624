// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

// Whether the description of the API is one, and answers are as it says.
//
//   CLOISTER_URL=… CLOISTER_API_KEY=… node --test openapi.mjs

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";

import SwaggerParser from "@apidevtools/swagger-parser";

const base = process.env.CLOISTER_URL;
const text = await (await fetch(new URL("/openapi.json", base))).text();
const file = join(mkdtempSync(join(tmpdir(), "openapi-")), "openapi.json");
writeFileSync(file, text);

test("swagger-parser takes it", async () => {
  const api = await SwaggerParser.validate(file);
  assert.equal(api.openapi, "3.1.0");
  assert.ok(Object.keys(api.paths).length > 20);
});

test("redocly finds no error", () => {
  const redocly = join(import.meta.dirname, "node_modules/@redocly/cli/bin/cli.js");
  const out = execFileSync(process.execPath, [redocly, "lint", file, "--format=json"], {
    encoding: "utf8", env: { ...process.env, REDOCLY_TELEMETRY: "off" }, stdio: ["ignore", "pipe", "ignore"],
  });
  const { totals } = JSON.parse(out);
  assert.deepEqual([totals.errors, totals.warnings], [0, 0], out);
});

test("answers are as it says", async () => {
  const require = createRequire(import.meta.url);
  const Ajv = require("ajv/dist/2020").default;
  const api = await SwaggerParser.dereference(structuredClone(JSON.parse(text)));
  const ajv = new Ajv({ strict: false, validateFormats: false });
  const headers = { Authorization: `Bearer ${process.env.CLOISTER_API_KEY}`, "X-User-ID": "user_described" };
  async function check(method, path, pattern, body) {
    const own = pattern.startsWith("/v1/scopes/") ? { Authorization: headers.Authorization } : headers;
    const answer = await fetch(new URL(path, base), { method, headers: own, body: body && JSON.stringify(body) });
    const described = api.paths[pattern][method.toLowerCase()];
    const as = described.responses[answer.status] ?? described.responses[`${String(answer.status)[0]}XX`];
    const document = await answer.json();
    const [type] = answer.headers.get("content-type").split(";");
    const validate = ajv.compile(as.content[type].schema);
    assert.ok(validate(document), `${method} ${path}: ${ajv.errorsText(validate.errors)} ${JSON.stringify(document)}`);
    return document;
  }
  const made = await check("POST", "/v1/memories", "/v1/memories", { content: "x", key: "k" });
  await check("POST", "/v1/memories", "/v1/memories", { content: "y", key: "k" });
  const one = `/v1/memories/${made.id}`;
  await check("GET", one, "/v1/memories/{id}");
  await check("PATCH", one, "/v1/memories/{id}", { content: "z" });
  await check("GET", `${one}/history`, "/v1/memories/{id}/history");
  await check("POST", `${one}/restore`, "/v1/memories/{id}/restore", { revision: 1 });
  await check("POST", `${one}/share`, "/v1/memories/{id}/share", { to: "team_described" });
  await check("GET", "/v1/memories", "/v1/memories");
  await check("POST", "/v1/memories/search", "/v1/memories/search", { query: "z" });
  await check("GET", "/v1/memories/nonsense", "/v1/memories/{id}");
  const { session } = await check("POST", "/v1/sessions", "/v1/sessions", {});
  await check("GET", "/v1/sessions", "/v1/sessions");
  await check("POST", `/v1/sessions/${session}/renew`, "/v1/sessions/{id}/renew");
  await check("DELETE", `/v1/sessions/${session}`, "/v1/sessions/{id}");
  await check("GET", "/v1/whoami", "/v1/whoami");
  const key = await check("POST", "/v1/keys", "/v1/keys", { permissions: "read" });
  await check("GET", "/v1/keys", "/v1/keys");
  await check("DELETE", `/v1/keys/${key.key_id}`, "/v1/keys/{id}");
  await check("GET", "/v1/scopes", "/v1/scopes");
  await check("GET", "/v1/scopes/user_described", "/v1/scopes/{scope}");
  await check("PATCH", "/v1/scopes/user_described", "/v1/scopes/{scope}", { memories_max: 100 });
  await check("GET", "/v1/audit", "/v1/audit");
  await check("GET", "/v1/audit/verify", "/v1/audit/verify");
  await check("GET", "/v1/audit/checkpoint", "/v1/audit/checkpoint");
  await check("GET", "/v1/receipt-key", "/v1/receipt-key");
  await check("DELETE", one, "/v1/memories/{id}");
  await check("DELETE", "/v1/scopes/user_described", "/v1/scopes/{scope}");
  await check("GET", "/v1/scopes/user_described/receipt", "/v1/scopes/{scope}/receipt");
  await check("POST", "/v1/scopes/user_described/reinstate", "/v1/scopes/{scope}/reinstate");
  for (const path of ["/healthz", "/readyz"]) await check("GET", path, path);
  await check("GET", "/v1/orgs", "/v1/orgs");
});
