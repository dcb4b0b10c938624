# SPDX-FileCopyrightText: The Cloister authors
# SPDX-License-Identifier: Apache-2.0
"""What happens in a scope, as it happens."""

from __future__ import annotations

import json
import random
import threading
from types import TracebackType
from typing import Callable, Generator, cast

from cloister.errors import ErasedError, RateLimitedError, UnavailableError, error_of
from cloister.transport import MAY_GET_BETTER, Block, Stream, pause
from cloister.types import Event

#: Until the server says how long to wait before coming back; seconds.
_FIRST_PAUSE = 2.0
_PAUSE_MAX = 30.0


class EventStream:
    """Events of one scope: an iterator that waits for the next one.

        for event in memory.events():
            print(event["type"], event.get("id"))

    Opened by `with`, by `open`, or by asking for the first event; what happens from then on is
    told. Where it is cut off it comes back by itself and goes on exactly where it was. It ends when
    the scope is gone, or when it is closed, which another thread may do.
    """

    def __init__(self, connect: Callable[[str | None], Stream], after: str | None,
                 scope: str | None, retries: int) -> None:
        #: Right behind what was told: `events(after=…)` goes on there. None before it is open,
        #: unless it was given.
        self.event_id = after
        # Apart, so that what is left in the middle of a loop is closed at once.
        self._of = _Following(connect, scope, retries)
        self._told = self._of.run()
        self._kept: list[Event] = []
        self._is_open = False

    def open(self) -> EventStream:
        """Begins, unless it has begun; `event_id` then says where."""
        if not self._is_open:
            self._is_open = True
            first = next(self._told, None)
            if first is None:
                self.event_id = self._of.event_id or self.event_id
            else:
                self._kept.append(first)
        return self

    def close(self) -> None:
        """Ends it. Thread-safe."""
        self._of.close()
        try:
            self._told.close()
        except ValueError:
            # Another thread waits in it, and is woken.
            pass

    def __enter__(self) -> EventStream:
        return self.open()

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.close()

    def __del__(self) -> None:
        self.close()

    def __iter__(self) -> EventStream:
        return self

    def __next__(self) -> Event:
        self.open()
        while not self._of.closed.is_set():
            event = self._kept.pop() if self._kept else next(self._told)
            self.event_id = event["event_id"] if event is not None else self._of.event_id
            if event is not None:
                return event
        raise StopIteration


class _Following:
    """Goes on where a connection ended, until nothing can follow."""

    def __init__(self, connect: Callable[[str | None], Stream], scope: str | None,
                 retries: int) -> None:
        self.event_id: str | None = None
        self.closed = threading.Event()
        self._connect = connect
        self._scope = scope
        self._retries = retries
        self._retry = _FIRST_PAUSE
        self._failures = 0
        self._stream: Stream | None = None

    def close(self) -> None:
        self.closed.set()
        stream = self._stream
        if stream is not None:
            stream.shut_down()

    def run(self) -> Generator[Event | None, None, None]:
        """None says that it is open, and where, while nothing has happened."""
        while not self.closed.is_set():
            try:
                stream = self._stream = self._connect(self.event_id)
            except ErasedError as gone:
                if self.event_id is None:
                    raise
                yield self._end(gone.detail)
                return
            except (UnavailableError, RateLimitedError) as failed:
                if self.event_id is None and (failed.code not in MAY_GET_BETTER
                                              or self._failures >= self._retries):
                    raise
                self._wait(failed.retry_after)
                continue
            for block in stream.blocks():
                if self.closed.is_set():
                    return
                yield self._event_of(block, stream)
                # What has no place in the trail is the last.
                if block.id is None and block.data is not None:
                    return
            self._wait(None)

    def _event_of(self, block: Block, of: Stream) -> Event | None:
        self._failures = 0
        if block.retry is not None:
            self._retry = block.retry
        if block.id is not None:
            self.event_id = block.id
        if block.data is None:
            return None
        told = json.loads(block.data)
        if block.event == "error":
            raise error_of(told["type"], told["reason"], 200, of.request_id)
        self._scope = told["scope"]
        return cast(Event, {**told, "event_id": self.event_id})

    def _end(self, reason: str) -> Event:
        """What would have been told if it had not been cut off just then."""
        scope = self._scope or ""
        is_session = scope.rpartition("/")[2].startswith("session_")
        return {"type": "session_ended" if is_session else "erased", "scope": scope,
                "reason": reason, "event_id": self.event_id or ""}

    def _wait(self, retry_after: float | None) -> None:
        if self.event_id is None:
            seconds = pause(self._failures, retry_after)
        else:
            # Not sooner than the server wants, spread so that clients do not come back together.
            longest = max(self._retry, min(_PAUSE_MAX, self._retry * 2 ** self._failures))
            seconds = max(longest * random.uniform(1.0, 1.5), retry_after or 0.0)
        self._failures += 1
        self.closed.wait(seconds)
