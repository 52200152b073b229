"""Refunds of an order: what is left to give back, reserved so that all of them together never exceed it.

Whoever reserves reads in this order: which of ours the provider has (`taken_on`), then the charge, then, with the
order locked, what is left of it. So a refund that gets to the provider in between is counted twice for a moment,
but never not at all.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import and_, exists, func, or_, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from workers.casefile.db import Database
from workers.casefile.record_models import Instance
from workers.casefile.refund_models import Refund, RefundApproval, Standing
from workers.casefile.refundable import SHARES, Share
from workers.ports.payments import Charge
from workers.ports.values import Money
from workers.runtime.errors import Retryable

RESERVING = (Standing.REQUESTED, Standing.APPROVED, Standing.SENT, Standing.UNKNOWN, Standing.SETTLED)
"""States whose amount nobody else may have; a failed refund keeps its own until it is given up."""
UNFINISHED = (Standing.REQUESTED, Standing.APPROVED, Standing.SENT, Standing.UNKNOWN, Standing.FAILED)
"""States in which something may still happen, unless `finished_at` says otherwise."""
UNCLEAR = (Standing.APPROVED, Standing.UNKNOWN)
"""States in which the provider may have it without our knowing."""
ANOTHER_TAKES = timedelta(seconds=30)
"""How long another refund is given until it is looked at again."""
NOTHING_LEFT = "nothing_refundable"
WRONG_CURRENCY = "wrong_currency"
DISPUTED = "payment_disputed"

_RESERVES = or_(Refund.state.in_(RESERVING), and_(Refund.state == Standing.FAILED, Refund.finished_at.is_(None)))
_AT_THE_PROVIDER = and_(
    Refund.state.in_((Standing.SENT, Standing.SETTLED)), Refund.provider_refund_id.is_not(None)
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What somebody wants to be given back."""

    id: str
    order_id: str
    amount: Money
    reason: str
    requested_by: str
    evidence: str | None = None
    parts: tuple[Share, ...] = ()
    """Of which parts of the order; none when it is of the whole order."""


@dataclass(frozen=True, slots=True)
class Left:
    """What can still be given back of a charge, and why not more. Minor units."""

    captured: int
    refunded: int
    """Given back by others than us, as far as the provider tells."""
    reserved: int
    """Our others, on their way or done."""
    taken: tuple[Share, ...] = ()
    """What they give back of single parts of the order."""
    withheld: bool = False
    """A dispute keeps the money, or took it."""

    @property
    def minor(self) -> int:
        """Never less than nothing."""
        return 0 if self.withheld else max(0, self.captured - self.refunded - self.reserved)


async def taken_on(session: AsyncSession, order_id: str) -> Mapping[str, int]:
    """Refunds of ours that the provider has taken on, with their amounts; read before the charge is."""
    found = await session.execute(
        select(Refund.id, Refund.amount_minor).where(Refund.case_id == order_id, _AT_THE_PROVIDER)
    )
    return {row.id: row.amount_minor for row in found}


async def lock(session: AsyncSession, order_id: str) -> None:
    """Nobody else reserves of this order until the transaction ends."""
    await session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"refunds:{order_id}", 0))))


async def left_of(session: AsyncSession, charge: Charge, taken: Mapping[str, int], but: str | None = None) -> Left:
    """What is left of the charge beside the refund `but`; for who reserves, the order is locked."""
    reserving = select(Refund.id, Refund.amount_minor, Refund.parts).where(
        Refund.case_id == charge.order_id, _RESERVES
    )
    ours = {row.id: row for row in await session.execute(reserving)}
    counted_there = sum(amount for taken_id, amount in taken.items() if taken_id in ours)
    by_others = max(0, charge.refunded.minor - counted_there)
    others = [row for row in ours.values() if row.id != but]
    return Left(
        charge.captured.minor,
        by_others,
        sum(row.amount_minor for row in others),
        tuple(share for row in others for share in SHARES.validate_python(row.parts or ())),
        charge.withheld,
    )


async def enter(session: AsyncSession, wanted: Wanted, charge: Charge, left: Left) -> None:
    """Reserve what is left for the refund, or enter it as rejected when nothing is; the order is locked."""
    amount = min(wanted.amount.minor, left.minor)
    failure = None
    if wanted.amount.currency != charge.captured.currency:
        failure = WRONG_CURRENCY
    elif amount <= 0:
        failure = DISPUTED if left.withheld else NOTHING_LEFT
    session.add(
        Refund(
            id=wanted.id,
            case_id=wanted.order_id,
            charge_id=charge.id,
            currency=wanted.amount.currency,
            requested_minor=wanted.amount.minor if failure else amount,
            amount_minor=0 if failure else amount,
            parts=SHARES.dump_python(wanted.parts) or None,
            reason=wanted.reason,
            evidence=wanted.evidence,
            requested_by=wanted.requested_by,
            requested_at=func.clock_timestamp(),  # while the order is locked: later is later
            state=Standing.REJECTED if failure else Standing.REQUESTED,
            failure=failure,
            finished_at=func.now() if failure else None,
        )
    )
    await session.flush()


async def _wait_for_others(session: AsyncSession, wanted: Wanted, left: Left) -> None:
    """What the provider has, and we do not know of yet, is counted there and here: nothing is cut for that."""
    if left.minor >= wanted.amount.minor:
        return
    unclear = exists().where(Refund.case_id == wanted.order_id, Refund.state.in_(UNCLEAR))
    if await session.scalar(select(unclear)):
        raise Retryable("another refund is on its way", retry_after=ANOTHER_TAKES, burns_retry=False)


async def of_order(session: AsyncSession, order_id: str) -> Sequence[Refund]:
    """An order's refunds, oldest first."""
    refunds = select(Refund).where(Refund.case_id == order_id).order_by(Refund.requested_at, Refund.id)
    return (await session.scalars(refunds)).all()


async def approvals_of(session: AsyncSession, refund_ids: Collection[str]) -> Sequence[RefundApproval]:
    """What people answered, oldest first."""
    answers = select(RefundApproval).where(RefundApproval.refund_id.in_(refund_ids))
    return (await session.scalars(answers.order_by(RefundApproval.decided_at, RefundApproval.task_key))).all()


class Refunds:
    """The books of our refunds, each call in a transaction of its own."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, refund_id: str) -> Refund | None:
        """The refund, or None."""
        async with self._database.sessions() as session:
            return await session.get(Refund, refund_id)

    async def of_order(self, order_id: str) -> Sequence[Refund]:
        """The order's refunds, oldest first."""
        async with self._database.sessions() as session:
            return await of_order(session, order_id)

    async def unfinished(self, order_id: str) -> list[str]:
        """Ids of the order's refunds that something may still happen to."""
        async with self._database.sessions() as session:
            return [
                refund.id
                for refund in await of_order(session, order_id)
                if refund.state in UNFINISHED and refund.finished_at is None
            ]

    async def is_with_another(self, refund: Refund, instance: int) -> bool:
        """Whether another process instance than this one is at it, by the engine's records."""
        going_on = exists().where(
            Instance.key == refund.process_instance_key, Instance.key != instance, Instance.state == "open"
        )
        async with self._database.sessions() as session:
            return bool(await session.scalar(select(going_on)))

    async def unasked_before(self, refund: Refund) -> int:
        """What earlier refunds of the order come to that nobody approved. Never gets more, as they are earlier."""
        approved = (
            select(RefundApproval.task_key)
            .where(RefundApproval.refund_id == Refund.id, RefundApproval.void.is_(None))
            .exists()
        )
        earlier = tuple_(Refund.requested_at, Refund.id) < tuple_(refund.requested_at, refund.id)
        of_order = and_(Refund.case_id == refund.case_id, _RESERVES, ~approved)
        async with self._database.sessions() as session:
            found = await session.scalar(select(func.sum(Refund.amount_minor)).where(of_order, earlier))
        return int(found or 0)

    async def taken_on(self, order_id: str) -> Mapping[str, int]:
        """Refunds that the provider has taken on; read before the charge is."""
        async with self._database.sessions() as session:
            return await taken_on(session, order_id)

    async def enter(
        self, wanted: Wanted, charge: Charge, taken: Mapping[str, int], instance: int | None
    ) -> tuple[Refund, Left]:
        """Reserve, and say which instance does it: the first one that comes. Idempotent by id.

        Raises Retryable while less is left only because another refund may be counted twice.
        """

        async def work(session: AsyncSession) -> tuple[Refund, Left]:
            await lock(session, wanted.order_id)
            left = await left_of(session, charge, taken, wanted.id)
            if await session.get(Refund, wanted.id) is None:
                await _wait_for_others(session, wanted, left)
                await enter(session, wanted, charge, left)
            ours = update(Refund).where(Refund.id == wanted.id, Refund.process_instance_key.is_(None))
            await session.execute(ours.values(process_instance_key=instance))
            refund = await session.get(Refund, wanted.id, populate_existing=True)
            assert refund is not None  # noqa: S101  # reserved above, and never deleted
            return refund, left

        return await self._database.run(work)

    async def move(
        self, refund: Refund, to: Standing, *, out_of: Collection[Standing], over: bool = False, **changes: Any
    ) -> bool:
        """Change where it stands, if it stands where that is possible and it is the same attempt. Idempotent.

        False when it stands elsewhere by now.
        """
        values = {"state": to, "changed_at": func.now(), **changes}
        if over:
            values["finished_at"] = func.coalesce(Refund.finished_at, func.now())
        same = and_(Refund.id == refund.id, Refund.attempt == refund.attempt)
        change = update(Refund).where(same, Refund.state.in_((*out_of, to))).values(values).returning(Refund.id)
        return await self._database.run(lambda session: session.scalar(change)) is not None

    async def came_back(self, refund: Refund, failure: str, instance: int) -> None:
        """A settled one has failed after all, and is this instance's from now on. Idempotent by attempt.

        Its amount stays reserved. What is done about it is another attempt, whose approvals are for what was paid.
        """
        change = (
            update(Refund)
            .where(Refund.id == refund.id, Refund.state == Standing.SETTLED, Refund.attempt == refund.attempt)
            .values(
                state=Standing.FAILED,
                failure=failure,
                attempt=Refund.attempt + 1,
                requested_minor=Refund.amount_minor,
                process_instance_key=instance,
                finished_at=None,
                changed_at=func.now(),
            )
        )
        await self._database.run(lambda session: session.execute(change))

    async def try_again(self, refund_id: str, state: Standing) -> None:
        """A failed refund is asked for anew, as another attempt; what may be there stays as it is. Idempotent."""
        change = (
            update(Refund)
            .where(Refund.id == refund_id, Refund.state == Standing.FAILED)
            .values(state=state, failure=None, attempt=Refund.attempt + 1, changed_at=func.now())
        )
        await self._database.run(lambda session: session.execute(change))

    async def judged(self, refund_id: str, amount: int, answers: Sequence[Mapping[str, Any]]) -> None:
        """Keep which answers count, and the amount they leave. Idempotent by task."""

        async def work(session: AsyncSession) -> None:
            for answer in answers:
                once = insert(RefundApproval).values(refund_id=refund_id, **answer)
                await session.execute(
                    once.on_conflict_do_update(
                        index_elements=[RefundApproval.task_key], set_={"void": once.excluded.void}
                    )
                )
            lowered = update(Refund).where(Refund.id == refund_id, Refund.state == Standing.REQUESTED)
            await session.execute(lowered.values(amount_minor=amount))

        await self._database.run(work)

    async def any_of(self, order_id: str) -> bool:
        """Whether something of the order went back, by whatever hand, or may still do."""
        async with self._database.sessions() as session:
            found = await session.scalar(select(Refund.id).where(Refund.case_id == order_id, _RESERVES).limit(1))
        return found is not None
