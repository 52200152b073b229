"""Statements of the mocked payment providers that change several books at once, and so commit as one."""

from datetime import timedelta
from typing import Any

from sqlalchemy import (
    CTE,
    Boolean,
    Text,
    Update,
    bindparam,
    case,
    delete,
    func,
    insert,
    literal,
    not_,
    or_,
    select,
    update,
)
from sqlalchemy.dialects import postgresql

from workers.adapters.mock_books import NOW, Base, ChargeRow, DisputeRow, PaymentKeyRow, RefundRow, ShopOrderRow
from workers.ports.payments import DisputeState, RefundState

KEY_LASTS = timedelta(hours=24)
"""How long a reference is an idempotency key, by the outside world's clock."""

_CHARGES, _REFUNDS, _DISPUTES, _ORDERS = (
    Base.metadata.tables[f"mock.{row.__tablename__}"] for row in (ChargeRow, RefundRow, DisputeRow, ShopOrderRow)
)


def _charged(refunded: Any, *where: Any) -> CTE:
    """What was refunded of a charge changes."""
    changed = update(ChargeRow).where(*where).values(refunded_minor=refunded)
    return changed.returning(
        ChargeRow.id, ChargeRow.order_id, ChargeRow.captured_minor, ChargeRow.refunded_minor
    ).cte("charged")


def _shown(charged: CTE) -> Update:
    """The shop shows it, as Shopify does with refunds that it did not make itself.

    As a part of the statement that changes the charge it waits its turn with it: the shop shows the last change.
    """
    status = case(
        (charged.c.refunded_minor >= charged.c.captured_minor, "refunded"),
        (charged.c.refunded_minor > 0, "partially_refunded"),
        else_="paid",
    )
    body = _ORDERS.c.body.op("||")(func.jsonb_build_object("financial_status", status))
    return update(_ORDERS).where(_ORDERS.c.id == charged.c.order_id).values(body=body)


def _claimed() -> CTE:
    """The reference becomes the key of a new refund, unless it still is the key of another."""
    claim = postgresql.insert(PaymentKeyRow).values(
        charge_id=bindparam("of_charge"),
        key=bindparam("ours"),
        refund_id=bindparam("new_id"),
        until=NOW + literal(KEY_LASTS),
    )
    free = claim.on_conflict_do_update(
        index_elements=[PaymentKeyRow.charge_id, PaymentKeyRow.key],
        set_={"refund_id": claim.excluded.refund_id, "until": claim.excluded.until},
        where=or_(PaymentKeyRow.until <= NOW, bindparam("forgotten", type_=Boolean)),
    )
    return free.returning(PaymentKeyRow.charge_id).cte("claimed")


def _refund() -> Any:
    claimed = _claimed()
    minor = bindparam("minor", type_=ChargeRow.captured_minor.type)
    more = ChargeRow.refunded_minor + case((bindparam("new_state") == RefundState.FAILED, 0), else_=minor)
    charged = _charged(
        more,
        ChargeRow.id == claimed.c.charge_id,
        not_(ChargeRow.withheld),
        ChargeRow.refunded_minor + minor <= ChargeRow.captured_minor,
    )
    shown = _shown(charged).returning(_ORDERS.c.id).cte("shown")
    refund = {
        "id": bindparam("new_id", type_=Text),
        "charge_id": charged.c.id,
        "order_id": charged.c.order_id,
        "reference": bindparam("ours", type_=Text),
        "amount_minor": minor,
        "currency": bindparam("new_currency", type_=Text),
        "reason": bindparam("why", type_=Text),
        "state": bindparam("new_state", type_=Text),
        "failure": bindparam("new_failure", type_=Text),
    }
    made = insert(_REFUNDS).from_select(list(refund), select(*refund.values())).add_cte(shown)
    return select(RefundRow).from_statement(made.returning(_REFUNDS))


REFUND = _refund()
"""Claims the key, takes the money from the charge, shows it in the shop and makes the refund.

Gives the refund; or nothing when the key stands for another (nothing is done), or when the charge does not have
that much or is disputed (then the key alone is claimed, see RELEASE). Rows of keys and charges are read as they
are once nobody else is at them: that keeps two callers with one reference, and two refunds of one charge, apart.
"""

KEY = select(PaymentKeyRow).where(
    PaymentKeyRow.charge_id == bindparam("of_charge"), PaymentKeyRow.key == bindparam("ours")
)
ASKED_AGAIN = (
    update(RefundRow)
    .where(RefundRow.id == bindparam("known_id"))
    .values(requests=RefundRow.requests + 1)
    .returning(RefundRow)
)
RELEASE = (
    delete(PaymentKeyRow)
    .where(PaymentKeyRow.charge_id == bindparam("of_charge"), PaymentKeyRow.key == bindparam("ours"))
    .where(PaymentKeyRow.refund_id == bindparam("known_id"))
    .returning(PaymentKeyRow)
)
"""A key whose refund was refused stands for nothing."""


def _fail() -> Any:
    failed = (
        update(RefundRow)
        .where(RefundRow.id == bindparam("known_id"), RefundRow.state != RefundState.FAILED)
        .values(state=RefundState.FAILED.value, failure=bindparam("why"))
        .returning(RefundRow.charge_id, RefundRow.amount_minor)
        .cte("failed")
    )
    charged = _charged(ChargeRow.refunded_minor - failed.c.amount_minor, ChargeRow.id == failed.c.charge_id)
    return select(ShopOrderRow).from_statement(_shown(charged).returning(_ORDERS))


FAIL = _fail()
"""The money of a refund is the charge's again."""


def _dispute() -> Any:
    disputed = (
        update(ChargeRow)
        .where(ChargeRow.id == bindparam("of_charge"))
        .values(disputed=True, withheld=True)
        .returning(ChargeRow.id)
        .cte("disputed")
    )
    names = ("id", "provider", "charge_id", "order_id", "amount_minor", "currency", "reason", "evidence_due_by")
    values: dict[str, Any] = {name: bindparam(f"new_{name}") for name in names}
    opened = insert(_DISPUTES).values(state=DisputeState.NEEDS_RESPONSE.value, **values).add_cte(disputed)
    return select(DisputeRow).from_statement(opened.returning(_DISPUTES))


DISPUTE = _dispute()
"""Opens a dispute; nothing is refunded of its charge from then on."""


def _close() -> Any:
    won = bindparam("won", type_=Boolean)
    closed = (
        update(DisputeRow)
        .where(DisputeRow.id == bindparam("known_id"))
        .where(DisputeRow.state.in_((DisputeState.NEEDS_RESPONSE.value, DisputeState.UNDER_REVIEW.value)))
        .values(state=case((won, DisputeState.WON.value), else_=DisputeState.LOST.value), closed_at=NOW)
        .returning(DisputeRow.charge_id)
        .cte("closed")
    )
    freed = update(_CHARGES).where(_CHARGES.c.id == closed.c.charge_id).values(withheld=not_(won))
    return select(ChargeRow).from_statement(freed.returning(_CHARGES))


CLOSE = _close()
"""Decides an open dispute; what is won can be refunded again."""
