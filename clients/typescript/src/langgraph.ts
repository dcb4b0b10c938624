// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

import {
  BaseStore,
  type Item,
  type ListNamespacesOperation,
  type Operation,
  type OperationResults,
  type PutOperation,
  type SearchItem,
  type SearchOperation,
} from "@langchain/langgraph-checkpoint";

import type { MemoryClient } from "./client.js";
import { errorOf, NotFoundError } from "./errors.js";
import type { Filter } from "./filter.js";
import { belowPath, filterOf } from "./langgraph-filter.js";
import { byteLength, draftOf, itemOf, itemType, keyOf } from "./langgraph-items.js";
import { shortened } from "./langgraph-namespaces.js";
import type { Draft } from "./options.js";
import type { Memory } from "./types.js";

const pageItems = 100;
const foundMax = 1000;
/** Keys travel in the address, which the server reads up to 16 KiB of with all headers. */
const keysCharactersMax = 4096;
const batchItemsMax = 1000;
const batchBytesMax = 3 * 1024 * 1024;

export interface CloisterStoreOptions {
  /**
   * The paths in a value whose texts a search looks at, where an item does not say its own. The
   * whole value, "$", if absent; false for none.
   */
  index?: false | readonly string[];
}

/**
 * A LangGraph store in the scope of a client: each item is a memory of the type "langgraph".
 *
 *     const store = new CloisterStore(new MemoryClient({ userId: "user_123" }));
 *     const graph = builder.compile({ store });
 */
export class CloisterStore extends BaseStore {
  readonly #client: MemoryClient;
  readonly #index: false | readonly string[];

  constructor(client: MemoryClient, options: CloisterStoreOptions = {}) {
    super();
    this.#client = client;
    this.#index = options.index ?? ["$"];
  }

  /**
   * Reads first, then writes: what reads answer is from before the batch. Of several writes of an
   * item the last one counts.
   */
  override async batch<Op extends Operation[]>(operations: Op): Promise<OperationResults<Op>> {
    const [puts, drafts] = this.#writes(operations);
    const items = await this.#items(operations.filter(isGet).map(keyOfOperation));
    const results = await Promise.all(
      operations.map(async (operation) => {
        if (isPut(operation)) {
          return undefined;
        }
        if (isGet(operation)) {
          return items.get(keyOfOperation(operation)) ?? null;
        }
        return await ("namespacePrefix" in operation
          ? this.#search(operation)
          : this.#namespaces(operation));
      }),
    );
    for (const part of parts(drafts)) {
      await this.#client.createMemories(part);
    }
    await this.#deleteAll(puts.filter((put) => put.value === null).map(keyOfOperation));
    return results as OperationResults<Op>;
  }

  /** The last write of each item, and the memories they make; throws for what cannot be stored. */
  #writes(operations: readonly Operation[]): [PutOperation[], Draft[]] {
    const byKey = new Map<string, PutOperation>();
    for (const put of operations.filter(isPut)) {
      byKey.set(keyOfOperation(put), put);
    }
    const puts = [...byKey.values()];
    const drafts = puts.flatMap(({ namespace, key, value, index }) =>
      value === null ? [] : [draftOf(namespace, key, value, index ?? this.#index)],
    );
    return [puts, drafts];
  }

  async #items(keys: readonly string[]): Promise<Map<string, Item>> {
    const memories = await this.#memories(keys);
    return new Map(memories.map((memory) => [memory.key ?? "", itemOf(memory)]));
  }

  async #memories(keys: readonly string[]): Promise<Memory[]> {
    const out: Memory[] = [];
    for (const part of keyParts([...new Set(keys)])) {
      const filter: Filter = { memory_type: itemType, key: { in: part } };
      out.push(...(await this.#list(filter, part.length)));
    }
    return out;
  }

  async #list(filter: Filter, count = Infinity): Promise<Memory[]> {
    const out: Memory[] = [];
    const limit = Math.min(pageItems, count);
    if (limit > 0) {
      for await (const memory of this.#client.iterateMemories({ filter, limit })) {
        out.push(memory);
        if (out.length >= count) {
          break;
        }
      }
    }
    return out;
  }

  async #deleteAll(keys: readonly string[]): Promise<void> {
    for (const memory of await this.#memories(keys)) {
      try {
        await this.#client.deleteMemory(memory.id);
      } catch (failed) {
        // Somebody else was faster.
        if (!(failed instanceof NotFoundError)) {
          throw failed;
        }
      }
    }
  }

  async #search(operation: SearchOperation): Promise<SearchItem[]> {
    const { namespacePrefix, query, limit = 10, offset = 0 } = operation;
    const filter = filterOf(namespacePrefix, operation.filter);
    const count = offset + limit;
    if (!query) {
      return (await this.#list(filter, count)).slice(offset).map(itemOf);
    }
    if (count > foundMax) {
      throw errorOf("invalid_argument", `offset and limit of a query may sum up to ${foundMax}`);
    }
    if (limit < 1) {
      return [];
    }
    const found = await this.#client.searchMemories({ query, filter, limit: count });
    return found.results.slice(offset).map((hit) => ({ ...itemOf(hit), score: hit.score }));
  }

  async #namespaces(operation: ListNamespacesOperation): Promise<string[][]> {
    const conditions = operation.matchConditions ?? [];
    const prefix = conditions.find((each) => each.matchType === "prefix");
    const memories = await this.#list(belowPath(prefix?.path ?? []));
    return shortened(
      memories.map((memory) => itemOf(memory).namespace),
      operation,
    );
  }
}

function isPut(operation: Operation): operation is PutOperation {
  return "value" in operation;
}

function isGet(operation: Operation): operation is { namespace: string[]; key: string } {
  return "key" in operation && !("value" in operation);
}

function keyOfOperation(operation: { namespace: string[]; key: string }): string {
  return keyOf(operation.namespace, operation.key);
}

/** As many keys as an address can have. */
function keyParts(keys: readonly string[]): string[][] {
  return grouped(keys, pageItems, keysCharactersMax, (key) => encodeURIComponent(key).length + 6);
}

/** As many memories as the server stores at a time, all or none. */
function parts(drafts: readonly Draft[]): Draft[][] {
  return grouped(drafts, batchItemsMax, batchBytesMax, (draft) =>
    byteLength(JSON.stringify(draft)),
  );
}

function grouped<Each>(
  all: readonly Each[],
  countMax: number,
  sizeMax: number,
  sizeOf: (each: Each) => number,
): Each[][] {
  const out: Each[][] = [];
  let size = 0;
  for (const each of all) {
    size += sizeOf(each);
    const last = out.at(-1);
    if (last === undefined || last.length >= countMax || size > sizeMax) {
      out.push([each]);
      size = sizeOf(each);
    } else {
      last.push(each);
    }
  }
  return out;
}
