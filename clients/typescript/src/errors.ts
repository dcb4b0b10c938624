// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

/** An error of the server, or of the way there. */
export class CloisterError extends Error {
  /** One of the server's codes: "not_found", "erased", "overloaded", … */
  readonly code: string;
  /** What happened, and what to do. */
  readonly detail: string;
  /** That of HTTP, or 0 where no answer came. */
  readonly status: number;
  /** How the server's log and audit trail name the request. */
  readonly requestId: string | null;
  /** Seconds after which to try again, where the server said so. */
  readonly retryAfter: number | null;

  constructor(code: string, detail: string, more: ErrorDetails = {}) {
    super(`${code}: ${detail}`, more.cause === undefined ? undefined : { cause: more.cause });
    this.name = new.target.name;
    this.code = code;
    this.detail = detail;
    this.status = more.status ?? 0;
    this.requestId = more.requestId ?? null;
    this.retryAfter = more.retryAfter ?? null;
  }
}

/** What is known of an error beside its code. */
export interface ErrorDetails {
  status?: number;
  requestId?: string | null;
  retryAfter?: number | null;
  cause?: unknown;
}

/** Something in the request is not valid; `detail` names it. */
export class InvalidArgumentError extends CloisterError {}

/** The API key is missing, malformed, expired or revoked. */
export class AuthenticationError extends CloisterError {}

/** The API key does not reach that scope, or may not do that. */
export class ForbiddenError extends CloisterError {}

/** There is no such thing; another tenant's counts as none. */
export class NotFoundError extends CloisterError {}

/** It was changed meanwhile, or an idempotency key was used for something else. */
export class ConflictError extends CloisterError {}

/** The scope was erased, or the session has ended. */
export class ErasedError extends CloisterError {}

/** It is too large, or more than may be stored. */
export class QuotaExceededError extends CloisterError {}

/** Too many requests; `retryAfter` says when to try again. */
export class RateLimitedError extends CloisterError {}

/** The server is overloaded, sealed or not there; whether the request was done is not known. */
export class UnavailableError extends CloisterError {}

const byCode = new Map<string, typeof CloisterError>([
  ["invalid_argument", InvalidArgumentError],
  ["unauthenticated", AuthenticationError],
  ["forbidden", ForbiddenError],
  ["not_found", NotFoundError],
  ["conflict", ConflictError],
  ["erased", ErasedError],
  ["too_large", QuotaExceededError],
  ["quota_exceeded", QuotaExceededError],
  ["rate_limited", RateLimitedError],
  ["overloaded", UnavailableError],
  ["unavailable", UnavailableError],
  ["sealed", UnavailableError],
  ["quarantined", UnavailableError],
  ["timeout", UnavailableError],
]);

/** The error of a code. */
export function errorOf(code: string, detail: string, more: ErrorDetails = {}): CloisterError {
  return new (byCode.get(code) ?? CloisterError)(code, detail, more);
}
