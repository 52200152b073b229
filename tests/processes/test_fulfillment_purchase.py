"""Buying: one order has one purchase, whatever suppliers answer, lose or refuse."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

import pytest

from tests.fakes import FakeSuppliers
from tests.processes.bench import Bench
from workers.casefile.db import Database
from workers.contracts.fulfillment import Bought, Errors, Stopped
from workers.ports.supplier import SupplierOrder
from workers.ports.values import Address, Money, OrderLine
from workers.runtime.errors import (
    BusinessOutcome,
    EffectConflict,
    EffectInProgress,
    EffectStopped,
    NeedsHuman,
    RateLimited,
    Unavailable,
)

COST = 2_497
SILENT = "cj gave no clear answer to our order"
NOTHING_FOUND = Bought(supplier_order_id=None, cost=None)
NOT_BOUGHT = Stopped(bought=False, supplier_order_id=None, cost=None)


async def buy(bench: Bench, supplier: str = "cj", cost: int = COST) -> Bought:
    return await bench.jobs.place_supplier_order(bench.id, supplier, cost, "EUR")


async def cannot_buy(bench: Bench, code: Errors, supplier: str = "cj") -> None:
    with pytest.raises(BusinessOutcome) as outcome:
        await buy(bench, supplier)
    assert outcome.value.code == code


def having_our_order(bench: Bench) -> list[str]:
    """The suppliers whose books have this order."""
    return [order.supplier for order in bench.suppliers.placed.values()]


class SlowSuppliers(FakeSuppliers):
    """They take an order only when told to."""

    def __init__(self) -> None:
        super().__init__()
        self.asked, self.may_answer = asyncio.Event(), asyncio.Event()

    async def place_order(
        self, supplier: str, reference: str, lines: Sequence[OrderLine], address: Address, cost: Money
    ) -> SupplierOrder:
        self.asked.set()
        await self.may_answer.wait()
        return await super().place_order(supplier, reference, lines, address, cost)


class TestPlaceSupplierOrder:
    async def test_it_buys_under_our_reference_what_was_read_and_checked(self, bench: Bench) -> None:
        assert await buy(bench) == Bought("cj-1", COST)
        [(supplier, reference)] = bench.suppliers.placed
        assert (supplier, reference) == ("cj", f"orderops-{bench.id}")
        [request] = bench.suppliers.requests.values()
        assert request == (bench.order.lines, bench.order.shipping_address, Money(COST, "EUR"))

    async def test_the_case_file_says_from_whom_and_at_what_cost(self, bench: Bench) -> None:
        await buy(bench)
        case = await bench.cases.get(bench.id)
        assert case is not None
        assert case.cost_minor == COST
        assert await bench.timeline() == ["Ordered from cj as cj-1"]

    async def test_a_supplier_that_has_sold_out_is_told_to_the_diagram(self, bench: Bench) -> None:
        bench.suppliers.sold_out_when_ordering = {"cj"}
        for _ in range(2):
            await cannot_buy(bench, Errors.OUT_OF_STOCK)
        assert having_our_order(bench) == []
        assert await bench.timeline() == ["cj had sold out when we ordered"]

    async def test_after_a_refusal_the_next_supplier_gets_the_order(self, bench: Bench) -> None:
        bench.suppliers.sold_out_when_ordering = {"cj", "local"}
        await cannot_buy(bench, Errors.OUT_OF_STOCK, "cj")
        await cannot_buy(bench, Errors.OUT_OF_STOCK, "local")
        assert (await buy(bench, "aliexpress", 2_600)).cost == 2_600
        assert having_our_order(bench) == ["aliexpress"]

    async def test_a_supplier_that_has_stock_again_may_be_asked_again(self, bench: Bench) -> None:
        """A customer who waits is looked after daily."""
        bench.suppliers.sold_out_when_ordering = {"cj"}
        await cannot_buy(bench, Errors.OUT_OF_STOCK)
        bench.suppliers.sold_out_when_ordering.clear()
        assert await buy(bench) == Bought("cj-1", COST)

    async def test_a_lost_answer_is_told_to_the_diagram(self, bench: Bench) -> None:
        bench.suppliers.lose_answer("place_order")
        await cannot_buy(bench, Errors.SUPPLIER_SILENT)
        assert having_our_order(bench) == ["cj"]

    async def test_after_a_lost_answer_it_asks_instead_of_buying(self, bench: Bench) -> None:
        bench.suppliers.lose_answer("place_order")
        await cannot_buy(bench, Errors.SUPPLIER_SILENT)
        assert await buy(bench) == Bought("cj-1", COST)
        assert bench.suppliers.calls == ["place_order", "find_order"]

    async def test_an_order_that_was_lost_on_its_way_is_placed_again(self, bench: Bench) -> None:
        bench.suppliers.refuse("place_order", RuntimeError("connection reset"))
        await cannot_buy(bench, Errors.SUPPLIER_SILENT)
        assert await bench.jobs.find_supplier_order(bench.id) == NOTHING_FOUND
        with pytest.raises(EffectInProgress):
            await buy(bench)
        await bench.let_settle()
        assert await buy(bench) == Bought("cj-1", COST)
        assert bench.suppliers.calls == ["place_order", *["find_order"] * 3, "place_order"]

    async def test_another_supplier_is_never_tried_while_the_first_may_have_the_order(self, bench: Bench) -> None:
        """The first is asked, and if it has the order, that a second was wanted is for a human to see."""
        bench.suppliers.lose_answer("place_order")
        await cannot_buy(bench, Errors.SUPPLIER_SILENT, "cj")
        with pytest.raises(EffectConflict):
            await buy(bench, "local")
        assert having_our_order(bench) == ["cj"]

    async def test_another_supplier_is_never_tried_while_the_first_cannot_be_asked(self, bench: Bench) -> None:
        bench.suppliers.lose_answer("place_order")
        await cannot_buy(bench, Errors.SUPPLIER_SILENT, "cj")
        bench.suppliers.refuse("find_order", Unavailable("503"))
        with pytest.raises(Unavailable):
            await buy(bench, "local")
        assert having_our_order(bench) == ["cj"]

    async def test_once_bought_no_other_supplier_gets_the_order(self, bench: Bench) -> None:
        await buy(bench, "cj")
        with pytest.raises(EffectConflict):
            await buy(bench, "local")
        assert having_our_order(bench) == ["cj"]

    async def test_two_workers_with_two_suppliers_buy_once(self, bench: Bench) -> None:
        answers = await asyncio.gather(buy(bench, "cj"), buy(bench, "local"), return_exceptions=True)
        assert len([answer for answer in answers if isinstance(answer, Bought)]) == 1
        assert len(having_our_order(bench)) == 1

    @pytest.mark.parametrize(
        "refusal",
        [Unavailable("503"), RateLimited("429", timedelta(seconds=3)), NeedsHuman("unknown article")],
        ids=lambda refusal: type(refusal).__name__,
    )
    async def test_other_refusals_reach_the_worker_host_as_they_are(
        self, bench: Bench, refusal: Exception
    ) -> None:
        bench.suppliers.refuse("place_order", refusal)
        with pytest.raises(type(refusal)):
            await buy(bench)
        assert having_our_order(bench) == []
        await buy(bench, "local")
        assert having_our_order(bench) == ["local"]


class TestFindSupplierOrder:
    async def test_the_supplier_has_our_order(self, bench: Bench) -> None:
        """What it found is written down as if the answer had come at once."""
        bench.suppliers.lose_answer("place_order")
        await cannot_buy(bench, Errors.SUPPLIER_SILENT)
        assert await bench.jobs.find_supplier_order(bench.id) == Bought("cj-1", COST)
        case = await bench.cases.get(bench.id)
        assert case is not None
        assert case.cost_minor == COST
        assert await bench.timeline() == [SILENT, "Ordered from cj as cj-1"]

    async def test_the_supplier_has_none(self, bench: Bench) -> None:
        bench.suppliers.refuse("place_order", RuntimeError("connection reset"))
        await cannot_buy(bench, Errors.SUPPLIER_SILENT)
        assert await bench.jobs.find_supplier_order(bench.id) == NOTHING_FOUND
        assert await bench.timeline() == [SILENT]

    async def test_nobody_is_asked_when_nothing_was_ever_ordered(self, bench: Bench) -> None:
        assert await bench.jobs.find_supplier_order(bench.id) == NOTHING_FOUND
        assert bench.suppliers.calls == []

    async def test_the_supplier_that_was_asked_to_deliver_is_the_one_that_is_asked(self, bench: Bench) -> None:
        bench.suppliers.sold_out_when_ordering = {"cj"}
        await cannot_buy(bench, Errors.OUT_OF_STOCK, "cj")
        bench.suppliers.lose_answer("place_order")
        await cannot_buy(bench, Errors.SUPPLIER_SILENT, "local")
        assert await bench.jobs.find_supplier_order(bench.id) == Bought("local-1", COST)


class TestStopSupplierOrder:
    async def test_before_buying_nothing_is_ever_bought(self, bench: Bench) -> None:
        assert await bench.jobs.stop_supplier_order(bench.id) == NOT_BOUGHT
        with pytest.raises(EffectStopped):
            await buy(bench)
        assert having_our_order(bench) == []

    async def test_after_a_refusal_it_stays_refused(self, bench: Bench) -> None:
        bench.suppliers.sold_out_when_ordering = {"cj"}
        await cannot_buy(bench, Errors.OUT_OF_STOCK)
        assert await bench.jobs.stop_supplier_order(bench.id) == NOT_BOUGHT
        with pytest.raises(EffectStopped):
            await buy(bench, "local")

    async def test_after_buying_it_says_what_and_at_what_cost(self, bench: Bench) -> None:
        await buy(bench)
        for _ in range(2):
            stopped = await bench.jobs.stop_supplier_order(bench.id)
            assert stopped == Stopped(bought=True, supplier_order_id="cj-1", cost=COST)

    async def test_when_the_answer_was_lost_it_asks_and_finds_the_order(self, bench: Bench) -> None:
        bench.suppliers.lose_answer("place_order")
        await cannot_buy(bench, Errors.SUPPLIER_SILENT)
        stopped = await bench.jobs.stop_supplier_order(bench.id)
        assert stopped == Stopped(bought=True, supplier_order_id="cj-1", cost=COST)
        assert await bench.timeline() == [SILENT, "Ordered from cj as cj-1"]

    async def test_when_the_order_was_lost_and_can_no_longer_arrive_it_is_stopped(self, bench: Bench) -> None:
        bench.suppliers.refuse("place_order", RuntimeError("connection reset"))
        await cannot_buy(bench, Errors.SUPPLIER_SILENT)
        await bench.let_settle()
        assert await bench.jobs.stop_supplier_order(bench.id) == NOT_BOUGHT
        with pytest.raises(EffectStopped):
            await buy(bench)

    async def test_while_the_supplier_may_still_execute_the_order_it_is_not_stopped(self, bench: Bench) -> None:
        bench.suppliers.refuse("place_order", RuntimeError("connection reset"))
        await cannot_buy(bench, Errors.SUPPLIER_SILENT)
        with pytest.raises(EffectInProgress):
            await bench.jobs.stop_supplier_order(bench.id)
        await bench.let_settle()
        assert (await buy(bench)).supplier_order_id

    async def test_while_the_supplier_cannot_be_asked_it_does_not_guess(self, bench: Bench) -> None:
        bench.suppliers.lose_answer("place_order")
        await cannot_buy(bench, Errors.SUPPLIER_SILENT)
        bench.suppliers.refuse("find_order", Unavailable("503"))
        with pytest.raises(Unavailable):
            await bench.jobs.stop_supplier_order(bench.id)
        assert (await bench.jobs.stop_supplier_order(bench.id)).bought

    async def test_while_a_worker_is_buying_it_waits_for_the_end(self, database: Database) -> None:
        suppliers = SlowSuppliers()
        bench = Bench(database, suppliers)
        await bench.jobs.get_order(bench.id)
        buying = asyncio.create_task(buy(bench))
        await suppliers.asked.wait()
        with pytest.raises(EffectInProgress):
            await bench.jobs.stop_supplier_order(bench.id)
        suppliers.may_answer.set()
        bought = await buying
        stopped = await bench.jobs.stop_supplier_order(bench.id)
        assert stopped == Stopped(bought=True, supplier_order_id=bought.supplier_order_id, cost=COST)

    async def test_the_customer_is_asked_nothing_more(self, bench: Bench) -> None:
        address = await bench.jobs.ask_for_address(bench.id, 1, ["missing_postcode"])
        choice = await bench.jobs.ask_refund_or_wait(bench.id)
        await bench.jobs.stop_supplier_order(bench.id)
        assert await bench.state_of(address.address_request) == "closed"
        assert await bench.state_of(choice.choice_request) == "closed"
