# SPDX-FileCopyrightText: The Cloister authors
# SPDX-License-Identifier: Apache-2.0
"""Cloister, SQLite FTS5 and Xapian on the same collections; see bench/retrieval."""

import argparse
import collections
import json
import math
import os
import random
import re
import sqlite3
import subprocess
import sys
import tempfile
import time

import xapian

DEPTH = 1000


def read_folder(folder):
    """Answers the documents and the judged queries of each tenant."""
    relevant = collections.defaultdict(dict)
    with open(os.path.join(folder, "qrels.tsv"), encoding="utf-8") as lines:
        for line in lines:
            if line.strip():
                query, document, grade = line.split()
                if int(grade) > 0:
                    relevant[query][document] = int(grade)
    tenants = collections.defaultdict(lambda: ([], []))
    for name, place in (("docs.jsonl", 0), ("queries.jsonl", 1)):
        with open(os.path.join(folder, name), encoding="utf-8") as lines:
            for line in lines:
                if not line.strip():
                    continue
                record = json.loads(line)
                identity, text = str(record["id"]), record["text"]
                if not text:
                    continue
                if place == 0:
                    entry = (identity, text)
                elif relevant[identity]:
                    entry = (text, relevant[identity])
                else:
                    continue
                tenants[str(record.get("tenant", ""))][place].append(entry)
    return tenants


class Fts5:
    """bm25() with the porter tokenizer, all words joined by OR."""

    name = "SQLite FTS5"

    def __init__(self, documents):
        self.ids = [identity for identity, _ in documents]
        self.base = sqlite3.connect(":memory:")
        self.base.execute(
            "create virtual table docs using fts5(text, tokenize='porter')")
        self.base.executemany(
            "insert into docs(rowid, text) values (?, ?)",
            ((i, text) for i, (_, text) in enumerate(documents)))
        self.base.commit()

    def search(self, text, limit):
        words = re.findall(r"\w+", text)
        if not words:
            return []
        match = " OR ".join('"%s"' % word for word in words)
        rows = self.base.execute(
            "select rowid from docs where docs match ? "
            "order by bm25(docs) limit ?", (match, limit))
        return [self.ids[row] for row, in rows]


class Xapian:
    """BM25 with its defaults, an English stemmer, words joined by OR."""

    name = "Xapian"

    def __init__(self, documents):
        self.ids = [identity for identity, _ in documents]
        self.stemmer = xapian.Stem("en")
        self.directory = tempfile.TemporaryDirectory()
        self.base = xapian.WritableDatabase(
            os.path.join(self.directory.name, "x"),
            xapian.DB_CREATE_OR_OVERWRITE)
        generator = xapian.TermGenerator()
        generator.set_stemmer(self.stemmer)
        for i, (_, text) in enumerate(documents):
            document = xapian.Document()
            generator.set_document(document)
            generator.index_text(text)
            document.set_data(str(i))
            self.base.add_document(document)
        self.base.commit()
        self.parser = xapian.QueryParser()
        self.parser.set_stemmer(self.stemmer)
        self.parser.set_stemming_strategy(xapian.QueryParser.STEM_SOME)
        self.parser.set_database(self.base)
        self.enquire = xapian.Enquire(self.base)

    def search(self, text, limit):
        self.enquire.set_query(self.parser.parse_query(text, 0))
        return [self.ids[int(hit.document.get_data())]
                for hit in self.enquire.get_mset(0, limit)]


def ndcg(ranking, relevant):
    gained = sum(relevant.get(d, 0) / math.log2(i + 2)
                 for i, d in enumerate(ranking[:10]))
    ideal = sum(g / math.log2(i + 2) for i, g in
                enumerate(sorted(relevant.values(), reverse=True)[:10]))
    return gained / ideal


def recall(ranking, relevant, depth):
    return len(set(ranking[:depth]) & set(relevant)) / len(relevant)


def average_precision(ranking, relevant):
    found, total = 0, 0.0
    for i, document in enumerate(ranking):
        if document in relevant:
            found += 1
            total += found / (i + 1)
    return total / len(relevant)


def measure_peer(engine, tenants):
    times, rows = [], []
    for documents, queries in tenants.values():
        if not queries:
            continue
        peer = engine(documents)
        for text, relevant in queries:
            ranking = peer.search(text, DEPTH)
            rows.append((ndcg(ranking, relevant), recall(ranking, relevant, 10),
                         recall(ranking, relevant, 100),
                         average_precision(ranking, relevant)))
        for text, _ in queries:
            started = time.perf_counter()
            peer.search(text, 10)
            times.append((time.perf_counter() - started) * 1000)
    times.sort()
    means = [sum(column) / len(rows) for column in zip(*rows)]
    return means + [times[len(times) // 2], times[int(len(times) * 0.99)]]


def measure_cloister(binary, folder):
    out = subprocess.run(
        [binary, "bench", "retrieval", "--data", folder, "--json"],
        check=True, capture_output=True, text=True).stdout
    figures = json.loads(out)
    return [figures[key] for key in (
        "ndcg_at_10", "recall_at_10", "recall_at_100", "map", "p50_ms",
        "p99_ms")]


def compare(binary, title, folder):
    tenants = read_folder(folder)
    documents = sum(len(each[0]) for each in tenants.values())
    queries = sum(len(each[1]) for each in tenants.values())
    print(f"\n{title}: {documents} documents, {queries} queries")
    print(f"{'':14}{'nDCG@10':>9}{'R@10':>8}{'R@100':>8}{'MAP':>8}"
          f"{'p50 ms':>9}{'p99 ms':>9}{'p50, times ours':>17}")
    ours = measure_cloister(binary, folder)
    rows = [("Cloister", ours)]
    rows += [(engine.name, measure_peer(engine, tenants))
             for engine in (Fts5, Xapian)]
    for name, row in rows:
        print(f"{name:14}{row[0]:9.4f}{row[1]:8.4f}{row[2]:8.4f}{row[3]:8.4f}"
              f"{row[4]:9.3f}{row[5]:9.3f}{row[4] / ours[4]:17.1f}")
    sys.stdout.flush()


def made_up_words(count, source):
    """Words of letters that follow each other as in speech, the common ones
    short."""
    consonants, vowels = "bcdfghklmnprstvw", "aeiou"
    words, seen = [], set()
    while len(words) < count:
        parts = 1 + min(3, int(math.log2(len(words) + 2) / 4))
        word = "".join(source.choice(consonants) + source.choice(vowels)
                       for _ in range(parts)) + source.choice(consonants)
        if word not in seen:
            seen.add(word)
            words.append(word)
    return words


def write_synthetic(folder, count, queries):
    """Memories of about 300 bytes whose words are as frequent as Zipf says, and
    queries of 3 to 8 words out of one of them."""
    source = random.Random(1)
    words = made_up_words(30000, source)
    weights = [1 / (rank + 3) for rank in range(len(words))]
    total, cumulative = 0.0, []
    for weight in weights:
        total += weight
        cumulative.append(total)
    texts = []
    with open(os.path.join(folder, "docs.jsonl"), "w", encoding="utf-8") as out:
        for i in range(count):
            text = " ".join(source.choices(words, cum_weights=cumulative,
                                           k=source.randint(40, 62)))
            texts.append(text)
            out.write(json.dumps({"id": str(i), "text": text}) + "\n")
    with open(os.path.join(folder, "queries.jsonl"), "w",
              encoding="utf-8") as out, \
         open(os.path.join(folder, "qrels.tsv"), "w", encoding="utf-8") as rels:
        for i in range(queries):
            document = source.randrange(count)
            some = source.sample(texts[document].split(), source.randint(3, 8))
            out.write(json.dumps({"id": f"q{i}", "text": " ".join(some)}) + "\n")
            rels.write(f"q{i}\t{document}\t1\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="*")
    parser.add_argument("--cloister", required=True)
    parser.add_argument("--synthetic", type=int, action="append", default=[],
                        metavar="COUNT")
    parser.add_argument("--queries", type=int, default=500)
    asked = parser.parse_args()
    for folder in asked.folders:
        compare(asked.cloister, os.path.basename(folder.rstrip("/")), folder)
    for count in asked.synthetic:
        with tempfile.TemporaryDirectory() as folder:
            write_synthetic(folder, count, asked.queries)
            compare(asked.cloister, "made up", folder)


main()
