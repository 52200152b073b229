"""What is to happen to each order of a demo."""

from collections import Counter

import pytest

from workers.runtime.demo.plan import DISPUTES, SUPPLIER_ERRORS, Journey, Rates, Trouble, by_rates, one_of_each

ORDERS = [{"id": number, "shipping_address": {"zip": "10115", "city": "Berlin"}} for number in range(1, 2001)]
RATES = Rates(duplicates=0.10, out_of_stock=0.06, bad_addresses=0.05, supplier_errors=0.09)


def test_the_same_orders_get_the_same_troubles_again() -> None:
    assert by_rates(ORDERS, RATES) == by_rates(ORDERS, RATES)


def test_troubles_strike_about_the_given_shares() -> None:
    plan = by_rates(ORDERS, RATES)
    struck = Counter(trouble for one in plan.orders for trouble in one.troubles)
    shares = {trouble: count / len(ORDERS) for trouble, count in struck.items()}
    for trouble in SUPPLIER_ERRORS:
        assert shares[trouble] == pytest.approx(0.03, abs=0.015)
    assert shares[Trouble.SOLD_OUT] == pytest.approx(0.03, abs=0.015)
    assert shares[Trouble.SOLD_OUT_LATE] == pytest.approx(0.03, abs=0.015)
    assert shares[Trouble.BAD_ADDRESS] == pytest.approx(0.05, abs=0.02)
    assert sum(one.repeated for one in plan.orders) / len(ORDERS) == pytest.approx(0.10, abs=0.025)
    journeys = Counter(one.journey for one in plan.orders)
    assert (journeys[Journey.QUIET] + journeys[Journey.LOST]) / len(ORDERS) == pytest.approx(0.04, abs=0.015)
    assert sum(journeys[each] for each in DISPUTES) / len(ORDERS) == pytest.approx(0.02, abs=0.01)


def test_a_share_of_nothing_strikes_nobody() -> None:
    plan = by_rates(ORDERS, Rates(0, 0, 0, 0, 0, 0, 0))
    assert not any(one.troubles or one.repeated for one in plan.orders)
    assert {one.journey for one in plan.orders} == {Journey.DELIVERED, Journey.TWO_PARCELS}


def test_the_samples_have_every_trouble_and_every_journey() -> None:
    plan = one_of_each(ORDERS[:24])
    assert {one.journey for one in plan.orders if not one.troubles} == set(Journey)
    assert Counter(trouble for one in plan.orders for trouble in one.troubles) == dict.fromkeys(Trouble, 1)


def test_a_wrong_address_is_delivered_and_the_right_one_kept() -> None:
    for one in one_of_each(ORDERS[:24]).orders:
        wrong = one.troubles & {Trouble.BAD_ADDRESS, Trouble.BAD_ADDRESS_AGENT, Trouble.CANCELLED}
        assert bool(one.order["shipping_address"]["zip"]) is not bool(wrong)
        assert one.right_address["zip"] == "10115"
