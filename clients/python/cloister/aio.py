# SPDX-FileCopyrightText: The Cloister authors
# SPDX-License-Identifier: Apache-2.0
"""The client for asyncio: the same calls, awaited."""

from __future__ import annotations

import asyncio
import concurrent.futures
from types import TracebackType
from typing import Any, AsyncIterator, Callable, TypeVar

from cloister.client import MemoryClient, Session
from cloister.events import EventStream
from cloister.types import Event, Memory, Receipt

_Answer = TypeVar("_Answer")


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

    def events(self, after: str | None = None) -> AsyncEventStream:
        """What happens in this scope, from now on or from behind the event with that `event_id`."""
        return AsyncEventStream(self._client.events(after))

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


class AsyncEventStream:
    """Events of one scope, for `async for`: what `EventStream` is for `for`.

    A call that is cancelled ends it. Where it is left in the middle of a loop, `async with` or
    `aclose` says when its connection ends.
    """

    def __init__(self, stream: EventStream) -> None:
        self._stream = stream
        self._is_closed = False
        # Of its own: those of the loop are few, and for calls that end.
        self._thread = concurrent.futures.ThreadPoolExecutor(1, "cloister-events")

    @property
    def event_id(self) -> str | None:
        """Right behind what was told: `events(after=…)` goes on there. None before it is open,
        unless it was given."""
        return self._stream.event_id

    async def open(self) -> AsyncEventStream:
        """Begins, unless it has begun; `event_id` then says where."""
        await self._run(self._stream.open)
        return self

    async def aclose(self) -> None:
        """Ends it."""
        self._close()

    async def __aenter__(self) -> AsyncEventStream:
        return await self.open()

    async def __aexit__(self, kind: type[BaseException] | None, value: BaseException | None,
                        trace: TracebackType | None) -> None:
        self._close()

    def __del__(self) -> None:
        self._close()

    def __aiter__(self) -> AsyncEventStream:
        return self

    async def __anext__(self) -> Event:
        # StopIteration cannot be what a future ends with.
        event = await self._run(lambda: next(self._stream, None))
        if event is None:
            raise StopAsyncIteration
        return event

    async def _run(self, call: Callable[[], _Answer]) -> _Answer | None:
        if self._is_closed:
            return None
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, call)
        except asyncio.CancelledError:
            # Nobody would take what the thread waits for.
            self._close()
            raise

    def _close(self) -> None:
        self._is_closed = True
        self._stream.close()
        self._thread.shutdown(wait=False)


def _around(kind: Any, client: MemoryClient) -> Any:
    out = kind.__new__(kind)
    out._client = client
    return out
