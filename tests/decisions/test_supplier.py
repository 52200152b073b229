"""The decision fulfillment_supplier with its policy, best offer and verdict."""

from itertools import permutations
from typing import Any

import pytest

from tests.decisions.cases import Case, rows
from tests.decisions.conftest import Evaluate

ENOUGH = "The margin is large enough"
NOTHING_LEFT = "No supplier can deliver this order in time"
NO_MARGIN = "The margin cannot be computed"

# Per zone a country; then for small, middle and large orders: longest delivery, least margin, worth of a day.
POLICY: dict[str, tuple[str, tuple[tuple[int, int, int], ...]]] = {
    "Europe": ("DE", ((15, 20, 20), (12, 15, 50), (10, 10, 150))),
    "NorthAmerica": ("US", ((15, 20, 20), (12, 15, 50), (10, 10, 150))),
    "LatinAmerica": ("BR", ((30, 15, 10), (25, 12, 30), (20, 10, 100))),
    "AsiaPacific": ("JP", ((20, 20, 15), (18, 15, 40), (15, 10, 120))),
    "Elsewhere": ("ZA", ((35, 25, 10), (30, 20, 30), (25, 15, 100))),
}
TOTALS = {"Small": (1, 4999), "Middle": (5000, 29999), "Large": (30000, 900000)}


def offer(supplier: str, cost: int | None, lead_days: int = 5, **facts: Any) -> dict[str, Any]:
    """An offer that may be taken, except for what is given."""
    fine = {"currency": "EUR", "in_stock": True, "ships_to_country": True}
    return {"supplier": supplier, "cost": cost, "lead_days": lead_days, **fine, **facts}


def order(*offers: dict[str, Any], **variables: Any) -> dict[str, Any]:
    """An order of 100.00 to Germany with these offers. Its limits: 15 percent, 12 days; a day is worth 0.50."""
    return {"offers": list(offers), "tried_suppliers": None, "country": "DE", "order_total": 10000, **variables}


def choice(
    says: str, variables: dict[str, Any], verdict: str, supplier: str | None, reason: str, rule: str | None = None
) -> Case:
    cost = next((one["cost"] for one in variables.get("offers") or [] if one["supplier"] == supplier), None)
    output = {"verdict": verdict, "supplier": supplier, "cost": cost, "reason": reason}
    return Case(says, "fulfillment_supplier", variables, output, rule)


def policy(country: str | None, total: int | None, limits: tuple[int, int, int], rule: str) -> Case:
    days, margin, day_value = limits
    output = {"max_lead_days": days, "min_margin_percent": margin, "day_value": day_value}
    variables = {"country": country, "order_total": total}
    return Case(f"{country} {total}", "fulfillment_supplier_policy", variables, output, rule)


ZONES = [
    Case(f"{country} is {zone}", "fulfillment_supplier_zone", {"country": country}, zone, rule)
    for country, zone, rule in (
        ("DE", "Europe", "Rule_Zone_Europe"),
        ("gb", "Europe", "Rule_Zone_Europe"),
        ("CA", "North America", "Rule_Zone_NorthAmerica"),
        ("MX", "Latin America", "Rule_Zone_LatinAmerica"),
        ("AU", "Asia and Pacific", "Rule_Zone_AsiaPacific"),
        ("ZA", "elsewhere", "Rule_Zone_Elsewhere"),
        (None, "elsewhere", "Rule_Zone_Elsewhere"),
    )
]
POLICIES = [
    policy(country, total, limits[number], f"Rule_Policy_{zone}{size}")
    for zone, (country, limits) in POLICY.items()
    for number, (size, totals) in enumerate(TOTALS.items())
    for total in totals
] + [
    policy("DE", None, (10, 25, 150), "Rule_Policy_TotalUnknown"),
    policy(None, None, (10, 25, 150), "Rule_Policy_TotalUnknown"),
    policy(None, 10000, (30, 20, 30), "Rule_Policy_ElsewhereMiddle"),
    policy("DE", 0, (15, 20, 20), "Rule_Policy_EuropeSmall"),
]
VERDICTS = [
    choice("a good margin is ordered", order(offer("a", 5000)), "order", "a", ENOUGH, "Rule_Verdict_Order"),
    choice("exactly the least margin is enough", order(offer("a", 8500)), "order", "a", ENOUGH),
    choice(
        "a cent below it is asked",
        order(offer("a", 8501)),
        "ask",
        "a",
        "The margin is below 15 %",
        "Rule_Verdict_Ask",
    ),
    choice("a loss is asked", order(offer("a", 12000)), "ask", "a", "The margin is below 15 %"),
    choice(
        "an order for nothing is asked",
        order(offer("a", 100), order_total=0),
        "ask",
        "a",
        NO_MARGIN,
        "Rule_Verdict_AskUnknown",
    ),
    choice("an unknown total is asked", order(offer("a", 100), order_total=None), "ask", "a", NO_MARGIN),
    choice("no offers", order(), "none", None, NOTHING_LEFT, "Rule_Verdict_None"),
    choice("offers null, nothing known", {}, "none", None, NOTHING_LEFT),
]
ELIGIBLE = [
    choice("not in stock", order(offer("a", 5000, in_stock=False)), "none", None, NOTHING_LEFT),
    choice("does not ship there", order(offer("a", 5000, ships_to_country=False)), "none", None, NOTHING_LEFT),
    choice("without a cost", order(offer("a", None)), "none", None, NOTHING_LEFT),
    choice("on the last day allowed", order(offer("a", 5000, 12)), "order", "a", ENOUGH),
    choice("a day too late", order(offer("a", 5000, 13)), "none", None, NOTHING_LEFT),
    choice("already tried", order(offer("a", 5000), tried_suppliers=["a"]), "none", None, NOTHING_LEFT),
    choice(
        "the next one after a tried one",
        order(offer("a", 5000), offer("b", 6000), tried_suppliers=["a"]),
        "order",
        "b",
        ENOUGH,
    ),
    choice("nobody tried", order(offer("a", 5000), tried_suppliers=[]), "order", "a", ENOUGH),
]
RANKED = [
    choice("the cheaper one", order(offer("a", 5001), offer("b", 5000)), "order", "b", ENOUGH),
    choice(
        "a day is worth its cents", order(offer("slow", 5000, 10), offer("fast", 5249, 5)), "order", "fast", ENOUGH
    ),
    choice("but not more", order(offer("slow", 5000, 10), offer("fast", 5251, 5)), "order", "slow", ENOUGH),
    choice("equal ones by name", order(offer("b", 5000), offer("a", 5000)), "order", "a", ENOUGH),
    choice(
        "equal after the days, by name", order(offer("b", 5000, 10), offer("a", 5250, 5)), "order", "a", ENOUGH
    ),
    choice(
        "a cheap one that may not be taken does not count",
        order(offer("a", 1, 99), offer("b", 5000)),
        "order",
        "b",
        ENOUGH,
    ),
]
CASES = ZONES + POLICIES + VERDICTS + ELIGIBLE + RANKED


@pytest.mark.engine
@pytest.mark.parametrize("case", rows(CASES))
def test_the_decision_says(evaluate: Evaluate, case: Case) -> None:
    result = evaluate(case.decision, case.variables)
    assert result.output == case.output
    assert case.rule is None or case.rule in result.fired


@pytest.mark.engine
def test_the_order_in_which_suppliers_answer_does_not_matter(evaluate: Evaluate) -> None:
    offers = [offer("a", 5000), offer("b", 5000), offer("c", 4900, 7)]
    chosen = {evaluate("fulfillment_supplier", order(*some)).output["supplier"] for some in permutations(offers)}
    assert chosen == {"a"}
