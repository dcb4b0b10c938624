#!/usr/bin/env python3
# SPDX-FileCopyrightText: The Cloister authors
# SPDX-License-Identifier: Apache-2.0
"""The REST interface, by Python's own HTTP client against a real server.

    rest.py CLOISTER
"""

import json
import re
import sys
import unittest
import urllib.parse

from served import Served, ask_on, eventually

CLOISTER = sys.argv.pop(1)


class Rest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Served(CLOISTER)
        cls.server.start()
        cls.key = cls.server.organization("org_acme")
        cls.other = cls.server.organization("org_other")

    @classmethod
    def tearDownClass(cls):
        cls.server.__exit__()

    def ask(self, method, path, body=None, key=None, headers=None):
        return self.server.ask(method, path, body, key or self.key, headers)

    def made(self, content="x", user="user_sarah", **more):
        answer = self.ask("POST", "/v1/memories", {"content": content, "user_id": user, **more})
        self.assertEqual(answer.status, 201, answer.text)
        return answer.json

    def refused(self, answer, status, code):
        self.assertEqual((answer.status, answer.code), (status, code), answer.text)
        self.assertEqual(answer.headers["content-type"], "application/problem+json")
        self.assertEqual(answer.json["request_id"], answer.headers["x-request-id"])
        self.assertEqual(answer.json["status"], status)

    # -- memories --

    def test_a_memory_is_stored_read_found_changed_and_deleted(self):
        answer = self.ask("POST", "/v1/memories", {
            "content": "Prefers dark mode", "memory_type": "preference",
            "metadata": {"a": 1}, "user_id": "user_life"})
        self.assertEqual(answer.status, 201)
        made = answer.json
        self.assertEqual(made["scope"], "org_acme/user_life")
        self.assertEqual(answer.headers["etag"], '"1"')
        # It leads to the memory without knowing more than it says.
        self.assertEqual(self.ask("GET", answer.headers["location"]).json, made)
        path = "/v1/memories/" + made["id"]
        here = {"X-User-ID": "user_life"}
        self.assertEqual(self.ask("GET", path, headers=here).json, made)
        found = self.ask("POST", "/v1/memories/search",
                         {"query": "which mode", "user_id": "user_life"}).json["results"]
        self.assertEqual([each["id"] for each in found], [made["id"]])
        self.assertTrue(0 < found[0]["score"] <= 1)
        changed = self.ask("PATCH", path, {"metadata": {"b": 2}, "content": "Dark"}, headers=here)
        self.assertEqual(changed.json["metadata"], {"a": 1, "b": 2})
        self.assertEqual((changed.json["revision"], changed.headers["etag"]), (2, '"2"'))
        history = self.ask("GET", path + "/history", headers=here).json["results"]
        self.assertEqual([each["revision"] for each in history], [2, 1])
        restored = self.ask("POST", path + "/restore", {"revision": 1}, headers=here).json
        self.assertEqual((restored["content"], restored["revision"]), ("Prefers dark mode", 3))
        self.assertEqual(self.ask("DELETE", path, headers=here).json, {"deleted": 1})
        self.refused(self.ask("GET", path, headers=here), 404, "not_found")

    def test_an_existing_key_is_replaced(self):
        first = self.made(user="user_keys", key="mode")
        again = self.ask("POST", "/v1/memories",
                         {"content": "y", "user_id": "user_keys", "key": "mode"})
        self.assertEqual((again.status, again.json["id"]), (200, first["id"]))

    def test_a_batch_is_stored_whole_or_not_at_all(self):
        answer = self.ask("POST", "/v1/memories", {
            "user_id": "user_batch", "memories": [{"content": "a"}, {"content": "b"}]})
        self.assertEqual((answer.status, len(answer.json["results"])), (201, 2))
        bad = self.ask("POST", "/v1/memories", {
            "user_id": "user_batch", "memories": [{"content": "c"}, {"content": ""}]})
        self.refused(bad, 400, "invalid_argument")
        listed = self.ask("GET", "/v1/memories?user_id=user_batch").json["results"]
        self.assertEqual(len(listed), 2)

    def test_a_lost_race_writes_nothing(self):
        made = self.made(user="user_race")
        path = f"/v1/memories/{made['id']}?user_id=user_race"
        self.assertEqual(self.ask("PATCH", path, {"content": "2"}, headers={"If-Match": '"1"'}).status, 200)
        self.refused(self.ask("PATCH", path, {"content": "3"}, headers={"If-Match": '"1"'}), 412, "conflict")
        self.refused(self.ask("DELETE", path, headers={"If-Match": '"1"'}), 412, "conflict")
        self.refused(self.ask("DELETE", path, headers={"If-Match": 'W/"x"'}), 400, "invalid_argument")
        read = self.ask("GET", path)
        self.assertEqual(read.json["content"], "2")
        same = self.ask("GET", path, headers={"If-None-Match": read.headers["etag"]})
        self.assertEqual((same.status, same.text), (304, ""))

    def test_a_create_that_is_sent_again_is_done_once(self):
        body = {"content": "once", "user_id": "user_once"}
        again = {"Idempotency-Key": "k1"}
        first = self.ask("POST", "/v1/memories", body, headers=again)
        second = self.ask("POST", "/v1/memories", body, headers=again)
        self.assertEqual(first.json["id"], second.json["id"])
        body["content"] = "other"
        self.refused(self.ask("POST", "/v1/memories", body, headers=again), 409, "conflict")
        batch = {"user_id": "user_once", "memories": [{"content": "a"}, {"content": "b"}]}
        ids = [[each["id"] for each in self.ask("POST", "/v1/memories", batch, headers={
            "Idempotency-Key": "k2"}).json["results"]] for _ in range(2)]
        self.assertEqual(ids[0], ids[1])

    def test_pages_have_everything_once(self):
        ids = {self.made(str(i), "user_pages", memory_type="even" if i % 2 == 0 else "odd")["id"]
               for i in range(25)}
        seen, cursor = [], ""
        while cursor is not None:
            page = self.ask("GET", f"/v1/memories?user_id=user_pages&limit=4{cursor}").json
            seen += [each["id"] for each in page["results"]]
            cursor = page["cursor"] and "&cursor=" + urllib.parse.quote(page["cursor"])
        self.assertEqual((len(seen), set(seen)), (25, ids))
        wanted = urllib.parse.quote(json.dumps({"memory_type": {"in": ["odd"]}}))
        self.assertEqual(len(self.ask("GET", f"/v1/memories?user_id=user_pages&filter={wanted}").json["results"]), 12)
        self.assertEqual(len(self.ask("GET", "/v1/memories?user_id=user_pages&memory_type=even").json["results"]), 13)
        oldest = self.ask("GET", "/v1/memories?user_id=user_pages&order=oldest&limit=1").json["results"]
        self.assertEqual(oldest[0]["content"], "0")
        self.refused(self.ask("GET", "/v1/memories?user_id=user_pages&cursor=nonsense"), 400, "invalid_argument")
        self.refused(self.ask("GET", "/v1/memories?user_id=user_pages&limit=0"), 400, "invalid_argument")

    def test_everything_is_deleted_only_by_name(self):
        self.made(user="user_all")
        self.refused(self.ask("DELETE", "/v1/memories?user_id=user_all"), 400, "invalid_argument")
        self.refused(self.ask("DELETE", "/v1/memories?user_id=user_all&confirm=user_sarah"), 400, "invalid_argument")
        self.assertEqual(self.ask("DELETE", "/v1/memories?user_id=user_all&confirm=user_all").json, {"deleted": 1})

    def test_sharing_copies_to_where_the_key_may_write(self):
        made = self.made("shared", "user_from")
        path = f"/v1/memories/{made['id']}/share?user_id=user_from"
        copy = self.ask("POST", path, {"to": "team_eng"})
        self.assertEqual((copy.status, copy.json["scope"]), (201, "org_acme/team_eng"))
        self.assertEqual(copy.json["origin"]["id"], made["id"])
        self.refused(self.ask("POST", path, {"to": "org_other/user_x"}), 403, "forbidden")

    def test_a_misspelt_name_is_told(self):
        for answer in (
                self.ask("POST", "/v1/memories", {"content": "x", "metdata": {}}),
                self.ask("GET", "/v1/memories?usr_id=user_sarah"),
                self.ask("POST", "/v1/memories/search", {"qery": "x"}),
                self.ask("POST", "/v1/memories", {"content": 5}),
                self.ask("POST", "/v1/memories", "[]"),
                self.ask("POST", "/v1/memories", '{"content": "x"'),
                self.ask("POST", "/v1/memories", b'{"content": "\xff"}'),
                self.ask("POST", "/v1/memories", '{"content": "x", "metadata": ' + '{"a":' * 60 + '1' + '}' * 61),
                self.ask("GET", "/v1/memories/no-uuid"),
                self.ask("GET", "/v1/memories?user_id="),
                self.ask("GET", "/v1/memories?user_id=user_a&user_id=user_b"),
                self.ask("POST", "/v1/memories", {"content": "x"}, headers={"If-Match": '"1"'}),
                self.ask("POST", "/mcp?usr_id=user_a", {}),
                self.ask("POST", "/v1/memories", {"content": "x", "user_id": "user_a"}, headers={"X-User-ID": "user_b"}),
                self.ask("POST", "/v1/memories", {"content": "x", "user_id": "nobody"})):
            self.refused(answer, 400, "invalid_argument")
        # Not that the one is missing which was misspelt.
        for body in {"contnet": "x"}, {"memories": [{"contnet": "x"}]}:
            self.assertIn('"contnet" is not known', self.ask("POST", "/v1/memories", body).text.replace("\\", ""))
        many = "/v1/memories?" + "&".join(["scopes=user_a"] * 65)
        self.refused(self.ask("GET", many), 400, "invalid_argument")
        self.refused(self.ask("GET", "/v1/nothing"), 404, "not_found")
        wrong = self.ask("PUT", "/v1/memories")
        self.refused(wrong, 405, "invalid_argument")
        self.assertEqual(wrong.headers["allow"], "POST, GET, DELETE")

    # -- sessions, scopes, keys, audit --

    def test_a_session_vanishes_with_its_memories(self):
        opened = self.ask("POST", "/v1/sessions", {"user_id": "agent_s", "idle_timeout": 60})
        self.assertEqual(opened.status, 201, opened.text)
        session = opened.json
        own = session["api_key"]
        note = self.ask("POST", "/v1/memories", {"content": "scratch"}, own)
        self.assertEqual(note.json["scope"], session["scope"])
        keep = self.ask("POST", "/v1/memories", {"content": "keep"}, own).json
        listed = self.ask("GET", "/v1/sessions?user_id=agent_s").json["results"]
        self.assertEqual([each["session"] for each in listed], [session["session"]])
        base = "/v1/sessions/" + session["session"]
        renewed = self.ask("POST", base + "/renew?user_id=agent_s")
        self.assertEqual(renewed.json["session"], session["session"])
        moved = self.ask("POST", base + "/promote", {"ids": [keep["id"]], "user_id": "agent_s"})
        self.assertEqual(moved.json["results"][0]["scope"], "org_acme/agent_s")
        receipt = self.ask("DELETE", base + "?user_id=agent_s")
        self.assertEqual((receipt.status, receipt.json["scope"]), (200, session["scope"]))
        self.assertIn(self.ask("GET", "/v1/memories", key=own).status, (401, 410))
        kept = self.ask("GET", "/v1/memories?user_id=agent_s").json["results"]
        self.assertEqual([each["content"] for each in kept], ["keep"])
        whole = urllib.parse.quote(session["scope"], safe="")
        self.refused(self.ask("DELETE", "/v1/sessions/" + whole), 410, "erased")

    def test_a_scope_is_shown_limited_erased_and_reinstated(self):
        self.made(user="user_gone")
        names = [each["scope"] for each in self.ask("GET", "/v1/scopes").json["results"]]
        self.assertIn("org_acme/user_gone", names)
        limited = self.ask("PATCH", "/v1/scopes/user_gone", {"memories_max": 1})
        self.assertEqual(limited.json["limits"]["memories_max"], 1)
        self.refused(self.ask("POST", "/v1/memories", {"content": "y", "user_id": "user_gone"}), 413, "quota_exceeded")
        shown = self.ask("GET", "/v1/scopes/org_acme%2Fuser_gone").json
        self.assertEqual((shown["memories"], shown["limits"]["memories_max"]), (1, 1))
        receipt = self.ask("DELETE", "/v1/scopes/user_gone?with_shared_copies=true").json
        self.assertEqual((receipt["scope"], receipt["copies"]), ("org_acme/user_gone", 0))
        self.refused(self.ask("GET", "/v1/memories?user_id=user_gone"), 410, "erased")
        self.assertEqual(self.ask("GET", "/v1/scopes/user_gone/receipt").json, receipt)
        self.assertEqual(self.ask("POST", "/v1/scopes/user_gone/reinstate").status, 200)
        self.assertEqual(self.ask("GET", "/v1/memories?user_id=user_gone").json["results"], [])

    def test_a_header_that_names_a_scope_bounds_what_the_address_names(self):
        self.made(user="user_within")
        for outer, status in (("user_within", 200), ("user_other", 400)):
            answer = self.ask("GET", "/v1/scopes/user_within", headers={"X-User-ID": outer})
            self.assertEqual(answer.status, status, answer.text)
        refused = self.ask("DELETE", "/v1/scopes/user_within", headers={"X-User-ID": "user_other"})
        self.refused(refused, 400, "invalid_argument")
        self.assertEqual(self.ask("GET", "/v1/scopes/user_within").status, 200)
        # mem0's clients send none: whoever stands between and does must not be passed over.
        listed = self.ask("POST", "/mem0/v3/memories/", {"filters": {"user_id": "a"}}, headers={"X-User-ID": "user_b"})
        self.assertEqual(listed.status, 400, listed.text)
        twice = self.ask("DELETE", "/mem0/v1/memories/?user_id=a&user_id=b")
        self.assertEqual(twice.status, 400, twice.text)

    def test_keys_are_made_listed_and_revoked(self):
        made = self.ask("POST", "/v1/keys", {"scope": "user_keyed", "permissions": "read,write", "label": "agent"})
        self.assertEqual(made.status, 201)
        own = made.json["api_key"]
        self.assertEqual(self.ask("POST", "/v1/memories", {"content": "mine"}, own).json["author"], "agent")
        self.refused(self.ask("GET", "/v1/memories?user_id=team_eng", key=own), 403, "forbidden")
        self.refused(self.ask("GET", "/v1/keys", key=own), 403, "forbidden")
        listed = [each["key_id"] for each in self.ask("GET", "/v1/keys").json["results"]]
        self.assertIn(made.json["key_id"], listed)
        self.assertTrue(self.ask("DELETE", "/v1/keys/" + made.json["key_id"]).json["revoked_at"])
        self.refused(self.ask("GET", "/v1/memories", key=own), 401, "unauthenticated")

    def test_the_audit_trail_has_requests_by_their_ids(self):
        answer = self.ask("POST", "/v1/memories", {"content": "told", "user_id": "user_told"})
        lines = self.ask("GET", "/v1/audit?user_id=user_told&operation=memory.create").json["results"]
        self.assertEqual([each["request_id"] for each in lines], [answer.headers["x-request-id"]])
        self.assertNotIn("told", json.dumps(lines[0]["reason"]))
        self.assertTrue(self.ask("GET", "/v1/audit/verify").json["intact"])
        self.assertIn("signature", self.ask("GET", "/v1/audit/checkpoint").json)
        exported = self.ask("GET", "/v1/audit/export")
        self.assertEqual(exported.headers["content-type"], "application/jsonl")
        last = json.loads(exported.text.splitlines()[-1])
        self.assertEqual(last["public_key"], self.ask("GET", "/v1/receipt-key").json["public_key"])

    # -- who may what --

    def test_nothing_is_told_to_whoever_has_no_key(self):
        described = self.ask("GET", "/openapi.json").json["paths"]
        for path, methods in described.items():
            for method, what in methods.items():
                filled = re.sub(r"\{[^}]*\}", "x", path)
                for key in ("", "cloister_nonsense"):
                    headers = {"Authorization": "Bearer " + key} if key else {}
                    answer = self.server.ask(method.upper(), filled, None, None, headers)
                    if what.get("security") == []:
                        self.assertEqual(answer.status, 200, path)
                    else:
                        self.assertIn(answer.status, (400, 401, 403, 405, 406), f"{method} {path}: {answer.text}")

    def test_another_tenants_memory_is_like_one_that_never_was(self):
        made = self.made("secret", "user_sarah")
        never = "01900000-0000-7000-8000-000000000000"
        def told(identifier, method, path="", body=None):
            answer = self.ask(method, f"/v1/memories/{identifier}{path}?user_id=user_x", body, self.other)
            return answer.status, re.sub(r'"request_id":"\w+"', "", answer.text)
        for method, path, body in (("GET", "", None), ("DELETE", "", None), ("PATCH", "", {"content": "y"}),
                                   ("GET", "/history", None), ("POST", "/restore", {"revision": 1}),
                                   ("POST", "/share", {"to": "user_y"})):
            self.assertEqual(told(made["id"], method, path, body), told(never, method, path, body))
            self.assertEqual(told(made["id"], method, path, body)[0], 404)
        for path in ("/v1/memories?user_id=org_acme/user_sarah", "/v1/scopes/org_acme%2Fuser_sarah",
                     "/v1/memories?scopes=org_acme/user_sarah"):
            self.assertNotEqual(self.ask("GET", path, key=self.other).status, 200)

    def test_the_operators_routes_want_the_operators_key(self):
        for method, path, body in (("GET", "/v1/orgs", None), ("POST", "/v1/orgs", {"org": "org_mine"}),
                                   ("PATCH", "/v1/orgs/org_acme", {}), ("DELETE", "/v1/orgs/org_other", None),
                                   ("POST", "/v1/backup", {"file": "/tmp/x"}), ("POST", "/v1/master-key/rotate", {})):
            self.refused(self.ask(method, path, body), 403, "forbidden")
        for path in "/v1/memories", "/v1/whoami":
            told = self.ask("GET", path, key=self.server.operator_key)
            self.refused(told, 401, "unauthenticated")
            self.assertIn("this is the operator's key", told.json["detail"])

    def test_the_operator_makes_configures_and_erases_organizations(self):
        operator = self.server.operator_key
        self.refused(self.ask("POST", "/v1/orgs", {"org": "org_acme"}, operator), 409, "conflict")
        own = self.server.organization("org_brief")
        settings = self.ask("PATCH", "/v1/orgs/org_brief", {"language": "german", "sessions_max": 2}, operator).json
        self.assertEqual((settings["language"], settings["limits"]["sessions_max"]), ("german", 2))
        # One that lost its key.
        wanted = {"permissions": "read", "scope": "org_brief/user_a"}
        made = self.ask("POST", "/v1/orgs/org_brief/keys", wanted, operator)
        self.assertEqual((made.status, made.json["scope"]), (201, "org_brief/user_a"))
        self.assertEqual(self.ask("GET", "/v1/whoami", key=made.json["api_key"]).json,
                         {"scope": "org_brief/user_a", "permissions": "read"})
        self.assertEqual(self.ask("POST", "/v1/orgs/org_brief/keys", {"permissions": "all"}, operator).json["scope"],
                         "org_brief")
        other = self.ask("POST", "/v1/orgs/org_brief/keys", {"permissions": "all", "scope": "org_acme"}, operator)
        self.assertIn(other.status, (400, 403), other.text)
        gone = self.ask("DELETE", "/v1/orgs/org_brief?now=true", key=operator).json
        self.assertEqual((gone["state"], gone["receipt"]["scope"]), ("erased", "org_brief"))
        self.assertIn(self.ask("GET", "/v1/memories", key=own).status, (401, 410))
        backup = self.ask("POST", "/v1/backup", {"file": str(self.server.dir / "b")}, operator)
        self.assertEqual(backup.status, 201, backup.text)
        self.assertGreater(backup.json["records"], 0)
        self.assertEqual(self.ask("POST", "/v1/master-key/rotate", {}, operator).json["version"], 2)

    # -- HTTP --

    def test_two_keys_or_scopes_are_not_chosen_from(self):
        long = self.ask("GET", "/v1/memories?cursor=" + "x" * 100_000)
        self.refused(long, 431, "too_large")
        connection = self.server.connect()
        connection.putrequest("GET", "/v1/memories")
        for key in (self.key, self.other):
            connection.putheader("Authorization", "Bearer " + key)
        connection.endheaders()
        self.assertEqual(connection.getresponse().status, 400)
        connection.close()
        self.refused(self.ask("GET", "/v1/memories", headers={"X-API-Key": self.other}), 400, "invalid_argument")

    def test_a_connection_is_used_again_and_answers_in_order(self):
        connection = self.server.connect()
        for _ in range(3):
            self.assertEqual(ask_on(connection, "GET", "/healthz").status, 200)
        connection.close()
        connection = self.server.connect()
        connection.connect()
        connection.sock.sendall(b"".join(
            f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode() for path in ("/healthz", "/readyz", "/nope")))
        text = b""
        while text.count(b"HTTP/1.1") < 3 or not text.endswith(b"}"):
            text += connection.sock.recv(65536)
        self.assertEqual(re.findall(rb"HTTP/1.1 (\d+)", text), [b"200", b"200", b"404"])
        connection.close()
        head = self.ask("HEAD", "/healthz")
        self.assertEqual((head.status, head.text), (200, ""))
        self.assertGreater(int(head.headers["content-length"]), 0)

    def test_logs_and_metrics_have_no_content_and_no_names(self):
        self.made("a canary of content", "user_canary")
        self.ask("POST", "/v1/memories/search", {"query": "canary query", "user_id": "user_canary"})
        log = self.server.log()
        tag = self.ask("GET", "/v1/scopes/user_canary").json["tag"]
        self.assertIn(tag, log)
        metrics = self.ask("GET", "/metrics").text
        self.assertIn('cloister_operations_total{operation="create_memory",outcome="ok"}', metrics)
        for text in (log, metrics):
            for word in ("canary", "user_", "org_", self.key):
                self.assertNotIn(word, text)


class Life(unittest.TestCase):
    def test_a_stop_finishes_what_is_in_flight_and_a_start_has_it_all(self):
        with Served(CLOISTER) as server:
            key = server.organization("org_acme")
            connection = server.connect()
            ask_on(connection, "GET", "/healthz")
            made = server.ask("POST", "/v1/memories", {"content": "x", "user_id": "user_a"}, key).json
            self.assertEqual(server.stop(), 0)
            connection.close()
            self.assertFalse((server.dir / "data" / "server-url").exists())
            server.start()
            read = server.ask("GET", f"/v1/memories/{made['id']}?user_id=user_a", key=key)
            self.assertEqual(read.json, made)

    def test_a_command_is_told_where_the_server_is(self):
        with Served(CLOISTER) as server:
            with self.assertRaises(Exception) as failed:
                server.run("org", "list")
            self.assertIn(server.url, failed.exception.stderr)

    def test_a_killed_server_has_what_it_answered(self):
        with Served(CLOISTER, "--log-level", "off") as server:
            key = server.organization("org_acme")
            for _ in range(3):
                ids = []
                connection = server.connect()
                for i in range(50):
                    answer = ask_on(connection, "POST", "/v1/memories", {"content": str(i), "user_id": "user_a"}, key)
                    ids.append(answer.json["id"])
                server.end()
                connection.close()
                server.start()
                listed = server.ask("GET", "/v1/memories?user_id=user_a&limit=1000", key=key).json["results"]
                self.assertLessEqual(set(ids), {each["id"] for each in listed})

    def test_a_sealed_store_says_so(self):
        with Served(CLOISTER) as server:
            key = server.organization("org_acme")
            server.stop()
            for each in (server.dir / "config").rglob("*.key"):
                each.rename(each.with_suffix(".away"))
            server.start()
            self.assertEqual(server.ask("GET", "/readyz").json["status"], "sealed")
            self.assertEqual(server.ask("GET", "/healthz").status, 200)
            answer = server.ask("GET", "/v1/memories", key=key)
            self.assertEqual((answer.status, answer.code), (503, "sealed"))


if __name__ == "__main__":
    unittest.main()
