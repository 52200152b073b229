"""What an order's total is made of: every cent is in exactly one part."""

from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.samples import shopify_order
from workers.adapters.shopify_orders import to_order
from workers.adapters.shopify_parts import paid_parts
from workers.ports.currencies import split
from workers.ports.values import PaidPart

LINES = [
    {"id": 11, "title": "Desk lamp", "quantity": 2, "price": "20.00"},
    {"id": 12, "title": "Cable", "quantity": 1, "price": "9.95"},
]
SHIPPING = [{"title": "Parcel", "price": "4.90"}]


def parts(total: str, **order: Any) -> list[tuple[str, int, int, int]]:
    """Id, quantity, amount and tax of each part."""
    body = shopify_order("1001", total_price=total, **{"line_items": LINES, **order})
    return [(part.id, part.quantity, part.amount, part.tax) for part in to_order(body).parts]


def test_lines_and_shipping_are_parts() -> None:
    assert parts("54.85", shipping_lines=SHIPPING) == [
        ("11", 2, 4_000, 0),
        ("12", 1, 995, 0),
        ("shipping", 1, 490, 0),
    ]


def test_tax_is_added_to_the_line_it_is_told_of() -> None:
    taxed = [{**LINES[0], "tax_lines": [{"price": "7.00"}, {"price": "0.60"}]}, LINES[1]]
    shipping = [{"price": "4.90", "tax_lines": [{"price": "0.93"}]}]
    assert parts("63.38", line_items=taxed, shipping_lines=shipping) == [
        ("11", 2, 4_760, 760),
        ("12", 1, 995, 0),
        ("shipping", 1, 583, 93),
    ]


def test_tax_that_is_in_the_prices_adds_nothing() -> None:
    taxed = [{**LINES[0], "tax_lines": [{"price": "6.39"}]}, LINES[1]]
    assert parts("49.95", line_items=taxed, taxes_included=True) == [("11", 2, 4_000, 639), ("12", 1, 995, 0)]


def test_tax_that_is_told_of_the_whole_order_only_is_spread_by_what_the_parts_cost() -> None:
    assert parts("59.44", total_tax="9.49") == [("11", 2, 4_759, 759), ("12", 1, 1_185, 190)]


@pytest.mark.parametrize(
    "discount",
    [
        {"total_discount": "4.00"},
        {"discount_allocations": [{"amount": "3.00"}, {"amount": "1.00"}], "total_discount": "9.00"},
    ],
    ids=["old", "new"],
)
def test_a_line_s_discount_is_taken_off_it(discount: dict[str, Any]) -> None:
    """The newer list counts where both are told."""
    assert parts("45.95", line_items=[{**LINES[0], **discount}, LINES[1]]) == [
        ("11", 2, 3_600, 0),
        ("12", 1, 995, 0),
    ]


def test_a_discount_on_the_whole_order_is_one_on_each_part() -> None:
    assert parts("39.96") == [("11", 2, 3_200, 0), ("12", 1, 796, 0)]


def test_what_is_paid_besides_is_a_part_of_its_own() -> None:
    assert parts("52.45", total_tip_received="2.50")[-1] == ("other", 1, 250, 0)


def test_of_a_line_that_was_cut_down_only_the_rest_was_paid_for() -> None:
    """An edited order: the shop's current figures count."""
    cut = [{**LINES[0], "current_quantity": 1}, {**LINES[1], "current_quantity": 0}]
    assert parts("49.95", line_items=cut, current_total_price="20.00") == [("11", 1, 2_000, 0)]


def test_what_cost_nothing_is_no_part() -> None:
    free = [*LINES, {"id": 13, "title": "Sticker", "quantity": 1, "price": "0.00"}]
    shipping = [{"price": "0.00"}]
    assert [each[0] for each in parts("49.95", line_items=free, shipping_lines=shipping)] == ["11", "12"]
    assert parts("0.00") == []


def test_lines_without_an_id_are_told_apart_by_their_place() -> None:
    nameless = [{name: value for name, value in line.items() if name != "id"} for line in LINES]
    assert [each[0] for each in parts("49.95", line_items=nameless)] == ["1", "2"]


@pytest.mark.parametrize(
    "unreadable",
    [{"total_tax": "a lot"}, {"shipping_lines": [{"price": "free"}]}, {"shipping_lines": [{"price": [4]}]}],
    ids=str,
)
def test_an_order_whose_parts_cannot_be_told_has_none_and_is_read_all_the_same(unreadable: dict[str, Any]) -> None:
    assert parts("49.95", **unreadable) == []


prices = st.integers(0, 10_000).map(lambda minor: f"{minor / 100:.2f}")
taxes = st.lists(st.fixed_dictionaries({"price": prices}), max_size=2)
line_items = st.fixed_dictionaries(
    {"quantity": st.integers(0, 7), "price": prices},
    optional={
        "current_quantity": st.integers(0, 9),
        "total_discount": prices,
        "tax_lines": taxes,
        "discount_allocations": st.lists(st.fixed_dictionaries({"amount": prices}), max_size=2),
    },
)
orders = st.fixed_dictionaries(
    {"line_items": st.lists(line_items, max_size=4)},
    optional={
        "shipping_lines": st.lists(
            st.fixed_dictionaries({"price": prices}, optional={"tax_lines": taxes}), max_size=2
        ),
        "taxes_included": st.booleans(),
        "total_tax": prices,
    },
)


@given(order=orders, total=st.integers(0, 100_000))
def test_parts_are_the_total_to_the_cent(order: dict[str, Any], total: int) -> None:
    """Whatever a shop tells: nothing is twice in it, nothing missing, and no tax is more than its part."""
    told = paid_parts(order, total, "EUR")
    assert sum(part.amount for part in told) == total
    assert all(0 <= part.tax <= part.amount and part.quantity > 0 for part in told)
    assert len({part.id for part in told}) == len(told)


@given(minor=st.integers(0, 10**12), weights=st.lists(st.integers(0, 10**6), min_size=1, max_size=20))
def test_a_split_sums_up_to_the_whole(minor: int, weights: list[int]) -> None:
    shares = split(minor, weights)
    assert sum(shares) == minor
    assert all(share >= 0 for share in shares)


def test_parts_of_one_line_are_one_value() -> None:
    """As they are kept in the case file and read again."""
    [part] = to_order(shopify_order("1", line_items=LINES[1:], total_price="9.95")).parts
    assert part == PaidPart("12", "Cable", 1, 995, 0)


def test_the_shop_s_own_sample(data: Path) -> None:
    """Shopify's documentation: three at 199.00, 11.94 of tax and 199.00 off the whole order."""
    order = to_order(orjson.loads((data / "payloads/shopify/order.json").read_bytes()))
    assert (sum(part.amount for part in order.parts), order.total.minor) == (40_994, 40_994)
    assert sum(part.tax for part in order.parts) == 1_194
