"""Who acts: people with roles, programs with scopes. Pure; what they may is in api/rights.py."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal


class Role(StrEnum):
    """What a person is here. A person may have several."""

    AGENT = "agent"
    LEAD = "lead"
    FINANCE = "finance"
    ADMIN = "admin"
    AUDITOR = "auditor"


class Scope(StrEnum):
    """What a program's token is good for. A token may have several."""

    READ = "read"
    TASKS = "tasks"
    INCIDENTS = "incidents"
    PROCESSES = "processes"
    REFUNDS = "refunds"
    TICKETS = "tickets"
    METRICS = "metrics"


GROUPS = {
    Role.AGENT: frozenset({"support"}),
    Role.LEAD: frozenset({"support", "lead"}),
    Role.FINANCE: frozenset({"finance"}),
}
"""Whose tasks each role does, by the candidate groups in the diagrams."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Somebody who was recognised. `name` is unique among people, and among programs."""

    name: str
    display_name: str
    kind: Literal["person", "program"]
    roles: frozenset[Role] = field(default_factory=frozenset)
    scopes: frozenset[Scope] = field(default_factory=frozenset)

    @property
    def id(self) -> str:
        """Unique among all."""
        return f"{self.kind}:{self.name}"

    @property
    def signature(self) -> str:
        """How timelines name them: people by their name alone, as tasks do."""
        return self.name if self.kind == "person" else self.id

    @property
    def groups(self) -> frozenset[str]:
        """The candidate groups whose tasks this person does."""
        return frozenset().union(*(GROUPS.get(role, frozenset()) for role in self.roles))

    def may_do(self, candidate_groups: Iterable[str]) -> bool:
        """Whether tasks of these groups are for this person; a program acts for whom it names."""
        groups = frozenset(candidate_groups)
        return self.kind == "program" or not groups or not self.groups.isdisjoint(groups)


@dataclass(frozen=True, slots=True)
class Arrived:
    """Somebody whom an OpenID provider sends, as it calls them."""

    issuer: str
    subject: str
    name: str
    display_name: str
    roles: frozenset[Role]
