// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import {
  AsyncBatchedStore,
  type GetOperation,
  type ListNamespacesOperation,
  type PutOperation,
  type SearchOperation,
} from "@langchain/langgraph-checkpoint";

import { InvalidArgumentError, MemoryClient, QuotaExceededError } from "../src/index.js";
import { CloisterStore } from "../src/langgraph.js";
import { Served } from "./served.js";

let server: Served;
let key: string;

before(async () => {
  server = await Served.start();
  key = await server.organization("org_acme");
});

after(async () => {
  await server.end();
});

function client(userId: string): MemoryClient {
  return new MemoryClient({ apiKey: key, userId, baseUrl: server.url });
}

function keys(items: readonly { key: string }[]): string[] {
  return items.map((each) => each.key).sort();
}

test("items are put, got, replaced and deleted", async () => {
  const store = new CloisterStore(client("user_items"));
  assert.equal(await store.get(["users", "1"], "a"), null);
  await store.put(["users", "1"], "a", { name: "Ada", tags: ["x"], deep: { n: 1.5, none: null } });
  const item = await store.get(["users", "1"], "a");
  assert.deepEqual(item?.value, { name: "Ada", tags: ["x"], deep: { n: 1.5, none: null } });
  assert.deepEqual([item.key, item.namespace], ["a", ["users", "1"]]);
  assert.ok(item.createdAt instanceof Date && item.updatedAt >= item.createdAt);
  await store.put(["users", "1"], "a", { other: true });
  const changed = await store.get(["users", "1"], "a");
  assert.deepEqual([changed?.value, changed?.createdAt], [{ other: true }, item.createdAt]);
  await store.delete(["users", "1"], "a");
  await store.delete(["users", "1"], "a");
  assert.equal(await store.get(["users", "1"], "a"), null);
});

test("no two items are the same memory", async () => {
  const store = new CloisterStore(client("user_apart"));
  const places: [string[], string][] = [
    [["a", "b"], "c"], [["a"], "b/c"], [["a/b"], "c"], [["a%2Fb"], "c"], [["a"], "b"],
    [["a", "b"], ""], [["A", "b"], "c"], [["é"], "c"], [["e\u0301"], "c"], [["a b"], "c"],
    [['a"'], "c"], [["a"], "."],
  ];
  await store.batch(
    places.map(([namespace, name], place) => ({ namespace, key: name, value: { place } })),
  );
  for (const [place, [namespace, name]] of places.entries()) {
    const item = await store.get(namespace, name);
    assert.deepEqual([item?.namespace, item?.key, item?.value], [namespace, name, { place }]);
  }
});

test("items lie in the scope of the client, beside other memories", async () => {
  const memory = client("user_beside");
  await memory.createMemory({ content: "a plain memory about tea" });
  await memory.createMemory({ content: "no item about tea", memoryType: "langgraph" });
  const store = new CloisterStore(memory);
  await store.put(["drinks"], "one", { text: "likes green tea" });
  assert.deepEqual(keys(await store.search([])), ["one"]);
  assert.deepEqual(keys(await store.search([], { query: "tea" })), ["one"]);
  assert.deepEqual(await store.listNamespaces(), [["drinks"]]);
  assert.equal(await new CloisterStore(client("user_other")).get(["drinks"], "one"), null);
});

test("a search looks below a namespace, by words and by filters", async () => {
  const store = new CloisterStore(client("user_search"));
  const put = (namespace: string[], name: string, value: Record<string, unknown>) =>
    store.put(namespace, name, value);
  await put(["docs", "a"], "tea", { text: "How to brew green tea", stars: 5, lang: "en" });
  await put(["docs", "b"], "coffee", { text: "How to roast coffee", stars: 3, lang: "en" });
  await put(["docs", "a"], "tee", { text: "Wie man Tee kocht", stars: 4, lang: "de" });
  await put(["docsx"], "else", { text: "green tea too", stars: 5 });
  const found = await store.search(["docs"], { query: "brewing green tea" });
  assert.equal(found[0]?.key, "tea");
  assert.ok((found[0].score ?? 0) > 0);
  assert.ok(!keys(found).includes("else"));
  assert.deepEqual(keys(await store.search(["docs"])), ["coffee", "tea", "tee"]);
  assert.deepEqual(keys(await store.search(["docs", "a"])), ["tea", "tee"]);
  const filtered = async (filter: Record<string, unknown>) =>
    keys(await store.search(["docs"], { filter }));
  assert.deepEqual(await filtered({ lang: "en" }), ["coffee", "tea"]);
  assert.deepEqual(await filtered({ stars: { $gt: 3, $lte: 4 } }), ["tee"]);
  assert.deepEqual(await filtered({ stars: { $gte: 4 }, lang: { $ne: "de" } }), ["tea"]);
  assert.deepEqual(await filtered({ lang: { $in: ["de", "fr"] } }), ["tee"]);
  assert.deepEqual(await filtered({ lang: { $nin: ["de"] }, stars: { $lt: 4 } }), ["coffee"]);
  assert.deepEqual(await filtered({ missing: undefined }), ["coffee", "tea", "tee"]);
  const both = await store.search(["docs"], { query: "how to", filter: { stars: { $eq: 3 } } });
  assert.deepEqual(keys(both), ["coffee"]);
  await assert.rejects(filtered({ "a.b": 1 }), InvalidArgumentError);
  await assert.rejects(filtered({ lang: { $like: "e" } }), InvalidArgumentError);
});

test("a search is cut into pages", async () => {
  const store = new CloisterStore(client("user_cut"));
  const puts = Array.from({ length: 250 }, (_, place) => ({
    namespace: ["n", String(place % 3)],
    key: String(place),
    value: { word: "same", place },
  }));
  await store.batch(puts);
  assert.equal((await store.search(["n"])).length, 10);
  assert.equal((await store.search(["n"], { limit: 1000 })).length, 250);
  const page = await store.search(["n"], { limit: 5, offset: 148 });
  assert.deepEqual(page.map((each) => each.value["place"]), [101, 100, 99, 98, 97]);
  const [all, some] = await Promise.all([
    store.search(["n"], { query: "same", limit: 30 }),
    store.search(["n"], { query: "same", limit: 10, offset: 20 }),
  ]);
  assert.deepEqual(some, all.slice(20));
  await assert.rejects(store.search(["n"], { query: "same", offset: 1000 }), InvalidArgumentError);
  const gets = puts.map(({ namespace, key: name }) => ({ namespace, key: name }));
  const got = await store.batch(gets);
  assert.deepEqual(got.map((each) => each?.value["place"]), puts.map((each) => each.value.place));
});

test("what is searched can be chosen", async () => {
  const store = new CloisterStore(client("user_index"), { index: ["title"] });
  await store.put(["n"], "default", { title: "apples", body: "pears" });
  await store.put(["n"], "own", { parts: [{ t: "plums" }, { t: "figs" }] }, ["parts[*].t"]);
  await store.put(["n"], "last", { parts: ["limes", "dates"] }, ["parts[-1]"]);
  await store.put(["n"], "none", { title: "grapes" }, false);
  const found = async (query: string) => keys(await store.search(["n"], { query }));
  assert.deepEqual(await found("apples"), ["default"]);
  assert.deepEqual(await found("pears"), []);
  assert.deepEqual(await found("figs"), ["own"]);
  assert.deepEqual(await found("dates"), ["last"]);
  assert.deepEqual(await found("limes"), []);
  assert.deepEqual(await found("grapes"), []);
  assert.equal((await store.get(["n"], "none"))?.value["title"], "grapes");
});

test("namespaces are listed", async () => {
  const store = new CloisterStore(client("user_names"));
  const all = [["a", "b", "c"], ["a", "b", "d", "e"], ["a", "x"], ["b", "b", "c"], ["b"]];
  await store.batch(all.map((namespace) => ({ namespace, key: "k", value: {} })));
  assert.deepEqual(await store.listNamespaces(), [...all.slice(0, 3), ["b"], ["b", "b", "c"]]);
  assert.deepEqual(await store.listNamespaces({ prefix: ["a", "b"] }), all.slice(0, 2));
  assert.deepEqual(await store.listNamespaces({ prefix: ["*", "b"], suffix: ["c"] }), [
    ["a", "b", "c"], ["b", "b", "c"],
  ]);
  assert.deepEqual(await store.listNamespaces({ maxDepth: 2, offset: 1, limit: 2 }), [
    ["a", "x"], ["b"],
  ]);
});

test("a batch reads first, and the last write of an item counts", async () => {
  const store = new CloisterStore(client("user_batch"));
  await store.put(["n"], "old", { v: 0 });
  type Puts = [PutOperation, PutOperation, PutOperation];
  const operations: [GetOperation, ...Puts, SearchOperation, ListNamespacesOperation] = [
    { namespace: ["n"], key: "old" },
    { namespace: ["n"], key: "new", value: { v: 1 } },
    { namespace: ["n"], key: "new", value: { v: 2 } },
    { namespace: ["n"], key: "old", value: null },
    { namespacePrefix: ["n"] },
    { limit: 10, offset: 0 },
  ];
  const [former, , , gone, found, names] = await store.batch(operations);
  assert.deepEqual([former?.value, gone], [{ v: 0 }, undefined]);
  assert.deepEqual([keys(found), names], [["old"], [["n"]]]);
  const [old, made] = await store.batch([
    { namespace: ["n"], key: "old" },
    { namespace: ["n"], key: "new" },
  ]);
  assert.deepEqual([old, made?.value], [null, { v: 2 }]);
});

test("what cannot be stored is told before anything is", async () => {
  const store = new CloisterStore(client("user_limits"));
  const good = { namespace: ["n"], key: "good", value: {} };
  const long = { ...good, key: "é".repeat(130) };
  const large = { ...good, key: "large", value: { text: "x".repeat(17_000) } };
  const half = { ...good, key: "\ud800" };
  await assert.rejects(store.batch([good, long]), /take 265 bytes; together they may take 256/);
  await assert.rejects(store.batch([good, large]), QuotaExceededError);
  await assert.rejects(store.batch([good, half]), InvalidArgumentError);
  await assert.rejects(store.put([], "a", {}));
  assert.deepEqual(await store.search([]), []);
  await store.put(["n"], "é".repeat(125), { text: "x".repeat(15_000) });
  assert.equal((await store.search(["n"])).length, 1);
});

test("LangGraph's own batching works with it", async () => {
  const store = new AsyncBatchedStore(new CloisterStore(client("user_batched")));
  await store.start();
  await store.put(["n"], "a", { text: "hello there" });
  const [item, found] = await Promise.all([
    store.get(["n"], "a"),
    store.search(["n"], { query: "hello" }),
  ]);
  assert.deepEqual([item?.value, keys(found)], [{ text: "hello there" }, ["a"]]);
  store.stop();
});
