# SPDX-FileCopyrightText: The Cloister authors
# SPDX-License-Identifier: Apache-2.0
"""PostgreSQL 15: one table, row-level security by a setting, a GIN index."""

import csv
import io
import math
import os
import re
import secrets
import shutil
import signal
import subprocess
import time

from . import data, figures, process

BIN = "lib/postgresql/15/bin"

SCHEMA = """
create extension btree_gin;
create table memories (
  id uuid primary key default gen_random_uuid(),
  scope text not null,
  content text not null,
  created_at timestamptz not null default clock_timestamp(),
  words tsvector generated always as (to_tsvector('english', content)) stored
);
create index newest on memories (scope, created_at desc, id);
create index words on memories using gin (scope, words);
alter table memories enable row level security;
alter table memories force row level security;
create policy own on memories using (scope = current_setting('app.scope', true))
  with check (scope = current_setting('app.scope', true));
create role app login nosuperuser nobypassrls;
grant select, insert, delete on memories to app;
"""
# Row-level security asks the policy before anything that could tell of a hidden row, and
# so keeps `words @@ query` out of the index, unless its function is said to tell nothing.
LEAKPROOF = "alter function ts_match_vq(tsvector, tsquery) leakproof"
LEAKY = "alter function ts_match_vq(tsvector, tsquery) not leakproof"

COLUMNS = "select id, content, created_at"
GET = COLUMNS + " from memories where id = {id}"
LIST = COLUMNS + f" from memories order by created_at desc, id limit {data.LISTED}"
SEARCH = (COLUMNS + ", ts_rank(words, to_tsquery('english', {query})) as score from memories "
          "where words @@ to_tsquery('english', {query}) "
          f"order by score desc limit {data.FOUND}")
CREATE = "insert into memories (scope, content) values ({scope}, {content}) returning id, created_at"
DELETE = "delete from memories"


def literal(text):
    return "'" + text.replace("'", "''") + "'"


def identity(scope, number):
    return f"lpad(to_hex(({scope})::int * {data.MEMORIES} + ({number})::int), 32, '0')::uuid"


def any_of(words):
    return literal(" | ".join(words))


def scope_of(number, kind="user"):
    return f"({literal(kind + '_')} || lpad(({number})::text, 2, '0'))"


def script(choices, scope, statement):
    """Of pgbench: sets the scope and asks, in one round trip and one transaction."""
    return (f"{choices}\n\\startpipeline\nselect set_config('app.scope', {scope}, true);\n"
            f"{statement};\n\\endpipeline\n")


def scripts():
    """By operation; `:s` and the like are drawn for each transaction and bound."""
    asked = ", ".join(any_of(words) for _, words in data.queries())
    query = f"(array[{asked}])[(:q)::int + 1]"
    scope, made = scope_of(":s"), scope_of(":s", "user_made")
    any_scope = f"\\set s random(0, {data.SCOPES - 1})"
    return {
        figures.GET: (f"{any_scope}\n\\set i random(0, {data.MEMORIES - 1})", scope,
                      GET.format(id=identity(":s", ":i"))),
        figures.LIST: (any_scope, scope, LIST),
        figures.SEARCH: (f"\\set q random(0, {len(data.queries()) - 1})\n\\set s :q % {data.SCOPES}", scope,
                         SEARCH.format(query=query)),
        figures.CREATE: (any_scope, made, CREATE.format(scope=made, content=literal(data.draft()))),
    }


class Postgres:
    name = "PostgreSQL"
    keeps_apart = searches = True

    def __init__(self, bench):
        self.bench = bench
        self.programs = os.path.dirname(bench.fetched.program("postgresql-15", f"{BIN}/postgres"))
        self.place = process.place(bench.folder, "postgres")
        self.port = process.free_port()
        self.warming, self.made = 1, 0
        self.password = secrets.token_hex()
        self.env = dict(bench.fetched.environment(), PGPASSWORD=self.password)
        for each in ("PGHOST", "PGPORT", "PGUSER", "PGDATABASE", "PGOPTIONS", "PGSERVICE", "PGDATA", "PGSSLMODE"):
            self.env.pop(each, None)

    def program(self, name):
        return f"{self.programs}/{name}"

    def initialize(self):
        word = self.place / "password"
        word.write_text(self.password)
        if os.geteuid() == 0:
            shutil.chown(word, "nobody", "nogroup")
        process.run([self.program("initdb"), "--pgdata", self.place / "data", "--username", "owner", "--auth",
                     "scram-sha-256", "--pwfile", word, "--locale", "C", "--encoding", "UTF8"],
                    env=self.env, cwd=self.place, **process.unprivileged())

    def ready(self):
        """It takes connections before it answers them."""
        return subprocess.run([self.program("pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)],
                              env=self.env).returncode == 0

    def serve(self):
        """As it comes: fsync and synchronous_commit are on."""
        settings = {"listen_addresses": "127.0.0.1", "unix_socket_directories": "", "port": self.port,
                    "max_connections": max(self.bench.clients) + 20, "fsync": "on", "synchronous_commit": "on"}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return process.started([self.program("postgres"), "-D", str(self.place / "data"), *options], self.ready,
                               self.bench.folder / "postgres.log", how=signal.SIGINT, env=self.env, cwd=self.place,
                               **process.unprivileged())

    def psql(self, user, *statements, **options):
        """The rows of the last statement; all are one transaction where there are several."""
        out = process.run([self.program("psql"), "-h", "127.0.0.1", "-p", self.port, "-U", user, "-d", "postgres",
                           "-X", "-q", "--csv", "-t", "-v", "ON_ERROR_STOP=1", "-c", ";".join(statements)],
                          env=self.env, **options)
        return list(csv.reader(io.StringIO(out)))

    def store(self):
        """The scopes that are read, with ids of their own, and those that are deleted."""
        lines = io.StringIO()
        table = csv.writer(lines)
        for kind, scopes, first in (("user", data.SCOPES, 0), ("user_doomed", data.DOOMED, data.SCOPES)):
            for scope in range(scopes):
                name = data.scope(scope, kind)
                for number, text in enumerate(data.texts(name)):
                    table.writerow([f"{(first + scope) * data.MEMORIES + number:032x}", name, text])
        self.psql("owner", "copy memories (id, scope, content) from stdin csv", input=lines.getvalue())
        self.psql("owner", "vacuum analyze memories")
        self.psql("owner", "checkpoint")

    # What data.check() asks.

    def rows(self, number, statement):
        """As the program of a tenant sees it; the first row is what set_config answers."""
        return self.psql("app", f"select set_config('app.scope', {scope_of(number)}, true)", statement)[1:]

    def count(self, number):
        return int(self.rows(number, "select count(*) from memories")[0][0])

    def get(self, number, owner, memory):
        found = self.rows(number, GET.format(id=identity(owner, memory)))
        return found[0][1] if found else None

    def listed(self, number):
        return [row[1] for row in self.rows(number, LIST)]

    def find(self, number, words):
        return [row[1] for row in self.rows(number, SEARCH.format(query=any_of(words)))]

    def check_policy(self):
        """What row-level security has to do beyond that."""
        data.expect(self.psql("app", "select count(*) from memories") == [["0"]], "rows are seen without a scope")
        try:
            self.rows(3, CREATE.format(scope=scope_of(7), content="'x'"))
        except RuntimeError as refused:
            data.expect("row-level security" in str(refused), str(refused))
        else:
            data.expect(False, "a row of another scope was stored")

    def check_plan(self, wanted):
        """Whether the words of a search are looked up in the index."""
        number, words = data.queries()[0]
        plan = "\n".join(row[0] for row in self.rows(number, "explain " + SEARCH.format(query=any_of(words))))
        data.expect(bool(re.search(r"Index Cond: .*@@", plan)) == wanted, "PostgreSQL plans otherwise:\n" + plan)

    def check_scripts(self):
        """Whether pgbench gets rows: it fails by a division by zero where it does not."""
        for operation, (choices, scope, statement) in scripts().items():
            if operation != figures.CREATE:
                statement = f"select 1 / count(*) from ({statement}) as found"
                self.pgbench(1, script(choices, scope, statement), "-t", 50)

    def pgbench(self, clients, text, *options):
        """When each transaction ended and how long it took, in microseconds, and which of its client it was."""
        file, log = self.bench.folder / "script.sql", self.bench.folder / "pgbench"
        file.write_text(text)
        process.run([self.program("pgbench"), "-h", "127.0.0.1", "-p", self.port, "-U", "app", "-n", "-M", "prepared",
                     "-c", clients, "-j", 1, "-f", file, "-l", "--log-prefix", log, *options, "postgres"],
                    env=self.env, cwd=self.bench.folder)
        transactions = []
        for each in self.bench.folder.glob("pgbench.*"):
            for line in each.read_text().splitlines():
                _, number, took, _, seconds, microseconds, *_ = map(int, line.split())
                transactions.append((seconds * 1_000_000 + microseconds, took, number))
            each.unlink()
        return transactions

    def load(self, operation, clients, name=None):
        """The end of a longer run: when all are connected and have planned. A connection
        does so by itself, five times, and has a dictionary to read; a pool has that
        behind it."""
        seconds, text = self.bench.seconds, script(*scripts()[operation])
        for _ in range(6):
            transactions = self.pgbench(clients, text, "-T", seconds + self.warming)
            self.made += len(transactions)
            begin = max(transactions)[0] - seconds * 1_000_000 if transactions else 0
            ready = max((ended for ended, _, number in transactions if number <= 6), default=1)
            if ready <= begin:
                took = [each for ended, each, _ in transactions if ended > begin]
                return figures.row_of(operation, clients, name or self.name, took, seconds)
            self.warming *= 2  # 64 processes take long to start where others work, too
        raise RuntimeError("PostgreSQL is not ready in time")

    def measure(self):
        self.initialize()
        with self.serve():
            self.psql("owner", SCHEMA)
            self.psql("owner", f"alter role app password '{self.password}'")
            self.psql("owner", LEAKPROOF)
            self.store()
            data.check(self)
            self.check_policy()
            self.check_plan(True)
            self.check_scripts()
            # All reads before the first create: a search goes through what GIN has not merged yet.
            rows = [row for clients in self.bench.clients for row in self.reads(clients)]
            self.made = 0
            rows += [self.load(figures.CREATE, clients) for clients in self.bench.clients]
            return rows + [self.delete()]

    def reads(self, clients):
        self.warming = 1
        for operation in (figures.GET, figures.LIST, figures.SEARCH):
            yield self.load(operation, clients)
        yield self.as_it_comes(clients)

    def as_it_comes(self, clients):
        """Searches without the superuser's word for it that comparing tells nothing."""
        self.psql("owner", LEAKY)
        self.check_plan(False)
        row = self.load(figures.SEARCH, clients, self.name + ", not leakproof")
        self.psql("owner", LEAKPROOF)
        return row

    def delete(self):
        """Ends with what must be left: what the owner counts is hidden from it as well."""
        text = script("\\set n :n + 1", scope_of(":n", "user_doomed"), DELETE)
        deleted = self.pgbench(1, text, "-t", data.DOOMED, "-D", "n=-1")
        self.psql("owner", "alter table memories disable row level security")
        counts = {kind: int(count) for kind, count in self.psql(
            "owner", "select substr(scope, 1, length(scope) - 3), count(*) from memories group by 1")}
        data.expect(counts == {"user": data.SCOPES * data.MEMORIES, "user_made": self.made},
                    f"PostgreSQL holds {counts}, and {self.made} were created")
        return figures.row_of(figures.DELETE, 1, self.name, [took for _, took, _ in deleted])

    def about(self):
        version = process.run([self.program("postgres"), "--version"], env=self.env).split()[2]
        return figures.About(
            self.name, version, "pgbench over TCP on loopback, one thread, prepared, the scope set and the statement "
            "in one round trip", "yes: fsync, synchronous_commit", "no", "no",
            "a policy by a setting that the program itself sets", "ts_rank, stemmed; ts_match_vq declared leakproof "
            "or GIN is not used for words under row-level security")
