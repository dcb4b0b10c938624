// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

import type { ListNamespacesOperation, MatchCondition } from "@langchain/langgraph-checkpoint";

/** Those that are asked for, each once, in the order of their labels. */
export function shortened(
  namespaces: readonly string[][],
  operation: ListNamespacesOperation,
): string[][] {
  const { matchConditions = [], maxDepth, limit = 100, offset = 0 } = operation;
  const unique = new Map<string, string[]>();
  for (const namespace of namespaces) {
    if (matchConditions.every((each) => fits(namespace, each))) {
      const short = namespace.slice(0, maxDepth);
      unique.set(JSON.stringify(short), short);
    }
  }
  return [...unique.values()].sort(compare).slice(offset, offset + limit);
}

function fits(namespace: readonly string[], { matchType, path }: MatchCondition): boolean {
  if (path.length > namespace.length) {
    return false;
  }
  const first = matchType === "prefix" ? 0 : namespace.length - path.length;
  return path.every((label, place) => label === "*" || label === namespace[first + place]);
}

function compare(a: readonly string[], b: readonly string[]): number {
  for (let place = 0; place < Math.min(a.length, b.length); ++place) {
    const [left = "", right = ""] = [a[place], b[place]];
    if (left !== right) {
      return left < right ? -1 : 1;
    }
  }
  return a.length - b.length;
}
