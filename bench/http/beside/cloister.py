# SPDX-FileCopyrightText: The Cloister authors
# SPDX-License-Identifier: Apache-2.0
"""Cloister, over REST and by its tools over the Model Context Protocol."""

import http.client
import json
import os
import random
import time
import urllib.parse

from . import data, figures, mcp, process

MCP_DOOMED = 5  # scopes that are deleted by the tool, beside those over REST


class Cloister:
    name = figures.CLOISTER
    keeps_apart = searches = True

    def __init__(self, bench):
        self.bench = bench
        self.folder = bench.folder / "cloister"
        self.folder.mkdir()
        self.wrk = bench.fetched.program("wrk", "bin/wrk")
        self.env = dict(os.environ, XDG_CONFIG_HOME=str(self.folder / "config"),
                        CLOISTER_DATA=str(self.folder / "data"))
        for each in ("CLOISTER_URL", "CLOISTER_USER_ID", "CLOISTER_MASTER_KEY_FILE"):
            self.env.pop(each, None)
        self.run("init")
        self.key = self.run("org", "create", "org_bench")["api_key"]
        self.port = process.free_port()
        self.ids = {}

    def run(self, *arguments):
        return json.loads(process.run([self.bench.cloister, *arguments, "--json"], env=self.env))

    def serve(self):
        return process.started([self.bench.cloister, "serve", "--listen", f"127.0.0.1:{self.port}",
                                "--log-level", "warn"], lambda: process.accepts(self.port),
                               self.folder / "log", env=self.env)

    def connect(self):
        self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)

    def ask(self, method, path, body=None):
        """The status, and the answer."""
        self.connection.request(method, path, body and json.dumps(body), {"Authorization": "Bearer " + self.key})
        answer = self.connection.getresponse()
        return answer.status, json.loads(answer.read())

    def store(self, name):
        made = self.ask("POST", "/v1/memories", {
            "user_id": name, "memories": [{"content": text} for text in data.texts(name)]})
        self.ids[name] = [each["id"] for each in made[1]["results"]]

    # What data.check() asks.

    def count(self, number):
        return sum(self.pages(data.scope(number)))

    def pages(self, name):
        cursor = ""
        while cursor is not None:
            page = self.ask("GET", f"/v1/memories?user_id={name}&limit=100" + (cursor and "&cursor=" + cursor))[1]
            yield len(page["results"])
            cursor = page.get("cursor")

    def get(self, number, owner, memory):
        status, answer = self.ask("GET", self.memory(data.scope(number), self.ids[data.scope(owner)][memory]))
        return answer["content"] if status == 200 else None

    def listed(self, number):
        return [each["content"] for each in self.ask("GET", self.list(data.scope(number)))[1]["results"]]

    def find(self, number, words):
        found = self.ask("POST", "/v1/memories/search", self.search(data.scope(number), words))[1]
        return [each["content"] for each in found["results"]]

    # The requests.

    @staticmethod
    def memory(name, identity):
        return f"/v1/memories/{identity}?user_id={name}"

    @staticmethod
    def list(name):
        return f"/v1/memories?user_id={name}&limit={data.LISTED}"

    @staticmethod
    def search(name, words):
        return {"query": " ".join(words), "user_id": name, "limit": data.FOUND}

    def requests(self):
        """By operation: method, path, body."""
        users = [data.scope(number) for number in range(data.SCOPES)]
        every = [(name, identity) for name in users for identity in self.ids[name]]
        random.Random(3).shuffle(every)
        return {
            figures.GET: [("GET", self.memory(*each), None) for each in every],
            figures.LIST: [("GET", self.list(name), None) for name in users],
            figures.SEARCH: [("POST", "/v1/memories/search", self.search(data.scope(number), words))
                             for number, words in data.queries()],
            figures.CREATE: [("POST", "/v1/memories", {"content": data.draft(),
                                                       "user_id": data.scope(number, "user_made")})
                             for number in range(data.SCOPES)],
        }

    def load(self, operation, requests, clients):
        """By wrk, with one thread."""
        file = self.folder / "requests"
        file.write_text("".join(f"{method}\t{path}\t{json.dumps(body) if body else ''}\n"
                                for method, path, body in requests))
        out = process.run([self.wrk, "-t1", f"-c{clients}", f"-d{self.bench.seconds}s", "-s",
                           self.bench.here / "wrk.lua", f"http://127.0.0.1:{self.port}", "--", file],
                          env=dict(self.bench.fetched.environment(), BENCH_KEY=self.key))
        done = json.loads(out.splitlines()[-1])
        data.expect(done["failed"] == 0, f"{done['failed']} requests failed: {operation}")
        self.done = done["requests"]
        return figures.Row(operation, clients, self.name, done["requests"] / done["microseconds"] * 1e6,
                           done["p50"], done["p99"])

    def delete(self):
        """One scope after another, each with all its memories."""
        took = []
        for number in range(data.DOOMED):
            name = data.scope(number, "user_doomed")
            query = urllib.parse.urlencode({"user_id": name, "confirm": name})
            started = time.perf_counter()
            _, answer = self.ask("DELETE", "/v1/memories?" + query)
            took.append((time.perf_counter() - started) * 1e6)
            data.expect(answer.get("deleted") == data.MEMORIES, f"{name} was not deleted: {answer}")
        return figures.row_of(figures.DELETE, 1, self.name, took)

    def measure(self):
        with self.serve():
            self.connect()
            for number in range(data.SCOPES):
                self.store(data.scope(number))
            for number in range(data.DOOMED + MCP_DOOMED):
                self.store(data.scope(number, "user_doomed"))
            data.check(self)
            rows, made = [], 0
            for operation, requests in self.requests().items():
                for clients in self.bench.clients:
                    rows.append(self.load(operation, requests, clients))
                    made += self.done if operation == figures.CREATE else 0
            self.connect()
            held = sum(sum(self.pages(data.scope(number, "user_made"))) for number in range(data.SCOPES))
            data.expect(held >= made, f"{made} memories were created, and {held} are there")
            rows.append(self.delete())
        return rows + (self.measure_tools() if self.bench.node_modules else [])

    def tools(self, name):
        return mcp.Tools(self.bench.node_modules, [self.bench.cloister, "mcp", "--user-id", name],
                         {each: self.env[each] for each in ("XDG_CONFIG_HOME", "CLOISTER_DATA")}
                         | {"CLOISTER_API_KEY": self.key})

    def measure_tools(self):
        """The same by the SDK, for what speaks nothing else."""
        seconds, name = self.bench.seconds, data.scope(0)
        words = [{"query": " ".join(words), "limit": data.FOUND} for number, words in data.queries() if number == 0]
        answers = self.tools(name).run(
            mcp.measured(seconds, "get_memory", *({"id": each} for each in self.ids[name])),
            mcp.measured(seconds, "list_memories", {"limit": data.LISTED}),
            mcp.measured(seconds, "search_memories", *words),
            mcp.measured(seconds, "add_memory", {"content": data.draft()}))
        rows = [mcp.row(operation, figures.CLOISTER_MCP, answer) for operation, answer in
                zip((figures.GET, figures.LIST, figures.SEARCH, figures.CREATE), answers)]
        took = []
        for number in range(data.DOOMED, data.DOOMED + MCP_DOOMED):
            doomed = data.scope(number, "user_doomed")
            # The list wakes the scope, as those over REST are awake.
            _, deleted = self.tools(doomed).run(mcp.step("list_memories", {"limit": 1}),
                                                mcp.once("delete_all_memories", {"confirm": doomed}))
            took += deleted["took"]
        return rows + [figures.row_of(figures.DELETE, 1, figures.CLOISTER_MCP, took, beside=figures.CLOISTER_MCP)]

    def about(self):
        return figures.About(
            "Cloister", process.run([self.bench.cloister, "--version"]).strip().removeprefix("cloister "),
            "wrk over HTTP on loopback, one thread; a program of Python for the deletions, one after another",
            "yes, with its audit entry", "yes, a key for each scope", "yes, before it is answered",
            "a key that reaches its scope, and encryption", "BM25, stemmed")
