"""What can be given back of each part of an order."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.casefile.refundable import NotLeftError, PartLeft, Share, in_words, parts_left, shares, tax_in
from workers.ports.values import PaidPart

LAMPS = PaidPart("11", "Desk lamp", 3, 10_000, 1_597)
SHIPPING = PaidPart("shipping", "Shipping", 1, 490, 78)


def test_parts_that_nobody_took_are_left_as_they_were_paid() -> None:
    left = parts_left([LAMPS, SHIPPING], [])
    assert [(each.quantity, each.amount) for each in left] == [(3, 10_000), (1, 490)]


def test_what_others_took_is_not_left() -> None:
    first = shares(parts_left([LAMPS, SHIPPING], []), {"11": 1, "shipping": 1})
    assert first == (Share("11", "Desk lamp", 1, 3_333, 532), Share("shipping", "Shipping", 1, 490, 78))
    left = parts_left([LAMPS, SHIPPING], first)
    assert [(each.quantity, each.amount) for each in left] == [(2, 6_667), (0, 0)]


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"11": 3}, "2 of 3 “Desk lamp” can still be refunded"),
        ({"shipping": 2}, "1 of 1 “Shipping” can still be refunded"),
        ({"12": 1}, "no part 12; it has 11, shipping"),
    ],
    ids=str,
)
def test_more_than_is_left_is_refused(asked: dict[str, int], words: str) -> None:
    with pytest.raises(NotLeftError, match=words):
        shares(parts_left([LAMPS, SHIPPING], [Share("11", "Desk lamp", 1, 3_333, 532)]), asked)


def test_a_part_that_became_smaller_in_the_shop_has_nothing_left() -> None:
    left = PartLeft(LAMPS, (Share("11", "Desk lamp", 4, 9_999, 0),))
    assert (left.quantity, left.amount, left.tax) == (0, 0, 0)


def test_what_is_free_again_is_counted_by_its_amount() -> None:
    """Two of three shares are given up, the dearest stays: never more than the line cost."""
    line, taken = PaidPart("1", "Cup", 3, 1_000, 100), list[Share]()
    for _ in range(3):
        taken += shares(parts_left([line], taken), {"1": 1})
    [kept] = [share for share in taken if share.amount == 334]
    rest = shares(parts_left([line], [kept]), {"1": 2})
    assert kept.amount + rest[0].amount == 1_000
    assert kept.tax + rest[0].tax == 100


@given(
    amount=st.integers(1, 10**9), quantities=st.lists(st.integers(1, 9), min_size=1, max_size=9), data=st.data()
)
def test_refunds_of_single_articles_sum_up_to_what_the_line_cost(
    amount: int, quantities: list[int], data: st.DataObject
) -> None:
    """However a line is given back, in the end it is given back to the cent: amount and tax."""
    part = PaidPart("1", "Cup", sum(quantities), amount, data.draw(st.integers(0, amount)))
    taken: list[Share] = []
    for quantity in quantities:
        taken += shares(parts_left([part], taken), {"1": quantity})
    assert sum(share.amount for share in taken) == part.amount
    assert sum(share.tax for share in taken) == part.tax
    assert parts_left([part], taken)[0].amount == 0


def test_they_are_told_in_words() -> None:
    assert (
        in_words(shares(parts_left([LAMPS, SHIPPING], []), {"11": 2, "shipping": 1})) == "2 × Desk lamp, Shipping"
    )


def test_less_than_the_price_has_less_tax_in_it() -> None:
    lamp = shares(parts_left([LAMPS], []), {"11": 3})
    assert [tax_in(lamp, amount) for amount in (10_000, 5_000, 0)] == [1_597, 798, 0]
    assert tax_in((), 5_000) == 0
