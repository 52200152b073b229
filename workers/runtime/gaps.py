"""For which inputs no rule of a decision table fires, or two do where one may."""

import re
from collections.abc import Iterator, Mapping, Sequence

from workers.runtime.tables import Table, Value

ELSE = "anything else"
"""Stands for every text that no cell names."""
Domains = Mapping[str, Sequence[Value]]
"""Input expression → the values that it can have, where they are known."""
Inputs = dict[str, Value]
"""Column → value."""


def gap(table: Table, domains: Domains) -> Inputs | None:
    """Inputs for which no rule surely fires; None when some rule always does."""
    found = _gap(table, _columns(table, domains), frozenset(range(len(table.rules))), set())
    return None if found is None else _by_name(table, found)


def clash(table: Table, domains: Domains) -> tuple[int, int, Inputs] | None:
    """The first two rules, counted from 1, that surely fire for the same inputs; None when no two do."""
    columns = _columns(table, domains)
    for second, cells in enumerate(table.cells):
        for first in range(second):
            pairs = zip(columns, table.cells[first], cells, strict=True)
            both = [[value for value in column if a.fires(value) and b.fires(value)] for column, a, b in pairs]
            if all(both):
                return first + 1, second + 1, _by_name(table, [values[0] for values in both])
    return None


def _gap(
    table: Table, columns: list[list[Value]], rows: frozenset[int], closed: set[tuple[int, frozenset[int]]]
) -> list[Value] | None:
    """Column by column, with the rules that still fire."""
    index = len(table.inputs) - len(columns)
    if not rows:
        return [column[0] for column in columns]
    if (index, rows) in closed or any(all(cell.anything for cell in table.cells[row][index:]) for row in rows):
        return None
    for value in columns[0]:
        firing = frozenset(row for row in rows if table.cells[row][index].fires(value))
        if (rest := _gap(table, columns[1:], firing, closed)) is not None:
            return [value, *rest]
    closed.add((index, rows))
    return None


def _by_name(table: Table, values: Sequence[Value]) -> Inputs:
    return {each.label or each.expression: value for each, value in zip(table.inputs, values, strict=True)}


def _columns(table: Table, domains: Domains) -> list[list[Value]]:
    """For each column one value for every way in which its cells can fire."""
    columns = []
    for index, asked in enumerate(table.inputs):
        named = {value for row in table.cells for value in row[index].named}
        known = domains.get(asked.expression)
        columns.append(list(known) if known is not None else list(_values(asked.type, asked.expression, named)))
    return columns


def _values(kind: str, expression: str, named: set[Value]) -> Iterator[Value]:
    numbers = sorted(value for value in named if type(value) is float)
    if kind == "boolean":
        yield from (True, False)
    elif kind == "number" and numbers:
        yield from _around(numbers)
    else:
        yield from sorted(value for value in named if type(value) is str)
        yield from _around(numbers)
        yield ELSE
    if not re.search(r"=\s*null", expression):
        yield None


def _around(numbers: list[float]) -> Iterator[float]:
    """The numbers, one between each two, one below and one above all of them."""
    for before, number in zip([None, *numbers], numbers, strict=False):
        yield number - 1 if before is None else (before + number) / 2
        yield number
    if numbers:
        yield numbers[-1] + 1
