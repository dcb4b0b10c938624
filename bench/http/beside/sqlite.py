# SPDX-FileCopyrightText: The Cloister authors
# SPDX-License-Identifier: Apache-2.0
"""SQLite with FTS5, in the process that measures it."""

import itertools
import random
import sqlite3
import time

from . import data, figures

SCHEMA = """
pragma journal_mode = wal;
pragma synchronous = full;
create table memories (number integer primary key, id text not null unique, scope text not null,
  content text not null, created_at text not null default current_timestamp);
create index newest on memories (scope, number);
create virtual table words using fts5 (scope, content, content = 'memories', content_rowid = 'number',
  tokenize = 'porter unicode61 tokenchars ''_''');
create trigger stored after insert on memories begin
  insert into words (rowid, scope, content) values (new.number, new.scope, new.content);
end;
create trigger deleted after delete on memories begin
  insert into words (words, rowid, scope, content) values ('delete', old.number, old.scope, old.content);
end;
"""
STORE = "insert into memories (id, scope, content) values (?, ?, ?)"
GET = "select id, content, created_at from memories where id = ? and scope = ?"
LIST = f"select id, content, created_at from memories where scope = ? order by number desc limit {data.LISTED}"
# The scope is a word of the index, so that other scopes' memories are not visited.
SEARCH = ("select id, memories.content, created_at, bm25(words, 0.0, 1.0) as score from words "
          f"join memories on memories.number = words.rowid where words match ? order by score limit {data.FOUND}")
DELETE = "delete from memories where scope = ?"


def match(name, words):
    return f'scope : "{name}" AND content : ({" OR ".join(words)})'


class Sqlite:
    name = "SQLite FTS5"
    keeps_apart = searches = True

    def __init__(self, bench):
        self.bench = bench
        self.base = sqlite3.connect(bench.folder / "sqlite", isolation_level=None)
        self.base.executescript(SCHEMA)

    def rows(self, statement, *arguments):
        return self.base.execute(statement, arguments).fetchall()

    def store(self, name):
        self.base.execute("begin")
        self.base.executemany(STORE, ((f"{name}/{number}", name, text) for number, text in enumerate(data.texts(name))))
        self.base.execute("commit")

    # What data.check() asks.

    def count(self, number):
        return self.rows("select count(*) from memories where scope = ?", data.scope(number))[0][0]

    def get(self, number, owner, memory):
        found = self.rows(GET, f"{data.scope(owner)}/{memory}", data.scope(number))
        return found[0][1] if found else None

    def listed(self, number):
        return [row[1] for row in self.rows(LIST, data.scope(number))]

    def find(self, number, words):
        return [row[1] for row in self.rows(SEARCH, match(data.scope(number), words))]

    def time(self, operation, statement, arguments):
        """For some seconds; what each call took, with its rows as values of Python."""
        took, clock = [], time.perf_counter
        until = clock() + self.bench.seconds
        for each in arguments:
            started = clock()
            self.base.execute(statement, each).fetchall()
            ended = clock()
            took.append((ended - started) * 1e6)
            if ended > until:
                break
        return figures.row_of(operation, 1, self.name, took), len(took)

    def measure(self):
        users = [data.scope(number) for number in range(data.SCOPES)]
        for name in users + [data.scope(number, "user_doomed") for number in range(data.DOOMED)]:
            self.store(name)
        data.check(self)
        every = [(f"{name}/{number}", name) for name in users for number in range(data.MEMORIES)]
        random.Random(3).shuffle(every)
        reads = {
            figures.GET: (GET, every),
            figures.LIST: (LIST, [(name,) for name in users]),
            figures.SEARCH: (SEARCH, [(match(data.scope(number), words),) for number, words in data.queries()]),
        }
        rows = [self.time(operation, statement, itertools.cycle(arguments))[0]
                for operation, (statement, arguments) in reads.items()]
        return rows + [self.create(), self.delete()]

    def create(self):
        made = ((f"made/{number}", data.scope(number % data.SCOPES, "user_made"), data.draft())
                for number in itertools.count())
        row, times = self.time(figures.CREATE, STORE, made)
        held = self.rows("select count(*) from memories where scope like 'user_made_%'")[0][0]
        data.expect(held == times, f"{self.name} has lost memories")
        return row

    def delete(self):
        took = []
        for number in range(data.DOOMED):
            started = time.perf_counter()
            deleted = self.base.execute(DELETE, (data.scope(number, "user_doomed"),)).rowcount
            took.append((time.perf_counter() - started) * 1e6)
            data.expect(deleted == data.MEMORIES, f"{self.name} has not deleted")
        return figures.row_of(figures.DELETE, 1, self.name, took)

    def about(self):
        return figures.About(
            self.name, sqlite3.sqlite_version, "a loop of Python in the same process: no client, no network, "
            "one at a time, since one writes at a time", "yes: WAL, synchronous=FULL", "no", "no",
            "nothing: a condition in every statement", "bm25(), stemmed, frequencies of all scopes together")
