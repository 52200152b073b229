"""Judges a demo by the outside world's books, and writes its figures."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path

import orjson
from rich.table import Table

from workers.ports.currencies import describe
from workers.ports.values import Money
from workers.runtime.demo.books import Books, percentile
from workers.runtime.demo.feed import Feed
from workers.runtime.demo.plan import Plan, Planned

REPORT = Path("build/reports/demo.json")


@dataclass(frozen=True, slots=True)
class Figures:
    """What build/reports/demo.json holds; times in seconds, money in minor units."""

    orders: int
    cases: int
    supplied: int
    supplier_orders: int
    """Counted in the mocked suppliers' own books."""
    deliveries: int
    duplicates: int
    """Deliveries that the inbox knew already."""
    incidents: int
    first_supplied_s: float | None
    """From the start of the command to the first announced supplier order."""
    p50_s: float | None
    p99_s: float | None
    """From a webhook's arrival to its announced supplier order."""
    ledger_difference: int
    """Over all orders, each compared with its own supplier order."""
    ok: bool


@dataclass(frozen=True, slots=True)
class Verdict:
    """Figures, the rows of the table, and every complaint in words."""

    figures: Figures
    outcomes: Counter[str]
    money: Counter[str]
    open: int
    complaints: list[str] = field(default_factory=list)


def judge(plan: Plan, books: Books, feed: Feed, answered: Mapping[str, Sequence[str]], began: datetime) -> Verdict:
    """Compare what was planned with what the books say."""
    outcomes = Counter(label(one, books, answered.get(one.case_id, ())) for one in plan.orders)
    differences = books.ledger_differences()
    complaints = [*feed.refused, *feed.errors, *_complaints(plan, books, answered)]
    complaints += [
        f"order {case_id} is not booked as it was bought: {minor} minor units between"
        for case_id, minor in differences.items()
    ]
    money: Counter[str] = Counter()
    for posting in (posting for postings in books.booked.values() for posting in postings):
        money[posting.currency] += posting.amount_minor
    seconds = books.seconds_to_supply()
    first = min(books.supplied_at.values(), default=None)
    figures = Figures(
        orders=len(plan.orders),
        cases=len(books.cases),
        supplied=sum(case.outcome == "supplied" for case in books.cases.values()),
        supplier_orders=sum(len(orders) for orders in books.bought.values()),
        deliveries=feed.deliveries,
        duplicates=feed.duplicates,
        incidents=len(books.incidents),
        first_supplied_s=round((first - began).total_seconds(), 2) if first else None,
        p50_s=_rounded(percentile(seconds, 50)),
        p99_s=_rounded(percentile(seconds, 99)),
        ledger_difference=sum(differences.values()),
        ok=not complaints,
    )
    still_open = sum(case.state not in {"done", "terminated"} for case in books.cases.values())
    return Verdict(figures, outcomes, money, still_open, complaints)


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)


def _complaints(plan: Plan, books: Books, answered: Mapping[str, Sequence[str]]) -> list[str]:
    complaints = [f"incident at {incident.element_id}: {incident.message}" for incident in books.incidents]
    for one in plan.orders:
        case = books.cases.get(one.case_id)
        bought = len(books.bought.get(one.case_id, ()))
        allowed = one.expected | (
            {"refund_requested"} if "chose refund" in answered.get(one.case_id, ()) else set()
        )
        if case is None:
            complaints.append(f"order {one.case_id} was lost: it has no case")
        elif case.state != "done" or case.outcome not in allowed:
            ended = f"is {case.state}" if case.state != "done" else f"ended as {case.outcome}"
            complaints.append(f"order {one.case_id} should end as {' or '.join(sorted(allowed))}, but {ended}")
        elif bought != (case.outcome in {"supplied", "marked_for_return"}):
            complaints.append(f"order {one.case_id} ended as {case.outcome} with {bought} supplier orders")
    return complaints


def label(planned: Planned, books: Books, answers: Sequence[str]) -> str:
    """In which row of the final table an order stands."""
    case = books.cases.get(planned.case_id)
    if case is None:
        return "lost"
    if case.state != "done":
        return {"incident": "stopped by an incident", "terminated": "terminated"}.get(case.state, "still open")
    if case.outcome == "supplied":
        return _how_supplied(planned, books, answers)
    if case.outcome == "refund_requested":
        return "refund chosen by the customer" if "chose refund" in answers else "refund for another reason"
    return (case.outcome or "ended without outcome").replace("_", " ")


def _how_supplied(planned: Planned, books: Books, answers: Sequence[str]) -> str:
    if "chose wait" in answers:
        return "supplied after the customer chose to wait"
    if any(answer.startswith("address corrected") for answer in answers):
        return "supplied after the address was corrected"
    sold_out = books.sold_out.get(planned.case_id, frozenset())
    if sold_out and any(order.supplier not in sold_out for order in books.bought.get(planned.case_id, ())):
        return "supplied by a backup supplier"
    return "supplied"


def table(verdict: Verdict) -> Table:
    """The closing table."""
    figures = verdict.figures
    rows = Table(title="What became of the orders", title_justify="left", show_header=False)
    rows.add_column()
    rows.add_column(justify="right")
    for outcome, count in sorted(verdict.outcomes.items(), key=lambda pair: -pair[1]):
        rows.add_row(outcome, str(count))
    rows.add_section()
    rows.add_row("orders / cases", f"{figures.orders} / {figures.cases}")
    rows.add_row("deliveries, of them repeated", f"{figures.deliveries}, {figures.duplicates}")
    rows.add_row("supplier orders in the suppliers' books", str(figures.supplier_orders))
    for currency, minor in sorted(verdict.money.items()):
        rows.add_row("cost of goods in the ledger", describe(Money(minor, currency)))
    rows.add_row("ledger against the suppliers' books", str(figures.ledger_difference))
    rows.add_row("open incidents", str(figures.incidents))
    rows.add_row("left open", str(verdict.open))
    rows.add_section()
    rows.add_row("start to first order supplied", _seconds(figures.first_supplied_s))
    rows.add_row("webhook to supplied, p50", _seconds(figures.p50_s))
    rows.add_row("webhook to supplied, p99", _seconds(figures.p99_s))
    return rows


def _seconds(seconds: float | None) -> str:
    return "–" if seconds is None else f"{seconds:.1f} s"


def write(figures: Figures, path: Path = REPORT) -> None:
    """Write the figures for programs."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(orjson.dumps(asdict(figures), option=orjson.OPT_INDENT_2))
