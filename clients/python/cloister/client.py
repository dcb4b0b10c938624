# SPDX-FileCopyrightText: The Cloister authors
# SPDX-License-Identifier: Apache-2.0
"""The client that waits for its answers."""

from __future__ import annotations

import json
import os
import uuid
from types import TracebackType
from typing import Any, Iterator, Mapping, Sequence
from urllib.parse import quote

from cloister.errors import ErasedError, error_of
from cloister.events import EventStream
from cloister.scopes import check_user_id
from cloister.transport import Stream, Transport
from cloister.types import (Deleted, Memories, Memory, MemoryPage, Receipt, SearchMode,
                            SessionInfo)

DEFAULT_URL = "http://127.0.0.1:7077"


def _segment(text: str) -> str:
    if not isinstance(text, str):
        raise TypeError(f"an id is a text, and not {type(text).__name__}; give a memory's \"id\"")
    return quote(text, safe="")


def _given(**members: Any) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}


class MemoryClient:
    """Memories of one scope, within what an API key allows. Thread-safe.

    `api_key` and `base_url` default to CLOISTER_API_KEY and CLOISTER_URL; `user_id` to the root of
    the key. Requests that fail on the way are sent again up to `retries` times, where that cannot
    do anything twice. Every call can raise a `CloisterError`.
    """

    def __init__(self, api_key: str | None = None, user_id: str | None = None,
                 base_url: str | None = None, *, timeout: float = 30.0, retries: int = 6) -> None:
        # An empty one is a mistake, and must not become the environment's.
        if api_key is None:
            api_key = os.environ.get("CLOISTER_API_KEY")
        if not api_key:
            raise error_of("unauthenticated",
                           "an API key is needed; give api_key or set CLOISTER_API_KEY")
        if not api_key.isprintable():
            # What would be told of it otherwise has the whole key.
            raise error_of("invalid_argument", "the API key has a line break or another control "
                                               "character in it; give it without")
        self.user_id = check_user_id(user_id) if user_id is not None else None
        self.base_url = base_url or os.environ.get("CLOISTER_URL") or DEFAULT_URL
        self._api_key = api_key
        self._settings = {"timeout": timeout, "retries": retries}
        self._transport = Transport(self.base_url, api_key, timeout, retries)

    def __enter__(self) -> MemoryClient:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Closes connections; the client can be used all the same."""
        self._transport.close()

    def for_user(self, user_id: str) -> MemoryClient:
        """A client of another scope, with the same key."""
        return MemoryClient(self._api_key, user_id, self.base_url, **self._settings)

    def _ask(self, method: str, path: str, *, query: Mapping[str, Any] | None = None,
             body: Any = None, headers: Mapping[str, str] | None = None,
             repeatable: bool | None = None) -> Any:
        sent = {**self._scope_header(), **(headers or {})}
        if repeatable is None:
            repeatable = method != "POST"
        return self._transport.request(method, path, query=query, body=body, headers=sent,
                                       repeatable=repeatable)

    def _scope_header(self) -> dict[str, str]:
        return {"X-User-ID": self.user_id} if self.user_id is not None else {}

    # -- memories --

    def create_memory(self, content: str, memory_type: str | None = None,
                      metadata: Mapping[str, Any] | None = None, *, key: str | None = None,
                      embedding: Sequence[float] | None = None, expires_at: str | None = None,
                      idempotency_key: str | None = None) -> Memory:
        """Stores a memory; one with the same `key` is replaced. Durable when it returns."""
        body = _given(content=content, memory_type=memory_type, metadata=metadata, key=key,
                      embedding=embedding, expires_at=expires_at)
        return self._create(body, idempotency_key)

    def create_memories(self, memories: Sequence[Mapping[str, Any]], *,
                        idempotency_key: str | None = None) -> list[Memory]:
        """Stores up to 1000, all or none; each like the arguments of `create_memory`."""
        return self._create({"memories": list(memories)}, idempotency_key)["results"]

    def _create(self, body: Mapping[str, Any], idempotency_key: str | None) -> Any:
        # With a name of its own a create can be sent again.
        headers = {"Idempotency-Key": idempotency_key or str(uuid.uuid4())}
        return self._ask("POST", "/v1/memories", body=body, headers=headers, repeatable=True)

    def get_memory(self, memory_id: str) -> Memory:
        """Raises `NotFoundError`, for a memory of another scope as for none."""
        return self._ask("GET", "/v1/memories/" + _segment(memory_id))

    def list_memories(self, *, memory_type: str | None = None,
                      filter: Mapping[str, Any] | None = None, limit: int | None = None,
                      cursor: str | None = None, order: str | None = None,
                      visibility: str | None = None,
                      scopes: Sequence[str] | None = None) -> MemoryPage:
        """A page, newest first; its `cursor` leads to the next one."""
        query = _given(memory_type=memory_type, limit=limit, cursor=cursor, order=order,
                       visibility=visibility, scopes=",".join(scopes) if scopes else None,
                       filter=json.dumps(filter) if filter is not None else None)
        return self._ask("GET", "/v1/memories", query=query)

    def iterate_memories(self, **options: Any) -> Iterator[Memory]:
        """All of them, page by page; takes what `list_memories` does."""
        cursor: str | None = None
        while True:
            page = self.list_memories(**{**options, **_given(cursor=cursor)})
            yield from page["results"]
            cursor = page["cursor"]
            if cursor is None:
                return

    def search_memories(self, query: str | None = None, *,
                        embedding: Sequence[float] | None = None, mode: SearchMode | None = None,
                        limit: int | None = None, memory_type: str | None = None,
                        filter: Mapping[str, Any] | None = None, min_score: float | None = None,
                        visibility: str | None = None,
                        scopes: Sequence[str] | None = None) -> Memories:
        """Best first, each with its `score` of 0 to 1. By the words of a query, by the angle to an
        embedding, or by both, where both are given; `mode` chooses one of them."""
        body = _given(query=query, embedding=embedding, mode=mode, limit=limit,
                      memory_type=memory_type, filter=filter, min_score=min_score,
                      visibility=visibility, scopes=list(scopes) if scopes else None)
        return self._ask("POST", "/v1/memories/search", body=body, repeatable=True)

    def update_memory(self, memory_id: str, *, if_revision: int | None = None,
                      **changes: Any) -> Memory:
        """Changes content, memory_type, metadata (merged), embedding ([]: none) or expires_at (None:
        never). Raises `ConflictError` if `if_revision` is not the newest one."""
        headers = {"If-Match": f'"{if_revision}"'} if if_revision is not None else None
        # Without a condition a second time would be a revision more.
        return self._ask("PATCH", "/v1/memories/" + _segment(memory_id), body=changes,
                         headers=headers, repeatable=False)

    def delete_memory(self, memory_id: str, *, if_revision: int | None = None) -> Deleted:
        """Raises `NotFoundError`."""
        headers = {"If-Match": f'"{if_revision}"'} if if_revision is not None else None
        return self._ask("DELETE", "/v1/memories/" + _segment(memory_id), headers=headers,
                         repeatable=False)

    def delete_all_memories(self) -> Deleted:
        """Deletes all memories of this scope, and no other."""
        confirm = self._scope(None)
        # Once: a second time it would delete what others have stored since.
        return self._ask("DELETE", "/v1/memories", query={"confirm": confirm.split("/")[-1]},
                         repeatable=False)

    def memory_history(self, memory_id: str) -> list[Memory]:
        """All revisions, newest first."""
        return self._ask("GET", f"/v1/memories/{_segment(memory_id)}/history")["results"]

    def restore_memory(self, memory_id: str, revision: int) -> Memory:
        """Makes an old revision the newest."""
        return self._ask("POST", f"/v1/memories/{_segment(memory_id)}/restore",
                         body={"revision": revision})

    def share_memory(self, memory_id: str, to: str) -> Memory:
        """Copies it to another scope, named like a user_id."""
        return self._ask("POST", f"/v1/memories/{_segment(memory_id)}/share", body={"to": to})

    # -- events --

    def events(self, after: str | None = None) -> EventStream:
        """What happens in this scope, from now on or from behind the event with that `event_id`:
        an iterator that waits for the next event. Raises where the key may not read any more."""
        def connect(last: str | None) -> Stream:
            headers = {"Last-Event-ID": last} if last is not None else {}
            return self._transport.stream("/v1/events", query={"after": after},
                                          headers={**self._scope_header(), **headers})
        return EventStream(connect, after, self.user_id, self._settings["retries"])

    # -- sessions --

    def open_session(self, *, resumable: bool | None = None, idle_timeout: float | None = None,
                     absolute_timeout: float | None = None,
                     lease: float | None = None) -> Session:
        """Opens a session below this scope; times in seconds. Use it with `with`: it vanishes with
        all its memories at the end."""
        info = self._ask("POST", "/v1/sessions", body=_given(
            resumable=resumable, idle_timeout=idle_timeout, absolute_timeout=absolute_timeout,
            lease=lease))
        return Session(self, info)

    def list_sessions(self) -> list[SessionInfo]:
        """The open ones at this scope and below."""
        return self._ask("GET", "/v1/sessions")["results"]

    def renew_session(self, session: str) -> SessionInfo:
        """Starts its lease and its idle time anew."""
        return self._ask("POST", f"/v1/sessions/{_segment(session)}/renew", body={},
                         repeatable=True)

    def end_session(self, session: str) -> Receipt:
        """Ends it, with all its memories."""
        return self._ask("DELETE", "/v1/sessions/" + _segment(session), repeatable=False)

    # -- scopes, keys, audit --

    def list_scopes(self) -> list[dict[str, Any]]:
        """The scopes below this one; needs `admin`."""
        return self._ask("GET", "/v1/scopes")["results"]

    def show_scope(self, scope: str | None = None) -> dict[str, Any]:
        """What a scope holds, and what it may not exceed."""
        return self._ask("GET", "/v1/scopes/" + _segment(self._scope(scope)))

    def erase_scope(self, scope: str | None = None, *,
                    with_shared_copies: bool = False) -> Receipt:
        """Erases a scope and all below it, for good; answers a signed receipt."""
        query = {"with_shared_copies": "true"} if with_shared_copies else None
        return self._ask("DELETE", "/v1/scopes/" + _segment(self._scope(scope)), query=query,
                         repeatable=False)

    def reinstate_scope(self, scope: str | None = None) -> dict[str, Any]:
        """Lets the name of an erased scope be used again."""
        return self._ask("POST", f"/v1/scopes/{_segment(self._scope(scope))}/reinstate", body={})

    def _scope(self, named: str | None) -> str:
        scope = self.user_id if named is None else check_user_id(named)
        if scope is None:
            raise error_of("invalid_argument", "name a scope, or give the client a user_id")
        return scope

    def create_key(self, permissions: str, *, scope: str | None = None,
                   expires_at: str | None = None, label: str | None = None,
                   ancestors: str | None = None,
                   promote_to: str | None = None) -> dict[str, Any]:
        """Makes an API key; its `api_key` is shown once."""
        return self._ask("POST", "/v1/keys", body=_given(
            permissions=permissions, scope=scope, expires_at=expires_at, label=label,
            ancestors=ancestors, promote_to=promote_to))

    def list_keys(self) -> list[dict[str, Any]]:
        """Keys rooted at this scope or below."""
        return self._ask("GET", "/v1/keys")["results"]

    def revoke_key(self, key_id: str) -> dict[str, Any]:
        """Revokes it, and all that was narrowed from it."""
        return self._ask("DELETE", "/v1/keys/" + _segment(key_id))

    def list_audit(self, **options: Any) -> dict[str, Any]:
        """A page of who did what; takes operation, outcome, principal, since, limit, cursor."""
        return self._ask("GET", "/v1/audit", query=options)

    def verify_audit(self) -> dict[str, Any]:
        """Whether the audit trails of this scope and of all below are whole."""
        return self._ask("GET", "/v1/audit/verify")


class Session(MemoryClient):
    """The memories of a session, which vanish with it. A client with the session's own key."""

    def __init__(self, opener: MemoryClient, info: SessionInfo) -> None:
        super().__init__(info["api_key"], info["scope"], opener.base_url, **opener._settings)
        self._opener = opener
        self._has_ended = False
        self.info = info

    def __enter__(self) -> Session:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None,
                 trace: TracebackType | None) -> None:
        if self._has_ended:
            return
        try:
            self.end()
        except ErasedError:
            # It had ended by itself, with all that it held.
            self._has_ended = True

    def renew(self) -> SessionInfo:
        """Starts its lease and its idle time anew."""
        return self._opener.renew_session(self.info["session"])

    def promote(self, memory_ids: Sequence[str], to: str | None = None) -> list[Memory]:
        """Moves memories to the scope above, or to another one."""
        return self._opener._ask(
            "POST", f"/v1/sessions/{_segment(self.info['session'])}/promote",
            body=_given(ids=list(memory_ids), to=to))["results"]

    def end(self) -> Receipt:
        """Ends it; answers a signed receipt."""
        receipt = self._opener.end_session(self.info["session"])
        self._has_ended = True
        self.close()
        return receipt
