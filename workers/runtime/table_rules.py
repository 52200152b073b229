"""Every decision table decides, whatever it is asked; or whoever asks says what happens when it does not."""

import re
from collections.abc import Iterator

from workers.runtime.files import Files
from workers.runtime.gaps import Domains, Inputs, clash, gap
from workers.runtime.jobs import Process
from workers.runtime.model import DecisionFile, Diagram
from workers.runtime.steps import Steps
from workers.runtime.tables import Table, Value, literal

SINGLE = frozenset({"UNIQUE", "FIRST", "ANY"})
"""Hit policies with one result, which is null when no rule fires."""


def tables_decide(process: Process, _diagram: Diagram, files: Files) -> Iterator[str]:
    """No gaps in tables whose result somebody needs, and no two rules where one may fire."""
    for file in files.decisions:
        if file.path.stem.startswith(f"{process.id}_"):
            domains = {
                table.decision: values for table in file.tables if (values := _results(table, {})) is not None
            }
            for table in file.tables:
                yield from _about(table, file, domains, files.steps[process.id])


def _about(table: Table, file: DecisionFile, domains: Domains, steps: Steps) -> Iterator[str]:
    name = f"{file.path.name}: "
    silent = gap(table, domains) if table.hit_policy in SINGLE and not table.has_default else None
    if silent is not None and not _null_is_expected(table.decision, file, steps):
        yield (
            f"{name}no rule of {table.decision} fires for {_told(silent)};"
            " close the gap, or end the table with a rule without conditions (hit policy FIRST)."
        )
    both = clash(table, domains) if table.hit_policy == "UNIQUE" else None
    if both is not None:
        first, second, inputs = both
        yield (
            f"{name}rules {first} and {second} of {table.decision} both fire for {_told(inputs)}, and its hit"
            " policy is UNIQUE; move the boundary, or let the first one count (hit policy FIRST)."
        )


def _null_is_expected(decision: str, file: DecisionFile, steps: Steps) -> bool:
    """Whether a table or an expression that reads the result also asks whether there is none."""
    for table in file.tables:
        for index, asked in enumerate(table.inputs):
            if asked.expression == decision and any(None in row[index].named for row in table.cells):
                return True
    callers = [step for step in steps.by_id.values() if step.decision == decision]
    called = "|".join(re.escape(name) for name in (decision, *(name for step in callers for name in step.results)))
    compared = re.compile(rf"\b(?:{called})\s*!?=\s*null\b")
    return any(map(compared.search, (*file.expressions, *steps.expressions)))


def _results(table: Table, domains: Domains) -> list[Value] | None:
    """What the table can decide, when its only output is always a literal; None where that is not known."""
    if len(table.outputs) != 1 or table.hit_policy not in SINGLE or table.has_default:
        return None
    try:
        values = [literal(rule.outputs[0]) for rule in table.rules]
    except ValueError:
        return None
    return list(dict.fromkeys([*values, None] if gap(table, domains) is not None else values))


def _told(inputs: Inputs) -> str:
    return ", ".join(f"{name} = {_word(value)}" for name, value in inputs.items())


def _word(value: Value) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case float():
            return f"{value:.12g}"
    return value
