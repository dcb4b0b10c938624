# SPDX-FileCopyrightText: The Cloister authors
# SPDX-License-Identifier: Apache-2.0
"""Measurements in the text format of Prometheus, and what Prometheus itself says of them."""

import collections
import glob
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

from served import Served

LINE = re.compile(r'([a-z_]+)(?:\{(.*)\})? (\S+)')
LABEL = re.compile(r'([a-z_]+)="([^"\\]*)"')


class Metrics(dict):
    """{(name, labels): value}, labels as a tuple of pairs."""

    def __init__(self, text):
        super().__init__()
        self.text = text
        self.types = dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.M))
        for line in text.splitlines():
            if not line.startswith("#"):
                name, labels, value = LINE.fullmatch(line).groups()
                at = (name, tuple(LABEL.findall(labels or "")))
                assert at not in self, line
                self[at] = float(value)

    def of(self, name, **labels):
        return self.get(("cloister_" + name, tuple(labels.items())), 0)

    def operations(self, operation, outcome="ok"):
        return self.of("operations_total", operation=operation, outcome=outcome)

    def histograms(self):
        """{(name, labels): ([(bound, count)], sum, count)}"""
        out = collections.defaultdict(lambda: [[], None, None])
        for (name, labels), value in self.items():
            base, _, part = name.rpartition("_")
            if self.types.get(base) != "histogram":
                continue
            plain = tuple(each for each in labels if each[0] != "le")
            if part == "bucket":
                out[base, plain][0].append((float(dict(labels)["le"]), value))
            else:
                out[base, plain][1 if part == "sum" else 2] = value
        return out


class Used(unittest.TestCase):
    """A server, and what is asked of it."""

    cloister = None

    @classmethod
    def setUpClass(cls):
        cls.server = Served(cls.cloister, "--log-level", "off")
        cls.addClassCleanup(cls.server.__exit__)
        cls.server.start()
        cls.key = cls.server.organization("org_zebra")

    def ask(self, method, path, body=None, user=None, key=None):
        return self.server.ask(method, path, body, key or self.key, {"X-User-ID": user} if user else None)

    def made(self, user, content="walrus", **more):
        answer = self.ask("POST", "/v1/memories", {"content": content, **more}, user)
        self.assertEqual(answer.status, 201, answer.text)
        return answer.json

    def metrics(self):
        answer = self.server.ask("GET", "/metrics")
        self.assertEqual(answer.status, 200)
        self.assertEqual(answer.headers["content-type"], "text/plain; version=0.0.4; charset=utf-8")
        return Metrics(answer.text)

    def use(self, user):
        """Something of everything; answers what must not be found in measurements."""
        memory = self.made(user, "walrus lagoon", memory_type="ptarmigan", key="quokka",
                           metadata={"axolotl": "narwhal"})
        path = "/v1/memories/" + memory["id"]
        embedded = self.made(user, "lagoon", embedding=[1, 0])
        for method, at, body in (
                ("GET", path, None), ("GET", "/v1/memories", None), ("GET", path + "/history", None),
                ("PATCH", path, {"content": "marmoset"}), ("POST", path + "/restore", {"revision": 1}),
                ("POST", "/v1/memories/search", {"query": "lagoon okapi"}),
                ("POST", "/v1/memories/search", {"embedding": [1, 0]}),
                ("POST", path + "/share", {"to": "team_gibbon"}), ("GET", "/v1/audit", None),
                ("GET", "/v1/scopes/" + user, None), ("GET", "/v1/scopes/team_tapir%2Fnobody", None),
                ("DELETE", "/v1/memories/" + embedded["id"], None), ("GET", "/v1/capybara?dugong=1", None),
                ("GET", "/v1/memories/01900000-0000-7000-8000-00000000beef", None),
                ("POST", "/v1/memories", {"pangolin": 1}), ("CAPYBARA", "/v1/memories", None)):
            self.ask(method, at, body, user)
        session = self.ask("POST", "/v1/sessions", {}, user).json
        self.ask("DELETE", "/v1/sessions/" + session["session"], None, user)
        made = self.ask("POST", "/v1/keys", {"permissions": "read", "label": "wombat"}, user).json
        self.assertEqual(self.ask("POST", "/v1/memories", {"content": "x"}, user, made["api_key"]).status, 403)
        self.ask("GET", "/v1/memories", key="cloister_mandrill_x")
        hello = self.call("initialize", {
            "protocolVersion": "2025-11-25", "clientInfo": {"name": "ibex", "version": "1"}, "capabilities": {},
        }, {"X-User-ID": user})
        at = {"Mcp-Session-Id": hello.headers["mcp-session-id"]}
        for tool in ("search_memories", "gnu_gnat"):
            self.call("tools/call", {"name": tool, "arguments": {"query": "okapi"}}, at)
        self.call("jackal/kudu", {}, at)
        mem0 = {"messages": [{"role": "user", "content": "okapi"}], "user_id": "kookaburra"}
        self.assertLess(self.ask("POST", "/mem0/v3/memories/add/", mem0).status, 300)
        return [user, memory["id"], embedded["id"], session["session"], session["api_key"], made["key_id"],
                made["api_key"], self.key, at["Mcp-Session-Id"]]

    def call(self, method, parameters, headers):
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters}
        return self.server.ask("POST", "/mcp", body, self.key, headers)


def promtool(folder=None):
    """The program: the one on the PATH, or that of Debian's package, which is unpacked
    into a folder and not installed. Nothing if it cannot be had."""
    found = shutil.which("promtool")
    if found:
        return found
    folder = pathlib.Path(folder or tempfile.gettempdir()) / "cloister-promtool"
    unpacked = folder / "usr/bin/promtool"
    for prepared in (None, ["apt-get", "-qq", "update"]):
        if unpacked.exists():
            return str(unpacked)
        folder.mkdir(parents=True, exist_ok=True)
        # Without the lists of packages nothing is found; they may be there already.
        if prepared:
            _run(prepared, folder)
        _run(["apt-get", "-qq", "-o", "APT::Sandbox::User=root", "download", "prometheus"], folder)
        for package in glob.glob(str(folder / "prometheus_*.deb")):
            _run(["dpkg", "-x", package, str(folder)], folder)
            os.remove(package)
    return str(unpacked) if unpacked.exists() else None


def _run(command, folder):
    try:
        subprocess.run(command, cwd=folder, check=False, timeout=300, stdin=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    except (OSError, subprocess.TimeoutExpired):
        # It is seen by what is missing afterwards.
        pass


def check(program, text):
    """Its exit code, and what it warns of."""
    done = subprocess.run([program, "check", "metrics"], input=text, text=True, capture_output=True, check=False)
    return done.returncode, done.stdout + done.stderr
