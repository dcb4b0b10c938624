# SPDX-FileCopyrightText: The Cloister authors
# SPDX-License-Identifier: Apache-2.0
"""Requests and answers: connections that are kept, and tries that are repeated."""

from __future__ import annotations

import http.client
import json
import os
import random
import selectors
import socket
import ssl
import threading
import time
import urllib.parse
from typing import Any, Callable, Iterator, Mapping, NamedTuple

from cloister.errors import CloisterError, error_of

_FIRST_PAUSE = 0.1
_PAUSE_MAX = 10.0
_CONNECTIONS_KEPT = 16
#: A stream says something every 15 seconds; one that does not is dead.
_SILENCE_MAX = 45.0
_READ_BYTES = 64 * 1024
#: Codes of requests that were not begun with.
_NOT_BEGUN = {"overloaded", "rate_limited"}
#: And of those whose outcome is not known, or that may get better.
MAY_GET_BETTER = _NOT_BEGUN | {"unavailable", "timeout", "quarantined"}


class Transport:
    """Sends requests to one server. Thread-safe."""

    def __init__(self, base_url: str, api_key: str, timeout: float, retries: int,
                 sleep: Callable[[float], None] = time.sleep) -> None:
        parts = urllib.parse.urlsplit(base_url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise error_of("invalid_argument",
                           f"base_url is {base_url!r}; write it like http://127.0.0.1:7077")
        self._secure = parts.scheme == "https"
        self._host = parts.hostname
        self._port = parts.port or (443 if self._secure else 80)
        self._prefix = parts.path.rstrip("/")
        self._api_key = api_key
        self._timeout = timeout
        self._retries = retries
        self._sleep = sleep
        self._tls = ssl.create_default_context() if self._secure else None
        self._lock = threading.Lock()
        self._idle: list[http.client.HTTPConnection] = []
        self._pid = os.getpid()

    def close(self) -> None:
        """Closes connections that nobody uses."""
        with self._lock:
            idle, self._idle = self._idle, []
        for each in idle:
            each.close()

    def request(self, method: str, path: str, *, query: Mapping[str, Any] | None = None,
                body: Any = None, headers: Mapping[str, str] | None = None,
                repeatable: bool) -> Any:
        """Answers the document. What is repeatable is sent again wherever that may help; else only
        where the server said that it had not begun."""
        target = self._target(path, query)
        data = None if body is None else json.dumps(body, default=_plain).encode()
        sent = {"Authorization": "Bearer " + self._api_key, **(headers or {})}
        if data is not None:
            sent["Content-Type"] = "application/json"
        for attempt in range(self._retries + 1):
            try:
                return self._once(method, target, data, sent)
            except CloisterError as failed:
                known = MAY_GET_BETTER if repeatable else _NOT_BEGUN
                if failed.code not in known or attempt == self._retries:
                    raise
                self._sleep(pause(attempt, failed.retry_after))
        raise AssertionError("unreachable")

    def stream(self, path: str, *, query: Mapping[str, Any] | None = None,
               headers: Mapping[str, str] | None = None) -> Stream:
        """Opens a stream of events, on a connection of its own. Tries once."""
        connection = self._new_connection()
        sent = {"Authorization": "Bearer " + self._api_key, "Accept": "text/event-stream",
                **(headers or {})}
        try:
            connection.request("GET", self._target(path, query), headers=sent)
            # The connection forgets it where nothing else can follow on it.
            at = connection.sock
            response = connection.getresponse()
            text = response.read() if response.status != 200 else b""
        except (OSError, http.client.HTTPException) as failed:
            connection.close()
            raise self._no_answer(failed) from failed
        if response.status == 200 and response.headers.get_content_type() == "text/event-stream":
            at.settimeout(_SILENCE_MAX)
            return Stream(at, response)
        connection.close()
        raise _failure(response, text)

    def _target(self, path: str, query: Mapping[str, Any] | None) -> str:
        wanted = {k: v for k, v in (query or {}).items() if v is not None}
        return self._prefix + path + ("?" + urllib.parse.urlencode(wanted) if wanted else "")

    def _no_answer(self, failed: Exception) -> CloisterError:
        if isinstance(failed, ssl.SSLCertVerificationError):
            # It will not be another one soon.
            return error_of("invalid_argument",
                            f"{self._host}:{self._port} did not prove to be that "
                            f"({failed.verify_message}); name its certificate authority by "
                            "SSL_CERT_FILE, or see the address")
        return error_of("unavailable", f"no answer from {self._host}:{self._port} "
                                       f"({type(failed).__name__})")

    def _once(self, method: str, target: str, data: bytes | None,
              headers: Mapping[str, str]) -> Any:
        connection = self._connection()
        try:
            connection.request(method, target, data, dict(headers))
            response = connection.getresponse()
            text = response.read()
        except (OSError, http.client.HTTPException) as failed:
            connection.close()
            raise self._no_answer(failed) from failed
        self._keep(connection, response)
        if 200 <= response.status < 300:
            return json.loads(text) if text else None
        raise _failure(response, text)

    def _connection(self) -> http.client.HTTPConnection:
        if os.getpid() != self._pid:
            # Made by fork: what is kept is the parent's.
            self._lock, self._idle, self._pid = threading.Lock(), [], os.getpid()
        while True:
            with self._lock:
                kept = self._idle.pop() if self._idle else None
            if kept is None:
                break
            # One that the server has closed meanwhile has something to be read: its end.
            if kept.sock is not None and not _has_ended(kept.sock):
                return kept
            kept.close()
        return self._new_connection()

    def _new_connection(self) -> http.client.HTTPConnection:
        if self._tls is not None:
            return http.client.HTTPSConnection(self._host, self._port, timeout=self._timeout,
                                               context=self._tls)
        return http.client.HTTPConnection(self._host, self._port, timeout=self._timeout)

    def _keep(self, connection: http.client.HTTPConnection,
              response: http.client.HTTPResponse) -> None:
        with self._lock:
            if not response.will_close and len(self._idle) < _CONNECTIONS_KEPT:
                self._idle.append(connection)
                return
        connection.close()


class Block(NamedTuple):
    """What stands between two blank lines of a stream, as far as it is there."""

    id: str | None
    event: str | None
    data: str | None
    #: Seconds before coming back.
    retry: float | None


class Stream:
    """Server-sent events (WHATWG HTML, section 9.2) that come by one connection."""

    def __init__(self, at: socket.socket, response: http.client.HTTPResponse) -> None:
        self._at = at
        self._response = response
        self.request_id = response.getheader("X-Request-ID")

    def blocks(self) -> Iterator[Block]:
        """Until the connection ends, in whatever way; what is cut off in the middle is left away."""
        fields: dict[str, str] = {}
        try:
            for line in self._lines():
                if not line and fields:
                    yield _block_of(fields)
                    fields = {}
                name, _, value = line.partition(":")
                value = value.removeprefix(" ")
                # A line without a name is a comment, which keeps the connection alive.
                if name == "data" and name in fields:
                    fields[name] += "\n" + value
                elif name:
                    fields[name] = value
        except (OSError, http.client.HTTPException):
            return
        finally:
            self._response.close()
            self._at.close()

    def _lines(self) -> Iterator[str]:
        rest = b""
        while read := self._response.read1(_READ_BYTES):
            *lines, rest = (rest + read).split(b"\n")
            for each in lines:
                yield each.removesuffix(b"\r").decode()

    def shut_down(self) -> None:
        """Wakes whoever reads it; thread-safe."""
        try:
            # Not that of TLS, which would take away what is being read from.
            socket.socket.shutdown(self._at, socket.SHUT_RDWR)
        except OSError:
            # It has ended already.
            pass


def _block_of(fields: Mapping[str, str]) -> Block:
    retry = fields.get("retry", "")
    return Block(fields.get("id"), fields.get("event"), fields.get("data"),
                 int(retry) / 1000 if retry.isdigit() else None)


def _plain(value: Any) -> Any:
    """Arrays, as those who compute embeddings have them, as lists."""
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} is nothing that JSON can hold")


def _has_ended(connection: socket.socket) -> bool:
    with selectors.DefaultSelector() as selector:
        selector.register(connection, selectors.EVENT_READ)
        return bool(selector.select(0))


def _failure(response: http.client.HTTPResponse, text: bytes) -> CloisterError:
    try:
        problem = json.loads(text)
        code, detail = problem["code"], problem["detail"]
    except (ValueError, KeyError, TypeError):
        code = "unavailable" if response.status >= 500 else "invalid_argument"
        detail = f"the answer is no problem document (HTTP {response.status})"
    return error_of(code, detail, response.status, response.getheader("X-Request-ID"),
                    _seconds(response.getheader("Retry-After")))


def _seconds(text: str | None) -> float | None:
    try:
        return float(text) if text else None
    except ValueError:
        return None


def pause(attempt: int, retry_after: float | None) -> float:
    """Twice as long each time, spread so that clients do not come back together."""
    own = min(_PAUSE_MAX, _FIRST_PAUSE * 2 ** attempt) * random.uniform(0.5, 1.0)
    return max(own, retry_after or 0.0)
