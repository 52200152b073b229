"""What a verification finds."""

from dataclasses import dataclass
from enum import StrEnum


class What(StrEnum):
    """What is wrong."""

    CHANGED = "changed"
    DELETED = "deleted"
    REORDERED = "reordered"
    TRUNCATED = "truncated"
    INSERTED = "inserted"
    ANCHOR = "anchor"
    """An anchor is missing, or says something else than the entries or the world outside."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it was sealed. `case_id` and `seq` as far as they can be known."""

    what: What
    says: str
    case_id: str | None = None
    seq: int | None = None

    def __str__(self) -> str:
        """One sentence."""
        where = [f"case {self.case_id}"] if self.case_id is not None else []
        where += [f"entry {self.seq}"] if self.seq is not None else []
        return ": ".join(filter(None, [", ".join(where), self.what, self.says]))
