"""What was decided about tickets, and by whom: that is what the engine recorded, not what anybody says."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from workers.casefile.db import Database
from workers.casefile.finding_models import TicketAnswer
from workers.casefile.record_models import Instance, Record
from workers.ports.analysis import Labels

NOBODY = "program:engine"
"""Who completes a task at the engine itself and names nobody."""
ANSWER = "Task_AnswerTicket"
"""Element of bpmn/resolution.bpmn."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A decision about a ticket; the same `key` is the same decision."""

    ticket_id: str
    key: str
    route: str
    why: str
    decided_by: str
    decision: str
    draft: str
    reply: str


def corrections(found: Labels, said: Mapping[str, Any]) -> Mapping[str, tuple[str, str]]:
    """What a person says otherwise than the analysis, by label: found and corrected. None says nothing."""
    return {
        label: (_word(before), _word(said[label]))
        for label, before in asdict(found).items()
        if said.get(label) is not None and said[label] != before
    }


def _word(value: object) -> str:
    return str(value).lower()


class Answers:
    """The books of decisions, and whose they are."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def write(self, answer: Answer) -> None:
        """Keep a decision. Once by ticket and key."""
        once = insert(TicketAnswer).values(asdict(answer)).on_conflict_do_nothing()
        await self._database.run(lambda session: session.execute(once))

    async def answered_by(self, instance: int, count: int) -> str | None:
        """Who completed *Answer ticket* the `count`-th time; None while the engine has not told it."""
        return await self._who(instance, ANSWER, count)

    async def _who(self, instance: int, element: str, count: int) -> str | None:
        """Whoever completed it the `count`-th time; with 0, last."""
        completed = select(Record.facts).where(
            Record.process_instance_key == instance,
            Record.value_type == "USER_TASK",
            Record.intent == "COMPLETED",
            Record.element_id == element,
        )
        async with self._database.sessions() as session:
            found = (await session.scalars(completed.order_by(Record.position))).all()
        if not found or len(found) < count:
            return None
        person = (found[count - 1] or {}).get("assignee")
        return f"person:{person}" if person else NOBODY

    async def escalated_by(self, caller: int, element: str) -> str | None:
        """Who completed the task of the last escalation that this instance called; None while that is not told."""
        called = select(Instance.key).where(Instance.parent_key == caller, Instance.process == "escalation")
        last = called.order_by(Instance.started_at.desc(), Instance.key.desc()).limit(1)
        async with self._database.sessions() as session:
            instance = await session.scalar(last)
        return await self._who(instance, element, 0) if instance else None
