#!/usr/bin/env python3
# SPDX-FileCopyrightText: The Cloister authors
# SPDX-License-Identifier: Apache-2.0
"""The commands over the network: what each prints is what it prints embedded.

    commands.py CLOISTER
"""

import json
import os
import re
import subprocess
import sys
import unittest

from served import Served

CLOISTER = sys.argv.pop(1)


def shape(value):
    """Names and types: what differs by chance is left away."""
    if isinstance(value, dict):
        return {name: shape(each) for name, each in value.items()}
    if isinstance(value, list):
        return [shape(each) for each in value[:1]]
    return type(value).__name__


class Commands(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.embedded = Served(CLOISTER)
        key = cls.embedded.run("org", "create", "org_acme", "--json")["api_key"]
        cls.server = Served(CLOISTER, "--log-level", "warn")
        cls.server.start()
        base = {k: v for k, v in os.environ.items() if not k.startswith("CLOISTER_")}
        cls.places = [
            dict(cls.embedded.env, CLOISTER_API_KEY=key),
            dict(base, CLOISTER_URL=cls.server.url, CLOISTER_API_KEY=cls.server.organization("org_acme")),
        ]

    @classmethod
    def tearDownClass(cls):
        cls.server.__exit__()
        cls.embedded.__exit__()

    def command(self, place, *arguments, code=0, **more):
        done = subprocess.run([CLOISTER, *arguments], env=dict(self.places[place], **more), text=True,
                              capture_output=True)
        self.assertEqual(done.returncode, code, (arguments, done.stdout, done.stderr))
        return done

    def both(self, *arguments, code=0, by_operator=False):
        """Runs it in both places, with what `{name}` stands for in each."""
        answers = []
        # Embedded, whoever can open the store is the operator.
        more = [{}, {"CLOISTER_API_KEY": self.server.operator_key}] if by_operator else [{}, {}]
        for place in (0, 1):
            filled = [re.sub(r"\{(\w+)\}", lambda found: self.known[place][found[1]], each) for each in arguments]
            done = self.command(place, *filled, "--json", code=code, **more[place])
            answers.append(json.loads(done.stdout) if code == 0 else done.stderr)
        if code == 0:
            self.assertEqual(shape(answers[0]), shape(answers[1]), arguments)
        else:
            self.assertEqual(answers[0].split(":")[:2], answers[1].split(":")[:2], arguments)
        return answers

    def remember(self, name, answers, member):
        for known, answer in zip(self.known, answers):
            known[name] = answer[member]

    def setUp(self):
        self.known = [{}, {}]

    def test_memories(self):
        at = ("--user-id", "user_m")
        self.remember("id", self.both("memory", "create", "Prefers dark mode", "--type", "preference",
                                      "--metadata", '{"a": 1}', "--key", "mode", "--expires", "30d", *at), "id")
        self.both("memory", "get", "{id}", *at)
        found = self.both("memory", "search", "which mode", "--limit", "5", *at)
        self.assertAlmostEqual(found[0]["results"][0]["score"], found[1]["results"][0]["score"], places=4)
        self.both("memory", "update", "{id}", "--content", "Dark", "--metadata", '{"b": 2}', "--if-revision", "1", *at)
        self.both("memory", "update", "{id}", "--content", "x", "--if-revision", "1", *at, code=1)
        self.both("memory", "update", "{id}", "--expires", "never", *at)
        self.assertEqual([len(each["results"]) for each in self.both("memory", "history", "{id}", *at)], [3, 3])
        self.both("memory", "restore", "{id}", "--revision", "1", *at)
        self.both("memory", "share", "{id}", "--to", "team_m", *at)
        self.both("memory", "list", "--filter", '{"memory_type": {"eq": "preference"}}', "--limit", "1", *at)
        self.both("memory", "list", "--visibility", "inherited", *at)
        self.both("memory", "delete", "{id}", *at)
        self.both("memory", "get", "{id}", *at, code=1)
        self.both("memory", "create", "y", *at)
        self.assertEqual(self.both("memory", "delete-all", "--confirm", "user_m", *at), [{"deleted": 1}] * 2)
        self.both("memory", "create", "", *at, code=2)

    def test_sessions(self):
        at = ("--user-id", "agent_s")
        self.remember("session", self.both("session", "start", "--resumable", "--idle", "30m", *at), "session")
        self.both("session", "list", *at)
        self.both("session", "renew", "{session}", *at)
        inside = ("--user-id", "agent_s/{session}")
        self.remember("id", self.both("memory", "create", "worth keeping", *inside), "id")
        self.both("memory", "promote", "{id}", *inside)
        self.both("session", "end", "{session}", *at)
        self.both("session", "receipt", "{session}", *at)
        self.both("session", "end", "{session}", *at, code=1)
        # Without a server it would end with the command.
        self.command(0, "session", "start", *at, code=2)
        self.command(1, "session", "start", *at)

    def test_scopes_and_keys(self):
        self.both("memory", "create", "x", "--user-id", "user_gone")
        self.both("scope", "list")
        self.both("scope", "show", "user_gone")
        self.both("scope", "configure", "user_gone", "--memories-max", "10")
        self.remember("id", self.both("key", "create", "--scope", "user_gone", "--permissions", "read,write",
                                      "--label", "agent", "--expires", "30d"), "key_id")
        self.both("key", "list")
        self.both("key", "revoke", "{id}")
        self.both("scope", "erase", "user_gone", "--with-shared-copies", "--yes")
        self.both("memory", "list", "--user-id", "user_gone", code=1)
        self.both("scope", "receipt", "user_gone")
        self.both("scope", "reinstate", "user_gone")

    def test_the_audit_trail(self):
        self.both("memory", "create", "x", "--user-id", "user_audited")
        self.both("audit", "list", "--scope", "user_audited", "--operation", "memory.create", "--since", "1h")
        self.both("audit", "verify")
        self.both("audit", "checkpoint")
        for place, served in ((0, self.embedded), (1, self.server)):
            trail = str(served.dir / "trail")
            self.command(place, "audit", "export", trail)
            verified = self.command(place, "audit", "verify", "--export", trail, "--json")
            self.assertTrue(json.loads(verified.stdout)["intact"])

    def test_everything_is_exported(self):
        self.both("memory", "create", "to be exported", "--user-id", "user_exported")
        for place, served in ((0, self.embedded), (1, self.server)):
            file = str(served.dir / "memories")
            self.command(place, "export", file, "--user-id", "user_exported")
            with open(file) as exported:
                self.assertIn("to be exported", exported.read())

    def operator(self, *arguments, **more):
        return self.both(*arguments, by_operator=True, **more)

    def test_organizations(self):
        self.operator("org", "create", "org_new")
        self.operator("org", "create", "org_new", code=1)
        self.operator("org", "list")
        self.operator("org", "configure", "org_new", "--language", "german", "--memories-max", "100")
        shown = self.operator("org", "configure", "org_new")
        self.assertEqual([each["language"] for each in shown], ["german"] * 2)
        self.assertEqual([each["limits"]["memories_max"] for each in shown], [100] * 2)
        self.operator("org", "configure", "org_new", "--memories-max", "none")
        self.operator("org", "configure", "org_none", code=1)
        self.operator("org", "erase", "org_new", "--yes", "--delay", "30d")
        self.operator("org", "erase", "org_new", "--cancel")
        self.operator("org", "erase", "org_new", "--yes", "--now")
        self.operator("org", "receipt", "org_new")
        self.operator("org", "reinstate", "org_new")
        self.operator("org", "create", "org_new")
        # One that lost its keys.
        made = self.command(1, "key", "create", "--scope", "org_new", "--permissions", "all", "--json",
                            CLOISTER_API_KEY=self.server.operator_key)
        self.command(1, "memory", "list", CLOISTER_API_KEY=json.loads(made.stdout)["api_key"])
        told = self.command(1, "memory", "list", code=1, CLOISTER_API_KEY=self.server.operator_key)
        self.assertIn("this is the operator's key", told.stderr)
        # A tenant's key is not the operator's.
        self.assertIn("forbidden", self.command(1, "org", "list", code=1).stderr)

    def test_the_store(self):
        self.both("memory", "create", "x", "--user-id", "user_pruned")
        self.operator("audit", "list", "--store", "--limit", "5")
        self.operator("audit", "prune", "--scope", "org_acme/user_pruned", "--before", "2020-01-01T00:00:00Z")
        self.operator("scope", "erased")
        self.operator("rotate", "master-key")
        for place, served in ((0, self.embedded), (1, self.server)):
            key = {"CLOISTER_API_KEY": self.server.operator_key} if place == 1 else {}
            self.command(place, "backup", str(served.dir / "backup"), **key)
            self.assertTrue((served.dir / "backup.keys").exists())
        told = json.loads(self.command(1, "doctor", "--json", CLOISTER_API_KEY=self.server.operator_key).stdout)
        self.assertTrue(told["healthy"])
        self.assertIn("--data", self.command(1, "doctor", "--repair", code=2).stderr)

    def test_a_file_is_imported_once(self):
        for place, served in ((0, self.embedded), (1, self.server)):
            file = served.dir / "to-import"
            lines = [{"content": f"imported {i}", "user_id": f"user_imported_{i % 3}"} for i in range(500)]
            file.write_text("".join(json.dumps(each) + "\n" for each in lines))
            for expected in ({"imported": 500, "known": 0, "lines": 500}, {"imported": 0, "known": 500, "lines": 500}):
                done = self.command(place, "import", str(file), "--json")
                self.assertEqual(json.loads(done.stdout), expected)
        self.assertEqual([len(each["results"]) for each in self.both("memory", "list", "--limit", "1000",
                                                                     "--user-id", "user_imported_0")], [167] * 2)

    def test_what_mem0_exported_is_imported_once(self):
        """Pages, lists and lines of memories, as mem0's service and its clients have them."""
        def row(i, **more):
            return {"id": f"0197a0f1-0000-7000-8000-{i:012}", "memory": f"prefers tea {i}", "user_id": "al/ice",
                    "agent_id": None, "app_id": None, "run_id": None, "hash": "5d41402a", "score": 0.5,
                    "metadata": {"n": i}, "categories": ["food"], "expiration_date": None, "immutable": False,
                    "created_at": "2024-07-20T01:30:36.275141-07:00", "updated_at": "2024-07-21T01:30:36-07:00", **more}

        page = {"count": 3, "next": None, "previous": None, "results": [row(1), row(2), row(3, session_id="trip")]}
        bare = [row(3, session_id="trip"), row(4, user_id="bob", agent_id="planner", metadata=None)]
        text = json.dumps(page, indent=2) + "\n\n" + json.dumps(bare) + json.dumps(row(5)) + "\n" + json.dumps(row(6))
        for place, served in ((0, self.embedded), (1, self.server)):
            file = served.dir / "from-mem0.json"
            file.write_text("\ufeff" + text)
            for stored in (6, 0):
                done = json.loads(self.command(place, "import", "--format", "mem0", str(file), "--json").stdout)
                self.assertEqual(done, {"imported": stored, "known": 7 - stored, "lines": 7})
        for listed in self.both("memory", "list", "--user-id", "user_al%2Fice", "--oldest-first"):
            self.assertEqual([each["content"] for each in listed["results"]],
                             [f"prefers tea {i}" for i in (1, 2, 5, 6)])
            self.assertEqual(listed["results"][0]["metadata"], {"n": 1, "_mem0": {"categories": ["food"]}})
            self.assertEqual(listed["results"][0]["created_at"], "2024-07-20T08:30:36.275Z")
        for user, content in (("user_al%2Fice/session_trip", "prefers tea 3"), ("user_bob/agent_planner", "prefers tea 4")):
            for listed in self.both("memory", "list", "--user-id", user):
                self.assertEqual([each["content"] for each in listed["results"]], [content])
        shown = self.server.ask("POST", "/mem0/v3/memories/", {"filters": {"user_id": "al/ice"}},
                                self.places[1]["CLOISTER_API_KEY"]).json["results"]
        self.assertEqual({each["memory"]: each["categories"] for each in shown}["prefers tea 1"], ["food"])
        for wrong, said in (('{"memory": "x"', "middle"), ("nonsense", "no JSON"), ('[{"content": "x"}]', "memory 1"),
                            ("[5]", "memory 1"), ('[{"memory": "x", "user_id": 7}]', "user_id"),
                            ('[{"memory": "x", "created_at": "yesterday"}]', "created_at")):
            file.write_text(wrong)
            for place in (0, 1):
                self.assertIn(said, self.command(place, "import", "--format", "mem0", str(file), code=2).stderr)
        file.write_text('{"memory": "x"}')
        self.assertIn("--format mem0", self.command(0, "import", str(file), code=2).stderr)
        # What names nobody must not lie where everybody inherits it.
        self.assertIn("--user-id", self.command(0, "import", "--format", "mem0", str(file), code=2).stderr)
        # As the TypeScript client hands members on.
        file.write_text(json.dumps({"results": [{"id": "1", "memory": "camel", "userId": "cam", "runId": "7",
                                                 "createdAt": "2024-07-20T00:00:00Z", "expirationDate": None}]}))
        for place in (0, 1):
            self.command(place, "import", "--format", "mem0", str(file))
        for listed in self.both("memory", "list", "--user-id", "user_cam/session_7"):
            self.assertEqual([(each["content"], each["created_at"]) for each in listed["results"]],
                             [("camel", "2024-07-20T00:00:00.000Z")])

    def test_what_is_no_key_and_no_user_is_not_sent(self):
        key = self.places[1]["CLOISTER_API_KEY"]
        for arguments in (("--api-key", key + "\n"), ("--api-key", key + "\r\nX-User-ID: user_b"),
                          ("--user-id", "user_a\r\nX-A: b"), ("--user-id", "user_a ")):
            for place in (0, 1):
                self.assertIn("line break", self.command(place, "memory", "list", *arguments, code=2).stderr)

    def test_a_directory_that_is_named_is_meant(self):
        url = self.places[1]["CLOISTER_URL"]
        self.command(0, "memory", "create", "embedded alone", "--user-id", "user_meant")
        data = str(self.embedded.dir / "data")
        listed = self.command(0, "memory", "list", "--user-id", "user_meant", "--data", data, "--json", CLOISTER_URL=url)
        self.assertEqual(len(json.loads(listed.stdout)["results"]), 1)
        self.assertIn("one of them", self.command(0, "memory", "list", "--data", data, "--url", url, code=2).stderr)

    def test_a_key_of_an_erased_scope_is_listed(self):
        self.both("memory", "create", "x", "--user-id", "user_dead")
        self.both("key", "create", "--scope", "user_dead", "--permissions", "read")
        self.both("scope", "erase", "user_dead", "--yes")
        self.both("key", "list")

    def test_a_person_is_erased_everywhere(self):
        for team in ("team_a", "team_b"):
            self.both("memory", "create", "x", "--user-id", team + "/user_twice")
        receipts = self.both("scope", "erase", "user_twice", "--everywhere", "--yes")
        self.assertEqual([len(each["results"]) for each in receipts], [2, 2])

    def test_what_goes_wrong_is_told(self):
        url = self.places[1]["CLOISTER_URL"]
        wrong = self.command(1, "memory", "list", "--url", "http://127.0.0.1:1", code=3).stderr
        self.assertIn("is a server running there?", wrong)
        self.command(1, "memory", "list", "--url", "127.0.0.1:7077", code=2)
        self.command(1, "memory", "list", "--api-key", "cloister_x_y", code=1)
        self.assertNotIn(self.places[1]["CLOISTER_API_KEY"], wrong + url)


if __name__ == "__main__":
    unittest.main()
