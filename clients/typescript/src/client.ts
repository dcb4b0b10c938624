// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

import { Administration } from "./administration.js";
import type { ClientOptions } from "./bound.js";
import { ErasedError } from "./errors.js";
import type { CallOptions, SessionOptions } from "./options.js";
import type { Memory, OpenedSession, Receipt, SessionInfo } from "./types.js";
import { onTheWire, segment, sessionNames } from "./wire.js";

const sessionsPath = "/v1/sessions";
// Where there is no such symbol, what stands in for it looks under this name.
const asyncDispose: typeof Symbol.asyncDispose =
  Symbol.asyncDispose ?? Symbol.for("Symbol.asyncDispose");

/**
 * Memories of one scope, within what an API key allows. Every call can reject with a
 * `CloisterError`; requests that fail on the way are sent again where that does nothing twice.
 *
 *     const memory = new MemoryClient({ apiKey: "…", userId: "user_123" });
 *     await memory.createMemory({ content: "User prefers dark mode", memoryType: "preference" });
 *     const { results } = await memory.searchMemories({ query: "which mode" });
 */
export class MemoryClient extends Administration {
  /** A client of another scope, with the same key. */
  forUser(userId: string): MemoryClient {
    return new MemoryClient(this.optionsWith({ userId }));
  }

  /**
   * Opens a session below this scope. Use it with `await using`, or end it: it vanishes with all
   * its memories.
   */
  async openSession(options: SessionOptions = {}): Promise<Session> {
    const body = onTheWire(options, sessionNames);
    const request = { method: "POST", path: sessionsPath, body, repeatable: false } as const;
    const info = await this.ask<OpenedSession>(request, options);
    const own = this.optionsWith({ apiKey: info.api_key, userId: info.scope });
    return new Session(own, info, {
      renew: (call) => this.renewSession(info.session, call),
      promote: (ids, to, call) => this.#promote(info.session, ids, to, call),
      end: (call) => this.endSession(info.session, call),
    });
  }

  /** The open ones at this scope and below. */
  async listSessions(options: CallOptions = {}): Promise<SessionInfo[]> {
    const request = { method: "GET", path: sessionsPath, repeatable: true } as const;
    return (await this.ask<{ results: SessionInfo[] }>(request, options)).results;
  }

  /** Starts its lease and its idle time anew. */
  async renewSession(session: string, options: CallOptions = {}): Promise<SessionInfo> {
    const path = `${sessionsPath}/${segment(session)}/renew`;
    return await this.ask({ method: "POST", path, body: {}, repeatable: true }, options);
  }

  /** Ends it, with all its memories; answers a signed receipt. */
  async endSession(session: string, options: CallOptions = {}): Promise<Receipt> {
    const path = `${sessionsPath}/${segment(session)}`;
    return await this.ask({ method: "DELETE", path, repeatable: false }, options);
  }

  async #promote(
    session: string,
    ids: readonly string[],
    to: string | undefined,
    options: CallOptions,
  ): Promise<Memory[]> {
    const path = `${sessionsPath}/${segment(session)}/promote`;
    const request = { method: "POST", path, body: { ids, to }, repeatable: false } as const;
    return (await this.ask<{ results: Memory[] }>(request, options)).results;
  }
}

/** What a session has its opener do, since its own key may not. */
interface Opener {
  renew(options?: CallOptions): Promise<SessionInfo>;
  promote(ids: readonly string[], to: string | undefined, options: CallOptions): Promise<Memory[]>;
  end(options?: CallOptions): Promise<Receipt>;
}

/** The memories of a session, which vanish with it. A client with the session's own key. */
export class Session extends MemoryClient {
  /** What was answered when it was opened; its `api_key` is for this session alone. */
  readonly info: OpenedSession;
  readonly #opener: Opener;
  #hasEnded = false;

  /** For `openSession`, which makes sessions. */
  constructor(options: ClientOptions, info: OpenedSession, opener: Opener) {
    super(options);
    this.info = info;
    this.#opener = opener;
  }

  /** Starts its lease and its idle time anew. */
  async renew(options: CallOptions = {}): Promise<SessionInfo> {
    return await this.#opener.renew(options);
  }

  /** Moves memories to the scope above, or to another one, so that they stay. */
  async promote(
    memoryIds: readonly string[],
    to?: string,
    options: CallOptions = {},
  ): Promise<Memory[]> {
    return await this.#opener.promote(memoryIds, to, options);
  }

  /** Ends it, with all its memories; answers a signed receipt. */
  async end(options: CallOptions = {}): Promise<Receipt> {
    const receipt = await this.#opener.end(options);
    this.#hasEnded = true;
    return receipt;
  }

  /** Ends it unless it has ended. */
  async [asyncDispose](): Promise<void> {
    if (this.#hasEnded) {
      return;
    }
    try {
      await this.end();
    } catch (failed) {
      // One whose time was over is gone already, which is what is wanted here.
      if (!(failed instanceof ErasedError)) {
        throw failed;
      }
    }
  }
}
