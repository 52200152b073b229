"""The demo's verdict is only as good as what it notices: one row per thing that can be wrong."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

import httpx
import pytest

from workers.adapters.mock_books import PostingRow, SupplierOrderRow
from workers.casefile.models import Case, Incident
from workers.runtime.demo.books import Books
from workers.runtime.demo.feed import Feed
from workers.runtime.demo.letters import Answered
from workers.runtime.demo.money import Account, Money
from workers.runtime.demo.plan import Journey, Plan, Trouble, planned
from workers.runtime.demo.verdict import Verdict, judge, label

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class Run:
    """Two orders, A and B, bought, booked and done; a test spoils one thing."""

    cases: dict[str, Case]
    bought: dict[str, list[SupplierOrderRow]]
    booked: dict[str, list[PostingRow]]
    troubles: set[Trouble] = field(default_factory=set)
    answered: dict[str, list[str]] = field(default_factory=dict)
    incidents: list[Incident] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    sold_out: dict[str, set[str]] = field(default_factory=dict)
    ended: dict[str, set[tuple[str, str]]] = field(default_factory=dict)
    money: Money = field(default_factory=lambda: Money({}, {}))
    journey: Journey = Journey.DELIVERED
    tickets: Answered = field(default_factory=lambda: Answered(0, 0, 0, 0))

    @property
    def plan(self) -> Plan:
        """Both orders, with the troubles at A."""
        struck = {"A": self.troubles, "B": set[Trouble]()}
        return Plan(
            [
                planned(
                    {"id": name, "financial_status": "paid"},
                    struck[name],
                    self.journey if name == "A" else Journey.DELIVERED,
                    repeated=False,
                    fresh=False,
                )
                for name in ("A", "B")
            ]
        )

    @property
    def books(self) -> Books:
        """As they would have been read."""
        return Books(self.cases, self.bought, self.booked, self.incidents, self.sold_out, {}, {}, ended=self.ended)

    def judged(self) -> Verdict:
        """The verdict on it."""
        feed = Feed(httpx.AsyncClient(), "secret", 8, refused=self.refused)
        return judge(self.plan, self.books, self.money, feed, self.answered, self.tickets, NOW)

    def label(self) -> str:
        """The row of the table in which A stands."""
        return label(self.plan.orders[0], self.books, self.answered.get("A", ()))


def purchase(name: str, minor: int, supplier: str = "cj") -> SupplierOrderRow:
    return SupplierOrderRow(
        supplier=supplier, reference=f"orderops-{name}", cost_minor=minor, currency="EUR", requests=1
    )


def posting(name: str, minor: int, currency: str = "EUR") -> PostingRow:
    return PostingRow(key=f"cogs:{name}", amount_minor=minor, currency=currency, order_id=name)


@pytest.fixture
def run() -> Run:
    return Run(
        cases={name: Case(id=name, state="done", outcome="delivered") for name in ("A", "B")},
        bought={"A": [purchase("A", 500)], "B": [purchase("B", 700)]},
        booked={"A": [posting("A", 500)], "B": [posting("B", 700)]},
        ended={name: {("fulfillment", "supplied"), ("tracking", "delivered")} for name in ("A", "B")},
        money=Money({"A": ("EUR", Account(1_000, 500, 100, 0)), "B": ("EUR", Account(900, 700, 0, 900))}, {}),
    )


def lose(run: Run) -> None:
    del run.cases["A"], run.bought["A"], run.booked["A"]


def double(run: Run) -> None:
    run.bought["A"].append(purchase("A", 500, "local"))
    run.booked["A"].append(posting("A", 500))


def end_wrongly(run: Run) -> None:
    run.cases["A"].outcome = "cancelled"


def leave_open(run: Run) -> None:
    run.cases["A"].state = "open"


def leave_open_without_outcome(run: Run) -> None:
    run.cases["A"].state, run.cases["A"].outcome = "open", None


def terminate(run: Run) -> None:
    run.cases["A"].state = "terminated"


def book_one_wrongly(run: Run) -> None:
    run.booked["A"] = [posting("A", 501)]


def book_in_another_currency(run: Run) -> None:
    run.booked["A"] = [posting("A", 500, "USD")]


def forget_to_book(run: Run) -> None:
    del run.booked["A"]


def swap_postings(run: Run) -> None:
    run.booked = {"A": [posting("A", 700)], "B": [posting("B", 500)]}


def have_an_incident(run: Run) -> None:
    run.incidents.append(Incident(key=1, element_id="Task_Buy", message="no retries left"))


def lose_a_ticket(run: Run) -> None:
    run.tickets = Answered(1, 1, 1, 0)


def book_a_refund_wrongly(run: Run) -> None:
    run.money = Money(run.money.accounts, {"refunds of order A": -7})


def refuse_a_delivery(run: Run) -> None:
    run.refused.append("order A: 401")


async def test_orders_bought_booked_and_done_are_all_well(run: Run) -> None:
    judged = run.judged()
    assert judged.figures.ok, judged.complaints
    assert (judged.figures.supplied, judged.figures.ledger_difference, judged.open) == (2, 0, 0)
    assert judged.money.sums() == {"EUR": Account(1_900, 1_200, 100, 900)}
    assert judged.figures.profit == {"EUR": -300}


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (lose, "order A was lost"),
        (double, "with 2 supplier orders"),
        (end_wrongly, "order A should end as delivered, but ended as cancelled"),
        (leave_open, "but is open"),
        (leave_open_without_outcome, "but is open"),
        (terminate, "but is terminated"),
        (book_one_wrongly, "order A is not booked as it was bought: 1 minor"),
        (book_in_another_currency, "order A is not booked as it was bought: 1000 minor"),
        (forget_to_book, "order A is not booked as it was bought: 500 minor"),
        (swap_postings, "order B is not booked as it was bought: 200 minor"),
        (have_an_incident, "incident at Task_Buy: no retries left"),
        (refuse_a_delivery, "order A: 401"),
        (lose_a_ticket, "of 0 tickets 1 were written and 1 closed"),
        (book_a_refund_wrongly, "refunds of order A are not booked as the payment provider has them: -7 minor"),
    ],
)
async def test_whatever_is_wrong_is_told_and_fails_the_demo(
    run: Run, spoil: Callable[[Run], None], complaint: str
) -> None:
    spoil(run)
    judged = run.judged()
    assert not judged.figures.ok
    assert any(complaint in told for told in judged.complaints), judged.complaints


@pytest.mark.parametrize(
    ("sold_out", "expected"),
    [
        (set(), "delivered"),
        ({"aliexpress"}, "delivered from a backup supplier"),
        ({"cj"}, "delivered"),
    ],
)
async def test_a_backup_supplier_is_one_that_the_books_know(run: Run, sold_out: set[str], expected: str) -> None:
    """A plan to sell out is not enough: it must have struck, and another supplier must have the order."""
    run.troubles = {Trouble.SOLD_OUT}
    run.sold_out = {"A": sold_out}
    assert run.label() == expected


@pytest.mark.parametrize(
    ("answers", "journey", "expected"),
    [
        (["chose refund"], Journey.DELIVERED, "refunded as the customer chose"),
        ([], Journey.LOST, "refunded: lost on its way"),
        ([], Journey.DELIVERED, "refunded for another reason"),
    ],
)
async def test_refunds_are_told_apart_by_what_led_to_them(
    run: Run, answers: list[str], journey: Journey, expected: str
) -> None:
    run.cases["A"].outcome = "refunded"
    run.answered, run.journey = {"A": answers}, journey
    assert run.label() == expected
