"""The jobs of tracking: what they ask, tell and record, and that the same parcel gives the same effects once."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.fakes.faults import Faults
from tests.processes.bench import Bench
from workers.contracts.tracking import (
    DeliveryCancelled,
    Errors,
    OrderFacts,
    Recall,
    RecallResult,
    Reshipped,
    Shipment,
    ShipmentFound,
    SupplierOrderPlaced,
    TrackedParcel,
    Trouble,
    Whereabouts,
)
from workers.ports.carriers import ParcelState
from workers.runtime.errors import BusinessOutcome, EffectInProgress, NeedsHuman, OutcomeUnknown, Unavailable
from workers.tracking import registration

COST = 2_497
FIRST, SECOND = TrackedParcel("dhl", "JD-1"), TrackedParcel("ups", "1Z-2")
ONE = Shipment((FIRST,), news=True, complete=True, cancelled=False)
TWO = Shipment((FIRST, SECOND), news=True, complete=True, cancelled=False)
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
LATER = datetime(2026, 3, 3, 12, tzinfo=UTC)


def reference(bench: Bench) -> str:
    return f"orderops-{bench.id}"


@pytest.fixture(autouse=True)
async def _bought(bench: Bench) -> None:
    """The order has a supplier, as tracking finds it."""
    await bench.jobs.place_supplier_order(bench.id, "cj", COST, "EUR")


async def ship(bench: Bench, parcel: TrackedParcel, *, complete: bool = True) -> None:
    assert parcel.carrier is not None
    await bench.suppliers.ship("cj", reference(bench), parcel.tracking_number, parcel.carrier, complete=complete)


async def ask(bench: Bench, known: Shipment | None = None) -> Shipment:
    found = await bench.tracking.ask_supplier("cj", reference(bench), known)
    assert found.shipment is not None
    return found.shipment


class TestAskSupplier:
    async def test_nothing_sent_is_no_news(self, bench: Bench) -> None:
        assert await ask(bench) == Shipment((), news=False, complete=False, cancelled=False)

    async def test_what_was_sent_is_news_once(self, bench: Bench) -> None:
        await ship(bench, FIRST)
        assert await ask(bench) == ONE
        assert await ask(bench, ONE) == replace(ONE, news=False)

    async def test_a_further_parcel_is_news_again(self, bench: Bench) -> None:
        await ship(bench, FIRST, complete=False)
        known = await ask(bench)
        assert (known.news, known.complete) == (True, False)
        await ship(bench, SECOND)
        assert await ask(bench, known) == TWO

    async def test_what_is_cancelled_is_not_complete(self, bench: Bench) -> None:
        await bench.suppliers.cancel_order("cj", reference(bench))
        assert await ask(bench) == Shipment((), news=False, complete=False, cancelled=True)

    async def test_without_a_supplier_everything_stays_as_it_is_known(self, bench: Bench) -> None:
        assert await bench.tracking.ask_supplier(None, None, ONE) == ShipmentFound(ONE)
        assert await bench.tracking.ask_supplier() == ShipmentFound(None)

    async def test_a_supplier_that_does_not_know_the_order_is_for_a_human(self, bench: Bench) -> None:
        with pytest.raises(NeedsHuman):
            await bench.tracking.ask_supplier("local", reference(bench))


class TestCreateFulfillment:
    async def test_the_shop_knows_each_parcel_once(self, bench: Bench) -> None:
        await bench.tracking.create_fulfillment(bench.id, ONE)
        await bench.tracking.create_fulfillment(bench.id, TWO)
        assert list(bench.shop.fulfillments) == [(bench.id, "JD-1"), (bench.id, "1Z-2")]
        assert bench.shop.calls.count("create_fulfillment") == 2
        assert "Parcel JD-1 is on its way with dhl" in await bench.timeline()

    async def test_a_lost_answer_is_asked_about_and_not_created_again(self, bench: Bench) -> None:
        bench.shop.lose_answer("create_fulfillment")
        with pytest.raises(OutcomeUnknown):
            await bench.tracking.create_fulfillment(bench.id, ONE)
        await bench.tracking.create_fulfillment(bench.id, ONE)
        assert bench.shop.calls[-2:] == ["create_fulfillment", "find_fulfillment"]

    async def test_what_was_never_sent_is_no_parcel(self, bench: Bench) -> None:
        unsent = TrackedParcel(None, reference(bench), Trouble.NEVER_SHIPPED)
        await bench.tracking.create_fulfillment(bench.id, replace(ONE, parcels=(unsent,)))
        await bench.tracking.mail_on_the_way(bench.id, replace(ONE, parcels=(unsent,)))
        assert not bench.shop.fulfillments
        assert not bench.mailer.mails


class TestMailOnTheWay:
    async def test_the_customer_gets_a_mail_for_each_parcel(self, bench: Bench) -> None:
        await bench.tracking.mail_on_the_way(bench.id, ONE)
        mail = bench.only_mail()
        assert (mail.to, mail.template) == ("ada@example.com", "tracking_on_the_way")
        assert mail.values == {
            "order_number": bench.order.number,
            "carrier": "dhl",
            "tracking_number": "JD-1",
        }
        await bench.tracking.mail_on_the_way(bench.id, TWO)
        assert [mail.values["tracking_number"] for mail in bench.mailer.mails.values()] == ["JD-1", "1Z-2"]

    async def test_without_an_address_the_timeline_says_so(self, bench: Bench) -> None:
        await bench.change_order(email="")
        await bench.tracking.mail_on_the_way(bench.id, ONE)
        assert not bench.mailer.mails
        assert (await bench.timeline())[-1] == "The customer has no mail address: nobody was told of the parcel"


class TestPublishOrderFulfilled:
    async def test_it_is_announced_once_also_when_the_goods_are_sent_again(self, bench: Bench) -> None:
        for _ in range(2):
            await bench.tracking.publish_order_fulfilled(bench.id)
        [event] = bench.events.events.values()
        assert (event.name, event.payload) == ("order_fulfilled", {"shopify_order_id": bench.id})


class TestCancelUnsent:
    async def test_what_is_not_sent_counts_as_a_parcel_that_never_comes(self, bench: Bench) -> None:
        await ship(bench, FIRST, complete=False)
        known = await ask(bench)
        found = await bench.tracking.cancel_unsent(bench.id, "cj", reference(bench), known)
        unsent = TrackedParcel(None, reference(bench), Trouble.NEVER_SHIPPED)
        assert found == ShipmentFound(Shipment((FIRST, unsent), news=False, complete=False, cancelled=True))
        assert (await bench.timeline())[-1] == f"cj sends nothing more of {reference(bench)}"

    async def test_what_was_sent_after_all_is_not_cancelled(self, bench: Bench) -> None:
        await ship(bench, FIRST)
        found = await bench.tracking.cancel_unsent(bench.id, "cj", reference(bench))
        assert found == ShipmentFound(Shipment((), news=False, complete=False, cancelled=False))

    async def test_a_parcel_that_is_sent_meanwhile_is_told_first(self, bench: Bench) -> None:
        await ship(bench, FIRST, complete=False)
        known = await ask(bench)
        await ship(bench, SECOND, complete=False)
        found = await bench.tracking.cancel_unsent(bench.id, "cj", reference(bench), known)
        assert found == ShipmentFound(Shipment((FIRST,), news=False, complete=False, cancelled=False))
        assert (await bench.timeline())[-1] == f"cj sends nothing more of {reference(bench)}"
        found = await bench.tracking.cancel_unsent(bench.id, "cj", reference(bench), await ask(bench))
        assert found.shipment is not None
        assert (found.shipment.cancelled, len(found.shipment.parcels)) == (True, 3)

    async def test_without_a_supplier_there_is_nothing_to_cancel(self, bench: Bench) -> None:
        assert await bench.tracking.cancel_unsent(bench.id, None, None, ONE) == ShipmentFound(ONE)


class TestAskCarrier:
    async def test_a_parcel_that_was_never_scanned_is_announced(self, bench: Bench) -> None:
        assert await bench.tracking.ask_carrier(bench.id, FIRST) == Whereabouts("announced", None)

    async def test_it_answers_the_last_scan_by_the_carriers_own_time(self, bench: Bench) -> None:
        await bench.carriers.scan("dhl", "JD-1", ParcelState.OUT_FOR_DELIVERY, at=LATER)
        await bench.carriers.scan("dhl", "JD-1", ParcelState.IN_TRANSIT, at=NOON)
        found = await bench.tracking.ask_carrier(bench.id, FIRST)
        assert found == Whereabouts("out_for_delivery", "2026-03-03T12:00:00+00:00")

    async def test_once_delivered_is_delivered_and_stands_in_the_timeline_once(self, bench: Bench) -> None:
        await bench.carriers.scan("dhl", "JD-1", ParcelState.DELIVERED, at=NOON)
        await bench.carriers.scan("dhl", "JD-1", ParcelState.IN_TRANSIT, at=LATER)
        for _ in range(2):
            assert (await bench.tracking.ask_carrier(bench.id, FIRST)).state == "delivered"
        assert (await bench.timeline()).count("dhl has delivered parcel JD-1") == 1

    @pytest.mark.parametrize("trouble", list(Trouble))
    async def test_known_trouble_is_not_asked_about(self, bench: Bench, trouble: Trouble) -> None:
        parcel = replace(FIRST, trouble=trouble)
        assert await bench.tracking.ask_carrier(bench.id, parcel) == Whereabouts(trouble, None)
        assert bench.carriers.calls == []


class TestLookIntoComplaint:
    async def test_delivered_says_the_carrier(self, bench: Bench) -> None:
        await bench.tracking.create_fulfillment(bench.id, ONE)
        await bench.carriers.scan("dhl", "JD-1", ParcelState.DELIVERED)
        found = await bench.tracking.look_into_complaint(bench.id, "JD-1")
        missed = replace(FIRST, trouble=Trouble.NOT_RECEIVED)
        assert found == ShipmentFound(Shipment((missed,), news=False, complete=True, cancelled=False))
        assert (await bench.timeline())[-1] == "The customer has not received parcel JD-1"

    async def test_still_on_its_way_says_the_carrier(self, bench: Bench) -> None:
        await bench.tracking.create_fulfillment(bench.id, ONE)
        await bench.carriers.scan("dhl", "JD-1", ParcelState.OUT_FOR_DELIVERY)
        assert await bench.tracking.look_into_complaint(bench.id, "JD-1") == ShipmentFound(None)

    async def test_a_parcel_of_another_order_is_for_a_human(self, bench: Bench) -> None:
        with pytest.raises(NeedsHuman, match="knows no parcel JD-9"):
            await bench.tracking.look_into_complaint(bench.id, "JD-9")


class TestPublishShippingDelayed:
    async def test_once_per_parcel_and_reason(self, bench: Bench) -> None:
        for what in ("quiet", "quiet", "lost"):
            await bench.tracking.publish_shipping_delayed(bench.id, "JD-1", what)
        assert [event.payload["reason"] for event in bench.events.events.values()] == ["quiet", "lost"]
        assert (await bench.timeline())[-1] == "Parcel JD-1 is in trouble: lost"


class TestGetOrder:
    async def test_it_answers_what_the_table_asks(self, bench: Bench) -> None:
        await bench.change_order(vip=True, orders_before=3)
        assert await bench.tracking.get_order(bench.id) == OrderFacts(
            order_open=True,
            order_total=4_995,
            currency="EUR",
            minor_units=100,
            worth="49.95 EUR",
            country="DE",
            vip=True,
            orders_before=3,
            resent=0,
        )

    async def test_it_asks_the_shop_whether_the_order_is_still_wanted(self, bench: Bench) -> None:
        bench.shop.orders[bench.id] = replace(bench.order, financial_status="refunded")
        assert not (await bench.tracking.get_order(bench.id)).order_open

    async def test_it_says_that_the_goods_were_sent_again(self, bench: Bench) -> None:
        await reship(bench)
        assert (await bench.tracking.get_order(bench.id)).resent == 1


async def reship(bench: Bench, supplier: str | None = "local") -> Reshipped:
    return await bench.tracking.reship(bench.id, "EUR", supplier, COST)


class TestReship:
    async def test_it_buys_under_a_reference_of_its_own_and_the_costs_add_up(self, bench: Bench) -> None:
        assert await reship(bench) == Reshipped("local", "local-2", COST)
        assert list(bench.suppliers.placed) == [
            ("cj", reference(bench)),
            ("local", f"{reference(bench)}-reship-1"),
        ]
        case = await bench.cases.get(bench.id)
        assert case is not None
        assert case.cost_minor == 2 * COST
        assert (await bench.timeline())[-1] == "Ordered again from local as local-2"

    async def test_once_more_is_another_purchase_booked_by_itself(self, bench: Bench) -> None:
        """A person may decide so, where the table does not."""
        await reship(bench)
        again = await bench.tracking.reship(bench.id, "EUR", "local", COST, resent=1)
        assert again.reship_order_id == "local-3"
        assert list(bench.suppliers.placed)[-1] == ("local", f"{reference(bench)}-reship-2")
        assert (await bench.tracking.get_order(bench.id)).resent == 2
        await bench.tracking.book_cost_of_goods(bench.id, "local-2", COST, "EUR")
        await bench.tracking.book_cost_of_goods(bench.id, "local-3", COST, "EUR", resent=1)
        assert [posting.memo for posting in bench.ledger.postings.values()] == ["local-2", "local-3"]

    @pytest.mark.parametrize("supplier", [None, "local"])
    async def test_what_nobody_has_is_told_to_the_diagram(self, bench: Bench, supplier: str | None) -> None:
        bench.suppliers.sold_out_when_ordering = {"local"}
        with pytest.raises(BusinessOutcome) as outcome:
            await reship(bench, supplier)
        assert outcome.value.code == Errors.OUT_OF_STOCK
        assert len(bench.suppliers.placed) == 1


class TestPublishSupplierOrderPlaced:
    async def test_the_new_order_is_tracked(self, bench: Bench) -> None:
        await bench.tracking.publish_supplier_order_placed(bench.id, "local-2", "local", COST, "EUR")
        assert bench.handover.told == {
            ("tracking", "supplier_order_placed", "local-2"): SupplierOrderPlaced(
                shopify_order_id=bench.id,
                supplier_order_id="local-2",
                supplier="local",
                reference=f"{reference(bench)}-reship-1",
            )
        }


class TestPassOnCancellation:
    async def test_the_next_instance_hears_how_many_heard_before(self, bench: Bench) -> None:
        await bench.tracking.pass_on_cancellation(bench.id, 2)
        assert bench.handover.told == {
            ("tracking", "delivery_cancelled", bench.id): DeliveryCancelled(
                shopify_order_id=bench.id, heard_before=3
            )
        }


class TestRecallParcels:
    async def test_everything_is_asked_back(self, bench: Bench) -> None:
        assert await bench.tracking.recall_parcels(bench.id, TWO) == Recall(RecallResult.RECALLED)
        assert [parcel.recalled for parcel in bench.carriers.parcels.values()] == [True, True]

    async def test_what_was_never_sent_does_not_arrive(self, bench: Bench) -> None:
        unsent = replace(ONE, parcels=(TrackedParcel(None, reference(bench), Trouble.NEVER_SHIPPED),))
        for nothing in (None, unsent):
            assert await bench.tracking.recall_parcels(bench.id, nothing) == Recall(RecallResult.RECALLED)
        assert bench.carriers.calls == []

    async def test_delivered_is_delivered(self, bench: Bench) -> None:
        await bench.carriers.scan("ups", "1Z-2", ParcelState.DELIVERED)
        assert await bench.tracking.recall_parcels(bench.id, TWO) == Recall(RecallResult.DELIVERED)
        assert "ups has delivered parcel 1Z-2" in await bench.timeline()

    async def test_what_cannot_be_asked_back_counts_first(self, bench: Bench) -> None:
        bench.carriers.never_recall = {"dhl"}
        await bench.carriers.scan("ups", "1Z-2", ParcelState.DELIVERED)
        assert await bench.tracking.recall_parcels(bench.id, TWO) == Recall(RecallResult.TOO_LATE)


def nobody(_bench: Bench) -> Faults:
    raise AssertionError("this job calls nobody")


@dataclass(frozen=True)
class Promise:
    """One job as the engine calls it; whom it calls, if anybody, and whether that changes anything there."""

    call: Callable[[Bench], Awaitable[Any]]
    other_side: Callable[[Bench], Faults] = nobody
    method: str = ""
    acts: bool = True


async def complain(bench: Bench) -> ShipmentFound:
    bench.shop.fulfillments[bench.id, "JD-1"] = await _fulfilled(bench)
    return await bench.tracking.look_into_complaint(bench.id, "JD-1")


async def _fulfilled(bench: Bench) -> Any:
    known = bench.shop.fulfillments.get((bench.id, "JD-1"))
    return known or await bench.shop.create_fulfillment(bench.id, "dhl", "JD-1")


PROMISES = {
    "ask_supplier": Promise(ask, lambda b: b.suppliers, "get_shipment", acts=False),
    "create_fulfillment": Promise(
        lambda b: b.tracking.create_fulfillment(b.id, ONE), lambda b: b.shop, "create_fulfillment"
    ),
    "mail_on_the_way": Promise(lambda b: b.tracking.mail_on_the_way(b.id, ONE), lambda b: b.mailer, "send"),
    "publish_order_fulfilled": Promise(
        lambda b: b.tracking.publish_order_fulfilled(b.id), lambda b: b.events, "publish"
    ),
    "cancel_unsent": Promise(
        lambda b: b.tracking.cancel_unsent(b.id, "cj", reference(b)), lambda b: b.suppliers, "cancel_order"
    ),
    "ask_carrier": Promise(
        lambda b: b.tracking.ask_carrier(b.id, FIRST), lambda b: b.carriers, "track", acts=False
    ),
    "look_into_complaint": Promise(complain, lambda b: b.carriers, "track"),
    "publish_shipping_delayed": Promise(
        lambda b: b.tracking.publish_shipping_delayed(b.id, "JD-1", "lost"), lambda b: b.events, "publish"
    ),
    "publish_decision_overdue": Promise(
        lambda b: b.tracking.publish_decision_overdue(b.id, "JD-1"), lambda b: b.events, "publish"
    ),
    "get_order": Promise(lambda b: b.tracking.get_order(b.id), lambda b: b.shop, "get_order", acts=False),
    "check_stock": Promise(
        lambda b: b.tracking.check_stock(b.id), lambda b: b.suppliers, "get_offers", acts=False
    ),
    "reship": Promise(reship, lambda b: b.suppliers, "place_order"),
    "book_cost_of_goods": Promise(
        lambda b: b.tracking.book_cost_of_goods(b.id, "local-2", COST, "EUR"), lambda b: b.ledger, "book"
    ),
    "publish_supplier_order_placed": Promise(
        lambda b: b.tracking.publish_supplier_order_placed(b.id, "local-2", "local", COST, "EUR"),
        lambda b: b.events,
        "publish",
    ),
    "pass_on_cancellation": Promise(lambda b: b.tracking.pass_on_cancellation(b.id), acts=False),
    "recall_parcels": Promise(lambda b: b.tracking.recall_parcels(b.id, ONE), lambda b: b.carriers, "recall"),
}
CALLING = {name: promise for name, promise in PROMISES.items() if promise.other_side is not nobody}
every_job = pytest.mark.parametrize("promise", PROMISES.values(), ids=PROMISES)


class TestEveryJob:
    """Called twice, at once, or after trouble, it acts once."""

    def test_has_a_row(self, bench: Bench) -> None:
        assert {job.type for job in registration(bench.tracking).jobs} == {f"tracking.{name}" for name in PROMISES}

    @every_job
    async def test_called_twice_it_acts_once_and_answers_the_same(self, bench: Bench, promise: Promise) -> None:
        found = bench.outside()
        first = await promise.call(bench)
        outside, timeline = bench.outside(), await bench.timeline()
        assert len(outside) == len(found) + promise.acts
        assert await promise.call(bench) == first
        assert bench.outside() == outside
        assert await bench.timeline() == timeline

    @every_job
    async def test_two_workers_at_once_act_once(self, bench: Bench, promise: Promise) -> None:
        found = bench.outside()
        answers = await asyncio.gather(*(promise.call(bench) for _ in range(4)), return_exceptions=True)
        problems = [answer for answer in answers if isinstance(answer, BaseException)]
        assert len(problems) < len(answers)
        assert all(isinstance(problem, EffectInProgress) for problem in problems), problems
        assert len(bench.outside()) == len(found) + promise.acts

    @pytest.mark.parametrize("promise", CALLING.values(), ids=CALLING)
    async def test_while_the_other_side_is_away_it_waits_and_then_succeeds(
        self, bench: Bench, promise: Promise
    ) -> None:
        promise.other_side(bench).refuse(promise.method, Unavailable("503"))
        with pytest.raises(Unavailable):
            await promise.call(bench)
        await promise.call(bench)
