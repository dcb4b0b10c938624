// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

import { ErasedError, errorOf, RateLimitedError, UnavailableError } from "./errors.js";
import { type Block, EventText } from "./event-text.js";
import type { CallOptions, EventsOptions } from "./options.js";
import { mayGetBetter, pause, sleep, type Stream } from "./transport.js";
import type { MemoryEvent } from "./types.js";

/** Until the server says how long to wait before coming back. */
const firstRetrySeconds = 2;
const pauseSecondsMax = 30;
// Where there is no such symbol, what stands in for it looks under this name.
const asyncDispose: typeof Symbol.asyncDispose =
  Symbol.asyncDispose ?? Symbol.for("Symbol.asyncDispose");

/** Opens a stream behind an event, or where there is none from now on. */
export type Connect = (after: string | null, options: CallOptions) => Promise<Stream>;

/**
 * Events of one scope, for `for await`.
 *
 *     for await (const event of memory.events({ signal })) console.log(event.type, event.id);
 *
 * Opened by `open`, or by asking for the first event; what happens from then on is told. Where it is
 * cut off it comes back by itself and goes on exactly where it was. It ends when the scope is gone,
 * or with `return`; a signal ends it with its reason.
 */
export class EventStream implements AsyncIterableIterator<MemoryEvent> {
  readonly #following: Following;
  readonly #told: AsyncGenerator<MemoryEvent | null, void, undefined>;
  readonly #stop = new AbortController();
  readonly #signal: AbortSignal | undefined;
  #opening: Promise<MemoryEvent[]> | null = null;
  #eventId: string | null;

  /** For `events`, which makes them. */
  constructor(connect: Connect, scope: string | null, retries: number, options: EventsOptions) {
    this.#eventId = options.after ?? null;
    this.#signal = options.signal;
    const { timeout } = options;
    const { signal } = this.#stop;
    this.#following = new Following(connect, scope, retries, { timeout, signal });
    this.#told = this.#run();
  }

  /**
   * Right behind what was told: `events({ after })` goes on there. Null before it is open, unless it
   * was given.
   */
  get eventId(): string | null {
    return this.#eventId;
  }

  /** Begins, unless it has begun; answers where. */
  async open(): Promise<string | null> {
    await this.#opened();
    return this.eventId;
  }

  async next(): Promise<IteratorResult<MemoryEvent, undefined>> {
    const kept = (await this.#opened()).shift();
    if (kept !== undefined && !this.#stop.signal.aborted) {
      this.#eventId = kept.event_id;
      return { done: false, value: kept };
    }
    for (;;) {
      const taken = await this.#take();
      if (taken.done) {
        return { done: true, value: undefined };
      }
      this.#eventId = taken.value?.event_id ?? this.#following.eventId;
      if (taken.value !== null) {
        return { done: false, value: taken.value };
      }
    }
  }

  /** Ends it, also while somebody waits for an event. */
  async return(): Promise<IteratorResult<MemoryEvent, undefined>> {
    this.#stop.abort();
    await this.#told.return();
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async [asyncDispose](): Promise<void> {
    await this.return();
  }

  #opened(): Promise<MemoryEvent[]> {
    // What comes first says where it begins, and may be an event.
    this.#opening ??= this.#take().then(({ value }) => {
      if (!value) {
        this.#eventId = this.#following.eventId ?? this.#eventId;
      }
      return value ? [value] : [];
    });
    return this.#opening;
  }

  async #take(): Promise<IteratorResult<MemoryEvent | null, void>> {
    const taken = await this.#told.next();
    this.#signal?.throwIfAborted();
    return taken;
  }

  async *#run(): AsyncGenerator<MemoryEvent | null, void, undefined> {
    const abort = () => this.#stop.abort();
    this.#signal?.addEventListener("abort", abort);
    if (this.#signal?.aborted) {
      abort();
    }
    try {
      yield* this.#following.run();
    } finally {
      this.#signal?.removeEventListener("abort", abort);
    }
  }
}

/** Goes on where a connection ended, until nothing can follow. */
class Following {
  eventId: string | null = null;
  readonly #connect: Connect;
  readonly #retries: number;
  readonly #options: CallOptions & { signal: AbortSignal };
  #scope: string | null;
  #retry = firstRetrySeconds;
  #failures = 0;

  constructor(
    connect: Connect,
    scope: string | null,
    retries: number,
    options: CallOptions & { signal: AbortSignal },
  ) {
    this.#connect = connect;
    this.#scope = scope;
    this.#retries = retries;
    this.#options = options;
  }

  /** Null says that it is open, and where, while nothing has happened. */
  async *run(): AsyncGenerator<MemoryEvent | null, void, undefined> {
    const { signal } = this.#options;
    try {
      while (!signal.aborted) {
        const stream = await this.#connected();
        if (stream === null) {
          continue;
        }
        if (!("pieces" in stream)) {
          yield stream;
          return;
        }
        const text = new EventText();
        for await (const piece of stream.pieces) {
          for (const block of text.blocksOf(piece)) {
            yield this.#eventOf(block, stream);
            // What has no place in the trail is the last.
            if (block.id === undefined && block.data !== undefined) {
              return;
            }
          }
        }
        await this.#wait(null);
      }
    } catch (failed) {
      // Whoever ends it is not told that it has ended.
      if (!signal.aborted) {
        throw failed;
      }
    }
  }

  /** A stream, or the last event of all; null if it is to be tried again. */
  async #connected(): Promise<Stream | MemoryEvent | null> {
    try {
      return await this.#connect(this.eventId, this.#options);
    } catch (failed) {
      if (failed instanceof ErasedError && this.eventId !== null) {
        return this.#end(failed.detail);
      }
      if (!(failed instanceof UnavailableError || failed instanceof RateLimitedError)) {
        throw failed;
      }
      const isHopeless = !mayGetBetter.has(failed.code) || this.#failures >= this.#retries;
      if (this.eventId === null && isHopeless) {
        throw failed;
      }
      await this.#wait(failed.retryAfter);
      return null;
    }
  }

  #eventOf(block: Block, { requestId }: Stream): MemoryEvent | null {
    this.#failures = 0;
    if (block.retry !== undefined && /^\d+$/.test(block.retry)) {
      this.#retry = Number(block.retry) / 1000;
    }
    this.eventId = block.id ?? this.eventId;
    if (block.data === undefined) {
      return null;
    }
    const told = JSON.parse(block.data);
    if (block.event === "error") {
      throw errorOf(told.type, told.reason, { status: 200, requestId });
    }
    this.#scope = told.scope;
    return { ...told, event_id: this.eventId };
  }

  /** What would have been told if it had not been cut off just then. */
  #end(reason: string): MemoryEvent {
    const scope = this.#scope ?? "";
    const isSession = scope.split("/").at(-1)?.startsWith("session_");
    const type = isSession ? "session_ended" : "erased";
    return { type, scope, reason, event_id: this.eventId ?? "" };
  }

  async #wait(retryAfter: number | null): Promise<void> {
    let seconds = pause(this.#failures, retryAfter);
    if (this.eventId !== null) {
      // Not sooner than the server wants, spread so that clients do not come back together.
      const longest = Math.min(pauseSecondsMax, this.#retry * 2 ** this.#failures);
      const spread = Math.max(this.#retry, longest) * (1 + Math.random() / 2);
      seconds = Math.max(spread, retryAfter ?? 0);
    }
    this.#failures += 1;
    await sleep(seconds, this.#options.signal);
  }
}
