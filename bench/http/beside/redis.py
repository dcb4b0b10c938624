# SPDX-FileCopyrightText: The Cloister authors
# SPDX-License-Identifier: Apache-2.0
"""Redis 7 as Debian has it: a hash for each memory, a sorted set for each scope."""

import csv
import re
import socket
import time

from . import data, figures, process

CREATE = """
local number = redis.call('INCR', 'made')
redis.call('HSET', 'made:' .. number, 'content', ARGV[1], 'scope', KEYS[1], 'created_at', redis.call('TIME')[1])
redis.call('ZADD', KEYS[1], number, number)
return number
"""
DELETE = """
local numbers = redis.call('ZRANGE', KEYS[1], 0, -1)
for _, number in ipairs(numbers) do redis.call('DEL', ARGV[1] .. number) end
redis.call('DEL', KEYS[1])
return #numbers
"""
# redis-benchmark puts a number of twelve digits there.
ANY = "__rand_int__"


def memory(number):
    return f"memory:{number:012}"


def scope(number, kind="user"):
    return f"{kind}:{number:012}"


def listing(name):
    return ["SORT", name, "BY", "nosort", "DESC", "LIMIT", "0", str(data.LISTED),
            "GET", "#", "GET", "memory:*->content", "GET", "memory:*->created_at"]


class Connection:
    """As much of the protocol as is needed here."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), 60)
        self.answers = self.socket.makefile("rb")

    def ask(self, *commands):
        """What each of some commands answers, sent together."""
        self.socket.sendall(b"".join(map(self.written, commands)))
        return [self.read() for _ in commands]

    @staticmethod
    def written(command):
        parts = [str(part).encode() for part in command]
        return b"".join([b"*%d\r\n" % len(parts), *(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)])

    def read(self):
        line = self.answers.readline().decode().rstrip()
        kind, rest = line[:1], line[1:]
        if kind == "-":
            raise RuntimeError("Redis: " + rest)
        if kind == "$":
            return None if rest == "-1" else self.answers.read(int(rest) + 2)[:-2].decode()
        if kind == "*":
            return [self.read() for _ in range(int(rest))]
        return int(rest) if kind == ":" else rest


class Redis:
    name = "Redis"
    keeps_apart = searches = False

    def __init__(self, bench):
        self.bench = bench
        self.server = bench.fetched.program("redis-server", "bin/redis-server")
        self.generator = bench.fetched.program("redis-tools", "bin/redis-benchmark")
        self.env = bench.fetched.environment()
        self.version = re.search(r"v=(\S+)", process.run([self.server, "--version"], env=self.env))[1]
        data.expect(self.version.startswith("7."), f"this is for Redis 7, not {self.version}")
        self.port = process.free_port()

    def serve(self):
        place = process.place(self.bench.folder, "redis")
        return process.started(
            [self.server, "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(place), "--save", "",
             "--appendonly", "yes", "--appendfsync", "always"], lambda: process.accepts(self.port),
            self.bench.folder / "redis.log",
            env=self.env, **process.unprivileged())

    def store(self, number, kind="user", prefix="memory:"):
        """Memories have the numbers from 1,000 times that of the scope on."""
        first, commands = number * data.MEMORIES, []
        for memory_number, text in enumerate(data.texts(data.scope(number, kind)), first):
            commands += [("HSET", f"{prefix}{memory_number:012}", "content", text, "scope", scope(number, kind),
                          "created_at", int(time.time())),
                         ("ZADD", scope(number, kind), memory_number, f"{memory_number:012}")]
        self.redis.ask(*commands)

    # What data.check() asks.

    def count(self, number):
        return self.redis.ask(("ZCARD", scope(number)))[0]

    def get(self, _, owner, number):
        found = self.redis.ask(("HGETALL", memory(owner * data.MEMORIES + number)))[0]
        return found[found.index("content") + 1]

    def listed(self, number):
        return self.redis.ask(listing(scope(number)))[0][1::3]

    def load(self, operation, clients, among, command):
        """By redis-benchmark, one thread, nothing pipelined. It wants to know how many
        requests: as many as a short run says."""
        self.generate(20 * clients + 200, clients, among, command)
        self.generate(int(self.rate * self.bench.seconds) + clients, clients, among, command)
        return figures.Row(operation, clients, self.name, self.rate, *self.percentiles)

    def generate(self, requests, clients, among, command):
        out = process.run([self.generator, "-h", "127.0.0.1", "-p", self.port, "-c", clients, "-n", requests,
                           "-r", among, "--csv", *command], env=self.env)
        figure = next(csv.DictReader(line for line in out.splitlines() if line.startswith('"')))
        self.rate = float(figure["rps"])
        self.percentiles = [float(figure[f"{each}_latency_ms"]) * 1000 for each in ("p50", "p99")]
        self.sent += requests

    def measure(self):
        with self.serve():
            self.redis = Connection(self.port)
            for number in range(data.SCOPES):
                self.store(number)
            for number in range(data.DOOMED):
                self.store(number, "user_doomed", "doomed:")
            data.check(self)
            create, = self.redis.ask(("SCRIPT", "LOAD", CREATE))
            cases = {
                figures.GET: (data.SCOPES * data.MEMORIES, ["HGETALL", "memory:" + ANY]),
                figures.LIST: (data.SCOPES, listing("user:" + ANY)),
                figures.CREATE: (data.SCOPES, ["EVALSHA", create, "1", "user_made:" + ANY, data.draft()]),
            }
            rows = []
            for operation, case in cases.items():
                self.sent = 0
                rows += [self.load(operation, clients, *case) for clients in self.bench.clients]
            # The last were creates.
            made = int(self.redis.ask(("GET", "made"))[0])
            data.expect(made >= self.sent, f"{self.sent} memories were created, and {made} are there")
            return rows + [self.delete()]

    def delete(self):
        took = []
        for number in range(data.DOOMED):
            started = time.perf_counter()
            deleted, = self.redis.ask(("EVAL", DELETE, "1", scope(number, "user_doomed"), "doomed:"))
            took.append((time.perf_counter() - started) * 1e6)
            data.expect(deleted == data.MEMORIES, f"{self.name} has not deleted")
        return figures.row_of(figures.DELETE, 1, self.name, took)

    def about(self):
        return figures.About(
            self.name, self.version, "redis-benchmark over TCP on loopback, one thread, not pipelined; "
            "a program of Python for the deletions", "yes: appendfsync always", "no", "no",
            "nothing: names of keys", "none")
