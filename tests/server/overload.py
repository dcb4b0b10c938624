#!/usr/bin/env python3
# SPDX-FileCopyrightText: The Cloister authors
# SPDX-License-Identifier: Apache-2.0
"""Ten times as many connections as a server takes, and as many requests at a time on
those that it does take: each is served or told to wait, nothing grows, and afterwards
it serves as before.

    overload.py CLOISTER [SECONDS]

CLOISTER_TEST_LONG=1 is a minute.
"""

import http.client
import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import threading
import time
import unittest

from measurements import Metrics
from served import Served, ask_on, eventually

CLOISTER = os.path.abspath(sys.argv.pop(1))
LONG = os.environ.get("CLOISTER_TEST_LONG") == "1"
SECONDS = float(sys.argv.pop(1)) if len(sys.argv) > 1 else 60 if LONG else 10
CLIENTS = pathlib.Path(__file__).resolve().parent / "overload_clients.py"
# What the server takes, and how much more there is of it.
CONNECTIONS, IN_FLIGHT, TIMES = 200, 20, 10
# Longer bodies are counted, and there is room for few of them.
LONG_BODY, BODIES = 30_000, 1 << 20
# Of the middle of the last third to that of the first: caches of the store may still
# fill, and allocators keep what they had.
SLACK_RATIO, SLACK_KIB = 1.05, 8 * 1024


def percentile(times, share):
    return sorted(times)[int(len(times) * share)]


class Probe(threading.Thread):
    """One that was there before, and takes its time: how long requests take that are
    served, without the time that those who press take for themselves."""

    def __init__(self, server, key, path):
        super().__init__(daemon=True)
        self.connection, self.key, self.path = server.connect(), key, path
        self.stopping = threading.Event()
        self.times, self.others = [], []
        self.ask()

    def ask(self):
        began = time.monotonic()
        answer = ask_on(self.connection, "GET", self.path, key=self.key)
        if answer.status == 200:
            self.times.append(time.monotonic() - began)
        else:
            self.others.append((answer.status, "retry-after" in answer.headers))

    def run(self):
        try:
            while not self.stopping.wait(0.002):
                self.ask()
        except (OSError, http.client.HTTPException) as failed:
            self.others.append((repr(failed), False))

    def stop(self):
        self.stopping.set()
        self.join()
        self.connection.close()


class Overload(unittest.TestCase):
    def setUp(self):
        self.server = Served(CLOISTER, "--connections-max", str(CONNECTIONS), "--in-flight-max", str(IN_FLIGHT),
                             "--bodies-bytes-max", str(BODIES), "--log-level", "off")
        self.addCleanup(self.server.__exit__)
        self.server.start()
        self.key = self.server.organization("org_acme")
        self.seed = random.randrange(1 << 32)
        print("seed", self.seed)
        self.path = self.prepare()

    def prepare(self):
        """What is asked for, over and over; nothing of it adds to what there is."""
        def text(method, path, body=None):
            body = json.dumps(body) if body else ""
            return (f"{method} {path} HTTP/1.1\r\nHost: x\r\nX-API-Key: {self.key}\r\n"
                    f"Content-Length: {len(body)}\r\n\r\n{body}")
        requests = []
        for i in range(20):
            user = f"user_{i}"
            for number in range(20):
                draft = {"content": f"remember {number} of the window seat", "user_id": user, "key": str(number)}
                made = self.server.ask("POST", "/v1/memories", draft, self.key).json
                requests.append(text("POST", "/v1/memories", draft))
            path = f"/v1/memories/{made['id']}?user_id={user}"
            long = {"content": "long " * (LONG_BODY // 5), "user_id": user, "key": "long"}
            self.server.ask("POST", "/v1/memories", long, self.key)
            requests += [text("GET", path)] * 40
            requests += [text("POST", "/v1/memories/search", {"query": "window seat", "user_id": user})] * 15
            # Answers are long as well.
            requests += [text("GET", f"/v1/memories?user_id={user}&limit=2")] * 10
            requests += [text("POST", "/v1/memories", long)] * 3
        self.requests = self.server.dir / "requests"
        self.requests.write_text(json.dumps(requests))
        return path

    def press(self):
        clients = subprocess.Popen(
            [sys.executable, CLIENTS, str(self.server.port), str(CONNECTIONS * TIMES), str(self.seed), self.requests],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.addCleanup(clients.wait)
        self.addCleanup(clients.kill)
        return clients

    def resident(self):
        status = pathlib.Path(f"/proc/{self.server.process.pid}/status").read_text()
        return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS")))

    def probe(self, seconds):
        probe = Probe(self.server, self.key, self.path)
        probe.start()
        time.sleep(seconds)
        probe.stop()
        return probe.times

    def test_what_cannot_be_served_is_told_to_wait(self):
        self.probe(1)
        idle = self.probe(3)
        before = Metrics(self.server.ask("GET", "/metrics").text)
        probe = Probe(self.server, self.key, self.path)
        clients = self.press()
        # What fills once has filled by then.
        time.sleep(min(4, SECONDS))
        probe.start()
        resident, until = [], time.monotonic() + SECONDS
        while time.monotonic() < until:
            self.assertIsNone(self.server.process.poll(), self.server.log())
            resident.append(self.resident())
            time.sleep(0.05)
        probe.stop()
        told = json.loads(clients.communicate("")[0])
        third = len(resident) // 3
        first, last = percentile(resident[:third], 0.5), percentile(resident[-third:], 0.5)
        self.tell(told, idle, probe, first, last, max(resident))

        # What is there already is written again, which is 200 as well.
        self.assertEqual(set(told["answers"]), {"200", "503+"})
        self.assertLessEqual(set(probe.others), {(503, True)})
        self.assertEqual((told["lost"], told["cut"]), (0, 0))
        # It was too much, of connections and of requests; and not everybody was sent away.
        self.assertGreater(told["answers"]["503+"], 100)
        self.assertLessEqual(set(told["turned"]), {"503+", "without a word"})
        self.assertGreater(told["turned"]["503+"], CONNECTIONS * TIMES // 2)
        self.assertLess(last, first * SLACK_RATIO + SLACK_KIB)
        after = self.as_before(before)
        for operation in ("create_memory", "get_memory", "list_memories", "search_memories"):
            self.assertGreater(after.operations(operation) - before.operations(operation), 100, operation)
        self.assertGreater(after.operations("get_memory", "overloaded"), 10)
        # Nobody was turned away but by the limit.
        refused = after.of("http_connections_refused_total") - before.of("http_connections_refused_total")
        self.assertLessEqual(sum(told["turned"].values()), refused)
        self.stopped_under_load()

    def test_who_is_turned_away_is_told_in_the_usual_form(self):
        held = [self.server.connect() for _ in range(CONNECTIONS)]
        for each in held:
            self.assertEqual(ask_on(each, "GET", "/healthz").status, 200)
        answer = self.server.ask("GET", self.path, key=self.key)
        for each in held:
            each.close()
        self.assertEqual(answer.status, 503)
        self.assertIn("retry-after", answer.headers)
        self.assertIn("x-request-id", answer.headers)
        self.assertEqual((answer.headers["content-type"], answer.code), ("application/problem+json", "overloaded"))

    def tell(self, told, idle, probe, first, last, most):
        answers, turned = told["answers"], told["turned"]
        served = sum(number for status, number in answers.items() if status.startswith("2"))
        print(f"{CONNECTIONS * TIMES} connections to {CONNECTIONS}: {answers}, turned away {turned}, "
              f"lost {told['lost']}, cut {told['cut']}; {served / (SECONDS + 4):.0f} served a second")
        print(f"resident: {first} KiB, then {last} KiB ({last / first:.3f}), at most {most} KiB")
        at_rest = percentile(idle, 0.99)
        print(f"p99 of what was served: idle {at_rest * 1e3:.2f} ms; beside the load "
              f"{percentile(probe.times, 0.99) / at_rest:.1f} times that ({len(probe.times)}, and {len(probe.others)} "
              f"were told to wait); of the load's own {percentile(told['times'], 0.99) / at_rest:.1f} times",
              flush=True)

    def as_before(self, before):
        """Everything is given back, and everybody is served."""
        def now():
            return Metrics(self.server.ask("GET", "/metrics").text)
        self.assertTrue(eventually(lambda: now().of("http_connections") <= before.of("http_connections")), now().text)
        self.assertTrue(eventually(lambda: now().of("http_requests_in_flight") == 1), now().text)
        for i in range(100):
            made = self.server.ask("POST", "/v1/memories", {"content": "x", "user_id": f"user_after{i % 10}"}, self.key)
            self.assertEqual(made.status, 201, made.text)
        self.assertEqual(self.server.ask("GET", "/readyz").json, {"status": "ready"})
        long = {"memories": [{"content": "x" * 60_000}] * 15, "user_id": "user_long"}
        # Room for bodies, too, is there again.
        self.assertEqual(self.server.ask("POST", "/v1/memories", long, self.key).status, 201)
        return now()

    def stopped_under_load(self):
        clients = self.press()
        time.sleep(2)
        began = time.monotonic()
        self.assertEqual(self.server.stop(signal.SIGTERM), 0)
        print(f"stopped under load in {time.monotonic() - began:.1f} s")
        told = json.loads(clients.communicate("")[0])
        self.assertLessEqual(set(told["answers"]), {"200", "503+"})
        self.assertEqual(told["cut"], 0)
        self.assertTrue(self.server.run("audit", "verify", "--json")["intact"])
        self.assertTrue(self.server.run("doctor", "--json")["healthy"])


if __name__ == "__main__":
    unittest.main()
