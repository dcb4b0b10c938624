// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

import { errorOf } from "./errors.js";

/** How options are called on the wire. */
type Names = Readonly<Record<string, string>>;

const callOptions = new Set(["signal", "timeout"]);

export const draftNames: Names = {
  content: "content",
  memoryType: "memory_type",
  metadata: "metadata",
  key: "key",
  embedding: "embedding",
  expiresAt: "expires_at",
  createdAt: "created_at",
};
export const updateNames: Names = {
  content: "content",
  memoryType: "memory_type",
  metadata: "metadata",
  embedding: "embedding",
  expiresAt: "expires_at",
};
const selectionNames: Names = {
  memoryType: "memory_type",
  filter: "filter",
  limit: "limit",
  visibility: "visibility",
  scopes: "scopes",
};
export const listNames: Names = { ...selectionNames, cursor: "cursor", order: "order" };
export const searchNames: Names = {
  ...selectionNames,
  query: "query",
  embedding: "embedding",
  mode: "mode",
  minScore: "min_score",
};
export const sessionNames: Names = {
  resumable: "resumable",
  idleTimeout: "idle_timeout",
  absoluteTimeout: "absolute_timeout",
  lease: "lease",
};
export const keyNames: Names = {
  scope: "scope",
  expiresAt: "expires_at",
  label: "label",
  ancestors: "ancestors",
  promoteTo: "promote_to",
};
export const auditNames: Names = {
  operation: "operation",
  outcome: "outcome",
  principal: "principal",
  since: "since",
  limit: "limit",
  cursor: "cursor",
};

/** Options under the wire's names. One that is not known is an error rather than passed over. */
export function onTheWire(
  options: object,
  names: Names,
  alsoKnown: readonly string[] = [],
): Record<string, unknown> {
  checkNames(options, [...Object.keys(names), ...alsoKnown]);
  const out: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(options)) {
    const called = Object.hasOwn(names, name) ? names[name] : undefined;
    if (called !== undefined && value !== undefined) {
      out[called] = written(value, name);
    }
  }
  return out;
}

/** What JSON would not hold as it is meant. */
function written(value: unknown, name: string): unknown {
  if (value instanceof Float32Array || value instanceof Float64Array) {
    return Array.from(value);
  }
  return value instanceof Date ? timeOf(value, name) : value;
}

/** A date that is none would be null in JSON, which means never. */
function timeOf(date: Date, name: string): string {
  if (Number.isNaN(date.getTime())) {
    throw errorOf("invalid_argument", `${name} is a Date that is not valid`);
  }
  return date.toISOString();
}

/** Code without types could misspell what bounds a memory, such as when it expires. */
export function checkNames(options: object, known: readonly string[]): void {
  if (typeof options !== "object" || options === null) {
    throw errorOf("invalid_argument", `this takes an object with ${known.join(", ")}`);
  }
  for (const name of Object.keys(options)) {
    if (!known.includes(name) && !callOptions.has(name)) {
      throw errorOf(
        "invalid_argument",
        `${JSON.stringify(name)} is no option here; there are ${known.join(", ")}`,
      );
    }
  }
}

/** Text as one segment of a path. */
export function segment(text: string): string {
  // fetch would resolve these, so that the request were one for something else.
  if (typeof text !== "string" || text === "" || text === "." || text === "..") {
    throw errorOf("invalid_argument", `${JSON.stringify(text)} names nothing`);
  }
  return encodeURIComponent(text);
}

/** The header that makes a change conditional. */
export function ifMatch(revision: number | undefined): Record<string, string> {
  return revision === undefined ? {} : { "If-Match": `"${revision}"` };
}

/** A name that no other create has. */
export function newName(): string {
  // crypto.randomUUID is missing on pages that came by plain HTTP.
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (each) => each.toString(16).padStart(2, "0")).join("");
}
