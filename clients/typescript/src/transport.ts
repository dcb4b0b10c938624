// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

import { CloisterError, errorOf } from "./errors.js";
import type { CallOptions } from "./options.js";

const firstPauseSeconds = 0.1;
const pauseSecondsMax = 10;
/** A stream says something every 15 seconds; one that does not is dead. */
const silenceMax = 45_000;
/** Codes of requests that were not begun with. */
const notBegun = new Set(["overloaded", "rate_limited"]);
/** And of those whose outcome is not known, or that may get better. */
export const mayGetBetter = new Set([...notBegun, "unavailable", "timeout", "quarantined"]);

/** A request for the server. */
export interface Request {
  method: "GET" | "POST" | "PATCH" | "DELETE";
  path: string;
  query?: Record<string, unknown>;
  body?: unknown;
  headers?: Record<string, string>;
  /** Whether it can be sent again wherever that may help. */
  repeatable: boolean;
}

/** What comes piece by piece, until the connection ends in whatever way. */
export interface Stream {
  pieces: AsyncIterable<Uint8Array>;
  requestId: string | null;
}

export interface TransportSettings {
  baseUrl: string;
  apiKey: string;
  timeout: number;
  retries: number;
  fetch?: typeof fetch | undefined;
  /** Waits some seconds. */
  sleep?: (seconds: number, signal?: AbortSignal) => Promise<void>;
}

/** Sends requests to one server. */
export class Transport {
  readonly #base: URL;
  readonly #apiKey: string;
  readonly #timeout: number;
  readonly #retries: number;
  readonly #fetch: typeof fetch;
  readonly #sleep: (seconds: number, signal?: AbortSignal) => Promise<void>;

  constructor(settings: TransportSettings) {
    this.#base = checkedBase(settings.baseUrl);
    this.#apiKey = settings.apiKey;
    this.#timeout = settings.timeout;
    this.#retries = settings.retries;
    // Looked up at each call, so that what replaces the global one later is used.
    this.#fetch = settings.fetch ?? ((input, init) => globalThis.fetch(input, init));
    this.#sleep = settings.sleep ?? sleep;
  }

  /**
   * Answers the document. What is repeatable is sent again wherever that may help; else only where
   * the server said that it had not begun.
   */
  async request(request: Request, options: CallOptions = {}): Promise<unknown> {
    const known = request.repeatable ? mayGetBetter : notBegun;
    const { url, init } = this.#prepared(request);
    for (let attempt = 0; ; ++attempt) {
      try {
        return await this.#once(url, init, options);
      } catch (failed) {
        const again =
          failed instanceof CloisterError && known.has(failed.code) && attempt < this.#retries;
        if (!again) {
          throw failed;
        }
        await this.#sleep(pause(attempt, failed.retryAfter), options.signal);
      }
    }
  }

  /** Opens a stream of events; tries once. Its signal ends it as well. */
  async stream(request: Request, options: CallOptions = {}): Promise<Stream> {
    const headers = { Accept: "text/event-stream", ...request.headers };
    const { url, init } = this.#prepared({ ...request, headers });
    options.signal?.throwIfAborted();
    const stop = new AbortController();
    const abort = () => stop.abort();
    options.signal?.addEventListener("abort", abort);
    const release = () => options.signal?.removeEventListener("abort", abort);
    const timeout = options.timeout ?? this.#timeout;
    const timer = timeout > 0 && timeout < Infinity ? setTimeout(abort, timeout) : undefined;
    try {
      const response = await this.#fetch(url, { ...init, signal: stop.signal });
      if (response.status !== 200) {
        throw failure(response, parsed(await response.text()));
      }
      if (response.body === null || !isEventStream(response)) {
        abort();
        throw failure(response, null);
      }
      const pieces = piecesOf(response.body.getReader(), abort, release);
      return { pieces, requestId: response.headers.get("X-Request-ID") };
    } catch (failed) {
      release();
      if (failed instanceof CloisterError) {
        throw failed;
      }
      options.signal?.throwIfAborted();
      throw noAnswer(url, failed, stop.signal.aborted ? timeout : undefined);
    } finally {
      clearTimeout(timer);
    }
  }

  #prepared(request: Request): { url: URL; init: RequestInit } {
    const url = new URL(this.#base);
    url.pathname = url.pathname.replace(/\/+$/, "") + request.path;
    for (const [name, value] of Object.entries(request.query ?? {})) {
      if (value !== undefined) {
        url.searchParams.set(name, String(value));
      }
    }
    const sent: Record<string, string> = {
      Authorization: `Bearer ${this.#apiKey}`,
      ...request.headers,
    };
    // A redirect would turn some methods into GET.
    const init: RequestInit = { method: request.method, redirect: "manual" };
    if (request.body !== undefined) {
      sent["Content-Type"] = "application/json";
      init.body = JSON.stringify(request.body);
    }
    init.headers = checkedHeaders(sent);
    return { url, init };
  }

  async #once(url: URL, init: RequestInit, options: CallOptions): Promise<unknown> {
    options.signal?.throwIfAborted();
    const timeout = options.timeout ?? this.#timeout;
    const stop = new AbortController();
    const abort = () => stop.abort();
    // AbortSignal.any came with Node 20.3 only.
    options.signal?.addEventListener("abort", abort);
    const timer = timeout > 0 && timeout < Infinity ? setTimeout(abort, timeout) : undefined;
    try {
      const response = await this.#fetch(url, { ...init, signal: stop.signal });
      return answerOf(response, await response.text());
    } catch (failed) {
      if (failed instanceof CloisterError) {
        throw failed;
      }
      options.signal?.throwIfAborted();
      throw noAnswer(url, failed, stop.signal.aborted ? timeout : undefined);
    } finally {
      clearTimeout(timer);
      options.signal?.removeEventListener("abort", abort);
    }
  }
}

function isEventStream(response: Response): boolean {
  return /^text\/event-stream\b/.test(response.headers.get("Content-Type") ?? "");
}

async function* piecesOf(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  abort: () => void,
  release: () => void,
): AsyncGenerator<Uint8Array, void, undefined> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  try {
    for (;;) {
      timer = setTimeout(abort, silenceMax);
      const { done, value } = await reader.read();
      clearTimeout(timer);
      if (done) {
        return;
      }
      yield value;
    }
  } catch {
    // It was cut off, which is an end as well.
  } finally {
    clearTimeout(timer);
    release();
    abort();
  }
}

function checkedBase(baseUrl: string): URL {
  const url = URL.canParse(baseUrl) ? new URL(baseUrl) : null;
  const isPlain = url !== null && `${url.username}${url.password}${url.search}${url.hash}` === "";
  if (!isPlain || (url.protocol !== "http:" && url.protocol !== "https:")) {
    throw errorOf("invalid_argument", "baseUrl is no address; write it like http://127.0.0.1:7077");
  }
  return url;
}

/** What is in no header is told as such, and not as a server that does not answer. */
function checkedHeaders(headers: Record<string, string>): Headers {
  const out = new Headers();
  for (const [name, value] of Object.entries(headers)) {
    try {
      out.set(name, value);
    } catch {
      throw errorOf("invalid_argument", `the header ${name} has characters that none can have`);
    }
  }
  return out;
}

function answerOf(response: Response, text: string): unknown {
  const document = parsed(text);
  if (!response.ok) {
    throw failure(response, document);
  }
  if (document === undefined) {
    throw errorOf("unavailable", `the answer is no JSON (HTTP ${response.status})`, {
      status: response.status,
    });
  }
  return document;
}

/** Undefined for what is no JSON, null for nothing. */
function parsed(text: string): unknown {
  try {
    return text === "" ? null : JSON.parse(text);
  } catch {
    return undefined;
  }
}

function failure(response: Response, document: unknown): CloisterError {
  const { status, headers } = response;
  const problem = (document ?? {}) as { code?: unknown; detail?: unknown; request_id?: unknown };
  const named = typeof problem.request_id === "string" ? problem.request_id : null;
  const more = {
    status,
    requestId: headers.get("X-Request-ID") ?? named,
    retryAfter: seconds(headers.get("Retry-After")),
  };
  if (typeof problem.code === "string" && typeof problem.detail === "string") {
    return errorOf(problem.code, problem.detail, more);
  }
  const code = status >= 500 ? "unavailable" : "invalid_argument";
  return errorOf(code, `the answer is no problem document (HTTP ${status})`, more);
}

function noAnswer(url: URL, failed: unknown, timeout: number | undefined): CloisterError {
  const cause = failed instanceof Error ? failed.cause : undefined;
  const told = cause instanceof Error ? cause.message : undefined;
  const why = timeout !== undefined ? `within ${timeout} ms` : `(${told || String(failed)})`;
  return errorOf("unavailable", `no answer from ${url.host} ${why}`, { cause: failed });
}

function seconds(text: string | null): number | null {
  const value = text === null || text.trim() === "" ? NaN : Number(text);
  return Number.isFinite(value) ? value : null;
}

/** Twice as long each time, spread so that clients do not come back together. */
export function pause(attempt: number, retryAfter: number | null): number {
  const longest = Math.min(pauseSecondsMax, firstPauseSeconds * 2 ** attempt);
  return Math.max(longest * (0.5 + Math.random() / 2), retryAfter ?? 0);
}

export function sleep(duration: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, duration * 1000);
    signal?.addEventListener("abort", stop, { once: true });
    if (signal?.aborted) {
      stop();
    }
  });
}
