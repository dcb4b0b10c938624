# SPDX-FileCopyrightText: The Cloister authors
# SPDX-License-Identifier: Apache-2.0
"""`@modelcontextprotocol/server-memory`, by its tools. It knows no scopes: each has
a server and a file of its own, as whoever wants them apart would do it."""

import json

from . import data, figures, mcp, process

DELETIONS = 5


class ServerMemory:
    name = "server-memory"
    keeps_apart = searches = True

    def __init__(self, bench):
        self.bench = bench
        self.folder = bench.folder / "server-memory"
        self.folder.mkdir()
        self.counts = []
        self.package = bench.node_modules / "node_modules/@modelcontextprotocol/server-memory"

    def tools(self, name):
        return mcp.Tools(self.bench.node_modules, ["node", str(self.package / "dist/index.js")],
                         {"MEMORY_FILE_PATH": str(self.folder / f"{name}.jsonl")})

    @staticmethod
    def entity(name, number, text):
        return {"name": f"{name}/{number}", "entityType": "memory", "observations": [text]}

    def filled(self, name):
        return {"entities": [self.entity(name, number, text) for number, text in enumerate(data.texts(name))]}

    # What data.check() asks.

    def count(self, number):
        return self.counts[number]

    def get(self, number, owner, memory):
        found = self.texts(number, "open_nodes", names=[f"{data.scope(owner)}/{memory}"])
        return found[0] if found else None

    def listed(self, number):
        return self.texts(number, "read_graph")

    def find(self, number, words):
        return self.texts(number, "search_nodes", query=words[0])

    def texts(self, number, tool, **arguments):
        answer = self.tools(data.scope(number)).call(tool, **arguments)
        return [each["observations"][0] for each in answer["entities"]]

    def measure(self):
        for number in range(data.SCOPES):
            name = data.scope(number)
            _, graph = self.tools(name).run(mcp.step("create_entities", self.filled(name)), mcp.step("read_graph", {}))
            self.counts.append(len(graph["entities"]))
        data.check(self)
        seconds, name = self.bench.seconds, data.scope(0)
        reads = self.tools(name).run(
            mcp.measured(seconds, "open_nodes", *({"names": [f"{name}/{number}"]} for number in range(data.MEMORIES))),
            mcp.measured(seconds, "read_graph", {}),
            mcp.measured(seconds, "search_nodes", *({"query": words[0]} for number, words in data.queries()
                                                    if number == 0)))
        rows = [mcp.row(operation, self.name, answer)
                for operation, answer in zip((figures.GET, figures.LIST, figures.SEARCH), reads)]
        return rows + [self.create(), self.delete()]

    def create(self):
        name = data.scope(1)
        made, graph = self.tools(name).run(
            mcp.measured(self.bench.seconds, "create_entities", {"entities": [self.entity("made", "#", data.draft())]}),
            mcp.step("read_graph", {}))
        data.expect(len(graph["entities"]) == data.MEMORIES + len(made["took"]), f"{self.name} has lost memories")
        return mcp.row(figures.CREATE, self.name, made)

    def delete(self):
        name = data.scope(0, "user_doomed")
        filled = self.filled(name)
        names = [each["name"] for each in filled["entities"]]
        steps = [mcp.step("create_entities", filled), mcp.once("delete_entities", {"entityNames": names}),
                 mcp.step("read_graph", {})] * DELETIONS
        answers = self.tools(name).run(*steps)
        data.expect(all(not graph["entities"] for graph in answers[2::3]), f"{self.name} has not deleted")
        return figures.row_of(figures.DELETE, 1, self.name, [each["took"][0] for each in answers[1::3]],
                              beside=figures.CLOISTER_MCP)

    def about(self):
        version = json.loads((self.package / "package.json").read_text())["version"]
        node = process.run(["node", "--version"]).strip().removeprefix("v")
        return figures.About(
            self.name, f"{version}, Node.js {node}",
            "the official SDK over standard input and output, one call at a time; beside Cloister's tools by the same",
            "no: a file is rewritten, and not synced", "no", "no",
            "nothing: a process and a file for each scope here",
            "the text as it is asked for, one word here; not ranked, all that match; it lists all 1,000")
