# SPDX-FileCopyrightText: The Cloister authors
# SPDX-License-Identifier: Apache-2.0
"""Whose memories: the grammar of a user_id."""

from __future__ import annotations

import re

from cloister.errors import error_of

_NAME = r"(?!\.{1,2}(?:/|$))[A-Za-z0-9._~@:+\-|=%]{1,128}"
_SCOPE = re.compile(
    rf"(?:org_{_NAME}(?:/|$))?(?:team_{_NAME}(?:/|$))?(?:(?:user|customer)_{_NAME}(?:/|$))?"
    rf"(?:(?:agent|app)_{_NAME}(?:/|$))?(?:session_{_NAME})?")


def check_user_id(user_id: str) -> str:
    """Answers it if it can be a scope; whether a key reaches it is told by the server."""
    if not user_id or user_id.endswith("/") or not _SCOPE.fullmatch(user_id):
        raise error_of("invalid_argument",
                       f"{user_id!r} is no user_id; write one like user_123, team_eng or "
                       "agent_planner/session_1, of 1 to 128 of A-Z a-z 0-9 . _ ~ @ : + - | = % "
                       "behind each prefix")
    return user_id
