# SPDX-FileCopyrightText: The Cloister authors
# SPDX-License-Identifier: Apache-2.0
"""A service that hands out clients: of a user, of a team, of the whole organization."""

from cloister import MemoryClient


class MemoryService:
    """One key, many scopes: who asks for a scope is bound to it."""

    def __init__(self) -> None:
        self._root = MemoryClient()

    def for_user(self, user_id: str) -> MemoryClient:
        return self._root.for_user(f"user_{user_id}")

    def for_team(self, team: str) -> MemoryClient:
        return self._root.for_user(f"team_{team}")

    def for_organization(self) -> MemoryClient:
        return self._root


service = MemoryService()
service.for_organization().create_memory(content="Offices close at six", memory_type="policy")
service.for_team("support").create_memory(content="Escalate outages to the lead")
service.for_user("dana").create_memory(content="Dana speaks Danish")

for name, client in (("user", service.for_user("dana")), ("team", service.for_team("support"))):
    own = [each["content"] for each in client.list_memories()["results"]]
    above = client.list_memories(visibility="inherited")["results"]
    print(name, "own:", own, "and from above:", len(above) - len(own))
