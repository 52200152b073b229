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


async def read(own: Database, now: datetime | None = None) -> Figures:
    async with own.sessions() as session:
        return await figures(session, now or datetime.now(UTC))


async def changed(own: Database) -> dict[str, tuple[int, int]]:
    return {each.what: (each.changed, each.of) for each in (await read(own)).overrides}


class TestAnswered:
    async def test_a_ticket_counts_once_and_by_people_as_soon_as_one_decided(self, own: Database) -> None:
        before = (await read(own)).answered[-1]
        alone, both = [(await written(own)).ticket_id for _ in range(2)]
        for key in ("1", "2"):
            await answered(own, alone, key=key)
        await answered(own, both)
        await answered(own, both, key="2", decided_by="person:ada")
        after = await read(own)
        assert (after.answered[-1].by_itself, after.answered[-1].by_people) == (
            before.by_itself + 1,
            before.by_people + 1,
        )
        assert after.automation is not None
        assert 0 < after.automation < 1

    async def test_every_day_is_told_and_what_is_older_is_not(self, own: Database) -> None:
        await answered(own, (await written(own)).ticket_id)
        later = await read(own, datetime.now(UTC) + timedelta(days=DAYS))
        assert [each.total for each in later.answered] == [0] * DAYS
        assert later.automation is None
        assert all(each.share is None for each in later.overrides)


class TestOverrides:
    async def test_edited_drafts_and_decisions_other_than_the_gates(self, own: Database) -> None:
        before = await changed(own)
        for route, decision, reply in [
            ("ask_human", "send", "It is on its way."),
            ("ask_human", "send", "Tomorrow."),
            ("escalate", "escalate", ""),
            ("auto_refund", "send", "No."),
        ]:
            ticket = (await written(own)).ticket_id
            await answered(own, ticket, route=route, decision=decision, reply=reply, decided_by="person:ada")
        await answered(own, (await written(own)).ticket_id, reply="By itself.")
        after = await changed(own)
        assert tuple(map(int.__sub__, after["draft"], before["draft"])) == (2, 3)
        assert tuple(map(int.__sub__, after["decision"], before["decision"])) == (1, 2)

    async def test_labels_are_counted_of_what_people_had_before_them(self, own: Database) -> None:
        before = await changed(own)
        for person in ("person:ada", "process:resolution"):
            taken = await written(own)
            await understood(own, taken)
            await answered(own, taken.ticket_id, decided_by=person)
            if person == "person:ada":
                await Findings(own).corrected(taken.ticket_id, taken.number, {"safety": ("true", "false")}, person)
        after = await changed(own)
        assert tuple(map(int.__sub__, after["safety"], before["safety"])) == (1, 1)
        assert tuple(map(int.__sub__, after["intent"], before["intent"])) == (0, 1)
