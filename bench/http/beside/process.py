# SPDX-FileCopyrightText: The Cloister authors
# SPDX-License-Identifier: Apache-2.0
"""Servers that are started for a measurement, and ended after it by their id."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time


def unprivileged():
    """PostgreSQL does not start as root, and nothing here has to run as root."""
    return {"user": "nobody", "group": "nogroup", "extra_groups": []} if os.geteuid() == 0 else {}


def place(folder, name):
    """A folder for the data of one server."""
    made = folder / name
    made.mkdir(mode=0o700)
    if os.geteuid() == 0:
        shutil.chown(made, "nobody", "nogroup")
    return made


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def accepts(port):
    with contextlib.suppress(OSError):
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    return False


@contextlib.contextmanager
def started(command, ready, log, how=signal.SIGTERM, **options):
    """A server, from when it is ready until the block is left."""
    with open(log, "wb") as out:
        server = subprocess.Popen(command, stdout=out, stderr=out, **options)
    try:
        until = time.monotonic() + 30
        while not ready():
            if server.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"{command[0]} did not start: {log.read_text()}")
            time.sleep(0.05)
        yield server
    finally:
        server.send_signal(how)
        try:
            server.wait(30)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def run(command, **options):
    """The output of a program that must not fail."""
    done = subprocess.run(list(map(str, command)), text=True, capture_output=True, **options)
    if done.returncode != 0:
        raise RuntimeError(f"{command[0]}: {done.stderr[-2000:]}{done.stdout[-2000:]}")
    return done.stdout
