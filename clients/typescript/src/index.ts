// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

/// <reference lib="esnext.disposable" preserve="true" />

export type { ClientOptions } from "./bound.js";
// The second name is what code that was written for other products calls it.
export { MemoryClient, MemoryClient as MemoryStackClient, Session } from "./client.js";
export {
  AuthenticationError,
  CloisterError,
  ConflictError,
  ErasedError,
  ForbiddenError,
  InvalidArgumentError,
  NotFoundError,
  QuotaExceededError,
  RateLimitedError,
  UnavailableError,
} from "./errors.js";
export { EventStream } from "./events.js";
export type { Filter, FilterTest } from "./filter.js";
export type * from "./options.js";
export { checkUserId } from "./scopes.js";
export type * from "./types.js";
