#!/usr/bin/env python3
# SPDX-FileCopyrightText: The Cloister authors
# SPDX-License-Identifier: Apache-2.0
"""What a server says of itself: /metrics, as Prometheus reads it, and whether it can
be used, at /healthz and /readyz.

    metrics.py CLOISTER [FOLDER]

Prometheus' own program promtool is taken from the PATH, or else unpacked from Debian's
package into FOLDER, or into that of temporary files.
"""

import collections
import json
import os
import pathlib
import re
import resource
import shutil
import signal
import socket
import sys
import threading
import time
import unittest

import measurements
from measurements import Metrics, Used
from served import Served, ask_on, eventually

CLOISTER = os.path.abspath(sys.argv.pop(1))
FOLDER = sys.argv.pop(1) if len(sys.argv) > 1 and not sys.argv[1].startswith(("-", "Metrics", "Readiness")) else None
DOCUMENTED = (pathlib.Path(__file__).resolve().parents[2] / "docs/rest.md").read_text()


class MetricsTest(Used):
    cloister = CLOISTER

    def test_prometheus_accepts_them(self):
        program = measurements.promtool(FOLDER)
        if program is None:
            self.skipTest("promtool is not on the PATH, and Debian's package prometheus cannot be downloaded")
        self.use("user_accepted")
        self.assertEqual(measurements.check(program, self.metrics().text), (0, ""))
        # What it is to find is found.
        self.assertNotEqual(measurements.check(program, "# TYPE a_total gauge\na_total 1\n")[0], 0)

    def test_all_that_is_documented_is_there_and_the_other_way_round(self):
        self.use("user_documented")
        table = re.search(r"## Measurements\n(.*?)\n## ", DOCUMENTED, re.S)[1]
        named = re.findall(r"`(cloister_[a-z_]+\*?)`", table)
        self.assertGreater(len(named), 10)
        there = set(self.metrics().types)
        for each in named:
            matching = {name for name in there if re.fullmatch(each.replace("*", "[a-z_]+"), name)}
            self.assertTrue(matching, each)
            there -= matching
        self.assertEqual(there, set())

    def test_operations_are_counted_by_kind_and_outcome(self):
        before = self.metrics()
        made = [self.made("user_counted") for _ in range(3)]
        path = "/v1/memories/" + made[0]["id"]
        for _ in range(2):
            self.ask("GET", path, user="user_counted")
            self.ask("GET", path, user="user_other")
        self.ask("GET", "/v1/memories", user="user_counted")
        self.ask("POST", "/v1/memories", {"content": 5}, "user_counted")
        self.ask("POST", "/v1/memories", {"content": "x"}, "org_other/user_x")
        self.ask("POST", "/v1/memories", {"content": "x"}, key="cloister_x")
        self.ask("DELETE", path, user="user_counted")
        self.ask("POST", "/v1/memories/search", {"query": "x"}, "user_counted")
        after = self.metrics()
        for operation, outcome, number in (
                ("create_memory", "ok", 3), ("get_memory", "ok", 2), ("get_memory", "not_found", 2),
                ("list_memories", "ok", 1), ("create_memory", "invalid_argument", 1), ("create_memory", "forbidden", 1),
                ("create_memory", "unauthenticated", 1), ("delete_memory", "ok", 1), ("search_memories", "ok", 1),
                ("metrics", "ok", 1)):
            self.assertEqual(after.operations(operation, outcome) - before.operations(operation, outcome), number,
                             (operation, outcome))

    def test_histograms_are_what_they_should_be(self):
        self.use("user_histograms")
        before = self.metrics()
        began = time.monotonic()
        for _ in range(20):
            self.made("user_histograms")
        took = time.monotonic() - began
        after = self.metrics()
        for (name, labels), (buckets, total, count) in after.histograms().items():
            bounds, counts = zip(*buckets)
            self.assertEqual(list(bounds), sorted(set(bounds)), name)
            self.assertEqual(list(counts), sorted(counts), name)
            self.assertEqual((bounds[-1], counts[-1]), (float("inf"), count), (name, labels))
            # What is in a bucket is above the one before.
            least = sum((counts[i] - counts[i - 1]) * bounds[i - 1] for i in range(1, len(bounds)))
            self.assertGreaterEqual(total, least * 0.999, (name, labels))
        for operation in {dict(labels).get("operation") for _, labels in after} - {None}:
            requests = sum(value for (name, labels), value in after.items() if name == "cloister_operations_total"
                           and dict(labels)["operation"] == operation)
            self.assertEqual(after.of("operation_duration_seconds_count", operation=operation), requests, operation)
        more = {name: after.of(name, **labels) - before.of(name, **labels) for name, labels in (
            ("operation_duration_seconds_sum", {"operation": "create_memory"}),
            ("operation_duration_seconds_count", {"operation": "create_memory"}),
            ("commit_duration_seconds_sum", {}), ("commit_duration_seconds_count", {}), ("commit_changes_count", {}))}
        self.assertEqual(more["operation_duration_seconds_count"], 20)
        self.assertTrue(0 < more["operation_duration_seconds_sum"] < took)
        # Each of them waited for its own.
        self.assertGreaterEqual(more["commit_changes_count"], 20)
        self.assertEqual(more["commit_duration_seconds_count"], more["commit_changes_count"])
        self.assertGreater(more["commit_duration_seconds_sum"], 0)

    def test_what_is_gone_and_what_is_awake_is_counted(self):
        def counted(name, by, act):
            before = self.metrics().of(name)
            act()
            self.assertTrue(eventually(lambda: self.metrics().of(name) == before + by),
                            (name, before, self.metrics().of(name)))
        opened = []
        def open_one():
            opened.append(self.ask("POST", "/v1/sessions", {}, "agent_a").json["session"])
        counted("sessions_open", 1, open_one)
        counted("sessions_ended_total", 1, lambda: self.ask("DELETE", "/v1/sessions/" + opened[0], user="agent_a"))
        counted("sessions_open", 1, open_one)
        counted("scopes_active", 10, lambda: [self.made(f"user_awake{i}") for i in range(10)])
        self.made("user_erased")
        counted("scopes_erased_total", 1, lambda: self.ask("DELETE", "/v1/scopes/user_erased"))
        soon = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 2))
        counted("memories_expired_total", 1, lambda: self.made("user_due", expires_at=soon))
        before = self.metrics().of("memory_bytes")
        self.made("user_large", "x" * 60_000)
        self.assertGreater(self.metrics().of("memory_bytes"), before + 60_000)
        # The one that asks; former ones may still be on their way out.
        self.assertTrue(eventually(lambda: self.metrics().of("http_connections") == 1))
        held = [socket.create_connection(("127.0.0.1", self.server.port)) for _ in range(10)]
        self.assertTrue(eventually(lambda: self.metrics().of("http_connections") == 11))
        for each in held:
            each.close()
        self.assertTrue(eventually(lambda: self.metrics().of("http_connections") == 1))

    def test_connections_that_were_refused_are_counted(self):
        with Served(CLOISTER, "--connections-max", "5", "--log-level", "off") as small:
            kept = small.connect()
            ask_on(kept, "GET", "/healthz")
            held = [socket.create_connection(("127.0.0.1", small.port)) for _ in range(24)]
            def refused():
                return Metrics(ask_on(kept, "GET", "/metrics").text).of("http_connections_refused_total")
            self.assertTrue(eventually(lambda: refused() == 20), refused())
            for each in (kept, *held):
                each.close()

    def test_nothing_of_a_tenant_is_in_them(self):
        words = self.use("user_lynx")
        text = self.metrics().text.lower()
        for word in (*words, "zebra", "lynx", "walrus", "lagoon", "ptarmigan", "quokka", "axolotl", "narwhal",
                     "marmoset", "okapi", "gibbon", "tapir", "capybara", "dugong", "pangolin", "wombat", "mandrill",
                     "ibex", "gnat", "jackal", "kudu", "kookaburra", "beef"):
            self.assertNotIn(word.lower(), text)
        self.assertEqual({name for _, labels in Metrics(text) for name, _ in labels}, {"operation", "outcome", "le"})

    def test_their_number_does_not_grow_with_scopes(self):
        self.use("user_first")
        before = self.metrics()
        for i in range(100):
            self.made(f"user_u{i}")
        after = self.metrics()
        self.assertEqual(set(after), set(before))
        self.assertEqual(after.of("scopes_active"), before.of("scopes_active") + 100)

    def test_they_are_answered_under_load(self):
        stop, written = threading.Event(), collections.Counter()
        def write(number):
            connection, draft = self.server.connect(), {"content": "x", "user_id": f"user_w{number}"}
            while not stop.is_set():
                answer = ask_on(connection, "POST", "/v1/memories", draft, self.key)
                written[answer.status] += 1
            connection.close()
        threads = [threading.Thread(target=write, args=(i,)) for i in range(16)]
        before, seen, times = self.metrics(), collections.Counter(), []
        for each in threads:
            each.start()
        until = time.monotonic() + 4
        connection = self.server.connect()
        while time.monotonic() < until:
            began = time.monotonic()
            now = Metrics(ask_on(connection, "GET", "/metrics").text)
            times.append(time.monotonic() - began)
            for name in ("http_requests_in_flight", "requests_in_flight", "commits_waiting", "audit_entries_waiting"):
                seen[name] = max(seen[name], now.of(name))
        stop.set()
        for each in threads:
            each.join()
        connection.close()
        after = self.metrics()
        commits = after.of("commit_changes_count") - before.of("commit_changes_count")
        times.sort()
        print(f"/metrics beside {sum(written.values())} creates, {written[201] / commits:.1f} to a commit: median "
              f"{times[len(times) // 2] * 1e3:.1f} ms, longest {times[-1] * 1e3:.1f} ms; most of all: {dict(seen)}")
        self.assertEqual(set(written), {201})
        self.assertEqual(after.operations("create_memory") - before.operations("create_memory"), written[201])
        self.assertLess(times[-1], 1)
        # Some came together, and each was in one of them.
        self.assertGreaterEqual(after.of("commit_changes_sum") - before.of("commit_changes_sum"), written[201])
        self.assertLess(commits, written[201])
        self.assertGreater(seen["http_requests_in_flight"], 1)
        self.assertGreater(seen["requests_in_flight"], 1)
        self.assertTrue(eventually(lambda: not any(self.metrics().of(name) for name in (
            "requests_in_flight", "commits_waiting", "audit_entries_waiting"))))


class Readiness(unittest.TestCase):
    def setUp(self):
        self.server = Served(CLOISTER, "--log-level", "off")
        self.addCleanup(self.server.__exit__)

    def states(self):
        """Of /healthz and of /readyz."""
        health, ready = (self.server.ask("GET", path) for path in ("/healthz", "/readyz"))
        self.assertEqual((health.status, health.json["status"]), (200, "ok"))
        return ready.status, ready.json["status"]

    def test_sealed(self):
        self.server.start()
        key = self.server.organization("org_acme")
        self.assertEqual(self.states(), (200, "ready"))
        self.server.stop()
        shutil.move(self.server.dir / "config", self.server.dir / "elsewhere")
        self.server.start()
        self.assertEqual(self.states(), (503, "sealed"))
        refused = self.server.ask("GET", "/v1/memories", key=key)
        self.assertEqual((refused.status, refused.code), (503, "sealed"))
        self.assertIn("retry-after", refused.headers)
        self.assertEqual(self.server.ask("GET", "/metrics").status, 200)
        self.assertEqual(self.server.stop(), 0)

    def test_draining(self):
        self.server.start()
        key = self.server.organization("org_acme")
        paths = ("/readyz", "/healthz", "/v1/memories")
        begun = [socket.create_connection(("127.0.0.1", self.server.port), timeout=30) for _ in paths]
        for each, path in zip(begun, paths):
            each.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nX-API-Key: {key}\r\n".encode())
        time.sleep(0.3)
        self.server.process.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        answers = []
        for each in begun:
            each.sendall(b"\r\n")
            text = b"".join(iter(lambda one=each: one.recv(65536), b"")).decode()
            head, _, body = text.partition("\r\n\r\n")
            answers.append((int(head.split()[1]), json.loads(body), "retry-after:" in head.lower()))
            each.close()
        self.assertEqual((answers[0][0], answers[0][1]["status"]), (503, "draining"))
        self.assertEqual((answers[1][0], answers[1][1]["status"]), (200, "ok"))
        self.assertEqual((answers[2][0], answers[2][1]["code"], answers[2][2]), (503, "overloaded", True))
        self.assertEqual(self.server.process.wait(30), 0)
        self.server.end()

    def test_reopening(self):
        # Where no file can grow each write fails, like on a full disk; the signal that
        # comes with it is to be passed over.
        wrapper = self.server.dir / "cloister"
        wrapper.write_text(f"#!/bin/sh\ntrap '' XFSZ\nexec '{CLOISTER}' \"$@\"\n")
        wrapper.chmod(0o755)
        self.server.cloister = str(wrapper)
        self.server.start()
        key = self.server.organization("org_acme")
        hard = resource.prlimit(self.server.process.pid, resource.RLIMIT_FSIZE)[1]
        resource.prlimit(self.server.process.pid, resource.RLIMIT_FSIZE, (1, hard))
        memory = {"content": "x", "user_id": "user_a"}
        failed = self.server.ask("POST", "/v1/memories", memory, key)
        self.assertEqual((failed.status, failed.code), (503, "unavailable"))
        self.assertIn("retry-after", failed.headers)
        self.assertEqual(self.states(), (503, "reopening"))
        resource.prlimit(self.server.process.pid, resource.RLIMIT_FSIZE, (hard, hard))
        self.assertTrue(eventually(lambda: self.states() == (200, "ready")))
        self.assertEqual(self.server.ask("POST", "/v1/memories", memory, key).status, 201)


if __name__ == "__main__":
    unittest.main()
