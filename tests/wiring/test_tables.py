"""Gaps and clashes of decision tables; cells that cannot be read close no gap and are in no other's way."""

import pytest

from workers.runtime.gaps import ELSE, clash, gap
from workers.runtime.tables import Cell, Input, Rule, Table, Value


def table(*rows: tuple[str, ...], types: tuple[str, ...] = ("number",), policy: str = "UNIQUE") -> Table:
    inputs = tuple(Input(f"input_{number}", kind, f"column {number}") for number, kind in enumerate(types))
    rules = tuple(Rule(f"rule_{number}", row, ('"out"',), "") for number, row in enumerate(rows))
    return Table("decision", policy, inputs, ("result",), False, rules)


FIRES: list[tuple[str, Value, bool]] = [
    ("", None, True),
    ("-", "x", True),
    ("< 5", 4.0, True),
    ("< 5", 5.0, False),
    ("[5..7)", 5.0, True),
    ("[5..7)", 7.0, False),
    ("]5..7]", 5.0, False),
    ('"a", "b, c"', "b, c", True),
    ('"a", "b"', "c", False),
    ('not("a")', "a", False),
    ('not("a")', None, True),
    ("null", None, True),
    ("? != null", 1.0, True),
    ("true", True, True),
    ("< 5", None, False),
    ('matches(?, "a,b")', "a", False),
    ("max(1, 5)", 5.0, False),
    ("1", True, False),
]


@pytest.mark.parametrize(("cell", "value", "expected"), FIRES)
def test_a_cell_fires(cell: str, value: Value, expected: bool) -> None:
    assert Cell(cell).fires(value) is expected


def test_ranges_that_meet_and_a_rule_for_null_leave_no_gap() -> None:
    whole = table(("< 5",), ("[5..9)",), (">= 9",), ("null",))
    assert gap(whole, {}) is None
    assert clash(whole, {}) is None


def test_a_last_rule_without_conditions_leaves_no_gap() -> None:
    assert gap(table(("< 5",), ("",), policy="FIRST"), {}) is None


@pytest.mark.parametrize(
    ("rows", "types", "expected"),
    [
        ((("< 5",), ("> 5",), ("null",)), ("number",), {"column 0": 5.0}),
        ((("< 5",), (">= 5",)), ("number",), {"column 0": None}),
        ((('"a"',), ("null",)), ("string",), {"column 0": ELSE}),
        ((("true",), ("null",)), ("boolean",), {"column 0": False}),
        ((('starts with(?, "a")',),), ("string",), {"column 0": ELSE}),
        ((("< 5", '"a"'), (">= 5", ""), ("null", "")), ("number", "string"), {"column 0": 4.0, "column 1": ELSE}),
    ],
)
def test_a_gap_is_named(
    rows: tuple[tuple[str, ...], ...], types: tuple[str, ...], expected: dict[str, Value]
) -> None:
    assert gap(table(*rows, types=types), {}) == expected


def test_what_an_input_cannot_be_leaves_no_gap() -> None:
    assert gap(table(('"a"',), ('"b"',), types=("string",)), {"input_0": ["a", "b"]}) is None


def test_two_rules_for_the_same_are_named() -> None:
    assert clash(table(("< 5",), (">= 4",)), {}) == (1, 2, {"column 0": 4.0})
    assert clash(table(("< 5", '"a"'), ("< 5", '"b"'), types=("number", "string")), {}) is None
