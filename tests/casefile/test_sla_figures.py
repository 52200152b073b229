"""Figures of the SLA clock: how clocks stand, what was answered by itself, what people saw otherwise."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.api.ticket_story import answered, understood, written
from tests.casefile.test_sla import HIGH, at, hours, stands
from workers.casefile.db import Database
from workers.casefile.sla import Priority, Standing
from workers.casefile.sla_figures import (
    DAYS,
    ClockFigures,
    ClockName,
    Figures,
    Stand,
    clock_figures,
    figures,
    outlooks_of,
)
from workers.casefile.ticket_findings import Findings


async def read(database: Database, now: datetime | None = None) -> Figures:
    async with database.sessions() as session:
        return await figures(session, [], now or datetime.now(UTC))


async def changed(database: Database) -> dict[str, tuple[int, int]]:
    return {each.what: (each.changed, each.of) for each in (await read(database)).overrides}


def counted(now: str, *standings: Standing) -> list[ClockFigures]:
    return clock_figures([outlook for each in standings for outlook in outlooks_of(each)], at(now))


class TestClocks:
    def test_they_are_counted_by_priority_and_clock_the_most_urgent_first(self) -> None:
        now = "2026-06-01 12:30"
        found = counted(
            now,
            stands(now),
            stands(now, "2026-06-01 10:00 we_replied"),
            stands(now, "2026-06-01 10:00 we_replied", "2026-06-01 10:30 waiting_for_customer"),
            stands(now, targets=HIGH),
        )
        told = {(each.priority, each.clock): dict(each.stands) for each in found}
        assert next(iter(told)) == (Priority.HIGH, ClockName.FIRST_RESPONSE)
        assert told[Priority.HIGH, ClockName.FIRST_RESPONSE] == {Stand.BREACHED: 1}
        assert told[Priority.NORMAL, ClockName.FIRST_RESPONSE] == {Stand.AT_RISK: 1, Stand.MET: 2}
        assert told[Priority.NORMAL, ClockName.RESOLUTION] == {Stand.IN_TIME: 2, Stand.PAUSED: 1}

    def test_times_are_those_of_clocks_that_ended_late_or_not(self) -> None:
        now = "2026-06-03 12:00"
        replies = ("2026-06-01 10:00", "2026-06-01 11:00", "2026-06-02 10:00")
        found = counted(now, stands(now), *(stands(now, f"{each} we_replied") for each in replies))
        first, update, resolution = found
        assert (first.median, first.total) == (hours(2), 4)
        assert first.nine_tenths is not None
        assert hours(7) < first.nine_tenths < hours(9)
        assert (update.median, resolution.median) == (None, None)

    def test_without_tickets_there_are_none(self) -> None:
        assert clock_figures([], datetime.now(UTC)) == []

    @pytest.mark.parametrize(
        "moment",
        ["2026-06-01 09:30", "2026-06-01 12:30", "2026-06-01 13:00", "2026-06-02 09:30", "2026-06-05 12:00"],
    )
    def test_what_was_seen_once_tells_how_it_is_later(self, moment: str) -> None:
        """So that a ticket to which nothing happens is looked at once."""
        for steps in ((), ("2026-06-01 09:10 we_replied",), ("2026-06-01 09:10 waiting_for_customer",)):
            early = [outlook.at(at(moment)) for outlook in outlooks_of(stands("2026-06-01 09:15", *steps))]
            now = [outlook.stand for outlook in outlooks_of(stands(moment, *steps))]
            assert early == now


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
