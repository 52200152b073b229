"""What people and programs ask for by our API and pages, in the timeline of the case that it is about."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from workers.casefile.models import TimelineEntry

SOURCE = "api"


@dataclass(frozen=True, slots=True)
class Act:
    """Something that somebody asked for who was recognised. What came of it in the engine, its records tell.

    Without a `key` each time counts; with one, it is written once per case.
    """

    case_id: str
    kind: str
    sentence: str
    actor: str
    key: str | None = None
    element_id: str | None = None
    process_instance_key: int | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)


async def note(session: AsyncSession, act: Act) -> None:
    """Write it, in the caller's transaction."""
    values = {
        "case_id": act.case_id,
        "key": act.key or f"{act.kind}-{uuid4()}",
        "kind": act.kind,
        "sentence": act.sentence,
        "facts": dict(act.facts),
        "source": SOURCE,
        "actor": act.actor,
        "element_id": act.element_id,
        "process_instance_key": act.process_instance_key,
    }
    once = insert(TimelineEntry).values(values)
    await session.execute(once.on_conflict_do_nothing(index_elements=[TimelineEntry.case_id, TimelineEntry.key]))
