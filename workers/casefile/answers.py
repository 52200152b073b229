"""What was decided about tickets, and by whom: that is what the engine recorded, not what anybody says."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from workers.casefile.completions import completions, entered_at
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


@dataclass(frozen=True, slots=True)
class Given:
    """Who gave an answer, and the how many-th of its kind it is in this instance."""

    by: str
    """person:… or, where the engine names nobody, program:engine."""
    number: int


def _given(completed: Sequence[Record], number: int) -> Given:
    person = ((completed[-1].facts if completed else None) or {}).get("assignee")
    return Given(f"person:{person}" if person else NOBODY, number)


class Answers:
    """The books of decisions, and whose they are."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def write(self, answer: Answer) -> None:
        """Keep a decision. Once by ticket and key."""
        once = insert(TicketAnswer).values(asdict(answer)).on_conflict_do_nothing()
        await self._database.run(lambda session: session.execute(once))

    async def answered_by(self, instance: int, asker: int) -> Given | None:
        """Who completed *Answer ticket* last before the element instance `asker`; None while that is not told."""
        async with self._database.sessions() as session:
            found = await completions(session, instance, ANSWER, asker)
        return None if found is None else _given(found, len(found))

    async def escalated_by(self, caller: int, element: str, asker: int) -> Given | None:
        """The same of the task of the last escalation that this instance called."""
        called = select(Instance.key).where(Instance.parent_key == caller, Instance.process == "escalation")
        async with self._database.sessions() as session:
            if await entered_at(session, caller, asker) is None:
                return None
            instances = (await session.scalars(called.order_by(Instance.started_at, Instance.key))).all()
            found = await completions(session, instances[-1], element) if instances else ()
        return _given(found or (), len(instances))
