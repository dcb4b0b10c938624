# SPDX-FileCopyrightText: The Cloister authors
# SPDX-License-Identifier: Apache-2.0
"""Memory for agents that belongs to someone: the client of a Cloister server.

    from cloister import MemoryClient

    memory = MemoryClient(api_key="…", user_id="user_123")
    memory.create_memory(content="User prefers dark mode", memory_type="preference")
    memory.search_memories(query="preferences")["results"]
"""

from cloister.aio import AsyncEventStream, AsyncMemoryClient, AsyncSession
from cloister.client import MemoryClient, Session
from cloister.errors import (AuthenticationError, CloisterError, ConflictError, ErasedError,
                             ForbiddenError, InvalidArgumentError, NotFoundError, QuotaExceededError,
                             RateLimitedError, UnavailableError)
from cloister.events import EventStream
from cloister.types import Event

#: What code that was written for other products calls it.
MemoryStackClient = MemoryClient

__version__ = "0.1.0"
__all__ = [
    "AsyncEventStream", "AsyncMemoryClient", "AsyncSession", "AuthenticationError", "CloisterError",
    "ConflictError", "ErasedError", "Event", "EventStream", "ForbiddenError", "InvalidArgumentError",
    "MemoryClient", "MemoryStackClient", "NotFoundError", "QuotaExceededError", "RateLimitedError",
    "Session", "UnavailableError",
]
