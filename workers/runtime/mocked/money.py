"""What banks and payment providers do: disputes, and refunds that settle or come back."""

import re
from typing import Annotated

import typer
from sqlalchemy import or_, select

from workers.adapters.mock_books import ChargeRow, DisputeRow, RefundRow
from workers.adapters.mock_payments import MockPayments
from workers.adapters.mock_world import MockWorld
from workers.ports.currencies import describe, exponent, to_money
from workers.ports.payments import Dispute, Refund
from workers.ports.values import Money
from workers.runtime.errors import NeedsHuman, UserError
from workers.runtime.mocked import webhooks
from workers.runtime.mocked.clock import duration
from workers.runtime.mocked.screen import LimitOption, OrderOption, Untold, add, ask, console, new_table, when
from workers.runtime.mocked.webhooks import Webhook, tell

DISPUTE_HELP = """Let the customer's bank claim the payment of an order back.

Nothing can be refunded of the charge from then on, until the dispute is won. Evidence is taken until its due \
date, by the outside world's clock. Its provider tells us by its webhook, if the api runs; with --untold that \
gets lost.

Reasons are Stripe's: product_not_received, product_unacceptable, fraudulent, duplicate, credit_not_processed, \
subscription_canceled, unrecognized, general.

Examples:

  orderops mock dispute 5100000001000

  orderops mock dispute 5100000001000 --reason fraudulent --amount 20.00 --due-in 36h
"""
CLOSE_HELP = """Let the bank decide a dispute.

Examples:

  orderops mock close-dispute dp_1a2b3c4d5e6f7a8b --won

  orderops mock close-dispute dp_1a2b3c4d5e6f7a8b --lost
"""
SETTLE_HELP = """Let a pending refund reach the customer.

A refund is pending when `orderops mock set payments.refund pending` was there when it was made.

Example:

  orderops mock settle-refund 5100000001000-not_supplied
"""
FAIL_HELP = """Let a refund come back, pending or not: the customer does not have the money.

Example:

  orderops mock fail-refund 5100000001000-not_supplied --reason lost_or_stolen_card
"""
_AMOUNT = re.compile(r"\d+(?:\.\d+)?")
_DISPUTES = "`orderops mock disputes` shows those there are."
_REFUNDS = "`orderops mock refunds` shows those there are."

DisputeId = Annotated[str, typer.Argument(metavar="DISPUTE", help="As `orderops mock disputes` shows it.")]
RefundId = Annotated[str, typer.Argument(metavar="REFUND", help="Our id of it, or the provider's.")]


def charges_command(order: OrderOption = None, limit: LimitOption = 50) -> None:
    """Show what customers paid, and how much of it they have back."""
    query = select(ChargeRow).order_by(ChargeRow.captured_at.desc(), ChargeRow.id.desc()).limit(limit)
    rows = ask(lambda world: world.rows(query.where(ChargeRow.order_id == order) if order else query))
    table = new_table("Charge", "Provider", "Order", "Captured", "Refunded", "Disputed", "Since")
    for row in reversed(rows):
        captured, refunded = (Money(minor, row.currency) for minor in (row.captured_minor, row.refunded_minor))
        disputed = "yes" if row.disputed else "no"
        add(table, row.id, row.provider, row.order_id, describe(captured), describe(refunded), disputed,
            when(row.captured_at))  # fmt: skip
    console.print(table if rows else "Nothing has been paid.")


def refunds_command(order: OrderOption = None, limit: LimitOption = 50) -> None:
    """Show what was given back, how far that is, and how often it was asked for."""
    query = select(RefundRow).order_by(RefundRow.number.desc()).limit(limit)
    rows = ask(lambda world: world.rows(query.where(RefundRow.order_id == order) if order else query))
    table = new_table("Refund", "Charge", "Our reference", "Amount", "Reason", "State", "Made", "Asked for")
    for row in reversed(rows):
        state = f"{row.state} ({row.failure})" if row.failure else row.state
        asked = "once" if row.requests == 1 else f"{row.requests} times"
        amount = describe(Money(row.amount_minor, row.currency))
        add(table, row.id, row.charge_id, row.reference, amount, row.reason, state, when(row.created_at), asked)
    console.print(table if rows else "Nothing has been given back.")


def disputes_command(order: OrderOption = None, limit: LimitOption = 50) -> None:
    """Show what banks claim back, until when evidence is taken, and what we answered."""
    query = select(DisputeRow).order_by(DisputeRow.number.desc()).limit(limit)
    rows = ask(lambda world: world.rows(query.where(DisputeRow.order_id == order) if order else query))
    table = new_table("Dispute", "Charge", "Amount", "Reason", "State", "Evidence until", "Evidence")
    for row in reversed(rows):
        amount = describe(Money(row.amount_minor, row.currency))
        evidence = ", ".join(sorted(row.evidence)) or "none"
        add(table, row.id, row.charge_id, amount, row.reason, row.state, when(row.evidence_due_by), evidence)
    console.print(table if rows else "Nothing is disputed.")


def dispute_command(
    order: Annotated[str, typer.Argument(help="The shop's order id.", metavar="ORDER")],
    reason: Annotated[str, typer.Option(help="In Stripe's words.")] = "product_not_received",
    amount: Annotated[str | None, typer.Option(help="As 12.50; all that was not refunded without it.")] = None,
    due_in: Annotated[str, typer.Option(help="How long evidence is taken: 7d, 36h.")] = "7d",
    untold: Untold = False,
) -> None:
    """Open a dispute; DISPUTE_HELP explains it to people."""
    lasts = duration(due_in)

    async def dispute(world: MockWorld) -> Dispute:
        bank = MockPayments(world)
        charge = await bank.charge_of(order)
        claimed = _money(amount, charge.captured.currency) if amount is not None else None
        return await bank.open_dispute(charge.id, reason, claimed, await world.now() + lasts)

    opened = ask(dispute)
    console.print(f"{opened.id} claims {describe(opened.amount)} of {opened.charge_id} back.", markup=False)
    console.print(f"Evidence is taken until {when(opened.evidence_due_by)}.")
    tell(webhooks.disputed(opened, "created"), untold=untold)


def close_dispute_command(
    dispute: DisputeId,
    won: Annotated[bool | None, typer.Option("--won/--lost", help="For us.", show_default=False)] = None,
    untold: Untold = False,
) -> None:
    """Decide a dispute; CLOSE_HELP explains it to people."""
    if won is None:
        raise UserError("Who has won?", hint="Add --won or --lost, from our side.")
    closed = ask(lambda world: MockPayments(world).close_dispute(dispute, won=won), _DISPUTES)
    console.print(f"{closed.id} is {closed.state}.", markup=False)
    tell(webhooks.disputed(closed, "closed"), untold=untold)


def settle_refund_command(refund: RefundId, untold: Untold = False) -> None:
    """Settle a refund; SETTLE_HELP explains it to people."""
    _say(*ask(lambda world: _settle(world, refund), _REFUNDS), untold=untold)


def fail_refund_command(
    refund: RefundId,
    reason: Annotated[str, typer.Option(help="In the provider's words.")] = "expired_or_canceled_card",
    untold: Untold = False,
) -> None:
    """Let a refund fail; FAIL_HELP explains it to people."""
    _say(*ask(lambda world: _fail(world, refund, reason), _REFUNDS), untold=untold)


def add_to(mock: typer.Typer) -> None:
    """Adds the commands."""
    mock.command("charges")(charges_command)
    mock.command("refunds")(refunds_command)
    mock.command("settle-refund", help=SETTLE_HELP)(settle_refund_command)
    mock.command("fail-refund", help=FAIL_HELP)(fail_refund_command)
    mock.command("disputes")(disputes_command)
    mock.command("dispute", help=DISPUTE_HELP)(dispute_command)
    mock.command("close-dispute", help=CLOSE_HELP)(close_dispute_command)


async def _settle(world: MockWorld, named: str) -> tuple[Refund, Webhook]:
    return await _told(world, await MockPayments(world).settle_refund(await _refund_id(world, named)))


async def _fail(world: MockWorld, named: str, failure: str) -> tuple[Refund, Webhook]:
    return await _told(world, await MockPayments(world).fail_refund(await _refund_id(world, named), failure))


async def _told(world: MockWorld, refund: Refund) -> tuple[Refund, Webhook]:
    """The refund, and what its provider tells of it."""
    charge = await world.one(select(ChargeRow).where(ChargeRow.id == refund.charge_id))
    return refund, webhooks.refund_changed(refund, charge.provider)


async def _refund_id(world: MockWorld, named: str) -> str:
    """The provider's id of a refund that goes by that, by our id or our reference; the newest of several."""
    ours = f"orderops-{named}"
    fits = or_(
        RefundRow.id == named,
        RefundRow.reference.in_((named, ours)),
        RefundRow.reference.startswith(f"{ours}:", autoescape=True),
    )
    row = await world.row(select(RefundRow).where(fits).order_by(RefundRow.number.desc()))
    if row is None:
        raise NeedsHuman(f"The payment provider has no refund {named}.")
    return row.id


def _money(text: str, currency: str) -> Money:
    decimals = len(text.partition(".")[2])
    if not _AMOUNT.fullmatch(text) or decimals > exponent(currency) or to_money(text, currency).minor == 0:
        raise UserError(f"{text} is no amount in {currency}.", hint="Write it as 12.50.")
    return to_money(text, currency)


def _say(refund: Refund, webhook: Webhook, *, untold: bool) -> None:
    why = f" ({refund.failure})" if refund.failure else ""
    amount = f"{describe(refund.amount)} of {refund.charge_id}"
    console.print(f"{refund.id}, {amount}, is {refund.state}{why}.", markup=False)
    tell(webhook, untold=untold)
