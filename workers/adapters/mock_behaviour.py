"""How calls of the mocked outside world misbehave: rows in mock.behaviours, read at every call.

A behaviour applies to one operation, and to every call or only to those that are about all of its targets (order
id, sku, supplier, …). With a rate it strikes a share of the calls, decided by a hash of the behaviour, the
business key and the attempt, so that a run can be repeated; with `times` it strikes so often and no more.
"""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any, TypeVar

from sqlalchemy import Text, and_, bindparam, delete, not_, select, update
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from workers.adapters.mock_books import AttemptRow, BehaviourRow
from workers.adapters.mock_world import MockWorld
from workers.runtime.errors import OutcomeUnknown, RateLimited, Unavailable

ResultT = TypeVar("ResultT")
_DATABASE_AWAY = (OperationalError, InterfaceError, PoolTimeoutError)


class Kind(StrEnum):
    """The ways a call can misbehave."""

    LATENCY = "latency"
    UNAVAILABLE = "unavailable"
    RATE_LIMITED = "rate_limited"
    TIMEOUT = "timeout"
    ANSWER_LOST = "answer_lost"
    ERROR_AFTER = "error_after"
    KEY_FORGOTTEN = "key_forgotten"
    OUT_OF_STOCK = "out_of_stock"
    NOT_FOUND = "not_found"
    REFUSED = "refused"
    PENDING = "pending"
    FAILED = "failed"


MEANINGS = {
    Kind.LATENCY: "takes longer, and works; value: additional milliseconds",
    Kind.UNAVAILABLE: "answers 503 and does nothing",
    Kind.RATE_LIMITED: "answers 429 and does nothing; value: Retry-After in seconds",
    Kind.TIMEOUT: "does not answer and does nothing; value: milliseconds until we give up waiting",
    Kind.ANSWER_LOST: "does it, but the answer gets lost; value: milliseconds until we give up waiting",
    Kind.ERROR_AFTER: "does it, then answers 500",
    Kind.KEY_FORGOTTEN: "has forgotten our key: what it has done already it does again",
    Kind.OUT_OF_STOCK: "get_offers: offered as not in stock; place_order: found out only when ordering",
    Kind.NOT_FOUND: "does not know what it is asked about",
    Kind.REFUSED: "will not: mail, reply, refund (charge_expired), take evidence, recall, cancel, pause or resume",
    Kind.PENDING: "takes it on and leaves it pending, until `orderops mock settle-refund` or `fail-refund`",
    Kind.FAILED: "takes it on, and it fails at once (declined)",
}

_ANY = frozenset({Kind.LATENCY, Kind.UNAVAILABLE, Kind.RATE_LIMITED, Kind.TIMEOUT})
_WRITE = _ANY | {Kind.ANSWER_LOST, Kind.ERROR_AFTER}
_KEYED = _WRITE | {Kind.KEY_FORGOTTEN}

OPERATIONS: dict[str, frozenset[Kind]] = {
    "shop.get_order": _ANY | {Kind.NOT_FOUND},
    "shop.find_orders": _ANY | {Kind.NOT_FOUND},
    "shop.update_shipping_address": _WRITE | {Kind.NOT_FOUND},
    "shop.tag_order": _WRITE | {Kind.NOT_FOUND},
    "shop.create_fulfillment": _KEYED | {Kind.NOT_FOUND},
    "shop.find_fulfillment": _ANY,
    "supplier.get_offers": _ANY | {Kind.OUT_OF_STOCK},
    "supplier.place_order": _KEYED | {Kind.OUT_OF_STOCK},
    "supplier.find_order": _ANY,
    "supplier.get_shipment": _ANY | {Kind.NOT_FOUND},
    "supplier.cancel_order": _WRITE | {Kind.REFUSED},
    "carriers.track": _ANY | {Kind.NOT_FOUND},
    "carriers.recall": _WRITE | {Kind.REFUSED},
    "payments.charge_of": _ANY | {Kind.NOT_FOUND},
    "payments.get_charge": _ANY | {Kind.NOT_FOUND},
    "payments.refund": _KEYED | {Kind.REFUSED, Kind.PENDING, Kind.FAILED},
    "payments.find_refund": _ANY,
    "payments.get_dispute": _ANY | {Kind.NOT_FOUND},
    "payments.submit_evidence": _WRITE | {Kind.REFUSED},
    "payments.accept_dispute": _WRITE | {Kind.REFUSED},
    "ledger.book": _KEYED,
    "ledger.find": _ANY,
    "mail.send": _KEYED | {Kind.REFUSED},
    "mail.find": _ANY,
    "events.publish": _KEYED,
    "events.find": _ANY,
    "helpdesk.send_reply": _KEYED | {Kind.NOT_FOUND, Kind.REFUSED},
    "helpdesk.find_reply": _ANY,
    "helpdesk.set_status": _WRITE | {Kind.NOT_FOUND},
    "helpdesk.history": _ANY,
    "alerts.push": _KEYED | {Kind.NOT_FOUND},
    "alerts.find_push": _ANY,
    "alerts.post": _KEYED | {Kind.NOT_FOUND},
    "alerts.find_post": _ANY,
    "ads.campaigns_of": _ANY,
    "ads.pause_campaigns": _WRITE | {Kind.REFUSED},
    "ads.resume_campaigns": _WRITE | {Kind.REFUSED},
}
"""Every operation with the kinds it knows; those that know `answer_lost` change something."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call: which operation, its business key, and everything it is about (what targets are compared with)."""

    operation: str
    key: str
    about: frozenset[str]
    parts: frozenset[str] = frozenset()
    """What only a part of it is about, for instance the suppliers whose offers are asked for."""


async def misbehave(
    world: MockWorld,
    operation: str,
    kind: Kind | str,
    *targets: str,
    rate: float = 1.0,
    times: int | None = None,
    value: int | None = None,
) -> int:
    """Make calls of an operation misbehave from now on; gives the behaviour's id.

    Without targets every call is meant; with several, only calls about all of them. Raises ValueError for an
    operation, a kind or a figure there is none of.
    """
    kinds = OPERATIONS.get(operation)
    if kinds is None:
        raise ValueError(f"There is no operation {operation}; there are {', '.join(OPERATIONS)}.")
    if kind not in kinds:
        raise ValueError(f"{operation} cannot be {kind}; it can be {', '.join(sorted(kinds))}.")
    if not 0 <= rate <= 1 or (times is not None and times < 1) or (value is not None and value < 0):
        raise ValueError("The rate is between 0 and 1, times at least 1, and a value not negative.")
    row = await world.one(
        insert(BehaviourRow)
        .values(
            operation=operation, kind=str(kind), targets=list(targets), rate=rate, remaining=times, value=value
        )
        .returning(BehaviourRow)
    )
    return row.id


async def behave(world: MockWorld, behaviour_id: int | None = None) -> int:
    """Remove one behaviour, or all; gives how many were removed."""
    statement = delete(BehaviourRow).returning(BehaviourRow)
    if behaviour_id is not None:
        statement = statement.where(BehaviourRow.id == behaviour_id)
    return len(await world.rows(statement))


async def behaviours(world: MockWorld) -> Sequence[BehaviourRow]:
    """Every behaviour, oldest first."""
    return await world.rows(select(BehaviourRow).order_by(BehaviourRow.id))


class Misbehaviour:
    """The behaviours of one call's operation, as they were when it began."""

    def __init__(self, world: MockWorld, call: Call, rows: Sequence[BehaviourRow]) -> None:
        self._world = world
        self._call = call
        self._rows = rows

    async def strikes(self, kind: Kind, *also_about: str) -> BehaviourRow | None:
        """The oldest behaviour of this kind that strikes now, used up by one if it is counted; None if none does.

        `also_about` narrows the question to a part of the call, for instance one supplier's offer.
        """
        for row in self._rows:
            if row.kind == kind and self._call.about.union(also_about).issuperset(row.targets):
                key = "/".join((self._call.key, *also_about))
                if await self._hit_by_rate(row, key) and await self._use_up(row):
                    return row
        return None

    async def _hit_by_rate(self, row: BehaviourRow, key: str) -> bool:
        if row.rate >= 1:
            return True
        # stock does not change from one question to the next, a bad connection does
        attempt = 0 if row.kind == Kind.OUT_OF_STOCK else await self._count_attempt(row.id, key)
        seed = f"{row.operation} {row.kind} {row.targets} {key} {attempt}"
        share = int.from_bytes(hashlib.blake2b(seed.encode(), digest_size=4).digest(), "big") / 2**32
        return share < row.rate

    async def _count_attempt(self, behaviour_id: int, key: str) -> int:
        statement = insert(AttemptRow).values(behaviour_id=behaviour_id, key=key, count=1)
        counted = statement.on_conflict_do_update(
            index_elements=[AttemptRow.behaviour_id, AttemptRow.key], set_={"count": AttemptRow.count + 1}
        )
        return (await self._world.one(counted.returning(AttemptRow))).count

    async def _use_up(self, row: BehaviourRow) -> bool:
        if row.remaining is None:
            return True
        statement = update(BehaviourRow).where(BehaviourRow.id == row.id, BehaviourRow.remaining > 0)
        used = statement.values(remaining=BehaviourRow.remaining - 1).returning(BehaviourRow)
        return await self._world.row(used) is not None


async def perform(world: MockWorld, call: Call, execute: Callable[[Misbehaviour], Awaitable[ResultT]]) -> ResultT:
    """Run one call as the outside world would: late, refused, executed or not, answered or not."""
    try:
        misbehaviour = Misbehaviour(world, call, await world.rows(_CONCERNING, _concerning(call)))
        await _wait(world.latency, await misbehaviour.strikes(Kind.LATENCY))
        await _refuse(world, call, misbehaviour)
    except _DATABASE_AWAY:
        raise Unavailable(f"{call.operation}: no connection") from None
    try:
        result = await execute(misbehaviour)
        await _lose_answer(world, call, misbehaviour)
    except _DATABASE_AWAY:
        raise _no_answer(call) from None
    return result


_CONCERNING = (
    select(BehaviourRow)
    .where(
        BehaviourRow.operation == bindparam("operation"),
        BehaviourRow.targets.contained_by(bindparam("about", type_=ARRAY(Text))),
        not_(and_(BehaviourRow.remaining.is_not(None), BehaviourRow.remaining <= 0)),
    )
    .order_by(BehaviourRow.id)
)
"""Behaviours of an operation that are not used up and about nothing but what a call is about."""


def _concerning(call: Call) -> dict[str, Any]:
    return {"operation": call.operation, "about": sorted(call.about | call.parts)}


async def _wait(at_least: timedelta, behaviour: BehaviourRow | None) -> None:
    await asyncio.sleep(at_least.total_seconds() + (behaviour.value or 0 if behaviour else 0) / 1000)


async def _refuse(world: MockWorld, call: Call, misbehaviour: Misbehaviour) -> None:
    if await misbehaviour.strikes(Kind.UNAVAILABLE):
        raise Unavailable(f"{call.operation}: answered 503")
    if limit := await misbehaviour.strikes(Kind.RATE_LIMITED):
        raise RateLimited(f"{call.operation}: answered 429", timedelta(seconds=limit.value or 1))
    if late := await misbehaviour.strikes(Kind.TIMEOUT):
        await _give_up_waiting(world, late)
        raise _no_answer(call)


async def _lose_answer(world: MockWorld, call: Call, misbehaviour: Misbehaviour) -> None:
    if lost := await misbehaviour.strikes(Kind.ANSWER_LOST):
        await _give_up_waiting(world, lost)
        raise _no_answer(call)
    if await misbehaviour.strikes(Kind.ERROR_AFTER):
        raise OutcomeUnknown(f"{call.operation}: answered 500")


async def _give_up_waiting(world: MockWorld, behaviour: BehaviourRow) -> None:
    own = None if behaviour.value is None else behaviour.value / 1000
    await asyncio.sleep(world.timeout.total_seconds() if own is None else own)


def _no_answer(call: Call) -> Unavailable | OutcomeUnknown:
    """Of a question that changes nothing we know that nothing was done."""
    message = f"{call.operation}: no answer in time"
    return OutcomeUnknown(message) if Kind.ANSWER_LOST in OPERATIONS[call.operation] else Unavailable(message)
