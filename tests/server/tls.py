#!/usr/bin/env python3
# SPDX-FileCopyrightText: The Cloister authors
# SPDX-License-Identifier: Apache-2.0
"""The server with a certificate of its own: what clients that look closely see of
it, and what those see who speak no TLS, or an old one, or none to the end.

    tls.py CLOISTER

Needs the program openssl (Debian's package openssl).
"""

import json
import os
import pathlib
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import unittest
import warnings

from certificates import Authority, Secure
from served import Served, eventually

CLOISTER = os.path.abspath(sys.argv.pop(1))
CLIENT = pathlib.Path(__file__).resolve().parents[2] / "clients/python"
# Of a handshake, and of an idle connection, at the servers here.
TRANSFER, IDLE = 1, 3
OPTIONS = ("--log-level", "warn", "--transfer-timeout", f"{TRANSFER}s", "--idle-timeout", f"{IDLE}s")


class Tls(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp()
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        cls.authority = Authority(cls.folder)
        cls.stranger = Authority(cls.folder, "stranger")
        cls.files = cls.authority.server("server")
        cls.server = Secure(CLOISTER, cls.files, cls.authority.root, *OPTIONS)
        cls.addClassCleanup(cls.server.__exit__)
        cls.server.start()
        cls.key = cls.server.organization("org_acme")

    def tearDown(self):
        # Whatever was done, the next one is served.
        self.assertEqual(self.server.ask("GET", "/healthz").status, 200)
        self.assertIsNone(self.server.process.poll())

    # -- what is served --

    def test_rest(self):
        self.assertRegex(self.server.url, r"^https://127\.0\.0\.1:\d+$")
        draft = {"content": "Prefers dark mode", "user_id": "user_rest"}
        made = self.server.ask("POST", "/v1/memories", draft, self.key)
        self.assertEqual(made.status, 201, made.text)
        path = made.headers["location"]
        self.assertEqual(self.server.ask("GET", path, key=self.key).json, made.json)
        # What does not come in one record of TLS, either way.
        long = ["x" * 60_000 + str(i) for i in range(40)]
        batch = {"user_id": "user_rest", "memories": [{"content": each} for each in long]}
        self.assertEqual(self.server.ask("POST", "/v1/memories", batch, self.key).status, 201)
        listed = self.server.ask("GET", "/v1/memories?user_id=user_rest&order=oldest", key=self.key).json["results"]
        self.assertEqual([each["content"] for each in listed[1:]], long)

    def test_many_requests_on_one_connection(self):
        connection = self.server.connect()
        self.addCleanup(connection.close)
        for _ in range(50):
            connection.request("GET", "/v1/memories?user_id=user_keep", headers={"X-API-Key": self.key})
            self.assertEqual(json.loads(connection.getresponse().read())["results"], [])

    def test_a_stream_of_events(self):
        connection = self.server.connect()
        self.addCleanup(connection.close)
        connection.request("GET", "/v1/events?user_id=user_events", headers={"Authorization": "Bearer " + self.key})
        stream = connection.getresponse()
        self.assertEqual(stream.status, 200)
        ids = [self.server.ask("POST", "/v1/memories", {"content": str(i), "user_id": "user_events"},
                               self.key).json["id"] for i in range(5)]
        told = []
        while len(told) < 5:
            line = stream.readline()
            if line.startswith(b"data: "):
                told.append(json.loads(line[6:])["id"])
        self.assertEqual(told, ids)

    def test_mcp(self):
        hello = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}
        begun = self.mcp("initialize", hello, {"X-User-ID": "user_mcp"})
        session = {"Mcp-Session-Id": begun.headers["mcp-session-id"]}
        added = self.mcp("tools/call", {"name": "add_memory", "arguments": {"content": "By TLS"}}, session)
        self.assertEqual(added.json["result"]["structuredContent"]["scope"], "org_acme/user_mcp")

    def mcp(self, method, parameters, headers):
        return self.server.ask("POST", "/mcp", {"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters},
                               self.key, {"Accept": "application/json, text/event-stream", **headers})

    def test_the_end_is_told(self):
        # By a message of TLS: else whoever cuts the connection could shorten an answer.
        for request in (b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
                        b"GET /docs HTTP/1.0\r\n\r\n", b"no HTTP\r\n\r\n"):
            with self.server.shake_hands() as connection:
                connection.sendall(request)
                while connection.recv(65536):
                    pass

    # -- versions --

    def test_only_new_versions_are_spoken(self):
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            with self.server.shake_hands(self.only(version)) as connection:
                self.assertEqual(connection.version(), version.name.replace("_", "."))
                connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
                self.assertIn(b" 200 ", connection.recv(65536))
        for version in (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1):
            with self.assertRaises(ssl.SSLError) as refused:
                self.server.shake_hands(self.only(version))
            # The server says so; a client that could not even ask would see something else.
            self.assertEqual(refused.exception.reason, "TLSV1_ALERT_PROTOCOL_VERSION")

    def only(self, version):
        context = ssl.create_default_context(cafile=self.authority.root)
        # Old versions are not even asked for at the usual level.
        context.set_ciphers("ALL:@SECLEVEL=0")
        with warnings.catch_warnings():
            # Those that should not be used any more are.
            warnings.simplefilter("ignore", DeprecationWarning)
            context.minimum_version = context.maximum_version = version
        return context

    # -- what is no TLS --

    def test_plain_http_is_closed(self):
        for data in (b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", b"\x00" * 100, b"\x16\x03\x01\xff\xff" + b"x" * 200,
                     b"\x15\x03\x03\x00\x02\x02\x28", os.urandom(3000)):
            connection, began = self.server.open(), time.monotonic()
            connection.sendall(data)
            answer = self.rest(connection)
            self.assertLess(time.monotonic() - began, TRANSFER + 3)
            self.assertNotIn(b"HTTP/1.1 200", answer)

    def test_half_a_handshake_is_dropped(self):
        hello = self.first_message()
        for data in (b"", hello[:1], hello[:50], hello[:-1], hello):
            connection, began = self.server.open(), time.monotonic()
            connection.sendall(data)
            self.rest(connection)
            self.assertLess(time.monotonic() - began, TRANSFER + 3, len(data))

    def test_a_byte_at_a_time_is_dropped(self):
        connection, began = self.server.open(), time.monotonic()
        with self.assertRaises(OSError):
            for each in self.first_message():
                connection.sendall(bytes([each]))
                time.sleep(0.1)
        self.assertLess(time.monotonic() - began, TRANSFER + 4)
        connection.close()

    def test_who_is_silent_keeps_nobody_waiting(self):
        silent = [self.server.open() for _ in range(200)]
        for _ in range(20):
            began = time.monotonic()
            self.assertEqual(self.server.ask("GET", "/healthz").status, 200)
            self.assertLess(time.monotonic() - began, TRANSFER)
        for each in silent:
            self.rest(each)
        # Behind the handshake it is the other limit.
        with self.server.shake_hands() as connection:
            connection.suppress_ragged_eofs = True
            began = time.monotonic()
            self.assertEqual(connection.recv(1), b"")
            self.assertTrue(IDLE - 1 < time.monotonic() - began < IDLE + 3)

    def first_message(self):
        """What a client says first."""
        taken, given = ssl.MemoryBIO(), ssl.MemoryBIO()
        client = self.server.context.wrap_bio(given, taken, server_hostname="127.0.0.1")
        with self.assertRaises(ssl.SSLWantReadError):
            client.do_handshake()
        return taken.read()

    def rest(self, connection):
        text = b""
        try:
            while chunk := connection.recv(65536):
                text += chunk
        except ConnectionError:
            pass
        connection.close()
        return text

    # -- files --

    def test_files_that_cannot_be_used_are_told(self):
        chain, key = self.files
        empty = self.folder + "/empty"
        pathlib.Path(empty).touch()
        locked = self.authority.locked(key, "secret")
        for number, (files, named) in enumerate((
                ((self.folder + "/none.pem", key), "none.pem"), ((chain, self.folder + "/none.key"), "none.key"),
                ((empty, key), empty), ((chain, empty), empty), ((key, key), key), ((chain, chain), chain),
                ((self.folder, key), self.folder), ((chain, self.folder), self.folder),
                ((chain, self.stranger.server("other")[1]), "other"), ((chain, locked), locked),
                ((chain, None), "--tls-key"), ((None, key), "--tls-cert"))):
            with self.subTest(number):
                options = [f"--tls-{what}={file}" for what, file in zip(("cert", "key"), files) if file]
                # Nobody is there to be asked for a passphrase.
                done = subprocess.run([CLOISTER, "serve", "--listen", "127.0.0.1:0", *options], env=self.elsewhere(),
                                      text=True, capture_output=True, timeout=20, stdin=subprocess.DEVNULL,
                                      start_new_session=True, check=False)
                self.assertEqual((done.returncode, done.stdout), (2, ""), done.stderr)
                self.assertRegex(done.stderr, r"^cloister: invalid_argument: [^\n]*; [^\n]*\n$")
                self.assertIn(named, done.stderr)
                if locked in files:
                    self.assertIn("passphrase", done.stderr)

    def elsewhere(self):
        """A store that no server has."""
        if not hasattr(Tls, "free"):
            Tls.free = Served(CLOISTER)
            self.addClassCleanup(Tls.free.__exit__)
        return Tls.free.env

    # -- our own clients --

    def test_pythons_client(self):
        program = """
import sys, threading
from cloister import MemoryClient
memory = MemoryClient(user_id="user_python", retries=0)
with memory.events() as events:
    made = [memory.create_memory(content=str(i))["id"] for i in range(3)]
    assert [next(events)["id"] for _ in made] == made
    threading.Timer(0.2, events.close).start()
    assert next(events, None) is None
assert [each["id"] for each in memory.iterate_memories()] == made[::-1]
"""
        done = self.python(program, SSL_CERT_FILE=self.authority.root)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        for root, host in ((self.stranger.root, "127.0.0.1"), (self.authority.root, "localhost")):
            done = self.python(program, host, SSL_CERT_FILE=root)
            self.assertIn("SSLCertVerificationError", done.stderr)
            self.assertIn("\ncloister.errors.", done.stderr)
        listed = self.server.ask("GET", "/v1/memories?user_id=user_python", key=self.key).json["results"]
        self.assertEqual(len(listed), 3)

    def python(self, program, host="127.0.0.1", **env):
        return self.run_client([sys.executable, "-c", program], host, PYTHONPATH=str(CLIENT), **env)

    def run_client(self, command, host="127.0.0.1", **env):
        return subprocess.run(command, text=True, capture_output=True, timeout=60, check=False, env=dict(
            self.server.env, CLOISTER_URL=f"https://{host}:{self.server.port}", CLOISTER_API_KEY=self.key, **env))

    def test_the_command_line(self):
        def command(*arguments, root=self.authority.root, host="127.0.0.1"):
            env = {"SSL_CERT_FILE": root} if root else {}
            return self.run_client([CLOISTER, *arguments, "--user-id", "user_cli", "--json"], host, **env)
        made = command("memory", "create", "Prefers dark mode")
        self.assertEqual(made.returncode, 0, made.stderr)
        found = json.loads(command("memory", "list").stdout)["results"]
        self.assertEqual(found, [json.loads(made.stdout)])
        for refused in (command("memory", "list", root=None), command("memory", "list", root=self.stranger.root),
                        command("memory", "list", host="localhost")):
            self.assertEqual((refused.returncode, refused.stdout), (3, ""))
            self.assertIn("certificate verify failed", refused.stderr)

    # -- the end --

    def test_another_certificate_is_used_from_the_next_start(self):
        files = [self.folder + "/" + each for each in ("now.pem", "now.key")]
        for source, at in zip(self.files, files):
            shutil.copy(source, at)
        with Secure(CLOISTER, files, self.authority.root, *OPTIONS) as server:
            serial = server.serial()
            for source, at in zip(self.authority.server("next"), files):
                shutil.copy(source, at)
            self.assertEqual(server.serial(), serial)
            self.assertEqual(server.stop(), 0)
            server.start()
            self.assertNotEqual(server.serial(), serial)

    def test_it_stops_while_somebody_shakes_hands(self):
        with Secure(CLOISTER, self.files, self.authority.root, *OPTIONS) as server:
            silent, kept = server.open(), server.shake_hands()
            self.assertTrue(eventually(lambda: "connections 3" in server.ask("GET", "/metrics").text))
            began = time.monotonic()
            self.assertEqual(server.stop(), 0)
            self.assertLess(time.monotonic() - began, TRANSFER + 3)
            self.assertEqual(kept.recv(1), b"")
            silent.close()
            kept.close()


if __name__ == "__main__":
    unittest.main()
