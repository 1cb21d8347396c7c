"""How our pydantic models behave, said once."""

from __future__ import annotations

from pydantic import ConfigDict

from butler_core.lazy import lazy_property

# A validator takes a millisecond or two to build, and a process uses few of the models that it imports: each is built
# when it first validates or serialises something.  Pydantic does that safely among threads since 2.14.
FROZEN = ConfigDict(frozen=True, extra="forbid", defer_build=True, ignored_types=(lazy_property,))
"""For descriptions that never change."""
OPEN = ConfigDict(extra="forbid", defer_build=True)
"""For what is filled step by step."""
