"""The mocked payment providers: charges, refunds and disputes in books of their own.

As at Stripe, a reference is an idempotency key for 24 hours of the outside world's clock; a refund keeps it for
ever, and can be found by it.
"""

import re
import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import case, cast, func, or_, select, update
from sqlalchemy.dialects.postgresql import JSONB

from workers.adapters.mock_behaviour import Call, Kind, Misbehaviour, perform
from workers.adapters.mock_books import NOW, ChargeRow, DisputeRow, RefundRow
from workers.adapters.mock_payment_statements import ASKED_AGAIN, CLOSE, DISPUTE, FAIL, KEY, REFUND, RELEASE
from workers.adapters.mock_world import MockWorld
from workers.ports.payments import (
    Charge,
    Dispute,
    DisputeState,
    EvidenceRefusedError,
    Refund,
    RefundRefusedError,
    RefundState,
)
from workers.ports.values import Money
from workers.runtime.errors import EffectConflict, NeedsHuman

TIME_TO_ANSWER = timedelta(days=7)
"""What a customer's bank gives us unless told otherwise."""


class MockPayments:
    """Implements ports.payments.Payments. A behaviour's target may be an order, charge, dispute or reference.

    open_dispute, close_dispute, settle_refund and fail_refund are what banks do.
    """

    def __init__(self, world: MockWorld) -> None:
        self._world = world

    async def charge_of(self, order_id: str) -> Charge:
        """The charge of an order."""
        return await self._charge("charge_of", order_id, ChargeRow.order_id == order_id)

    async def get_charge(self, charge_id: str) -> Charge:
        """A charge."""
        return await self._charge("get_charge", charge_id, ChargeRow.id == charge_id)

    async def refund(self, charge_id: str, reference: str, amount: Money, reason: str) -> Refund:
        """Give money back, once per reference for 24 hours; then the same reference gives it again.

        Raises EffectConflict when the reference stands for another amount.
        """

        async def execute(misbehaviour: Misbehaviour) -> RefundRow:
            charge = await self._existing_charge(charge_id)
            if await misbehaviour.strikes(Kind.REFUSED):
                raise RefundRefusedError("charge_expired")
            if amount.currency != charge.currency or amount.minor < 1:
                raise RefundRefusedError("amount_invalid")
            forgotten = await misbehaviour.strikes(Kind.KEY_FORGOTTEN) is not None
            wanted = _wanted(charge_id, reference, amount, reason, await _fate(misbehaviour))
            return await self._refund(wanted, forgotten=forgotten)

        row = await perform(self._world, _call("refund", charge_id, reference), execute)
        if (row.amount_minor, row.currency) != (amount.minor, amount.currency):
            raise EffectConflict(f"The payment provider knows {reference} as the refund of another amount.")
        return _to_refund(row)

    async def find_refund(self, charge_id: str, reference: str) -> Refund | None:
        """The first refund of a charge with our reference, or None."""

        async def execute(_: Misbehaviour) -> RefundRow | None:
            mine = select(RefundRow).where(RefundRow.charge_id == charge_id, RefundRow.reference == reference)
            return await self._world.row(mine.order_by(RefundRow.number).limit(1))

        row = await perform(self._world, _call("find_refund", charge_id, reference), execute)
        return _to_refund(row) if row else None

    async def get_dispute(self, dispute_id: str) -> Dispute:
        """A dispute."""

        async def execute(misbehaviour: Misbehaviour) -> DisputeRow:
            if await misbehaviour.strikes(Kind.NOT_FOUND):
                raise _no_dispute(dispute_id)
            return await self._existing_dispute(dispute_id)

        return _to_dispute(await perform(self._world, _call("get_dispute", dispute_id), execute))

    async def submit_evidence(self, dispute_id: str, evidence: Mapping[str, str]) -> Dispute:
        """Answer a dispute; the first answer is the one that counts."""
        unanswered = DisputeRow.state == DisputeState.NEEDS_RESPONSE
        first = case((unanswered, cast(dict(evidence), JSONB)), else_=DisputeRow.evidence)
        answer = {
            "state": DisputeState.UNDER_REVIEW.value,
            "evidence": first,
            "answers": DisputeRow.answers + 1,
            "answered_at": func.coalesce(DisputeRow.answered_at, NOW),
        }
        return await self._answer("submit_evidence", dispute_id, DisputeState.UNDER_REVIEW, answer)

    async def accept_dispute(self, dispute_id: str) -> Dispute:
        """Let the customer have the money; accepted stays accepted."""
        answer = {
            "state": DisputeState.ACCEPTED.value,
            "answers": DisputeRow.answers + 1,
            "answered_at": func.coalesce(DisputeRow.answered_at, NOW),
            "closed_at": func.coalesce(DisputeRow.closed_at, NOW),
        }
        return await self._answer("accept_dispute", dispute_id, DisputeState.ACCEPTED, answer)

    async def open_dispute(
        self, charge_id: str, reason: str, amount: Money | None = None, due_by: datetime | None = None
    ) -> Dispute:
        """A customer's bank claims a payment back: all that was not refunded, unless told otherwise."""
        charge = await self._existing_charge(charge_id)
        claimed = amount or Money(charge.captured_minor - charge.refunded_minor, charge.currency)
        values = {
            "id": f"{'PP-D-' if charge.provider == 'paypal' else 'dp_'}{secrets.token_hex(8)}",
            "provider": charge.provider,
            "charge_id": charge_id,
            "order_id": charge.order_id,
            "amount_minor": claimed.minor,
            "currency": claimed.currency,
            "reason": reason,
            "evidence_due_by": due_by or await self._world.now() + TIME_TO_ANSWER,
        }
        new = {f"new_{name}": value for name, value in values.items()}
        return _to_dispute(await self._world.one(DISPUTE, {"of_charge": charge_id, **new}))

    async def close_dispute(self, dispute_id: str, *, won: bool) -> Dispute:
        """The bank decides; a closed dispute stays as it is."""
        await self._world.row(CLOSE, {"known_id": dispute_id, "won": won})
        return _to_dispute(await self._existing_dispute(dispute_id))

    async def refund_rest(self, charge_id: str, reference: str) -> None:
        """The shop itself gives back what is left of a charge, if there is one; once per reference.

        Raises NeedsHuman when the provider refuses.
        """
        charge = await self._world.row(select(ChargeRow).where(ChargeRow.id == charge_id))
        if charge is None or charge.refunded_minor >= charge.captured_minor:
            return
        rest = Money(charge.captured_minor - charge.refunded_minor, charge.currency)
        wanted = _wanted(charge_id, reference, rest, "requested_by_customer", RefundState.SUCCEEDED)
        try:
            await self._refund(wanted, forgotten=False)
        except RefundRefusedError as refused:
            raise NeedsHuman(f"The payment provider does not refund {charge_id}: {refused}.") from None

    async def settle_refund(self, refund_id: str) -> Refund:
        """A pending refund reaches the customer; any other stays as it is."""
        pending = update(RefundRow).where(RefundRow.id == refund_id, RefundRow.state == RefundState.PENDING)
        await self._world.row(pending.values(state=RefundState.SUCCEEDED.value).returning(RefundRow))
        return await self._existing_refund(refund_id)

    async def fail_refund(self, refund_id: str, failure: str) -> Refund:
        """A refund comes back, also one that had succeeded: the money can be refunded again."""
        await self._world.row(FAIL, {"known_id": refund_id, "why": failure})
        return await self._existing_refund(refund_id)

    async def _refund(self, wanted: Mapping[str, Any], *, forgotten: bool) -> RefundRow:
        """The refund that the reference stands for; a new one when it stands for none, or is forgotten."""
        while True:
            new_id = f"re_{secrets.token_hex(8)}"
            made: RefundRow | None = await self._world.row(
                REFUND, {"new_id": new_id, "forgotten": forgotten, **wanted}
            )
            if made is not None:
                return made
            mine = {name: wanted[name] for name in ("of_charge", "ours")}
            key = await self._world.row(KEY, mine)
            if key is None:  # another caller's was refused just now
                continue
            known = await self._world.row(ASKED_AGAIN, {"known_id": key.refund_id})
            if known is not None:
                return known
            await self._world.row(RELEASE, {**mine, "known_id": key.refund_id})
            if key.refund_id == new_id:
                charge = await self._existing_charge(wanted["of_charge"])
                raise RefundRefusedError("charge_disputed" if charge.withheld else "amount_too_large")

    async def _answer(
        self, operation: str, dispute_id: str, after: DisputeState, answer: Mapping[str, Any]
    ) -> Dispute:
        """The answer is taken until its time is over; one that was given before stays given."""
        in_time = (DisputeRow.state == DisputeState.NEEDS_RESPONSE) & (DisputeRow.evidence_due_by > NOW)
        open_to_it = or_(in_time, DisputeRow.state == after)

        async def execute(misbehaviour: Misbehaviour) -> DisputeRow:
            if await misbehaviour.strikes(Kind.REFUSED):
                raise EvidenceRefusedError(f"Dispute {dispute_id} takes no answer.")
            statement = update(DisputeRow).where(DisputeRow.id == dispute_id, open_to_it).values(**answer)
            row = await self._world.row(statement.returning(DisputeRow))
            if row is None:
                await self._existing_dispute(dispute_id)
                raise EvidenceRefusedError(f"It is too late to answer dispute {dispute_id}, or it is closed.")
            return row

        return _to_dispute(await perform(self._world, _call(operation, dispute_id), execute))

    async def _charge(self, operation: str, key: str, which: Any) -> Charge:
        async def execute(misbehaviour: Misbehaviour) -> ChargeRow | None:
            if await misbehaviour.strikes(Kind.NOT_FOUND):
                return None
            return await self._world.row(select(ChargeRow).where(which))

        row = await perform(self._world, _call(operation, key), execute)
        if row is None:
            raise _no_charge(key)
        return _to_charge(row)

    async def _existing_charge(self, charge_id: str) -> ChargeRow:
        row = await self._world.row(select(ChargeRow).where(ChargeRow.id == charge_id))
        if row is None:
            raise _no_charge(charge_id)
        return row

    async def _existing_refund(self, refund_id: str) -> Refund:
        row = await self._world.row(select(RefundRow).where(RefundRow.id == refund_id))
        if row is None:
            raise NeedsHuman(f"The payment provider has no refund {refund_id}.")
        return _to_refund(row)

    async def _existing_dispute(self, dispute_id: str) -> DisputeRow:
        row = await self._world.row(select(DisputeRow).where(DisputeRow.id == dispute_id))
        if row is None:
            raise _no_dispute(dispute_id)
        return row


def _wanted(charge_id: str, reference: str, amount: Money, reason: str, state: RefundState) -> Mapping[str, Any]:
    """A refund to make, as REFUND takes it."""
    return {
        "of_charge": charge_id,
        "ours": reference,
        "minor": amount.minor,
        "new_currency": amount.currency,
        "why": reason,
        "new_state": state.value,
        "new_failure": "declined" if state is RefundState.FAILED else None,
    }


async def _fate(misbehaviour: Misbehaviour) -> RefundState:
    """What becomes of a new refund."""
    if await misbehaviour.strikes(Kind.PENDING):
        return RefundState.PENDING
    return RefundState.FAILED if await misbehaviour.strikes(Kind.FAILED) else RefundState.SUCCEEDED


def _call(operation: str, *keys: str) -> Call:
    """References and charges carry the order's id, so their words count as what the call is about."""
    words = [word for key in keys for word in re.findall(r"[0-9A-Za-z]+", key)]
    return Call(f"payments.{operation}", "/".join(keys), frozenset({*keys, *words}))


def _no_charge(key: str) -> NeedsHuman:
    return NeedsHuman(f"The payment provider has no charge {key}.")


def _no_dispute(dispute_id: str) -> NeedsHuman:
    return NeedsHuman(f"The payment provider has no dispute {dispute_id}.")


def _to_charge(row: ChargeRow) -> Charge:
    return Charge(
        row.id,
        row.provider,
        row.order_id,
        captured=Money(row.captured_minor, row.currency),
        refunded=Money(row.refunded_minor, row.currency),
        withheld=row.withheld,
    )


def _to_refund(row: RefundRow) -> Refund:
    amount = Money(row.amount_minor, row.currency)
    return Refund(row.id, row.charge_id, row.reference, amount, RefundState(row.state), row.failure)


def _to_dispute(row: DisputeRow) -> Dispute:
    return Dispute(
        row.id,
        row.provider,
        row.charge_id,
        row.order_id,
        Money(row.amount_minor, row.currency),
        row.reason,
        DisputeState(row.state),
        row.evidence_due_by,
        answered=row.answers > 0,
    )
