#!/usr/bin/env python3
# SPDX-FileCopyrightText: The Cloister authors
# SPDX-License-Identifier: Apache-2.0
"""What one organization may have of what all of them share: it never has so much that
nothing is left for the others, and has it again once it gave some back.

    shares.py CLOISTER
"""

import concurrent.futures
import os
import select
import socket
import sys
import unittest

from served import Served, ask_on, eventually

CLOISTER = os.path.abspath(sys.argv.pop(1))
CONNECTIONS, IN_FLIGHT = 40, 4
BODY, BODIES = 1 << 20, 2 << 20
# Three quarters.
STREAMS = 30
INITIALIZE = {"id": 1, "method": "initialize",
              "params": {"protocolVersion": "2025-11-25", "capabilities": {},
                         "clientInfo": {"name": "t", "version": "1"}}}


class Shares(unittest.TestCase):
    def setUp(self):
        self.server = Served(CLOISTER, "--connections-max", str(CONNECTIONS), "--in-flight-max", str(IN_FLIGHT),
                             "--body-bytes-max", str(BODY), "--bodies-bytes-max", str(BODIES), "--log-level", "off")
        self.addCleanup(self.server.__exit__)
        self.server.start()
        self.acme = self.server.organization("org_acme")
        self.globex = self.server.organization("org_globex")

    def opened(self, key, path="/v1/events", accept="text/event-stream", headers=None):
        """A stream that stays open; its status, and what ends it."""
        connection = self.server.connect()
        self.addCleanup(connection.close)
        sent = {"Authorization": "Bearer " + key, "Accept": accept, **(headers or {})}
        connection.request("GET", path, headers=sent)
        answer = connection.getresponse()
        self.addCleanup(answer.close)
        return answer, connection

    def close(self, stream):
        for each in stream:
            each.close()

    def test_streams_of_one_leave_room_for_others(self):
        open_ones = [self.opened(self.acme) for _ in range(STREAMS)]
        self.assertEqual({answer.status for answer, _ in open_ones}, {200})
        # Nobody gets around it by another kind of stream, or another scope.
        for path in "/v1/events", "/v1/events?user_id=user_other":
            refused, connection = self.opened(self.acme, path)
            self.assertEqual(refused.status, 503)
            self.assertTrue(refused.getheader("Retry-After"))
            self.assertIn(b"too many streams of your organization", refused.read())
            connection.close()
        begun = self.begin_mcp(self.acme)
        headers = {"Mcp-Session-Id": begun.headers["mcp-session-id"]}
        refused, connection = self.opened(self.acme, "/mcp", headers=headers)
        self.assertEqual(refused.status, 503)
        connection.close()

        others = [self.opened(self.globex) for _ in range(5)]
        self.assertEqual({answer.status for answer, _ in others}, {200})
        # Whatever else it asks for is answered.
        self.assertEqual(self.server.ask("GET", "/v1/memories", key=self.acme).status, 200)

        self.close(open_ones[0])
        again = []

        def may_open():
            again.append(self.opened(self.acme))
            return again[-1][0].status == 200
        self.assertTrue(eventually(may_open))

    def ask_mcp(self, key, message, **headers):
        return self.server.ask("POST", "/mcp", {"jsonrpc": "2.0", **message}, key,
                               {"Accept": "application/json, text/event-stream",
                                **{name.replace("_", "-"): value for name, value in headers.items()}})

    def begin_mcp(self, key):
        begun = self.ask_mcp(key, INITIALIZE)
        self.assertEqual(begun.status, 200, begun.text)
        return begun

    def test_connections_of_one_key_end_its_own_first(self):
        made = self.server.ask("POST", "/v1/keys", {"permissions": "read", "scope": "user_many"}, self.acme).json
        kept = self.begin_mcp(self.acme).headers["mcp-session-id"]
        first = self.begin_mcp(made["api_key"]).headers["mcp-session-id"]
        connection = self.server.connect()
        for _ in range(1000):
            begun = ask_on(connection, "POST", "/mcp", {"jsonrpc": "2.0", **INITIALIZE}, made["api_key"])
            self.assertEqual(begun.status, 200)
        connection.close()
        ping = {"id": 2, "method": "ping"}
        self.assertEqual(self.ask_mcp(made["api_key"], ping, Mcp_Session_Id=first).status, 404)
        self.assertEqual(self.ask_mcp(self.acme, ping, Mcp_Session_Id=kept).status, 200)

    def test_what_is_refused_leaves_no_session_behind(self):
        for kind in "ephemeral", "resumable":
            for wrong in ({**INITIALIZE, "params": 7}, {"method": "initialize"}, {**INITIALIZE, "id": "x" * 300}):
                answer = self.ask_mcp(self.acme, wrong, Cloister_Session=kind)
                self.assertNotIn("mcp-session-id", answer.headers)
        self.assertEqual(self.server.ask("GET", "/v1/sessions", key=self.acme).json["results"], [])
        begun = self.ask_mcp(self.acme, INITIALIZE, Cloister_Session="ephemeral")
        self.assertEqual(len(self.server.ask("GET", "/v1/sessions", key=self.acme).json["results"]), 1)
        ended = self.server.ask("DELETE", "/mcp", key=self.acme,
                                headers={"Mcp-Session-Id": begun.headers["mcp-session-id"]})
        self.assertIn(ended.status, (200, 204))
        self.assertEqual(self.server.ask("GET", "/v1/sessions", key=self.acme).json["results"], [])

    def test_keys_of_a_part_leave_room_for_the_whole(self):
        wanted = {"permissions": "read,admin", "scope": "user_many"}
        made = self.server.ask("POST", "/v1/keys", wanted, self.acme).json
        connection = self.server.connect()
        count = 0
        while (answer := ask_on(connection, "POST", "/v1/keys", {"permissions": "read"}, made["api_key"])).status == 201:
            count += 1
        connection.close()
        self.assertEqual((answer.status, answer.code), (413, "quota_exceeded"))
        self.assertGreater(count, 7000)
        self.assertEqual(self.server.ask("POST", "/v1/keys", {"permissions": "read"}, self.acme).status, 201)

    def test_a_filter_of_mem0s_is_bounded(self):
        wanted = {"filters": {"user_id": {"in": list(range(20_000))}}}
        self.assertEqual(self.server.ask("POST", "/mem0/v3/memories/", wanted, self.acme).status, 413)

    def sending(self, key):
        """Half a request with a body of unknown length."""
        connection = socket.create_connection(("127.0.0.1", self.server.port), timeout=30)
        self.addCleanup(connection.close)
        connection.sendall(f"POST /v1/memories HTTP/1.1\r\nHost: x\r\nX-API-Key: {key}\r\n"
                           "Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n".encode())
        return connection

    def test_bodies_of_strangers_leave_room_for_who_is_known(self):
        self.assertEqual(self.server.ask("GET", "/v1/memories", key=self.acme).status, 200)
        room = BODY
        held = [self.sending("cloister_wrong_key") for _ in range(2 * BODIES // room)]
        answers = [each for each in held if select.select([each], [], [], 0.5)[0]]
        # One of them has the room, until it is late; the others were told at once.
        self.assertEqual(len(answers), len(held) - 1)
        for each in answers:
            self.assertIn(b"HTTP/1.1 503", each.recv(4096))
        long = {"memories": [{"content": "x" * 60_000}] * 10}
        self.assertEqual(self.server.ask("POST", "/v1/memories", long, self.acme).status, 201)
        # Who was not here yet is a stranger, too, until it has been here.
        refused = self.server.ask("POST", "/v1/memories", long, self.globex)
        self.assertEqual((refused.status, refused.code), (503, "overloaded"))
        self.assertTrue(eventually(
            lambda: self.server.ask("POST", "/v1/memories", long, self.globex).status == 201, 0.9))

    def test_bodies_of_one_leave_room_for_others(self):
        for key in self.acme, self.globex:
            self.assertEqual(self.server.ask("GET", "/v1/memories", key=key).status, 200)
        held = [self.sending(self.acme) for _ in range(4)]
        self.assertEqual(len([each for each in held if select.select([each], [], [], 0.5)[0]]), 3)
        long = {"memories": [{"content": "x" * 60_000}] * 10}
        self.assertEqual(self.server.ask("POST", "/v1/memories", long, self.globex).status, 201)

    def test_requests_of_one_are_bounded_and_given_back(self):
        def load(number):
            connection = self.server.connect()
            rows = {"memories": [{"content": f"window seat {number} {i}"} for i in range(1000)]}
            try:
                return [ask_on(connection, "POST", "/v1/memories", rows, self.acme) for _ in range(5)]
            finally:
                connection.close()

        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            answers = [answer for done in pool.map(load, range(16)) for answer in done]
        self.assertLessEqual({answer.status for answer in answers}, {201, 503})
        told = {answer.json["detail"] for answer in answers if answer.status == 503}
        self.assertTrue(any("your organization's requests" in detail for detail in told), told)
        self.assertTrue(all("retry-after" in answer.headers for answer in answers if answer.status == 503))
        connection = self.server.connect()
        for key in (self.acme, self.globex) * 50:
            self.assertEqual(ask_on(connection, "GET", "/v1/memories?limit=1", key=key).status, 200)
        connection.close()


if __name__ == "__main__":
    unittest.main()
