"""Figures of the SLA clock: how clocks stand, what was answered by itself, what people saw otherwise."""

from datetime import UTC, datetime, timedelta

from tests.api.ticket_story import answered, understood, written
from workers.casefile.db import Database
from workers.casefile.sla_figures import (
    DAYS,
    Figures,
    figures,
)
from workers.casefile.ticket_findings import Findings


async def read(database: Database, now: datetime | None = None) -> Figures:
    async with database.sessions() as session:
        return await figures(session, now or datetime.now(UTC))


async def changed(database: Database) -> dict[str, tuple[int, int]]:
    return {each.what: (each.changed, each.of) for each in (await read(database)).overrides}


class TestAnswered:
    async def test_a_ticket_counts_once_and_by_people_as_soon_as_one_decided(self, database: Database) -> None:
        before = (await read(database)).answered[-1]
        alone, both = [(await written(database)).ticket_id for _ in range(2)]
        for key in ("1", "2"):
            await answered(database, alone, key=key)
        await answered(database, both)
        await answered(database, both, key="2", decided_by="person:ada")
        after = await read(database)
        assert (after.answered[-1].by_itself, after.answered[-1].by_people) == (
            before.by_itself + 1,
            before.by_people + 1,
        )
        assert after.automation is not None
        assert 0 < after.automation < 1

    async def test_every_day_is_told_and_what_is_older_is_not(self, database: Database) -> None:
        await answered(database, (await written(database)).ticket_id)
        later = await read(database, datetime.now(UTC) + timedelta(days=DAYS))
        assert [each.total for each in later.answered] == [0] * DAYS
        assert later.automation is None
        assert all(each.share is None for each in later.overrides)


class TestOverrides:
    async def test_edited_drafts_and_decisions_other_than_the_gates(self, database: Database) -> None:
        before = await changed(database)
        for route, decision, reply in [
            ("ask_human", "send", "It is on its way."),
            ("ask_human", "send", "Tomorrow."),
            ("escalate", "escalate", ""),
            ("auto_refund", "send", "No."),
        ]:
            ticket = (await written(database)).ticket_id
            await answered(database, ticket, route=route, decision=decision, reply=reply, decided_by="person:ada")
        await answered(database, (await written(database)).ticket_id, reply="By itself.")
        after = await changed(database)
        assert tuple(map(int.__sub__, after["draft"], before["draft"])) == (2, 3)
        assert tuple(map(int.__sub__, after["decision"], before["decision"])) == (1, 2)

    async def test_labels_are_counted_of_what_people_had_before_them(self, database: Database) -> None:
        before = await changed(database)
        for person in ("person:ada", "process:resolution"):
            taken = await written(database)
            await understood(database, taken)
            await answered(database, taken.ticket_id, decided_by=person)
            if person == "person:ada":
                await Findings(database).corrected(
                    taken.ticket_id, taken.number, {"safety": ("true", "false")}, person
                )
        after = await changed(database)
        assert tuple(map(int.__sub__, after["safety"], before["safety"])) == (1, 1)
        assert tuple(map(int.__sub__, after["intent"], before["intent"])) == (0, 1)
