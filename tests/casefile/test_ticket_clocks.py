"""The books of the SLA clock, by the clock: told once, read as what is due."""

import uuid
from datetime import UTC, datetime

import pytest

from tests.casefile.test_sla import HIGH, NORMAL, OPENED, SHOP, at, hours, shown
from workers.casefile.db import Database
from workers.casefile.sla import Happened, Priority
from workers.casefile.ticket_clocks import TicketClocks


@pytest.fixture
def clocks(database: Database) -> TicketClocks:
    return TicketClocks(database, SHOP)


@pytest.fixture
def ticket() -> str:
    return f"chat-{uuid.uuid4().hex}"


async def told(clocks: TicketClocks, ticket: str, *steps: str, opened: str = OPENED) -> None:
    """Opened, then steps told as `2026-06-01 09:00 we_replied` or `2026-06-01 09:00 high`."""
    await clocks.note(ticket, "opened", Happened.OPENED, targets=NORMAL, at=at(opened))
    for number, step in enumerate(steps):
        when, what = at(step[:16]), step[17:]
        if what == "high":
            await clocks.note(ticket, str(number), Happened.PRIORITY_CHANGED, targets=HIGH, at=when)
        else:
            await clocks.note(ticket, str(number), Happened(what), at=when)


class TestNoting:
    async def test_what_is_told_twice_happened_once_and_the_first_counts(
        self, clocks: TicketClocks, ticket: str
    ) -> None:
        await told(clocks, ticket, "2026-06-01 10:00 we_replied")
        await clocks.note(ticket, "0", Happened.WE_REPLIED, at=at("2026-06-02 10:00"))
        await clocks.note(ticket, "opened", Happened.OPENED, targets=HIGH, at=at("2026-06-02 10:00"))
        found = await clocks.standing(ticket, at("2026-06-01 11:00"))
        assert found
        assert (found.priority, shown(found.update)) == (Priority.NORMAL, ("running", at("2026-06-02 10:00")))

    async def test_it_happens_now_unless_another_time_is_told(self, clocks: TicketClocks, ticket: str) -> None:
        before = datetime.now(UTC)
        await clocks.note(ticket, "opened", Happened.OPENED, targets=NORMAL)
        due = SHOP.add(before, NORMAL.first_response), SHOP.add(datetime.now(UTC), NORMAL.first_response)
        found = await clocks.standing(ticket)
        assert found
        assert found.first_response.due_at
        assert due[0] <= found.first_response.due_at <= due[1]

    async def test_the_order_of_telling_does_not_matter(self, clocks: TicketClocks, ticket: str) -> None:
        await clocks.note(ticket, "reply", Happened.WE_REPLIED, at=at("2026-06-01 10:00"))
        assert await clocks.standing(ticket, at("2026-06-01 11:00")) is None
        await told(clocks, ticket)
        found = await clocks.standing(ticket, at("2026-06-01 11:00"))
        assert found
        assert (shown(found.first_response), found.first_response.used) == (("met", None), hours(1))


class TestByTheClock:
    @pytest.mark.parametrize(
        ("opened", "now", "steps", "expected"),
        [
            pytest.param(
                OPENED,
                "2026-06-03 09:00",
                ["2026-06-01 11:00 waiting_for_customer", "2026-06-02 15:00 customer_answered"],
                ("running", "2026-06-05 13:00"),
                id="waiting for the customer pauses",
            ),
            pytest.param(
                OPENED, "2026-06-01 13:00", ["2026-06-01 11:00 high"], ("running", "2026-06-01 17:00"),
                id="another priority keeps what was used",
            ),
            pytest.param(
                OPENED,
                "2026-06-09 12:00",
                ["2026-06-03 16:00 solved", "2026-06-09 09:00 reopened"],
                ("running", "2026-06-10 13:00"),
                id="reopened a ticket has half of its target at least",
            ),
            pytest.param(
                "2026-04-30 16:00", "2026-05-04 09:00", [], ("running", "2026-05-06 16:00"),
                id="the first of May is a holiday",
            ),
            pytest.param(
                "2026-03-27 09:00", "2026-03-30 09:00", [], ("running", "2026-03-31 17:00"),
                id="summer time begins, and a working day is as long",
            ),
        ],
    )  # fmt: skip
    async def test_when_a_ticket_has_to_be_solved(
        self,
        clocks: TicketClocks,
        ticket: str,
        opened: str,
        now: str,
        steps: list[str],
        expected: tuple[str, str],
    ) -> None:
        await told(clocks, ticket, *steps, opened=opened)
        found = await clocks.standing(ticket, at(now))
        assert found
        assert shown(found.resolution) == (expected[0], at(expected[1]))
