// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

/** How a field is compared. All of its members must hold. */
export interface FilterTest {
  eq?: unknown;
  ne?: unknown;
  in?: readonly unknown[];
  nin?: readonly unknown[];
  gt?: number | string;
  gte?: number | string;
  lt?: number | string;
  lte?: number | string;
  exists?: boolean;
  /** A part of a text, an element of an array, or the name of a member. */
  contains?: unknown;
}

type Tested<Value> = Value | FilterTest | undefined;

/**
 * Narrows lists and searches. All members must hold; a bare value means `eq`.
 *
 *     { memory_type: { in: ["fact", "policy"] }, "metadata.priority": { gte: 2 } }
 */
export interface Filter {
  AND?: readonly Filter[] | undefined;
  OR?: readonly Filter[] | undefined;
  NOT?: Filter | readonly Filter[] | undefined;
  id?: Tested<string>;
  content?: Tested<string>;
  memory_type?: Tested<string>;
  key?: Tested<string | null>;
  author?: Tested<string>;
  revision?: Tested<number>;
  created_at?: Tested<string>;
  updated_at?: Tested<string>;
  expires_at?: Tested<string | null>;
  metadata?: Tested<unknown>;
  [path: `metadata.${string}`]: Tested<unknown>;
}
