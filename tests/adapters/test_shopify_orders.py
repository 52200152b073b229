"""Shopify's order JSON as our Order."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.samples import ADDRESS, LINES, shopify_order
from workers.adapters.shopify_orders import to_address, to_order, to_shipping_address
from workers.ports.currencies import describe, to_decimal, to_money
from workers.ports.values import Address, Money
from workers.runtime.errors import NeedsHuman


@pytest.mark.parametrize(
    ("text", "currency", "minor"),
    [
        ("49.95", "EUR", 4_995),
        ("0.1", "EUR", 10),
        ("1200", "JPY", 1_200),
        ("1200.00", "JPY", 1_200),
        ("1.234", "KWD", 1_234),
        ("0.0051", "EUR", 1),
        (19, "USD", 1_900),
        ("90071992547409.93", "USD", 9_007_199_254_740_993),
    ],
)
def test_amounts_are_minor_units_by_the_currencys_decimals(text: str, currency: str, minor: int) -> None:
    assert to_money(text, currency) == Money(minor, currency)


@pytest.mark.parametrize("text", ["", "a lot", "NaN", "Infinity", "1,50"])
def test_what_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no number"):
        to_money(text, "EUR")


def test_money_is_described_with_its_decimals() -> None:
    assert describe(Money(4_990, "EUR")) == "49.90 EUR"
    assert describe(Money(1_200, "JPY")) == "1200 JPY"
    assert to_decimal(Money(1_234, "KWD")) == Decimal("1.234")


def test_an_order_is_read_as_it_is() -> None:
    order = to_order(shopify_order("1001"))
    assert order.total == Money(4_995, "EUR")
    assert order.lines == LINES
    assert order.shipping_address == ADDRESS
    assert order.created_at == datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
    assert order.open


def test_an_api_answer_is_unwrapped() -> None:
    assert to_order({"order": shopify_order("1001")}) == to_order(shopify_order("1001"))


@pytest.mark.parametrize(
    ("changes", "is_open"),
    [
        ({"cancelled_at": "2026-03-03T08:00:00Z"}, False),
        ({"financial_status": "refunded"}, False),
        ({"financial_status": "voided"}, False),
        ({"financial_status": "partially_refunded"}, True),
    ],
)
def test_a_cancelled_or_refunded_order_is_not_open(changes: dict[str, Any], is_open: bool) -> None:
    assert to_order(shopify_order("1001", **changes)).open is is_open


def test_no_shipping_address_is_an_empty_one() -> None:
    empty = Address("", "", "", "", "", "", "")
    assert to_order(shopify_order("1001", shipping_address=None)).shipping_address == empty


@pytest.mark.parametrize(
    ("told", "language"),
    [
        ({"customer_locale": "de-CH"}, "de"),
        ({"customer_locale": "pt_BR"}, "pt"),
        ({"customer_locale": "EN"}, "en"),
        ({"customer": {"locale": "fr"}}, "fr"),
        ({"customer_locale": "german"}, ""),
        ({"customer_locale": "../"}, ""),
        ({"customer_locale": None}, ""),
        ({}, ""),
    ],
)
def test_the_customers_language_is_what_the_locale_begins_with(told: dict[str, Any], language: str) -> None:
    assert to_order(shopify_order("1", **told)).language == language


def test_after_an_edit_the_current_figures_count() -> None:
    items = [
        {"sku": "A", "title": "A", "quantity": 3, "current_quantity": 1, "price": "5.00"},
        {"sku": "B", "title": "B", "quantity": 1, "current_quantity": 0, "price": "5.00"},
    ]
    order = to_order(shopify_order("1001", current_total_price="5.00", line_items=items))
    assert order.total == Money(500, "EUR")
    assert [(line.sku, line.quantity) for line in order.lines] == [("A", 1)]


def test_a_line_without_a_sku_goes_by_its_variant() -> None:
    items = [{"sku": "", "variant_id": 77, "title": "A", "quantity": 1, "price": "5.00"}]
    assert to_order(shopify_order("1001", line_items=items)).lines[0].sku == "77"


@pytest.mark.parametrize("field", ["id", "currency", "total_price", "created_at"])
def test_an_order_that_makes_no_sense_needs_a_human(field: str) -> None:
    with pytest.raises(NeedsHuman, match="The shop's order"):
        to_order(shopify_order("1001", **{field: None}))


def test_our_address_survives_the_way_to_shopify_and_back() -> None:
    address = Address("Ada Lovelace Example", "5 High St", "Flat 2", "Leeds", "ENG", "LS1 1AA", "GB", "+44 1")
    assert to_address(to_shipping_address(address)) == address


@pytest.mark.parametrize(
    "path", ["shopify/order.json", "shopify_go/order.json", "shopify_go/order_with_transaction.json"]
)
def test_shopifys_own_samples_are_read(data: Path, path: str) -> None:
    order = to_order(json.loads((data / "payloads" / path).read_text()))
    assert order.total.minor > 0
    assert order.lines
    assert order.created_at.tzinfo is UTC


@pytest.mark.parametrize("path", ["shopify/orders.json", "shopify_go/orders.json"])
def test_every_order_of_shopifys_lists_is_read_or_said_to_lack_something(data: Path, path: str) -> None:
    for body in json.loads((data / "payloads" / path).read_text())["orders"]:
        if body.get("currency") and body.get("created_at") and body.get("total_price"):
            assert to_order(body).total.currency == body["currency"]
        else:
            with pytest.raises(NeedsHuman, match="cannot be read"):
                to_order(body)
