"""`orderops mock`, as people use it."""

import asyncio
import json
from pathlib import Path

import pytest

from tests.adapters.command import mock_command
from tests.fakes.samples import ADDRESS, LINES, shopify_order
from workers.adapters.mock_events import MockEventBus
from workers.adapters.mock_ledger import MockLedger
from workers.adapters.mock_mail import MockMailer
from workers.adapters.mock_supplier import MockSuppliers
from workers.adapters.mock_world import MockWorld
from workers.ports.events import Event
from workers.ports.ledger import Posting
from workers.ports.mail import Mail
from workers.ports.values import Money
from workers.runtime.errors import UserError

pytestmark = pytest.mark.usefixtures("stack_settings")


def test_a_behaviour_is_set_shown_and_cleared(unique: str) -> None:
    said = mock_command(
        "set", "supplier.place_order", "out_of_stock", "--for", unique, "--for", "cj", "--times", "2"
    )
    number = said.split()[1]
    assert f"{unique} and cj" in mock_command("list")
    assert "1 removed" in mock_command("clear", number)
    assert unique not in mock_command("list")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["set", "bank.pay", "unavailable"], "there are shop.get_order"),
        (["set", "ledger.find", "answer_lost"], "it can be latency"),
        (["set", "ledger.book", "unavailable", "--rate", "5"], "between 0 and 1"),
        (["clear"], "Which behaviour"),
        (["clear", "7", "--all"], "Which behaviour"),
        (["clear", "999999999"], "no behaviour 999999999"),
        (["shop", "show", "nowhere"], "no order nowhere"),
        (["shop", "cancel", "nowhere"], "no order nowhere"),
        (["shop", "refund", "nowhere"], "no order nowhere"),
        (["shop", "seed", "nowhere.json"], "cannot be read"),
    ],
)
def test_a_wrong_call_is_one_clear_sentence_with_a_hint(arguments: list[str], words: str) -> None:
    with pytest.raises(UserError, match=words) as error:
        mock_command(*arguments)
    assert error.value.hint


def test_without_a_stack_it_says_how_to_start_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORDEROPS_DATABASE_URL", "postgresql+psycopg://nobody@127.0.0.1:9/none")
    with pytest.raises(UserError, match="does not answer") as error:
        mock_command("list")
    assert "orderops up" in str(error.value.hint)


def test_an_order_is_seeded_shown_cancelled_and_refunded(tmp_path: Path, unique: str) -> None:
    path = tmp_path / "order.json"
    path.write_text(json.dumps({"order": shopify_order(unique)}, indent=2))
    assert f"Order {unique} is in the shop" in mock_command("shop", "seed", str(path))
    shown = mock_command("shop", "show", unique)
    assert "49.95 EUR" in shown
    assert "paid, wanted" in shown
    mock_command("shop", "cancel", unique)
    assert "no longer wanted" in mock_command("shop", "show", unique)
    mock_command("shop", "refund", unique)
    assert "refunded" in mock_command("shop", "show", unique)


async def _trade(database_url: str, order_id: str) -> None:
    """Everything that a supplied order leaves in the books."""
    async with MockWorld(database_url, 1) as world:
        bought = await MockSuppliers(world).place_order(
            "cj", f"orderops-{order_id}", LINES, ADDRESS, Money(2_500, "EUR")
        )
        await MockLedger(world).book(Posting(f"p{order_id}", "COGS", bought.cost, order_id, bought.id))
        await MockEventBus(world).publish(
            Event(f"e{order_id}", "supplier_order_placed", {"shopify_order_id": order_id})
        )
        values = {"order_number": "#1 [b]", "link": "https://shop.example.com/c/abc"}
        mail = Mail(f"m{order_id}", "a@example.com", "fulfillment_remind_customer", values, order_id)
        await MockMailer(world).send(mail)


async def test_the_books_can_be_read(database_url: str, unique: str) -> None:
    await _trade(database_url, unique)
    orders = await asyncio.to_thread(mock_command, "orders", "--order", unique)
    assert "25.00 EUR" in orders
    assert "2 x LAMP-1" in orders
    assert "Sum of these: 25.00 EUR" in await asyncio.to_thread(mock_command, "ledger", "--order", unique)
    assert "supplier_order_placed" in await asyncio.to_thread(mock_command, "events", "--order", unique)
    mail = await asyncio.to_thread(mock_command, "mail", "--order", unique, "--last")
    assert "To:      a@example.com" in mail
    assert "#1 [b]" in mail
    assert "https://shop.example.com/c/abc" in mail


def test_empty_books_say_so(unique: str) -> None:
    assert "Nothing has been bought" in mock_command("orders", "--order", unique)
    assert "Nothing has been booked" in mock_command("ledger", "--order", unique)
    assert "Nothing has been announced" in mock_command("events", "--order", unique)
    assert f"No mail about order {unique}" in mock_command("mail", "--order", unique)
