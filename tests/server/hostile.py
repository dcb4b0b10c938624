#!/usr/bin/env python3
# SPDX-FileCopyrightText: The Cloister authors
# SPDX-License-Identifier: Apache-2.0
"""What no client sends by mistake: each is refused or dropped, and the server
serves the next one.

    hostile.py CLOISTER
"""

import contextlib
import json
import re
import socket
import sys
import threading
import time
import unittest

from served import Served, ask_on, eventually

CLOISTER = sys.argv.pop(1)


class Hostile(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Served(CLOISTER, "--transfer-timeout", "1s", "--idle-timeout", "2s",
                            "--body-bytes-max", "1000000", "--log-level", "warn")
        cls.server.start()
        cls.key = cls.server.organization("org_acme")

    @classmethod
    def tearDownClass(cls):
        cls.server.__exit__()

    def tearDown(self):
        # Whatever was sent, the next one is served.
        self.assertEqual(self.server.ask("GET", "/healthz").status, 200)
        self.assertIsNone(self.server.process.poll())

    def open(self):
        return socket.create_connection(("127.0.0.1", self.server.port), timeout=10)

    def read_all(self, connection):
        text = b""
        try:
            while chunk := connection.recv(65536):
                text += chunk
        except ConnectionError:
            pass
        connection.close()
        return text

    def send(self, data):
        """Sends it whole, and answers what comes until the end."""
        connection = self.open()
        try:
            connection.sendall(data)
        except ConnectionError:
            pass
        return self.read_all(connection)

    def statuses(self, data):
        text = self.send(data)
        return [int(each) for each in re.findall(rb"HTTP/1\.1 (\d{3})", text)]

    def request(self, head, body=b""):
        return (f"{head}\r\nHost: x\r\nX-API-Key: {self.key}\r\n").encode() + body

    def test_half_a_request_is_dropped(self):
        for part in (b"G", b"GET /healthz HTTP/1.1\r\nHost:",
                     b"POST /v1/memories HTTP/1.1\r\nContent-Length: 10\r\n\r\n{"):
            began = time.monotonic()
            answer = self.send(part)
            self.assertLess(time.monotonic() - began, 8)
            self.assertTrue(answer == b"" or b" 408 " in answer.split(b"\r\n")[0], answer)

    def test_a_byte_at_a_time_is_dropped(self):
        connection = self.open()
        began = time.monotonic()
        with self.assertRaises(OSError):
            for letter in b"GET /healthz HTTP/1.1\r\nHost: " + b"x" * 100:
                connection.sendall(bytes([letter]))
                time.sleep(0.1)
        self.assertLess(time.monotonic() - began, 6)
        connection.close()

    def test_silence_is_dropped(self):
        connection = self.open()
        self.assertEqual(connection.recv(1), b"")
        connection.close()

    def test_a_body_without_end_is_refused(self):
        head = self.request("POST /v1/memories HTTP/1.1", b"Transfer-Encoding: chunked\r\n\r\n")
        chunk = b"10000\r\n" + b"x" * 65536 + b"\r\n"
        self.assertEqual(self.statuses(head + chunk * 100), [413])
        long = self.request("POST /v1/memories HTTP/1.1", b"Content-Length: 99999999999\r\n\r\nx")
        self.assertEqual(self.statuses(long), [413])

    def test_a_deadline_holds_for_whoever_sends_just_then(self):
        """It cannot be lost: whoever was late and then is silent is gone."""
        for head in (self.request("POST /v1/memories HTTP/1.1", b"Transfer-Encoding: chunked\r\n\r\n"),
                     self.request("POST /v1/memories HTTP/1.1", b"Content-Length: 100000\r\n\r\n")):
            connection = self.open()
            connection.sendall(head)
            time.sleep(0.8)
            until = time.monotonic() + 0.7
            with contextlib.suppress(OSError):
                while time.monotonic() < until:
                    connection.sendall(b"1\r\nx\r\n")
                    time.sleep(0.002)
            began = time.monotonic()
            with contextlib.suppress(OSError):
                while connection.recv(4096):
                    pass
            self.assertLess(time.monotonic() - began, 5)
            connection.close()

    def test_chunks_are_bounded_beside_what_they_carry(self):
        head = self.request("POST /v1/memories HTTP/1.1", b"Transfer-Encoding: chunked\r\n\r\n")
        for endless in (b"1;" + b"a" * (10 << 20), b"0\r\n" + b"X-Trailer: y\r\n" * (1 << 19)):
            self.assertIn(self.statuses(head + endless), ([400], [413], []))

    def test_headers_behind_a_body_are_refused(self):
        head = self.request("POST /v1/memories HTTP/1.1", b"Transfer-Encoding: chunked\r\n\r\n")
        body = b'{"content": "x"}'
        chunks = b"%x\r\n%s\r\n0\r\n" % (len(body), body)
        self.assertEqual(self.statuses(head + chunks + b"\r\n"), [201])
        self.assertEqual(self.statuses(head + chunks + b"X-User-ID: user_other\r\n\r\n"), [400])

    def test_headers_without_end_are_refused(self):
        many = b"".join(b"X-%d: y\r\n" % i for i in range(10000))
        self.assertEqual(self.statuses(self.request("GET /healthz HTTP/1.1", many + b"\r\n")), [431])
        self.assertEqual(self.statuses(b"GET /" + b"x" * 100000 + b" HTTP/1.1\r\n\r\n"), [431])
        for size in (65_000, 65_534, 70_000, 90_000):
            self.assertIn(self.statuses(b"GET / HTTP/1.1\r\nX: " + b"a" * size + b"\r\n\r\n"), ([431], []))

    def test_what_is_no_http_is_refused(self):
        for data in (b"\x16\x03\x01\x02\x00\x01\x00", b"hello\r\n\r\n", b"GET\r\n\r\n",
                     b"GET /healthz HTTP/9.9\r\n\r\n", b"GET /healthz HTTP/1.1\r\nbad header\r\n\r\n",
                     b"GET /healthz HTTP/1.1\r\nX: a\x00b\r\n\r\n", b"GET /hea\x00lthz HTTP/1.1\r\n\r\n"):
            self.assertIn(self.statuses(data), ([400], []), data)

    def test_lengths_that_differ_are_refused(self):
        inner = b"GET /v1/scopes HTTP/1.1\r\nHost: x\r\n\r\n"
        for headers in (b"Content-Length: 5\r\nContent-Length: 6\r\n",
                        b"Content-Length: -1\r\n", b"Content-Length: 0x10\r\n", b"Content-Length: 1 1\r\n",
                        b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
                        b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
                        b"Transfer-Encoding : chunked\r\n", b"Transfer-Encoding: xchunked\r\n",
                        b"Transfer-Encoding: chunked, identity\r\n", b"Transfer-Encoding: gzip, chunked\r\n",
                        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"):
            data = self.request("POST /v1/memories HTTP/1.1", headers + b"\r\n" + b"0\r\n\r\n" + inner)
            found = self.statuses(data)
            # Never is what follows taken for a request of its own.
            self.assertLessEqual(len(found), 1, (headers, found))
            self.assertTrue(all(status >= 400 for status in found), (headers, found))

    def test_paths_lead_nowhere_else(self):
        for path in ("/v1/../metrics", "/v1/%2e%2e/metrics", "//healthz", "/healthz/", "/./healthz",
                     "/v1%2Fmemories", "/v1/memories/..%2F..%2Fmetrics", "/v1/scopes/..%2f..", "/v1/scopes/%00",
                     "/v1/memories/%", "/v1/memories/%zz", "/docs%00.html", "http://other/metrics", "*"):
            found = self.statuses(self.request(f"GET {path} HTTP/1.1", b"Connection: close\r\n\r\n"))
            self.assertEqual(len(found), 1, path)
            self.assertIn(found[0], (400, 403, 404), path)

    def test_json_that_is_none_is_refused(self):
        for body in (b"{", b"[" * 100000, b'{"content": "\xff\xfe"}', b'{"content": "\\ud800"}', b'{"content": 1e999}',
                     b"\xef\xbb\xbf{}", b'{"content": "x"} {}', b"null", b"0", b'{"content": "x", "metadata": ' +
                     b'{"a":' * 5000 + b"1" + b"}" * 5001):
            answer = self.server.ask("POST", "/v1/memories", body, self.key)
            self.assertEqual((answer.status, answer.code), (400, "invalid_argument"), body[:40])
        many = b'{"content": [' + b"0," * 400_000 + b"0]}"
        self.assertEqual(self.server.ask("POST", "/v1/memories", many, self.key).status, 413)
        self.assertEqual(self.server.ask("POST", "/v1/memories", many).status, 401)
        self.assertEqual(self.server.ask("POST", "/v1/memories", many, "cloister_x_y").status, 401)

    def test_scopes_that_are_none_are_refused(self):
        for name in ("user_", "user_a/user_b", "../user_a", "org_other/user_a", "user_" + "x" * 200,
                     "USER_a", "user_\u00e4", "user_a\n", "session_x/user_a"):
            answer = self.server.ask("POST", "/v1/memories", {"content": "x", "user_id": name}, self.key)
            self.assertIn(answer.status, (400, 403), name)

    def test_more_than_can_be_borne_is_told_to_wait(self):
        with Served(CLOISTER, "--in-flight-max", "4", "--connections-max", "40", "--log-level", "off") as small:
            key = small.organization("org_acme")
            found = []
            def press():
                connection = small.connect()
                try:
                    for _ in range(30):
                        answer = ask_on(connection, "POST", "/v1/memories", {"content": "x", "user_id": "user_a"}, key)
                        found.append((answer.status, "retry-after" in answer.headers))
                except (OSError, json.JSONDecodeError):
                    pass
                connection.close()
            threads = [threading.Thread(target=press) for _ in range(24)]
            for each in threads:
                each.start()
            for each in threads:
                each.join()
            self.assertLessEqual(set(found), {(201, False), (503, True)})
            self.assertIn((201, False), found)
            held = [small.connect() for _ in range(60)]
            turned_away = 0
            for each in held:
                try:
                    turned_away += ask_on(each, "GET", "/healthz").status == 503
                except OSError:
                    turned_away += 1
            for each in held:
                each.close()
            self.assertGreaterEqual(turned_away, 20)
            self.assertTrue(eventually(lambda: small.ask("GET", "/healthz").status == 200))


if __name__ == "__main__":
    unittest.main()
