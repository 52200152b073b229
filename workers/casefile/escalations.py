"""The books of escalations and of hazards: what is open, who has it, and what was reported of which product."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from workers.casefile.approvals import roles_of
from workers.casefile.completions import completions
from workers.casefile.db import Database
from workers.casefile.escalation_models import Escalation, HazardReport
from workers.casefile.models import Task


@dataclass(frozen=True, slots=True)
class Completed:
    """How somebody completed a task, by the engine's record; `roles` is what they are with us."""

    number: int
    """How many times it has been completed."""
    by: str | None
    answers: Mapping[str, Any]
    roles: frozenset[str]


def open_escalations() -> Select[Escalation]:
    """Those that nobody has handled yet, the oldest first."""
    return select(Escalation).where(Escalation.handled_at.is_(None)).order_by(Escalation.opened_at, Escalation.id)


async def reports_of(session: AsyncSession, product_case: str) -> Sequence[HazardReport]:
    """All reports of a product, by its case (workers/contracts/hazard.py), the oldest first."""
    wanted = select(HazardReport).where(HazardReport.hazard_case == product_case)
    return (await session.scalars(wanted.order_by(HazardReport.id))).all()


class Escalations:
    """Each call in a transaction of its own."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def open(self, ticket_id: str, instance: int, **told: Any) -> str:
        """Enter an escalation, and give its id. Idempotent by the instance that handles it."""

        async def work(session: AsyncSession) -> str:
            key = func.hashtextextended(f"escalations:{ticket_id}", 0)
            await session.execute(select(func.pg_advisory_xact_lock(key)))
            entered = select(Escalation).where(Escalation.ticket_id == ticket_id)
            known = {row.process_instance_key: row.id for row in await session.scalars(entered)}
            if instance not in known:
                known[instance] = f"{ticket_id}:{len(known) + 1}"
                session.add(
                    Escalation(id=known[instance], ticket_id=ticket_id, process_instance_key=instance, **told)
                )
            return known[instance]

        return await self._database.run(work)

    async def reach(self, escalation_id: str, chain_round: int) -> None:
        """Somebody is alerted for the so-manieth time. Idempotent: it never goes down."""
        reached = func.greatest(Escalation.round, chain_round)
        await self._change(escalation_id, round=reached)

    async def claim(self, escalation_id: str, by: str) -> None:
        """Somebody has taken it. Idempotent: the first counts."""
        await self._change(
            escalation_id,
            claimed_by=func.coalesce(Escalation.claimed_by, by),
            claimed_at=func.coalesce(Escalation.claimed_at, func.now()),
        )

    async def handle(self, escalation_id: str, by: str) -> None:
        """Somebody has handled it. Idempotent."""
        await self._change(
            escalation_id, handled_by=by, handled_at=func.coalesce(Escalation.handled_at, func.now())
        )

    async def task_of(self, instance: int, element: str) -> Task | None:
        """The newest task of this kind that the instance has had; None before its record is here."""
        newest = select(Task).where(Task.process_instance_key == instance, Task.element_id == element)
        async with self._database.sessions() as session:
            return (await session.scalars(newest.order_by(Task.key.desc()).limit(1))).first()

    async def completed(self, instance: int, element: str, asker: int) -> Completed | None:
        """How the task was completed last before the element instance `asker`; None before its record is here.

        An instance that an operator moved there without the task was completed by nobody.
        """
        async with self._database.sessions() as session:
            found = await completions(session, instance, element, asker)
            if found is None:
                return None
            facts = (found[-1].facts if found else None) or {}
            by = facts.get("assignee") or None
            roles = (await roles_of(session, [by])).get(by or "", frozenset())
            return Completed(len(found), by, facts.get("variables") or {}, roles)

    async def _change(self, escalation_id: str, **values: Any) -> None:
        change = update(Escalation).where(Escalation.id == escalation_id).values(**values)
        await self._database.run(lambda session: session.execute(change))


class HazardReports:
    """The same for reports of hazards."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, **told: Any) -> None:
        """Enter a report. Idempotent by ticket, hazard and product: the first stays."""
        new = insert(HazardReport).values(**told).on_conflict_do_nothing()
        await self._database.run(lambda session: session.execute(new))

    async def undecided(self, hazard_case: str) -> Sequence[HazardReport]:
        """Reports of a product that people have not decided about, the oldest first."""
        async with self._database.sessions() as session:
            return [each for each in await reports_of(session, hazard_case) if each.episode is None]

    async def of_episode(self, hazard_case: str, episode: int) -> Sequence[HazardReport]:
        """Reports that were decided about together, the oldest first."""
        async with self._database.sessions() as session:
            return [each for each in await reports_of(session, hazard_case) if each.episode == episode]

    async def settle(self, hazard_case: str, episode: int) -> Sequence[HazardReport]:
        """All of a product that is here now is decided about; gives what was decided about together."""

        async def work(session: AsyncSession) -> Sequence[HazardReport]:
            mine = update(HazardReport).where(
                HazardReport.hazard_case == hazard_case, HazardReport.episode.is_(None)
            )
            await session.execute(mine.values(episode=episode))
            reports = await reports_of(session, hazard_case)
            return [each for each in reports if each.episode == episode]

        return await self._database.run(work)
