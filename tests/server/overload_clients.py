# SPDX-FileCopyrightText: The Cloister authors
# SPDX-License-Identifier: Apache-2.0
"""Far more clients than a server takes, in a process of their own: each sends the next
request as soon as it was answered, and comes back at once where it was turned away.

    overload_clients.py PORT CONNECTIONS SEED REQUESTS

REQUESTS is a file of JSON: texts of whole requests, to be drawn from. Goes on until
standard input ends, then prints what became of them:

    answers     how many by status, with "+" where there was Retry-After
    turned      the same of connections that were closed with the first answer, or
                without any
    lost        requests on a connection that had been answered before, and then was not
    cut         answers that did not come whole
    times       seconds that requests took that were answered with 2xx
"""

import collections
import errno
import json
import random
import resource
import selectors
import socket
import sys
import time

# Of those that were turned away: soon enough, and not so often that this process is
# what is measured.
BACK = (0.05, 0.5)


class Client:
    """One connection at a time, without waiting."""

    def __init__(self, of, number):
        self.of, self.number = of, number
        self.connection = None
        self.due = 0.0

    def connect(self):
        self.connection = socket.socket()
        self.connection.setblocking(False)
        # Several addresses, all of this machine: one has not so many ports.
        self.connection.setsockopt(socket.IPPROTO_IP, getattr(socket, "IP_BIND_ADDRESS_NO_PORT", 24), 1)
        self.connection.bind((f"127.0.0.{2 + self.number % 20}", 0))
        self.answered = 0
        self.begin()
        failed = self.connection.connect_ex(("127.0.0.1", self.of.port))
        if failed not in (0, errno.EINPROGRESS):
            return self.end()
        self.of.selector.register(self.connection, selectors.EVENT_WRITE, self)

    def begin(self):
        self.rest = self.of.random.choice(self.of.requests)
        # Those may be refused each by itself, and the connection closed.
        self.is_long = len(self.rest) > 16 * 1024
        self.text = b""
        self.began = time.monotonic()

    def on(self, events):
        try:
            if events & selectors.EVENT_WRITE and self.rest:
                self.rest = self.rest[self.connection.send(self.rest):]
            if not self.rest or events & selectors.EVENT_READ:
                self.of.selector.modify(self.connection, selectors.EVENT_READ, self)
            if events & selectors.EVENT_READ:
                piece = self.connection.recv(1 << 18)
                self.text += piece
                if not self.take() and not piece:
                    self.end()
        except BlockingIOError:
            pass
        except OSError:
            # Whoever was answered before it had sent everything may find out like this.
            self.end()

    def take(self):
        """Whether there was a whole answer."""
        head, end, body = self.text.partition(b"\r\n\r\n")
        if not end:
            return False
        lines = head.decode().lower().split("\r\n")
        fields = dict(line.split(": ", 1) for line in lines[1:])
        if len(body) < int(fields["content-length"]):
            return False
        status = lines[0].split()[1]
        told = status + ("+" if "retry-after" in fields else "")
        if self.answered == 0 and fields.get("connection") == "close" and not self.is_long:
            self.of.turned[told] += 1
        else:
            self.of.answers[told] += 1
            self.answered += 1
            if status.startswith("2"):
                self.of.times.append(time.monotonic() - self.began)
        if fields.get("connection") == "close":
            self.text = b""
            self.close()
        else:
            self.begin()
            self.of.selector.modify(self.connection, selectors.EVENT_WRITE, self)
        return True

    def end(self):
        """The connection ended, and there was no answer."""
        if self.text:
            self.of.count["cut"] += 1
        elif self.answered:
            self.of.count["lost"] += 1
        else:
            self.of.turned["without a word"] += 1
        self.close()

    def close(self):
        if self.connection in self.of.known():
            self.of.selector.unregister(self.connection)
        self.connection.close()
        self.due = time.monotonic() + self.of.random.uniform(*BACK)
        self.of.away.append(self)


class Load:
    def __init__(self, port, connections, seed, requests):
        self.port = port
        self.random = random.Random(seed)
        with open(requests, encoding="utf-8") as text:
            self.requests = [each.encode() for each in json.load(text)]
        self.selector = selectors.EpollSelector()
        self.answers, self.turned = collections.Counter(), collections.Counter()
        self.count = collections.Counter(lost=0, cut=0)
        self.times = []
        self.away = collections.deque(Client(self, i) for i in range(connections))
        self.is_done = False

    def known(self):
        return self.selector.get_map() or {}

    def run(self):
        self.selector.register(sys.stdin, selectors.EVENT_READ, None)
        while True:
            now = time.monotonic()
            for _ in range(len(self.away)):
                client = self.away.popleft()
                if client.due <= now:
                    client.connect()
                else:
                    self.away.append(client)
            for key, events in self.selector.select(0.01):
                if key.data is None:
                    return
                key.data.on(events)


if __name__ == "__main__":
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    load = Load(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
    load.run()
    print(json.dumps({"answers": load.answers, "turned": load.turned, **load.count, "times": load.times}))
