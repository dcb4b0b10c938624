// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

/** What JSON can hold, by name. */
export type Metadata = Record<string, unknown>;

/** A memory. Times are RFC 3339, UTC. */
export interface Memory {
  id: string;
  scope: string;
  content: string;
  memory_type: string;
  metadata: Metadata;
  key: string | null;
  /** The label of the API key that wrote it. */
  author: string;
  revision: number;
  created_at: string;
  updated_at: string;
  expires_at: string | null;
  embedding?: number[];
  /** What it was copied from, if it was. */
  origin?: { id: string; revision: number; [more: string]: unknown };
}

/** A memory that was found; `score` is 0 to 1. */
export interface SearchHit extends Memory {
  score: number;
}

/** What a search found, best first. */
export interface SearchResults {
  results: SearchHit[];
}

/** A page of a list; `cursor` leads to the next one. */
export interface MemoryPage {
  results: Memory[];
  cursor: string | null;
}

/** How many memories were deleted. */
export interface Deleted {
  deleted: number;
}

/** What happened in a scope; `events({ after: event_id })` goes on behind it. */
export interface MemoryEvent {
  event_id: string;
  type: "created" | "updated" | "deleted" | "expired" | "session_ended" | "reset" | "erased";
  scope: string;
  at?: string;
  /** The memory; absent where all were deleted, `count` of them. */
  id?: string;
  revision?: number;
  count?: number;
  /** The tag of a session below that ended; absent where the scope itself has ended. */
  session?: string;
  reason?: string;
}

/** An open session. */
export interface SessionInfo {
  session: string;
  scope: string;
  resumable: boolean;
  opened_at: string;
  expires_at: string | null;
}

/** A session that was just opened. */
export interface OpenedSession extends SessionInfo {
  /** For this session alone; ends with it. */
  api_key: string;
}

/** What was erased, signed by the store. */
export interface Receipt {
  scope: string;
  erased_at: string;
  memories: number;
  signature: string;
  version?: number;
  tag?: string;
  incarnation?: number;
  scopes?: number;
  unreadable?: number;
  copies?: number | null;
  copies_erased?: number | null;
  reason?: string | null;
  principal?: string;
  key_id?: string | null;
  audit_chain?: string;
  audit_index?: number;
  audit_head?: string;
  public_key?: string;
}

/** A scope and what it holds. */
export interface Scope {
  scope: string;
  tag: string;
  incarnation: number;
  created_at: string;
  memories: number;
  bytes: number;
  audit_entries: number;
}

/** What a scope may not exceed; null for no such limit. */
export interface Limits {
  memories_max?: number | null;
  bytes_max?: number | null;
  sessions_max?: number | null;
  session_bytes_max?: number | null;
  operations_per_second?: number | null;
  operations_burst?: number | null;
}

/** A scope, with its limits and those of its organization. */
export interface ScopeDetails extends Scope {
  sessions?: number;
  limits?: Limits;
  organization?: Record<string, unknown> | null;
}

/** An API key, without its secret. */
export interface Key {
  key_id: string;
  scope: string;
  permissions: string;
  label: string;
  created_at: string;
  expires_at: string | null;
  revoked_at: string | null;
  ancestors: string;
  promote_to: string | null;
  revoked_narrowings: number;
}

/** An API key that was just made. */
export interface CreatedKey extends Key {
  /** Shown once. */
  api_key: string;
}

/** Who did what, when, to which scope. */
export interface AuditRecord {
  index: number;
  time: string;
  principal: string;
  operation: string;
  scope: string;
  outcome: string;
  key_id?: string | null;
  reason?: string;
  request_id?: string;
  count?: number;
  targets?: string[];
  key_chain?: string[];
  child?: string;
  target_scope?: string;
}

/** A page of the audit trail; `cursor` leads to the next one. */
export interface AuditPage {
  results: AuditRecord[];
  cursor: string | null;
}

/** Whether audit trails are whole. */
export interface AuditReport {
  entries: number;
  intact: boolean;
  chains?: number;
  pruned?: number;
  first_broken?: string | null;
  reason?: string | null;
  checked_against?: string;
}
