# SPDX-FileCopyrightText: The Cloister authors
# SPDX-License-Identifier: Apache-2.0
"""What a writer was told that it has done, and what must be true of it later."""

import threading

GONE = "gone"


def place(event_id):
    """The place of an event in the trail, as something that can be compared."""
    whole, _, part = event_id.partition(".")
    return int(whole), int(part or 0)


class Ledger:
    """Of one writer, which does one thing after the other and never writes the same
    content twice. Thread-safe.

    It only knows what was answered. What was cut off and could not be asked again is
    `unknown`: it may have been done, but only once.
    """

    def __init__(self, name):
        self.name = name
        self.lock = threading.Lock()
        self.contents = {}      # content -> id, of creates that had it as their idempotency key
        self.unknown = set()    # contents of creates that were cut off
        self.now = {}           # id -> (revision, content), or GONE
        self.told = []          # (type, id, revision) of each change, in order
        self.failures = []      # what should not have happened

    def record(self, line):
        with self.lock:
            getattr(self, "_" + line["op"])(line)

    def _create(self, line):
        if line.get("id") is None:
            self.unknown.add(line["content"])
            return
        if line["id"] in self.now:
            self.failures.append(f"two creates were answered with {line['id']}")
        if line.get("has_key", True):
            self.contents[line["content"]] = line["id"]
        self._change("created", line["id"], 1, line["content"], line)

    def _update(self, line):
        self._change("updated", line["id"], self.now[line["id"]][0] + 1, line["content"], line)

    def _delete(self, line):
        self.told.append(("deleted", line["id"], self.now[line["id"]][0]))
        self.now[line["id"]] = GONE

    def _failed(self, line):
        self.failures.append(line["why"])

    def _change(self, kind, made, revision, content, line):
        # mem0's client does not tell revisions.
        if line.get("revision") not in (None, revision):
            self.failures.append(f"revision {line['revision']} and not {revision}: {line}")
        self.now[made] = (revision, content)
        self.told.append((kind, made, revision))

    def progress(self):
        with self.lock:
            return len(self.told)

    def current(self):
        with self.lock:
            return {made: state for made, state in self.now.items() if state != GONE}

    def gone(self):
        with self.lock:
            return [made for made, state in self.now.items() if state == GONE]


def differences(ledgers, listed):
    """What is otherwise in a scope than its writers were told; `listed` is all of it."""
    out = [failure for each in ledgers for failure in each.failures]
    there = {each["id"]: (each["revision"], each["content"]) for each in listed}
    if len(there) != len(listed):
        out.append("a list has a memory twice")
    wanted, maybe = {}, set()
    for each in ledgers:
        wanted.update(each.current())
        maybe |= each.unknown
    for made, state in wanted.items():
        if there.get(made) != state:
            out.append(f"{made} should be {state} and is {there.get(made)}")
    more = [content for made, (_, content) in there.items() if made not in wanted]
    for content in more:
        if content not in maybe:
            out.append(f"nobody wrote, or somebody deleted: {content}")
        elif more.count(content) > 1:
            out.append(f"written more than once: {content}")
    return out


def event_differences(ledgers, events, listed):
    """How what was told to a follower differs from what the writers were told."""
    out = []
    places = [place(each["event_id"]) for each in events]
    if places != sorted(set(places)):
        out.append("events are not in the order of the trail, each once")
    told = [(each["type"], each.get("id"), each.get("revision")) for each in events]
    if len(set(told)) != len(told):
        out.append(f"told twice: {sorted(each for each in set(told) if told.count(each) > 1)}")
    at = {each: i for i, each in enumerate(told)}
    for each in ledgers:
        places = [at.get(change) for change in each.told]
        missing = [change for change, found in zip(each.told, places) if found is None]
        if missing:
            out.append(f"{each.name}: {len(missing)} of {len(places)} not told, first {missing[0]}")
        elif places != sorted(places):
            out.append(f"{each.name}: not in the order in which it was done")
    # What is told beyond is what was cut off, which nobody has changed since.
    known = {change for each in ledgers for change in each.told}
    unknown = set().union(*(each.unknown for each in ledgers))
    may_be = {("created", each["id"], 1) for each in listed if each["content"] in unknown}
    surplus = set(told) - known
    if surplus != may_be:
        out.append(f"told, and not done: {sorted(surplus - may_be)}; done, and not told: {sorted(may_be - surplus)}")
    return out
