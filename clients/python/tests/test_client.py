# SPDX-FileCopyrightText: The Cloister authors
# SPDX-License-Identifier: Apache-2.0
"""The client against a real server.

    test_client.py CLOISTER
"""

import asyncio
import http.server
import json
import pathlib
import subprocess
import sys
import threading
import unittest

HERE = pathlib.Path(__file__).resolve()
sys.path[:0] = [str(HERE.parents[1]), str(HERE.parents[3] / "tests" / "server")]

from served import Served  # noqa: E402

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
