# SPDX-FileCopyrightText: The Cloister authors
# SPDX-License-Identifier: Apache-2.0
"""Certificates for tests, by the program openssl, and a server that has one."""

import http.client
import pathlib
import shutil
import socket
import ssl
import subprocess

from served import Served


class Authority:
    """One that signs, by an intermediate one as real ones do."""

    def __init__(self, folder, name="ca"):
        if shutil.which("openssl") is None:
            raise RuntimeError("the program openssl is missing; install Debian's package openssl")
        self.folder = pathlib.Path(folder) / name
        self.folder.mkdir()
        self.name = name
        for each, options in (("root", ["-x509"]), ("between", [])):
            self._openssl("req", "-new", *self._key(each), *options, "-subj", f"/CN={name} {each}", "-days", "2",
                          "-addext", "basicConstraints=critical,CA:TRUE", "-out",
                          self._at(each + (".pem" if options else ".csr")))
        self._sign("between", "root", "basicConstraints=critical,CA:TRUE")
        self.root = self._at("root.pem")

    def server(self, name, alternatives="IP:127.0.0.1", days=2):
        """Makes one; answers the files of its chain and of its key."""
        self._openssl("req", "-new", *self._key(name), "-subj", "/CN=" + name, "-out", self._at(name + ".csr"))
        self._sign(name, "between", "subjectAltName=" + alternatives, days)
        chain = pathlib.Path(self._at(name + ".chain.pem"))
        chain.write_text("".join(pathlib.Path(self._at(each)).read_text() for each in (name + ".pem", "between.pem")))
        return str(chain), self._at(name + ".key")

    def locked(self, key, passphrase):
        """The same key, under a passphrase."""
        self._openssl("pkcs8", "-topk8", "-in", key, "-passout", "pass:" + passphrase, "-out", key + ".locked")
        return key + ".locked"

    def _at(self, name):
        return str(self.folder / name)

    def _key(self, name):
        return ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", self._at(name + ".key")]

    def _sign(self, name, by, extension, days=2):
        pathlib.Path(self._at(name + ".ext")).write_text(extension + "\n")
        self._openssl("x509", "-req", "-in", self._at(name + ".csr"), "-CA", self._at(by + ".pem"), "-CAkey",
                      self._at(by + ".key"), "-CAcreateserial", "-days", str(days), "-extfile",
                      self._at(name + ".ext"), "-out", self._at(name + ".pem"))

    def _openssl(self, *arguments):
        done = subprocess.run(["openssl", *arguments], text=True, capture_output=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"openssl {arguments[0]}: {done.stderr}")


class Secure(Served):
    """One that is asked by TLS; it is looked at which certificate it has."""

    def __init__(self, cloister, files, root, *options):
        chain, key = files
        super().__init__(cloister, "--tls-cert", chain, "--tls-key", key, *options)
        self.context = ssl.create_default_context(cafile=root)

    def connect(self, timeout=30):
        return http.client.HTTPSConnection("127.0.0.1", self.port, timeout=timeout, context=self.context)

    def open(self):
        """Without TLS."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=15)

    def shake_hands(self, context=None):
        return (context or self.context).wrap_socket(self.open(), server_hostname="127.0.0.1",
                                                     suppress_ragged_eofs=False)

    def serial(self):
        with self.shake_hands() as connection:
            return connection.getpeercert()["serialNumber"]
