// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

import type { Item } from "@langchain/langgraph-checkpoint";

import { errorOf } from "./errors.js";
import type { Draft } from "./options.js";
import { textOf } from "./langgraph-text.js";
import type { Memory } from "./types.js";

/** The `memory_type` of items. */
export const itemType = "langgraph";

const keyBytesMax = 256;
const metadataBytesMax = 16 * 1024;

/** How an item lies in the metadata of its memory. */
interface ItemMetadata {
  namespace: string[];
  key: string;
  value: Record<string, unknown>;
}

export function byteLength(text: string): number {
  return new TextEncoder().encode(text).length;
}

/**
 * The key of an item's memory: its labels and its key behind each other, so that no two items have
 * the same.
 */
export function keyOf(namespace: readonly string[], key: string): string {
  const out = `lg:${[...namespace, key].map(escaped).join("/")}`;
  const bytes = byteLength(out);
  if (bytes > keyBytesMax) {
    throw errorOf(
      "invalid_argument",
      `the namespace and key ${JSON.stringify([...namespace, key])} take ${bytes} bytes; ` +
        `together they may take ${keyBytesMax}`,
    );
  }
  return out;
}

function escaped(label: string): string {
  try {
    // Half a surrogate pair has no UTF-8: all of them would be the same.
    encodeURIComponent(label);
  } catch {
    throw errorOf("invalid_argument", `${JSON.stringify(label)} is no valid Unicode`);
  }
  return label.replaceAll("%", "%25").replaceAll("/", "%2F");
}

/** The memory that holds an item; searches find it by the texts at `paths`. */
export function draftOf(
  namespace: readonly string[],
  key: string,
  value: Record<string, unknown>,
  paths: false | readonly string[],
): Draft {
  const metadata: ItemMetadata = { namespace: [...namespace], key, value };
  const bytes = byteLength(JSON.stringify(metadata));
  if (bytes > metadataBytesMax) {
    throw errorOf(
      "too_large",
      `the item ${JSON.stringify([...namespace, key])} takes ${bytes} bytes of JSON; ` +
        `with its namespace and key it may take ${metadataBytesMax}`,
    );
  }
  return {
    content: textOf(value, paths),
    memoryType: itemType,
    key: keyOf(namespace, key),
    metadata: { ...metadata },
  };
}

/** The item that a memory holds. */
export function itemOf(memory: Memory): Item {
  const { namespace, key, value } = memory.metadata as unknown as ItemMetadata;
  const createdAt = new Date(memory.created_at);
  return { namespace, key, value, createdAt, updatedAt: new Date(memory.updated_at) };
}
