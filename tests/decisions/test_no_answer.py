"""The table fulfillment_no_answer: what we do when the customer says nothing."""

import pytest

from tests.decisions.cases import Case, rows
from tests.decisions.conftest import Evaluate

CASES = [
    Case(
        says, "fulfillment_no_answer", {"order_total": total, "country": country}, choice, f"Rule_NoAnswer_{rule}"
    )
    for says, total, country, choice, rule in (
        ("a small order is refunded", 4999, "BR", "refund", "Small"),
        ("from here on Brazil waits", 5000, "BR", "wait", "Wait"),
        ("up to here Brazil waits", 49999, "br", "wait", "Wait"),
        ("a large order is refunded", 50000, "BR", "refund", "Large"),
        ("elsewhere a delay needs consent", 20000, "DE", "refund", "Otherwise"),
        ("an unknown country is refunded", 20000, None, "refund", "Otherwise"),
        ("an unknown total is refunded", None, "BR", "refund", "Otherwise"),
    )
]


@pytest.mark.engine
@pytest.mark.parametrize("case", rows(CASES))
def test_the_table_says(evaluate: Evaluate, case: Case) -> None:
    result = evaluate(case.decision, case.variables)
    assert result.output == case.output
    assert case.rule in result.fired
