"""Refunds: asking for one, and seeing what became of it."""

import asyncio
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request, Response
from sqlalchemy.ext.asyncio import AsyncSession

from api import body
from api.deps import Acting, PaymentsOf, StoreOf, TraceId
from api.deps import settings as settings_of
from api.errors import Problem, unavailable
from api.idempotency import IdempotencyKey, Once
from api.openapi import body_of
from api.people import Actor
from api.schemas.common import BODY_PROBLEMS, problems
from api.schemas.refunds import RefundAccepted, RefundAsked, RefundInfo, refund_info
from api.store import Store
from workers.casefile import acts, inbox, refunds
from workers.casefile.acts import Act
from workers.casefile.inbox import Arrival
from workers.casefile.refund_models import Refund
from workers.casefile.refunds import Wanted
from workers.contracts.refund import PROCESS, REQUESTED, RefundRequested
from workers.ports.currencies import describe
from workers.ports.payments import Charge, Payments
from workers.ports.values import Money
from workers.runtime.arrivals import arrival_of
from workers.runtime.errors import NeedsHuman, Retryable

router = APIRouter(tags=["Refunds"])

PROVIDER_SECONDS = 3.0
"""A caller who waits longer for the payment provider is told to try again."""


@dataclass(frozen=True, slots=True)
class Counter:
    """What asking for a refund needs."""

    request: Request
    response: Response
    actor: Actor
    key: str
    store: Store
    payments: Payments
    trace_id: str

    async def ask(self) -> RefundAccepted:
        """Validate, reserve, store once, commit; then answer 202."""
        raw, value = await body.read_json(self.request)
        wanted = _wanted(body.fit(RefundAsked, value), self.actor, self.key)
        taken = await self.store.run(lambda session: refunds.taken_on(session, wanted.order_id))
        charge = await _charge_of(self.payments, wanted)
        arrival = await self._arrival(wanted, raw)

        async def work(session: AsyncSession) -> dict[str, Any]:
            await refunds.lock(session, wanted.order_id)
            known = await session.get(Refund, wanted.id)
            if known is None:
                await _reserve(session, wanted, charge, taken)
                await inbox.accept(session, arrival)
                await acts.note(session, _act(self.actor, wanted))
            elif not _same(known, wanted):
                raise Problem("conflict", "There is another refund of this id.")
            amount = wanted.amount
            duplicate = known is not None
            return RefundAccepted(
                id=wanted.id, amount_minor=amount.minor, currency=amount.currency, duplicate=duplicate
            ).model_dump()

        once = Once.of(self.actor.id, self.key, self.request.url.path, raw)
        stored, replayed = await self.store.run(lambda session: once.answer(session, work))
        self.response.headers["Location"] = f"/refunds/{stored['id']}"
        if replayed:
            self.response.headers["Idempotency-Replayed"] = "true"
        return RefundAccepted.model_validate(stored)

    async def _arrival(self, wanted: Wanted, raw: bytes) -> Arrival:
        payload = RefundRequested(
            refund_id=wanted.id,
            shopify_order_id=wanted.order_id,
            amount=wanted.amount.minor,
            currency=wanted.amount.currency,
            reason=wanted.reason,
            requested_by=wanted.requested_by,
        )
        settings = await settings_of(self.request)
        return arrival_of(
            PROCESS, REQUESTED, payload, source="api", body=raw, trace_id=self.trace_id, settings=settings
        )


async def _counter(  # in the order in which a request is refused
    request: Request,
    response: Response,
    actor: Acting,
    key: IdempotencyKey,
    store: StoreOf,
    payments: PaymentsOf,
    trace_id: TraceId,
) -> Counter:
    return Counter(request, response, actor, key, store, payments, trace_id)


@router.post(
    "/refunds",
    summary="Ask for a refund",
    status_code=202,
    responses=problems(
        "unauthorized",
        "forbidden",
        "not-found",
        "idempotency-key",
        "in-flight",
        "conflict",
        "key-reused",
        *BODY_PROBLEMS,
    ),
    openapi_extra=body_of([RefundAsked]),
)
async def ask_for_refund(counter: Annotated[Counter, Depends(_counter)]) -> RefundAccepted:
    """Reserves the amount at once: refunds at the same time never exceed what was captured, 409 for those that
    would. Whether it needs approval the process decides. The same `refund_id` is the same refund."""
    return await counter.ask()


@router.get(
    "/refunds/{refund_id}",
    summary="What became of a refund",
    responses=problems("unauthorized", "forbidden", "not-found", "invalid"),
)
async def show_refund(refund_id: Annotated[str, Path(max_length=200)], store: StoreOf) -> RefundInfo:
    """Where it stands, who asked for it, and who answered what when asked to approve it."""

    async def find(session: AsyncSession) -> RefundInfo:
        refund = await session.get(Refund, refund_id)
        if refund is None:
            raise Problem("not-found", "There is no refund of this id.")
        return refund_info(refund, list(await refunds.approvals_of(session, [refund.id])))

    return await store.run(find)


async def refunds_of(session: AsyncSession, order_id: str) -> list[RefundInfo]:
    """All refunds of an order, oldest first."""
    found = await refunds.of_order(session, order_id)
    answers = list(await refunds.approvals_of(session, [refund.id for refund in found]))
    return [refund_info(refund, answers) for refund in found]


def _wanted(asked: RefundAsked, actor: Actor, key: str) -> Wanted:
    made_up = f"{asked.shopify_order_id}-{hashlib.sha256(f'{actor.id}|{key}'.encode()).hexdigest()[:12]}"
    refund_id = asked.refund_id or made_up
    return Wanted(refund_id, asked.shopify_order_id, asked.money, asked.reason, actor.id, asked.evidence)


async def _charge_of(payments: Payments, wanted: Wanted) -> Charge:
    """404 for an order that nobody paid; 422 for what this payment can never give back."""
    try:
        async with asyncio.timeout(PROVIDER_SECONDS):
            charge = await payments.charge_of(wanted.order_id)
    except NeedsHuman:
        raise Problem("not-found", "No payment of this order is known.") from None
    except (Retryable, TimeoutError):
        raise unavailable("The payment provider does not answer at the moment; try again.") from None
    if wanted.amount.currency != charge.captured.currency:
        raise _invalid("currency", f"The order was paid in {charge.captured.currency}.")
    if wanted.amount.minor > charge.captured.minor:
        raise _invalid("amount", "It is more than what was paid.")
    return charge


async def _reserve(session: AsyncSession, wanted: Wanted, charge: Charge, taken: Mapping[str, int]) -> None:
    """All of it or nothing; 409 when less is left."""
    left = await refunds.left_of(session, charge, taken)
    if wanted.amount.minor > left.minor:
        raise Problem("conflict", f"{_left(left.minor, charge)} of this order can still be refunded.")
    await refunds.enter(session, wanted, charge, left)


def _same(known: Refund, wanted: Wanted) -> bool:
    mine = (wanted.order_id, wanted.amount, wanted.reason, wanted.requested_by)
    return (known.case_id, Money(known.requested_minor, known.currency), known.reason, known.requested_by) == mine


def _act(actor: Actor, wanted: Wanted) -> Act:
    facts = {"refund_id": wanted.id, "amount": wanted.amount.minor, "currency": wanted.amount.currency}
    return Act(
        case_id=wanted.order_id,
        kind="refund_asked_for",
        sentence=f"{actor.display_name} asks for a refund of {describe(wanted.amount)}",
        actor=actor.signature,
        key=f"refund_asked_for:{wanted.id}",
        facts=facts | ({"evidence": wanted.evidence} if wanted.evidence else {}),
    )


def _left(minor: int, charge: Charge) -> str:
    return describe(Money(minor, charge.captured.currency)) if minor else "Nothing"


def _invalid(field: str, message: str) -> Problem:
    errors = [{"pointer": f"#/{field}", "message": message}]
    return Problem("invalid", "This cannot be refunded.", errors=errors)
