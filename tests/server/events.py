#!/usr/bin/env python3
# SPDX-FileCopyrightText: The Cloister authors
# SPDX-License-Identifier: Apache-2.0
"""What happens in a scope, as server-sent events, from a real server.

    events.py CLOISTER
"""

import datetime
import json
import pathlib
import random
import re
import resource
import signal
import socket
import sys
import threading
import time
import unittest
import urllib.parse

from served import Served, ask_on, eventually

CLOISTER = sys.argv.pop(1)

# Streams by the hundred are open at a time, here and at the server.
HARD = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (HARD if HARD < 4096 else 4096, HARD))


class CutOff(Exception):
    """A stream that did not end as it should end."""


class Event:
    """One event: its id, which may be empty, its name, and its data."""

    def __init__(self, identifier, name, data):
        self.id = identifier
        self.name = name
        self.data = json.loads(data)

    def __repr__(self):
        return f"{self.id} {self.name} {self.data}"


class Stream:
    """Reads a stream as WHATWG HTML, section 9.2, says; only when it is asked."""

    def __init__(self, server, where, key, after=None, headers=None, timeout=30, buffer=None, version="1.1"):
        self.last_id = after or ""
        self.comments = 0
        self.retry = None
        self._text = b""
        self._chunked = version == "1.1"
        self._timeout = timeout
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        if buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        self.socket.settimeout(timeout)
        self.socket.connect(("127.0.0.1", server.port))
        sent = {"Host": f"127.0.0.1:{server.port}", "Authorization": "Bearer " + key, "Accept": "text/event-stream", **(headers or {})}
        if after is not None:
            sent["Last-Event-ID"] = after
        lines = [f"GET {where} HTTP/{version}"] + [f"{name}: {value}" for name, value in sent.items()]
        self.socket.sendall("\r\n".join(lines + ["", ""]).encode())
        self._file = self.socket.makefile("rb")

    def open(self):
        """Reads the head of the answer, and what is told before anything happens."""
        self.status = int(self._file.readline().split()[1])
        self.headers = {}
        for line in iter(self._file.readline, b"\r\n"):
            name, _, value = line.decode().partition(":")
            self.headers[name.lower()] = value.strip()
        if self.status != 200:
            text = self._file.read(int(self.headers["content-length"]))
            raise AssertionError(f"{self.status}: {text}")
        return self

    def _line(self):
        """Nothing at the end."""
        while b"\n" not in self._text:
            if not self._chunked:
                piece = self._file.readline()
                if not piece and self._text:
                    raise CutOff("within a line")
                if not piece:
                    return None
                self._text += piece
                continue
            size = self._file.readline()
            if not size.endswith(b"\r\n"):
                raise CutOff("where a chunk begins")
            length = int(size, 16)
            piece = self._file.read(length + 2)
            if len(piece) < length + 2:
                raise CutOff("within a chunk")
            if length == 0:
                if self._text:
                    raise CutOff("within a line")
                return None
            self._text += piece[:-2]
        line, _, self._text = self._text.partition(b"\n")
        return line.decode()

    def next(self):
        """The next event, or nothing at the end."""
        identifier, name, data = self.last_id, "", []
        # Signs of life are not what is waited for.
        until = time.monotonic() + self._timeout
        while (line := self._line()) is not None:
            if time.monotonic() > until:
                raise TimeoutError("nothing was told")
            if line == "":
                self.last_id = identifier
                if data:
                    return Event(identifier, name, "\n".join(data))
                name = ""
                continue
            field, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if field == "":
                self.comments += 1
            elif field == "id":
                identifier = value
            elif field == "event":
                name = value
            elif field == "data":
                data.append(value)
            elif field == "retry":
                self.retry = int(value)
            else:
                raise AssertionError("no such field: " + line)
        return None

    def take(self, count):
        out = [self.next() for _ in range(count)]
        if None in out:
            raise AssertionError(f"it ended: {out}")
        return out

    def until_id(self):
        """Reads what is told first: where to go on from."""
        while self.last_id == "":
            if (line := self._line()) is None:
                raise AssertionError("it ended")
            if line.startswith("id: "):
                self.last_id = line[4:]
        return self

    def rest(self):
        """Everything up to the end."""
        return list(iter(self.next, None))

    def close(self):
        self._file.close()
        self.socket.close()


def soon(seconds):
    at = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)
    return at.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


class Scope:
    """One scope, of which each change is noted by what the request was."""

    def __init__(self, test, server, key, user):
        self.test, self.server, self.key, self.user = test, server, key, user
        self.path = "org_acme/" + user
        self.done = []

    def ask(self, method, path, body=None, key=None, user=None):
        answer = self.server.ask(method, path, body, key or self.key, {"X-User-ID": user or self.user})
        self.test.assertIn(answer.status, (200, 201), answer.text)
        return answer

    def note(self, answer, *told):
        self.done.append((answer.headers["x-request-id"], told))
        return answer.json

    def create(self, *contents, **more):
        """One, or several as a batch."""
        memories = [{"content": each, **more} for each in contents]
        answer = self.ask("POST", "/v1/memories", memories[0] if len(memories) == 1 else {"memories": memories})
        made = answer.json["results"] if len(memories) > 1 else [answer.json]
        self.note(answer, *[
            {"type": "created" if each["revision"] == 1 else "updated", "id": each["id"], "revision": each["revision"]}
            for each in made])
        return made if len(memories) > 1 else made[0]

    def update(self, made, **patch):
        changed = self.ask("PATCH", "/v1/memories/" + made["id"], patch)
        told = {"type": "updated", "id": made["id"], "revision": changed.json["revision"]}
        return self.note(changed, told)

    def restore(self, made, revision):
        changed = self.ask("POST", f"/v1/memories/{made['id']}/restore", {"revision": revision})
        return self.note(changed, {"type": "updated", "id": made["id"], "revision": changed.json["revision"]})

    def delete(self, made):
        gone = self.ask("DELETE", "/v1/memories/" + made["id"])
        self.note(gone, {"type": "deleted", "id": made["id"], "revision": made["revision"]})

    def delete_all(self):
        gone = self.ask("DELETE", "/v1/memories?confirm=" + self.user)
        # Told also where there is nothing: what had expired may have been there.
        count = gone.json["deleted"]
        self.note(gone, {"type": "deleted", "count": count} if count else {"type": "deleted"})

    def session(self):
        """Opens one and ends it."""
        opened = self.ask("POST", "/v1/sessions", {}).json
        ended = self.ask("DELETE", "/v1/sessions/" + opened["session"])
        self.note(ended, {"type": "session_ended", "session": ended.json["tag"], "reason": "closed"})

    def look(self):
        """What tells nothing but is in the audit trail."""
        self.ask("POST", "/v1/memories/search", {"query": "x"})
        self.ask("GET", "/v1/memories")

    def trail(self):
        """The audit trail, from its beginning."""
        lines, cursor = [], ""
        while cursor is not None:
            page = self.ask("GET", "/v1/audit?limit=1000" + cursor).json
            lines += page["results"]
            cursor = page.get("cursor") and "&cursor=" + urllib.parse.quote(page["cursor"])
        return sorted(lines, key=lambda line: line["index"])

    def expected(self):
        """Every event, as it should be told, by what the trail has."""
        lines = {line["request_id"]: line for line in self.trail()}
        out = []
        for request, told in self.done:
            line = lines[request]
            for i, each in enumerate(told):
                at = str(line["index"] + 1) if i + 1 == len(told) else f"{line['index']}.{i + 1}"
                out.append((at, each["type"], {"scope": self.path, "at": line["time"], **each}))
        return out


def followed(test, server, key, user, after=None, **more):
    """A stream of a scope, or of the key's own."""
    stream = Stream(server, "/v1/events" + (f"?user_id={user}" if user else ""), key, after, **more)
    test.addCleanup(stream.close)
    return stream.open()


def told(events):
    return [(each.id, each.name, each.data) for each in events]


class Events(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Served(CLOISTER, "--log-level", "warn")
        cls.server.start()
        cls.key = cls.server.organization("org_acme")
        cls.other = cls.server.organization("org_other")

    @classmethod
    def tearDownClass(cls):
        cls.server.__exit__()

    def ask(self, method, path, body=None, key=None, headers=None, status=None):
        answer = self.server.ask(method, path, body, key or self.key, headers)
        if status:
            self.assertEqual(answer.status, status, answer.text)
        return answer

    def scope(self, user):
        return Scope(self, self.server, self.key, user)

    def follow(self, user, after=None, key=None, **more):
        return followed(self, self.server, key or self.key, user, after, **more)

    def refused(self, answer, status, code):
        self.assertEqual((answer.status, answer.code), (status, code), answer.text)
        self.assertEqual(answer.headers["content-type"], "application/problem+json")

    def a_run(self, scope):
        """One of everything, with reads between."""
        first = scope.create("a")
        scope.look()
        batch = scope.create("b", "c", "d")
        scope.update(first, content="a2")
        scope.look()
        scope.create("k", key="k")
        scope.create("k2", key="k")
        scope.create("e", "f")
        scope.restore(first, 1)
        scope.delete(batch[1])
        scope.session()
        scope.look()
        scope.create(*[f"g{i}" for i in range(300)])
        scope.delete_all()
        scope.delete_all()
        scope.create("h", "i")

    # -- what is told --

    def test_everything_is_told_in_order_with_its_position(self):
        scope = self.scope("user_order")
        stream = self.follow(scope.user)
        self.assertEqual(stream.headers["content-type"], "text/event-stream")
        self.assertEqual(stream.headers["cache-control"], "no-store")
        self.a_run(scope)
        expected = scope.expected()
        self.assertEqual(told(stream.take(len(expected))), expected)
        self.assertEqual(stream.retry, 2000)

    def test_a_stream_begins_now(self):
        scope = self.scope("user_now")
        scope.create("before", "before, too")
        stream = self.follow(scope.user).until_id()
        scope.create("after")
        self.assertEqual(told(stream.take(1)), scope.expected()[2:])
        # Whoever was cut off before anything happened goes on from there.
        idle = self.follow(scope.user).until_id()
        idle.close()
        scope.create("meanwhile", "meanwhile")
        scope.create("and again")
        again = self.follow(scope.user, idle.last_id)
        self.assertEqual(told(again.take(3)), scope.expected()[3:])

    def test_from_every_position_exactly_the_rest_is_told(self):
        scope = self.scope("user_rest")
        self.a_run(scope)
        expected = scope.expected()
        end = scope.trail()[-1]["index"]
        def number(position):
            entry, _, within = position.partition(".")
            return int(entry), int(within or 0)
        # A few of the three hundred that came at once are enough.
        ids = [at for at, _, _ in expected[:30]] + [at for at, _, _ in expected[250:]]
        positions = ids + [str(each) for each in range(end + 1) if str(each) not in ids]
        streams = [(at, self.follow(scope.user, at)) for at in positions]
        scope.create("the last", "the very last")
        expected = scope.expected()
        for at, stream in streams:
            rest = [each for each in expected if number(each[0]) > number(at)]
            self.assertEqual(told(stream.take(len(rest))), rest, "from " + at)
            stream.close()
        by_query = Stream(self.server, f"/v1/events?user_id={scope.user}&after={ids[3]}", self.key).open()
        self.assertEqual(told(by_query.take(2)), expected[4:6])
        by_query.close()
        both = Stream(self.server, f"/v1/events?user_id={scope.user}&after={ids[3]}", self.key, ids[6]).open()
        self.assertEqual(told(both.take(2)), expected[7:9])
        both.close()

    def test_two_streams_of_one_scope_get_everything(self):
        scope = self.scope("user_two")
        streams = [self.follow(scope.user) for _ in range(2)]
        self.a_run(scope)
        expected = scope.expected()
        for each in streams:
            self.assertEqual(told(each.take(len(expected))), expected)

    def test_what_expires_is_told(self):
        scope = self.scope("user_due")
        stream = self.follow(scope.user)
        due = scope.create("due", "due as well", expires_at=soon(0.5))
        scope.create("stays")
        stream.take(3)
        gone = stream.take(2)
        self.assertEqual([each.name for each in gone], ["expired"] * 2)
        self.assertEqual({each.data["id"] for each in gone}, {each["id"] for each in due})
        self.assertEqual({each.data["revision"] for each in gone}, {1})
        lines = [line for line in scope.trail() if line["operation"] == "memory.expire"]
        self.assertEqual(gone[-1].id, str(lines[-1]["index"] + 1))
        # What takes the place of one that is due tells of both, whoever was first.
        old = scope.create("old", key="k", expires_at=soon(0.2))
        path = f"/v1/memories/{old['id']}?user_id={scope.user}"
        self.assertTrue(eventually(lambda: self.ask("GET", path).status == 404))
        new = scope.create("new", key="k")
        self.assertNotEqual(old["id"], new["id"])
        self.assertEqual([(each.name, each.data["id"]) for each in stream.take(3)],
                         [("created", old["id"]), ("expired", old["id"]), ("created", new["id"])])

    def test_what_is_only_answered_again_is_not_told(self):
        scope = self.scope("user_again")
        stream = self.follow(scope.user)
        body = {"memories": [{"content": "a"}, {"content": "b"}]}
        where = {"X-User-ID": scope.user, "Idempotency-Key": "k"}
        ids = [[each["id"] for each in self.ask("POST", "/v1/memories", body, headers=where).json["results"]]
               for _ in range(2)]
        self.assertEqual(ids[0], ids[1])
        last = scope.create("last")
        self.assertEqual([each.data["id"] for each in stream.take(3)], ids[0] + [last["id"]])
        # What was refused has not happened.
        self.ask("POST", "/v1/memories", {"memories": [{"content": "c"}, {"content": ""}]}, headers=where, status=400)
        self.ask("PATCH", "/v1/memories/" + last["id"], {"content": "x"},
                 headers={"X-User-ID": scope.user, "If-Match": '"7"'}, status=412)
        gone = scope.create("gone")
        self.assertEqual(stream.next().data["id"], gone["id"])

    def test_copies_are_told_where_they_are(self):
        source, team = self.scope("user_source"), self.scope("team_copies")
        here, there = self.follow(source.user), self.follow(team.user)
        made = source.create("shared")
        copy = self.ask("POST", f"/v1/memories/{made['id']}/share?user_id={source.user}",
                        {"to": team.user}, status=201).json
        self.assertEqual((there.next().data["id"], copy["scope"]), (copy["id"], team.path))
        session = self.ask("POST", "/v1/sessions", {"user_id": source.user}, status=201).json
        kept = self.ask("POST", "/v1/memories", {"content": "keep"}, session["api_key"], status=201).json
        moved = self.ask("POST", f"/v1/sessions/{session['session']}/promote?user_id={source.user}",
                         {"ids": [kept["id"]]}, status=200).json["results"][0]
        events = here.take(2)
        self.assertEqual([each.data["id"] for each in events], [made["id"], moved["id"]])
        # The erasure of where it came from, and of the copies, reaches the copy.
        self.ask("DELETE", f"/v1/scopes/{source.user}?with_shared_copies=true", status=200)
        gone = there.next()
        self.assertEqual((gone.name, gone.data["id"]), ("deleted", copy["id"]))

    def test_nothing_of_anybody_else_is_told(self):
        scope = self.scope("user_own")
        streams = [self.follow(scope.user) for _ in range(3)]
        others = ["user_else", "user_own2", "team_x/user_own", "user_own/agent_x", "team_x", ""]
        own = []
        for i in range(5):
            for user in others:
                made = self.ask("POST", "/v1/memories", {"memories": [{"content": "x"}] * 3, "user_id": user}
                                if user else {"memories": [{"content": "x"}] * 3}, status=201).json["results"]
                self.ask("DELETE", f"/v1/memories/{made[0]['id']}" + (f"?user_id={user}" if user else ""), status=200)
            for user in ("user_own", "user_other"):
                self.ask("POST", "/v1/memories", {"content": "x", "user_id": user}, self.other, status=201)
            session = self.ask("POST", "/v1/sessions", {"user_id": "user_else"}, status=201).json
            self.ask("DELETE", f"/v1/sessions/{session['session']}?user_id=user_else", status=200)
            own.append(scope.create(str(i))["id"])
        for stream in streams:
            self.assertEqual([each.data["id"] for each in stream.take(5)], own)
        foreign = self.follow("user_own", "0", self.other)
        for each in foreign.take(5):
            self.assertEqual(each.data["scope"], "org_other/user_own")
            self.assertNotIn(each.data["id"], own)

    def test_no_content_is_told(self):
        scope = self.scope("user_canary")
        stream = self.follow(scope.user)
        scope.create("a canary of content", key="canary_key", memory_type="canary_type", metadata={"canary": "canary"})
        scope.create("last")
        self.assertNotIn("canary", str(stream.take(2)).replace("user_canary", ""))

    # -- who may --

    def test_only_who_may_read_follows(self):
        scope = self.scope("user_keys")
        made = scope.create("x")
        def key(**what):
            return self.ask("POST", "/v1/keys", what, status=201).json["api_key"]
        def follow(key, user=None, path="/v1/events"):
            return self.ask("GET", path + (f"?user_id={user}" if user else ""), key=key)
        self.refused(follow(key(scope=scope.user, permissions="write,delete,share")), 403, "forbidden")
        self.refused(follow(key(scope="user_sibling", permissions="all"), "org_acme/user_keys"), 403, "forbidden")
        self.refused(follow(key(scope=scope.user + "/agent_x", permissions="all"), "org_acme/user_keys"), 403, "forbidden")
        self.refused(follow(self.other, "org_acme/user_keys"), 403, "forbidden")
        self.refused(follow("cloister_nonsense"), 401, "unauthenticated")
        self.refused(follow(self.server.operator_key), 401, "unauthenticated")
        self.assertEqual(self.server.ask("GET", "/v1/events").status, 401)
        reader = self.follow("", "0", key(scope=scope.user, permissions="read"))
        self.assertEqual(reader.next().data["id"], made["id"])

    def test_what_is_no_position_is_refused(self):
        self.scope("user_wrong").create("x")
        for wrong in ("x", "-1", "1.", ".1", "1.2.3", " 1", "1 ", "+1", "18446744073709551616", "1.4294967296", "1.x", "0x1"):
            answer = self.ask("GET", "/v1/events?user_id=user_wrong&after=" + urllib.parse.quote(wrong))
            self.refused(answer, 400, "invalid_argument")
            if wrong == wrong.strip():
                answer = self.ask("GET", "/v1/events?user_id=user_wrong", headers={"Last-Event-ID": wrong})
                self.refused(answer, 400, "invalid_argument")
        for wrong in ("?aftr=1", "?user_id=nobody", "?after=1&after=2", "?user_id=user_a&user_id=user_b"):
            self.refused(self.ask("GET", "/v1/events" + wrong), 400, "invalid_argument")
        self.assertEqual(self.ask("HEAD", "/v1/events?user_id=user_wrong").status, 200)
        self.assertEqual(self.ask("POST", "/v1/events", {}).status, 405)

    def reset_to(self, scope, stream):
        """It says so first, and goes on from now on."""
        first = stream.next()
        self.assertEqual((first.name, first.data["type"], first.data["scope"]), ("reset", "reset", scope.path))
        self.assertRegex(first.id, r"^\d+$")
        last = scope.create("after a reset")
        self.assertEqual(stream.next().data["id"], last["id"])
        return first

    def test_an_id_that_has_not_been_yet_is_answered_with_a_reset(self):
        scope = self.scope("user_future")
        scope.create("x")
        for ahead in ("5", "1000.7"):
            end = scope.trail()[-1]["index"] + 1
            self.reset_to(scope, self.follow(scope.user, str(end + 50) + ahead))
        never = self.scope("user_never")
        last = never.create("first of all")
        stream = self.follow(never.user, "70")
        self.reset_to(never, stream)
        self.assertEqual(self.follow(never.user, "0").next().data["id"], last["id"])

    def test_an_id_within_an_entry_that_has_not_been_yet_is_answered_with_a_reset(self):
        scope = self.scope("user_ahead")
        scope.create("x")
        # Behind some of what the next entry tells, of which there is nothing yet. The request
        # itself may come first.
        end = scope.trail()[-1]["index"] + 1
        for ahead in (1, 2):
            self.reset_to(scope, self.follow(scope.user, f"{end + ahead}.2"))
            end = scope.trail()[-1]["index"] + 1

    def test_a_key_that_is_revoked_ends_its_streams(self):
        scope = self.scope("user_revoked")
        made = self.ask("POST", "/v1/keys", {"scope": scope.user, "permissions": "read"}, status=201).json
        brief = self.ask("POST", "/v1/keys", {"scope": scope.user, "permissions": "read",
                                              "expires_at": soon(1.5)}, status=201).json
        streams = [self.follow("", key=each["api_key"]) for each in (made, brief)]
        spared = self.follow(scope.user)
        before = scope.create("before")
        self.ask("DELETE", "/v1/keys/" + made["key_id"], status=200)
        self.assertTrue(eventually(lambda: self.ask("GET", "/v1/memories", key=brief["api_key"]).status == 401))
        after = scope.create("after")
        for stream in streams:
            first, last = stream.rest()
            self.assertEqual(first.data["id"], before["id"])
            self.assertEqual((last.name, last.data["type"]), ("error", "unauthenticated"))
            self.assertNotIn(after["id"], str(last))
        self.assertEqual([each.data["id"] for each in spared.take(2)], [before["id"], after["id"]])

    # -- how it ends --

    def test_a_session_ends_its_streams_and_is_told_above(self):
        for resumable in (False, True):
            scope = self.scope(f"user_ends{resumable}")
            above = self.follow(scope.user)
            session = self.ask("POST", "/v1/sessions", {"user_id": scope.user, "resumable": resumable}, status=201).json
            own = self.follow("", key=session["api_key"])
            parents = self.follow(f"{scope.user}/{session['session']}")
            note = self.ask("POST", "/v1/memories", {"memories": [{"content": "a"}, {"content": "b"}]},
                            session["api_key"], status=201).json["results"]
            again = self.follow("", "0", key=session["api_key"])
            # What was not read by then vanishes with the session.
            for stream in (own, parents, again):
                self.assertEqual([(each.name, each.data["id"]) for each in stream.take(2)],
                                 [("created", each["id"]) for each in note])
            receipt = self.ask("DELETE", f"/v1/sessions/{session['session']}?user_id={scope.user}", status=200).json
            for stream in (own, parents, again):
                last = stream.next()
                self.assertEqual((last.name, last.data["type"], last.data["scope"]),
                                 ("session_ended", "session_ended", session["scope"]))
            last = above.next()
            self.assertEqual((last.name, last.data["session"], last.data["reason"]),
                             ("session_ended", receipt["tag"], "closed"))
            self.assertEqual(last.id, str(receipt["audit_index"] + 1))

    def test_an_idle_session_ends_though_it_is_followed(self):
        for resumable in (False, True):
            scope = self.scope(f"user_idle{resumable}")
            above = self.follow(scope.user)
            session = self.ask("POST", "/v1/sessions", {"user_id": scope.user, "idle_timeout": 0.5,
                                                        "resumable": resumable}, status=201).json
            own = self.follow("", key=session["api_key"])
            self.assertEqual([each.name for each in own.rest()], ["session_ended"])
            last = above.next()
            self.assertEqual(last.name, "session_ended")
            self.assertRegex(last.data["session"], "^[0-9a-f]{32}$")

    def test_what_expires_in_a_session_is_told(self):
        for resumable in (False, True):
            session = self.ask("POST", "/v1/sessions", {"user_id": "user_brief", "resumable": resumable}, status=201).json
            own = self.follow("", key=session["api_key"])
            made = self.ask("POST", "/v1/memories", {"content": "x", "expires_at": soon(0.3)}, session["api_key"], status=201).json
            self.assertEqual([(each.name, each.data["id"]) for each in own.take(2)],
                             [("created", made["id"]), ("expired", made["id"])])

    def test_a_scope_that_is_erased_ends_its_streams_and_those_below(self):
        scope, below = self.scope("user_erased"), self.scope("user_erased/agent_below")
        beside = self.follow("user_erased2")
        for turn in range(8):
            made = [scope.create("x")["id"]]
            # Nothing was ever written to it in every other turn.
            if turn % 2:
                below.create("y")
            streams = [(scope.path, self.follow(scope.user), []), (below.path, self.follow(below.user), []),
                       (scope.path, self.follow(scope.user, "0"), made)]
            self.ask("DELETE", "/v1/scopes/" + scope.user, status=200)
            for path, stream, before in streams:
                events = stream.rest()
                self.assertEqual([(each.name, each.data["scope"]) for each in events],
                                 [("created", path)] * len(before) + [("erased", path)])
                self.assertEqual([each.data["id"] for each in events[:-1]], before)
                self.assertEqual(events[-1].data["type"], "erased")
            for user in (scope.user, below.user):
                self.refused(self.ask("GET", "/v1/events?user_id=" + user), 410, "erased")
            # Whoever has the name next begins anew.
            self.ask("POST", "/v1/scopes/user_erased/reinstate", status=200)
        last = self.scope("user_erased2").create("z")
        self.assertEqual(beside.next().data["id"], last["id"])

    def test_an_organization_that_is_erased_ends_all_streams(self):
        key = self.server.organization("org_brief")
        self.ask("POST", "/v1/memories", {"content": "x", "user_id": "user_a"}, key, status=201)
        streams = [self.follow("user_a", key=key), self.follow("org_brief", key=key)]
        self.ask("DELETE", "/v1/orgs/org_brief?now=true", key=self.server.operator_key, status=200)
        for stream in streams:
            (last,) = stream.rest()
            self.assertIn((last.name, last.data["type"]), (("erased", "erased"), ("error", "unauthenticated")))

    # -- connections --

    def test_an_older_protocol_gets_it_without_chunks(self):
        scope = self.scope("user_old")
        stream = self.follow(scope.user, version="1.0")
        self.assertNotIn("transfer-encoding", stream.headers)
        made = scope.create("x")
        self.assertEqual(stream.next().data["id"], made["id"])
        self.ask("DELETE", "/v1/scopes/" + scope.user, status=200)
        self.assertEqual([each.name for each in stream.rest()], ["erased"])

    def test_whoever_talks_without_end_is_dropped(self):
        stream = self.follow("user_talks")
        with self.assertRaises((OSError, CutOff)):
            for _ in range(1000):
                stream.socket.sendall(b"x" * 65536)
            stream.rest()

    def test_hundreds_that_wait_get_each_event(self):
        users = ["user_many"] * 400 + [f"user_many{i}" for i in range(100)]
        streams = [self.follow(user) for user in users]
        made = {user: [self.scope(user).create(str(i), str(i)) for i in range(3)] for user in sorted(set(users))}
        for user, stream in zip(users, streams):
            ids = [each["id"] for batch in made[user] for each in batch]
            self.assertEqual([each.data["id"] for each in stream.take(6)], ids)
        for each in streams:
            each.close()

    def test_more_than_a_scope_works_on_at_a_time_get_each_event(self):
        """Some may be told to come again, and do."""
        streams = [self.follow("user_crowd").until_id() for _ in range(700)]
        ids = []
        while len(ids) < 5:
            answer = self.ask("POST", "/v1/memories", {"content": "x", "user_id": "user_crowd"})
            self.assertIn(answer.status, (201, 503))
            if answer.status == 201:
                ids.append(answer.json["id"])
        for stream in streams:
            seen = []
            while len(seen) < 5:
                if event := stream.next():
                    seen.append(event.data["id"])
                    continue
                stream.close()
                stream = self.follow("user_crowd", stream.last_id)
            self.assertEqual(seen, ids)
            stream.close()

    def rss(self):
        status = pathlib.Path(f"/proc/{self.server.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+) kB", status).group(1)) * 1024

    def test_whoever_does_not_read_holds_back_nobody(self):
        scope = self.scope("user_slow")
        batch = {"user_id": scope.user, "memories": [{"content": "x"} for _ in range(1000)]}
        rounds, slow_ones = 24, 64
        def write(stream):
            """How long it takes until all of it was told."""
            began = time.monotonic()
            seen = []
            reading = threading.Thread(target=lambda: seen.extend(stream.take(rounds * 1000)))
            reading.start()
            made = []
            for _ in range(rounds):
                made += [each["id"] for each in self.ask("POST", "/v1/memories", batch, status=201).json["results"]]
            reading.join()
            self.assertEqual([each.data["id"] for each in seen], made)
            took = time.monotonic() - began
            self.ask("DELETE", f"/v1/memories?user_id={scope.user}&confirm={scope.user}", status=200)
            self.assertEqual(stream.next().data["count"], rounds * 1000)
            return took
        stream = self.follow(scope.user)
        write(stream)
        alone = write(stream)
        before = self.rss()
        slow = [self.follow(scope.user, buffer=4096) for _ in range(slow_ones)]
        beside = write(stream)
        grown = self.rss() - before
        bytes_told = rounds * 1000 * 150
        # All of it kept for each would be much more.
        self.assertLess(grown, slow_ones * bytes_told / 3)
        # All was told in the end, which it would not be if they were waited for.
        print(f"beside {slow_ones} that do not read: {beside / alone:.1f} times as long", file=sys.stderr)
        for each in slow:
            each.close()


class Life(unittest.TestCase):
    def follow(self, server, key, user="user_a", after=None, **more):
        return followed(self, server, key, user, after, **more)

    def test_a_killed_server_goes_on_where_it_was(self):
        """Events are read while batches are written and the server is killed: each is told once."""
        chance = random.Random(7)
        with Served(CLOISTER, "--log-level", "off") as server:
            key = server.organization("org_acme")
            acknowledged, seen, ids = [], [], []
            last = "0"
            for turn in range(6):
                stopping = threading.Event()
                def write():
                    connection = server.connect()
                    try:
                        while not stopping.is_set():
                            answer = ask_on(connection, "POST", "/v1/memories", {
                                "user_id": "user_a", "memories": [{"content": "x"}] * chance.randint(1, 9)}, key)
                            acknowledged.extend(each["id"] for each in answer.json["results"])
                    except Exception:
                        pass
                    connection.close()
                stream = self.follow(server, key, after=last)
                # From within an entry, if it comes to that.
                writer = threading.Thread(target=write)
                writer.start()
                events = stream.take(chance.randint(40, 300))
                if turn == 3:
                    stopping.set()
                    writer.join()
                    self.assertEqual(server.stop(), 0)
                else:
                    server.end()
                    stopping.set()
                    writer.join()
                if turn % 2:
                    # What else arrived before.
                    try:
                        while event := stream.next():
                            events.append(event)
                    except (OSError, CutOff):
                        pass
                last = events[-1].id
                seen += [each.data["id"] for each in events]
                ids += [each.id for each in events]
                server.start()
            listed, cursor = [], ""
            while cursor is not None:
                page = server.ask("GET", f"/v1/memories?user_id=user_a&limit=1000&order=oldest{cursor}", key=key).json
                listed += [each["id"] for each in page["results"]]
                cursor = page["cursor"] and "&cursor=" + urllib.parse.quote(page["cursor"])
            stream = self.follow(server, key, after=last)
            events = stream.take(len(listed) - len(seen))
            seen += [each.data["id"] for each in events]
            ids += [each.id for each in events]
            self.assertEqual(len(set(seen)), len(seen))
            self.assertEqual(set(seen), set(listed))
            self.assertLessEqual(set(acknowledged), set(seen))
            numbers = [tuple(map(int, (each + ".0").split(".")[:2])) for each in ids]
            self.assertEqual(numbers, sorted(set(numbers)))

    def test_a_pruned_trail_is_answered_with_a_reset(self):
        with Served(CLOISTER, "--log-level", "off") as server:
            key = server.organization("org_acme")
            def create(*contents):
                body = {"user_id": "user_a", "memories": [{"content": each} for each in contents]}
                return [each["id"] for each in server.ask("POST", "/v1/memories", body, key).json["results"]]
            stream = self.follow(server, key)
            create("a", "b")
            create("c")
            ids = [each.id for each in stream.take(3)]
            server.stop()
            self.assertEqual(stream.rest(), [])
            server.run("audit", "prune", "--scope", "org_acme/user_a", "--before", soon(0))
            server.start()
            for at in ids[:2] + ["0"]:
                again = self.follow(server, key, after=at)
                first = again.next()
                self.assertEqual((first.name, first.data["type"]), ("reset", "reset"), at)
                made = create("d")
                self.assertEqual([each.data["id"] for each in again.take(1)], made)
            # What begins where the rest begins misses nothing.
            fresh = self.follow(server, key).until_id()
            made = create("e", "f")
            self.assertEqual([each.data["id"] for each in fresh.take(2)], made)
            server.stop()
            server.start()
            again = self.follow(server, key, after=fresh.last_id)
            made = create("g")
            self.assertEqual([each.data["id"] for each in again.take(1)], made)

    def test_the_end_of_what_was_pruned_is_still_a_position(self):
        with Served(CLOISTER, "--log-level", "off") as server:
            key = server.organization("org_acme")
            body = {"content": "x", "user_id": "user_a"}
            stream = self.follow(server, key)
            server.ask("POST", "/v1/memories", body, key)
            last = stream.next().id
            server.stop()
            before = soon(0)
            server.start()
            made = server.ask("POST", "/v1/memories", body, key).json
            server.stop()
            server.run("audit", "prune", "--scope", "org_acme/user_a", "--before", before)
            server.start()
            trail = server.ask("GET", "/v1/audit?user_id=user_a", key=key).json["results"]
            first = min(line["index"] for line in trail)
            self.assertGreaterEqual(first, int(last))
            again = self.follow(server, key, after=str(first))
            self.assertEqual([(each.name, each.data["id"]) for each in again.take(1)], [("created", made["id"])])

    def test_a_stop_ends_streams_at_once(self):
        with Served(CLOISTER, "--log-level", "off", "--transfer-timeout", "60s", "--drain-timeout", "60s") as server:
            key = server.organization("org_acme")
            streams = [self.follow(server, key) for _ in range(20)]
            old = self.follow(server, key, version="1.0")
            slow = self.follow(server, key, buffer=4096)
            session = server.ask("POST", "/v1/sessions", {"user_id": "user_a"}, key).json
            within = self.follow(server, session["api_key"], "")
            for _ in range(20):
                server.ask("POST", "/v1/memories", {"user_id": "user_a", "memories": [{"content": "x"}] * 1000}, key)
            for each in streams + [old]:
                each.take(20_000)
            began = time.monotonic()
            self.assertEqual(server.stop(), 0)
            self.assertLess(time.monotonic() - began, 10)
            for each in streams + [old]:
                self.assertEqual(each.rest(), [])
            self.assertIn([each.name for each in within.rest()], ([], ["session_ended"]))

    def test_a_silent_stream_is_kept_and_whoever_does_not_read_is_dropped(self):
        with Served(CLOISTER, "--log-level", "off", "--transfer-timeout", "1s", "--idle-timeout", "1s") as server:
            key = server.organization("org_acme")
            silent = self.follow(server, key, "user_silent")
            slow = self.follow(server, key, buffer=4096)
            for _ in range(30):
                server.ask("POST", "/v1/memories", {"user_id": "user_a", "memories": [{"content": "x"}] * 1000}, key)
            def connections():
                lines = pathlib.Path(f"/proc/{server.process.pid}/net/tcp").read_text().splitlines()
                return sum(1 for line in lines if line.split()[1].endswith(f":{server.port:04X}") and line.split()[3] == "01")
            self.assertTrue(eventually(lambda: connections() == 1))
            seen = []
            with self.assertRaises((OSError, CutOff)):
                while event := slow.next():
                    seen.append(event)
            # It goes on where it was.
            rest = self.follow(server, key, after=seen[-1].id).take(30_000 - len(seen))
            self.assertEqual(len({each.data["id"] for each in seen + rest}), 30_000)
            # A sign of life comes before proxies lose patience.
            silent.until_id()
            began = time.monotonic()
            while (line := silent._line()) != ":":
                self.assertEqual(line, "")
            self.assertLess(time.monotonic() - began, 20)
            made = server.ask("POST", "/v1/memories", {"content": "x", "user_id": "user_silent"}, key).json
            self.assertEqual(silent.next().data["id"], made["id"])


if __name__ == "__main__":
    unittest.main()
