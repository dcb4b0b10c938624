#!/usr/bin/env python3
# SPDX-FileCopyrightText: The Cloister authors
# SPDX-License-Identifier: Apache-2.0
"""Searches by embeddings, compared with what comparing everything finds.

    vectors.py CLOISTER
"""

import datetime
import json
import math
import random
import struct
import sys
import threading
import unittest

from served import Served, ask_on, eventually

CLOISTER = sys.argv.pop(1)

WORDS = "amber basil cedar delta ember fjord grove haven inlet jetty knoll lagoon".split()
TYPES = ["fact", "policy", "preference"]
# What a scope is asked for at least, where two lists are fused.
FUSED_MIN = 50


def soon(seconds):
    at = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)
    return at.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def single(values):
    """As they are kept."""
    return list(struct.unpack(f"{len(values)}f", struct.pack(f"{len(values)}f", *values)))


def cosine(a, b):
    """Never less than 0, as scores are."""
    lengths = math.sqrt(sum(x * x for x in a)) * math.sqrt(sum(x * x for x in b))
    return max(0, sum(x * y for x, y in zip(a, b)) / lengths) if lengths else 0


class Filters:
    """Random conditions, as JSON and as what they mean."""

    def __init__(self, chance):
        self.chance = chance

    def leaf(self):
        chance = self.chance
        kind = chance.randrange(6)
        if kind == 0:
            n, name = chance.randrange(10), chance.choice(["lt", "lte", "gt", "gte"])
            compare = {"lt": int.__lt__, "lte": int.__le__, "gt": int.__gt__, "gte": int.__ge__}[name]
            return {"metadata.n": {name: n}}, lambda m: "n" in m["metadata"] and compare(m["metadata"]["n"], n)
        if kind == 1:
            some = chance.sample(TYPES, 2)
            return {"memory_type": {"in": some}}, lambda m: m["memory_type"] in some
        if kind == 2:
            tag = chance.choice("abc")
            return {"metadata.tags": {"contains": tag}}, lambda m: tag in m["metadata"].get("tags", [])
        if kind == 3:
            wanted = chance.random() < 0.5
            return {"key": {"exists": wanted}}, lambda m: (m.get("key") is not None) == wanted
        if kind == 4:
            word = chance.choice(WORDS)
            return {"content": {"contains": word}}, lambda m: word in m["content"]
        n = chance.randrange(10)
        return {"metadata.n": n}, lambda m: m["metadata"].get("n") == n

    def any(self, depth=2):
        if depth == 0 or self.chance.random() < 0.4:
            return self.leaf()
        parts = [self.any(depth - 1) for _ in range(self.chance.randint(1, 3))]
        kind = self.chance.choice(["AND", "OR", "NOT"])
        terms = [term for term, _ in parts]
        if kind == "AND":
            return {"AND": terms}, lambda m: all(holds(m) for _, holds in parts)
        if kind == "OR":
            return {"OR": terms}, lambda m: any(holds(m) for _, holds in parts)
        return {"NOT": terms}, lambda m: not any(holds(m) for _, holds in parts)


class Model:
    """What a scope should have, beside one that has it."""

    def __init__(self, test, server, key, user, dimensions, seed):
        self.test, self.server, self.key, self.user = test, server, key, user
        self.dimensions = dimensions
        self.chance = random.Random(seed)
        self.filters = Filters(self.chance)
        self.memories = {}

    def here(self):
        return {"user_id": self.user} if self.user else {}

    def ask(self, method, path, body=None, status=(200, 201)):
        headers = {"X-User-ID": self.user} if self.user else {}
        answer = self.server.ask(method, path, body, self.key, headers)
        self.test.assertIn(answer.status, status, answer.text)
        return answer.json

    def embedding(self):
        return [self.chance.gauss(0, 1) for _ in range(self.dimensions)]

    def draft(self):
        chance = self.chance
        out = {"content": " ".join(chance.choices(WORDS, k=chance.randint(2, 8))), "memory_type": chance.choice(TYPES),
               "metadata": {"n": chance.randrange(10), "tags": chance.sample("abc", chance.randrange(3))}}
        if chance.random() < 0.1:
            del out["metadata"]["n"]
        if chance.random() < 0.8:
            out["embedding"] = self.embedding()
        if chance.random() < 0.2:
            out["key"] = f"key{chance.randrange(20)}"
        return out

    def keep(self, made, draft):
        self.test.assertEqual([round(x, 5) for x in made.get("embedding", [])],
                              [round(x, 5) for x in single(draft.get("embedding", []))])
        self.memories[made["id"]] = made

    def create(self, draft=None):
        draft = draft or self.draft()
        self.keep(self.ask("POST", "/v1/memories", draft), draft)

    def create_batch(self, count):
        drafts = [self.draft() for _ in range(count)]
        # A key stands once in a batch.
        for each in drafts:
            each.pop("key", None)
        for made, draft in zip(self.ask("POST", "/v1/memories", {"memories": drafts})["results"], drafts):
            self.keep(made, draft)

    def change(self):
        identifier = self.chance.choice(sorted(self.memories))
        path = "/v1/memories/" + identifier
        what = self.chance.randrange(4)
        if what == 0:
            self.ask("DELETE", path)
            del self.memories[identifier]
            return
        patch = [None, {"embedding": self.embedding()}, {"embedding": []},
                 {"content": " ".join(self.chance.choices(WORDS, k=4)), "memory_type": self.chance.choice(TYPES)}][what]
        made = self.ask("PATCH", path, patch)
        self.keep(made, {"embedding": self.memories[identifier].get("embedding", []), **patch})

    def search(self, **what):
        body = {**self.here(), **what}
        answer = self.server.ask("POST", "/v1/memories/search", body, self.key)
        self.test.assertEqual(answer.status, 200, answer.text)
        return answer.json["results"]

    def narrowing(self):
        """Parameters of a search, and what they mean."""
        what, holds = {}, []
        if self.chance.random() < 0.5:
            what["filter"], meant = self.filters.any()
            holds.append(meant)
        if self.chance.random() < 0.3:
            name = what["memory_type"] = self.chance.choice(TYPES)
            holds.append(lambda m: m["memory_type"] == name)
        return what, lambda m: all(each(m) for each in holds)

    def check(self):
        """One random search of each mode."""
        wanted = self.embedding()
        narrowed, holds = self.narrowing()
        limit = self.chance.choice([1, 3, 10, 60, 200])
        least = self.chance.choice([0, 0, 0.1, 0.4])
        check_vector(self.test, self.memories.values(), wanted, holds, limit, least,
                     self.search(embedding=wanted, limit=limit, min_score=least, **narrowed,
                                 **self.chance.choice([{}, {"mode": "vector"}, {"mode": "vector", "query": "amber"}])))
        query = " ".join(self.chance.choices(WORDS, k=self.chance.randint(1, 3)))
        check_fused(self.test, self.search, wanted, query, limit, least, narrowed, self.chance.choice([{}, {"mode": "hybrid"}]))


def check_vector(test, memories, wanted, holds, limit, least, found):
    """What is found is what comparing everything finds; what is as near may come in any order."""
    scores = {each["id"]: cosine(wanted, each["embedding"]) for each in memories
              if each.get("embedding") and holds(each)}
    scores = {name: score for name, score in scores.items() if score >= least - 1e-5}
    for each in found:
        test.assertIn(each["id"], scores)
        test.assertAlmostEqual(each["score"], scores[each["id"]], delta=1e-5)
        test.assertGreaterEqual(each["score"], least)
    best = sorted(scores.values(), reverse=True)[:limit]
    test.assertEqual(len({each["id"] for each in found}), len(found))
    # What is at the edge of the least score may be out or in.
    sure = sum(score >= least + 1e-5 for score in best) if least else len(best)
    test.assertTrue(sure <= len(found) <= len(best), (sure, len(found), len(best)))
    for each, score in zip(found, best):
        test.assertAlmostEqual(each["score"], score, delta=1e-5)
    test.assertEqual([each["score"] for each in found], sorted((each["score"] for each in found), reverse=True))


def check_fused(test, search, wanted, query, limit, least, narrowed, mode):
    """By reciprocal rank of what the two modes answer."""
    size = max(limit, FUSED_MIN)
    words = search(query=query, embedding=wanted, mode="lexical", limit=size, **narrowed)
    test.assertEqual([(each["id"], each["score"]) for each in words],
                     [(each["id"], each["score"]) for each in search(query=query, limit=size, **narrowed)])
    near = search(embedding=wanted, mode="vector", limit=size, **narrowed)
    scores = {}
    for each in (words, near):
        for rank, hit in enumerate(each):
            scores[hit["id"]] = scores.get(hit["id"], 0) + 61 / 2 / (61 + rank)
    best = sorted((score for score in scores.values() if score >= least), reverse=True)[:limit]
    found = search(query=query, embedding=wanted, limit=limit, min_score=least, **narrowed, **mode)
    test.assertEqual(len({each["id"] for each in found}), len(found))
    test.assertEqual(len(found), len(best))
    for each, score in zip(found, best):
        test.assertAlmostEqual(each["score"], score, delta=1e-5)
        test.assertAlmostEqual(each["score"], scores[each["id"]], delta=1e-5)
        test.assertTrue(0 < each["score"] <= 1)


class Vectors(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Served(CLOISTER, "--log-level", "warn")
        cls.server.start()
        cls.key = cls.server.organization("org_acme")
        cls.other = cls.server.organization("org_other")

    @classmethod
    def tearDownClass(cls):
        cls.server.__exit__()

    def model(self, user, dimensions=8, seed=1, key=None):
        return Model(self, self.server, key or self.key, user, dimensions, seed)

    def ask(self, method, path, body=None, key=None):
        return self.server.ask(method, path, body, key or self.key)

    def test_a_page_is_no_longer_for_its_embeddings(self):
        vector = [index / 4096 + 0.0001234567 for index in range(4096)]
        rows = {"memories": [{"content": "x", "embedding": vector}] * 10, "user_id": "user_pages"}
        for _ in range(30):
            self.assertEqual(self.ask("POST", "/v1/memories", rows).status, 201)
        sizes, found, cursor = [], 0, ""
        while cursor is not None:
            page = self.ask("GET", "/v1/memories?user_id=user_pages&limit=1000" + cursor)
            sizes.append(len(page.text))
            found += len(page.json["results"])
            cursor = page.json["cursor"] and "&cursor=" + page.json["cursor"]
        self.assertEqual(found, 300)
        self.assertLess(max(sizes), 24 << 20, sizes)

    def refused(self, body, status=400, code="invalid_argument"):
        answer = self.ask("POST", "/v1/memories/search", body)
        self.assertEqual((answer.status, answer.code), (status, code), answer.text)
        return answer.json["detail"]

    def test_random_memories_are_found_as_comparing_all_finds_them(self):
        for seed, dimensions in ((1, 8), (2, 1), (3, 100), (4, 2)):
            model = self.model(f"user_random{seed}", dimensions, seed)
            model.check()
            model.create_batch(150)
            for _ in range(30):
                for _ in range(3):
                    model.create()
                for _ in range(4):
                    model.change()
                model.check()

    def test_an_ephemeral_session_and_a_resumable_one_are_searched_alike(self):
        for resumable in (False, True):
            session = self.ask("POST", "/v1/sessions", {"user_id": "user_sessions", "resumable": resumable}).json
            model = self.model("", seed=5, key=session["api_key"])
            model.create_batch(100)
            for _ in range(15):
                model.change()
                model.create()
                model.check()

    def test_several_scopes_are_one(self):
        key = self.server.organization("org_several")
        users = ["org_several", "org_several/team_s", "org_several/team_s/user_a", "org_several/team_s/user_a/agent_b",
                 "org_several/team_s/user_c"]
        models = {user: self.model(user, seed=10 + i, key=key) for i, user in enumerate(users)}
        for each in models.values():
            each.create_batch(40)
        self.model("org_other/user_a", seed=30, key=self.other).create_batch(40)
        chance = random.Random(6)
        for i in range(40):
            asking = chance.choice(list(models.values()))
            where, over = [({"visibility": "inherited"}, [u for u in users if (asking.user + "/").startswith(u + "/")]),
                           ({"visibility": "subtree"}, [u for u in users if (u + "/").startswith(asking.user + "/")]),
                           ({"scopes": users[1:4] + ["user_never"]}, users[1:4]),
                           ({}, [asking.user])][i % 4]
            if "scopes" in where:
                asking = models["org_several"]
            memories = {}
            for user in over:
                memories.update(models[user].memories)
            wanted, limit = asking.embedding(), chance.choice([1, 5, 20, 100])
            narrowed, holds = asking.narrowing()
            narrowed.update(where)
            found = asking.search(embedding=wanted, limit=limit, **narrowed)
            check_vector(self, memories.values(), wanted, holds, limit, 0, found)
            for each in found:
                self.assertIn(each["id"], models[each["scope"]].memories)
            check_fused(self, asking.search, wanted, chance.choice(WORDS), limit, chance.choice([0, 0.3]), narrowed, {})

    def test_nothing_of_another_tenant_is_found(self):
        foreign = self.model("user_shared", key=self.other)
        foreign.create_batch(50)
        key = self.server.organization("org_own")
        own = self.model("user_shared", key=key)
        own.create_batch(20)
        for each in list(foreign.memories.values())[:10]:
            if "embedding" not in each:
                continue
            found = own.search(embedding=each["embedding"], limit=100)
            self.assertEqual({hit["id"] for hit in found}, {m["id"] for m in own.memories.values() if m.get("embedding")})
            whole = self.ask("POST", "/v1/memories/search", {"embedding": each["embedding"], "limit": 1000, "visibility": "subtree"}, key)
            self.assertFalse({hit["id"] for hit in whole.json["results"]} & set(foreign.memories))
        for scopes in (["org_other/user_shared"], ["user_shared", "org_other/user_shared"]):
            self.refused({"embedding": [1] * 8, "scopes": scopes}, 403, "forbidden")
        self.refused({"embedding": [1] * 8, "user_id": "org_other/user_shared"}, 403, "forbidden")
        narrow = self.ask("POST", "/v1/keys", {"scope": "user_shared", "permissions": "write"}, key).json["api_key"]
        self.assertEqual(self.ask("POST", "/v1/memories/search", {"embedding": [1] * 8}, narrow).status, 403)

    def test_what_has_expired_is_not_found(self):
        model = self.model("user_due", 2)
        for i in range(10):
            model.create({"content": "amber", "embedding": [1, i], **({"expires_at": soon(0.7)} if i % 2 else {})})
        found = lambda: [each["embedding"][1] for each in model.search(embedding=[1, 0])]
        self.assertIn(len(found()), (5, 10))
        # Before the sweeper comes by, too.
        path = "/v1/memories/" + next(m["id"] for m in model.memories.values() if m["embedding"][1] == 9) + "?user_id=user_due"
        self.assertTrue(eventually(lambda: self.ask("GET", path).status == 404))
        self.assertEqual(found(), [0, 2, 4, 6, 8])
        self.assertEqual(len(model.search(embedding=[1, 0], query="amber")), 5)

    def test_a_direction_is_what_counts(self):
        model = self.model("user_directions", 2)
        for x, y in ((1, 0), (1e-20, 1e-20), (0, 1e20), (-1, 0), (0, 0), (-1, 1), (1e38, 1e30)):
            model.create({"content": "x", "embedding": [x, y]})
        found = [(each["embedding"], each["score"]) for each in model.search(embedding=[2, 0])]
        self.assertEqual([round(score, 5) for _, score in found], [1, 1, 0.70711, 0, 0, 0, 0])
        self.assertEqual(len(model.search(embedding=[2, 0], min_score=0.5)), 3)
        # What has no direction is like nothing.
        self.assertEqual({each["score"] for each in model.search(embedding=[0, 0])}, {0})
        # Of what is as near the newest comes first.
        ties = self.model("user_ties", 2)
        for i in range(30):
            ties.create({"content": str(i), "embedding": [i + 1, i + 1]})
        self.assertEqual([each["content"] for each in ties.search(embedding=[1, 1], limit=5)], ["29", "28", "27", "26", "25"])

    def test_both_lists_first_is_1(self):
        model = self.model("user_first", 2)
        model.create({"content": "amber", "embedding": [1, 0]})
        model.create({"content": "basil", "embedding": [0, 1]})
        found = model.search(query="amber", embedding=[1, 0])
        self.assertEqual([(each["content"], round(each["score"], 5)) for each in found],
                         [("amber", 1), ("basil", round(61 / 2 / 62, 5))])
        self.assertEqual(len(model.search(query="amber", embedding=[1, 0], min_score=0.9)), 1)

    def test_what_is_wrong_is_refused(self):
        model = self.model("user_wrong", 3)
        model.create_batch(5)
        model.create({"content": "amber", "embedding": [1, 2, 3]})
        here = {"user_id": "user_wrong"}
        good = [1, 2, 3]
        for embedding in ("abc", "1,2,3", 5, {}, [[1, 2, 3]], ["1", "2", "3"], [1, None, 3], [True, 2, 3], [{}]):
            self.refused({**here, "embedding": embedding})
            self.refused({**here, "embedding": embedding, "query": "amber"})
            answer = self.ask("POST", "/v1/memories", {**here, "content": "x", "embedding": embedding})
            self.assertEqual((answer.status, answer.code), (400, "invalid_argument"), answer.text)
        for embedding in ([1e39, 0, 0], [-1e300, 0, 0]):
            self.refused({**here, "embedding": embedding})
            self.assertEqual(self.ask("POST", "/v1/memories", {**here, "content": "x", "embedding": embedding}).status, 400)
        for text in ("NaN", "[NaN, 1, 2]", "[Infinity, 1, 2]", "[1e999, 1, 2]", "[1, 2,]", "[0x1]"):
            self.refused('{"user_id": "user_wrong", "embedding": ' + text + "}")
        for embedding in ([1] * 4097, [0.5] * 100_000):
            self.refused({**here, "embedding": embedding})
            self.assertEqual(self.ask("POST", "/v1/memories", {**here, "content": "x", "embedding": embedding}).status, 400)
        for embedding in ([1], [1, 2], [1, 2, 3, 4], [1] * 4096):
            self.assertIn("3", self.refused({**here, "embedding": embedding}))
            self.assertIn("3", self.refused({**here, "embedding": embedding, "query": "amber"}))
        for body in ({"embedding": []}, {"embedding": None}, {"mode": "vector"}, {"mode": "vector", "query": "amber"},
                     {"mode": "hybrid", "query": "amber"}, {"mode": "hybrid", "embedding": good}, {"mode": "lexical", "embedding": good},
                     {"mode": "lexical"}, {"mode": "VECTOR", "embedding": good}, {"mode": "", "embedding": good},
                     {"mode": 1, "embedding": good}, {"mode": "vector", "embedding": []}, {},
                     {"embedding": good, "limit": 0}, {"embedding": good, "limit": 1001}, {"embedding": good, "min_score": 2},
                     {"embedding": good, "min_score": -1}, {"embedding": good, "filter": {"nothing": 1}}):
            self.refused({**here, **body})
        self.assertEqual(len(model.search(embedding=good, limit=1000)), len([m for m in model.memories.values() if m.get("embedding")]))
        # Where there is nothing to compare with, nothing is found.
        self.assertEqual(self.model("user_none").search(embedding=[1]), [])

    def test_a_scope_has_embeddings_of_one_dimension(self):
        model = self.model("user_one", 2)
        model.create({"content": "amber", "embedding": [1, 0]})
        (identifier,) = model.memories
        model.ask("POST", "/v1/memories", {"content": "x", "embedding": [1, 0, 0]}, (400,))
        model.ask("POST", "/v1/memories", {"memories": [{"content": "x", "embedding": [1, 0]},
                                                        {"content": "y", "embedding": [1]}]}, (400,))
        model.ask("PATCH", "/v1/memories/" + identifier, {"embedding": [1, 0, 0]}, (400,))
        model.ask("POST", "/v1/memories/search", {"embedding": [1, 0, 0]}, (400,))
        model.create({"content": "without"})
        model.check()
        # With the last of them goes what they had in common.
        model.ask("DELETE", "/v1/memories/" + identifier, status=(200,))
        model.ask("POST", "/v1/memories", {"content": "x", "embedding": [1, 0, 0]})

    def test_a_scope_of_other_dimensions_stops_no_search_over_several(self):
        key = self.server.organization("org_dimensions")
        for user, embedding in (("user_a", [1, 0]), ("user_b", [1, 0, 0]), ("user_c", [1, 1])):
            self.model(user, key=key).create({"content": "amber", "embedding": embedding})
        for over in ({"visibility": "subtree"}, {"scopes": ["user_a", "user_b", "user_c"]}):
            for words in ({}, {"query": "basil"}):
                answer = self.ask("POST", "/v1/memories/search", {"embedding": [1, 0], **over, **words}, key)
                self.assertEqual(answer.status, 200, answer.text)
                self.assertEqual([each["scope"][-6:] for each in answer.json["results"]], ["user_a", "user_c"])

    def test_revisions_are_searched_as_they_are_now(self):
        model = self.model("user_revised", 2)
        model.create({"content": "x", "embedding": [1, 0], "key": "k"})
        (identifier,) = model.memories
        score = lambda: [round(each["score"], 5) for each in model.search(embedding=[1, 0])]
        self.assertEqual(score(), [1])
        model.ask("PATCH", "/v1/memories/" + identifier, {"embedding": [0, 1]})
        self.assertEqual(score(), [0])
        model.ask("POST", f"/v1/memories/{identifier}/restore", {"revision": 1})
        self.assertEqual(score(), [1])
        model.ask("PATCH", "/v1/memories/" + identifier, {"metadata": {"a": 1}})
        self.assertEqual(score(), [1])
        model.ask("POST", "/v1/memories", {"content": "y", "key": "k"})
        self.assertEqual(score(), [])
        model.ask("POST", "/v1/memories", {"content": "y", "key": "k", "embedding": [1, 1]})
        self.assertEqual(score(), [0.70711])
        copy = model.ask("POST", f"/v1/memories/{identifier}/share", {"to": "team_revised"})
        found = self.ask("POST", "/v1/memories/search", {"embedding": [1, 1], "user_id": "team_revised"}).json["results"]
        self.assertEqual([each["id"] for each in found], [copy["id"]])

    def test_a_score_is_of_the_embedding_that_is_answered(self):
        """While it is changed all the time."""
        model = self.model("user_race", 64)
        for _ in range(4):
            model.create_batch(500)
        ids = sorted(model.memories)[:50]
        one, other = [1.0] * 32 + [0.0] * 32, [0.0] * 32 + [1.0] * 32
        stopping = threading.Event()
        failed = []
        def write(some):
            connection = self.server.connect()
            turn = 0
            while not stopping.is_set():
                turn += 1
                for identifier in some:
                    answer = ask_on(connection, "PATCH", f"/v1/memories/{identifier}?user_id=user_race",
                                    {"embedding": [one, other, []][turn % 3]}, self.key)
                    if answer.status != 200:
                        failed.append(answer.text)
            connection.close()
        writers = [threading.Thread(target=write, args=(ids[i::3],)) for i in range(3)]
        for each in writers:
            each.start()
        wrong = []
        for _ in range(100):
            for each in model.search(embedding=one, limit=100):
                if "embedding" not in each or abs(cosine(one, each["embedding"]) - each["score"]) > 1e-5:
                    wrong.append((each["score"], each.get("embedding", [])[:1], each["revision"]))
        stopping.set()
        for each in writers:
            each.join()
        self.assertEqual((failed[:3], len(wrong), wrong[:3]), ([], 0, []))


class Life(unittest.TestCase):
    def test_a_scope_larger_than_the_cache_is_searched_whole_and_after_a_restart(self):
        with Served(CLOISTER, "--log-level", "off") as server:
            key = server.organization("org_acme")
            model = Model(self, server, key, "user_large", 768, 7)
            pad = " ".join(random.Random(1).choices(WORDS, k=300))
            draft = model.draft
            model.draft = lambda: {**draft(), "content": pad[:model.chance.randrange(2000)] + " " + model.chance.choice(WORDS)}
            # Texts and embeddings are some 20 MB, of which 16 are kept at hand.
            for _ in range(33):
                model.create_batch(150)
            kept = sum(len(m["content"]) + 4 * len(m.get("embedding", [])) for m in model.memories.values())
            self.assertGreater(kept, 16 * 1024 * 1024)
            for how in (None, server.stop, server.end):
                if how:
                    how()
                    server.start()
                for _ in range(3):
                    model.change()
                    model.check()
                # All that are answered at a time.
                wanted = model.embedding()
                found = model.search(embedding=wanted, limit=1000)
                check_vector(self, model.memories.values(), wanted, lambda m: True, 1000, 0, found)


if __name__ == "__main__":
    unittest.main()
