// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

import { errorOf } from "./errors.js";

const name = String.raw`(?!\.{1,2}(?:/|$))[A-Za-z0-9._~@:+\-|=%]{1,128}`;
const kinds = ["org", "team", "(?:user|customer)", "(?:agent|app)"];
const above = kinds.map((kind) => `(?:${kind}_${name}(?:/|$))?`).join("");
const scope = new RegExp(`^${above}(?:session_${name})?$`);

/** Answers it if it can be a scope; whether a key reaches it is told by the server. */
export function checkUserId(userId: string): string {
  const isScope = typeof userId === "string" && userId !== "" && !userId.endsWith("/");
  if (!isScope || !scope.test(userId)) {
    throw errorOf(
      "invalid_argument",
      `${JSON.stringify(userId)} is no user_id; write one like user_123, team_eng or ` +
        "agent_planner/session_1, of 1 to 128 of A-Z a-z 0-9 . _ ~ @ : + - | = % " +
        "behind each prefix",
    );
  }
  return userId;
}
