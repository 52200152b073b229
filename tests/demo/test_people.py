"""Customers answer every mail once, whatever happens to the connection."""

import uuid
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import httpx
import pytest
from sqlalchemy.dialects.postgresql import insert

from workers.adapters.mock_books import MailRow
from workers.adapters.mock_world import MockWorld
from workers.runtime.demo.feed import Feed
from workers.runtime.demo.people import People
from workers.runtime.demo.plan import Trouble, planned

Trip = Callable[[httpx.Request], httpx.Response | None]


@dataclass
class FakeApi:
    """Pages that take an answer once; `trip` may answer, or raise, in their place."""

    taken: list[str] = field(default_factory=list)
    asked: int = 0
    trip: Trip = lambda _: None

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Answer one request."""
        if request.url.path == "/tasks":
            return httpx.Response(200, json={"tasks": []})
        self.asked += 1
        if tripped := self.trip(request):
            return tripped
        if request.method == "POST":
            if request.url.path in self.taken:
                return httpx.Response(409)
            self.taken.append(request.url.path)
        return httpx.Response(200)


@pytest.fixture
def order() -> str:
    return str(uuid.uuid4().int % 10**15)


@pytest.fixture
def api() -> FakeApi:
    return FakeApi()


@pytest.fixture
async def people(world: MockWorld, order: str, api: FakeApi) -> AsyncIterator[People]:
    one = planned({"id": order}, {Trouble.NONE_LEFT_REFUND}, repeated=False, fresh=False)
    async with httpx.AsyncClient(transport=httpx.MockTransport(api), base_url="http://shop.test") as http:
        yield People(http, world, "token", {order: one}, Feed(http, "secret", 8))


async def send(world: MockWorld, order: str, link: str = "first", number: int | None = None) -> None:
    mail = {
        "key": f"mail:{order}:{link}",
        "to": "someone@example.com",
        "template": "fulfillment_ask_refund_or_wait",
        "order_id": order,
        "values": {},
        "subject": "",
        "text": "",
        "html": "",
        "links": [f"http://shop.test/c/{link}"],
    }
    numbered = mail if number is None else {**mail, "number": number}
    await world.one(insert(MailRow).values(**numbered).returning(MailRow))


async def test_a_mail_is_answered_once(world: MockWorld, order: str, api: FakeApi, people: People) -> None:
    await send(world, order)
    for _ in range(3):
        await people.look_once()
    assert api.taken == ["/c/first"]
    assert api.asked == 2
    assert people.answered == {order: ["chose refund"]}


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_503_puts_the_answer_off_and_does_not_lose_it(
    world: MockWorld, order: str, api: FakeApi, people: People, method: str
) -> None:
    def once(request: httpx.Request) -> httpx.Response | None:
        if request.method != method:
            return None
        api.trip = lambda _: None
        return httpx.Response(503)

    api.trip = once
    await send(world, order)
    await people.look_once()
    assert people.answered == {}
    await people.look_once()
    assert api.taken == ["/c/first"]
    assert people.answered == {order: ["chose refund"]}


async def test_an_answer_whose_receipt_was_lost_counts_as_given(
    world: MockWorld, order: str, api: FakeApi, people: People
) -> None:
    def break_after(request: httpx.Request) -> None:
        if request.method == "POST":
            api.trip = lambda _: None
            api.taken.append(request.url.path)
            raise httpx.ReadError("connection lost", request=request)

    api.trip = break_after
    await send(world, order)
    await people.look_once()
    await people.look_once()
    assert api.taken == ["/c/first"]
    assert people.answered == {order: ["chose refund"]}


async def test_one_broken_page_holds_up_no_other_mail(
    world: MockWorld, order: str, api: FakeApi, people: People
) -> None:
    api.trip = lambda request: httpx.Response(503) if request.url.path == "/c/broken" else None
    await send(world, order, "broken")
    await send(world, order, "whole")
    await people.look_once()
    assert api.taken == ["/c/whole"]


async def test_a_mail_that_appears_late_under_a_smaller_number_is_read(
    world: MockWorld, order: str, api: FakeApi, people: People
) -> None:
    await send(world, order, "later")
    await people.look_once()
    await send(world, order, "earlier", number=1)
    await people.look_once()
    assert api.taken == ["/c/later", "/c/earlier"]
