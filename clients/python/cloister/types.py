# SPDX-FileCopyrightText: The Cloister authors
# SPDX-License-Identifier: Apache-2.0
"""What is answered, as types."""

from __future__ import annotations

from typing import Any, TypedDict


class Memory(TypedDict, total=False):
    """A memory; a search has its `score` beside it. Times are RFC 3339, UTC."""

    id: str
    scope: str
    content: str
    memory_type: str
    metadata: dict[str, Any]
    key: str | None
    author: str
    revision: int
    created_at: str
    updated_at: str
    expires_at: str | None
    embedding: list[float]
    origin: dict[str, Any]
    score: float


class Memories(TypedDict):
    """What a search found, best first."""

    results: list[Memory]


class MemoryPage(TypedDict):
    """A page of a list; `cursor` leads to the next one."""

    results: list[Memory]
    cursor: str | None


class Deleted(TypedDict):
    """How many memories were deleted."""

    deleted: int


class SessionInfo(TypedDict, total=False):
    """An open session; `api_key` is there when it was just opened."""

    session: str
    scope: str
    resumable: bool
    opened_at: str
    expires_at: str | None
    api_key: str


Receipt = dict[str, Any]
