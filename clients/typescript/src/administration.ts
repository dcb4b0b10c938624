// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

import { Memories } from "./memories.js";
import type { AuditOptions, CallOptions, EraseOptions, KeyOptions } from "./options.js";
import type {
  AuditPage,
  AuditReport,
  CreatedKey,
  Key,
  Receipt,
  Scope,
  ScopeDetails,
} from "./types.js";
import { auditNames, checkNames, keyNames, onTheWire, segment } from "./wire.js";

/** What administrators and auditors do: scopes, keys, the audit trail. */
export class Administration extends Memories {
  /** The scopes below this one; needs `admin`. */
  async listScopes(options: CallOptions = {}): Promise<Scope[]> {
    return (await this.#read<{ results: Scope[] }>("/v1/scopes", options)).results;
  }

  /** What a scope holds, and what it may not exceed; this scope if none is named. */
  async showScope(scope?: string, options: CallOptions = {}): Promise<ScopeDetails> {
    return await this.#read(this.#path(scope), options);
  }

  /** Erases a scope and all below it, for good; answers a signed receipt. */
  async eraseScope(scope?: string, options: EraseOptions = {}): Promise<Receipt> {
    checkNames(options, ["withSharedCopies"]);
    const query = options.withSharedCopies ? { with_shared_copies: true } : {};
    const request = { method: "DELETE", path: this.#path(scope), query } as const;
    return await this.ask({ ...request, repeatable: false }, options);
  }

  /** Lets the name of an erased scope be used again. */
  async reinstateScope(scope?: string, options: CallOptions = {}): Promise<{ scope: string }> {
    const path = `${this.#path(scope)}/reinstate`;
    return await this.ask({ method: "POST", path, body: {}, repeatable: false }, options);
  }

  /** Makes an API key with permissions like "read,write"; its `api_key` is shown once. */
  async createKey(permissions: string, options: KeyOptions = {}): Promise<CreatedKey> {
    const body = { permissions, ...onTheWire(options, keyNames) };
    return await this.ask({ method: "POST", path: "/v1/keys", body, repeatable: false }, options);
  }

  /** Keys rooted at this scope or below. */
  async listKeys(options: CallOptions = {}): Promise<Key[]> {
    return (await this.#read<{ results: Key[] }>("/v1/keys", options)).results;
  }

  /** Revokes it, and all that was narrowed from it. */
  async revokeKey(keyId: string, options: CallOptions = {}): Promise<Key> {
    const path = `/v1/keys/${segment(keyId)}`;
    return await this.ask({ method: "DELETE", path, repeatable: true }, options);
  }

  /** A page of who did what, newest first. */
  async listAudit(options: AuditOptions = {}): Promise<AuditPage> {
    return await this.#read("/v1/audit", options, onTheWire(options, auditNames));
  }

  /** Whether the audit trails of this scope and of all below are whole. */
  async verifyAudit(options: CallOptions = {}): Promise<AuditReport> {
    return await this.#read("/v1/audit/verify", options);
  }

  #path(scope: string | undefined): string {
    return `/v1/scopes/${segment(this.scopeOr(scope))}`;
  }

  #read<Answer>(path: string, options: CallOptions, query = {}): Promise<Answer> {
    return this.ask({ method: "GET", path, query, repeatable: true }, options);
  }
}
