"""`orderops mock`: the mocked outside world by hand: make it fail, read its books, act as anybody out there."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
from rich.table import Table
from sqlalchemy import select

from workers.adapters.mock_behaviour import MEANINGS, OPERATIONS, behave, behaviours, misbehave
from workers.adapters.mock_books import (
    BehaviourRow,
    EventRow,
    FulfillmentRow,
    MailRow,
    PostingRow,
    SupplierOrderRow,
)
from workers.adapters.mock_shop import MockShop
from workers.adapters.mock_supplier import order_number
from workers.adapters.mock_world import MockWorld
from workers.adapters.olist import read_jsonl
from workers.adapters.shopify_orders import to_order
from workers.ports.currencies import describe
from workers.ports.values import Money
from workers.runtime.errors import UserError
from workers.runtime.mocked import clock, customers, money, parcels, support
from workers.runtime.mocked.screen import LimitOption, OrderOption, add, ask, console, new_table, when

HELP = """The mocked outside world: make it fail, read its books, act as customer, supplier, carrier and bank.

Try: let supplier cj sell out before the next two orders, lose every tenth answer, look, and mend it all:

  orderops mock set supplier.place_order out_of_stock --for cj --times 2

  orderops mock set supplier.place_order answer_lost --rate 0.1

  orderops mock list

  orderops mock clear --all

Or let an order be sent, see where it is, let it lie for ten days, and deliver it at last:

  orderops mock ship 5100000001000 --number JD01

  orderops mock scan JD01 in_transit --place Leipzig

  orderops mock pass-time 10d

  orderops mock deliver JD01
"""
SET_HELP = f"""Make calls of an operation misbehave from the very next call on.

Operations: {", ".join(OPERATIONS)}.

Kinds:

{(chr(10) * 2).join(f"  {kind}: {meaning}." for kind, meaning in MEANINGS.items())}

Examples:

  orderops mock set shop.get_order rate_limited --value 30 --times 1

  orderops mock set supplier.get_offers out_of_stock --for 5100000001000 --for aliexpress

  orderops mock set ledger.book unavailable --rate 0.05
"""

mock = typer.Typer(no_args_is_help=True, help=HELP, rich_markup_mode=None)
shop = typer.Typer(no_args_is_help=True, help="What customers and agents do in the shop.")
mock.add_typer(shop, name="shop")

OrderId = Annotated[str, typer.Argument(help="The shop's order id.", metavar="ID")]


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    app.add_typer(mock, name="mock")


@mock.command("list")
def list_command() -> None:
    """Show how the outside world misbehaves now."""
    rows = ask(behaviours)
    table = new_table("Id", "Operation", "Kind", "For", "Rate", "Left", "Value")
    for row in rows:
        add(table, *_behaviour_cells(row))
    console.print(
        table if rows else "Everything outside behaves. `orderops mock set --help` says how to change that."
    )


@mock.command("set", help=SET_HELP)
def set_command(
    operation: Annotated[str, typer.Argument(metavar="PORT.OPERATION")],
    kind: Annotated[str, typer.Argument()],
    targets: Annotated[
        list[str] | None,
        typer.Option("--for", help="Only calls about this order id, sku, supplier, …; given twice: about both."),
    ] = None,
    rate: Annotated[float, typer.Option(help="Share of the calls, 0 to 1; repeatable from run to run.")] = 1.0,
    times: Annotated[int | None, typer.Option(help="Only so many times.")] = None,
    value: Annotated[int | None, typer.Option(help="Milliseconds, or seconds of Retry-After.")] = None,
) -> None:
    """Make calls misbehave; SET_HELP explains it to people."""

    async def change(world: MockWorld) -> int:
        return await misbehave(world, operation, kind, *(targets or ()), rate=rate, times=times, value=value)

    try:
        number = ask(change)
    except ValueError as error:
        raise UserError(str(error), hint="`orderops mock set --help` explains operations and kinds.") from None
    console.print(f"Behaviour {number} is set. Mend it with `orderops mock clear {number}`.", markup=False)


@mock.command("clear")
def clear_command(
    behaviour: Annotated[
        int | None, typer.Argument(metavar="ID", help="As `orderops mock list` shows it.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Remove every behaviour.")] = False,
) -> None:
    """Let the outside world behave again."""
    if (behaviour is None) is not everything:
        raise UserError("Which behaviour?", hint="Give the ID that `orderops mock list` shows, or --all.")
    removed = ask(lambda world: behave(world, behaviour))
    if not removed and not everything:
        raise UserError(f"There is no behaviour {behaviour}.", hint="`orderops mock list` shows those there are.")
    console.print(f"{removed} removed.")


@mock.command("mail")
def mail_command(
    order: OrderOption = None,
    last: Annotated[bool, typer.Option("--last", help="Only the newest.")] = False,
    limit: LimitOption = 20,
) -> None:
    """Read the mails that customers got, the newest last."""
    query = select(MailRow).order_by(MailRow.number.desc()).limit(1 if last else limit)
    mails = ask(lambda world: world.rows(query.where(MailRow.order_id == order) if order else query))
    if not mails:
        console.print("No mail has been sent." if order is None else f"No mail about order {order} has been sent.")
    for mail in reversed(mails):
        head = {"To": mail.to, "Subject": mail.subject, "Date": when(mail.sent_at), "Order": mail.order_id}
        console.rule(f"M-{mail.number}  {mail.template}", align="left")
        for name, text in head.items():
            console.print(f"{name + ':':9}{text}", markup=False, soft_wrap=True)
        console.print(f"\n{mail.text}\n", markup=False, soft_wrap=True)


@mock.command("orders")
def orders_command(order: OrderOption = None, limit: LimitOption = 50) -> None:
    """Show the suppliers' books: what was bought, and how often it was asked for."""
    query = select(SupplierOrderRow).order_by(SupplierOrderRow.number.desc()).limit(limit)
    mine = SupplierOrderRow.reference.contains(order or "", autoescape=True)
    rows = ask(lambda world: world.rows(query.where(mine)))
    table = new_table("Order", "Our reference", "Cost", "Articles", "To", "Placed", "Asked for")
    for row in reversed(rows):
        articles = ", ".join(f"{line['quantity']} x {line['sku']}" for line in row.lines)
        place = f"{row.address['city']}, {row.address['country']}"
        cost = describe(Money(row.cost_minor, row.currency))
        asked = "once" if row.requests == 1 else f"{row.requests} times"
        number = order_number(row)
        add(table, number, row.reference, cost, articles, place, when(row.placed_at), asked)
    console.print(table if rows else "Nothing has been bought.")


@mock.command("ledger")
def ledger_command(order: OrderOption = None, limit: LimitOption = 50) -> None:
    """Show the ledger's postings, and their sums by currency."""
    query = select(PostingRow).order_by(PostingRow.number.desc()).limit(limit)
    rows = ask(lambda world: world.rows(query.where(PostingRow.order_id == order) if order else query))
    table = new_table("Number", "Account", "Amount", "Order", "Memo", "Booked")
    sums: dict[str, int] = {}
    for row in reversed(rows):
        sums[row.currency] = sums.get(row.currency, 0) + row.amount_minor
        amount = describe(Money(row.amount_minor, row.currency))
        add(table, f"L-{row.number}", row.account, amount, row.order_id, row.memo, when(row.booked_at))
    console.print(table if rows else "Nothing has been booked.")
    for currency, minor in sorted(sums.items()):
        console.print(f"Sum of these: {describe(Money(minor, currency))}")


@mock.command("events")
def events_command(order: OrderOption = None, limit: LimitOption = 50) -> None:
    """Show what other systems heard from us."""
    query = select(EventRow).order_by(EventRow.number.desc()).limit(limit)
    mine = EventRow.payload["shopify_order_id"].astext == order
    rows = ask(lambda world: world.rows(query.where(mine) if order else query))
    table = new_table("Number", "Event", "Payload", "Published")
    for row in reversed(rows):
        add(table, f"EV-{row.number}", row.name, orjson.dumps(row.payload).decode(), when(row.published_at))
    console.print(table if rows else "Nothing has been announced.")


@shop.command("seed")
def seed_command(
    file: Annotated[Path, typer.Argument(help="One Shopify order as JSON, or several as JSON lines.")],
) -> None:
    """Put orders into the shop. No webhook is sent: this is what the shop knows when it is asked."""
    orders = _orders(file)

    async def seed(world: MockWorld) -> list[str]:
        return [await MockShop(world).seed_order(order) for order in orders]

    console.print("\n".join(f"Order {number} is in the shop." for number in ask(seed)), markup=False)


@shop.command("cancel")
def cancel_command(order: OrderId) -> None:
    """Cancel an order as its customer would. No webhook is sent."""
    ask(lambda world: MockShop(world).cancel_order(order))
    console.print(f"Order {order} is cancelled in the shop.", markup=False)


@shop.command("refund")
def refund_command(order: OrderId) -> None:
    """Give all the money back. No webhook is sent."""
    ask(lambda world: MockShop(world).refund_order(order))
    console.print(f"Order {order} is refunded in the shop.", markup=False)


@shop.command("show")
def show_command(order: OrderId) -> None:
    """Show an order as the shop has it now, with parcels, tags and address changes."""
    row = ask(lambda world: MockShop(world).find_row(order))
    now = to_order(row.body)
    table = Table.grid(padding=(0, 2))
    add(table, "Order", f"{now.number} ({now.id})")
    add(table, "State", f"{now.financial_status}, {'wanted' if now.open else 'no longer wanted'}")
    add(table, "Total", describe(now.total))
    for line in now.lines:
        add(table, "Article", f"{line.quantity} x {line.title} ({line.sku}) at {describe(line.unit_price)}")
    add(table, "Tags", ", ".join(row.tags) or "none")
    add(table, "Ship to", _one_line(row.body.get("shipping_address") or {}))
    parcels_of = select(FulfillmentRow).where(FulfillmentRow.order_id == order).order_by(FulfillmentRow.number)
    for parcel in ask(lambda world: world.rows(parcels_of)):
        add(table, "Parcel", f"{parcel.tracking_number} by {parcel.carrier}, {when(parcel.created_at)}")
    for change in row.address_changes:
        add(table, "Changed", change["at"])
    console.print(table)


def _orders(file: Path) -> list[dict[str, Any]]:
    """A whole file that is one order (bare, or as the API answers it), else JSON lines."""
    try:
        whole = orjson.loads(file.read_bytes())
    except (OSError, orjson.JSONDecodeError):
        return list(read_jsonl(file))
    return [whole] if isinstance(whole, dict) and ("order" in whole or "id" in whole) else list(read_jsonl(file))


def _behaviour_cells(row: BehaviourRow) -> Sequence[str]:
    left = "always" if row.remaining is None else str(row.remaining)
    value = "" if row.value is None else str(row.value)
    about = " and ".join(row.targets) or "every call"
    return str(row.id), row.operation, row.kind, about, f"{row.rate:g}", left, value


def _one_line(address: dict[str, Any]) -> str:
    keys = ("name", "address1", "address2", "zip", "city", "province_code", "country_code")
    return ", ".join(str(address[key]) for key in keys if address.get(key))


for part in (parcels, money, customers, support, clock):
    part.add_to(mock)
