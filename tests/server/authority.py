#!/usr/bin/env python3
# SPDX-FileCopyrightText: The Cloister authors
# SPDX-License-Identifier: Apache-2.0
"""Who may do what, asked of every route and tool there is, by a real server.

    authority.py CLOISTER

authority_table.py has a row for each. One that the server has and the table has
not fails, so that nothing is added that nobody looked at. Each row is asked for
by whoever must be refused, nothing may have changed then, and at last by a key
that has the needed permissions and no others: the refusals had no other cause.
"""

import contextlib
import http.client
import json
import os
import pathlib
import random
import re
import socket
import statistics
import sys
import time
import unittest
import urllib.parse

from authority_table import ALL, ANYONE, HOOK, HOOKS, MEM0, MENTIONS, OPERATOR, PROJECT, ROUTES, TOOLS, filled
from authority_world import NEVER, Agent, World, key_of, parts_of, seconds_from_now
from served import Served, eventually

CLOISTER = os.path.abspath(sys.argv.pop(1))
SOURCES = pathlib.Path(__file__).resolve().parents[2] / "server"
UNAUTHENTICATED = (401, "unauthenticated")
FORBIDDEN = (403, "forbidden")
NOT_FOUND = (404, "not_found")


def setUpModule():
    global WORLD
    server = Served(CLOISTER, "--log-level", "off")
    unittest.addModuleCleanup(server.__exit__)
    server.start()
    WORLD = World(server)
    unittest.addModuleCleanup(WORLD.connection.close)


def for_each(rows):
    """A test for each row, which is named by it."""
    def add(cls):
        for row in rows:
            if hasattr(cls, f"test {row}"):
                raise ValueError(f"{row} has two rows")
            setattr(cls, f"test {row}", lambda self, row=row: self.check(row))
        return cls
    return add


class Rows(unittest.TestCase):
    """What is checked of rows of whatever kind."""

    # Whether it is decided who may do it before it is looked for.
    decides_first = True

    def begin(self, row):
        self.row, self.names = row, WORLD.names[row]
        self.before = self.state()

    def state(self):
        return WORLD.state(self.row, self.names) if self.row.may_change else None

    @contextlib.contextmanager
    def unchanged(self, **about):
        """Whatever is asked meanwhile changes nothing."""
        with self.subTest(**about):
            try:
                yield
            finally:
                before, self.before = self.before, self.state()
                self.assertEqual(self.before, before, "it was changed")

    def refused(self, reply, outcome):
        self.assertEqual(reply.outcome, outcome, reply.body)
        self.assertEqual(reply.json["request_id"], reply.header("x-request-id"))
        self.assertEqual(reply.header("www-authenticate"), "Bearer" if outcome == UNAUTHENTICATED else None)

    def same(self, told, never):
        """What is not theirs is told like what never was, byte for byte."""
        self.assertEqual(told.told, never.told)

    def by_no_key(self, ask):
        """`ask` takes headers."""
        with self.unchanged(key="none"):
            self.refused(ask({}), UNAUTHENTICATED)
        with self.unchanged(key="of another scheme"):
            self.refused(ask({"Authorization": "Basic " + WORLD.owner}), UNAUTHENTICATED)
        for why, key in WORLD.forged.items():
            with self.unchanged(key=why):
                self.refused(ask({"Authorization": "Bearer " + key}), UNAUTHENTICATED)

    def request(self, names, key=None, way=None, headers=None):
        method, path, body, own = self.row.request({**self.names, **names}, way)
        return WORLD.ask(method, path, body, key, {**own, **(headers or {})})

    def by_ended_keys(self):
        for why, key in WORLD.ended.items():
            with self.unchanged(key=why):
                self.refused(self.request({}, key), UNAUTHENTICATED)

    def by_keys_that_lack(self):
        for permission in self.row.permissions:
            key = WORLD.lacking(permission)
            with self.unchanged(key="without " + permission):
                self.refused(self.request({}, key), FORBIDDEN)
                if "{id}" in self.row.pattern and self.decides_first:
                    self.same(self.request({}, key), self.request({"id": self.names["never"]}, key))

    def allowed(self, key):
        with self.subTest(route=str(self.row), key="that has all it needs"):
            reply = self.request({}, key)
            self.assertEqual(reply.status, self.row.status, reply.body)
            if self.row.proof:
                self.assertTrue(self.row.proof(reply.json), reply.body)


@for_each([each for each in ROUTES if each.target != "connection"])
class Rest(Rows):
    def check(self, row):
        self.begin(row)
        if row.needs == ANYONE:
            return self.is_open()
        self.by_no_key(lambda headers: self.request({}, headers=headers))
        self.by_ended_keys()
        if row.needs == OPERATOR:
            self.by_tenants()
            return self.allowed(WORLD.operator)
        with self.unchanged(key="the operator's"):
            self.refused(self.request({}, WORLD.operator), UNAUTHENTICATED)
        self.by_keys_that_lack()
        for stranger in WORLD.strangers:
            self.by_stranger(stranger)
        self.about_what_is_elsewhere()
        self.allowed(WORLD.permitting(*row.permissions))

    def is_open(self):
        for key in (None, "nonsense"):
            self.assertEqual(self.request({}, key).status, 200)

    def by_tenants(self):
        for key in (WORLD.owner, WORLD.foreign, WORLD.permitting("admin"), *(each.key for each in WORLD.strangers)):
            with self.unchanged(key=key[-8:]):
                self.refused(self.request({}, key), FORBIDDEN)

    def by_stranger(self, stranger):
        """Naming the scope, in each way there is."""
        scope = self.names["scope"]
        for way in self.row.ways:
            never_was = scope[:-3] + "z" + scope[-2:]
            for mine, never in zip(stranger.naming(scope), stranger.naming(never_was)):
                with self.unchanged(who=str(stranger), way=way, named=mine):
                    reply = self.request({**stranger.names, "scope": mine}, stranger.key, way)
                    self.refused(reply, FORBIDDEN)
                    for other in (never, mine.replace("org_acme", "org_zzzz")):
                        self.same(reply, self.request({**stranger.names, "scope": other}, stranger.key, way))
        if self.row.method == "GET" and self.row.ways and "{id}" not in self.row.pattern:
            reply = self.request({**stranger.names, "scope": stranger.names["own_scope"]}, stranger.key)
            with self.subTest(who=str(stranger), named="their own"):
                for each in (scope, self.names["memory"]):
                    self.assertNotIn(each.encode(), reply.body)

    def about_what_is_elsewhere(self):
        """Asked for by its id, by whoever is bound to another scope."""
        if "{id}" not in self.row.pattern:
            return
        is_memory = self.row.target == "memory"
        for who in WORLD.strangers + ([WORLD.elsewhere] if is_memory else []):
            for headers in self.conditions():
                own = {**who.names, "scope": who.names["own_scope"]}
                with self.unchanged(who=str(who), headers=headers):
                    reply = self.request({**own, "id": self.names["in full"]}, who.key, headers=headers)
                    self.assertIn(reply.outcome, (NOT_FOUND,) if is_memory else (NOT_FOUND, FORBIDDEN), reply.body)
                    never = self.request({**own, "id": self.names["never"]}, who.key, headers=headers)
                    self.same(reply, never)

    def conditions(self):
        """A right guess at a revision tells nothing either."""
        name = {"GET": "If-None-Match", "PATCH": "If-Match", "DELETE": "If-Match"}.get(self.row.method)
        return [{}] + ([{name: '"2"'}] if name and self.row.pattern == "/v1/memories/{id}" else [])


class Tables(unittest.TestCase):
    """Nothing is left out."""

    def test_every_route_has_a_row(self):
        described = WORLD.ask("GET", "/openapi.json").json["paths"]
        there = {f"{method.upper()} {path}": what for path, methods in described.items()
                 for method, what in methods.items()}
        rows = {str(each): each for each in ROUTES}
        self.assertEqual(sorted(there.keys() - rows.keys()), [], "routes without a row")
        self.assertEqual(sorted(rows.keys() - there.keys()), [], "rows without a route")
        for name, what in there.items():
            self.assertEqual(what.get("security") == [], rows[name].needs == ANYONE, name)

    def test_every_tool_has_a_row(self):
        self.assertEqual(sorted(Agent(WORLD, WORLD.owner, "user_t00").tools()), sorted(each.name for each in TOOLS))

    def test_every_route_of_mem0s_has_a_row(self):
        """Their addresses stand in the server's source alone, and their methods
        in the refusal of one that there is not."""
        text = "".join(each.read_text() for each in sorted(SOURCES.glob("mem0_*routes.cpp")))
        there = sorted(set(re.findall(r'"(/mem0/[^"]+)"', text)))
        self.assertGreater(len(there), 20)
        shapes = {each: re.compile(re.sub(r"\{\w+\}", "[^/]+", each)) for each in there}
        rows = {each: [] for each in there}
        for row in MEM0:
            fitting = [each for each in there if shapes[each].fullmatch(row.pattern)]
            self.assertTrue(fitting, f"no such route: {row}")
            # What is written out wins over a name.
            rows[min(fitting, key=lambda each: each.count("{"))].append(row)
        for path in there:
            self.assertTrue(rows[path], "no row for " + path)
            asked = rows[path][0].pattern
            wanted = {row.method for each in there if shapes[each].fullmatch(asked) for row in rows[each]}
            unused = next(each for each in ("PATCH", "PUT", "DELETE", "GET", "POST") if each not in wanted)
            refusal = WORLD.ask(unused, asked)
            self.assertEqual(refusal.status, 405, path)
            self.assertEqual(set(refusal.header("allow").split(", ")), wanted, path)


# -- MCP --

@for_each(TOOLS)
class Tools(Rows):
    def check(self, row):
        self.begin(row)
        self.arguments = row.filled(self.names)
        agent = Agent(WORLD, WORLD.owner, self.names["scope"])
        self.by_no_key(lambda headers: agent.call(row.name, self.arguments, headers))
        for why in WORLD.ended:
            if (row, why) in WORLD.ended_agents:
                with self.unchanged(key=why):
                    self.refused(WORLD.ended_agents[row, why].call(row.name, self.arguments), UNAUTHENTICATED)
        self.by_keys_that_lack()
        for stranger in WORLD.strangers:
            self.by_stranger(stranger, agent)
        self.names_no_scope(agent)
        self.allowed()

    def by_keys_that_lack(self):
        agent = Agent(WORLD, WORLD.lacking(self.row.needs), self.names["scope"])
        with self.unchanged(key="without " + self.row.needs):
            self.assertNotIn(self.row.name, agent.tools())
            reply = agent.call(self.row.name, self.arguments)
            self.assertEqual(reply.json["error"]["code"], -32602, reply.body)
            self.same(reply, agent.call("no_such_tool", self.arguments))
        if self.row.also:
            agent = Agent(WORLD, WORLD.lacking(self.row.also), self.names["scope"])
            with self.unchanged(key="without " + self.row.also):
                self.failed(agent.call(self.row.name, self.arguments), "forbidden")

    def failed(self, reply, code):
        self.assertEqual(reply.status, 200, reply.body)
        result = reply.json["result"]
        self.assertTrue(result["isError"], reply.body)
        self.assertTrue(result["content"][0]["text"].startswith(code + ":"), reply.body)

    def by_stranger(self, stranger, agent):
        with self.unchanged(who=str(stranger), how="by the name of the connection"):
            headers = {"Authorization": "Bearer " + stranger.key}
            reply = agent.call(self.row.name, self.arguments, headers)
            self.refused(reply, NOT_FOUND)
            self.same(reply, agent.call(self.row.name, self.arguments, {**headers, "Mcp-Session-Id": "0" * 32}))
        if "{id}" not in json.dumps(self.row.arguments):
            return
        own = Agent(WORLD, stranger.key, stranger.names["own_scope"])
        told = [own.call(self.row.name, self.row.filled({**self.names, **stranger.names, "id": self.names[which]}))
                for which in ("in full", "never")]
        with self.unchanged(who=str(stranger), how="by its id"):
            self.failed(told[0], "not_found")
            self.same(*told)

    def names_no_scope(self, agent):
        """Whatever a model says, the connection decides."""
        for name in ("user_id", "scope", "org", "X-User-ID"):
            with self.unchanged(argument=name):
                self.failed(agent.call(self.row.name, {**self.arguments, name: "user_else"}), "invalid_argument")

    def allowed(self):
        needed = [self.row.needs] + ([self.row.also] if self.row.also else [])
        agent = Agent(WORLD, WORLD.permitting(*needed), self.names["scope"])
        with self.subTest(key="that has all it needs"):
            self.assertIn(self.row.name, agent.tools())
            reply = agent.call(self.row.name, self.arguments)
            self.assertFalse(reply.json["result"]["isError"], reply.body)


@for_each([each for each in ROUTES if each.target == "connection"])
class Connections(Rows):
    """The routes of MCP, with everything that is no tool."""

    def check(self, row):
        self.begin(row)
        agent = Agent(WORLD, WORLD.owner, self.names["scope"])
        for what, ask in self.requests():
            self.by_no_key(lambda headers: ask(agent, headers))
            for (of, why), ended in WORLD.ended_agents.items():
                if of == row:
                    with self.unchanged(key=why, what=what):
                        self.refused(ask(ended, None), UNAUTHENTICATED)
            for stranger in WORLD.strangers:
                self.by_stranger(stranger, agent, what, ask)
            with self.unchanged(key="the operator's", what=what):
                self.refused(ask(agent, {"Authorization": "Bearer " + WORLD.operator}), UNAUTHENTICATED)
        # The connection is still there, and who has the key is served.
        self.assertEqual(agent.ask("ping").status, 200)
        for what, ask in self.requests():
            with self.subTest(what=what, key="of the connection"):
                self.assertEqual(ask(agent, None).status, 200)

    def requests(self):
        if self.row.method != "POST":
            return [(self.row.method, lambda agent, headers: agent.http(self.row.method, None, headers))]
        here = {"uri": f"memory://org_acme/{self.names['scope']}/{self.names['memory']}"}
        return [(method, lambda agent, headers, method=method, params=params: agent.ask(method, params, headers))
                for method, params in (
                    ("ping", {}), ("tools/list", {}), ("resources/list", {}), ("resources/templates/list", {}),
                    ("resources/read", here), ("resources/subscribe", here), ("resources/unsubscribe", here))]

    def by_stranger(self, stranger, agent, what, ask):
        headers = {"Authorization": "Bearer " + stranger.key}
        with self.unchanged(who=str(stranger), what=what):
            reply = ask(agent, headers)
            self.refused(reply, NOT_FOUND)
            self.same(reply, ask(agent, {**headers, "Mcp-Session-Id": "0" * 32}))


class Agents(Rows):
    def setUp(self):
        self.row, self.before = TOOLS[0], None
        self.names = WORLD.names[self.row]

    def state(self):
        return None

    def test_nobody_begins_with_what_is_no_key(self):
        self.by_no_key(lambda headers: Agent.initialize(WORLD, headers, self.names["scope"]))
        for why, key in WORLD.ended.items():
            with self.subTest(key=why):
                reply = Agent.initialize(WORLD, {"Authorization": "Bearer " + key}, self.names["scope"])
                self.refused(reply, UNAUTHENTICATED)

    def test_nobody_is_bound_to_what_is_not_theirs(self):
        for stranger in WORLD.strangers:
            for names in zip(stranger.naming(self.names["scope"]), stranger.naming("user_z00")):
                told = [Agent.initialize(WORLD, {"Authorization": "Bearer " + stranger.key}, each) for each in names]
                with self.subTest(who=str(stranger)):
                    self.refused(told[0], FORBIDDEN)
                    self.same(*told)

    def test_a_connection_stays_with_its_scope(self):
        agent = Agent(WORLD, WORLD.owner, "user_else")
        headers = {"Authorization": "Bearer " + WORLD.owner, "X-User-ID": self.names["scope"]}
        for method in ("POST", "GET", "DELETE"):
            message = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"} if method == "POST" else None
            self.refused(agent.http(method, message, headers), (400, "invalid_argument"))
        self.assertEqual(agent.ask("ping").status, 200)

    def test_a_session_of_its_own_needs_what_a_session_needs(self):
        for kind in ("ephemeral", "resumable"):
            headers = {"Authorization": "Bearer " + WORLD.lacking("write"), "Cloister-Session": kind}
            self.refused(Agent.initialize(WORLD, headers, self.names["scope"]), FORBIDDEN)

    def test_a_resource_elsewhere_is_like_one_that_never_was(self):
        def uri(scope, memory):
            return {"uri": f"memory://{scope}/{memory}"}
        scope, memory = "org_acme/" + self.names["scope"], self.names["memory"]
        mine = Agent(WORLD, WORLD.owner, self.names["scope"]).ask("resources/read", uri(scope, memory))
        self.assertIn("contents", mine.json["result"])
        for who in WORLD.strangers + [WORLD.elsewhere]:
            agent = Agent(WORLD, who.key, who.names["own_scope"])
            own = agent.ask("resources/list").json["result"]["resources"][0]["uri"]
            own_scope = own.removeprefix("memory://").rsplit("/", 1)[0]
            for method in ("resources/read", "resources/subscribe", "resources/unsubscribe"):
                with self.subTest(who=str(who), method=method):
                    told = [agent.ask(method, each) for each in (
                        uri(scope, memory), uri(scope, NEVER), uri("org_acme/user_z00", NEVER))]
                    self.assertEqual(told[0].json["error"]["code"], -32002, told[0].body)
                    for never in told[1:]:
                        self.same(told[0], never)
                    # Below the own scope, whether there is such a memory is not told by its id.
                    self.same(agent.ask(method, uri(own_scope, memory)), agent.ask(method, uri(own_scope, NEVER)))

    def test_no_argument_leads_out_of_the_key(self):
        for stranger in WORLD.strangers:
            agent = Agent(WORLD, stranger.key, stranger.names["own_scope"])
            for scopes in zip(stranger.naming(self.names["scope"]), stranger.naming("user_z00")):
                for tool, arguments in (("list_memories", {"scopes": ["{scope}"]}),
                                        ("search_memories", {"query": "kept", "scopes": ["{scope}"]}),
                                        ("share_memory", {"id": stranger.names["own"], "to": "{scope}"})):
                    told = [agent.call(tool, json.loads(filled(json.dumps(arguments), {"scope": each})))
                            for each in scopes]
                    with self.subTest(who=str(stranger), tool=tool):
                        self.assertTrue(told[0].json["result"]["isError"], told[0].body)
                        self.assertIn("forbidden:", told[0].json["result"]["content"][0]["text"])
                        self.same(*told)


# -- mem0's routes --

@for_each(MEM0)
class Mem0(Rows):
    # A key that reads is told what is there, whatever else it may do.
    decides_first = False

    def begin(self, row):
        super().begin(row)
        self.names = self.with_number(row, self.names)

    @staticmethod
    def with_number(row, names):
        """What the oldest clients know a name by."""
        if "{number}" not in row.path:
            return names
        known = WORLD.did("GET", "/mem0/v1/entities/")["results"]
        return {**names, "number": str(next(each["id"] for each in known if each["name"] == names["name"]))}

    def check(self, row):
        self.begin(row)
        self.by_no_key(lambda headers: self.request({}, headers=headers))
        self.by_ended_keys()
        with self.unchanged(key="the operator's"):
            self.refused(self.request({}, WORLD.operator), UNAUTHENTICATED)
        self.by_keys_that_lack()
        self.by_a_key_that_reads()
        for stranger in WORLD.strangers + [self.narrower(each) for each in ("user_", "agent_")]:
            self.by_stranger(stranger)
        # Whatever it is about is looked for, and settings are kept like memories.
        self.allowed(WORLD.owner if "admin" in row.permissions else WORLD.permitting("read", *row.permissions))

    def test_what_is_said_to_be_enough_is_enough(self):
        """Whose permissions docs/mem0.md names: `read,write` to change, for instance."""
        for number, row in enumerate(MEM0):
            if row.permissions:
                self.row, self.names = row, self.with_number(row, WORLD.made(row.target, f"d{number:02}"))
                self.allowed(WORLD.permitting(*row.permissions))

    def test_settings_are_the_administrators_by_whatever_route(self):
        """They are kept as memories, which other routes reach, and only a key with
        `admin` may make, change or delete them (docs/mem0.md)."""
        where = "/v1/memories{}?user_id=" + urllib.parse.quote("app_mem0%project")
        hook = WORLD.did("POST", "/mem0" + HOOKS, {**HOOK, "url": "https://former.example/"})["id"]
        WORLD.did("PUT", f"/mem0/api/v1/webhooks/{hook}/", {"url": "https://present.example/"})
        for text in ("former", "present"):
            WORLD.did("PATCH", "/mem0" + PROJECT, {"custom_instructions": text})
        kept = WORLD.did("GET", where.format("") + "&limit=1000")["results"]
        settings = next(each["id"] for each in kept if each["memory_type"] == "project")
        deleted = WORLD.did("POST", "/mem0" + HOOKS, {**HOOK, "url": "https://deleted.example/"})["id"]
        known = WORLD.did("GET", where.format("/" + deleted))
        WORLD.did("DELETE", f"/mem0/api/v1/webhooks/{deleted}/")
        again = {name: known[name] for name in ("content", "memory_type", "key")}
        key = WORLD.lacking("admin")
        for what, method, path, body in (
                ("a former address", "POST", f"/{hook}/restore", {"revision": 1}),
                ("former settings", "POST", f"/{settings}/restore", {"revision": 1}),
                ("a webhook that was deleted", "POST", "", again),
                ("no webhook", "DELETE", "/" + hook, None), ("no settings", "DELETE", "/" + settings, None)):
            with self.subTest(asked_for=what):
                before = [WORLD.did("GET", "/mem0" + each) for each in (HOOKS, PROJECT)]
                WORLD.ask(method, where.format(path), body, key)
                self.assertEqual([WORLD.did("GET", "/mem0" + each) for each in (HOOKS, PROJECT)], before)

    def narrower(self, prefix):
        """Whose name has a part of the name that is asked for."""
        class Other:
            key = WORLD.narrowed(scope=prefix + self.names["name"][:-1])
        return Other

    def by_a_key_that_reads(self):
        if not self.row.permissions or self.row.permissions == ["read"]:
            return
        with self.unchanged(key="that reads"):
            self.refused(self.request({}, WORLD.permitting("read")), FORBIDDEN)

    def by_stranger(self, stranger):
        names = {**self.names, "id": self.names["never"], "name": "z" + self.names["name"][1:], "number": "1"}
        asks_for = re.findall(r"\{(id|name|number)\}", self.row.path + json.dumps(self.row.body))
        with self.unchanged(who=str(stranger)):
            mine, never = self.request({}, stranger.key), self.request(names, stranger.key)
            if "id" in asks_for and self.row.needs != "":
                # An agent's and a session's keys have no room for exports.
                self.assertIn(mine.outcome, (NOT_FOUND, FORBIDDEN, (400, "invalid_argument")), mine.body)
            # What they add is their own.
            if asks_for and not ("write" in self.row.permissions and mine.status in (200, 201)):
                self.same(mine, never)
            for each in ("memory", "scope"):
                self.assertNotIn(self.names[each].encode(), mine.body)


# -- what no row is about --

class Across(Rows):
    def setUp(self):
        self.row = next(each for each in ROUTES if each.needs == "write")
        self.names = WORLD.names[self.row]
        self.before = self.state()

    def test_a_request_of_ones_own_mentions_nothing_of_others(self):
        for stranger in WORLD.strangers:
            for method, path, body in MENTIONS:
                for scopes in zip(stranger.naming(self.names["scope"]), stranger.naming("user_z00")):
                    with self.unchanged(who=str(stranger), path=path, body=body):
                        told = []
                        for scope in scopes:
                            names = {**stranger.names, "scope": scope}
                            where = filled(path, names, lambda text: urllib.parse.quote(text, safe=""))
                            told.append(WORLD.ask(method, where, body and filled(json.dumps(body), names), stranger.key))
                        self.refused(told[0], FORBIDDEN)
                        self.same(*told)

    def test_no_memory_leaves_by_somebody_elses_session(self):
        for stranger in WORLD.strangers:
            path = "/v1/sessions/{own_session}/promote?user_id={own_scope}"
            where = filled(path, stranger.names, lambda text: urllib.parse.quote(text, safe=""))
            with self.unchanged(who=str(stranger)):
                told = [WORLD.ask("POST", where, {"ids": [each], "to": stranger.names["to"]}, stranger.key)
                        for each in (self.names["memory"], NEVER)]
                self.refused(told[0], NOT_FOUND)
                self.same(*told)

    def test_what_is_gone_is_like_what_never_was(self):
        scope = {"user_id": "user_gone"}
        gone = WORLD.did("POST", "/v1/memories", {"content": "kept", **scope})["id"]
        due = WORLD.did("POST", "/v1/memories", {"content": "kept", "expires_at": seconds_from_now(0.3), **scope})["id"]
        WORLD.did("DELETE", f"/v1/memories/{gone}?user_id=user_gone")
        self.assertTrue(eventually(lambda: WORLD.ask(
            "GET", f"/v1/memories/{due}?user_id=user_gone", key=WORLD.owner).status == 404))
        for row in ROUTES:
            if "/memories/{id}" not in row.pattern:
                continue
            told = []
            for each in (NEVER, gone, due):
                method, path, body, headers = row.request({"scope": "user_gone", "to": "user_gone", "id": each})
                told.append(WORLD.ask(method, path, body, WORLD.owner, headers))
            with self.subTest(route=str(row)):
                self.refused(told[0], NOT_FOUND)
                self.same(told[1], told[0])
                self.same(told[2], told[0])

    def test_what_tenants_choose_themselves_does_not_meet(self):
        """A key of a memory, a key for sending again, and where a page ended."""
        again = {"Idempotency-Key": "again"}
        mine = {"content": "mine", "key": "chosen", "user_id": self.names["scope"]}
        self.assertEqual(WORLD.ask("POST", "/v1/memories", mine, WORLD.owner, again).status, 201)
        self.before = self.state()
        page = WORLD.did("GET", f"/v1/memories?limit=1&user_id={self.names['scope']}")["cursor"]
        for stranger in WORLD.strangers:
            with self.unchanged(who=str(stranger)):
                own = {"content": "own", "key": "chosen", "user_id": stranger.names["own_scope"]}
                reply = WORLD.ask("POST", "/v1/memories", own, stranger.key, again)
                self.assertEqual((reply.status, reply.json["content"]), (201, "own"), reply.body)
                where = urllib.parse.urlencode({"cursor": page, "user_id": stranger.names["own_scope"]})
                reply = WORLD.ask("GET", "/v1/memories?" + where, key=stranger.key)
                self.assertEqual(reply.outcome, (400, "invalid_argument"), reply.body)

    def test_a_key_gives_nothing_that_it_does_not_have(self):
        for has in ALL:
            key = WORLD.permitting(*{has, "admin"})
            for gives in ALL:
                with self.unchanged(has=has, gives=gives):
                    reply = WORLD.ask("POST", "/v1/keys", {"permissions": gives}, key)
                    self.assertEqual(reply.status, 201 if gives in (has, "admin") else 403, reply.body)

    def test_what_a_narrowed_key_made_ends_with_it(self):
        maker = WORLD.narrowed(scope="user_maker", permissions="read,admin")
        made = WORLD.did("POST", "/v1/keys", {"permissions": "read"}, maker)["api_key"]
        WORLD.did("GET", "/v1/memories", key=made)
        WORLD.did("DELETE", "/v1/keys/" + maker)
        for key in (maker, made):
            self.refused(WORLD.ask("GET", "/v1/memories", key=key), UNAUTHENTICATED)

    def test_keys_of_a_scope_that_was_erased_stay_dead(self):
        """Also once its name may be used again, and also where they are known."""
        body = {"content": "kept", "user_id": "user_again"}
        WORLD.did("POST", "/v1/memories", body)
        keys = [WORLD.did("POST", "/v1/keys", {"scope": "user_again", "permissions": "all"})["api_key"],
                WORLD.narrowed(scope="user_again")]
        for key in keys:
            WORLD.did("GET", "/v1/memories", key=key)
        WORLD.did("DELETE", "/v1/scopes/user_again")
        self.dead(keys)
        WORLD.did("POST", "/v1/scopes/user_again/reinstate")
        WORLD.did("POST", "/v1/memories", body)
        self.dead(keys)

    def test_keys_of_an_organization_that_was_erased_stay_dead(self):
        keys = [WORLD.server.organization("org_again")]
        keys.append(WORLD.narrowed(keys[0], permissions="read"))
        for key in keys:
            WORLD.did("GET", "/v1/memories", key=key)
        WORLD.did("DELETE", "/v1/orgs/org_again", key=WORLD.operator)
        self.dead(keys, FORBIDDEN)
        WORLD.did("POST", "/v1/orgs/org_again/keep", key=WORLD.operator)
        for key in keys:
            WORLD.did("GET", "/v1/memories", key=key)
        WORLD.did("DELETE", "/v1/orgs/org_again?now=true", key=WORLD.operator)
        self.dead(keys)
        WORLD.did("POST", "/v1/orgs/org_again/reinstate", key=WORLD.operator)
        WORLD.server.organization("org_again")
        self.dead(keys)

    def dead(self, keys, *also):
        for number, key in enumerate(keys):
            for method, path, body in (("GET", "/v1/memories", None), ("GET", "/v1/whoami", None),
                                       ("POST", "/v1/memories", {"content": "new"}), ("GET", "/v1/events", None)):
                with self.subTest(key=number, route=f"{method} {path}"):
                    self.assertIn(WORLD.ask(method, path, body, key).outcome, [UNAUTHENTICATED, (410, "erased"), *also])

    def test_what_is_refused_to_get_is_refused_to_head(self):
        stranger = WORLD.strangers[0]
        for row in (each for each in ROUTES if each.method == "GET" and each.needs != ANYONE):
            callers = [None, *WORLD.forged.values(), *WORLD.ended.values()] + ([stranger.key] if row.ways else [])
            for key in callers:
                _, path, _, headers = row.request({**WORLD.names[row], "scope": "org_acme/" + self.names["scope"]})
                asked = [WORLD.ask(method, path, key=key, headers=headers) for method in ("HEAD", "GET")]
                with self.subTest(route=str(row), key=key):
                    self.assertGreaterEqual(asked[0].status, 400)
                    self.assertEqual(asked[0].status, asked[1].status)
                    self.assertEqual(asked[0].body, b"")

    def test_however_a_key_is_sent(self):
        for name, before in (("Authorization", "Bearer "), ("Authorization", "Token "), ("X-API-Key", "")):
            self.assertEqual(WORLD.ask("GET", "/v1/whoami", headers={name: before + WORLD.owner}).status, 200)
            for why, key in {**WORLD.forged, **WORLD.ended}.items():
                with self.subTest(header=name, key=why):
                    self.refused(WORLD.ask("GET", "/v1/whoami", headers={name: before + key}), UNAUTHENTICATED)

    def test_what_is_wrong_with_a_secret_is_not_told(self):
        told = [WORLD.ask("GET", "/v1/whoami", key=WORLD.forged[why]) for why in (
            "a wrong secret", "an unknown id", "an unknown organization", "another organization's id",
            "another signing key", "its narrowing taken away")]
        for each in told:
            self.same(each, told[0])

    def test_the_forger_knows_how_keys_are_made(self):
        """Else its keys would be refused for another reason."""
        for key in (WORLD.owner, WORLD.foreign, WORLD.permitting("read")):
            self.assertEqual(key_of(*parts_of(key)), key)


class Streams(unittest.TestCase):
    """What is told goes to whoever may know, for as long as they may."""

    def open(self, path, key, **headers):
        connection = WORLD.server.connect(timeout=20)
        self.addCleanup(connection.close)
        connection.request("GET", path, headers={"Authorization": "Bearer " + key, "Accept": "text/event-stream",
                                                 **{k.replace("_", "-"): v for k, v in headers.items()}})
        response = connection.getresponse()
        self.assertEqual(response.status, 200)
        return response

    def next(self, stream):
        """The data of the next event; nothing at the end."""
        while line := stream.readline():
            if line.startswith(b"data:"):
                return json.loads(line[5:])
        return None

    def create(self, scope, key=None):
        return WORLD.did("POST", "/v1/memories", {"content": "told", "user_id": scope}, key)["id"]

    def doomed(self, scope):
        return WORLD.did("POST", "/v1/keys", {"scope": scope, "permissions": "read"})

    def test_a_stream_is_of_one_scope(self):
        for who in WORLD.strangers + [WORLD.elsewhere]:
            own = who.names["own_scope"]
            stream = self.open("/v1/events?user_id=" + urllib.parse.quote(own, safe=""), who.key)
            self.create("user_stream")
            wanted = self.create(own, who.key)
            self.assertEqual(self.next(stream)["id"], wanted, str(who))

    def test_a_stream_ends_with_its_key(self):
        made = self.doomed("user_stream")
        stream = self.open("/v1/events", made["api_key"])
        heard = self.create("user_stream")
        self.assertEqual(self.next(stream)["id"], heard)
        WORLD.did("DELETE", "/v1/keys/" + made["key_id"])
        self.create("user_stream")
        self.assertEqual(self.next(stream)["type"], "unauthenticated")
        self.assertIsNone(self.next(stream))

    def test_a_stream_ends_when_its_key_expires(self):
        key = WORLD.narrowed(scope="user_stream", expires="1s")
        stream = self.open("/v1/events", key)
        self.assertTrue(eventually(lambda: WORLD.ask("GET", "/v1/whoami", key=key).status == 401))
        self.create("user_stream")
        self.assertEqual(self.next(stream)["type"], "unauthenticated")
        self.assertIsNone(self.next(stream))

    def test_an_export_ends_with_its_key(self):
        """Before its end, so that a part does not pass for the whole."""
        for _ in range(4):
            WORLD.did("POST", "/v1/memories", {
                "user_id": "user_large", "memories": [{"content": "x" * 60_000}] * 60})
        made = self.doomed("user_large")
        connection = WORLD.server.connect()
        self.addCleanup(connection.close)
        # What waits in between is told in any case: little does.
        connection.sock = socket.socket()
        connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        connection.sock.connect(("127.0.0.1", WORLD.server.port))
        connection.request("GET", "/v1/export?visibility=self", headers={"Authorization": "Bearer " + made["api_key"]})
        response = connection.getresponse()
        self.assertEqual(response.status, 200)
        response.readline()
        WORLD.did("DELETE", "/v1/keys/" + made["key_id"])
        with self.assertRaises((http.client.IncompleteRead, ConnectionError)):
            response.read()

    def test_notifications_end_with_their_key(self):
        made = self.doomed("user_stream")
        agent = Agent(WORLD, made["api_key"], "user_stream")
        stream = self.open("/mcp", agent.key, Mcp_Session_Id=agent.session)
        self.create("user_stream")
        self.assertEqual(self.next(stream)["method"], "notifications/resources/list_changed")
        WORLD.did("DELETE", "/v1/keys/" + made["key_id"])
        self.create("user_stream")
        self.assertIsNone(self.next(stream))


# -- how long it takes --

class Line:
    """One connection, with as little between the clock and the server as can be."""

    def __init__(self):
        self.socket = socket.create_connection(("127.0.0.1", WORLD.server.port), timeout=30)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def close(self):
        self.socket.close()

    def nanoseconds(self, request):
        began = time.perf_counter_ns()
        self.socket.sendall(request)
        text = self.socket.recv(65536)
        took = time.perf_counter_ns() - began
        # The answers that are timed have a short body, and come at once.
        head, _, body = text.partition(b"\r\n\r\n")
        length = int(re.search(rb"(?i)content-length: (\d+)", head).group(1))
        while len(body) < length:
            body += self.socket.recv(65536)
        return took, int(head.split()[1])


def likelihood_of_longer(first, second):
    """That one of the first took longer than one of the second: the statistic of
    Mann and Whitney, as a part of all pairs. 0.5 where they cannot be told apart."""
    both = sorted([(each, 0) for each in first] + [(each, 1) for each in second])
    ranks, at = 0.0, 0
    while at < len(both):
        end = at
        while end < len(both) and both[end][0] == both[at][0]:
            end += 1
        # Equal ones share the middle of their places, which count from 1.
        ranks += (at + 1 + end) / 2 * sum(1 for each in both[at:end] if each[1] == 0)
        at = end
    count = len(first)
    return (ranks - count * (count + 1) / 2) / (count * len(second))


class Timing(unittest.TestCase):
    """What never was takes as long as what is somebody else's. A machine that does
    other things must not fail this: figures are printed, and what is beyond these
    bounds three times in a row is no chance."""

    EACH = 2000
    ROUNDS = 3
    BOUNDS = (0.35, 0.65)

    def request(self, method, path, key, body="", scope=None):
        lines = [f"{method} {path} HTTP/1.1", "Host: x", "Authorization: Bearer " + key, f"Content-Length: {len(body)}"]
        lines += [f"X-User-ID: {scope}"] if scope else []
        return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()

    def measured(self, kinds, status):
        """Nanoseconds of each kind of request, in random order on one connection."""
        wanted = [kind for kind in kinds for _ in range(self.EACH)]
        random.shuffle(wanted)
        times = {kind: [] for kind in kinds}
        line = Line()
        for kind in wanted:
            took, answered = line.nanoseconds(random.choice(kinds[kind]))
            self.assertEqual(answered, status)
            times[kind].append(took)
        line.close()
        return times

    def compare(self, what, kinds, status):
        """The first kind with each of the others."""
        reference, *others = kinds
        suspected = set(others)
        for _ in range(self.ROUNDS):
            times = self.measured(kinds, status)
            medians = {kind: statistics.median(each) / 1000 for kind, each in times.items()}
            found = {kind: likelihood_of_longer(times[kind], times[reference]) for kind in others}
            print(f"{what}: {reference} {medians[reference]:.1f} us; " + "; ".join(
                f"{kind} {medians[kind]:.1f} us, AUC {found[kind]:.3f}" for kind in others), flush=True)
            suspected &= {kind for kind in others if not self.BOUNDS[0] <= found[kind] <= self.BOUNDS[1]}
            if not suspected:
                return
        self.fail(f"{what}: {suspected} can be told from {reference} by the time it takes")

    def test_a_memory_elsewhere(self):
        def some(key, scope):
            return [WORLD.did("POST", "/v1/memories", {"content": "kept", "user_id": scope}, key)["id"]
                    for _ in range(50)]
        ids = {"never": [NEVER[:-8] + f"{random.getrandbits(32):08x}" for _ in range(50)],
               "another tenant's": some(WORLD.foreign, "user_timed"), "a sibling's": some(WORLD.owner, "user_timed")}
        side = next(each for each in WORLD.strangers if "narrowed" in str(each))
        for method, path, body in (("GET", "/v1/memories/", ""), ("PATCH", "/v1/memories/", '{"content":"x"}'),
                                   ("DELETE", "/v1/memories/", "")):
            kinds = {kind: [self.request(method, path + each, side.key, body) for each in known]
                     for kind, known in ids.items()}
            self.compare(f"{method} a memory", kinds, 404)

    def test_a_scope_elsewhere(self):
        scopes = {"never": "user_zzzzz", "another's": "user_timed"}
        WORLD.did("POST", "/v1/memories", {"content": "kept", "user_id": "user_timed"})
        kinds = {kind: [self.request("GET", "/v1/memories", WORLD.foreign, scope="org_acme/" + scope)]
                 for kind, scope in scopes.items()}
        self.compare("GET a scope", kinds, 403)

    def test_a_key_that_is_none(self):
        kinds = {kind: [self.request("GET", "/v1/memories", WORLD.forged[kind])] for kind in (
            "an unknown id", "a wrong secret", "an unknown organization")}
        self.compare("a key", kinds, 401)


if __name__ == "__main__":
    unittest.main()
