"""Messages about orders and parcels that nobody knows: seen until an instance takes one of the same number."""

from collections.abc import Awaitable, Callable
from hashlib import sha256
from uuid import uuid4

import pytest
from sqlalchemy import func, select, text, update

from tests.casefile.one_order import Sent, Stream, keys
from tests.fakes.shop import FakeShop
from tests.processes.bench import an_order
from workers.casefile.db import Database
from workers.casefile.inbox import Arrival, Receipt, accept, add
from workers.casefile.journal import Journal
from workers.casefile.lists import InboxView, messages_in
from workers.casefile.models import InboxRow
from workers.casefile.parcels import Parcels
from workers.casefile.record_models import Instance
from workers.casefile.unmatched import COMES_EARLY, unmatched

Way = Callable[[Database, Arrival], Awaitable[Receipt | None]]


async def accepted(database: Database, arrival: Arrival) -> Receipt:
    """In somebody's transaction."""
    async with database.transaction() as session:
        return await accept(session, arrival)


class Post:
    """Scans of one parcel, as a carrier tells them."""

    def __init__(self, database: Database, way: Way = add) -> None:
        self.database = database
        self.parcel = f"JD{next(keys)}"
        self._way = way

    async def comes(self, *, matched: bool | None = False, published: bool = True, lain: bool = True) -> int:
        """One more; its number in the inbox. It lies there for a while unless told otherwise."""
        key = f"parcel_moved:{self.parcel}:{uuid4()}"
        arrival = Arrival(
            "easypost", "tracking", "parcel_moved", self.parcel, 60_000, {}, key, sha256(b"").digest(), "", matched
        )
        receipt = await self._way(self.database, arrival)
        assert receipt is not None
        async with self.database.transaction() as session:
            times = {
                "published_at": func.now() if published else None,
                "received_at": func.now() - COMES_EARLY * (2 if lain else 0),
            }
            await session.execute(update(InboxRow).where(InboxRow.id == receipt.inbox_id).values(times))
        return receipt.inbox_id

    async def seen(self) -> list[int]:
        """Those that people are shown."""
        async with self.database.sessions() as session:
            found = await messages_in(session, InboxView.UNMATCHED, 0, 10_000)
            return [row.id for row in found if row.correlation_key == self.parcel]

    def taken(self, stream: Stream, parcel: str | None = None) -> Sent:
        """The engine's word that an instance took one."""
        value = {"messageName": "parcel_moved", "correlationKey": parcel or self.parcel}
        return stream.record("PROCESS_MESSAGE_SUBSCRIPTION", "CORRELATED", value)


@pytest.fixture(params=[add, accepted], ids=["alone", "with others"])
def post(database: Database, request: pytest.FixtureRequest) -> Post:
    return Post(database, request.param)


async def is_matched(post: Post, inbox_id: int) -> bool | None:
    async with post.database.sessions() as session:
        return await session.scalar(select(InboxRow.matched).where(InboxRow.id == inbox_id))


async def test_what_nobody_takes_is_seen(post: Post) -> None:
    first, second = await post.comes(), await post.comes()
    assert await post.seen() == [first, second]


async def test_what_came_a_moment_ago_may_be_early(post: Post) -> None:
    await post.comes(lain=False)
    assert await post.seen() == []


async def test_what_the_engine_does_not_have_is_listed_elsewhere(post: Post) -> None:
    await post.comes(published=False)
    assert await post.seen() == []


async def test_of_messages_that_start_something_nobody_asks(post: Post) -> None:
    await post.comes(matched=None)
    assert await post.seen() == []


async def test_it_goes_when_an_instance_takes_one_of_the_same_number(post: Post, database: Database) -> None:
    """Whichever of them: the number is known from then on, also to those that come later."""
    for _ in range(2):
        await post.comes()
    stream = Stream(database)
    await stream.take_in(stream.started(), post.taken(stream))
    late = await post.comes()
    assert await post.seen() == []
    assert await is_matched(post, late) is True


async def test_another_number_changes_nothing(post: Post, database: Database) -> None:
    stranger, stream = await post.comes(), Stream(database)
    await stream.take_in(stream.started(), post.taken(stream, f"{post.parcel}1"))
    assert await post.seen() == [stranger]


async def test_records_from_before_said_no_number(post: Post, database: Database) -> None:
    stranger, stream = await post.comes(), Stream(database)
    told = {"messageName": "parcel_moved"}
    await stream.take_in(stream.started(), stream.record("PROCESS_MESSAGE_SUBSCRIPTION", "CORRELATED", told))
    assert await post.seen() == [stranger]


async def test_it_goes_when_the_shop_is_told_of_the_parcel_by_whoever_found_it(
    post: Post, database: Database
) -> None:
    """By asking the supplier; the instance may have ended when the first message comes."""
    await post.comes()
    order = an_order()
    parcels = Parcels(FakeShop(order), Journal(database))
    await parcels.give(order.id, "dhl", f"{post.parcel}1")
    assert len(await post.seen()) == 1
    await parcels.give(order.id, "dhl", post.parcel)
    assert await post.seen() == []
    assert await is_matched(post, await post.comes()) is True


async def test_parcels_are_looked_up_by_their_index(database: Database) -> None:
    """There is one effect for each of them, for ever."""
    asked = select(InboxRow.id).where(unmatched())
    async with database.transaction() as session:
        dialect = session.get_bind().dialect
        written = asked.compile(dialect=dialect, compile_kwargs={"literal_binds": True})
        await session.execute(text("SET LOCAL enable_seqscan = off"))
        plan = "\n".join(await session.scalars(text(f"EXPLAIN {written}")))
    assert "ix_effects_parcel" in plan, plan


async def test_it_goes_when_an_instance_is_started_under_its_number(post: Post, database: Database) -> None:
    """The engine may have forgotten the message by then; the instance asks by itself."""
    await post.comes()
    key = next(keys)
    async with database.transaction() as session:
        session.add(
            Instance(
                key=key, root_key=key, case_id="450789469", process="tracking", correlation_key=post.parcel,
                definition_key=0, state="open", started_at=func.now(),
            )
        )  # fmt: skip
    assert await post.seen() == []
    assert await is_matched(post, await post.comes()) is True
