# SPDX-FileCopyrightText: The Cloister authors
# SPDX-License-Identifier: Apache-2.0
"""Brings the programs that are missing, into a folder of their own.

Debian's packages are unpacked, not installed: no service starts, nothing of the
system changes, and no root is needed. The folder is CLOISTER_BENCH_CACHE, or
/var/cache/cloister-bench for root (the servers run as `nobody`, who must be able
to read it), or ~/.cache/cloister-bench; it can be removed at any time.
"""

import fcntl
import hashlib
import os
import pathlib
import shutil
import subprocess
import sys

NODE = pathlib.Path(__file__).resolve().parent / "node"


def say(what):
    print(what, file=sys.stderr, flush=True)


def cache():
    default = ("/var/cache" if os.geteuid() == 0
               else os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache")
    folder = pathlib.Path(os.environ.get("CLOISTER_BENCH_CACHE") or pathlib.Path(default) / "cloister-bench").resolve()
    folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    if folder.stat().st_uid != os.geteuid():
        raise RuntimeError(f"{folder} belongs to someone else; set CLOISTER_BENCH_CACHE")
    return folder


class Fetched:
    """Where programs are."""

    def __init__(self):
        self.folder = cache()
        self.root = self.folder / "root"
        self.lock = open(self.folder / "lock", "w")
        fcntl.flock(self.lock, fcntl.LOCK_EX)

    def program(self, package, path):
        """A program of a Debian package: the system's where it is installed."""
        installed = pathlib.Path("/usr") / path
        if installed.exists():
            return str(installed)
        if not (self.folder / f"has-{package}").exists():
            self.unpack(package)
        return str(self.root / "usr" / path)

    def environment(self):
        """For the programs that were unpacked, the libraries that came with them."""
        folders = [*self.root.glob("usr/lib/*-linux-gnu*"), *self.root.glob("lib/*-linux-gnu*")]
        ours = {"LD_LIBRARY_PATH": ":".join(map(str, folders))} if folders else {}
        return dict(os.environ, LC_ALL="C.UTF-8", **ours)

    def unpack(self, package):
        say(f"fetching {package} into {self.folder}")
        for each in ("lists/partial", "archives/partial"):
            (self.folder / each).mkdir(parents=True, exist_ok=True)
        apt = ["apt-get", "-qq", "-o", f"Dir::State::lists={self.folder}/lists", "-o", f"Dir::Cache={self.folder}",
               "-o", f"Dir::Cache::archives={self.folder}/archives", "-o", "Debug::NoLocking=1",
               "-o", "APT::Sandbox::User=", "-o", "Acquire::Retries=3"]
        subprocess.run([*apt, "update"], check=True, stdout=sys.stderr)
        # With what it depends on and the system does not have.
        subprocess.run([*apt, "install", "--download-only", "--yes", "--no-install-recommends", package],
                       check=True, stdout=sys.stderr)
        for archive in sorted((self.folder / "archives").glob("*.deb")):
            subprocess.run(["dpkg", "-x", archive, self.root], check=True)
            archive.unlink()
        (self.folder / f"has-{package}").touch()

    def node_modules(self):
        """The folder in which `npm ci` put what node/package-lock.json names."""
        if not shutil.which("npm"):
            raise RuntimeError("npm is missing: run scripts/install-dependencies")
        name = hashlib.sha256((NODE / "package-lock.json").read_bytes()).hexdigest()[:16]
        folder = self.folder / f"node-{name}"
        if not (folder / "complete").exists():
            say(f"fetching node packages into {folder}")
            folder.mkdir(exist_ok=True)
            for each in ("package.json", "package-lock.json"):
                shutil.copy(NODE / each, folder)
            for tries in range(3):
                # A registry may be busy.
                if subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=folder,
                                  stdout=sys.stderr, check=tries == 2).returncode == 0:
                    break
            (folder / "complete").touch()
        # Imports are looked for beside the file that has them.
        shutil.copy(NODE / "calls.mjs", folder)
        return folder
