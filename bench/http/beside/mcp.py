# SPDX-FileCopyrightText: The Cloister authors
# SPDX-License-Identifier: Apache-2.0
"""Tools of a server that speaks the Model Context Protocol, called by the official SDK."""

import json
import os
import subprocess
import tempfile

from . import figures


class Tools:
    """A server over standard input and output: started for each list of steps."""

    def __init__(self, node_modules, command, env):
        self.calls = node_modules / "calls.mjs"
        self.plan = {"command": command[0], "args": command[1:],
                     "env": dict(env, PATH=os.environ["PATH"])}

    def run(self, *steps):
        """What each step answers; see calls.mjs."""
        with tempfile.NamedTemporaryFile("w", suffix=".json") as plan:
            json.dump(dict(self.plan, steps=steps), plan)
            plan.flush()
            done = subprocess.run(["node", self.calls, plan.name], text=True, capture_output=True)
        if done.returncode != 0:
            raise RuntimeError(f"{self.plan['command']}: {done.stderr[-2000:]}")
        answer = json.loads(done.stdout)
        self.server = answer["server"]
        return answer["answers"]

    def call(self, tool, **arguments):
        return self.run(step(tool, arguments))[0]


def step(tool, arguments):
    return {"tool": tool, "arguments": arguments}


def measured(seconds, tool, *arguments):
    return {"tool": tool, "arguments": arguments, "seconds": seconds}


def once(tool, arguments):
    return {"tool": tool, "arguments": [arguments], "times": 1}


def row(operation, peer, answer):
    return figures.row_of(operation, 1, peer, answer["took"], answer["seconds"], figures.CLOISTER_MCP)
