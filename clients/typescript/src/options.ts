// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

import type { Filter } from "./filter.js";
import type { Metadata } from "./types.js";

/** Can be given with every call. */
export interface CallOptions {
  /** Aborts the call; it then rejects with the signal's reason. */
  signal?: AbortSignal | undefined;
  /** Milliseconds that each try may take; the client's own if absent. */
  timeout?: number | undefined;
}

/** Numbers that stand for a text, as a model computes them; at most 4096. */
export type Embedding = readonly number[] | Float32Array | Float64Array;

/** How a search compares: by words, by embeddings, or by both. */
export type SearchMode = "lexical" | "vector" | "hybrid";

/** A memory to be stored. */
export interface Draft {
  /** 1 byte to 64 KiB of UTF-8. */
  content: string;
  /** 1 to 64 of a-z 0-9 _ -; "fact" if absent. */
  memoryType?: string | undefined;
  /** Up to 16 KiB of JSON. */
  metadata?: Metadata | undefined;
  /** Unique in its scope: a memory that has it is replaced. Up to 256 bytes. */
  key?: string | undefined;
  embedding?: Embedding | undefined;
  /** RFC 3339; a Date is written as that. */
  expiresAt?: string | Date | undefined;
  /** For memories that are brought from elsewhere. */
  createdAt?: string | Date | undefined;
}

export interface CreateOptions extends CallOptions {
  /** Names the create, so that one that is sent again is done once (24 hours). Made if absent. */
  idempotencyKey?: string | undefined;
}

/** Whose memories are read: those of this scope alone, also those above it, or below it. */
export type Visibility = "self" | "inherited" | "subtree";

interface Selection extends CallOptions {
  memoryType?: string | undefined;
  filter?: Filter | undefined;
  /** 1 to 1000. */
  limit?: number | undefined;
  /** "self" if absent; "subtree" needs `admin`. */
  visibility?: Visibility | undefined;
  /** Up to 16 other scopes instead, each like a user_id. */
  scopes?: readonly string[] | undefined;
}

export interface ListOptions extends Selection {
  /** Of the page before. */
  cursor?: string | undefined;
  /** "newest" (first) if absent. */
  order?: "newest" | "oldest" | undefined;
}

export interface SearchOptions extends Selection {
  /** Words; at most 64 KiB. */
  query?: string | undefined;
  /** Of as many dimensions as those of the memories. */
  embedding?: Embedding | undefined;
  /** "hybrid" if there are a query and an embedding, else what there is. */
  mode?: SearchMode | undefined;
  /** Leaves out what scores less, 0 to 1. */
  minScore?: number | undefined;
}

/** `timeout` is for opening it, each time. */
export interface EventsOptions extends CallOptions {
  /** The `event_id` of the last event that is known; what happens from now on if absent. */
  after?: string | undefined;
}

export interface RevisionOptions extends CallOptions {
  /** Does nothing, and throws a `ConflictError`, if this is not the newest revision. */
  ifRevision?: number | undefined;
}

/** What is absent stays as it is. */
export interface UpdateOptions extends RevisionOptions {
  content?: string | undefined;
  memoryType?: string | undefined;
  /** Merged into what there is; null removes a member. */
  metadata?: Metadata | undefined;
  /** An empty one removes it. */
  embedding?: Embedding | undefined;
  /** null: never. */
  expiresAt?: string | Date | null | undefined;
}

/** Times are in seconds, 0 for no such limit; the organization's own if absent. */
export interface SessionOptions extends CallOptions {
  /** Whether it can be gone on with after the program that opened it has ended. */
  resumable?: boolean | undefined;
  /** Seconds without a request after which it ends. */
  idleTimeout?: number | undefined;
  /** Seconds after which it ends in any case. */
  absoluteTimeout?: number | undefined;
  /** Seconds after which it ends unless it is renewed. */
  lease?: number | undefined;
}

export interface EraseOptions extends CallOptions {
  /** Also erases what was shared from there to other scopes. */
  withSharedCopies?: boolean | undefined;
}

export interface KeyOptions extends CallOptions {
  /** Its root, like a user_id; this client's scope if absent. */
  scope?: string | undefined;
  expiresAt?: string | Date | undefined;
  /** How logs and the audit trail call whoever uses it. */
  label?: string | undefined;
  /** "all", "none", or the outermost scope that may be read. */
  ancestors?: string | undefined;
  /** A scope that sessions may promote memories to. */
  promoteTo?: string | undefined;
}

export interface AuditOptions extends CallOptions {
  operation?: string | undefined;
  outcome?: string | undefined;
  principal?: string | undefined;
  /** RFC 3339. */
  since?: string | Date | undefined;
  limit?: number | undefined;
  /** Of the page before. */
  cursor?: string | undefined;
}
