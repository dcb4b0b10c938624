# SPDX-FileCopyrightText: The Cloister authors
# SPDX-License-Identifier: Apache-2.0
"""A client for each user: what one stores, the other never sees."""

from cloister import MemoryClient

with MemoryClient(user_id="user_alice") as alice, MemoryClient(user_id="user_bob") as bob:
    # With a key of its own a memory replaces the one that was there.
    alice.create_memory(content="Prefers dark mode", memory_type="preference", key="mode")
    bob.create_memory(content="Prefers light mode", memory_type="preference", key="mode")

    for name, client in (("alice", alice), ("bob", bob)):
        found = client.search_memories(query="which mode")["results"]
        print(name, "->", [each["content"] for each in found])
        assert len(found) == 1

    # Deletes what is alice's, and nothing else.
    print("deleted", alice.delete_all_memories()["deleted"])
    assert len(list(bob.iterate_memories())) == 1
