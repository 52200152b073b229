"""What a run is judged by, as a table for people and figures for programs."""

from dataclasses import asdict, dataclass
from pathlib import Path

import orjson
from rich.table import Table

from tests.faults.kills.plan import POINTS, PURCHASES, REFUNDS, TICKETS, Plan
from tests.faults.kills.run import Outcome

REPORTS = Path("build/reports")
_NAMES = {PURCHASES: "kills", REFUNDS: "refund_kills", TICKETS: "ticket_kills"}


@dataclass(frozen=True, slots=True)
class PointFigures:
    """What became of the orders whose worker was killed at one point."""

    kills: int
    expected: int
    in_books: int
    """Orders in the mocked suppliers' own books."""
    twice: int
    """Orders that a supplier was asked for more than once, or that two have."""
    lost: int
    """Orders not bought, or not brought to their end."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What the reports hold, for refunds and tickets with another word for `ledger_wrong`."""

    kills: int
    """Workers whose wait status says SIGKILL."""
    expected: int
    """Kills and supplier orders that there should be."""
    in_books: int
    twice: int
    lost: int
    ledger_wrong: int
    """Orders not booked exactly as they were bought; refunds of a wrong amount; tickets of a wrong course."""
    other_ends: int
    """Workers that ended in another way before they were told to."""
    seconds: float
    points: dict[str, PointFigures]
    ok: bool


def judge(plan: Plan, outcome: Outcome) -> Figures:
    """Every worker killed exactly once and for good, every order bought exactly once, booked and announced."""
    points = {point.value: _of_point(plan, outcome, index) for index, point in enumerate(POINTS)}
    sums = {
        name: sum(getattr(one, name) for one in points.values()) for name in ("in_books", "twice", "lost", "kills")
    }
    others, wrong = sum(outcome.other_ends.values()), len(outcome.ledger_wrong)
    exact = outcome.killed == sums["kills"] == sums["in_books"] == plan.total and max(outcome.hits) == 1
    return Figures(
        kills=outcome.killed,
        expected=plan.total,
        in_books=sums["in_books"],
        twice=sums["twice"],
        lost=sums["lost"],
        ledger_wrong=wrong,
        other_ends=others,
        seconds=round(outcome.seconds, 1),
        points=points,
        ok=exact and not (sums["twice"] or sums["lost"] or wrong or others),
    )


def _of_point(plan: Plan, outcome: Outcome, index: int) -> PointFigures:
    bought, finished = outcome.bought[index :: len(POINTS)], outcome.finished[index :: len(POINTS)]
    return PointFigures(
        kills=sum(outcome.hits[index :: len(POINTS)]),
        expected=plan.times,
        in_books=sum(count > 0 for count in bought),
        twice=sum(count > 1 for count in bought),
        lost=sum(not (count and done) for count, done in zip(bought, finished, strict=True)),
    )


def table(figures: Figures) -> Table:
    """The closing table."""
    rows = Table("killed", title="Orders by where their worker was killed", title_justify="left")
    for heading in ("kills", "expected", "in the books", "twice", "lost"):
        rows.add_column(heading, justify="right")
    for name, point in figures.points.items():
        rows.add_row(name.replace("_", " "), *(str(value) for value in asdict(point).values()))
    rows.add_section()
    sums = (figures.kills, figures.expected, figures.in_books, figures.twice, figures.lost)
    rows.add_row("all", *map(str, sums))
    return rows


def write(plan: Plan, figures: Figures, approved: int = 0) -> Path:
    """Write the figures for programs; says where."""
    told = asdict(figures)
    if plan.deed == REFUNDS:
        told |= {"approved": approved, "wrong_amount": told.pop("ledger_wrong")}
        told["ok"] = figures.ok and approved == figures.expected
    if plan.deed == TICKETS:
        told |= {"wrong_course": told.pop("ledger_wrong")}
    path = REPORTS / f"{_NAMES[plan.deed]}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(orjson.dumps(told, option=orjson.OPT_INDENT_2))
    return path
