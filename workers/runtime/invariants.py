"""Is nothing lost, and nothing done twice? Read from the case file and from the mocked outside world's own books.

I1  Each accepted message that starts an instance has exactly one.
I2  Each effect happened once and for the right amount: journal, books and ledger agree.
I3  Each instance is done, or waits for somebody or something that is named, or is a visible incident.
I4  The timelines are as they were written: the audit chains verify.

Each is read in one snapshot. What is younger than the grace time is under way and not judged.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from workers.casefile import verifying_statements
from workers.casefile.db import Database
from workers.casefile.verifying import Verification, snapshot
from workers.runtime.invariant_rules import RULES, Rule
from workers.runtime.jobs import Process
from workers.runtime.model import read_diagram
from workers.runtime.resources import models_dir

WAITS = ["INTERMEDIATE_CATCH_EVENT", "EVENT_BASED_GATEWAY", "RECEIVE_TASK"]
"""Types of elements that wait for a date or a message."""


@dataclass(frozen=True, slots=True)
class Check:
    """One rule, held against everything it is about."""

    invariant: str
    says: str
    checked: int
    violations: Sequence[str]
    """One sentence each."""


async def check(
    database: Database, processes: Iterable[Process], grace: timedelta, may_wait: Collection[str] | None = None
) -> list[Check]:
    """Hold every rule against an instance's PostgreSQL; changes nothing. Raises what PostgreSQL raises.

    `may_wait` names the elements at which a case may wait for a date or a message; None is all that can.
    """
    async with database.sessions() as session:
        await session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
        settled = await session.scalar(text("SELECT now() - :grace"), {"grace": grace})
        named = None if may_wait is None else sorted(may_wait)
        values = {**_starts(processes), "waits": WAITS, "may_wait": named, "settled": settled}
        checks = [await _hold(session, rule, values) for rule in RULES]
    return [*checks, await _verified(database, settled)]


async def _verified(database: Database, settled: datetime) -> Check:
    async with snapshot(database) as reader:
        verification = Verification(reader)
        violations = [str(finding) async for finding in verification.findings()]
        [late] = await reader.rows(verifying_statements.OVERDUE, {"settled": settled})
    if late.entries:
        violations.append(
            f"case {late.case_id}: its timeline waits for the sealer, as {late.entries} entries in all do"
        )
    return Check("I4", "the timeline is sealed, and as it was written", verification.entries, violations)


async def _hold(session: AsyncSession, rule: Rule, values: dict[str, Any]) -> Check:
    checked = await session.scalar(_bound(rule.checked, values))
    found = await session.execute(_bound(rule.violations, values))
    violations = [f"{row[0]}: {row[1]}" for row in found]
    return Check(rule.invariant, rule.says, int(checked or 0), violations)


def _bound(sql: str, values: dict[str, Any]) -> Any:
    return text(sql).bindparams(**{name: value for name, value in values.items() if f":{name}" in sql})


def _starts(processes: Iterable[Process]) -> dict[str, Any]:
    """The messages that start instances and nothing else, and the start events that take them."""
    messages: list[str] = []
    events: list[str] = []
    for process in processes:
        names = {message.name.value for message in process.messages if message.starts}
        diagram = read_diagram(models_dir() / f"{process.id}.bpmn")
        messages += sorted(names)
        events += [catch.element for catch in diagram.catches if catch.starts and catch.message in names]
    return {"messages": messages, "starts": events}
