// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

import { BoundClient } from "./bound.js";
import { EventStream } from "./events.js";
import type {
  CallOptions,
  CreateOptions,
  Draft,
  EventsOptions,
  ListOptions,
  RevisionOptions,
  SearchOptions,
  UpdateOptions,
} from "./options.js";
import type { Deleted, Memory, MemoryPage, SearchResults } from "./types.js";
import {
  checkNames,
  draftNames,
  ifMatch,
  listNames,
  newName,
  onTheWire,
  searchNames,
  segment,
  updateNames,
} from "./wire.js";

const memoriesPath = "/v1/memories";

function pathOf(memoryId: string, ...below: string[]): string {
  return [memoriesPath, segment(memoryId), ...below].join("/");
}

/** What can be done with the memories of a scope. */
export class Memories extends BoundClient {
  /** Stores a memory; one with the same `key` is replaced. Durable when it is answered. */
  async createMemory(draft: Draft & CreateOptions): Promise<Memory> {
    return await this.#create(onTheWire(draft, draftNames, ["idempotencyKey"]), draft);
  }

  /** Stores up to 1000, all or none. */
  async createMemories(drafts: readonly Draft[], options: CreateOptions = {}): Promise<Memory[]> {
    checkNames(options, ["idempotencyKey"]);
    const memories = drafts.map((draft) => onTheWire(draft, draftNames));
    return (await this.#create<{ results: Memory[] }>({ memories }, options)).results;
  }

  #create<Answer>(body: object, options: CreateOptions): Promise<Answer> {
    // With a name of its own a create can be sent again.
    const headers = { "Idempotency-Key": options.idempotencyKey || newName() };
    const request = { method: "POST", path: memoriesPath, body, headers } as const;
    return this.ask({ ...request, repeatable: true }, options);
  }

  /** Throws `NotFoundError`, for a memory of another scope as for none. */
  async getMemory(memoryId: string, options: CallOptions = {}): Promise<Memory> {
    return await this.ask({ method: "GET", path: pathOf(memoryId), repeatable: true }, options);
  }

  /** A page, newest first; its `cursor` leads to the next one. */
  async listMemories(options: ListOptions = {}): Promise<MemoryPage> {
    const query = onTheWire(options, listNames);
    if (options.filter !== undefined) {
      query["filter"] = JSON.stringify(options.filter);
    }
    if (options.scopes !== undefined) {
      query["scopes"] = options.scopes.join(",");
    }
    return await this.ask({ method: "GET", path: memoriesPath, query, repeatable: true }, options);
  }

  /** All of them, page by page; takes what `listMemories` does. */
  async *iterateMemories(options: ListOptions = {}): AsyncGenerator<Memory, void, undefined> {
    let cursor: string | null | undefined = options.cursor;
    do {
      const page: MemoryPage = await this.listMemories({ ...options, cursor: cursor ?? undefined });
      yield* page.results;
      cursor = page.cursor;
    } while (cursor !== null);
  }

  /**
   * Best first, each with its `score` of 0 to 1. By the words of a query, by the angle to an
   * embedding, or by both, where both are given; `mode` chooses one of them.
   */
  async searchMemories(options: SearchOptions): Promise<SearchResults> {
    const body = onTheWire(options, searchNames);
    const path = `${memoriesPath}/search`;
    return await this.ask({ method: "POST", path, body, repeatable: true }, options);
  }

  /** Changes what is given. Throws `ConflictError` if `ifRevision` is not the newest one. */
  async updateMemory(memoryId: string, changes: UpdateOptions): Promise<Memory> {
    const body = onTheWire(changes, updateNames, ["ifRevision"]);
    const headers = ifMatch(changes.ifRevision);
    // Without a condition a second time would be a revision more.
    const request = { method: "PATCH", path: pathOf(memoryId), body, headers } as const;
    return await this.ask({ ...request, repeatable: false }, changes);
  }

  /** Throws `NotFoundError`. */
  async deleteMemory(memoryId: string, options: RevisionOptions = {}): Promise<Deleted> {
    checkNames(options, ["ifRevision"]);
    const headers = ifMatch(options.ifRevision);
    const request = { method: "DELETE", path: pathOf(memoryId), headers } as const;
    return await this.ask({ ...request, repeatable: false }, options);
  }

  /** Deletes all memories of this scope, and no other. */
  async deleteAllMemories(options: CallOptions = {}): Promise<Deleted> {
    const query = { confirm: this.scopeOr(undefined).split("/").at(-1) };
    // Once: a second time it would delete what others have stored since.
    const request = { method: "DELETE", path: memoriesPath, query, repeatable: false } as const;
    return await this.ask(request, options);
  }

  /** All revisions, newest first. */
  async memoryHistory(memoryId: string, options: CallOptions = {}): Promise<Memory[]> {
    const path = pathOf(memoryId, "history");
    const request = { method: "GET", path, repeatable: true } as const;
    return (await this.ask<{ results: Memory[] }>(request, options)).results;
  }

  /** Makes an old revision the newest. */
  async restoreMemory(
    memoryId: string,
    revision: number,
    options: CallOptions = {},
  ): Promise<Memory> {
    const path = pathOf(memoryId, "restore");
    const request = { method: "POST", path, body: { revision }, repeatable: false } as const;
    return await this.ask(request, options);
  }

  /** Copies it to another scope, named like a user_id. */
  async shareMemory(memoryId: string, to: string, options: CallOptions = {}): Promise<Memory> {
    const path = pathOf(memoryId, "share");
    const request = { method: "POST", path, body: { to }, repeatable: false } as const;
    return await this.ask(request, options);
  }
  /**
   * What happens in this scope, from now on or from behind the event with that `event_id`. Throws
   * where the key may not read any more.
   */
  events(options: EventsOptions = {}): EventStream {
    checkNames(options, ["after"]);
    const query = { after: options.after };
    const request = { method: "GET", path: "/v1/events", query, repeatable: true } as const;
    const connect = (last: string | null, call: CallOptions) => {
      const headers: Record<string, string> = last === null ? {} : { "Last-Event-ID": last };
      return this.askStream({ ...request, headers }, call);
    };
    return new EventStream(connect, this.userId, this.retries, options);
  }
}
