"""Judges a demo by the outside world's books, and writes its figures."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path

import orjson
from rich.table import Table

from workers.ports.currencies import to_decimal
from workers.ports.values import Money as Amount
from workers.runtime.demo.books import Books, percentile
from workers.runtime.demo.feed import Feed
from workers.runtime.demo.letters import Answered
from workers.runtime.demo.money import Account, Money
from workers.runtime.demo.plan import Journey, Plan, Planned

REPORT = Path("build/reports/demo.json")
_BOUGHT = {("fulfillment", "supplied"), ("fulfillment", "marked_for_return")}
_RESHIPPED = ("reshipped", "reshipped_and_refunded", "reshipped_not_refunded")
_SENT_AGAIN = {("tracking", outcome) for outcome in _RESHIPPED}
"""Ends of instances by which there is a supplier order."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What build/reports/demo.json holds; times in seconds, money in minor units."""

    orders: int
    cases: int
    supplied: int
    supplier_orders: int
    """Counted in the mocked suppliers' own books; goods that were sent again count again."""
    delivered: int
    refunded: int
    reshipped: int
    chargebacks_won: int
    chargebacks_lost: int
    """Disputes that were accepted are among them."""
    profit: Mapping[str, int]
    """By currency: revenue without the cost of goods, refunds and chargebacks."""
    tickets: int
    tickets_answered_by_itself: int
    tickets_escalated: int
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
    """Over all orders: each compared with its supplier orders, and with the refunds it got."""
    ok: bool


@dataclass(frozen=True, slots=True)
class Verdict:
    """Figures, the rows of the table, and every complaint in words."""

    figures: Figures
    outcomes: Counter[str]
    money: Money
    open: int
    complaints: list[str] = field(default_factory=list)


def judge(  # all that a run leaves behind
    plan: Plan,
    books: Books,
    money: Money,
    feed: Feed,
    answered: Mapping[str, Sequence[str]],
    tickets: Answered,
    began: datetime,
) -> Verdict:
    """Compare what was planned with what the books say."""
    outcomes = Counter(label(one, books, answered.get(one.case_id, ())) for one in plan.orders)
    differences = books.ledger_differences()
    complaints = [*feed.refused, *feed.errors, *_complaints(plan, books, answered)]
    complaints += [*_unbooked(differences, money), *_unwritten(plan, tickets)]
    seconds = books.seconds_to_supply()
    first = min(books.supplied_at.values(), default=None)
    figures = Figures(
        orders=len(plan.orders),
        cases=len(books.cases),
        supplied=books.those_that("fulfillment", "supplied"),
        supplier_orders=sum(len(orders) for orders in books.bought.values()),
        delivered=books.those_that("tracking", "delivered"),
        refunded=books.those_that("refund", "refunded"),
        reshipped=books.those_that("tracking", *_RESHIPPED),
        chargebacks_won=books.those_that("chargeback", "chargeback_won"),
        chargebacks_lost=books.those_that("chargeback", "chargeback_lost", "chargeback_accepted"),
        profit={currency: account.profit for currency, account in money.sums().items()},
        tickets=tickets.written,
        tickets_answered_by_itself=tickets.by_itself,
        tickets_escalated=tickets.escalated,
        deliveries=feed.deliveries,
        duplicates=feed.duplicates,
        incidents=len(books.incidents),
        first_supplied_s=round((first - began).total_seconds(), 2) if first else None,
        p50_s=_rounded(percentile(seconds, 50)),
        p99_s=_rounded(percentile(seconds, 99)),
        ledger_difference=sum(differences.values()) + sum(map(abs, money.differences.values())),
        ok=not complaints,
    )
    still_open = sum(case.state not in {"done", "terminated"} for case in books.cases.values())
    return Verdict(figures, outcomes, money, still_open, complaints)


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)


def _unbooked(differences: Mapping[str, int], money: Money) -> Iterator[str]:
    for case_id, minor in differences.items():
        yield f"order {case_id} is not booked as it was bought: {minor} minor units between"
    for what, minor in money.differences.items():
        yield f"{what} are not booked as the payment provider has them: {minor} minor units between"


def _unwritten(plan: Plan, tickets: Answered) -> Iterator[str]:
    wanted = sum(one.letter is not None for one in plan.orders)
    if (tickets.written, tickets.closed) != (wanted, wanted):
        yield f"of {wanted} tickets {tickets.written} were written and {tickets.closed} closed"


def _complaints(plan: Plan, books: Books, answered: Mapping[str, Sequence[str]]) -> list[str]:
    complaints = [f"incident at {incident.element_id}: {incident.message}" for incident in books.incidents]
    for one in plan.orders:
        case = books.cases.get(one.case_id)
        bought = len(books.bought.get(one.case_id, ()))
        ended = books.ended.get(one.case_id, frozenset())
        wanted = len(ended & _BOUGHT) + len(ended & _SENT_AGAIN)
        allowed = one.expected | ({"refunded"} if "chose refund" in answered.get(one.case_id, ()) else set())
        if case is None:
            complaints.append(f"order {one.case_id} was lost: it has no case")
        elif case.state != "done" or case.outcome not in allowed:
            what = f"is {case.state}" if case.state != "done" else f"ended as {case.outcome}"
            complaints.append(f"order {one.case_id} should end as {' or '.join(sorted(allowed))}, but {what}")
        elif bought != wanted:
            complaints.append(f"order {one.case_id} ended as {case.outcome} with {bought} supplier orders")
    return complaints


def label(planned: Planned, books: Books, answers: Sequence[str]) -> str:
    """In which row of the final table an order stands."""
    case = books.cases.get(planned.case_id)
    if case is None:
        return "lost"
    if case.state != "done":
        return {"incident": "stopped by an incident", "terminated": "terminated"}.get(case.state, "still open")
    if case.outcome == "delivered":
        return _how_delivered(planned, books, answers)
    if case.outcome == "refunded":
        return _why_refunded(planned, answers)
    return (case.outcome or "ended without outcome").replace("_", " ")


def _how_delivered(planned: Planned, books: Books, answers: Sequence[str]) -> str:
    if books.ended.get(planned.case_id, frozenset()) & _SENT_AGAIN:
        return "delivered after the goods were sent again"
    if "chose wait" in answers:
        return "delivered after the customer chose to wait"
    if any(answer.startswith("address corrected") for answer in answers):
        return "delivered after the address was corrected"
    sold_out = books.sold_out.get(planned.case_id, frozenset())
    if sold_out and any(order.supplier not in sold_out for order in books.bought.get(planned.case_id, ())):
        return "delivered from a backup supplier"
    return "delivered in two parcels" if planned.journey is Journey.TWO_PARCELS else "delivered"


def _why_refunded(planned: Planned, answers: Sequence[str]) -> str:
    if "chose refund" in answers:
        return "refunded as the customer chose"
    why = {
        Journey.DAMAGED: "delivered and refunded in part: damaged",
        Journey.LOST: "refunded: lost on its way",
        Journey.QUIET: "refunded: did not move any more",
    }
    return why.get(planned.journey, "refunded for another reason")


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
    ticketed = f"{figures.tickets}, {figures.tickets_answered_by_itself}, {figures.tickets_escalated}"
    rows.add_row("tickets, answered without a person, escalated", ticketed)
    rows.add_row("supplier orders in the suppliers' books", str(figures.supplier_orders))
    rows.add_row("ledger against the books of suppliers and payment provider", str(figures.ledger_difference))
    rows.add_row("open incidents", str(figures.incidents))
    rows.add_row("left open", str(verdict.open))
    rows.add_section()
    rows.add_row("start to first order supplied", _seconds(figures.first_supplied_s))
    rows.add_row("webhook to supplied, p50", _seconds(figures.p50_s))
    rows.add_row("webhook to supplied, p99", _seconds(figures.p99_s))
    return rows


def money_table(money: Money, most: int = 30) -> Table:
    """What each order brought, and all together; of more than `most` orders only the sums."""
    rows = Table(title="Money", title_justify="left")
    rows.add_column("order", no_wrap=True)
    rows.add_column("in")
    for heading in ("revenue", "cost", "refunds", "chargebacks", "profit"):
        rows.add_column(heading, justify="right")
    if len(money.accounts) <= most:
        for case_id, (currency, account) in sorted(money.accounts.items()):
            rows.add_row(case_id, currency, *_amounts(account, currency))
        rows.add_section()
    for currency, account in sorted(money.sums().items()):
        rows.add_row("all", currency, *_amounts(account, currency), style="bold")
    return rows


def _amounts(account: Account, currency: str) -> Iterator[str]:
    for minor in (account.revenue, account.cost, account.refunds, account.chargebacks, account.profit):
        yield str(to_decimal(Amount(minor, currency))) if minor else "–"


def _seconds(seconds: float | None) -> str:
    return "–" if seconds is None else f"{seconds:.1f} s"


def write(figures: Figures, path: Path = REPORT) -> None:
    """Write the figures for programs."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(orjson.dumps(asdict(figures), option=orjson.OPT_INDENT_2))
