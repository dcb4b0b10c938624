# SPDX-FileCopyrightText: The Cloister authors
# SPDX-License-Identifier: Apache-2.0
"""An agent with memories of its own, and those of its team."""

from cloister import MemoryClient

team = MemoryClient(user_id="team_research")
agent = MemoryClient(user_id="team_research/agent_reader")

team.create_memory(content="Papers are summarised in five sentences", memory_type="policy")
agent.create_memory(content="Section three of the survey is still unread")
lesson = agent.create_memory(content="The survey's second table is wrong")

# What is private stays private; what is worth it is shared.
agent.share_memory(lesson["id"], "team_research")
print("the team knows:", sorted(each["content"] for each in team.iterate_memories()))
print("the agent finds:", [each["scope"] for each in agent.search_memories(
    query="survey table", visibility="inherited")["results"]])
