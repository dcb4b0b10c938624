# SPDX-FileCopyrightText: The Cloister authors
# SPDX-License-Identifier: Apache-2.0
"""A real server for tests, on a free port, with a store of its own."""

import http.client
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import time


class Answer:
    """What a request was answered with."""

    def __init__(self, response):
        self.status = response.status
        self.headers = {k.lower(): v for k, v in response.getheaders()}
        self.text = response.read().decode()

    @property
    def json(self):
        return json.loads(self.text)

    @property
    def code(self):
        return self.json.get("code")


class Served:
    """Starts `cloister serve`; ends it, and removes its store, when left."""

    def __init__(self, cloister, *options):
        self.cloister = cloister
        self.options = options
        self.dir = pathlib.Path(tempfile.mkdtemp())
        self.env = {k: v for k, v in os.environ.items() if not k.startswith("CLOISTER_")}
        self.env.update(XDG_CONFIG_HOME=str(self.dir / "config"),
                        CLOISTER_DATA=str(self.dir / "data"))
        self.process = None
        made = self.run("init", "--json")
        self.operator_key = made["operator_key"]
        self.recovery_key = made["recovery_key"]

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.end()
        shutil.rmtree(self.dir)

    def run(self, *arguments, key=None):
        """A command on the store, while no server has it."""
        env = dict(self.env, **({"CLOISTER_API_KEY": key} if key else {}))
        done = subprocess.run([self.cloister, *arguments], env=env, text=True,
                              capture_output=True, check=True)
        return json.loads(done.stdout) if "--json" in arguments else done.stdout

    def start(self, port=0):
        with open(self.dir / "log", "ab") as log:
            self.process = subprocess.Popen(
                [self.cloister, "serve", "--listen", f"127.0.0.1:{port}", *self.options],
                env=self.env, text=True, stdout=subprocess.PIPE, stderr=log)
        line = self.process.stdout.readline()
        found = re.search(r":(\d+)$", line.strip())
        if not found:
            raise RuntimeError("the server did not start: " + self.log())
        self.port = int(found.group(1))
        self.url = line.split(" at ")[1].strip()

    def stop(self, how=signal.SIGTERM):
        """Tells it to end; answers its exit code."""
        self.process.send_signal(how)
        code = self.process.wait(timeout=60)
        self.process.stdout.close()
        self.process = None
        return code

    def end(self):
        if self.process:
            self.stop(signal.SIGKILL)

    def log(self):
        return (self.dir / "log").read_text()

    def connect(self, timeout=30):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)

    def ask(self, method, path, body=None, key=None, headers=None):
        """One request on a connection of its own."""
        connection = self.connect()
        try:
            return ask_on(connection, method, path, body, key, headers)
        finally:
            connection.close()

    def organization(self, name):
        """Makes one; answers its key."""
        return self.ask("POST", "/v1/orgs", {"org": name}, self.operator_key).json["api_key"]


def ask_on(connection, method, path, body=None, key=None, headers=None):
    """One request of several on a connection."""
    sent = dict(headers or {})
    if key:
        sent["Authorization"] = "Bearer " + key
    if body is not None and not isinstance(body, (str, bytes)):
        body = json.dumps(body)
    connection.request(method, path, body, sent)
    return Answer(connection.getresponse())


def eventually(condition, seconds=30):
    """Waits for what another process does."""
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            return False
        time.sleep(0.01)
    return True
