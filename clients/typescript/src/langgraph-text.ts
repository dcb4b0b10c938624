// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

const textBytesMax = 64 * 1024;
/** Has no word that a search could find. */
const nothing = "-";

/** The text that searches look at: what lies at the paths, a line for each. */
export function textOf(value: unknown, paths: false | readonly string[]): string {
  if (paths === false) {
    return nothing;
  }
  const lines = new Set(paths.flatMap((path) => at(value, stepsOf(path)).flatMap(leaves)));
  return cut([...lines].join("\n")) || nothing;
}

/** "chapters[*].content" is chapters, *, content; "$" is the value itself. */
function stepsOf(path: string): string[] {
  const steps = path.split(/[.[\]]/).filter((step) => step !== "");
  return steps[0] === "$" ? steps.slice(1) : steps;
}

function at(value: unknown, steps: readonly string[]): unknown[] {
  const [step, ...rest] = steps;
  if (step === undefined) {
    return [value];
  }
  if (value === null || typeof value !== "object") {
    return [];
  }
  if (step === "*") {
    return Object.values(value).flatMap((each) => at(each, rest));
  }
  const found = Array.isArray(value) ? value.at(Number(step)) : own(value, step);
  return found === undefined ? [] : at(found, rest);
}

function own(value: object, name: string): unknown {
  return Object.hasOwn(value, name) ? (value as Record<string, unknown>)[name] : undefined;
}

/** The texts, numbers and truth values in a value, without the names of its members. */
function leaves(value: unknown): string[] {
  if (value === null || value === undefined) {
    return [];
  }
  return typeof value === "object" ? Object.values(value).flatMap(leaves) : [String(value)];
}

/** A text that is too long is cut between two characters. */
function cut(text: string): string {
  const bytes = new TextEncoder().encode(text);
  if (bytes.length <= textBytesMax) {
    return text;
  }
  // The decoder keeps what is begun at the end for a next part, which never comes.
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  return decoder.decode(bytes.subarray(0, textBytesMax), { stream: true });
}
