# SPDX-FileCopyrightText: The Cloister authors
# SPDX-License-Identifier: Apache-2.0
"""Those who write to a scope by one client or another, and those who follow it. They
come back by themselves where the server was gone, and note what they were told."""

import asyncio
import json
import pathlib
import random
import subprocess
import threading
import time

from ledger import Ledger

from cloister.errors import NotFoundError, UnavailableError

HERE = pathlib.Path(__file__).resolve().parent
# What one writer has at a time, so that long runs do not become slow ones.
POOL_MAX = 40
PAUSE = 0.004


class Writer:
    """One of those that write to a scope; ready, then started, then stopped."""

    def __init__(self, name, user):
        self.ledger = Ledger(name)
        self.user = user
        self.stopping = threading.Event()
        self.stopped = threading.Event()

    def start(self):
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        try:
            self.work()
        except Exception as failed:  # pylint: disable=broad-except
            self.ledger.record({"op": "failed", "why": f"{self.ledger.name}: {failed!r}"})
        self.stopped.set()

    def ready(self):
        return True

    def stop(self):
        self.stopping.set()

    def end(self):
        pass


class Steps:
    """What a writer of Python does next; the clients differ only in how they are called."""

    def __init__(self, writer, seed):
        self.ledger, self.name = writer.ledger, writer.ledger.name
        self.random = random.Random(seed)
        self.pool, self.number = [], 0

    def content(self):
        self.number += 1
        return f"{self.name} {self.number}"

    def next(self):
        """A call of the client, and what is noted of its answer."""
        wish = self.random.random()
        if len(self.pool) < 5 or (wish < 0.5 and len(self.pool) < POOL_MAX):
            if wish < 0.1:
                contents = [self.content() for _ in range(3)]
                return "create_memories", ([{"content": each} for each in contents],), {}
            content = self.content()
            return "create_memory", (content,), {"idempotency_key": content}
        chosen = self.random.choice(self.pool)
        if wish < 0.75:
            return "update_memory", (chosen,), {"content": self.content()}
        return "delete_memory", (chosen,), {}

    def note(self, call, arguments, options, answer):
        if call.startswith("create"):
            for each in answer if isinstance(answer, list) else [answer]:
                self.pool.append(each["id"])
                self.ledger.record({"op": "create", "has_key": "idempotency_key" in options, **each})
        elif call == "update_memory":
            self.ledger.record({"op": "update", **answer})
        else:
            self.pool.remove(arguments[0])
            self.ledger.record({"op": "delete", "id": arguments[0]})

    def settle(self, call, arguments, options, found):
        """After a change that was cut off: what a read says, None if there is nothing."""
        if call == "delete_memory" and found is None:
            self.note(call, arguments, options, None)
        if call == "update_memory" and found["content"] == options["content"]:
            self.note(call, arguments, options, found)


class SyncWriter(Writer):
    def __init__(self, name, user, client, seed):
        super().__init__(name, user)
        self.client, self.steps = client, Steps(self, seed)

    def work(self):
        while not self.stopping.is_set():
            call, arguments, options = self.steps.next()
            try:
                answer = getattr(self.client, call)(*arguments, **options)
                self.steps.note(call, arguments, options, answer)
            except UnavailableError:
                # Creates are sent again by the client until it is known.
                if call.startswith("create"):
                    raise
                try:
                    found = self.client.get_memory(arguments[0])
                except NotFoundError:
                    found = None
                self.steps.settle(call, arguments, options, found)
            time.sleep(PAUSE)


class AsyncWriter(SyncWriter):
    def work(self):
        asyncio.run(self.awaited())

    async def awaited(self):
        while not self.stopping.is_set():
            call, arguments, options = self.steps.next()
            try:
                answer = await getattr(self.client, call)(*arguments, **options)
                self.steps.note(call, arguments, options, answer)
            except UnavailableError:
                if call.startswith("create"):
                    raise
                try:
                    found = await self.client.get_memory(arguments[0])
                except NotFoundError:
                    found = None
                self.steps.settle(call, arguments, options, found)
            await asyncio.sleep(PAUSE)


class NodeWriter(Writer):
    def __init__(self, kind, user, node, env, seed):
        super().__init__(kind, user)
        self.events = []
        self.is_ready = threading.Event()
        self.errors = open(env["CLOISTER_SCRATCH"] + "/" + kind, "w+")
        self.process = subprocess.Popen(
            [node, HERE / "kill_under_load.mjs", kind, user, str(seed)], text=True, env=env,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors)

    def work(self):
        for line in self.process.stdout:
            told = json.loads(line)
            if told["op"] == "event":
                self.events.append(told["event"])
            elif told["op"] == "ready":
                self.is_ready.set()
            elif told["op"] == "stopped":
                self.stopped.set()
            else:
                self.ledger.record(told)
        if not self.stopped.is_set():
            self.errors.seek(0)
            raise RuntimeError("node ended: " + self.errors.read()[-2000:])

    def ready(self):
        return self.is_ready.is_set()

    def stop(self):
        try:
            self.process.stdin.write("stop\n")
            self.process.stdin.flush()
        except OSError:
            pass

    def end(self):
        self.process.kill()
        self.process.wait()
        for each in (self.process.stdin, self.process.stdout, self.errors):
            each.close()


class Follower:
    """Takes every event of a scope, by the client's own coming back."""

    def __init__(self, client):
        self.stream = client.events().open()
        self.events = []
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        for event in self.stream:
            self.events.append(event)

    def end(self):
        self.stream.close()
        self.thread.join()
