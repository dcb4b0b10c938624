# SPDX-FileCopyrightText: The Cloister authors
# SPDX-License-Identifier: Apache-2.0
"""A session that is cleaned up: what it noted is gone with it, what it learnt is kept."""

from cloister import CloisterError, MemoryClient

agent = MemoryClient(user_id="agent_planner")
with agent.open_session(idle_timeout=600) as run:
    run.create_memory(content="Trying flights on Tuesday first")
    learnt = run.create_memory(content="The traveller never flies at night", memory_type="preference")
    print("in the session:", len(list(run.iterate_memories())))
    run.promote([learnt["id"]])

try:
    run.list_memories()
    raise SystemExit("a session that has ended was read")
except CloisterError as refused:
    print("after it:", refused.code)
print("kept:", [each["content"] for each in agent.iterate_memories()])
