"""Names in FEEL: enough of it to know who reads which variable."""

import pytest

from workers.runtime.feel import names, names_needed

EXPRESSIONS = {
    '=now() + duration("P1D")': set(),
    "=if wait_until = null then string(now()) else wait_until": {"wait_until"},
    "={name: name, town: city}": {"name", "city"},
    "=now() < date and time(wait_until)": {"wait_until"},
    "=append(if tried = null then [] else tried, choice.supplier)": {"tried", "choice"},
    "=for x in offers return x.cost + fee": {"offers", "fee"},
    "=some o in offers satisfies o.cost > least": {"offers", "least"},
    'replace(string join(problems, ", "), "_", " ")': {"problems"},
    'not(matches(?, "^(" + pattern + ")$"))': {"pattern"},
    "function(a, b) a + b + c": {"c"},
    "x in [low..high]": {"x", "low", "high"},
    '"text with words"': set(),
}


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_names_are_variables_and_nothing_else(expression: str) -> None:
    assert names(expression) == EXPRESSIONS[expression]
    assert names_needed(expression) == EXPRESSIONS[expression]


def test_a_name_in_a_filter_may_be_a_field_of_the_items() -> None:
    filtered = "offers[in_stock = true and cost < limit][1].supplier"
    assert names(filtered) == {"offers", "in_stock", "cost", "limit"}
    assert names_needed(filtered) == {"offers"}
