# SPDX-FileCopyrightText: The Cloister authors
# SPDX-License-Identifier: Apache-2.0
"""A server with tenants for authority.py, and whoever must be refused there."""

import base64
import datetime
import hashlib
import json
import os
import re
import urllib.parse

from authority_table import ALL, HOOK, HOOKS, MEM0, OPERATOR, PROJECT, ROUTES, TOOLS
from served import eventually

# A memory that never was; other things that never were are named like those there are.
NEVER = "01900000-0000-7000-8000-000000000000"
# What two answers that say the same may differ by.
REQUEST_ID = re.compile(rb'"(request_id|event_id)":"\w+"')
# Seconds that keys last which are to expire: they are used before.
EXPIRES_AFTER = 5


class Reply:
    """An answer as it came; of a stream, the beginning."""

    def __init__(self, response):
        self.status = response.status
        self.headers = response.getheaders()
        self.type = response.getheader("content-type")
        self.is_stream = self.type == "text/event-stream"
        self.body = response.readline() if self.is_stream else response.read()

    def header(self, name):
        return {k.lower(): v for k, v in self.headers}.get(name)

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def outcome(self):
        """Status and code, where it is a problem document."""
        return self.status, self.json["code"] if self.type == "application/problem+json" else None

    @property
    def told(self):
        """All bytes of it but what names the request, and the time."""
        headers = [each for each in self.headers if each[0].lower() not in ("x-request-id", "date")]
        return self.status, headers, REQUEST_ID.sub(b"", self.body)


# -- keys that were not made by the server (auth/api_key.hpp has the format) --

def base32(data):
    return base64.b32encode(data).decode().lower().rstrip("=")


def from_base32(text):
    return base64.b32decode(text.upper() + "=" * (-len(text) % 8))


def key_of(identifier, secret):
    """The text of a key, with a checksum that is right."""
    text = f"cloister_{base32(identifier)}_{base32(secret)}"
    return text + base32(hashlib.blake2b(text.encode(), digest_size=16).digest()[:4])


def parts_of(key):
    """The id and the secret of a key."""
    identifier, secret = key.removeprefix("cloister_").split("_")
    return from_base32(identifier), from_base32(secret[:-7])


def changed(data, at):
    """With another byte there."""
    out = bytearray(data)
    out[at] ^= 1
    return bytes(out)


def forged_keys(key, foreign, narrowed):
    """What is no key, by what is wrong with it. `narrowed` came from `key` by
    permissions alone: its secret ends with count, length, kind, length, value, tail."""
    identifier, secret = parts_of(key)
    of_narrowed = parts_of(narrowed)[1]
    count, step, tail = of_narrowed[:1], bytearray(of_narrowed[1:-32]), of_narrowed[-32:]
    step[-1] = 63
    return {
        "no text of a key": "nonsense",
        "a prefix alone": "cloister_",
        "cut short": key[:-1],
        "too long": key + "a",
        "upper case": key.upper(),
        "a wrong checksum": key[:-1] + ("a" if key[-1] != "a" else "b"),
        "a wrong secret": key_of(identifier, changed(secret, -1)),
        "an unknown id": key_of(changed(identifier, -1), secret),
        "another signing key": key_of(changed(identifier, 1), secret),
        "an unknown organization": key_of(changed(identifier, 3), secret),
        "another organization's id": key_of(parts_of(foreign)[0], secret),
        "its narrowing taken away": key_of(identifier, bytes(1) + tail),
        "its narrowing made wider": key_of(identifier, count + bytes(step) + tail)}


# -- who asks, and what for --

class Stranger:
    """Somebody with a good key for elsewhere, and what is there. `namings` are how
    they can name what is not theirs: within another organization, in full alone."""

    def __init__(self, world, who, key, own, namings=("org_acme/{scope}", "{scope}"), session=None):
        self.who, self.key, self.namings = who, key, namings
        self.names = {"own_scope": own, "to": session["scope"] if session else own + "/agent_to"}
        session = session or world.did("POST", "/v1/sessions", {"user_id": own}, key)
        self.names["own"] = world.did("POST", "/v1/memories", {"content": "kept", "user_id": own}, key)["id"]
        self.names["own_session"] = session["session"]
        self.names["own_note"] = world.did("POST", "/v1/memories", {"content": "kept"}, session["api_key"])["id"]

    def naming(self, scope):
        return [each.replace("{scope}", scope) for each in self.namings]

    def __str__(self):
        return self.who


class World:
    """A server with two tenants, and something for each row to be about."""

    def __init__(self, server):
        self.server = server
        self.connection = server.connect()
        self.owner = server.organization("org_acme")
        self.foreign = server.organization("org_other")
        self.operator = server.operator_key
        self.narrowed_keys = {}
        self.names = {}
        for kind, rows in (("r", ROUTES), ("t", TOOLS), ("m", MEM0)):
            for number, row in enumerate(rows):
                self.names[row] = self.made(row.target, f"{kind}{number:02}")
        self.forged = forged_keys(self.owner, self.foreign, self.narrowed(permissions="read"))
        self.make_strangers()
        self.make_keys_that_end()

    def ask(self, method, path, body=None, key=None, headers=None):
        sent = dict(headers or {})
        if key:
            sent["Authorization"] = "Bearer " + key
        if body is not None and not isinstance(body, str):
            body = json.dumps(body)
        self.connection.request(method, path, body, sent)
        reply = Reply(self.connection.getresponse())
        if reply.is_stream:
            self.connection.close()
        return reply

    def did(self, method, path, body=None, key=None):
        reply = self.ask(method, path, body, key or self.owner)
        if reply.status not in (200, 201):
            raise AssertionError(f"{method} {path}: {reply.body}")
        return reply.json

    def narrowed(self, key=None, **restrictions):
        """A key that can do less, made without the server."""
        wanted = (key or self.owner, *restrictions.items())
        if wanted not in self.narrowed_keys:
            options = [text for name, value in restrictions.items() for text in ("--" + name, value)]
            self.narrowed_keys[wanted] = self.server.run(
                "key", "narrow", *options, "--json", key=wanted[0])["api_key"]
        return self.narrowed_keys[wanted]

    def permitting(self, *permissions):
        """Of the whole organization."""
        return self.narrowed(permissions=",".join(permissions or ("read",)))

    def lacking(self, permission):
        return self.permitting(*(each for each in ALL if each != permission))

    # -- what there is --

    def made(self, target, name):
        """A scope with a memory of two revisions, and what else is asked for."""
        scope = "user_" + name
        memory = self.did("POST", "/v1/memories", {"content": "kept", "user_id": scope})["id"]
        self.did("PATCH", "/v1/memories/" + memory, {"content": "kept, too", "user_id": scope})
        names = {"scope": scope, "name": name, "to": scope + "/agent_to", "memory": memory, "id": memory,
                 "in full": memory, "never": NEVER, "folder": str(self.server.dir)}
        if target == "session":
            names.update(self.made_session(scope))
        elif target == "key":
            made = self.did("POST", "/v1/keys", {"scope": scope, "permissions": "read"})["key_id"]
            never = made[:-1] + ("a" if made[-1] != "a" else "b")
            names.update({"id": made, "in full": made, "never": never})
        elif target == "erased":
            self.did("DELETE", "/v1/scopes/" + scope)
        elif target.endswith("organization"):
            names["org"] = self.made_organization(target, name)
        elif target == "mem0 export":
            wanted = {"schema": {}, "filters": {"user_id": name}}
            names["id"] = self.did("POST", "/mem0/v1/exports/", wanted)["id"]
            names["never"] = "0" * len(names["id"])
        elif target == "webhook":
            names["id"] = self.did("POST", "/mem0" + HOOKS, HOOK)["id"]
        return names

    def made_session(self, scope):
        session = self.did("POST", "/v1/sessions", {"user_id": scope})
        note = self.did("POST", "/v1/memories", {"content": "kept"}, session["api_key"])["id"]
        never = session["scope"].rsplit("_", 1)[0] + "_" + "0" * 32
        return {"id": session["session"], "in full": session["scope"], "never": never, "memory": note}

    def made_organization(self, state, name):
        self.server.organization("org_" + name)
        if state == "disabled organization":
            self.did("DELETE", f"/v1/orgs/org_{name}", key=self.operator)
        elif state == "erased organization":
            self.did("DELETE", f"/v1/orgs/org_{name}?now=true", key=self.operator)
        return "org_" + name

    def state(self, row, names):
        """What whoever was refused could have changed."""
        scope = names["scope"]
        paths = [f"/v1/sessions?user_id={scope}", f"/v1/keys?user_id={scope}", f"/v1/scopes/{scope}",
                 f"/v1/audit?user_id={scope}&operation=memory.create"]
        if row in MEM0:
            paths += ["/mem0" + HOOKS, "/mem0" + PROJECT]
        out = [self.ask("GET", f"/v1/export?user_id={scope}", key=self.owner).told[2]]
        out += [without_uses(self.ask("GET", path, key=self.owner).json) for path in paths]
        if row.needs == OPERATOR:
            out += [without_uses(self.did("GET", "/v1/orgs", key=self.operator)), sorted(os.listdir(names["folder"]))]
            if "org" in names:
                out.append(without_uses(self.ask("PATCH", "/v1/orgs/" + names["org"], {}, self.operator).json))
        return out

    # -- whoever must be refused --

    def make_strangers(self):
        made = self.did("POST", "/v1/keys", {"scope": "user_made", "permissions": "all"})["api_key"]
        opened = self.did("POST", "/v1/sessions", {"user_id": "user_made", "resumable": True}, made)
        self.strangers = [
            Stranger(self, "of another organization", self.foreign, "user_own", ["org_acme/{scope}"]),
            Stranger(self, "of a sibling, narrowed", self.narrowed(scope="user_side"), "user_side"),
            Stranger(self, "of a sibling, as it was made", made, "user_made"),
            Stranger(self, "of a sibling's session", opened["api_key"], opened["session"], session=opened)]
        # The organization's own key, where it is bound to another scope.
        self.elsewhere = Stranger(self, "elsewhere", self.owner, "user_else", [])

    def make_keys_that_end(self):
        """Used before, so that the server knows them, and one that it never saw."""
        wanted = {"scope": "org_acme", "permissions": "all"}
        expiring = self.did("POST", "/v1/keys", {**wanted, "expires_at": seconds_from_now(EXPIRES_AFTER)})
        revoked = self.did("POST", "/v1/keys", wanted)
        from_revoked = self.narrowed(revoked["api_key"], ancestors="none")
        self.ended = {"expired": expiring["api_key"],
                      "expired, narrowed": self.narrowed(expires=f"{EXPIRES_AFTER}s"),
                      "revoked": revoked["api_key"],
                      "revoked, narrowed": self.narrowed(ancestors="none")}
        self.ended_agents = {}
        for why, key in self.ended.items():
            self.did("GET", "/v1/whoami", key=key)
            self.use_everywhere(why, key)
        # Which does not keep it.
        self.did("GET", "/v1/whoami", key=from_revoked)
        self.did("DELETE", "/v1/keys/" + revoked["key_id"])
        self.did("DELETE", "/v1/keys/" + self.ended["revoked, narrowed"])
        self.ended["narrowed from a revoked one, not used before"] = from_revoked
        for why, key in self.ended.items():
            if not eventually(lambda: self.ask("GET", "/v1/whoami", key=key).status == 401):
                raise AssertionError("the key did not end: " + why)

    def use_everywhere(self, why, key):
        """So that the key is known for whatever it will be refused."""
        self.ask("GET", "/v1/memories", key=key)
        for row, names in self.names.items():
            scopes = [names["scope"]] + ([names["in full"]] if row.target == "session" else [])
            for each in scopes:
                self.ask("GET", "/v1/memories?user_id=" + urllib.parse.quote(each, safe=""), key=key)
            if row in TOOLS or row.target == "connection":
                self.ended_agents[row, why] = Agent(self, key, names["scope"])


def seconds_from_now(seconds):
    at = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)
    return at.isoformat().replace("+00:00", "Z")


def without_uses(value):
    """An answer without what is different after each use."""
    if isinstance(value, list):
        return [without_uses(each) for each in value]
    if isinstance(value, dict):
        return {name: without_uses(each) for name, each in value.items()
                if name not in ("audit_entries", "expires_at", "request_id", "organization")}
    return value


class Agent:
    """A connection of MCP, of a key and a scope."""

    def __init__(self, world, key, scope):
        self.world, self.key, self.scope = world, key, scope
        reply = self.initialize(world, {"Authorization": "Bearer " + key}, scope)
        self.session = reply.header("mcp-session-id")
        if not self.session:
            raise AssertionError(reply.body)

    @staticmethod
    def initialize(world, headers, scope):
        hello = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}
        return world.ask("POST", "/mcp", {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": hello},
                         headers={"X-User-ID": scope, **headers})

    def ask(self, method, params=None, headers=None):
        """With other headers: as somebody else who got hold of its name."""
        message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params or {}}
        return self.http("POST", message, headers)

    def http(self, method, message=None, headers=None):
        sent = {"Mcp-Session-Id": self.session, "Accept": "text/event-stream" if method == "GET" else "*/*"}
        if headers is None:
            sent["Authorization"] = "Bearer " + self.key
        return self.world.ask(method, "/mcp", message, headers={**sent, **(headers or {})})

    def call(self, tool, arguments, headers=None):
        return self.ask("tools/call", {"name": tool, "arguments": arguments}, headers)

    def tools(self):
        return {each["name"] for each in self.ask("tools/list").json["result"]["tools"]}
