# SPDX-FileCopyrightText: The Cloister authors
# SPDX-License-Identifier: Apache-2.0
"""What is answered, as types."""

from __future__ import annotations

from typing import Any, Literal, TypedDict

SearchMode = Literal["lexical", "vector", "hybrid"]
EventType = Literal["created", "updated", "deleted", "expired", "session_ended", "reset", "erased"]


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


class _Placed(TypedDict):
    event_id: str
    type: EventType
    scope: str


class Event(_Placed, total=False):
    """What happened in a scope; `events(after=event_id)` goes on behind it."""

    at: str
    #: The memory; not there where all were deleted, `count` of them.
    id: str
    revision: int
    count: int
    #: The tag of a session below that ended; not there where the scope itself has ended.
    session: str
    reason: str


Receipt = dict[str, Any]
