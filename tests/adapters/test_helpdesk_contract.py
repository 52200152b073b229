"""What every helpdesk adapter and its fake must do."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest

from tests.fakes import FakeHelpdesk
from workers.adapters.mock_behaviour import Kind, misbehave
from workers.adapters.mock_helpdesk import MockHelpdesk
from workers.adapters.mock_world import MockWorld
from workers.ports.helpdesk import MOST_TICKETS, Helpdesk, PastTicket, TicketStatus
from workers.runtime.errors import EffectConflict, NeedsHuman, OutcomeUnknown

SOME_DAY = datetime(2026, 3, 2, 9, tzinfo=UTC)
Seed = Callable[[str, PastTicket], Awaitable[None]]


@pytest.fixture(params=["mock", "fake"])
def helpdesk(request: pytest.FixtureRequest, world: MockWorld) -> Helpdesk:
    return FakeHelpdesk() if request.param == "fake" else MockHelpdesk(world)


@pytest.fixture
def seed(helpdesk: Helpdesk) -> Seed:
    async def put(email: str, past: PastTicket) -> None:
        if isinstance(helpdesk, FakeHelpdesk):
            helpdesk.past.setdefault(email, []).append(past)
        elif isinstance(helpdesk, MockHelpdesk):
            await helpdesk.seed_ticket(
                past.id,
                email,
                past.subject,
                status=past.status,
                created_at=past.created_at,
                solved_at=past.solved_at,
            )

    return put


def ticket(name: str, day: int = 0, status: TicketStatus = TicketStatus.SOLVED) -> PastTicket:
    at = SOME_DAY + timedelta(days=day)
    return PastTicket(name, "Where is my lamp?", status, at, at if status is TicketStatus.SOLVED else None)


class TestSendReply:
    async def test_one_key_is_sent_once(self, helpdesk: Helpdesk, unique: str) -> None:
        sent = await helpdesk.send_reply(f"mail-{unique}", unique, "It is on its way.", "en")
        assert (sent.key, sent.ticket_id) == (unique, f"mail-{unique}")
        assert await helpdesk.send_reply(f"mail-{unique}", unique, "It is on its way.", "en") == sent
        assert await helpdesk.find_reply(unique) == sent

    async def test_what_was_not_sent_is_not_found(self, helpdesk: Helpdesk, unique: str) -> None:
        assert await helpdesk.find_reply(unique) is None

    async def test_a_key_stands_for_one_reply_only(self, helpdesk: Helpdesk, unique: str) -> None:
        await helpdesk.send_reply(f"mail-{unique}", unique, "Yes.", "en")
        with pytest.raises(EffectConflict, match=unique):
            await helpdesk.send_reply(f"mail-{unique}", unique, "No.", "en")

    async def test_a_closed_ticket_is_not_answered_but_what_was_sent_stays_sent(
        self, helpdesk: Helpdesk, unique: str
    ) -> None:
        sent = await helpdesk.send_reply(unique, f"{unique}-1", "Yes.", "")
        await helpdesk.set_status(unique, TicketStatus.CLOSED)
        with pytest.raises(NeedsHuman, match="closed"):
            await helpdesk.send_reply(unique, f"{unique}-2", "No.", "")
        assert await helpdesk.find_reply(f"{unique}-2") is None
        assert await helpdesk.send_reply(unique, f"{unique}-1", "Yes.", "") == sent


class TestSetStatus:
    async def test_doing_it_twice_is_the_same(self, helpdesk: Helpdesk, seed: Seed, unique: str) -> None:
        await seed(f"{unique}@example.com", ticket(unique, status=TicketStatus.OPEN))
        for status in (TicketStatus.SOLVED, TicketStatus.CLOSED):
            for _ in range(2):
                await helpdesk.set_status(unique, status)
                [now] = await helpdesk.history(f"{unique}@example.com")
                assert now.status is status
                assert now.solved_at is not None

    async def test_what_is_opened_again_is_not_solved(self, helpdesk: Helpdesk, seed: Seed, unique: str) -> None:
        await seed(f"{unique}@example.com", ticket(unique))
        await helpdesk.set_status(unique, TicketStatus.OPEN)
        [now] = await helpdesk.history(f"{unique}@example.com")
        assert (now.status, now.solved_at) == (TicketStatus.OPEN, None)

    async def test_closed_stays_closed(self, helpdesk: Helpdesk, unique: str) -> None:
        await helpdesk.set_status(unique, TicketStatus.CLOSED)
        with pytest.raises(NeedsHuman, match="closed"):
            await helpdesk.set_status(unique, TicketStatus.OPEN)


class TestHistory:
    async def test_the_newest_comes_first_whatever_the_case_of_the_address(
        self, helpdesk: Helpdesk, seed: Seed, unique: str
    ) -> None:
        old, new = ticket(f"{unique}-a"), ticket(f"{unique}-b", 3)
        for past in (old, new):
            await seed(f"{unique}@example.com", past)
        assert await helpdesk.history(f" {unique}@Example.COM") == (new, old)

    async def test_it_is_bounded(self, helpdesk: Helpdesk, seed: Seed, unique: str) -> None:
        for day in range(MOST_TICKETS + 1):
            await seed(f"{unique}@example.com", ticket(f"{unique}-{day}", day))
        told = await helpdesk.history(f"{unique}@example.com")
        assert [told[0].id, told[-1].id, len(told)] == [f"{unique}-{MOST_TICKETS}", f"{unique}-1", MOST_TICKETS]

    @pytest.mark.parametrize("email", ["", "nobody@example.com"])
    async def test_somebody_new_has_none(self, helpdesk: Helpdesk, email: str, unique: str) -> None:
        await helpdesk.set_status(unique, TicketStatus.OPEN)
        assert await helpdesk.history(email) == ()


class TestMisbehaviour:
    async def test_an_answer_that_gets_lost_can_be_looked_up(self, world: MockWorld, unique: str) -> None:
        helpdesk = MockHelpdesk(world)
        await misbehave(world, "helpdesk.send_reply", Kind.ANSWER_LOST, unique, times=1)
        with pytest.raises(OutcomeUnknown):
            await helpdesk.send_reply(unique, f"{unique}-1", "Yes.", "en")
        found = await helpdesk.find_reply(f"{unique}-1")
        assert await helpdesk.send_reply(unique, f"{unique}-1", "Yes.", "en") == found

    async def test_a_ticket_can_be_unknown_and_a_reply_refused(self, world: MockWorld, unique: str) -> None:
        helpdesk = MockHelpdesk(world)
        await misbehave(world, "helpdesk.set_status", Kind.NOT_FOUND, unique)
        with pytest.raises(NeedsHuman, match="no ticket"):
            await helpdesk.set_status(unique, TicketStatus.SOLVED)
        await misbehave(world, "helpdesk.send_reply", Kind.REFUSED, unique)
        with pytest.raises(NeedsHuman, match="sends nothing"):
            await helpdesk.send_reply(unique, unique, "Yes.", "en")
