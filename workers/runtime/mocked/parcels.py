"""What suppliers and carriers do: parcels are handed over, scanned and delivered."""

import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

import typer
from sqlalchemy import and_, select

from workers.adapters.mock_books import FulfillmentRow, ParcelRow, ShipmentRow, SupplierOrderRow
from workers.adapters.mock_carriers import MockCarriers
from workers.adapters.mock_supplier import MockSuppliers, order_number
from workers.adapters.mock_world import MockWorld
from workers.ports.carriers import ParcelState, Scan
from workers.runtime.errors import NeedsHuman, UserError
from workers.runtime.mocked import webhooks
from workers.runtime.mocked.screen import LimitOption, OrderOption, Untold, add, ask, console, new_table, when
from workers.runtime.mocked.webhooks import Webhook, tell

SHIP_HELP = """Hand parcels of an order over to a carrier, as its supplier does.

All that was bought for the order and was not sent yet is sent, each supplier order as one parcel; --part says \
that more of it will follow. Nothing is sent by itself. The supplier tells us by its webhook, if the api runs; \
with --untold that gets lost.

Examples:

  orderops mock ship 5100000001000

  orderops mock ship 5100000001000 --number JD01 --carrier dhl --part

  orderops mock ship 5100000001000 --number JD02 --carrier dhl
"""
SCAN_HELP = f"""Let a carrier see a parcel, now or at another time of its own.

States: {", ".join(ParcelState)}.

A carrier that does not know a parcel yet learns of it by its first scan. After returned, delivered means \
delivered to its sender. We are told as EasyPost (fedex, ups, usps) or AfterShip (all others) would tell us; with \
--untold that gets lost.

Examples:

  orderops mock scan JD01 in_transit --place Leipzig --text "Arrived at hub"

  orderops mock scan JD01 at_customs

  orderops mock scan JD01 delivered --at 2026-03-05T10:00:00Z
"""
_LIST = "`orderops mock parcels` shows those there are."

Number = Annotated[str, typer.Argument(help="The parcel's tracking number.", metavar="NUMBER")]
Carrier = Annotated[str | None, typer.Option(help="Who brings it; known once its supplier has sent it.")]
Place = Annotated[str, typer.Option(help="Where.")]
At = Annotated[datetime | None, typer.Option(formats=["%Y-%m-%dT%H:%M:%S%z"], help="When, as RFC 3339; now.")]


def ship_command(
    order: Annotated[str, typer.Argument(help="The shop's order id.", metavar="ORDER")],
    number: Annotated[str | None, typer.Option(help="The tracking number; a new one without it.")] = None,
    carrier: Annotated[str, typer.Option(help="Who brings it.")] = "dhl",
    part: Annotated[bool, typer.Option("--part", help="More of it will follow.")] = False,
    untold: Untold = False,
) -> None:
    """Hand parcels over; SHIP_HELP explains it to people."""

    async def ship(world: MockWorld) -> list[tuple[str, Webhook]]:
        waiting = await _unsent(world, order)
        if number is not None and len(waiting) > 1:
            raise NeedsHuman(
                f"Order {order} has several supplier orders that wait: each needs a number of its own."
            )
        done = []
        for row in waiting:
            tracking = number or f"JD{secrets.randbelow(10**10):010}"
            await MockSuppliers(world).ship(row.supplier, row.reference, tracking, carrier, complete=not part)
            said = f"{row.supplier} has given {tracking} to {carrier}{', more will follow' if part else ''}."
            done.append((said, webhooks.shipped(row.supplier, order_number(row), tracking)))
        return done

    hint = f"`orderops mock orders --order {order}` shows what was bought, `orderops mock parcels` what was sent."
    for sentence, webhook in ask(ship, hint):
        console.print(sentence, markup=False)
        tell(webhook, untold=untold)


def scan_command(
    number: Number,
    state: Annotated[ParcelState, typer.Argument(help="What the scan says.")],
    carrier: Carrier = None,
    place: Place = "",
    text: Annotated[str, typer.Option(help="The carrier's words.")] = "",
    at: At = None,
    untold: Untold = False,
) -> None:
    """Let a carrier see a parcel; SCAN_HELP explains it to people."""
    if at is not None and at.tzinfo is None:
        raise UserError("A time needs its offset.", hint="Write it as 2026-03-05T10:00:00Z.")

    async def scan(world: MockWorld) -> tuple[str, Scan, Webhook]:
        by = (carrier or await _carrier_of(world, number)).lower()
        carriers = MockCarriers(world)
        seen = await carriers.scan(by, number, state, at=at, place=place, text=text)
        return by, seen, webhooks.moved(by, number, await carriers.scans(by, number))

    by, seen, webhook = ask(scan, _LIST)
    where = f" in {seen.place}" if seen.place else ""
    console.print(f"{by} says of {number}: {seen.state}{where}, {when(seen.at)}.", markup=False)
    tell(webhook, untold=untold)


def deliver_command(number: Number, carrier: Carrier = None, place: Place = "", untold: Untold = False) -> None:
    """Deliver a parcel to the customer; short for `scan NUMBER delivered`."""
    scan_command(number, ParcelState.DELIVERED, carrier, place, untold=untold)


def parcels_command(order: OrderOption = None, limit: LimitOption = 50) -> None:
    """Show the parcels that suppliers sent, and where their carriers saw them last."""
    rows = ask(lambda world: _parcels(world, order, limit))
    table = new_table("Parcel", "Carrier", "Sent by", "Our reference", "Last scan", "In the shop", "Asked back")
    for row in rows:
        add(table, *row)
    console.print(table if rows else "Nothing has been sent. `orderops mock ship ORDER` sends what was bought.")


def add_to(mock: typer.Typer) -> None:
    """Adds the commands."""
    mock.command("ship", help=SHIP_HELP)(ship_command)
    mock.command("scan", help=SCAN_HELP)(scan_command)
    mock.command("deliver")(deliver_command)
    mock.command("parcels")(parcels_command)


async def _unsent(world: MockWorld, order: str) -> Sequence[SupplierOrderRow]:
    """What was bought for an order and is neither all on its way nor cancelled."""
    mine = select(SupplierOrderRow).where(SupplierOrderRow.reference.contains(order, autoescape=True))
    bought = await world.rows(mine.order_by(SupplierOrderRow.number))
    waiting = []
    for row in bought:
        shipment = await MockSuppliers(world).get_shipment(row.supplier, row.reference)
        if not shipment.complete:
            waiting.append(row)
    if not waiting:
        raise NeedsHuman(f"Nothing of order {order} waits to be sent.")
    return waiting


async def _carrier_of(world: MockWorld, number: str) -> str:
    holds = ShipmentRow.parcels.contains([{"tracking_number": number}])
    row = await world.row(select(ShipmentRow).where(holds))
    if row is None:
        raise UserError(f"No supplier has sent a parcel {number}.", hint=f"Name its --carrier. {_LIST}")
    return next(str(parcel["carrier"]) for parcel in row.parcels if parcel["tracking_number"] == number)


async def _parcels(world: MockWorld, order: str | None, limit: int) -> list[tuple[str, ...]]:
    """One line for each parcel, the newest last."""
    bought = SupplierOrderRow
    same = and_(bought.supplier == ShipmentRow.supplier, bought.reference == ShipmentRow.reference)
    shipments = select(ShipmentRow).join(bought, same)
    mine = ShipmentRow.reference.contains(order or "", autoescape=True)
    rows = await world.rows(shipments.where(mine).order_by(bought.number.desc()).limit(limit))
    lines = [await _line(world, row, parcel) for row in reversed(rows) for parcel in row.parcels]
    return lines[-limit:]


async def _line(world: MockWorld, row: ShipmentRow, parcel: dict[str, str]) -> tuple[str, ...]:
    carrier, number = parcel["carrier"], parcel["tracking_number"]
    scans = await MockCarriers(world).scans(carrier.lower(), number)
    last = f"{scans[-1].state} {when(scans[-1].at)} {scans[-1].place}".strip() if scans else "none"
    shown = await world.row(select(FulfillmentRow).where(FulfillmentRow.tracking_number == number))
    asked = await world.row(select(ParcelRow).where(ParcelRow.tracking_number == number))
    return number, carrier, row.supplier, row.reference, last, _yes(shown is not None), _yes(asked is not None)


def _yes(said: bool) -> str:
    return "yes" if said else "no"
