"""What a soak is judged by, as tables for people and figures for programs."""

from dataclasses import asdict, dataclass
from pathlib import Path

import orjson
from rich.table import Table

from tests.faults.soak.chaos import VICTIMS
from tests.faults.soak.run import Outcome

REPORT = Path("build/reports/soak.json")


@dataclass(frozen=True, slots=True)
class Figures:
    """What build/reports/soak.json holds."""

    orders: int
    deliveries: int
    kills: dict[str, int]
    """By victim."""
    violations: dict[str, int]
    """By invariant; `answers` are answers of the api that should never be given, `incidents` those that are open.

    No trouble of a soak is one that only a person could mend, and every outage is shorter than what is waited out:
    an incident means that something else went wrong, or that retries were burnt on an outage."""
    outcomes: dict[str, int]
    """How many orders ended how."""
    seed: int
    seconds: float
    ok: bool


def judge(orders: int, seed: int, outcome: Outcome) -> Figures:
    """No invariant violated, no incident, and everything that can be killed was."""
    violations = {"I1": len(outcome.unknown), "I2": 0, "I3": 0, "I4": 0}
    violations |= {"answers": len(outcome.errors), "incidents": len(outcome.incidents)}
    for one in outcome.checks:
        violations[one.invariant] += len(one.violations)
    return Figures(
        orders=orders,
        deliveries=outcome.deliveries,
        kills=dict(outcome.kills),
        violations=violations,
        outcomes=dict(outcome.labels),
        seed=seed,
        seconds=round(outcome.seconds, 1),
        ok=not any(violations.values()) and set(outcome.kills) == set(VICTIMS),
    )


def table(figures: Figures) -> Table:
    """What was done, and what became of it."""
    rows = Table(title="Through the storm", title_justify="left", show_header=False)
    rows.add_column()
    rows.add_column(justify="right")
    rows.add_row("orders", str(figures.orders))
    rows.add_row("deliveries answered 2xx", str(figures.deliveries))
    for victim, number in sorted(figures.kills.items()):
        rows.add_row(f"kills of {victim}", str(number))
    rows.add_section()
    for outcome, number in sorted(figures.outcomes.items(), key=lambda pair: -pair[1]):
        rows.add_row(outcome, str(number))
    rows.add_row("unresolved incidents", str(figures.violations["incidents"]))
    return rows


def write(figures: Figures, path: Path = REPORT) -> None:
    """Write the figures for programs."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(orjson.dumps(asdict(figures), option=orjson.OPT_INDENT_2))
