// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";

const here = fileURLToPath(new URL("../..", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "cloister-"));
let packed: string[];

function run(program: string, options: string[], cwd = folder): string {
  const shell = process.platform === "win32";
  const done = spawnSync(program, options, { cwd, shell, encoding: "utf8" });
  assert.equal(done.status, 0, `${program} ${options.join(" ")}: ${done.stdout}${done.stderr}`);
  return done.stdout;
}

/** Compiles a file as a consumer of the package would. */
function compile(file: string, options: Record<string, unknown>): void {
  const compilerOptions = { strict: true, target: "es2022", types: [], ...options };
  const config = join(folder, "tsconfig.json");
  writeFileSync(config, JSON.stringify({ compilerOptions, files: [file] }));
  const compiler = join(here, "node_modules", "typescript", "bin", "tsc");
  run(process.execPath, [compiler, "-p", config]);
}

before(() => {
  // What is packed is what was built before; building anew would take it from under other tests.
  const options = ["pack", "--json", "--ignore-scripts", "--pack-destination", folder];
  const [made] = JSON.parse(run("npm", options, here));
  packed = made.files.map((each: { path: string }) => each.path).sort();
  writeFileSync(join(folder, "package.json"), '{"type": "module", "private": true}');
  run("npm", ["install", "--no-audit", "--no-fund", "--offline", `./${made.filename}`]);
});

after(() => {
  rmSync(folder, { recursive: true, force: true });
});

test("what is packed is what is needed", () => {
  assert.ok(packed.includes("dist/index.js") && packed.includes("dist/langgraph.d.ts"));
  const other = packed.filter((each) => !/^(dist\/[a-z-]+\.(js|d\.ts)|LICENSE)$/.test(each));
  assert.deepEqual(other, ["README.md", "package.json"]);
});

test("it can be imported, and its types fit", () => {
  writeFileSync(
    join(folder, "use.ts"),
    `import { MemoryClient, MemoryStackClient, NotFoundError, type Memory } from "cloister";
     const memory: MemoryStackClient = new MemoryClient({ apiKey: "k", userId: "user_a" });
     const scope: string | null = memory.userId;
     export async function types(): Promise<number> {
       const made: Memory = await memory.createMemory({ content: "x", expiresAt: new Date() });
       await memory.listMemories({ filter: { "metadata.a": { gte: 2 }, OR: [{ key: null }] } });
       // @ts-expect-error
       await memory.createMemory({ memoryType: "x" });
       // @ts-expect-error
       await memory.createMemory({ content: "x", expires_at: "2030-01-01T00:00:00Z" });
       // @ts-expect-error
       await memory.listMemories({ filter: { type: "fact" } });
       await using run = await memory.openSession({ lease: 5 });
       const { results } = await run.searchMemories({ query: made.content });
       for await (const event of memory.events({ after: "17" })) console.log(event.event_id);
       await memory.searchMemories({ embedding: Float32Array.of(1, 0), mode: "vector" });
       // @ts-expect-error
       await memory.searchMemories({ query: "x", mode: "nearest" });
       return results.reduce((sum, hit) => sum + hit.score, 0);
     }
     console.log(scope, new NotFoundError("not_found", "x").message);`,
  );
  // Without skipLibCheck, so that the declarations themselves are looked at, as in a browser.
  const lib = ["es2022", "dom"];
  compile("use.ts", { module: "nodenext", lib });
  assert.equal(run(process.execPath, ["use.js"]), "user_a not_found: x\n");
  compile("use.ts", { module: "esnext", moduleResolution: "bundler", lib, noEmit: true });
});

test("the store for LangGraph can be imported where LangGraph is", () => {
  const modules = join(folder, "node_modules");
  mkdirSync(join(modules, "@langchain"));
  const name = join("@langchain", "langgraph-checkpoint");
  symlinkSync(join(here, "node_modules", name), join(modules, name), "junction");
  writeFileSync(
    join(folder, "graph.ts"),
    `import { BaseStore } from "@langchain/langgraph-checkpoint";
     import { MemoryClient } from "cloister";
     import { CloisterStore } from "cloister/langgraph";
     const store: BaseStore = new CloisterStore(new MemoryClient({ apiKey: "k" }));
     console.log(store instanceof BaseStore);`,
  );
  compile("graph.ts", { module: "nodenext", skipLibCheck: true });
  assert.equal(run(process.execPath, ["graph.js"]), "true\n");
});
