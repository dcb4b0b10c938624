// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

import { errorOf } from "./errors.js";
import type { CallOptions } from "./options.js";
import { checkUserId } from "./scopes.js";
import { type Request, type Stream, Transport } from "./transport.js";
import { checkNames } from "./wire.js";

const defaultUrl = "http://127.0.0.1:7077";
const defaultTimeout = 30_000;
const defaultRetries = 6;

export interface ClientOptions {
  /** CLOISTER_API_KEY of the environment if absent. */
  apiKey?: string | undefined;
  /** Whose memories, like user_123; the root of the key if absent. */
  userId?: string | undefined;
  /** CLOISTER_URL of the environment if absent, else http://127.0.0.1:7077. */
  baseUrl?: string | undefined;
  /** Milliseconds that each try may take; 30 seconds if absent, 0 for no limit. */
  timeout?: number | undefined;
  /** How often a request that failed is sent again, where that does nothing twice; 6 if absent. */
  retries?: number | undefined;
  /** Used instead of the global one, for example to go through a proxy. */
  fetch?: typeof fetch | undefined;
}

/** Requests of one scope. */
export class BoundClient {
  /** Whose memories; null for the root of the key. */
  readonly userId: string | null;
  readonly baseUrl: string;
  // Private at run time too, so that a client that is printed shows no API key.
  readonly #options: ClientOptions;
  readonly #transport: Transport;

  constructor(options: ClientOptions = {}) {
    checkNames(options, ["apiKey", "userId", "baseUrl", "timeout", "retries", "fetch"]);
    // An empty one is a mistake, and must not become the environment's.
    const apiKey = options.apiKey ?? environment("CLOISTER_API_KEY");
    if (!apiKey) {
      throw errorOf(
        "unauthenticated",
        "an API key is needed; give apiKey or set CLOISTER_API_KEY",
      );
    }
    // What would be told of it otherwise has the whole key.
    if (/[^\x21-\x7e]/.test(apiKey)) {
      throw errorOf(
        "invalid_argument",
        "the API key has a space, a line break or another such character in it; give it without",
      );
    }
    this.userId = options.userId === undefined ? null : checkUserId(options.userId);
    this.baseUrl = options.baseUrl || environment("CLOISTER_URL") || defaultUrl;
    this.#options = { ...options, apiKey, baseUrl: this.baseUrl };
    this.#transport = new Transport({
      baseUrl: this.baseUrl,
      apiKey,
      timeout: options.timeout ?? defaultTimeout,
      retries: options.retries ?? defaultRetries,
      fetch: options.fetch,
    });
  }

  /** The options of a client that differs from this one. */
  protected optionsWith(changes: ClientOptions): ClientOptions {
    return { ...this.#options, ...changes };
  }

  /** Sends a request in the name of this scope; answers the document. */
  protected async ask<Answer>(request: Request, options: CallOptions = {}): Promise<Answer> {
    return (await this.#transport.request(this.#ofScope(request), options)) as Answer;
  }

  /** Opens a stream of events in the name of this scope; tries once. */
  protected async askStream(request: Request, options: CallOptions): Promise<Stream> {
    return await this.#transport.stream(this.#ofScope(request), options);
  }

  /** How often a request that failed is sent again. */
  protected get retries(): number {
    return this.#options.retries ?? defaultRetries;
  }

  #ofScope(request: Request): Request {
    const own = this.userId === null ? {} : { "X-User-ID": this.userId };
    return { ...request, headers: { ...request.headers, ...own } };
  }

  /** A scope that was named, or this one. */
  protected scopeOr(named: string | undefined): string {
    const scope = named ?? this.userId;
    if (scope === null) {
      throw errorOf("invalid_argument", "name a scope, or give the client a userId");
    }
    return scope;
  }
}

function environment(name: string): string | undefined {
  const { process } = globalThis as {
    process?: { env?: Record<string, string | undefined> };
  };
  return process?.env?.[name];
}
