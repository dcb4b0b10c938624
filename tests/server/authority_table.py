# SPDX-FileCopyrightText: The Cloister authors
# SPDX-License-Identifier: Apache-2.0
"""What authority.py asks for: each route of the server, each tool of MCP and each
route of mem0's, with what a key must permit for it by the documents."""

import dataclasses
import json
import urllib.parse

# Besides permissions; "" is any key that is good.
OPERATOR = "operator"
ANYONE = "anyone"
ALL = ("read", "write", "delete", "share", "audit", "admin")


def filled(text, names, quote=str):
    for name, value in names.items():
        text = text.replace("{%s}" % name, quote(value))
    return text


@dataclasses.dataclass(eq=False, frozen=True)
class Route:
    """One route. In braces stands what a test has of its own: {scope}, and what
    is made as `target`, of which {id} is what the route is about."""

    method: str
    path: str
    # Separated by commas; all of them.
    needs: str
    body: dict | None = None
    target: str = "memory"
    status: int = 200
    headers: dict = dataclasses.field(default_factory=dict)
    takes_user_id: bool = True
    # Of the answer to whoever may.
    proof: object = None

    def __str__(self):
        return f"{self.method} {self.pattern}"

    @property
    def pattern(self):
        return self.path.split("?")[0]

    @property
    def permissions(self):
        return [] if self.needs in ("", OPERATOR, ANYONE) else self.needs.split(",")

    @property
    def may_change(self):
        return self.needs not in ("", "read", "audit", "read,admin")

    @property
    def ways(self):
        """How a request can say whose memories it means."""
        if "{scope}" in self.pattern:
            return ["path"]
        if not self.takes_user_id:
            return []
        return ["query", "header"] + (["body"] if self.body is not None else [])

    def request(self, names, way=None):
        """Method, path, body and headers."""
        way = way or (self.ways or [""])[0]
        path = filled(self.path, names, lambda text: urllib.parse.quote(text, safe=""))
        body, headers = self.body, dict(self.headers)
        if way == "query":
            path += ("&" if "?" in path else "?") + urllib.parse.urlencode({"user_id": names["scope"]})
        elif way == "header":
            headers["X-User-ID"] = names["scope"]
        elif way == "body":
            body = {**body, "user_id": "{scope}"}
        return self.method, path, body and filled(json.dumps(body), names), headers


def operators(method, path, target="", body=None, status=200, **more):
    return Route(method, path, OPERATOR, body, target, status, takes_user_id=False, **more)


def anyones(path):
    return Route("GET", path, ANYONE, None, "", takes_user_id=False)


def connections(method, status=200):
    """Of MCP, whose requests belong to a connection: authority.py asks for them
    in a class of their own."""
    return Route(method, "/mcp", "", None, "connection", status)


ROUTES = (
    Route("POST", "/v1/memories", "write", {"content": "new"}, status=201),
    Route("GET", "/v1/memories", "read"),
    Route("DELETE", "/v1/memories?confirm={scope}", "delete"),
    Route("POST", "/v1/memories/search", "read", {"query": "kept"}),
    Route("GET", "/v1/memories/{id}", "read"),
    Route("PATCH", "/v1/memories/{id}", "write", {"content": "changed"}),
    Route("DELETE", "/v1/memories/{id}", "delete"),
    Route("GET", "/v1/memories/{id}/history", "read"),
    Route("POST", "/v1/memories/{id}/restore", "write", {"revision": 1}),
    Route("POST", "/v1/memories/{id}/share", "write,share", {"to": "{to}"}, status=201),
    Route("POST", "/v1/import", "write", {"memories": [{"content": "new", "idempotency_key": "i"}]}),
    Route("GET", "/v1/export", "read,admin"),
    Route("GET", "/v1/events", "read"),
    Route("POST", "/v1/sessions", "write", {"idle_timeout": 600}, status=201),
    Route("GET", "/v1/sessions", "read"),
    Route("POST", "/v1/sessions/{id}/renew", "write", target="session"),
    Route("POST", "/v1/sessions/{id}/promote", "write,share", {"ids": ["{memory}"]}, "session"),
    Route("DELETE", "/v1/sessions/{id}", "delete", target="session"),
    Route("GET", "/v1/scopes", "admin"),
    Route("GET", "/v1/scopes/{scope}", "admin"),
    Route("PATCH", "/v1/scopes/{scope}", "admin", {"memories_max": 7}),
    Route("DELETE", "/v1/scopes/{scope}", "admin"),
    Route("GET", "/v1/scopes/{scope}/receipt", "audit", target="erased"),
    Route("POST", "/v1/scopes/{scope}/reinstate", "admin", target="erased"),
    Route("GET", "/v1/whoami", ""),
    Route("POST", "/v1/keys", "admin", {"scope": "{scope}", "permissions": "admin"}, status=201),
    Route("GET", "/v1/keys", "admin"),
    Route("DELETE", "/v1/keys/{id}", "admin", target="key"),
    Route("GET", "/v1/audit", "audit"),
    Route("GET", "/v1/audit/verify", "audit"),
    Route("GET", "/v1/audit/export", "audit"),
    Route("GET", "/v1/audit/checkpoint", "audit"),
    Route("GET", "/v1/receipt-key", "", takes_user_id=False),
    operators("POST", "/v1/orgs", body={"org": "org_new"}, status=201),
    operators("GET", "/v1/orgs"),
    operators("PATCH", "/v1/orgs/{org}", "organization", {"language": "german"}),
    operators("POST", "/v1/orgs/{org}/keys", "organization", {"permissions": "read"}, status=201),
    operators("DELETE", "/v1/orgs/{org}?now=true", "organization"),
    operators("POST", "/v1/orgs/{org}/keep", "disabled organization"),
    operators("POST", "/v1/orgs/{org}/reinstate", "erased organization"),
    operators("GET", "/v1/orgs/{org}/receipt", "erased organization"),
    operators("POST", "/v1/backup", body={"file": "{folder}/backup"}, status=201),
    # The second there is, so that none came before.
    operators("POST", "/v1/master-key/rotate", body={}, proof=lambda answer: answer["version"] == 2),
    operators("POST", "/v1/audit/prune", "memory", {"scope": "org_acme/{scope}", "before": "2100-01-01T00:00:00Z"},
              proof=lambda answer: answer["entries"] > 0),
    operators("GET", "/v1/erased"),
    operators("GET", "/v1/store/audit"),
    operators("GET", "/v1/doctor"),
    connections("POST"),
    connections("GET"),
    connections("DELETE"),
    anyones("/healthz"),
    anyones("/readyz"),
    anyones("/metrics"),
    anyones("/openapi.json"),
    anyones("/docs"),
)

# Where a request of one's own can name a scope besides: method, path and body.
# {own} and {own_session} are the asker's.
MENTIONS = (
    ("GET", "/v1/memories?scopes={scope}", None),
    ("GET", "/v1/memories?scopes={own_scope},{scope}", None),
    ("POST", "/v1/memories/search", {"query": "kept", "scopes": ["{scope}"]}),
    ("POST", "/v1/memories/{own}/share?user_id={own_scope}", {"to": "{scope}"}),
    ("POST", "/v1/sessions/{own_session}/promote?user_id={own_scope}", {"ids": ["{own_note}"], "to": "{scope}"}),
    ("POST", "/v1/keys", {"scope": "{scope}", "permissions": "read"}),
    ("POST", "/v1/keys", {"permissions": "read", "promote_to": "{scope}"}),
)


@dataclasses.dataclass(eq=False, frozen=True)
class Tool:
    """A tool of MCP: a key that lacks what it `needs` is not shown it."""

    name: str
    needs: str
    arguments: dict
    target: str = "memory"
    # What it needs as well, which is told when it is called.
    also: str = ""

    def __str__(self):
        return self.name

    @property
    def may_change(self):
        return self.needs != "read"

    def filled(self, names):
        return json.loads(filled(json.dumps(self.arguments), names))


TOOLS = (
    Tool("add_memory", "write", {"content": "new"}),
    Tool("search_memories", "read", {"query": "kept"}),
    Tool("list_memories", "read", {}),
    Tool("get_memory", "read", {"id": "{id}"}),
    Tool("memory_history", "read", {"id": "{id}"}),
    Tool("update_memory", "write", {"id": "{id}", "content": "changed"}),
    Tool("delete_memory", "delete", {"id": "{id}"}),
    Tool("delete_all_memories", "delete", {"confirm": "{scope}"}),
    Tool("share_memory", "share", {"id": "{id}", "to": "{to}"}, also="write"),
    Tool("start_session", "write", {}),
    Tool("end_session", "delete", {"session": "{id}"}, "session"),
)


def mem0s(method, path, needs, body=None, target="memory", status=200):
    return Route(method, "/mem0" + path, needs, body, target, status, takes_user_id=False)


MESSAGES = {"messages": [{"role": "user", "content": "new"}], "user_id": "{name}"}
FILTERS = {"filters": {"user_id": "{name}"}}
HOOK = {"url": "https://hooks.example/", "event_types": ["memory_categorize"]}
PROJECT = "/api/v1/orgs/organizations/org_acme/projects/default/"
HOOKS = "/api/v1/webhooks/projects/default/"

# They are in no description of the server's; what they need is in docs/mem0.md.
MEM0 = (
    mem0s("GET", "/v1/ping/", ""),
    mem0s("POST", "/v3/memories/add/", "write", MESSAGES),
    mem0s("POST", "/v1/memories/", "write", MESSAGES),
    mem0s("POST", "/v3/memories/", "read", FILTERS),
    mem0s("POST", "/v2/memories/", "read", FILTERS),
    mem0s("GET", "/v1/memories/?user_id={name}", "read"),
    mem0s("POST", "/v3/memories/search/", "read", {"query": "kept", **FILTERS}),
    mem0s("POST", "/v2/memories/search/", "read", {"query": "kept", **FILTERS}),
    mem0s("POST", "/v1/memories/search/", "read", {"query": "kept", "user_id": "{name}"}),
    mem0s("GET", "/v1/memories/{id}/", "read"),
    mem0s("PUT", "/v1/memories/{id}/", "read,write", {"text": "changed"}),
    mem0s("DELETE", "/v1/memories/{id}/", "read,delete"),
    mem0s("GET", "/v1/memories/{id}/history/", "read"),
    mem0s("GET", "/v1/event/{id}/", "read"),
    mem0s("GET", "/v1/events/", "read"),
    mem0s("GET", "/v1/memories/events/", "read"),
    mem0s("DELETE", "/v1/memories/?user_id={name}", "read,delete"),
    mem0s("PUT", "/v1/batch/", "read,write", {"memories": [{"memory_id": "{id}", "text": "changed"}]}),
    mem0s("DELETE", "/v1/batch/", "read,delete", {"memories": [{"memory_id": "{id}"}]}),
    mem0s("GET", "/v1/entities/", "read"),
    mem0s("GET", "/v1/stats/", "read"),
    mem0s("DELETE", "/v2/entities/user/{name}/", "read,delete"),
    mem0s("DELETE", "/v1/entities/user/{number}/", "read,delete"),
    mem0s("POST", "/v1/feedback/", "read,write", {"memory_id": "{id}", "feedback": "POSITIVE"}),
    mem0s("POST", "/v1/exports/", "read,write", {"schema": {}, **FILTERS}, status=201),
    mem0s("POST", "/v1/exports/get/", "read", {"memory_export_id": "{id}"}, "mem0 export"),
    mem0s("GET", PROJECT, "read"),
    mem0s("PATCH", PROJECT, "admin", {"custom_instructions": "changed"}),
    mem0s("GET", HOOKS, "admin"),
    mem0s("POST", HOOKS, "admin", HOOK),
    mem0s("PUT", "/api/v1/webhooks/{id}/", "admin", {"name": "changed"}, "webhook"),
    mem0s("DELETE", "/api/v1/webhooks/{id}/", "admin", None, "webhook"),
    # What needs a language model is refused, but only to whoever has a key.
    mem0s("POST", "/v1/summary/", "", FILTERS, status=400),
    mem0s("GET", "/v2/entities/user/{name}/profile/", "", status=400),
    mem0s("POST", "/v2/profiles/jobs/", "", {"entity_id": "{name}"}, status=400),
    mem0s("GET", "/v2/profiles/jobs/{id}/", "", status=400),
    mem0s("GET", "/v2/profiles/settings/", "", status=400),
    mem0s("POST", "/v2/profiles/settings/", "", {}, status=400),
)
