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
from typing import Any, Callable, Mapping

from cloister.errors import CloisterError, error_of

_FIRST_PAUSE = 0.1
_PAUSE_MAX = 10.0
_CONNECTIONS_KEPT = 16
#: Codes of requests that were not begun with.
_NOT_BEGUN = {"overloaded", "rate_limited"}
#: And of those whose outcome is not known, or that may get better.
_MAY_GET_BETTER = _NOT_BEGUN | {"unavailable", "timeout", "quarantined"}


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
        target = self._prefix + path
        wanted = {k: v for k, v in (query or {}).items() if v is not None}
        if wanted:
            target += "?" + urllib.parse.urlencode(wanted)
        data = None if body is None else json.dumps(body).encode()
        sent = {"Authorization": "Bearer " + self._api_key, **(headers or {})}
        if data is not None:
            sent["Content-Type"] = "application/json"
        for attempt in range(self._retries + 1):
            try:
                return self._once(method, target, data, sent)
            except CloisterError as failed:
                known = _MAY_GET_BETTER if repeatable else _NOT_BEGUN
                if failed.code not in known or attempt == self._retries:
                    raise
                self._sleep(_pause(attempt, failed.retry_after))
        raise AssertionError("unreachable")

    def _once(self, method: str, target: str, data: bytes | None,
              headers: Mapping[str, str]) -> Any:
        connection = self._connection()
        try:
            connection.request(method, target, data, dict(headers))
            response = connection.getresponse()
            text = response.read()
        except (OSError, http.client.HTTPException) as failed:
            connection.close()
            raise error_of("unavailable", f"no answer from {self._host}:{self._port} "
                                          f"({type(failed).__name__})") from failed
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


def _pause(attempt: int, retry_after: float | None) -> float:
    """Twice as long each time, spread so that clients do not come back together."""
    own = min(_PAUSE_MAX, _FIRST_PAUSE * 2 ** attempt) * random.uniform(0.5, 1.0)
    return max(own, retry_after or 0.0)
