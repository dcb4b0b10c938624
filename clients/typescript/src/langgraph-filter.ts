// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

import { errorOf } from "./errors.js";
import type { Filter, FilterTest } from "./filter.js";
import { itemType } from "./langgraph-items.js";

const operators = new Map<string, keyof FilterTest>([
  ["$eq", "eq"],
  ["$ne", "ne"],
  ["$gt", "gt"],
  ["$gte", "gte"],
  ["$lt", "lt"],
  ["$lte", "lte"],
  ["$in", "in"],
  ["$nin", "nin"],
]);

/** Items below a path of labels, of which "*" is any. */
export function belowPath(path: readonly string[]): Filter {
  return below(path.map((label) => (label === "*" ? { exists: true } : { eq: label })));
}

/** Items below a namespace whose value a LangGraph filter fits. */
export function filterOf(prefix: readonly string[], filter: Record<string, unknown> = {}): Filter {
  const out = below(prefix.map((label) => ({ eq: label })));
  for (const [name, wanted] of Object.entries(filter)) {
    out[`metadata.value.${memberName(name)}`] = testOf(name, wanted);
  }
  return out;
}

function below(labels: readonly FilterTest[]): Filter {
  // Somebody may have made memories of this type that are no items.
  const out: Filter = { memory_type: itemType, "metadata.namespace": { exists: true } };
  labels.forEach((test, depth) => {
    out[`metadata.namespace.${depth}`] = test;
  });
  return out;
}

/** On the server a dot leads into what is below. */
function memberName(name: string): string {
  if (name === "" || name.includes(".")) {
    throw errorOf(
      "invalid_argument",
      `a filter cannot look at ${JSON.stringify(name)}: the name is empty or has a dot in it`,
    );
  }
  return name;
}

function testOf(name: string, wanted: unknown): FilterTest {
  if (!isOperators(wanted)) {
    // What is not there equals null.
    return { eq: wanted ?? null };
  }
  const out: FilterTest = {};
  for (const [operator, operand] of Object.entries(wanted)) {
    const known = operators.get(operator);
    if (known === undefined) {
      throw errorOf(
        "invalid_argument",
        `${JSON.stringify(operator)} of ${JSON.stringify(name)} is no operator here; there are ` +
          [...operators.keys()].join(", "),
      );
    }
    out[known] = (operand ?? null) as never;
  }
  return out;
}

function isOperators(wanted: unknown): wanted is Record<string, unknown> {
  if (wanted === null || typeof wanted !== "object" || Array.isArray(wanted)) {
    return false;
  }
  return Object.keys(wanted).some((each) => each.startsWith("$"));
}
