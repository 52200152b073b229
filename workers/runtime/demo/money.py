"""What each order of a demo brought and cost, by the books of the payment provider and of the ledger."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import astuple, dataclass

from sqlalchemy import any_, select

from workers.adapters.mock_books import ChargeRow, DisputeRow, PostingRow, RefundRow
from workers.adapters.mock_world import MockWorld
from workers.ports.payments import DisputeState, RefundState
from workers.runtime.demo.books import array_of
from workers.runtime.demo.plan import Plan

COST, REFUNDS, CHARGEBACKS = "COGS", "REFUNDS", "CHARGEBACKS"
"""Accounts of the ledger."""
GIVEN_UP = (DisputeState.LOST, DisputeState.ACCEPTED)
OURS = "orderops-"
"""What references of our own begin with; the shop gives money back by itself, too."""


@dataclass(frozen=True, slots=True)
class Account:
    """Of one order, or of all orders in a currency; minor units."""

    revenue: int
    """Captured by the payment provider."""
    cost: int
    """Of the goods, by the ledger."""
    refunds: int
    """Given back to the customer by anybody, by the payment provider's books."""
    chargebacks: int
    """Claimed back by the customer's bank, by the ledger."""

    @property
    def profit(self) -> int:
        """What is left."""
        return self.revenue - self.cost - self.refunds - self.chargebacks

    def __add__(self, other: "Account") -> "Account":
        return Account(*(mine + theirs for mine, theirs in zip(astuple(self), astuple(other), strict=True)))


NOTHING = Account(0, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Money:
    """By case: its currency and its account; and where ledger and payment provider do not agree."""

    accounts: Mapping[str, tuple[str, Account]]
    differences: Mapping[str, int]
    """What is booked otherwise than the payment provider has it: by how many minor units. By “refunds of order …”
    and “chargebacks of order …”."""

    def sums(self) -> dict[str, Account]:
        """All orders together, by currency."""
        sums: dict[str, Account] = {}
        for currency, account in self.accounts.values():
            sums[currency] = sums.get(currency, NOTHING) + account
        return sums


async def read(world: MockWorld, plan: Plan) -> Money:
    """Of the plan's orders."""
    ids = any_(array_of(plan.by_case))
    charges = await world.rows(select(ChargeRow).where(ChargeRow.order_id == ids))
    postings = await world.rows(select(PostingRow).where(PostingRow.order_id == ids))
    given_back = await world.rows(
        select(RefundRow).where(
            RefundRow.order_id == ids,
            RefundRow.reference.startswith(OURS),
            RefundRow.state == RefundState.SUCCEEDED,
        )
    )
    disputes = select(DisputeRow).where(DisputeRow.order_id == ids, DisputeRow.state.in_(GIVEN_UP))
    lost = await world.rows(disputes)
    booked = _sums((row.order_id, row.account, row.amount_minor) for row in postings)
    ours = _sums((row.order_id, REFUNDS, row.amount_minor) for row in given_back)
    accounts = {
        row.order_id: (
            row.currency,
            Account(
                revenue=row.captured_minor,
                cost=booked[row.order_id, COST],
                refunds=row.refunded_minor,
                chargebacks=booked[row.order_id, CHARGEBACKS],
            ),
        )
        for row in charges
    }
    taken = {row.order_id: row.captured_minor - row.refunded_minor for row in charges}
    theirs = ours | {
        (order_id, CHARGEBACKS): min(minor, taken[order_id])
        for (order_id, _), minor in _sums((row.order_id, CHARGEBACKS, row.amount_minor) for row in lost).items()
    }
    differences = {
        f"{account.lower()} of order {case_id}": minor
        for case_id in accounts
        for account in (REFUNDS, CHARGEBACKS)
        if (minor := booked[case_id, account] - theirs.get((case_id, account), 0))
    }
    return Money(accounts, differences)


def _sums(rows: Iterable[tuple[str, str, int]]) -> Counter[tuple[str, str]]:
    sums: Counter[tuple[str, str]] = Counter()
    for order_id, account, minor in rows:
        sums[order_id, account] += minor
    return sums
