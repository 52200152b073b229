"""The decision tracking_remedy: how a parcel in trouble is made good."""

from typing import Any

import pytest

from tests.decisions.cases import Case, rows
from tests.decisions.conftest import Evaluate


def parcel(what: str, **facts: Any) -> dict[str, Any]:
    """A parcel of 100.00 to Germany, quiet for ten days, that some supplier can send again."""
    usual = {
        "order_open": True,
        "order_total": 10_000,
        "days_quiet": 10,
        "offer": "order",
        "resent": 0,
        "parts": 1,
        "country": "DE",
        "vip": None,
        "orders_before": None,
    }
    return {"what": what, **usual, **facts}


def remedy(says: str, variables: dict[str, Any], decided: str, rule: str, asked: str = "support") -> Case:
    return Case(says, "tracking_remedy", variables, (decided, asked), f"Rule_Remedy_{rule}")


REMEDIES = [
    remedy("a cancelled order is owed nothing", parcel("lost", order_open=False), "nothing", "Closed"),
    remedy("also one of several parcels", parcel("lost", order_open=False, parts=2), "nothing", "Closed"),
    remedy("one of several parcels is for a person", parcel("lost", parts=2), "ask_human", "NotYours"),
    remedy(
        "a known customer is believed up to here",
        parcel("not_received", order_total=2_999, orders_before=1),
        "refund",
        "NotReceivedSmall",
    ),
    remedy(
        "from here on a person judges",
        parcel("not_received", order_total=3_000, orders_before=1),
        "ask_human",
        "NotReceived",
        "lead",
    ),
    remedy(
        "a first order too",
        parcel("not_received", order_total=2_999, orders_before=0),
        "ask_human",
        "NotReceived",
        "lead",
    ),
    remedy(
        "and who is unknown",
        parcel("not_received", order_total=2_999),
        "ask_human",
        "NotReceived",
        "lead",
    ),
    remedy(
        "a VIP is believed up to here",
        parcel("not_received", order_total=19_999, vip=True),
        "refund",
        "NotReceivedVip",
    ),
    remedy(
        "no VIP for so much",
        parcel("not_received", order_total=20_000, vip=True),
        "ask_human",
        "NotReceived",
        "lead",
    ),
    remedy(
        "nobody twice",
        parcel("not_received", order_total=2_999, vip=True, orders_before=9, resent=1),
        "ask_human",
        "NotReceived",
        "lead",
    ),
    remedy("customs take their time", parcel("customs", days_quiet=19), "wait", "CustomsWait"),
    remedy("but not for ever", parcel("customs", days_quiet=20), "ask_human", "Customs"),
    remedy("far away scans are rare", parcel("quiet", days_quiet=19, country="br"), "wait", "QuietFar"),
    remedy("but not so rare", parcel("quiet", days_quiet=20, country="BR"), "reship", "Reship"),
    remedy("an unknown country is far", parcel("quiet", country=None), "wait", "QuietFar"),
    remedy("near by ten days are enough", parcel("quiet"), "reship", "Reship"),
    remedy(
        "a small one that came back is paid back", parcel("returned", order_total=4_999), "refund", "ReturnedSmall"
    ),
    remedy("a larger one is asked about", parcel("returned", order_total=5_000), "ask_human", "Returned"),
    remedy("nothing is sent a third time", parcel("lost", resent=1), "refund", "TwiceSmall"),
    remedy("up to here", parcel("lost", resent=1, order_total=29_999), "refund", "TwiceSmall"),
    remedy("for more a person looks", parcel("lost", resent=1, order_total=30_000), "ask_human", "Twice", "lead"),
    remedy("a large sum is looked at", parcel("lost", order_total=30_000), "ask_human", "Large", "lead"),
    remedy("up to here it is sent again", parcel("lost", order_total=29_999), "reship", "Reship"),
    remedy("to a VIP more than that too", parcel("lost", order_total=30_000, vip=True), "reship", "Reship"),
    remedy("what is damaged is sent again", parcel("damaged"), "reship", "Reship"),
    remedy("what was never sent is bought elsewhere", parcel("never_shipped"), "reship", "Reship"),
    remedy("what may still come is for a person", parcel("withheld", resent=1), "ask_human", "Withheld", "lead"),
    remedy("without stock it is paid back", parcel("damaged", offer="none"), "refund", "NoStock"),
    remedy("without margin a lead is asked", parcel("quiet", offer="ask"), "ask_human", "Margin", "lead"),
    remedy("what nobody has thought of is for a person", parcel("eaten"), "ask_human", "Otherwise"),
    remedy("and what nobody knows", parcel("lost", offer=None), "ask_human", "Otherwise"),
]
ZONES = [
    Case(f"{country} is {zone}", "tracking_remedy_zone", {"country": country}, zone, f"Rule_RemedyZone_{rule}")
    for country, zone, rule in (
        ("DE", "near", "Near"),
        ("us", "near", "Near"),
        ("BR", "far", "Far"),
        ("JP", "far", "Far"),
        (None, "far", "Far"),
    )
]
CASES = REMEDIES + ZONES


@pytest.mark.engine
@pytest.mark.parametrize("case", rows(REMEDIES))
def test_the_remedy(evaluate: Evaluate, case: Case) -> None:
    result = evaluate(case.decision, case.variables)
    assert (result.output["remedy"], result.output["asked"]) == case.output
    assert result.output["reason"]
    assert case.rule in result.fired


@pytest.mark.engine
@pytest.mark.parametrize("case", rows(ZONES))
def test_how_far_it_goes(evaluate: Evaluate, case: Case) -> None:
    result = evaluate(case.decision, case.variables)
    assert result.output == case.output
    assert case.rule in result.fired
