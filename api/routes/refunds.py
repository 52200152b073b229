"""Refunds: what can be given back, asking for it, and seeing what became of it."""

import asyncio
import hashlib
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
from api.schemas.refunds import (
    RefundableInfo,
    RefundAccepted,
    RefundAsked,
    RefundInfo,
    refund_info,
    refundable_info,
)
from api.store import Store
from workers.casefile import acts, inbox, refunds
from workers.casefile.acts import Act
from workers.casefile.cases import order_of
from workers.casefile.inbox import Arrival
from workers.casefile.refund_models import Refund
from workers.casefile.refundable import SHARES, NotLeftError, Share, parts_left, shares
from workers.casefile.refunds import Left, Wanted
from workers.contracts.refund import PROCESS, REQUESTED, RefundRequested
from workers.ports.currencies import describe
from workers.ports.payments import Charge, Payments
from workers.ports.values import Money
from workers.runtime.arrivals import arrival_of
from workers.runtime.errors import NeedsHuman, Retryable
from workers.runtime.settings import Settings

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
        asked = body.fit(RefundAsked, value)
        order_id, refund_id = asked.shopify_order_id, _id_of(asked, self.actor, self.key)
        taken = await self.store.run(lambda session: refunds.taken_on(session, order_id))
        charge = await _charge_of(self.payments, asked)
        settings = await settings_of(self.request)

        async def work(session: AsyncSession) -> dict[str, Any]:
            await refunds.lock(session, order_id)
            known = await session.get(Refund, refund_id)
            if known is None:
                left = await refunds.left_of(session, charge, taken, refund_id)
                wanted = await _wanted(session, asked, refund_id, left, self.actor)
                _refuse_more_than(left, wanted, charge)
                await refunds.enter(session, wanted, charge, left)
                await inbox.accept(session, self._arrival(wanted, raw, settings))
                await acts.note(session, _act(self.actor, wanted))
            elif not _same(known, asked, self.actor):
                raise Problem("conflict", "There is another refund of this id.")
            amount = wanted.amount.minor if known is None else known.requested_minor
            duplicate = known is not None
            return RefundAccepted(
                id=refund_id, amount_minor=amount, currency=asked.currency, duplicate=duplicate
            ).model_dump()

        once = Once.of(self.actor.id, self.key, self.request.url.path, raw)
        stored, replayed = await self.store.run(lambda session: once.answer(session, work))
        self.response.headers["Location"] = f"/refunds/{stored['id']}"
        if replayed:
            self.response.headers["Idempotency-Replayed"] = "true"
        return RefundAccepted.model_validate(stored)

    def _arrival(self, wanted: Wanted, raw: bytes, settings: Settings) -> Arrival:
        payload = RefundRequested(
            refund_id=wanted.id,
            shopify_order_id=wanted.order_id,
            amount=wanted.amount.minor,
            currency=wanted.amount.currency,
            reason=wanted.reason,
            requested_by=wanted.requested_by,
        )
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
    would. Whether it needs approval the process decides. The same `refund_id` is the same refund. `parts` are
    those of GET /cases/{id}/refundable: of no line more than is left; without an amount, what they cost."""
    return await counter.ask()


@router.get(
    "/cases/{case_id}/refundable",
    summary="What can still be given back of an order",
    responses=problems("unauthorized", "forbidden", "not-found", "invalid"),
)
async def show_refundable(
    case_id: Annotated[str, Path(max_length=200, description="The shop's order id.")],
    store: StoreOf,
    payments: PaymentsOf,
) -> RefundableInfo:
    """What was captured, what is reserved or given back of it, and what is left of each line and of the shipping.
    It may be less a moment later."""
    taken = await store.run(lambda session: refunds.taken_on(session, case_id))
    charge = await _charge_in_time(payments, case_id)

    async def find(session: AsyncSession) -> RefundableInfo:
        left = await refunds.left_of(session, charge, taken)
        order = await order_of(session, case_id)
        return refundable_info(case_id, charge, left, parts_left(order.parts if order else (), left.taken))

    return await store.run(find)


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


def _id_of(asked: RefundAsked, actor: Actor, key: str) -> str:
    made_up = f"{asked.shopify_order_id}-{hashlib.sha256(f'{actor.id}|{key}'.encode()).hexdigest()[:12]}"
    return asked.refund_id or made_up


async def _charge_of(payments: Payments, asked: RefundAsked) -> Charge:
    """404 for an order that nobody paid; 422 for a currency it was not paid in."""
    charge = await _charge_in_time(payments, asked.shopify_order_id)
    if asked.currency != charge.captured.currency:
        raise _invalid("currency", f"The order was paid in {charge.captured.currency}.")
    return charge


async def _charge_in_time(payments: Payments, order_id: str) -> Charge:
    """404 for an order that nobody paid; 503 when the provider takes longer than a caller would wait."""
    try:
        async with asyncio.timeout(PROVIDER_SECONDS):
            return await payments.charge_of(order_id)
    except NeedsHuman:
        raise Problem("not-found", "No payment of this order is known.") from None
    except (Retryable, TimeoutError):
        raise unavailable("The payment provider does not answer at the moment; try again.") from None


async def _wanted(session: AsyncSession, asked: RefundAsked, refund_id: str, left: Left, actor: Actor) -> Wanted:
    """With the parts as they were paid; 409 for parts that are not left, 422 for more than they cost."""
    parts = await _shares(session, asked, left) if asked.parts else ()
    cost = Money(sum(share.amount for share in parts), asked.currency)
    amount = asked.money or cost
    if parts and amount.minor > cost.minor:
        raise _invalid("amount", f"It is more than these parts cost: {describe(cost)}.")
    if amount.minor == 0:
        raise _invalid("parts", "These parts cost nothing.")
    return Wanted(refund_id, asked.shopify_order_id, amount, asked.reason, actor.id, asked.evidence, parts)


async def _shares(session: AsyncSession, asked: RefundAsked, left: Left) -> tuple[Share, ...]:
    order = await order_of(session, asked.shopify_order_id)
    if order is None or not order.parts or order.total.currency != asked.currency:
        raise Problem(
            "conflict", "What this order consists of is not known (yet). Try later, or ask for an amount."
        )
    try:
        return shares(parts_left(order.parts, left.taken), asked.quantities)
    except NotLeftError as error:
        raise Problem("conflict", str(error)) from None


def _refuse_more_than(left: Left, wanted: Wanted, charge: Charge) -> None:
    """All of it or nothing: 422 for what this payment can never give back, 409 when less is left."""
    if wanted.amount.minor > charge.captured.minor:
        raise _invalid("amount", "It is more than what was paid.")
    if left.withheld:
        raise Problem("conflict", "The payment is disputed: the bank keeps its money, or has taken it.")
    if wanted.amount.minor > left.minor:
        raise Problem("conflict", f"{_left(left.minor, charge)} of this order can still be refunded.")


def _same(known: Refund, asked: RefundAsked, actor: Actor) -> bool:
    """Parts without an amount are the same whatever they cost."""
    parts = {share.id: share.quantity for share in SHARES.validate_python(known.parts or ())}
    amount = asked.money.minor if asked.money else known.requested_minor
    mine = (asked.shopify_order_id, amount, asked.currency, asked.reason, actor.id, asked.quantities)
    was = (known.case_id, known.requested_minor, known.currency, known.reason, known.requested_by, parts)
    return mine == was


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
