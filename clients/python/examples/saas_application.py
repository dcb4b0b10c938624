# SPDX-FileCopyrightText: The Cloister authors
# SPDX-License-Identifier: Apache-2.0
"""A SaaS application: each customer has a key of its own, which reaches nothing else."""

from cloister import ForbiddenError, MemoryClient

admin = MemoryClient()


def sign_up(customer: str) -> str:
    """Makes a key that is rooted at the customer."""
    made = admin.create_key("read,write,delete", scope=f"customer_{customer}", label=customer)
    return made["api_key"]


keys = {name: sign_up(name) for name in ("acme", "globex")}
for name, key in keys.items():
    MemoryClient(api_key=key).create_memory(content=f"{name} renews in March")

acme = MemoryClient(api_key=keys["acme"])
print("acme has", [each["content"] for each in acme.iterate_memories()])

try:
    MemoryClient(api_key=keys["acme"], user_id="customer_globex").list_memories()
    raise SystemExit("a stranger's memories were answered")
except ForbiddenError as refused:
    print("refused:", refused.detail)

# A customer leaves.
receipt = admin.erase_scope("customer_acme")
print("erased", receipt["scope"], "with", receipt["memories"], "memory, signed",
      receipt["signature"][:16])

# The name stays erased, unless it is to be used again.
admin.reinstate_scope("customer_acme")
