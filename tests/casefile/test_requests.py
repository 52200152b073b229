"""Questions to customers: answered once, and not after they expired or were closed."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from workers.casefile.db import Database
from workers.casefile.models import CustomerRequest
from workers.casefile.requests import CustomerRequests, RequestKind, RequestState, answer, state_of

WEEK = timedelta(days=7)


class Asked:
    """One question about a case of its own."""

    def __init__(self, database: Database) -> None:
        self.case_id = str(uuid4())
        self.id = f"{self.case_id}-address-1"
        self.database = database
        self.requests = CustomerRequests(database)

    async def open(self, lasts: timedelta = WEEK, **facts: str) -> CustomerRequest:
        kind = RequestKind.ADDRESS
        return await self.requests.open(self.id, case_id=self.case_id, kind=kind, facts=facts, lasts=lasts)

    async def answer(self) -> bool:
        async with self.database.transaction() as session:
            return await answer(session, self.id)

    async def state(self) -> RequestState:
        request = await self.requests.get(self.id)
        assert request is not None
        return state_of(request, datetime.now(UTC))


@pytest.fixture
def asked(database: Database) -> Asked:
    return Asked(database)


async def test_it_is_open_for_as_long_as_it_lasts(asked: Asked) -> None:
    request = await asked.open(city="Berlin")
    assert request.facts == {"city": "Berlin"}
    assert await asked.state() == RequestState.OPEN
    assert state_of(request, request.expires_at - timedelta(seconds=1)) == RequestState.OPEN
    assert state_of(request, request.expires_at) == RequestState.EXPIRED


async def test_opened_again_it_is_what_it_was(asked: Asked) -> None:
    first = await asked.open(city="Berlin")
    again = await asked.open(timedelta(days=30), city="Hamburg")
    assert (again.facts, again.expires_at) == (first.facts, first.expires_at)


async def test_opened_again_after_the_answer_it_stays_answered(asked: Asked) -> None:
    await asked.open()
    await asked.answer()
    await asked.open()
    assert await asked.state() == RequestState.ANSWERED


async def test_opened_by_two_at_once_it_is_one(asked: Asked) -> None:
    requests = await asyncio.gather(*(asked.open() for _ in range(4)))
    assert len({request.expires_at for request in requests}) == 1


async def test_it_is_answered_once(asked: Asked) -> None:
    await asked.open()
    assert await asked.answer() is True
    assert await asked.answer() is False
    assert await asked.state() == RequestState.ANSWERED


async def test_of_many_answers_at_once_one_counts(asked: Asked) -> None:
    await asked.open()
    answers = await asyncio.gather(*(asked.answer() for _ in range(8)))
    assert sorted(answers) == [False] * 7 + [True]


async def test_an_answer_that_could_not_be_stored_uses_nothing_up(asked: Asked) -> None:
    """The customer may try again."""
    await asked.open()
    async with asked.database.transaction() as session:
        assert await answer(session, asked.id)
        await session.rollback()
    assert await asked.state() == RequestState.OPEN
    assert await asked.answer() is True


async def test_after_it_expired_no_answer_counts(asked: Asked) -> None:
    await asked.open(lasts=-timedelta(seconds=1))
    assert await asked.state() == RequestState.EXPIRED
    assert await asked.answer() is False


async def test_after_it_was_closed_no_answer_counts(asked: Asked) -> None:
    await asked.open()
    await asked.requests.close(asked.id)
    assert await asked.state() == RequestState.CLOSED
    assert await asked.answer() is False


async def test_closed_after_the_answer_it_stays_answered(asked: Asked) -> None:
    await asked.open()
    await asked.answer()
    await asked.requests.close(asked.id)
    assert await asked.state() == RequestState.ANSWERED


async def test_an_answer_and_the_end_of_asking_at_once_leave_no_doubt(asked: Asked) -> None:
    await asked.open()
    counted, _ = await asyncio.gather(asked.answer(), asked.requests.close(asked.id))
    assert await asked.state() == (RequestState.ANSWERED if counted else RequestState.CLOSED)


async def test_closing_all_questions_of_a_case_closes_no_other(asked: Asked, database: Database) -> None:
    other = Asked(database)
    await asked.open()
    await other.open()
    for _ in range(2):
        await asked.requests.close_all(asked.case_id)
    assert (await asked.state(), await other.state()) == (RequestState.CLOSED, RequestState.OPEN)


async def test_what_was_never_asked_cannot_be_answered_or_closed(asked: Asked) -> None:
    assert await asked.answer() is False
    await asked.requests.close(asked.id)
    assert await asked.requests.get(asked.id) is None
