# SPDX-FileCopyrightText: The Cloister authors
# SPDX-License-Identifier: Apache-2.0
"""The client for asyncio: the same calls, awaited."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Any, AsyncIterator

from cloister.client import MemoryClient, Session
from cloister.types import Memory, Receipt


class AsyncMemoryClient:
    """What `MemoryClient` does, with each call awaited; it runs on a thread meanwhile.

        async with AsyncMemoryClient(api_key="…", user_id="user_123") as memory:
            await memory.create_memory(content="User prefers dark mode")
    """

    _client: MemoryClient

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self._client = MemoryClient(*arguments, **options)

    @property
    def user_id(self) -> str | None:
        return self._client.user_id

    async def __aenter__(self) -> AsyncMemoryClient:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, value: BaseException | None,
                        trace: TracebackType | None) -> None:
        self._client.close()

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._client, name)
        if name.startswith("_") or not callable(call):
            raise AttributeError(name)

        async def awaited(*arguments: Any, **options: Any) -> Any:
            return await asyncio.to_thread(call, *arguments, **options)

        return awaited

    def for_user(self, user_id: str) -> AsyncMemoryClient:
        """A client of another scope, with the same key."""
        return _around(AsyncMemoryClient, self._client.for_user(user_id))

    async def iterate_memories(self, **options: Any) -> AsyncIterator[Memory]:
        """All of them, page by page."""
        cursor: str | None = None
        while True:
            page = await asyncio.to_thread(
                self._client.list_memories,
                **{**options, **({"cursor": cursor} if cursor else {})})
            for each in page["results"]:
                yield each
            cursor = page["cursor"]
            if cursor is None:
                return

    async def open_session(self, **options: Any) -> AsyncSession:
        """Opens a session; use it with `async with`."""
        opened = await asyncio.to_thread(self._client.open_session, **options)
        return _around(AsyncSession, opened)


class AsyncSession(AsyncMemoryClient):
    """The memories of a session, which vanish with it."""

    _client: Session

    async def __aenter__(self) -> AsyncSession:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, value: BaseException | None,
                        trace: TracebackType | None) -> None:
        await asyncio.to_thread(self._client.__exit__, kind, value, trace)

    async def end(self) -> Receipt:
        """Ends it; answers a signed receipt."""
        return await asyncio.to_thread(self._client.end)


def _around(kind: Any, client: MemoryClient) -> Any:
    out = kind.__new__(kind)
    out._client = client
    return out
