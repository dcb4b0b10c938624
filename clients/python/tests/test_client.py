# SPDX-FileCopyrightText: The Cloister authors
# SPDX-License-Identifier: Apache-2.0
"""The client against a real server.

    test_client.py CLOISTER
"""

import array
import asyncio
import http.server
import json
import pathlib
import signal
import subprocess
import sys
import threading
import time
import unittest

HERE = pathlib.Path(__file__).resolve()
sys.path[:0] = [str(HERE.parents[1]), str(HERE.parents[3] / "tests" / "server")]

from served import Served, eventually  # noqa: E402

import cloister  # noqa: E402
from cloister import AsyncMemoryClient, MemoryClient, MemoryStackClient  # noqa: E402
from cloister.transport import Transport  # noqa: E402

CLOISTER = sys.argv.pop(1)
EXAMPLES = HERE.parents[1] / "examples"


class Client(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Served(CLOISTER, "--log-level", "warn")
        cls.server.start()
        cls.key = cls.server.organization("org_acme")

    @classmethod
    def tearDownClass(cls):
        cls.server.__exit__()

    def client(self, user="user_sarah", **options):
        made = MemoryClient(self.key, user, self.server.url, **options)
        self.addCleanup(made.close)
        return made

    def test_memories_are_created_found_changed_and_deleted(self):
        memory = self.client("user_life")
        made = memory.create_memory(content="User prefers dark mode", memory_type="preference",
                                    metadata={"source": "chat"})
        self.assertEqual(memory.search_memories(query="which mode")["results"][0]["id"], made["id"])
        self.assertEqual(memory.get_memory(made["id"]), made)
        changed = memory.update_memory(made["id"], content="Dark", if_revision=1)
        with self.assertRaises(cloister.ConflictError):
            memory.update_memory(made["id"], content="Light", if_revision=1)
        self.assertEqual([each["revision"] for each in memory.memory_history(made["id"])], [2, 1])
        self.assertEqual(memory.restore_memory(made["id"], 1)["content"], made["content"])
        self.assertEqual(changed["revision"], 2)
        copy = memory.share_memory(made["id"], "team_eng")
        self.assertEqual(copy["scope"], "org_acme/team_eng")
        self.assertEqual(memory.delete_memory(made["id"]), {"deleted": 1})
        with self.assertRaises(cloister.NotFoundError) as failed:
            memory.get_memory(made["id"])
        self.assertTrue(failed.exception.request_id)

    def test_all_pages_are_walked(self):
        memory = self.client("user_pages")
        memory.create_memories([{"content": str(i)} for i in range(120)])
        self.assertEqual(len(list(memory.iterate_memories(limit=50))), 120)
        found = memory.list_memories(filter={"memory_type": {"eq": "fact"}}, limit=3, order="oldest")
        self.assertEqual([each["content"] for each in found["results"]], ["0", "1", "2"])
        self.assertEqual(memory.delete_all_memories(), {"deleted": 120})

    def test_a_session_cleans_up_after_itself(self):
        agent = self.client("agent_planner")
        with agent.open_session(idle_timeout=60) as run:
            note = run.create_memory("a scratch note")
            keep = run.create_memory("worth keeping")
            run.promote([keep["id"]])
            self.assertEqual(run.renew()["session"], run.info["session"])
        with self.assertRaises(cloister.CloisterError):
            run.get_memory(note["id"])
        self.assertEqual([each["content"] for each in agent.iterate_memories()], ["worth keeping"])
        self.assertEqual(agent.list_sessions(), [])

    def test_administration(self):
        root = self.client(None)
        made = root.create_key("read,write", scope="user_keyed", label="agent")
        own = MemoryClient(made["api_key"], base_url=self.server.url)
        self.assertEqual(own.create_memory("mine")["author"], "agent")
        with self.assertRaises(cloister.ForbiddenError):
            own.list_scopes()
        own.close()
        self.assertTrue(root.revoke_key(made["key_id"])["revoked_at"])
        receipt = root.erase_scope("user_keyed")
        self.assertEqual(receipt["memories"], 1)
        with self.assertRaises(cloister.ErasedError):
            self.client("user_keyed").list_memories()
        root.reinstate_scope("user_keyed")
        self.assertTrue(root.verify_audit()["intact"])
        self.assertEqual(root.list_audit(operation="scope.erase", limit=1)["results"][0]["outcome"], "ok")

    def test_asyncio(self):
        async def run():
            async with AsyncMemoryClient(self.key, "user_async", self.server.url) as memory:
                await asyncio.gather(*(memory.create_memory(str(i)) for i in range(20)))
                self.assertEqual(len([each async for each in memory.iterate_memories(limit=6)]), 20)
                async with await memory.open_session() as session:
                    await session.create_memory("gone soon")
                with self.assertRaises(cloister.NotFoundError):
                    await memory.get_memory("01900000-0000-7000-8000-000000000000")
        asyncio.run(run())

    def test_threads_share_a_client(self):
        memory = self.client("user_threads")
        threads = [threading.Thread(target=lambda: [memory.create_memory("x") for _ in range(20)])
                   for _ in range(8)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        self.assertEqual(len(list(memory.iterate_memories())), 160)

    def test_what_is_no_user_id_is_told_before_anything_is_sent(self):
        for name in ("sarah", "user_", "user_a/user_b", "session_a/agent_b", "user_a/", "user_..", "user_a b"):
            with self.assertRaises(cloister.InvalidArgumentError, msg=name):
                MemoryClient(self.key, name, "http://127.0.0.1:1")
        for name in ("org_acme", "org_a/team_b/user_c/agent_d/session_e", "customer_1", "app_x", "user_a.b"):
            MemoryClient(self.key, name, "http://127.0.0.1:1")
        self.assertIs(MemoryStackClient, MemoryClient)

    def test_a_server_that_comes_back_is_found_again(self):
        memory = self.client("user_back", retries=6)
        made = memory.create_memory("x")
        port = self.server.port
        self.server.stop()
        waiting = threading.Timer(0.5, lambda: self.server.start(port))
        waiting.start()
        self.assertEqual(memory.get_memory(made["id"]), made)
        waiting.join()


    def test_memories_are_found_by_embeddings(self):
        memory = self.client("user_vectors")
        for content, embedding in (("the cat sat", [1, 0]), ("a dog ran", [0.8, 0.6]), ("a red cat", [0, 1])):
            memory.create_memory(content, embedding=embedding)
        plain = memory.create_memory("a cat without one")

        def found(*arguments, **options):
            return [(each["content"], round(each["score"], 3))
                    for each in memory.search_memories(*arguments, **options)["results"]]
        near = [("the cat sat", 1.0), ("a dog ran", 0.8), ("a red cat", 0.0)]
        self.assertEqual(found(embedding=[1, 0]), near)
        self.assertEqual(found("cat", embedding=array.array("d", [3, 0]), mode="vector"), near)
        self.assertEqual(found(embedding=[1, 0], min_score=0.5, limit=1), near[:1])
        lexical = found("cat", embedding=[1, 0], mode="lexical")
        self.assertEqual(lexical, found("cat"))
        self.assertEqual(len(lexical), 3)
        both = found("dog", embedding=[0.8, 0.6])
        self.assertEqual(both[0], ("a dog ran", 1.0))
        self.assertEqual(len(both), 3)
        memory.update_memory(plain["id"], embedding=[-1, 0])
        self.assertEqual(found(embedding=[-1, 0])[0], ("a cat without one", 1.0))
        memory.update_memory(plain["id"], embedding=[])
        self.assertEqual(found(embedding=[1, 0]), near)
        for wrong in ({"mode": "vector", "query": "cat"}, {"mode": "hybrid", "embedding": [1, 0]},
                      {"embedding": [1, 0, 0]}, {}):
            with self.assertRaises(cloister.InvalidArgumentError, msg=wrong):
                memory.search_memories(**wrong)


class Events(unittest.TestCase):
    """What happens in a scope, as it happens, and behind a server that is killed."""

    @classmethod
    def setUpClass(cls):
        cls.server = Served(CLOISTER, "--log-level", "warn")
        cls.server.start()
        cls.key = cls.server.organization("org_acme")

    @classmethod
    def tearDownClass(cls):
        cls.server.__exit__()

    def client(self, user, key=None, **options):
        made = MemoryClient(key or self.key, user, self.server.url, **options)
        self.addCleanup(made.close)
        return made

    def test_each_kind_is_told_and_can_be_asked_for_again(self):
        memory = self.client("user_kinds")
        with memory.events() as events:
            self.assertEqual(events.event_id, "0")
            made = memory.create_memory("x")
            memory.create_memories([{"content": "y"}, {"content": "z"}])
            memory.update_memory(made["id"], content="changed")
            memory.delete_memory(made["id"])
            memory.delete_all_memories()
            with memory.open_session():
                pass
            told = [next(events) for _ in range(7)]
        self.assertEqual([each["type"] for each in told],
                         ["created"] * 3 + ["updated", "deleted", "deleted", "session_ended"])
        self.assertEqual((told[0]["id"], told[0]["revision"], told[3]["revision"]), (made["id"], 1, 2))
        self.assertEqual((told[0]["scope"], told[5]["count"]), ("org_acme/user_kinds", 2))
        self.assertNotIn("id", told[5])
        self.assertTrue(told[6]["session"])
        self.assertEqual(events.event_id, told[6]["event_id"])
        self.assertEqual(next(events, None), None)
        # In the middle of those that were stored together, too.
        for place in range(6):
            with memory.events(after=told[place]["event_id"]) as again:
                self.assertEqual([next(again) for _ in told[place + 1:]], told[place + 1:])

    def test_a_memory_that_is_due_is_told_of(self):
        memory = self.client("user_due")
        with memory.events() as events:
            until = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 2))
            made = memory.create_memory("x", expires_at=until)
            self.assertEqual([(each["type"], each["id"]) for each in (next(events), next(events))],
                             [("created", made["id"]), ("expired", made["id"])])

    def test_what_is_not_known_any_more_is_read_anew(self):
        memory = self.client("user_reset")
        memory.create_memory("x")
        with memory.events(after="1000") as events:
            # It has not been told yet.
            self.assertEqual(events.event_id, "1000")
            self.assertEqual(next(events)["type"], "reset")
            self.assertNotEqual(events.event_id, "1000")
            made = memory.create_memory("y")
            self.assertEqual(next(events)["id"], made["id"])

    def test_a_server_that_is_killed_between_two_events(self):
        memory = self.client("user_killed")
        events = memory.events()
        events.open()
        first = memory.create_memory("before")
        self.assertEqual(next(events)["id"], first["id"])
        port = self.server.port
        self.server.stop(signal.SIGKILL)
        threading.Timer(0.5, lambda: self.server.start(port)).start()
        # Before the stream is back, so that it is told from the trail.
        second = self.client("user_killed", retries=8).create_memory("after")
        told = next(events)
        self.assertEqual((told["type"], told["id"]), ("created", second["id"]))
        third = memory.create_memory("at last")
        self.assertEqual(next(events)["id"], third["id"])
        events.close()

    def test_it_ends_with_its_scope(self):
        memory = self.client("user_gone")
        memory.create_memory("x")
        events = memory.events().open()
        self.client(None).erase_scope("user_gone")
        self.assertEqual([each["type"] for each in events], ["erased"])
        with self.assertRaises(cloister.ErasedError):
            next(memory.events())
        session = self.client("user_ends").open_session()
        events = session.events().open()
        session.end()
        told = list(events)
        self.assertEqual([each["type"] for each in told], ["session_ended"])
        self.assertIn("closed", told[0]["reason"])

    def test_who_may_not_read_is_told_so(self):
        root = self.client(None)
        blind = root.create_key("write", scope="user_keyed")["api_key"]
        with self.assertRaises(cloister.ForbiddenError):
            next(self.client(None, blind).events())
        with self.assertRaises(cloister.InvalidArgumentError):
            self.client("user_keyed").events(after="soon").open()
        made = root.create_key("read", scope="user_keyed")
        events = self.client(None, made["api_key"]).events().open()
        root.revoke_key(made["key_id"])
        self.client("user_keyed").create_memory("not for it")
        with self.assertRaises(cloister.AuthenticationError):
            next(events)
        self.assertEqual(list(events), [])

    def test_another_thread_can_close_it(self):
        events = self.client("user_closed").events().open()
        threading.Timer(0.2, events.close).start()
        self.assertEqual(list(events), [])

    def test_asyncio(self):
        async def run():
            async with AsyncMemoryClient(self.key, "user_async", self.server.url) as memory:
                async with memory.events() as events:
                    made = [await memory.create_memory(str(i)) for i in range(3)]
                    told = [await anext(events) for _ in made]
                    self.assertEqual([each["id"] for each in told], [each["id"] for each in made])
                self.assertEqual([each async for each in events], [])
                ids = []
                async for event in memory.events(after=told[0]["event_id"]):
                    ids.append(event["id"])
                    if len(ids) == 2:
                        break
                self.assertEqual(ids, [each["id"] for each in made[1:]])
                # More than a loop has threads, and none is left behind by what is cancelled.
                waiting = [memory.events() for _ in range(40)]
                for each in waiting:
                    await each.open()
                tasks = [asyncio.create_task(anext(each)) for each in waiting]
                late = await memory.create_memory("for all")
                self.assertEqual({each["id"] for each in await asyncio.gather(*tasks)}, {late["id"]})
                ended = asyncio.create_task(anext(waiting[0]))
                await asyncio.sleep(0.1)
                ended.cancel()
                with self.assertRaises(asyncio.CancelledError):
                    await ended
                for each in waiting:
                    await each.aclose()
        before = threading.active_count()
        asyncio.run(run())
        self.assertTrue(eventually(lambda: threading.active_count() <= before))


class Retries(unittest.TestCase):
    """What is sent again, and what is not, by a server that answers what it is told."""

    def serve(self, *answers):
        left = list(answers)
        seen = []

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                seen.append(self.headers)
                status, code = left.pop(0)
                body = json.dumps({"code": code, "detail": "x", "results": []}).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                if status in (429, 503):
                    self.send_header("Retry-After", "7")
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        pauses = []
        client = MemoryClient("cloister_x_y", "user_a", f"http://127.0.0.1:{server.server_port}")
        client._transport = Transport(client.base_url, "k", 5, 3, pauses.append)
        self.addCleanup(client.close)
        return client, seen, pauses

    def test_a_create_is_sent_again_under_one_name(self):
        client, seen, pauses = self.serve((503, "unavailable"), (429, "rate_limited"), (201, "ok"))
        client.create_memory("x")
        self.assertEqual(len({each["Idempotency-Key"] for each in seen}), 1)
        self.assertEqual(pauses, [7.0, 7.0])

    def test_what_may_have_been_done_is_not_done_twice(self):
        client, seen, _ = self.serve((503, "unavailable"))
        with self.assertRaises(cloister.UnavailableError):
            client.share_memory("01900000-0000-7000-8000-000000000000", "team_a")
        self.assertEqual(len(seen), 1)
        client, seen, _ = self.serve((503, "overloaded"), (201, "ok"))
        client.share_memory("01900000-0000-7000-8000-000000000000", "team_a")
        self.assertEqual(len(seen), 2)

    def test_it_gives_up_in_the_end(self):
        client, seen, pauses = self.serve(*[(503, "unavailable")] * 4)
        with self.assertRaises(cloister.UnavailableError) as failed:
            client.search_memories("x")
        self.assertEqual((len(seen), len(pauses), failed.exception.status), (4, 3, 503))

    def serve_streams(self, *streams):
        """A server that answers each request for events with the next text, and the status before it."""
        left = list(streams)
        seen = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                seen.append((self.path, self.headers.get("Last-Event-ID"), time.monotonic()))
                status, text = left.pop(0)
                self.send_response(status)
                self.send_header("Content-Type", "text/event-stream" if status == 200 else "application/json")
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, *_):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        return MemoryClient("k", "user_a", f"http://127.0.0.1:{server.server_port}", retries=1), seen

    def test_events_go_on_where_they_were_cut_off(self):
        def told(place, kind="created"):
            return f'id: {place}\nevent: {kind}\ndata: {{"type":"{kind}","scope":"org_a/user_a"}}\n\n'
        gone = json.dumps({"code": "erased", "detail": "gone"})
        busy = json.dumps({"code": "sealed", "detail": "x"})
        client, seen = self.serve_streams(
            (503, json.dumps({"code": "overloaded", "detail": "x"})),
            (200, "retry: 150\nid: 4.1\n\n"),
            (200, ":\n\n" + told(5)[:-1]),
            (503, busy), (503, busy), (503, busy),
            (200, told(5).replace("\n", "\r\n") + told("6.1") + "id: 7\nevent: cre"),
            (410, gone))
        self.assertEqual([(each["type"], each["event_id"]) for each in client.events(after="3")],
                         [("created", "5"), ("created", "6.1"), ("erased", "6.1")])
        self.assertEqual([each for _, each, _ in seen],
                         [None, None, "4.1", "4.1", "4.1", "4.1", "4.1", "6.1"])
        self.assertEqual({each for each, _, _ in seen}, {"/v1/events?after=3"})
        times = [each for _, _, each in seen]
        self.assertGreaterEqual(times[2] - times[1], 0.15)
        # Twice as long each time: 0.3, 0.6, 1.2.
        self.assertGreaterEqual(times[6] - times[5], 1.2)

    def test_events_of_a_server_that_is_not_there(self):
        busy = json.dumps({"code": "overloaded", "detail": "x"})
        client, seen = self.serve_streams((503, busy), (503, busy))
        with self.assertRaises(cloister.UnavailableError):
            client.events().open()
        self.assertEqual(len(seen), 2)


class Examples(unittest.TestCase):
    def test_each_runs_and_says_what_it_did(self):
        with Served(CLOISTER, "--log-level", "warn") as server:
            key = server.organization("org_acme")
            env = dict(server.env, CLOISTER_URL=server.url, CLOISTER_API_KEY=key,
                       PYTHONPATH=str(HERE.parents[1]))
            programs = sorted(EXAMPLES.glob("*.py"))
            self.assertEqual(len(programs), 5)
            for each in programs:
                done = subprocess.run([sys.executable, str(each)], env=env, text=True, capture_output=True)
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertTrue(done.stdout.strip(), each)


if __name__ == "__main__":
    unittest.main()
