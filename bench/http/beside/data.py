# SPDX-FileCopyrightText: The Cloister authors
# SPDX-License-Identifier: Apache-2.0
"""What every peer stores and is asked, and what it must answer before it is measured."""

import functools
import itertools
import math
import random

SCOPES = 20
MEMORIES = 1000  # in each scope
LISTED = 50
FOUND = 10
CHECKED = 8  # queries whose answers are looked at before
DOOMED = 20  # scopes that are filled to be deleted
WORDS_OF_A_MEMORY = (12, 24)

# A word that one memory of every scope has.
EVERYWHERE = "everywhere"


def scope(number, kind="user"):
    """`user` is read, `user_made` is written to, `user_doomed` is deleted."""
    return f"{kind}_{number:02}"


def marker(number):
    """A word that one memory of this scope has, and no other scope: it is like no other."""
    return f"xq{chr(ord('a') + number)}xq"


@functools.cache
def vocabulary(size=30_000):
    """Pronounceable words, the common ones short; and how often each comes, added
    up: as in text without its stop words, the commonest in a memory of twelve."""
    source, consonants, vowels = random.Random(1), "bcdfghklmnprstvw", "aeiou"
    words = {}
    while len(words) < size:
        parts = 1 + min(3, int(math.log2(len(words) + 2) / 4))
        words["".join(source.choice(consonants) + source.choice(vowels) for _ in range(parts))
              + source.choice(consonants)] = None
    return list(words), list(itertools.accumulate(1 / (rank + 30) for rank in range(size)))


def sentence(source):
    words, often = vocabulary()
    return " ".join(source.choices(words, cum_weights=often, k=source.randint(*WORDS_OF_A_MEMORY)))


@functools.cache
def texts(name):
    """The memories of a scope, always the same."""
    source = random.Random(name)
    made = [sentence(source) for _ in range(MEMORIES)]
    if name.startswith("user_") and name[5:].isdigit():
        made[0] = f"{EVERYWHERE} {marker(int(name[5:]))} {made[0]}"
    return made


@functools.cache
def queries(count=100):
    """Words out of a memory, and the scope to look for them in: every scope in turn."""
    source = random.Random(2)
    return [(number % SCOPES, source.sample(source.choice(texts(scope(number % SCOPES))).split(), source.randint(3, 5)))
            for number in range(count)]


def draft():
    """What is created while it is measured."""
    return texts(scope(0, "user_made"))[0]


def expect(true, what):
    if not true:
        raise RuntimeError("not measured, since the answers are wrong: " + what)


def check(peer):
    """Whether a peer holds what it was given and answers to a scope its own alone.

    `peer` has count(scope), get(scope, owner, number), listed(scope) and, where it
    searches, find(scope, words); they take numbers of scopes and answer texts.
    """
    for number in range(SCOPES):
        expect(peer.count(number) == MEMORIES, f"{peer.name} has not all memories of scope {number}")
    mine, other = 3, 7
    expect(peer.get(mine, mine, 5) == texts(scope(mine))[5], f"{peer.name} answers another memory")
    if peer.keeps_apart:
        expect(peer.get(other, mine, 5) is None, f"{peer.name} shows a memory to another scope")
    listed = peer.listed(mine)
    expect(len(listed) >= LISTED and set(listed) <= set(texts(scope(mine))), f"{peer.name} lists something else")
    if peer.searches:
        check_search(peer, mine, other)


def check_search(peer, mine, other):
    expect(peer.find(mine, [EVERYWHERE]) == [texts(scope(mine))[0]], f"{peer.name} finds another scope's")
    expect(peer.find(other, [marker(other)]) == [texts(scope(other))[0]], f"{peer.name} does not find its own")
    expect(peer.find(mine, [marker(other)]) == [], f"{peer.name} finds what only another scope has")
    for number, words in queries()[:CHECKED]:
        found = peer.find(number, words)
        expect(found and set(found) <= set(texts(scope(number))), f"{peer.name} does not find {words}")
